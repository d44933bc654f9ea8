"""scan: a loop that carries a state, recorded as one block with a body.

The backward pass of a loop is a loop too: from the last step to the first it carries ∂L/∂state, and it adds up ∂L/∂w
for values w that the body uses from outside. So one rule gives gradients of any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.argnums import name_of, needs_function
from chainrule.array import WATCHER, Array, form_of
from chainrule.backward import as_rule_takes
from chainrule.block import unlisted_block
from chainrule.bodies import (
    Body,
    Inputs,
    Outputs,
    body_of,
    chosen_of,
    differentiable,
    form_of_operand,
    is_compiling,
)
from chainrule.errors import RecordingError
from chainrule.forks import imported
from chainrule.formula import call
from chainrule.libraries import PYTHON, dtype_of, is_foreign, is_inexact, is_traced, namespace_of
from chainrule.namespace import RECORDING
from chainrule.node import at_line, value_of_operand
from chainrule.recording import Rolls, checked_result
from chainrule.trees import flatten

__all__ = ["scan"]


@unlisted_block(notation=lambda *xs, body, length, backwards: call("scan", *xs))
def scanned(xp: Any, *operands: Any, body: Any = None, length: int = 0, backwards: bool = False) -> Any:
    """The states after each step of a loop, the results of its steps, and its sums, packed into one array.

    If backwards, the loop goes from the last entry to the first. Step t is that of entry t all the same.
    """
    given = body.taken_apart(operands)
    if any(map(is_traced, operands)):
        return body.packing(length).packed(xp, _in_a_loop_of_jax(body, given, length, backwards))
    state: Sequence[Any] = given.state
    along: list[list[Any]] = []
    sums: Sequence[Any] = []
    for t in reversed(range(length)) if backwards else range(length):
        out = body.step(xp, Inputs(state, [x[t] for x in given.entries], given.outside))
        state = out.state
        sums = [a + b for a, b in zip(sums, out.sums, strict=True)] if along else out.sums
        along.append([*out.state, *out.results])
    along = along[::-1] if backwards else along
    return body.packing(length).packed(xp, [*(xp.stack(column) for column in zip(*along, strict=True)), *sums])


def _in_a_loop_of_jax(body: Body, given: Inputs, length: int, backwards: bool) -> list[Any]:
    """What `scanned` packs, as one loop (`jax.lax.scan`) of the program that JAX traces."""
    jax = imported("jax")

    def in_dtype(part: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        return [jax.numpy.asarray(x, dtype=form_of_operand(out).dtype) for x, out in zip(values, part, strict=True)]

    def one(carry: Any, entries: Sequence[Any]) -> Any:
        state, sums = carry
        token = WATCHER.set(None)  # reads in a step of JAX's loop cannot be guards of the whole program
        try:
            made = body.step(jax.numpy, Inputs(state, entries, given.outside))
        finally:
            WATCHER.reset(token)
        after, results = in_dtype(body.outputs.state, made.state), in_dtype(body.outputs.results, made.results)
        added = [a + b for a, b in zip(sums, in_dtype(body.outputs.sums, made.sums), strict=True)]
        return (after, added), [*after, *results]

    zeros = [jax.numpy.zeros(form.shape, form.dtype) for form in map(form_of_operand, body.outputs.sums)]
    start = in_dtype(body.outputs.state, given.state), zeros
    entries = list(map(jax.numpy.asarray, given.entries))
    (_, sums), along = jax.lax.scan(one, start, entries, length=length, reverse=backwards)
    return [*along, *sums]


@scanned.backward
def scanned_backward(
    xp: Any, dz: Any, z: Any, *operands: Any, body: Any = None, length: int = 0, backwards: bool = False
) -> Any:
    if dz.ndim > z.ndim:  # one loop for each cotangent
        rows = xp.reshape(dz, (-1, *z.shape))
        loop = {"body": body, "length": length, "backwards": backwards}
        many = [scanned_backward(xp, row, z, *operands, **loop) for row in rows]
        lead = tuple(dz.shape[: dz.ndim - z.ndim])
        return [
            None if parts[0] is None else xp.reshape(xp.stack(parts), lead + np.shape(x))
            for parts, x in zip(zip(*many, strict=True), operands, strict=True)
        ]
    given = body.taken_apart(operands)
    after = body.unpacked(xp, z, length).state
    cotangents = Outputs(*map(chosen_of, body.unpacked(xp, dz, length), body.outputs))
    before = [
        xp.concatenate([states[1:], first] if backwards else [first, states[:-1]])
        for first, states in zip(
            (xp.reshape(x, (1, *x.shape)) for x in map(_with_shape, given.state)), after, strict=True
        )
    ]
    entries = [*before, *given.entries, *cotangents.state, *cotangents.results]
    start = [np.zeros_like(form_of_operand(out))[()] for out in differentiable(body.outputs.state)]
    back, end = body.backward, -1 if backwards else 0
    loop = {"body": back, "length": length, "backwards": not backwards}
    made = back.unpacked(xp, scanned(*start, *entries, *given.outside, *cotangents.sums, **loop), length)
    grads = iter([*(x[end] for x in made.state), *made.results, *made.sums])
    return [next(grads) if is_inexact(value_of_operand(node)) else None for part in body.inputs for node in part]


def _with_shape(x: Any) -> Any:
    return x if hasattr(x, "shape") else np.asarray(x)


def scan(f: Callable[..., Any], carry: Any, xs: Any = None, length: int | None = None) -> tuple[Any, Any]:
    """A loop over the first axis of xs that carries a state from step to step, as `jax.lax.scan`.

    It computes what this loop does:

        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    Parameters
    ----------
    f : the body, `(carry, x) -> (carry, y)`. It may use recorded arrays from outside.
    carry : the state before the first step: an array, a number, or a tree of them. Shapes and dtypes stay the same.
    xs : an array, or a tree of arrays, with one entry for each step along the first axis; None if there are none.
    length : the number of steps, if xs is None.

    Returns `(carry, ys)`: the state after the last step, and the results of all steps, joined along a new first axis.

    Recorded, the loop is one block: f is recorded once, and may not branch on values. The states after each step are
    kept for the backward pass, the steps inside f are computed again. Derivatives of any order are loops as well.
    `cr.compile` records the steps one by one, as for a loop in Python; with `memory` it uses the body, so that
    recording keeps few states too. Steps with arrays of another library are recorded one by one.

    Raises
    ------
    RecordingError : f reads a value that differs from step to step, or changes the shape or dtype of the state.

    >>> import numpy as np, chainrule as cr
    >>> def total(a):
    ...     return cr.scan(lambda s, x: (a * s + x, s), 0.0, np.array([1.0, 2.0, 3.0]))[0]
    >>> total(0.5), cr.grad(total)(0.5)
    (np.float64(4.25), np.float64(3.0))
    """
    needs_function(f, "scan")
    name = name_of(f)
    (state, rebuild_state), (arrays, rebuild_entries) = flatten(carry), flatten(xs)
    state = [_checked(x, "carry") for x in state]
    arrays = [_checked(x, "xs") for x in arrays]
    n = _length(arrays, length)
    rebuild_results: list[Callable[[list[Any]], Any]] = []

    def body(given: Inputs) -> Outputs:
        returned = f(rebuild_state(list(given.state)), rebuild_entries(list(given.entries)))
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise RecordingError(
                f"the body of scan, {name}, must return a pair (carry, y), of which y may be None; it returned "
                f"{type(returned).__name__}" + at_line()
            )
        (after, _), (results, rebuild) = flatten(returned[0]), flatten(returned[1])
        rebuild_results[:] = [rebuild]
        made = Outputs(*([checked_result(x, name) for x in part] for part in (after, results)))
        _must_stay(given.state, made.state, name)
        return made

    if is_compiling() or any(is_foreign(x) and not is_traced(x) for x in map(form_of, (*state, *arrays))):
        compiled = _compiled_loop(name, body, state, arrays, n)
        if compiled is not None:
            last, along = compiled
            return rebuild_state(last), rebuild_results[0](along)
        return _written_out(body, state, arrays, n, rebuild_state, rebuild_results)
    state, recorded = _body_once(name, body, state, arrays)
    whole = scanned(*state, *arrays, *map(Array, recorded.inputs.outside), body=recorded, length=n)
    made = recorded.unpacked(RECORDING, whole, n)
    return rebuild_state([x[-1] for x in made.state]), rebuild_results[0](list(made.results))


def _body_once(name: str, body: Any, state: list[Any], arrays: Sequence[Any]) -> tuple[list[Any], Body]:
    """The state before the loop, and the body. Python's numbers take the dtype that the state has after a step."""

    def first() -> Inputs:
        return Inputs(list(map(form_of, state)), [form_of(x[0]) for x in arrays])

    recorded = body_of(name, body, first())
    if any(type(form_of(x)) in PYTHON for x in state):
        state = [_in_dtype_of(out, x) for x, out in zip(state, recorded.outputs.state, strict=True)]
        recorded = body_of(name, body, first())
    return state, recorded


def _compiled_loop(
    name: str, body: Any, state: list[Any], arrays: Sequence[Any], n: int
) -> tuple[list[Any], list[Any]] | None:
    """The last states and the results, if the compiler uses the recorded body; else None."""
    watcher = WATCHER.get()
    if not isinstance(watcher, Rolls) or not watcher.takes_bodies():
        return None
    try:
        state, recorded = _body_once(name, body, state, arrays)
    except RecordingError:  # it reads a value; recorded step by step, this becomes a guard
        return None
    return watcher.looped(recorded, [*state, *arrays, *map(Array, recorded.inputs.outside)], n)


def _written_out(
    body: Any, state: Sequence[Any], arrays: list[Any], n: int, rebuild_state: Any, rebuild_results: list[Any]
) -> tuple[Any, Any]:
    """The loop step by step."""
    along = []
    for t in range(n):
        state, results, _ = body(Inputs(state, [x[t] for x in arrays]))
        along.append(results)
    return rebuild_state(list(state)), rebuild_results[0]([_stacked(column) for column in zip(*along, strict=True)])


def _stacked(column: Sequence[Any]) -> Any:
    return np.stack(column) if any(type(x) is Array for x in column) else namespace_of(column).stack(column)


def _checked(x: Any, what: str) -> Any:
    """A leaf of the carry or of xs: an array or a number."""
    if type(x) is Array or type(x) in (float, complex) or is_foreign(x):
        return x
    x = np.asarray(x)
    if x.dtype.kind not in "fciub":
        raise RecordingError(f"{what} of scan are arrays and numbers, not {x.dtype}" + at_line())
    return x if x.ndim else x[()]


def _length(arrays: list[Any], length: int | None) -> int:
    lengths = {x.shape[0] if np.ndim(form_of(x)) else None for x in arrays} | ({length} - {None})
    if len(lengths) != 1 or None in lengths:
        raise RecordingError(
            "scan needs the number of its steps: arrays xs of one length along the first axis, or length= alone; "
            f"given are {', '.join(str(np.shape(form_of(x))) for x in arrays) or 'no arrays'} and length={length}"
            + at_line()
        )
    (n,) = lengths
    if not n:
        raise RecordingError("scan over no steps: what its body returns is not known" + at_line())
    return n


def _must_stay(before: Sequence[Any], after: Sequence[Any], name: str) -> None:
    """Raise unless the state has as many arrays after a step as before, of the same shapes and dtypes."""
    told = [[f"{tuple(np.shape(x))} of {dtype_of(x)}" for x in map(form_of, part)] for part in (before, after)]
    python = [type(form_of(x)) in PYTHON for x in before]
    if len(before) != len(after) or any(
        np.shape(form_of(x)) != np.shape(form_of(y)) or (a != b and not is_python)
        for x, y, a, b, is_python in zip(before, after, *told, python, strict=True)
    ):
        raise RecordingError(
            f"the state of scan is {', '.join(told[0])} before a step of {name} and {', '.join(told[1])} after it; "
            "it must stay the same" + at_line()
        )


def _in_dtype_of(out: Any, x: Any) -> Any:
    """A Python number of the state in the dtype of that part of the next state; other arrays unchanged."""
    dtype = form_of_operand(out).dtype
    if type(x) is Array:
        return as_rule_takes(x, dtype)
    return dtype.type(x) if type(x) in PYTHON else x
