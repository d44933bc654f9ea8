"""Ctrl-C at any place of a compiled call leaves all as it was: BLAS's threads, locks, the function itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import blas, kept, threads
from chainrule.compile.machine import LLVM
from compile.test_compile import versions

A, X = np.random.default_rng(0).normal(size=(2, 320, 320)) / 18


def thin(A, x):
    """A large program with products that are not worth several threads, beside one that is."""
    return np.sum(np.tanh(A @ (A @ x[:, :1]))) * np.tanh(A @ x) + np.tanh(A[:, :2] @ x[:2])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "chainrule"))


class Interrupting:
    """A trace function that raises KeyboardInterrupt, as Ctrl-C does, at one line of the compiler or of a program."""

    def __init__(self, at: int):
        self.at, self.lines = at, 0

    def __call__(self, frame, event, argument):
        file = frame.f_code.co_filename
        if f"chainrule{os.sep}compile" not in file and "thin" not in frame.f_code.co_name:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                raise KeyboardInterrupt
        return self


def interrupted(compiled, at):
    """Call a compiled function, interrupted at a line; returns how many lines ran, and whether it was."""
    tracer = Interrupting(at)
    sys.settrace(tracer)
    try:
        compiled(A, X)
    except KeyboardInterrupt:
        return tracer.lines, True
    finally:
        sys.settrace(None)
    return tracer.lines, False


def threads_of_blas():
    found = blas.library()
    return found.get() if found is not None else 0


def is_free(lock):
    """Whether another thread can take a lock."""
    took = []

    def take():
        took.append(lock.acquire(timeout=5))
        if took[0]:
            lock.release()

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return took[0]


def assert_as_before(compiled, before):
    assert threads_of_blas() == before
    assert is_free(LLVM)
    assert is_free(compiled._lock)
    for _ in range(2):
        np.testing.assert_allclose(compiled(A, X), thin(A, X), rtol=1e-10)
    assert not compiled._failed
    assert versions(compiled) == 1
    assert threads_of_blas() == before


UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""If Ctrl-C comes before `with` has closed a file, Python closes it when nobody refers to it, and says so."""


def at_each_line(function):
    """Call a function again and again, interrupted at its first line of the compiler, its second, …"""
    at, stopped = 1, True
    while stopped:
        tracer = Interrupting(at)
        sys.settrace(tracer)
        try:
            function()
            stopped = False
        except KeyboardInterrupt:
            at += 1
        finally:
            sys.settrace(None)
    return at


@UNCLOSED
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system does not list open files")
@pytest.mark.parametrize("how", ["read", "write", "threads"])
def test_files_are_closed_after_an_interrupt_at_any_line(how, tmp_path, monkeypatch):
    file = tmp_path / "kept"
    kept.replace(file, b"before")
    monkeypatch.setattr(threads, "_running_threads", lambda: 10**6)  # then those of this process are counted
    actions = {
        "read": lambda: kept.read_own(file),
        "write": lambda: kept.replace(file, b"after"),
        "threads": lambda: (setattr(threads._pools, "counted", 0.0), threads.cores_are_taken()),
    }
    open_files = len(os.listdir("/proc/self/fd"))
    assert at_each_line(actions[how]) > 5
    assert len(os.listdir("/proc/self/fd")) == open_files
    left = set(os.listdir(tmp_path)) - {"kept"}
    assert all(name.startswith(kept.TEMPORARY) for name in left)  # `prune` removes these
    assert file.read_bytes() in (b"before", b"after")


@UNCLOSED
def test_at_any_line_of_a_compiled_program():
    compiled, before = cr.compile(thin), threads_of_blas()
    for _ in range(3):
        compiled(A, X)
    assert "one_thread()" in compiled.source()
    at, stopped = 1, True
    while stopped:
        _, stopped = interrupted(compiled, at)
        assert_as_before(compiled, before)
        at += 1
    assert at > 15


@UNCLOSED
def test_an_interrupt_at_any_line_of_recording_or_compiling():
    before = threads_of_blas()
    for calls in (0, 1):  # the first records, the second records and compiles
        whole = cr.compile(thin)
        for _ in range(calls):
            whole(A, X)
        lines, _ = interrupted(whole, -1)
        for at in np.unique(np.geomspace(1, lines, 6).astype(int)):
            compiled = cr.compile(thin)
            for _ in range(calls):
                compiled(A, X)
            interrupted(compiled, at)
            assert_as_before(compiled, before)


BY_SIGNAL = """
import os, signal, sys, threading, time
import numpy as np
import chainrule as cr
from chainrule.compile import blas, kept, threads

A, x = np.random.default_rng(0).normal(size=(2, 320, 320)) / 18
f = lambda A, x: np.sum(np.tanh(A @ (A @ x[:, :1]))) + np.tanh(A @ x)
compiled = cr.compile(f)
expected = compiled(A, x)
compiled(A, x)
before = blas.library().get() if blas.library() else 0
begun = done = False
caught = 0


def interrupt():
    while not done:
        time.sleep(0.002)
        if begun:
            os.kill(os.getpid(), signal.SIGINT)


def raise_inside(number, frame):
    # Only inside of the compiled function: between two calls nobody here would catch it.
    global caught
    if frame.f_code.co_filename != "<string>":
        caught += 1
        raise KeyboardInterrupt


signal.signal(signal.SIGINT, raise_inside)
thread = threading.Thread(target=interrupt)
thread.start()
begun = True
while caught < 30:
    try:
        compiled(A, x)
    except KeyboardInterrupt:
        pass
signal.signal(signal.SIGINT, signal.SIG_IGN)
done = True
thread.join()
print(before == (blas.library().get() if blas.library() else 0), np.allclose(compiled(A, x), expected), compiled)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_by_signals_at_random_times():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "CHAINRULE_NUM_THREADS": "2"}
    run = subprocess.run(
        [sys.executable, "-c", BY_SIGNAL], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.stdout.split() == ["True", "True", "<compiled", "<lambda>:", "1", "version(s)>"], run.stderr


def test_a_kernel_that_threads_share_is_finished_before_the_caller_goes_on(monkeypatch):
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "2")
    written, asked = [], []

    def kernel(cuts, turns, parts):
        if not asked:
            asked.append(True)
            raise KeyboardInterrupt
        while turns[0] < threads.PIECES:
            turns[0] += 1
            written.append(int(turns[0]))
            turns[1] += 1

    monkeypatch.setattr(threads._workers, "ask", lambda job: None)
    with pytest.raises(KeyboardInterrupt):
        threads.shared(kernel, 1000, 1, 0)
    assert len(written) == threads.PIECES


def test_the_number_of_threads_is_the_one_of_the_last_moment():
    library = blas.library()
    if library is None:
        pytest.skip("NumPy's BLAS cannot be told its number of threads")
    before = library.get()
    compiled = cr.compile(thin)
    try:
        for count in (1, 2, 1):
            library.put(count)
            for _ in range(3):
                compiled(A, X)
            assert library.get() == count
    finally:
        library.put(before)
