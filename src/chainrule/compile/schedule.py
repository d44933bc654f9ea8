"""Scheduling: which values are computed together in one loop nest, and the order of all steps.

A *kernel* is a loop nest: outer loops over rows, inner loops along a row. It computes

- full values, one number for each entry of each row;
- row values, one number for each row: reductions along the row, and values computed from them;
- totals: sums over all entries, and sums over the rows, ready only after the loops.

Values are placed from last to first, each into the earliest kernel that uses it. A value that no placed value uses
(a loss, the gradient of a bias) waits until one of its operands is placed, and joins that kernel, where the operand is
still available.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

from chainrule.compile.operations import CHEAP
from chainrule.compile.values import KERNEL_OPS, REDUCTIONS, Value, domain_of, kept_axes, reads, size_of

__all__ = ["Kernel", "ProgramStep", "schedule"]

MOST = 150
"""The largest number of operations of a kernel; a long function counts as eight. LLVM's time grows quadratically."""
STRIDED = 4096
"""Up to this size a reduction may run down the columns; larger arrays are read row by row."""


class ProgramStep:
    """One step outside of kernels: a matrix product, a copy, a call.

    Attributes
    ----------
    place : its position among all steps: a larger number is later.
    """

    def __init__(self, value: Value):
        self.value = value
        self.place = 0

    def values(self) -> Iterable[Value]:
        return [self.value]


class Kernel:
    """Values that are computed in one loop nest.

    Attributes
    ----------
    lengths : the lengths of its loops, outermost first.
    inner : the loops along a row; None while undecided.
    loops : for each value, the loop along each axis of its domain.
    along : for each value, the loop along each axis of its result.
    kind : "full", "row" or "total" for each value.
    readings : for each operand of a value, how it is read: the loop along each of its axes.
    work : roughly the number of operations.
    place : its position among all steps: a larger number is later.
    """

    def __init__(self, value: Value):
        self.place = 0
        self.lengths = list(domain_of(value))
        self.inner: tuple[int, ...] | None = None
        self.loops: dict[Value, tuple[int, ...]] = {}
        self.along: dict[Value, tuple[int, ...]] = {}
        self.kind: dict[Value, str] = {}
        self.readings: dict[Value, set[tuple[int, ...]]] = {}
        self.work = 0
        domain = tuple(range(len(self.lengths)))
        if value.op in REDUCTIONS:
            self._reduce(value, domain, tuple(i for i in domain if i not in kept_axes(value)))
        else:
            self._add(value, domain, domain, "full")

    def values(self) -> Iterable[Value]:
        return sorted(self.loops, key=lambda v: v.order)

    @property
    def outer(self) -> tuple[int, ...]:
        inner = self.inner or ()
        return tuple(i for i in range(len(self.lengths)) if i not in inner)

    def _add(self, value: Value, loops: tuple[int, ...], along: tuple[int, ...], kind: str) -> bool:
        self.loops[value], self.along[value], self.kind[value] = loops, along, kind
        self.work += 1 if value.op in CHEAP else 8
        for k, operand in enumerate(value.args):
            self.readings.setdefault(operand, set()).add(tuple(loops[i] for i in reads(value, k)))
        return True

    def _decide(self, inner: tuple[int, ...]) -> None:
        """Decide which loops run along a row. Full values use all loops, so they stay full."""
        self.inner = inner

    def required(self, value: Value) -> tuple[int, ...] | None:
        """The loops with which the users of a value in this kernel read it; None if they differ."""
        found = self.readings.get(value, ())
        return next(iter(found)) if len(found) == 1 else None

    def join(self, value: Value) -> bool:
        """Add a value that is used here, if it can be computed here in time."""
        along = self.required(value)
        if along is None or self.work >= MOST:
            return False
        if value.op in REDUCTIONS:
            return self._join_reduction(value, along)
        return self._place(value, along)

    def _place(self, value: Value, along: tuple[int, ...]) -> bool:
        axes, every = set(along), set(range(len(self.lengths)))
        if len(axes) != len(along):
            return False
        if axes == every:
            return self._add(value, along, along, "full")
        if self.inner is None:
            rest = tuple(i for i in range(len(self.lengths)) if i not in axes)
            if axes != set(range(len(along))) or not (axes or len(self.lengths) == 1):
                return False
            self._decide(rest)
        return axes == set(self.outer) and self._add(value, along, along, "row")

    def _join_reduction(self, value: Value, along: tuple[int, ...]) -> bool:
        lengths = domain_of(value)
        kept = kept_axes(value)
        reduced = [i for i in range(len(lengths)) if i not in kept]
        in_order = not kept or not reduced or max(kept) < min(reduced)
        if len(set(along)) != len(along) or not (in_order or size_of(value.args[0]) <= STRIDED):
            return False
        inner = self.inner
        if inner is None:
            rest = tuple(i for i in range(len(self.lengths)) if i not in along)
            if rest:
                if set(along) != set(range(len(along))) or [self.lengths[i] for i in rest] != [
                    lengths[i] for i in reduced
                ]:
                    return False
                if not along and len(self.lengths) > 1:
                    return False
                self._decide(rest)
            else:
                if any(v.op in REDUCTIONS and self.kind[v] != "total" for v in self.loops):
                    return False
                start = len(self.lengths)
                self.lengths += [lengths[i] for i in reduced]
                for v in self.kind:
                    self.kind[v] = "row" if self.kind[v] == "full" else self.kind[v]
                self._decide(tuple(range(start, len(self.lengths))))
            inner = self.inner
        assert inner is not None
        if set(along) != set(self.outer) or [self.lengths[i] for i in inner] != [lengths[i] for i in reduced]:
            return False
        loops = dict(zip(kept, along, strict=True)) | dict(zip(reduced, inner, strict=True))
        return self._add(value, tuple(loops[i] for i in range(len(lengths))), along, "row")

    def attach(self, value: Value, operand: Value) -> bool:
        """Add a value that no placed value uses yet, because its operand is computed here."""
        if self.work >= MOST:
            return False
        known: dict[int, int] = {}
        for k, x in enumerate(value.args):
            if x in self.along:
                if self.kind[x] == "total":
                    return False
                for position, loop in zip(reads(value, k), self.along[x], strict=True):
                    if known.setdefault(position, loop) != loop:
                        return False
        domain = domain_of(value)
        if len(known) != len(domain):
            return False
        loops = tuple(known[i] for i in range(len(domain)))
        if value.op in REDUCTIONS:
            kept = kept_axes(value)
            return self._reduce(value, loops, tuple(loops[i] for i in range(len(domain)) if i not in kept))
        return self._place(value, loops)

    def _reduce(self, value: Value, loops: tuple[int, ...], over: tuple[int, ...]) -> bool:
        """Add a reduction of a value that is computed (or read) here."""
        every = tuple(range(len(self.lengths)))
        along = tuple(loops[i] for i in kept_axes(value))
        if len(set(loops)) != len(loops):
            return False
        if set(loops) != set(every):  # of row values
            if value.op != "sum" or self.inner is None or set(loops) != set(self.outer) or set(over) != set(loops):
                return False
            return self._add(value, loops, along, "total")
        if self.inner is None:
            if set(over) == set(every):
                if len(every) == 1 or value.op != "sum":
                    self._decide(every)
                    return self._add(value, loops, along, "row")
                return self._add(value, loops, along, "total")
            if set(over) == set(every[len(every) - len(over) :]):
                self._decide(tuple(sorted(over)))
            elif set(over) == set(every[: len(over)]) and value.op == "sum":
                self._decide(every[len(over) :])
            else:
                self._decide(tuple(sorted(over)))
        if set(over) == set(self.inner or ()):
            return self._add(value, loops, along, "row")
        if value.op == "sum" and (set(over) == set(every) or set(over) == set(self.outer)):
            return self._add(value, loops, along, "total")
        return False


def is_for_kernels(value: Value) -> bool:
    return value.op in KERNEL_OPS or value.op in REDUCTIONS


def schedule(outputs: Sequence[Value]) -> list[Kernel | ProgramStep]:
    """The steps that compute the outputs, in order."""
    return _Scheduler(outputs).scheduled()


def needed(outputs: Sequence[Value]) -> list[Value]:
    """The values that the outputs depend on, themselves included, in order."""
    seen: set[Value] = set()
    stack = list(outputs)
    while stack:
        value = stack.pop()
        if value not in seen:
            seen.add(value)
            stack.extend(value.args)
    return sorted(seen, key=lambda v: v.order)


def _largest_first(value: Value) -> tuple[int, int]:
    return -max([size_of(value), *map(size_of, value.args)]), -value.order


class _Order:
    """An ordered list of steps, with insertion before a step and comparison of two steps in constant time.

    A step's place is a number. Places are so far apart that there is nearly always room between two of them; if
    not, all are renumbered.
    """

    APART = 1 << 1000

    def __init__(self) -> None:
        self.before: dict[Kernel | ProgramStep | None, Kernel | ProgramStep | None] = {
            None: None
        }  # None is both ends of the ring
        self.after: dict[Kernel | ProgramStep | None, Kernel | ProgramStep | None] = {None: None}

    def __iter__(self) -> Iterator[Kernel | ProgramStep]:
        step = self.after[None]
        while step is not None:
            yield step
            step = self.after[step]

    def insert(self, step: Kernel | ProgramStep, after: Kernel | ProgramStep | None) -> None:
        """Insert a step before another, or at the end (before None)."""
        before = self.before[after]
        self.before[step], self.after[step] = before, after
        self.after[before] = self.before[after] = step
        if before is not None and after is not None:
            step.place = (before.place + after.place) // 2
            if step.place == before.place:
                self._number_anew()
        elif before is not None:
            step.place = before.place + self.APART
        elif after is not None:
            step.place = after.place - self.APART

    def _number_anew(self) -> None:
        for i, step in enumerate(self):
            step.place = i * self.APART


class _Scheduler:
    """Places values in steps.

    Attributes
    ----------
    values, users : the values to compute, in order, and the users of each.
    group : the step in which a value has been placed.
    waiting : the values that no placed value uses yet; ready, those of them whose user has just been placed.
    """

    def __init__(self, outputs: Sequence[Value]):
        self.steps = _Order()
        self.group: dict[Value, Kernel | ProgramStep] = {}
        self.waiting: dict[Value, None] = {}
        self.users: dict[Value, list[Value]] = {}
        self.ready: list[tuple[int, int, Value]] = []
        self.values = [v for v in needed(outputs) if v.op not in ("input", "constant", "none")]
        for value in self.values:
            for operand in value.args:
                self.users.setdefault(operand, []).append(value)

    def scheduled(self) -> list[Kernel | ProgramStep]:
        for value in reversed(self.values):
            if is_for_kernels(value) and not any(u in self.group for u in self.users.get(value, ())):
                self.waiting[value] = None
            else:
                self._place(value)
        # Place the outputs that no kernel took, largest first. All other waiting values have waiting users.
        for first in sorted((v for v in self.waiting if v not in self.users), key=_largest_first):
            if first in self.waiting:
                del self.waiting[first]
                self._place(first)
                self._place_operands()
        return list(self.steps)

    def _place_operands(self) -> None:
        """Place the values whose user has been placed, latest first."""
        while self.ready:
            *_, value = heapq.heappop(self.ready)
            if value in self.waiting:
                del self.waiting[value]
                self._place(value)

    def _put(self, value: Value, step: Kernel | ProgramStep) -> None:
        self.group[value] = step
        for operand in value.args:
            if operand in self.waiting:
                heapq.heappush(self.ready, (-operand.order, id(operand), operand))

    def _place(self, value: Value) -> None:
        placed = [self.group[u] for u in self.users.get(value, ()) if u in self.group]
        first = min(placed, key=lambda step: step.place, default=None)
        if not is_for_kernels(value):
            self._insert(first, ProgramStep(value))
        elif isinstance(first, Kernel) and first.join(value):
            self._joined(value, first)
        else:
            kernel = Kernel(value)
            if value not in kernel.loops:
                raise AssertionError(f"no kernel for {value}")
            self._insert(first, kernel)
            self._joined(value, kernel)

    def _insert(self, after: Kernel | ProgramStep | None, step: Kernel | ProgramStep) -> None:
        self.steps.insert(step, after)
        for value in step.values():
            self._put(value, step)

    def _joined(self, value: Value, kernel: Kernel) -> None:
        self._put(value, kernel)
        self._attach_waiting(kernel, value)

    def _attach_waiting(self, kernel: Kernel, value: Value) -> None:
        """Attach the waiting users of a value to the kernel that computes it, where possible."""
        for user in sorted(self.users.get(value, ()), key=lambda v: v.order):
            if user not in self.waiting or not self._in_time(user, kernel):
                continue
            if kernel.attach(user, value):
                del self.waiting[user]
                self._put(user, kernel)
                self._attach_waiting(kernel, user)

    def _in_time(self, user: Value, kernel: Kernel) -> bool:
        for operand in user.args:
            if operand in self.waiting:
                return False
            if operand in self.group and self.group[operand].place > kernel.place:
                return False
        return True
