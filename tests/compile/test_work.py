"""What it takes to compile a long program: work that grows with its steps, and machine code with its different ones."""

import importlib
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import entry
from chainrule.compile.buffers import Lifetime, share
from work_done import calls_of

from .interpreted import interpreted


def _steps(n):
    """A recurrent network of n steps."""
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(4, 4)), rng.normal(size=(n, 4))

    def loss(w, x):
        state = np.zeros(4)
        for row in x:
            state = np.tanh(w @ state + row)
        return np.sum(state**2)

    return cr.value_and_grad(loss), (w, x)


def _slopes(n):
    """Runge and Kutta's steps through Lorenz's equations."""

    def slope(s):
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    def last(s):
        for _ in range(n // 10):
            k1 = slope(s)
            k2 = slope(s + 0.005 * k1)
            s = s + 0.01 * slope(s + 0.005 * k2)
        return np.sum(s)

    return cr.value_and_grad(last), (np.ones(3),)


def _numbers(n):
    """A chain of numbers."""

    def last(x):
        for _ in range(n):
            x = x + 0.1 * np.sin(x)
        return x

    return cr.value_and_grad(last), (0.5,)


def _neighbours(n):
    """Heat along a rod."""

    def energy(u):
        for _ in range(n // 4):
            u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        return np.sum(u**2)

    return cr.value_and_grad(energy), (np.arange(5.0),)


def _arguments(n):
    return lambda *numbers: sum(x * x for x in numbers), tuple(np.arange(1.0, n + 1).tolist())


def _results(n):
    return lambda x: tuple(k * x for k in range(1, n + 1)), (np.arange(3.0),)


PROGRAMS = [_steps, _slopes, _numbers, _neighbours, _arguments, _results]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_of_twice_as_many_steps_is_twice_the_work(program):
    counts = []
    for n in (10, 30, 60, 120):  # the first also imports
        function, args = program(n)
        compiled = cr.compile(function)
        with interpreted():
            counts.append(calls_of(lambda: [compiled(*args) for _ in range(2)]))  # noqa: B023
    _, small, middle, large = counts
    assert large - middle < 2.4 * (middle - small), counts


def test_arrays_find_their_places_in_memory_without_being_compared_with_all_others():
    def lives(n):  # half of them live until the end
        return [Lifetime((8 + i % 3,), np.dtype(float), i, 2 * n if i % 2 else i + 1) for i in range(n)]

    small, large = (calls_of(share, lives(n)) for n in (500, 1000))
    assert large < 2.4 * small


@pytest.mark.parametrize("program", [_steps, _slopes, _numbers, _neighbours])
def test_equal_steps_are_compiled_once(program):
    kernels = []
    for n in (160, 240):
        function, args = program(n)
        compiled = cr.compile(function)
        with interpreted():
            for _ in range(2):
                compiled(*args)
        kernels.append(compiled.source().count("@kernel"))
    assert kernels[1] <= kernels[0] + 2 < 50


def _chosen(n):
    """Steps that read one entry each, by labels and by numbers."""

    def total(x, labels):
        found = 0.0
        for k in range(n):
            found = found + x[labels[k]] * x[k % 7]
        return found

    return cr.value_and_grad(total, 0), (np.arange(10.0) ** 2, np.arange(n) % 10)


@pytest.mark.parametrize("native", [True, False])
def test_steps_that_read_different_entries_are_compiled_once(native, monkeypatch):
    if not native:
        monkeypatch.setattr(importlib.import_module("chainrule.compile.program"), "SMALL", -1)
    function, args = _chosen(50)
    compiled = cr.compile(function)
    for _ in range(3):
        value, gradient = compiled(*args)
    expected, slope = function(*args)
    assert value == expected
    np.testing.assert_array_equal(gradient, slope)
    assert compiled.source().count("@kernel") < 20


def _driven(n):
    """Steps with a number of their own each."""

    def last(x):
        for k in range(n):
            x = x + math.cos(k) * np.sin(0.1 * k + x)
        return np.sum(x)

    return cr.value_and_grad(last), (np.arange(5.0),)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("native", [True, False])
def test_steps_that_differ_in_numbers_are_compiled_once(dtype, native, monkeypatch):
    if not native:
        monkeypatch.setattr(importlib.import_module("chainrule.compile.program"), "SMALL", -1)
    kernels = []
    for n in (120, 180):
        function, args = _driven(n)
        args = (args[0].astype(dtype),)
        compiled = cr.compile(function)
        for _ in range(3):
            L, dx = compiled(*args)
        value, gradient = function(*args)
        assert L.dtype == dx.dtype == dtype
        np.testing.assert_allclose(L, value, rtol=20 * np.finfo(dtype).eps)
        np.testing.assert_allclose(dx, gradient, rtol=1000 * np.finfo(dtype).eps)
        kernels.append(compiled.source().count("@kernel"))
    assert kernels[1] <= kernels[0] + 3 < 25


def test_many_arguments_of_a_kind_are_taken_in_a_loop(monkeypatch):
    """The code around a program does not grow with its arguments."""
    taken = []
    own = entry._EntryWriter.leaf
    monkeypatch.setattr(entry._EntryWriter, "leaf", lambda self, i, leaf: taken.append(leaf) or own(self, i, leaf))

    def taken_by(n):
        taken.clear()
        function, args = _arguments(n)
        compiled = cr.compile(function)
        for _ in range(3):
            assert compiled(*args) == function(*args)
        return len(taken)

    assert taken_by(50) == taken_by(100)


@pytest.mark.parametrize("wrong", [0, 4, 9])
def test_each_of_many_arguments_is_looked_at(wrong):
    function, args = _arguments(10)
    compiled = cr.compile(function)
    for _ in range(3):
        compiled(*args)
    other = [*args[:wrong], np.array([args[wrong], 2.0]), *args[wrong + 1 :]]
    np.testing.assert_array_equal(compiled(*other), function(*other))


def test_many_arrays_and_numbers_are_taken_in_their_order():
    def mixed(*values):
        return sum(k * np.sum(x) for k, x in enumerate(values))

    values = [np.full(3, k) for k in range(10)] + [float(k) for k in range(10)] + [np.float32(k) for k in range(10)]
    compiled = cr.compile(mixed)
    for _ in range(3):
        assert compiled(*values) == mixed(*values)
