"""What a compilation costs: no memory once the compiled function is gone, and work as its size is."""

from __future__ import annotations

import ctypes
import gc
import itertools
import sys
import weakref

import numpy as np
import pytest

import chainrule as cr
from compile.interpreted import interpreted
from work_done import calls_of

X = np.linspace(0.1, 1.0, 5)
FACTORS = itertools.count(1000)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "cache"))


def compile_one(x=X):
    """A function that no cache knows yet, compiled and run."""
    k = float(next(FACTORS))
    compiled = cr.compile(lambda x: np.exp(x) * k + np.tanh(x))
    for _ in range(2):
        compiled(x)
    return compiled


class _Malloc(ctypes.Structure):
    """What glibc tells of its memory."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    )


def in_use():
    gc.collect()
    function = ctypes.CDLL(None).mallinfo2
    function.restype = _Malloc
    found = function()
    return found.uordblks + found.hblkhd


@pytest.mark.skipif(sys.platform != "linux", reason="glibc tells how much memory is in use")
def test_a_compilation_keeps_no_memory_of_llvm():
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("this C library does not tell how much memory is in use")
    for _ in range(3):
        compile_one()
    before = in_use()
    for _ in range(4):
        compile_one()
    assert in_use() - before < 4 * 30_000  # a pass manager alone has over 100,000 bytes


def code_of(compiled):
    (versions,) = compiled._versions.values()
    return weakref.ref(versions[0].function.__self__)


def test_machine_code_goes_with_the_function():
    compiled = compile_one()
    code = code_of(compiled)
    assert code() is not None
    del compiled
    gc.collect()
    assert code() is None


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_the_arguments_of_earlier_calls_are_let_go(calls):
    compiled = cr.compile(lambda x: np.sum(np.tanh(x)))
    x = np.ones(7)
    gone = weakref.ref(x)
    for _ in range(calls):
        compiled(x)
    compiled(np.ones(3))
    del x
    gc.collect()
    assert gone() is None


def steps_of_compilation(arguments):
    """How many calls it takes to compile a function of so many arguments, and its gradient."""

    def loss(*xs):
        return sum((np.sum(np.tanh(x)) for x in xs), 0.0)

    compiled = cr.compile(cr.value_and_grad(loss, tuple(range(arguments))))
    xs = [np.full(3, 0.1 * k) for k in range(arguments)]
    compiled(*xs)
    return calls_of(compiled.memory)


def test_the_work_of_a_compilation_grows_as_the_number_of_arguments():
    with interpreted():
        steps_of_compilation(5)  # imports what is imported on first use
        few, many = steps_of_compilation(100), steps_of_compilation(400)
    assert many < 4.5 * few
