"""Names stand for something else only while a function runs recorded, and in its context only."""

import builtins
import functools
import gc
import linecache
import math
import sys
import threading
import weakref

import numpy as np
import pytest
from numpy import zeros

import chainrule as cr
from chainrule.buffered import BUFFERED
from chainrule.errors import RecordingError
from chainrule.standins import names, needed, replaced
from chainrule.standins.buffer import Buffer
from chainrule.standins.names import standins
from chainrule.standins.outside import Outside


def written(x):
    out = zeros(2)
    out[0] = math.sin(x)
    return np.sum(out)


def test_names_are_what_they_were_afterwards():
    before = np, math, zeros, np.zeros
    cr.grad(written)(1.0)
    assert (np, math, zeros, np.zeros) == before


def test_names_are_what_they_were_after_an_error():
    def fails(x):
        zeros(2)[0] = x
        raise KeyError("no")

    before = zeros
    with pytest.raises(KeyError):
        cr.grad(fails)(1.0)
    assert zeros is before is np.zeros


def test_names_are_what_they_were_after_an_interrupt_at_any_line():
    files, lines = {names.__file__, replaced.__file__}, 0

    def interrupt(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename not in files or "__del__" in (
            frame.f_code.co_name,
            frame.f_back.f_code.co_name,
        ):
            return None
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and "with _lock" not in text:  # a trace may raise before a lock is released, a signal not
            lines += 1
            if lines == at:
                raise KeyboardInterrupt
        return interrupt

    cr.grad(written)(1.0)  # its names are worked out
    at, interrupted = 0, 0
    before = zeros, math.sin, BUFFERED.get()
    while lines >= at:
        at, lines = at + 1, 0
        trace = sys.gettrace()
        sys.settrace(interrupt)
        try:
            cr.grad(written)(1.0)
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(trace)
        assert (zeros, math.sin, BUFFERED.get()) == before
    assert interrupted > 15
    assert cr.grad(written)(1.0) == pytest.approx(math.cos(1.0))


def test_names_that_the_function_gave_another_meaning_keep_it():
    scope = {"np": np}
    exec("def f(x):\n    global np\n    out = np.zeros(1)\n    out[0] = x\n    np = 'mine'\n    return out[0]", scope)
    assert cr.grad(scope["f"])(2.0) == 1.0
    assert scope["np"] == "mine"


def test_another_thread_sees_plain_numpy():
    kinds = []
    inside, seen = threading.Event(), threading.Event()

    def elsewhere():
        inside.wait(10)
        kinds.append((type(zeros(2)), type(math.sin(1.0)), type(np.array([1.0]))))
        seen.set()

    def f(x):
        out = zeros(2)
        out[0] = x
        inside.set()
        assert seen.wait(10)
        return out[0]

    thread = threading.Thread(target=elsewhere)
    thread.start()
    cr.grad(f)(1.0)
    thread.join()
    assert kinds == [(np.ndarray, float, np.ndarray)]


def test_threads_that_record_the_same_function_do_not_disturb_each_other():
    results = []

    def run():
        for i in range(50):
            results.append(cr.grad(written)(float(i)) - math.cos(i))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200
    assert max(map(abs, results)) < 1e-15
    assert zeros is np.zeros


def test_a_generator_that_outlives_the_recording_computes_plainly():
    def numbers():
        while True:
            yield zeros(1)

    kept = []

    def f(x):
        kept.append(numbers())
        out = next(kept[0])
        out[0] = x
        return out[0]

    assert cr.grad(f)(3.0) == 1.0
    assert type(next(kept[0])) is np.ndarray


def test_nested_recordings_keep_their_own_buffers():
    def outer(x):
        a = zeros(2)
        a[0] = x * x
        a[1] = cr.grad(written)(x)
        b = zeros(1)
        b[0] = a[0] * a[1]
        return b[0]

    x = 0.7
    np.testing.assert_allclose(cr.grad(outer)(x), 2 * x * np.cos(x) - x * x * np.sin(x))


def test_names_in_a_closure():
    def made():
        import numpy as library

        def f(x):
            out = library.zeros(3)
            out[1] = x
            return library.sum(out**2)

        return f

    f = made()
    assert cr.grad(f)(3.0) == 6.0
    assert f.__closure__[0].cell_contents is np


def test_a_function_without_writes_needs_no_names():
    def plain(x):
        return np.sum(np.sin(x) * np.linspace(0, 1, 3))

    with standins(plain, [], {}):
        assert type(np.linspace(0, 1, 3)) is np.ndarray
    with standins(written, [], {}):
        assert type(zeros(3)) is Buffer


def test_a_helper_that_is_defined_anew_is_found():
    scope = {"np": np}
    exec("def helper(x): return x * x\ndef f(x): return helper(x)", scope)
    assert cr.grad(scope["f"])(3.0) == 6.0
    exec("def helper(x):\n    out = np.zeros(1)\n    out[0] = x\n    return out[0] ** 3", scope)
    assert cr.grad(scope["f"])(3.0) == 27.0


def test_rules_of_blocks_compute_on_plain_arrays():
    kinds = []

    @cr.block
    def square(x):
        out = np.zeros(3)
        out[:] = x**2
        kinds.append(type(out))
        return out

    @square.backward
    def square_backward(dz, z, x):
        dx = np.zeros(3)
        dx[:] = 2 * x * dz
        kinds.append(type(dx))
        return dx

    def f(x):
        y = np.zeros(3)
        y[:] = square(x)
        return np.sum(y)

    np.testing.assert_array_equal(cr.grad(f)(np.arange(3.0)), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(cr.grad(f)(x) * x))(np.arange(3.0)), [0.0, 4.0, 8.0])
    assert set(kinds) <= {np.ndarray, cr.Array}


def test_an_array_that_plain_code_keeps_may_not_become_recorded():
    kept = []

    def f(x):
        out = zeros(3)
        kept.append(memoryview(np.ndarray.__array__(out.value)))
        out[0] = x
        return out[0]

    with pytest.raises(RecordingError, match="keeps a view"):
        cr.grad(f)(1.0)


@pytest.mark.parametrize("call", [lambda x: math.sqrt(x - 2), lambda x: math.acos(x + 1), lambda x: math.log(-x)])
def test_the_errors_of_math_are_given(call):
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        cr.grad(call)(1.0)
    compiled = cr.compile(lambda x: math.sqrt(x))
    assert [compiled(v) for v in (4.0, 9.0, 16.0)] == [2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        compiled(-1.0)
    assert compiled(25.0) == 5.0


def test_math_overflows_where_python_does():
    with pytest.raises(OverflowError):
        cr.grad(lambda x: math.exp(x))(1000.0)
    assert type(cr.value_and_grad(lambda x: math.exp(x))(1.0)[0]) in (float, np.float64)


def test_out_is_written_into_however_it_is_given():
    def f(x):
        z, out = np.zeros(3), np.zeros(3)
        np.add(x, x, out=(z,))
        np.multiply(z, x, out)
        return np.sum(z + out)

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cr.grad(f)(x), 2 + 4 * x)


@pytest.mark.parametrize("write", ["a.__setitem__(0, x)", "a.flat = x", "a.fill(x)", "a.__iadd__(x)", "a.real = x"])
def test_writes_without_an_index_are_found(write):
    scope = {"np": np}
    exec(f"def f(x):\n    a = np.zeros(2)\n    {write}\n    return a.sum()", scope)
    assert cr.grad(scope["f"])(2.0) == (1.0 if "item" in write else 2.0)


def with_a_generator(k):
    rng = np.random.default_rng(k)

    def f(x):
        drawn = rng.normal(size=2)
        drawn[0] = x * x
        return drawn.sum()

    return f


def with_a_cache(k):
    @functools.lru_cache
    def power(v):
        return k * v * v

    return lambda x: power(x)


def with_a_vectorized_function(k):
    power = np.vectorize(lambda v: k * v * v)
    return lambda x: power(x)[()]


@pytest.mark.parametrize("made", [with_a_generator, with_a_cache, with_a_vectorized_function])
def test_a_closure_that_is_made_again_has_stand_ins_too(made):
    for k in (1, 2, 3):
        assert cr.grad(made(k))(2.0) == (4.0 if made is with_a_generator else 4.0 * k)


def test_a_function_of_numpys_that_a_name_gets_later_is_found():
    scope = {"np": np, "make": np.zeros}
    exec("def f(x):\n    out = make(2)\n    out[0] = x * x\n    return out.sum()", scope)
    assert cr.grad(scope["f"])(3.0) == 6.0
    scope["make"] = np.ones
    assert cr.grad(scope["f"])(3.0) == 6.0
    assert scope["make"] is np.ones


def test_functions_that_were_recorded_are_not_kept_alive():
    def made():
        def f(x, library=np):
            out = library.zeros(2)
            out[0] = x
            return out.sum()

        cr.grad(f)(1.0)
        return weakref.ref(f)

    f = made()
    needed._known.clear()
    gc.collect()
    assert f() is None


def test_an_import_hook_that_is_installed_later_is_called(monkeypatch):
    def f(x):
        import numpy as library

        out = library.zeros(2)
        out[0] = x * x
        return out.sum()

    assert cr.grad(f)(3.0) == 6.0
    found, imported = builtins.__import__, []
    hook = lambda name, *rest: imported.append(name) or found(name, *rest)  # noqa: E731
    monkeypatch.setattr(builtins, "__import__", hook)
    assert cr.grad(f)(3.0) == 6.0
    assert "numpy" in imported
    assert builtins.__import__ is hook


def test_names_are_what_they_were_after_an_error_before_the_function_ran(monkeypatch):
    def refuse(self):
        raise MemoryError

    monkeypatch.setattr(Outside, "enter", refuse)
    with pytest.raises(MemoryError) as kept:  # the error's traceback keeps the context alive
        cr.grad(written)(1.0)
    assert zeros is np.zeros
    assert not BUFFERED.get()
    assert kept is not None


def test_names_are_what_they_were_after_an_error_while_arrays_are_put_back(monkeypatch):
    def refuse(self):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Outside, "leave", refuse)
        with pytest.raises(MemoryError) as kept:
            cr.grad(written)(1.0)
        assert zeros is np.zeros
    assert kept is not None
