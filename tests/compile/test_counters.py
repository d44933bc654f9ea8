"""Python's integers as arguments: operands where only arithmetic depends on them. What many different calls keep."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest

import chainrule as cr
from compile.interpreted import interpreted
from compile.test_compile import versions
from sweeps.counters import ARITHMETIC, MORE, failures


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "chainrule"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def adam(w, m, v, g, t, rate=1e-2, b1=0.9, b2=0.999):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    return w - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-8), m, v


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 20_000])
def test_the_counter_of_adam_is_an_operand(n, dtype):
    compiled = cr.compile(adam)
    state = expected = tuple(np.zeros((3, n), dtype))
    for t in range(1, 40):
        gradient = np.cos(np.arange(n) * t).astype(dtype)
        state, expected = compiled(*state, gradient, t), adam(*expected, gradient, t)
        for a, b in zip(state, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype is np.float32 else 1e-13, atol=1e-7)
    assert versions(compiled) == 5  # each of four by itself, then one for all


def test_integers_are_as_without_compiling():
    with interpreted():
        assert list(failures(ARITHMETIC | MORE, (np.float32,), ("up",))) == []


NATIVE = ("bias correction", "a result", "branch", "running mean", "warm-up")


def test_integers_in_native_code():
    functions = {name: ARITHMETIC[name] for name in NATIVE}
    assert list(failures(functions, (np.float32,), ("mixed",))) == []


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_with_an_integer_compiles_few_versions(name):
    compiled = cr.compile(ARITHMETIC[name])
    with interpreted():
        for t in range(1, 30):
            compiled(np.array([1.0, 2.0, 3.0]), t)
    assert versions(compiled) <= 6  # four, one for all, and another where there is a branch


@pytest.mark.parametrize("name", ["index of a list", "power of 2", "steps", "pole", "with small integers"])
def test_what_is_more_than_arithmetic_stays_a_version_for_each_integer(name):
    compiled = cr.compile(MORE[name])
    with interpreted():
        for t in range(1, 12):
            compiled(np.array([1.0, 2.0, 3.0]), t)
    assert versions(compiled) == 11


def test_ten_thousand_integers_need_no_more_memory_than_ten():
    compiled = cr.compile(lambda x, t: x / (1 - 0.9**t))
    x = np.ones(3)
    for t in range(1, 11):
        compiled(x, t)
    before = kept()
    for t in range(11, 10_000):
        compiled(x, t)
    assert kept() - before < 100
    assert versions(compiled) == 5


def kept():
    gc.collect()
    return len(gc.get_objects())


MANY = {
    "lengths that are integers": lambda n: (lambda x, n: np.sum(x) + np.arange(n % 7 + 1.0), (np.ones(3), n)),
    "texts": lambda n: (lambda x, text: x * len(text), (np.ones(3), str(n))),
    "texts in a dict": lambda n: (lambda x, how: x * len(how["k"]), (np.ones(3), {"k": str(n)})),
    "keys of a dict": lambda n: (lambda x, how: x * len(how), (np.ones(3), {str(n): 1.0})),
    "shapes": lambda n: (lambda x: np.sum(x * x), (np.ones(n + 1),)),
    "functions": lambda n: (lambda x, g: g(x), (np.ones(3), lambda x: x * n)),
    "paths": lambda n: (lambda x: x[: int(x[0])] * 2, (np.full(400, 1.0 + n % 400),)),
    "numbers that are looked at": lambda n: (
        lambda x: x * round(float(cr.stop_gradient(x[0]))),
        (np.full(3, 1.0 * n),),
    ),
    "slices": lambda n: (lambda x, s: x[s], (np.ones(400), slice(n % 400))),
}


@pytest.mark.parametrize("call", MANY.values(), ids=MANY)
def test_many_different_calls_keep_a_bounded_number_of_versions_and_no_recordings(call, may_run_uncompiled):
    compiled = cr.compile(call(0)[0])
    sizes = []
    for n in range(260):
        _, arguments = call(n)
        compiled(*arguments)
        if n in (150, 259):
            sizes.append(kept())
    found = [version for each in compiled._versions.values() for version in each]
    assert len(found) <= 128
    assert sum(version.recorded is not None for version in found) <= 1
    assert sizes[1] - sizes[0] < 500
