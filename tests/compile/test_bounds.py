"""Bounds of values: when a masked product is a plain one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.bounds import (
    grows_alone,
    is_plain_product,
    lowest,
    may_be_infinite,
    may_overflow,
    numerators,
)
from chainrule.compile.operations import BLOCK_OF
from chainrule.compile.values import Value

X, Y = (Value("input", shape=(4,), name=name) for name in "xy")


def of(op, *args):
    return Value(op, args, shape=np.broadcast_shapes(*(a.shape for a in args)))


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
        (X, number(math.nan), False),
        (X, Value("constant", params={"array": np.ones(4)}, shape=(4,)), False),
        (of("view", X), of("tanh", of("view", X)), True),
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


# Random values, computed by NumPy --------------------------------------------------------------------------------

ONE = "negative square absolute tanh exp sin sigmoid sqrt log reciprocal cosh view".split()
TWO = "add subtract multiply divide maximum product_or_zero where".split()
NUMBERS = [0.0, 1.0, -2.0, 0.5, 1e300, math.inf]
EXTREMES = np.array([0.0, -0.0, 1.0, -1.5, 1e-200, 1e200, -1e200, 800.0, -800.0, np.inf, -np.inf, np.nan])


ROW, COLUMN = (12,), (12, 1)


def drawn(rng, ones=ONE, twos=TWO, numbers=NUMBERS, inputs=2, turned=0.2):
    """Values made of each other, some of the rows turned into columns."""
    made = [Value("input", shape=ROW, name=str(k)) for k in range(inputs)]
    for _ in range(rng.integers(1, 7)):
        x, y = made[-1], made[rng.integers(len(made))]
        if rng.random() < 0.5:
            made.append(of(rng.choice(ones), x))
            continue
        if rng.random() < 0.3:
            y = number(rng.choice(numbers))
        if rng.random() < turned and x.shape in (ROW, COLUMN):
            x = Value("view", (x,), shape=COLUMN if x.shape == ROW else ROW)
        if rng.random() < 0.3 and y.shape:
            x, y = y, x
        operation = str(rng.choice(twos))
        choice = (Value("less", (x, y), shape=np.broadcast_shapes(x.shape, y.shape), dtype=bool),)
        operands = (*choice * (operation == "where"), x, y)
        made.append(of(operation, *operands))
    return made


def computed(value, inputs, known=None):
    """The entries of a value, from those of the inputs by name."""
    known = {} if known is None else known
    if value not in known:
        args = [computed(a, inputs, known) for a in value.args]
        if value.op == "input":
            known[value] = inputs[int(value.name)]
        elif value.op == "constant":
            known[value] = value.params["number"]
        elif value.op == "view":
            known[value] = args[0].reshape(value.shape)
        elif value.op == "product_or_zero":
            known[value] = np.where(args[0] == 0, args[0], np.multiply(*args))
        else:
            known[value] = BLOCK_OF[value.op].forward(np, *args)
    return known[value]


def points(rng, count=12):
    for _ in range(count):
        yield [rng.choice(EXTREMES, 12) for _ in range(2)]


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_what_is_said_of_random_values_holds_at_extreme_entries(first):
    said = dict.fromkeys(("plain", "finite", "from"), 0)
    for seed in range(first, first + 100):
        rng = np.random.default_rng(seed)
        made = drawn(rng)
        x = made[-1]
        pairs = [(dz, slope) for dz in made for slope in made if is_plain_product(dz, slope)]
        finite, low = not may_be_infinite(x), lowest(x)
        said["plain"] += len(pairs) > 0
        said["finite"] += finite
        said["from"] += low > -math.inf
        for inputs in points(rng):
            with np.errstate(all="ignore"):
                known = {}
                entries = computed(x, inputs, known)
                assert not finite or not np.isinf(entries).any(), seed
                assert not (entries < low).any(), seed
                for dz, slope in pairs:
                    product = computed(dz, inputs, known) * computed(slope, inputs, known)
                    assert not np.isnan(product[np.broadcast_to(known[dz] == 0, product.shape)]).any(), seed
    assert min(said.values()) > 10, said  # else the test would be empty


def test_values_that_are_used_many_times_are_looked_at_once():
    dz = X
    for _ in range(60):
        dz = of("add", dz, dz)
    assert is_plain_product(dz, of("tanh", X))
    assert not is_plain_product(Y, of("tanh", dz))
    assert not may_overflow(dz)


def test_the_factors_of_a_divided_cotangent_are_what_makes_it_0():
    ones, twos = ["negative", "reciprocal"], ["multiply", "divide", "product_or_zero"]
    zeros = others = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        dz = drawn(rng, ones, twos, NUMBERS[:4], inputs=3, turned=0)[-1]
        known = {}
        with np.errstate(all="ignore"):
            entries = computed(dz, [rng.choice([0.0, 1.0, -0.5, 2.0], 12) for _ in range(3)], known)
        found = numerators(dz)
        divisors = [v.args[-1] for v in known if v.op in ("divide", "reciprocal")]
        assert (found is None) == all("number" in d.params for d in divisors), seed
        if found is None:
            continue
        assert len(found) == len(set(found)), seed
        masked = np.any([np.broadcast_to(known[x] == 0, ROW) for x in found], axis=0)
        divided_by_0 = np.any([np.broadcast_to(known[d] == 0, ROW) for d in divisors], axis=0)
        assert ((masked == (entries == 0)) | divided_by_0).all(), seed
        zeros += (masked & ~divided_by_0).sum()
        others += (~masked & ~divided_by_0).sum()
    assert min(zeros, others) > 50, (zeros, others)


E = of("exp", X)


@pytest.mark.parametrize(
    ("value", "overflows", "alone"),
    [
        (X, False, False),
        (E, True, True),
        (of("cosh", of("tanh", X)), True, True),
        (of("negative", of("absolute", of("view", E))), True, True),
        (of("add", E, number(3.0)), True, True),
        (of("subtract", number(1.0), E), True, True),
        (of("multiply", E, number(-0.5)), True, True),
        (of("divide", E, number(2.0)), True, True),
        (of("multiply", E, number(1.5)), True, False),  # 1.5 eˣ is infinite where eˣ is not
        (of("divide", E, number(0.5)), True, False),
        (of("add", E, number(1e300)), True, False),
        (of("square", E), True, False),
        (of("power", E, number(2.5)), True, False),
        (of("product_or_zero", E, Y), True, False),
        (of("multiply", Y, E), True, False),
        (of("add", E, E), True, False),
        (of("divide", number(1.0), E), False, False),
        (of("divide", X, E), False, False),
        (of("divide", E, Y), True, False),
        (of("tanh", E), False, False),
        (of("maximum", E, number(0.0)), False, False),
        (of("subtract", of("square", X), of("multiply", Y, of("sinh", X))), True, False),
        (of("multiply", X, of("add", X, Y)), False, False),
        (number(2.0), False, False),
    ],
)
def test_what_overflows_and_what_only_as_an_exponential_does(value, overflows, alone):
    assert (may_overflow(value), grows_alone(value)) == (overflows, alone)


def test_single_precision_overflows_earlier():
    e = Value("exp", (Value("input", shape=(4,), dtype=np.float32),), shape=(4,), dtype=np.float32)
    for n, alone in ((1.0, True), (1e38, False)):
        one = Value("constant", params={"number": np.float32(n)}, dtype=np.float32)
        assert grows_alone(Value("add", (e, one), shape=(4,), dtype=np.float32)) is alone
