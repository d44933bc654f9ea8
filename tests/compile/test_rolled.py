"""Loops in Python that are recorded step by step, and compiled as loops."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from tests.sweeps.loops import disagreement

import chainrule as cr
from chainrule.compile.rolled import looped

from .interpreted import interpreted

recorder = importlib.import_module("chainrule.compile.recorder")
RNG = np.random.default_rng(0)


# Programs ------------------------------------------------------------------------------------------------------------


def carried_pair(x, y):
    for _ in range(120):
        x, y = x + 0.01 * x * (1.1 - 0.4 * y), y + 0.01 * y * (0.1 * x - 0.4)
    return x * y


def rows_forwards(W, xs):
    h = np.zeros(3)
    for x in xs:
        h = np.tanh(W @ h + x)
    return np.sum(h**2)


def rows_backwards(W, xs):
    h = np.zeros(3)
    for t in range(xs.shape[0] - 1, -1, -1):
        h = np.tanh(W @ h + xs[t]) + 0.1 * h
    return np.sum(h**2)


def every_other_row(W, xs):
    h = np.zeros(3)
    for t in range(1, xs.shape[0], 2):
        h = np.sin(W @ h + xs[t] * xs[t - 1])
        h = h / np.sqrt(1 + np.sum(h**2))
    return np.sum(h)


def columns(W, xs):
    h = np.zeros(xs.shape[0])
    for t in range(xs.shape[1]):
        h = np.cos(h + xs[:, t]) + 0.5 * np.sin(h) * W[0, 0] - xs[:, 0]
    return np.sum(h * h)


def two_back(W, xs):
    a, b = xs[0], xs[1]
    for t in range(2, xs.shape[0]):
        a, b = b, np.tanh(W @ a + 0.5 * b - xs[t - 2] * xs[t])
    return a @ b


def appended(W, xs):
    states = [xs[0], xs[1], xs[2]]
    for t in range(3, xs.shape[0]):
        states.append(np.tanh(W @ states[t - 1] + 0.1 * states[t - 3] * xs[t]))
    return np.sum(np.stack(states) ** 2) + np.sum(states[7]) * np.sum(states[-2])


def results_of_steps(W, xs):
    h, total, found = 0 * xs[0], 0.0, []
    for x in xs:
        h = 1 / (1 + np.exp(-(W @ h) - x))
        total = total + np.log(np.sum(np.exp(h)))
        found.append(h[1])
    return total + np.mean(np.array(found) ** 3)


def numbers_that_differ(W, xs):
    h = xs[0]
    for t in range(80):
        h = h + math.sin(0.1 * t) * (W @ h) / (t + 1) - 0.01 * h**3
    return np.sum(h)


def while_it_lasts(W, xs):
    t, h = 0.0, xs[0]
    while t < 1.0:
        h = h + 0.01 * np.sin(W @ h)
        h = h - 0.01 * np.exp(-h) * xs[1]
        t += 0.01
    return np.sum(h**2)


def until_it_is_small(W, xs):
    h = xs[0]
    for t in range(200):
        step = 0.05 * (W @ h) + 0.05 * h
        h = h - step
        if np.sum(step**2) < 1e-4 or t > 150:
            break
    return np.sum(np.exp(h))


def a_branch_in_each_step(W, xs):
    h = xs[0]
    for x in xs:
        h = np.tanh(W @ h + x)
        if h[0] > 0:
            h = h * 0.5
        h = h + 0.1 * np.cos(h)
    return np.sum(h)


def nested(W, xs):
    h = xs[0]
    for t in range(12):
        for _ in range(10):
            h = np.tanh(W @ h) + 0.1 * np.sin(h)
        h = h + xs[t]
    return np.sum(h**2)


def one_after_the_other(W, xs):
    h = xs[0]
    for x in xs:
        h = np.tanh(W @ h + x)
        h = h + 0.1 * np.cos(h)
    for x in xs[::-1]:
        h = np.sin(h - W @ x) + h**2 / 10 - 0.01 * h
    return np.sum(h**2)


def rolled_grid(u):
    for _ in range(60):
        u = u + 0.2 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return np.sum(u**2)


def clipped(W, xs):
    h = xs[0]
    for x in xs:
        h = np.where(h > x, np.maximum(h, 0.1), np.minimum(W @ h, x)) + 0.3 * np.abs(h)
        h = np.clip(h, -1.0, 1.0)
    return np.sum(h * xs[1])


def of_matrices(W, xs):
    P = np.eye(3)
    for x in xs:
        P = 0.5 * W @ P @ W.T + np.outer(x, x)
        P = P / np.trace(P)
    return np.sum(P**2) + np.linalg.det(P + np.eye(3))


def solved(W, xs):
    m = np.zeros(3)
    for x in xs:
        m = np.linalg.solve(np.eye(3) * 2 + W.T @ W, m + x)
        m = m + 0.1 * np.log(np.linalg.det(W @ W.T + np.eye(3)))
    return np.sum(m)


def written(W, xs):
    out = np.zeros((xs.shape[0], 3))
    for t in range(1, xs.shape[0]):
        out[t] = np.tanh(W @ out[t - 1] + xs[t])
    return np.sum(out**2)


def not_of_the_state(W, xs):
    total = 0.0
    for k in range(xs.shape[0]):
        apart = (xs[k] - W[0]) / np.exp(W[1])
        total = total + np.log(1 + np.exp(np.sum(apart**2)))
    return total


def in_single_precision(W, xs):
    h, W = np.zeros(3, np.float32), W.astype(np.float32)
    for t, x in enumerate(xs.astype(np.float32)):
        h = np.tanh(W @ h + 0.5 * x) * 0.9 + 1.0 / (t + 2)
        h = h - 0.01 * h
    return np.sum(h).astype(np.float64)


def of_many(*numbers):
    total = 0.0
    for k, x in enumerate(numbers):
        total = total + x * x / (k + 1) + np.sin(x)
    return total


MATRIX, ROWS = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=(80, 3))
PROGRAMS = {
    carried_pair: (10.0, 5.0),
    rolled_grid: (RNG.normal(size=40),),
    columns: (MATRIX, RNG.normal(size=(4, 60))),
    of_many: tuple(RNG.normal(size=150).tolist()),
    **dict.fromkeys(
        [
            *(rows_forwards, rows_backwards, every_other_row, two_back, appended, results_of_steps),
            *(numbers_that_differ, while_it_lasts, until_it_is_small, a_branch_in_each_step, nested),
            *(one_after_the_other, clipped, of_matrices, solved, written, not_of_the_state, in_single_precision),
        ],
        (MATRIX, ROWS),
    ),
}
STEP_BY_STEP = {a_branch_in_each_step, until_it_is_small}
"""What is recorded step by step: values decide the path."""


def moved(arguments, k):
    return tuple(x * (1 + 0.01 * k) for x in arguments)


def same(x, y, tolerance=1e-9):
    if isinstance(x, tuple | list):
        assert type(x) is type(y)
        for a, b in zip(x, y, strict=True):
            same(a, b, tolerance)
        return
    assert type(x) is type(y)
    assert np.asarray(x).dtype == np.asarray(y).dtype
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def loops_in(f, arguments):
    """How many loops a recording of f has."""
    signature = recorder.signature_of(arguments, {}, "f")
    recorded = recorder.record(f, signature, [f"x{i}" for i in range(len(signature.leaves))])
    return sum(step.what[0] is looped for step in recorded.told())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_loop_has_the_value_and_the_gradient_of_its_steps(program):
    arguments = PROGRAMS[program]
    f = cr.value_and_grad(program, tuple(range(len(arguments))))
    compiled = cr.compile(f)
    tolerance = 1e-4 if program is in_single_precision else 1e-9
    for k in (0, 0, 1, 2, 2):
        same(compiled(*moved(arguments, k)), f(*moved(arguments, k)), tolerance)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_steps_that_repeat_become_loops(program):
    f = cr.value_and_grad(program, tuple(range(len(PROGRAMS[program]))))
    assert (loops_in(f, PROGRAMS[program]) >= 2) is (program not in STEP_BY_STEP)


@pytest.mark.parametrize("program", [two_back, results_of_steps, of_matrices, solved], ids=lambda f: f.__name__)
def test_a_loop_runs_as_python_too(program):
    f = cr.value_and_grad(program, (0, 1))
    with interpreted():
        compiled = cr.compile(f)
        for _ in range(3):
            same(compiled(MATRIX, ROWS), f(MATRIX, ROWS))


@pytest.mark.parametrize("program", [rows_forwards, two_back, numbers_that_differ], ids=lambda f: f.__name__)
def test_derivatives_of_a_loop_are_right_in_any_order(program):
    W = RNG.normal(size=(3, 3)) / 3

    def second(W, xs):
        return np.sum(cr.grad(program)(W, xs) ** 2)

    for f in (cr.grad(second), cr.hessian(lambda W: program(W, ROWS))):
        arguments = (W, ROWS) if f.__name__.startswith("grad(second") else (W,)
        compiled = cr.compile(f)
        for _ in range(3):
            np.testing.assert_allclose(compiled(*arguments), f(*arguments), rtol=1e-8, atol=1e-9)


def test_a_loop_without_a_gradient_is_a_loop():
    f = lambda W, xs: rows_forwards(W, xs)  # noqa: E731
    compiled = cr.compile(f)
    for _ in range(3):
        same(compiled(MATRIX, ROWS), f(MATRIX, ROWS))
    assert loops_in(f, (MATRIX, np.tile(ROWS, (2, 1)))) == 1


def test_a_training_run_is_a_loop():
    X, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)

    def trained(w, X, y):
        for _ in range(60):
            w = w - 0.05 * cr.grad(lambda w: np.mean((np.tanh(X @ w) - y) ** 2))(w)
        return w

    compiled = cr.compile(trained)
    for _ in range(3):
        same(compiled(np.zeros(3), X, y), trained(np.zeros(3), X, y))


def test_a_value_that_overflows_has_the_same_unknown_gradient():
    def f(x):
        h = x
        for _ in range(100):
            h = np.log(1 + np.exp(h)) + 0.001 * h
        return h

    arguments = (np.float64(800.0),)
    with np.errstate(all="ignore"):
        compiled = cr.compile(cr.grad(f))
        np.testing.assert_equal(compiled(*arguments), cr.grad(f)(*arguments))


def test_the_number_of_steps_does_not_change_how_much_is_recorded():
    def steps(n):
        signature = recorder.signature_of((MATRIX, RNG.normal(size=(n, 3))), {}, "f")
        f = cr.value_and_grad(two_back, (0, 1))
        return len(recorder.record(f, signature, ["W", "xs"]).told())

    assert steps(100) == steps(1000)


def test_another_number_of_steps_is_another_loop():
    compiled = cr.compile(cr.value_and_grad(rows_forwards, (0, 1)))
    for n in (70, 90, 70, 90, 70, 90):
        xs = ROWS[:1] * np.linspace(0.1, 1, n)[:, None]
        same(compiled(MATRIX, xs), cr.value_and_grad(rows_forwards, (0, 1))(MATRIX, xs))


def filtered(A, P, xs):
    total, x = 0.0, xs[0]
    for y in xs:
        P = A @ P @ A.T + np.eye(3)
        x = A @ x + np.linalg.solve(P, y - x)
        total = total + np.log(np.linalg.det(P)) + x @ x
    return total


def test_what_the_forward_loop_has_checked_is_not_computed_again_to_be_checked():
    args = RNG.normal(size=(3, 3)) / 4, np.eye(3), RNG.normal(size=(40, 3))
    function = cr.value_and_grad(filtered, (0, 1, 2))
    compiled = cr.compile(function)
    for _ in range(3):
        found, expected = compiled(*args), function(*args)
        for x, y in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9)
    functions = compiled.source().split("\ndef ")
    (backward,) = (text for text in functions if text.split("(")[0].endswith("_step2"))
    assert "_solve" in backward
    assert "_det(" not in backward


def layers(W, xs):
    h = xs[0]
    for x in xs:
        h = np.tanh(h @ W + x)
        h = h + 0.1 * np.sin(h) - 0.01 * np.cos(h)
    return np.sum(h**2)


@pytest.mark.parametrize(("rows", "columns", "is_loop"), [(32, 64, True), (400, 300, False)])
def test_products_in_a_loop_call_blas_and_those_worth_several_threads_are_left_to_numpy(rows, columns, is_loop):
    steps = 60
    W, xs = RNG.normal(size=(columns, columns)) / columns, RNG.normal(size=(steps, rows, columns))
    compiled = cr.compile(layers)
    for _ in range(3):
        same(compiled(W, xs), layers(W, xs))
    assert ("_step(" in compiled.source()) is is_loop
    assert is_loop or "np.matmul" in compiled.source()


@pytest.mark.parametrize("seed", range(6))
def test_random_loops_are_right(seed):
    assert not disagreement(seed)


def test_steps_that_took_another_path_on_the_first_call_are_another_path():
    def continued_fraction(x):
        found = 0.0
        for k in range(200, 0, -1):
            found = k / (x * x + 1 + found)
        return found

    f = cr.value_and_grad(continued_fraction)
    for values in ((np.nan, np.inf, 0.3, 0.3, 0.4), (np.inf, 0.3, np.nan, np.inf, 0.3)):
        compiled = cr.compile(f)
        for x in values:
            np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)


def test_a_loop_that_another_process_has_compiled_is_recorded_step_by_step_where_values_need_that(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    f = cr.value_and_grad(solved, (0, 1))
    first = cr.compile(f)
    for _ in range(3):
        same(first(MATRIX, ROWS), f(MATRIX, ROWS))
    unknown = ROWS.copy()
    unknown[3] = np.nan
    compiled = cr.compile(f)
    for xs in (unknown, ROWS, ROWS, unknown, ROWS):  # NumPy solves where NaN says that a matrix may be singular
        same(compiled(MATRIX, xs), f(MATRIX, xs))


def test_entries_and_whole_columns_of_an_array_are_written_in_one_loop():
    def f(xs):
        V, h = np.zeros((3, len(xs))), xs[0]
        for t in range(2, len(xs)):
            for i in range(2):
                V[i, t] = h[i + 1] * 0.5
            V[:, t] = np.sin(h) + xs[t]
            h = np.tanh(V[:, t - 1]) + V[1, t]
        return np.sum(V**2 @ np.ones(len(xs))) + np.sum(h)

    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(3):
        same(compiled(ROWS), cr.value_and_grad(f)(ROWS))


def test_a_first_call_with_nan_is_compared_with_later_ones_in_the_order_of_the_steps():
    def covariance(xs):
        total, mean = np.zeros((3, 3)), xs.mean(axis=0)
        for x in xs:
            apart = x - mean
            total += np.outer(apart, apart)
        return np.linalg.det(total / len(xs))

    f = cr.value_and_grad(covariance)
    unknown = ROWS.copy()
    unknown[3] = np.nan
    compiled = cr.compile(f)
    with np.errstate(all="ignore"):
        for xs in (unknown, ROWS, ROWS, unknown, ROWS):
            same(compiled(xs), f(xs))
