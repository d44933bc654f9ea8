"""The modules of a network while it runs: their names, a scope for each use, and their buffers, restored afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.modules import module as hooks

from chainrule.watching.scopes import scope

__all__ = ["CallsOfFunctions", "Modules", "captured_modules"]


class Modules:
    """Names of modules and parameters.

    Parameters
    ----------
    known : the modules that a function reads, by variable; the names of their parameters begin with the variable
        unless there is only one module.
    """

    def __init__(self, known: dict[str, torch.nn.Module]):
        self._variables = {id(module): name for name, module in known.items()}
        self._inside: dict[int, dict[int, str]] = {}  # the paths of the modules inside each module
        self._open: list[tuple[torch.nn.Module, str, contextlib.ExitStack]] = []
        self._root: Any = None
        self._buffers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.parameters: dict[int, tuple[str, torch.Tensor]] = {}
        for name, module in known.items():
            self._learn(module, "" if len(known) == 1 else f"{name}.")

    def _learn(self, module: torch.nn.Module, prefix: str) -> None:
        for name, parameter in module.named_parameters():
            self.parameters.setdefault(id(parameter), (prefix + name, parameter))

    def path(self) -> str:
        """The dotted path of the running module; "" outside of all."""
        return self._open[-1][1] if self._open else ""

    @contextlib.contextmanager
    def watched(self, root: Any = None) -> Iterator[None]:
        """Context in which every use of a module but the root is a scope; all buffers are restored at its end."""
        self._root = root
        handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            for *_, scopes in self._open:
                scopes.close()
            self._open.clear()
            with torch.no_grad():
                for buffer, before in self._buffers.values():
                    buffer.copy_(before)
            self._buffers.clear()

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        name, path = self._name(module)
        scopes = contextlib.ExitStack()
        kind = type(module).__name__
        if module is not self._root:
            scopes.enter_context(scope(f"{name}: {kind}" if name else kind, "module"))
        self._open.append((module, path, scopes))

    def _leave(self, module: torch.nn.Module, args: Any, result: Any) -> None:
        while self._open:
            last, _, scopes = self._open.pop()
            scopes.close()
            if last is module:
                break

    def _name(self, module: torch.nn.Module) -> tuple[str, str]:
        """The name of a module inside the running one, and its whole path."""
        for outer, path, _ in reversed(self._open):
            if name := self._paths(outer).get(id(module)):
                return name, f"{path}.{name}" if path else name
        for buffer in module.buffers():
            self._buffers.setdefault(id(buffer), (buffer, buffer.clone()))
        if id(module) in self._variables:
            name = self._variables[id(module)]
            return name, "" if len(self._variables) == 1 else name
        self._learn(module, f"{type(module).__name__}.")
        return "", type(module).__name__

    def _paths(self, module: torch.nn.Module) -> dict[int, str]:
        if id(module) not in self._inside:
            self._inside[id(module)] = {id(inner): path for path, inner in module.named_modules()}
        return self._inside[id(module)]


class CallsOfFunctions:
    """Passes calls of functions on to scopes, except for `forward`, where the module is the scope."""

    def __init__(self, scopes: Any):
        self._scopes = scopes
        self.leave = scopes.leave

    def enter(self, frame: Any) -> int | None:
        is_forward = frame.f_code.co_name == "forward" and isinstance(frame.f_locals.get("self"), torch.nn.Module)
        return None if is_forward else self._scopes.enter(frame)


def captured_modules(values: dict[str, Any]) -> dict[str, torch.nn.Module]:
    """The modules among the variables that a function reads."""
    return {name: value for name, value in values.items() if isinstance(value, torch.nn.Module)}
