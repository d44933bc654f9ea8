"""Loops in Python, which become loops of XLA's."""

from __future__ import annotations

import numpy as np
import pytest
from tests.compile import test_rolled as rolled

import chainrule as cr

jax = pytest.importorskip("jax")
jnp = jax.numpy
RNG = np.random.default_rng(0)


def recurrent(W, U, X, h):
    for x in X:
        h = np.tanh(W @ h + U @ x)
    return np.sum(h**2)


def classified(W, U, V, X, label):
    h = np.zeros(W.shape[0])
    for x in X:
        h = np.tanh(W @ h + U @ x)
    return cr.softmax_cross_entropy(V @ h, label)


def runge_kutta(y, rates):
    def slope(y):
        return np.stack([rates[0] * y[0] - y[0] * y[1], y[0] * y[1] - rates[1] * y[1]])

    h = 0.001
    for _ in range(1000):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(y)


def weights(n=6, m=3, steps=200):
    return RNG.normal(size=(n, n)) / n, RNG.normal(size=(n, m)), RNG.normal(size=(steps, m))


def lines_of(f, *args):
    """How long XLA's program is."""
    fast = cr.compile(f, engine="jax")
    fast(*args)
    assert "while(" in fast.source()
    return fast.source().count("\n")


def agree(f, *args, tolerance=1e-12):
    made, expected = cr.compile(f, engine="jax")(*args), f(*args)
    for a, b in zip(jax.tree.leaves(made), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("f", [runge_kutta, cr.value_and_grad(runge_kutta, (0, 1))], ids=["value", "gradient"])
def test_a_thousand_steps_of_runge_kutta(f):
    agree(f, np.array([1.0, 0.5]), np.array([1.0, 1.2]))


@pytest.mark.parametrize("f", [recurrent, cr.value_and_grad(recurrent, (0, 1, 2, 3))], ids=["value", "gradient"])
def test_a_recurrent_network_of_two_hundred_steps(f):
    agree(f, *weights(), np.zeros(6))


ROLLED = [program for program in rolled.PROGRAMS if program not in rolled.STEP_BY_STEP]


@pytest.mark.parametrize("program", ROLLED, ids=lambda f: f.__name__)
def test_a_loop_has_the_value_and_the_gradient_of_its_steps(program):
    arguments = rolled.PROGRAMS[program]
    f = cr.value_and_grad(program, tuple(range(len(arguments))))
    agree(f, *arguments, tolerance=1e-4 if program is rolled.in_single_precision else 1e-11)


def test_programs_do_not_grow_with_the_number_of_steps():
    gradient = cr.grad(recurrent, (0, 1))
    few, many = (lines_of(gradient, *weights(steps=n), np.zeros(6)) for n in (150, 300))
    assert many < 1.1 * few < 3000


def test_second_derivatives_are_loops_too():
    W, U, X = weights(2, 2, 100)
    agree(cr.hessian(recurrent, 3), W, U, X, np.ones(2), tolerance=1e-11)
    agree(cr.hvp(recurrent, 0), W, U, X, np.ones(2), np.ones((2, 2)), tolerance=1e-11)


def test_a_training_run_has_the_result_of_its_steps():
    X, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)

    def trained(w, X, y):
        for _ in range(60):
            w = w - 0.05 * cr.grad(lambda w: np.mean((np.tanh(X @ w) - y) ** 2))(w)
        return w

    agree(trained, np.zeros(3), X, y)


def test_labels_after_a_loop_are_checked_on_each_run():
    W, U, X = weights()
    V = RNG.normal(size=(4, 6))
    f = cr.value_and_grad(classified, (0, 1, 2))
    fast = cr.compile(f, engine="jax")
    for label in (np.array(1), np.array(3)):
        for a, b in zip(jax.tree.leaves(fast(W, U, V, X, label)), jax.tree.leaves(f(W, U, V, X, label)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert "while(" in fast.source()
    assert fast.source().count("\n") < 3000
    with pytest.raises(cr.errors.ChainruleError):
        fast(W, U, V, X, np.array(4))


def test_a_value_that_overflows_has_the_same_unknown_gradient():
    def f(x):
        h = x
        for _ in range(100):
            h = np.log(1 + np.exp(h)) + 0.001 * h
        return h

    with np.errstate(all="ignore"):
        expected = cr.grad(f)(800.0)
        assert np.isnan(expected)
        np.testing.assert_equal(cr.compile(cr.grad(f), engine="jax")(800.0), expected)


def test_scan_tells_that_a_value_overflows():
    def f(x, xs):
        return cr.scan(lambda h, x: (np.log(1 + np.exp(h * x)), None), x, xs)[0]

    xs = np.ones(10)
    with np.errstate(all="ignore"):
        np.testing.assert_equal(cr.compile(cr.grad(f), engine="jax")(800.0, xs), cr.grad(f)(800.0, xs))
    agree(cr.grad(f), 0.5, xs)


def test_arrays_of_jaxs_keep_their_dtype():
    arguments = [x.astype(np.float32) for x in (*weights(), np.zeros(6))]
    fast = cr.compile(cr.value_and_grad(recurrent), engine="jax")
    value, gradient = fast(*map(jnp.asarray, arguments))
    assert value.dtype == gradient.dtype == np.float32
    expected = cr.value_and_grad(recurrent)(*arguments)
    np.testing.assert_allclose(value, expected[0], rtol=1e-4)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-3, atol=1e-4)
    assert fast.source().count("\n") < 3000


def test_random_numbers_in_a_loop_are_refused():
    rng = np.random.default_rng(0)

    def f(x):
        for _ in range(200):
            x = np.sin(x) + rng.normal()
        return x

    with pytest.raises(cr.errors.RecordingError, match="random"):
        cr.compile(f, engine="jax")(np.ones(3))


def test_an_entry_beyond_the_array_is_an_error_as_in_numpy():
    def f(x):
        total = 0.0
        for t in range(101):
            total = total + np.sin(x[t]) * np.cos(x[t]) * x[t]
        return total

    with pytest.raises(IndexError):
        cr.compile(f, engine="jax")(np.ones(100))
