"""What a compiled function takes from a changing world: what differs from run to run is refused, with the line."""

from __future__ import annotations

import functools
import itertools
import os
import random
import secrets
import sys
import threading
import time
import uuid

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.compile.entropy import listening
from chainrule.errors import RecordingError
from compile.interpreted import interpreted

X = np.array([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def _by_python():
    with interpreted():
        yield


class Net:
    shared = np.random.default_rng(0)

    def __init__(self):
        self.rng, self.steps, self.parts = np.random.default_rng(1), 0, {"noise": [np.random.default_rng(2)]}

    def noisy(self, x):
        return x * self.rng.integers(2)

    def noisy_part(self, x):
        return x * self.parts["noise"][0].integers(2)

    def noisy_class(self, x):
        return x * self.shared.integers(2)

    def counted(self, x):
        self.steps += 1
        return x / self.steps

    def __call__(self, x):
        return cr.relu(x) * (self.rng.random(3) < 0.5)


def with_generator(rng, x):
    return x * rng.integers(2)


def with_state(state, x):
    state += 1
    return x * state


def branching(x):
    return x * 2 if random.random() < 0.5 else x**2


def of_many_lengths(x):
    return np.concatenate([x] * random.randint(1, 3))


def steady_but_one(calls, x):
    return x * 2 if next(calls) else np.exp(x)


def at_a_line(x):
    y = x * 2
    z = y + time.perf_counter()
    return np.sum(z)


CHANGING = {
    "a generator made inside": lambda x: x * np.random.default_rng().normal(),
    "one that draws zeros and ones": lambda x: x * np.random.default_rng().integers(2),
    "RandomState": lambda x: x * np.random.RandomState().randint(2),
    "NumPy's own": lambda x: x * np.random.randint(2),
    "a permutation": lambda x: x[np.random.permutation(3)],
    "random": lambda x: x * random.choice([1, 2]),
    "random.Random": lambda x: x * random.Random().choice([1, 2]),
    "secrets": lambda x: x * secrets.randbelow(2),
    "os.urandom": lambda x: x * int.from_bytes(os.urandom(4), "little"),
    "uuid": lambda x: x * (uuid.uuid4().int % 1_000_003),
    "torch": lambda x: x * (torch.rand(3) < 0.5).numpy(),
    "a generator of torch": functools.partial(
        lambda rng, x: x * (torch.rand(3, generator=rng) < 0.5).numpy(), torch.Generator()
    ),
    "self.rng": Net().noisy,
    "in a dict of self": Net().noisy_part,
    "of a class": Net().noisy_class,
    "an object": Net(),
    "partial": functools.partial(with_generator, np.random.default_rng(0)),
    "a default": lambda x, rng=np.random.default_rng(0): x * rng.integers(2),
    "a gradient": cr.grad(lambda x, rng=np.random.default_rng(0): np.sum(x * rng.integers(2))),
    "a branch": branching,
    "a shape": of_many_lengths,
    "a result": lambda x, rng=np.random.default_rng(0): (x, rng.integers(2)),
    "the time": lambda x: x * time.time(),
    "a counter": functools.partial(lambda count, x: x * next(count), itertools.count()),
    "a counter of self": Net().counted,
    "an array that is written to": functools.partial(with_state, np.zeros(3)),
    "a file": functools.partial(lambda lines, x: x * float(next(lines)), iter(["1\n", "2\n"] * 4)),
    "other steps": functools.partial(steady_but_one, iter([0, 1, 1, 1, 1])),
}


def twice(compiled):
    compiled(X)
    compiled(X)


@pytest.mark.parametrize("f", CHANGING.values(), ids=CHANGING)
def test_what_changes_from_run_to_run_is_refused(f):
    compiled = cr.compile(f)
    with pytest.raises(RecordingError, match=r"cannot be compiled[\s\S]*test_world.py:\d+[\s\S]*as an argument"):
        twice(compiled)
    with pytest.raises(RecordingError, match="cannot be compiled"):  # and stays so
        compiled(X)


def test_the_refusal_names_the_line_that_differs():
    compiled = cr.compile(at_a_line)
    compiled(X)
    with pytest.raises(RecordingError, match=r"z = y \+ time.perf_counter\(\)"):
        compiled(X)


def test_what_another_program_part_changes_between_the_two_recordings_is_refused():
    scale = np.ones(3)
    compiled = cr.compile(lambda x: x * scale)
    compiled(X)
    scale[1] = 2
    with pytest.raises(RecordingError, match="has changed"):
        compiled(X)


def initialised(weights, rng, x):
    if "W" not in weights:
        weights["W"] = rng.normal(size=3)
    return x * weights["W"]


STEADY = {
    "a fixed seed": lambda x: x * np.random.default_rng(0).normal(size=3),
    "weights made on the first run": functools.partial(initialised, {}, np.random.default_rng(0)),
    "a generator that it does not use": functools.partial(lambda rng, x: x * 2, np.random.default_rng(0)),
    "a function made anew": lambda x: np.apply_along_axis(lambda row: row - np.mean(row), 0, x),
    "a block made anew": lambda x: cr.block(lambda x: x**2, differentiable=False)(x) * x,
    "NaN and −0": lambda x: x * np.array([np.nan, -0.0, 1.0]),
    "logm, which draws": lambda x: cr.logm(np.diag(x) + 0.1),
}


@pytest.mark.parametrize("f", STEADY.values(), ids=STEADY)
def test_what_is_the_same_in_every_run_is_compiled(f):
    compiled = cr.compile(f)
    for k in range(1, 4):
        np.testing.assert_allclose(compiled(X * k), f(X * k), rtol=1e-12)
    assert not compiled._failed
    assert "1 version(s)" in repr(compiled)


def test_the_path_that_a_value_decides_is_explained_by_the_argument():
    def f(x):
        return np.sum(x) * 2 if x[0] > 0 else np.prod(x) + 1

    compiled = cr.compile(f)
    for sign in (1, -1, -1, 1, 1, -1):
        np.testing.assert_allclose(compiled(sign * X), f(sign * X))
    assert "2 version(s)" in repr(compiled)


def test_a_mask_for_dropout_is_an_argument():
    rng = np.random.default_rng(0)
    compiled = cr.compile(lambda x, mask: cr.dropout(x, 0.5, mask=mask))
    for _ in range(4):
        mask = rng.random(3) >= 0.5
        np.testing.assert_allclose(compiled(X, mask), np.where(mask, X / 0.5, 0))
    for generator in (rng, np.random.RandomState(0), random.Random(0), torch.Generator(), np.random.PCG64(0)):
        with pytest.raises(RecordingError, match="Draw outside and give the numbers"):
            cr.compile(lambda x, rng: x * 2)(X, generator)


def test_a_rule_of_a_user_that_is_not_the_same_twice_is_run_on_each_call():
    count = itertools.count(1)

    @cr.block
    def counted(x):
        return x * next(count)

    compiled = cr.compile(lambda x: counted(x) + 1)
    results = [compiled(X)[0] - 1 for _ in range(5)]
    assert results == sorted(set(results))


def test_recordings_that_were_made_once_are_not_kept():
    made = []

    def f(x):
        y = x * 2
        made.append(y)
        return y + 1

    compiled = cr.compile(f)
    for n in range(1, 300):
        compiled(np.ones(n))
    kept = [v for versions in compiled._versions.values() for v in versions if v.recorded is not None]
    assert len(kept) == 1
    assert len(compiled._versions) <= 128


def test_functions_that_tell_of_random_bits_are_python_s_own_again_afterwards():
    with listening(lambda: None):
        pass
    seed, bits = random.Random.seed, random._urandom
    told = []

    def f(x):
        told.append(random.Random.seed is not seed and random._urandom is not bits)
        return np.sum(x) + other(X)

    other = cr.compile(lambda x: np.sum(x**2))  # one recording in another
    compiled = cr.compile(f)
    for _ in range(3):
        compiled(X)
    assert told
    assert all(told)
    assert random.Random.seed is seed
    assert random._urandom is bits
    with pytest.raises(ZeroDivisionError):
        cr.compile(lambda x: 1 // 0)(X)
    assert random.Random.seed is seed
    assert random._urandom is bits


def test_a_generator_that_another_thread_makes_is_not_counted_as_a_random_draw():
    def f(x):
        thread = threading.Thread(target=lambda: np.random.default_rng())
        thread.start()
        thread.join()
        return np.sum(x)

    compiled = cr.compile(f)
    assert [compiled(X) for _ in range(3)] == [np.sum(X)] * 3


def test_while_a_function_is_recorded_calls_are_not_traced():
    compiled = cr.compile(lambda x: np.sum(x) * (1.0 if sys.gettrace() is None else 2.0))
    before = sys.gettrace()
    sys.settrace(None)
    try:
        assert [compiled(X) for _ in range(3)] == [np.sum(X)] * 3
    finally:
        sys.settrace(before)


def test_variables_name_the_results_of_compiled_code():
    def f(x):
        total = np.sum(np.exp(x))
        return total * total

    compiled = cr.compile(f)
    compiled(X), compiled(X)
    assert "total" in compiled.source()
