"""Writes of a few entries, compiled: into the memory of the array itself where its old value is not read any more."""

import re

import numpy as np
import pytest
from tests.test_versions import N, random_program

import chainrule as cr


def logistic(a, n):
    x = np.zeros(n)
    x[0] = 0.3
    for t in range(1, n):
        x[t] = a * x[t - 1] * (1 - x[t - 1])
    return np.sum(x)


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_of_writes_give_what_they_give_uncompiled(seed):
    rng = np.random.default_rng(100 + seed)
    f = cr.value_and_grad(random_program(rng, steps=12), (0, 1))
    compiled = cr.compile(f)
    for scale in (1.0, 0.5):
        x, w = rng.normal(size=N) * scale, rng.normal(size=3)
        value, grads = f(x, w)
        found, found_grads = compiled(x, w)
        np.testing.assert_allclose(found, value, rtol=1e-11)
        for a, b in zip(found_grads, grads, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_loop_of_writes_copies_no_array():
    f = cr.value_and_grad(lambda a: logistic(a, 80))
    compiled = cr.compile(f)
    for a in (2.5, 3.5):
        np.testing.assert_allclose(compiled(a), f(a), rtol=1e-9)
    assert len(re.findall(r"\[\.\.\.\] = ", compiled.source())) < 5


def test_an_array_that_is_read_later_keeps_its_entries():
    def f(x):
        y = x * 2.0
        before = y.copy()
        first = y[3:90]
        y[5] = x[0] * x[1]
        y[6] = y[5] * x[2]
        old = np.sum(before * y) + np.sum(first)
        y[5] = 0.0
        return old * np.sum(np.cos(y))

    x = np.linspace(0.1, 1.0, 100)
    g = cr.value_and_grad(f)
    value, gradient = g(x)
    compiled_value, compiled_gradient = cr.compile(g)(x)
    np.testing.assert_allclose(compiled_value, value, rtol=1e-13)
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=1e-11)


def test_results_and_arguments_are_not_written_into():
    def f(x):
        y = x.copy()
        y[0] = 5.0 * x[1]
        z = y.copy()
        z[1] = y[2] * 2.0
        return y, z, np.sum(z * y)

    x = np.linspace(0.1, 1.0, 100)
    compiled = cr.compile(f)
    for _ in range(2):
        for a, b in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(a[:5] if np.ndim(a) else a, b[:5] if np.ndim(b) else b)
    np.testing.assert_array_equal(x, np.linspace(0.1, 1.0, 100))
