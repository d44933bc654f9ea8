"""Two printers over one tree of formulas: Unicode for the terminal, LaTeX for documents."""

from __future__ import annotations

import re
from collections.abc import Callable

from chainrule.escape import latex_index, latex_math
from chainrule.formula import Formula

__all__ = ["latex", "unicode"]

# How tightly a kind binds; a part that binds less tightly than its place asks for gets parentheses.
SUM, PRODUCT, SIGN, POWER, ATOM, PARENTHESES = 1, 2, 3, 4, 5, 6
BINDS = {
    "add": SUM,
    "sub": SUM,
    "relation": 0,
    "cases": 0,
    "neg": SIGN,
    "sum": PRODUCT,
    "mul": PRODUCT,
    "div": PRODUCT,
    "matmul": PRODUCT,
    "pow": POWER,
    "transpose": POWER,
}

SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

Printer = Callable[[Formula], str]


def _in(f: Formula, place: int, show: Printer, left: str = "(", right: str = ")") -> str:
    text = show(f)
    return f"{left}{text}{right}" if BINDS.get(f.kind, ATOM) < place else text


def _left(f: Formula, place: int, show: Printer, left: str = "(", right: str = ")") -> str:
    """A left factor: a sum in it would take what follows for its own."""
    return _in(f, PARENTHESES if _ends_in_sum(f) else place, show, left, right)


def _ends_in_sum(f: Formula) -> bool:
    while f.kind in ("mul", "matmul", "neg"):
        f = f.parts[-1]
    return f.kind == "sum"


def _factor(f: Formula, place: int, show: Printer, left: str = "(", right: str = ")") -> str:
    """A factor of a matrix product: entrywise products, quotients and signs in it need parentheses."""
    loose = f.kind in ("neg", "div") or (f.kind == "mul" and not _is_scalar_product(f))
    return _left(f, PARENTHESES if loose else place, show, left, right)


def _base(f: Formula, show: Printer, left: str = "(", right: str = ")") -> str:
    """What carries an index or an exponent."""
    return _in(f, PARENTHESES if f.kind == "partial" else ATOM, show, left, right)


def _is_scalar_product(f: Formula) -> bool:
    return any(set(part.shape) <= {1} or _is_plain_number(part) for part in f.parts)


def _times(f: Formula) -> int:
    """How tightly the right factor of a product must bind: behind a number none are needed: 2·(A B) = 2·A B."""
    left, right = f.parts
    loose = right.kind in ("matmul", "mul") and set(left.shape) <= {1}
    return PRODUCT if loose else SIGN


def _is_inverse(f: Formula) -> bool:
    """A⁻¹, whose transpose is written A⁻ᵀ."""
    if f.kind != "pow" or f.ndim != 2:
        return False
    exponent = f.parts[1]
    return exponent.kind == "neg" and exponent.parts[0].text == "1"


def _is_plain_number(f: Formula) -> bool:
    """A number that stands for itself, or for an array filled with it."""
    return f.kind == "number" and not f.text.startswith("[")


def _all_numbers(f: Formula) -> bool:
    return all((part.parts[0] if part.kind == "neg" else part).kind == "number" for part in f.parts)


# Unicode -----------------------------------------------------------------------------------------------------


def unicode(f: Formula) -> str:
    """The formula as one line of text.

    >>> from chainrule.formula import name
    >>> W, p = name("W", (3, 2)), name("p", (3,))
    >>> unicode(W.T @ (p - 1))
    'Wᵀ (p − 1)'
    """
    p = f.parts
    match f.kind:
        case "name" | "number":
            return f.text
        case "partial":
            return f"∂{_in(p[0], ATOM, unicode)}/∂{_in(p[1], ATOM, unicode)}"
        case "local":
            return f"∂[{unicode(p[0])}]/∂{_in(p[1], ATOM, unicode)}"
        case "unit":
            return f"e{f.text.translate(SUBSCRIPTS)}"
        case "add":
            return f"{_in(p[0], SUM, unicode)} + {_in(p[1], SUM + 1, unicode)}"
        case "sub":
            return f"{_in(p[0], SUM, unicode)} − {_in(p[1], SUM + 1, unicode)}"
        case "neg":
            return f"−{_in(p[0], PRODUCT, unicode)}"
        case "mul":
            sign = " ⊙ " if not _is_scalar_product(f) else " × " if _all_numbers(f) else "·"
            return f"{_left(p[0], PRODUCT, unicode)}{sign}{_in(p[1], _times(f), unicode)}"
        case "div":
            return f"{_left(p[0], PRODUCT, unicode)}/{_in(p[1], POWER, unicode)}"
        case "pow":
            exponent = unicode(p[1])
            if f.text:  # a power entry by entry
                return f"{_base(p[0], unicode)}^∘{exponent}"
            if re.fullmatch(r"[−-]?\d+", exponent):
                return _base(p[0], unicode) + exponent.translate(SUPERSCRIPTS)
            return f"{_base(p[0], unicode)}^{_in(p[1], ATOM, unicode)}"
        case "matmul":
            return f"{_factor(p[0], PRODUCT, unicode)} {_factor(p[1], POWER, unicode)}"
        case "transpose":
            return f"{_base(p[0].parts[0], unicode)}⁻ᵀ" if _is_inverse(p[0]) else f"{_base(p[0], unicode)}ᵀ"
        case "call":
            return f"{unicode(p[0])}({', '.join(unicode(a) for a in p[1:])})"
        case "index":
            return f"{_base(p[0], unicode)}[{f.text}]"
        case "sum":
            below = f"[{f.text}] " if f.text else " "
            return f"Σ{below}{_in(p[0], PRODUCT, unicode)}"
        case "sqrt":
            return f"√{_in(p[0], ATOM, unicode)}"
        case "abs":
            return f"|{unicode(p[0])}|"
        case "norm":
            return f"‖{unicode(p[0])}‖"
        case "relation":
            return f"{unicode(p[0])} {f.text} {unicode(p[1])}"
        case "indicator":
            return f"[{unicode(p[0])}]"
        case "cases":
            return f"{_in(p[1], SUM, unicode)} where {unicode(p[0])} else {_in(p[2], SUM, unicode)}"
    raise ValueError(f"no way to print a formula of kind {f.kind!r}")


# LaTeX -------------------------------------------------------------------------------------------------------

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
)
FUNCTIONS = frozenset("log exp sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())
BRACKETS = (r"\left(", r"\right)")
RELATIONS = {"≤": r"\le", "≥": r"\ge", "≠": r"\ne", "<": "<", ">": ">", "=": "="}


def latex_name(text: str) -> str:
    """A variable's name in LaTeX: Greek letters, digits at the end as an index, longer names upright.

    >>> latex_name("W2"), latex_name("theta"), latex_name("hidden_size")
    ('W_{2}', '\\\\theta', '\\\\mathrm{hidden\\\\_size}')
    """
    stem, index = re.fullmatch(r"(.*?)_?([0-9₀-₉]*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    index = index.translate(DIGITS)
    if stem in GREEK:
        shown = rf"\{stem}"
    elif len(stem) == 1:
        shown = {"𝟏": r"\mathbf{1}"}.get(stem, stem if stem.isascii() and stem.isalnum() else latex_math(stem))
    else:
        shown = rf"\mathrm{{{latex_math(stem)}}}"
    return f"{shown}_{{{index}}}" if index else shown


def latex(f: Formula) -> str:
    """The formula in LaTeX (amsmath), without the surrounding dollar signs.

    >>> from chainrule.formula import name
    >>> W, p = name("W", (3, 2)), name("p", (3,))
    >>> latex(W.T @ (p - 1))
    'W^{\\\\top} \\\\left(p - 1\\\\right)'
    """
    p = f.parts

    def inside(part: Formula, place: int) -> str:
        return _in(part, place, latex, *BRACKETS)

    match f.kind:
        case "name":
            return latex_name(f.text)
        case "number":
            return _latex_number(f.text)
        case "partial":
            return rf"\frac{{\partial {latex(p[0])}}}{{\partial {latex(p[1])}}}"
        case "local":
            return rf"\frac{{\partial \left[{latex(p[0])}\right]}}{{\partial {latex(p[1])}}}"
        case "unit":
            return f"e_{{{latex_index(f.text)}}}"
        case "add":
            return f"{inside(p[0], SUM)} + {inside(p[1], SUM + 1)}"
        case "sub":
            return f"{inside(p[0], SUM)} - {inside(p[1], SUM + 1)}"
        case "neg":
            return f"-{inside(p[0], PRODUCT)}"
        case "mul":
            sign = r" \odot " if not _is_scalar_product(f) else r" \times " if _all_numbers(f) else r" \cdot "
            return f"{_left(p[0], PRODUCT, latex, *BRACKETS)}{sign}{inside(p[1], _times(f))}"
        case "div":
            return rf"\frac{{{latex(p[0])}}}{{{latex(p[1])}}}"
        case "pow":
            entrywise = r"\circ " if f.text else ""
            return f"{_base(p[0], latex, *BRACKETS)}^{{{entrywise}{latex(p[1])}}}"
        case "matmul":
            return f"{_factor(p[0], PRODUCT, latex, *BRACKETS)} {_factor(p[1], POWER, latex, *BRACKETS)}"
        case "transpose":
            if _is_inverse(p[0]):
                return rf"{_base(p[0].parts[0], latex, *BRACKETS)}^{{-\top}}"
            return rf"{_base(p[0], latex, *BRACKETS)}^{{\top}}"
        case "call":
            return rf"{_latex_function(p[0])}\left({', '.join(latex(a) for a in p[1:])}\right)"
        case "index":
            base = _base(p[0], latex, *BRACKETS)
            if base.endswith("}"):  # it may end in an index, and LaTeX does not take a second one
                base = f"{{{base}}}"
            return f"{base}_{{{latex_index(f.text)}}}"
        case "sum":
            below = f"_{{{latex_index(f.text)}}}" if f.text else ""
            return rf"\sum{below} {inside(p[0], PRODUCT)}"
        case "sqrt":
            return rf"\sqrt{{{latex(p[0])}}}"
        case "abs":
            return rf"\left|{latex(p[0])}\right|"
        case "norm":
            return rf"\left\|{latex(p[0])}\right\|"
        case "relation":
            return f"{latex(p[0])} {RELATIONS[f.text]} {latex(p[1])}"
        case "indicator":
            return rf"\left[{latex(p[0])}\right]"
        case "cases":
            chosen = rf"{latex(p[1])} & \text{{if }} {latex(p[0])} \\ {latex(p[2])} & \text{{otherwise}}"
            return rf"\begin{{cases}} {chosen} \end{{cases}}"
    raise ValueError(f"no way to print a formula of kind {f.kind!r}")


def _latex_function(head: Formula) -> str:
    if head.kind == "index":
        return f"{_latex_function(head.parts[0])}_{{{latex_index(head.text)}}}"
    if head.text in FUNCTIONS:
        return rf"\{head.text}"
    return latex_name(head.text) if len(head.text) == 1 else rf"\operatorname{{{latex_math(head.text)}}}"


def _latex_number(text: str) -> str:
    if text.startswith("["):
        return latex_rows(text)
    exponent = re.fullmatch(r"([\d.]+)e([+-]\d+)", text)
    if exponent:
        return rf"{exponent[1]} \times 10^{{{int(exponent[2])}}}"
    if text.isascii() and re.fullmatch(r"-?[\w.+]*(-?[\w.+]*)", text):
        return {"inf": r"\infty", "nan": r"\mathrm{NaN}"}.get(text, text.replace("_", r"\_"))
    return latex_math(text)


def latex_rows(text: str) -> str:
    r"""The text of a small array, as "[1 2]" or "[[1 2] [3 4]]", as a LaTeX matrix; a vector is a column.

    >>> latex_rows("[[1 2] [3 4]]")
    '\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}'
    """
    rows = re.findall(r"\[([^\[\]]*)\]", text)
    entries = [row.split() for row in rows]
    if text.startswith("[["):
        lines = [" & ".join(_latex_entry(e) for e in row) for row in entries]
    else:
        lines = [_latex_entry(e) for e in entries[0]] if entries else []
    return r"\begin{bmatrix} " + r" \\ ".join(lines) + r" \end{bmatrix}"


def _latex_entry(text: str) -> str:
    sign, digits = ("-", text[1:]) if text[:1] in "-−" else ("", text)
    return sign + _latex_number(digits)
