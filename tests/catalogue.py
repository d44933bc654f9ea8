"""The catalogue: one case for each way in which a block, or a function of NumPy that blocks answer for, can be called.

A case says how a user writes it, what PyTorch calls the same thing, and from which domain its operands come. Everything
that must hold of every block is tested over this table, so a new block needs one line here and no new test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import chainrule as cr
from cases import Case, tensor
from catalogue_fourier import FOURIER_CASES
from catalogue_linalg import LINALG_CASES
from catalogue_networks import NETWORK_CASES
from catalogue_numpy import NUMPY_CASES, NUMPY_ELEMENTWISE
from catalogue_padding import PADDING_CASES
from catalogue_polynomials import POLYNOMIAL_CASES
from catalogue_special import SPECIAL_CASES, SPECIAL_ELEMENTWISE
from catalogue_statistics import STATISTICS_CASES
from catalogue_ufunc_methods import UFUNC_METHOD_CASES
from catalogue_writing import WRITING_CASES
from chainrule.blocks.complex_numbers import complex_of
from chainrule.blocks.indexing.entries import add_at
from chainrule.domains import above_one, apart, far_from_zero, inside, normal, positive, probabilities

F = torch.nn.functional

# Elementwise -------------------------------------------------------------------------------------------------

UNARY = {
    "negative": (np.negative, torch.neg, normal),
    "positive": (np.positive, torch.positive, normal),
    "reciprocal": (np.reciprocal, torch.reciprocal, far_from_zero),
    "square": (np.square, torch.square, normal),
    "exp": (np.exp, torch.exp, normal),
    "exp2": (np.exp2, torch.exp2, normal),
    "expm1": (np.expm1, torch.expm1, normal),
    "log": (np.log, torch.log, positive),
    "log2": (np.log2, torch.log2, positive),
    "log10": (np.log10, torch.log10, positive),
    "log1p": (np.log1p, torch.log1p, positive),
    "sqrt": (np.sqrt, torch.sqrt, positive),
    "cbrt": (np.cbrt, lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3), far_from_zero),
    "sin": (np.sin, torch.sin, normal),
    "cos": (np.cos, torch.cos, normal),
    "tan": (np.tan, torch.tan, inside),
    "arcsin": (np.arcsin, torch.arcsin, inside),
    "arccos": (np.arccos, torch.arccos, inside),
    "arctan": (np.arctan, torch.arctan, normal),
    "sinh": (np.sinh, torch.sinh, normal),
    "cosh": (np.cosh, torch.cosh, normal),
    "tanh": (np.tanh, torch.tanh, normal),
    "arcsinh": (np.arcsinh, torch.arcsinh, normal),
    "arccosh": (np.arccosh, torch.arccosh, above_one),
    "arctanh": (np.arctanh, torch.arctanh, inside),
    "deg2rad": (np.deg2rad, torch.deg2rad, normal),
    "rad2deg": (np.rad2deg, torch.rad2deg, normal),
    "sinc": (np.sinc, torch.sinc, far_from_zero),
    "absolute": (np.abs, torch.abs, far_from_zero),
    "relu": (cr.relu, F.relu, far_from_zero),
    "sigmoid": (cr.sigmoid, torch.sigmoid, normal),
    "softplus": (cr.softplus, F.softplus, normal),
}
"""Functions of one array: NumPy's or ours, PyTorch's, and the domain."""

BINARY = {
    "add": (np.add, torch.add, normal, normal),
    "subtract": (np.subtract, torch.sub, normal, normal),
    "multiply": (np.multiply, torch.mul, normal, normal),
    "divide": (np.divide, torch.div, normal, far_from_zero),
    "power": (np.power, torch.pow, positive, normal),
    "remainder": (np.remainder, torch.remainder, normal, positive),
    "logaddexp": (np.logaddexp, torch.logaddexp, normal, normal),
    "hypot": (np.hypot, torch.hypot, far_from_zero, far_from_zero),
    "arctan2": (np.arctan2, torch.arctan2, far_from_zero, far_from_zero),
    "maximum": (np.maximum, torch.maximum, normal, normal),
    "minimum": (np.minimum, torch.minimum, normal, normal),
}
"""Functions of two arrays that broadcast against each other."""

ELEMENTWISE = [Case(name, f, g, (domain(2, 3),)) for name, (f, g, domain) in UNARY.items()]
ELEMENTWISE += [Case(name, f, g, (dx(2, 3), dy(2, 3))) for name, (f, g, dx, dy) in BINARY.items()]
ELEMENTWISE += NUMPY_ELEMENTWISE + SPECIAL_ELEMENTWISE

MASK = np.array([[True, False, True], [False, False, True]])

COMPLEX_PARTS = [
    Case("conj", lambda x: np.imag(np.conj(x * 1j) * x), lambda x: torch.imag(torch.conj(x * 1j) * x), (normal(2, 3),)),
    Case("real", lambda x: np.real(np.exp(1j * x)), lambda x: torch.real(torch.exp(1j * x)), (normal(2, 3),)),
    Case("imag", lambda x: np.imag(np.exp(1j * x)), lambda x: torch.imag(torch.exp(1j * x)), (normal(2, 3),)),
    Case(
        "complex_of",
        lambda x, y: np.imag(complex_of(x, y) ** 3),
        lambda x, y: torch.imag((x + 1j * y) ** 3),
        (normal(2, 3), normal(2, 3)),
    ),
    Case("angle", lambda x: np.angle(x + 1j), lambda x: torch.angle(x + 1j), (normal(2, 3),)),
    Case(
        "sign of a complex number",
        lambda x: abs(np.sign(x + 1j) - 2),
        lambda x: abs(torch.sgn(x + 1j) - 2),
        (normal(2, 3),),
    ),
]

SELECTION = [
    Case(
        "where",
        lambda x, y: np.where(MASK, x, y),
        lambda x, y: torch.where(tensor(MASK), x, y),
        (normal(2, 3), normal(3)),
    ),
    Case(
        "where of a comparison", lambda x: np.where(x > 0, x, 0.0), lambda x: torch.where(x > 0, x, 0.0), (apart(2, 3),)
    ),
    Case("clip", lambda x: np.clip(x, -1.0, 1.0), lambda x: torch.clamp(x, -1.0, 1.0), (apart(2, 4),)),
    Case("clip from below", lambda x: np.clip(x, 0.1, None), lambda x: torch.clamp(x, min=0.1), (apart(2, 4),)),
    Case(
        "clip from above",
        lambda x: np.clip(x, a_min=None, a_max=0.1),
        lambda x: torch.clamp(x, max=0.1),
        (apart(2, 4),),
    ),
    Case(
        "clip by arrays",
        np.clip,
        lambda x, a, b: torch.maximum(torch.minimum(x, b), a),
        (normal(4, 5), inside(5), above_one(4, 1)),
    ),
    Case("power by a number", lambda x: x**3, lambda x: x**3, (normal(2, 3),)),
    Case("power by a fraction", lambda x: x**-0.5, lambda x: x**-0.5, (positive(2, 3),)),
    Case("power of a number", lambda x: 2.0**x, lambda x: 2.0**x, (normal(2, 3),)),
    Case(
        "operators",
        lambda x, y: -(1 - x) / (y * 2 + 3) + abs(x) % 2,
        lambda x, y: -(1 - x) / (y * 2 + 3) + abs(x) % 2,
        (apart(3), inside(3)),
    ),
]

# Reductions --------------------------------------------------------------------------------------------------

AXES = [None, 1, -1, (0, 2), (-1, 0, 1)]


def _dims(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def _torch_prod(x: torch.Tensor, dim: tuple[int, ...], keepdim: bool) -> torch.Tensor:
    for d in dim:
        x = torch.prod(x, dim=d, keepdim=True)
    return x if keepdim else torch.squeeze(x, dim)


REDUCTION = {
    "sum": (np.sum, torch.sum, normal),
    "mean": (np.mean, torch.mean, normal),
    "prod": (np.prod, _torch_prod, normal),
    "max": (np.max, torch.amax, apart),
    "min": (np.min, torch.amin, apart),
    "var": (np.var, lambda x, dim, keepdim: torch.var(x, dim, correction=0, keepdim=keepdim), normal),
    "std": (np.std, lambda x, dim, keepdim: torch.std(x, dim, correction=0, keepdim=keepdim), normal),
    "logsumexp": (cr.logsumexp, torch.logsumexp, normal),
}
"""Functions that reduce along axes: NumPy's or ours, PyTorch's, and the domain."""


def _reduction(name: str, axis: Any, keepdims: bool) -> Case:
    f, g, domain = REDUCTION[name]
    return Case(
        f"{name} axis={axis} keepdims={keepdims}",
        lambda x: f(x, axis=axis, keepdims=keepdims),
        lambda x: g(x, dim=_dims(axis, x.ndim), keepdim=keepdims),
        (domain(2, 3, 2),),
    )


REDUCTIONS = [_reduction(*key) for key in itertools.product(REDUCTION, AXES, [False, True])]
REDUCTIONS += [
    Case("var ddof=1", lambda x: np.var(x, axis=0, ddof=1), lambda x: torch.var(x, 0, correction=1), (normal(4, 2),)),
    Case("std ddof=1", lambda x: np.std(x, ddof=1), lambda x: torch.std(x, correction=1), (normal(4, 2),)),
    Case("sum method", lambda x: x.sum(0), lambda x: x.sum(0), (normal(3, 2),)),
    Case("add.reduce", lambda x: np.add.reduce(x), lambda x: x.sum(0), (normal(3, 2),)),
    Case("cumsum", np.cumsum, lambda x: torch.cumsum(x.flatten(), 0), (normal(2, 3),)),
    Case("cumsum axis=0", lambda x: np.cumsum(x, axis=0), lambda x: torch.cumsum(x, 0), (normal(3, 2),)),
    Case("cumsum axis=-2", lambda x: np.cumsum(x, axis=-2), lambda x: torch.cumsum(x, -2), (normal(2, 3, 2),)),
]

# Linear algebra ----------------------------------------------------------------------------------------------

MATMUL_SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((2, 3, 2), (2, 4)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 3), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((3,), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 1)),
    ((1, 2, 3), (2, 3, 2)),
]

EINSUM = [
    ("i,i", (3,), (3,)),
    ("ij,jk->ik", (2, 3), (3, 2)),
    ("ij,jk", (2, 3), (3, 2)),
    ("ba,ca", (2, 3), (2, 3)),
    ("ij->ji", (2, 3)),
    ("ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (2, 2, 3)),
    ("iji->ij", (2, 3, 2)),
    ("iii->i", (2, 2, 2)),
    ("ii,ij->j", (2, 2), (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,j->", (2,), (3,)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
    ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (2, 3, 2)),
    ("...i,...i", (2, 3), (2, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("...i->i...", (2, 1, 3)),
    ("i...,i...->...", (3, 1), (3, 2)),
    (",ij->ij", (), (2, 3)),
]


def _trace_of(offset: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: torch.diagonal(x, offset).sum(-1)


LINALG = [Case(f"matmul {a} {b}", lambda x, y: x @ y, torch.matmul, (normal(*a), normal(*b))) for a, b in MATMUL_SHAPES]
LINALG += [
    Case(
        f"einsum {subscripts} {shapes}",
        lambda *xs, subscripts=subscripts: np.einsum(subscripts, *xs),
        lambda *xs, subscripts=subscripts: torch.einsum(subscripts, *xs),
        tuple(normal(*shape) for shape in shapes),
    )
    for subscripts, *shapes in EINSUM
]
LINALG += [
    Case("dot of vectors", np.dot, torch.dot, (normal(3), normal(3))),
    Case("dot of matrices", np.dot, torch.matmul, (normal(2, 3), normal(3, 2))),
    Case("dot of a matrix and a vector", lambda x, y: x.dot(y), torch.mv, (normal(2, 3), normal(3))),
    Case("dot of a number and a matrix", np.dot, torch.mul, (normal(), normal(2, 3))),
    Case("dot of stacks", np.dot, lambda x, y: torch.tensordot(x, y, ([-1], [-2])), (normal(2, 2, 3), normal(2, 3, 2))),
    Case(
        "dot of a vector and a stack",
        np.dot,
        lambda x, y: torch.tensordot(x, y, ([-1], [-2])),
        (normal(3), normal(2, 3, 2)),
    ),
    Case("inner of vectors", np.inner, torch.inner, (normal(3), normal(3))),
    Case("inner of matrices", np.inner, torch.inner, (normal(2, 3), normal(2, 3))),
    Case("inner of a matrix and a vector", np.inner, torch.inner, (normal(2, 3), normal(3))),
    Case("inner of a vector and a matrix", np.inner, torch.inner, (normal(3), normal(2, 3))),
    Case("inner of stacks", np.inner, torch.inner, (normal(2, 2, 3), normal(2, 3))),
    Case("outer of vectors", np.outer, torch.outer, (normal(3), normal(2))),
    Case("outer of matrices", np.outer, lambda x, y: torch.outer(x.ravel(), y.ravel()), (normal(2, 2), normal(3, 1))),
    Case("vdot", np.vdot, lambda x, y: torch.vdot(x.ravel(), y.ravel()), (normal(2, 3), normal(2, 3))),
    Case("vecdot", np.vecdot, torch.linalg.vecdot, (normal(2, 3), normal(2, 3))),
    Case("tensordot", np.tensordot, torch.tensordot, (normal(2, 2, 3), normal(2, 3, 2))),
    Case(
        "tensordot axes=1",
        lambda x, y: np.tensordot(x, y, 1),
        lambda x, y: torch.tensordot(x, y, 1),
        (normal(2, 3), normal(3, 2)),
    ),
    Case(
        "tensordot axes=0",
        lambda x, y: np.tensordot(x, y, 0),
        lambda x, y: torch.tensordot(x, y, 0),
        (normal(2), normal(3)),
    ),
    Case(
        "tensordot over named axes",
        lambda x, y: np.tensordot(x, y, axes=([0, 2], [-1, 0])),
        lambda x, y: torch.tensordot(x, y, ([0, 2], [-1, 0])),
        (normal(2, 2, 3), normal(3, 2, 2)),
    ),
    Case("trace", np.trace, torch.trace, (normal(3, 3),)),
    Case("trace of another diagonal", lambda x: np.trace(x, offset=1), _trace_of(1), (normal(3, 4),)),
]

# Shaping -----------------------------------------------------------------------------------------------------

SHAPING = [
    Case("reshape", lambda x: np.reshape(x, (3, -1)), lambda x: x.reshape(3, -1), (normal(2, 3, 2),)),
    Case("reshape method", lambda x: x.reshape(6, 2), lambda x: x.reshape(6, 2), (normal(2, 3, 2),)),
    Case("reshape order=F", lambda x: np.reshape(x, (3, 2), order="F"), lambda x: x.T.reshape(2, 3).T, (normal(2, 3),)),
    Case(
        "reshape of a vector order=F",
        lambda x: np.reshape(x, (2, 3), order="F"),
        lambda x: x.reshape(3, 2).T,
        (normal(6),),
    ),
    Case("ravel", np.ravel, torch.ravel, (normal(2, 3),)),
    Case("ravel order=F", lambda x: np.ravel(x, order="F"), lambda x: x.T.ravel(), (normal(2, 3),)),
    Case("flatten", lambda x: x.flatten(), torch.flatten, (normal(2, 3),)),
    Case("transpose", np.transpose, lambda x: x.permute(2, 1, 0), (normal(2, 3, 2),)),
    Case("transpose by axes", lambda x: np.transpose(x, (1, -1, 0)), lambda x: x.permute(1, 2, 0), (normal(2, 3, 2),)),
    Case("T", lambda x: x.T, lambda x: x.T, (normal(2, 3),)),
    Case("mT", lambda x: x.mT, lambda x: x.mT, (normal(2, 3, 2),)),
    Case("swapaxes", lambda x: np.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), (normal(2, 3, 2),)),
    Case("moveaxis", lambda x: np.moveaxis(x, 0, -1), lambda x: torch.movedim(x, 0, -1), (normal(2, 3, 2),)),
    Case(
        "moveaxis of a range",
        lambda x: np.moveaxis(x, range(2), range(1, 3)),
        lambda x: torch.movedim(x, (0, 1), (1, 2)),
        (normal(2, 3, 2),),
    ),
    Case(
        "moveaxis of two",
        lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
        lambda x: torch.movedim(x, (0, 1), (-1, 0)),
        (normal(2, 3, 2),),
    ),
    Case("squeeze", np.squeeze, torch.squeeze, (normal(1, 3, 1),)),
    Case("squeeze axis=-1", lambda x: np.squeeze(x, axis=-1), lambda x: x.squeeze(-1), (normal(1, 3, 1),)),
    Case("expand_dims", lambda x: np.expand_dims(x, (0, -1)), lambda x: x[None, ..., None], (normal(2, 3),)),
    Case("atleast_1d", np.atleast_1d, torch.atleast_1d, (normal(),)),
    Case("atleast_2d", np.atleast_2d, torch.atleast_2d, (normal(3),)),
    Case("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 2)), lambda x: x.broadcast_to(2, 3, 2), (normal(3, 1),)),
    Case("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y)[0] * y, torch.mul, (normal(3, 1), normal(2))),
    Case(
        "concatenate", lambda x, y: np.concatenate([x, y]), lambda x, y: torch.cat([x, y]), (normal(2, 3), normal(1, 3))
    ),
    Case(
        "concatenate axis=-1",
        lambda x, y: np.concatenate([x, y, x], axis=-1),
        lambda x, y: torch.cat([x, y, x], -1),
        (normal(2, 1), normal(2, 3)),
    ),
    Case(
        "concatenate axis=None",
        lambda x, y: np.concatenate([x, y], axis=None),
        lambda x, y: torch.cat([x.ravel(), y]),
        (normal(2, 2), normal(3)),
    ),
    Case(
        "concatenate with a constant",
        lambda x: np.concatenate([x, [1.0, 2.0]]),
        lambda x: torch.cat([x, x.new_tensor([1.0, 2.0])]),
        (normal(3),),
    ),
    Case("stack", lambda x, y: np.stack([x, y]), lambda x, y: torch.stack([x, y]), (normal(2, 3), normal(2, 3))),
    Case(
        "stack axis=1",
        lambda x, y: np.stack([x, y], axis=1),
        lambda x, y: torch.stack([x, y], 1),
        (normal(2, 3), normal(2, 3)),
    ),
    Case(
        "stack axis=-1",
        lambda x, y: np.stack([x, y], axis=-1),
        lambda x, y: torch.stack([x, y], -1),
        (normal(2, 3), normal(2, 3)),
    ),
    Case(
        "stack of numbers", lambda x, y: np.stack([x, y, x]), lambda x, y: torch.stack([x, y, x]), (normal(), normal())
    ),
    Case(
        "stack with a constant",
        lambda x: np.stack([np.ones(3), x]),
        lambda x: torch.stack([torch.ones_like(x), x]),
        (normal(3),),
    ),
    Case("vstack", lambda x, y: np.vstack([x, y]), lambda x, y: torch.vstack([x, y]), (normal(3), normal(2, 3))),
    Case("hstack", lambda x, y: np.hstack([x, y]), lambda x, y: torch.hstack([x, y]), (normal(2, 3), normal(2, 1))),
    Case(
        "hstack of vectors", lambda x, y: np.hstack([x, y]), lambda x, y: torch.hstack([x, y]), (normal(3), normal(2))
    ),
    Case("split", lambda x: np.split(x, 3)[1], lambda x: torch.tensor_split(x, 3)[1], (normal(6, 2),)),
    Case(
        "split axis=-1",
        lambda x: np.split(x, [1, 3], axis=-1)[1],
        lambda x: torch.tensor_split(x, [1, 3], -1)[1],
        (normal(2, 4),),
    ),
    Case("split at crossing places", lambda x: np.split(x, [3, 1])[2], lambda x: x[1:], (normal(4),)),
    Case("array_split", lambda x: np.array_split(x, 3)[0], lambda x: torch.tensor_split(x, 3)[0], (normal(5, 2),)),
    Case("flip", np.flip, lambda x: torch.flip(x, (0, 1)), (normal(2, 3),)),
    Case("flip axis=0", lambda x: np.flip(x, axis=0), lambda x: torch.flip(x, (0,)), (normal(2, 3),)),
    Case("flip of two axes", lambda x: np.flip(x, axis=(0, -1)), lambda x: torch.flip(x, (0, -1)), (normal(2, 3, 2),)),
    Case("roll", lambda x: np.roll(x, 2), lambda x: torch.roll(x, 2), (normal(2, 3),)),
    Case("roll axis=0", lambda x: np.roll(x, -1, axis=0), lambda x: torch.roll(x, -1, 0), (normal(3, 2),)),
    Case(
        "roll of two axes",
        lambda x: np.roll(x, (1, 2), axis=(0, 1)),
        lambda x: torch.roll(x, (1, 2), (0, 1)),
        (normal(2, 3),),
    ),
    Case(
        "roll twice along an axis",
        lambda x: np.roll(x, 1, axis=(1, 1)),
        lambda x: torch.roll(x, (1, 1), (1, 1)),
        (normal(2, 3),),
    ),
    Case("tile", lambda x: np.tile(x, 2), lambda x: torch.tile(x, (2,)), (normal(2, 3),)),
    Case("tile along new axes", lambda x: np.tile(x, (2, 1, 2)), lambda x: torch.tile(x, (2, 1, 2)), (normal(2, 3),)),
    Case("tile of a number", lambda x: np.tile(x, (2, 2)), lambda x: torch.tile(x, (2, 2)), (normal(),)),
    Case("repeat", lambda x: np.repeat(x, 2), lambda x: torch.repeat_interleave(x, 2), (normal(2, 3),)),
    Case(
        "repeat with counts",
        lambda x: np.repeat(x, [1, 0, 2], axis=-1),
        lambda x: torch.repeat_interleave(x, torch.tensor([1, 0, 2]), -1),
        (normal(2, 3),),
    ),
    Case("cast", lambda x: np.astype(x, np.float64), lambda x: x.double(), (normal(2, 3),)),
    Case("astype method", lambda x: x.astype(np.float64), lambda x: x.double(), (normal(2, 3),)),
    Case("copy", lambda x: x.copy() * x, torch.square, (normal(2, 3),)),
    Case("full_like", lambda x, y: np.full_like(x, y) * x, lambda x, y: y * x, (normal(2, 3), normal())),
]

# Indexing ----------------------------------------------------------------------------------------------------

KEYS = {
    "an integer": 1,
    "a negative integer": -1,
    "all integers": (1, 0, -1),
    "a slice": slice(1, None),
    "a slice with a step": (slice(None), slice(None, None, 2)),
    "a slice backwards": (slice(None, None, -1), slice(2, None, -2)),
    "an ellipsis": (..., 0),
    "an ellipsis in the middle": (0, ..., 1),
    "newaxis": (None, 0, slice(None), None),
    "an empty tuple": (),
    "integers": [1, 0, 1],
    "integers of two axes": np.array([[1, 0], [1, 1]]),
    "negative integers": np.array([-1, 0]),
    "integers side by side": ([0, 1, 1], [2, 0, 0]),
    "integers, each entry once": ([1, 0], slice(None), [1, 0]),
    "integers that broadcast": (np.array([[0], [1]]), np.array([2, 0])),
    "integers at the end": (..., [1, 1, 0]),
    "integers apart": ([0, 1, 1], slice(None), [1, 0, 0]),
    "an integer and integers apart": (0, slice(None), [1, 0, 0]),
    "integers and a slice": (slice(1, None), [2, 0, 2]),
    "integers and newaxis": ([0, 1], None, [2, 0]),
    "integers, newaxis and a slice": (None, [0, 1], slice(1, None), None, 0),
    "a mask": np.arange(12).reshape(2, 3, 2) % 3 == 0,
    "a mask of the first axes": MASK,
    "a mask of one axis": (slice(None), np.array([True, False, True])),
    "a mask and integers": (np.array([True, True]), [2, 0]),
    "a mask of nothing": np.zeros((2, 3), bool),
    "no integers": np.array([], int),
}


def _torch_index(x: torch.Tensor, key: Any) -> torch.Tensor:
    """x[key] for every key that NumPy knows, by the flat positions that NumPy picks."""
    positions = np.arange(x.numel()).reshape(x.shape)[key]
    return x.flatten()[tensor(positions)]


def _torch_write(x: torch.Tensor, new: torch.Tensor, key: Any) -> torch.Tensor:
    positions = np.arange(x.numel()).reshape(x.shape)[key]
    flat = x.flatten().clone()
    flat[tensor(positions)] = new
    return flat.reshape(x.shape)


def _write(x: Any, new: Any, key: Any) -> Any:
    x = x.copy()
    x[key] = new
    return x


WRITE_KEYS = [
    "an integer",
    "a slice with a step",
    "a slice backwards",
    "newaxis",
    "integers, each entry once",
    "a mask",
    "negative integers",
]

INDEXING = [
    Case(f"getitem: {name}", lambda x, key=key: x[key], lambda x, key=key: _torch_index(x, key), (normal(2, 3, 2),))
    for name, key in KEYS.items()
]
INDEXING += [
    Case(
        f"set_at: {name}",
        lambda x, new, key=KEYS[name]: _write(x, new, key),
        lambda x, new, key=KEYS[name]: _torch_write(x, new, key),
        (normal(2, 3, 2), normal(*np.empty((2, 3, 2))[KEYS[name]].shape)),
    )
    for name in WRITE_KEYS
]
INDEXING += [
    Case(
        "set_at: a number everywhere", lambda x, v: _write(x, v, ...), lambda x, v: x * 0 + v, (normal(2, 3), normal())
    ),
    Case(
        "add_at",
        lambda v: add_at(v, key=(np.array([0, 2, 0]),), shape=(4,)),
        lambda v: v.new_zeros(4).index_add(0, torch.tensor([0, 2, 0]), v),
        (normal(3),),
    ),
    Case(
        "add_at: a slice",
        lambda v: add_at(v, key=(slice(1, 3), slice(None)), shape=(4, 2)),
        lambda v: F.pad(v, (0, 0, 1, 1)),
        (normal(2, 2),),
    ),
    Case("take", lambda x: np.take(x, [5, 0, 5]), lambda x: torch.take(x, torch.tensor([5, 0, 5])), (normal(2, 3),)),
    Case(
        "take axis=-1",
        lambda x: np.take(x, np.array([[2, 0], [2, 2]]), axis=-1),
        lambda x: x[:, torch.tensor([[2, 0], [2, 2]])],
        (normal(2, 3),),
    ),
    Case(
        "take_along_axis",
        lambda x: np.take_along_axis(x, np.array([[2, 0], [1, 1]]), axis=1),
        lambda x: torch.take_along_dim(x, torch.tensor([[2, 0], [1, 1]]), 1),
        (normal(2, 3),),
    ),
    Case(
        "take_along_axis with indices that broadcast",
        lambda x: np.take_along_axis(x, np.array([[2, 0]]), axis=1),
        lambda x: torch.take_along_dim(x, torch.tensor([[2, 0]]), 1),
        (normal(2, 3),),
    ),
    Case("diagonal", np.diagonal, torch.diagonal, (normal(3, 3),)),
    Case(
        "diagonal of other axes",
        lambda x: np.diagonal(x, offset=-1, axis1=2, axis2=0),
        lambda x: torch.diagonal(x, -1, 2, 0),
        (normal(2, 2, 3),),
    ),
    Case("sort", np.sort, lambda x: torch.sort(x, dim=-1).values, (apart(2, 4),)),
    Case("sort axis=0", lambda x: np.sort(x, axis=0), lambda x: torch.sort(x, dim=0).values, (apart(4, 2),)),
    Case("sort axis=None", lambda x: np.sort(x, axis=None), lambda x: torch.sort(x.flatten()).values, (apart(2, 3),)),
    Case("sort by argsort", lambda x: x[np.argsort(x)], lambda x: x[torch.argsort(x)], (apart(5),)),
    Case(
        "iteration",
        lambda x: sum((i + 1) * row for i, row in enumerate(x)),
        lambda x: x[0] + 2 * x[1] + 3 * x[2],
        (normal(3, 2),),
    ),
]

# Neural networks ---------------------------------------------------------------------------------------------

LABELS = np.array([2, 0, 1, 2])


def _torch_hinge(s: torch.Tensor, label: Any) -> torch.Tensor:
    """The multiclass hinge loss from its definition (PyTorch divides its own by the number of classes)."""
    t = F.relu(s - s.gather(-1, label[..., None]) + 1)
    return t.sum(-1) - 1


NETWORKS = [
    Case("softmax", cr.softmax, lambda s: torch.softmax(s, -1), (normal(2, 3),)),
    Case("softmax axis=0", lambda s: cr.softmax(s, axis=0), lambda s: torch.softmax(s, 0), (normal(2, 3),)),
    Case(
        "softmax of two axes",
        lambda s: cr.softmax(s, axis=(0, 1)),
        lambda s: torch.softmax(s.flatten(), 0).reshape(s.shape),
        (normal(2, 3),),
    ),
    Case("log_softmax", cr.log_softmax, lambda s: torch.log_softmax(s, -1), (normal(2, 3),)),
    Case("log_softmax axis=0", lambda s: cr.log_softmax(s, axis=0), lambda s: torch.log_softmax(s, 0), (normal(2, 3),)),
    Case("cross_entropy_loss", lambda p: cr.cross_entropy_loss(p, 1), lambda p: -torch.log(p[1]), (probabilities(3),)),
    Case(
        "cross_entropy_loss of rows",
        lambda p: cr.cross_entropy_loss(p, LABELS),
        lambda p: F.nll_loss(torch.log(p), tensor(LABELS), reduction="none"),
        (probabilities(4, 3),),
    ),
    Case(
        "softmax_cross_entropy",
        lambda s: cr.softmax_cross_entropy(s, 1),
        lambda s: F.cross_entropy(s, torch.tensor(1)),
        (normal(3),),
    ),
    Case(
        "softmax_cross_entropy of rows",
        lambda s: cr.softmax_cross_entropy(s, LABELS),
        lambda s: F.cross_entropy(s, tensor(LABELS), reduction="none"),
        (normal(4, 3),),
    ),
    Case("hinge_loss", lambda s: cr.hinge_loss(s, 1), lambda s: _torch_hinge(s, torch.tensor(1)), (normal(3),)),
    Case(
        "hinge_loss of rows",
        lambda s: cr.hinge_loss(s, LABELS),
        lambda s: _torch_hinge(s, tensor(LABELS)),
        (normal(4, 3),),
    ),
    Case("mean_squared_error", cr.mean_squared_error, F.mse_loss, (normal(2, 3), normal(2, 3))),
    Case(
        "mean_squared_error that broadcasts",
        cr.mean_squared_error,
        lambda x, y: torch.mean((x - y) ** 2),
        (normal(2, 3), normal(3)),
    ),
]

CASES = [
    *ELEMENTWISE,
    *COMPLEX_PARTS,
    *SELECTION,
    *REDUCTIONS,
    *LINALG,
    *SHAPING,
    *INDEXING,
    *NETWORKS,
    *NETWORK_CASES,
    *NUMPY_CASES,
    *FOURIER_CASES,
    *PADDING_CASES,
    *STATISTICS_CASES,
    *POLYNOMIAL_CASES,
    *UFUNC_METHOD_CASES,
    *WRITING_CASES,
    *LINALG_CASES,
    *SPECIAL_CASES,
]
"""All cases."""

STEPS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in [
        *(np.sign, np.floor, np.ceil, np.trunc, np.rint, np.round),
        *(np.isfinite, np.isinf, np.isnan, np.signbit, np.logical_not),
        *(np.argmax, np.argmin, np.any, np.all, np.count_nonzero),
    ]
} | {"astype(int)": lambda x: np.astype(x, int)}
"""Functions of one array whose gradient is zero wherever it exists."""

COMPARISONS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in [
        *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
        *(np.floor_divide, np.logical_and, np.logical_or, np.logical_xor),
    ]
}
"""The same, of two arrays."""
