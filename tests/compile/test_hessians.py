"""Compiled second derivatives have the values of the uncompiled ones, and the form that a mathematician writes."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.finite_slopes import with_finite_slopes
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph
from compile.test_compile import versions

RNG = np.random.default_rng(0)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, size=shape)


def normal(*shape):
    return RNG.normal(size=shape)


def layers(activation):
    def loss(w, v, u, x):
        return cr.logsumexp(u @ activation(v @ activation(w @ x)))

    return loss


LABELS = np.eye(3)[RNG.integers(0, 3, 11)]

FUNCTIONS = {
    "quadratic form": (lambda x, a: x @ a @ x, [normal(9), normal(9, 9)]),
    "quadratic form of a matrix": (lambda x, a: np.trace(x.T @ a @ x), [normal(6, 4), normal(6, 6)]),
    "logistic": (lambda w, x: np.sum(np.log1p(np.exp(-x @ w))), [normal(5), normal(11, 5)]),
    "factorisation": (
        lambda u, v, t, o: np.sum(o * (t - u @ v.T) ** 2),
        [normal(8, 3), normal(9, 3), normal(8, 9), positive(8, 9)],
    ),
    "least squares": (lambda w, x, y: np.sum((x @ w - y) ** 2), [normal(5, 3), normal(11, 5), normal(11, 3)]),
    "softmax regression": (lambda w, x: -np.sum(LABELS * cr.log_softmax(x @ w)), [normal(5, 3), normal(11, 5)]),
    "Poisson regression": (lambda w, x: np.sum(np.exp(x @ w) - (x @ w)), [0.3 * normal(5, 3), normal(11, 5)]),
    "ReLU layers": (layers(lambda z: np.maximum(z, 0)), [normal(6, 5), normal(4, 6), normal(3, 4), normal(5)]),
    "tanh layers": (layers(np.tanh), [normal(6, 5), normal(4, 6), normal(3, 4), normal(5)]),
    "where layers": (
        layers(lambda z: np.where(z > 0, z, 0.1 * z)),
        [normal(6, 5), normal(4, 6), normal(3, 4), normal(5)],
    ),
    "square roots": (lambda x, y: np.sum(np.sqrt(np.outer(x, y))), [positive(9), positive(8)]),
    "one diagonal": (lambda x: np.sum(np.exp(x) * np.sin(x)), [normal(12)]),
    "a diagonal of matrices": (lambda x, y: np.sum(np.exp(x) * y), [normal(4, 3), normal(3)]),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), [normal(12)]),
    "ratios": (lambda x, y: np.sum(np.outer(x, y) / (1 + np.outer(x, y) ** 2)), [normal(9), normal(8)]),
    "a batch of products": (lambda x, a: np.sum((a @ x) ** 3), [normal(5, 3), normal(4, 6, 5)]),
    "a sum that is divided": (lambda x, a: np.sum((a * x) ** 2 / np.sum(a * x)), [positive(5, 1), positive(1, 6)]),
}
"""Functions with sparse, separable or otherwise structured second derivatives by the first argument; and arguments."""


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_compiled_hessian_is_the_uncompiled_one(name, dtype):
    f, args = FUNCTIONS[name]
    args = [x.astype(dtype) for x in args]
    compiled, expected = cr.compile(cr.hessian(f)), cr.hessian(f)(*args)
    compiled(*args)
    found = compiled(*args)
    assert found.dtype == expected.dtype == dtype
    digits = 1e-12 if dtype is np.float64 else 2e-5
    np.testing.assert_allclose(found, expected, rtol=digits, atol=digits * np.abs(expected).max())
    assert versions(compiled) == 1


@pytest.fixture
def jax():
    found = pytest.importorskip("jax")
    before = found.config.jax_enable_x64
    found.config.update("jax_enable_x64", True)
    yield found
    found.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_hessian_is_that_of_jax(name, jax):
    f, args = FUNCTIONS[name]
    expected = np.asarray(jax.hessian(cr.to_jax(f))(*map(jax.numpy.asarray, args)))
    np.testing.assert_allclose(cr.hessian(f)(*args), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def largest(f, *args):
    """The numbers of entries of what is computed for a Hessian, besides the Hessian itself, largest first."""
    graph = simplify_graph(with_finite_slopes(record_graph(cr.hessian(f), *args)))
    return sorted((np.size(node.value) for node in graph.nodes if node not in graph.outputs), reverse=True)


def test_a_layers_hessian_is_a_small_matrix_times_the_products_of_its_inputs():
    n, m = 12, 9
    f = layers(lambda z: np.maximum(z, 0))
    assert largest(f, normal(n, m), normal(n, n), normal(n, n), normal(m))[0] <= n * n


def test_a_factorisations_hessian_is_a_block_for_each_row():
    n, k = 20, 3
    f, _ = FUNCTIONS["factorisation"]
    assert largest(f, normal(n, k), normal(n, k), normal(n, n), positive(n, n))[0] <= n * n * k


def test_a_hessian_of_least_squares_is_one_small_product():
    f, _ = FUNCTIONS["least squares"]
    assert largest(f, normal(7, 3), normal(30, 7), normal(30, 3))[0] <= 30 * 7


# Slopes that are not finite ------------------------------------------------------------------------------------------


def hidden(x, y):
    """Square roots, of which those at 0 are masked out."""
    z = np.outer(x, y)
    return np.sum(np.where(z > 0, np.sqrt(z), 0.0) ** 3) + np.sum(x**2)


def test_where_a_slope_is_infinite_what_is_masked_out_stays_zero():
    compiled = cr.compile(cr.hessian(hidden))
    inside, edge = positive(6), np.array([0.0, 1.0, 2.0, 0.0, 3.0, 4.0])
    y = positive(5)
    for x in (inside, inside, edge, inside, edge, edge, edge):
        expected = cr.hessian(hidden)(x, y)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(compiled(x, y), expected, rtol=1e-12, atol=1e-12)
    assert versions(compiled) <= 4


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_a_weight_of_zero_masks_a_sample_that_has_no_value(special):
    def loss(w, x, weights):
        return np.sum(weights * -cr.log_softmax(x @ w)[:, 0])

    w, x, weights = normal(5, 3), normal(11, 5), positive(11)
    compiled = cr.compile(cr.hessian(loss))
    compiled(w, x, weights)
    compiled(w, x, weights)
    x[3, 2], weights[3] = special, 0.0
    for _ in range(3):
        with np.errstate(all="ignore"):
            found, expected = compiled(w, x, weights), cr.hessian(loss)(w, x, weights)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


# Diagonals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 8, 40, 400])
def test_a_diagonal_hessian_is_zero_beside_its_diagonal(n):
    compiled = cr.compile(lambda x: (cr.hessian(lambda x: np.sum(np.exp(x)))(x), cr.grad(lambda x: np.sum(x**3))(x)))
    given = normal(n)
    for x in (given, given, -given):
        found, _ = compiled(x)
        np.testing.assert_allclose(np.diagonal(found), np.exp(x), rtol=1e-13)
        np.testing.assert_array_equal(found - np.diag(np.diagonal(found)), 0)
        found[:] = 7  # results own their memory


def test_a_diagonal_hessian_that_is_used_further():
    def f(x, v):
        h = cr.hessian(lambda x: np.sum(np.exp(x) * np.sum(v)))(x)
        return h, h @ v, np.ravel(h), h + 1.0

    x, v = normal(12), normal(12)
    compiled = cr.compile(f)
    compiled(x, v)
    for found, expected in zip(compiled(x, v), f(x, v), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
