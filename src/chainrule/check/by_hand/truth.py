"""The right gradients of all values that a function has computed, by the names of the user's variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.backward import Path, backpropagate, pulled
from chainrule.check.by_hand.names import named_by
from chainrule.check.by_hand.returned import last_name
from chainrule.check.by_hand.watched import watch_frames
from chainrule.check.parts import largest
from chainrule.libraries import is_inexact
from chainrule.node import Node
from chainrule.recording import Recording

__all__ = ["NamedValues", "Truth", "broadcasts_to"]


LARGE = 1_000_000
"""Larger arrays are not looked up by their values."""


class RecordedOrigin(NamedTuple):
    """A recorded array, its gradient, or the part of the gradient that comes through a step."""

    node: Node
    kind: str
    step: Node | None = None


class NamedValues:
    """The recorded values that the variables of a running function have held, by name, oldest first.

    Attributes
    ----------
    of : the values of each name.
    first : the first name of each value.
    code : the file and the first line of every function that ran.
    functions : their names.
    """

    def __init__(self, revealed: Callable[[Any], Any] = lambda x: x) -> None:
        self.of: dict[str, list[Node]] = {}
        self.first: dict[Node, str] = {}
        self.code: set[tuple[str, int]] = set()
        self.functions: set[str] = set()
        self._revealed = revealed
        self._seen: set[tuple[str, Node]] = set()

    def watched(self) -> Any:
        """A context in which user code runs."""
        return watch_frames(self._enter)

    def _enter(self, frame: Any) -> Callable[[Any, str, Any], None]:
        self.code.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))
        self.functions.add(frame.f_code.co_name)
        return self._look

    def _look(self, frame: Any, event: str, argument: Any) -> None:
        for name, value in frame.f_locals.items():
            self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                if isinstance(key, str) and not isinstance(part, dict):
                    self._add(key, part)
        elif name == "self" and hasattr(value, "__dict__") and type(value) is not Array:
            for key, part in vars(value).items():
                if type(part) is Array:
                    self._add(key, part)
        else:
            value = self._revealed(value)
            if type(value) is Array:
                self.put(name, node_of(value))

    def put(self, name: str, node: Node) -> None:
        if (name, node) not in self._seen:
            self._seen.add((name, node))
            self.first.setdefault(node, name)
            self.of.setdefault(name, []).append(node)


class Truth:
    """The right values and gradients: what a recording says about each named value.

    Attributes
    ----------
    named : the nodes of each name, oldest first; only those that L depends on.
    nodes : the inputs and all steps that depend on them, oldest first; `places` has their positions.
    tolerance : differences up to this part of the largest entry count as rounding.
    code, functions : the file and the first line of every function of the forward pass, and their names.
    """

    def __init__(
        self, recording: Recording, seeds: Sequence[Any], labels: Sequence[str], named: NamedValues, tolerance: float
    ):
        self.tolerance = tolerance
        self.code, self.functions = named.code, named.functions
        self.inputs = recording.inputs
        self.path = recording.path
        self._seeds: dict[Node, Any] = {}
        for out, seed in zip(recording.outputs, seeds, strict=True):
            if type(out) is Array:
                node = node_of(out)
                self._seeds[node] = self._seeds[node] + seed if node in self._seeds else seed
        for label, node in zip(labels, self.inputs, strict=True):
            named.put(last_name(label), node)
        known = {*self.inputs, *self.path.between}
        self.named = {
            name: sorted((n for n in nodes if n in known), key=lambda n: n.order) for name, nodes in named.of.items()
        }
        self.named = {name: nodes for name, nodes in self.named.items() if nodes}
        self.places = {node: i for i, node in enumerate((*self.inputs, *self.path.between))}
        self.nodes = list(self.places)
        self._name = {node: name for node, name in named.first.items() if node in known}
        self._parts: dict[tuple[Node, Node], np.ndarray] = {}

    @cached_property
    def gradients(self) -> dict[Node, np.ndarray]:
        """∂L/∂node for each node."""
        found = backpropagate(self.path, dict(self._seeds), recorded=False)
        return {n: np.zeros(np.shape(n.value)) if g is None else np.array(value_of(g)) for n, g in found.items()}

    def name_of(self, node: Node) -> str:
        """The name of a value; without one, the name of the next named value made from it, or the name of its block."""
        if node in self._name:
            return self._name[node]
        following, first = self.users.get(node, []), node
        while len(following) == 1 and node not in self._name:
            node = following[0]
            following = self.users.get(node, [])
        if node in self._name and node not in self._seeds:
            return self._name[node]
        line = f" (line {first.line.number})" if first.line else ""
        return f"{first.block.name}{line}" if first.block is not None else "an argument"

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """The steps that take each node as an operand."""
        found: dict[Node, list[Node]] = {}
        for node in self.path.between:
            for operand in dict.fromkeys(i for i in node.inputs if type(i) is Node):
                if operand in self.places:
                    found.setdefault(operand, []).append(node)
        return found

    # Comparing ----------------------------------------------------------------------------------------------------

    def agrees(self, given: Any, right: Any, least: float | None = None) -> bool:
        """Whether a value is the right one, up to rounding and to axes of length 1."""
        a, b = np.squeeze(np.asarray(given)), np.squeeze(np.asarray(right))
        if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return False
        size = max(largest(a), largest(b), self._least if least is None else least)
        with np.errstate(all="ignore"):
            return bool(np.max(np.abs(a - b), initial=0.0, where=np.isfinite(a)) <= self.tolerance * size)

    def matches(self, given: np.ndarray) -> list[RecordedOrigin]:
        """The recorded arrays, gradients, and parts of gradients that equal a value."""
        given = np.squeeze(given)
        if given.size < 2 or given.shape not in self._pools or not np.all(np.isfinite(given)):
            return []
        origins, pool = self._pools[given.shape]
        axes = tuple(range(1, pool.ndim))
        off = np.max(np.abs(pool - given), axis=axes)
        near = off <= self.tolerance * np.maximum(np.max(np.abs(pool), axis=axes), largest(given))
        return [origin for origin, is_near in zip(origins, near, strict=True) if is_near]

    @cached_property
    def _pools(self) -> dict[tuple[int, ...], tuple[list[RecordedOrigin], np.ndarray]]:
        """All recorded arrays, gradients and parts of gradients, by shape."""
        arrays = [(RecordedOrigin(n, "value"), np.asarray(n.value)) for n in self.nodes if is_inexact(n.value)]
        arrays += [(RecordedOrigin(n, "gradient"), g) for n, g in self.gradients.items()]
        for node, steps in self.users.items():
            if 1 < len(steps) <= 8:
                arrays += [(RecordedOrigin(node, "through", step), self.part(node, step)) for step in steps]
        found: dict[tuple[int, ...], tuple[list[RecordedOrigin], list[np.ndarray]]] = {}
        for origin, x in arrays:
            if x.size <= LARGE and np.all(np.isfinite(x)):
                origins, several = found.setdefault(np.squeeze(x).shape, ([], []))
                origins.append(origin)
                several.append(np.squeeze(x))
        return {shape: (origins, np.stack(several)) for shape, (origins, several) in found.items()}

    @cached_property
    def _least(self) -> float:
        """Rounding errors up to this size are possible, because terms may cancel."""
        return 1e-6 * max(map(largest, self.gradients.values()), default=0.0)

    def factor(self, given: Any, right: Any) -> float | None:
        """The factor between a value and the right one; None if the value is not a multiple of it."""
        a, b = np.squeeze(np.asarray(given)), np.squeeze(np.asarray(right))
        square = float(np.sum(np.abs(b) ** 2))
        if a.shape != b.shape or not np.isfinite(square) or square == 0 or largest(b) <= self.tolerance * self._least:
            return None
        factor = float(np.real(np.sum(np.conj(b) * a))) / square
        factor = round(factor) if abs(factor - round(factor)) <= self.tolerance * abs(factor) else factor
        return factor if self.agrees(a, factor * b, 0.0) else None

    def is_multiple(self, given: np.ndarray, rights: Sequence[np.ndarray]) -> bool:
        """Whether a value is one of the right ones times (or divided by) a number that the function has a name for."""
        for right in rights:
            if self.agrees(given, right, 0.0):
                return True
            for _, v in self.named_arrays():
                fits = broadcasts_to(v, right) and np.any(v) and given.shape == right.shape
                if fits and (self.agrees(given * v, right, 0.0) or self.agrees(given, right * v, 0.0)):
                    return True
        return False

    @cached_property
    def with_names(self) -> set[Node]:
        """The nodes that have a name."""
        return set(self._name)

    def alike(self, node: Node) -> list[Node]:
        """The nodes with the same name, the one itself first."""
        name = self._name.get(node)
        return [node, *(n for n in self.named.get(name or "", ()) if n is not node)]

    def of_name(self, name: str) -> tuple[Node, str] | None:
        """The value (and its name) whose gradient a variable should be, according to the variable's name."""
        meant = named_by(name, self.named)
        if meant is None:
            return None
        nodes = self.named[meant]
        return next((n for n in nodes if n in self.inputs), nodes[-1]), meant

    # Parts of a gradient ------------------------------------------------------------------------------------------

    def pull_step(self, step: Node, dz: Any, target: Node) -> np.ndarray:
        """The gradient that one step passes to one of its operands, from dz."""
        wanted = [i is target for i in step.inputs]
        with np.errstate(all="ignore"):
            grads = pulled(step, np.asarray(dz, dtype=np.asarray(step.value).dtype)[()], wanted, recorded=False)
        total = np.zeros(np.shape(target.value))
        for g, want in zip(grads, wanted, strict=True):
            if want and g is not None:
                total = total + np.asarray(value_of(g))
        return total

    def parts(self, target: Node) -> dict[str, np.ndarray]:
        """The contributions to ∂L/∂target, by the names of the values that are computed from it."""
        found: dict[str, np.ndarray] = {}
        for step in self.users.get(target, []):
            part = self.part(target, step)
            name = self.name_of(step)
            found[name] = found[name] + part if name in found else part
        if target in self._seeds and found:
            found["the result itself"] = np.asarray(self._seeds[target])
        return found

    def part(self, target: Node, step: Node) -> np.ndarray:
        """The contribution of one step to ∂L/∂target."""
        if (target, step) not in self._parts:
            self._parts[target, step] = self.pull_step(step, self.gradients[step], target)
        return self._parts[target, step]

    def sums_of_parts(self, target: Node, factor: float = 1.0) -> list[np.ndarray]:
        """Possible values of ∂L/∂target before all contributions have been added: sums of some of them."""
        steps = self.users.get(target, [])
        parts = [factor * self.part(target, step) for step in steps]
        if target in self._seeds:
            parts.append(factor * np.asarray(self._seeds[target]))
        if len(parts) > 8:  # then only sums in the order of a loop
            return [*np.cumsum(parts, 0), *np.cumsum(parts[::-1], 0)]
        some = [[p for i, p in enumerate(parts) if chosen >> i & 1] for chosen in range(1, 2 ** len(parts))]
        return [np.sum(few, axis=0) for few in some]

    def part_through(self, target: Node, through: Node) -> np.ndarray:
        """The part of ∂L/∂target that comes through one value."""
        return self._pulled(target, {through: self.gradients[through]}, until=through)

    def without(self, target: Node, held: Sequence[Node]) -> np.ndarray:
        """∂L/∂target with some values held constant."""
        return self._pulled(target, dict(self._seeds), held=frozenset(held))

    def _pulled(
        self, target: Node, seeds: dict[Node, Any], until: Node | None = None, held: frozenset[Node] = frozenset()
    ) -> np.ndarray:
        last = self.places[until] if until is not None else len(self.places)
        depending = {target}
        between = []
        for node in self.path.between:
            if (
                self.places[node] <= last
                and node not in held
                and any(type(i) is Node and i in depending for i in node.inputs)
            ):
                depending.add(node)
                between.append(node)
        seeds = {node: np.array(seed) for node, seed in seeds.items() if node in depending}
        with np.errstate(all="ignore"):
            g = backpropagate(Path([target], between, False), seeds, recorded=False, between=False)[target]
        return np.zeros(np.shape(target.value)) if g is None else np.array(value_of(g))

    def between(self, target: Node) -> list[tuple[str, Node]]:
        """The named values that are computed from a value and that L depends on."""
        depending = {target}
        found = []
        for node in self.path.between:
            if any(type(i) is Node and i in depending for i in node.inputs):
                depending.add(node)
                if node in self._name and node not in self._seeds:
                    found.append((self._name[node], node))
        return found

    def named_arrays(self) -> list[tuple[str, np.ndarray]]:
        """The values of floating type that have names."""
        return [(self._name[n], np.asarray(n.value)) for n in self.nodes if n in self._name and is_inexact(n.value)]


def broadcasts_to(value: np.ndarray, other: np.ndarray) -> bool:
    """Whether an array can be repeated to the shape of another."""
    return value.ndim <= other.ndim and all(
        a in (1, b) for a, b in zip(value.shape[::-1], other.shape[::-1], strict=False)
    )
