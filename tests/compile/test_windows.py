"""Convolution and pooling in compiled code: columns, windows and products, whatever the stride, padding and groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr
from compile.interpreted import interpreted
from compile.test_catalogue import assert_same

CONVOLUTIONS = {
    "plain": {},
    "stride and padding": {"stride": 2, "padding": 1},
    "dilation and groups": {"padding": 2, "dilation": 2, "groups": 2},
    "all at once": {"stride": 2, "padding": 1, "dilation": 2, "groups": 4},
    "a stride that leaves entries out": {"stride": 3, "groups": 2},
}
POOLS = {
    "tiles": {"kernel_size": 2},
    "overlapping": {"kernel_size": 3, "stride": 1, "padding": 1},
    "gaps": {"kernel_size": 2, "stride": 3},
    "dilated": {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 3},
    "large": {"kernel_size": 5, "stride": 2, "padding": 2},
}
SIZE = (7, 8, 9)
every_axis = pytest.mark.parametrize("n", [1, 2, 3])


@pytest.fixture
def by_python():
    with interpreted():
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "chainrule"))


def assert_compiles(f, *arrays, rtol=1e-11):
    """The second call runs what was compiled, and nothing of it is a call of a block's own rule."""
    compiled = cr.compile(f)
    compiled(*arrays)
    assert_same(compiled(*arrays), f(*arrays), rtol)
    assert "numpy_" not in compiled.source()


def convolution_loss(n, how):
    conv = getattr(cr, f"conv{n}d")
    return cr.value_and_grad(lambda x, w, b: np.sum(np.sin(conv(x, w, b, **how))), (0, 1, 2))


def pool_of(n, how):
    return lambda x: getattr(cr, f"max_pool{n}d")(x, **how)


def channels(n, groups, dtype=float):
    """An array, a kernel and a bias for a convolution."""
    rng = np.random.default_rng(n)
    shapes = (2, 4, *SIZE[:n]), (8, 4 // groups, *(3, 2, 2)[:n]), (8,)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@every_axis
@pytest.mark.parametrize("how", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution_and_its_gradients_are_columns_and_products(by_python, n, how):
    assert_compiles(convolution_loss(n, how), *channels(n, how.get("groups", 1)))


@every_axis
@pytest.mark.parametrize("how", POOLS.values(), ids=POOLS)
def test_the_largest_entry_gets_the_gradient_also_among_ties_and_nan(by_python, n, how):
    rng = np.random.default_rng(n)
    x = rng.integers(0, 4, (2, 3, *SIZE[:n])).astype(float)
    x.flat[[5, 17, 23]] = np.nan, np.inf, -np.inf
    pool = pool_of(n, how)
    weights = rng.normal(size=pool(x).shape)
    assert_compiles(cr.value_and_grad(lambda x, v: np.sum(v * np.where(np.isfinite(z := pool(x)), z, 0))), x, weights)


@every_axis
@pytest.mark.parametrize("how", POOLS.values(), ids=POOLS)
def test_second_derivatives_of_pooling(by_python, n, how):
    rng = np.random.default_rng(n)
    x, direction = rng.normal(size=(2, 2, 3, *SIZE[:n]))
    pool = pool_of(n, how)
    assert_compiles(cr.hvp(lambda x: np.sum(np.tanh(pool(x * x)) ** 2)), x, direction)


def test_forward_mode_through_pooling(by_python):
    """Where a mask chooses between two constants: simplify must not ask whether a plain array was improved."""
    rng = np.random.default_rng(0)
    x, direction, v = rng.normal(size=(1, 1, 4, 4)), rng.normal(size=(1, 1, 4, 4)), rng.normal(size=(1, 1, 2, 2))

    def tangent(x, direction, v):
        gradient = cr.grad(lambda x: np.sum(v * np.tanh(cr.max_pool2d(x * x, 2))))
        return cr.jvp(gradient, (x,), (direction,))

    assert_compiles(tangent, x, direction, v)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_channels_may_lie_anywhere_in_memory(by_python, order):
    """A convolution reads its operand through a transpose, and so does what follows it."""
    x, w, b = channels(2, 1)
    x = np.transpose(x, np.argsort(order)).copy()

    def loss(x, w, b):
        z = cr.max_pool2d(cr.conv2d(np.transpose(x, order), w, b, padding=1), 2)
        return np.sum(np.cos(z) * np.arange(z.size).reshape(z.shape))

    assert_compiles(cr.value_and_grad(loss, (0, 1, 2)), x, w, b)


def test_the_channels_lie_last_between_layers():
    """No array of a layer is turned round in memory between one convolution and the next, forward or backward."""
    x, w, b = channels(2, 1)
    rng = np.random.default_rng(0)
    v = rng.normal(size=(5, 8, 3, 3))

    def loss(x, w, b, v):
        h = cr.max_pool2d(cr.relu(cr.conv2d(x, w, b, padding=1)), 2)
        return np.sum(cr.relu(cr.conv2d(h, v, padding=1)))

    with interpreted():
        compiled = cr.compile(cr.value_and_grad(loss, (1, 2, 3)))
        compiled(x, w, b, v)
        compiled(x, w, b, v)
    turned = [line for line in compiled.source().splitlines() if "_out[" in line and "transpose" in line]
    assert len(turned) <= 4  # the two kernels and their two gradients


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_in_native_code(dtype):
    x, w, b = channels(2, 1, dtype)
    labels = np.array([1, 3])

    def loss(w, b, x, labels):
        h = cr.max_pool2d(cr.relu(cr.conv2d(x, w, b, padding=1)), 2)
        return np.mean(cr.softmax_cross_entropy(np.reshape(h, (2, -1)), labels))

    assert_compiles(cr.value_and_grad(loss, (0, 1)), w, b, x, labels, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_large_network_in_native_code():
    """Too large to be compiled as a whole: its products are BLAS's."""
    rng = np.random.default_rng(0)
    x, w, v = rng.normal(size=(16, 3, 20, 20)), rng.normal(size=(8, 3, 3, 3)), rng.normal(size=(8, 4, 3, 3))

    def loss(x, w, v):
        h = cr.max_pool2d(cr.relu(cr.conv2d(x, w, padding=1)), 3, stride=2, padding=1)
        return np.mean(np.tanh(cr.conv2d(h, v, stride=2, padding=1, groups=2)))

    assert_compiles(cr.value_and_grad(loss, (0, 1, 2)), x, w, v)
