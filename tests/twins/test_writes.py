"""SciPy's functions write into no recorded array, and results that are to be written into an array are recorded."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.ndimage
import scipy.spatial.distance

import chainrule as cr
from chainrule.errors import RecordingError
from chainrule.standins.scipy_functions import scipy_standin

A = np.asfortranarray(np.random.default_rng(0).normal(size=(4, 4)) + 4 * np.eye(4))
B = np.arange(4.0)
OUTSIDE = np.zeros(4)


@pytest.mark.parametrize(
    ("overwriting", "plain"),
    [
        (lambda a, b: scipy.linalg.solve(a, b, overwrite_a=True, overwrite_b=True), scipy.linalg.solve),
        (lambda a, b: scipy.linalg.solve(a * 2.0, b, False, True, True), lambda a, b: scipy.linalg.solve(a * 2.0, b)),
        (lambda a, b: scipy.linalg.lu_factor(a, True)[0] @ b, lambda a, b: scipy.linalg.lu_factor(a)[0] @ b),
        (lambda a, b: scipy.linalg.inv(a, overwrite_a=True) @ b, lambda a, b: scipy.linalg.inv(a) @ b),
        (lambda a, b: scipy.fft.dct(a, overwrite_x=True) * a, lambda a, b: scipy.fft.dct(a) * a),
    ],
)
def test_overwriting_keeps_what_is_recorded(overwriting, plain):
    def loss(f):
        return cr.value_and_grad(lambda a, b: np.sum(f(a, b) ** 2) + 0 * np.sum(a) + 0 * np.sum(b), (0, 1))

    value, gradients = loss(overwriting)(A.copy(order="F"), B.copy())
    expected, others = loss(plain)(A, B)
    assert value == expected
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_result_is_written_into_an_array_of_the_function():
    def f(x):
        out, distances = np.zeros(4), np.empty((4, 4))
        scipy.ndimage.gaussian_filter1d(x, 1.0, output=out)
        returned = scipy.spatial.distance.cdist(x[:, None], x[:, None], out=distances)
        return np.sum(out**2) + 0.25 * np.sum(distances) + 0.75 * np.sum(returned)

    def g(x):
        y = scipy.ndimage.gaussian_filter1d(x, 1.0)
        return np.sum(y**2) + np.sum(scipy.spatial.distance.cdist(x[:, None], x[:, None]))

    np.testing.assert_array_equal(cr.grad(f)(B), cr.grad(g)(B))


def test_a_result_that_is_to_be_written_into_a_plain_array_is_an_error():
    gaussian = scipy_standin(scipy.ndimage.gaussian_filter1d, frozenset())
    before = OUTSIDE.copy()
    with pytest.raises(RecordingError, match="gaussian_filter1d cannot be written into a plain array"):
        gaussian(cr.variable(B), 1.0, -1, 0, OUTSIDE)
    np.testing.assert_array_equal(OUTSIDE, before)
