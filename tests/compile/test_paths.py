"""A function that reads the numbers of arrays: what is compiled must fit calls, or the function runs uncompiled."""

import importlib
import warnings

import numpy as np
import pytest

import chainrule as cr

paths = importlib.import_module("chainrule.compile.paths")
pytestmark = pytest.mark.usefixtures("may_run_uncompiled")


def reads_a_sum(x):
    """A sum is reassociated when compiled, so its last digits differ; and here a plain function reads them."""
    total = np.sum(x / 3.0, axis=0)
    return np.sum(total * total.value.round(3))


def counted(f):
    calls = []

    def counting(*args):
        calls.append(1)
        return f(*args)

    return counting, calls


X = np.random.default_rng(0).normal(size=(1000, 7)) * 10.0 ** np.arange(7)


def compiles(monkeypatch):
    made = []
    version = importlib.import_module("chainrule.compile.version").Version
    prepare = version._compile
    monkeypatch.setattr(version, "_compile", lambda self, key=None: (made.append(1), prepare(self, key))[1])
    return made


def test_a_program_with_other_last_digits_is_not_made_again(monkeypatch):
    made = compiles(monkeypatch)
    f = cr.compile(cr.value_and_grad(reads_a_sum))
    expected = cr.value_and_grad(reads_a_sum)(X)
    with pytest.warns(UserWarning, match="runs uncompiled: .*last digits.*test_paths.py"):
        results = [f(X) for _ in range(4)]
    for value, gradient in results:
        assert value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
    assert len(made) == 1
    assert "0 version" in repr(f)


def test_numbers_that_change_on_each_call_are_compiled_no_more(monkeypatch):
    made = compiles(monkeypatch)
    g, calls = counted(lambda x: np.sum(x * np.sin(x.value).round(3)))
    f = cr.compile(cr.value_and_grad(g))
    with pytest.warns(UserWarning, match="each call takes another path, by the numbers"):
        results = [f(x) for x in X[:40]]
    for x, (value, gradient) in zip(X, results, strict=False):
        expected = np.sin(x).round(3)
        np.testing.assert_allclose(value, x @ expected)
        np.testing.assert_array_equal(gradient, expected)
    assert made == []
    assert len(calls) == 40
    assert "0 version" in repr(f)


def test_a_branch_without_such_numbers_stays_compiled(monkeypatch):
    def g(x):
        return np.sum(np.sin(x)) if x[0] > 0 else np.sum(x * x.value)

    g, calls = counted(g)
    f = cr.compile(cr.grad(g))
    for _ in range(2):
        np.testing.assert_allclose(f(np.ones(3)), np.cos(np.ones(3)))
    with pytest.warns(UserWarning, match="runs uncompiled"):
        results = [f(np.full(3, -float(n))) for n in range(1, 20)]
    np.testing.assert_array_equal(results, np.repeat(-np.arange(1.0, 20.0)[:, None], 3, 1))
    del calls[:]
    for n in range(1, 5):
        np.testing.assert_allclose(f(np.full(3, float(n))), np.cos(np.full(3, float(n))))
    assert calls == []


def test_few_numbers_that_repeat_are_compiled_as_before():
    g, calls = counted(lambda x: np.sum(x * x.value))
    f = cr.compile(cr.grad(g))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            for n in range(5):
                np.testing.assert_array_equal(f(X[n]), X[n])
    assert len(calls) == 10


def test_a_tie_that_digits_decide_is_compiled_once(monkeypatch):
    """x = 0.1 for each entry: whether the sum of 1000 of them is below 100 depends on the order of the sum."""
    made = compiles(monkeypatch)
    f = cr.compile(lambda x: np.sum(x**2) if np.sum(x) >= 100 else np.sum(x**3))
    at = np.full(1000, 0.1)
    for _ in range(6):
        np.testing.assert_allclose(f(at), 10.0 if np.sum(at) >= 100 else 1.0)
    assert len(made) == 1


def test_branches_that_never_repeat_are_recorded_no_more(monkeypatch):
    recorder = importlib.import_module("chainrule.compile.compiled")
    recorded, record = [], recorder.record
    monkeypatch.setattr(recorder, "record", lambda *args, **options: (recorded.append(1), record(*args, **options))[1])

    def g(x):
        return sum(x[i] ** 2 if x[i] > 0 else np.sin(x[i]) for i in range(7))

    f = cr.compile(cr.grad(g))
    signs = [np.array([1.0 if n >> i & 1 else -1.0 for i in range(7)]) for n in range(60)]
    with pytest.warns(UserWarning, match="has taken 8 different paths"):
        found = [f(x) for x in signs]
    np.testing.assert_allclose(found, [np.where(x > 0, 2 * x, np.cos(x)) for x in signs])
    assert len(recorded) == paths.TOO_MANY + 1
