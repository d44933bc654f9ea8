"""A function recorded to write code from it: forward and backward pass in one simplified graph."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import WATCHER, Array, node_of, value_of
from chainrule.backward import backpropagate
from chainrule.block import product_or_zero
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.integers import labels_fit
from chainrule.blocks.limits import asks_for_second_order
from chainrule.blocks.reductions import all_
from chainrule.code.source import is_name
from chainrule.errors import GradientError
from chainrule.graph import Graph, graph_between
from chainrule.node import NO_PARAMS, Node, at_line, is_internal, value_of_operand
from chainrule.recording import Recording, record_call, scalar_loss
from chainrule.simplify import simplify_graph
from chainrule.trees import leaf_names
from chainrule.watching.arguments import bound_arguments, has_floats
from chainrule.watching.locals import watch_locals
from chainrule.watching.names import captured

__all__ = ["RecordedProgram", "program_of"]

LIBRARIES = ("np", "jnp", "jax", "torch", "special", "linalg", "once_differentiable")
"""Names that code imports; a function with such a name would hide them."""
ARRAY = Array.__bool__.__code__.co_filename


class RecordedProgram(NamedTuple):
    """A recorded function, ready to be written as code.

    Attributes
    ----------
    name : the name of the function.
    arguments : its arguments by name: trees of nodes if recorded, plain values if part of the code.
    inputs : the nodes with a gradient, in the order of the gradients.
    graph : from all nodes of the arguments and ∂L/∂L (the last input) to the loss, the gradients, and the conditions on
        which the function branched.
    gradients : for each value of the forward pass its name, the value, and the value of its gradient.
    captured : plain arrays that the function uses from outside, by name.
    outcomes : the recorded values of these conditions.
    """

    name: str
    arguments: dict[str, Any]
    inputs: list[Node]
    graph: Graph
    gradients: list[tuple[str | None, np.ndarray, np.ndarray]]
    captured: dict[str, np.ndarray]
    outcomes: list[np.ndarray]


def program_of(f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> RecordedProgram:
    """Record f. Integer arrays (labels) become arguments of the code, unless the recording depends on their values."""
    fixed: set[str] = set()
    while True:
        program, read = _recorded(f, args, dict(kwargs), fixed)
        if read <= fixed:
            return program
        fixed |= read


def _recorded(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fixed: set[str]
) -> tuple[RecordedProgram, set[str]]:
    """The program, and the names of the integer arguments on whose values the recording depends."""
    bound = bound_arguments(f, args, kwargs)
    chosen = tuple((position, label) for position, (label, value) in enumerate(bound.items()) if has_floats(value))
    integers = {
        label: Node(None, (), NO_PARAMS, np.array(value)[()], name=label)
        for label, value in bound.items()
        if label not in fixed and _is_integers(value)
    }
    args = tuple(Array(integers[label]) if label in integers else x for label, x in zip(bound, args, strict=False))
    kwargs = {label: Array(integers[label]) if label in integers else x for label, x in kwargs.items()}
    both = _recorded_both_ways(f, chosen, args, kwargs)
    recording = both.recording
    labels = [label for _, name in chosen for label in leaf_names(bound[name], name)]
    for node, label in zip(recording.inputs, labels, strict=True):
        node.name = node.name or label
    wanted = [_zeros_if_none(both.gradients[node], node) for node in recording.inputs]
    inputs = [*recording.inputs, *integers.values(), both.seed]
    graph = _plain_products(graph_between(inputs, [both.loss, *wanted, *both.branches]), keep_later=True)
    graph = _plain_products(simplify_graph(graph))
    pairs = [
        (node.name, np.asarray(node.value), np.asarray(value_of(both.gradients[node])))
        for node in recording.path.between
        if both.gradients[node] is not None
    ]
    trees = _trees_of(recording, [label for _, label in chosen])
    arguments = {label: trees.get(label, integers.get(label, value)) for label, value in bound.items()}
    name = getattr(f, "__name__", "")
    program = RecordedProgram(
        name if is_name(name) and name not in LIBRARIES else "loss",
        arguments,
        recording.inputs,
        graph,
        pairs,
        captured(f),
        [np.asarray(node.value) for node in both.branches],
    )
    return program, _reads_of(both.reads, integers)


class _BothWays(NamedTuple):
    """A recorded forward and backward pass.

    Attributes
    ----------
    seed : ∂L/∂L, from which the gradients are recorded.
    branches : the conditions on which the function branched.
    reads : the values that were read, and how.
    """

    recording: Recording
    loss: Array
    seed: Node
    gradients: Mapping[Node, Any]
    branches: list[Node]
    reads: Collection[tuple[Node, str]]


def _recorded_both_ways(
    f: Callable[..., Any], chosen: tuple[tuple[int, str], ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _BothWays:
    """The recorded function and its recorded gradients."""
    reads: dict[tuple[Node, str], None] = {}
    branches: dict[Node, None] = {}

    def watch(node: Node, how: str) -> None:
        reads.setdefault((node, how))
        if np.asarray(node.value).dtype.kind == "b" and (
            _is_mask(node, how) or _user_asks() or _decides(node, how, forward)
        ):
            branches[node] = None

    token = WATCHER.set(watch)
    forward = True
    try:
        with watch_locals({}):
            recording = record_call(f, chosen, args, kwargs)
        forward = False
        loss = scalar_loss(recording, getattr(f, "__name__", "f"))
        if type(loss) is not Array:
            raise GradientError("the function returned a plain number: it does not depend on its arguments" + at_line())
        seed = Node(None, (), NO_PARAMS, np.float64(1.0).astype(loss.dtype), name="dL")
        gradients = backpropagate(recording.path, {node_of(loss): Array(seed)}, recorded=True)
    finally:
        WATCHER.reset(token)
    return _BothWays(recording, loss, seed, gradients, list(branches), reads)


def _is_mask(node: Node, how: str) -> bool:
    """Whether a condition is a mask that selects entries: x[x > 0]."""
    return how == "value" and np.ndim(node.value) > 0


def _user_asks() -> bool:
    """Whether the user's function reads a value, not the rule of a block."""
    frame: Any = sys._getframe(2)
    while frame.f_code.co_filename == ARRAY:
        frame = frame.f_back
    return not is_internal(frame.f_code.co_filename)


def _decides(node: Node, how: str, forward: bool) -> bool:
    """Whether the library itself branches on a condition, as for the median of entries with NaN.

    The backward pass is not differentiated, so what only second derivatives depend on does not matter there.
    """
    if how != "truth" or _is_about_labels(node):
        return False
    asked = [x.params.get("function") for x in (node, *node.inputs) if type(x) is Node]
    return forward or not any(map(asks_for_second_order, asked))


def _is_integers(x: Any) -> bool:
    """Whether an argument is an integer array, which may change but has no gradient. Python's integers are fixed."""
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype.kind in "iu"
    return False


def _is_about_labels(node: Node) -> bool:
    """Whether a block only checks that labels are in range, and that none is ignored."""
    if node.block is not all_:
        return node.block is labels_fit
    compared = [x for test in node.inputs if type(test) is Node for x in test.inputs]
    return bool(compared) and all(np.asarray(value_of_operand(x)).dtype.kind in "iu" for x in compared)


def _reads_of(reads: Collection[tuple[Node, str]], integers: Mapping[str, Node]) -> set[str]:
    """The integer arguments on which the values that were read depend."""
    found: set[str] = set()
    by_node = {node: label for label, node in integers.items()}
    stack = [node for node, how in reads if not (how == "truth" and _is_about_labels(node))]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node in by_node:
            found.add(by_node[node])
        for x in node.inputs:
            if type(x) is Node and x not in seen:
                seen.add(x)
                stack.append(x)
    return found


def _zeros_if_none(gradient: Any, node: Node) -> Any:
    return np.zeros_like(node.value) if gradient is None else gradient


def _trees_of(recording: Recording, labels: list[str]) -> dict[str, Any]:
    return dict(zip(labels, recording.arguments(recording.inputs), strict=True))


def _plain_products(graph: Graph, keep_later: bool = False) -> Graph:
    """The graph with plain products in place of those that check at run time whether a local derivative is infinite.

    The check stays if a derivative is infinite at the recorded values. With `keep_later` it also stays in everything
    that depends on such a product: `simplify_graph` multiplies these in the order of the chain rule, in which it
    matters whether an infinity or a zero comes first.
    """
    new: dict[Node, Node] = {}
    later: set[Any] = set()
    for node in graph.nodes:
        inputs = tuple(new.get(x, x) if type(x) is Node else x for x in node.inputs)
        block = node.block
        is_later = keep_later and any(x in later for x in node.inputs if type(x) is Node)
        if block is product_or_zero:
            if not np.all(np.isfinite(value_of_operand(inputs[1]))):
                is_later = True
            elif not is_later:
                block = multiply
        if is_later:
            later.add(node)
        if block is node.block and all(map(operator.is_, inputs, node.inputs)):
            continue
        new[node] = Node(block, inputs, node.params, node.value, node.code, node.lasti, node.name)
    outputs = [new.get(out, out) if type(out) is Node else out for out in graph.outputs]
    return graph_between(graph.inputs, outputs)
