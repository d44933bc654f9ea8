"""Reading a block's backward rule as a formula, with its local gradient and its numbers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.backward import Path, pulled
from chainrule.blocks.elementwise import divide
from chainrule.blocks.indexing.entries import getitem
from chainrule.explain.effects import effect_of
from chainrule.explain.notation import formula_of, is_longer, step_formula
from chainrule.explain.steps import Factor
from chainrule.explain.values import DIGITS, inline
from chainrule.formula import Formula, name, number, partial
from chainrule.graph import nodes_above
from chainrule.libraries import is_complex
from chainrule.namespace import RECORDING
from chainrule.node import Node
from chainrule.simplify import simplify

__all__ = ["LONGEST", "RuleReader", "local_columns", "local_gradient"]

LOCAL = 64
"""A local gradient is shown as a matrix up to this number of entries."""
LONGEST = 60
"""A formula with more pieces than this is left out as unreadable."""


class RuleReader:
    """Reads each block's backward rule as a formula, by recording the rule alone over a fresh ∂L/∂z."""

    def __init__(
        self,
        symbols: dict[Node, Formula],
        top: Formula,
        values: dict[Node, Any],
        constants: Callable[[Any], Formula],
        places: Mapping[Node, int],
        digits: int = DIGITS,
    ):
        self.symbols = symbols
        self.top = top
        self.values = values
        self.constants = constants
        self.places = places
        self.digits = digits

    def factors(self, path: Path) -> dict[Node, list[Factor]]:
        """For each node, one factor for each use of it on the path to the loss, latest first."""
        found: dict[Node, list[Factor]] = {}
        on_path = {*path.inputs, *path.between}
        for node in reversed(path.between):
            wanted = [type(i) is Node and i in on_path for i in node.inputs]
            dz = Node(None, (), {}, self.values[node])
            for index, dx in enumerate(pulled(node, Array(dz), wanted, recorded=True)):
                if dx is not None:
                    operand = node.inputs[index]
                    if is_complex(value_of(dx)) and not is_complex(operand.value):
                        dx = RECORDING.real(dx)  # the gradient of a real operand is real
                    found.setdefault(operand, []).append(self._factor(node, index, dz, dx))
        return found

    def _factor(self, node: Node, index: int, dz: Node, dx: Any) -> Factor:
        operand = node.inputs[index]
        upstream = partial(self.top, self.symbols[node])
        named = Without(self.symbols, node) if node.block is divide else self.symbols  # −1/m², not −z/m
        leaves = ChainMap({dz: upstream.of_shape(np.shape(node.value))}, named)  # type: ignore[arg-type]
        simplest, rule = read_value(dx, leaves, self.constants)
        block = step_formula(node, self._written)
        matrix = local_gradient(node, index)
        return Factor(
            local=Formula("local", (block, self.symbols[operand]), _which_use(node, index), np.shape(operand.value)),
            upstream=upstream,
            rule=name("…") if rule is None else rule,
            numbers=None if rule is None else self._numbers(rule, simplest, dz, upstream, matrix),
            value=value_of(dx),
            block=node.block.name,
            matrix=matrix if matrix is not None and matrix.size > 1 else None,
            line=node.line,
            step=self.places[node],
            operand=index,
            effect=effect_of(simplest, dz, leaves, self.constants),
        )

    def _written(self, x: Any) -> Formula:
        """An operand by its name; a node without a name (inside of a block) as a constant."""
        if x.__class__ is not Node:
            return self.constants(x)
        return self.symbols[x] if x in self.symbols else self.constants(x.value)

    def _numbers(self, rule: Formula, dx: Any, dz: Node, upstream: Formula, matrix: np.ndarray | None) -> Any:
        """The rule with numbers in place of names: for scalars, local gradient times upstream, as by hand."""
        if matrix is not None and matrix.size == 1:
            return Formula("mul", (self._number(matrix[0, 0]), self._number(dz.value)), shape=np.shape(dz.value))
        if type(dx) is not Array:
            return None
        used = nodes_above(node_of(dx), ChainMap({dz: name("")}, self.symbols))
        numbers: dict[Formula, Formula] = {}
        for node in used:
            if node in self.symbols or node is dz:
                if not _fits_a_line(node.value):
                    return None
                numbers[_bare(upstream if node is dz else self.symbols[node])] = self._number(node.value)
            elif node.block is getitem and np.size(node.value) == 1:
                numbers[_bare(step_formula(node, self._written))] = self._number(node.value)
        return _with_numbers(rule, numbers)

    def _number(self, x: Any) -> Formula:
        return number(inline(np.reshape(x, ()) if np.size(x) == 1 else x, self.digits)).of_shape(np.shape(x))


def _which_use(node: Node, index: int) -> str:
    """The number of an operand among the uses of the same value by the block; "" if there is only one use."""
    uses = [i for i, x in enumerate(node.inputs) if x is node.inputs[index]]
    return str(uses.index(index) + 1) if len(uses) > 1 else ""


class Without(Mapping[Node, Formula]):
    """A map without one of its keys."""

    def __init__(self, whole: Mapping[Node, Formula], key: Node):
        self.whole, self.key = whole, key

    def __getitem__(self, key: Node) -> Formula:
        if key is self.key:
            raise KeyError(key)
        return self.whole[key]

    def __iter__(self) -> Iterator[Node]:
        return (key for key in self.whole if key is not self.key)

    def __len__(self) -> int:
        return len(self.whole) - (self.key in self.whole)


def _bare(f: Formula) -> Formula:
    """A formula without its shape, so that it can be compared."""
    return Formula(f.kind, tuple(map(_bare, f.parts)), f.text)


def _with_numbers(f: Formula, numbers: Mapping[Formula, Formula]) -> Formula:
    """A formula with numbers in place of some of its parts, in the order in which it is written."""
    found = numbers.get(_bare(f))
    if found is not None:
        return found
    parts = [part if f.kind == "call" and not i else _with_numbers(part, numbers) for i, part in enumerate(f.parts)]
    match f.kind:
        case "add":
            return (parts[0] + parts[1]).of_shape(f.shape)
        case "sub":
            return (parts[0] - parts[1]).of_shape(f.shape)
        case "neg":
            return (-parts[0]).of_shape(f.shape)
        case "mul" if parts[1].kind == "neg" or _bare(number("1")) in map(_bare, parts):
            return (parts[0] * parts[1]).of_shape(f.shape)
    return replace(f, parts=tuple(parts)) if parts else f


def read_value(
    x: Any, leaves: Mapping[Node, Formula], constants: Callable[[Any], Formula]
) -> tuple[Any, Formula | None]:
    """A recorded value in its simplest form, and its formula over the leaves (None if it is too long to read)."""
    x = simplify(x, leaves)
    if type(x) is not Array:
        return x, constants(x)
    if len(nodes_above(node_of(x), leaves, LONGEST)) > LONGEST:
        return x, None
    found = formula_of(node_of(x), leaves, constants)
    return x, None if is_longer(found, LONGEST) else found


def local_gradient(node: Node, index: int, limit: int = LOCAL) -> np.ndarray | None:
    """A block's Jacobian at its recorded operands, a row for each entry of the operand; None beyond `limit` entries."""
    n_in, n_out = np.size(node.inputs[index].value), np.size(node.value)
    return local_columns(node, index, np.arange(n_out)) if 0 < n_in * n_out <= limit else None


def local_columns(node: Node, index: int, outputs: np.ndarray) -> np.ndarray:
    """The columns of the Jacobian for some entries of the result, given by their flat positions."""
    n_out = np.size(node.value)
    seeds = np.zeros((len(outputs), n_out), dtype=np.asarray(node.value).dtype)
    seeds[np.arange(len(outputs)), outputs] = 1
    seeds = seeds.reshape((len(outputs), *np.shape(node.value)))
    wanted = [i == index for i in range(len(node.inputs))]
    columns = pulled(node, seeds, wanted, recorded=False)[index]
    n_in = np.size(node.inputs[index].value)
    if columns is None:
        return np.zeros((n_in, len(outputs)))
    return np.asarray(columns).reshape(len(outputs), n_in).T


def _fits_a_line(x: Any) -> bool:
    return np.size(x) <= 4 and np.ndim(x) <= 1 and np.asarray(x).dtype.kind == "f"
