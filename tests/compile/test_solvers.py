"""Solvers of SciPy in compiled functions: SciPy solves again for other arguments, and the values are those of eager."""

import importlib
import threading

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.optimize
import scipy.sparse.linalg
import scipy.spatial
from scipy.integrate import quad
from scipy.optimize import (
    brentq,
    fixed_point,
    fsolve,
    least_squares,
    minimize,
    minimize_scalar,
    newton,
    root,
    root_scalar,
)

import chainrule as cr


@pytest.fixture
def made(monkeypatch):
    """One entry for each program that is compiled."""
    made = []
    version = importlib.import_module("chainrule.compile.version").Version
    prepare = version._compile
    monkeypatch.setattr(version, "_compile", lambda self, key=None: (made.append(1), prepare(self, key))[1])
    return made


def points(n=5, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2.0, size=(n, 2))


def agrees(f, *others, rtol=1e-9, xs=None):
    """Compare compiled values and gradients with those of the function itself, and these with differences."""
    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for x in points() if xs is None else xs:
        value, gradient = compiled(x, *others)
        expected = g(x, *others)
        np.testing.assert_allclose(value, expected[0], rtol=rtol)
        np.testing.assert_allclose(gradient, expected[1], rtol=rtol, atol=1e-9)
        h = 1e-4 * np.eye(len(x))
        slopes = [(f(x + d, *others) - f(x - d, *others)) / 2e-4 for d in h]
        np.testing.assert_allclose(gradient, slopes, rtol=2e-3, atol=1e-4)
    return compiled


def bracket(p):
    a = np.exp(p[0])
    return brentq(lambda z: z**3 + a * z - p[1], a - 60.0, 50.0 * p[1]) ** 2


def with_args(p):
    return scipy.optimize.ridder(lambda z, a, b: z**3 + a * z - b, -60.0, 50.0, args=(p[0], p[1]))


def newton_with_slopes(p):
    return newton(lambda z: z**3 - p[0], p[1], fprime=lambda z: 3 * z**2) + p[1]


def stacked_newton(p):
    return np.sum(newton(lambda z: z**3 + z - p, np.ones(2), fprime=lambda z: 3 * z**2 + 1))


def scalar(p):
    r = root_scalar(lambda z: z**3 + z - p[0] * p[1], bracket=[-9.0, 9.0])
    return r.root if r.converged else 0.0 * p[0]


def equations(p):
    return np.sum(fsolve(lambda z: [z[0] ** 2 + z[1] - p[0] - 1, z[0] - p[1] * z[1] ** 2], [1.0, 0.5]) ** 2)


def system(p):
    r = root(lambda z: np.array([z[0] ** 2 + z[1] - p[0] - 1, z[0] - p[1] * z[1] ** 2]), [1.0, 0.5], tol=1e-12)
    assert r.success
    return r.x[0] * r.x[1]


def system_with_jacobian(p):
    r = root(lambda z: z + p * z**3 - 1, np.ones(2), jac=lambda z: np.diag(1 + 3 * p * z**2), tol=1e-12)
    return np.sum(r.x)


def fixed(p):
    return fixed_point(lambda z: np.cos(z * p[0]) / 2, 0.5) * p[1]


def minimum(p):
    r = minimize(lambda z: np.sum((z - p) ** 2) + np.sum(z**4), np.zeros(2), tol=1e-9)
    return np.sum(r.x) + r.fun


def minimum_with_jacobian(p):
    def slope(z):
        return 2 * (z - p) + 4 * z**3

    r = minimize(lambda z: np.sum((z - p) ** 2) + np.sum(z**4), np.zeros(2), jac=slope, method="BFGS", tol=1e-9)
    return np.sum(r.x**2)


def minimum_with_its_slope(p):
    def both(z):
        return np.sum((z - p) ** 2) + np.sum(z**4), 2 * (z - p) + 4 * z**3

    return np.sum(minimize(both, np.zeros(2), jac=True, tol=1e-9).x ** 2)


def system_in_a_buffer(p):
    def equations(z):
        out = np.zeros(2)
        out[0] = z[0] ** 2 + z[1] - p[0] - 1
        out[1] = z[0]
        out[1] -= p[1] * z[1] ** 2
        return out

    return np.sum(root(equations, [1.0, 0.5], tol=1e-12).x)


def minimum_of_one(p):
    return minimize_scalar(lambda z: (z - p[0]) ** 2 + p[1] * np.cosh(z), tol=1e-10).x


def fitted(p):
    t = np.linspace(0.0, 1.0, 7)
    r = least_squares(lambda c: c[0] * np.exp(c[1] * t) - p[0] - p[1] * t, np.array([1.0, 0.5]), xtol=1e-12, gtol=1e-12)
    return np.sum(r.x) + r.cost


ALL = [bracket, with_args, newton_with_slopes, stacked_newton, scalar, equations, system, system_with_jacobian, fixed]
ALL += [minimum, minimum_with_jacobian, minimum_with_its_slope, minimum_of_one, fitted, system_in_a_buffer]


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_other_arguments_take_the_same_program(made, f):
    agrees(f, rtol=1e-6)
    assert len(made) == 1


def test_the_callback_of_the_user_is_not_called_any_more():
    calls = []

    def f(p):
        def g(z):
            calls.append(1)
            return z**3 + p[0] * z - p[1]

        return brentq(g, -9.0, 9.0)

    compiled = cr.compile(f)
    compiled(points()[0])
    compiled(points()[1])
    del calls[:]
    values = [compiled(x) for x in points(20)]
    assert calls == []
    np.testing.assert_allclose([z**3 + x[0] * z - x[1] for z, x in zip(values, points(20), strict=True)], 0, atol=1e-9)


def test_solvers_within_solvers(made):
    def f(p):
        def outer(z):
            return brentq(lambda y: y**3 + y - z * p[0], -50.0, 50.0) - p[1]

        return brentq(outer, -50.0, 50.0)

    agrees(f, rtol=1e-8)
    assert len(made) == 1


def test_second_derivatives():
    h = cr.hessian(lambda p: brentq(lambda z: z**3 + p[0] * z - p[1], -9.0, 9.0))
    compiled = cr.compile(h)
    for x in points():
        np.testing.assert_allclose(compiled(x), h(x), rtol=1e-7, atol=1e-9)


# What decides the steps of a callback --------------------------------------------------------------------------------


def test_a_branch_at_the_solution_is_a_path(made):
    def f(p):
        return brentq(lambda z: z**3 - p[0] if z - p[1] > 10 else z - p[0], -50.0, 50.0) + p[1]

    agrees(f)
    assert len(made) == 1


def test_a_branch_on_the_way_to_the_solution_is_recorded(made):
    def f(p):
        return brentq(lambda z: z**3 - p[0] if z > 0 else 10 * z - p[0], -5.0, 3.0)

    xs = [np.array([s * a, 1.0]) for a in (0.5, 1.5, 2.0, 1.0) for s in (1.0, -1.0)]
    agrees(f, xs=xs)
    assert len(made) == 2


def test_a_callback_that_decides_by_integers(made):
    """The intervals of a spline, which are found in a table."""
    table = scipy.interpolate.interp1d(np.arange(6.0), np.arange(6.0) ** 2, kind="cubic")

    def f(p):
        return brentq(lambda z: table(z) - 6 * p[0], 0.1, 4.9) + p[1]

    agrees(f, xs=[*points(8), *points(8)])
    assert 1 <= len(made) <= 5


def test_a_callback_that_decides_by_numbers(may_run_uncompiled):
    def f(p):
        def terms(z):
            n = int(abs(z)) + 1
            return sum(z / n for _ in range(n)) - p[0]

        return brentq(terms, -5.0, 3.0)

    with pytest.warns(UserWarning, match="runs uncompiled: each call takes another path"):
        agrees(f, xs=points(9))


@pytest.mark.parametrize("mirror", [False, True])
def test_where_the_branch_at_the_solution_changes(may_run_uncompiled, mirror):
    """The bracket lies on one side of 0, so no solve meets both branches."""

    def f(p):
        q = -p[0] if mirror else p[0]
        low = np.where(q > 0, 0.0, -5.0)
        return brentq(lambda z: z**3 - q if z > 0 else 10 * z - q, low + 0.0, low + 5.0)

    agrees(f, xs=[np.array([s * a, 1.0]) for a in (0.5, 1.5, 2.0, 1.0) for s in (1.0, 1.0, -1.0)])


def test_a_branch_on_values_from_outside():
    def f(p):
        s, q = 2 * p[0], p[1] * 1.0
        return brentq(lambda z: z**3 - q if s > 0 else z - q, -50.0, 50.0) + 0 * s

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for sign in (1, 1, 1, -1, -1, 1, -1):
        for x in ([1.0 * sign, 8.0], [1.5 * sign, 8.0]):
            value, gradient = compiled(np.array(x))
            np.testing.assert_allclose(value, 2.0 if sign > 0 else 8.0)
            np.testing.assert_allclose(gradient, [0.0, 1 / 12 if sign > 0 else 1.0])


@pytest.mark.parametrize("solver", ["brentq", "bounded"])
def test_integers_that_a_callback_uses(solver, may_run_uncompiled):
    """They have no derivative, but the solution depends on them."""

    def f(p, labels):
        if solver == "bounded":
            return minimize_scalar(lambda z: np.sum(labels * (z - p) ** 2), bounds=(-9.0, 9.0), method="bounded").x
        return brentq(lambda z: np.sum(np.tanh(z - p) * labels), -50.0, 50.0)

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for labels in ([1, 2], [1, 2], [1, 2], [2, 1], [2, 1], [1, 2], [3, 1]):
        value, gradient = compiled(np.array([0.5, 2.0]), np.array(labels))
        expected = g(np.array([0.5, 2.0]), np.array(labels))
        np.testing.assert_allclose(value, expected[0], rtol=1e-6)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-6)


def test_steps_without_a_derivative_within_a_callback():
    def f(p):
        k = np.floor(3 * p[0])
        return brentq(lambda z: np.where(z > p[1], z - p[1], 2 * (z - p[1])) + z - k, -50.0, 50.0) + p[0]

    agrees(f, xs=points()[np.abs(3 * points()[:, 0] % 1 - 0.5) < 0.4])


def bounded(p):
    return np.sum(minimize(lambda z: np.sum((z - p) ** 2), np.ones(2), bounds=[(0, 1.2)] * 2, tol=1e-10).x * p)


def bounded_fit(p):
    t = np.linspace(0.0, 1.0, 7)
    r = least_squares(lambda c: c[0] * (1 + c[1] * t) - p[0] - p[1] * t, np.ones(2) * 0.5, bounds=(0, [1.3, 1.4]))
    return np.sum(r.x * p) + r.cost


def bounded_number(p):
    return minimize_scalar(lambda z: p[0] * (z - p[1]) ** 2, bounds=(0.0, 1.5), method="bounded").x * p[0]


@pytest.mark.parametrize("f", [bounded, bounded_fit, bounded_number], ids=lambda f: f.__name__)
def test_which_bounds_are_active_is_a_path(made, f):
    """Each set of active bounds is a program."""
    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for x in np.random.default_rng(5).uniform(0.4, 2.0, size=(24, 2)):
        (value, gradient), expected = compiled(x), g(x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-5)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-4, atol=1e-5)
    assert 1 < len(made) <= 4


# Errors, results, closures -------------------------------------------------------------------------------------------


def test_an_error_of_scipys_is_raised_for_the_arguments_that_cause_it():
    f = cr.compile(lambda p: brentq(lambda z: z**2 - p[0], 0.0, 2.0) * p[1])
    for _ in range(2):
        np.testing.assert_allclose([f(x) for x in points()], [np.sqrt(x[0]) * x[1] for x in points()])
    for _ in range(2):
        with pytest.raises(ValueError, match="must have different signs"):
            f(np.array([9.0, 1.0]))
    np.testing.assert_allclose(f(np.array([2.25, 2.0])), 3.0)


def test_an_error_that_the_function_catches_is_a_path(may_run_uncompiled):
    def f(p):
        try:
            return brentq(lambda z: z**2 - p[0], 0.0, 2.0) * p[1]
        except ValueError:
            return 7.0 * p[1]

    compiled = cr.compile(f)
    for first in (1.0, 9.0, 9.0, 1.0, 2.25, 16.0, 1.0):
        expected = np.sqrt(first) * 3.0 if first < 4 else 21.0
        np.testing.assert_allclose(compiled(np.array([first, 3.0])), expected)


def test_counts_and_success_are_those_of_each_call(may_run_uncompiled):
    def f(p):
        x, r = brentq(lambda z: z**3 + p[0] * z - p[1], -9.0, 9.0 * p[1], full_output=True)
        s = root(lambda z: z + p * z**3 - 1, np.ones(2))
        return x * r.iterations + (s.nfev if s.success else 0)

    compiled = cr.compile(f)
    for x in points(12):
        np.testing.assert_allclose(compiled(x), f(x))


def test_a_closure_that_changes_later():
    def f(p):
        total, scale = 0.0, np.ones(1)
        for i in range(3):
            scale[0] = p[0] * (i + 1)
            total = total + brentq(lambda z: z**3 + scale[0] * z - p[1], -9.0, 9.0)
        scale[0] = 100.0
        return total

    agrees(f)


def test_threads_solve_at_once():
    f = cr.compile(lambda p: brentq(lambda z: z**3 + p[0] * z - p[1], -9.0, 9.0))
    xs = points(200)
    f(xs[0]), f(xs[1])
    found = [None] * 4

    def run(k):
        found[k] = [f(x) for x in xs[k::4]]

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        z, x = np.array(found[k]), xs[k::4]
        np.testing.assert_allclose(z**3 + x[:, 0] * z - x[:, 1], 0, atol=1e-9)


# Neighbours and eigenvalues ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", [scipy.spatial.KDTree, scipy.spatial.cKDTree])
@pytest.mark.parametrize("k", [1, 2])
def test_neighbours_are_found_again(made, may_run_uncompiled, tree, k):
    known = np.random.default_rng(1).normal(size=(20, 3))

    def f(p):
        distances, places = tree(known).query(p.reshape(4, 3), k=k)
        return np.sum(distances**2) + np.sum(known[places] * p[0])

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    rng = np.random.default_rng(2)
    near = rng.normal(size=12)
    for x in [*(near + 1e-3 * rng.normal(size=(9, 12))), *rng.normal(size=(3, 12))]:
        expected = g(x)
        value, gradient = compiled(x)
        np.testing.assert_allclose(value, expected[0])
        np.testing.assert_allclose(gradient, expected[1])
    assert len(made) == 1


def test_neighbours_among_recorded_points(made):
    def f(p):
        distances, _ = scipy.spatial.KDTree(p.reshape(6, 2)).query(np.zeros((1, 2)), k=2)
        return np.sum(distances**2)

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for x in np.random.default_rng(3).normal(size=(6, 12)):
        squares = np.sum(x.reshape(6, 2) ** 2, axis=1)
        nearest = np.argsort(squares)[:2]
        value, gradient = compiled(x)
        np.testing.assert_allclose(value, np.sum(squares[nearest]))
        np.testing.assert_allclose(
            gradient.reshape(6, 2), 2 * x.reshape(6, 2) * np.isin(np.arange(6), nearest)[:, None]
        )
    assert len(made) == 1


def test_some_eigenvalues(made):
    base = np.random.default_rng(4).normal(size=(9, 9))

    def f(p):
        a = scipy.sparse.csc_matrix(base @ base.T * p[0] + np.eye(9) * p[1])
        return np.sum(scipy.sparse.linalg.eigsh(a, k=3, which="LA", return_eigenvectors=False) ** 2)

    agrees(f)
    assert len(made) == 1


# Integrals -----------------------------------------------------------------------------------------------------------


def oscillating(p):
    return quad(lambda t: np.exp(-p[0] * t) * np.cos(p[1] * t), 0.0, 2.0)[0] ** 2


def singular(p):
    return quad(lambda t, a: np.sqrt(t) * a + np.log(t) * p[1], 0.0, 1.0, args=(p[0],))[0]


@pytest.mark.parametrize("f", [oscillating, singular], ids=lambda f: f.__name__)
def test_integrals_are_computed_again(made, f):
    agrees(f)
    assert len(made) == 1


def to_infinity(p):
    return quad(lambda t: np.exp(-p[0] * t * t) * p[1], 0.0, np.inf)[0]


def with_a_branch(p):
    return quad(lambda t: p[0] * t if t * p[1] < 1 else p[0] * t + (t * p[1] - 1) ** 3, 0.0, 2.0)[0]


def with_a_limit(p):
    return quad(lambda t: np.sin(t * p[0]), 0.0, p[1])[0]


def within_an_integral(p):
    return quad(lambda t: quad(lambda s: np.exp(-s * t * p[0]), 0.0, 1.0)[0] * p[1], 0.0, 1.0)[0]


def with_an_error(p):
    value, error = quad(lambda t: np.abs(t + 0.3) * p[0], 0.0, 1.0)
    return value * p[1] + (1.0 if error < 1 else 0.0)


OTHERS = [to_infinity, with_a_branch, with_a_limit, within_an_integral, with_an_error]


@pytest.mark.parametrize("f", OTHERS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:.*different paths", "ignore:.*runs uncompiled")
def test_integrals_over_other_intervals_are_right(may_run_uncompiled, f):
    agrees(f, xs=[*np.repeat(points(4), 3, axis=0), *points(8, seed=1)])


# Differential equations: other numbers are other paths ---------------------------------------------------------------


@pytest.mark.parametrize("solver", ["solve_ivp", "odeint", "nquad"])
def test_integers_that_a_differential_equation_uses(may_run_uncompiled, solver):
    def f(p, labels):
        def change(t, y):
            return -p * y * (labels if t > 0.5 else 1)

        if solver == "nquad":
            return scipy.integrate.nquad(lambda s, t: np.sum(np.exp(-labels * p * s * t)), [[0, 1], [0, 1]])[0]
        if solver == "odeint":
            return np.sum(scipy.integrate.odeint(change, np.ones(2), [0.0, 1.0], tfirst=True)[-1])
        return np.sum(scipy.integrate.solve_ivp(change, (0.0, 1.0), np.ones(2)).y[:, -1])

    g = cr.value_and_grad(f)
    compiled, p = cr.compile(g), np.array([0.5, 2.0])
    for labels in ([1, 2], [1, 2], [1, 2], [2, 1], [2, 1], [1, 2]):
        value, gradient = compiled(p, np.array(labels))
        expected = g(p, np.array(labels))
        np.testing.assert_allclose(value, expected[0], rtol=1e-9)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-6)
