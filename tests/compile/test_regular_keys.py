"""Keys with regular arrays of indices are slices of the array in another shape, in compiled code."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.regular_keys import as_slices
from compile.interpreted import interpreted

GRID = np.arange(36).reshape(6, 6)
ALL = slice(None)
REGULAR = [
    ((8,), (np.array([1, 3, 5]),)),
    ((8,), (np.array([6, 4, 2, 0]),)),
    ((8,), (np.array([-1, -2, -3]),)),
    ((8,), (np.array([[1, 2], [5, 6]]),)),
    ((36,), (GRID[1:-1, 1:-1],)),
    ((36,), (GRID[::2, 1::2],)),
    ((4, 4), tuple(np.diag_indices(4))),
    ((4, 4), (ALL, np.array([1, 3]))),
    ((4, 4), (np.array([0, 2]), slice(1, 3))),
    ((4, 4), (slice(1, 3), np.array([[0, 1], [2, 3]]))),
    ((2, 3, 3), (ALL, np.arange(3), np.arange(3))),
]
OTHERS = [
    ((8,), (np.array([2, 2]),)),
    ((8,), (np.array([1, 2, 4]),)),
    ((8,), (np.array([-1, 0, 1]),)),
    ((8,), (np.array([3]),)),
    ((8,), (np.array([[3, 4], [7, 0]]),)),
    ((8,), (np.array([[1, 2], [4, 5]]),)),
    ((36,), (GRID[1:4].T,)),
    ((36,), (GRID[::-1],)),
    ((4, 4), (np.array([0, 1]), np.array([2, 3]))),
    ((4, 4), (np.array([0, 1]), 2)),
    ((4, 4), (None, np.array([0, 1]))),
    ((8,), (np.array([True, False] * 4),)),
]


@pytest.mark.parametrize(("shape", "key"), REGULAR)
def test_slices_select_the_same_entries(shape, key):
    x = np.arange(np.prod(shape)).reshape(shape)
    other, slices = as_slices(key, shape)
    assert all(isinstance(part, slice) for part in slices)
    np.testing.assert_array_equal(x.reshape(other)[slices], x[key])


@pytest.mark.parametrize(("shape", "key"), OTHERS)
def test_other_keys_are_left_to_numpy(shape, key):
    assert as_slices(key, shape) is None


def read(x, v, key):
    return np.sin(x[key]) * v


def written(x, v, key):
    y = np.exp(x)
    y[key] = v * 2
    return y * x


def filled(x, v, key):
    y = x * 1
    y[key] = 3.0
    return y * x + np.sum(v)


def updated(x, v, key):
    y = x.copy()
    y[key] = y[key] * v + 1
    y[key] += v
    return y * y


@pytest.mark.parametrize("f", [read, written, filled, updated])
@pytest.mark.parametrize(("shape", "key"), [*REGULAR, *OTHERS[:-2]])
def test_compiled_functions_read_and_write_as_numpy(shape, key, f):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    v = rng.normal(size=x[key].shape)
    g = cr.value_and_grad(lambda x, v: np.sum(f(x, v, key) * 1.5), (0, 1))
    compiled = cr.compile(g)
    with interpreted():
        for _ in range(2):
            value, slopes = compiled(x, v)
    if f in (read, filled) and any(key is regular for _, regular in REGULAR):
        assert "numpy_" not in compiled.source()  # it is in one program with the steps around it
    wanted, wanted_slopes = g(x, v)
    np.testing.assert_allclose(value, np.sum(f(x.copy(), v, key) * 1.5), rtol=1e-13)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    for slope, expected in zip(slopes, wanted_slopes, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-13)
