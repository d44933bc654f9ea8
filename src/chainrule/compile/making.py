"""Making values: lowering rules call a `Maker`, which makes each value only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks.indexing import Slot
from chainrule.compile.sizes import require_fitting
from chainrule.compile.values import Value
from chainrule.constants import is_uniform
from chainrule.layout import bytes_of
from chainrule.node import Node

__all__ = ["LoweringRule", "Maker", "RuleTable", "key_of"]


class Maker:
    """Makes values (equal values only once), and collects the guards that each run checks."""

    def __init__(self) -> None:
        self.known: dict[Any, Value] = {}
        self.guards: dict[tuple[Value, str, Any], None] = {}

    def make(self, op: str, args: Sequence[Value], shape: Any, dtype: Any, weak: bool = False, **params: Any) -> Value:
        key = _key(op, args, shape, dtype, weak, params)
        if op == "call":  # two calls are equal only if their parameters can be compared
            key = (*key, params["block"], None if _is_simple(params["block_params"]) else len(self.known))
        if key not in self.known:
            made = Value(op, tuple(args), params, shape, dtype, weak)
            require_fitting(made)
            made.order = len(self.known)
            self.known[key] = made
        return self.known[key]

    def constant(self, value: Any, shape: Any = None, dtype: Any = None) -> Value:
        """A number or an array; an array of equal entries is kept as that number."""
        weak = type(value) in (bool, int, float, complex) and dtype is None  # np.float64 is a float, but not weak
        array = np.asarray(value, dtype=dtype)
        if array.dtype == object:  # an integer of Python beyond 64 bits
            array = np.asarray(float(value))
        if array.size and (array.ndim == 0 or is_uniform(array)):
            number = array.reshape(-1)[0]
            key: Any = ("number", bytes_of(number), array.dtype, array.shape if shape is None else tuple(shape), weak)
            if key not in self.known:
                made = Value("constant", (), {"number": number}, key[3], array.dtype, weak)
                made.order = len(self.known)
                self.known[key] = made
            return self.known[key]
        key = ("array", array.dtype.str, array.shape, bytes_of(array))
        if key not in self.known:
            made = Value("constant", (), {"array": np.ascontiguousarray(array)}, array.shape, array.dtype)
            made.order = len(self.known)
            self.known[key] = made
        return self.known[key]

    def guard(self, value: Value, how: str, outcome: Any) -> None:
        """Check on each run that a value is the recorded one."""
        self.guards[value, how, outcome] = None


def key_of(value: Value, args: Sequence[Value]) -> Any:
    """The key of a value like this one on other operands, in the table of known values; None for calls."""
    return _key(value.op, args, value.shape, value.dtype, value.weak, value.params)


def _key(op: str, args: Sequence[Value], shape: Any, dtype: Any, weak: bool, params: dict[str, Any]) -> Any:
    return op, tuple(map(id, args)), tuple(shape), np.dtype(dtype), weak, repr(sorted(params.items()))


def _is_simple(x: Any) -> bool:
    """Whether a parameter consists of numbers and strings only, so that its repr identifies it."""
    if isinstance(x, tuple | list):
        return all(map(_is_simple, x))
    if isinstance(x, dict):
        return all(map(_is_simple, x.values()))
    return isinstance(x, bool | int | float | str | slice | Slot | type(None) | np.dtype)


LoweringRule = Callable[[Maker, Node, list[Value]], Value | None]
"""Lowers the block of a node for these operands; returns None if the rule does not apply."""


class RuleTable(dict[Block, LoweringRule]):
    """The rules of some blocks. Called with blocks, it is the decorator that adds a rule for them."""

    def __call__(self, *blocks: Block) -> Callable[[LoweringRule], LoweringRule]:
        def register(function: LoweringRule) -> LoweringRule:
            self.update(dict.fromkeys(blocks, function))
            return function

        return register
