"""Cases of NumPy's wider library, for the catalogue.

Where PyTorch has no such function, its side is the definition: an integral by quadrature, a sum, or indexing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import Operand, above_one, apart, far_from_zero, inside, normal, positive

S = torch.special

# Elementwise -------------------------------------------------------------------------------------------------

EXPONENTS = np.array([1, -2, 3])


def _torch_logaddexp2(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.logaddexp(x * np.log(2), y * np.log(2)) / np.log(2)


UFUNCS = [
    Case("fmax that broadcasts", np.fmax, torch.fmax, (normal(2, 3), normal(3))),
    Case("fmod that broadcasts", np.fmod, torch.fmod, (normal(2, 3), far_from_zero(3))),
    Case("float_power", np.float_power, lambda x, y: torch.pow(x.double(), y), (positive(2, 3), normal(3))),
    Case("float_power by a number", lambda x: np.float_power(x, 2), lambda x: x.double() ** 2, (normal(2, 3),)),
    Case(
        "ldexp",
        lambda x: np.ldexp(x, EXPONENTS),
        lambda x: x * torch.pow(2.0, tensor(EXPONENTS)),
        (normal(2, 3),),
    ),
    Case(
        "nan_to_num of complex numbers",
        lambda x: abs(np.nan_to_num(x + np.array([0.0, complex(0.0, np.nan), np.nan]), nan=2.0) + 1j),
        lambda x: abs(torch.stack([x[:, 0], x[:, 1].real + 2j, 2 + 1j * (x[:, 2] + 0j).imag], 1) + 1j),
        (normal(2, 3),),
    ),
    Case("sinc near 0", lambda x: np.sinc(0.1 * x), lambda x: torch.sinc(0.1 * x), (far_from_zero(2, 3),)),
    Case("emath.sqrt", lambda x: abs(np.emath.sqrt(x) - 1), lambda x: abs(torch.sqrt(x + 0j) - 1), (apart(2, 3),)),
    Case("emath.log", lambda x: abs(np.emath.log(x) - 1), lambda x: abs(torch.log(x + 0j) - 1), (apart(2, 3),)),
    Case(
        "emath.power",
        lambda x: abs(np.emath.power(x, 0.3) - 1),
        lambda x: abs((x + 0j) ** 0.3 - 1),
        (apart(2, 3),),
    ),
    Case(
        "emath.arcsin",
        lambda x: np.real(np.emath.arcsin(np.real(x)) ** 2),
        lambda x: np.pi**2 / 4 - torch.acosh(x.real) ** 2,  # arcsin x = π/2 + i arcosh x beyond 1
        (above_one(2, 3),),
    ),
    Case(
        "heaviside at 0",
        lambda h: np.heaviside(np.array([-1.0, 0.0, 2.0]), h),
        lambda h: h * torch.tensor([0.0, 1.0, 0.0]) + torch.tensor([0.0, 0.0, 1.0]),
        (normal(3),),
    ),
    Case(
        "nan_to_num",
        lambda x: np.nan_to_num(np.where(x > 0, x, np.nan), nan=2.0) * x,
        lambda x: torch.nan_to_num(torch.where(x > 0, x, torch.nan), nan=2.0) * x,
        (apart(2, 3),),
    ),
]

# Reductions --------------------------------------------------------------------------------------------------

WHERE = np.array([[True, False, True], [True, True, False]])
HOLES = np.array([[0.0, np.nan, 0.0], [0.0, 0.0, np.nan]])


def _rows(reduce: Callable[[torch.Tensor], torch.Tensor], keep: np.ndarray = WHERE) -> Any:
    """A reduction of each row's entries where `keep` holds."""
    return lambda x: torch.stack([reduce(row[tensor(k)]) for row, k in zip(x, keep, strict=True)])


REDUCED = {
    "sum": torch.sum,
    "mean": torch.mean,
    "prod": torch.prod,
    "var": lambda x: torch.var(x, correction=0),
    "std": lambda x: torch.std(x, correction=0),
}

REDUCTIONS = [
    Case(
        f"{name} where",
        lambda x, f=getattr(np, name): f(x, axis=1, where=WHERE),
        _rows(g),
        (normal(2, 3),),
    )
    for name, g in REDUCED.items()
]
REDUCTIONS += [
    Case(
        f"nan{name}",
        lambda x, f=getattr(np, f"nan{name}"): f(x + HOLES, axis=1),
        _rows(g),
        (normal(2, 3),),
    )
    for name, g in [*REDUCED.items(), ("max", torch.amax), ("min", torch.amin)]
]
REDUCTIONS += [
    Case("max where", lambda x: np.max(x, axis=1, where=WHERE, initial=-9.0), _rows(torch.amax), (apart(2, 3),)),
    Case("amax", lambda x: np.amax(x, axis=1), lambda x: torch.amax(x, 1), (apart(2, 3),)),
    Case("amin", lambda x: np.amin(x, axis=0, keepdims=True), lambda x: torch.amin(x, 0, True), (apart(2, 3),)),
    Case("sum initial", lambda x: np.sum(x, initial=2.0), lambda x: x.sum() + 2, (normal(2, 3),)),
    Case("prod initial", lambda x: np.prod(x, axis=0, initial=2.0), lambda x: 2 * x.prod(0), (normal(2, 3),)),
    Case("max initial", lambda x: np.max(x, initial=0.0), lambda x: torch.clamp(x, min=0).max(), (apart(2, 3),)),
    Case(
        "std where, ddof",
        lambda x: np.std(x, where=WHERE, ddof=1),
        lambda x: torch.std(x[tensor(WHERE)]),
        (normal(2, 3),),
    ),
    Case(
        "nanmean keepdims",
        lambda x: np.nanmean(x + HOLES, keepdims=True),
        lambda x: x[tensor(WHERE)].mean().reshape(1, 1),
        (normal(2, 3),),
    ),
    Case(
        "nancumsum",
        lambda x: np.nancumsum(x + HOLES, axis=1),
        lambda x: torch.cumsum(x * tensor(WHERE), 1),
        (normal(2, 3),),
    ),
    Case(
        "nancumprod",
        lambda x: np.nancumprod(x + HOLES, axis=1),
        lambda x: torch.cumprod(torch.where(tensor(WHERE), x, 1.0), 1),
        (normal(2, 3),),
    ),
    Case("cumprod", np.cumprod, lambda x: torch.cumprod(x.flatten(), 0), (normal(2, 3),)),
    Case("cumprod axis=0", lambda x: np.cumprod(x, axis=0), lambda x: torch.cumprod(x, 0), (normal(5, 2),)),
    Case("cumprod axis=-2", lambda x: np.cumprod(x, axis=-2), lambda x: torch.cumprod(x, -2), (normal(2, 3, 2),)),
    Case("cumulative_prod", lambda x: np.cumulative_prod(x, axis=1), lambda x: torch.cumprod(x, 1), (normal(2, 3),)),
    Case(
        "cumulative_sum with the initial 0",
        lambda x: np.cumulative_sum(x, axis=1, include_initial=True),
        lambda x: torch.cat([torch.zeros_like(x[:, :1]), torch.cumsum(x, 1)], 1),
        (normal(2, 3),),
    ),
    Case("multiply.reduce", np.multiply.reduce, lambda x: x.prod(0), (normal(2, 3),)),
    Case("maximum.reduce", lambda x: np.maximum.reduce(x, axis=1), lambda x: x.amax(1), (apart(2, 3),)),
    Case("minimum.reduce", np.minimum.reduce, lambda x: x.amin(0), (apart(2, 3),)),
    Case("fmax.reduce", np.fmax.reduce, lambda x: x.amax(0), (apart(2, 3),)),
    Case("hypot.reduce", np.hypot.reduce, lambda x: torch.linalg.vector_norm(x, dim=0), (normal(2, 3),)),
    Case("logaddexp.reduce", np.logaddexp.reduce, lambda x: torch.logsumexp(x, 0), (normal(2, 3),)),
    Case("add.accumulate", np.add.accumulate, lambda x: torch.cumsum(x, 0), (normal(3, 2),)),
    Case(
        "multiply.accumulate",
        lambda x: np.multiply.accumulate(x, axis=1),
        lambda x: torch.cumprod(x, 1),
        (normal(2, 3),),
    ),
    Case("maximum.accumulate", np.maximum.accumulate, lambda x: torch.cummax(x, 0).values, (apart(4, 2),)),
    Case(
        "minimum.accumulate",
        lambda x: np.minimum.accumulate(x, axis=1),
        lambda x: torch.cummin(x, 1).values,
        (apart(2, 4),),
    ),
    Case("multiply.outer", np.multiply.outer, torch.outer, (normal(3), normal(2))),
    Case("subtract.outer", np.subtract.outer, lambda x, y: x[:, :, None] - y, (normal(3, 1), normal(2))),
    Case("ptp", np.ptp, lambda x: x.max() - x.min(), (apart(2, 3),)),
    Case(
        "ptp axis=0",
        lambda x: np.ptp(x, axis=0, keepdims=True),
        lambda x: x.amax(0, True) - x.amin(0, True),
        (apart(3, 2),),
    ),
]

# Sorting -----------------------------------------------------------------------------------------------------

SORTING = [
    Case("partition", lambda x: np.partition(x, [1, 3]), lambda x: torch.sort(x).values, (apart(4),)),
    Case("median of an even number", np.median, lambda x: torch.quantile(x, 0.5), (apart(2, 3),)),
    Case(
        "median of an odd number", lambda x: np.median(x, axis=1), lambda x: torch.median(x, 1).values, (apart(2, 3),)
    ),
    Case(
        "median of two axes",
        lambda x: np.median(x, axis=(0, 2), keepdims=True),
        lambda x: torch.quantile(x.permute(1, 0, 2).reshape(3, 4), 0.5, dim=1).reshape(1, 3, 1),
        (apart(2, 3, 2),),
    ),
    Case("quantile", lambda x: np.quantile(x, 0.3), lambda x: torch.quantile(x, 0.3), (apart(2, 3),)),
    Case(
        "quantiles",
        lambda x: np.quantile(x, [0.0, 0.25, 1.0], axis=0),
        lambda x: torch.quantile(x, x.new_tensor([0.0, 0.25, 1.0]), dim=0),
        (apart(4, 3),),
    ),
    Case(
        "percentile",
        lambda x: np.percentile(x, 85.0, axis=-1, keepdims=True),
        lambda x: torch.quantile(x, 0.85, dim=-1, keepdim=True),
        (apart(2, 4),),
    ),
]

# Calculus ----------------------------------------------------------------------------------------------------

PLACES = np.array([0.0, 0.5, 1.5, 1.75, 3.0])


def _torch_convolve(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.conv1d(x[None, None], y.flip(0)[None, None], padding=len(y) - 1)[0, 0]


def _torch_interp(x: torch.Tensor, xp: torch.Tensor, fp: torch.Tensor) -> torch.Tensor:
    """A straight line between the two places around x; constant beyond the ends."""
    i = torch.clamp(torch.searchsorted(xp.detach(), x.detach()) - 1, 0, len(xp) - 2)
    line = fp[i] + (fp[i + 1] - fp[i]) * (x - xp[i]) / (xp[i + 1] - xp[i])
    return torch.where(x < xp[0], fp[0], torch.where(x > xp[-1], fp[-1], line))


def _torch_inner_slope(h: torch.Tensor) -> torch.Tensor:
    """The slope in the middle of the parabola through 0, 1 and 4, the steps between them h₁ and h₂."""
    return (h[2] / h[1] * 1.0 + h[1] / h[2] * 3.0) / (h[1] + h[2])


CALCULUS = [
    Case("diff", np.diff, torch.diff, (normal(2, 4),)),
    Case("diff twice", lambda x: np.diff(x, n=2, axis=0), lambda x: torch.diff(x, 2, 0), (normal(4, 2),)),
    Case(
        "diff with ends",
        lambda x, y: np.diff(x, prepend=0.0, append=y),
        lambda x, y: torch.diff(torch.cat([x.new_zeros(2, 1), x, y], 1)),
        (normal(2, 3), normal(2, 1)),
    ),
    Case(
        "ediff1d",
        lambda x: np.ediff1d(x, to_end=[1.0]),
        lambda x: torch.cat([x.flatten().diff(), x.new_ones(1)]),
        (normal(2, 3),),
    ),
    Case("gradient", np.gradient, lambda x: torch.gradient(x)[0], (normal(4),)),
    Case(
        "gradient at places",
        lambda x: np.gradient(x, PLACES, axis=1, edge_order=2),
        lambda x: torch.gradient(x, spacing=(tensor(PLACES),), dim=1, edge_order=2)[0],
        (normal(2, 5),),
    ),
    Case(
        "gradient along two axes",
        lambda x: np.gradient(x, 0.5, 2.0)[1],
        lambda x: torch.gradient(x, spacing=[0.5, 2.0])[1],
        (normal(3, 4),),
    ),
    Case(
        "gradient by its spacing",
        lambda x, h: np.gradient(x, np.real(h)),
        lambda x, h: torch.cat([x[1:2] - x[:1], (x[2:] - x[:-2]) / 2, x[-1:] - x[-2:-1]]) / h.real,
        (normal(4), far_from_zero()),
    ),
    Case(
        "gradient by its places",
        lambda h: np.gradient(np.array([0.0, 1.0, 4.0]), np.cumsum(np.real(h)))[1],
        lambda h: _torch_inner_slope(h.real),
        (positive(3),),
    ),
    Case(
        "ediff1d with both ends",
        lambda x, y: np.ediff1d(x, to_begin=np.real(y), to_end=np.real(y) ** 2),
        lambda x, y: torch.cat([y.real.to(x.dtype), x.diff(), y.real.to(x.dtype) ** 2]),
        (normal(4), normal(2)),
    ),
    Case(
        "trapezoid by its step",
        lambda y, h: np.trapezoid(y, dx=h, axis=0),
        lambda y, h: torch.trapezoid(y, dim=0) * h,
        (normal(4, 2), normal()),
    ),
    Case("trapezoid", np.trapezoid, torch.trapezoid, (normal(2, 4),)),
    Case(
        "trapezoid at places",
        lambda y, x: np.trapezoid(y, x, axis=0),
        lambda y, x: torch.trapezoid(y, x[:, None], dim=0),
        (normal(4, 2), normal(4)),
    ),
    Case("convolve", np.convolve, _torch_convolve, (normal(5), normal(3))),
    Case(
        "convolve same",
        lambda x, y: np.convolve(x, y, "same"),
        lambda x, y: _torch_convolve(x, y)[1:6],
        (normal(5), normal(4)),
    ),
    Case(
        "convolve valid",
        lambda x, y: np.convolve(x, y, "valid"),
        lambda x, y: _torch_convolve(x, y)[2:5],
        (normal(3), normal(5)),
    ),
    Case("correlate", np.correlate, lambda x, y: _torch_convolve(x, y.flip(0).conj())[2:5], (normal(5), normal(3))),
    Case(
        "correlate with a longer one",
        lambda x, y: np.correlate(x, y, "same"),
        lambda x, y: _torch_convolve(y.conj(), x.flip(0))[1:6].flip(0),
        (normal(4), normal(5)),
    ),
    Case(
        "interp",
        lambda x, xp, fp: np.interp(x, np.cumsum(xp) - 2, fp),
        lambda x, xp, fp: _torch_interp(x, torch.cumsum(xp, 0) - 2, fp),
        (normal(2, 3), positive(5), normal(5)),
    ),
    Case(
        "interp of complex values",
        lambda x, fp: abs(np.interp(np.real(x), [-9.0, 0.2, 9.0], fp * 1j)),
        lambda x, fp: abs(_torch_interp(x.real, torch.tensor([-9.0, 0.2, 9.0], dtype=torch.float64), fp * 1j)),
        (apart(2, 3), far_from_zero(3)),
    ),
    Case(
        "interp with recorded values beyond",
        lambda x, v: np.interp(np.real(x), [0.0, 1.0], [2.0, 5.0], left=v, right=v * v),
        lambda x, v: torch.where(x.real < 0, v, torch.where(x.real > 1, v * v, 2 + 3 * x.real)),
        (apart(2, 3), normal()),
    ),
    Case(
        "interp with a period, by its places",
        lambda x, xp, fp: np.interp(np.real(x), np.real(xp) * np.array([0.1, 0.9]), fp, period=5.0),
        lambda x, xp, fp: _torch_interp(
            x.real % 5.0,
            torch.stack([0.9 * xp.real[1] - 5, 0.1 * xp.real[0], 0.9 * xp.real[1], 0.1 * xp.real[0] + 5]),
            fp[[1, 0, 1, 0]],
        ),
        (normal(2, 3), above_one(2), normal(2)),
    ),
    Case(
        "interp with values beyond",
        lambda x: np.interp(x, [0.0, 1.0], [2.0, 5.0], left=-1.0, right=7.0) * x,
        lambda x: torch.where(x < 0, -1.0, torch.where(x > 1, 7.0, 2 + 3 * x)) * x,
        (normal(2, 3),),
    ),
    Case(
        "interp with a period",
        lambda x, fp: np.interp(x, [0.0, 0.5, 1.0], fp, period=1.5),
        lambda x, fp: _torch_interp(x % 1.5, torch.arange(4, dtype=x.dtype) / 2, torch.cat([fp, fp[:1]])),
        (normal(2, 3), normal(3)),
    ),
]

# Matrices ----------------------------------------------------------------------------------------------------


def regular(*shape: int) -> Operand:
    """Matrices far from singular."""
    return Operand(shape, lambda rng, shape: rng.normal(size=shape) + 3 * np.eye(shape[-1]))


def _positive_definite(xp: Any) -> Callable[[Any], Any]:
    """A Hermitian positive definite matrix made of any matrix."""
    return lambda x: x @ xp.conj(x).mT + (np.eye(3) if xp is np else torch.eye(3, dtype=x.dtype))


VECTOR_ORDERS = [None, 2, 1, 3, 2.5, 0.5, -1, np.inf, -np.inf]
MATRIX_ORDERS = ["fro", 1, -1, np.inf, -np.inf]

MATRICES = [
    Case("inv", np.linalg.inv, torch.linalg.inv, (regular(3, 3),)),
    Case("inv of a stack", np.linalg.inv, torch.linalg.inv, (regular(2, 2, 2),)),
    Case("solve for a vector", np.linalg.solve, torch.linalg.solve, (regular(3, 3), normal(3))),
    Case("solve for a matrix", np.linalg.solve, torch.linalg.solve, (regular(3, 3), normal(3, 2))),
    Case("solve for stacks", np.linalg.solve, torch.linalg.solve, (regular(2, 1, 2, 2), normal(3, 2, 2))),
    Case("pinv of a tall matrix", np.linalg.pinv, torch.linalg.pinv, (normal(4, 2),)),
    Case("pinv of wide matrices", np.linalg.pinv, torch.linalg.pinv, (normal(2, 2, 3),)),
    Case(
        "matrix_power",
        lambda x: np.linalg.matrix_power(x, 5),
        lambda x: torch.linalg.matrix_power(x, 5),
        (inside(3, 3),),
    ),
    Case(
        "matrix_power -2",
        lambda x: np.linalg.matrix_power(x, -2),
        lambda x: torch.linalg.matrix_power(x, -2),
        (regular(2, 2, 2),),
    ),
    Case("det", np.linalg.det, torch.linalg.det, (regular(3, 3),)),
    Case("det of a stack", np.linalg.det, torch.linalg.det, (regular(2, 3, 3),)),
    Case(
        "slogdet",
        lambda x: np.linalg.slogdet(x).logabsdet,
        lambda x: torch.linalg.slogdet(x).logabsdet,
        (normal(2, 3, 3),),
    ),
    Case(
        "slogdet with its sign",
        lambda x: np.multiply(*np.linalg.slogdet(x)),
        lambda x: torch.mul(*torch.linalg.slogdet(x)),
        (normal(3, 3),),
    ),
    Case(
        "cholesky",
        lambda x: np.linalg.cholesky(_positive_definite(np)(x)),
        lambda x: torch.linalg.cholesky(_positive_definite(torch)(x)),
        (normal(2, 3, 3),),
    ),
    Case(
        "cholesky upper",
        lambda x: np.linalg.cholesky(_positive_definite(np)(x), upper=True),
        lambda x: torch.linalg.cholesky(_positive_definite(torch)(x), upper=True),
        (normal(3, 3),),
    ),
    Case(
        "multi_dot",
        lambda x, y, z: np.linalg.multi_dot([x, y, z]),
        lambda x, y, z: torch.linalg.multi_dot([x, y, z]),
        (normal(3), normal(3, 2), normal(2, 2)),
    ),
    Case("kron", np.kron, torch.kron, (normal(2, 3), normal(3, 2))),
    Case("kron of a vector and a matrix", np.kron, torch.kron, (normal(2), normal(3, 2))),
    Case("cross", np.cross, torch.linalg.cross, (normal(2, 3), normal(2, 3))),
    Case(
        "cross along other axes",
        lambda x, y: np.cross(x, y, axisa=0, axisc=0),
        lambda x, y: torch.linalg.cross(x.T, y.expand(2, 3)).T,
        (normal(3, 2), normal(3)),
    ),
    Case("diag of a vector", lambda x: np.diag(x, k=1), lambda x: torch.diag(x, 1), (normal(3),)),
    Case("diag of a matrix", lambda x: np.diag(x, k=-1), lambda x: torch.diag(x, -1), (normal(3, 3),)),
    Case("diagflat", lambda x: np.diagflat(x, k=-1), lambda x: torch.diagflat(x, -1), (normal(2, 2),)),
    Case("linalg.diagonal", np.linalg.diagonal, lambda x: torch.diagonal(x, 0, -2, -1), (normal(2, 3, 3),)),
    Case("linalg.trace", np.linalg.trace, lambda x: torch.diagonal(x, 0, -2, -1).sum(-1), (normal(2, 3, 3),)),
    Case("tril", lambda x: np.tril(x, k=-1), lambda x: torch.tril(x, -1), (normal(2, 3, 4),)),
    Case("triu", lambda x: np.triu(x, k=1), lambda x: torch.triu(x, 1), (normal(4, 3),)),
    Case("norm of all entries", np.linalg.norm, torch.linalg.norm, (normal(2, 3, 2),)),
    Case(
        "vector_norm",
        lambda x: np.linalg.vector_norm(x, axis=(0, 1), ord=3),
        lambda x: torch.linalg.vector_norm(x, 3, (0, 1)),
        (apart(2, 3),),
    ),
    Case("matrix_norm", np.linalg.matrix_norm, torch.linalg.matrix_norm, (normal(2, 3, 3),)),
    Case(
        "cond",
        lambda x: np.linalg.cond(x, 1),
        lambda x: torch.linalg.norm(x, 1) * torch.linalg.norm(torch.linalg.inv(x), 1),
        (regular(3, 3),),
    ),
]
MATRICES += [
    Case(
        f"norm of vectors, order {order}",
        lambda x, order=order: np.linalg.norm(x, order, axis=1),
        lambda x, order=order: torch.linalg.vector_norm(x, 2 if order is None else order, 1),
        (apart(2, 3),),
    )
    for order in VECTOR_ORDERS
]
MATRICES += [
    Case(
        f"norm of matrices, order {order}, keepdims={keepdims}",
        lambda x, order=order, keepdims=keepdims: np.linalg.norm(x, order, (0, 2), keepdims),
        lambda x, order=order, keepdims=keepdims: torch.linalg.matrix_norm(x, order, (0, 2), keepdims),
        (apart(2, 2, 3),),
    )
    for order in MATRIX_ORDERS
    for keepdims in (False, True)
]

if hasattr(np, "matvec"):  # new in NumPy 2.2
    MATRICES += [
        Case("matvec", np.matvec, lambda x, y: torch.einsum("aij,aj->ai", x, y), (normal(2, 3, 2), normal(2, 2))),
        Case(
            "vecmat", np.vecmat, lambda x, y: torch.einsum("ai,ij->aj", torch.conj(x), y), (normal(2, 3), normal(3, 2))
        ),
    ]

# Arranging ---------------------------------------------------------------------------------------------------


def _torch_pick(x: torch.Tensor, function: Callable[..., np.ndarray], *args: Any, **kwargs: Any) -> torch.Tensor:
    """What a function that only arranges entries does, by where it puts their numbers."""
    numbers = function(np.arange(x.numel()).reshape(x.shape), *args, **kwargs)
    return x.flatten()[tensor(numbers)]


ARRANGED: dict[str, tuple[Any, Any, tuple[int, ...]]] = {
    "rot90": (np.rot90, {}, (2, 3)),
    "rot90 twice": (np.rot90, {"k": 2}, (2, 3)),
    "rot90 back, other axes": (np.rot90, {"k": -1, "axes": (0, 2)}, (2, 3, 2)),
    "rot90 not at all": (np.rot90, {"k": 4}, (2, 3)),
    "fliplr": (np.fliplr, {}, (2, 3)),
    "flipud": (np.flipud, {}, (2, 3)),
    "rollaxis": (np.rollaxis, {"axis": 2}, (2, 3, 2)),
    "rollaxis to another place": (np.rollaxis, {"axis": 0, "start": 2}, (2, 3, 2)),
    "resize": (np.resize, {"new_shape": (3, 3)}, (2, 2)),
    "atleast_3d": (np.atleast_3d, {}, (2, 3)),
    "atleast_3d of a vector": (np.atleast_3d, {}, (3,)),
    "sliding_window_view": (np.lib.stride_tricks.sliding_window_view, {"window_shape": 3, "axis": 1}, (2, 5)),
    "sliding_window_view of two axes": (np.lib.stride_tricks.sliding_window_view, {"window_shape": (2, 2)}, (3, 4)),
    "delete": (np.delete, {"obj": [0, 2], "axis": 1}, (2, 4)),
}

ARRANGING = [
    Case(
        name,
        lambda x, f=f, options=options: f(x, **options),
        lambda x, f=f, options=options: _torch_pick(x, f, **options),
        (normal(*shape),),
    )
    for name, (f, options, shape) in ARRANGED.items()
]
ARRANGING += [
    Case(
        "compress",
        lambda x: np.compress([True, False, True], x, axis=0),
        lambda x: x[[0, 2]],
        (normal(3, 2),),
    ),
    Case("extract", lambda x: np.extract(WHERE, x), lambda x: x[tensor(WHERE)], (normal(2, 3),)),
    Case(
        "column_stack",
        lambda x, y: np.column_stack([x, y]),
        lambda x, y: torch.column_stack([x, y]),
        (normal(3), normal(3, 2)),
    ),
    Case("dstack", lambda x, y: np.dstack([x, y]), lambda x, y: torch.dstack([x, y]), (normal(2, 3), normal(2, 3))),
    Case("append", lambda x, y: np.append(x, y), lambda x, y: torch.cat([x.flatten(), y]), (normal(2, 2), normal(3))),
    Case(
        "append axis=1",
        lambda x, y: np.append(x, y, axis=1),
        lambda x, y: torch.cat([x, y], 1),
        (normal(2, 2), normal(2, 1)),
    ),
    Case(
        "block",
        lambda x, y: np.block([[x, np.zeros((2, 1))], [y, 1.0]]),
        lambda x, y: torch.cat([torch.cat([x, x.new_zeros(2, 1)], 1), torch.cat([y, y.new_ones(1)])[None]]),
        (normal(2, 2), normal(2)),
    ),
    Case("vsplit", lambda x: np.vsplit(x, 2)[1], lambda x: torch.vsplit(x, 2)[1], (normal(4, 2),)),
    Case("hsplit", lambda x: np.hsplit(x, [1])[1], lambda x: torch.hsplit(x, [1])[1], (normal(2, 3),)),
    Case("hsplit of a vector", lambda x: np.hsplit(x, 2)[0], lambda x: torch.hsplit(x, 2)[0], (normal(4),)),
    Case("dsplit", lambda x: np.dsplit(x, 2)[0], lambda x: torch.dsplit(x, 2)[0], (normal(1, 2, 2),)),
    Case("unstack", lambda x: np.unstack(x, axis=1)[2], lambda x: x[:, 2], (normal(2, 3),)),
    Case(
        "meshgrid",
        lambda x, y: np.multiply(*np.meshgrid(x, y)),
        lambda x, y: torch.mul(*torch.meshgrid(x, y, indexing="xy")),
        (normal(2), normal(3)),
    ),
    Case(
        "meshgrid of three, by matrix indices",
        lambda x, y: np.meshgrid(x, y, x, indexing="ij")[1] * x,
        lambda x, y: torch.meshgrid(x, y, x, indexing="ij")[1] * x,
        (normal(2), normal(3)),
    ),
    Case(
        "choose",
        lambda x, y: np.choose([[0, 1, 0], [1, 1, 0]], [x, y]),
        lambda x, y: torch.where(torch.tensor([[True, False, True], [False, False, True]]), x, y),
        (normal(2, 3), normal(3)),
    ),
    Case(
        "select",
        lambda x: np.select([x < -0.5, x < 0.5], [x**2, 3 * x], default=1.0),
        lambda x: torch.where(x < -0.5, x**2, torch.where(x < 0.5, 3 * x, 1.0)),
        (apart(2, 3),),
    ),
    Case(
        "piecewise",
        lambda x: np.piecewise(x, [x < 0, x > 1], [lambda t: -(t**2), np.sin, 2.0]),
        lambda x: torch.where(x < 0, -(x**2), torch.where(x > 1, torch.sin(x), 2.0)),
        (apart(2, 3),),
    ),
]

NUMPY_ELEMENTWISE = [
    Case(name, f, g, (dx(2, 3), dy(2, 3)))
    for name, f, g, dx, dy in [
        ("fmax", np.fmax, torch.fmax, normal, normal),
        ("fmin", np.fmin, torch.fmin, normal, normal),
        ("fmod", np.fmod, torch.fmod, normal, far_from_zero),
        ("copysign", np.copysign, torch.copysign, far_from_zero, far_from_zero),
        ("nextafter", np.nextafter, lambda x, y: x + (torch.nextafter(x, y) - x).detach(), normal, normal),
        ("logaddexp2", np.logaddexp2, _torch_logaddexp2, normal, normal),
        ("heaviside", lambda x, h: np.heaviside(x, h) * x, lambda x, h: torch.where(x > 0, x, 0 * h), apart, normal),
    ]
]
"""Those that act entry by entry."""

NUMPY_CASES = [*UFUNCS, *REDUCTIONS, *SORTING, *CALCULUS, *MATRICES, *ARRANGING]
"""The others."""
