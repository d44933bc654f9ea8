"""Arguments of SciPy's functions in each way that SciPy takes them: by position, by name, as lists, as stacks."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg

import chainrule as cr
from chainrule.errors import BlockError, RecordingError

from . import Call, check_call

RNG = np.random.default_rng(0)
A = RNG.normal(size=(3, 3))
S = A @ A.T + np.diag([1.0, 2.0, 4.0])
T, W = RNG.normal(size=(4, 2)), RNG.normal(size=(2, 4))
V = RNG.normal(size=3)
D, E = np.array([1.0, 3.0, 9.0]), V[1:]
ROWS = [[0.0, 0.1, 0.1], [3.0, 4.0, 5.0]]
STACK = np.stack([np.diag([6.0, 2.0, 4.0]) + A / 5, np.diag([1.0, 3.0, 9.0]) + A.T / 5])
STACK_S = np.stack([S, S + 1])

CALLS = {
    # Options by position
    "solve, transposed": Call(lambda a, b: scipy.linalg.solve(a, b, False, False, False, True, "gen", True), (A, V)),
    "lstsq, by gelsy": Call(lambda a, b: scipy.linalg.lstsq(a, b, None, False, False, True, "gelsy")[:2], (T, W[0])),
    "svd, by gesvd": Call(lambda a: scipy.linalg.svd(a, False, True, False, True, "gesvd"), (A,)),
    **{
        f"eigh_tridiagonal, by {driver}": Call(
            lambda d, e, driver=driver: scipy.linalg.eigh_tridiagonal(d, e, False, "a", None, True, 0.0, driver), (D, E)
        )
        for driver in ("stebz", "stemr", "stev", "stevd")
    },
    # Lists
    "companion, of a list": Call(lambda v: scipy.linalg.companion([1.0, v[0], v[1]]), (V,)),
    "inv, of a list": Call(lambda v: scipy.linalg.inv([[1.0, v[0]], [-v[0], 2.0]]) * v[1], (V,)),
    "lstsq, of a list": Call(lambda a: scipy.linalg.lstsq(a, [1.0, 2.0, 3.0, 4.0])[0], (T,)),
    "khatri_rao, of a list": Call(lambda a: scipy.linalg.khatri_rao(a, [[1.0, 2.0], [3.0, 4.0]]), (T,)),
    "solveh_banded, of a list": Call(lambda b: scipy.linalg.solveh_banded(ROWS, b), (V,)),
    "cho_solve_banded, of a list": Call(lambda b: scipy.linalg.cho_solve_banded((ROWS, False), b), (V,)),
    "matmul_toeplitz, of a list": Call(lambda c: scipy.linalg.matmul_toeplitz(c, [1.0, 2.0, 3.0]), (V,)),
    "fft, of a list": Call(lambda v: abs(scipy.fft.fft([v[0], v[1], 1.0])) * v[2], (V,)),
    "fftn, of NumPy's integers": Call(lambda a: abs(scipy.fft.fftn(a, np.int64(5), np.int64(0))), (A,)),
    # Stacks
    "eigvals, by name": Call(lambda a, b: scipy.linalg.eigvals(a, b=b), (STACK, STACK_S)),
    "orthogonal_procrustes, by name": Call(lambda a, b: scipy.linalg.orthogonal_procrustes(A=a, B=b), (STACK, STACK_S)),
    "qr, with pivots": Call(lambda a: scipy.linalg.qr(a, pivoting=True), (STACK,)),
    "qr, one factor": Call(lambda a: scipy.linalg.qr(a, mode="r"), (STACK[:, :, :2],)),
    "pinv, with a tolerance": Call(
        lambda a: scipy.linalg.pinv(a, atol=1e-2, return_rank=True),
        (np.stack([A, np.diag([1.0, 1e-6, 1.0])]),),
        h=1e-5,
        rtol=1e-5,
    ),
    # Shapes
    **{
        f"polar, {side}, of shape {x.shape}": Call(lambda a, side=side: scipy.linalg.polar(a, side), (x,))
        for side in ("left", "right")
        for x in (A, T, W)
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_each_way_to_call_has_scipys_value_and_a_right_gradient(name):
    check_call(CALLS[name])


def test_the_triangular_factor_of_many_rows_needs_no_square_matrix_of_them():
    """That matrix would have 10¹⁰ entries."""
    a = RNG.normal(size=(100_000, 2))
    slope = cr.grad(lambda a: np.sum(scipy.linalg.qr(a, mode="r")[0][:2] ** 2))(a)
    np.testing.assert_allclose(slope, 2 * a, rtol=1e-9, atol=1e-12)  # Σ r² = Σ a²


def test_compiled_eigenvalues_follow_their_order():
    def f(a):
        return np.sum(np.real(scipy.linalg.eigvals(a)) * np.array([1.0, 2.0, 4.0]))

    compiled = cr.compile(cr.grad(f))
    for a in (np.diag([1.0, 2.0, 3.0]) + S / 99, np.diag([3.0, 1.0, 2.0]) + S / 99):
        np.testing.assert_allclose(compiled(a), cr.grad(f)(a), rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: scipy.linalg.eigvals(x * A, None, False, True, True), BlockError),
        (lambda x: scipy.linalg.logm(x * S, disp=False)[0], BlockError),
        (lambda x: scipy.fft.fht(V, x, 0.5), RecordingError),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_has_no_derivative_is_an_error(f, error):
    with pytest.raises(error, match="has no derivative"):
        cr.grad(lambda x: np.sum(np.real(f(x))))(0.5)
