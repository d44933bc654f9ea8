"""Compiled functions compute integers, truth values and small dtypes as NumPy does."""

import math

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.special as sp

import chainrule as cr
from chainrule.layout import bytes_of
from compile.interpreted import interpreted

BYTES = np.array([0, 2, 5], np.uint8)

CASES = {
    "expm1 of bytes": (sp.expm1, BYTES),
    "log1p of bytes": (sp.log1p, BYTES),
    "cbrt of bytes": (sp.cbrt, BYTES),
    "softplus of unsigned integers": (sp.softplus, BYTES.astype(np.uint64)),
    "angle of integers": (np.angle, np.array([-5, 3])),
    "reciprocal of integers": (np.reciprocal, np.array([-3, 1])),
    "conj of truths": (np.conj, np.array([True, False])),
    "the least truth": (lambda x: np.nanmin(x, initial=-1.0), np.array([False])),
    "a sum of truths": (lambda x: np.sum(x, initial=2), np.array([True, False])),
    "ldexp beyond the powers of 2": (lambda i: np.ldexp([1e-300, 0.0, 3e300], i), np.array([1100, 5000, -2000])),
    "a variance of fewer numbers than ddof": (lambda x: np.nanvar(x, ddof=5), np.array([1.0, np.nan, 2.0])),
    "a sum with keepdims by position": (lambda x: np.sum(x, 0, None, None, True), np.array([1.0, 2.0])),
    "a variance about a mean in double precision": (
        lambda x: np.var(x, mean=np.array([1.478])),
        np.array([-1.728, 1.523, -0.449], np.float32),
    ),
}


@pytest.mark.parametrize(("f", "x"), CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning")
def test_value_and_dtype_are_numpys(f, x):
    wanted = np.asarray(f(x))
    compiled = cr.compile(f)
    with interpreted():
        for _ in range(3):
            found = np.asarray(compiled(x))
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_unsigned_operands_do_not_wrap_in_the_rule():
    y = np.array([0, 1, 3], np.uint8)
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(sp.powm1(x, y)))(2.0), 0 + 1 + 3 * 2.0**2)


HALF = np.array([0.3, -1.2, 2.5, 0.7], np.float16)
WIDER_RESULTS = {
    "math.sqrt": lambda x: math.sqrt(x[0]),
    "math.exp": lambda x: math.exp(x[1]),
    "math.lgamma": lambda x: math.lgamma(x[2]),
    "histogram2d": lambda x: np.histogram2d([0, 1, 2, 3], [0, 1, 2, 3], 2, weights=x)[0],
    "histogramdd": lambda x: np.histogramdd(np.arange(4.0), 2, weights=x)[0],
    "CubicSpline": lambda x: scipy.interpolate.CubicSpline([0, 1, 2, 3], x)([0.5, 1.25]),
    "PchipInterpolator": lambda x: scipy.interpolate.PchipInterpolator([0, 1, 2, 3], x)([0.5, 1.25]),
    "solve_triangular": lambda x: scipy.linalg.solve_triangular(np.tril(np.ones((4, 4))), x, lower=True),
    "lu_solve": lambda x: scipy.linalg.lu_solve(scipy.linalg.lu_factor(np.eye(4) + np.ones((4, 4))), x),
    "brentq": lambda x: scipy.optimize.brentq(lambda t: t**3 - float(x[3]), 0, 2),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", WIDER_RESULTS)
def test_a_function_that_computes_in_double_does_so_when_compiled(name, dtype):
    f, x = WIDER_RESULTS[name], HALF.astype(dtype)
    compiled = cr.compile(f)
    compiled(x)
    np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)


@pytest.mark.parametrize("name", WIDER_RESULTS)
def test_the_gradient_of_a_function_that_computes_in_double_has_the_dtype_of_its_argument(name):
    f = lambda x: np.sum(np.asarray(WIDER_RESULTS[name](x)) ** 2)  # noqa: E731
    gradient = cr.grad(f)(HALF)
    assert gradient.dtype == np.float16
    np.testing.assert_allclose(gradient, cr.grad(f)(HALF.astype(float)), rtol=2e-3, atol=1e-3)


LONG_CONSTANTS = {
    "weights": lambda x: np.sum(x * np.arange(1, 5, dtype=np.longdouble)),
    "converted constants": lambda x: np.sum(np.cumprod(1 + x * 0.1) * np.linspace(0.0, 1.0, 4)),
    "gradient": lambda x: np.sum(np.gradient(x, 0.5) ** 2),
    "fft": lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2 * np.fft.rfftfreq(4)),
    "indices": lambda x: np.sum(np.outer(x, x)[np.tril_indices(4, -1)]),
}


@pytest.mark.parametrize("name", LONG_CONSTANTS)
def test_constants_of_longdouble_are_the_same_in_two_runs(name):
    """The bytes beside the 80 bits of a longdouble are arbitrary."""
    f, x = cr.value_and_grad(LONG_CONSTANTS[name]), np.array([0.3, -1.2, 2.5, 0.7], np.longdouble) / 3
    compiled = cr.compile(f)
    for _ in range(3):
        value, gradient = compiled(x)
        assert gradient.dtype == np.longdouble
        np.testing.assert_allclose(value, LONG_CONSTANTS[name](x), rtol=1e-18)
        np.testing.assert_allclose(gradient, f(x)[1], rtol=1e-17, atol=1e-18)


def test_the_bytes_of_equal_longdoubles_are_equal():
    third = np.longdouble(1) / 3
    for x in (np.full(3, third), np.array([third] * 3), np.array([[0, third]] * 3)[:, 1], np.repeat(third, 3)):
        assert bytes_of(x) == bytes_of(np.full(3, third))
        assert bytes_of(x.astype(x.dtype.newbyteorder(">"))) == bytes_of(x)[::-1]
    assert bytes_of(np.full(2, third)) != bytes_of(np.array([third, np.nextafter(third, 1)]))


def test_functions_of_math_take_longdouble():
    x = np.longdouble(0.75)
    assert cr.value_and_grad(lambda x: math.lgamma(x) * math.sqrt(x))(x)[0] == math.lgamma(0.75) * math.sqrt(0.75)
    assert cr.grad(lambda x: math.lgamma(x))(x) == pytest.approx(float(sp.digamma(0.75)), rel=1e-14)
