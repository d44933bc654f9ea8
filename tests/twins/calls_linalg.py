"""Calls of scipy.linalg. Matrices of which one triangle is read are made symmetric first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from . import Call

RNG = np.random.default_rng(0)
G = RNG.normal(size=(3, 3))
A = G + 4 * np.eye(3)
S = A @ A.T + np.diag([0.0, 2.0, 5.0])
D = np.diag([1.0, 3.0, 7.0]) + G / 5
B = RNG.normal(size=(3, 2))
V = RNG.normal(size=3) + 3
W = RNG.normal(size=(2, 4))
T = RNG.normal(size=(4, 2))
BANDS = RNG.normal(size=(4, 5)) + np.array([0.0, 8.0, 0.0, 0.0])[:, None]
UPPER = RNG.normal(size=(2, 4)) + np.array([[0.0], [6.0]])
LOWER = UPPER[::-1].copy()
R = np.array([[2.0, 0.3], [0.3, 1.0]])
E = np.eye(3) + G / 9
STACK = np.stack([D, np.diag([6.0, 2.0, 4.0]) + G.T / 4])


def _symmetric(x: Any) -> Any:
    return (x + np.conj(x.T)) / 2


def _of(name: str, *args: Any, second: bool = True, **options: Any) -> Call:
    return Call(lambda *xs: getattr(scipy.linalg, name)(*xs, **options), args, second=second)


def _of_complex(name: str, *args: Any, **options: Any) -> Call:
    """Each argument is the real part of one, and the same numbers backwards are the imaginary part."""
    return Call(lambda *xs: getattr(scipy.linalg, name)(*(x + 1j * x[::-1] for x in xs), **options), args)


def _of_symmetric(name: str, *args: Any, **options: Any) -> Call:
    return Call(lambda *xs: getattr(scipy.linalg, name)(*map(_symmetric, xs), **options), args)


def _without_signs(f: Callable[..., Any], *args: Any) -> Call:
    """Eigenvalues, and the squares of the entries of eigenvectors: the signs of these change with the last digits."""

    def of_squares(*xs: Any) -> Any:
        w, *vectors = f(*xs)
        return w, [np.abs(v) ** 2 for v in vectors]

    return Call(of_squares, args)


CALLS: dict[str, Call] = {
    **{name: _of(name, A[:2, :2] / 4) for name in "expm logm sqrtm cosm sinm tanm coshm sinhm tanhm".split()},
    "signm": Call(lambda x: scipy.linalg.signm(x), (G,)),
    "fractional_matrix_power": Call(lambda x, t: scipy.linalg.fractional_matrix_power(x, t), (S[:2, :2] / 9, 0.7)),
    "funm": Call(lambda a: scipy.linalg.funm(a, lambda x: np.exp(x) + x**2), (A[:2, :2] / 4,), rtol=1e-6),
    "expm_frechet": _of("expm_frechet", A / 4, G),
    "polar": _of("polar", A),
    "polar, tall": _of("polar", T),
    "orthogonal_procrustes": _of("orthogonal_procrustes", A, G),
    # Matrices made of entries
    "toeplitz": _of("toeplitz", V, B[:, 0]),
    "hankel": _of("hankel", V, W[0]),
    "circulant": _of("circulant", V),
    "companion": _of("companion", V),
    "leslie": _of("leslie", V, V[1:]),
    "convolution_matrix": Call(lambda x: scipy.linalg.convolution_matrix(x, 3, mode="same"), (V,)),
    "fiedler": _of("fiedler", V),
    "khatri_rao": _of("khatri_rao", A, W[:, :3]),
    "block_diag": _of("block_diag", A, B, W),
    "diagsvd": Call(lambda x: scipy.linalg.diagsvd(x, 3, 4), (V,)),
    # Equations
    "solve": _of("solve", A, V),
    "solve, positive definite": Call(
        lambda a, b: scipy.linalg.solve(_symmetric(a), b, assume_a="pos", lower=True), (S, B)
    ),
    "solve, transposed": _of("solve", A, B, transposed=True),
    "inv": _of("inv", A),
    "det": _of("det", A),
    "norm": _of("norm", A),
    "pinv": _of("pinv", W),
    "pinvh": _of_symmetric("pinvh", S),
    "lstsq": _of("lstsq", T, W[0]),
    "solve_triangular": _of("solve_triangular", A, V, lower=True, trans="T"),
    "cholesky": _of_symmetric("cholesky", S),
    "cholesky, lower": _of_symmetric("cholesky", S, lower=True),
    "cho_factor": _of_symmetric("cho_factor", S),
    "cho_solve": Call(lambda a, b: scipy.linalg.cho_solve(scipy.linalg.cho_factor(_symmetric(a)), b), (S, B)),
    "solve_banded": Call(lambda ab, b: scipy.linalg.solve_banded((2, 1), ab, b), (BANDS, W[0, [0, 1, 2, 3, 0]])),
    "solveh_banded": _of("solveh_banded", UPPER, T),
    "solveh_banded, lower": _of("solveh_banded", LOWER, T[:, 0], lower=True),
    "cho_solve_banded": Call(lambda c, b: scipy.linalg.cho_solve_banded((c, False), b), (UPPER, T)),
    "solve_toeplitz": Call(lambda c, r, b: scipy.linalg.solve_toeplitz((c, r), b), (V, V / 5, B)),
    "solve_toeplitz, symmetric": _of("solve_toeplitz", V * [3, 1, 1], B[:, 0]),
    "matmul_toeplitz": Call(lambda c, r, x: scipy.linalg.matmul_toeplitz((c, r), x), (V, W[0], T)),
    "solve_circulant": _of("solve_circulant", V * [3, 1, 1], B[:, 0]),
    "solve_sylvester": _of("solve_sylvester", A, R, B),
    "solve_continuous_lyapunov": _of("solve_continuous_lyapunov", A, S),
    "solve_lyapunov": _of("solve_lyapunov", A, S),
    "solve_discrete_lyapunov": _of("solve_discrete_lyapunov", A / 10, S),
    "solve_continuous_are": Call(
        lambda a, b, q, r, e, s: scipy.linalg.solve_continuous_are(a, b, _symmetric(q), _symmetric(r), e, s),
        (G[:2, :2] / 2, R + 1, S[:2, :2] / 9, R, E[:2, :2], R / 20),
    ),
    "solve_discrete_are": Call(
        lambda a, b, q, r, e, s: scipy.linalg.solve_discrete_are(a, b, _symmetric(q), _symmetric(r), e, s),
        (G[:2, :2] / 2, R + 1, S[:2, :2] / 9, R, E[:2, :2], R / 20),
    ),
    # Decompositions
    "lu_factor": _of("lu_factor", G),
    "lu_solve": Call(lambda a, b: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b), (G, B)),
    "lu": _of("lu", G),
    "lu, tall": _of("lu", T, permute_l=True),
    "lu, wide": _of("lu", W, p_indices=True),
    "qr": _of("qr", G),
    "qr, with pivots": _of("qr", T, mode="economic", pivoting=True),
    "rq": _of("rq", G),
    "svd": _of("svd", T, full_matrices=False),
    "svdvals": _of("svdvals", W),
    "eigh": _without_signs(lambda a: scipy.linalg.eigh(_symmetric(a)), S),
    "eigh, of two matrices": _without_signs(lambda a, b: scipy.linalg.eigh(_symmetric(a), _symmetric(b)), D, S),
    "eigvalsh": _of_symmetric("eigvalsh", D, S, type=2),
    "eigh_tridiagonal": _without_signs(lambda d, e: scipy.linalg.eigh_tridiagonal(d, e), V * [1, 2, 4], V[1:] / 3),
    "eigvalsh_tridiagonal": _of("eigvalsh_tridiagonal", V * [1, 2, 4], V[1:], select="i", select_range=(0, 1)),
    "eig_banded": _without_signs(lambda ab: scipy.linalg.eig_banded(ab), UPPER * [1, 2, 3, 5]),
    "eigvals_banded": _of("eigvals_banded", LOWER * [1, 2, 3, 5], lower=True),
    "eig": _of("eig", D, left=True),
    "eigvals": _of("eigvals", G, S),
    "subspace_angles": Call(lambda a, b: scipy.linalg.subspace_angles(a, b), (T, W.T)),
    # Other arguments
    "toeplitz, complex": _of_complex("toeplitz", V),
    "toeplitz, of a column": _of("toeplitz", V),
    "hankel, of a column": _of("hankel", V),
    **{f"solve, {kind}": _of("solve", A, V, assume_a=kind) for kind in ("tridiagonal", "diagonal", "upper triangular")},
    "solve, symmetric": Call(lambda a, b: scipy.linalg.solve(_symmetric(a), b, assume_a="sym"), (S, B)),
    "solve, complex": _of_complex("solve", A, B),
    "solve, Hermitian": Call(lambda a, b: scipy.linalg.solve(_symmetric(a + 1j * a[::-1]), b, assume_a="her"), (S, B)),
    "inv, complex": _of_complex("inv", A),
    "det, complex": _of_complex("det", A),
    "norm, of columns": _of("norm", A, ord=1),
    "norm, spectral": _of("norm", A, ord=2),
    "norm, of a vector": _of("norm", V, ord=3),
    "pinv, tall": _of("pinv", T),
    "pinv, with its rank": _of("pinv", W, return_rank=True),
    "lstsq, of a matrix": _of("lstsq", T, RNG.normal(size=(4, 3))),
    "lstsq, wide": _of("lstsq", W, V[:2]),
    "lstsq, by gelsy": _of("lstsq", T, W[0], lapack_driver="gelsy"),
    "solve_triangular, upper": _of("solve_triangular", A, B),
    "cho_factor, lower": _of_symmetric("cho_factor", S, lower=True),
    "cho_solve, lower": Call(
        lambda a, b: scipy.linalg.cho_solve(scipy.linalg.cho_factor(_symmetric(a), True), b), (S, V)
    ),
    "cho_solve_banded, lower": Call(lambda c, b: scipy.linalg.cho_solve_banded((c, True), b), (LOWER, T)),
    "solve_banded, complex": Call(
        lambda ab, b: scipy.linalg.solve_banded((2, 1), ab + 0.1j * ab[::-1], b), (BANDS, RNG.normal(size=(5, 2)))
    ),
    "solveh_banded, complex": Call(
        lambda ab, b: scipy.linalg.solveh_banded(ab + 0.1j * ab[::-1], b, lower=True), (LOWER, T)
    ),
    "solve_toeplitz, complex": Call(
        lambda c, r, b: scipy.linalg.solve_toeplitz((c + 1j * r, r + 0.2j), b), (V, V / 5, B)
    ),
    "matmul_toeplitz, of a column": _of("matmul_toeplitz", V, B),
    "solve_circulant, complex": _of_complex("solve_circulant", V * [3, 1, 1], B),
    "solve_continuous_lyapunov, complex": _of_complex("solve_continuous_lyapunov", A, S),
    "solve_discrete_lyapunov, complex": _of_complex("solve_discrete_lyapunov", A / 10, S),
    "solve_continuous_are, without more": Call(
        lambda a, b, q, r: scipy.linalg.solve_continuous_are(a, b, _symmetric(q), _symmetric(r)),
        (G[:2, :2], B[:2], S[:2, :2] / 9, R),
    ),
    "solve_discrete_are, without more": Call(
        lambda a, b, q, r: scipy.linalg.solve_discrete_are(a, b, _symmetric(q), _symmetric(r)),
        (G[:2, :2] / 2, B[:2], S[:2, :2] / 9, R),
    ),
    "expm, complex": _of_complex("expm", A / 4),
    "cosm, complex": _of_complex("cosm", A / 4),
    "polar, left": _of("polar", A, side="left"),
    "polar, complex": _of_complex("polar", A),
    "orthogonal_procrustes, complex": _of_complex("orthogonal_procrustes", A, S),
    "lu_factor, tall": _of("lu_factor", T),
    "lu_solve, transposed": Call(lambda a, b: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b, 1), (G, B)),
    "lu, complex": _of_complex("lu", G),
    "qr, tall": _of("qr", T, mode="economic"),
    "qr, one factor": _of("qr", T, mode="r"),
    "rq, wide": _of("rq", W, mode="economic"),
    "svd, full": _of("svd", G),
    "svd, by gesvd": _of("svd", W, full_matrices=False, lapack_driver="gesvd"),
    "svd, without vectors": _of("svd", W, compute_uv=False),
    "eigh, of the upper triangle": _without_signs(
        lambda a: scipy.linalg.eigh(_symmetric(a), lower=False, driver="ev"), S
    ),
    "eigh, type 2": _without_signs(lambda a, b: scipy.linalg.eigh(_symmetric(a), _symmetric(b), type=2), D, S),
    "eigh, type 3, some": _without_signs(
        lambda a, b: scipy.linalg.eigh(_symmetric(a), _symmetric(b), type=3, subset_by_index=[1, 2]), D, S
    ),
    "eigh, some values": _without_signs(lambda a: scipy.linalg.eigh(_symmetric(a), subset_by_value=[0, 25]), S),
    "eigh, complex": Call(lambda a: scipy.linalg.eigh(_symmetric(a + 1j * a[::-1]), eigvals_only=True), (D,)),
    "eigh_tridiagonal, some": _without_signs(
        lambda d, e: scipy.linalg.eigh_tridiagonal(d, e, select="v", select_range=(0, 9)), V * [1, 2, 4], V[1:] / 3
    ),
    "eig, of two matrices": _of("eig", D, S, left=True),
    "eigvals, of one matrix": _of("eigvals", G),
    "subspace_angles, small": Call(
        lambda a, b: scipy.linalg.subspace_angles(a, a + b / 9), (np.eye(6)[:, :2], RNG.normal(size=(6, 2)))
    ),
    # Stacks of matrices
    **{f"{name}, of a stack": _of(name, STACK) for name in "inv lu lu_factor qr rq eigvals svdvals".split()},
    "solve, of a stack": _of("solve", STACK, B),
    "eig, of a stack": Call(lambda a: scipy.linalg.eig(a)[0], (STACK,)),
    "lstsq, of a stack": Call(lambda a, b: scipy.linalg.lstsq(a, b)[0], (STACK, V)),
    "lu_solve, of a stack": Call(
        lambda a, b: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b), (STACK, STACK[::-1, :, :2])
    ),
    "cho_solve, of a stack": Call(
        lambda a, b: scipy.linalg.cho_solve(scipy.linalg.cho_factor(a @ np.swapaxes(a, 1, 2)), b), (STACK, STACK[::-1])
    ),
    "subspace_angles, of a stack": _of("subspace_angles", STACK[:, :, :1], STACK[::-1, :, 1:2]),
    "orthogonal_procrustes, of a stack": _of("orthogonal_procrustes", STACK, STACK[::-1] + A),
    "matmul_toeplitz, of a stack": _of("matmul_toeplitz", STACK[:, 0], STACK[:, :, :2]),
    "eigvalsh_tridiagonal, of a stack": _of("eigvalsh_tridiagonal", STACK[:, 0] * [1, 2, 4], STACK[:, 1, 1:]),
}
