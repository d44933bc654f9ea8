"""What a long recording comes to is kept on disk; another process reads it instead of working it out again."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import rolled

lowering = importlib.import_module("chainrule.compile.lowering")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(rolled, "MANY_STEPS", 1)
    return tmp_path


@pytest.fixture
def lowered(monkeypatch):
    """The functions that have been worked out."""
    found = []
    own = lowering.lower
    monkeypatch.setattr(lowering, "lower", lambda *args: found.append(args) or own(*args))
    return found


def loss(w, x):
    for k in range(5):
        x = np.tanh(w @ x + k) + 0.5 * x
    return np.sum(x**2)


def _run(function, *args, times=3):
    """What a function gives that is compiled as in a new process."""
    compiled = cr.compile(function)
    return [compiled(*args) for _ in range(times)][-1]


def _assert_same(found, expected):
    for f, e in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        assert f.dtype == e.dtype
        digits = 1e-5 if e.dtype == np.float32 else 1e-12  # of the largest entry: sums cancel in another order
        np.testing.assert_allclose(f, e, rtol=digits, atol=0.01 * digits * np.max(np.abs(e)))


def _problem(dtype=np.float64):
    rng = np.random.default_rng(0)
    return cr.value_and_grad(loss, (0, 1)), rng.normal(size=(3, 3)).astype(dtype), rng.normal(size=3).astype(dtype)


def test_a_plan_is_loaded_from_the_cache_instead_of_lowered_again(cache, lowered):
    function, *args = _problem()
    expected = function(*args)
    for _ in range(3):
        _assert_same(_run(function, *args), expected)
    assert len(lowered) == 1
    others = [2 * x for x in args]
    _assert_same(_run(function, *others), function(*others))
    assert len(lowered) == 1


def test_another_dtype_another_constant_and_other_names_have_plans_of_their_own(cache, lowered):
    function, *args = _problem()
    _run(function, *args)
    _, *single = _problem(np.float32)
    _assert_same(_run(function, *single), function(*single))
    for other in (lambda w, x: loss(w, x) + 1, lambda v, x: loss(v, x)):
        differentiated = cr.value_and_grad(other, (0, 1))
        _assert_same(_run(differentiated, *args), differentiated(*args))
    assert len(lowered) == 4


@pytest.mark.parametrize("what", ["plan.code", "loss*.code"])
def test_a_damaged_file_is_made_again(cache, lowered, what):
    function, *args = _problem()
    expected = _run(function, *args)
    (file,) = cache.rglob(f"*{what}" if what.startswith("loss") else what)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    _assert_same(_run(function, *args), expected)
    assert len(lowered) == 2


def test_a_plan_for_other_values_is_not_used(cache, lowered):
    solved = lambda a, b: (np.linalg.solve(a, b), a @ b)  # noqa: E731
    regular, b = np.array([[0.0, 2.0], [3.0, 1.0]]), np.ones((2, 1))
    _run(solved, regular, b)
    unknown = np.full((2, 2), np.nan)
    for found, expected in zip(_run(solved, unknown, b), solved(unknown, b), strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(np.linalg.LinAlgError):
        _run(solved, np.zeros((2, 2)), b)


def test_a_block_of_the_user_with_another_rule_has_no_plan_of_the_first(cache):
    def of(factor):
        @cr.block
        def scaled(x):
            return factor * x

        return cr.value_and_grad(lambda x: np.sum(scaled(x) ** 2))

    for factor in (2.0, 3.0):
        value, gradient = _run(of(factor), np.arange(3.0))
        assert value == 5 * factor**2
        np.testing.assert_array_equal(gradient, 2 * factor**2 * np.arange(3.0))


def test_the_next_process_runs_the_function_once(cache):
    function, *args = _problem()
    runs = []

    def counted(*arguments):
        runs.append(1)
        return function(*arguments)

    for expected in (2, 1, 1):
        del runs[:]
        _assert_same(_run(counted, *args, times=4), function(*args))
        assert len(runs) == expected


def test_the_plan_of_an_interpreted_program_is_cached_too(cache, lowered):
    def of_products(W, xs):
        h = xs[0]
        for x in xs:
            h = np.tanh(W @ h + x)
            h = h + 0.1 * np.sin(h)
        return np.sum(h**2)

    function = cr.value_and_grad(of_products, (0, 1))
    args = np.eye(320) / 2 + 0.01, np.random.default_rng(1).normal(size=(90, 320))
    for _ in range(2):
        compiled = cr.compile(function)
        for _ in range(3):
            _assert_same(compiled(*args), function(*args))
        assert not compiled._latest.program.native
    assert len(lowered) == 1
