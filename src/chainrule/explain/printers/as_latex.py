"""Formulas in LaTeX, which needs amsmath only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from chainrule.escape import latex_index, latex_math
from chainrule.explain.printers.walk import GREEK, Notation, rows_of, split_name, times_sign, written, written_term
from chainrule.formula import Formula

__all__ = ["BREAK", "breakable", "breakable_terms", "latex", "latex_name", "latex_number", "latex_rows"]

FUNCTIONS = frozenset("log exp sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())
RELATIONS = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne", "<": "<", ">": ">", "=": "=", "∧": r"\land", "∨": r"\lor"}
TIMES = {"⊙": r"\odot", "×": r"\times", "·": r"\cdot"}


def latex(f: Formula) -> str:
    """The formula in LaTeX (amsmath), without the surrounding dollar signs.

    >>> from chainrule.formula import name
    >>> W, p = name("W", (3, 2)), name("p", (3,))
    >>> latex(W.T @ (p - 1))
    'W^{\\\\top} \\\\left(p - 1\\\\right)'
    """
    return breakable(f).replace(BREAK, "")


def breakable(f: Formula) -> str:
    """The formula in LaTeX, with the sign `BREAK` wherever a new line may begin (see `lines.py`)."""
    return written(f, LATEX)


def _use(f: Formula, x: str) -> str:
    """The variable of a local gradient, with the number of its use."""
    return f"{x}^{{({f.text})}}" if f.text else x


def breakable_terms(terms: Iterable[Formula]) -> list[str]:
    """The terms of a sum, each as `breakable`."""
    return [written_term(f, LATEX) for f in terms]


BREAK = "\x01"
"""Marks a place where a new line may begin. No name contains it, since names are printable."""


def latex_name(text: str) -> str:
    """A variable's name in LaTeX: Greek letters, digits at the end as an index, longer names upright.

    >>> latex_name("W2"), latex_name("theta"), latex_name("hidden_size")
    ('W_{2}', '\\\\theta', '\\\\mathrm{hidden\\\\_size}')
    """
    stem, index = split_name(text)
    base, accent = _without_accent(stem)
    if worded := WORDED.fullmatch(stem):
        base, accent = worded.groups()
    if stem in GREEK:
        shown = rf"\{stem}"
    elif stem in GREEK_LETTERS:
        shown = rf"\{GREEK_LETTERS[stem]}"
    elif accent:
        shown = rf"\{accent}{{{latex_name(base)}}}"
    elif len(stem) == 1:
        shown = {"𝟏": r"\mathbf{1}"}.get(stem, stem if stem.isascii() and stem.isalnum() else latex_math(stem))
    else:
        shown = rf"\mathrm{{{latex_math(stem)}}}"
    return f"{shown}_{{{index}}}" if index else shown


GREEK_LETTERS = {letter: word for word, letter in GREEK.items()}
ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot", "\u0308": "ddot"}
"""The commands for accents: ŷ is a y with a hat."""

WORDED = re.compile(rf"(?!that|what|chat)([a-zA-Z]|{'|'.join(GREEK)})_?(hat|bar|tilde)")
"""Names such as y_hat and xbar: the letter below the accent, and the accent."""


def _without_accent(letter: str) -> tuple[str, str]:
    """A letter and the command for its accent; an empty command if it has none, or an unknown one."""
    parts = unicodedata.normalize("NFD", letter)
    return (parts[0], ACCENTS[parts[1]]) if len(parts) == 2 and parts[1] in ACCENTS else (letter, "")


def latex_rows(text: str) -> str:
    r"""The text of a small array, as "[1 2]" or "[[1 2] [3 4]]", as a LaTeX matrix; a vector is a column.

    >>> latex_rows("[[1 2] [3 4]]")
    '\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}'
    """
    rows = r" \\ ".join(" & ".join(map(_entry, row)) for row in rows_of(text))
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


def _entry(text: str) -> str:
    sign, digits = ("-", text[1:]) if text[:1] in "-−" else ("", text)
    return sign + latex_number(digits)


def latex_number(text: str) -> str:
    r"""A number as Python writes it.

    >>> latex_number("1.5e-07"), latex_number("inf")
    ('1.5 \\times 10^{-7}', '\\infty')
    """
    if text.startswith("["):
        return latex_rows(text)
    exponent = re.fullmatch(r"([\d.]+)e([+-]\d+)", text)
    if exponent:
        return rf"{exponent[1]} \times 10^{{{int(exponent[2])}}}"
    if text.isascii() and re.fullmatch(r"-?[\w.+]*(-?[\w.+]*)", text):
        return {"inf": r"\infty", "nan": r"\mathrm{NaN}"}.get(text, text.replace("_", r"\_"))
    return latex_math(text)


def _function(head: Formula) -> str:
    if head.kind == "index":
        return f"{_function(head.parts[0])}_{{{latex_index(head.text)}}}"
    if head.text in FUNCTIONS:
        return rf"\{head.text}"
    return latex_name(head.text) if len(head.text) == 1 else rf"\operatorname{{{latex_math(head.text)}}}"


def _indexed(f: Formula, x: str) -> str:
    base = f"{{{x}}}" if x.endswith("}") else x  # it may end in an index, and LaTeX allows only one
    return f"{base}_{{{latex_index(f.text)}}}"


def _is_word(x: str, y: str) -> bool:
    """Whether one of two factors side by side is a name of several letters, which needs a space."""
    return y.startswith(r"\mathrm") or re.search(r"\\mathrm\{[^{}]*\}(_\{\d+\}|\^\{[^{}]*\})*$", x) is not None


LATEX = Notation(
    {
        "name": lambda f: latex_name(f.text),
        "number": lambda f: latex_number(f.text),
        "row": lambda f, x: x,
        "partial": lambda f, x, y: rf"\frac{{\partial {x}}}{{\partial {y}}}",
        "local": lambda f, z, x: rf"\frac{{\partial \left[{z}\right]}}{{\partial {_use(f, x)}}}",
        "unit": lambda f: f"e_{{{latex_index(f.text)}}}",
        "add": lambda f, x, y: f"{x} {BREAK}+ {y}",
        "sub": lambda f, x, y: f"{x} {BREAK}- {y}",
        "neg": lambda f, x: f"-{x}",
        "mul": lambda f, x, y: f"{x} {BREAK}{TIMES[times_sign(f)]} {y}",
        "div": lambda f, x, y: rf"\frac{{{x}}}{{{y}}}",
        "pow": lambda f, x, n: rf"{x}^{{\circ {n}}}" if f.text else f"{x}^{{{n}}}",
        "matmul": lambda f, x, y: rf"{x} \, {y}" if _is_word(x, y) else f"{x} {y}",
        "kron": lambda f, x, y: rf"{x} {BREAK}\otimes {y}",
        "transpose": lambda f, x: rf"{x}^{{\top}}",
        "inverse transpose": lambda f, x: rf"{x}^{{-\top}}",
        "call": lambda f, *xs: rf"{_function(f.parts[0])}\left({f', {BREAK}'.join(xs)}\right)",
        "index": _indexed,
        "sum": lambda f, x: rf"\sum_{{{latex_index(f.text)}}} {x}" if f.text else rf"\sum {x}",
        "sqrt": lambda f, x: rf"\sqrt{{{x}}}",
        "abs": lambda f, x: rf"\left|{x}\right|",
        "norm": lambda f, x: rf"\left\|{x}\right\|",
        "relation": lambda f, x, y: f"{x} {RELATIONS[f.text]} {y}",
        "vector": lambda f, *xs: rf"\left[{f', {BREAK}'.join(xs)}\right]",
        "indicator": lambda f, x: rf"\left[{x}\right]",
        "cases": lambda f, condition, x, y: (
            rf"\begin{{cases}} {x} & \text{{if }} {condition} \\ {y} & \text{{otherwise}} \end{{cases}}"
        ),
    },
    parentheses=(r"\left(", r"\right)"),
)
