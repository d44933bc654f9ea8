"""Python's cmath and statistics with recorded numbers: their values, and derivatives against differences."""

import cmath
import math
import statistics

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError

X = np.array([0.3, 1.2, 2.1, 0.7])
CALLS = {
    "fsum of a generator": lambda x: math.fsum(t**2 for t in x),
    "prod of a generator": lambda x: math.prod(t**2 for t in x),
    "mean": lambda x: statistics.mean(x),
    "fmean": lambda x: statistics.fmean(x, weights=[1, 2, 3, x[0]]),
    "fmean of a generator": lambda x: statistics.fmean(t * t for t in x),
    "geometric_mean": lambda x: statistics.geometric_mean(list(x)),
    "harmonic_mean": lambda x: statistics.harmonic_mean([*x]),
    "harmonic_mean with weights": lambda x: statistics.harmonic_mean(list(x), weights=x),
    "median": lambda x: statistics.median(x),
    "median_low": lambda x: statistics.median_low(x),
    "median_high": lambda x: statistics.median_high([*x]),
    "pvariance": lambda x: statistics.pvariance(x),
    "variance": lambda x: statistics.variance(x),
    "variance about a centre": lambda x: statistics.variance(x, 1.0),
    "stdev": lambda x: statistics.stdev(x),
    "pstdev": lambda x: statistics.pstdev([*x]),
    "covariance": lambda x: statistics.covariance(x, x[::-1]),
    "correlation": lambda x: statistics.correlation(x, [1.0, 2.0, 3.0, 5.0]),
    "exp": lambda x: abs(cmath.exp(1j * x[0]) * x[1] + 1),
    "sqrt": lambda x: cmath.sqrt(-x[0]).imag,
    "log": lambda x: cmath.log(x[0] + 1j * x[1], 2).imag,
    "phase": lambda x: cmath.phase(x[0] + 1j * x[1]),
    "polar": lambda x: sum(cmath.polar(x[0] + 1j * x[1])),
    "rect": lambda x: abs(cmath.rect(x[0], x[1]) + 1),
    "asin": lambda x: cmath.asin(x[1]).imag,
    "isclose": lambda x: cmath.isclose(x[0] * 1j, x[0]) + x[1],
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_of_numbers_have_pythons_values_and_right_gradients(name):
    f = CALLS[name]
    value, slopes = cr.value_and_grad(f)(X)
    assert value == f(X)
    expected = [(f(X + h) - f(X - h)) / 2e-6 for h in np.eye(4) * 1e-6]
    np.testing.assert_allclose(slopes, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["polar", "median", "correlation"])
def test_compiled_functions_of_numbers_have_the_uncompiled_values_and_gradients(name):
    compiled = cr.compile(cr.value_and_grad(CALLS[name]))
    for x in (X, X[::-1].copy()):
        value, slopes = compiled(x)
        np.testing.assert_allclose(value, CALLS[name](x), rtol=1e-12)
        np.testing.assert_allclose(slopes, cr.grad(CALLS[name])(x), rtol=1e-12)


def test_a_function_without_a_gradient_is_an_error():
    with pytest.raises(RecordingError, match=r"statistics\.mode has no gradient here"):
        cr.grad(lambda x: statistics.mode(x))(X)
