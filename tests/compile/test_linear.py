"""Products and systems of equations in compiled code, by BLAS and LAPACK: right for every size, layout and dtype."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.linalg

import chainrule as cr
from chainrule.compile import blas, fortran
from compile.interpreted import interpreted

RNG = np.random.default_rng(0)

FUNCTIONS = {
    "product": lambda a, b: a @ b + a.T @ b + (b.T @ a).T + (b.T @ a.T).T,
    "product of vectors": lambda a, b: a @ b[:, 0] + b[:, 0] @ a + a.T @ b[:, -1] + b[:, 0] @ a.T,
    "solve": lambda a, b: np.linalg.solve(a, b) + np.linalg.solve(a, b[:, 0])[:, None],
    "solve of a transpose": lambda a, b: np.linalg.solve(a.T, b) * np.linalg.solve(a, b),
    "inv": lambda a, b: np.linalg.inv(a),
    "det": lambda a, b: np.linalg.det(a / np.trace(a)) * np.linalg.det(a.T / np.trace(a)),
    "slogdet": lambda a, b: np.linalg.slogdet(-a)[0] * np.linalg.slogdet(a)[1],
    "cholesky": lambda a, b: np.linalg.cholesky(a @ a.T),
    "cholesky and solve": lambda a, b: np.linalg.solve(np.linalg.cholesky(a @ a.T).T, b),
    "lower triangle": lambda a, b: cr.solve_triangular(a, b, lower=True),
    "upper triangle": lambda a, b: cr.solve_triangular(a, b[:, 0], unit_diagonal=False),
    "transposed triangle": lambda a, b: cr.solve_triangular(a, b, trans=1, lower=True, unit_diagonal=True),
}


def matrices(n, dtype=np.float64, columns=3):
    a = RNG.normal(size=(n, n)) / max(n, 1) + 2 * np.eye(n)
    return a.astype(dtype), RNG.normal(size=(n, columns)).astype(dtype)


def loss_of(f):
    return cr.value_and_grad(lambda a, b: np.sum(f(a, b) ** 2) + 0 * np.sum(a) + 0 * np.sum(b), (0, 1))


def leaves(tree):
    return [np.asarray(x) for part in tree for x in (part if isinstance(part, tuple) else (part,))]


def assert_same(found, expected, rtol):
    for f, e in zip(leaves(found), leaves(expected), strict=True):
        assert (f.shape, f.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol * np.max(np.abs(e), initial=1e-30))


def run(compiled, *args, times=3):
    for _ in range(times):
        found = compiled(*args)
    return found


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_linear_algebra_is_numpys_for_every_size(name, dtype):
    f = loss_of(FUNCTIONS[name])
    for n in (1, 5, 37) if dtype == np.float64 else (37,):
        a, b = matrices(n, dtype)
        assert_same(run(cr.compile(f), a, b), f(a, b), 1e-9 if dtype == np.float64 else 2e-3)


@pytest.mark.parametrize("name", ["product", "inv", "cholesky", "slogdet", "lower triangle"])
def test_compiled_linear_algebra_takes_matrices_without_entries(name):
    f = FUNCTIONS[name]
    a, b = matrices(0)
    assert_same((run(cr.compile(f), a, b),), (f(a, b),), 0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_written_in_python(name):
    f = FUNCTIONS[name]
    with interpreted():
        a, b = matrices(19)
        assert_same((run(cr.compile(f), a, b),), (f(a, b),), 1e-9)


def surrounded(x, order):
    """x in the middle of an array of NaN; transposed, strided, reversed or read-only."""
    whole = np.full(tuple(2 * n + 8 for n in x.shape), np.nan, x.dtype)
    part = whole[tuple(slice(4, 4 + 2 * n, 2) for n in x.shape)]
    if order == "reversed":
        part = part[::-1, ::-1]
    part = np.full((x.shape[1] + 2, x.shape[0] + 2), np.nan, x.dtype)[1:-1, 1:-1].T if order == "turned" else part
    part[...] = x
    part.flags.writeable = order != "read-only"
    return part


@pytest.mark.parametrize("order", ["strided", "reversed", "turned", "read-only"])
def test_compiled_linear_algebra_is_numpys_for_every_layout(order):
    for name in ("product", "solve", "cholesky", "lower triangle"):
        f = FUNCTIONS[name]
        for n in (5, 23):
            a, b = (surrounded(x, order) for x in matrices(n))
            before = a.copy(), b.copy()
            assert_same((run(cr.compile(f), a, b),), (f(np.ascontiguousarray(a), np.ascontiguousarray(b)),), 1e-9)
            np.testing.assert_array_equal(a, before[0])
            np.testing.assert_array_equal(b, before[1])


STACKS = {
    "products": lambda a, b: a @ b + np.swapaxes(a, 1, 2) @ b,
    "one on the left": lambda a, b: a[0] @ b,
    "one on the right": lambda a, b: a @ b[0],
    "all with all": lambda a, b: a[:, None] @ b[None],
    "vectors": lambda a, b: a @ b[0, :, 0] + b[0, :, 0] @ a,
    "solutions": lambda a, b: np.linalg.solve(a, b),
    "inverses": lambda a, b: np.linalg.inv(a),
    "determinants": lambda a, b: np.linalg.det(a / 2),
    "logarithms": lambda a, b: np.linalg.slogdet(a)[1],
    "factors": lambda a, b: np.linalg.cholesky(a @ np.swapaxes(a, 1, 2)),
    "triangles": lambda a, b: cr.solve_triangular(a, b, lower=True),
}


@pytest.mark.parametrize("name", STACKS)
def test_compiled_linear_algebra_is_numpys_for_stacks(name):
    f = loss_of(STACKS[name])
    for n in (3, 20):
        a, b = (np.stack(parts) for parts in zip(*(matrices(n) for _ in range(6)), strict=True))
        compiled = cr.compile(f)
        assert_same(run(compiled, a, b), f(a, b), 1e-9)
        if name != "factors":
            assert "numpy_" not in compiled.source()


def test_a_large_stack_is_shared_between_threads():
    q, k = RNG.normal(size=(2, 6, 150, 40)).astype(np.float32)
    f = cr.value_and_grad(lambda q, k: np.sum(np.tanh(q @ np.swapaxes(k, 1, 2))), (0, 1))
    compiled = cr.compile(f)
    assert_same(run(compiled, q, k), f(q, k), 1e-4)
    assert "shared(" in compiled.source()
    assert "np.matmul" not in compiled.source()


REFUSED = {
    "solve": (lambda a, b: np.linalg.solve(a, b), lambda a: np.zeros_like(a)),
    "inv": (lambda a, b: np.linalg.inv(a), lambda a: np.ones_like(a)),
    "cholesky": (lambda a, b: np.linalg.cholesky(a), lambda a: a - 10 * np.eye(len(a))),
    "semidefinite": (lambda a, b: np.linalg.cholesky(a), lambda a: np.ones_like(a)),
    "triangle": (lambda a, b: scipy.linalg.solve_triangular(a, b), lambda a: np.triu(a, 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_numpy_refuses_is_refused_with_its_error(name):
    f, spoilt = REFUSED[name]
    for n in (4, 20):
        a, b = matrices(n)
        a = a @ a.T
        compiled = cr.compile(cr.value_and_grad(lambda a, b: np.sum(f(a, b) ** 2), (0, 1)))
        expected = run(compiled, a, b)
        with pytest.raises(np.linalg.LinAlgError) as error:
            f(spoilt(a), b)
        with pytest.raises(np.linalg.LinAlgError) as found:
            compiled(spoilt(a), b)
        assert str(error.value) in str(found.value)
        assert_same(compiled(a, b), expected, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scipy_refuses_triangles_that_are_not_finite(value):
    compiled = cr.compile(lambda a, b: cr.solve_triangular(a, b, lower=True))
    a, b = matrices(20)
    expected = run(compiled, a, b)
    for k, at in ((0, (3, 17)), (1, (0, 0))):  # the part that is not read, too
        given = [a.copy(), b.copy()]
        given[k][at] = value
        with pytest.raises(ValueError, match="infs or NaNs"):
            compiled(*given)
    np.testing.assert_array_equal(compiled(a, b), expected)


def determinants(a):
    return np.linalg.det(a), *np.linalg.slogdet(a)


def test_the_determinant_of_a_singular_matrix_is_0_and_its_logarithm_minus_infinity():
    for n in (3, 20):
        a, _ = matrices(n)
        compiled = cr.compile(determinants)
        run(compiled, a)
        for x in (np.zeros_like(a), np.diag(np.arange(n) - 1.0), -a):
            np.testing.assert_allclose(compiled(x), determinants(x), rtol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_has_numpys_value(value):
    for name in ("product", "product of vectors", "solve", "inv", "det", "slogdet"):
        for n in (4, 20):
            a, b = matrices(n)
            compiled = cr.compile(FUNCTIONS[name])
            run(compiled, a, b)
            a[1, 2] = value
            with np.errstate(all="ignore"):
                np.testing.assert_allclose(compiled(a, b), FUNCTIONS[name](a, b), rtol=1e-9)


def test_donated_operands_of_products_may_hold_the_result():
    def step(a, b):
        return np.tanh(a @ b), b + np.linalg.solve(b, a)

    for n in (6, 40, 330):
        a, b = RNG.normal(size=(2, n, n)) / n + np.eye(n)
        compiled, expected = cr.compile(step, donate=(0, 1)), (a.copy(), b.copy())
        for _ in range(4):
            a, b = compiled(a, b)
            expected = step(*expected)
            assert_same((a, b), expected, 1e-9)


def test_several_threads_may_call_one_function():
    a, b = matrices(60, columns=60)
    f = loss_of(lambda a, b: np.linalg.solve(a, np.linalg.cholesky(a @ a.T) @ b))
    compiled, wrong = cr.compile(f), []
    run(compiled, a, b)
    given = [(a + k * np.eye(60), b * (k + 1)) for k in range(3)]
    expected = [compiled(*args) for args in given]

    def calls(k):
        for _ in range(100):
            found = zip(leaves(compiled(*given[k])), leaves(expected[k]), strict=True)
            if not all(np.array_equal(x, y) for x, y in found):
                wrong.append(k)

    threads = [threading.Thread(target=calls, args=(k,)) for k in range(3)]
    before = blas.library().get() if blas.library() else None
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert before == (blas.library().get() if blas.library() else None)


IN_A_PROCESS = """
import numpy as np, chainrule as cr
from chainrule.compile import native
made, compiled_native = [], native.compiled
native.compiled = lambda *args: made.append(1) or compiled_native(*args)
def f(a, b):
    for k in range(12):
        b = np.linalg.solve(a, b) + 0.1 * (a @ b) + np.linalg.cholesky(a)[:, :3]
    return np.sum(b ** 2) + np.linalg.slogdet(a)[1]
a = np.eye(30) + 0.01 * np.add.outer(np.arange(30), np.arange(30)) / 30
b = np.ones((30, 3))
compiled = cr.compile(cr.value_and_grad(f, (0, 1)))
for _ in range(3):
    value, (da, db) = compiled(a, b)
value_, (da_, db_) = cr.value_and_grad(f, (0, 1))(a, b)
assert np.allclose(value, value_) and np.allclose(da, da_) and np.allclose(db, db_)
assert "la." in compiled.source()
print("translated" if made else "kept")
"""


def test_code_from_the_cache_finds_the_functions_in_another_process(tmp_path):
    environment = os.environ | {"CHAINRULE_CACHE_DIR": str(tmp_path)}
    found = [
        subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS], env=environment, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    ]
    assert [(r.stdout.split(), r.stderr) for r in found] == [(["translated"], ""), (["kept"], "")]


@pytest.mark.parametrize("name", ["product", "solve", "slogdet", "cholesky", "lower triangle"])
def test_scipys_library_does_too(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    of_scipy = fortran._of_scipy()
    if of_scipy is None:
        pytest.skip("SciPy has no capsules")
    monkeypatch.setattr(fortran, "routines", lambda: of_scipy)
    f = loss_of(FUNCTIONS[name])
    a, b = matrices(37)
    compiled = cr.compile(f)
    assert_same(run(compiled, a, b), f(a, b), 1e-9)
    assert "la." in compiled.source()


@pytest.mark.parametrize("name", ["product", "solve", "slogdet", "cholesky", "lower triangle"])
def test_without_a_library_programs_call_numpy(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(fortran, "routines", lambda: None)
    f = loss_of(FUNCTIONS[name])
    a, b = matrices(37)
    compiled = cr.compile(f)
    assert_same(run(compiled, a, b), f(a, b), 1e-9)
    assert "la." not in compiled.source().replace("linear as la", "")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: scipy.linalg.cho_solve(scipy.linalg.cho_factor(x), np.ones(2)),
        lambda x: scipy.linalg.solve_triangular(x, np.ones(2)) * np.linalg.eigh(x)[0],
        lambda x: (
            np.linalg.eigh(x)[0]
            + scipy.linalg.solve_triangular(x, np.full(2, 3.0))
            + scipy.linalg.solve_triangular(x.T, np.full(2, 4.0), lower=True)
        ),
    ],
)
def test_what_is_asked_of_constants_alone_is_asked_in_programs_that_call_numpy_too(f):
    """Kernels that take nothing, one or several alike."""
    compiled = cr.compile(f)
    for k in range(4):
        x = np.array([[2.0, 0.3], [0.3, 1.0]]) + 0.1 * k
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-13)
