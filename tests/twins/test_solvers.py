"""Solvers and random numbers: what a call alone does not show."""

import numpy as np
import pytest
import scipy.integrate
import scipy.sparse.linalg
import scipy.stats
from scipy import integrate, optimize
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

import chainrule as cr
from chainrule.errors import GradientError, RecordingError

TIGHT = {"rtol": 1e-10, "atol": 1e-11}


class Oscillator:
    def __init__(self, k):
        self.k = k

    def slope(self, t, y):
        change = np.zeros_like(y)
        change[0], change[1] = y[1], -self.k * y[0]
        return change

    def end(self):
        return solve_ivp(self.slope, (0.0, 1.0), np.array([1.0, 0.0]), **TIGHT).y[0, -1]


def test_a_right_side_that_is_a_method_and_writes_into_a_buffer():
    k = 1.7
    value, gradient = cr.value_and_grad(lambda k: Oscillator(k).end())(k)
    assert value == Oscillator(k).end()
    assert gradient == pytest.approx(-np.sin(np.sqrt(k)) / (2 * np.sqrt(k)), rel=1e-7)


def test_a_right_side_that_has_changed_since_is_an_error():
    def f(k):
        oscillator = Oscillator(k)
        end = oscillator.end()
        oscillator.k = 3.0
        return end

    with pytest.raises(RecordingError, match="other values now than when it was integrated"):
        cr.grad(f)(1.7)


def test_second_derivatives_of_a_solution_are_an_error():
    with pytest.raises(GradientError, match="solve_ivp is not known"):
        cr.grad(cr.grad(lambda k: Oscillator(k).end()))(1.7)


def test_many_cotangents_of_many_parameters():
    w = np.cos(np.arange(30.0)).reshape(2, 15)
    f = lambda w: solve_ivp(lambda t, y: np.sum(w, axis=1) * y, (0.0, 1.0), [1.0, 2.0], **TIGHT).y[:, -1]  # noqa: E731
    expected = np.zeros((2, 2, 15))
    for i in range(2):
        expected[i, i] = f(w)[i]
    np.testing.assert_allclose(cr.jacobian(f)(w), expected, rtol=1e-6, atol=1e-8)


def test_what_minimize_knows_by_differences_has_no_derivative():
    def f(a):
        return np.sum(minimize(lambda u: np.sum((u - a) ** 2), np.zeros(2)).hess_inv)

    with pytest.raises(GradientError, match="hess_inv of minimize"):
        cr.grad(f)(np.ones(2))


def test_a_minimum_that_is_not_isolated_has_no_derivative():
    with pytest.raises(GradientError, match="singular"):
        cr.grad(lambda a: minimize(lambda u: (u[0] + u[1] - a) ** 2, np.zeros(2)).x[0])(1.0)


def test_a_linear_program_with_many_solutions_has_no_derivative():
    def f(b):
        return optimize.linprog([-1.0, -1.0], [[1.0, 1.0]], [b]).x[0]

    with pytest.raises(GradientError, match=r"not unique|as many"):
        cr.grad(f)(1.0)


def test_a_callback_without_recorded_values_gives_a_plain_result():
    kinds = []

    def f(a):
        kinds.append(type(optimize.brentq(lambda x: x**2 - 2, 0.0, 2.0)))
        kinds.append(type(integrate.quad(np.cos, 0.0, 1.0)[0]))
        return a**2

    assert cr.grad(f)(3.0) == 6.0
    assert kinds == [float, float]


def test_random_numbers_have_derivatives_by_loc_and_scale():
    f = lambda m, s: scipy.stats.gamma.rvs(2.0, loc=m, scale=s, size=3, random_state=7)  # noqa: E731
    value, pull = cr.vjp(f, 0.3, 1.2)
    np.testing.assert_array_equal(value, f(0.3, 1.2))
    by_loc, by_scale = pull(np.array([1.0, 0.0, 0.0]))
    assert by_loc == 1.0
    assert by_scale == pytest.approx((value[0] - 0.3) / 1.2)
    with pytest.raises(RecordingError, match="not by the shapes"):
        cr.grad(lambda a: scipy.stats.gamma.rvs(a, random_state=7))(2.0)


@pytest.mark.parametrize(
    ("f", "p", "expected"),
    [
        (lambda p: scipy.stats.bernoulli.pmf(1, p), 0.0, 1.0),
        (lambda p: scipy.stats.bernoulli.pmf(0, p), 1.0, -1.0),
        (lambda p: scipy.stats.binom.pmf(1, 5, p), 0.0, 5.0),
        (lambda p: scipy.stats.binom.pmf(2, 5, p), 0.0, 0.0),
        (lambda p: scipy.stats.binom.pmf(4, 5, p), 1.0, -5.0),
        (lambda m: scipy.stats.poisson.pmf(1, m), 0.0, 1.0),
        (lambda m: scipy.stats.poisson.pmf(0, m), 0.0, -1.0),
        (lambda p: scipy.stats.geom.pmf(2, p), 1.0, -1.0),
        (lambda s: scipy.stats.norm.pdf(1.0, scale=s), -1.0, np.nan),
    ],
)
def test_parameters_at_the_ends_of_their_ranges(f, p, expected):
    value, gradient = cr.value_and_grad(f)(p)
    np.testing.assert_array_equal(value, f(p))
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_a_fit_starts_where_scipys_does():
    t = np.linspace(0, 4, 20)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.01 * np.sin(9 * t)

    def fitted(y):
        return optimize.curve_fit(lambda t, a, b, c: a * np.exp(-b * t) + c, t, y, bounds=(0, [3.0, 2.0, 1.0]))[0]

    np.testing.assert_array_equal(cr.vjp(fitted, y)[0], fitted(y))


def test_distributions_agree_with_jax():
    jax = pytest.importorskip("jax")
    x = np.array([0.3, 1.2, 0.7])
    for name, shapes in {
        "norm": (),
        "gamma": (2.3,),
        "t": (3.4,),
        "beta": (2.3, 1.7),
        "laplace": (),
        "pareto": (0.2,),
    }.items():
        ours = lambda x, *s, name=name: np.sum(getattr(scipy.stats, name).logpdf(x * 0.7, *s))  # noqa: E731
        theirs = lambda x, *s, name=name: getattr(jax.scipy.stats, name).logpdf(x * 0.7, *s).sum()  # noqa: E731
        every = tuple(range(1 + len(shapes)))
        with jax.enable_x64(True):
            expected = jax.grad(theirs, every)(x, *shapes)
        for one, other in zip(cr.grad(ours, every)(x, *shapes), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_method_that_ends_before_a_constraint_moves_with_it():
    """x² + y² with x + y ≥ b: the minimum is at b/2, though trust-constr ends a little before it."""

    def minimum(b):
        constraint = optimize.LinearConstraint([[1.0, 1.0]], b, np.inf)
        return optimize.minimize(lambda u: u @ u, [1.0, 1.2], method="trust-constr", constraints=constraint).x

    np.testing.assert_allclose(cr.jacobian(minimum)(0.8), [0.5, 0.5], rtol=1e-5)


def test_eigenvectors_of_eigsh_have_the_derivatives_of_eigh():
    a = np.array(
        [[3.0, 0.4, 0.1, 0.2, 0.3], [0, 1.0, 0.5, 0.1, 0], [0, 0, 5.0, 0.7, 0.2], [0, 0, 0, 2.0, 0.1], [0] * 4 + [7.0]]
    )

    def cubes(vectors):
        return np.sum(np.abs(vectors) ** 3, axis=0)

    def few(a):
        return cubes(scipy.sparse.linalg.eigsh(a + a.T, 2, v0=np.ones(5))[1])

    def every(a):
        return cubes(np.linalg.eigh(a + a.T)[1])[-2:]

    np.testing.assert_allclose(cr.jacobian(few)(a), cr.jacobian(every)(a), atol=1e-8)


def test_sensitivities_of_solve_ivp_agree_with_diffrax():
    diffrax = pytest.importorskip("diffrax")
    jax = pytest.importorskip("jax")
    given = np.array([1.1, 0.4, 1.0, 0.6])  # two rates and the start

    def ours(p):
        def f(t, u):
            return [p[0] * u[0] - p[1] * u[0] * u[1], p[1] * u[0] * u[1] - u[1]]

        return scipy.integrate.solve_ivp(f, (0.0, 2.0), p[2:], rtol=1e-10, atol=1e-12).y[:, -1] @ [1.0, -2.0]

    def theirs(p):
        def f(t, u, p):
            return jax.numpy.stack([p[0] * u[0] - p[1] * u[0] * u[1], p[1] * u[0] * u[1] - u[1]])

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(f),
            diffrax.Dopri8(),
            0.0,
            2.0,
            0.01,
            p[2:],
            p,
            stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12),
            adjoint=diffrax.DirectAdjoint(),
        )
        return solution.ys[-1] @ jax.numpy.array([1.0, -2.0])

    with jax.enable_x64(True):
        expected = jax.grad(theirs)(given)
    np.testing.assert_allclose(cr.grad(ours)(given), expected, rtol=1e-7)
