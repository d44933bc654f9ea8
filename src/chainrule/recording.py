"""Recording: a function, run once on recorded inputs, ready to be backpropagated through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from chainrule.absent import has_absent_zeros
from chainrule.answers import in_another_library, recorded_constant, under_another_value
from chainrule.array import WATCHER, Array, constant, form_of, joined, node_of
from chainrule.backward import BEING_RECORDED, Path, backpropagate, find_path
from chainrule.block import Block, unlisted_block
from chainrule.block.dependence import entrywise
from chainrule.errors import BlockError, GradientError, RecordingError
from chainrule.libraries import (
    PLAIN,
    as_array_beside,
    as_numpy,
    copied,
    dtype_of,
    is_complex,
    is_foreign,
    is_inexact,
    namespace_of,
)
from chainrule.node import NO_PARAMS, Node, at_line, is_internal
from chainrule.operands import class_name, holds_numbers, result, to_write_instead
from chainrule.sharing import sharing_pairs
from chainrule.standins.names import standins
from chainrule.step import record
from chainrule.trees import Tree, flatten

__all__ = ["Argnums", "Recording", "input_node", "name_of", "positions_of", "record_call", "scalar_loss"]

Argnums = int | str | tuple[int | str, ...] | list[int | str]


@unlisted_block(notation=lambda x: x, dependence=entrywise)
def alias(xp: Any, x: Any) -> Any:
    """The same value under a new identity, so that nested gradients cannot mistake one for the other."""
    return x


alias.backward(lambda xp, dz, z, x: dz)


@unlisted_block(notation=lambda x, others: x)
def beside(xp: Any, x: Any, others: Any) -> Any:
    """An array of NumPy's as one of the library of other arrays, on their device."""
    return as_array_beside(x, others)


beside.backward(lambda xp, dz, z, x, others: np.asarray(dz, dtype=x.dtype))


@in_another_library.is_
def _beside(x: Array, others: list[Any]) -> Array:
    return record(beside, (x,), {"others": others}, known=as_array_beside(x.value, others))


@under_another_value.is_
def _aliased(result: Array, value: Any) -> Array:
    return record(alias, (result,), known=value)


def input_node(x: Any, f: Callable[..., Any], argument: int | str) -> Node:
    """A new input of a recording with the value of x, the argument (or a part of it) of f."""
    if type(x) is np.ndarray and x.dtype.kind in "fc":  # the common case
        return Node(None, (), NO_PARAMS, constant(x))
    if type(x) is float or type(x) is complex:  # Python's numbers are unchanged
        return Node(None, (), NO_PARAMS, x)
    if isinstance(x, (float, complex, list, tuple)):
        x = np.asarray(x)[()]
    must_be_plain(x, f, argument)
    _must_be_floating(form_of(x), f, argument)
    return node_of(record(alias, (x,))) if type(x) is Array else Node(None, (), NO_PARAMS, constant(x))


def must_be_plain(x: Any, f: Callable[..., Any], argument: int | str) -> None:
    """Raise if x is of a class of arrays or quantities that is neither NumPy's nor another array library's."""
    if type(x) is not Array and not is_foreign(x) and holds_numbers(x):
        raise GradientError(
            f"argument {argument} of {name_of(f)} is a {class_name(x)}, which has no gradient; {to_write_instead(x)}"
            + at_line()
        )


def _must_be_floating(x: Any, f: Callable[..., Any], argument: int | str) -> None:
    what = f"argument {argument} of {name_of(f)}"
    if not is_inexact(x):
        kind = getattr(x, "dtype", type(x).__name__)
        hint = f"give it as a float: {x!r} -> {float(x)}" if isinstance(x, int) else "convert it with .astype(float)"
        if not isinstance(x, int) and not hasattr(x, "dtype"):
            hint = "give an array, a number, or nested tuples, lists, dicts or dataclasses of them"
        raise GradientError(f"{what} is of type {kind}, which has no gradient; {hint}" + at_line())


def with_numpys_arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with arrays of other libraries as NumPy's, for those who show numbers or compare them."""
    leaves, rebuild = flatten((args, kwargs))
    if not any(type(x) not in PLAIN and type(x) is not Array and is_foreign(x) for x in leaves):
        return args, kwargs
    return rebuild([x if type(x) is Array else as_numpy(x) for x in leaves])


def computed(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """f(*args, **kwargs), as NumPy code is computed with arrays of other libraries: recorded, for the result alone."""
    leaves = flatten((args, kwargs))[0]
    if any(type(x) is Array for x in leaves) or not any(type(x) not in PLAIN and is_foreign(x) for x in leaves):
        return f(*args, **kwargs)
    if is_internal(getattr(getattr(f, "__code__", None), "co_filename", "")):
        return f(*args, **kwargs)  # a transform of chainrule's, which takes them as they are
    chosen = [(i, "") for i, x in enumerate(args) if any(map(is_inexact, flatten(x)[0]))]
    chosen += [(-1, name) for name, x in kwargs.items() if any(map(is_inexact, flatten(x)[0]))]
    return record_call(f, tuple(chosen), args, kwargs).result()


def needs_function(f: Any, what: str) -> None:
    """Raise unless f is callable: `what` (grad, check, …) takes the function itself, not its result."""
    if not callable(f):
        hint = f"write cr.{what}(f)(x), not cr.{what}(f(x))"
        if isinstance(f, str):
            hint = f"write a function; a text is read by the command line: chainrule {what} {f!r} x=1"
        raise GradientError(f"the first argument must be a function, not {type(f).__name__}; {hint}" + at_line())


def chosen_arguments(argnums: Argnums, what: str = "grad") -> tuple[int | str, ...]:
    """The arguments that argnums names, as a tuple."""
    chosen = argnums if isinstance(argnums, tuple | list) else (argnums,)
    if not all(isinstance(which, int | str) and not isinstance(which, bool) for which in chosen):
        raise GradientError(
            f"argnums must be positions or names of arguments, not {type(argnums).__name__}; write cr.{what}(f)(x), "
            f"not cr.{what}(f, x)" + at_line()
        )
    return tuple(chosen)


def positions_of(f: Callable[..., Any], argnums: Argnums, what: str = "grad") -> tuple[tuple[int, str], ...]:
    """Each chosen argument as (position, name). `what` is the transform that errors speak of."""
    needs_function(f, what)
    chosen = chosen_arguments(argnums, what)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if isinstance(f, Block) and f.takes_xp:
        parameters = parameters[1:]
    names = [p.name for p in parameters]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found: list[tuple[int, str]] = []
    for which in chosen:
        if isinstance(which, str):
            if which not in names:
                raise GradientError(
                    f"{name_of(f)} has no argument {which!r}; its arguments are {', '.join(names) or 'not known'}"
                    + at_line()
                )
            found.append((positional.index(which) if which in positional else -1, which))
        else:
            if which < 0 and several:
                raise GradientError(
                    f"{name_of(f)} takes any number of arguments, so argument {which} counts from no fixed end; "
                    "count from the start" + at_line()
                )
            index = which + len(positional) if which < 0 else which
            found.append((index, positional[index] if 0 <= index < len(positional) else ""))
    for index, (position, name) in enumerate(found):
        if (position, name) in found[:index]:
            raise GradientError(
                f"argnums {argnums!r} chooses the argument {name or position} of {name_of(f)} twice; "
                "choose each argument once" + at_line()
            )
    return tuple(found)


def name_of(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", None) or repr(f)


class Rolls:
    """A watcher (see `WATCHER`) that replaces steps which repeat by loops, before anything is recorded on them."""

    def rolled(self, inputs: Sequence[Node], outputs: Sequence[Any]) -> list[Any]:
        """The outputs, computed by loops."""
        raise NotImplementedError


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
        """What the function computed beside its result; plain values unless they depend on other recorded arrays."""
        leaves, rebuild = flatten(tree)
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
            if type(g) is Array and isinstance(form_of(g), np.ndarray) and g.ndim == 0:
                g = g if isinstance(form_of(given), np.ndarray) else g[()]  # a number's gradient is a number
            if recorded and type(g) is not Array and is_foreign(g):
                g = recorded_constant(copied(g))  # NumPy's functions, which the outer function may call, do not take it
            result.append(g if type(g) is Array else fresh(g, isinstance(given, np.ndarray), taken))
        return result

    def _no_influence(self, node: Node, seeds: Sequence[Any]) -> Any:
        """Zeros, with the leading axes of the cotangents."""
        seed, out = seeds[0], form_of(self.outputs[0])
        lead = tuple(seed.shape[: len(seed.shape) - len(np.shape(out))])
        return namespace_of((node.value,)).zeros(lead + tuple(np.shape(node.value)), dtype=dtype_of(node.value))


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
    return copied(value) if is_foreign(value) else value


ONE_BY_ONE = (
    "np.array([…]) and np.asarray(…) of recorded numbers give an array of dtype object, with which most functions\n"
    "cannot compute. Join the numbers with np.stack or np.block instead. If SciPy made it of an argument: write that\n"
    "with NumPy's functions or chainrule's (cr.…), or make a block of it with @cr.block and a backward rule."
)
"""The note on an error that an array of dtype object may have caused."""


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


def record_call(
    f: Callable[..., Any], positions: tuple[tuple[int, str], ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Recording:
    """Run f with the chosen arguments, each given by position and name, recorded."""
    called = _Called(f, args, kwargs)
    for position, name in positions:
        called.record(position, name)
    inputs, trees, given = called.inputs, called.trees, called.given
    if not _own_their_memory(given, called.args, called.kwargs):
        _mark_shared(called.handles, given, called.args, called.kwargs)
    BEING_RECORDED.add(me := object())
    try:
        with standins(f, called.args, called.kwargs, given):
            returned = f(*called.args, **called.kwargs)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, RecordingError):
            raise error.__cause__ from None  # NumPy hides it where a plain array is written into
        for note in _notes_on(error, given):
            error.add_note(note)
        raise
    finally:
        BEING_RECORDED.discard(me)
    outputs, rebuild_outputs = flatten(returned)
    outputs = [checked_result(out, name_of(f)) for out in outputs]
    watcher = WATCHER.get()
    if isinstance(watcher, Rolls):
        outputs = watcher.rolled(inputs, outputs)
    path = find_path(inputs, [node_of(out) for out in outputs if type(out) is Array])
    # A gradient may depend on a compiled function's inputs by what has no gradient: by stop_gradient(x), or a constant.
    recorded = path.free or alias in [node.block for node in inputs] or watcher is not None
    return Recording(inputs, trees, given, outputs, rebuild_outputs, path, recorded)


class _Called:
    """The arguments with which a function is called, some of them recorded.

    Attributes
    ----------
    args, kwargs : the arguments.
    trees : those that are recorded.
    given, inputs, handles : the arrays in these as they were given, their nodes, and the recorded arrays.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.f, self.args, self.kwargs = f, list(args), dict(kwargs)
        self.trees: list[Tree] = []
        self.given: list[Any] = []
        self.inputs: list[Node] = []
        self.handles: list[Array] = []

    def record(self, position: int, name: str) -> None:
        """Record an argument, given by position and name."""
        by_position = 0 <= position < len(self.args)
        if not by_position and name not in self.kwargs:
            raise GradientError(
                f"{name_of(self.f)} is differentiated by its argument {name or position}, but was called without it"
                + at_line()
            )
        tree = Tree(self.args[position] if by_position else self.kwargs[name])
        nodes = [input_node(leaf, self.f, name or position) for leaf in tree.leaves]
        if len(nodes) == 1 and name:
            nodes[0].name = name
        handles = [Array(node) for node in nodes]
        for handle, leaf in zip(handles, tree.leaves, strict=True):
            handle._unsure = type(leaf) is Array and leaf._unsure
        if by_position:
            self.args[position] = tree.argument(handles)
        else:
            self.kwargs[name] = tree.argument(handles)
        self.trees.append(tree)
        self.given += tree.leaves
        self.inputs += nodes
        self.handles += handles


def _notes_on(error: Exception, given: list[Any]) -> Iterator[str]:
    """What to write instead of what NumPy refuses of recorded arrays; `given` are the arguments before."""
    text = str(error)
    if not isinstance(error, ValueError):
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


def _own_their_memory(given: list[Any], args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Quick check that all arguments are arrays that share no memory: each owns its own, none occurs twice.

    The recorded ones are arrays without a history in `given`.
    """
    arrays = 0
    for x in given:
        if type(x) is not np.ndarray or x.base is not None:
            return False
        arrays += 1
    found = {id(x) for x in given}
    for x in (*args, *kwargs.values()) if kwargs else args:
        if type(x) is np.ndarray:
            if x.base is not None:
                return False
            found.add(id(x))
            arrays += 1
        elif type(x) is not Array and type(x) not in PLAIN:
            return False
    return len(found) == arrays


def _mark_shared(handles: list[Array], given: list[Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """Make an update in place an error if an argument shares its memory with another one.

    `given` are the arrays of the handles; args and kwargs contain the arguments that stay plain. If these share memory,
    they become read-only.
    """
    plain = [x for x in (*args, *kwargs.values()) if type(x) not in PLAIN]
    ours = {id(handle) for handle in handles}
    others = [
        leaf for x in plain for leaf in flatten(x)[0] if type(leaf) in (np.ndarray, Array) and id(leaf) not in ours
    ]
    pairs = sharing_pairs([*given, *others])
    first: dict[int, int] = {}  # the first place of each recorded array among them
    for i, x in enumerate((*given, *others)):
        if type(x) is Array:
            j = first.setdefault(id(x if x._view is None else x._view.root), i)
            if j != i:
                pairs.append((j, i))
    for handle, leaf in zip(handles, given, strict=True):
        handle._shares = leaf._shares if type(leaf) is Array else ""
    for pair in pairs:
        for i, j in (pair, pair[::-1]):
            if i < len(handles):
                handles[i]._shares = handles[j]._own.name or "another argument" if j < len(handles) else "an argument"
    beside = [others[j - len(handles)] for i, j in pairs if i < len(handles) <= j]
    read_only = {id(x) for x in beside if type(x) is np.ndarray}
    if read_only:

        def guarded(x: Any) -> Any:
            if type(x) in PLAIN or type(x) is Array:
                return x
            leaves, rebuild = flatten(x)
            return rebuild([_read_only(leaf) if id(leaf) in read_only else leaf for leaf in leaves])

        args[:] = [guarded(x) for x in args]
        kwargs.update({name: guarded(x) for name, x in kwargs.items()})


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.view()
    x.flags.writeable = False
    return x


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
