"""Tensors among arguments and results, and their values in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from chainrule.errors import RecordingError
from chainrule.node import at_line

__all__ = ["as_list", "is_floating", "is_inexact", "mapped", "numpy_dtype", "plain", "same_memory", "tensors_in"]


def plain(t: torch.Tensor) -> Any:
    """The value of a tensor in NumPy. It may share the tensor's memory."""
    if t.dtype is torch.bfloat16:
        raise RecordingError("NumPy has no bfloat16; convert the network with model.float(), or .double()" + at_line())
    return t.detach().resolve_conj().resolve_neg().cpu().numpy()


def tensors_in(x: Any) -> Iterator[torch.Tensor]:
    """The tensors among the arguments or the results of an operator."""
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, tuple | list):
        for part in x:
            yield from tensors_in(part)
    elif isinstance(x, dict):
        yield from tensors_in(tuple(x.values()))


def mapped(change: Callable[[Any], Any], x: Any) -> Any:
    if isinstance(x, tuple | list):
        return type(x)(mapped(change, part) for part in x)
    return {k: mapped(change, v) for k, v in x.items()} if isinstance(x, dict) else change(x)


def is_inexact(t: torch.Tensor) -> bool:
    return t.dtype.is_floating_point or t.dtype.is_complex


def as_list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple | list) else [x]


def same_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    return b.numel() > 0 and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def numpy_dtype(dtype: torch.dtype) -> Any:
    return plain(torch.empty(0, dtype=dtype)).dtype


def is_floating(x: Any) -> bool:
    """Whether x is a tensor of real or complex floating numbers."""
    return isinstance(x, torch.Tensor) and (x.dtype.is_floating_point or x.dtype.is_complex)
