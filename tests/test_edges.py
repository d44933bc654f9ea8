"""NumPy's functions at the edges of what they take: recorded as in NumPy, with the gradient of differences."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.array import value_of


def slope(f, x, h=1e-6):
    """The gradient by differences, entry by entry."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(f(x + step) - f(x - step)) / (2 * h) for step in steps]).reshape(x.shape)


TWICE, NEGATED, SQUARED = (lambda v: v * 2), (lambda v: -v), (lambda v: v**2)
X = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
PIECES = [
    (X, [X < 0, X > 0], [TWICE, NEGATED, SQUARED]),
    (X, [X < 0, X > 0], [TWICE, NEGATED]),
    (X, X < 0, [TWICE, NEGATED]),
    (X, (X < 0, X >= 0), [TWICE, NEGATED]),
    (X, np.array([X < 0, X > 0]), [1.0, 2.0, 3.0]),
    (X, [True, False, False, True, True], [TWICE]),
    (X, [True, False, False], [TWICE]),
    (X[:, None], X[:, None] < 0, [TWICE, NEGATED]),
    (np.array(3.0), True, [TWICE, NEGATED]),
    (np.array(3.0), [True, False], [TWICE, NEGATED]),
    (np.array(3.0), np.array(True), [TWICE, NEGATED]),
    (np.array(3.0), [[True]], [TWICE]),
    (np.empty(0), np.zeros((1, 0), bool), [TWICE, NEGATED]),
    (np.empty(0), np.array([[False]]), [TWICE, NEGATED]),
]


@pytest.mark.parametrize(("x", "conditions", "functions"), PIECES)
def test_piecewise_counts_conditions_as_numpy_does(x, conditions, functions):
    try:
        wanted = np.piecewise(x, conditions, functions)
    except (ValueError, IndexError):
        with pytest.raises((ValueError, IndexError, cr.errors.BlockError)):
            np.piecewise(cr.variable(x), conditions, functions)
    else:
        np.testing.assert_array_equal(value_of(np.piecewise(cr.variable(x), conditions, functions)), wanted)


def test_the_edges_of_a_histogram_of_equal_entries_move_with_them():
    weights = np.cos(np.arange(11.0))
    for x in (np.array([0.3]), np.array([1.5, 1.5])):
        f = lambda x: np.sum(np.histogram(x)[1] * weights)  # noqa: E731
        assert np.isclose(np.sum(cr.grad(f)(x)), (f(x + 1e-6) - f(x - 1e-6)) / 2e-6)


def test_a_geometric_range_that_is_complex_has_a_gradient_between_signs():
    f = lambda x: np.sum(np.geomspace(2, x, 5, endpoint=False, dtype=complex).imag ** 2)  # noqa: E731
    x = np.array(-2.082)
    assert np.isclose(cr.grad(f)(x), slope(f, x.reshape(1))[0], rtol=1e-5)


def test_intersect1d_of_what_is_not_unique_is_numpys():
    a, b = np.array([[-1.577, -1.314, -3.0]], np.float32), np.array([[1, 0, 0], [1, -3, 0]], np.int8)
    found = np.intersect1d(cr.variable(a), b, assume_unique=True)
    wanted = np.intersect1d(a, b, assume_unique=True)
    np.testing.assert_array_equal(found.value, wanted)
    assert found.dtype == wanted.dtype


def test_the_transform_of_a_number_along_no_axis_is_an_array():
    for f in (np.fft.fftn, np.fft.ifftn):
        compiled = cr.compile(f)
        for _ in range(2):
            found = compiled(np.float64(1.5))
            assert type(found) is np.ndarray
            assert found == f(np.float64(1.5))


@pytest.mark.parametrize(
    "x", [np.float64(2.3), np.array(2.3), np.complex128(2), np.array([1 + 0j]), np.complex64(1 + 1j)]
)
def test_the_real_part_of_a_number_that_is_close_to_real_is_an_array(x):
    compiled, wanted = cr.compile(np.real_if_close), np.real_if_close(x)
    for found in (compiled(x), compiled(x), np.real_if_close(cr.variable(x)).value):
        assert (type(found), found.dtype) == (np.ndarray, wanted.dtype)
        np.testing.assert_array_equal(found, wanted)


def test_no_differences_are_the_array_itself():
    assert np.diff(cr.variable(np.float64(0.7)), n=0, prepend=np.empty(0)).value == 0.7


def test_code_is_written_where_complex_numbers_depend_on_sizes():
    def f(x):
        total = cr.logsumexp(x, axis=None)
        z = x + 1j * total
        return np.sum(np.sin(np.real(z)) * np.imag(z)) + np.mean(total * total)

    x = np.array([[1.1, 1.12, -0.92]])
    assert_code_is_right(f, x, x + 0.3)


def assert_code_is_right(f, x, other):
    """The code that is written for x is right for other numbers too."""
    exec(cr.explain(f)(x).code(), namespace := {})
    for numbers in (x, other):
        value, gradient = namespace[f"{f.__name__}_and_gradient"](numbers)
        assert np.isclose(value, f(numbers))
        np.testing.assert_allclose(gradient, cr.grad(f)(numbers))


def test_a_number_times_i_stays_a_variable_in_code():
    """In Python 1j times np.float64 is a complex of Python, which is no constant for all that."""

    def f(x):
        return np.sum(np.abs(x + 1j * np.mean(x * x))) + np.sum(np.imag(x * x + np.sum(x) * 1j - 1j / np.sum(x)))

    x = np.array([1.1, 1.12, -0.92])
    assert_code_is_right(f, x, 1.3 * x + 0.1)


def test_flags_say_what_may_be_written_into():
    def flags(x):
        arrays = (x, x * 2, np.broadcast_to(x, (2, 3)), x.T, x[1:], np.copy(x), np.real(x), np.imag(x))
        return [a.flags.writeable for a in arrays]

    x = np.ones(3)
    assert flags(cr.variable(x)) == flags(x)
    x.flags.writeable = False
    assert flags(cr.variable(x)) == flags(x)


def test_the_singular_values_of_a_fit_depend_on_its_places():
    x, y, weights = np.array([0.1, 0.5, 1.0, 2.0, -1.0, 0.7]), np.ones(6), np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.sum(np.polyfit(x, y, 2, full=True)[3] * weights)

    by_differences = [(f(x + e) - f(x - e)) / 2e-6 for e in 1e-6 * np.eye(6)]
    np.testing.assert_allclose(cr.grad(f)(x), by_differences, rtol=1e-6)
