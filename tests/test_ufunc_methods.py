"""Reductions by ufuncs, held against their definition: the steps taken one after the other."""

from functools import reduce

import numpy as np
import pytest

import chainrule as cr
from catalogue_ufunc_methods import UFUNCS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 17])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", UFUNCS)
def test_a_reduction_takes_the_steps_from_the_left(name, axis, length, dtype):
    f = UFUNCS[name][0]
    rows = np.random.default_rng(length).uniform(0.5, 1.5, (length, 4)).astype(dtype)
    expected = reduce(f, rows)
    value, pullback = cr.vjp(lambda x: f.reduce(x, axis=axis), rows if axis == 0 else np.ascontiguousarray(rows.T))
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-6 if dtype == np.float32 else 1e-13)
    by_steps = cr.vjp(lambda x: reduce(f, x), rows)[1](value)
    (grad,) = pullback(value)
    np.testing.assert_allclose(
        grad if axis == 0 else grad.T, by_steps[0], rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-6
    )
