"""Steps outside of kernels: parts of arrays, matrix products, windows, and the blocks' own rules in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.compile.blas import WORTH_THREADS
from chainrule.compile.failures import CallFailed
from chainrule.compile.linear_steps import LINEAR_STEPS
from chainrule.compile.loop_nests import nested, of_pieces, over_pieces
from chainrule.compile.loop_writer import write_loop
from chainrule.compile.loops import (
    ALL,
    ArrayEntry,
    Constant,
    Do,
    Increase,
    LoopExpression,
    LoopFunction,
    Name,
    Several,
    Slice,
    Statement,
    Store,
    call,
)
from chainrule.compile.names import identifier
from chainrule.compile.program_writer import ProgramWriter, base_of, dtype_name
from chainrule.compile.signatures import Argument
from chainrule.compile.values import Value, size_of
from chainrule.compile.windows import WINDOWS, samples_of, work_of, write_windows

__all__ = ["STEPS"]

WORTH_THREADS_WINDOWS = 1_000_000
"""Window operations on at least this many entries divide their samples between threads."""


def _nothing(to: ProgramWriter, value: Value) -> None:
    """A reshape needs no code: later steps read the same entries in the new shape."""


def _slice(to: ProgramWriter, value: Value) -> None:
    x, key = value.args[0], value.params["key"]
    part = to.value(x)[_index(key, len(x.shape))]
    may_share = to.native or (base_of(x).op == "loop_result" and not to.escaping & {base_of(x), value})
    if value.shape and not (may_share and _is_in_one_piece(key, x.shape)):
        to.allocate(value)
        to.store(value, part)
    else:
        to.put(value, part)


def _place(to: ProgramWriter, value: Value) -> None:
    to.allocate(value)
    to.store(value, Constant(0))
    to.store(value, to.filling(value.args[0]), _index(value.params["key"], len(value.shape)))


def _diagonal(to: ProgramWriter, value: Value) -> None:
    """Write q where the indices of each pair of axes are equal, and 0 elsewhere."""
    (q,), pairs = value.args, dict(value.params["pairs"])
    if not to.native and value in to.escaping:
        to.put(value, call("np.zeros", value.shape, Name(dtype_name(value))))
    else:
        to.allocate(value)
        to.store(value, Constant(0))
    second = {b: a for a, b in pairs.items()}
    index = [Name(f"i{second.get(a, a)}") for a in range(len(value.shape))]
    own = [i if n != 1 else Constant(0) for i, n in zip(index[len(index) - len(q.shape) :], q.shape, strict=True)]
    put = Store(ArrayEntry(Name("z"), tuple(index)), ArrayEntry(Name("q"), tuple(own)) if own else Name("q"))
    loops = [(f"i{a}", 0, n) for a, n in enumerate(value.shape) if a not in second]
    takes = Argument(q.dtype.name, q.shape), Argument(value.dtype.name, value.shape, True)
    name = to.name_of.free(f"{to.title}_{to.name_of(value)}_diagonal")
    body = tuple(nested(loops, [put]))
    function = to.defined(LoopFunction(name, ("q", "z"), body, "kernel", () if to.native else takes)).name
    to.body.append(Do(call(function, to.value(q), to.named(value))))


def _accumulate(to: ProgramWriter, value: Value) -> None:
    """Running sums or products along an axis, from the first entry on, as NumPy takes them."""
    (x,), axis, how = value.args, value.params["axis"], value.params["how"]
    to.allocate(value)
    places: list[LoopExpression] = [Name(f"i{a}") for a in range(len(value.shape))]

    def entry(array: str, place: LoopExpression) -> ArrayEntry:
        return ArrayEntry(Name(array), (*places[:axis], place, *places[axis + 1 :]))

    def write(name: str) -> LoopFunction:
        loops = [(f"i{a}", 0, n) for a, n in enumerate(value.shape)]
        others = [*loops[:axis], *loops[axis + 1 :]]
        first = Store(entry("z", Constant(0)), entry("x", Constant(0)))
        next_one = how(entry("z", places[axis] - Constant(1)), entry("x", places[axis]))
        along = nested([(f"i{axis}", 1, value.shape[axis])], [Store(entry("z", places[axis]), next_one)])
        takes = Argument(x.dtype.name, x.shape), Argument(value.dtype.name, value.shape, True)
        return LoopFunction(
            name, ("x", "z"), tuple(nested(others, [first, *along])), "kernel", () if to.native else takes
        )

    name = to.function(("accumulate", how, axis, value.shape, value.dtype), value, write)
    to.body.append(Do(call(name, to.value(x), to.named(value))))


def _set(to: ProgramWriter, value: Value) -> None:
    x, new = value.args
    if not to.continues(value, x, new):
        to.allocate(value)
        to.store(value, to.filling(x))
    to.store(value, to.filling(new), _index(value.params["key"], len(value.shape)))


def _increase(to: ProgramWriter, value: Value) -> None:
    """Add a number to one entry."""
    x, v = value.args
    if not to.continues(value, x, v):
        to.allocate(value)
        to.store(value, to.filling(x))
    takes = Argument(value.dtype.name, (1,), True), Argument(v.dtype.name, ())
    body = Increase(ArrayEntry(Name("z"), (Constant(0),)), Name("v"))
    name = to.name_of.free(f"{to.title}_{to.name_of(value)}_entry")
    function = to.defined(LoopFunction(name, ("z", "v"), (body,), "kernel", () if to.native else takes)).name
    *first, last = value.params["key"]
    entry = to.named(value)[(*map(Constant, first), Slice(Constant(last), Constant(last + 1)))]
    to.body.append(Do(call(function, entry, to.value(v))))


def _concatenate(to: ProgramWriter, value: Value) -> None:
    axis = value.params["axis"]
    to.allocate(value)
    if not to.native:
        parts = Several(tuple(map(to.value, value.args)))
        to.body.append(Do(call("np.concatenate", parts, axis, out=to.named(value))))
        return
    start = 0
    for a in value.args:
        stop = start + a.shape[axis]
        to.store(value, to.filling(a), (*[ALL] * axis, Slice(Constant(start), Constant(stop))))
        start = stop


def _call(to: ProgramWriter, value: Value) -> None:
    block, params = value.params["block"], value.params["block_params"]
    name = to.name_of.free(f"numpy_{identifier(block.name) or 'block'}")
    to.outside[name] = _bound(block, params)
    to.threads(max(map(size_of, [value, *value.args])) >= WORTH_THREADS)
    result = call(name, *(_plain(to, a) for a in value.args))
    if not value.weak:
        result = call("dense", result, call("np.dtype", value.dtype.name), value.shape)
    to.put(value, result)


def _plain(to: ProgramWriter, value: Value) -> LoopExpression:
    """An operand for a block's own rule: numbers are NumPy scalars."""
    if value.shape or value.op in ("none", "call", "constant") or value.weak:
        return to.value(value)
    return call(dtype_name(value), to.value(value))


def _windows(to: ProgramWriter, value: Value) -> None:
    """Columns and pooling: a function with loops of its own."""
    name = to.name_of.free(f"{to.title}_{to.name_of(value)}")
    shares = not to.native and work_of(value) >= WORTH_THREADS_WINDOWS
    takes = [Argument(v.dtype.name, v.shape) for v in value.args] + [Argument(value.dtype.name, value.shape, True)]
    parameters, rows = [*WINDOWS[value.op][0], "out"], samples_of(value)
    piece = to.defined(write_windows(value, to.name_of.free(f"{name}_piece"))).name
    arrays = [*map(Name, parameters)]
    if shares:
        body: list[Statement] = [Do(call(piece, Name("first"), Name("last"), *arrays))]
        function = over_pieces(name, parameters, Constant(rows), body, (*of_pieces(0), *takes))
    else:
        body = [Do(call(piece, 0, rows, *arrays))]
        function = LoopFunction(name, tuple(parameters), tuple(body), "kernel", () if to.native else tuple(takes))
    name = to.defined(function).name
    to.allocate(value)
    arguments = [*map(to.value, value.args), to.named(value)]
    to.body.append(Do(call("shared", Name(name), rows, 1, 0, *arguments) if shares else call(name, *arguments)))


STEPS: dict[str, Callable[[ProgramWriter, Value], None]] = {
    "reshape": _nothing,
    "slice": _slice,
    "place": _place,
    "diagonal": _diagonal,
    "accumulate": _accumulate,
    "set": _set,
    "increase": _increase,
    "concatenate": _concatenate,
    "call": _call,
    "loop": lambda to, value: write_loop(to, value, STEPS),
    "loop_result": _nothing,
    **LINEAR_STEPS,
    **dict.fromkeys(WINDOWS, _windows),
}
"""The writers of steps outside of kernels."""


def _index(key: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """A NumPy key for the last axes of an array, as an index for all axes."""
    used = sum(part is not None for part in key)
    return (*[ALL] * (ndim - used), *map(_part, key))


def _is_in_one_piece(key: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Whether a part of an array is contiguous in memory; then it is used as an array without a copy."""
    parts = [part for part in key if part is not None]
    cuts = [slice(None)] * (len(shape) - len(parts)) + parts
    several = False  # whether an axis before this one has several entries in the part
    for part, length in zip(cuts, shape, strict=True):
        count, whole = 1, length == 1
        if isinstance(part, slice):
            indices = range(*part.indices(length))
            count, whole = len(indices), indices == range(length)
            if indices.step != 1 and count > 1:
                return False
        if several and not whole:
            return False
        several = several or count > 1
    return True


def _part(part: Any) -> Any:
    if isinstance(part, slice):
        return Slice(*(None if end is None else Constant(int(end)) for end in (part.start, part.stop, part.step)))
    return None if part is None else Constant(int(part))


def _bound(block: Any, params: dict[str, Any]) -> Callable[..., Any]:
    from chainrule.libraries import NUMPY_NAMESPACE

    def call(*operands: Any) -> Any:
        with _FOREIGN:
            return block.forward(NUMPY_NAMESPACE, *operands, **params)

    return call


class _Foreign:
    """Context for a block's own rule. An error becomes CallFailed; the function then runs uncompiled and reports it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, Exception):
            raise CallFailed from error


_FOREIGN = _Foreign()
