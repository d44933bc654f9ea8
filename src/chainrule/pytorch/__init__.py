"""Networks of PyTorch: a function of tensors, recorded as a function of NumPy arrays.

PyTorch is not imported until a user who has imported it asks for a network.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from chainrule.libraries import is_inexact
from chainrule.trees import flatten
from chainrule.watching.names import variables_read

__all__ = ["function_call", "network_of"]


def network_of(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call f(*args, **kwargs) as a `Network`, if it is one of PyTorch, else None.

    It is a network if f is a module, a method of one, or reads one from outside; or if an argument holds a tensor,
    unless f is NumPy code; or if f reads a tensor from outside and no argument is a floating array.
    """
    torch = sys.modules.get("torch")
    if torch is None or not _concerns(torch, f, flatten((args, kwargs))[0]):
        return None
    from chainrule.pytorch.network import Network

    return Network(f, args, kwargs)


def function_call(f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """The call of a `torch.autograd.Function`, if f is one or its `apply`, else None. Arrays are given as tensors."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    from chainrule.pytorch.functions import AutogradCall, function_of

    function = function_of(f)
    if function is None:
        return None
    given = [torch.as_tensor(x) if is_inexact(x) and hasattr(x, "shape") else x for x in args]
    return AutogradCall.of(function, given, lambda x: isinstance(x, torch.Tensor) and x.dtype.is_floating_point)


def _is_for_numpy(f: Any) -> bool:
    """Whether a function, with those that it calls, reads names of NumPy, SciPy or chainrule and none of PyTorch."""
    roots: set[str] = set()
    seen: set[int] = set()
    queue = [f]
    while queue and len(seen) < 1000:
        g = inspect.unwrap(queue.pop())
        if id(g) in seen:
            continue
        seen.add(id(g))
        for x in variables_read(getattr(g, "__func__", g)).values():
            library = str(getattr(x, "__module__", None) or getattr(x, "__name__", "")).partition(".")[0]
            roots.add(library)
            if callable(x) and library not in _OF_NUMPY:
                queue.append(x)
    return bool(roots & _OF_NUMPY) and "torch" not in roots


_OF_NUMPY = {"numpy", "scipy", "chainrule"}


def _concerns(torch: Any, f: Any, leaves: list[Any]) -> bool:
    read = [f, getattr(f, "__self__", None), *variables_read(f).values()]
    if any(isinstance(value, torch.nn.Module) for value in read):
        return True
    if any(isinstance(leaf, torch.Tensor) for leaf in leaves):
        return not _is_for_numpy(f)
    return not any(is_inexact(leaf) for leaf in leaves) and any(isinstance(value, torch.Tensor) for value in read)
