"""While a function records, the names by which it reaches SciPy stand for dispatchers; SciPy itself is unchanged."""

import copy
import pickle

import numpy as np
import pytest
import scipy
import scipy.cluster.hierarchy as hierarchy
import scipy.integrate as si
import scipy.interpolate
import scipy.linalg
import scipy.stats
from scipy import integrate
from scipy.integrate import trapezoid

import chainrule as cr
from chainrule.errors import RecordingError

Y = np.array([1.0, 3.0, 2.0])
EXPECTED = [0.5, 1.0, 0.5]


@pytest.mark.parametrize(
    "f",
    [
        lambda y: scipy.integrate.trapezoid(y),
        lambda y: si.trapezoid(y),
        lambda y: integrate.trapezoid(y),
        lambda y: trapezoid(y),
    ],
)
def test_every_way_to_name_a_function(f):
    np.testing.assert_array_equal(cr.grad(f)(Y), EXPECTED)
    assert (scipy.integrate, si.trapezoid) == (integrate, trapezoid)
    assert type(trapezoid) is type(test_every_way_to_name_a_function)


def test_names_in_closures_that_are_made_again():
    def made():
        import scipy.integrate as library

        return lambda y: library.trapezoid(y)

    for _ in range(3):
        np.testing.assert_array_equal(cr.grad(made())(Y), EXPECTED)


def test_without_recorded_values_scipys_own_function_runs():
    kinds = []

    def f(y):
        kinds.append(type(trapezoid(np.ones(3))))
        kinds.append(si.trapezoid([1.0, 2.0]))
        return trapezoid(y)

    cr.grad(f)(Y)
    assert kinds == [np.float64, 1.5]


def test_a_function_without_a_twin_says_what_to_write():
    with pytest.raises(RecordingError, match=r"derivative of scipy.integrate.qmc_quad is not known[^§]*cr.opaque"):
        cr.grad(lambda b: integrate.qmc_quad(lambda x: x[0], 0.0, b)[0])(1.0)


def test_a_mistake_of_the_user_keeps_its_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        cr.grad(lambda y: integrate.fixed_quad(np.sin, 0.0, y, nonsense=1)[0])(1.0)


def test_type_tests_see_scipys_classes():
    def f(y):
        result = scipy.integrate.solve_ivp(lambda t, u: -u, (0.0, 1.0), [1.0])
        assert isinstance(result, scipy.optimize.OptimizeResult)
        return trapezoid(y)

    np.testing.assert_array_equal(cr.grad(f)(Y), EXPECTED)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: scipy.stats.norm.logpdf(x), "scipy.stats.logpdf"),
        (lambda x: scipy.interpolate.CubicSpline([0.0, 1.0, 2.0], Y)(x), "CubicSpline"),
        (lambda x: scipy.interpolate.CubicSpline([0.0, 1.0, 2.0], x), "scipy.interpolate.CubicSpline"),
    ],
)
def test_outside_of_a_recorded_function_the_error_says_where_there_is_a_derivative(call, name):
    with pytest.raises(RecordingError, match=f"{name}[^§]*cr.grad"):
        call(cr.variable(Y))


def test_an_object_of_scipys_in_an_attribute_a_list_and_a_global():
    class Model:
        def __init__(self):
            self.spline = scipy.interpolate.CubicSpline([0.0, 1.0, 3.0], [0.0, 1.0, 2.0])
            self.others = [self.spline.derivative()]

        def predict(self, x):
            return self.spline(x) * self.others[0](x)

    model = Model()
    before = model.spline
    f = lambda x: model.predict(x)  # noqa: E731
    expected = (f(0.7 + 1e-6) - f(0.7 - 1e-6)) / 2e-6
    assert cr.grad(f)(0.7) == pytest.approx(expected)
    assert model.spline is before


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_objects_of_scipys_keep_the_gradient(copied):
    at = np.linspace(0, 1, 3)
    of_values = lambda y: scipy.interpolate.CubicSpline(at, y)  # noqa: E731
    plain = of_values(Y)
    np.testing.assert_array_equal(
        cr.grad(lambda y: copied(of_values(y))(0.3))(Y), cr.grad(lambda y: of_values(y)(0.3))(Y)
    )
    assert cr.grad(lambda x: copied(plain)(x))(0.3) == pytest.approx(float(plain(0.3, 1)))
    assert cr.grad(lambda x: copied(scipy.stats.norm).cdf(x))(0.3) == pytest.approx(scipy.stats.norm.pdf(0.3))


def test_an_object_of_scipys_is_pickled_unless_that_would_lose_a_gradient():
    at = np.linspace(0, 1, 3)
    plain = scipy.interpolate.CubicSpline(at, Y)
    assert cr.grad(lambda x: x * pickle.loads(pickle.dumps(plain))(0.3))(1.0) == plain(0.3)
    with pytest.raises(RecordingError, match="cannot be pickled"):
        cr.grad(lambda y: pickle.loads(pickle.dumps(scipy.interpolate.CubicSpline(at, y)))(0.3))(Y)


def test_functions_of_scipy_as_defaults_of_functions_with_one_code():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    trace, det, exponential = [
        cr.grad(lambda x, f=f: np.sum(f(x)))(a) for f in (np.trace, scipy.linalg.det, scipy.linalg.expm)
    ]
    np.testing.assert_array_equal(trace, np.eye(2))
    np.testing.assert_allclose(det, scipy.linalg.det(a) * np.linalg.inv(a).T)
    ones = scipy.linalg.expm_frechet(a.T, np.ones((2, 2)), compute_expm=False)
    np.testing.assert_allclose(exponential, ones)


def test_a_function_of_scipy_that_is_called_as_a_type_of_numpy():
    heights = [3.0, 4.0, 1.0]
    method = "single"
    slope = cr.grad(lambda y: np.sum(getattr(hierarchy, method)(y)[:, 2]))(np.array(heights))
    np.testing.assert_array_equal(slope, [1.0, 0.0, 1.0])
