"""A number and a view of it may stand in one product: where a view gets the number's shape, their powers add up."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import block_named
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph

SHAPES = ((), (1,), (1, 1))


def expression(rng, a, depth):
    """A random expression of a number, in arrays of one entry of any of the shapes."""
    if depth == 0:
        return np.reshape(a, SHAPES[rng.integers(3)])
    x = expression(rng, a, depth - 1)
    kind = rng.integers(8)
    if kind == 0:
        return 1 / x
    if kind == 1:
        return np.sum(x)
    if kind == 2:
        return np.reshape(x, SHAPES[rng.integers(3)])
    y = expression(rng, a, rng.integers(depth))
    if kind == 3:
        return x * y
    if kind == 4:
        return x / np.sum(y)
    if kind == 5:
        return block_named("product_or_zero")(x, y)
    return x / y if kind == 6 else np.sum(x) * y + x / y


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_products_of_a_number_and_its_views_keep_their_value(first):
    for seed in range(first, first + 100):
        a = np.array([1.3])
        try:
            graph = record_graph(lambda a, seed=seed: expression(np.random.default_rng(seed), a, 7) * 1.0, a)
        except ZeroDivisionError:
            continue
        with np.errstate(all="ignore"):
            expected, found = graph.run(np, [a])[0], simplify_graph(graph).run(np, [a])[0]
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=str(seed))
        assert np.shape(found) == np.shape(expected)


def share(a):
    w = 1 / a
    w = w / w.sum()
    return w.sum()


def powers(a):
    w = 1 / a
    p = np.reshape(w, (1, 1))
    return (w @ p @ w) / w.sum() ** 2


@pytest.mark.parametrize("f", [share, powers])
def test_the_compiled_gradient_of_shares_of_one_number(f):
    a = np.array([1.3])
    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(2):
        value, slope = compiled(a)
        np.testing.assert_allclose(value, f(a), rtol=1e-14)
        np.testing.assert_allclose(slope, cr.grad(f)(a), rtol=1e-12, atol=1e-14)
