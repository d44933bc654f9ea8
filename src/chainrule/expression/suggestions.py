"""Suggestions for a text that is not in the expression language: what was probably meant."""

from __future__ import annotations

import ast
import difflib
import functools
import keyword
import re
import warnings
from collections.abc import Iterable

import numpy as np

from chainrule.expression.language import LIBRARIES, functions_of

__all__ = [
    "IN_A_FILE",
    "LACKING",
    "comma_hint",
    "corrected",
    "function_hint",
    "list_meant",
    "missing_hint",
    "names_of_functions",
    "unfinished",
]

IN_A_FILE = "put it in a function of a file, where all of Python and NumPy works: chainrule explain file.py:name"
LACKING: dict[type, tuple[str, str]] = {
    ast.If: ("if", f"write where(condition, x, y), or {IN_A_FILE}"),
    ast.AnnAssign: ("a type of a variable", "write name = expression"),
    ast.IfExp: ("x if … else y", "write where(condition, x, y)"),
    ast.BoolOp: ("and, or", "write (a) & (b) or (a) | (b) for conditions"),
    ast.For: ("a loop", IN_A_FILE),
    ast.While: ("a loop", IN_A_FILE),
    ast.ListComp: ("a list made by a loop", IN_A_FILE),
    ast.GeneratorExp: ("a loop", IN_A_FILE),
    ast.FunctionDef: ("a function of your own", IN_A_FILE),
    ast.Lambda: ("a function of your own", IN_A_FILE),
    ast.Import: ("import", "functions of NumPy and SciPy are here already, as exp(x) or np.exp(x)"),
    ast.ImportFrom: ("import", "functions of NumPy and SciPy are here already, as exp(x) or np.exp(x)"),
    ast.Dict: ("a dict", IN_A_FILE),
    ast.JoinedStr: ("text", IN_A_FILE),
}
"""What the language does not have: in words, and what to do instead."""
ALIASES = {
    "ln": "log",
    "lg": "log10",
    "tg": "tan",
    "arctg": "arctan",
    "sh": "sinh",
    "ch": "cosh",
    "th": "tanh",
    "sgn": "sign",
    "σ": "sigmoid",
    "Σ": "sum",
    "√": "sqrt",
    "logistic": "sigmoid",
    "Φ": "ndtr",
    "Γ": "gamma",
    "len": "size",
    "crossentropy": "cross_entropy_loss",
    "cross_entropy": "cross_entropy_loss",
    "mse": "mean_squared_error",
    "average": "mean",
    "avg": "mean",
    "tr": "trace",
    "inverse": "inv",
    "swish": "silu",
    "magnitude": "norm",
}
"""Names that mathematicians and other libraries use."""
WRITTEN = {
    **dict.fromkeys(("cot", "ctg", "cotan"), "1/tan(x)"),
    "sec": "1/cos(x)",
    **dict.fromkeys(("csc", "cosec"), "1/sin(x)"),
    **dict.fromkeys(("sqr", "squared"), "x**2"),
}
"""Functions that are written with others."""
NOT_NEEDED = {"float": "values are floats already: leave float out", "int": "write round(x), or an integer"}


@functools.cache
def names_of_functions() -> frozenset[str]:
    """The names that may be called without a prefix, except SciPy's special functions, many of which are short."""
    return frozenset(name for library in LIBRARIES if library != "special" for name in functions_of(library))


def function_hint(name: str) -> str:
    """What to write instead of a function that is not in the language."""
    if name in NOT_NEEDED:
        return NOT_NEEDED[name]
    if name in WRITTEN:
        return f"write {WRITTEN[name]}"
    known = names_of_functions()
    found = [n for n in (ALIASES.get(name, ""), name.lower()) if n in known]
    lower = {n.lower(): n for n in known}
    found += [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.7)]
    if found:
        return f"did you mean {found[0]}(…)?"
    if len(name) == 1:
        return f"for a product write {name}*(…)"
    return IN_A_FILE


def missing_hint(missing: Iterable[str], given: Iterable[str]) -> str:
    """What was probably meant by a name without a value: a function and its argument, a misspelt name, or e."""
    given = list(given)
    for name in missing:
        for n in given:
            if name.endswith(n) and name[: -len(n)] in names_of_functions():
                return f"; did you mean {name[: -len(n)]}({n})?"
        if name in names_of_functions():
            return f"; {name} is a function: write {name}(…)"
        if name == "e":
            return "; for eˣ write exp(x)"
        if (factors := _factors(name, given)) is not None:
            return f"; for a product write {factors}"
        if close := difflib.get_close_matches(name, given, n=1, cutoff=0.6):
            return f"; did you mean {close[0]}?"
    return ""


def _factors(name: str, given: Iterable[str]) -> str | None:
    """w*x for wx, if w and x are given."""
    return next((f"{a}*{b}" for a in given for b in given if a + b == name), None)


DECIMAL_COMMA = re.compile(r"(?<![\w.,])(\d+),(\d+)(?![\w.]|,\d)")


def comma_hint(tree: ast.AST, text: str) -> str:
    """The hint for a decimal comma: 2,5 where one number is expected; "" if there is none.

    >>> comma_hint(ast.parse("y = 2,5*x"), "y = 2,5*x")
    '2,5 is two values; write 2.5'
    """
    for node in ast.walk(tree):
        for one in _where_one_is_expected(node):
            found = DECIMAL_COMMA.search(ast.get_source_segment(text, one) or "")
            if found:
                return f"{found[0]} is two values; write {found[1]}.{found[2]}"
    return ""


def _where_one_is_expected(node: ast.AST) -> list[ast.expr]:
    """The tuples in places where one value is expected, and calls with one argument too many."""
    places: list[ast.expr | None] = []
    if isinstance(node, ast.Assign | ast.Expr | ast.AugAssign):
        places = [node.value]
    elif isinstance(node, ast.BinOp):
        places = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp):
        places = [node.operand]
    elif isinstance(node, ast.Compare):
        places = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        functions = [functions_of(library)[name].call for library in LIBRARIES if name in functions_of(library)]
        if functions and isinstance(functions[0], np.ufunc) and len(node.args) > functions[0].nin:
            return [node]
    return [place for place in places if isinstance(place, ast.Tuple)]


NAME = r"[^\W\d]\w*"
KEYWORDS = "|".join(keyword.kwlist)
REWRITES: tuple[tuple[str, str], ...] = (
    (r"^([^()\[\],]*)(?<![\w.])(\d+),(\d+)(?=[^,\d.]*$)", r"\1\2.\3"),
    (rf"^\s*{NAME}\s*(?:=>|->|↦)", r""),
    (rf"^\s*{NAME}\({NAME}(?:\s*,\s*{NAME})*\)\s*=(?!=)", r""),
    (rf"[∑Σ]\s*({NAME})", r"sum(\1)"),
    (r"[∑Σ]\s*\(", r"sum("),
    (rf"({NAME}|\d+)!(?!=)", r"gamma(\1 + 1)"),
    (r"\(([^();]*);([^();]*)\)", r"(\1,\2)"),
    (r"‖([^‖]+)‖", r"norm(\1)"),
    (r"\|([^|]+)\|", r"abs(\1)"),
    (rf"√\s*({NAME}|\d+(?:\.\d+)?)", r"sqrt(\1)"),
    (r"√\s*\(", r"sqrt("),
    (rf"({NAME}|\))(?:ᵀ|')", r"\1.T "),
    (r"\^", r"**"),
    (rf"(?<![\w.])(\d+(?:\.\d*)?)\s*(?=(?!{KEYWORDS})(?:{NAME}|\())", r"\1*"),
)
"""What mathematicians write, and how it is written here."""


def list_meant(text: str) -> str:
    """The Python list for one written as in other languages (`;` or lines for rows, spaces for commas); "" if none.

    >>> list_meant("1 2; 3 4"), list_meant("1 2"), list_meant("x y")
    ('[[1, 2], [3, 4]]', '[1, 2]', '')
    """
    rows = [re.split(r"[\s,]+", row.strip()) for row in re.split("[;\n]", text)]
    if not all(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", x) for row in rows for x in row):
        return ""
    lists = ["[" + ", ".join(row) + "]" for row in rows]
    return lists[0] if len(lists) == 1 else "[" + ", ".join(lists) + "]"


def corrected(text: str) -> str:
    """A text that can be read and was probably meant: `2*x` for `2x`, `sin(x)` for `sin x`; "" if none is found."""
    made = re.sub(r"\[([^\[\]]*)\]", lambda m: list_meant(m[1]) or m[0], text)
    for pattern, by in REWRITES:
        made = re.sub(pattern, by, made)
    functions = "|".join(sorted(names_of_functions(), key=len, reverse=True))
    made = re.sub(rf"\b({functions})\s+({NAME}|\d+(?:\.\d+)?)(?!\s*\()", r"\1(\2)", made)
    between = rf"((?:\b(?!(?:{KEYWORDS})\b){NAME}|[\w)\]]))\s+(?=(?!(?:{KEYWORDS})\b)(?:{NAME}|\())"
    made = re.sub(between, lambda m: f"{m[1]} @ " if m[1][0].isupper() or m[1] == "T" else f"{m[1]}*", made)
    made = _closed(re.sub(r"\)\s*(?=\(|[^\W_])", r")*", made).strip())
    if made == text.strip():
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(made)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return made


def _closed(text: str) -> str:
    """A text with the parentheses that it lacks at its end, or without those that are too many there."""
    lacking = text.count("(") - text.count(")")
    if lacking >= 0:
        return text + ")" * lacking
    return text[:lacking] if text.endswith(")" * -lacking) else text


def unfinished(text: str) -> str:
    """The hint for a text that ends too early; "" for any other text.

    >>> unfinished("x + "), unfinished("x + y")
    ('; something is missing behind +', '')
    """
    end = re.search(r"(\*\*|[-+*/@=<>,.])\s*$", text)
    return f"; something is missing behind {end[1]}" if end else ""
