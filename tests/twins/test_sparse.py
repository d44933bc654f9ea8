"""Sparse matrices that no name reaches, formats, writes, and what is an error."""

import operator

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg

import chainrule as cr
from chainrule.errors import GradientError, RecordingError

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


READ_BEFORE = {
    "another format": lambda k: k.tocsr(),
    "a copy": lambda k: k.copy(),
    "transposed": lambda k: k.T,
    "negated": lambda k: -k,
    "scaled": lambda k: 2 * k,
    "a sum": lambda k: k + k,
    "a product": lambda k: k @ k,
    "a part": lambda k: k[:3, :3],
    "joined": lambda k: sp.hstack([k, k]),
    "solved": lambda k: scipy.sparse.linalg.splu(k.tocsc()).solve(V)[:, None],
}


def _dense(x):
    return x.toarray() if hasattr(x, "toarray") else x


@pytest.mark.parametrize("how", READ_BEFORE)
def test_what_was_made_of_a_matrix_keeps_its_entries_when_that_is_written_into(how):
    def f(x):
        k = sp.lil_matrix(np.diag([3.0, 4.0, 5.0, 6.0, 7.0, 8.0]))
        k[0, 0] = x[0] + 2
        before = READ_BEFORE[how](k)
        k[0, 0], k[2, 2] = 7.0, x[2]
        return _dense(before)

    np.testing.assert_array_equal(cr.vjp(f, V)[0], f(V))


def test_factors_keep_the_matrix_that_they_are_of():
    def f(x):
        k = sp.csc_matrix(np.diag(x))
        factors = scipy.sparse.linalg.splu(k)
        k[0, 0] = 9.0
        return np.sum(factors.solve(np.ones(6)))

    x = V + 3
    np.testing.assert_allclose(cr.grad(f)(x), -(x**-2.0), rtol=1e-13)


def test_entries_that_are_zero_are_stored_as_scipy_stores_them():
    pattern = np.array([[0.0, 1.0], [2.0, 0.0]])

    def f(x):
        k = sp.csr_matrix(x * pattern)
        assert (k.nnz, sp.find(k)[2].shape, k.data.shape) == (2, (2,), (2,))
        return np.sum(sp.find(k)[2] ** 2) + np.sum(k.data)

    x = np.ones((2, 2))
    np.testing.assert_array_equal(cr.grad(f)(x), 2 * x * pattern**2 + pattern)


def test_a_recorded_matrix_is_an_instance_of_scipys_class():
    def f(x):
        k = sp.csr_matrix(np.outer(x, x))
        assert isinstance(k, sp.csr_matrix)
        assert isinstance(k.tocsc(), sp.csc_matrix)
        assert not isinstance(k, sp.csr_array)
        assert sp.isspmatrix_csr(k)
        assert not sp.isspmatrix_csc(k)
        return np.sum(k @ V)

    np.testing.assert_allclose(cr.grad(f)(V), V @ V + V * np.sum(V), rtol=1e-13)


@pytest.mark.parametrize("key", [(6, 0), (0, 6), (-7, 0)])
def test_a_place_outside_of_a_matrix_is_an_error(key):
    with pytest.raises(IndexError, match="out"):
        cr.grad(lambda x: sp.csr_matrix(np.outer(x, x))[key])(V)


def test_least_squares_with_fewer_equations_than_unknowns():
    def f(a, b):
        return np.sum(scipy.sparse.linalg.lsqr(sp.csr_matrix(a), b, atol=1e-15, btol=1e-15)[0] * V)

    def dense(a, b):
        return np.sum(np.linalg.pinv(a) @ b * V)

    a, b = np.random.default_rng(1).normal(size=(2, 6)), np.array([1.0, -2.0])
    for one, other in zip(cr.grad(f, (0, 1))(a, b), cr.grad(dense, (0, 1))(a, b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", [scipy.sparse.linalg.lsqr, scipy.sparse.linalg.lsmr])
def test_the_size_of_what_is_left_over_is_an_error_and_not_a_constant(solver):
    with pytest.raises(GradientError, match="is not known"):
        cr.grad(lambda b: solver(A, b)[3])(V)


def test_options_of_factors_by_name():
    def f(d):
        factors = scipy.sparse.linalg.splu(sp.csc_matrix(np.diag(d)), relax=1, permc_spec="NATURAL")
        return np.sum(factors.solve(np.ones(6)))

    np.testing.assert_allclose(cr.grad(f)(V + 3), -((V + 3) ** -2.0), rtol=1e-13)


def test_a_norm_has_scipys_value_in_every_format():
    x = np.random.default_rng(2).normal(size=(17, 13))
    value, slope = cr.value_and_grad(lambda x: scipy.sparse.linalg.norm(sp.csc_array(x)))(x)
    assert value == scipy.sparse.linalg.norm(sp.csc_array(x))
    np.testing.assert_allclose(slope, x / np.linalg.norm(x), rtol=1e-13)


# A plain matrix and a recorded operand -------------------------------------------------------------------------------

TABLE = np.array([[1.0, 0, 2], [0, 3, 0], [4, 0, 5]])
NUMBERS = np.array([1.0, 2.0, 3.0])
WITH_AN_OPERAND = {
    "multiply": lambda a, b: a.multiply(b),
    "dot": lambda a, b: a.dot(b),
    "power": lambda a, b: a.power(b),
    "maximum": lambda a, b: a.maximum(b),
    "minimum": lambda a, b: a.minimum(b),
    **{
        name: getattr(operator, name)
        for name in ("add", "sub", "mul", "truediv", "matmul", "pow", "eq", "ne", "lt", "ge", "iadd", "imul")
    },
    "radd": lambda a, b: b + a,
    "rsub": lambda a, b: b - a,
    "rmul": lambda a, b: b * a,
    "rmatmul": lambda a, b: b @ a,
    "setdiag": lambda a, b: (a.setdiag(b), a)[1],
    "kron": sp.kron,
}
OPERANDS = {
    "number": lambda kind, x: x[0] * 1.0,
    "vector": lambda kind, x: x * 1.0,
    "dense": lambda kind, x: np.outer(x, np.ones(3)),
    "sparse": lambda kind, x: kind(np.outer(x, np.ones(3)) * (TABLE != 0)),
    "csr_array": lambda kind, x: sp.csr_array((x, ([0, 1, 2], [2, 1, 0])), shape=(3, 3)),
}


def _numbers_of(z):
    return z.toarray() if sp.issparse(z) else z


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.coo_array, sp.dok_array])
@pytest.mark.parametrize("name", WITH_AN_OPERAND)
@pytest.mark.filterwarnings("ignore")
def test_a_plain_matrix_with_a_recorded_operand_is_right_or_refused(kind, name):
    for operand in OPERANDS.values():

        def f(x, operand=operand):
            z = _numbers_of(WITH_AN_OPERAND[name](kind(TABLE), operand(kind, x)))
            return np.sum(z * x) if z.dtype == bool else np.sum(np.cos(z))

        try:
            expected = f(NUMBERS)
        except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
            with pytest.raises((type(error), RecordingError)):
                cr.grad(f)(NUMBERS)
            continue
        try:
            value, gradient = cr.value_and_grad(f)(NUMBERS)
        except (RecordingError, GradientError) as error:
            assert "toarray" in str(error) or "no gradient" in str(error), error  # noqa: PT017
            continue
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        steps = 1e-6 * np.eye(3)
        central = [(f(NUMBERS + h) - f(NUMBERS - h)) / 2e-6 for h in steps]
        np.testing.assert_allclose(gradient, central, atol=1e-6)
