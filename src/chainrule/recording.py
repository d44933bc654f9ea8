"""Recording: a function, run once on recorded inputs, ready to be backpropagated through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from chainrule.absent import has_absent_zeros
from chainrule.answers import recorded_constant
from chainrule.argnums import name_of
from chainrule.array import WATCHER, Array, form_of, holds_recorded, joined, node_of
from chainrule.backward import BEING_RECORDED, Path, backpropagate, find_path
from chainrule.errors import REFUSED, BlockError, GradientError, RecordingError, Refusal
from chainrule.foreign_calls import refused_by_their_error
from chainrule.inputs import CalledWith, alias
from chainrule.libraries import PLAIN, copied, dtype_of, is_complex, is_foreign, is_inexact, namespace_of
from chainrule.namespace import RECORDING
from chainrule.node import Node, at_line, is_internal
from chainrule.operands import result
from chainrule.shown import is_only_shown
from chainrule.standins.names import standins
from chainrule.trees import Tree, flatten

__all__ = ["Recording", "Rolls", "checked_result", "computed", "fresh", "record_call", "scalar_loss"]


def computed(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """f(*args, **kwargs) for arrays of other libraries: NumPy code is recorded, and only the result is kept."""
    leaves = flatten((args, kwargs))[0]
    if any(type(x) is Array for x in leaves) or not any(type(x) not in PLAIN and is_foreign(x) for x in leaves):
        return f(*args, **kwargs)
    if is_internal(getattr(getattr(f, "__code__", None), "co_filename", "")):
        return f(*args, **kwargs)  # a transform of chainrule takes them unchanged
    chosen = [(i, "") for i, x in enumerate(args) if any(map(is_inexact, flatten(x)[0]))]
    chosen += [(-1, name) for name, x in kwargs.items() if any(map(is_inexact, flatten(x)[0]))]
    return record_call(f, tuple(chosen), args, kwargs).result()


class Rolls:
    """A watcher (see `WATCHER`) that replaces repeated steps by loops, before later steps are recorded on them."""

    decides_memory = True
    """Whether it also decides which values are stored for the backward pass, so that checkpoints are not needed."""

    def rolled(self, inputs: Sequence[Node], outputs: Sequence[Any]) -> list[Any]:
        """The outputs, computed by loops."""
        raise NotImplementedError

    def looped(self, body: Any, operands: Sequence[Any], length: int) -> tuple[list[Any], list[Any]] | None:
        """The last states and the results of a loop with a recorded body; None if each step must be recorded."""
        return None

    def takes_bodies(self) -> bool:
        """Whether `looped` may be called: the compiler takes bodies of loops."""
        return False


class Recording(NamedTuple):
    """A function, run once on recorded inputs."""

    inputs: list[Node]
    trees: list[Tree]
    given: list[Any]
    outputs: list[Any]
    rebuild_outputs: Callable[[list[Any]], Any]
    path: Path
    recorded: bool
    """Whether gradients must be recorded too, because an outer gradient may differentiate them again."""

    def gradients(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """One value for each input, in the structure of the arguments; None for a leaf without a gradient."""
        rest = iter(leaves)
        return tuple(tree.gradient(list(islice(rest, len(tree.leaves)))) for tree in self.trees)

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments, with these values in place of the inputs."""
        rest = iter(leaves)
        return tuple(tree.argument(list(islice(rest, len(tree.leaves)))) for tree in self.trees)

    def result(self) -> Any:
        """The function's result; as plain values unless it depends on recorded arrays beyond its inputs."""
        return self.rebuild_outputs([_released(out, self.recorded) for out in self.outputs])

    def released(self, tree: Any) -> Any:
        """Values computed besides the result (aux), as plain values unless they depend on other recorded arrays."""
        leaves, rebuild = flatten(tree)
        leaves = [joined(leaf) if holds_recorded(leaf) else leaf for leaf in leaves]
        nodes = [node_of(leaf) for leaf in leaves if type(leaf) is Array]
        recorded = self.recorded or find_path(self.inputs, nodes).free
        return rebuild([_released(leaf, recorded) for leaf in leaves])

    def pull(self, seeds: Sequence[Any]) -> list[Any]:
        """The gradients of the inputs, in order, zeros where an input has no influence."""
        recorded = self.recorded
        sums: dict[Node, Any] = {}
        taken: set[int] = set()
        for out, seed in zip(self.outputs, seeds, strict=True):
            recorded = recorded or type(seed) is Array
            taken.add(id(seed))
            if type(out) is Array:
                node = node_of(out)
                sums[node] = sums[node] + seed if node in sums else seed
        gradients = backpropagate(self.path, sums, recorded, between=False)
        result: list[Any] = []
        for node, given in zip(self.inputs, self.given, strict=True):
            g = gradients[node]
            if g is None:
                g = self._no_influence(node, seeds)
            as_array = isinstance(form_of(given), np.ndarray)
            if type(g) is Array and g.ndim == 0 and isinstance(form_of(g), np.ndarray) is not as_array:
                g = _of_no_axis(g, as_array)
            if recorded and type(g) is not Array and is_foreign(g):
                g = recorded_constant(copied(g))  # NumPy's functions, which the outer function may call, do not take it
            result.append(g if type(g) is Array else fresh(g, as_array, taken))
        return result

    def _no_influence(self, node: Node, seeds: Sequence[Any]) -> Any:
        """Zeros, with the leading axes of the cotangents."""
        seed, out = seeds[0], form_of(self.outputs[0])
        lead = tuple(seed.shape[: len(seed.shape) - len(np.shape(out))])
        return namespace_of((node.value,)).zeros(lead + tuple(np.shape(node.value)), dtype=dtype_of(node.value))


def _of_no_axis(g: Array, as_array: bool) -> Any:
    """The gradient of a 0-d array as a 0-d array, that of a number as a number."""
    if is_foreign(form_of(g)):
        return g
    return RECORDING.copy(g) if as_array else g[()]


def fresh(g: Any, as_array: bool, taken: set[int]) -> Any:
    """A result that the caller may write into: no view, no read-only array, not the same array twice.

    Its zeros are numbers, not absent.
    """
    if isinstance(g, np.ndarray):
        if g.ndim == 0 and not as_array:
            return g[()]
        if g.base is not None or not g.flags.writeable or id(g) in taken or has_absent_zeros(g):
            g = g.copy(order="C")
        taken.add(id(g))
        return g
    if is_foreign(g):
        return copied(g)
    return np.asarray(g) if as_array and isinstance(g, np.generic) else g


def _released(out: Any, recorded: bool) -> Any:
    if type(out) is not Array or recorded:
        return out
    value = node_of(out).value
    if isinstance(value, np.ndarray):  # the recording keeps its own
        return value.copy()
    return copied(value) if type(value) not in PLAIN and is_foreign(value) else value


ONE_BY_ONE = (
    "np.array([…]) and np.asarray(…) of recorded numbers give an array of dtype object, with which most functions\n"
    "cannot compute. Join the numbers with np.stack or np.block instead. If SciPy made it of an argument: write that\n"
    "with NumPy's functions or chainrule's (cr.…), or make a block of it with @cr.block and a backward rule."
)
"""The note added to an error that an array of dtype object may have caused."""

SHARED = (
    "np.asarray(x), np.ascontiguousarray(x) and their like share the memory of a recorded x in NumPy; here they are\n"
    "read-only. Write into x itself or into a copy, x.copy()."
)
"""The note on an error that a write into such an array has caused."""

OF_ANOTHER_LIBRARY = (
    "an argument is an array of another library than NumPy; code that is not made of blocks may not take it. Give\n"
    "np.asarray(x) of it, or call cr.to_torch(f) or cr.to_jax(f), where NumPy computes what that library does not."
)
"""The note on an error of a function that was given such an array."""

OF_OBJECTS = (
    *("not supported for the input types", "no callable", "dtype('O')", "must be of ArrayType", "dtype of `to_end`"),
    *("'float' object has no attribute", "'int' object has no attribute", "'complex' object has no attribute"),
)
"""Messages of such errors."""


OF_PLAIN_NUMBERS = ("JSON serializable", "to Decimal is not supported", "no attribute 'as_integer_ratio'")
"""Messages of errors of code that takes Python's own numbers only."""

PLAIN_NUMBERS = (
    "that code takes Python's own numbers, not recorded ones. If its result is only shown or stored, give x.value, or\n"
    "x.value.tolist() of an array, which have no gradient; else write it with NumPy's functions."
)
"""The note on such an error."""


def record_call(
    f: Callable[..., Any], positions: tuple[tuple[int, str], ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Recording:
    """Run f with the chosen arguments, each given by position and name, recorded."""
    called = CalledWith(f, args, kwargs)
    for position, name in positions:
        called.record(position, name)
    called.mark_shared()
    inputs, trees, given = called.inputs, called.trees, called.given
    BEING_RECORDED.add(me := object())
    refused = REFUSED.set([])
    try:
        with standins(f, called.args, called.kwargs, given):
            returned = f(*called.args, **called.kwargs)
        _raise_what_was_caught(REFUSED.get() or [])
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, RecordingError):
            raise error.__cause__ from None  # NumPy hides it where a plain array is written into
        if (refusal := refused_by_their_error(error)) is not None:
            raise refusal from error
        for note in _notes_on(error, given):
            error.add_note(note)
        raise
    finally:
        REFUSED.reset(refused)
        BEING_RECORDED.discard(me)
    outputs, rebuild_outputs = flatten(returned)
    outputs = [out if type(out) is Array else checked_result(out, name_of(f)) for out in outputs]
    watcher = WATCHER.get()
    if isinstance(watcher, Rolls):
        outputs = watcher.rolled(inputs, outputs)
    path = find_path(inputs, [node_of(out) for out in outputs if type(out) is Array])
    # A gradient may depend on a compiled function's inputs by what has no gradient: by stop_gradient(x), or a constant.
    recorded = path.free or alias in [node.block for node in inputs] or watcher is not None
    return Recording(inputs, trees, given, outputs, rebuild_outputs, path, recorded)


def _raise_what_was_caught(refused: list[Refusal]) -> None:
    """Raise an error that the user's code, or a library, has caught to go on: a gradient would be lost unnoticed."""
    for error in refused:
        trace = error.__traceback__  # it begins where the error was caught
        if trace is not None and not _leaves_it_to_others(trace.tb_frame):
            error.add_note("the function catches this error and goes on, where without a recording there is none")
            raise error


def _leaves_it_to_others(frame: Any) -> bool:
    """Whether code that catches an error then asks another operand, or shows the value: NumPy, PyTorch's operators."""
    return (
        is_internal(frame.f_code.co_filename)
        or is_only_shown(frame)
        or (frame.f_globals.get("__name__", "").startswith(("torch.", "jax.")))
    )


def _notes_on(error: Exception, given: list[Any]) -> Iterator[str]:
    """Notes that say what to write if NumPy refused a recorded array; `given` are the arguments before the call."""
    text = str(error)
    if not isinstance(error, ValueError):
        if any(words in text for words in OF_PLAIN_NUMBERS):
            yield PLAIN_NUMBERS
        if any(words in text for words in OF_OBJECTS):
            yield ONE_BY_ONE
        if any(is_foreign(x) for x in given if type(x) is not Array):
            yield OF_ANOTHER_LIBRARY
        return
    if "read-only" in text and not isinstance(error, BlockError):
        yield SHARED
    if "object" in text:
        yield ONE_BY_ONE
    if "read-only" in text:
        yield (
            "a plain argument that shares its memory with one that is differentiated cannot be written into: "
            "in NumPy both change; give the function a copy"
        )


def checked_result(out: Any, title: str) -> Any:
    """A result of a function: recorded, or a plain array or number; an error if it is anything else."""
    if type(out) is Array:
        return out
    out = result(out, title)
    return joined(out) if isinstance(out, np.ndarray) else out


def scalar_loss(recording: Recording, title: str) -> Any:
    """The one output of a recording, which must be a scalar of a floating type."""
    outputs = recording.outputs
    if not outputs:
        raise GradientError(f"{title} returned nothing; end it with `return` and the loss" + at_line())
    if len(outputs) != 1:
        raise GradientError(
            f"a gradient needs a function that returns one scalar; {title} returned {len(outputs)} arrays; "
            "use vjp or jacobian for several outputs" + at_line()
        )
    loss = form_of(outputs[0])
    if getattr(loss, "shape", ()) != ():
        raise GradientError(
            f"a gradient needs a scalar loss; {title} returned an array of shape {np.shape(loss)}; "
            "reduce it (with np.sum or np.mean), or use jacobian or vjp" + at_line()
        )
    if is_complex(loss):
        raise GradientError(
            f"a gradient needs a real loss; {title} returned a complex number; take np.real(L) or np.abs(L) of it, "
            "or use vjp with a complex cotangent" + at_line()
        )
    if not is_inexact(loss):
        raise GradientError(f"a gradient needs a loss of a floating type; {title} returned {loss!r}" + at_line())
    return outputs[0]
