"""Blame: check each block's rule separately, from the loss backwards, until one is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.backward import pulled
from chainrule.check.compare import compare_gradients
from chainrule.check.libraries import Answer
from chainrule.check.parts import largest, random_like
from chainrule.check.problem import Problem, precision
from chainrule.check.report import Blame, Comparison
from chainrule.errors import CannotRecord, NoAnswer, asking_others
from chainrule.graph import Graph, graph_between, inside
from chainrule.libraries import is_complex
from chainrule.node import NO_PARAMS, Node

__all__ = ["roughness", "users", "wrong_rule", "wrong_value"]

NODES = 10_000
"""The largest number of nodes that are checked."""


def users(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes of the user's own blocks, which the library's tests do not cover; a few of each block."""
    seen: Counter[Any] = Counter()
    for node in nodes:
        block = node.block
        if not block.leading_axes:
            kind = (id(block), *(np.shape(i.value if type(i) is Node else i) for i in node.inputs))
            seen[kind] += 1
            if seen[kind] <= 3:
                yield node


def roughness(graph: Graph) -> float:
    """The epsilon of the coarsest dtype in a graph."""
    values = [node.value for node in (*graph.inputs, *graph.nodes)]
    return precision(values)


def wrong_rule(nodes: Iterable[Node], path: set[Node]) -> Blame | None:
    """The first of the nodes whose backward rule is wrong by itself.

    Parameters
    ----------
    nodes : in the order in which to check them.
    path : the nodes that have a gradient; a rule is checked for these operands.
    """
    rng = np.random.default_rng(0)
    for _, node in zip(range(NODES), nodes, strict=False):
        blame = _wrong_inside(node) or _wrong_by_itself(node, path, rng)
        if blame is not None:
            return blame
    return None


def _wrong_inside(node: Node) -> Blame | None:
    """The wrong rule inside a block that has no rule of its own."""
    if node.block.has_rule:
        return None
    try:
        graph = inside(node)
    except CannotRecord:  # then it is checked as a whole
        return None
    return wrong_rule(reversed(graph.nodes), {*graph.inputs, *graph.nodes})


def _wrong_by_itself(node: Node, path: set[Node], rng: np.random.Generator) -> Blame | None:
    wanted = [type(i) is Node and i in path and i.differentiable for i in node.inputs]
    if not any(wanted) or not node.differentiable:
        return None
    z = np.asarray(node.value)[()]
    step = _alone(node, wanted)
    rough = roughness(step)
    names = _only(_operand_names(node), wanted)
    dz, other = random_like(rng, z), random_like(rng, z)
    with np.errstate(all="ignore"):
        try:
            with asking_others():
                grads, others, both = (_pulled_back(node, d, wanted) for d in (dz, other, dz - 1000 * other))
        except NoAnswer as none:
            what = ", ".join(map(str.strip, str(none.error).split("\n"))).removeprefix(
                f"the backward rule of block {node.block.name} "
            )
            return Blame(
                node.block.name, "", node.line, f"its backward rule fails: {what or type(none.error).__name__}"
            )
    for name, g, o, b in zip(names, grads, others, both, strict=True):
        if not _is_linear(g, o, b, rough):
            reason = "its backward rule is not linear in dz; the gradient must be dz times the local gradient"
            return Blame(node.block.name, name, node.line, reason)

    def forward(inputs: Sequence[Any], wide: bool) -> Any:
        return step.run(np, inputs, np.float64 if wide else None)

    problem = Problem(
        names, step, forward, [n.value for n in step.inputs], [dz], grads, rough, libraries=["PyTorch"]
    )  # not JAX, which would compile every block
    wrong = [c for c in compare_gradients(problem) if not c.ok]
    if not wrong:
        return None
    worst = max(wrong, key=lambda c: c.difference)
    return Blame(node.block.name, worst.label, node.line, f"its backward rule is wrong{_numbers(worst)}")


def _pulled_back(node: Node, dz: Any, wanted: list[bool]) -> list[Any]:
    """What the node's rule returns for dz, for the wanted operands; zeros where it returns None."""
    dtype = np.asarray(node.value).dtype
    grads = pulled(node, np.asarray(dz, dtype=dtype)[()], wanted, recorded=False)
    operands = [i.value if type(i) is Node else i for i in node.inputs]
    filled = []
    for g, name, x in zip(*(_only(part, wanted) for part in (grads, _operand_names(node), operands)), strict=True):
        g = 0.0 * np.asarray(x) if g is None else _of_operand(np.asarray(g), x)
        if g.shape != np.shape(x):
            raise ValueError(f"returned a gradient of shape {g.shape} for operand {name} of shape {np.shape(x)}")
        filled.append(g)
    return filled


def _is_linear(g: Any, other: Any, both: Any, rough: float) -> bool:
    """Whether a rule is linear, by its gradients for dz, for another cotangent, and for dz − 1000 times the other."""
    size = np.max(np.abs([g, 1000 * other, both]), initial=0.0, where=np.isfinite([g, other, both]))
    with np.errstate(all="ignore"):
        return not np.any(np.abs(g - 1000 * other - both) > np.sqrt(rough) * size)


def _of_operand(g: np.ndarray, x: Any) -> np.ndarray:
    """The real part of the gradient if the operand is real, as in `backpropagate`."""
    return g if is_complex(np.asarray(x)) else g.real


def _only(items: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    return [item for item, want in zip(items, wanted, strict=True) if want]


def _numbers(c: Comparison) -> str:
    place = f" at {c.place}" if c.place else ""
    return f"{place}: for a random dz it gives {c.ours:.6g}, {_reference_gives(c.reference)} {c.theirs:.6g}"


def _reference_gives(reference: str) -> str:
    return "differences of its forward rule give" if reference == "differences" else f"{reference} gives"


def _operand_names(node: Node) -> list[str]:
    return list(node.block.names_of(len(node.inputs)) or ()) or [str(i) for i in range(len(node.inputs))]


def _alone(node: Node, wanted: Sequence[bool]) -> Graph:
    """A graph of this step alone, with a separate input for each wanted operand."""
    inputs = [Node(None, (), NO_PARAMS, i.value) if want else i for i, want in zip(node.inputs, wanted, strict=True)]
    step = Node(node.block, tuple(inputs), node.params, node.value, node.code, node.lasti)
    return graph_between(_only(inputs, wanted), [step])


def wrong_value(problem: Problem) -> Blame | None:
    """The first block, from the inputs forwards, whose forward rule gives another value on another library."""
    tolerance = np.sqrt(problem.rough)
    for library in problem.libraries:
        answer = problem.answer(library)
        if not isinstance(answer, Answer):
            continue
        for node in problem.graph.nodes:
            theirs = answer.values.get(node)
            ours = np.asarray(node.value)
            if theirs is None or ours.dtype.kind not in "fc":
                continue
            if ours.shape != theirs.shape or not np.allclose(
                ours, theirs, rtol=tolerance, atol=tolerance * largest(ours), equal_nan=True
            ):
                return Blame(node.block.name, "", node.line, f"its forward rule gives another value on {library}")
    return None
