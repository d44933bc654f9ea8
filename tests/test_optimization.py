"""Minima, least squares and roots over trees, against SciPy and mathematics; solutions as functions."""

import numpy as np
import pytest
import scipy.optimize

import chainrule as cr
from chainrule.errors import GradientError

RNG = np.random.default_rng(11)
A = RNG.normal(size=(6, 3))
Y = RNG.normal(size=6)
START = {"w": np.zeros(3), "b": 0.5, "name": "line"}


def loss(p, y):
    return np.sum((A @ p["w"] + p["b"] - y) ** 2) + 0.1 * np.sum(p["w"] ** 4)


def of_vector(v):
    return np.sum((A @ v[:3] + v[3] - Y) ** 2) + 0.1 * np.sum(v[:3] ** 4)


def stationary():
    """The minimum, from SciPy, to all digits."""
    return scipy.optimize.minimize(of_vector, np.zeros(4), jac=cr.grad(of_vector), tol=1e-12, method="BFGS").x


METHODS = ["BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-ncg", "trust-krylov", "dogleg", "trust-exact", "SLSQP", "TNC"]


@pytest.mark.parametrize("method", METHODS)
def test_methods_get_the_derivatives_that_they_need(method):
    if method == "dogleg":  # it wants a positive definite Hessian
        result = cr.minimize(lambda p, y: loss(p, y) + 1e-3 * np.sum(p["w"] ** 2), START, (Y,), method=method)
        assert result.success
        return
    result = cr.minimize(loss, START, (Y,), method=method, tol=1e-10)
    w, b = np.split(stationary(), [3])
    np.testing.assert_allclose(result.x["w"], w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(result.x["b"], b[0], rtol=1e-4, atol=1e-5)
    assert result.x["name"] == "line"


def test_derivatives_may_be_compiled():
    plain = cr.minimize(loss, START, (Y,), method="trust-exact")
    compiled = cr.minimize(loss, START, (Y,), method="trust-exact", compile=True)
    np.testing.assert_allclose(compiled.x["w"], plain.x["w"], rtol=1e-6)
    assert set(compiled.jac) == {"w", "b", "name"}


def test_bounds_of_trees_and_progress():
    seen = []
    lower = {"w": np.array([0.2, -1.0, -1.0]), "b": -np.inf, "name": ""}
    result = cr.minimize(loss, START | {"w": np.full(3, 0.5)}, (Y,), bounds=(lower, None), callback=seen.append)
    assert result.x["w"][0] >= 0.2
    assert set(seen[0]) == {"w", "b", "name"}
    with pytest.raises(GradientError, match="a bound has 2 numbers, x0 has 4"):
        cr.minimize(loss, START, (Y,), bounds=(np.zeros(2), None))


def test_constraints_take_trees():
    result = cr.minimize(
        loss, START, (Y,), constraints={"type": "eq", "fun": lambda p, s: np.sum(p["w"]) - s, "args": (1.0,)}
    )
    assert np.sum(result.x["w"]) == pytest.approx(1.0, abs=1e-7)


def test_least_squares():
    result = cr.least_squares(lambda p, y: A @ p["w"] + p["b"] - y, START, (Y,), compile=True)
    expected = np.linalg.lstsq(np.column_stack([A, np.ones(6)]), Y, rcond=None)[0]
    np.testing.assert_allclose([*result.x["w"], result.x["b"]], expected, rtol=1e-7)


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov"])
def test_a_root_of_a_tree_is_found(method):
    result = cr.root(lambda p, a: [p[0] ** 2 - a, p[1] - p[0]], [1.0, 0.5], (3.0,), method=method)
    np.testing.assert_allclose(result.x, [3**0.5, 3**0.5], rtol=1e-5)


# The solution as a function of what the problem depends on


def test_the_derivative_of_a_minimum_is_that_of_the_implicit_function_theorem():
    def minimum(y):
        return np.sum(cr.minimize(loss, START, (y,), method="BFGS", tol=1e-12).x["w"] ** 2)

    v = stationary()
    slopes = cr.jacobian(lambda y: cr.grad(lambda v: np.sum((A @ v[:3] + v[3] - y) ** 2))(v))(Y)
    inverse = np.linalg.inv(cr.hessian(of_vector)(v))
    expected = -slopes.T @ inverse @ np.array([*(2 * v[:3]), 0.0])
    np.testing.assert_allclose(cr.grad(minimum)(Y), expected, rtol=1e-5)


def test_the_derivative_of_a_fit():
    t = np.linspace(0, 1, 7)

    def rate(y):
        return cr.least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - y, {"a": 1.5, "k": 2.0}, xtol=1e-14).x["k"]

    y = 2 * np.exp(-3 * t) + 0.01 * RNG.normal(size=7)
    step = 1e-5
    expected = [(rate(y + step * e) - rate(y - step * e)) / (2 * step) for e in np.eye(7)]
    np.testing.assert_allclose(cr.grad(rate)(y), expected, rtol=1e-4, atol=1e-6)


def test_the_first_and_second_derivative_of_a_root():
    solution = lambda a: cr.root(lambda x: x**2 - a, 1.0).x  # noqa: E731
    assert cr.grad(solution)(2.0) == pytest.approx(0.5 * 2**-0.5, rel=1e-8)
    assert cr.grad(cr.grad(solution))(2.0) == pytest.approx(-0.25 * 2**-1.5, rel=1e-7)
