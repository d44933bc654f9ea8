"""Kernels: writes the loops of one kernel as a function, which is then compiled.

A row is traversed in as few passes as its reductions allow: a value that needs the sum of a row is computed in the pass
after the one that sums. What a later pass needs again is recomputed if cheap, else kept in a buffer of one row.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compile.loops import (
    ArrayEntry,
    Assign,
    Constant,
    Do,
    For,
    Increase,
    Length,
    LoopExpression,
    LoopFunction,
    Name,
    Return,
    Slice,
    Statement,
    Store,
    While,
    as_expression,
    call,
    kind,
    number,
)
from chainrule.compile.operations import CHEAP, entrywise
from chainrule.compile.schedule import Kernel
from chainrule.compile.signatures import Argument
from chainrule.compile.threads import PIECES
from chainrule.compile.values import REDUCTIONS, VIEWS, Value, reads

__all__ = ["Source", "form_of", "nested", "of_pieces", "over_pieces", "write_kernel"]

WORTH_THREADS = 10_000_000
"""A kernel of at least so many operations is shared between threads; a function of libm counts for eight."""
BLOCK = 4096
"""Numbers are summed in their own precision in blocks of this length; the block sums are added in double precision."""


class Source:
    """A kernel as a function.

    Attributes
    ----------
    function : the function.
    arrays : the values it reads, in the order of its parameters; numbers too.
    stored : the values it writes into arrays, the parameters after those.
    scratch : memory for its own use, the last parameters: name, dtype and shape of each.
    returned : the values it returns, all numbers; if it is shared, the sums that each piece leaves in `parts`.
    shapes : the shape in which each array must be passed.
    takes : the shapes it is written for; any length, if its code contains none.
    shared : the number of rows to divide between threads, at multiples of `step`; None if it is called as a whole.
    """

    def __init__(self) -> None:
        self.function: LoopFunction
        self.arrays: list[Value] = []
        self.stored: list[Value] = []
        self.scratch: list[tuple[str, np.dtype, tuple[int, ...]]] = []
        self.returned: list[Value] = []
        self.shapes: dict[Value, tuple[int, ...]] = {}
        self.takes: dict[Value, tuple[int | str, ...]] = {}
        self.shared: int | None = None
        self.step = 1

    def on(self, values: Mapping[Value, Value]) -> Source:
        """The same function for a kernel of the same form, given that one's values for this one's."""
        other = copy.copy(self)
        other.arrays, other.stored, other.returned = (
            [values[v] for v in own] for own in (self.arrays, self.stored, self.returned)
        )
        other.shapes = {values[v]: shape for v, shape in self.shapes.items()}
        return other


def form_of(kernel: Kernel, wanted: set[Value]) -> tuple[Any, list[Value]]:
    """A key of a kernel, and its values: kernels with equal keys are written alike, with one's values for the other's.

    Numbers that are known are part of the key, for they stand in the code.
    """
    places: dict[Value, int] = {}

    def place(operand: Value) -> Any:
        if operand.op == "constant" and "number" in operand.params:
            return operand.params["number"].tobytes(), operand.dtype
        if operand in places:
            return places[operand]
        places[operand] = len(places)
        return operand.shape, operand.dtype

    form: list[Any] = [tuple(kernel.lengths), kernel.inner]
    for v in kernel.values():
        params = repr(sorted(v.params.items())) if v.params else ""
        form.append((v.op, params, kernel.loops[v], kernel.along[v], kernel.kind[v], v in wanted, v.shape, v.dtype))
        form += map(place, v.args)
        places[v] = len(places)
    return tuple(form), list(places)


def write_kernel(
    kernel: Kernel,
    wanted: set[Value],
    name: str,
    name_of: Callable[[Value], str],
    may_share: bool = False,
    in_place: Mapping[Value, Value] | None = None,
) -> Source:
    """Write a kernel as a function; `wanted` are the values that are used outside of it.

    A large kernel that may be shared loops over pieces of its rows until none is left, so that several threads can run
    it at once (`chainrule.compile.threads`). An `in_place` input is read from the array of the result that overwrites
    it: with two parameters for one memory LLVM would assume an overlap, and not vectorise.
    """
    return _KernelWriter(kernel, wanted, name_of, may_share, in_place or {}).written(name)


class _KernelWriter:
    """Writes one kernel.

    Attributes
    ----------
    groups : the loops, each over one or more axes; outer and inner: those over rows and along a row.
    level : the pass in which a full value is computed; for a row value, the pass before which it is ready.
    buffered : the values kept from one pass for a later one.
    has_length : whether the code contains a length.
    """

    def __init__(
        self,
        kernel: Kernel,
        wanted: set[Value],
        name_of: Callable[[Value], str],
        may_share: bool,
        in_place: Mapping[Value, Value],
    ):
        self.kernel, self.name_of, self.in_place = kernel, name_of, in_place
        self.nodes = list(kernel.values())
        self.source = Source()
        self.stored = [v for v in self.nodes if v in wanted]
        if kernel.inner is None:  # still open: all loops form one row, or only the last one if labels index it
            labelled = any(v.op == "one_hot" for v in self.nodes)
            kernel.inner = tuple(range(len(kernel.lengths)))[-1 if labelled else 0 :]
        self.groups = self._merged_loops()
        self.loop_of = {axis: g for g, group in enumerate(self.groups) for axis in group}
        self.outer = [g for g, group in enumerate(self.groups) if group[0] not in kernel.inner]
        self.inner = [g for g, group in enumerate(self.groups) if group[0] in kernel.inner]
        self.length = [int(np.prod([kernel.lengths[a] for a in group])) for group in self.groups]
        self.level: dict[Value, int] = {}
        self._assign_levels()
        self.may_share = may_share
        self.shared = may_share and self._is_shared()
        self.buffered: set[Value] = set()
        self.has_length = False

    def written(self, name: str) -> Source:
        """The kernel as a function of this name."""
        while True:  # writing shows which values must be buffered
            before = set(self.buffered)
            self.has_length = False
            body = self._write()
            if self.buffered == before:
                break
        self._finish(name, body)
        return self.source

    def _is_shared(self) -> bool:
        """Whether threads may divide the rows, and the work is worth it."""
        kernel = self.kernel
        work = int(np.prod(self.length)) * sum(1 if v.op in CHEAP else 8 for v in self.nodes)
        totals = [v for v in self.nodes if kernel.kind[v] == "total"]
        if any(not kernel.along[v] and v.op != "sum" for v in self.stored):
            return False  # each piece would compute the whole number, and the pieces' numbers are added
        if work < WORTH_THREADS or any(kernel.along[v] or v.dtype.kind != "f" for v in totals):
            return False
        if self.outer:
            return True
        sums = [v for v in self.nodes if v.op in REDUCTIONS]
        used = {a for v in self.nodes for a in v.args}
        return len(self.inner) == 1 and all(v.op == "sum" and v not in used and v.dtype.kind == "f" for v in sums)

    # Loops ------------------------------------------------------------------------------------------------

    def _accesses(self) -> list[tuple[int, ...]]:
        """The loops along the axes of each array that is read or written."""
        kernel = self.kernel
        found = []
        for v in self.nodes:
            for k, operand in enumerate(v.args):
                if operand not in kernel.loops:
                    found.append(tuple(kernel.loops[v][i] for i in reads(v, k)))
            if v in self.stored:
                found.append(kernel.along[v])
        return found

    def _merged_loops(self) -> list[list[int]]:
        """The loops, with neighbours merged if every array has both, adjacent, or neither."""
        kernel = self.kernel
        apart = set()
        for v in self.nodes:
            if v.op == "one_hot":
                apart.add(kernel.loops[v][-1])
            elif v.op == "pick":
                apart.update(a for a in kernel.loops[v] if a not in kernel.along[v])
        accesses = self._accesses()
        totals = [kernel.along[v] for v in self.nodes if kernel.kind[v] == "total"]
        groups: list[list[int]] = []
        order = [*kernel.outer, *(kernel.inner or ())]
        for axis in order:
            last = groups[-1][-1] if groups else None
            if (
                last is not None
                and (last in (kernel.inner or ())) == (axis in (kernel.inner or ()))
                and not {last, axis} & apart
                and all(_together(a, last, axis) for a in [*accesses, *totals])
            ):
                groups[-1].append(axis)
            else:
                groups.append([axis])
        return groups

    def _index(self, along: tuple[int, ...], point: LoopExpression | None = None) -> tuple[LoopExpression, ...]:
        """The indices of an array's axes; `point`, if given, is the index along the row."""
        seen: list[int] = []
        for axis in along:
            g = self.loop_of[axis]
            if g not in seen:
                seen.append(g)
        return tuple(point if point is not None and g in self.inner else Name(f"i{g}") for g in seen)

    def _shape(self, along: tuple[int, ...]) -> tuple[int, ...]:
        seen: list[int] = []
        for axis in along:
            g = self.loop_of[axis]
            if g not in seen:
                seen.append(g)
        return tuple(self.length[g] for g in seen)

    # Passes -----------------------------------------------------------------------------------------------

    def _assign_levels(self) -> None:
        """Assign to each value its pass: see `level`."""
        kernel = self.kernel
        for v in self.nodes:
            levels = [self.level[a] for a in v.args if a in self.level]
            level = max(levels, default=0)
            if v.op in REDUCTIONS and v.op != "pick" and kernel.kind[v] == "row" and self._over_row(v):
                level += 1
            self.level[v] = level
        self.passes = max(self.level.values(), default=0) + 1

    def _over_row(self, v: Value) -> bool:
        return set(self.kernel.loops[v]) - set(self.kernel.along[v]) == set(self.kernel.inner or ())

    def _is_full(self, v: Value) -> bool:
        return self.kernel.kind[v] == "full" and bool(self.inner)

    # Code -------------------------------------------------------------------------------------------------

    def _write(self) -> list[Statement]:
        kernel, starts = self.kernel, list[Statement]()
        for v in self.nodes:
            if kernel.kind[v] == "total":
                name = self.name_of(v)
                if kernel.along[v]:
                    starts.append(Store(Name(name)[...], Constant(0)))
                else:
                    starts.append(Assign((name,), _zero(_total_type(v))))
        body: list[Statement] = []
        done: set[Value] = set()
        for level in range(self.passes + 1):
            body += self._row_statements(level, done)
            if level < self.passes:
                body += self._pass(level)
        for g in reversed(self.outer):
            if self.shared and g == self.outer[0]:
                body = [_loop(g, Name("first"), Name("last"), body)]
            else:
                body = [_loop(g, Constant(0), self._known_length(g), body)]
        return [*starts, *body]

    def _row_statements(self, level: int, done: set[Value]) -> list[Statement]:
        """The row values that are ready before a pass, with the stores and sums over rows of them."""
        kernel, lines = self.kernel, list[Statement]()
        for v in self.nodes:
            if self._is_full(v) or v in done or self.level[v] > level:
                continue
            if kernel.kind[v] == "total":
                operand = v.args[0]
                if self._pass_of(v) < 0:
                    done.add(v)
                    lines.append(Increase(self._named(v), self._scalar(operand, v, 0)))
                continue
            done.add(v)
            if v.op in REDUCTIONS and v.op != "pick":
                pass  # its pass left it in a variable
            elif v.op == "pick":
                label = self._label(v.args[1], kernel.along[v], kernel.lengths[self._row_axis(v)], lines)
                lines.append(self._assigned(v, self._at_point(v.args[0], label, v, 0, lines)))
            else:
                lines.append(self._assigned(v, self._operation(v, self._scalars(v))))
            if v in self.stored and kernel.along[v]:
                lines.append(Store(ArrayEntry(self._stored(v), self._index(kernel.along[v])), self._named(v)))
        return lines

    def _named(self, v: Value) -> Name:
        return Name(self.name_of(v))

    def _stored(self, v: Value) -> Name:
        return Name(self._stored_name(v))

    def _assigned(self, v: Value, what: LoopExpression) -> Assign:
        return Assign((self.name_of(v),), what)

    def _row_axis(self, v: Value) -> int:
        (axis,) = set(self.kernel.loops[v]) - set(self.kernel.along[v])
        return axis

    def _label(self, label: Value, along: tuple[int, ...], classes: int, lines: list[Statement]) -> Name:
        """The label of the row, clamped to it for memory safety; a guard refuses labels outside."""
        name = f"{self.name_of(label)}_here"
        given = self._named(label) if label in self.kernel.loops else self._outside(label, along)
        self.has_length = True
        line = Assign((name,), call("min", call("max", call("np.int64", given), 0), classes - 1))
        if line not in lines:
            lines.append(line)
        return Name(name)

    def _scalars(self, user: Value) -> Callable[[int, Value], LoopExpression]:
        return lambda k, operand: self._scalar(operand, user, k)

    def _scalar(self, operand: Value, user: Value, k: int) -> LoopExpression:
        """An operand of a row value."""
        if operand in self.kernel.loops:
            return self._named(operand)
        return self._outside(operand, tuple(self.kernel.loops[user][i] for i in reads(user, k)))

    def _outside(self, operand: Value, along: tuple[int, ...], point: LoopExpression | None = None) -> LoopExpression:
        """An operand that is computed outside this kernel."""
        if operand.op == "constant" and "number" in operand.params:
            return number(operand.params["number"])
        if operand in self.in_place:
            return ArrayEntry(self._stored(self.in_place[operand]), self._index(along, point))
        if operand not in self.source.shapes:
            self.source.arrays.append(operand)
            self.source.shapes[operand] = self._shape(along)
        return ArrayEntry(self._named(operand), self._index(along, point)) if along else self._named(operand)

    def _operation(self, v: Value, operand: Callable[[int, Value], LoopExpression]) -> LoopExpression:
        operands = [operand(k, a) for k, a in enumerate(v.args)]
        if v.op == "one_hot":
            operands.insert(0, Name(f"i{self.loop_of[self.kernel.loops[v][-1]]}"))
        return entrywise(v.op, v.dtype, *operands)

    def _at_point(
        self,
        v: Value,
        point: LoopExpression,
        user: Value,
        k: int,
        lines: list[Statement],
        hot: dict[Value, LoopExpression] | None = None,
    ) -> LoopExpression:
        """A full value at one index of the row."""
        kernel = self.kernel
        if v not in kernel.loops:
            return self._outside(v, tuple(kernel.loops[user][i] for i in reads(user, k)), point)
        if not self._is_full(v):
            return self._named(v)
        if v.op == "one_hot":
            if hot is not None and v in hot:
                return hot[v]
            label = self._label(v.args[0], kernel.loops[v][:-1], v.shape[-1], lines)
            return entrywise("one_hot", v.dtype, point, label)
        return self._operation(v, lambda k, a: self._at_point(a, point, v, k, lines, hot))

    def _pass(self, level: int) -> list[Statement]:
        """One pass over the row."""
        kernel = self.kernel
        full = [v for v in self.nodes if self._is_full(v)]
        stores = [v for v in full if v in self.stored and self.level[v] == level]
        keeps = [v for v in full if v in self.buffered and self.level[v] == level]
        sums = [v for v in self.nodes if v.op in REDUCTIONS and v.op != "pick" and self._pass_of(v) == level]
        if not stores and not keeps and not sums:
            return []
        hots = self._one_hots(stores + keeps + [v.args[0] for v in sums], level)
        patch = bool(hots) and not keeps and len({v.args[0] for v in hots}) == 1
        patch = patch and not any(self._one_hots([v.args[0]], level) for v in sums)
        patch = patch and all(self.kernel.loops[v][-1:] == tuple(kernel.inner or ()) for v in hots)
        before: list[Statement] = []
        after: list[Statement] = []
        lines: list[Statement] = []
        cached: dict[Value, LoopExpression] = {}
        zero: dict[Value, LoopExpression] = {v: call(kind(v.dtype), 0) for v in hots} if patch else {}
        if patch:
            label = self._label(hots[0].args[0], kernel.loops[hots[0]][:-1], hots[0].shape[-1], before)
            ones: dict[Value, LoopExpression] = {h: call(kind(h.dtype), 1) for h in hots}
            for v in stores:
                there = f"{self.name_of(v)}_there"
                before.append(Assign((there,), self._at_point(v, label, v, 0, before, ones)))
                after.append(Store(ArrayEntry(self._stored(v), self._index(kernel.along[v], label)), Name(there)))
        for v in keeps:
            entry = self._entry(v, level, lines, cached, zero)
            lines.append(Store(self._kept(v), entry))
        for v in stores:
            entry = self._entry(v, level, lines, cached, zero)
            lines.append(Store(ArrayEntry(self._stored(v), self._index(kernel.along[v])), entry))
        blocked = self._blocked(sums)
        starts: list[Statement] = []
        ends: list[Statement] = []
        for v in sums:
            operand = v.args[0]
            entry = (
                self._entry(operand, level, lines, cached, zero)
                if operand in kernel.loops
                else self._outside(operand, tuple(kernel.loops[v][i] for i in reads(v, 0)))
            )
            if kernel.kind[v] == "total" and kernel.along[v]:
                lines.append(Increase(ArrayEntry(self._named(v), self._index(kernel.along[v])), entry))
            elif kernel.kind[v] == "total" or (v.op == "sum" and blocked):
                part = f"{self.name_of(v)}_part"
                starts.append(Assign((part,), _zero(v.dtype)))
                ends.append(Increase(self._named(v), Name(part)))
                lines.append(Increase(Name(part), entry))
                if kernel.kind[v] != "total":
                    before.append(self._assigned(v, _zero(_total_type(v))))
                    after.append(self._assigned(v, call(kind(v.dtype), self._named(v))))
            else:
                before.append(self._assigned(v, _start(v)))
                lines.append(self._taken_in(v, entry))
        return [*before, *self._loops(starts, lines, ends, blocked), *after]

    def _taken_in(self, v: Value, entry: LoopExpression) -> Statement:
        """Accumulate one more entry in a reduction."""
        so_far = self._named(v)
        if v.op == "sum":
            return Increase(so_far, entry)
        if v.op in ("max", "min"):
            return self._assigned(v, call(f"vm.{v.op}imum", so_far, entry))
        return self._assigned(v, so_far & entry if v.op == "all" else so_far | entry)

    def _kept(self, v: Value) -> ArrayEntry:
        """The entry of the row buffer for a later pass."""
        return ArrayEntry(Name(f"{self.name_of(v)}_row"), tuple(Name(f"i{g}") for g in self.inner))

    def _blocked(self, sums: list[Value]) -> bool:
        return len(self.inner) == 1 and self.length[self.inner[0]] > BLOCK and any(v.op == "sum" for v in sums)

    def _loops(
        self, starts: list[Statement], lines: list[Statement], ends: list[Statement], blocked: bool
    ) -> list[Statement]:
        if not blocked:
            for g in reversed(self.inner):
                lines = [_loop(g, Constant(0), self._range(g), lines)]
            return [*starts, *lines, *ends]
        (g,) = self.inner
        n = self.length[g]
        block = next((b for b in range(BLOCK, BLOCK // 8, -1) if n % b == 0), BLOCK)
        last: LoopExpression = Constant(n)
        if self.shared and not self.outer:
            self.source.step, last = block, Name("count")
        else:
            self.has_length = True
        made: list[Statement] = []
        full = last
        if n % block or last == Name("count"):  # pieces are multiples of the block, but the translator cannot see that
            full = Name("full")
            made.append(Assign(("full",), call("vm.whole", last, block)))
        # With blocks of one length LLVM knows exactly which memory is touched; else it may have to assume more.
        inner = _loop(g, Name("start"), Name("start") + block, lines)
        made.append(For("start", Constant(0), full, Constant(block), (*starts, inner, *ends)))
        if n % block:
            made += [*starts, _loop(g, full, last, lines), *ends]
        return made

    def _range(self, g: int) -> LoopExpression:
        """The length of a loop; a single loop reads it from an array, so that one function serves all sizes."""
        if self.shared and not self.outer:
            return Name("count")
        full = [v for v in self.stored if self._is_full(v)]
        if len(self.groups) == 1 and full and (self.may_share or self.length[g] > BLOCK):
            return Length(self._stored(full[0]))
        return self._known_length(g)

    def _known_length(self, g: int) -> LoopExpression:
        self.has_length = True
        return Constant(self.length[g])

    def _pass_of(self, v: Value) -> int:
        """The pass in which a reduction reads its operand; −1 if it reduces over rows only."""
        if self.kernel.kind[v] == "total":
            full = set(self.kernel.loops[v]) == set(range(len(self.kernel.lengths))) and bool(self.inner)
            return self.level[v] if full and (v.args[0] not in self.kernel.loops or self._is_full(v.args[0])) else -1
        return self.level[v] - 1

    def _entry(
        self,
        v: Value,
        level: int,
        lines: list[Statement],
        cached: dict[Value, LoopExpression],
        zero: dict[Value, LoopExpression],
    ) -> LoopExpression:
        """A full value at the current index of the loops."""
        kernel = self.kernel
        if v in cached:
            return cached[v]
        if not self._is_full(v):
            return self._named(v)
        if v in zero:
            return zero[v]
        if self.level[v] < level and not (v.op in CHEAP and self._cheap_again(v, 0)):
            index = self._index(kernel.along[v])
            if v in self.stored and len(index) == len(self.groups):
                return ArrayEntry(self._stored(v), index)
            self.buffered.add(v)
            return self._kept(v)

        def operand(k: int, a: Value) -> LoopExpression:
            if a not in kernel.loops:
                return self._outside(a, tuple(kernel.loops[v][i] for i in reads(v, k)))
            return self._entry(a, level, lines, cached, zero)

        made = self._operation(v, operand)
        if v.op not in VIEWS:
            lines.append(self._assigned(v, made))
            made = self._named(v)
        cached[v] = made
        return made

    def _cheap_again(self, v: Value, depth: int) -> bool:
        """Whether a full value is cheap to recompute: a few simple operations on available values."""
        if v in self.stored or v in self.buffered or v not in self.kernel.loops or not self._is_full(v):
            return True
        return v.op in CHEAP and depth < 4 and all(self._cheap_again(a, depth + 1) for a in v.args)

    def _one_hots(self, roots: list[Value], level: int) -> list[Value]:
        """The one-hot values that the roots depend on in this pass."""
        found: dict[Value, None] = {}
        seen: set[Value] = set()
        stack = list(roots)
        while stack:
            v = stack.pop()
            if v in seen or v not in self.kernel.loops or not self._is_full(v):
                continue
            seen.add(v)
            if v.op == "one_hot":
                found[v] = None
            if v in roots or self.level[v] >= level or (v.op in CHEAP and self._cheap_again(v, 0)):
                stack.extend(v.args)
        return list(found)

    def _stored_name(self, v: Value) -> str:
        return f"{self.name_of(v)}_out"

    def _finish(self, name: str, body: list[Statement]) -> None:
        kernel, source = self.kernel, self.source
        for v in self.stored:
            if kernel.along[v]:
                source.stored.append(v)
                source.shapes[v] = self._shape(kernel.along[v])
            else:
                source.returned.append(v)
        totals = {v for v in self.nodes if kernel.kind[v] == "total"}
        parameters = {v: self.name_of(v) for v in source.arrays}
        parameters |= {v: self.name_of(v) if v in totals else self._stored_name(v) for v in source.stored}
        for v in sorted(self.buffered, key=lambda v: v.order):
            source.scratch.append((f"{self.name_of(v)}_row", v.dtype, tuple(self.length[g] for g in self.inner)))
        own = [name for name, _, _ in source.scratch]
        any_length = len(self.groups) == 1 and not self.has_length and not own
        source.takes = {v: ("n",) * len(shape) if any_length else shape for v, shape in source.shapes.items()}
        takes = self._takes() if self.may_share else ()
        if self.shared:
            source.function = self._shared_function(name, parameters, own, body, takes)
            return
        if source.returned:
            results = (call(kind(v.dtype), self._named(v)) if v in totals else self._named(v) for v in source.returned)
            body = [*body, Return(tuple(results))]
        source.function = LoopFunction(name, (*parameters.values(), *own), tuple(body), "kernel", takes)

    def _takes(self) -> tuple[Argument, ...]:
        """The arguments of the function when Python calls it."""
        source = self.source
        takes = [*of_pieces(len(source.returned))] if self.shared else []
        takes += [Argument(v.dtype.name, source.takes.get(v, ())) for v in source.arrays]
        takes += [Argument(v.dtype.name, source.takes[v], is_written=True) for v in source.stored]
        return (*takes, *(Argument(dtype.name, shape, True, True) for _, dtype, shape in source.scratch))

    def _shared_function(
        self,
        name: str,
        parameters: dict[Value, str],
        own: list[str],
        body: list[Statement],
        takes: tuple[Argument, ...],
    ) -> LoopFunction:
        source = self.source
        source.shared = self.length[(self.outer or self.inner)[0]]
        given = dict(parameters)
        before: list[Statement] = []
        if not self.outer:  # a slice of each array, so that LLVM knows its bounds
            for v, parameter in parameters.items():
                if source.shapes[v]:
                    given[v] = f"{parameter}_all"
                    before.append(Assign((parameter,), Name(given[v])[Slice(Name("first"), Name("last"))]))
        sums = [Store(Name("parts")[Name("piece"), i], self._named(v)) for i, v in enumerate(source.returned)]
        if self.outer:
            rows: LoopExpression = Constant(source.shared)
        else:
            rows = Length(Name(next(given[v] for v in parameters if source.shapes[v])))
        return over_pieces(name, [*given.values(), *own], rows, [*before, *body, *sums], takes)


def of_pieces(sums: int) -> list[Argument]:
    """The first parameters of a kernel that threads share: cuts, turns and parts, with a column for each sum."""
    return [
        Argument("int64", (PIECES + 1,)),
        Argument("int64", (2,), is_written=True),
        Argument("float64", (PIECES, sums), is_written=True),
    ]


def over_pieces(
    name: str, parameters: list[str], rows: LoopExpression, body: list[Statement], takes: tuple[Argument, ...]
) -> LoopFunction:
    """A function that takes pieces of its rows and runs them until none is left: see `threads.shared`."""
    turns, piece = Name("turns"), Name("piece")
    take = Assign(("piece",), call("vm.take", turns))
    ends = Assign(("first", "last", "count"), call("vm.piece_of", Name("cuts"), piece, rows))
    each = While(piece < Length(Name("parts")), (ends, *body, Do(call("vm.finish", turns)), take))
    return LoopFunction(name, ("cuts", "turns", "parts", *parameters), (take, each), "kernel", takes)


def nested(loops: Sequence[tuple[str, Any, Any]], body: Sequence[Statement]) -> list[Statement]:
    """Loops around a body, outermost first, each given by index, start and stop."""
    made = list(body)
    for index, start, stop in reversed(loops):
        made = [For(index, as_expression(start), as_expression(stop), Constant(1), tuple(made))]
    return made


def _loop(g: int, start: LoopExpression, stop: LoopExpression, body: Sequence[Statement]) -> For:
    return For(f"i{g}", start, stop, Constant(1), tuple(body))


def _together(access: tuple[int, ...], first: int, second: int) -> bool:
    """Whether an array has both axes, adjacent and in this order, or neither."""
    if first in access and second in access:
        return access.index(second) == access.index(first) + 1
    return first not in access and second not in access


def _total_type(v: Value) -> np.dtype:
    return np.dtype(np.float64) if v.dtype.kind == "f" else v.dtype


def _zero(dtype: np.dtype) -> LoopExpression:
    return call(kind(dtype), 0)


def _start(v: Value) -> LoopExpression:
    """The initial value of a reduction."""
    if v.op in ("all", "any"):
        return Constant(v.op == "all")
    if v.op == "sum":
        return _zero(v.dtype)
    if v.dtype.kind == "f":
        return call(kind(v.dtype), -np.inf if v.op == "max" else np.inf)
    limits = np.iinfo(v.dtype)
    return call(kind(v.dtype), limits.min if v.op == "max" else limits.max)
