"""`cr.hessian(f, structure=True)`: which structure is found, that it is exact, and that it is used."""

import tracemalloc

import numpy as np
import pytest
from tests.structured_programs import random_program

import chainrule as cr
from chainrule.errors import GradientError

RNG = np.random.default_rng(0)
N, D, C = 11, 5, 3
X, TALL, x = RNG.normal(size=(4, 9)), RNG.normal(size=(N, D)), RNG.normal(size=D)
A, P, Q = RNG.normal(size=(D, D)), RNG.normal(size=(7, 4)), RNG.normal(size=(5, 6))
LABELS = np.eye(C)[[0, 2, 1, 1]]
BITS = np.array([0.0, 1.0, 1.0, 0.0])
RATINGS, WEIGHTS, V = RNG.normal(size=(8, 9)), RNG.uniform(0.1, 1, size=(8, 9)), RNG.normal(size=(9, 3))
LAYERS = [0.4 * RNG.normal(size=(6, 6)) for _ in range(5)]


def normal(*shape):
    return 0.5 * RNG.normal(size=shape)


def deep(bend):
    def loss(W):
        h = bend(W @ x)
        for layer in LAYERS:
            h = bend(layer @ h)
        return -cr.log_softmax(h)[2]

    return loss


def ridge(f):
    return lambda w: f(w) + 0.3 * np.sum(w**2)


def logistic(w):
    return np.sum(np.logaddexp(0, -(X @ w)))


def of_batch(W):
    return -np.mean(np.sum(LABELS * cr.log_softmax(X @ W), axis=1))


def of_layer(W):
    return -np.log(cr.softmax(W @ x)[1])


def by_sigmoid(w):
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(BITS * np.log(p) + (1 - BITS) * np.log(1 - p))


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


KINDS = {
    "a quadratic form": (lambda x: x @ A @ x, normal(D), "dense"),
    "one of a matrix": (lambda X: np.trace(X.T @ A @ X), normal(D, 4), "Kronecker product"),
    "one of a matrix from both sides": (lambda W: np.sum((P @ W @ Q) ** 2), normal(4, 5), "Kronecker product"),
    "the same with a ridge": (
        ridge(lambda W: np.sum((P @ W @ Q) ** 2)),
        normal(4, 5),
        "Kronecker product plus a multiple of I",
    ),
    "logistic regression, more rows": (lambda w: np.sum(np.logaddexp(0, -(TALL @ w))), normal(D), "dense"),
    "logistic regression, fewer rows": (logistic, normal(9), "low rank"),
    "the same with a ridge ": (ridge(logistic), normal(9), "low rank plus diagonal"),
    "the same in other words": (by_sigmoid, normal(9), "low rank"),
    "with an intercept": (ridge(lambda w: logistic(w[:-1]) + np.sum(w[-1] ** 4)), normal(10), "low rank plus diagonal"),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x))), normal(7), "low rank plus diagonal"),
    "a layer": (of_layer, normal(C, D), "Kronecker product"),
    "a layer of a vector of parameters": (
        lambda w: of_layer(np.reshape(w, (C, D))),
        normal(C * D),
        "Kronecker product",
    ),
    "a layer with a ridge": (ridge(of_layer), normal(C, D), "Kronecker product plus a multiple of I"),
    "the first of tanh layers": (deep(np.tanh), normal(6, D), "Kronecker product"),
    "the first of ReLU layers": (deep(lambda z: np.maximum(z, 0.1 * z)), normal(6, D), "Kronecker product"),
    "a batch": (of_batch, normal(9, C), "sum of Kronecker products"),
    "a batch with a ridge": (ridge(of_batch), normal(9, C), "sum of Kronecker products"),
    "labels": (
        lambda W: -np.mean(np.log(cr.softmax(X @ W)[np.arange(4), [0, 2, 1, 1]])),
        normal(9, C),
        "sum of Kronecker products",
    ),
    "least squares": (lambda W: np.sum((TALL @ W - 1) ** 2), normal(D, C), "Kronecker product"),
    "scores": (lambda S: np.sum(np.log(np.sum(np.exp(S), axis=1))), normal(N, C), "block-diagonal"),
    "matrix factorisation": (lambda U: np.sum(WEIGHTS * (RATINGS - U @ V.T) ** 2), normal(8, 3), "block-diagonal"),
    "the same without weights": (lambda U: np.mean((RATINGS - U @ V.T) ** 2), normal(8, 3), "Kronecker product"),
    "entry by entry": (lambda x: np.sum(np.exp(x) * np.sin(x)), normal(12), "diagonal"),
    "a chain": (rosenbrock, normal(40), "banded"),
    "a number": (lambda x: x**3, 2.0, "diagonal"),
    "one entry": (lambda W: np.sum(np.tanh(W @ np.ones((1, 1)))), normal(1, 1), "diagonal"),
    "a sum": (np.sum, normal(4), "diagonal"),
}


def dense_of(f, w):
    return np.reshape(cr.hessian(f)(w), (np.size(w),) * 2)


def assert_same(H, dense):
    b = np.random.default_rng(1).normal(size=(len(dense), 2))
    digits = {"rtol": 1e-10, "atol": 1e-10 * (1 + np.abs(dense).max(initial=0.0))}
    np.testing.assert_allclose(H.dense(), dense, **digits)
    np.testing.assert_allclose(H @ b, dense @ b, **digits)
    np.testing.assert_allclose(H @ b[:, 0], dense @ b[:, 0], **digits)
    np.testing.assert_allclose(H.diagonal(), np.diag(dense), **digits)
    np.testing.assert_allclose(H.tosparse().toarray(), dense, **digits)
    if np.linalg.cond(dense) < 1e7:
        np.testing.assert_allclose(dense @ H.solve(b), b, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(dense @ H.solve(b[:, 0]), b[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", KINDS)
def test_a_structure_is_found_and_is_exact(name):
    f, w, kind = KINDS[name]
    H = cr.hessian(f, structure=True)(w)
    assert H.kind == kind
    assert repr(H).startswith(f"<{kind} ")
    assert_same(H, dense_of(f, w))


@pytest.mark.parametrize("seed", range(120))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_matrix_of_a_random_program_is_its_dense_hessian(seed):
    f, w = random_program(seed)
    assert_same(cr.hessian(f, structure=True)(w), dense_of(f, w))


@pytest.mark.parametrize("name", [name for name, (_, _, kind) in KINDS.items() if kind != "banded"])
def test_the_solution_of_least_norm_is_that_of_the_pseudo_inverse(name):
    f, w, _ = KINDS[name]
    dense, b = dense_of(f, w), RNG.normal(size=(np.size(w), 2))
    expected = np.linalg.pinv(dense, rcond=1e-11) @ b
    found = cr.hessian(f, structure=True)(w).lstsq(b)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * (1 + np.abs(expected).max()))


def test_a_kronecker_product_has_its_factors():
    W = normal(C, D)
    J, xx = cr.hessian(ridge(of_layer), structure=True)(W).shift[1].factors
    p = np.exp(W @ x) / np.sum(np.exp(W @ x))
    np.testing.assert_allclose(
        np.kron(J.dense(), xx.dense()), np.kron(np.diag(p) - np.outer(p, p), np.outer(x, x)), atol=1e-12
    )
    gram, one = cr.hessian(lambda W: np.sum((TALL @ W) ** 2), structure=True)(normal(D, C)).factors
    np.testing.assert_allclose(np.kron(gram.dense(), one.dense()), np.kron(2 * TALL.T @ TALL, np.eye(C)), atol=1e-12)


@pytest.mark.parametrize("name", ["logistic regression, fewer rows", "a layer", "a batch", "a sum"])
def test_a_singular_matrix_is_an_error_that_says_what_to_do(name):
    f, w, _ = KINDS[name]
    with pytest.raises(np.linalg.LinAlgError, match=r"Singular.*add a ridge.*H\.lstsq"):
        cr.hessian(f, structure=True)(w).solve(np.ones(np.size(w)))


def test_single_precision_stays_single_precision():
    H = cr.hessian(ridge(of_layer), structure=True)(normal(C, D).astype(np.float32))
    assert {a.dtype for a in (H @ np.ones(C * D, np.float32), H.solve(np.ones(C * D, np.float32)), H.dense())} == {
        np.dtype(np.float32)
    }


def test_what_is_written_into_the_data_afterwards_does_not_change_the_matrix():
    data = X.copy()
    H = cr.hessian(lambda w: np.sum(np.logaddexp(0, -(data @ w))), structure=True)(np.zeros(9))
    before = H.dense()
    data[:] = 7
    np.testing.assert_array_equal(H.dense(), before)


def test_a_slope_that_is_not_finite_is_left_to_products_and_bands():
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0) ** 3) + np.sum((X @ x) ** 4)  # noqa: E731
    w = np.array([0.0, 1, 2, 0, 3, 4, 5, 6, 7])
    assert_same(cr.hessian(f, structure=True)(w), dense_of(f, w))


# Where no structure is found ------------------------------------------------------------------------------------------


def unreadable(n):
    """A loss by products with a matrix that is made of the argument, whose derivative is of many different terms."""
    a = np.random.default_rng(2).normal(size=(n, n)) / n
    return lambda x: np.sum(np.linalg.inv(np.eye(n) + 0.1 * a * np.outer(x, np.sin(x)))) + np.sum(np.cumsum(x) ** 4)


def test_where_no_structure_is_found_products_are_used_and_said(monkeypatch):
    monkeypatch.setattr("chainrule.structured.hessian.FEW", 0)
    monkeypatch.setattr("chainrule.structured.hessian.MANY", 0)
    f, w = unreadable(6), normal(6)
    H = cr.hessian(f, structure=True)(w)
    assert H.kind == "unknown"
    assert "Hessian-vector products" in repr(H)
    assert_same(H, dense_of(f, w))
    b = normal(6)
    np.testing.assert_allclose(H.lstsq(b), H.solve(b), rtol=1e-8)
    np.testing.assert_allclose(H @ b, cr.hvp(f)(w, b), rtol=1e-12)


def test_arguments_that_have_no_matrix():
    with pytest.raises(GradientError, match=r"cr\.ravel"):
        cr.hessian(lambda p: np.sum(p[0] * p[1]), structure=True)((np.ones(2), np.ones(2)))
    with pytest.raises(GradientError, match="plain numbers"):
        cr.grad(lambda w: np.sum(cr.hessian(logistic, structure=True)(w) @ np.ones(9)))(np.ones(9))
    with pytest.raises(ValueError, match="9, 9"):
        cr.hessian(logistic, structure=True)(np.ones(9)) @ np.ones(8)


# Large ----------------------------------------------------------------------------------------------------------------


def peak(work):
    tracemalloc.start()
    work()
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return memory


def newton(f, w, steps):
    for _ in range(steps):
        H = cr.hessian(f, structure=True)(w)
        w = w - np.reshape(H.solve(np.ravel(cr.grad(f)(w))), np.shape(w))
    return w


def blocks(n):
    ratings = np.random.default_rng(0).normal(size=(n // 5, 20))
    v = np.random.default_rng(1).normal(size=(20, 5))
    return lambda U: np.sum(np.cosh(0.1 * (ratings - U @ v.T))) + 0.1 * np.sum(U**2), np.zeros((n // 5, 5))


def chain(n):
    return lambda x: np.sum(np.cosh(x - 1)) + 10 * np.sum((x[1:] - x[:-1]) ** 2), np.zeros(n)


def wide(n):
    data = np.random.default_rng(0).normal(size=(6, n)) / np.sqrt(n)
    return lambda w: np.sum(np.logaddexp(0, -(data @ w))) + 0.1 * np.sum(np.cosh(w)), np.zeros(n)


def layer(n):
    given = np.random.default_rng(0).normal(size=n // 10)
    return lambda W: -cr.log_softmax(W @ given / 10)[3] + 0.1 * np.sum(W**2), np.zeros((10, n // 10))


@pytest.mark.parametrize("make", [blocks, chain, wide, layer])
def test_newton_converges_in_memory_that_grows_linearly(make):
    def run(n):
        f, w = make(n)
        w = newton(f, w, 8)
        assert np.max(np.abs(cr.grad(f)(w))) < 1e-9

    run(200)
    assert peak(lambda: run(12_000)) < 6 * peak(lambda: run(3_000))


@pytest.mark.parametrize("make", [blocks, wide, layer])
def test_a_step_of_newton_for_100_000_parameters(make):
    f, w = make(100_000)
    assert peak(lambda: newton(f, w, 1)) < 400e6  # the dense matrix has 80 GB
