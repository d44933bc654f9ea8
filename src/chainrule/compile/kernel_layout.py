"""The layout of a kernel: its loops, the passes over a row, and whether threads may share its rows.

A row is traversed in as few passes as its reductions allow: a value that needs the sum of a row is computed in the pass
after the one that sums.
"""

from __future__ import annotations

import numpy as np

from chainrule.compile.loops import LoopExpression, Name
from chainrule.compile.operations import CHEAP
from chainrule.compile.schedule import Kernel
from chainrule.compile.values import REDUCTIONS, Value, reads

__all__ = ["Layout", "is_accumulated"]

WORTH_THREADS = 10_000_000
"""A kernel of at least this many operations is divided between threads; a function of libm counts as eight."""


def is_accumulated(v: Value) -> bool:
    """Whether a value is accumulated over a loop: a sum, a maximum."""
    return v.op in REDUCTIONS and v.op != "pick"


class Layout:
    """The loops and passes of a kernel.

    Attributes
    ----------
    nodes, stored : its values; those that are used outside the kernel.
    groups : the loops, each over one or more axes; outer and inner: those over rows and along a row.
    length : the length of each loop.
    level : the pass in which a full value is computed; for a row value, the pass before which it is ready.
    shared : whether threads share its rows.
    """

    def __init__(self, kernel: Kernel, wanted: set[Value], may_share: bool):
        self.kernel = kernel
        self.nodes = list(kernel.values())
        self.stored = [v for v in self.nodes if v in wanted]
        if kernel.inner is None:  # not decided yet: all loops form one row, or only the last one if labels index it
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

    def _is_shared(self) -> bool:
        """Whether threads may divide the rows, and the work is worth it."""
        kernel = self.kernel
        work = int(np.prod(self.length)) * sum(1 if v.op in CHEAP else 8 for v in self.nodes)
        totals = [v for v in self.nodes if kernel.kind[v] == "total"]
        if any(not kernel.along[v] and v.op != "sum" for v in self.stored):
            return False  # each thread would compute the whole number, and the numbers of the threads are added
        if work < WORTH_THREADS or any(kernel.along[v] or v.dtype.kind != "f" for v in totals):
            return False
        if self.outer:
            return True
        sums = [v for v in self.nodes if v.op in REDUCTIONS]
        used = {a for v in self.nodes for a in v.args}
        return len(self.inner) == 1 and all(v.op == "sum" and v not in used and v.dtype.kind == "f" for v in sums)

    # Loops ------------------------------------------------------------------------------------------------

    def read_along(self, v: Value, k: int) -> tuple[int, ...]:
        """The loops along the axes of a value's operand."""
        return tuple(self.kernel.loops[v][i] for i in reads(v, k))

    def _accesses(self) -> list[tuple[int, ...]]:
        """The loops along the axes of each array that is read or written."""
        kernel = self.kernel
        found = []
        for v in self.nodes:
            for k, operand in enumerate(v.args):
                if operand not in kernel.loops:
                    found.append(self.read_along(v, k))
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

    def _loops_along(self, along: tuple[int, ...]) -> list[int]:
        """The merged loops along axes."""
        return list(dict.fromkeys(self.loop_of[axis] for axis in along))

    def index(self, along: tuple[int, ...], point: LoopExpression | None = None) -> tuple[LoopExpression, ...]:
        """The indices of an array's axes; `point`, if given, is the index along the row."""
        return tuple(
            point if point is not None and g in self.inner else Name(f"i{g}") for g in self._loops_along(along)
        )

    def shape(self, along: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an array, with its axes merged as the loops are."""
        return tuple(self.length[g] for g in self._loops_along(along))

    # Passes -----------------------------------------------------------------------------------------------

    def _assign_levels(self) -> None:
        """Assign to each value its pass: see `level`."""
        kernel = self.kernel
        for v in self.nodes:
            levels = [self.level[a] for a in v.args if a in self.level]
            level = max(levels, default=0)
            if is_accumulated(v) and kernel.kind[v] == "row" and self._over_row(v):
                level += 1
            self.level[v] = level
        self.passes = max(self.level.values(), default=0) + 1

    def _over_row(self, v: Value) -> bool:
        return set(self.kernel.loops[v]) - set(self.kernel.along[v]) == set(self.kernel.inner or ())

    def is_full(self, v: Value) -> bool:
        return self.kernel.kind[v] == "full" and bool(self.inner)

    def pass_of(self, v: Value) -> int:
        """The pass in which a reduction reads its operand; −1 if it reduces over rows only."""
        if self.kernel.kind[v] == "total":
            full = set(self.kernel.loops[v]) == set(range(len(self.kernel.lengths))) and bool(self.inner)
            return self.level[v] if full and (v.args[0] not in self.kernel.loops or self.is_full(v.args[0])) else -1
        return self.level[v] - 1


def _together(access: tuple[int, ...], first: int, second: int) -> bool:
    """Whether an array has both axes, adjacent and in this order, or neither."""
    if first in access and second in access:
        return access.index(second) == access.index(first) + 1
    return first not in access and second not in access
