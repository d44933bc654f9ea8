"""Lowering: from recorded blocks to the few operations that kernels and calls consist of.

A composite block (softmax, a loss, a user's own) is expanded into the blocks inside it if all of them have operations;
else it stays one call of its own rule. Equal steps are made once; values that depend on no input are constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER
from chainrule.block import Block
from chainrule.blocks.integers import of_values
from chainrule.compile.assigned import name_assigned
from chainrule.compile.diagonals import diagonal, diagonals
from chainrule.compile.finite_slopes import with_finite_slopes
from chainrule.compile.gathered import Gathered, gathered, sum_of_entries
from chainrule.compile.indexing_rules import INDEXING_RULES
from chainrule.compile.linear_rules import LINEAR_RULES
from chainrule.compile.loop_lowering import Lowers, lower_loop, lower_result, results_used
from chainrule.compile.lowering_rules import RULES
from chainrule.compile.making import LoweringRule
from chainrule.compile.operations import COMPUTED
from chainrule.compile.overflow import guard_overflow
from chainrule.compile.product_rules import PRODUCT_RULES
from chainrule.compile.recorder import found
from chainrule.compile.rolled import result_of
from chainrule.compile.steady import same_inside
from chainrule.compile.values import Value, input_of
from chainrule.compile.window_rules import WINDOW_RULES
from chainrule.errors import CannotRecord
from chainrule.graph import Graph, graph_between, inside
from chainrule.node import Node
from chainrule.simplify import simplify_graph

__all__ = ["Lowering", "lower"]


ALL_RULES: dict[Block, LoweringRule] = RULES | PRODUCT_RULES | LINEAR_RULES | INDEXING_RULES | WINDOW_RULES


class Lowering(Lowers):
    """Replaces nodes by values."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[Node, Value] = {}

    def value(self, operand: Any) -> Value:
        """The value of an operand of a node."""
        if type(operand) is Node:
            return self.of[operand] if operand in self.of else self.constant(operand.value)
        if operand is None:
            return Value("none")
        return self.constant(operand)

    # Nodes ------------------------------------------------------------------------------------------------

    def nodes(self, graph: Graph) -> None:
        """The values of all nodes of a graph."""
        sums, used, diagonal_of = gathered(graph), results_used(graph), diagonals(graph)
        for node in graph.nodes:
            if node in used:
                self.of[node] = lower_loop(self, node, used[node])
            elif node.block is result_of:
                self.of[node] = lower_result(self, node)
            elif node in diagonal_of:
                self.of[node] = diagonal(self, node, diagonal_of[node], self.value(diagonal_of[node].q))
            else:
                self.of[node] = self.gathered(node, sums[node]) if node in sums else self.lower(node)

    def lower(self, node: Node) -> Value:
        args = [self.value(operand) for operand in node.inputs]
        made = self.operation(node, args)
        if made is None:
            made = self.expanded(node, args)
        if made is None:
            made = self.call(node, args)
        if node.name and made.op not in ("input", "constant") and made.name is None:
            made.name = node.name
        return made

    def gathered(self, node: Node, sums: Gathered) -> Value:
        """A sum of entries that were put at places."""
        return sum_of_entries(self, sums, np.shape(node.value), np.asarray(node.value).dtype, self.value)

    def operation(self, node: Node, args: list[Value]) -> Value | None:
        lowered = ALL_RULES.get(node.block)
        if lowered is None or any(a.op == "none" for a in args):
            return None
        if 0 in np.shape(node.value) or any(0 in a.shape for a in args):
            return None  # reductions of empty arrays are left to NumPy
        if any(a.dtype not in COMPUTED for a in args) or np.asarray(node.value).dtype not in COMPUTED:
            return None
        return lowered(self, node, args)

    def expanded(self, node: Node, args: list[Value]) -> Value | None:
        """The block expanded into the blocks inside it, if all of them have operations."""
        if not node.block.differentiable and node.block is not of_values:
            return None
        read: dict[tuple[Node, str], Any] = {}

        def watch(node: Node, how: str) -> None:
            read.setdefault((node, how), found(node.value, how))

        token = WATCHER.set(watch)
        try:
            graph = inside(node)
            if not node.block.pure and not same_inside(graph, inside(node)):
                return None  # it may draw random numbers, so its own rule must run each time
        except CannotRecord:
            return None  # its rule cannot be recorded; it stays a call
        finally:
            WATCHER.reset(token)
        if any(how == "value" for _, how in read) or (read and node.block is of_values):
            return None
        if len(graph.outputs) != 1 or type(graph.outputs[0]) is not Node:
            return None
        graph = graph_between(graph.inputs, [*graph.outputs, *(node for node, _ in read)])
        if np.shape(graph.outputs[0].value) != np.shape(node.value):
            return None
        if np.asarray(graph.outputs[0].value).dtype != np.asarray(node.value).dtype:
            return None
        if any(n.block is node.block for n in graph.nodes):
            return None
        operands = [a for a, i in zip(args, node.inputs, strict=True) if type(i) is Node]
        self.of.update(zip(graph.inputs, operands, strict=True))
        for inner in graph.nodes:
            made = self.lower(inner)
            if made.op == "call":
                return None
            self.of[inner] = made
        for (node, how), outcome in read.items():
            self.guard(self.value(node), how, outcome)
        return self.value(graph.outputs[0])

    def call(self, node: Node, args: list[Value]) -> Value:
        value = node.value
        return self.make(
            "call",
            args,
            np.shape(value),
            np.asarray(value).dtype,
            isinstance(value, int | float | complex) and not isinstance(value, np.generic),
            block=node.block,
            block_params=node.params,
            text=node.block.name,
        )


def lower(
    inputs: Sequence[Node], outputs: Sequence[Any], names: Sequence[str]
) -> tuple[list[Value], list[Value | None], list[tuple[Value, str, Any]]]:
    """The values of the inputs and the outputs (None for an output that is not a recorded array), and more guards.

    These guards are on concrete values that composite blocks read when they were expanded.
    """
    lowering = Lowering()
    values = []
    for node, name in zip(inputs, names, strict=True):
        made = input_of(node, name)
        made.order = len(lowering.known)
        lowering.known[id(node)] = made
        lowering.of[node] = made
        values.append(made)
    recorded = graph_between(inputs, [out for out in outputs if type(out) is Node])
    name_assigned(recorded.nodes)
    graph = simplify_graph(with_finite_slopes(recorded))
    lowering.nodes(graph)
    made_of = [lowering.value(out) for out in graph.outputs]
    guard_overflow(lowering, recorded, graph, made_of)
    results = iter(made_of)
    wanted = [next(results) if type(out) is Node else None for out in outputs]
    for finite in results:
        if finite.op != "constant":
            lowering.guard(finite, "truth", True)
    return values, wanted, list(lowering.guards)
