"""What `cr.compile` promises besides equal numbers: guards, labels, trees, threads, donated arrays, the cache."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import itertools
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.answers import answer
from chainrule.errors import RecordingError
from compile.interpreted import interpreted
from compile.test_catalogue import assert_same


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "chainrule"))


@pytest.fixture
def by_python():
    with interpreted():
        yield


def versions(compiled):
    assert not compiled._failed, "it runs uncompiled"
    return sum(len(v) for v in compiled._versions.values())


RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(3, 2)), RNG.normal(size=2)


# Native code -----------------------------------------------------------------------------------------------------


def notes_loss(W, x):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, 0)


def test_the_notes_example_in_native_code():
    f = cr.value_and_grad(notes_loss, ("W", "x"))
    compiled = cr.compile(f)
    assert_same(compiled(W, X), f(W, X), 1e-14)
    for _ in range(2):
        V, y = RNG.normal(size=(3, 2)), RNG.normal(size=2)
        assert_same(compiled(V, y), f(V, y), 1e-13)
    assert versions(compiled) == 1
    assert "def value_and_grad_notes_loss(W, x, " in compiled.source()
    value = compiled(W, X)[0]
    assert type(value) is np.float64


def test_numbers_in_native_code():
    f = cr.value_and_grad(lambda x, y, z: (2 * x + 3 * y) * z, (0, 1, 2))
    compiled = cr.compile(f)
    for _ in range(3):
        assert compiled(1.0, 2.0, 3.0) == f(1.0, 2.0, 3.0)
    assert versions(compiled) == 1
    assert [type(g) for g in compiled(1.0, 2.0, 3.0)[1]] == [np.float64] * 3


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.sum(x), np.zeros_like(x), np.full_like(x, 2.0), np.zeros(4), 1, True, None),
        lambda x: (x[1] > 0, x > 0, np.argmax(x), x.reshape(1, 3), x[:1], x[:1].reshape(1, 1), x[1:2] * 2.0),
        lambda x: [(x * 2)[::2], x[::-1], {"a": x, "b": (x + 1, [x + 1])}],
        lambda x: np.tensordot(x.reshape(1, 3), x.reshape(3, 1), 1)[0, 0],
        lambda x: (np.concatenate([x, 2 * x, x[:1]]), np.stack([x, x**2], axis=1), x * np.zeros(3, complex)),
        lambda x: (x.astype(np.float32) * np.float32(3), np.sum(x > 0) * 2, np.asarray(x[0] * 2), np.sum(x) * 1.5),
    ],
)
def test_results_of_every_kind_in_native_code(f):
    compiled = cr.compile(f)
    for k in range(4):
        x = np.array([1.0, -2.0, 3.0]) * (k + 1)
        assert_alike(compiled(x), f(x))
    assert versions(compiled) == 1, compiled._latest.failure


def assert_alike(actual, desired):
    if isinstance(desired, tuple | list | dict):
        assert type(actual) is type(desired)
        pairs = desired if isinstance(desired, dict) else range(len(desired))
        for k in pairs:
            assert_alike(actual[k], desired[k])
        return
    assert type(actual) is type(desired)
    if desired is not None:
        assert np.asarray(actual).dtype == np.asarray(desired).dtype
        np.testing.assert_allclose(actual, desired, rtol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_random_arguments_of_every_kind_in_native_code(seed):
    """Numbers of Python and NumPy, dtypes, memory that is not in order, and arguments that are never used."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 3))
    kinds = [
        1.5,
        np.float64(2.5),
        np.float32(3.5),
        np.int64(4),
        np.int32(5),
        np.bool_(True),
        np.array(2.5),
        np.array(7),
    ]
    compiled = cr.compile(lambda x, n, unused: x * n + np.sum(x))
    for again in range(2):
        for n in kinds:
            for other in (
                x,
                np.asfortranarray(x),
                x[:, ::-1],
                x.astype(np.float32),
                x.astype(">f8"),
                (9 * x).astype(int),
            ):
                expected = other.astype(other.dtype.newbyteorder("=")) * n + np.sum(other)
                actual = compiled(other, n, rng.normal(size=again + 1))
                assert actual.dtype == expected.dtype
                np.testing.assert_allclose(actual, expected, rtol=1e-6 if actual.dtype == np.float32 else 1e-13)


def test_an_array_without_axes_is_no_number():
    """One can be written into, through a view of it too."""

    def f(x):
        a = x[None]
        x += 2
        return a * x, x

    compiled = cr.compile(f)
    for x in (np.array(1.5), np.float64(1.5), np.array(2.5), np.float64(2.5), np.array(1.5), np.float64(1.5)):
        for _ in range(2):
            assert_alike(compiled(x), f(x.copy()))


def test_what_compiled_code_does_not_expect_is_not_read():
    compiled = cr.compile(lambda x, y: x * y)
    x = np.arange(3.0)
    for _ in range(2):
        compiled(x, 2.0)
    fast = compiled._fast
    for wrong in [
        (),
        (x,),
        (x, 2.0, 3.0),
        (x, 2),
        (x, np.float64(2)),
        (x[:2], 2.0),
        (x[None], 2.0),
        ([1.0, 2.0, 3.0], 2.0),
    ]:
        with pytest.raises(TypeError):
            fast(*wrong)
    for wrong in (x[::-1], x.astype(np.float32), x.astype(int), x.astype(">f8"), None, x.view(np.recarray)):
        with pytest.raises(TypeError):
            fast(wrong, 2.0)


def test_other_shapes_and_dtypes_compile_anew():
    compiled = cr.compile(lambda x: np.sum(x * x))
    for x in (np.ones(3), np.ones(4), np.ones((2, 2)), np.ones(3, np.float32), [1.0, 2.0] and np.arange(3.0)):
        for _ in range(2):
            value = compiled(x)
            assert value == np.sum(x * x)
            assert value.dtype == x.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_with_an_update_in_native_code(dtype):
    rng = np.random.default_rng(1)
    parameters = {"U": rng.normal(size=(5, 8)).astype(dtype), "b": rng.normal(size=8).astype(dtype)}
    V = rng.normal(size=(8, 3)).astype(dtype)

    def step(parameters, V, x, label, rate):
        def loss(parameters, V):
            h = np.tanh(x @ parameters["U"] + parameters["b"])
            return np.mean(cr.softmax_cross_entropy(h @ V, label))

        L, (dp, dV) = cr.value_and_grad(loss, (0, 1))(parameters, V)
        return L, {k: p - rate * dp[k] for k, p in parameters.items()}, V - rate * dV

    compiled = cr.compile(step)
    for _ in range(3):
        x, label = rng.normal(size=(6, 5)).astype(dtype), rng.integers(0, 3, 6)
        actual, expected = compiled(parameters, V, x, label, 0.1), step(parameters, V, x, label, 0.1)
        rtol = 1e-5 if dtype == np.float32 else 1e-13
        assert list(actual[1]) == ["U", "b"]
        assert_same(
            [actual[0], *actual[1].values(), actual[2]], [expected[0], *expected[1].values(), expected[2]], rtol
        )
    assert versions(compiled) == 1


def test_long_sums_are_as_exact_as_numpy_s():
    x = RNG.uniform(size=300_001).astype(np.float32)
    compiled = cr.compile(lambda x: (np.sum(x), np.mean(np.exp(x))))
    for _ in range(2):
        total, mean = compiled(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(total, exact.sum(), rtol=3e-7)
    np.testing.assert_allclose(mean, np.exp(exact).mean(), rtol=3e-7)


def test_nan_and_inf_go_where_numpy_lets_them():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, 1000.0, -1000.0])
    functions = {
        "softmax": cr.softmax,
        "relu": cr.relu,
        "exp": np.exp,
        "log": np.log,
        "tanh": np.tanh,
        "sigmoid": cr.sigmoid,
        "maximum": lambda x: np.maximum(x, 0.5),
        "max": np.max,
        "sign": np.sign,
        "where": lambda x: np.where(x > 0, x, 0.0),
    }

    def all_of(x):
        return [f(x) for f in functions.values()]

    compiled = cr.compile(all_of)
    with np.errstate(all="ignore"):
        compiled(np.arange(8.0))
        for actual, expected in zip(compiled(x), all_of(x), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-14)


# Integers --------------------------------------------------------------------------------------------------------


def test_labels_may_change(by_python):
    def losses(s, labels):
        def f(s):
            p = cr.softmax(s)
            return (
                np.sum(cr.softmax_cross_entropy(s, labels))
                + np.sum(cr.cross_entropy_loss(p, labels))
                + np.sum(cr.hinge_loss(s, labels))
                + np.sum(cr.squared_hinge_loss(s, labels))
                + cr.nll_loss(cr.log_softmax(s), labels)
                + np.sum(cr.one_hot(labels, 4) * s)
                + np.sum(s[np.arange(5), labels] ** 2)
                + np.sum(np.take_along_axis(s, labels[:, None], axis=1) ** 3)
            )

        return cr.value_and_grad(f)(s)

    compiled = cr.compile(losses)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        s, labels = rng.normal(size=(5, 4)), rng.integers(0, 4, 5)
        assert_same(compiled(s, labels), losses(s, labels), 1e-12)
    assert versions(compiled) == 1


def test_one_label_that_is_an_array_or_a_number_of_numpy(by_python):
    f = cr.value_and_grad(lambda s, label: cr.softmax_cross_entropy(s, label))
    compiled = cr.compile(f)
    for label in (np.int64(2), np.int64(0), np.int64(1)):
        assert_same(compiled(X, label % 2), f(X, label % 2), 1e-13)
    assert versions(compiled) == 1


def test_labels_of_python_are_each_compiled_once():
    f = cr.value_and_grad(lambda s, label, scale: cr.softmax_cross_entropy(s * scale, label))
    compiled = cr.compile(f)
    for _ in range(3):
        for label, scale in ((0, 1.0), (1, 2.0), (2, 3.0)):
            s = RNG.normal(size=3)
            assert_same(compiled(s, label, scale), f(s, label, scale), 1e-13)
    assert versions(compiled) == 3


def test_indices_may_change(by_python):
    def f(table, indices, values):
        def loss(table):
            z = np.zeros_like(table)
            z[indices] = values
            np.add.at(z, indices, 2 * values)
            rows = cr.embedding(table, indices)
            return np.sum(rows**2) + np.sum(z * table) + np.sum(np.take(table, indices, axis=1) ** 2)

        return cr.value_and_grad(loss)(table)

    compiled = cr.compile(f)
    rng = np.random.default_rng(3)
    for _ in range(4):
        args = rng.normal(size=(4, 4)), rng.integers(0, 4, 3), rng.normal(size=(3, 4))
        assert_same(compiled(*args), f(*args), 1e-12)
    assert versions(compiled) == 1


def test_sorted_and_largest_places_may_change(by_python):
    f = cr.value_and_grad(lambda x: np.sum(np.sort(x)[1:] * np.arange(1.0, 5.0)) + x[np.argmax(x)] ** 2 + np.max(x))
    compiled = cr.compile(f)
    rng = np.random.default_rng(4)
    for _ in range(5):
        x = rng.normal(size=5)
        assert_same(compiled(x), f(x), 1e-12)
    assert versions(compiled) == 1


def test_a_wrong_label_is_the_error_of_the_uncompiled_function(by_python):
    f = cr.compile(lambda s, labels: np.sum(cr.softmax_cross_entropy(s, labels)))
    s = RNG.normal(size=(2, 3))
    for _ in range(2):
        f(s, np.array([0, 2]))
    with pytest.raises(cr.errors.BlockError, match="label 3 is not one of the 3 classes"):
        f(s, np.array([0, 3]))


def test_a_boolean_mask_is_guarded(by_python):
    f = lambda x, mask: np.sum(x[mask] ** 2)  # noqa: E731
    compiled = cr.compile(f)
    x = np.arange(4.0)
    for mask in ([True, False, True, True], [False, True, True, True], [True, False, False, False]):
        for _ in range(2):
            assert compiled(x, np.array(mask)) == f(x, np.array(mask))


# Guards ----------------------------------------------------------------------------------------------------------


def test_each_path_of_a_branch_is_compiled(by_python):
    def f(x):
        return np.sum(x) * 2 if np.sum(x) > 0 else np.sum(x * x)

    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(3):
        for x in (np.ones(3), -np.ones(3)):
            assert_same(compiled(x), cr.value_and_grad(f)(x), 1e-14)
    assert versions(compiled) == 2


def test_a_loop_whose_length_depends_on_values(by_python):
    def halved(x):
        while np.max(x) > 1:
            x = x / 2
        return np.sum(x)

    compiled = cr.compile(halved)
    for _ in range(2):
        for scale in (1.0, 3.0, 9.0, 0.5):
            assert compiled(np.full(3, scale)) == halved(np.full(3, scale))
    assert versions(compiled) == 4 - 1  # 1.0 and 0.5 take no step


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * int(x[0]),
        lambda x: x[: int(x[0])],
        lambda x: x * x.value[0],
        lambda x: np.sum(x) * (1.0 if str(x).startswith("[1") else 3.0),
        lambda x: x + np.asarray(cr.stop_gradient(x)),
        lambda x: x * cr.stop_gradient(x[0]).item(),
        lambda x: x * len(f"{x[0]:.0f}"),
    ],
)
def test_whatever_looks_at_a_value_is_right_for_other_values(by_python, f):
    compiled = cr.compile(f)
    for _ in range(2):
        for x in (np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 13.0]), np.array([11.0, 0.0, 1.0])):
            expected = f(cr.variable(x))
            np.testing.assert_array_equal(compiled(x), getattr(expected, "value", expected))


def test_many_paths_warn_and_stay_right(by_python, may_run_uncompiled):
    f = cr.compile(lambda x: x * int(x))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for n in range(12):
            assert f(np.float64(n)) == n * n
    assert ["different paths" in str(w.message) for w in said] == [True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(12, 45):
            assert f(np.float64(n)) == n * n


def test_a_gradient_of_something_else_depends_on_the_input(by_python):
    """The inner gradient is by a constant; that the input scales it must not be forgotten."""

    def f(x, k):
        g = cr.grad(lambda w: np.sum(w * cr.stop_gradient(x)) * np.sum(w * k))(np.ones(3))
        w = cr.variable(np.ones(3))
        L = np.sum(w * w * x)
        L.backward()
        return g, w.grad

    compiled = cr.compile(f)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, k = rng.normal(size=3), rng.integers(0, 9, 3)
        g, wg = compiled(x, k)
        np.testing.assert_allclose(g, x * np.sum(k) + np.sum(x) * k, rtol=1e-13)
        np.testing.assert_allclose(wg, 2 * x, rtol=1e-13)


def test_masked_out_poles_stay_out(by_python):
    f = cr.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)), 0.0)))
    compiled = cr.compile(f)
    with np.errstate(all="ignore"):
        for x in (np.array([1.0, 4.0]), np.array([0.0, 4.0]), np.array([0.0, 0.0])):
            np.testing.assert_array_equal(compiled(x), f(x))


# Refusals --------------------------------------------------------------------------------------------------------


def test_random_numbers_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(RecordingError, match="drew random numbers"):
        cr.compile(lambda x: x * rng.normal(size=3))(np.ones(3))
    with pytest.raises(RecordingError, match="drew random numbers"):
        cr.compile(lambda x: x * np.random.normal(size=3))(np.ones(3))
    with pytest.raises(RecordingError, match="Generator cannot be compiled"):
        cr.compile(lambda x, rng: x * rng.normal(size=3))(np.ones(3), rng)
    with pytest.raises(cr.errors.BlockError, match="give mask="):
        cr.compile(lambda x: cr.dropout(x, rng=rng))(np.ones(3))


def test_without_llvmlite_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None)
    with pytest.raises(ImportError, match=r'pip install "chainrule\[compile\]"'):
        cr.compile(np.sin)


# Arguments and results -------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Parameters:
    W: np.ndarray
    b: np.ndarray


def test_trees_go_in_and_come_out(by_python):
    def f(p, scale, flag):
        g = cr.grad(lambda p: np.sum(np.tanh(p.W @ p.W + p.b)))(p)
        return {"g": g, "both": (p.W * scale, [flag, "text", None])}

    compiled = cr.compile(f)
    for _ in range(3):
        p = Parameters(RNG.normal(size=(2, 2)), RNG.normal(size=2))
        out, expected = compiled(p, scale=2.0, flag=3), f(p, 2.0, 3)
        assert type(out["g"]) is Parameters
        np.testing.assert_allclose(out["g"].W, expected["g"].W, rtol=1e-12)
        np.testing.assert_allclose(out["both"][0], expected["both"][0])
        assert out["both"][1] == [3, "text", None]


def test_inputs_are_not_changed_and_results_are_fresh(by_python):
    def f(x, y):
        x[0] = 5.0
        y += 1.0
        return x, y, x, np.reshape(y, (1, 3)), y.T, np.ones(2)

    compiled = cr.compile(f)
    x, y = np.zeros(3), np.zeros(3)
    first = compiled(x, y)
    second = compiled(x, y)
    assert not x.any()
    assert not y.any()
    for result in (first, second, compiled(x, y)):
        np.testing.assert_array_equal(result[0], [5, 0, 0])
        for i, a in enumerate(result):
            assert a.flags.writeable
            for j, b in enumerate(result):
                assert i == j or not np.shares_memory(a, b)
            assert not np.shares_memory(a, x)
            a[...] = 7.0
    np.testing.assert_array_equal(compiled(x, y)[5], [1, 1])


def test_layouts_and_read_only_arrays(by_python):
    f = lambda x: x.T @ x + np.sum(x[::2])  # noqa: E731
    compiled = cr.compile(f)
    base = np.random.default_rng(0).uniform(0.5, 2.0, (6, 8))  # positive: nothing cancels to less than rounding
    frozen = base[:3, :4].copy()
    frozen.flags.writeable = False
    for x in (base[:3, :4].copy(), np.asfortranarray(base[:3, :4]), base[::2, ::2], frozen, base.T[:3, :4]):
        for _ in range(2):
            np.testing.assert_allclose(compiled(x), f(x), rtol=1e-12)


def test_donated_arrays_hold_the_results(by_python):
    def step(W, x):
        return W - 0.5 * cr.grad(lambda W: np.sum(np.tanh(W @ x)))(W)

    compiled = cr.compile(step, donate="W")
    compiled(W, X)
    for _ in range(3):
        mine = W.copy()
        expected = step(W, X)
        out = compiled(mine, X)
        assert out is mine
        np.testing.assert_allclose(out, expected, rtol=1e-13)


def large_step(parameters, x, labels, rate):
    """A step of a network that is too large to be compiled as a whole, with a guard (the labels fit)."""

    def loss(parameters):
        W, b, V = parameters
        return np.mean(cr.softmax_cross_entropy(np.tanh(x @ W + b) @ V, labels))

    L, grads = cr.value_and_grad(loss)(parameters)
    return L, [p - rate * g for p, g in zip(parameters, grads, strict=True)]


def large_problem():
    rng = np.random.default_rng(0)
    parameters = [rng.normal(size=shape) for shape in ((60, 60), (60,), (60, 7))]
    return parameters, rng.normal(size=(50, 60)), rng.integers(0, 7, 50)


def test_a_large_step_updates_donated_arrays_in_place(by_python):
    parameters, x, labels = large_problem()
    compiled = cr.compile(large_step, donate="parameters")
    compiled(parameters, x, labels, 0.1)
    before = [p.copy() for p in parameters]
    expected, updated = large_step(before, x, labels, 0.1)
    L, out = compiled(parameters, x, labels, 0.1)
    np.testing.assert_allclose(L, expected, rtol=1e-12)
    for new, mine, right in zip(out, parameters, updated, strict=True):
        assert new is mine
        np.testing.assert_allclose(new, right, rtol=1e-12)
    body = compiled.source().split("\ndef ")[-1]
    assert not any(f"np.empty({p.shape}" in body for p in parameters)


def test_a_run_that_takes_another_path_has_not_overwritten_anything(by_python):
    parameters, x, labels = large_problem()
    compiled = cr.compile(large_step, donate="parameters")
    for _ in range(2):
        compiled(parameters, x, labels, 0.1)
    before = [p.copy() for p in parameters]
    wrong = labels.copy()
    wrong[3] = 7
    with pytest.raises(Exception, match="label"):
        compiled(parameters, x, wrong, 0.1)
    for p, b in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p, b)


def test_donated_arrays_that_share_memory_or_cannot_be_written(by_python):
    def f(a, b, c):
        return a + 0.5 * np.sum(c), np.sin(b) + np.sum(a @ c)

    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 60, 60))
    compiled = cr.compile(f, donate=("a", "b"))
    compiled(a.copy(), b.copy(), c)
    assert_same(compiled(a.copy(), b.copy(), c), f(a, b, c), 1e-11)
    both = a.copy()
    assert_same(compiled(both, b.copy(), both), f(a, b, a), 1e-11)
    locked = a.copy()
    locked.flags.writeable = False
    assert_same(compiled(locked, b.copy(), c), f(a, b, c), 1e-11)
    np.testing.assert_array_equal(locked, a)


@pytest.mark.parametrize("n", [3, 60])
def test_results_are_not_written_over_each_other(by_python, n):
    """Donated arrays that overlap, or that are one, cannot hold two results."""

    def f(a, b):
        return a + 2 * b, a * b

    compiled = cr.compile(f, donate=("a", "b"))
    rows = np.random.default_rng(0).normal(size=(n + 1, n))
    for _ in range(3):
        whole = rows.copy()
        assert_same(compiled(whole[:-1], whole[1:]), f(rows[:-1], rows[1:]), 1e-13)
        whole = np.asfortranarray(rows)
        assert_same(compiled(whole[:-1], whole[1:]), f(rows[:-1], rows[1:]), 1e-13)
        one = rows[:-1].copy()
        assert_same(compiled(one, one), f(rows[:-1], rows[:-1]), 1e-13)


def test_a_donated_array_is_read_before_it_is_overwritten(by_python):
    """Two results of one kernel need it, and one that is summed along the row."""

    def f(a, b, c):
        return a - c, a * b, b - np.sum(a * b, axis=1, keepdims=True), np.sum(a @ c)

    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 60, 60))
    compiled = cr.compile(f, donate=("a", "b"))
    for _ in range(3):
        assert_same(compiled(a.copy(), b.copy(), c), f(a, b, c), 1e-11)


def test_several_threads_at_once():
    f = cr.value_and_grad(lambda W, x: np.sum(np.tanh(W @ x) ** 2))
    compiled = cr.compile(f)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            A, x = rng.normal(size=(60, 60)), rng.normal(size=(60, 60))
            (value, g), (expected, h) = compiled(A, x), f(A, x)
            if not (np.isclose(value, expected) and np.allclose(g, h)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_threads_that_call_first_record_one_version(by_python):
    inside = threading.Barrier(4)

    def f(x):
        inside.wait(10)  # all are recording
        return np.sum(x * x)

    compiled = cr.compile(f)
    threads = [threading.Thread(target=compiled, args=(np.arange(3.0),)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert versions(compiled) == 1


@pytest.mark.parametrize("n", [30, 600])
def test_other_threads_run_while_compiled_code_runs(n):
    """A native program and one of kernels let go of Python's lock; nobody is made to, within this test."""

    def slow(x):
        for _ in range(10):
            x = np.tanh(np.exp(-x) + x)
        return np.sum(x)

    compiled = cr.compile(slow)
    x = np.linspace(0, 1, 20 * n).reshape(20, n)
    compiled(x)
    compiled(x)
    done = threading.Event()
    counted = [0]

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0)  # lets go of the lock

    thread = threading.Thread(target=count, daemon=True)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    try:
        thread.start()
        before = counted[0]
        for _ in range(2000):
            compiled(x)
            if counted[0] > before + 3:
                break
        after = counted[0]
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join(10)
    assert after > before + 3


# The cache -------------------------------------------------------------------------------------------------------


def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    f = cr.value_and_grad(lambda x: np.sum(np.exp(x) * 3))
    x = np.arange(3.0)

    def run(g=f):
        compiled = cr.compile(g)
        compiled(x)
        assert_same(compiled(x), g(x), 1e-14)
        assert versions(compiled) == 1

    run()
    (code,) = tmp_path.rglob("*.code")
    whole = code.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    run(cr.value_and_grad(lambda x: np.sum(np.exp(x) * 5)))
    (other,) = {*tmp_path.rglob("*.code")} - {code}
    for damage in (b"", b"nonsense", whole[:40], whole[:-1], bytes(flipped), other.read_bytes(), None):
        code.write_bytes(damage) if damage is not None else code.unlink()
        for source in tmp_path.rglob("*.py"):
            source.write_text("raise SystemExit")
        run()
        assert sorted(tmp_path.rglob("*.code")) == sorted([code, other])  # no temporary file is left
        assert code.stat().st_size == len(whole)
        if damage is not None:
            assert code.read_bytes() != damage


def test_without_a_folder_to_write_in(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "file" / "below"))
    compiled = cr.compile(lambda x: x * 2.5)
    for _ in range(2):
        assert compiled(2.0) == 5.0


def test_source_and_memory_need_a_first_call():
    compiled = cr.compile(notes_loss)
    with pytest.raises(cr.errors.ChainruleError, match="not been called"):
        compiled.source()
    compiled(W, X)
    assert "vm.exp" in compiled.source()
    assert 0 < compiled.memory() < 1000


def test_what_is_not_needed_at_once_shares_memory(by_python):
    def chain(x, A):
        for _ in range(6):
            x = np.tanh(A @ x)
        return np.sum(x)

    compiled = cr.compile(chain)
    A, x = RNG.normal(size=(60, 60)), RNG.normal(size=(60, 60))
    for _ in range(3):
        assert_same(compiled(x, A), chain(x, A), 1e-12)
    assert compiled.memory() <= 3 * x.nbytes


def test_a_view_that_a_call_returns_outlives_its_operand(by_python):
    def f(x, A):
        z = A @ x
        turned = np.flip(z, axis=0)  # a view of z
        w = A @ (A @ (A @ x))
        return turned @ w

    compiled = cr.compile(f)
    A, x = RNG.normal(size=(60, 60)), RNG.normal(size=(60, 60))
    for _ in range(3):
        np.testing.assert_allclose(compiled(x, A), f(x, A), rtol=1e-12, atol=1e-9)


def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    program = (
        "import sys, numpy as np, chainrule as cr\n"
        "labels = np.arange({n})\n"
        "f = cr.value_and_grad(lambda W, x: np.sum(np.tanh(W @ x)) + np.sum(cr.softmax_cross_entropy(W, labels)))\n"
        "A = np.cos(np.arange({n}.0**2)).reshape({n}, {n})\n"
        "g = cr.compile(f)\n"
        "expected = g(A, A)\n"
        "np.testing.assert_allclose(g(A, A)[0], expected[0], rtol=1e-13)\n"
        "np.testing.assert_allclose(g(A, A)[1], expected[1], rtol=1e-12, atol=1e-13)\n"
        "print('numba' in sys.modules, repr(g))\n"
    )
    environment = os.environ | {"CHAINRULE_CACHE_DIR": str(tmp_path)}
    for n in (3, 60):
        said = []
        for _ in range(2):
            command = [sys.executable, "-c", program.format(n=n)]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            said.append(run.stdout.split())
        assert [words[0] for words in said] == ["False", "False"]
        assert all("1 version(s)" in " ".join(words) for words in said)


def test_several_processes_share_an_empty_cache(tmp_path):
    program = (
        "import numpy as np, chainrule as cr\n"
        "f = cr.compile(cr.grad(lambda x: np.sum(np.tanh(x) * x)))\n"
        "x = np.linspace(0, 1, 50)\n"
        "a, b = f(x), f(x)\n"
        "np.testing.assert_allclose(a, b, rtol=1e-13)\n"
    )
    environment = os.environ | {"CHAINRULE_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(3)]
    assert [p.wait() for p in running] == [0, 0, 0]
    assert {p.suffix for p in tmp_path.rglob("*.*")} == {".py", ".code"}


@pytest.mark.parametrize("make", [np.ones_like, np.zeros_like, lambda x: 3.0], ids=["ones", "zeros", "a number"])
def test_a_loss_that_no_step_computes_has_its_value_and_zeros(make):
    x = np.array([[0.5, -1.0, 2.0]])
    compiled = cr.compile(cr.value_and_grad(lambda x: np.sum(make(x))))
    for _ in range(3):
        value, gradient = compiled(x)
        assert value == np.sum(make(x))
        np.testing.assert_array_equal(gradient, np.zeros_like(x), strict=True)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5003)).astype(np.float32)
    labels = rng.integers(0, 5003, 300)
    flat = rng.normal(size=1_000_003).astype(np.float32)

    def f(x, labels, flat):
        def loss(x, flat):
            return np.mean(cr.softmax_cross_entropy(x, labels)) + np.sum(np.tanh(flat) * np.exp(-(flat**2)))

        return cr.value_and_grad(loss, (0, 1))(x, flat)

    compiled = cr.compile(f)
    expected = compiled(x, labels, flat)
    results = []
    for threads in ("1", "2", "3", "5"):
        monkeypatch.setenv("CHAINRULE_NUM_THREADS", threads)
        results.append(compiled(x, labels, flat))
    assert "shared(" in compiled.source()
    assert versions(compiled) == 1, compiled._latest.failure
    for L, (dx, dflat) in results:
        np.testing.assert_allclose(L, results[0][0], rtol=1e-6)  # where arrays lie decides the last digit of a sum
        np.testing.assert_array_equal(dx, results[0][1][0])
        np.testing.assert_array_equal(dflat, results[0][1][1])
        np.testing.assert_allclose(L, expected[0], rtol=1e-5)  # terms of both signs
        np.testing.assert_allclose(dx, expected[1][0], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(dflat, expected[1][1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(3000, 1000), (3_000_000,), (2_999_999,), (1000, 3001)])
def test_sums_shared_by_threads_have_any_length(shape):
    x = np.random.default_rng(0).uniform(size=shape)
    constant = x + 1.0
    compiled = cr.compile(cr.value_and_grad(lambda a, x: np.sum(np.exp(x) * x) + np.sum(a / constant), (0, 1)))
    for _ in range(2):
        value, (da, dx) = compiled(2.0, x)
    assert "shared(" in compiled.source()
    np.testing.assert_allclose(value, np.sum(np.exp(x) * x) + np.sum(2.0 / constant), rtol=1e-12)
    np.testing.assert_allclose(da, np.sum(1 / constant), rtol=1e-12)
    np.testing.assert_allclose(dx, np.exp(x) * (x + 1), rtol=1e-12)


def test_a_kernel_runs_on_where_no_other_thread_answers(monkeypatch):
    """As in a forked process, or where all threads are busy: who calls takes all pieces."""
    from chainrule.compile import threads

    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "3")
    monkeypatch.setattr(threads._workers, "ask", lambda job: None)
    done = []

    def kernel(cuts, turns, parts, weight):
        while turns[0] < len(parts):
            piece = turns[0]
            parts[piece] = weight * (cuts[piece + 1] - cuts[piece]), piece
            done.append((int(cuts[piece]), int(cuts[piece + 1])))
            turns += 1

    assert threads.shared(kernel, 1000, 7, 2, 0.5) == (500.0, sum(range(threads.PIECES)))
    assert done[0][0] == 0
    assert done[-1][1] == 1000
    assert all(a[1] == b[0] and a[1] % 7 == 0 for a, b in itertools.pairwise(done))


def test_what_fails_in_another_thread_is_raised(monkeypatch):
    from chainrule.compile import threads

    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "2")
    monkeypatch.setattr(threads, "cores_are_taken", lambda: False)
    mine = threading.current_thread()

    def kernel(cuts, turns, parts):
        if threading.current_thread() is not mine:
            raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        threads.shared(kernel, 1000, 1, 0)


def symmetric(x):
    return x @ x.T + 3.0 * np.diag(np.arange(1.0, 4.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.linalg.eigvalsh(symmetric(x)),
        lambda x: np.linalg.eigh(symmetric(x))[1] ** 2,
        lambda x: np.linalg.svd(x)[1],
        lambda x: np.abs(np.linalg.svd(x, full_matrices=False)[0]),
        lambda x: np.linalg.qr(x)[1],
        lambda x: np.linalg.cholesky(symmetric(x)),
        lambda x: np.linalg.slogdet(x)[1],
        lambda x: np.average(x, axis=0, weights=np.exp(x)),
        lambda x: np.cov(x),
        lambda x: np.corrcoef(x),
        lambda x: np.linspace(x[0], x[1], 5),
        lambda x: np.geomspace(np.exp(x[0]), np.exp(x[1]), 5),
        lambda x: np.polyval(x[0], x),
    ],
    ids="eigvalsh eigh singular_values svd qr cholesky slogdet average cov corrcoef linspace geomspace polyval".split(),
)
def test_other_values_are_no_other_path(by_python, f):
    g = cr.value_and_grad(lambda x: np.sum(f(x) * np.cos(np.arange(np.size(np.empty(f(x).shape))).reshape(f(x).shape))))
    compiled = cr.compile(g)
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=(3, 3))
        assert_same(compiled(x), g(x), 1e-9)
    assert versions(compiled) == 1


def test_a_number_of_python_beside_a_loss():
    """Its form was read as that of an array."""

    def scaled(s, label, scale):
        return scale * cr.softmax_cross_entropy(s, label)

    s, expected = np.array([1.0, 2.0, 3.0]), cr.value_and_grad(scaled)
    compiled = cr.compile(expected)
    for scale in (2.0, 2.0, 0.5):
        for a, b in zip(compiled(s, 1, scale), expected(s, 1, scale), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)


def test_a_variable_named_like_the_index_of_a_loop():
    """A second `i` was called i2, as the third loop is."""

    def program(x, i):
        j = np.exp(x)
        i = i * j
        i = i + np.sum(i, axis=1, keepdims=True)
        i2 = np.sin(i)
        return np.sum(i2 * i)

    x, i = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    compiled, expected = cr.compile(cr.value_and_grad(program)), cr.value_and_grad(program)(x, i)
    for _ in range(3):
        for a, b in zip(compiled(x, i), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert "1 version" in repr(compiled)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "f",
    [
        np.sign,
        np.abs,
        cr.softplus,
        lambda x: cr.softplus(x, beta=2.0),
        cr.logsigmoid,
        cr.mish,
        cr.gelu,
        cr.softshrink,
        lambda x: np.logaddexp(x, 0.5),
        lambda x: np.log(1 + np.exp(x)),
        lambda x: np.fmax(x, 0.5) * np.fmin(x, 1.5),
        lambda x: np.copysign(2.0, x) * x,
        lambda x: np.sin(x) * np.cos(x) + np.tan(x / 3) + np.abs(x) ** 1.5,
    ],
)
def test_what_works_entry_by_entry_is_a_kernel(f, dtype):
    x = np.array([-3.0, -0.5, -0.1, 0.2, 1.0, 2.5, 30.0], dtype)
    function = cr.value_and_grad(lambda x: np.sum(f(x)))
    compiled, (value, gradient) = cr.compile(function), function(x)
    for _ in range(2):
        again = compiled(x)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(again[0], value, rtol=tolerance)
    np.testing.assert_allclose(again[1], gradient, rtol=tolerance, atol=tolerance)
    assert again[1].dtype == dtype
    assert "numpy_" not in compiled.source()


def test_buffers_of_a_small_program_may_share_memory():
    def f(y):
        b = y / 2
        b[...] += 2
        return np.sum(b[0]), np.sum((b * b)[0])

    compiled, y = cr.compile(f), np.arange(6.0).reshape(2, 3)
    for _ in range(3):
        assert compiled(y) == (7.5, 19.25)


def test_a_result_that_is_a_view_of_a_buffer_keeps_it():
    def f(x, A):
        y = np.einsum("ij->ij", A @ x)
        return y, A @ (A @ (A @ (x * np.sum(y))))

    x, A = np.random.default_rng(0).normal(size=(2, 60, 60))
    compiled = cr.compile(f)
    for _ in range(3):
        for found, expected in zip(compiled(x, A), f(x, A), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("function", [np.max, np.min, lambda x: np.maximum(x, 4), lambda x: np.minimum(x, x[::-1])])
def test_compiled_extremes_of_integers_are_numpys(function, dtype):
    compiled, x = cr.compile(function), np.array([3, -1, 7, 5], dtype)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x), function(x))


def test_a_mistake_of_the_compiler_is_no_reason_to_run_uncompiled(monkeypatch, may_run_uncompiled):
    lowering = importlib.import_module("chainrule.compile.lowering")
    tanh = answer(np.tanh)
    assert tanh in lowering.ALL_RULES
    monkeypatch.setitem(lowering.ALL_RULES, tanh, _mistaken)
    compiled, x = cr.compile(lambda x: np.tanh(x)), np.array([0.5, 1.0])
    compiled(x)
    with pytest.raises(NameError, match="mistaken"):
        compiled(x)


def _mistaken(low, node, args):
    raise NameError("mistaken")


def test_a_compiled_function_raises_the_error_that_numpy_raises():
    compiled = cr.compile(lambda a: np.linalg.inv(a))
    for _ in range(2):
        compiled(np.eye(3))
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            compiled(np.zeros((3, 3)))
    np.testing.assert_array_equal(compiled(2 * np.eye(3)), np.eye(3) / 2)
    assert versions(compiled) == 1


def test_an_error_on_a_path_that_is_not_taken_is_none():
    compiled = cr.compile(lambda a, x: np.linalg.inv(a) if x > 0 else 3 * a)
    for _ in range(2):
        compiled(np.eye(3), 1.0)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(np.zeros((3, 3)), -1.0), np.zeros((3, 3)))


def test_another_number_of_arguments_is_the_functions_own_error():
    compiled = cr.compile(lambda x, y: {"z": x["a"] * y})
    for _ in range(3):
        compiled({"a": np.ones(2)}, np.ones(2))
    for args in (({"a": np.ones(2)},), ({"a": np.ones(2)}, np.ones(2), np.ones(2))):
        with pytest.raises(TypeError, match="positional argument"):
            compiled(*args)
    with pytest.raises(KeyError, match="a"):
        compiled({"b": np.ones(2)}, np.ones(2))


def test_where_llvm_fails_the_function_runs_as_it_is(monkeypatch, may_run_uncompiled):
    native = importlib.import_module("chainrule.compile.native")

    def fails():
        raise NotImplementedError("another llvmlite")

    monkeypatch.setattr(native, "processor", fails)
    gradient = cr.grad(lambda x: np.sum(np.tanh(x) ** 3))
    compiled, x = cr.compile(gradient), np.array([0.5, 1.0])
    np.testing.assert_array_equal(compiled(x), gradient(x))
    with pytest.warns(RuntimeWarning, match="runs uncompiled.*another llvmlite"):
        np.testing.assert_array_equal(compiled(x), gradient(x))
    np.testing.assert_array_equal(compiled(2 * x), gradient(2 * x))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y * x,
        lambda x, y: x * 1e-200 * 1e-200 + y,
        lambda x, y: x * 1e200 * 1e200 + y,
        lambda x, y: x / 1e-200 * 1e-200 + y,
        lambda x, y: 1e200 / x * 1e200 + y,
        lambda x, y: x / y * y,
        lambda x, y: (x + 2.0**52) - 2.0**52 + y,
    ],
)
def test_what_is_not_a_sum_is_computed_in_its_order(f):
    x, y = np.array([1e200, 1.1, -1e200, 3e-200, 1e250]), np.array([3e-200, 1.1, 1e-200, 1e200, 1e-100])
    compiled = cr.compile(f)
    with np.errstate(all="ignore"):
        for _ in range(3):
            np.testing.assert_array_equal(compiled(x, y), f(x, y))
    assert versions(compiled) == 1


def test_equal_squares_cancel():
    compiled, x = cr.compile(lambda x, y: np.sqrt(x * x - y * y)), np.random.default_rng(0).uniform(0.1, 1, 50)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x, x.copy()), 0)


MASK = np.array([[True, False, True], [False, True, True]])
ODD = {
    np.float64: np.array([np.nan, np.inf, -np.inf, 5e-324, -0.0, 1.7e308]),
    np.float32: np.array([np.nan, np.inf, -np.inf, 1e-45, -0.0, 3e38], np.float32),
    np.int64: np.array([2**53 + 1, 2**63 - 1, -(2**63), 1, 2, 3]),
    np.int32: np.array([2**31 - 1, -(2**31), -1, 1, 2, 3], np.int32),
}


@pytest.mark.parametrize("dtype", ODD)
def test_constants_of_a_small_program(dtype):
    def f(x, y):
        return np.where(MASK, x, y), x + ODD[dtype].reshape(2, 3), x == ODD[dtype].reshape(2, 3)

    compiled, (x, y) = cr.compile(f), np.arange(12).reshape(2, 2, 3).astype(dtype)
    with np.errstate(all="ignore"):
        for _ in range(3):
            assert_same(compiled(x, y), f(x, y), 0)
    assert versions(compiled) == 1
    assert compiled._latest.program.native


@pytest.mark.parametrize("limit", [2**31 - 1, 2**31, 2**40, -(2**31) - 1, 2**63])
def test_integers_are_compared_with_numbers_beyond_them(limit):
    def f(x):
        return x < limit, x == limit, x != limit, x >= limit

    compiled, x = cr.compile(f), np.array([2**31 - 1, -(2**31), 0, 1], np.int32)
    for _ in range(3):
        assert_same(compiled(x), f(x), 0)


@pytest.mark.parametrize("dtype", [">f8", np.uint8, np.float16, np.complex128, np.longdouble, np.longlong])
@pytest.mark.parametrize("f", [lambda a, x: x * 2, lambda a, x: (a, x * 2)])
@pytest.mark.parametrize("number", [False, True])
def test_arguments_of_other_dtypes_beside_those_that_are_computed_with(f, dtype, number):
    compiled, a, x = cr.compile(f), np.arange(3).astype(dtype), np.arange(4.0)
    a = a[1] if number else a
    for _ in range(3):
        assert_same(compiled(a, x), f(a, x), 0)
    assert versions(compiled) == 1
    assert compiled._fast is not None, "each call looks at everything"


def test_it_can_be_copied_and_pickled():
    compiled = cr.compile(notes_loss, donate="x")
    for _ in range(2):
        compiled(W, X)
    for other in (copy.copy(compiled), copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert other._donate == compiled._donate
        for _ in range(2):
            np.testing.assert_allclose(other(W, X), notes_loss(W, X), rtol=1e-14)


def test_the_square_of_an_integer_may_be_negative():
    compiled, x = cr.compile(lambda x: abs(x * x)), np.array([1236836151, 3, 2**31 - 1, -(2**31)], np.int32)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x), abs(x * x))


SMALL_STACK = """
import threading
import numpy as np
import chainrule as cr


def f(x):
    y = np.concatenate([np.full(9000, 1.5), x, np.full(3, x[0])])
    z = np.zeros_like(x, shape=2000) + np.full(2000, 2.5)
    z[1:4] = x
    return y, z


x = np.arange(3.0)
compiled = cr.compile(f)
for _ in range(2):
    compiled(x)
threading.stack_size(64 * 1024)
found = []
thread = threading.Thread(target=lambda: found.append(compiled(x)))
thread.start()
thread.join()
for y, z in zip(found[0], f(x), strict=True):
    np.testing.assert_array_equal(y, z)
print(compiled._latest.program.native)
"""


def test_constants_need_little_of_the_stack():
    out = subprocess.run([sys.executable, "-c", SMALL_STACK], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ["True"]


FORKS = """
import os, signal, threading
import numpy as np
import chainrule as cr

x = np.linspace(0.1, 1, 7)


def compile_one(k):
    f = lambda x: np.sin(x * k) + np.exp(-x) * k
    compiled = cr.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)


def compile_many():
    k = 1000
    while not done:
        k += 1
        compile_one(k)


compile_one(999)  # a module that a thread imports during a fork stays locked in the child, in any Python program
done = False
thread = threading.Thread(target=compile_many)
thread.start()
for i in range(5):
    child = os.fork()
    if not child:
        signal.alarm(30)
        compile_one(i)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
done = True
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_fork_while_another_thread_compiles():
    out = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["0"] * 5, out.stderr


def test_an_update_in_place_of_an_argument_that_shares_its_memory_is_an_error_in_compiled_code_too():
    def f(x, y):
        x += 1
        return np.sum(x * y)

    compiled, b = cr.compile(f), np.array([1.0, 2.0])
    for _ in range(3):
        assert compiled(b, b.copy()) == 8.0
    for shared in ((b, b), (b, b[::-1])):
        with pytest.raises(RecordingError, match="shares its memory with"):
            compiled(*shared)
    assert compiled(b, b.copy()) == 8.0
    only_read = cr.compile(lambda x, y: np.sum(x * y))
    assert [only_read(b, b), only_read(b, b), only_read(b, b + 1)] == [5.0, 5.0, 8.0]


def squares(x, y=2.0, *, name="w"):
    loss = np.sum(np.sin(x) * y)
    return (loss, {"name": 1.0}) if name == "aux" else loss


@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad])
def test_gradients_compile_themselves_if_asked(transform):
    x = np.linspace(0.0, 1.0, 5)
    itself, plain = transform(squares, ("x", "y"), compile=True), transform(squares, ("x", "y"))
    for factor in (1.0, 2.0, 3.0):
        same(itself(x * factor, y=factor), plain(x * factor, y=factor))
    assert "np" in itself.source()
    with_aux = transform(squares, has_aux=True, compile=True)
    for _ in range(3):
        same(with_aux(x, name="aux"), transform(squares, has_aux=True)(x, name="aux"))
    inner = cr.grad(lambda x: np.sum(cr.grad(squares, compile=True)(x) ** 2))
    same(inner(x), cr.grad(lambda x: np.sum(cr.grad(squares)(x) ** 2))(x))


def same(found, wanted):
    """Two trees of arrays are equal, up to the last digits."""
    found, wanted = cr.ravel(found)[0], cr.ravel(wanted)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
