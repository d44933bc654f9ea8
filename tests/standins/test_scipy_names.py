"""While a function records, the names by which it reaches SciPy stand for dispatchers; SciPy itself is unchanged."""

import numpy as np
import pytest
import scipy
import scipy.integrate as si
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
    with pytest.raises(RecordingError, match=r"derivative of scipy.integrate.tplquad is not known[^§]*cr.opaque"):
        cr.grad(lambda b: integrate.tplquad(lambda x, y, z: x * y, 0.0, b, 0.0, 1.0, 0.0, 1.0)[0])(1.0)


def test_a_mistake_of_the_user_keeps_its_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        cr.grad(lambda y: integrate.fixed_quad(np.sin, 0.0, y, nonsense=1)[0])(1.0)


def test_type_tests_see_scipys_classes():
    def f(y):
        result = scipy.integrate.solve_ivp(lambda t, u: -u, (0.0, 1.0), [1.0])
        assert isinstance(result, scipy.optimize.OptimizeResult)
        return trapezoid(y)

    np.testing.assert_array_equal(cr.grad(f)(Y), EXPECTED)
