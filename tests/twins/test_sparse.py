"""Sparse matrices that no name reaches, formats, writes, and what is an error."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg

import chainrule as cr
from chainrule.errors import RecordingError

A = sp.random(6, 6, density=0.5, random_state=0, format="csr") + 4 * sp.eye(6)
V = np.linspace(-1.0, 1.0, 6)


class Model:
    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, x):
        return np.sum(np.cos(np.arange(6.0)) * (self.matrix @ x) ** 2)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia", "lil", "dok", "bsr"])
@pytest.mark.parametrize("of_arrays", [False, True])
def test_every_format_of_a_constant_matrix(form, of_arrays):
    matrix = (sp.csr_array(A) if of_arrays else A).asformat(form)
    dense = A.toarray()
    expected = 2 * dense.T @ (np.cos(np.arange(6.0)) * (dense @ V))
    np.testing.assert_allclose(cr.grad(Model(matrix))(V), expected, rtol=1e-13)
    given = cr.grad(lambda x, matrix: np.sum(np.cos(np.arange(6.0)) * (matrix @ x) ** 2))
    np.testing.assert_allclose(given(V, matrix), expected, rtol=1e-13)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr"])
def test_every_format_of_a_recorded_matrix(form):
    def f(x):
        return np.sum((sp.csr_matrix(np.outer(x, V)).asformat(form) @ V) ** 2)

    np.testing.assert_allclose(cr.grad(f)(V), 2 * V * (V @ V) ** 2, rtol=1e-13)


def test_a_table_without_gradient_stays_scipys_own():
    def f(x):
        fixed = sp.eye(6).tolil()
        fixed[0, 1] = 3.0
        assert isinstance(fixed, sp.lil_matrix)
        assert sp.issparse(fixed)
        return np.sum(fixed.tocsr() @ x)

    np.testing.assert_array_equal(cr.grad(f)(V), np.ones(6) + 3 * (np.arange(6) == 1))


def test_a_write_into_a_matrix_that_was_used_before():
    def f(x):
        k = sp.lil_matrix((6, 6))
        k[0, 0] = 2.0
        before = (k @ x)[0]
        k[0, 0] = 5.0
        k[1, 1] = x[2]
        return before + np.sum(k @ x)

    expected = np.array([7.0, V[2], V[1], 0.0, 0.0, 0.0])
    np.testing.assert_allclose(cr.grad(f)(V), expected, rtol=1e-14)


def test_a_solution_needs_the_factors_once(monkeypatch):
    from chainrule.scipy import products

    made = []
    splu = scipy.sparse.linalg.splu
    monkeypatch.setattr(products.scipy.sparse.linalg, "splu", lambda *args, **how: made.append(1) or splu(*args, **how))
    matrix = A.tocsc() * 1.25

    def f(b):
        return np.sum(scipy.sparse.linalg.spsolve(matrix, b) ** 2)

    cr.grad(f)(V)
    assert len(made) == 1


def test_sparse_products_stay_sparse():
    """The dense matrix would have 10¹⁰ entries."""
    n = 100_000

    def f(d):
        k = sp.diags([d, -1.0, -1.0], [0, 1, -1], shape=(n, n)).tocsc()
        return np.sum(scipy.sparse.linalg.spsolve(k + sp.eye(n), np.ones(n)))

    d = np.full(n, 3.0)
    g = cr.grad(f)(d)
    np.testing.assert_allclose(g[n // 2], -0.25, rtol=1e-10)  # x = 1/2 far from the ends: −xᵢ yᵢ


def test_what_has_no_derivative_is_an_error():
    operator = scipy.sparse.linalg.aslinearoperator(A)
    with pytest.raises(RecordingError, match="give the matrix"):
        cr.grad(lambda b: np.sum(scipy.sparse.linalg.cg(operator, b)[0]))(V)
    with pytest.raises(RecordingError, match=r"write \.toarray"):
        cr.grad(lambda x: np.sum(np.asarray(sp.csr_matrix(np.outer(x, x)) + np.eye(6))))(V)
    with pytest.raises(RecordingError, match="toarray"):
        cr.grad(lambda x: sp.csr_matrix(np.outer(x, x)))(V)


def test_a_numpy_matrix_multiplies_as_one():
    """SciPy makes a np.matrix of a csr_matrix that becomes dense."""

    def f(x):
        return np.sum((sp.csr_matrix(np.outer(x, x)).todense() * V[:, None]).A1 ** 2)

    expected = cr.grad(lambda x: np.sum((np.outer(x, x) @ V) ** 2))(V)
    np.testing.assert_allclose(cr.grad(f)(V), expected, rtol=1e-12)
