"""Plain NumPy programs with buffers, in-place updates, math and lists: unmodified, against NumPy and differences."""

import math

import numpy as np
import pytest

import chainrule as cr

from . import programs
from .programs import PROGRAMS, X


def differences(f, x, h=1e-6):
    slopes = []
    for e in np.eye(x.size) * h:
        slopes.append((f(x + e.reshape(x.shape)) - f(x - e.reshape(x.shape))) / (2 * h))
    return np.array(slopes).reshape(x.shape)


def checked(f, x):
    value, gradient = cr.value_and_grad(f)(x)
    plain = f(x.copy())
    assert value == pytest.approx(plain, rel=1e-13)
    assert np.asarray(value).dtype == np.asarray(plain).dtype
    low = f is programs.single_precision or f is programs.arrays_of_arrays
    np.testing.assert_allclose(
        gradient, differences(f, x, 1e-2 if low else 1e-6), rtol=2e-3 if low else 1e-6, atol=1e-7
    )
    return value, gradient


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_program_as_people_write_it(f):
    x = X if f is not programs.pythons_math else np.array([0.3, 1.2, 0.7])
    value, gradient = checked(f, x)
    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(3):
        again, slopes = compiled(x)
        assert again == pytest.approx(value, rel=1e-6 if f is programs.single_precision else 1e-12)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-6 if f is programs.single_precision else 1e-11, atol=1e-13)
    assert cr.check(f)(x).ok
    assert (programs.np, programs.zeros, programs.math) == (np, np.zeros, math)
