"""Where a function has no slope (x/‖x‖ at 0) or meets infinities, eager, compiled and written code give the same."""

import warnings

import numpy as np
import pytest

import chainrule as cr

INF, ZEROS, WEIGHTS = np.inf, np.zeros(3), np.array([1.0, 2.0, 3.0])
ROWS = np.array([[0.0, 0.0], [1.0, 2.0]])
CASES = {
    "x/‖x‖": (lambda x: np.sum(x / np.linalg.norm(x) * WEIGHTS), ZEROS),
    "rows of x/‖x‖": (lambda x: np.sum(x / np.linalg.norm(x, axis=1, keepdims=True)), ROWS),
    "x/std": (lambda x: np.sum((x - np.mean(x)) / np.std(x) * WEIGHTS), ZEROS),
    "x/√(x·x)": (lambda x: np.sum(x / np.sqrt(x @ x) * WEIGHTS), ZEROS),
    "cosine": (lambda x: x @ WEIGHTS / (np.linalg.norm(x) * np.linalg.norm(WEIGHTS)), ZEROS),
    "‖x‖": (np.linalg.norm, ZEROS),
    "√Σx²": (lambda x: np.sqrt(np.sum(x * x)), ZEROS),
    "√Σx² of rows": (lambda x: np.sum(np.sqrt(np.sum(x**2, axis=1))), ROWS),
    "√x² − 1": (lambda x: np.sum(np.sqrt(x * x) - 1.0), ZEROS),
    "x √x": (lambda x: np.sum(x * np.sqrt(x)), ZEROS),
    "a Gaussian": (lambda r: np.exp(-np.sum((r - 1.0) ** 2)), np.array([INF, 1.0, 2.0])),
    "Gaussians": (lambda r: np.sum(np.exp(-((r - 1.5) ** 2))), np.array([INF, 1.0, -INF, 1e200])),
    "x exp(−x)": (lambda r: np.sum(r * np.exp(-r)), np.array([INF, 1.0, 800.0])),
    "x² exp(−x²)": (lambda r: np.sum(r**2 * np.exp(-(r**2))), np.array([INF, 1e200, 2.0])),
    "sin x / x": (lambda r: np.sum(np.sin(r) / r), np.array([0.0, 1.0, INF])),
    "logsumexp": (lambda r: np.log(np.sum(np.exp(r))), np.array([-INF, 1.0, 2.0])),
}


LIMITS = {"x exp(−x)", "x² exp(−x²)"}
"""Written code multiplies these factors in another order: it has the limit, 0, where the chain rule has ∞ · 0."""


@pytest.mark.parametrize("name", CASES)
def test_compiled_and_written_code_have_the_gradient_of_eager_code(name):
    f, x = CASES[name]

    def loss(x):
        return f(x)

    both = cr.value_and_grad(loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's own
        wanted = both(x)
        at_once, later = cr.compile(both), cr.compile(both)
        for _ in range(2):
            later(x + 0.125)
            at_once(x)
        exec(cr.explain(loss)(x).code(), functions := {})
        for found in (at_once(x), later(x)):
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-300)
        value, gradient = functions["loss_and_gradient"](x)
        np.testing.assert_allclose(value, wanted[0], rtol=1e-12)
        limit = np.nan_to_num(wanted[1], nan=0.0) if name in LIMITS else wanted[1]
        np.testing.assert_allclose(gradient, limit, rtol=1e-12, atol=1e-300)


def test_the_second_derivative_of_a_norm_by_a_cotangent_that_is_nan_is_nan():
    f = lambda x: np.sum(x / np.linalg.norm(x) * WEIGHTS)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert np.isnan(cr.hessian(f)(ZEROS)).all()


@pytest.mark.parametrize(
    ("x", "slope"),
    [([1e200, 1e-200], [1, 0]), ([1e-320, 0.0], [1, 0]), ([3e160, 4e160], [0.6, 0.8]), ([1e300, 1.0], [1, 1e-300])],
)
def test_the_gradient_of_a_norm_whose_squares_overflow_is_the_direction(x, slope):
    x, norm = np.array(x), cr.value_and_grad(np.linalg.norm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        compiled = cr.compile(norm)
        for found in (norm(x), compiled(x), compiled(x)):
            assert found[0] == np.linalg.norm(x)  # infinite or 0, as in NumPy
            np.testing.assert_allclose(found[1], slope, rtol=1e-12)
        rows = cr.grad(lambda x: np.sum(np.linalg.norm(np.stack([x, np.array([3.0, 4.0])]), axis=1)))
        np.testing.assert_allclose(rows(x), slope, rtol=1e-12)


QUANTILES = {
    "median": np.median,
    "percentile": lambda x, **along: np.percentile(x, 30, **along),
    "two quantiles": lambda x, **along: np.sum(np.quantile(x, [0.3, 0.5], **along), axis=0),
    "quantile with weights": lambda x, **along: np.quantile(
        x, 0.4, method="inverted_cdf", weights=np.ones(x.shape), **along
    ),
    "maximum": np.max,
}


@pytest.mark.parametrize("name", QUANTILES)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_quantile_that_is_nan_has_the_gradient_nan(name):
    f = QUANTILES[name]
    row, rows = np.array([3.0, np.nan, 1.0, 2.0]), np.array([[3.0, np.nan, 1.0, 2.0], [1.0, 2.0, 4.0, 8.0]])
    of_rows = lambda x: np.sum(f(x, axis=1) * np.array([2.0, 3.0]))  # noqa: E731
    for loss, x in ((f, row), (of_rows, rows)):
        both = cr.value_and_grad(loss)
        compiled = cr.compile(both)
        for value, gradient in (both(x), compiled(x), compiled(x)):
            assert np.isnan(value)
            assert np.isnan(np.atleast_2d(gradient)[0]).all()
            if x.ndim == 2:
                np.testing.assert_allclose(gradient[1], 3 * cr.grad(f)(x[1]))


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning")
def test_the_gradient_of_a_correlation_with_a_constant_is_nan():
    f = lambda x: np.corrcoef(x, np.ones(3))[0, 1]  # noqa: E731
    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(3):
        value, gradient = compiled(WEIGHTS)
        assert np.isnan(value)
        assert np.isnan(gradient).all()
    rows = np.array([[1.0, 2.0, 4.0], [1.0, -1.0, 3.0], [2.0, 2.0, 2.0]])
    of_the_others = cr.grad(lambda x: np.corrcoef(x)[0, 1])
    np.testing.assert_allclose(of_the_others(rows)[:2], of_the_others(rows[:2]), rtol=1e-12)
