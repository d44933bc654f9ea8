"""Bounds of values: when a masked product is a plain one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.bounds import is_plain_product
from chainrule.compile.values import Value

X, Y = (Value("input", shape=(4,), name=name) for name in "xy")


def of(op, *args):
    return Value(op, args, shape=args[0].shape)


def number(n):
    return Value("constant", params={"number": np.float64(n)})


SLOPE = of("subtract", of("tanh", X), number(1.0))


@pytest.mark.parametrize(
    ("dz", "slope", "plain"),
    [
        (of("exp", X), SLOPE, True),
        (of("multiply", Y, of("add", X, Y)), SLOPE, True),
        (Y, SLOPE, False),  # x may be NaN where y is 0
        (of("where", Value("input", shape=(4,), dtype=bool), X, Y), SLOPE, False),  # so may be what is not chosen
        (of("product_or_zero", X, Y), SLOPE, True),
        (of("product_or_zero", Y, X), SLOPE, False),
        (X, X, False),  # infinite
        (X, of("exp", X), False),
        (X, of("exp", of("negative", of("square", X))), True),
        (X, of("sin", X), False),  # NaN at infinity, where x · 0 is not
        (X, of("sin", of("tanh", X)), True),
        (X, of("sigmoid", of("subtract", X, X)), False),  # ∞ − ∞
        (X, of("tanh", of("multiply", X, of("exp", X))), False),  # 0 · ∞
        (X, of("tanh", of("multiply", of("sigmoid", X), of("exp", X))), False),  # 0 · ∞, where 0 is the least
        (X, of("tanh", of("multiply", of("exp", X), of("negative", of("sigmoid", X)))), False),  # or the largest
        (X, of("tanh", of("multiply", of("exp", X), of("add", of("sigmoid", X), number(1.0)))), True),
        (X, of("tanh", of("log", X)), False),
        (X, number(math.inf), False),
        (X, number(3.0), True),
    ],
)
def test_when_a_masked_product_is_a_plain_one(dz, slope, plain):
    assert is_plain_product(dz, slope) is plain


def test_long_chains_are_looked_at_from_their_end():
    dz = slope = X
    for _ in range(5000):
        dz, slope = of("tanh", dz), of("tanh", slope)
    assert not is_plain_product(dz, slope)  # too far from x to be seen
    assert is_plain_product(of("exp", slope), slope)


def test_gradients_at_the_edges_are_those_of_the_function_as_it_is():
    def f(x):
        return np.sum(np.tanh(2 * x + 1) * np.exp(-(x**2)))

    x = np.array([-np.inf, -1e200, -0.5, -0.0, 0.0, 1e-310, 1e200, np.inf])
    for dtype in (np.float64, np.float32):
        with np.errstate(all="ignore"):
            expected = cr.grad(f)(x.astype(dtype))
            compiled = cr.compile(cr.grad(f))
            compiled(x.astype(dtype))
            np.testing.assert_allclose(compiled(x.astype(dtype)), expected, rtol=1e-5, atol=1e-37)
    assert "vm.product_or_zero" in compiled.source()  # the slope 2x of x² is not bounded
    assert compiled.source().count("vm.product_or_zero") == 1
