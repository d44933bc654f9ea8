"""What a call has besides its first result: fields, methods of results, options by position, ends of ranges."""

import importlib
import inspect
import tracemalloc

import numpy as np
import pytest
from scipy import fftpack, integrate, interpolate, ndimage, optimize, signal, stats

import chainrule as cr
from chainrule.errors import BlockError, GradientError, RecordingError
from chainrule.standins.scipy_functions import TWINS, positional_names

from . import Call, check_call

RNG = np.random.default_rng(0)
X, IMAGE = RNG.normal(size=8), RNG.normal(size=(5, 6))
T = np.arange(1.0, 5.0)

SIMILAR = {
    "the residuals of leastsq": Call(
        lambda b: optimize.leastsq(lambda z: z[0] * T - b**2 * np.sqrt(T), [0.5], full_output=True)[2]["fvec"], (1.3,)
    ),
    "the residuals of fsolve": Call(
        lambda b: b * 1.0 + optimize.fsolve(lambda z: z**3 - b, [1.0], full_output=True)[1]["fvec"], (1.3,)
    ),
    "options of brentq by position": Call(lambda b: optimize.brentq(lambda x: x**3 - b, 0.0, 3.0, (), 1e-12), (3.0,)),
    "options of toms748 by position": Call(lambda b: optimize.toms748(lambda x: x**3 - b, 0.0, 3.0, (), 1), (3.0,)),
    "options of least_squares by position": Call(
        lambda b: optimize.least_squares(lambda z: z * T - b, [0.5], "3-point", (-9, 9), "trf", 1e-12).x, (1.3,)
    ),
    "options of quad_vec by position": Call(
        lambda b: integrate.quad_vec(lambda x: np.stack([np.sin(b * x), x * b]), 0.0, 1.0, 1e-10)[0], (1.3,)
    ),
    "one pair of bounds of linprog": Call(
        lambda b: optimize.linprog([-1.0, 1.0], [[1.0, 2.0]], [b], bounds=[(0, None)]).x, (3.0,)
    ),
    "linprog without bounds": Call(
        lambda b: optimize.linprog([-1.0, -1.0], [[1.0, 2.0], [2.0, 1.0]], np.stack([b, b]), bounds=None).x, (3.0,)
    ),
    "a flat function with a minimum at a bound": Call(
        lambda a, b: optimize.minimize_scalar(lambda x: 1e-6 * (x - a) ** 2, bounds=(0.0, 1.0)).x + b, (3.0, 0.5)
    ),
    "a minimum at a bound of a short interval": Call(
        lambda a, b: optimize.minimize_scalar(lambda x: (x - a) ** 2, bounds=(0.0, 0.01)).x + b, (3.0, 0.5)
    ),
    "an interval of ttest_1samp": Call(lambda x: stats.ttest_1samp(x, 0.3).confidence_interval(0.8), (X,)),
    "an interval of ttest_rel": Call(
        lambda x, y: stats.ttest_rel(x, y, alternative="less").confidence_interval().high, (X, np.cos(T.repeat(2)))
    ),
    "an interval of ttest_ind": Call(lambda x: stats.ttest_ind(x, x[:4] * 0.3).confidence_interval(), (X,)),
    "degrees of freedom of Welch's test": Call(lambda x: stats.ttest_ind(x, x[:4] * 0.3, equal_var=False).df, (X,)),
    "the statistic of a test by permutations": Call(
        lambda x: stats.ttest_ind(x, x[:4] * 0.3, method=stats.PermutationMethod(n_resamples=9, rng=1))[0], (X,)
    ),
    "means that are tested along an axis": Call(
        lambda x, m: stats.ttest_1samp(x, m, keepdims=True).statistic, (IMAGE, np.linspace(-1.0, 1.0, 6)[None])
    ),
    "skew along two axes": Call(lambda x: stats.skew(x, axis=(0, 1), bias=False), (IMAGE,)),
    "kurtosis along two axes": Call(lambda x: stats.kurtosis(x, axis=(0, 1), bias=False), (IMAGE,)),
    "sem along two axes": Call(lambda x: stats.sem(x, axis=(0, 1)), (IMAGE,)),
    "a density that is too small for its logarithm": Call(
        lambda x, p: stats.gaussian_kde(x).logpdf(p), (X, np.array([0.2, 90.0])), rtol=1e-6
    ),
    "iqr of all entries": Call(lambda x: stats.iqr(x, keepdims=True), (IMAGE,)),
    "a center that is given by axis=": Call(
        lambda x: stats.median_abs_deviation(x, center=lambda x, *, axis: np.mean(x, axis=axis)), (X,)
    ),
    "frequencies": Call(lambda w: abs(signal.freqz([1.0, 0.5], [1.0, 0.2], w)[1]), (np.array([0.1, 0.5]),)),
    "the size of fourier_uniform by name": Call(lambda x: ndimage.fourier_uniform(x, size=[1.3, 2.0]), (IMAGE,)),
    "a spline with its places by name": Call(
        lambda y, p: interpolate.InterpolatedUnivariateSpline(x=T, y=y).derivative()(p), (T**1.5, np.array([1.5, 3.2]))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIMILAR)
def test_results_have_scipys_values_and_right_gradients(name):
    check_call(SIMILAR[name])


def _trapped(a):
    return optimize.least_squares(lambda z: z - np.array([3.0, 4.0]), [0.0, 0.0], bounds=([-1.0, -1.0], [a, 9.0]))


UNKNOWN = {
    "the r of root": lambda a: optimize.root(lambda z: z**3 - a, [1.0]).r,
    "the fjac of fsolve": lambda a: optimize.fsolve(lambda z: z**3 - a, [1.0], full_output=True)[1]["fjac"],
    "the fjac of leastsq": lambda a: optimize.leastsq(lambda z: z**3 - a, [1.0], full_output=True)[2]["fjac"],
    "the grad of minimize": lambda a: optimize.minimize(lambda z: (z[0] - a) ** 2, [1.0], method="trust-constr").grad,
    "the grad of least_squares": lambda a: _trapped(a).grad,
    "the jac of least_squares": lambda a: _trapped(a).jac,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_field_whose_derivative_is_not_known_is_an_error_and_not_zero(name):
    with pytest.raises(GradientError, match=name):
        cr.grad(lambda a: np.sum(UNKNOWN[name](a)))(1.3)


REFUSED = {
    "loss='linear'": lambda a: optimize.curve_fit(lambda x, p: p * x, T, a * T, method="trf", loss="soft_l1")[0][0],
    "f_scale": lambda a: optimize.least_squares(lambda z: z * T - 3.0, [1.0], loss="huber", f_scale=a).x[0],
    "nan_policy='omit'": lambda a: stats.iqr(a * np.array([1.0, np.nan, 3.0]), nan_policy="omit"),
    "no gradient where the sample": lambda a: stats.ttest_1samp(a * np.array([1.0, np.nan, 3.0]), 0.0, 0, "omit")[0],
    "labels in index": lambda a: np.sum(ndimage.minimum(a * T, [1, 1, 2, 2], [1, 9])),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_would_be_wrong_is_an_error(message):
    with pytest.raises((RecordingError, BlockError), match=message):
        cr.grad(REFUSED[message])(0.7)


def test_a_sharp_minimum_beside_a_bound_is_not_at_it():
    f = lambda a: optimize.minimize_scalar(lambda x: 1e6 * (x - a) ** 2, bounds=(0.0, 1.0)).x  # noqa: E731
    assert cr.grad(f)(0.99995) == pytest.approx(1.0)


@pytest.mark.parametrize("a", [0.7, 1.0, 1.3, 2.1])
def test_a_method_that_ends_before_a_bound(a):
    low, target = np.array([-1.0, -1.0]), np.array([3.0, 4.0])

    def by_residuals(a):
        return optimize.least_squares(lambda z: z - target, low + 1, bounds=(low, [a, 9.0])).x

    def by_barriers(a):
        options = {"method": "trust-constr", "bounds": [(-1, a), (-1, 9)]}
        return optimize.minimize(lambda z: np.sum((z - target) ** 2), low + 1, **options).x

    def of_a_linear_function(a):
        options = {"method": "trust-constr", "bounds": [(-1, a), (-1, 9)], "hess": lambda z: np.zeros((2, 2))}
        return optimize.minimize(lambda z: -z @ target, low + 1, **options).x

    for f in (by_residuals, by_barriers, of_a_linear_function):
        np.testing.assert_allclose(cr.jacobian(f)(a), [1.0, 0.0], atol=1e-12)


def test_a_minimum_that_is_just_inside_of_a_bound_follows_its_target():
    def f(a):
        return optimize.minimize(lambda z: np.sum((z - a) ** 2), [0.5], bounds=[(0, 1)], method="trust-constr").x[0]

    assert cr.grad(f)(0.995) == pytest.approx(1.0)
    assert cr.grad(f)(1.005) == 0.0


SUM = {"type": "eq", "fun": lambda z: np.sum(z) - 1, "jac": lambda z: np.ones(4)}


@pytest.mark.filterwarnings("ignore:delta_grad")  # of a linear constraint
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
@pytest.mark.parametrize("a", [[0.9, 0.5, 0.1, 0.15], [2.0, 0.4, 0.36, 0.1], [0.3, 0.2, 0.4, 0.3]])
def test_bounds_that_are_active_because_of_a_constraint(method, a):
    """The nearest point of the simplex: the derivative is I - 1/n on the entries that are not 0, and 0 elsewhere."""
    a = np.array(a)

    def nearest(a):
        options = {"ftol": 1e-15} if method == "SLSQP" else {"gtol": 1e-12, "xtol": 1e-14}
        bounds = [(0, 0.9)] * 4 if a.size else None
        slopes = {"jac": lambda z: 2 * (z - a)}  # without them trust-constr stops elsewhere on some processors
        slopes |= {"hess": lambda z: 2 * np.eye(4)} if method == "trust-constr" else {}
        distance = lambda z: np.sum((z - a) ** 2)  # noqa: E731
        return optimize.minimize(
            distance, np.full(4, 0.25), method=method, bounds=bounds, constraints=SUM, options=options, **slopes
        ).x

    # the projection, by the threshold of the sorted entries; the first one may reach its bound 0.9
    shift = optimize.brentq(lambda t: np.sum(np.clip(a - t, 0, 0.9)) - 1, -2, 2)
    inside = (a - shift > 0) & (a - shift < 0.9)
    expected = np.diag(inside * 1.0) - np.outer(inside, inside) / inside.sum()
    np.testing.assert_allclose(cr.jacobian(nearest)(a), expected, atol=2e-4)


def test_a_constraint_that_is_active_beside_a_bound():
    """Both limits hold x = (a, b), though the objective alone would move along the first axis."""

    def f(a, b):
        below = {"type": "ineq", "fun": lambda z: a + b - z[0] - z[1]}
        cost = lambda z: (z[0] - 3) ** 2 + 4 * (z[1] - 3) ** 2  # noqa: E731
        return optimize.minimize(cost, [0.1, 0.1], bounds=[(a, None), (None, None)], constraints=below).x

    for by, expected in zip(cr.jacobian(f, (0, 1))(0.5, 0.2), ([1.0, 0.0], [0.0, 1.0]), strict=True):
        np.testing.assert_allclose(by, expected, atol=1e-10)


def test_a_constant_image_has_no_slope_and_no_nan():
    gradient = cr.grad(lambda x: np.sum(ndimage.gaussian_gradient_magnitude(x, 1.0)))(np.ones((4, 4)))
    np.testing.assert_array_equal(gradient, np.zeros((4, 4)))


def test_twins_take_by_position_what_scipys_functions_take():
    modules = "fft integrate interpolate ndimage optimize signal stats".split()
    for module in modules:
        importlib.import_module(f"chainrule.scipy.{module}")
    count = 0
    for twin in TWINS.values():
        home = getattr(twin.function, "__module__", "").split(".")
        if inspect.isfunction(twin.made) and inspect.isroutine(twin.function) and home[1] in modules:
            names = positional_names(twin.function)
            if names:  # one that is deprecated hides its own
                inspect.signature(twin.made).bind(*names)
            count += 1
    assert count > 150


def test_the_gradient_of_a_periodic_derivative_takes_memory_for_the_signal_alone():
    x = np.random.default_rng(0).normal(size=4001)
    cr.grad(lambda x: np.sum(fftpack.diff(x) ** 2))(x)
    tracemalloc.start()
    gradient = cr.grad(lambda x: np.sum(fftpack.diff(x) ** 2))(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = -2 * fftpack.diff(x, 2)  # the transpose of a derivative is minus it
    np.testing.assert_allclose(gradient, expected, atol=1e-12 * np.abs(expected).max())
    assert peak < 50 * x.nbytes  # a matrix has 4,001 times as much
