"""Whether a rule gives PyTorch's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from chainrule.array import Array, node_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.pytorch.rules import call_rule
from chainrule.pytorch.tensors import as_list, mapped, numpy_dtype, plain

__all__ = ["agrees", "agrees_in_double", "report_difference"]


def agrees(made: Any, t: torch.Tensor) -> bool:
    """Whether a rule gives PyTorch's numbers, except where PyTorch overflows, since a stable form may not."""
    ours, theirs = np.asarray(node_of(made).value if type(made) is Array else made), np.asarray(plain(t))
    if ours.shape != theirs.shape:
        return False
    known = np.isfinite(theirs)
    ours, theirs = ours[known], theirs[known]
    if theirs.size == 0 or theirs.dtype.kind not in "fc":
        return True
    allowed = np.finfo(theirs.dtype).eps ** 0.5 * max(np.max(np.abs(theirs)), 1.0)  # beyond rounding, below a mistake
    return bool(np.max(np.abs(ours - theirs)) <= allowed)


def agrees_in_double(rule: Any, func: Any, args: Any, kwargs: Any) -> bool:
    """Whether both agree in double precision on PyTorch's operands, so that only rounding differed.

    If a variance is nearly zero, say, single precision leaves few digits.
    """
    wide = {torch.float16: torch.float64, torch.float32: torch.float64}

    def widened(x: Any) -> Any:
        if isinstance(x, torch.dtype):
            return wide.get(x, x)
        return x.to(wide.get(x.dtype, x.dtype)) if isinstance(x, torch.Tensor) else x

    def lowered(x: Any) -> Any:
        return plain(x) if isinstance(x, torch.Tensor) else numpy_dtype(x) if isinstance(x, torch.dtype) else x

    args, kwargs = mapped(widened, args), mapped(widened, kwargs)
    theirs = func(*args, **kwargs)
    ours = call_rule(rule, lowered, args, kwargs, theirs)
    return all(made is None or agrees(made, t) for t, made in zip(as_list(theirs), as_list(ours), strict=True))


def report_difference(func: Any, pairs: Sequence[tuple[torch.Tensor, Array]]) -> None:
    for t, made in pairs:
        if made.shape != tuple(t.shape):
            what = f"chainrule gives {func} the shape {made.shape}, PyTorch {tuple(t.shape)}"
            raise RecordingError(f"{what}; please report this" + at_line())
    difference = max(np.max(np.abs(node_of(made).value - plain(t)), initial=0.0) for t, made in pairs)
    raise RecordingError(
        f"chainrule's {func} differs from PyTorch's by up to {difference:.2g}; please report this" + at_line()
    )
