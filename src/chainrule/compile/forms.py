"""Recording by shapes and dtypes alone, for `cr.compile(f, engine="jax")`: a loop in Python becomes one of XLA's.

XLA would need minutes for a program of thousands of steps, and JAX seconds to trace them. So f first runs on *forms*:
arrays of which only shape and dtype are known. Of equal steps only the first is asked for its result's form. Repeated
steps become one step of `scanned` (see `rolling.py`). What is left, often a hundred steps of ten thousand, then runs on
the tracers of the program.

A function without loops, or one that this cannot record, is traced step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.argnums import name_of
from chainrule.array import Array, node_of
from chainrule.bodies import Body, cut, plain_result
from chainrule.compile.failures import CannotRoll
from chainrule.compile.recorder import RecordedRun, run_recorded
from chainrule.compile.repeats import Worth
from chainrule.compile.rolled import handle
from chainrule.compile.rolling import rolled
from chainrule.compile.steady import content_key
from chainrule.compile.unknown import Assumption, Unknown
from chainrule.errors import ChainruleError
from chainrule.forks import imported
from chainrule.graph import as_parameters
from chainrule.libraries import is_traced
from chainrule.namespace import RECORDING
from chainrule.node import Node
from chainrule.recording import Rolls
from chainrule.scanning import scanned
from chainrule.step import FORMS

__all__ = ["Replay", "replay_of"]

WORTH = Worth()._replace(entries=float("inf"))
"""XLA's loops are as fast for large arrays as its steps."""


class ShapeForms:
    """The forms of results; see `step.FORMS`. A form is a tracer of a trace that has ended: any computation fails.

    Attributes
    ----------
    known : by what they depend on.
    insides : for the form of a step whose rule had to run recorded, by its identity, the node that the rule made.
    """

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}
        self.insides: dict[int, Node] = {}
        self.kept: list[Any] = []

    def of(self, block: Any, xp: Any, values: Sequence[Any], params: dict[str, Any]) -> Any:
        """An array of the shape and dtype that the block's forward rule returns."""

        def run(*traced: Any) -> Any:
            rest = iter(traced)
            return block.forward(xp, *(next(rest) if is_traced(x) else x for x in values), **params)

        if not block.pure or block.draws:
            return self.result_of(run, values)
        key = block, tuple(map(_key_of_operand, values)), _key_of_params(params, values)
        if key not in self.known:
            self.known[key] = self.result_of(run, values)
        return self.known[key]

    def given(self, leaves: Sequence[Any]) -> list[Any]:
        """The forms of the arguments of the function."""
        made: list[Any] = []
        imported("jax").eval_shape(lambda *tracers: made.extend(tracers), *leaves)
        return made

    def result_of(self, run: Callable[..., Any], values: Sequence[Any]) -> Any:
        """The form of the result of a function of those values that are not known."""
        jax = imported("jax")
        made: list[Any] = []

        def traced(*tracers: Any) -> None:
            made.append(run(*tracers))

        token = FORMS.set(None)  # within the rule all steps run
        try:
            jax.eval_shape(traced, *(_alike(x) for x in values if is_traced(x)))
        finally:
            FORMS.reset(token)
        return made[0]

    def by_inside(self, made: Node) -> Any:
        """The same for a rule that has recorded its result."""
        form = self.result_of(lambda x: x, [made.value]) if is_traced(made.value) else made.value
        self.insides[id(form)] = made
        self.kept.append(form)  # so that no other form gets its identity
        return form


def _alike(x: Any) -> Any:
    """What JAX takes for an array of the form of x. A weak number is one of Python's."""
    if x.weak_type and not x.ndim:
        return x.dtype.type(0).item()
    return imported("jax").ShapeDtypeStruct(x.shape, x.dtype)


def _key_of_operand(x: Any) -> Any:
    """All of an operand on which the shape and dtype of a result may depend."""
    if is_traced(x):
        return x.aval
    return type(x) if type(x) is float else content_key(x)


def _key_of_params(params: dict[str, Any], values: Sequence[Any]) -> Any:
    """The parameters of a step; of a key of integers only whether they lie within the array."""
    if not params:
        return ()
    key = params.get("key")
    if type(key) is tuple and key and all(type(part) is int for part in key):
        shape = np.shape(values[0])
        if len(key) <= len(shape) and all(-n <= i < n for i, n in zip(key, shape, strict=False)):
            params = params | {"key": len(key)}
    return content_key(params)


# Loops ---------------------------------------------------------------------------------------------------------------


class _Rolling(Unknown, Rolls):
    """Makes `scanned` of the steps that repeat, before gradients are recorded."""

    decides_memory = False

    def __init__(self, name: str, assumed: Sequence[bool], forms: ShapeForms):
        super().__init__(name, assumed)
        self.forms = forms

    def rolled(self, inputs: Sequence[Node], outputs: Sequence[Any]) -> list[Any]:
        targets = [node_of(out) if type(out) is Array else out for out in outputs]
        insides, asked = self.forms.insides, [guard.node for guard in self.guards]
        alone = [node for node in _above([*targets, *asked], insides, ()) if id(node.value) in insides]
        also = [*asked, *(insides[id(node.value)] for node in alone)]
        made = rolled(inputs, [*outputs, *also], [*asked, *alone], worth=WORTH, loop=_Scanned)
        own, asked, inner = map(list, cut(made, len(outputs), len(asked)))
        self.guards = [guard._replace(node=node) for guard, node in zip(self.guards, asked, strict=True)]
        insides.update((id(node.value), x) for node, x in zip(alone, inner, strict=True))
        return own


class _Scanned:
    """The results of a loop that is one step of `scanned`."""

    def __init__(self, body: Body, length: int, operands: Sequence[Any], known: Any, like: Any):
        whole = scanned(*map(handle, operands), body=body, length=length)
        self.made = body.unpacked(RECORDING, whole, length)

    def last(self, i: int) -> Any:
        """State i after the last step."""
        return self.made.state[i][-1]

    def along(self, i: int) -> Any:
        """Result i of all steps."""
        return self.made.results[i]

    def after(self, i: int) -> Any:
        """State i after each step."""
        return self.made.state[i]

    def state(self, i: int, t: int) -> Any:
        """State i after step t."""
        return self.made.state[i][t]


def _above(targets: Sequence[Any], insides: dict[int, Node], leaves: Iterable[Node]) -> list[Node]:
    """The steps whose values are not known and from which the targets are computed, oldest first."""
    seen = set(leaves)
    stack = [x for x in targets if type(x) is Node]
    found = []
    while stack:
        node = stack.pop()
        if node in seen or not is_traced(node.value):
            continue
        seen.add(node)
        found.append(node)
        inside = insides.get(id(node.value))
        stack += [x for x in node.inputs if type(x) is Node] if inside in (None, node) else [inside]
    return sorted(found, key=lambda node: node.order)


# On tracers ----------------------------------------------------------------------------------------------------------


class Replay(NamedTuple):
    """A recording by forms, to be run on the tracers of a program.

    Attributes
    ----------
    run : the recording.
    nodes : the steps on which its results and the answers to questions depend, oldest first.
    guards : these questions.
    insides : see `ShapeForms`.
    """

    run: RecordedRun
    nodes: list[Node]
    guards: list[Assumption]
    insides: dict[int, Node]

    def __call__(self, tracers: Sequence[Any]) -> dict[Node, Any]:
        """The values of all steps."""
        jnp = imported("jax.numpy")
        values: dict[Node, Any] = dict(zip(self.run.inputs, tracers, strict=True))
        for node in self.nodes:
            inside = self.insides.get(id(node.value), node)
            if inside is not node:
                values[node] = values[inside]
                continue
            operands = tuple(values.get(x, x.value) if type(x) is Node else x for x in node.inputs)
            values[node] = plain_result(node.block, operands, as_parameters(jnp, node.params))
        return values


def replay_of(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    rebuild: Callable[[list[Any]], Any],
    names: Sequence[str],
    assumed: Sequence[bool],
) -> Replay | None:
    """A run of f by forms; None if it has no loops, or cannot be recorded so.

    Parameters
    ----------
    leaves, names : the arrays and numbers of its arguments, and what each is called.
    rebuild : builds (args, kwargs) from them.
    assumed : the answers to the first questions.
    """
    forms = ShapeForms()
    watcher = _Rolling(name_of(f), assumed, forms)
    token = FORMS.set(forms)
    try:
        run = run_recorded(f, forms.given(leaves), rebuild, names, watcher)
        run = run._replace(outputs=watcher.rolled(run.inputs, run.outputs))
    except (imported("jax").errors.JAXTypeError, ChainruleError, CannotRoll):
        return None
    finally:
        FORMS.reset(token)
    nodes = _above([*run.outputs, *(guard.node for guard in watcher.guards)], forms.insides, run.inputs)
    if run.writes or not any(node.block is scanned for node in nodes) or not _is_closed(nodes, run.inputs):
        return None
    return Replay(run, nodes, watcher.guards, forms.insides)


def _is_closed(nodes: Sequence[Node], leaves: Sequence[Node]) -> bool:
    """Whether steps take only what other steps have computed, the leaves, and known values."""
    own = {*nodes, *leaves}
    for node in nodes:
        if any(x not in own and is_traced(x.value) if type(x) is Node else is_traced(x) for x in node.inputs):
            return False
        body = node.params.get("body")
        if type(body) is Body and not _is_closed(body.graph.nodes, [x for part in body.inputs for x in part]):
            return False
    return True
