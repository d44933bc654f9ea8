"""The chain rule over a recorded graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.absent import has_absent_zeros, made_of
from chainrule.answers import pulled_in_numpy, recorded_constant
from chainrule.array import Array, form_of, node_of
from chainrule.block import unlisted_block
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import entrywise
from chainrule.block.elementwise import Elementwise, sum_to
from chainrule.errors import ChainruleError, GradientError, Unreachable
from chainrule.libraries import (
    NUMPY,
    NUMPY_NAMESPACE,
    PLAIN,
    PYTHON,
    as_numpy_number,
    count_nonzero,
    dtype_of,
    is_complex,
    is_complex_dtype,
    is_foreign,
    is_inexact,
    is_numpy,
    is_traced,
    namespace_of,
    numpy_dtype,
)
from chainrule.namespace import RECORDING
from chainrule.node import Node, value_of_operand
from chainrule.step import NOT_THERE, not_covered, record

__all__ = ["BEING_RECORDED", "OF_VARIABLE", "Path", "backpropagate", "find_path", "numpy_number", "pulled"]


BEING_RECORDED: set[object] = set()
"""One object for each function or backward pass that is being recorded now. It is shared by all threads, since a
function may compute in threads of its own. Results computed meanwhile may be differentiated by an outer gradient."""


OF_VARIABLE: dict[str, Any] = {}
"""The (empty) parameters of a variable's node. By this object a variable is recognised: its gradient may be asked for
at any time."""


class Path:
    """The part of a recording between some inputs and some outputs.

    Attributes
    ----------
    inputs : the inputs.
    between : the nodes through which the outputs depend on them, oldest first (a topological order).
    free : whether the outputs also depend on recorded arrays that are older than the inputs, and an outer gradient may
        differentiate them again. Newer ones are the inputs of inner gradients. Older ones that nobody differentiates
        any more are those of a pullback that is called after its function has ended.
    """

    __slots__ = ("between", "free", "inputs")

    def __init__(self, inputs: Sequence[Node], between: list[Node], free: bool):
        self.inputs = inputs
        self.between = between
        self.free = free


def find_path(inputs: Sequence[Node], outputs: Sequence[Node]) -> Path:
    """The nodes between inputs and outputs. The search ends at the oldest input: nothing older depends on one."""
    start = min([node.order for node in inputs], default=0)
    seen = set(inputs)
    found = []
    free = elsewhere = False
    inside = bool(BEING_RECORDED)
    stack = []
    for node in outputs:
        if node not in seen:
            seen.add(node)
            stack.append(node)
    while stack:
        node = stack.pop()
        block = node.block
        ends = block is None or not block.differentiable or (block.any_dtype and not node.differentiable)
        if ends or node.order < start:
            elsewhere = True
            if node.order < start and node.differentiable:
                free = free or inside or _reaches_variable(node)
            continue
        found.append(node)
        for operand in node.inputs:
            if operand.__class__ is Node and operand not in seen:
                seen.add(operand)
                stack.append(operand)
    found.sort(key=attrgetter("order"))
    return Path(inputs, _depending_on(inputs, found) if elsewhere else found, free)


def _reaches_variable(node: Node) -> bool:
    """Whether a value depends on a variable."""
    seen, stack = {node}, [node]
    while stack:
        node = stack.pop()
        if node.params is OF_VARIABLE:
            return True
        for operand in node.inputs:
            if isinstance(operand, Node) and operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return False


def _depending_on(inputs: Sequence[Node], nodes: list[Node]) -> list[Node]:
    """Of some nodes in topological order, those that depend on the inputs."""
    path = set(inputs)
    between = []
    for node in nodes:
        if any(operand.__class__ is Node and operand in path for operand in node.inputs):
            path.add(node)
            between.append(node)
    return between


def backpropagate(path: Path, seeds: dict[Node, Any], recorded: bool, between: bool = True) -> dict[Node, Any]:
    """The gradient of L with respect to every node of the path, given ∂L/∂output for the outputs.

    Every node hands its gradient to its inputs, newest first; an input that is used several times gets the sum.

    Parameters
    ----------
    seeds : ∂L/∂output, of shape K + output.shape, the same K for all.
    recorded : True to record the backward pass as more blocks on the same graph, False to compute plain values.
    between : False if only the gradients of the inputs are needed. Every other gradient is then dropped after its use,
        so that its memory is freed or reused.
    """
    if not recorded:
        return _backpropagated(path, seeds, recorded, between)
    me = object()
    BEING_RECORDED.add(me)
    try:
        return _backpropagated(path, seeds, recorded, between)
    finally:
        BEING_RECORDED.discard(me)


def _backpropagated(path: Path, seeds: dict[Node, Any], recorded: bool, between: bool) -> dict[Node, Any]:
    """The loop of `backpropagate`: for each node, newest first, pull its gradient back, and add it to its inputs."""
    gradients: dict[Node, Any] = dict.fromkeys([*path.inputs, *path.between])
    gradients.update((node, dz) for node, dz in seeds.items() if node in gradients)
    if recorded:
        _record_foreign_seeds(seeds, gradients)
    take = gradients.get if between else gradients.pop
    for node in reversed(path.between):
        block = node.block
        in_place = block.pull_in_place
        if in_place is not None and (grads := in_place(node, gradients, take)) is not None:
            _hand_over(node.inputs, grads, gradients)
            continue
        dz = take(node)
        if dz is None:
            continue
        if not block.complex:
            _must_be_real(node, dz)
        operands = []
        wanted = []
        by_form = block.by_form
        z_value = node.form if by_form else node.value
        has_pythons = z_value.__class__ in PYTHON
        for i in node.inputs:
            if i.__class__ is Node:
                wants = i in gradients
                value = i.form if by_form and wants else i.value
                operands.append(Array(i) if recorded else value)
                wanted.append(wants)
                if value.__class__ in PYTHON:
                    has_pythons = True
            else:
                operands.append(i)
                wanted.append(False)
        xp = RECORDING if recorded else NUMPY_NAMESPACE if type(dz) in NUMPY else namespace_of((dz,))
        z = Array(node) if recorded else z_value
        if has_pythons:
            z, operands = as_rules_take(node, recorded)
        if recorded or xp is NUMPY_NAMESPACE:
            grads = block.pull(xp, dz, z, operands, node.params, wanted)
        else:
            grads = _pull_in_library(block, xp, dz, z, operands, node.params, wanted)
        if block.flat_at_infinity and _is_flat(node):
            if recorded:
                _must_be_finite(node)
            grads = _unknown_after_overflow(xp, dz, node, grads, path.inputs)
        if recorded and has_absent_zeros(dz):  # a plain dx was then computed from dz and constants
            constants = [x for x in operands if type(x) is not Array]
            grads = [dx if type(dx) is Array else made_of(dx, dz, *constants) for dx in grads]
        _hand_over(node.inputs, grads, gradients)
    return gradients


def _record_foreign_seeds(seeds: dict[Node, Any], gradients: dict[Node, Any]) -> None:
    """Record seeds of another library: NumPy's constants in rules cannot be combined with its plain arrays."""
    for node, dz in seeds.items():
        if type(dz) not in NUMPY and type(dz) is not Array and is_foreign(dz) and node in gradients:
            gradients[node] = recorded_constant(dz)


def _hand_over(inputs: Sequence[Any], grads: Sequence[Any], gradients: dict[Node, Any]) -> None:
    """Add a step's gradients to those of its inputs."""
    for operand, dx in zip(inputs, grads):  # noqa: B905, it costs
        if dx is not None and operand.__class__ is Node and operand in gradients:
            value = operand.value if operand.version is None else operand.form  # a property costs
            dtype = value.dtype if value.__class__ not in PYTHON else dtype_of(value)
            if dx.dtype is not dtype:  # most often the same object
                dx = _as_input(dx, dtype)
            sofar = gradients[operand]
            if sofar is not None:
                dx = sofar + dx
                if dx.dtype is not dtype:  # a sum is in native byte order
                    dx = _as_input(dx, dtype)
            gradients[operand] = dx


@unlisted_block(notation=lambda x, dtype: x, dependence=entrywise)
def numpy_number(xp: Any, x: Any, dtype: Any = np.dtype(np.float64)) -> Any:
    """A recorded Python number as a NumPy number."""
    return as_numpy_number(x, dtype)


numpy_number.backward(lambda xp, dz, z, x, dtype: dz)


def pulled(node: Node, dz: Any, wanted: Sequence[bool], recorded: bool) -> list[Any]:
    """The gradients of one step's operands by its backward rule, from dz = ∂L/∂z; None where not wanted or 0.

    Parameters
    ----------
    recorded : True to record the rule on the graph of the step, False to compute plain values.
    """
    z, operands = as_rules_take(node, recorded)
    xp = RECORDING if recorded else NUMPY_NAMESPACE
    grads = node.block.pull(xp, dz, z, operands, node.params, wanted)
    found: list[Any] = [None] * len(operands)
    for index, (dx, want) in enumerate(zip(grads, wanted, strict=False)):
        found[index] = dx if want else None
    return found


def as_rules_take(node: Node, recorded: bool) -> tuple[Any, list[Any]]:
    """The result and the operands of a step as its backward rule takes them.

    Python's numbers become NumPy's: these have a dtype and a shape, and 1/x at 0 is infinite, not an error. As in the
    forward pass, they become float32 beside a float32 array. Constants are unchanged.
    """
    dtype = dtype_of(node.form)
    by_form = node.block.by_form

    taken = []
    for x in (node, *node.inputs):
        if x.__class__ is not Node:
            taken.append(x)
        elif recorded:
            taken.append(as_rule_takes(Array(x), dtype))
        else:
            value = x.form if by_form and is_inexact(x.form) else x.value
            taken.append(as_numpy_number(value, dtype) if value.__class__ in PYTHON else value)
    return taken[0], taken[1:]


def as_rule_takes(x: Any, dtype: Any) -> Any:
    """A recorded operand of a rule; a Python number becomes a NumPy number."""
    if type(x) is Array and type(node_of(x).form) in (float, complex, bool):
        return record(numpy_number, (x,), {"dtype": dtype})
    return x


def _pull_in_library(
    block: Any, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
) -> Sequence[Any]:
    """The gradients as arrays of a library other than NumPy; by NumPy if the library lacks what the rule needs."""
    lacks: Any = "its gradient is NumPy's"
    try:
        grads = block.pull(xp, dz, z, operands, params, wanted)
        pairs = zip(grads, operands, strict=False)
        if not any(isinstance(dx, np.ndarray | np.generic) and is_foreign(form_of(x)) for dx, x in pairs):
            return grads
    except ChainruleError:
        raise
    except NOT_THERE as error:
        lacks = error
    try:
        return pulled_in_numpy(block, dz, z, operands, params, wanted)
    except Unreachable as why:
        raise not_covered(block, xp, f"its backward rule: {lacks}", str(why)) from why


def _unknown_after_overflow(
    xp: Any, dz: Any, node: Node, grads: Sequence[Any], inputs: Sequence[Node]
) -> Sequence[Any]:
    """The gradients of log, sqrt, norms and their like, NaN instead of 0 where the result is infinite and no input is.

    Then a number has overflowed. Its derivative is huge or infinite, that of log is 0, and their product is unknown:
    it may be any number (1 for log(1 + exp(x))). Where dz is 0 the entry does not matter, and its gradient stays 0.
    Only values differ, not the recorded steps: these may not depend on values. Compiled code has only the steps; it
    stops and runs uncompiled if a node marked `must_be_finite` is infinite. Values that JAX traces are not known, so
    there it is a step: the body of a loop of JAX's has only steps.
    """
    is_step = is_traced(node.value) and any(type(dx) is Array for dx in grads)
    plain = RECORDING if is_step else namespace_of((node.value,))

    def of(x: Any) -> Any:
        return Array(x) if is_step and type(x) is Node else value_of_operand(x)

    infinite = plain.isinf(of(node))
    if type(infinite) in NUMPY and not count_nonzero(infinite):
        return grads
    spaces = ((plain if is_step else namespace_of((i.value,)), of(i)) for i in inputs if is_inexact(i.value))
    finite = (own.all(own.isfinite(x)) for own, x in spaces)
    if not is_step and not is_foreign(infinite):
        if not all(finite):
            return grads
    else:  # its values may be unknown yet, as under jax.jit
        for known in finite:
            infinite = infinite & (bool(known) if type(known) in PLAIN else known)  # a tensor & np.bool is an error
    unknown = []
    for operand, dx in zip(node.inputs, grads, strict=False):
        if dx is not None and is_inexact(operand.value):
            lost = infinite & ((dz if is_step else form_of(dz)) != 0)
            lost = _lost(plain, lost, node, operand, of(operand), dx.shape) & ((dx if is_step else form_of(dx)) == 0)
            if is_step:
                dx = RECORDING.where(lost, math.nan, dx)
            elif type(dx) is Array:
                node_of(dx).value = plain.where(lost, math.nan, node_of(dx).value)[()]
            else:
                dx = xp.where(lost, math.nan, dx)
        unknown.append(dx)
    return unknown


def _lost(plain: Any, lost: Any, node: Node, operand: Node, x: Any, shape: tuple[int, ...]) -> Any:
    """Which entries of an operand's gradient, of this shape, belong to the lost ones among the results."""
    if not isinstance(node.block, Elementwise):
        lost = _along_operand(plain, lost, node, operand)
        return lost & np.isinf(np.abs(x)).any() if is_numpy(plain) else lost  # norms of NumPy scale finite entries
    lost = lost & plain.isinf(x)
    if lost.shape == shape:
        return lost
    return sum_to(plain, plain.astype(lost, dtype_of(node.value)), operand.value.shape, node.value.shape) > 0


def _is_flat(node: Node) -> bool:
    """Whether this step is flat at infinity; a power is if its exponent is between 0 and 1."""
    flat = node.block.flat_at_infinity
    return flat is True or flat(*node.inputs)


def _must_be_finite(node: Node) -> None:
    """Mark the values that must be finite for the recorded gradient to be right: those that the rule divides by.

    If such a value only selects or rearranges entries of another, that one is marked too: `simplify` may divide by it.
    """
    for x in node.inputs if isinstance(node.block, Elementwise) else (node,):
        while type(x) is Node and x.block is not None:
            x.must_be_finite = True
            if x.block.bounds is not of_operand:
                break
            x = x.inputs[0]


def _along_operand(xp: Any, of_result: Any, node: Node, operand: Node) -> Any:
    """Booleans about the results of a reduction, of shape K + z.shape, with axes added to broadcast to K + x.shape."""
    if node.params["keepdims"]:
        return of_result
    axis, ndim = node.params["axis"], np.ndim(operand.value)
    axes = range(-ndim, 0) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for a in sorted(axes, reverse=True):
        of_result = xp.expand_dims(of_result, axis=a)
    return of_result


def _must_be_real(node: Node, dz: Any) -> None:
    """Raise if a block without a rule for complex numbers has got one."""
    for x in (dz, *node.inputs):
        if is_complex(x.value if x.__class__ is Node else x):
            raise GradientError(
                f"block {node.block.name} has no gradient for complex numbers; "
                "give it np.real(x), np.imag(x) or np.abs(x)" + (f"\n  at {node.line}" if node.line else "")
            )


def _as_input(dx: Any, dtype: Any) -> Any:
    """A gradient in the dtype of its array; for a real array, the real part."""
    if type(dx) is Array:
        dtype = numpy_dtype(dtype)
    if dx.dtype == dtype:
        return dx
    if is_complex(dx) and not is_complex_dtype(dtype):
        dx = RECORDING.real(dx) if type(dx) is Array else namespace_of((dx,)).real(dx)
        if dx.dtype == dtype:
            return dx
    return dx.astype(dtype) if hasattr(dx, "astype") else namespace_of((dx,)).astype(dx, dtype)
