"""What a compiled function is simplified to: there derivatives are masked at run time, and labels are operands."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.recorder import record, signature_of
from chainrule.graph import graph_between
from chainrule.node import Node
from chainrule.simplify import simplify_graph
from compile.interpreted import interpreted
from compile.test_catalogue import assert_same
from compile.test_compile import versions
from simplify.test_graphs import EXTREMES, LOGISTIC, STABLE, one_product

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _by_python():
    with interpreted(), np.errstate(all="ignore"):
        yield


def simplified(f, *xs):
    """The graph that is compiled."""
    signature = signature_of(xs, {}, "f")
    recorded = record(f, signature, [f"x{i}" for i in range(len(signature.leaves))])
    return simplify_graph(graph_between(recorded.inputs, [out for out in recorded.outputs if type(out) is Node]))


def names(graph):
    return {node.block.name for node in graph.nodes}


# Stable forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("f", "value", "slope"), STABLE.values(), ids=STABLE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_gradients_are_those_of_mathematics_where_the_original_overflows(f, value, slope, dtype):
    compiled = cr.compile(lambda x: (f(x), cr.grad(lambda x: np.sum(f(x)))(x)))
    compiled(np.full(EXTREMES.shape, 0.3, dtype))
    found, gradient = compiled(EXTREMES.astype(dtype))
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(found, value(EXTREMES), rtol=rtol)
    if slope is not None:
        np.testing.assert_allclose(gradient, slope(EXTREMES), rtol=rtol, atol=1e-7 if dtype is np.float32 else 1e-15)
    assert versions(compiled) == 1


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_log_of_a_sum_of_exponentials(axis, keepdims):
    def f(x):
        return np.sum(np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)))

    compiled = cr.compile(cr.value_and_grad(f))
    compiled(RNG.normal(size=(3, 3)))
    x = np.array([[-1000.0, 0.0, 1000.0], [2.0, 1.0, 0.0], [-1000.0, -1000.0, -1001.0]])
    expected = cr.value_and_grad(lambda x: np.sum(cr.logsumexp(x, axis=axis, keepdims=keepdims)))(x)
    assert_same(compiled(x), expected, 1e-13)
    assert versions(compiled) == 1


def log_loss_by_hand(x, t):
    p = 1 / (1 + np.exp(-x))
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


def test_a_log_loss_by_hand():
    compiled = cr.compile(cr.value_and_grad(log_loss_by_hand))
    t = np.array([0.0, 1.0, 0.25, 1.0, 0.0, 0.5, 1.0])
    compiled(np.full(7, 0.1), t)
    assert_same(
        compiled(EXTREMES, t),
        cr.value_and_grad(lambda x: np.mean(t * cr.softplus(-x) + (1 - t) * cr.softplus(x)))(EXTREMES),
        1e-13,
    )
    assert versions(compiled) == 1


# Softmax followed by cross-entropy, with labels that are operands --------------------------------------------------

LOSSES = {
    "cross_entropy_loss": lambda s, c: np.mean(cr.cross_entropy_loss(cr.softmax(s), c)),
    "log of entries": lambda s, c: -np.mean(np.log(cr.softmax(s)[np.arange(len(c)), c])),
    "entries of log": lambda s, c: np.mean(-np.log(cr.softmax(s))[np.arange(len(c)), c]),
    "by hand": lambda s, c: (
        -np.mean(np.log(np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True))[np.arange(len(c)), c])
    ),
    "logsumexp": lambda s, c: np.mean(np.log(np.sum(np.exp(s), axis=1)) - s[np.arange(len(c)), c]),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradient_is_p_minus_e_c_over_n_and_does_not_overflow(loss):
    step = cr.value_and_grad(loss)
    s, c = RNG.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])
    assert not {"exp", "log", "divide", "power", "product_or_zero"} & names(simplified(step, s, c))
    compiled = cr.compile(step)
    compiled(s, c)
    for labels in (c, c[::-1].copy()):
        value, gradient = compiled(1000 * s, labels)
        shifted = 1000 * s - np.max(1000 * s, axis=1, keepdims=True)
        e = np.exp(shifted)
        np.testing.assert_allclose(value, np.mean(np.log(e.sum(axis=1)) - shifted[np.arange(6), labels]), rtol=1e-13)
        p = e / e.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(gradient, (p - np.eye(4)[labels]) / 6, rtol=1e-13, atol=1e-16)
    assert versions(compiled) == 1


def test_one_label_at_run_time():
    step = cr.grad(lambda s, c: -np.log(cr.softmax(s)[c]))
    compiled = cr.compile(step)
    for c in (np.array(2), np.array(0), np.array(1)):
        s = RNG.normal(size=3)
        np.testing.assert_allclose(compiled(s, c), cr.softmax(s) - np.eye(3)[c], rtol=1e-13)
    assert versions(compiled) == 1


# Hessians --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOGISTIC[:3])
def test_logistic_hessian_is_a_product_of_x_a_diagonal_and_x(loss):
    n, d = 40, 5
    x, y, w = RNG.normal(size=(n, d)), np.sign(RNG.normal(size=n)), RNG.normal(size=d)
    assert one_product(simplified(cr.hessian(lambda w: loss(w, x, y)), w), n, d)
    compiled = cr.compile(cr.hessian(loss))
    compiled(w, x, y)
    p = 1 / (1 + np.exp(-x @ w))
    np.testing.assert_allclose(compiled(w, x, y), (x.T * (p * (1 - p) / n)) @ x, rtol=1e-10)


DERIVATIVES = {
    "jacobian": cr.jacobian(lambda x: np.exp(x) * x[1]),
    "jacobian of a softmax": cr.jacobian(lambda x: np.exp(x) / np.sum(np.exp(x))),
    "jacobian of rows": cr.jacobian(lambda x: np.tanh(x[:, None] * x) @ np.sqrt(abs(x))),
    "hessian": cr.hessian(lambda x: np.sum(np.sin(x) * x[0] / (1 + np.exp(x)))),
    "hessian of a product": cr.hessian(lambda x: np.prod(np.log(abs(x)))),
    "jvp": lambda x: cr.jvp(lambda t: np.tanh(t) / t, (x,), (x,)),
    "hvp": lambda x: cr.hvp(lambda t: np.sum(np.log(1 + np.exp(t)) * t[::-1]))(x, x),
    "third": cr.grad(lambda x: np.sum(cr.hessian(lambda t: np.sum(np.exp(t) / abs(t)))(x) * x)),
}


@pytest.mark.parametrize("f", DERIVATIVES.values(), ids=DERIVATIVES)
def test_derivatives_of_every_kind(f):
    compiled = cr.compile(f)
    for _ in range(3):
        x = RNG.normal(size=5)
        assert_same(compiled(x), f(x), 1e-11)
    assert versions(compiled) == 1
    assert not compiled._failed


# What is masked out stays out --------------------------------------------------------------------------------------

MASKED = {
    "missing data": lambda x: np.where(np.isnan(x), 0.0, np.log(1 + np.exp(x)) * x),
    "missing data in a square": lambda x: np.where(np.isnan(x), 0.0, (x - 1) ** 2),
    "missing data in a softmax": lambda x: np.where(np.isnan(x), 0.0, np.exp(x) / (1 + np.exp(x))),
    "root": lambda x: np.where(x > 0, np.sqrt(abs(x)), 0.0),
    "root of root": lambda x: np.where(x > 0, np.sqrt(np.sqrt(abs(x)) * x), 0.0),
    "logarithm": lambda x: np.where(x > 0, np.log(x) * np.exp(x) / (1 + np.exp(x)), x),
    "relu of a logarithm": lambda x: cr.relu(np.log(abs(x))),
    "relu of a quotient": lambda x: cr.relu(-np.exp(x) / abs(x)),
    "a factor that is 0": lambda x: x * np.sqrt(abs(x)) * np.exp(-x),
    "overflow": lambda x: np.where(x < 100, np.exp(np.exp(x)), 1.0),
    "constants": lambda x: np.where(MIDDLE, x, 0.0) * MIDDLE * (np.log(abs(x)) + np.sqrt(abs(x))),
    "constants of two slopes": lambda x: MIDDLE * (np.log(abs(x)) / np.sqrt(abs(x)) + np.exp(x) / (1 + np.exp(x)) / x),
}
MIDDLE = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0])
SPECIAL = np.array([np.nan, 0.0, -0.0, 1.0, -2.0, 0.5, 300.0, -300.0])


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("order", [1, 2])
def test_what_is_masked_out_stays_zero(f, order):
    derivative = cr.grad(lambda x: np.sum(f(x)))
    if order == 2:
        first = derivative
        derivative = cr.grad(lambda x: np.sum(first(x)))
    compiled = cr.compile(derivative)
    compiled(np.linspace(-1.1, 1.3, 8))
    assert not compiled._failed
    for x in (SPECIAL, SPECIAL[::-1].copy(), np.where(np.isnan(SPECIAL), 2.0, SPECIAL)):
        np.testing.assert_allclose(compiled(x), derivative(x), rtol=1e-12, atol=1e-14)


# Labels that do not fit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda s, c: s[np.arange(3), c],
        lambda s, c: cr.grad(lambda s: np.sum(s[np.arange(3), c] ** 2))(s),
        lambda s, c: cr.grad(lambda s: -np.sum(np.log(cr.softmax(s)[np.arange(3), c])))(s),
        lambda s, c: s[0][c[0]],
    ],
    ids=["entries", "gradient", "softmax", "one entry"],
)
def test_an_index_from_the_end_or_beyond_it_is_numpy_s(f):
    compiled = cr.compile(f)
    s, c = RNG.normal(size=(3, 4)), np.array([2, 0, 3])
    for _ in range(2):
        assert_same(compiled(s, c), f(s, c), 1e-13)
        for wrong in (4, 10**6, -5, 10**15):
            with pytest.raises(IndexError):
                compiled(s, np.array([wrong, 0, 3]))
        from_the_end = np.array([-1, 0, -4])
        assert_same(compiled(s, from_the_end), f(s, from_the_end), 1e-13)


def test_a_constant_slope_that_is_infinite_is_masked():
    c = np.array([0.0, 2.0, 4.0])

    def f(x):
        with np.errstate(divide="ignore"):
            return np.sum(np.where(c == 0, 0.0, x / c) ** 2)

    compiled, x = cr.compile(cr.grad(f)), np.array([1.0, 2.0, 3.0])
    for k in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(compiled(k * x), [0.0, 2 * k * 2 / 4, 2 * k * 3 / 16], rtol=1e-14)
    assert not compiled._failed


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + 0.0,
        lambda x: 0.0 + x,
        lambda x: x + -0.0,
        lambda x: x - 0.0,
        lambda x: x - -0.0,
        lambda x: 0.0 - x,
        lambda x: x * 1.0,
        lambda x: x / 1.0,
        lambda x: x * -1.0,
        lambda x: np.negative(-x),
        lambda x: x + np.zeros(3),
        lambda x: x * 0.0,
        lambda x: x**1.0,
        lambda x: np.maximum(x, x),
        lambda x: x * np.zeros(3) + x,
        lambda x: x + x * -0.0,
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_zeros_keep_their_sign(f, dtype):
    compiled, x = cr.compile(f), np.array([-0.0, 0.0, -3.0], dtype)
    for _ in range(2):
        found = compiled(x)
        np.testing.assert_array_equal(found, f(x))
        np.testing.assert_array_equal(np.signbit(found), np.signbit(f(x)))


# Constants with zeros --------------------------------------------------------------------------------------------

A_LABEL = np.array([2, 0, 1])
WRITTEN = {
    "identity": lambda x, y, c: np.eye(3) @ y,
    "identity behind": lambda x, y, c: x @ np.eye(3),
    "integer identity": lambda x, y, c: np.eye(3, dtype=int) @ y,
    "permutation": lambda x, y, c: np.eye(3)[[1, 2, 0]] @ y,
    "one-hot rows": lambda x, y, c: np.sum(np.eye(3)[[1, 1, 0]] * y, axis=1),
    "rows of labels": lambda x, y, c: np.sum(cr.one_hot(A_LABEL, 3) * y, axis=1),
    "rows of labels that are given": lambda x, y, c: np.sum(cr.one_hot(c, 3) * y, axis=1),
    "rows of labels that are given, multiplied": lambda x, y, c: cr.one_hot(c, 3) @ y,
    "rows of an identity": lambda x, y, c: np.sum(np.eye(3)[c] * y, axis=1),
    "comparison": lambda x, y, c: np.sum((c[:, None] == np.arange(3)) * y, axis=1),
    "diagonal": lambda x, y, c: (np.eye(3) * np.exp(x)) @ y,
    "np.diag": lambda x, y, c: np.diag(x) @ y,
    "written zeros": lambda x, y, c: _written(x) * y,
    "tensordot": lambda x, y, c: np.tensordot(np.eye(3), y, 1),
    "a power": lambda x, y, c: np.linalg.matrix_power(y, 0) @ y,
    "a Jacobian": lambda x, y, c: cr.jacobian(lambda x: 2 * x)(x) @ y,
    "gradient": lambda x, y, c: cr.grad(lambda x: np.sum((np.eye(3) @ x) ** 2))(x),
    "cotangents": lambda x, y, c: cr.vjp(lambda x: np.exp(x) @ y, x)[1](np.eye(3))[0],
}


def _written(x):
    z = np.zeros_like(x)
    z[1] = x[0]
    return z


@pytest.mark.parametrize("f", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_zeros_that_a_user_wrote_are_numbers(f, special):
    x, y = np.array([0.5, 2.0, 1.0]), np.arange(1.0, 10).reshape(3, 3)
    compiled = cr.compile(f)
    compiled(x, y, A_LABEL)
    x[2] = y[1, 2] = special
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(compiled(x, y, A_LABEL), f(x, y, A_LABEL))
