"""What has no gradient in SciPy: results that are integers or truths, and arguments that are sizes."""

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.spatial.distance

import chainrule as cr
from chainrule.errors import RecordingError

X = np.random.default_rng(0).normal(size=(5, 6))


def test_integers_of_recorded_values():
    def f(x):
        labels, count = scipy.ndimage.label(x > 0)
        return np.sum(scipy.ndimage.sum_labels(x**2, labels, range(1, count + 1)) * np.arange(1.0, count + 1))

    labels = scipy.ndimage.label(X > 0)[0]
    np.testing.assert_allclose(cr.grad(f)(X), 2 * X * labels, rtol=1e-14)


def test_truths_of_recorded_values():
    def f(x):
        return np.sum(x) if scipy.linalg.issymmetric(x @ x.T) else 0.0 * np.sum(x)

    np.testing.assert_array_equal(cr.grad(f)(X), np.ones_like(X))


def test_truths_of_recorded_values_as_arguments():
    def f(x):
        return np.sum(x) * scipy.spatial.distance.hamming(x[0] > 0, x[1] > 0)

    part = scipy.spatial.distance.hamming(X[0] > 0, X[1] > 0)
    np.testing.assert_array_equal(cr.grad(f)(X), np.full(X.shape, part))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: scipy.ndimage.zoom(X, x),
        lambda x: scipy.ndimage.uniform_filter(X, x),
        lambda x: scipy.ndimage.percentile_filter(X, x, size=3),
    ],
)
def test_an_argument_without_a_derivative_is_an_error_that_names_it(f):
    with pytest.raises(RecordingError, match="has no derivative; give"):
        cr.grad(lambda x: np.sum(f(x)))(2.0)


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda x: scipy.interpolate.barycentric_interpolate(X[0], x, 0.3, der=1, rng=0), "with der=0"),
        (lambda x: scipy.interpolate.BarycentricInterpolator(X[0])(x), "give it yi"),
        (lambda x: scipy.interpolate.BarycentricInterpolator(X[0], X[1], wi=X[2])(x), "leave out wi"),
        (lambda x: scipy.interpolate.RBFInterpolator(X[:, :2], x[:5], neighbors=3)(X[:, :2]), "without neighbors"),
    ],
)
def test_an_interpolation_that_is_not_covered_says_what_to_leave_out(f, told):
    with pytest.raises(RecordingError, match=told):
        cr.grad(lambda x: np.sum(f(x)))(X[1])
