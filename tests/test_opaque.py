"""cr.opaque: functions that are not looked into, with derivatives by differences or by a function that is given."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError


def plain(x, k=2.0):
    """It takes its argument apart, so it could not be recorded."""
    assert type(x) is np.ndarray
    return np.array([float(x[0]) * float(x[1]), k * float(x[1]) ** 3])


def slopes(x, k=2.0):
    return np.array([[x[1], x[0]], [0.0, 3 * k * x[1] ** 2]])


X = np.array([2.0, 3.0])


@pytest.mark.parametrize("jac", ["3-point", lambda x, weights, **options: weights])
def test_plain_arguments_are_what_they_were_when_it_was_called(jac):
    weights = np.array([2.0, 3.0])
    _, pull = cr.vjp(lambda x: cr.opaque(lambda x, weights: float(x @ weights), jac)(x, weights), X)
    weights[:] = 0
    np.testing.assert_allclose(pull(1.0)[0], [2.0, 3.0], rtol=1e-9)


@pytest.mark.parametrize(("jac", "digits"), [("2-point", 1e-6), ("3-point", 1e-8), (slopes, 1e-14)])
def test_the_jacobian_of_an_opaque_function_is_right(jac, digits):
    f = cr.opaque(plain, jac)
    np.testing.assert_array_equal(f(X), plain(X))
    np.testing.assert_allclose(cr.jacobian(f)(X), slopes(X), rtol=digits, atol=digits)
    np.testing.assert_allclose(cr.jacobian(lambda x: f(x * 1.0, k=3.0))(X), slopes(X, 3.0), rtol=digits, atol=digits)


def test_several_arguments_and_results():
    f = cr.opaque(lambda a, n, b: (a * n, {"s": np.sum(a) * float(b)}))
    loss = lambda a, b: np.sum(f(a, 3, b)[0] ** 2) + f(a, 3, b)[1]["s"] ** 2  # noqa: E731
    a, b = cr.grad(loss, (0, 1))(X, 0.5)
    np.testing.assert_allclose(a, 18 * X + 2 * 2.5 * 0.5, rtol=1e-8)
    np.testing.assert_allclose(b, 2 * 2.5 * 5.0, rtol=1e-8)


def test_second_derivatives_are_differences_of_a_given_jacobian():
    hessian = cr.hessian(lambda x: np.sum(cr.opaque(plain, slopes)(x)))(X)
    np.testing.assert_allclose(hessian, [[0.0, 1.0], [1.0, 36.0]], atol=1e-7)


def test_differences_have_no_second_derivatives():
    with pytest.raises(GradientError, match="no second derivative"):
        cr.hessian(lambda x: np.sum(cr.opaque(plain)(x)))(X)


def test_compiled_code_calls_an_opaque_function_in_each_run():
    loss = lambda x: np.sum(cr.opaque(plain, slopes)(x) ** 2)  # noqa: E731
    compiled = cr.compile(cr.value_and_grad(loss))
    for x in (X, X, X + 1, X - 0.5):
        value, gradient = compiled(x)
        assert value == pytest.approx(loss(x))
        np.testing.assert_allclose(gradient, 2 * plain(x) @ slopes(x), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: cr.opaque(plain, "4-point"), "3-point"),
        (lambda: cr.opaque(3.0), "takes a function"),
        (lambda: cr.grad(lambda x: np.sum(cr.opaque(plain, lambda x: x)(x)))(X), r"has the shape \(2, 2\)"),
        (lambda: cr.grad(lambda x: np.sum(cr.opaque(plain)(X, k=x)))(2.0), "by position"),
    ],
)
def test_wrong_jacobians_of_opaque_functions_are_refused(make, told):
    with pytest.raises(GradientError, match=told):
        make()
