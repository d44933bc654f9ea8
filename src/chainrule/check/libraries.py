"""References: run the recorded graph on another library's arrays, and let that library differentiate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.check.parts import widest
from chainrule.errors import NoAnswer, asking_others
from chainrule.graph import Graph
from chainrule.libraries import jax_in_double_precision
from chainrule.node import Node

__all__ = ["LIBRARIES", "Answer", "Unavailable", "answer_of"]

JAX_NODES = 20_000
"""JAX traces each node, which takes too long for more nodes than this."""


class Unavailable(Exception):
    """A library is not installed, or cannot run the graph; the message says why."""


class Answer(NamedTuple):
    """A library's results: the value of every node of the graph, and ∂L/∂input for each input."""

    values: dict[Node, np.ndarray]
    gradients: list[np.ndarray]


def pytorch(graph: Graph, inputs: Sequence[np.ndarray], seeds: Sequence[np.ndarray]) -> Answer:
    """By torch.autograd. Nodes without a gradient in chainrule are detached."""
    import torch
    from array_api_compat import torch as xp

    active = [torch.tensor(x, requires_grad=True) for x in inputs]
    values = graph.values(xp, active, np.float64, stop=lambda node, value: value.detach())
    pairs = [
        (values[out], torch.tensor(dz).to(values[out].dtype))
        for out, dz in zip(graph.outputs, seeds, strict=True)
        if type(out) is Node and out in values and values[out].requires_grad
    ]
    gradients: Sequence[Any] = [None] * len(active)
    if pairs:
        gradients = torch.autograd.grad([z for z, _ in pairs], active, [dz for _, dz in pairs], allow_unused=True)
    return Answer(
        {node: z.numpy(force=True) for node, z in values.items() if hasattr(z, "detach")},
        [np.zeros(x.shape) if g is None else g.numpy(force=True) for x, g in zip(inputs, gradients, strict=True)],
    )


def jax(graph: Graph, inputs: Sequence[np.ndarray], seeds: Sequence[np.ndarray]) -> Answer:
    """By jax.vjp, with 64-bit numbers enabled meanwhile. JAX's complex gradients are the conjugates of ours."""
    import jax
    import jax.numpy as jnp

    if len(graph.nodes) > JAX_NODES:
        raise Unavailable(f"not compared: the graph has {len(graph.nodes)} nodes, more than it traces in a few seconds")
    kept = [i for i, out in enumerate(graph.outputs) if type(out) is Node and out.differentiable]

    def run(*active: Any) -> Any:
        values = graph.values(jnp, active, np.float64, stop=lambda node, value: jax.lax.stop_gradient(value))
        return [values.get(graph.outputs[i], jnp.zeros(seeds[i].shape)) for i in kept], list(values.values())

    with jax_in_double_precision():
        outputs, pullback, values = jax.vjp(run, *(jnp.asarray(x) for x in inputs), has_aux=True)
        seeds_of_kept = [jnp.asarray(np.conj(seeds[i]), dtype=z.dtype) for i, z in zip(kept, outputs, strict=True)]
        gradients = pullback(seeds_of_kept)
        nodes = (*graph.inputs, *graph.nodes)
        return Answer(
            dict(zip(nodes, map(np.asarray, values), strict=True)), [np.conj(np.asarray(g)) for g in gradients]
        )


LIBRARIES: dict[str, Callable[..., Answer]] = {"PyTorch": pytorch, "JAX": jax}


def answer_of(library: str, graph: Graph, inputs: Sequence[np.ndarray], seeds: Sequence[np.ndarray]) -> Answer:
    """Run a graph in a library, in double precision. Raises Unavailable with the reason if that fails."""
    inputs = [np.array(x, dtype=widest(np.asarray(x).dtype)) for x in inputs]
    seeds = [np.array(dz, dtype=widest(np.asarray(dz).dtype)) for dz in seeds]
    try:
        with asking_others():
            return LIBRARIES[library](graph, inputs, seeds)
    except NoAnswer as none:
        if isinstance(none.error, Unavailable):
            raise none.error from None
        if isinstance(none.error, ImportError):
            raise Unavailable("not installed, so not compared") from None
        where = "".join(f" ({note})" for note in getattr(none.error, "__notes__", [])[:1])
        raise Unavailable(f"cannot run this graph{where}: {none}") from none.error
