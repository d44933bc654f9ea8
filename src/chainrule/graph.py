"""Graph: a recording between given inputs and outputs. Every reading (check, explain, compile) works on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.argnums import positions_of
from chainrule.array import Array, node_of
from chainrule.errors import CannotRecord, NoAnswer, asking_others
from chainrule.libraries import is_numpy
from chainrule.namespace import RECORDING
from chainrule.node import NO_PARAMS, Node
from chainrule.recording import record_call

__all__ = ["Graph", "graph_between", "inside", "nodes_above", "record_graph"]

Stop = Callable[[Node, Any], Any]


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A recording between given inputs and outputs.

    Attributes
    ----------
    inputs : the nodes at which it starts.
    nodes : the steps by which the outputs depend on the inputs, oldest first: a topological order. A step that depends
        on no input is not part of the graph; others read its recorded value, as a constant.
    outputs : a node for every output that was recorded, the plain value of every other.
    """

    inputs: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Any, ...]

    @property
    def names(self) -> dict[Node, str]:
        """The names of the inputs and nodes that have one."""
        return {node: node.name for node in (*self.inputs, *self.nodes) if node.name}

    def __repr__(self) -> str:
        names = ", ".join(node.name or "·" for node in self.inputs)
        return f"<Graph of {names}: {len(self.nodes)} nodes, {len(self.outputs)} outputs>"

    def run(self, xp: Any, inputs: Sequence[Any], dtype: Any = None, stop: Stop | None = None) -> tuple[Any, ...]:
        """Run the forward rules once more, on the arrays of any library.

        Parameters
        ----------
        xp : the library's Array API namespace: numpy, jax.numpy, array_api_compat.torch, …
        inputs : its arrays, one for each input, of the recorded shapes.
        dtype : a floating NumPy dtype in which to compute, for the constants and casts inside the graph (complex ones
            stay complex, in that precision); by default each keeps its own.
        stop : called as `stop(node, value)` on the result of each block without a gradient; what stop returns is used
            instead.

        Returns a tuple with one value for each output. Branches are those of the recording.

        >>> import numpy as np
        >>> graph = record_graph(lambda x: np.sum(np.exp(x)), np.array([0.0, 0.0]))
        >>> graph
        <Graph of x: 2 nodes, 1 outputs>
        >>> graph.run(np, [np.array([0.0, 0.0, 0.0])])
        (np.float64(3.0),)
        """
        values = self.values(xp, inputs, dtype, stop)
        return tuple(_value_of(values, out, xp, dtype) for out in self.outputs)

    def values(self, xp: Any, inputs: Sequence[Any], dtype: Any = None, stop: Stop | None = None) -> dict[Node, Any]:
        """The value of every input and node; `run` returns only those of the outputs."""
        values: dict[Node, Any] = dict(zip(self.inputs, inputs, strict=True))
        for node in self.nodes:
            block = node.block
            operands = [_value_of(values, operand, xp, dtype) for operand in node.inputs]
            try:
                if block.needs_numpy and not is_numpy(
                    xp
                ):  # it has no gradient; its recorded value is used, as for branches
                    value = as_constant(xp, node.value, dtype)
                elif is_numpy(xp) or block.takes_xp:
                    value = block.forward(xp, *operands, **as_parameters(xp, node.params, dtype))
                else:  # a rule in plain NumPy: its recorded steps run on any library
                    active = [x for x, i in zip(operands, node.inputs, strict=True) if type(i) is Node]
                    (value,) = inside(node).run(xp, active, dtype)
            except Exception as error:
                error.add_note(f"in block {block.name}")
                raise
            if type(value) is np.ndarray and not value.ndim and isinstance(node.value, np.generic):
                value = value[()]  # beside Python's complex numbers the kind decides the dtype
            values[node] = stop(node, value) if stop and not block.differentiable else value
        return values


def _value_of(values: dict[Node, Any], operand: Any, xp: Any, dtype: Any) -> Any:
    if type(operand) is Node:
        if operand in values:
            return values[operand]
        operand = operand.value
    return as_constant(xp, operand, dtype)


def as_constant(xp: Any, value: Any, dtype: Any = None) -> Any:
    """A constant of a recording as an array of the library xp. Python's numbers and None are unchanged."""
    if not isinstance(value, np.ndarray | np.generic):
        return value
    if dtype is not None:
        value = value.astype(_in_precision(value.dtype, dtype))
    return value if is_numpy(xp) else xp.asarray(np.array(value))  # a copy: PyTorch warns of read-only memory


def as_parameters(xp: Any, params: dict[str, Any], dtype: Any = None) -> dict[str, Any]:
    """The parameters of a block, with NumPy's dtypes replaced by the library's."""
    if not any(isinstance(p, np.dtype) for p in params.values()):
        return params
    return {name: _dtype(xp, p, dtype) if isinstance(p, np.dtype) else p for name, p in params.items()}


def _dtype(xp: Any, own: np.dtype, dtype: Any) -> Any:
    own = own if dtype is None else _in_precision(own, dtype)
    return own if is_numpy(xp) else getattr(xp, own.name)


def _in_precision(own: np.dtype, dtype: Any) -> np.dtype:
    """A dtype of the kind of `own`, in the precision of `dtype`: float64 or complex128, say."""
    if own.kind == "c":
        return np.result_type(dtype, np.complex64)
    return np.dtype(dtype) if own.kind == "f" else own


def graph_between(inputs: Sequence[Node], outputs: Sequence[Any]) -> Graph:
    """The graph between some nodes and some outputs (recorded arrays, nodes, or plain values)."""
    outputs = tuple(node_of(out) if type(out) is Array else out for out in outputs)
    start = min((node.order for node in inputs), default=0)  # older nodes cannot depend on an input
    seen = set(inputs)
    stack = [out for out in outputs if type(out) is Node]
    found = []
    while stack:
        node = stack.pop()
        if node in seen or node.order < start or node.block is None:
            continue
        seen.add(node)
        found.append(node)
        stack.extend(operand for operand in node.inputs if type(operand) is Node)
    found.sort(key=attrgetter("order"))
    dependent = set(inputs)
    for node in found:
        if any(type(operand) is Node and operand in dependent for operand in node.inputs):
            dependent.add(node)
    return Graph(tuple(inputs), tuple(node for node in found if node in dependent), outputs)


def record_graph(f: Callable[..., Any], *args: Any, argnums: Any = None, **kwargs: Any) -> Graph:
    """Run f once on recorded arguments and return the graph between them and the result of f.

    Parameters
    ----------
    f : a function of arrays (or trees of arrays) that returns an array or a tree of arrays.
    argnums : the positions or names of the arguments that are inputs, as in `grad`; all positional ones by default.

    Raises GradientError if an input is not of a floating type.

    >>> import numpy as np
    >>> graph = record_graph(np.multiply, 2.0, 3.0)
    >>> [node.block.name for node in graph.nodes]
    ['multiply']
    """
    if argnums is None:
        argnums = tuple(range(len(args)))
    recording = record_call(f, positions_of(f, argnums), args, kwargs)
    return graph_between(recording.inputs, recording.outputs)


def inside(node: Node) -> Graph:
    """The inside of a block: its forward rule, recorded on the operands of one node.

    The inputs of the graph stand for the operands that are nodes, in order. Raises CannotRecord if the rule uses a
    function without a block, or works on plain arrays only.
    """
    inputs = [Node(None, (), NO_PARAMS, i.value, name=i.name) for i in node.inputs if type(i) is Node]
    fresh = iter(inputs)
    operands = [Array(next(fresh)) if type(i) is Node else i for i in node.inputs]
    try:
        with asking_others():
            out = node.block.forward(RECORDING, *operands, **node.params)
    except NoAnswer as none:
        raise CannotRecord(f"block {node.block.name} cannot be looked into: {none.error}") from none.error
    if inputs and not isinstance(out, Array):
        raise CannotRecord(f"block {node.block.name} does not record what it does inside")
    return graph_between(inputs, [out])


def nodes_above(root: Node, leaves: Container[Node], limit: float = math.inf) -> list[Node]:
    """The nodes that a result was computed from, down to the leaves, oldest first; beyond the limit only some."""
    seen = {root}
    stack = [root]
    while stack and len(seen) <= limit:
        node = stack.pop()
        for operand in () if node in leaves else node.inputs:
            if type(operand) is Node and operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return sorted(seen, key=attrgetter("order"))
