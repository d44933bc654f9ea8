"""The walk over a formula: each part is written first, in parentheses where its place asks for them.

How tightly a formula binds, and how tightly each place asks its part to bind, is mathematics, so it is the same in all
notations. The exceptions are what a page draws (fractions, roots, exponents) and a line of text does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chainrule.formula import Formula

__all__ = ["GREEK", "Notation", "is_integer", "rows_of", "split_name", "times_sign", "written"]


class Notation(NamedTuple):
    """How formulas are written.

    Attributes
    ----------
    table : for each kind of formula a function `(f, *parts)`, which is given the formula and its written parts.
    parentheses : what stands before and behind a part that needs them.
    is_a_line : whether everything stands on one line, so that fractions, roots and exponents need parentheses too.
    """

    table: Mapping[str, Callable[..., str]]
    parentheses: tuple[str, str]
    is_a_line: bool = False


def written(f: Formula, notation: Notation) -> str:
    """The formula in a notation."""
    kind, parts = f.kind, f.parts
    if kind == "call":
        parts = parts[1:]  # a function's name is not written as a variable's
    elif kind == "transpose" and _is_inverse(parts[0]):
        kind, parts = "inverse transpose", parts[0].parts[:1]
    if kind not in notation.table:
        raise ValueError(f"no way to print a formula of kind {kind!r}")
    left, right = notation.parentheses
    shown = []
    for part, place in zip(parts, _places(f, kind, parts, notation.is_a_line), strict=True):
        text = written(part, notation)
        shown.append(f"{left}{text}{right}" if BINDS.get(part.kind, ATOM) < place else text)
    return notation.table[kind](f, *shown)


# How tightly a kind of formula binds; a part that binds less tightly than its place asks for gets parentheses.
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
    "neg": SIGN,
    "pow": POWER,
    "transpose": POWER,
}
PLACES: dict[str, tuple[int, ...]] = {
    "add": (SUM, SUM + 1),
    "sub": (SUM, SUM + 1),
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
    """How tightly each part must bind."""
    match kind:
        case "mul":
            return _left(parts[0], PRODUCT), _behind(parts[0], parts[1])
        case "div" if is_a_line:
            return _left(parts[0], PRODUCT), POWER
        case "matmul":
            return _factor(parts[0], PRODUCT), _factor(parts[1], POWER)
        case "index" | "transpose" | "inverse transpose":
            return (_base(parts[0]),)
        case "pow":
            return _base(parts[0]), ATOM if is_a_line and not f.text and not is_integer(parts[1]) else FREE
    return (ON_A_LINE if is_a_line else PLACES).get(kind, (FREE,) * len(parts))


def _left(f: Formula, place: int) -> int:
    """The place of a left factor: a sum in it would take what follows for its own."""
    return PARENTHESES if _ends_in_sum(f) else place


def _ends_in_sum(f: Formula) -> bool:
    while f.kind in ("mul", "matmul", "neg"):
        f = f.parts[-1]
    return f.kind == "sum"


def _behind(left: Formula, right: Formula) -> int:
    """The place of the right factor of a product. Behind a number none are needed: 2·(A B) = 2·A B."""
    return PRODUCT if right.kind in ("matmul", "mul") and set(left.shape) <= {1} else SIGN


def _factor(f: Formula, place: int) -> int:
    """The place of a factor of a matrix product: entrywise products, quotients and signs in it need parentheses."""
    loose = f.kind in ("neg", "div") or (f.kind == "mul" and not _is_scalar_product(f))
    return PARENTHESES if loose else _left(f, place)


def _base(f: Formula) -> int:
    """The place of what carries an index or an exponent."""
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
    """A number that stands for itself, or for an array filled with it."""
    return f.kind == "number" and not f.text.startswith("[")


def is_integer(f: Formula) -> bool:
    """Whether an exponent is an integer that is written out."""
    f = f.parts[0] if f.kind == "neg" else f
    return f.kind == "number" and re.fullmatch(r"[−-]?\d+", f.text) is not None


def _is_inverse(f: Formula) -> bool:
    """A⁻¹, whose transpose is written A⁻ᵀ."""
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
