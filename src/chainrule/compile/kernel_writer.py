"""The body of a kernel as statements: loops over rows, and in each row its passes.

A value of an earlier pass that a later pass needs is recomputed if that is cheap, else kept in a buffer of one row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.compile.kernel_layout import Layout, is_accumulated
from chainrule.compile.loops import (
    ArrayEntry,
    Assign,
    Constant,
    For,
    Increase,
    Length,
    LoopExpression,
    Name,
    Statement,
    Store,
    call,
    kind,
    number,
)
from chainrule.compile.operations import CHEAP, entrywise
from chainrule.compile.schedule import Kernel
from chainrule.compile.values import VIEWS, Value

__all__ = ["BodyWriter"]

BLOCK = 4096
"""Numbers are summed in their own precision in blocks of this length; the block sums are added in double precision."""


@dataclass(frozen=True)
class _Pass:
    """What is written for one pass over a row.

    Attributes
    ----------
    before, lines, after : statements before the row, for each of its entries, after it.
    starts, ends : statements around each block of a long row.
    known : full values whose entry at the current index has been computed already.
    """

    level: int
    before: list[Statement] = field(default_factory=list)
    starts: list[Statement] = field(default_factory=list)
    lines: list[Statement] = field(default_factory=list)
    ends: list[Statement] = field(default_factory=list)
    after: list[Statement] = field(default_factory=list)
    known: dict[Value, LoopExpression] = field(default_factory=dict)


class BodyWriter(Layout):
    """Writes the body of one kernel.

    Attributes
    ----------
    arrays : the values from outside that it reads.
    shapes : the shape of each of them, with axes merged as the loops are.
    buffered : the values kept from one pass for a later one.
    has_length : whether the code contains a length.
    step : threads may split its rows at multiples of this number.
    """

    def __init__(
        self,
        kernel: Kernel,
        wanted: set[Value],
        name_of: Callable[[Value], str],
        may_share: bool,
        in_place: Mapping[Value, Value],
    ):
        super().__init__(kernel, wanted, may_share)
        self.name_of, self.in_place = name_of, in_place
        self.arrays: list[Value] = []
        self.shapes: dict[Value, tuple[int, ...]] = {}
        self.buffered: set[Value] = set()
        self.has_length = False
        self.step = 1

    def body(self) -> list[Statement]:
        """The statements of the kernel."""
        while True:  # writing shows which values must be buffered
            before = set(self.buffered)
            self.has_length = False
            body = self._write()
            if self.buffered == before:
                return body

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
        """The row values that are ready before a pass, with their stores and their sums over rows."""
        kernel, lines = self.kernel, list[Statement]()
        for v in self.nodes:
            if self.is_full(v) or v in done or self.level[v] > level:
                continue
            if kernel.kind[v] == "total":
                if self.pass_of(v) < 0:
                    done.add(v)
                    lines.append(Increase(self.named(v), self._scalar(v, 0, v.args[0])))
                continue
            done.add(v)
            if is_accumulated(v):
                pass  # its pass left it in a variable
            elif v.op == "pick":
                label = self._label(v.args[1], kernel.along[v], kernel.lengths[self._row_axis(v)], lines)
                lines.append(self._assigned(v, self._at_point(v.args[0], label, v, 0, lines)))
            else:
                lines.append(self._assigned(v, self._operation(v, functools.partial(self._scalar, v))))
            if v in self.stored and kernel.along[v]:
                lines.append(Store(ArrayEntry(self._stored(v), self.index(kernel.along[v])), self.named(v)))
        return lines

    def named(self, v: Value) -> Name:
        return Name(self.name_of(v))

    def _stored(self, v: Value) -> Name:
        return Name(self.stored_name(v))

    def stored_name(self, v: Value) -> str:
        return f"{self.name_of(v)}_out"

    def _assigned(self, v: Value, what: LoopExpression) -> Assign:
        return Assign((self.name_of(v),), what)

    def _row_axis(self, v: Value) -> int:
        (axis,) = set(self.kernel.loops[v]) - set(self.kernel.along[v])
        return axis

    def _label(self, label: Value, along: tuple[int, ...], classes: int, lines: list[Statement]) -> Name:
        """The label of the row, clamped to it for memory safety; a guard refuses labels outside."""
        name = f"{self.name_of(label)}_here"
        given = self.named(label) if label in self.kernel.loops else self._outside(label, along)
        self.has_length = True
        line = Assign((name,), call("min", call("max", call("np.int64", given), 0), classes - 1))
        if line not in lines:
            lines.append(line)
        return Name(name)

    def _scalar(self, user: Value, k: int, operand: Value) -> LoopExpression:
        """An operand of a row value."""
        if operand in self.kernel.loops:
            return self.named(operand)
        return self._outside(operand, self.read_along(user, k))

    def _outside(self, operand: Value, along: tuple[int, ...], point: LoopExpression | None = None) -> LoopExpression:
        """An operand that is computed outside this kernel."""
        if operand.op == "constant" and "number" in operand.params:
            return number(operand.params["number"])
        if operand in self.in_place:
            return ArrayEntry(self._stored(self.in_place[operand]), self.index(along, point))
        if operand not in self.shapes:
            self.arrays.append(operand)
            self.shapes[operand] = self.shape(along)
        return ArrayEntry(self.named(operand), self.index(along, point)) if along else self.named(operand)

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
            return self._outside(v, self.read_along(user, k), point)
        if not self.is_full(v):
            return self.named(v)
        if v.op == "one_hot":
            if hot is not None and v in hot:
                return hot[v]
            label = self._label(v.args[0], kernel.loops[v][:-1], v.shape[-1], lines)
            return entrywise("one_hot", v.dtype, point, label)
        return self._operation(v, lambda k, a: self._at_point(a, point, v, k, lines, hot))

    def _pass(self, level: int) -> list[Statement]:
        """One pass over the row."""
        full = [v for v in self.nodes if self.is_full(v)]
        stores = [v for v in full if v in self.stored and self.level[v] == level]
        keeps = [v for v in full if v in self.buffered and self.level[v] == level]
        sums = [v for v in self.nodes if is_accumulated(v) and self.pass_of(v) == level]
        if not stores and not keeps and not sums:
            return []
        this = _Pass(level)
        hots = self._one_hots(stores + keeps + [v.args[0] for v in sums], level)
        if hots and not keeps and self._only_stores_need(hots, sums, level):
            self._patch(hots, stores, this)
        for v in keeps:
            entry = self._entry(v, this)
            this.lines.append(Store(self._kept(v), entry))
        for v in stores:
            entry = self._entry(v, this)
            this.lines.append(Store(ArrayEntry(self._stored(v), self.index(self.kernel.along[v])), entry))
        blocked = self._blocked(sums)
        for v in sums:
            self._reduce(v, this, blocked)
        return [*this.before, *self._loops(this, blocked), *this.after]

    def _only_stores_need(self, hots: list[Value], sums: list[Value], level: int) -> bool:
        """Whether the one-hot values have the same labels along the row, and no sum reads them."""
        return (
            len({v.args[0] for v in hots}) == 1
            and not any(self._one_hots([v.args[0]], level) for v in sums)
            and all(self.kernel.loops[v][-1:] == tuple(self.kernel.inner or ()) for v in hots)
        )

    def _patch(self, hots: list[Value], stores: list[Value], this: _Pass) -> None:
        """Write the row as if no entry had a label, and after it the one entry at the label."""
        kernel = self.kernel
        this.known.update((h, _zero(h.dtype)) for h in hots)
        ones: dict[Value, LoopExpression] = {h: call(kind(h.dtype), 1) for h in hots}
        label = self._label(hots[0].args[0], kernel.loops[hots[0]][:-1], hots[0].shape[-1], this.before)
        for v in stores:
            there = f"{self.name_of(v)}_there"
            this.before.append(Assign((there,), self._at_point(v, label, v, 0, this.before, ones)))
            this.after.append(Store(ArrayEntry(self._stored(v), self.index(kernel.along[v], label)), Name(there)))

    def _reduce(self, v: Value, this: _Pass, blocked: bool) -> None:
        """Accumulate the operand of a reduction in this pass."""
        kernel = self.kernel
        entry = self._operand(v, 0, this)
        is_total = kernel.kind[v] == "total"
        if is_total and kernel.along[v]:
            this.lines.append(Increase(ArrayEntry(self.named(v), self.index(kernel.along[v])), entry))
        elif is_total or (v.op == "sum" and blocked):
            part = f"{self.name_of(v)}_part"
            this.starts.append(Assign((part,), _zero(v.dtype)))
            this.ends.append(Increase(self.named(v), Name(part)))
            this.lines.append(Increase(Name(part), entry))
            if not is_total:
                this.before.append(self._assigned(v, _zero(_total_type(v))))
                this.after.append(self._assigned(v, call(kind(v.dtype), self.named(v))))
        else:
            this.before.append(self._assigned(v, _start(v)))
            this.lines.append(self._taken_in(v, entry))

    def _taken_in(self, v: Value, entry: LoopExpression) -> Statement:
        """Accumulate one more entry in a reduction."""
        so_far = self.named(v)
        if v.op == "sum":
            return Increase(so_far, entry)
        if v.op in ("max", "min"):
            return self._assigned(v, call(f"vm.{v.op}imum", so_far, entry))
        return self._assigned(v, so_far & entry if v.op == "all" else so_far | entry)

    def _kept(self, v: Value) -> ArrayEntry:
        """The entry of the row buffer for a later pass."""
        return ArrayEntry(Name(self.kept_name(v)), tuple(Name(f"i{g}") for g in self.inner))

    def kept_name(self, v: Value) -> str:
        return f"{self.name_of(v)}_row"

    def _blocked(self, sums: list[Value]) -> bool:
        return len(self.inner) == 1 and self.length[self.inner[0]] > BLOCK and any(v.op == "sum" for v in sums)

    def _loops(self, this: _Pass, blocked: bool) -> list[Statement]:
        """The loops of a pass; a long row is traversed in blocks, for the sake of its sums."""
        starts, lines, ends = this.starts, this.lines, this.ends
        if not blocked:
            for g in reversed(self.inner):
                lines = [_loop(g, Constant(0), self._range(g), lines)]
            return [*starts, *lines, *ends]
        (g,) = self.inner
        n = self.length[g]
        block = next((b for b in range(BLOCK, BLOCK // 8, -1) if n % b == 0), BLOCK)
        last: LoopExpression = Constant(n)
        if self.shared and not self.outer:
            self.step, last = block, Name("count")
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
        full = [v for v in self.stored if self.is_full(v)]
        if len(self.groups) == 1 and full and (self.may_share or self.length[g] > BLOCK):
            return Length(self._stored(full[0]))
        return self._known_length(g)

    def _known_length(self, g: int) -> LoopExpression:
        self.has_length = True
        return Constant(self.length[g])

    def _operand(self, v: Value, k: int, this: _Pass) -> LoopExpression:
        """An operand of a full value or of a sum, at the current index of the loops."""
        a = v.args[k]
        return self._entry(a, this) if a in self.kernel.loops else self._outside(a, self.read_along(v, k))

    def _entry(self, v: Value, this: _Pass) -> LoopExpression:
        """A full value at the current index of the loops."""
        if v in this.known:
            return this.known[v]
        if not self.is_full(v):
            return self.named(v)
        if self.level[v] < this.level and not (v.op in CHEAP and self._cheap_again(v, 0)):
            index = self.index(self.kernel.along[v])
            if v in self.stored and len(index) == len(self.groups):
                return ArrayEntry(self._stored(v), index)
            self.buffered.add(v)
            return self._kept(v)

        made = self._operation(v, lambda k, _: self._operand(v, k, this))
        if v.op not in VIEWS:
            this.lines.append(self._assigned(v, made))
            made = self.named(v)
        this.known[v] = made
        return made

    def _cheap_again(self, v: Value, depth: int) -> bool:
        """Whether a full value is cheap to recompute: a few simple operations on available values."""
        if v in self.stored or v in self.buffered or v not in self.kernel.loops or not self.is_full(v):
            return True
        return v.op in CHEAP and depth < 4 and all(self._cheap_again(a, depth + 1) for a in v.args)

    def _one_hots(self, roots: list[Value], level: int) -> list[Value]:
        """The one-hot values that the roots depend on in this pass."""
        found: dict[Value, None] = {}
        seen: set[Value] = set()
        stack = list(roots)
        while stack:
            v = stack.pop()
            if v in seen or v not in self.kernel.loops or not self.is_full(v):
                continue
            seen.add(v)
            if v.op == "one_hot":
                found[v] = None
            if v in roots or self.level[v] >= level or (v.op in CHEAP and self._cheap_again(v, 0)):
                stack.extend(v.args)
        return list(found)


def _loop(g: int, start: LoopExpression, stop: LoopExpression, body: Sequence[Statement]) -> For:
    return For(f"i{g}", start, stop, Constant(1), tuple(body))


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
