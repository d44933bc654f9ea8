"""Threads of compiled code beside other work: where that keeps the processors, one thread computes."""

from __future__ import annotations

import _thread
import os
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import blas, threads


@pytest.mark.parametrize("taken", [True, False])
def test_large_products_use_one_thread_while_other_work_keeps_the_processors(monkeypatch, taken):
    library = blas.library()
    if library is None:
        pytest.skip("NumPy's BLAS cannot be told its number of threads")
    before = library.get()
    library.put(2)
    monkeypatch.setattr(blas, "cores_are_taken", lambda: taken)
    try:
        blas.several_threads()
        assert library.get() == (1 if taken else 2)
        blas.one_thread()
        assert library.get() == 1
        blas.several_threads()
        assert library.get() == (1 if taken else 2)
        blas.all_threads()
        assert library.get() == 2
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(2, 300, 300))
        f = cr.value_and_grad(lambda a, b: np.sum(np.tanh(a @ b) ** 2), (0, 1))
        compiled = cr.compile(f)
        for _ in range(3):
            value, gradients = compiled(a, b)
            assert library.get() == 2
        assert "several_threads()" in compiled.source()
        wanted, wanted_gradients = f(a, b)
        np.testing.assert_allclose(value, wanted, rtol=1e-11)
        for x, y in zip(gradients, wanted_gradients, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)
    finally:
        blas.all_threads()
        library.put(before)


def test_kernels_ask_no_other_thread_while_other_work_keeps_the_processors(monkeypatch):
    asked = []
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "2")
    monkeypatch.setattr(threads, "cores_are_taken", lambda: True)
    monkeypatch.setattr(threads._workers, "ask", asked.append)
    x = np.random.default_rng(0).normal(size=400_000)
    compiled = cr.compile(lambda x: np.sum(np.exp(np.sin(x)) * x))
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), np.sum(np.exp(np.sin(x)) * x), rtol=1e-12)
    assert "shared(" in compiled.source()
    assert not asked


@pytest.mark.parametrize(
    ("told", "of_pools", "taken"),
    [("0.00 0.01 0.05 {n}/345 6", 0, False), ("9.00 9.01 9.05 {m}/345 6", 0, True), ("9.00 9 9 {m}/345 6", 1, False)],
)
def test_the_system_says_whether_processors_are_free(monkeypatch, told, of_pools, taken):
    count = os.cpu_count() or 1
    monkeypatch.setattr(threads, "_read", lambda file: told.format(n=count, m=count + 1).encode())
    monkeypatch.setattr(threads._pools, "running", lambda: of_pools)
    assert threads.cores_are_taken() is taken


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the system does not list threads there")
def test_threads_that_a_library_has_started_are_counted_while_they_run():
    ended = threading.Event()
    sleeping = threading.Thread(target=ended.wait)
    sleeping.start()
    _thread.start_new_thread(ended.wait, ())  # as a library's: `threading` does not know it
    try:
        assert threads._runs(str(threading.get_native_id()))  # it asks, so it runs
        while threads._runs(str(sleeping.native_id)):  # until it waits
            time.sleep(0.001)
        others = len(os.listdir("/proc/self/task")) - threading.active_count()
        assert others >= 1
        assert 0 <= threads._Pools().running() <= others
    finally:
        ended.set()
        sleeping.join()
    assert not threads._runs("0")  # there is no such thread


def test_where_the_system_does_not_tell_threads_are_used(monkeypatch):
    def refuse(file):
        raise FileNotFoundError(file)

    monkeypatch.setattr(threads, "_read", refuse)
    assert threads.cores_are_taken() is False
