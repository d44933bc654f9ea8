"""All that the catalogue covers compiles, and gives what it gives uncompiled, for values that were not recorded."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from catalogue import CASES
from chainrule.domains import Example
from compile.interpreted import interpreted

DRAWS = frozenset(
    [
        "dropout with a generator",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "dropout2d of one sample",
        "feature_alpha_dropout",
        "scaled_dot_product_attention with dropout",
    ]
)
"""Cases that draw random numbers, which a compiled function refuses."""

every_case = pytest.mark.parametrize("case", [c for c in CASES if c.name not in DRAWS], ids=lambda case: case.name)


def leaves(x):
    return list(x) if isinstance(x, tuple | list) else [x]


def of_value_and_gradients(case):
    """Value and gradients of a case as one function, for a fixed cotangent."""

    def f(*xs):
        z, pullback = cr.vjp(case.f, *xs)
        dz = np.cos(np.arange(np.size(np.empty(np.shape(z))), dtype=z.dtype)).reshape(np.shape(z))
        return z, pullback(dz)

    return f


def other_arrays(case, dtype):
    """Operands that differ from those of the case."""
    return Example(case.operands).arrays(case.name + " again", dtype)


def assert_same(actual, desired, rtol, atol=0.0):
    actual, desired = leaves(actual), leaves(desired)
    assert len(actual) == len(desired)
    for a, d in zip(actual, desired, strict=True):
        if isinstance(d, tuple | list):
            assert_same(a, d, rtol, atol)
            continue
        assert np.shape(a) == np.shape(d)
        assert np.asarray(a).dtype == np.asarray(d).dtype
        scale = np.max(np.abs(np.where(np.isfinite(d), d, 0)), initial=0.0)
        np.testing.assert_allclose(a, d, rtol=rtol, atol=max(atol, rtol * float(scale)))


def looks_at_values(compiled):
    """Whether what f does depends on whole arrays, so that rounding alone may lead to another version."""
    return any(how == "value" for v in compiled._versions.values() for how, _ in v[0].expected)


@every_case
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_value_and_gradients_are_those_of_the_uncompiled_function(case, dtype):
    f = of_value_and_gradients(case)
    compiled = cr.compile(f)
    rtol = 1e-11 if dtype == np.float64 else 2e-4
    with interpreted(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        xs = case.arrays(dtype)
        assert_same(compiled(*xs), f(*xs), rtol)
        for again in (xs, other_arrays(case, dtype)):
            assert_same(compiled(*again), f(*again), rtol)
            assert not compiled._failed
            if again is xs and not looks_at_values(compiled):
                assert "1 version" in repr(compiled)  # it ran what was compiled
