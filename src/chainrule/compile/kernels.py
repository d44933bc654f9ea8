"""Kernels as source: the loops of one kernel, written as a Python function that is then compiled.

A row is gone over in as few passes as its reductions allow: what needs the sum of a row comes in the pass after the one
that sums. What a later pass needs again is computed anew if that is cheap, else kept in a buffer of one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compile.operations import CHEAP, text_of
from chainrule.compile.schedule import Kernel
from chainrule.compile.values import KERNEL_OPS, REDUCTIONS, VIEWS, Value, reads

__all__ = ["Source", "over_pieces", "write_kernel"]

WORTH_THREADS = 10_000_000
"""Operations from which on a kernel is shared between threads; a function of libm counts for eight."""
BLOCK = 4096
"""So many numbers are summed in their own precision; the sums of such blocks are added in double precision."""


class Source:
    """A kernel as text.

    Attributes
    ----------
    text : the function.
    arrays : what it reads, in the order of its parameters; numbers too.
    stored : what it writes into arrays, the parameters after those.
    scratch : memory for its own use, the last parameters: name, dtype and shape of each.
    returned : what it returns, all of it numbers; if it is shared, the sums that each piece leaves in `parts`.
    shapes : the shape in which each array must be handed over.
    takes : the shapes for which it is written: where its text has no length, it is for any.
    shared : how many rows there are to divide between threads, at multiples of `step`; None if it is called as a whole.
    """

    def __init__(self) -> None:
        self.text = ""
        self.arrays: list[Value] = []
        self.stored: list[Value] = []
        self.scratch: list[tuple[str, np.dtype, tuple[int, ...]]] = []
        self.returned: list[Value] = []
        self.shapes: dict[Value, tuple[int, ...]] = {}
        self.takes: dict[Value, tuple[int | str, ...]] = {}
        self.shared: int | None = None
        self.step = 1


def write_kernel(
    kernel: Kernel,
    wanted: set[Value],
    name: str,
    name_of: Callable[[Value], str],
    may_share: bool = False,
    in_place: Mapping[Value, Value] | None = None,
) -> Source:
    """Write a kernel as a function; `wanted` is what others use of it.

    A large one that may be shared takes one piece of its rows after the other, as long as there are any, so that
    several threads can run it at once (`chainrule.compile.threads`). What is `in_place` is read from the array of the
    result that overwrites it: LLVM would take two arrays at one place for overlapping ones, and not vectorise.
    """
    return _Writer(kernel, wanted, name, name_of, may_share, in_place or {}).source


class _Writer:
    def __init__(
        self,
        kernel: Kernel,
        wanted: set[Value],
        name: str,
        name_of: Callable[[Value], str],
        may_share: bool,
        in_place: Mapping[Value, Value],
    ):
        self.kernel, self.name_of, self.in_place = kernel, name_of, in_place
        self.nodes = list(kernel.values())
        self.source = Source()
        self.stored = [v for v in self.nodes if v in wanted]
        if kernel.inner is None:  # still open: all is one row, or the last loop where labels count along it
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
        while True:  # what must be kept shows while it is written
            before = set(self.buffered)
            self.has_length = False
            body = self._write()
            if self.buffered == before:
                break
        self._finish(name, body)

    def _is_shared(self) -> bool:
        """Whether threads may divide the rows, and it is worth it."""
        kernel = self.kernel
        work = int(np.prod(self.length)) * sum(1 if v.op in CHEAP else 8 for v in self.nodes)
        totals = [v for v in self.nodes if kernel.kind[v] == "total"]
        if any(not kernel.along[v] and v.op != "sum" for v in self.stored):
            return False  # a number that each piece computes as a whole: the pieces' numbers are added
        if work < WORTH_THREADS or any(kernel.along[v] or v.dtype.kind != "f" for v in totals):
            return False
        if self.outer:
            return True
        sums = [v for v in self.nodes if v.op in REDUCTIONS]
        used = {a for v in self.nodes for a in v.args}
        return len(self.inner) == 1 and all(v.op == "sum" and v not in used and v.dtype.kind == "f" for v in sums)

    # Loops ------------------------------------------------------------------------------------------------

    def _accesses(self) -> list[tuple[int, ...]]:
        """How arrays are read and written: the loops along their axes."""
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
        """Neighbouring loops that all arrays have together, or not at all, are one loop."""
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

    def _index(self, along: tuple[int, ...], point: str | None = None) -> list[str]:
        """The indices of an array's axes; those along the row are the point, if one is given."""
        seen: list[int] = []
        for axis in along:
            g = self.loop_of[axis]
            if g not in seen:
                seen.append(g)
        return [point if point is not None and g in self.inner else f"i{g}" for g in seen]

    def _shape(self, along: tuple[int, ...]) -> tuple[int, ...]:
        seen: list[int] = []
        for axis in along:
            g = self.loop_of[axis]
            if g not in seen:
                seen.append(g)
        return tuple(self.length[g] for g in seen)

    # Passes -----------------------------------------------------------------------------------------------

    def _assign_levels(self) -> None:
        """In which pass over the row a full value is computed, and before which a row value is ready."""
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

    # Text -------------------------------------------------------------------------------------------------

    def _write(self) -> list[str]:
        kernel, lines = self.kernel, []
        self.scalars: dict[Value, str] = {}
        indent = "    "
        for v in self.nodes:
            if kernel.kind[v] == "total":
                name = self.name_of(v)
                if kernel.along[v]:
                    lines.append(f"{indent}{name}[...] = 0")
                else:
                    lines.append(f"{indent}{name} = {_total_type(v)}(0)")
        for g in self.outer:
            length = "first, last" if self.shared and g == self.outer[0] else self._known_length(g)
            lines.append(f"{indent}for i{g} in range({length}):")
            indent += "    "
        body: list[str] = []
        done: set[Value] = set()
        for level in range(self.passes + 1):
            body += self._row_statements(level, done)
            if level < self.passes:
                body += self._pass(level)
        lines += [indent + line for line in body or ["pass"]]
        return lines

    def _row_statements(self, level: int, done: set[Value]) -> list[str]:
        """Row values that are ready before a pass; after the last pass, what is stored and summed of them."""
        kernel, lines = self.kernel, list[str]()
        for v in self.nodes:
            if self._is_full(v) or v in done or self.level[v] > level:
                continue
            if kernel.kind[v] == "total":
                operand = v.args[0]
                if self._pass_of(v) < 0:
                    done.add(v)
                    lines.append(f"{self.name_of(v)} += {self._scalar(operand, v, 0)}")
                continue
            done.add(v)
            if v.op in REDUCTIONS and v.op != "pick":
                pass  # its pass left it in a variable of its name
            elif v.op == "pick":
                label = self._label(v.args[1], kernel.along[v], kernel.lengths[self._row_axis(v)], lines)
                lines.append(f"{self.name_of(v)} = {self._at_point(v.args[0], label, v, 0, lines)}")
            else:
                lines.append(f"{self.name_of(v)} = {self._operation(v, self._scalars(v))}")
            if v in self.stored and kernel.along[v]:
                index = ", ".join(self._index(kernel.along[v]))
                lines.append(f"{self._stored_name(v)}[{index}] = {self.name_of(v)}")
        return lines

    def _row_axis(self, v: Value) -> int:
        (axis,) = set(self.kernel.loops[v]) - set(self.kernel.along[v])
        return axis

    def _label(self, label: Value, along: tuple[int, ...], classes: int, lines: list[str]) -> str:
        """The label of the row, moved into the row if it lies outside: a guard has refused it, but memory is safe."""
        name = f"{self.name_of(label)}_here"
        given = self.name_of(label) if label in self.kernel.loops else self._outside(label, along)
        self.has_length = True
        text = f"{name} = min(max(np.int64({given}), 0), {classes - 1})"
        if text not in lines:
            lines.append(text)
        return name

    def _scalars(self, user: Value) -> Callable[[int, Value], str]:
        return lambda k, operand: self._scalar(operand, user, k)

    def _scalar(self, operand: Value, user: Value, k: int) -> str:
        """An operand of a row value."""
        if operand in self.kernel.loops:
            return self.name_of(operand)
        return self._outside(operand, tuple(self.kernel.loops[user][i] for i in reads(user, k)))

    def _outside(self, operand: Value, along: tuple[int, ...], point: str | None = None) -> str:
        """An operand that is computed elsewhere."""
        if operand.op == "constant" and "number" in operand.params:
            return number_text(operand.params["number"])
        if operand in self.in_place:
            return f"{self._stored_name(self.in_place[operand])}[{', '.join(self._index(along, point))}]"
        if operand not in self.source.arrays:
            self.source.arrays.append(operand)
        if not along:
            return self.name_of(operand)
        self.source.shapes[operand] = self._shape(along)
        return f"{self.name_of(operand)}[{', '.join(self._index(along, point))}]"

    def _operation(self, v: Value, text_of_operand: Callable[[int, Value], str]) -> str:
        if v.op == "one_hot":
            axis = self.kernel.loops[v][-1]
            return f"{text_of(v.dtype)}(i{self.loop_of[axis]} == {text_of_operand(0, v.args[0])})"
        operands = [text_of_operand(k, a) for k, a in enumerate(v.args)]
        text = KERNEL_OPS[v.op].format(*operands, T=text_of(v.dtype))
        return f"{text_of(v.dtype)}({text})" if v.dtype.kind == "i" and v.op not in VIEWS else text

    def _at_point(
        self, v: Value, point: str, user: Value, k: int, lines: list[str], hot: dict[Value, str] | None = None
    ) -> str:
        """A full value at one place of the row."""
        kernel = self.kernel
        if v not in kernel.loops:
            return self._outside(v, tuple(kernel.loops[user][i] for i in reads(user, k)), point)
        if not self._is_full(v):
            return self.name_of(v)
        if v.op == "one_hot":
            if hot is not None and v in hot:
                return hot[v]
            label = self._label(v.args[0], kernel.loops[v][:-1], v.shape[-1], lines)
            return f"{text_of(v.dtype)}({point} == {label})"
        return self._operation(v, lambda k, a: self._at_point(a, point, v, k, lines, hot))

    def _pass(self, level: int) -> list[str]:
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
        before: list[str] = []
        after: list[str] = []
        lines: list[str] = []
        cached: dict[Value, str] = {}
        zero = {v: f"{text_of(v.dtype)}(0)" for v in hots} if patch else {}
        if patch:
            label = self._label(hots[0].args[0], kernel.loops[hots[0]][:-1], hots[0].shape[-1], before)
            for v in stores:
                ones = {h: f"{text_of(h.dtype)}(1)" for h in hots}
                before.append(f"{self.name_of(v)}_there = {self._at_point(v, label, v, 0, before, ones)}")
                index = ", ".join(self._index(kernel.along[v], label))
                after.append(f"{self._stored_name(v)}[{index}] = {self.name_of(v)}_there")
        for v in keeps:
            text = self._entry(v, level, lines, cached, zero)
            lines.append(f"{self.name_of(v)}_row[{', '.join(f'i{g}' for g in self.inner)}] = {text}")
        for v in stores:
            text = self._entry(v, level, lines, cached, zero)
            lines.append(f"{self._stored_name(v)}[{', '.join(self._index(kernel.along[v]))}] = {text}")
        blocked = self._blocked(sums)
        starts: list[str] = []
        ends: list[str] = []
        for v in sums:
            operand = v.args[0]
            text = (
                self._entry(operand, level, lines, cached, zero)
                if operand in kernel.loops
                else self._outside(operand, tuple(kernel.loops[v][i] for i in reads(v, 0)))
            )
            name = self.name_of(v)
            if kernel.kind[v] == "total" and kernel.along[v]:
                lines.append(f"{name}[{', '.join(self._index(kernel.along[v]))}] += {text}")
                continue
            if kernel.kind[v] == "total":
                starts.append(f"{name}_part = {_type(v)}(0)")
                ends.append(f"{name} += {name}_part")
                lines.append(f"{name}_part += {text}")
                continue
            before.append(f"{name} = {_start(v)}")
            if v.op == "sum" and blocked:
                before[-1] = f"{name} = {_total_type(v)}(0)"
                starts.append(f"{name}_part = {_type(v)}(0)")
                ends.append(f"{name} += {name}_part")
                lines.append(f"{name}_part += {text}")
                after.append(f"{name} = {_type(v)}({name})")
            elif v.op == "sum":
                lines.append(f"{name} += {text}")
            elif v.op in ("max", "min"):
                lines.append(f"{name} = vm.{'maximum' if v.op == 'max' else 'minimum'}({name}, {text})")
            else:
                lines.append(f"{name} = {name} {'&' if v.op == 'all' else '|'} {text}")
        return [*before, *self._loops(starts, lines, ends, blocked), *after]

    def _blocked(self, sums: list[Value]) -> bool:
        return len(self.inner) == 1 and self.length[self.inner[0]] > BLOCK and any(v.op == "sum" for v in sums)

    def _loops(self, starts: list[str], lines: list[str], ends: list[str], blocked: bool) -> list[str]:
        text: list[str] = []
        indent = ""
        if blocked:
            (g,) = self.inner
            n = self.length[g]
            block = next((b for b in range(BLOCK, BLOCK // 8, -1) if n % b == 0), BLOCK)
            last = str(n)
            if self.shared and not self.outer:
                self.source.step, last = block, "count"
            else:
                self.has_length = True
            full = "full" if n % block or last == "count" else last
            if full == "full":  # pieces are multiples of the block, which nobody can see where they are taken
                text.append(f"full = vm.whole({last}, {block})")
            # Blocks of one length let LLVM see exactly which memory is touched; else it may have to assume more.
            text.append(f"for start in range(0, {full}, {block}):")
            text += ["    " + line for line in starts]
            text.append(f"    for i{g} in range(start, start + {block}):")
            text += ["        " + line for line in lines]
            text += ["    " + line for line in ends]
            if n % block:
                text += [*starts, f"for i{g} in range(full, {last}):", *("    " + line for line in lines), *ends]
            return text
        text += starts
        for g in self.inner:
            text.append(f"{indent}for i{g} in range({self._range(g)}):")
            indent += "    "
        return [*text, *(indent + line for line in lines), *ends]

    def _range(self, g: int) -> str:
        """The length of a loop; of a single loop it is read off an array, so that one text serves all sizes."""
        if self.shared and not self.outer:
            return "count"
        full = [v for v in self.stored if self._is_full(v)]
        if len(self.groups) == 1 and full and (self.may_share or self.length[g] > BLOCK):
            return f"{self._stored_name(full[0])}.shape[0]"
        return self._known_length(g)

    def _known_length(self, g: int) -> str:
        self.has_length = True
        return str(self.length[g])

    def _pass_of(self, v: Value) -> int:
        """The pass in which a reduction goes over its operand; −1 if it goes over rows only."""
        if self.kernel.kind[v] == "total":
            full = set(self.kernel.loops[v]) == set(range(len(self.kernel.lengths))) and bool(self.inner)
            return self.level[v] if full and (v.args[0] not in self.kernel.loops or self._is_full(v.args[0])) else -1
        return self.level[v] - 1

    def _entry(self, v: Value, level: int, lines: list[str], cached: dict[Value, str], zero: dict[Value, str]) -> str:
        """A full value at the place where the loop is."""
        kernel = self.kernel
        if v in cached:
            return cached[v]
        if not self._is_full(v):
            return self.name_of(v)
        if v in zero:
            return zero[v]
        if self.level[v] < level and not (v.op in CHEAP and self._cheap_again(v, 0)):
            index = ", ".join(self._index(kernel.along[v]))
            if v in self.stored and len(self._index(kernel.along[v])) == len(self.groups):
                return f"{self._stored_name(v)}[{index}]"
            self.buffered.add(v)
            return f"{self.name_of(v)}_row[{', '.join(f'i{g}' for g in self.inner)}]"

        def operand(k: int, a: Value) -> str:
            if a not in kernel.loops:
                return self._outside(a, tuple(kernel.loops[v][i] for i in reads(v, k)))
            return self._entry(a, level, lines, cached, zero)

        text = self._operation(v, operand)
        if v.op in ("view", "transpose", "broadcast"):
            cached[v] = text
            return text
        name = self.name_of(v)
        lines.append(f"{name} = {text}")
        cached[v] = name
        return name

    def _cheap_again(self, v: Value, depth: int) -> bool:
        """Whether it costs little to compute a full value once more: a few simple operations on what is at hand."""
        if v in self.stored or v in self.buffered or v not in self.kernel.loops or not self._is_full(v):
            return True
        return v.op in CHEAP and depth < 4 and all(self._cheap_again(a, depth + 1) for a in v.args)

    def _one_hots(self, roots: list[Value], level: int) -> list[Value]:
        """The one-hot values that the roots are computed from in this pass."""
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

    def _finish(self, name: str, body: list[str]) -> None:
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
        if self.shared:
            lines = self._shared_lines(name, parameters, own, body)
        else:
            lines = [f"def {name}({', '.join([*parameters.values(), *own])}):", *body]
            if source.returned:
                texts = [f"{_type(v)}({self.name_of(v)})" if v in totals else self.name_of(v) for v in source.returned]
                lines.append(f"    return {', '.join(texts)}")
        source.text = "\n".join(lines)

    def _shared_lines(self, name: str, parameters: dict[Value, str], own: list[str], body: list[str]) -> list[str]:
        source = self.source
        source.shared = self.length[(self.outer or self.inner)[0]]
        given = dict(parameters)
        before: list[str] = []
        if not self.outer:  # a slice of each array, so that LLVM sees where it begins and ends
            for v, parameter in parameters.items():
                if v in source.shapes:
                    given[v] = f"{parameter}_all"
                    before.append(f"{parameter} = {given[v]}[first:last]")
        sums = [f"parts[piece, {i}] = {self.name_of(v)}" for i, v in enumerate(source.returned)]
        inner = [line.removeprefix("    ") for line in body]
        rows = str(source.shared) if self.outer else f"len({next(given[v] for v in parameters if v in source.shapes)})"
        return over_pieces(name, [*given.values(), *own], rows, [*before, *inner, *sums])


def over_pieces(name: str, parameters: list[str], rows: str, lines: list[str]) -> list[str]:
    """A function that goes over the next piece of its rows while there is one: see `threads.shared`."""
    return [
        f"def {name}({', '.join(['cuts', 'turns', 'parts', *parameters])}):",
        "    piece = vm.take(turns)",
        "    while piece < len(parts):",
        f"        first, last, count = vm.piece_of(cuts, piece, {rows})",
        *("        " + line for line in lines),
        "        vm.finish(turns)",
        "        piece = vm.take(turns)",
    ]


def _together(access: tuple[int, ...], first: int, second: int) -> bool:
    """Whether an array has both axes, one right after the other, or neither."""
    if first in access and second in access:
        return access.index(second) == access.index(first) + 1
    return first not in access and second not in access


def _type(v: Value) -> str:
    return text_of(v.dtype)


def _total_type(v: Value) -> str:
    return "np.float64" if v.dtype.kind == "f" else text_of(v.dtype)


def _start(v: Value) -> str:
    if v.op in ("all", "any"):
        return "True" if v.op == "all" else "False"
    if v.op == "sum":
        return f"{_type(v)}(0)"
    if v.dtype.kind == "f":
        return f"{_type(v)}({'-' if v.op == 'max' else ''}np.inf)"
    limits = np.iinfo(v.dtype)
    return f"{_type(v)}({limits.min if v.op == 'max' else limits.max})"


def number_text(number: Any) -> str:
    """A number as it is written in source."""
    dtype = np.asarray(number).dtype
    if dtype.kind == "b":
        return str(bool(number))
    if dtype.kind in "iu":
        return f"np.{dtype.name}({int(number)})"
    if dtype.kind == "c":
        parts = [number_text(np.float64(part)) for part in (number.real, number.imag)]
        return f"np.{dtype.name}(complex({', '.join(parts)}))"
    value = float(number)
    text = repr(value) if np.isfinite(value) else {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    return text if dtype == np.float64 and np.isfinite(value) else f"np.{dtype.name}({text})"
