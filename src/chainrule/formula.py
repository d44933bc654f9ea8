"""Formulas: small trees that give a block's mathematical notation.

A block's notation is a function of its operands' formulas, `notation=lambda x, y: x + y`. The printers
(`explain/printers/`) walk the tree; nothing here depends on the output format. Vectors are columns in print.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from chainrule.escape import printable

__all__ = [
    "Formula",
    "call",
    "cases",
    "indicator",
    "kron",
    "name",
    "number",
    "partial",
    "repeated",
    "reshaped",
    "sqrt",
    "total",
    "unit",
    "vector",
]


@dataclass(frozen=True)
class Formula:
    """One piece of mathematics.

    Attributes
    ----------
    kind : one of name, number, partial, unit, add, sub, neg, mul, div, pow, matmul, kron, transpose, call, index, sum,
        sqrt, abs, norm, cases, indicator, relation, vector.
    parts : its subformulas.
    text : the name, the number, the function's or the index's text; of a local gradient which use it is, if the block
        uses its operand more than once.
    shape : the shape of the value that it stands for.
    """

    kind: str
    parts: tuple[Formula, ...] = ()
    text: str = ""
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            object.__setattr__(self, "text", printable(self.text))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def of_shape(self, shape: tuple[int, ...]) -> Formula:
        return dataclasses.replace(self, shape=tuple(shape))

    def __add__(self, other: Any) -> Formula:
        x, y = formula(self), formula(other)
        if y.kind == "neg":
            return x - y.parts[0]
        return Formula("add", (x, y), shape=_broadcast(x, y))

    def __radd__(self, other: Any) -> Formula:
        return formula(other) + self

    def __sub__(self, other: Any) -> Formula:
        x, y = formula(self), formula(other)
        if y.kind == "neg":
            return x + y.parts[0]
        return Formula("sub", (x, y), shape=_broadcast(x, y))

    def __rsub__(self, other: Any) -> Formula:
        return formula(other) - self

    def __neg__(self) -> Formula:
        return self.parts[0] if self.kind == "neg" else Formula("neg", (formula(self),), shape=self.shape)

    def __mul__(self, other: Any) -> Formula:
        x, y = formula(self), formula(other)
        if x.kind == "neg":
            return -(x.parts[0] * y)
        if y.kind == "neg":
            return -(x * y.parts[0])
        if _is_one(x) or _is_one(y):
            return (y if _is_one(x) else x).of_shape(_broadcast(x, y))
        if _ends_in_partial(x) and y.kind != "partial" and not _ends_in_partial(y):  # ∂L/∂z is written last
            return (x.parts[0] * y) * x.parts[1]
        inverse = x.kind == "div" and _is_one(x.parts[0]) and x.parts[1].kind != "number"
        if inverse and y.kind != "partial" and not _ends_in_partial(y):  # 1/z · x is x/z
            return y / x.parts[1]
        parts = (y, x) if _written_first(y) < _written_first(x) else (x, y)
        return Formula("mul", parts, shape=_broadcast(x, y))

    def __rmul__(self, other: Any) -> Formula:
        return formula(other) * self

    def __truediv__(self, other: Any) -> Formula:
        x, y = formula(self), formula(other)
        if x.kind == "neg":
            return -(x.parts[0] / y)
        if x.kind == "partial":
            return (1 / y) * x
        if x.kind == "mul" and x.parts[1].kind == "partial":
            return (x.parts[0] / y) * x.parts[1]
        if x.kind == "div" and y.kind == "number":  # 1/z/3 is 1/(3·z)
            return x.parts[0] / (y * x.parts[1])
        if x.kind == "div" and x.parts[1] == y and y.kind in ("name", "sqrt", "norm"):
            return x.parts[0] / (y.parts[0] if y.kind == "sqrt" else y**2)
        return Formula("div", (x, y), shape=_broadcast(x, y))

    def __rtruediv__(self, other: Any) -> Formula:
        return formula(other) / formula(self)

    def __pow__(self, other: Any) -> Formula:
        other = formula(other)
        if self.kind == "number" and self.text == "1" and not other.shape:
            return self
        return Formula("pow", (self, other), shape=_broadcast(self, other))

    def __rpow__(self, other: Any) -> Formula:
        return formula(other) ** self

    def __matmul__(self, other: Any) -> Formula:
        x, y = _filled(formula(self)), _filled(formula(other))
        if x.kind == "neg":
            return -(x.parts[0] @ y)
        if y.kind == "neg":
            return -(x @ y.parts[0])
        return Formula("matmul", (x, y))

    def __abs__(self) -> Formula:
        return Formula("abs", (self,), shape=self.shape)

    @property
    def T(self) -> Formula:  # noqa: N802
        x = _filled(formula(self))
        return x.parts[0] if x.kind == "transpose" else Formula("transpose", (x,), shape=x.shape[::-1])

    def at(self, index: str) -> Formula:
        """An entry or a part, written as an index."""
        return Formula("index", (self,), index)


def _written_first(f: Formula) -> int:
    """The position of a factor in a product: numbers first, ∂L/∂z last."""
    return {"number": 0, "partial": 2}.get(f.kind, 1)


def _ends_in_partial(f: Formula) -> bool:
    return f.kind == "mul" and f.parts[1].kind == "partial"


def _is_one(f: Formula) -> bool:
    return f.kind == "number" and f.text == "1"


def _filled(f: Formula) -> Formula:
    """A number that NumPy broadcasts in a matrix product, written as the number times an array of ones."""
    if f.kind != "number" or f.ndim == 0 or f.text.startswith("["):
        return f
    return f.of_shape(()) * name("𝟏", f.shape)


def _broadcast(x: Formula, y: Formula) -> tuple[int, ...]:
    return x.shape if len(x.shape) >= len(y.shape) else y.shape


def formula(x: Any) -> Formula:
    """x as a formula for arithmetic: numbers become formulas, conditions become 0 or 1."""
    if not isinstance(x, Formula):
        return number(x)
    return indicator(x) if x.kind == "relation" else x


def name(text: str, shape: tuple[int, ...] = ()) -> Formula:
    return Formula("name", text=text, shape=shape)


def number(x: Any, shape: tuple[int, ...] = ()) -> Formula:
    """A number, or the text of one."""
    text = x if isinstance(x, str) else f"{x:.6g}" if isinstance(x, float) else str(x)
    if text.startswith("-") and not text.startswith("-["):
        return -Formula("number", text=text[1:], shape=shape)
    return Formula("number", text=text, shape=shape)


def partial(of: Formula, by: Formula) -> Formula:
    """∂of/∂by."""
    return Formula("partial", (of, by), shape=by.shape)


def unit(index: str, size: int) -> Formula:
    """The unit vector e_index (a one-hot vector)."""
    return Formula("unit", text=index, shape=(size,))


def call(function: str, *args: Any, index: str = "") -> Formula:
    """function(args), e.g. `call("max", x)`; the index, if any, is written below the function's name."""
    head = Formula("name", text=function)
    if index:
        head = Formula("index", (head,), index)
    return Formula("call", (head, *(formula(a) for a in args)))


def total(x: Formula, index: str = "") -> Formula:
    """Σ x, over the axes that the index names (all of them if it is empty)."""
    x = formula(x)
    return -total(x.parts[0], index) if x.kind == "neg" else Formula("sum", (x,), index)


def repeated(x: Formula, shape: tuple[int, ...]) -> Formula:
    """x, repeated as NumPy broadcasts it to a shape of one or two axes: 𝟏·s, 𝟏 vᵀ for rows and v 𝟏ᵀ for columns."""
    x = formula(x)
    if x.shape == shape or not 0 < len(shape) < 3:
        return x
    if not x.shape or set(x.shape) == {1}:
        return x * name("𝟏", shape)
    if len(shape) != 2 or len(x.shape) > 2:
        return x
    if x.kind == "neg":
        return -repeated(x.parts[0], shape)
    if x.kind == "mul" and set(x.parts[0].shape) <= {1}:
        return x.parts[0] * repeated(x.parts[1].of_shape(x.shape), shape)
    if x.kind == "div" and set(x.parts[1].shape) <= {1}:
        return (1 / x.parts[1]) * repeated(x.parts[0].of_shape(x.shape), shape)
    vector = x.parts[0] if x.kind == "index" and x.text in (AS_ROW, AS_COLUMN) else None
    if len(x.shape) == 2 and x.shape[0] == 1 and shape[0] > 1:
        return name("𝟏", shape[:1]) @ (x if vector is None else vector.T)
    if len(x.shape) == 2 and x.shape[1] == 1 and shape[1] > 1:
        return (x if vector is None else vector) @ name("𝟏", shape[1:]).T
    return name("𝟏", shape[:1]) @ x.T if len(x.shape) == 1 else x


AS_ROW, AS_COLUMN = "None, :", ":, None"
"""How NumPy writes a vector as a matrix of one row, and of one column."""


def reshaped(x: Formula, shape: tuple[int, ...]) -> Formula:
    """x in another shape: a vector as a row or a column has an index as in NumPy."""
    x = formula(x)
    if set(shape) <= {1}:
        return x
    n = x.shape[0] if len(x.shape) == 1 else 0
    if n and shape in ((1, n), (n, 1)):
        return x.at(AS_ROW if shape[0] == 1 else AS_COLUMN).of_shape(shape)
    if x.kind == "index" and x.text in (AS_ROW, AS_COLUMN) and len(shape) == 1:
        return x.parts[0]
    return call("reshape", x)


def kron(x: Any, y: Any) -> Formula:
    """A ⊗ B, the Kronecker product of two matrices."""
    x, y = formula(x), formula(y)
    return Formula("kron", (x, y), shape=tuple(m * n for m, n in zip(x.shape, y.shape, strict=True)))


def sqrt(x: Formula) -> Formula:
    return Formula("sqrt", (x,), shape=x.shape)


def vector(*entries: Formula) -> Formula:
    """[a, b, c], a vector of numbers."""
    return Formula("vector", entries, shape=(len(entries),))


def indicator(condition: Formula) -> Formula:
    """[condition]: 1 where it holds, 0 elsewhere (the Iverson bracket)."""
    return Formula("indicator", (condition,), shape=condition.shape)


def relation(symbol: str, x: Any, y: Any) -> Formula:
    """x < y and the other comparisons."""
    x, y = formula(x), formula(y)
    return Formula("relation", (x, y), symbol, _broadcast(x, y))


def cases(condition: Any, x: Any, y: Any) -> Formula:
    """x where the condition holds, else y."""
    if isinstance(x, Formula) and isinstance(y, Formula) and x.kind == y.kind == "number" and y.text == "0":
        return indicator(condition) if x.text == "1" else x * indicator(condition)
    return Formula("cases", (condition, formula(x), formula(y)))
