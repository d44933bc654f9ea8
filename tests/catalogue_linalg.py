"""Cases of linear algebra, for the catalogue.

Eigenvectors and singular vectors are known up to a sign (a phase, if complex), so their cases are functions that do not
depend on it. Where PyTorch has no such function, its side is the definition.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import chainrule as cr
from cases import Case, tensor
from chainrule.domains import Operand, apart, far_from_zero, normal

L = torch.linalg


def regular(*shape: int) -> Operand:
    """Matrices far from singular."""
    return Operand(shape, lambda rng, shape: rng.normal(size=shape) + 3 * np.eye(shape[-1]))


def spread_out(*shape: int) -> Operand:
    """Matrices whose Hermitian part has eigenvalues far from each other and from zero, of both signs."""
    n = shape[-1]
    values = (np.arange(n) - (n - 1) / 2 + 0.2) * 2
    return Operand(shape, lambda rng, shape: np.diag(values) + 0.3 * rng.normal(size=shape))


def _hermitian(x: Any) -> Any:
    return (x + x.mT.conj()) / 2


def _both(function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """A function of a namespace and an array, for NumPy and for PyTorch."""
    return lambda *xs: function(np, *xs), lambda *xs: function(torch, *xs)


def _weights(xp: Any, n: int, like: Any) -> Any:
    w = np.arange(1.0, n + 1)
    return w.astype(like.dtype) if xp is np else tensor(w).to(like.dtype)


# Eigenvalues -------------------------------------------------------------------------------------------------


def _eigh(xp: Any, x: Any) -> Any:
    w, v = xp.linalg.eigh(_hermitian(x))
    return xp.abs(v) ** 2 @ (w * _weights(xp, w.shape[-1], w))[..., None]


def _eigenspace(xp: Any, x: Any) -> Any:
    v = xp.linalg.eigh(_hermitian(x))[1][..., :2]
    return v @ v.conj().mT


def _eig(xp: Any, x: Any) -> Any:
    w, v = xp.linalg.eig(x)
    order = xp.argsort(xp.real(w) + xp.imag(w) / 10)
    w, v = w[order], v[:, order]
    return xp.real(w) ** 2 + xp.abs(v) @ xp.imag(w)


EIGENVALUES = [
    Case("eigh", *_both(_eigh), (spread_out(3, 3),)),
    Case("eigh of stacks", *_both(_eigh), (spread_out(2, 1, 3, 3),)),
    Case("eigh, the projection on an eigenspace", *_both(_eigenspace), (spread_out(3, 3),)),
    Case(
        "eigh UPLO=U",
        lambda x: np.linalg.eigh(np.triu(_hermitian(x)), UPLO="U").eigenvalues ** 3,
        lambda x: L.eigh(_hermitian(x)).eigenvalues ** 3,
        (spread_out(3, 3),),
    ),
    Case(
        "eigh of a lower triangle",
        lambda x: np.linalg.eigh(np.tril(_hermitian(x)))[0] ** 3,
        lambda x: L.eigh(_hermitian(x))[0] ** 3,
        (spread_out(3, 3),),
    ),
    Case(
        "eigvalsh",
        lambda x: np.linalg.eigvalsh(_hermitian(x)),
        lambda x: L.eigvalsh(_hermitian(x)),
        (spread_out(2, 3, 3),),
    ),
    Case(
        "eigvalsh UPLO=u",
        lambda x: np.linalg.eigvalsh(_hermitian(x), "u"),
        lambda x: L.eigvalsh(_hermitian(x)),
        (spread_out(2, 2),),
    ),
    Case(
        "eig",
        *_both(_eig),
        (Operand((3, 3), lambda rng, shape: np.diag([1.0, 2.0, 4.0]) + 0.2 * rng.normal(size=shape)),),
    ),
    Case(
        "eig of a rotation",
        *_both(_eig),
        (Operand((2, 2), lambda rng, shape: np.array([[0.3, -2.0], [1.5, 0.1]]) + 0.1 * rng.normal(size=shape)),),
    ),
    Case(
        "eigvals",
        lambda x: np.real(np.prod(1 + np.linalg.eigvals(x) ** 2, axis=-1)),
        lambda x: torch.real(torch.prod(1 + L.eigvals(x) ** 2, -1)),
        (normal(2, 3, 3),),
    ),
]

# Singular values ---------------------------------------------------------------------------------------------


def _svd(full: bool) -> tuple[Any, Any]:
    def function(xp: Any, x: Any) -> Any:
        u, s, v_h = xp.linalg.svd(x, full_matrices=full)
        k = s.shape[-1]
        u, v_h = u[..., :k], v_h[..., :k, :]
        return (u * (s * _weights(xp, k, s))[..., None, :]) @ v_h

    return _both(function)


def _singular_vectors(xp: Any, x: Any) -> Any:
    u, s, v_h = xp.linalg.svd(x, full_matrices=False)
    return (xp.abs(u) ** 2 @ s[..., None]).mT @ (xp.abs(v_h[..., :, : u.shape[-2]]).mT @ s[..., None])


def _outermost(factors: Any) -> Any:
    """The term of the largest singular value."""
    u, s, v_h = factors
    return s[0] * u[:, :1] * v_h[:1]


SINGULAR_VALUES = [
    Case(f"svd {shape} full_matrices={full}", *_svd(full), (apart(*shape),))
    for shape in [(3, 2), (2, 3), (2, 2), (2, 3, 2)]
    for full in (False, True)
]
SINGULAR_VALUES += [
    Case("svd, moduli of the vectors", *_both(_singular_vectors), (apart(2, 3),)),
    Case(
        "svd compute_uv=False",
        lambda x: np.linalg.svd(x, compute_uv=False) ** 2,
        lambda x: L.svdvals(x) ** 2,
        (apart(3, 2),),
    ),
    Case("svdvals", np.linalg.svdvals, L.svdvals, (apart(2, 2, 3),)),
    Case(
        "svd hermitian=True",
        lambda x: _outermost(np.linalg.svd(_hermitian(x), hermitian=True)),
        lambda x: _outermost(L.svd(_hermitian(x))),
        (spread_out(3, 3),),
    ),
    Case(
        "svdvals, hermitian=True",
        lambda x: np.linalg.svd(_hermitian(x), compute_uv=False, hermitian=True),
        lambda x: L.svdvals(_hermitian(x)),
        (spread_out(2, 3, 3),),
    ),
]

# QR ----------------------------------------------------------------------------------------------------------


def _qr(mode: str) -> tuple[Any, Any]:
    def function(xp: Any, x: Any) -> Any:
        q, r = xp.linalg.qr(x, mode=mode)
        k = min(x.shape[-2:])
        return xp.sin(q[..., :k]) @ r[..., :k, :] ** 2

    return _both(function)


QR = [
    Case(f"qr {shape} {mode}", *_qr(mode), (normal(*shape),))
    for shape in [(3, 2), (2, 3), (2, 2, 2)]
    for mode in ["reduced"]
]
QR += [
    Case(
        "qr complete",
        _qr("complete")[0],
        _qr("reduced")[1],
        (normal(3, 2),),
    ),
    Case("qr mode=r", lambda x: np.linalg.qr(x, "r"), lambda x: L.qr(x).R, (normal(3, 2),)),
    Case("qr mode=r of wide matrices", lambda x: np.linalg.qr(x, mode="r"), lambda x: L.qr(x).R, (normal(2, 2, 3),)),
]

# Systems of equations ----------------------------------------------------------------------------------------


def _torch_lstsq(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return L.pinv(a) @ b


def _torch_residuals(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (torch.abs(b - a @ L.pinv(a) @ b) ** 2).sum(0)


EQUATIONS = [
    Case("lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], _torch_lstsq, (normal(4, 2), normal(4, 3))),
    Case("lstsq for a vector", lambda a, b: np.linalg.lstsq(a, b)[0], _torch_lstsq, (normal(4, 2), normal(4))),
    Case("lstsq of a wide matrix", lambda a, b: np.linalg.lstsq(a, b)[0], _torch_lstsq, (normal(2, 3), normal(2, 2))),
    Case("lstsq, its residuals", lambda a, b: np.linalg.lstsq(a, b)[1], _torch_residuals, (normal(4, 2), normal(4, 2))),
    Case(
        "lstsq, its singular values",
        lambda a, b: np.linalg.lstsq(a, b)[3] + 0.0 * np.real(b[:2]),
        lambda a, b: L.svdvals(a) + 0.0 * torch.real(b[:2]),
        (normal(4, 2), normal(4)),
    ),
    Case(
        "tensorsolve",
        np.linalg.tensorsolve,
        L.tensorsolve,
        (Operand((2, 3, 6), lambda rng, shape: rng.normal(size=shape)), normal(2, 3)),
    ),
    Case(
        "tensorsolve axes",
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
        lambda a, b: L.tensorsolve(a, b, dims=(0,)),
        (normal(6, 2, 3), normal(2, 3)),
    ),
    Case("tensorinv", np.linalg.tensorinv, L.tensorinv, (normal(2, 3, 6),)),
    Case(
        "tensorinv ind=1", lambda a: np.linalg.tensorinv(a, ind=1), lambda a: L.tensorinv(a, ind=1), (normal(4, 2, 2),)
    ),
    Case(
        "pinv hermitian=True",
        lambda x: np.linalg.pinv(_hermitian(x), hermitian=True),
        lambda x: L.pinv(_hermitian(x)),
        (spread_out(2, 2),),
    ),
    Case("pinv with a cutoff", lambda x: np.linalg.pinv(x, rtol=1e-6), L.pinv, (normal(3, 2),)),
]

# Determinants, norms, condition numbers ------------------------------------------------------------------------


def _slogdet_sign(xp: Any, x: Any) -> Any:
    return xp.linalg.slogdet(x * (1 + 2j))[0]


def _parts(f: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    """A real function with the real and the imaginary part of a complex one."""
    return lambda *xs: 2 * xp.real(f(xp, *xs)) + xp.imag(f(xp, *xs))


def _torch_cond(p: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    if p in (None, 2, -2):
        return lambda x: (s := L.svdvals(x))[..., 0] ** (-1 if p == -2 else 1) * s[..., -1] ** (1 if p == -2 else -1)
    return lambda x: L.matrix_norm(x, p) * L.matrix_norm(L.inv(x), p)


NORMS = [
    Case("sign of slogdet", _parts(_slogdet_sign, np), _parts(_slogdet_sign, torch), (regular(2, 3, 3),)),
    Case("slogdet of stacks", lambda x: np.linalg.slogdet(x)[1], lambda x: L.slogdet(x)[1], (regular(2, 1, 2, 2),)),
    *(
        Case(
            f"matrix norm of order {order}, keepdims={keepdims}",
            lambda x, order=order, keepdims=keepdims: np.linalg.norm(x, order, (0, 2), keepdims),
            lambda x, order=order, keepdims=keepdims: L.matrix_norm(x, order, (0, 2), keepdims),
            (apart(2, 2, 3),),
        )
        for order in (2, -2, "nuc")
        for keepdims in (False, True)
    ),
    Case(
        "matrix norm of order nuc, axes exchanged",
        lambda x: np.linalg.norm(x, "nuc", (1, 0)),
        lambda x: L.matrix_norm(x, "nuc"),
        (apart(2, 3),),
    ),
    *(
        Case(
            f"matrix_norm ord={order}",
            lambda x, order=order: np.linalg.matrix_norm(x, ord=order),
            lambda x, order=order: L.matrix_norm(x, order),
            (apart(2, 2, 2),),
        )
        for order in (2, "nuc", 1, -np.inf)
    ),
    Case("norm of a matrix, order 2", lambda x: np.linalg.norm(x, 2), lambda x: L.matrix_norm(x, 2), (apart(3, 2),)),
    Case(
        "vector_norm of order 0 times another",
        lambda x: np.linalg.vector_norm(x, ord=0) * np.linalg.vector_norm(x),
        lambda x: torch.count_nonzero(x) * L.vector_norm(x),
        (apart(2, 3),),
    ),
    *(
        Case(f"cond p={p}", lambda x, p=p: np.linalg.cond(x, p), _torch_cond(p), (regular(2, 3, 3),))
        for p in (None, 2, -2, "fro", "nuc", -1, np.inf, -np.inf)
    ),
    Case("cond of a tall matrix", np.linalg.cond, _torch_cond(2), (apart(3, 2),)),
]

# Products ----------------------------------------------------------------------------------------------------


def _cross_of_pairs(x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.cross(x, y)


PRODUCTS = [
    Case("linalg.matmul", np.linalg.matmul, torch.matmul, (normal(2, 3), normal(3, 2))),
    Case("linalg.outer", np.linalg.outer, torch.outer, (normal(2), normal(3))),
    Case("linalg.tensordot", np.linalg.tensordot, torch.tensordot, (normal(2, 3), normal(2, 3))),
    Case(
        "linalg.vecdot axis=0",
        lambda x, y: np.linalg.vecdot(x, y, axis=0),
        lambda x, y: L.vecdot(x, y, dim=0),
        (normal(3, 2), normal(3, 1)),
    ),
    Case("linalg.cross", np.linalg.cross, L.cross, (normal(2, 3), normal(1, 3))),
    Case(
        "cross of vectors with two entries",
        _cross_of_pairs,
        lambda x, y: x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0],
        (normal(3, 2), normal(2)),
    ),
    Case(
        "cross of vectors with two and three entries",
        _cross_of_pairs,
        lambda x, y: L.cross(torch.cat([x, torch.zeros_like(x[..., :1])], -1), y),
        (normal(2, 2), normal(2, 3)),
    ),
    Case(
        "multi_dot of matrices",
        lambda x, y, z: np.linalg.multi_dot([x, y, z]),
        lambda x, y, z: L.multi_dot([x, y, z]),
        (normal(2, 3), normal(3, 2), normal(2, 3)),
    ),
    Case("multi_dot of two", lambda x, y: np.linalg.multi_dot((x, y)), torch.mv, (normal(2, 3), normal(3))),
    Case(
        "matrix_power 0",
        lambda x: np.linalg.matrix_power(x, 0) * x,
        lambda x: L.matrix_power(x, 0) * x,
        (normal(2, 2),),
    ),
    Case("matrix_power 1", lambda x: np.linalg.matrix_power(x, 1), lambda x: L.matrix_power(x, 1), (normal(2, 2),)),
    Case("kron of stacks", np.kron, torch.kron, (normal(2, 1, 2), normal(1, 2, 2))),
    Case("vander", np.vander, lambda x: torch.stack([x * x, x, x**0], -1), (far_from_zero(3),)),
    Case(
        "vander increasing",
        lambda x: np.vander(x, 4, increasing=True),
        lambda x: torch.stack([x**0, x, x * x, x * x * x], -1),
        (normal(3),),
    ),
    Case(
        "linalg.trace offset",
        lambda x: np.linalg.trace(x, offset=-1),
        lambda x: torch.diagonal(x, -1, -2, -1).sum(-1),
        (normal(2, 3, 3),),
    ),
    Case(
        "trace of stacks",
        lambda x: np.trace(x, 1, axis1=2, axis2=0),
        lambda x: torch.diagonal(x, 1, 2, 0).sum(-1),
        (normal(2, 2, 3),),
    ),
    Case(
        "einsum of operands and sublists",
        lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        lambda x, y: torch.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        (normal(2, 3), normal(3, 2)),
    ),
    Case(
        "einsum of operands and sublists, implicit",
        lambda x, y: np.einsum(x, [5, 3], y, [3, 2]),
        lambda x, y: (x @ y).mT,
        (normal(2, 3), normal(3, 2)),
    ),
    Case(
        "einsum of sublists with an ellipsis",
        lambda x, y: np.einsum(x, [..., 0, 1], y, [..., 1], [..., 0]),
        lambda x, y: torch.einsum("...ij,...j->...i", x, y),
        (normal(2, 2, 3), normal(2, 3)),
    ),
    *(
        Case(
            f"einsum optimize={optimize}",
            lambda x, y, z, optimize=optimize: np.einsum("ij,jk,kl->il", x, y, z, optimize=optimize),
            lambda x, y, z: x @ y @ z,
            (normal(2, 3), normal(3, 2), normal(2, 2)),
        )
        for optimize in (True, "greedy", ["einsum_path", (1, 2), (0, 1)], ("optimal", 100))
    ),
    Case(
        "tensordot over one named axis",
        lambda x, y: np.tensordot(x, y, axes=(0, 1)),
        lambda x, y: torch.tensordot(x, y, ([0], [1])),
        (normal(3, 2), normal(2, 3)),
    ),
    Case(
        "tensordot axes as an array",
        lambda x, y: np.tensordot(x, y, axes=np.array([[1], [0]])),
        lambda x, y: x @ y,
        (normal(2, 3), normal(3, 2)),
    ),
    Case("inner of a number", np.inner, torch.mul, (normal(), normal(2, 3))),
    Case(
        "vdot of a list",
        lambda x: np.vdot([1.0, 2.0, 3.0], x),
        lambda x: torch.vdot(torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype), x),
        (normal(3),),
    ),
]

# Functions of matrices ---------------------------------------------------------------------------------------


def _torch_function(f: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function of a diagonalizable matrix, by its eigenvalues."""

    def function(x: torch.Tensor) -> torch.Tensor:
        w, v = L.eig(x)
        z = v @ torch.diag_embed(f(w)) @ L.inv(v)
        return z if x.is_complex() else torch.real(z)

    return function


def positive_spectrum(*shape: int) -> Operand:
    """Matrices, not symmetric, with different eigenvalues far from the negative axis."""
    values = np.diag(np.arange(1.0, shape[-1] + 1))
    return Operand(shape, lambda rng, shape: values + 0.2 * rng.normal(size=shape))


def _torch_sylvester(a: torch.Tensor, b: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    m, n = q.shape[-2:]
    system = torch.kron(a, torch.eye(n, dtype=a.dtype)) + torch.kron(torch.eye(m, dtype=b.dtype), b.mT.contiguous())
    return L.solve(system, q.reshape(-1)).reshape(m, n)


def _torch_triangular(upper: bool, unit: bool = False) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    def solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a = torch.triu(a, int(unit)) if upper else torch.tril(a, -int(unit))
        return L.solve(a + torch.eye(a.shape[-1], dtype=a.dtype) if unit else a, b)

    return solve


def _spd(xp: Any, x: Any) -> Any:
    return x @ xp.conj(x).mT + (np.eye(x.shape[-1]) if xp is np else torch.eye(x.shape[-1], dtype=x.dtype))


MATRIX_FUNCTIONS = [
    Case("expm", cr.expm, L.matrix_exp, (normal(3, 3),)),
    Case("expm of stacks", cr.expm, L.matrix_exp, (normal(2, 1, 2, 2),)),
    Case("logm", cr.logm, _torch_function(torch.log), (positive_spectrum(3, 3),)),
    Case("logm of a stack", cr.logm, _torch_function(torch.log), (positive_spectrum(2, 2, 2),)),
    Case("sqrtm", cr.sqrtm, _torch_function(torch.sqrt), (positive_spectrum(3, 3),)),
    Case("sqrtm of a stack", cr.sqrtm, _torch_function(torch.sqrt), (positive_spectrum(2, 2, 2),)),
    Case("solve_sylvester", cr.solve_sylvester, _torch_sylvester, (regular(2, 2), regular(3, 3), normal(2, 3))),
    Case("solve_triangular", cr.solve_triangular, _torch_triangular(upper=True), (regular(3, 3), normal(3, 2))),
    Case(
        "solve_triangular of a lower one for a vector",
        lambda a, b: cr.solve_triangular(a, b, lower=True),
        _torch_triangular(upper=False),
        (regular(3, 3), normal(3)),
    ),
    Case(
        "solve_triangular with ones on the diagonal",
        lambda a, b: cr.solve_triangular(a, b, lower=True, unit_diagonal=True),
        _torch_triangular(upper=False, unit=True),
        (regular(3, 3), normal(3, 2)),
    ),
    Case(
        "solve_triangular of stacks",
        cr.solve_triangular,
        _torch_triangular(upper=True),
        (regular(2, 1, 2, 2), normal(3, 2, 2)),
    ),
    Case(
        "solve_triangular trans=T",
        lambda a, b: cr.solve_triangular(a, b, trans="T"),
        lambda a, b: L.solve(torch.triu(a).mT, b),
        (regular(3, 3), normal(3, 2)),
    ),
    Case(
        "solve_triangular trans=2",
        lambda a, b: cr.solve_triangular(a, b, trans=2, lower=True),
        lambda a, b: L.solve(torch.tril(a).mH, b),
        (regular(3, 3), normal(3, 2)),
    ),
    *(
        Case(
            f"cho_solve lower={lower}",
            lambda a, b, lower=lower: cr.cho_solve(cr.cho_factor(_spd(np, a), lower), b),
            lambda a, b: L.solve(_spd(torch, a), b),
            (normal(3, 3), normal(3)),
        )
        for lower in (False, True)
    ),
    Case("block_diag", cr.block_diag, torch.block_diag, (normal(2, 3), normal(1, 2))),
]

PRODUCTS += [
    Case(
        "vdot of complex numbers",
        lambda x, y: np.real(np.vdot((1 + 2j) * x, 1j * y)),
        lambda x, y: torch.real(torch.vdot((1 + 2j) * x, 1j * y)),
        (normal(3), normal(3)),
    ),
]

LINALG_CASES = [*MATRIX_FUNCTIONS, *EIGENVALUES, *SINGULAR_VALUES, *QR, *EQUATIONS, *NORMS, *PRODUCTS]
