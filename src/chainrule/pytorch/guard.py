"""Refuses calls that would silently lose a gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from chainrule.array import node_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.pytorch.recorder import Recorder
from chainrule.pytorch.tensors import tensors_in

__all__ = ["GradientGuard"]


REFUSED: dict[Any, str] = {
    torch.Tensor.numpy: "x.numpy() leaves PyTorch, and would lose the gradient; write x.detach().numpy() if it may",
    torch.Tensor.__array__: "np.asarray(x) leaves PyTorch, and would lose the gradient; write x.detach() if it may",
    torch.Tensor.register_hook: "a hook on a tensor changes its gradient unseen; leave it out of what is explained",
    torch.Tensor.backward: "x.backward() inside what is explained; return the loss instead",
    torch.autograd.grad: "torch.autograd.grad inside what is explained; return the loss instead",
    torch.autograd.backward: "torch.autograd.backward inside what is explained; return the loss instead",
}


class GradientGuard(TorchFunctionMode):
    """Refuses calls that PyTorch refuses for tensors that require a gradient, and calls that change gradients."""

    def __init__(self, recorder: Recorder):
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.retain_grad:
            return None  # every gradient is kept
        if func in REFUSED:
            handles = [self._recorder.handle_of(t) for t in tensors_in(args)]
            if any(h is not None and node_of(h).differentiable for h in handles):
                raise RecordingError(REFUSED[func] + at_line())
        return func(*args, **(kwargs or {}))
