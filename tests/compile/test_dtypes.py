"""Compiled functions compute integers, truth values and small dtypes as NumPy does."""

import numpy as np
import pytest
import scipy.special as sp

import chainrule as cr
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
