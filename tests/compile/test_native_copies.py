"""Copies, reversed axes, running sums and products have native loops, so the program around them stays native.

And a program may have many guards.
"""

import numpy as np
import pytest

import chainrule as cr
from compile.interpreted import interpreted

SHAPES = [(5,), (4, 5, 3), (1, 5, 1), (2, 0, 3)]
ALONG = {
    f"{of.__name__} axis={axis}": lambda x, of=of, axis=axis: of(x, axis=axis)
    for of in (np.cumsum, np.cumprod, np.flip)
    for axis in (None, 0, -1)
}
FUNCTIONS = {
    "copy": lambda x: np.copy(x),
    "copy, then a write": lambda x: _written(x.copy()),
    "copy of a transpose": lambda x: np.copy(x.T, order="C"),
    "copy in Fortran's order": lambda x: x.copy(order="F"),
    "flip of two axes": lambda x: np.flip(x, axis=tuple(range(x.ndim))[:2]),
    "running count": lambda x: np.cumsum(x > 0, axis=-1) * x,
    **ALONG,
}


def _written(x):
    x[..., 0] = 2 * x[..., -1]
    return x


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_are_numpys_to_the_bit_and_gradients_those_of_the_uncompiled_function(f, dtype):
    for shape in SHAPES:
        if f is FUNCTIONS["copy, then a write"] and 0 in shape[-1:]:
            continue
        x = np.random.default_rng(1).normal(size=shape).astype(dtype)
        g = cr.value_and_grad(lambda x: np.sum(np.sin(f(x))))
        value, both = cr.compile(lambda x: cr.vjp(f, x)[0]), cr.compile(g)
        with interpreted():
            for _ in range(2):
                z, (loss, slope) = value(x), both(x)
            wanted, (wanted_loss, wanted_slope) = f(x.copy()), g(x)
        assert (z.shape, z.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_array_equal(z, wanted)
        assert not np.shares_memory(z, x)
        rtol = 1e-12 if dtype == np.float64 else 1e-5
        np.testing.assert_allclose(loss, wanted_loss, rtol=rtol)
        np.testing.assert_allclose(slope, wanted_slope, rtol=rtol, atol=rtol)
        assert "numpy_" not in both.source() or shape in SHAPES[2:]  # arrays without entries are NumPy's


def test_values_in_native_code(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    x = np.random.default_rng(2).normal(size=(6, 7))

    def f(x):
        return np.cumsum(np.flip(np.copy(x), axis=1), axis=0), np.cumprod(x, axis=1)

    compiled = cr.compile(lambda x: [cr.vjp(lambda x, i=i: f(x)[i], x)[0] for i in range(2)])
    for _ in range(2):
        got = compiled(x)
    for z, wanted in zip(got, f(x), strict=True):
        np.testing.assert_array_equal(z, wanted)


def test_a_program_with_a_copy_and_many_writes_is_one_native_program():
    """The copy was NumPy's own once, and every write a call from Python."""

    def f(E):
        M = E.copy()
        for i in range(1, len(E)):
            for j in range(1, len(E) - 1):
                M[i, j] = M[i, j] + 0.3 * np.sin(M[i - 1, j - 1] + M[i - 1, j + 1])
        return np.sum(M[-1] ** 2)

    compiled = cr.compile(cr.value_and_grad(f))
    x = np.random.default_rng(3).normal(size=(8, 8))
    for _ in range(2):
        value, slope = compiled(x)
    wanted, wanted_slope = cr.value_and_grad(f)(x)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    np.testing.assert_allclose(slope, wanted_slope, rtol=1e-11, atol=1e-13)
    assert "all_threads()" not in compiled.source()  # which only programs driven from Python need


def test_each_of_many_guards_is_checked():
    """They are checked by one branch: here whether the entries of each sum are finite."""

    def f(x):
        total = 0.0
        for i in range(0, len(x) - 1, 2):
            total = total + np.log(np.sum(np.exp(-x[i : i + 2]))) * (i + 1)
        return total

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    x = np.random.default_rng(4).normal(size=520)
    with np.errstate(all="ignore"):
        for _ in range(3):
            compiled(x)
        for at in (0, 258, 518):
            other = x.copy()
            other[at : at + 2] = np.inf, np.inf
            for y in (other, x):
                value, slope = compiled(y)
                wanted, wanted_slope = g(y)
                np.testing.assert_allclose(value, wanted, rtol=1e-12)
                np.testing.assert_allclose(slope, wanted_slope, rtol=1e-10)
