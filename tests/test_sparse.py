"""Sparse Hessians and Jacobians: against the dense ones, and what each block declares of its dependence."""

import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.block import BLOCKS, Elementwise
from chainrule.block.dependence import everything
from chainrule.block.making import UNLISTED
from chainrule.errors import GradientError, NoDerivative

N = 24
SPARSE = np.where(np.random.default_rng(1).random((N, N)) < 0.08, 1.5, 0.0)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def steps(x):
    out = np.zeros(len(x))
    out[0] = x[0]
    for t in range(1, len(x)):
        out[t] = 0.5 * x[t - 1] + np.sin(x[t])
    return out


PARTS = [
    np.sin,
    lambda x: x * np.roll(x, 1),
    lambda x: np.concatenate([x[3:], x[:3] ** 2]),
    lambda x: SPARSE @ x,
    lambda x: x @ SPARSE + x[::-1],
    lambda x: np.where(x > 0, x**2, x),
    lambda x: np.ravel(np.reshape(x, (4, 6)).T * np.reshape(x, (6, 4))),
    lambda x: np.ravel(cr.softmax(np.reshape(x, (8, 3)))),
    lambda x: np.repeat(np.sum(np.reshape(x, (6, 4)), axis=1), 4) * x,
    lambda x: np.ravel(np.reshape(x, (4, 6)) - np.max(np.reshape(x, (4, 6)), axis=0)),
    lambda x: x[np.array([0, 0, 5, 7] * 6)] * x,
    steps,
    lambda x: np.ravel(np.reshape(x[:16], (4, 4)) @ np.reshape(x[8:], (4, 4))[:, :2]).repeat(3),
    lambda x: np.clip(x, -0.5, 0.5) * np.exp(-np.abs(x)),
    lambda x: np.ravel(np.cumsum(np.reshape(x, (6, 4)), axis=0)),
    lambda x: np.convolve(x, [1.0, -2.0, 1.0], "same"),
    lambda x: np.hypot(x, 1.0) + np.linalg.norm(np.reshape(x, (6, 4)), axis=1).repeat(4),
    lambda x: np.outer(x[:4], x[4:10]).ravel(),
    lambda x: np.linalg.solve(np.eye(N) + SPARSE, x),
]


def random_function(rng):
    """A function of N numbers that gives N numbers, by a chain of some parts."""
    chosen = [PARTS[i] for i in rng.integers(0, len(PARTS), rng.integers(1, 4))]

    def f(x):
        for part in chosen:
            x = part(x)
        return x

    return f


@pytest.mark.parametrize("seed", range(40))
def test_matrices_are_those_of_dense_derivatives(seed):
    rng = np.random.default_rng(seed)
    f, g = random_function(rng), random_function(rng)
    x = rng.normal(size=N)

    def loss(x):
        return np.sum(f(x) * 0.3) + np.sum(np.cos(g(x)))

    np.testing.assert_allclose(cr.sparse_jacobian(f)(x).dense(), cr.jacobian(f)(x), rtol=1e-10, atol=1e-10)
    H = cr.sparse_hessian(loss)(x)
    np.testing.assert_allclose(H.dense(), cr.hessian(loss)(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("part", PARTS[:-5])
def test_what_is_sparse_is_found_sparse(part):
    x = np.random.default_rng(0).normal(size=N)
    entries = np.count_nonzero(cr.jacobian(part)(x))
    found = cr.sparse_jacobian(part)(x)
    assert entries <= found.nnz <= min(4 * entries, N * N // 2)
    assert found.products < N


def with_examples():
    blocks = [b for b in (BLOCKS | UNLISTED).values() if b.differentiable and b.dependence is not everything]
    declared = [b for b in blocks if b.example is not None]
    return [b for b in declared if not isinstance(b, Elementwise)] + [
        b for b in declared if isinstance(b, Elementwise)
    ][::15]


@pytest.mark.parametrize("block", with_examples(), ids=lambda block: block.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_block_depends_on_no_more_than_it_declares(block):
    operands = block.example.arrays(block.name)
    for i, x in enumerate(operands):
        if x.dtype.kind == "f" and not np.iscomplexobj(block(*operands, **block.example.params)):

            def of_one(x, i=i):
                return block(*operands[:i], x, *operands[i + 1 :], **block.example.params)

            try:
                dense = np.reshape(cr.jacobian(of_one)(x), (-1, x.size))
            except NoDerivative:
                continue
            np.testing.assert_allclose(cr.sparse_jacobian(of_one)(x).dense(), dense, rtol=1e-10, atol=1e-12)


def test_an_arrow_takes_few_products():
    def loss(x):
        return np.sum(np.exp(x[0]) * x[1:] ** 2) + x[0] ** 4

    x = np.linspace(0.1, 1.0, 200)
    H = cr.sparse_hessian(loss)(x)
    assert H.products == 2
    assert H.kind == "sparse"
    np.testing.assert_allclose(H.dense(), cr.hessian(loss)(x), rtol=1e-12)
    b = np.ones(200)
    np.testing.assert_allclose(H.solve(b), np.linalg.solve(H.dense(), b), rtol=1e-9)


@pytest.mark.parametrize(
    ("f", "kind", "products"),
    [
        (lambda x: np.sum(np.exp(x)), "diagonal", 1),
        (rosenbrock, "banded", 3),
        (lambda x: np.sum(np.prod(np.reshape(np.cosh(x), (-1, 3)), axis=1)), "block-diagonal", 3),
        (lambda x: np.log(np.sum(np.exp(x))) + x @ x, "dense", 30),
        (lambda x: np.sum(np.cosh(x[:10] * x[20:])) + x @ x, "block-diagonal", 2),
        (lambda x: np.sum(np.cosh(x[:20] * x[10:])) + x @ x, "sparse", 3),
    ],
)
def test_kinds_and_their_solutions(f, kind, products):
    x = np.random.default_rng(0).normal(size=30)
    H = cr.sparse_hessian(f)(x)
    dense = cr.hessian(f)(x)
    assert (H.kind, H.products, H.shape) == (kind, products, (30, 30))
    assert kind in repr(H)
    for b in (np.ones(30), np.eye(30)[:, :4]):
        np.testing.assert_allclose(H.solve(b), np.linalg.solve(dense, b), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(H @ b, dense @ b, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.asarray(H), dense, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(H.diagonal(), np.diag(dense), rtol=1e-10)
    assert isinstance(H.tosparse(), scipy.sparse.csr_array)


@pytest.mark.parametrize("f", [lambda x: np.sum(x[1:] ** 2), lambda x: np.sum((x[1:] - x[:-1]) ** 2), np.sum])
def test_a_singular_matrix_has_no_solution(f):
    with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
        cr.sparse_hessian(f)(np.zeros(5)).solve(np.ones(5))


def test_an_argument_of_several_axes_and_other_arguments():
    def loss(scale, x):
        return np.sum(np.sin(x[1:] * x[:-1]) * scale)

    x = np.random.default_rng(0).normal(size=(5, 3))
    H = cr.sparse_hessian(loss, "x")(2.0, x)
    np.testing.assert_allclose(H.dense(), cr.hessian(loss, "x")(2.0, x).reshape(15, 15), rtol=1e-12, atol=1e-12)
    J = cr.sparse_jacobian(lambda x: x[1:] * x[:-1])(x.astype(np.float32))
    assert J.dtype == np.float32
    assert J.shape == (12, 15)


def test_results_that_do_not_depend_on_the_argument():
    assert cr.sparse_hessian(lambda x: np.sum(x) * 2)(np.ones(4)).nnz == 0
    assert cr.sparse_jacobian(lambda x: np.ones(3))(np.ones(4)).shape == (3, 4)


def test_newton_finds_the_minimum_in_memory_that_grows_linearly():
    def minimum(n):
        x = np.zeros(n)
        for _ in range(12):
            x = x - cr.sparse_hessian(energy)(x).solve(cr.grad(energy)(x))
        return x

    def energy(x):
        return np.sum(np.cosh(x - 1)) + 10 * np.sum((x[1:] - x[:-1]) ** 2)

    def peak(n):
        tracemalloc.start()
        x = minimum(n)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_allclose(x, np.ones(n), atol=1e-12)
        return memory

    minimum(100)
    assert peak(8_000) < 6 * peak(2_000)


def test_a_matrix_that_is_not_sparse_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(sys.modules["chainrule.block.dependence"], "MOST", 1000)
    with pytest.raises(GradientError, match=r"not sparse.*cr\.hvp"):
        cr.sparse_hessian(lambda x: np.sum(x) ** 2)(np.ones(100))


def test_a_matrix_of_low_rank_is_not_sparse_and_takes_no_memory():
    a = np.random.default_rng(0).normal(size=(3, 30_000))
    with pytest.raises(GradientError, match="not sparse"):
        cr.sparse_hessian(lambda x: np.sum((a @ x) ** 4))(np.ones(30_000))


@pytest.mark.parametrize(
    ("f", "args", "message"),
    [
        (lambda x: np.sum(x["a"]), ({"a": np.ones(2), "b": np.ones(2)},), "cr.ravel"),
        (lambda z: np.sum(np.abs(z) ** 2), (np.ones(2, complex),), "real array"),
    ],
)
def test_arguments_that_have_no_matrix(f, args, message):
    with pytest.raises(GradientError, match=message):
        cr.sparse_hessian(f)(*args)


def test_a_sparse_hessian_cannot_be_differentiated():
    with pytest.raises(GradientError, match="plain numbers"):
        cr.grad(lambda x: np.sum(cr.sparse_hessian(rosenbrock)(x) @ np.ones(3)))(np.ones(3))


def test_entries_at_a_recorded_index_depend_on_the_entry_that_it_had():
    def f(x):
        order = np.argsort(x)
        y = np.zeros_like(x)
        y[order] = x[order[::-1]] ** 2
        return y

    x = np.array([3.0, 1.0, 2.0, 5.0])
    np.testing.assert_array_equal(cr.sparse_jacobian(f)(x).dense(), cr.jacobian(f)(x))
