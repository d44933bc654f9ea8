"""Totals: sums over the steps of a loop. A sum of products over all steps becomes one matrix product."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chainrule.compile.lowering_rules import reshaped
from chainrule.compile.schedule import needed
from chainrule.compile.values import Value

__all__ = ["Total"]

WORTH_PRODUCTS = 64
"""Sums of products with fewer entries than this are accumulated step by step."""


class AlongLoop(Protocol):
    """What a total needs of a loop that is lowered: the maker of values, the varying values, a value in all steps."""

    low: Any
    varying: list[Value]

    def of_all_steps(self, v: Value) -> Callable[[], Value]: ...


class Total:
    """A sum over all steps of a loop.

    Products of two vectors (or of matrices, along their rows) are not accumulated: if the factors of all steps are
    the rows of two matrices, the product of these matrices is the sum of the products.

    Attributes
    ----------
    whole : whether everything is accumulated step by step, because values of single steps may not be stored.
    rest : the part that is accumulated step by step; None if there is none.
    factors : the factors of the products in all steps, as matrices.
    """

    def __init__(self, of: AlongLoop, v: Value, whole: bool = False):
        self.of, self.shape, self.dtype = of, v.shape, v.dtype
        self.factors: list[list[tuple[Callable[[], Value], int]]] = []
        rest: list[Value] = []
        stack = [] if whole else [v]
        while stack:
            term = stack.pop()
            if term.op == "add" and all(x.shape == v.shape for x in term.args):
                stack += term.args
            elif (found := _factors(term)) is not None and self._is_worth_it(found):
                self.factors.append([(of.of_all_steps(_flat(x)), n) for x, n in found])
            else:
                rest.append(term)
        add = lambda x, y: of.low.make("add", [x, y], v.shape, v.dtype)  # noqa: E731
        self.rest = v if not self.factors else functools.reduce(add, rest) if rest else None

    def _is_worth_it(self, factors: Sequence[tuple[Value, int]]) -> bool:
        varying = {id(x) for x in self.of.varying}
        return math.prod(self.shape) >= WORTH_PRODUCTS and all(
            any(id(a) in varying for a in needed([x])) for x, _ in factors
        )

    def value(self, rest: Value | None) -> Value:
        """The total, after the loop has been made."""
        low = self.of.low
        found = [] if rest is None else [rest]
        for factors in self.factors:
            x, y = (reshaped(low, take(), (math.prod(take().shape) // n, n)) for take, n in factors)
            found.append(low.make("matmul", [x, y], self.shape, self.dtype, turned=(True, False)))
        return functools.reduce(lambda x, y: low.make("add", [x, y], self.shape, self.dtype), found)


def _flat(x: Value) -> Value:
    """The value whose entries a view or reshape contains."""
    while x.op in ("view", "reshape") and x.args[0].op != "constant":
        x = x.args[0]
    return x


def _factors(v: Value) -> list[tuple[Value, int]] | None:
    """The factors of a product, each with the length of its rows; None if v is not a sum of products of rows."""
    if len(v.shape) != 2 or v.dtype.kind != "f":
        return None
    m, n = v.shape
    if v.op == "multiply" and min(m, n) > 1:
        for x, y in (v.args, v.args[::-1]):
            if x.shape == (m, 1) and y.shape in ((1, n), (n,)):
                return [(x, m), (y, n)]
    if v.op == "matmul" and all(len(x.shape) == 2 for x in v.args):
        (x, y), (turned_x, turned_y) = v.args, v.params["turned"]
        inner = x.shape[0 if turned_x else 1]
        if (turned_x or inner == 1) and (not turned_y or inner == 1):
            return [(x, m), (y, n)]
    return None
