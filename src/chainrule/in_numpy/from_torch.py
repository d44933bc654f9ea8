"""Functions of PyTorch's tensors, called with NumPy's arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from chainrule.errors import BlockError
from chainrule.layout import for_pytorch
from chainrule.node import at_line

__all__ = ["pulled", "steady", "theirs", "value"]


def theirs(x: Any) -> Any:
    """An array or a number of NumPy's as a tensor, which shares its memory; a tensor unchanged."""
    return torch.from_dlpack(for_pytorch(x)) if isinstance(x, np.ndarray | np.generic) else x


def steady(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, which draws the same random numbers whenever it is called: a gradient is of the mask that the value had."""
    states: list[torch.Tensor] = []

    @functools.wraps(f)
    def called(*operands: Any) -> Any:
        with torch.inference_mode(False):
            if not states:
                states.append(torch.get_rng_state())
                return f(*operands)
            with torch.random.fork_rng():
                torch.set_rng_state(states[0])
                return f(*operands)

    return called


def value(f: Callable[..., Any], operands: Sequence[Any], constants: Sequence[Any]) -> tuple[Any, ...]:
    """f(*operands), as NumPy's arrays if the operands are."""
    with torch.inference_mode(False):
        tensors = [theirs(x) if hasattr(x, "dtype") else torch.tensor(x, dtype=torch.float64) for x in operands]
    versions = [t._version for t in tensors]
    results = f(*tensors)
    if [t._version for t in tensors] != versions:
        raise BlockError("a function given to from_torch writes into its argument; give it x.clone()" + at_line())
    if any(isinstance(x, torch.Tensor) for x in operands):
        return tuple(results)
    return tuple(_ours(z) for z in results)


def _ours(z: Any) -> Any:
    if not isinstance(z, torch.Tensor):
        return z
    return z.detach().resolve_conj().resolve_neg().cpu().numpy()[()]


def pulled(f: Callable[..., Any], places: Sequence[int], chosen: Sequence[int], count: int) -> Callable[..., Any]:
    """The gradients of some of f's `count` operands, from the operands and the cotangents of the chosen results."""

    def gradients(*given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        further = any(x.requires_grad for x in given)  # then this is differentiated again
        operands = list(given[:count])
        with torch.inference_mode(False), torch.enable_grad():
            for i in places:
                operands[i] = operands[i] if operands[i].requires_grad else operands[i].detach().requires_grad_()
            results = f(*operands)
            pairs = [(results[i], dz) for i, dz in zip(chosen, given[count:], strict=True) if results[i].requires_grad]
            inputs = [operands[i] for i in places]
            if not pairs:
                return tuple(torch.zeros_like(x) for x in inputs)
            outputs, seeds = zip(*pairs, strict=True)
            return torch.autograd.grad(
                outputs, inputs, seeds, create_graph=further, allow_unused=True, materialize_grads=True
            )

    return gradients
