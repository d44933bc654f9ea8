"""Compiled functions that keep fewer states: `cr.compile(f, memory=…)`."""

from __future__ import annotations

import math
import pickle
import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.segments import SHORTEST, lengths_of
from chainrule.errors import EngineError, RecordingError

from .test_rolled import PROGRAMS, STEP_BY_STEP, in_single_precision, same

RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(4, 4)) / 2, RNG.normal(size=4)


def after(compiled, *arguments):
    """The result of the compiled program: the third call runs it."""
    for _ in range(2):
        compiled(*arguments)
    return compiled(*arguments)


def chain(n):
    def f(W, x):
        for _ in range(n):
            x = np.tanh(W @ x) + 0.1 * x
        return np.sum(x**2)

    return f


def in_segments(compiled):
    return "_step_step(" in compiled.source()


def several_values(W, p, xs):
    """Two carried values, one of them a number; an input in each step; a result of each step, and their sum."""
    h, total, found = p, 0.0, []
    for x in xs:
        h = np.sin(W @ h + x) + 0.5 * h
        total = total + np.exp(-np.sum(h * h) / 4)
        found.append(h[0] * total)
    return np.sum(np.stack(found) ** 2) + np.sum(h) * total


# Values and gradients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 23, 37, 100, 101])
def test_a_chain_of_any_length_has_its_value_and_gradients(n):
    xs = RNG.normal(size=(n, 4))
    f = cr.value_and_grad(several_values, (0, 1, 2))
    compiled = cr.compile(f, memory="√n")
    same(after(compiled, W, X, xs), f(W, X, xs))
    assert in_segments(compiled) is (n > SHORTEST + 2)  # the first steps stay as they are


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_in_the_dtype_of_the_chain(dtype):
    arguments = W.astype(dtype), X.astype(dtype), RNG.normal(size=(40, 4)).astype(dtype)
    f = cr.value_and_grad(several_values, (0, 1, 2))
    compiled = cr.compile(f, memory="sqrt")
    same(after(compiled, *arguments), f(*arguments), 1e-4 if dtype is np.float32 else 1e-9)
    assert in_segments(compiled)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p not in STEP_BY_STEP], ids=lambda f: f.__name__)
def test_programs_with_loops_are_right_with_fewer_states(program):
    arguments = PROGRAMS[program]
    f = cr.value_and_grad(program, tuple(range(len(arguments))))
    tolerance = 1e-4 if program is in_single_precision else 1e-9
    same(after(cr.compile(f, memory="√n"), *arguments), f(*arguments), tolerance)


@pytest.mark.parametrize("n", [301, 400])
def test_values_and_gradients_are_the_same_in_every_bit(n):
    """But for what is added up over the steps: the gradient of W."""
    f = cr.value_and_grad(chain(n), (0, 1))
    value, (dW, dx) = after(cr.compile(f, memory="√n"), W, X)
    expected, (dW_expected, dx_expected) = after(cr.compile(f), W, X)
    assert value == expected
    np.testing.assert_array_equal(dx, dx_expected)
    np.testing.assert_allclose(dW, dW_expected, rtol=1e-13)


@pytest.mark.parametrize("n", [23, 40])
def test_second_derivatives_keep_fewer_states_too(n):
    f, v = chain(n), RNG.normal(size=4)
    product = lambda W, x: cr.hvp(lambda x: f(W, x))(x, v)  # noqa: E731
    compiled = cr.compile(product, memory="√n")
    same(after(compiled, W, X), product(W, X))
    slope = lambda W, x: np.sum(cr.grad(f, 1)(W, x) ** 2)  # noqa: E731
    compiled = cr.compile(cr.grad(slope), memory="√n")
    same(after(compiled, W, X), cr.grad(slope)(W, X))
    assert in_segments(compiled)


def test_each_layer_may_have_its_own_weights():
    Ws = [RNG.normal(size=(4, 4)) / 2 for _ in range(30)]

    def layers(Ws, x):
        for W in Ws:
            x = np.tanh(W @ x)
        return np.sum(x)

    f = cr.value_and_grad(layers, (0, 1))
    compiled = cr.compile(f, memory="√n")
    same(after(compiled, Ws, X), f(Ws, X))
    assert in_segments(compiled)


def test_a_scan_and_a_checkpoint_are_chains_too():
    xs = RNG.normal(size=(50, 4))

    def scanned(W, x, xs):
        x, ys = cr.scan(lambda x, row: ((h := np.tanh(W @ x + row)), h[0]), x, xs)
        return np.sum(x) + np.sum(ys**2)

    layer = cr.checkpoint(lambda W, x, row: np.tanh(W @ x + row))

    def checkpointed(W, x, xs):
        for row in xs:
            x = layer(W, x, row)
        return np.sum(x)

    for program in (scanned, checkpointed):
        f = cr.value_and_grad(program, (0, 1, 2))
        compiled = cr.compile(f, memory="√n")
        same(after(compiled, W, X, xs), f(W, X, xs))
        assert in_segments(compiled)


def scanned(n, step=lambda W, x: np.tanh(W @ x)):
    def f(W, x):
        (x, total), ys = cr.scan(lambda c, _: ((step(W, c[0]), c[1] + c[0][0]), c[0][1]), (x, 0.0), length=n)
        return np.sum(x) * total + np.sum(ys)

    return f


def test_a_scan_is_recorded_in_a_few_steps_and_little_memory():
    x = RNG.normal(size=500)

    def recorded(n):
        compiled = cr.compile(cr.grad(scanned(n, lambda W, x: x - 0.1 * np.sin(x) * W[0, 0]), (0, 1)), memory="√n")
        tracemalloc.start()
        compiled(W, x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return len(compiled._latest.told), peak

    (few, _), (many, large) = recorded(200), recorded(3200)
    assert many == few
    assert large < 3200 * x.nbytes / 4


@pytest.mark.parametrize("n", [1, 16, 17, 50])
def test_a_scan_has_its_value_and_gradients(n):
    f = cr.value_and_grad(scanned(n), (0, 1))
    compiled = cr.compile(f, memory="√n")
    for k in (0, 0, 1):
        same(compiled(W + k, X), f(W + k, X))
    assert in_segments(compiled) is (n >= SHORTEST)
    compiled = cr.compile(f, memory=10**6)
    same(after(compiled, W, X), f(W, X))
    assert not in_segments(compiled)


def test_a_scan_whose_steps_read_values_is_compiled_step_by_step():
    f = cr.value_and_grad(scanned(20, lambda W, x: np.tanh(W @ x) if np.sum(x) > -9 else x), (0, 1))
    same(after(cr.compile(f, memory="√n"), W, X), after(cr.compile(f), W, X))


def test_a_value_that_overflows_in_a_scan_is_an_error():
    f = scanned(20, lambda W, x: np.log(1 + np.exp(1000 * x)))
    with np.errstate(all="ignore"), pytest.raises(RecordingError, match="a value overflows"):
        cr.compile(cr.grad(f, 1), memory="√n")(W, X)


def test_other_values_and_other_shapes_are_compiled_too():
    compiled = cr.compile(cr.grad(chain(60)), memory="√n")
    for size in (4, 3):
        for k in range(3):
            arguments = W[:size, :size] + 0.1 * k, X[:size]
            same(after(compiled, *arguments), cr.grad(chain(60))(*arguments))


def test_a_method_and_a_copy_keep_fewer_states():
    class Layer:
        def __init__(self, W):
            self.W = W

        @cr.compile(memory="√n")
        def gradient(self, x):
            return cr.grad(chain(60))(self.W, x)

    same(after(Layer(W).gradient, X), cr.grad(chain(60))(W, X))
    assert in_segments(Layer.gradient)
    copy = pickle.loads(pickle.dumps(cr.compile(np.sum, memory=1000)))
    assert copy._memory.limit == 1000


# Memory --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [*range(16, 60), 997, 1000, 10_000, 123_457])
def test_segments_cover_the_loop_and_are_about_as_few_as_can_be(n):
    many, each = lengths_of(n)
    assert 0 <= n - many * each < 2 * each
    assert many + 3 * each <= 4 * math.sqrt(n)


def taken(n, memory):
    compiled = cr.compile(cr.grad(chain(n), (0, 1)), memory=memory)
    after(compiled, W, X)
    return compiled.memory()


def test_memory_grows_as_the_root_of_the_number_of_steps():
    states = X.nbytes
    few, many = taken(400, "√n"), taken(1600, "√n")
    assert many - few < 4 * states * (math.sqrt(1600) - math.sqrt(400))
    assert taken(1600, None) > 1600 * states


def test_a_number_of_bytes_is_kept_to():
    whole, least = taken(400, None), taken(400, "√n")
    assert taken(400, whole) == whole
    assert taken(400, whole - 1) == least
    assert taken(400, least) == least
    with pytest.raises(RecordingError, match=f"at least {least:,} bytes .* than memory={least - 1:,}"):
        taken(400, least - 1)


def test_a_program_without_a_chain_is_compiled_as_without():
    f = cr.grad(lambda x: np.sum(np.tanh(x) ** 2))
    compiled, plain = cr.compile(f, memory="√n"), cr.compile(f)
    np.testing.assert_array_equal(after(compiled, X), after(plain, X))
    assert compiled.source() == plain.source()


def test_products_worth_several_threads_are_part_of_a_chain():
    def layers(W, x):
        for _ in range(20):
            x = np.tanh(x @ W)
        return np.sum(x)

    W, x = RNG.normal(size=(256, 256)) / 16, RNG.normal(size=(256, 256))
    f = cr.value_and_grad(layers, (0, 1))
    compiled = cr.compile(f, memory="√n")
    same(after(compiled, W, x), f(W, x))
    assert in_segments(compiled)


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["n", 0, -5, 1e9, True, "√"])
def test_what_is_neither_a_number_of_bytes_nor_the_root_is_an_error(memory):
    with pytest.raises(EngineError, match="nor a number of bytes"):
        cr.compile(np.sum, memory=memory)


def test_memory_is_not_for_the_other_engine():
    with pytest.raises(EngineError, match="leave it out"):
        cr.compile(np.sum, engine="jax", memory="√n")


def test_steps_that_cannot_be_a_loop_are_an_error():
    def f(x):
        for _ in range(40):
            x = np.sin(np.linalg.eigvalsh(np.outer(x, x)))
        return np.sum(x)

    with pytest.raises(RecordingError, match="its steps must be compiled as a loop, and they cannot be"):
        after(cr.compile(cr.grad(f), memory="√n"), X)
