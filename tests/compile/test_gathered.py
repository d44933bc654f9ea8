"""The gradient of a loop over the entries or rows of an array costs as much as the loop."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

import chainrule as cr

from .interpreted import interpreted


def of_entries(y):
    h, total = 0.5, 0.0
    for k in range(len(y)):
        h = 0.9 * h + y[k] ** 2
        total = total + np.log(h)
    return total + np.sum(y**3)


def of_neighbours(y):
    return sum((y[k] - y[k - 1]) ** 2 * y[0] for k in range(1, len(y), 2))


def of_rows(y):
    h = 0 * y[0]
    for x in y:
        h = np.tanh(h + x)
    return np.sum(h)


def of_columns(y):
    h = 0 * y[:, 0]
    for k in range(0, y.shape[1], 2):
        h = np.tanh(h + y[:, k] * y[:, 0])
    return np.sum(h)


PROGRAMS = {of_entries: (1, 30), of_neighbours: (1, 31), of_rows: (30, 3), of_columns: (3, 30)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("function", PROGRAMS)
def test_compiled_and_interpreted_gradients_agree_with_the_recorded_one(function, dtype):
    shape = PROGRAMS[function]
    x = np.random.default_rng(0).uniform(0.5, 1.0, size=shape[1:] if shape[0] == 1 else shape).astype(dtype)
    real = (lambda x: np.real(function(x) * (1 + 2j))) if dtype == np.complex128 else function
    gradient = cr.value_and_grad(real)
    expected = gradient(x)
    for way in (interpreted(), None):
        compiled = cr.compile(gradient)
        if way is not None:
            with way:
                found = [compiled(x) for _ in range(2)][-1]
        else:
            found = [compiled(x) for _ in range(3)][-1]
        for f, e in zip(found, expected, strict=True):
            assert f.dtype == e.dtype
            np.testing.assert_allclose(f, e, rtol=1e-4 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("function", [of_entries, of_neighbours, of_rows])
def test_a_loop_of_twice_as_many_entries_is_twice_the_work(function, monkeypatch):
    repeats = importlib.import_module("chainrule.compile.repeats")
    monkeypatch.setattr(repeats, "WORTH", repeats.Worth(math.inf))  # step by step
    works = []
    for n in (50, 100, 200):
        compiled = cr.compile(cr.value_and_grad(function))
        x = np.ones((n, 3) if function is of_rows else n)
        with interpreted():
            for _ in range(2):
                compiled(x)
        works.append(compiled._latest.program.work)
    assert works[2] - works[1] < 2.4 * (works[1] - works[0])


PARTS = [
    lambda x: x[None, :2],
    lambda x: x[1:, None, 1],
    lambda x: x[:, None],
    lambda x: x[..., None, 0],
    lambda x: x[2, None],
    lambda x: x[None, 2, None, 1, None],
    lambda x: x[None],
]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_with_new_axes_has_a_native_gradient(part):
    x = np.random.default_rng(0).normal(size=(4, 3))
    for make in (lambda f: cr.value_and_grad(lambda x: np.sum(f(x) ** 3)), cr.jacobian):
        function = make(lambda x: np.sin(part(x)))
        compiled = cr.compile(function)
        for _ in range(3):
            found = compiled(x)
        assert compiled._latest.program.native
        expected = function(x)
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-12, atol=1e-14)
