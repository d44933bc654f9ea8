"""The walk over a formula: its parts are written first, in parentheses where precedence needs them.

Precedence is the same in all notations, except for fractions, roots and exponents: LaTeX and the page draw them in two
dimensions, but in a line of text they need parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chainrule.formula import Formula

__all__ = ["GREEK", "Notation", "is_integer", "rows_of", "split_name", "times_sign", "written", "written_term"]


class Notation(NamedTuple):
    """A notation for formulas.

    Attributes
    ----------
    table : for each kind of formula a function `(f, *parts)`, which is given the formula and its written parts.
    parentheses : the left and right one.
    is_a_line : whether the formula is one line of text, so that fractions, roots and exponents need parentheses too.
    """

    table: Mapping[str, Callable[..., str]]
    parentheses: tuple[str, str]
    is_a_line: bool = False


def written(f: Formula, notation: Notation) -> str:
    """A formula, written in a notation."""
    kind, parts = f.kind, f.parts
    if kind == "call":
        parts = parts[1:]  # the table writes the name of the function
    elif kind == "transpose" and _is_inverse(parts[0]):
        kind, parts = "inverse transpose", parts[0].parts[:1]
    if kind not in notation.table:
        raise ValueError(f"no way to print a formula of kind {kind!r}")
    if not notation.is_a_line and kind in ENTRYWISE and f.ndim > 1:
        parts = tuple(map(_as_row, parts))
    left, right = notation.parentheses
    shown = []
    for part, place in zip(parts, _places(f, kind, parts, notation.is_a_line), strict=True):
        text = written(part, notation)
        shown.append(f"{left}{text}{right}" if BINDS.get(part.kind, ATOM) < place else text)
    return notation.table[kind](f, *shown)


def written_term(f: Formula, notation: Notation) -> str:
    """A formula that stands in a sum: a condition, or a choice by one, in parentheses."""
    left, right = notation.parentheses
    text = written(f, notation)
    return f"{left}{text}{right}" if BINDS.get(f.kind, ATOM) < SUM else text


ENTRYWISE = ("add", "sub", "mul", "div")


def _as_row(part: Formula) -> Formula:
    """A vector that NumPy broadcasts against a matrix, drawn as a row."""
    if part.ndim != 1 or part.kind not in ("name", "number", "partial"):
        return part
    if part.kind == "number":
        return replace(part, text=f"[{part.text}]") if part.text.startswith("[") else part
    return Formula("row", (part,), shape=part.shape)


# Precedence of each kind of formula; a part of lower precedence than its place requires gets parentheses.
FREE, SUM, PRODUCT, SIGN, POWER, ATOM, PARENTHESES = range(7)
BINDS = {
    "relation": FREE,
    "cases": FREE,
    "add": SUM,
    "sub": SUM,
    "sum": PRODUCT,
    "mul": PRODUCT,
    "div": PRODUCT,
    "matmul": PRODUCT,
    "kron": PRODUCT,
    "neg": SIGN,
    "pow": POWER,
    "transpose": POWER,
}
CONNECTIVES = ("∧", "∨")
PLACES: dict[str, tuple[int, ...]] = {
    "add": (SUM, SUM + 1),
    "sub": (SUM, SUM + 1),
    "kron": (POWER, POWER),
    "neg": (PRODUCT,),
    "sum": (PRODUCT,),
}
ON_A_LINE = PLACES | {
    "partial": (ATOM, ATOM),
    "local": (FREE, ATOM),
    "sqrt": (ATOM,),
    "cases": (FREE, SUM, SUM),
}


def _places(f: Formula, kind: str, parts: Sequence[Formula], is_a_line: bool) -> Sequence[int]:
    """The precedence that each part must have."""
    match kind:
        case "mul":
            return _left(parts[0], PRODUCT), _behind(parts[0], parts[1])
        case "div" if is_a_line:
            return _left(parts[0], PRODUCT), POWER
        case "matmul":
            return _factor(parts[0], PRODUCT), _factor(parts[1], POWER)
        case "index" | "transpose" | "inverse transpose":
            return (_base(parts[0]),)
        case "relation" if f.text in CONNECTIVES:
            mixed = (p.kind == "relation" and p.text in CONNECTIVES and p.text != f.text for p in parts)
            return tuple(PARENTHESES if m else FREE for m in mixed)
        case "pow":
            return _base(parts[0]), ATOM if is_a_line and not f.text and not is_integer(parts[1]) else FREE
    return (ON_A_LINE if is_a_line else PLACES).get(kind, (FREE,) * len(parts))


def _left(f: Formula, place: int) -> int:
    """The precedence for a left factor: a sum Σ at its end would seem to include the factors after it."""
    return PARENTHESES if _ends_in_sum(f) else place


def _ends_in_sum(f: Formula) -> bool:
    while f.kind in ("mul", "matmul", "neg"):
        f = f.parts[-1]
    return f.kind == "sum"


def _behind(left: Formula, right: Formula) -> int:
    """The precedence for the right factor of a product. After a number it needs no parentheses: 2·(A B) = 2·A B."""
    return PRODUCT if right.kind in ("matmul", "mul") and set(left.shape) <= {1} else SIGN


def _factor(f: Formula, place: int) -> int:
    """The precedence for a factor of a matrix product: entrywise products, quotients and signs need parentheses."""
    loose = f.kind in ("neg", "div") or (f.kind == "mul" and not _is_scalar_product(f))
    return PARENTHESES if loose else _left(f, place)


def _base(f: Formula) -> int:
    """The precedence for the base of an index or an exponent."""
    return PARENTHESES if f.kind == "partial" else ATOM


# What the tables ask of a formula -----------------------------------------------------------------------------


def times_sign(f: Formula) -> str:
    """The sign of a product: ⊙ entry by entry, × between numbers, else ·."""
    if not _is_scalar_product(f):
        return "⊙"
    return "×" if all((part.parts[0] if part.kind == "neg" else part).kind == "number" for part in f.parts) else "·"


def _is_scalar_product(f: Formula) -> bool:
    return any(set(part.shape) <= {1} or _is_plain_number(part) for part in f.parts)


def _is_plain_number(f: Formula) -> bool:
    """Whether it is a number, or an array filled with one."""
    return f.kind == "number" and not f.text.startswith("[")


def is_integer(f: Formula) -> bool:
    """Whether an exponent is a literal integer."""
    f = f.parts[0] if f.kind == "neg" else f
    return f.kind == "number" and re.fullmatch(r"[−-]?\d+", f.text) is not None


def _is_inverse(f: Formula) -> bool:
    """Whether it is A⁻¹, whose transpose is written A⁻ᵀ."""
    if f.kind != "pow" or f.ndim != 2:
        return False
    exponent = f.parts[1]
    return exponent.kind == "neg" and exponent.parts[0].text == "1"


GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        strict=True,
    )
)
DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def split_name(text: str) -> tuple[str, str]:
    """A variable's name, and the digits at its end, which are written as an index.

    >>> split_name("W2"), split_name("hidden_1")
    (('W', '2'), ('hidden', '1'))
    """
    stem, index = re.fullmatch(r"(.*?)_?([0-9₀-₉]*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return stem, index.translate(DIGITS)


def rows_of(text: str) -> list[list[str]]:
    """The entries of a small array, written as "[1 2]" or "[[1 2] [3 4]]"; a vector is a column.

    >>> rows_of("[[1 2] [3 4]]"), rows_of("[1 2]")
    ([['1', '2'], ['3', '4']], [['1'], ['2']])
    """
    rows = [row.split() for row in re.findall(r"\[([^\[\]]*)\]", text)]
    return rows if text.startswith("[[") else [[entry] for row in rows[:1] for entry in row]
