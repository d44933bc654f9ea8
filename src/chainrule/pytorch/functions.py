"""Calls of a `torch.autograd.Function`, whose backward pass the user wrote: each call becomes one block.

The rule of that block runs the forward pass again in PyTorch, whose autograd calls the user's `backward`. So the block
has derivatives of every order that `backward` supports.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes

from chainrule.array import Array
from chainrule.block.own import OwnBlock
from chainrule.errors import RecordingError
from chainrule.in_numpy.from_torch import pulled
from chainrule.node import Line, at_line, hide_file
from chainrule.pytorch.tensors import is_floating

__all__ = ["CALLS", "AutogradCall", "block_of_tensors", "calls_of_functions", "function_of"]

hide_file(__file__)

Run = Callable[..., Any]


def function_of(f: Any) -> type | None:
    """The Function, if f is one or its `apply`."""
    if isinstance(f, type) and issubclass(f, torch.autograd.Function):
        return f
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, torch.autograd.Function) and f.__name__ == "apply":
        return owner
    return None


_HERE = "an operand"
"""Stands for a tensor with a gradient among the arguments of a call."""


@dataclass(frozen=True, eq=False)
class AutogradCall:
    """One call `Function.apply(*args)`.

    Attributes
    ----------
    args : its arguments, with `_HERE` in the places of the operands.
    names : the names of the operands in `forward`.
    values : their values.
    random : the state of the random generator before the call.
    line : the line that called it.
    """

    function: Any
    args: tuple[Any, ...]
    names: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    random: torch.Tensor = field(default_factory=torch.get_rng_state)
    line: Line | None = None

    @classmethod
    def of(cls, function: Any, args: Sequence[Any], is_operand: Callable[[Any], bool]) -> AutogradCall:
        """The call; the arguments for which `is_operand` is true are its operands."""
        names = _argument_names(function, len(args))
        chosen = [i for i, x in enumerate(args) if is_operand(x)]
        return cls(
            function,
            tuple(
                _HERE if i in chosen else x.detach() if isinstance(x, torch.Tensor) else x for i, x in enumerate(args)
            ),
            tuple(names[i] for i in chosen),
            tuple(args[i].detach().cpu().numpy().copy() for i in chosen),
        )

    @property
    def name(self) -> str:
        return str(self.function.__name__)

    def apply(self, *tensors: torch.Tensor) -> Any:
        """The floating results, one tensor or a tuple of them, for these operands."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random)
            return _floating(self.function.apply(*self._filled(tensors)))

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The same by the forward pass alone, without its `backward`."""
        args = self._filled(tensors)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.random)
            forward = getattr(self.function.forward, "own", self.function.forward)  # not the replacement that records
            return _floating(forward(*args) if _has_setup(self.function) else forward(_Context(), *args))

    def backward(self, cotangents: Sequence[torch.Tensor], *tensors: torch.Tensor) -> tuple[Any, ...]:
        """What the user's `backward` returns for the operands, called on its own."""
        operands = [t.detach().requires_grad_() for t in tensors]
        with torch.enable_grad():
            whole = self.function.apply(*self._filled(operands))
        results = list(whole) if isinstance(whole, tuple) else [whole]
        given = iter(cotangents)
        context = next(t.grad_fn for t in results if isinstance(t, torch.Tensor) and t.grad_fn is not None)
        told = self.function.backward(
            context, *(next(given) if is_floating(t) else torch.zeros_like(t) for t in results)
        )
        told = told if isinstance(told, tuple) else (told,)
        return tuple(g for g, x in zip(told, self.args, strict=False) if x is _HERE)

    def _filled(self, tensors: Sequence[Any]) -> list[Any]:
        new = iter(tensors)
        return [next(new) if x is _HERE else x for x in self.args]

    def tensors(self) -> list[torch.Tensor]:
        """The operands."""
        return [torch.from_numpy(x.copy()) for x in self.values]

    def block(self) -> OwnBlock:
        """The call as a block of its operands."""
        return block_of_tensors(self.apply, self.name, self.names)

    def backward_block(self, results: int) -> OwnBlock:
        """Its gradient as a block of the operands and ∂L/∂result."""
        pulled_run, labels = _gradient_of(self.apply, self.names, results)
        return block_of_tensors(pulled_run, f"{self.name}_backward", labels)


class _Context:
    """Takes what a forward pass saves."""

    needs_input_grad: tuple[bool, ...] = (True,) * 100

    def save_for_backward(self, *tensors: Any) -> None: ...

    def save_for_forward(self, *tensors: Any) -> None: ...

    def mark_dirty(self, *tensors: Any) -> None: ...

    def mark_non_differentiable(self, *tensors: Any) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


def _has_setup(function: Any) -> bool:
    return function.setup_context is not torch.autograd.Function.setup_context


def _argument_names(function: Any, count: int) -> list[str]:
    names = [p.name for p in inspect.signature(function.forward).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    names = names if _has_setup(function) else names[1:]
    return [*names[:count], *(f"x{i}" for i in range(len(names), count))]


def _floating(result: Any) -> Any:
    if isinstance(result, torch.Tensor):
        return result
    found = tuple(t for t in result if is_floating(t))
    return found[0] if len(found) == 1 else found


# As blocks ------------------------------------------------------------------------------------------------------------


def block_of_tensors(run: Run, name: str, names: Sequence[str]) -> OwnBlock:
    """A function of tensors as a block, whose rule is that of PyTorch's autograd."""

    def value(*operands: Any) -> Any:
        if any(type(x) is Array for x in operands):
            raise RecordingError(f"PyTorch computes {name}, which chainrule cannot look into" + at_line())
        with _disable_current_modes(), torch.no_grad():
            return _numpys(run(*map(_tensor, operands)))

    value.__name__ = value.__qualname__ = name
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names]
    value.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    made = OwnBlock(value)

    @made.backward
    def rule(dz: Any, z: Any, *operands: Any) -> Any:
        cotangents = dz if isinstance(dz, tuple) else (dz,)
        pulled_run, labels = _gradient_of(run, names, len(cotangents))
        given = (*operands, *cotangents)
        if any(type(x) is Array for x in given):
            return block_of_tensors(pulled_run, f"{name}_backward", labels)(*given)
        with _disable_current_modes():
            return _numpys(pulled_run(*map(_tensor, given)))

    return made


def _gradient_of(run: Run, names: Sequence[str], results: int) -> tuple[Run, list[str]]:
    """The function of the operands and ∂L/∂result that gives the gradients of the operands; names of its arguments."""
    count = len(names)
    gradients = pulled(lambda *operands: _as_tuple(run(*operands)), range(count), range(results), count)

    def pulled_run(*given: torch.Tensor) -> Any:
        found = gradients(*given)
        return found[0] if len(found) == 1 else found

    return pulled_run, [*names, *(f"dz{i}" if results > 1 else "dz" for i in range(results))]


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _tensor(x: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(x))


def _numpys(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(t.detach().cpu().numpy() for t in result)
    return result.detach().cpu().numpy()[()]


# While a network runs -------------------------------------------------------------------------------------------------


CALLS: ContextVar[Callable[[Any, Sequence[Any], Callable[[], Any]], Any] | None] = ContextVar("CALLS", default=None)
"""In this thread, `called(function, args, run)` replaces each call of a Function's forward."""


@contextlib.contextmanager
def calls_of_functions(called: Callable[[Any, Sequence[Any], Callable[[], Any]], Any]) -> Iterator[None]:
    """Inside, the forward pass of each of the user's Functions is given to `called`.

    `Function.apply` may be kept under another name, so it is `forward` that is replaced, which PyTorch looks up.
    """
    functions = [f for f in _all_below(torch.autograd.Function) if not f.__module__.startswith("torch.")]
    replaced = [(function, vars(function).get("forward"), function.forward) for function in functions]
    for function, _, forward in replaced:  # each class itself, since a class may have inherited it
        function.forward = staticmethod(_replaced(function, forward))
    token = CALLS.set(called)
    try:
        yield
    finally:
        CALLS.reset(token)
        for function, own, _ in replaced:
            if own is None:
                del function.forward
            else:
                function.forward = own


def _replaced(function: Any, forward: Any) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        called = CALLS.get()
        if called is None or kwargs:
            return forward(*args, **kwargs)
        rest = args if _has_setup(function) else args[1:]
        return called(function, rest, lambda: forward(*args))

    run.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    run.own = forward  # type: ignore[attr-defined]
    return run


def _all_below(kind: Any) -> list[Any]:
    return [found for below in kind.__subclasses__() for found in (below, *_all_below(below))]
