"""One step of a loop, run by NumPy: computes the results of a loop while it is recorded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.bodies import Body
from chainrule.compile.failures import CannotRoll
from chainrule.libraries import NUMPY_NAMESPACE, PYTHON, numpys
from chainrule.node import Node, value_of_operand

__all__ = ["LoopStep"]


class LoopStep:
    """The body of a loop as a Python function on NumPy arrays, generated as source text.

    `is_first` if no step was recorded by itself: where a value overflows, its gradient is unknown.
    """

    def __init__(self, body: Body, is_first: bool = False):
        self.scope: dict[str, Any] = {"xp": NUMPY_NAMESPACE}
        self.names: dict[Node, str] = {}
        nodes = [x for part in body.inputs for x in part]
        for node in (*nodes, *body.graph.nodes):
            self.names[node] = f"v{len(self.names)}"
        lines = [f"def step({', '.join(self.names[x] for x in nodes)}):"]
        lines += [f"    {name} = {name}.item() if hasattr({name}, 'item') else {name}" for name in self._python(nodes)]
        for node in body.graph.nodes:
            taken = ", ".join(["xp", *map(self._name, node.inputs)])
            lines.append(f"    {self.names[node]} = {self._known(_rule(node))}({taken})")
            if is_first and node.block.flat_at_infinity:
                lines.append(f"    {self._known(_require_finite)}({self.names[node]})")
        lines.append(f"    return [{', '.join(self._name(x) for part in body.outputs for x in part)}]")
        exec("\n".join(lines), self.scope)

    def _python(self, nodes: Sequence[Node]) -> list[str]:
        """The names of the inputs that are Python's numbers."""
        return [self.names[x] for x in nodes if type(x.value) in PYTHON]

    def _known(self, x: Any) -> str:
        name = f"c{len(self.scope)}"
        self.scope[name] = x
        return name

    def _name(self, x: Any) -> str:
        return self.names[x] if type(x) is Node and x in self.names else self._known(value_of_operand(x))

    def __call__(self, *given: Sequence[Any]) -> list[Any]:
        made: list[Any] = self.scope["step"](*(x for part in given for x in part))
        return made


def _require_finite(z: Any) -> None:
    if np.isinf(z).any():
        raise CannotRoll("a value overflows")


def _rule(node: Node) -> Callable[..., Any]:
    """The forward rule of a step with its parameters. Python's numbers raise where NumPy's are infinite."""
    forward = functools.partial(node.block.forward, **node.params) if node.params else node.block.forward
    if not all(type(value_of_operand(x)) in PYTHON for x in node.inputs):
        return forward

    def of_numbers(xp: Any, *taken: Any) -> Any:
        try:
            return forward(xp, *taken)
        except (ZeroDivisionError, OverflowError):
            return forward(xp, *map(numpys, taken))

    return of_numbers
