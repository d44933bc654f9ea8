"""Functions of NumPy as steps of PyTorch: a `torch.autograd.Function` that `torch.func` takes too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from chainrule.errors import Unreachable
from chainrule.in_numpy import NumpyFunction
from chainrule.layout import for_pytorch

__all__ = ["call"]

HALF = (torch.float16, torch.bfloat16)
"""Dtypes in which NumPy and SciPy have no functions of their own: they compute in single precision."""


def call(f: NumpyFunction, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """f(*tensors), differentiable by PyTorch."""
    for x in tensors:
        if x.device.type != "cpu":
            raise Unreachable(f"NumPy can, but the tensor is on the device {x.device}: give it x.cpu()")
    return _Step.apply(f, *tensors)


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(f: NumpyFunction, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        floating = [x.dtype for x in tensors if x.is_floating_point() or x.is_complex()]
        return tuple(_tensor(z, floating) for z in f(*map(_array, tensors)))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.f, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.inexact = [z.is_floating_point() or z.is_complex() for z in output]
        ctx.mark_non_differentiable(*(z for z, inexact in zip(output, ctx.inexact, strict=True) if not inexact))

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        tensors = ctx.saved_tensors
        wanted = [i for i in range(len(tensors)) if ctx.needs_input_grad[i + 1]]
        dz = [g for g, inexact in zip(cotangents, ctx.inexact, strict=True) if inexact]
        gradients: list[Any] = [None] * len(tensors)
        for i, g in zip(wanted, _Step.apply(ctx.f.pulled(wanted, len(tensors)), *tensors, *dz), strict=True):
            gradients[i] = g
        return None, *gradients

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: torch.Tensor | None) -> Any:
        tensors = ctx.saved_tensors
        moved = [i for i, t in enumerate(tangents) if t is not None]
        found = iter(_Step.apply(ctx.f.pushed(moved, len(tensors)), *tensors, *(tangents[i] for i in moved)))
        return tuple(next(found) if inexact else None for inexact in ctx.inexact)

    @staticmethod
    def vmap(info: Any, in_dims: Any, f: NumpyFunction, *tensors: torch.Tensor) -> Any:
        """One call for each sample."""
        samples = []
        for k in range(info.batch_size):
            one = (x if d is None else x.select(d, k) for x, d in zip(tensors, in_dims[1:], strict=True))
            samples.append(_Step.apply(f, *one))
        results = tuple(torch.stack(parts) for parts in zip(*samples, strict=True))
        return results, (0,) * len(results)


def _array(x: torch.Tensor) -> np.ndarray:
    """A tensor as NumPy's array, with its memory where it can be."""
    x = x.detach().resolve_conj().resolve_neg()
    array = (x.float() if x.dtype in HALF else x).numpy()
    array.flags.writeable = False
    return array


def _tensor(z: Any, floating: list[torch.dtype]) -> torch.Tensor:
    """A result as a tensor, in the precision of the floating operands."""
    made = torch.tensor(for_pytorch(np.asarray(z)))
    if not floating or not (made.is_floating_point() or made.is_complex()):
        return made
    precision = floating[0]
    for other in floating[1:]:
        precision = torch.promote_types(precision, other)
    if made.is_complex() and not precision.is_complex:
        precision = torch.promote_types(precision, torch.complex64)
    return made.to(precision if made.is_complex() or not precision.is_complex else precision.to_real())
