"""Vectors that lie: arrays of shape (1, n) beside columns.

While a formula is made every vector is a column, so an array b of shape (1, n) is written bᵀ. What comes out is turned
where fewer transposes are left: X (Wᵀ + bᵀ) is X (W + b)ᵀ, and as a row of shape (1, m) it is (W + b) Xᵀ.
"""

from __future__ import annotations

from dataclasses import replace

from chainrule.formula import Formula

__all__ = ["in_fewest_turns", "is_tall", "row_of", "turns", "unturned"]

OF_PARTS = ("neg", "add", "sub", "mul", "div", "sqrt", "abs", "indicator", "relation")
"""What is done entry by entry, so that the row is made of the rows of the parts."""


def row_of(f: Formula) -> Formula:
    """fᵀ, for a column f: of a product, a sum and what else is made of vectors the parts are turned."""
    if is_scalar(f) or (f.ndim == 2 and f.shape[0] == 1):
        return f
    if f.kind in OF_PARTS or f.kind == "pow":  # eˣ is turned in its exponent
        return replace(f, parts=tuple(map(row_of, f.parts)))
    if f.kind == "matmul":
        made, *others = (_turned(part) for part in reversed(_factors(f)))
        for part in others:
            made = made @ part
        return made.of_shape(f.shape)
    return f.T


def _turned(f: Formula) -> Formula:
    """A factor of a product, turned: a vector's parts are; a symmetric matrix stays."""
    is_diagonal = f.kind == "call" and f.parts[0].text == "diag"
    is_symmetric = f.ndim == 2 and (is_diagonal or (f.kind == "add" and {part.T for part in f.parts} == {*f.parts}))
    return f if is_symmetric else row_of(f) if f.ndim == 1 else f.T


def _factors(f: Formula) -> list[Formula]:
    return [*_factors(f.parts[0]), *_factors(f.parts[1])] if f.kind == "matmul" else [f]


def in_fewest_turns(f: Formula) -> tuple[Formula, bool]:
    """A column f, or the row that has fewer transposes, and whether that is to be transposed."""
    row = row_of(f)
    return (row, True) if turns(row) < turns(f) else (f, False)


def unturned(f: Formula) -> Formula:
    """The vector f as a column or as a row, where this makes no difference: in a norm, a sum, a diagonal matrix."""
    return in_fewest_turns(f)[0]


def turns(f: Formula) -> int:
    """How many transposes a formula has."""
    return (f.kind == "transpose") + sum(map(turns, f.parts))


def is_tall(f: Formula) -> bool:
    """Whether a column has the shape (n, 1) in NumPy, so that it broadcasts along columns."""
    return _long_axis(f) == 0


def _long_axis(f: Formula) -> int | None:
    """The axis of length n of a matrix of shape (n, 1) or (1, n); None of any other vector or matrix."""
    match f.kind:
        case "transpose":
            axis = _long_axis(f.parts[0])
            return None if axis is None else 1 - axis
        case "matmul":
            first, *_, last = _factors(f)
            return 0 if _long_axis(last) == 0 else 1 if _long_axis(first) == 1 else None
        case "pow" | "neg" | "sqrt" | "abs" | "indicator":
            return _long_axis(f.parts[0])
        case "add" | "sub" | "mul" | "div" | "relation":
            return next((a for a in map(_long_axis, f.parts) if a is not None), None)
    return f.shape.index(max(f.shape)) if f.ndim == 2 and min(f.shape) == 1 < max(f.shape) else None


def is_scalar(f: Formula) -> bool:
    """Whether it is a number, or an array filled with one."""
    return set(f.shape) <= {1} or (f.kind == "number" and not f.text.startswith("["))
