"""Loops that write into entries of arrays: compiled as loops, with the value and the gradient of their steps."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

from .test_rolled import loops_in

RNG = np.random.default_rng(1)
STEPS = 90


def logistic(a, w, n):
    x = np.zeros(n + 1)
    x[0] = 0.3
    for t in range(1, n + 1):
        x[t] = a * x[t - 1] * (1 - x[t - 1])
    return np.sum(x**2)


def rows(a, w, n):
    out, h = np.empty((n, 3)), w
    for i in range(n):
        h = h + 0.1 * np.tanh(a * h[::-1])
        out[i] = h
    return np.sum(out**2 * np.arange(3 * n).reshape(n, 3)) + np.max(out[:, 1])


def columns(a, w, n):
    out = np.ones((3, n))
    for t in range(1, n):
        out[:, t] = np.cos(out[:, t - 1] * a) + w
    return np.sum(out / (1 + out**2))


def entries_of_rows(a, w, n):
    u = np.zeros((n, 2))
    u[0, 0] = 1.0
    for t in range(1, n):
        u[t, 0] = u[t - 1, 0] + 0.01 * u[t - 1, 1]
        u[t, 1] = u[t - 1, 1] - 0.01 * np.sin(a * u[t, 0]) + 0.01 * w[0]
    return np.sum(u**3) + u[-1, 0]


def entries_in_an_inner_loop(a, w, n):
    u = np.zeros((n, 3))
    for t in range(1, n):
        for i in range(3):
            u[t, i] = np.tanh(a * u[t - 1, i] + w[i])
    return np.sum(u * np.cos(u))


def added_to_an_entry(a, w, n):
    x = np.full(n, 0.5)
    for t in range(1, n):
        x[t] += a * np.tanh(x[t - 1])
        x[t] *= 0.3
    return np.sum(x[2:] * x[:-2])


def every_other_entry(a, w, n):
    x = np.linspace(0, 1, 2 * n)
    for t in range(2, 2 * n, 2):
        x[t] = a * np.sin(x[t - 2]) + x[t - 1]
    return np.sum(x**2)


def from_the_end(a, w, n):
    x = np.zeros(n)
    x[-1] = 1.0
    for t in range(2, n + 1):
        x[-t] = 0.9 * x[1 - t] + 0.1 * np.cos(a * x[1 - t])
    return x[0] * np.sum(x)


def a_state_that_is_written_over(a, w, n):
    s = np.array([1.0, 0.0, 0.5])
    for _ in range(n):
        s[0] += 0.01 * s[1]
        s[1] -= 0.01 * a * s[0]
        s[2] = 0.5 * s[2] + s @ w / 10
    return np.sum(s**2)


def a_window(a, w, n):
    x = np.zeros(n + 3)
    x[:3] = 1.0
    for t in range(3, n + 3):
        x[t] = np.tanh(w @ x[t - 3 : t]) + 0.1 * a
    return np.sum(x**2)


def results_in_an_array(a, w, n):
    out, s = np.zeros(n), 0.5
    for t in range(n):
        s = a * s * (1 - s)
        out[t] = s
    return np.mean((out - np.linspace(0, 1, n)) ** 2) + out[7] * out[-2]


def in_two_arrays(a, w, n):
    price, level = np.zeros(n), np.zeros(n)
    level[0] = a
    for t in range(1, n):
        level[t] = level[t - 1] + 0.1 * np.sin(price[t - 1])
        price[t] = 0.9 * price[t - 1] + w[1] * level[t]
    return np.sum(price * level)


def seen_on_the_way(a, w, n):
    """Half of the entries are read before the other half is written."""
    x = np.zeros(2 * n)
    x[0] = a
    for t in range(1, n):
        x[t] = np.tanh(1.1 * x[t - 1]) + 0.01 * t
    mean = np.mean(x)
    for t in range(n, 2 * n):
        x[t] = np.sin(x[t - n]) * mean + 0.9 * x[t - 1]
    return np.sum(x**2)


def the_same_in_each_step(a, w, n):
    x, y, s = np.zeros(n), np.zeros((n, 3)), 0.5
    for t in range(n):
        y[t] = np.sin(a * w)
        x[t] = np.cos(a * w[1])
        s = np.tanh(s + x[t]) + 0.1 * np.sum(y[t])
    return np.sum(x**2) * s + np.sum(y * np.arange(n)[:, None])


PROGRAMS = [
    the_same_in_each_step,
    logistic,
    rows,
    columns,
    entries_of_rows,
    entries_in_an_inner_loop,
    added_to_an_entry,
    every_other_entry,
    from_the_end,
    a_state_that_is_written_over,
    a_window,
    results_in_an_array,
    in_two_arrays,
    seen_on_the_way,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_loop_that_writes_is_a_loop_and_has_the_gradient_of_its_steps(program):
    w = np.array([0.5, -0.3, 0.2])
    sizes = []
    for n in (STEPS, STEPS + 45):
        f = cr.value_and_grad(lambda a, w, n=n: program(a, w, n), (0, 1))
        compiled = cr.compile(f)
        for a in (1.1, 1.1, 0.7):
            value, gradients = f(a, w)
            found, found_gradients = compiled(a, w)
            np.testing.assert_allclose(value, program(a, w.copy(), n), rtol=1e-13)
            np.testing.assert_allclose(found, value, rtol=1e-11)
            for x, y in zip(found_gradients, gradients, strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
        sizes.append(len(compiled.source()))
    assert loops_in(f, (1.1, w)) > 0
    assert sizes[1] < 1.05 * sizes[0]


def test_writes_that_a_loop_cannot_follow_have_the_same_gradients():
    def mixed(a, w):
        u = np.zeros((60, 3))
        total = 0.0
        for t in range(1, 60):
            u[t] = np.tanh(a * u[t - 1] + w)
            u[t, 1] = 0.5  # an entry of a row that was written as a whole
            u[t - 1 : t + 1, 2] = u[t, 0]  # two rows at once
            total = total + np.sum(u[:, 0]) + u[t, 2]  # the whole array in each step
        u[np.array([3, 3, 4])] = w * a
        return total + np.sum(u**2)

    w = np.array([0.5, -0.3, 0.2])
    f = cr.value_and_grad(mixed, (0, 1))
    compiled = cr.compile(f)
    for a in (1.1, 1.1, 0.7):
        value, gradients = f(a, w)
        found, found_gradients = compiled(a, w)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for x, y in zip(found_gradients, gradients, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_are_written_take_the_dtype_of_the_array(dtype):
    def f(a):
        x = np.zeros(80, dtype)
        s = a
        for t in range(1, 80):
            s = 0.9 * s + 0.1 / t  # a number of Python's
            x[t] = s
            x[t] = x[t] * x[t - 1] + 1 / 3
        return np.sum(x.astype(np.float64))

    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for a in (1.3, 1.3, 0.4):
        np.testing.assert_allclose(compiled(a), g(a), rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_number_fills_a_row():
    def f(x):
        u = np.outer(x, x)
        for i in range(9):
            u[i] = float(i)
        for t in range(60):
            x = np.tanh(x * 1.1) + 0.01 * u[3]
            x = x - 0.05 * np.sin(x) * u[1, 2]
            x = x * (1 + 0.001 * t)
        return np.sum(u * x)

    x = np.linspace(0.1, 0.9, 9)
    g = cr.value_and_grad(f)
    compiled = cr.compile(g)
    for _ in range(3):
        value, gradient = compiled(x)
        np.testing.assert_allclose(value, g(x)[0], rtol=1e-11)
        np.testing.assert_allclose(gradient, g(x)[1], rtol=1e-10, atol=1e-12)
