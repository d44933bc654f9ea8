"""Rules that drop explicit broadcasts and casts, which blocks do themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule import absent
from chainrule.block import BLOCKS, Block, Elementwise
from chainrule.blocks.elementwise import add, divide, multiply, subtract, where
from chainrule.blocks.linalg import matmul
from chainrule.blocks.reductions import mean
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.libraries import is_inexact
from chainrule.node import Node
from chainrule.simplify.builder import CONSTANT, Builder
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(sum_, of=(broadcast_to,))
def sum_of_repeated(build: Builder, x: Any, axis: Any, keepdims: bool) -> Any:
    """Σ of n times x is n x, if its dtype holds n."""
    found = _reduced_once(build, sum_, x, axis, keepdims)
    if found is None or not is_inexact(x.value) or found[1] > float(np.finfo(x.value.dtype).max):
        return None
    return build.call(multiply, found[0], float(found[1]))


@rule(mean, of=(broadcast_to,))
def mean_of_repeated(build: Builder, x: Any, axis: Any, keepdims: bool) -> Any:
    """The mean of n times x is x."""
    found = _reduced_once(build, mean, x, axis, keepdims)
    return None if found is None else found[0]


def _reduced_once(build: Builder, block: Block, x: Any, axis: Any, keepdims: bool) -> tuple[Any, int] | None:
    """The reduction of a repeated array over the axes along which it is not repeated; and the number of repeats."""
    y, large = x.inputs[0], shape(x)
    small = (1,) * (len(large) - len(shape(y))) + shape(y)
    axes = {a % len(large) for a in (axis if isinstance(axis, tuple) else (axis,))}
    repeats = math.prod(large[a] for a in axes if small[a] != large[a])
    if repeats <= 1:
        return None
    own = [a - len(large) for a in sorted(axes) if a >= len(large) - len(shape(y))]
    if any(small[a] != 1 for a in own):
        y = build.call(block, y, axis=tuple(own), keepdims=keepdims)
    left = [a for a in range(len(large)) if keepdims or a not in axes]
    for arrange, lengths in ((reshape, small), (broadcast_to, large)):
        y = build.call(arrange, y, shape=tuple(1 if a in axes else lengths[a] for a in left))
    return y, repeats


_ELEMENTWISE = [block for block in BLOCKS.values() if isinstance(block, Elementwise)]


def _repeated_in(block: Block) -> Callable[..., Any]:
    def rule_for_one_block(build: Builder, *xs: Any, **params: Any) -> Any:
        """f(broadcast_to(x), y) = f(x, y), and a constant of equal entries becomes a number: f broadcasts by itself."""
        for i, x in enumerate(xs):
            inner = made_by(x, build, broadcast_to)
            small = inner.inputs[0] if inner else None
            if inner is None and np.ndim(x) > 0:
                small = build.uniform(x)
            if small is not None:
                rest = (*xs[:i], small, *xs[i + 1 :])
                if _result_shape(rest) == _result_shape(xs):
                    return build.call(block, *rest, **params)
        return None

    return rule_for_one_block


def _result_shape(xs: Iterable[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*map(shape, xs))


for _block in (*_ELEMENTWISE, where):
    rule(_block, of=(broadcast_to, CONSTANT))(_repeated_in(_block))


def _of_one_dtype(block: Block) -> Callable[..., Any]:
    def sums_of_one_dtype(build: Builder, x: Any, y: Any) -> Any:
        """f(c, y) = f(cast(c), y) for a constant of another dtype: NumPy casts it too, but on each call."""
        dtype = np.result_type(*(v.value if type(v) is Node else v for v in (x, y)))
        cast = [_cast(v, dtype) if type(v) is np.ndarray and v.dtype != dtype else v for v in (x, y)]
        return build.call(block, *cast)

    return sums_of_one_dtype


def _cast(c: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return absent.made_of(c.astype(dtype), c)


for _block in (add, subtract, multiply, divide, matmul):
    rule(_block, of=(CONSTANT,))(_of_one_dtype(_block))
