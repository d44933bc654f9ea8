"""Windows as source: columns of what a kernel meets, their sum put back, and the largest entries, as loops.

The lowering lays arrays out so that the channels come last: all inner loops then run along the channels, and what one
step writes is what the next one reads in order. Each entry of a result is written by one pass, never from two samples,
so the samples can be divided between threads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from chainrule.blocks.windows import positions_of
from chainrule.compile.operations import text_of
from chainrule.compile.values import Value, size_of

__all__ = ["WINDOWS", "Text", "samples_of", "work_of", "write_windows"]


_WINDOW = ("kernel", "stride", "padding", "dilation")


def write_windows(value: Value, name: str) -> str:
    """A function (first, last, *operands, out) that computes the samples from first to last."""
    text = Text()
    names = WINDOWS[value.op][0]
    text.open(f"def {name}(first, last, {', '.join(names)}, out):")
    WINDOWS[value.op][1](text, value)
    return "\n".join(text.lines)


def samples_of(value: Value) -> int:
    """How many samples there are to divide: what first and last count."""
    how = value.params
    if value.op in ("columns", "from_columns"):
        lead = len(value.shape) - (2 * len(how["kernel"]) + 3 if value.op == "columns" else len(how["kernel"]) + 2)
        return value.shape[lead + 1 if value.op == "columns" else lead]
    return value.shape[how["orders"][-1][0]]


class Text:
    """Lines of source, indented by the loops that are open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def open(self, line: str) -> None:
        self.add(line)
        self.depth += 1

    def close(self, count: int = 1) -> None:
        self.depth -= count

    def loops(self, names: list[str], lengths: Any) -> int:
        """Open a loop for each name; a length is a number, or the text of a range."""
        before = self.depth
        for name, length in zip(names, lengths, strict=True):
            self.open(f"for {name} in range({length}):")
        return self.depth - before


def _numbered(letter: str, n: int) -> list[str]:
    return [f"{letter}{a}" for a in range(n)]


# Columns ---------------------------------------------------------------------------------------------------------


def _columns(text: Text, value: Value) -> None:
    """out[…, g, n, p, k, c] = x[…, n, c, p · stride + k · dilation − padding], or 0 outside."""
    how, (x,) = value.params, value.args
    n, order = len(how["kernel"]), how["orders"][0]
    lead, channels = _numbered("l", len(order) - n - 2), value.shape[-1]
    p, k, i = (_numbered(letter, n) for letter in "pki")
    size = [x.shape[a] for a in order[-n:]]
    positions = value.shape[len(lead) + 2 : len(lead) + 2 + n]
    text.loops([*lead, "g", "n"], [*value.shape[: len(lead)], how["groups"], "first, last"])
    text.loops([*p, *k], [*positions, *how["kernel"]])
    inside = _entries(text, how, size, positions)
    out = f"out[{', '.join([*lead, 'g', 'n', *p, *k, 'c'])}]"
    channel = "c" if how["groups"] == 1 else f"g * {channels} + c"
    entry = f"x[{', '.join(_in_memory([*lead, 'n', channel, *i], order))}]"
    if inside:
        text.open(f"if {inside}:")
    text.open(f"for c in range({channels}):")
    text.add(f"{out} = {entry}")
    text.close(2)
    if inside:
        text.open("else:")
        text.open(f"for c in range({channels}):")
        text.add(f"{out} = 0")


def _entries(text: Text, how: dict[str, Any], size: Any, positions: Any) -> str:
    """Which entry i is met at position p and place k; what is returned says whether it lies inside."""
    inside = []
    for a, (m, count, kernel, step, (low, _), apart) in enumerate(
        zip(size, positions, *(how[name] for name in _WINDOW), strict=True)
    ):
        text.add(f"i{a} = {_scaled(f'p{a}', step)} + {_scaled(f'k{a}', apart)}{f' - {low}' if low else ''}")
        if low or (count - 1) * step + (kernel - 1) * apart >= m:
            inside.append(f"0 <= i{a} < {m}")
    return " and ".join(inside)


def _scaled(name: str, factor: int) -> str:
    return name if factor == 1 else f"{name} * {factor}"


def _in_memory(names: list[str], order: tuple[int, ...]) -> list[str]:
    """Indices in the order of the memory; order[j] is where axis j lies."""
    return [names[order.index(a)] for a in range(len(order))]


def _from_columns(text: Text, value: Value) -> None:
    """out[…, n, i, c] is the sum of the columns' entries that were taken from x[…, n, c, i]."""
    how = value.params
    n, groups = len(how["kernel"]), how["groups"]
    lead, channels = _numbered("l", len(value.shape) - n - 2), value.shape[-1] // groups
    i, p, k = (_numbered(letter, n) for letter in "ipk")
    size = value.shape[-n - 1 : -1]
    positions = positions_of(size, **{name: how[name] for name in _WINDOW})
    channel = "c" if groups == 1 else f"g * {channels} + c"
    out = f"out[{', '.join([*lead, 'n', *i, channel])}]"
    text.loops([*lead, "n", *i], [*value.shape[: len(lead)], "first, last", *size])
    text.loops(["g"], [groups])
    text.open(f"for c in range({channels}):")
    text.add(f"{out} = 0")
    text.close()
    text.loops(k, how["kernel"])
    inside = []
    for a, (count, step, (low, _), apart) in enumerate(
        zip(positions, how["stride"], how["padding"], how["dilation"], strict=True)
    ):
        place = f"i{a} - {_scaled(f'k{a}', apart)}{f' + {low}' if low else ''}"
        text.add(f"p{a} = {place if step == 1 else f'({place}) // {step}'}")
        inside.append(f"0 <= p{a} < {count}" + (f" and p{a} * {step} == {place}" if step > 1 else ""))
    text.open(f"if {' and '.join(inside)}:")
    text.open(f"for c in range({channels}):")
    along = [*lead, "g", "n", *p, *k, "c"] if how["by_position"] else [*lead, "g", *k, "c", "n", *p]
    text.add(f"{out} += z[{', '.join(along)}]")


# Largest entries -------------------------------------------------------------------------------------------------

FEW = 16
"""Up to so many places of a window are written out one by one, so that LLVM sees straight code in the inner loop."""


class _Pool:
    """The loops of a pooling: over the windows as they lie in memory, and for each over its places.

    Attributes
    ----------
    at : the text of an entry of an array, by the array's name.
    """

    def __init__(self, text: Text, value: Value, x: int, z: int | None):
        how = value.params
        self.text, self.how, self.n = text, how, len(how["kernel"])
        self.order, z_order = how["orders"][x], how["orders"][-1 if z is None else z]
        given, result = value.args[x], value if z is None else value.args[z]
        self.axes = _numbered("a", len(self.order) - self.n)
        self.lengths = ["first, last", *(given.shape[a] for a in self.order[1 : -self.n])]
        self.size = [given.shape[a] for a in self.order[-self.n :]]
        self.positions = [result.shape[a] for a in z_order[-self.n :]]
        self.orders = dict(zip([*WINDOWS[value.op][0], "out"], how["orders"], strict=True))
        self.windows = {"z", "dz"} | ({"out"} if value.op != "max_pool_transpose" else set())

    def entry(self, name: str, place: list[str] | None = None) -> str:
        """An entry of an array: that of the window, or that at a place in it."""
        along = _numbered("p", self.n) if name in self.windows else place or _numbered("i", self.n)
        return f"{name}[{', '.join(_in_memory([*self.axes, *along], self.orders[name]))}]"

    def zeros(self) -> None:
        names = _in_memory([*self.axes, *_numbered("i", self.n)], self.order)
        lengths = _in_memory([*self.lengths, *self.size], self.order)
        count = self.text.loops(names, lengths)
        self.text.add(f"{self.entry('out')} = 0")
        self.text.close(count)

    def over_windows(self, start: str, lines: list[str], end: str | None = None) -> None:
        """For each window a first line, some for each place that lies inside, and a last one.

        In the lines stand {z}, {dz}, {x}, … for the arrays' entries.
        """
        few = math.prod(self.how["kernel"]) <= FEW
        names = _in_memory([*self.axes, *_numbered("p", self.n)], self.order)
        lengths = _in_memory([*self.lengths, *self.positions], self.order)
        straight = int(few and names[-1] in self.axes[1:])  # the places are the same all along the last axis
        self.text.loops(names[: len(names) - straight], lengths[: len(names) - straight])
        places = self._places() if few else []
        self.text.loops(names[len(names) - straight :], lengths[len(names) - straight :])
        self._lines([start], "")
        for place, inside in places:
            self._lines(lines, inside, place)
        if not few:
            count = self.text.loops(_numbered("k", self.n), self.how["kernel"])
            inside = _entries(self.text, self.how, self.size, self.positions)
            if inside:
                self.text.open(f"if {inside}:")
            self._lines(lines, "")
            self.text.close(count + bool(inside))
        self._lines([end] if end else [], "")

    def _lines(self, lines: list[str], inside: str, place: list[str] | None = None) -> None:
        entries = {name: self.entry(name, place) for name in self.orders}
        for line in lines:
            self.text.add(line.format(inside=inside or "True", **entries).replace("True and ", ""))

    def _places(self) -> list[tuple[list[str], str]]:
        """The indices of each place of a window, moved inside if they are not, and what says whether they are."""
        known: list[list[tuple[str, str]]] = []
        for a, (m, count, kernel, step, (low, _), apart) in enumerate(
            zip(self.size, self.positions, *(self.how[name] for name in _WINDOW), strict=True)
        ):
            known.append([])
            for k in range(kernel):
                index, offset = f"i{a}_{k}", k * apart - low
                text = _scaled(f"p{a}", step) + (f" {'+' if offset > 0 else '-'} {abs(offset)}" if offset else "")
                inside = ""
                if offset < 0 or (count - 1) * step + offset >= m:
                    inside = f"in{a}_{k}"
                    self.text.add(f"{inside} = 0 <= {text} < {m}")
                    text = f"min(max({text}, 0), {m - 1})"
                self.text.add(f"{index} = {text}")
                known[a].append((index, inside))
        return [
            ([index for index, _ in place], " and ".join(inside for _, inside in place if inside))
            for place in itertools.product(*known)
        ]

    def tiles(self) -> bool:
        """Whether the windows cover x, and each entry is in one."""
        how = self.how
        fits = all(k == s for k, s in zip(how["kernel"], how["stride"], strict=True))
        fits = fits and set(how["dilation"]) == {1} and not any(map(any, how["padding"]))
        return fits and all(p * s == m for p, s, m in zip(self.positions, how["stride"], self.size, strict=True))


def _max_pool(text: Text, value: Value) -> None:
    pool = _Pool(text, value, x=0, z=None)
    lowest = f"{text_of(value.dtype)}(-np.inf)"
    padded = any(map(any, value.params["padding"]))
    entry = f"vm.select({{inside}}, {{x}}, {lowest})" if padded else "{x}"
    pool.over_windows(f"largest = {lowest}", [f"largest = vm.maximum(largest, {entry})"], "{out} = largest")


FOUND = "{inside} and (entry == {z} or entry != entry)"
"""Whether an entry is the largest of its window: NaN is, where there is one."""


def _max_pool_transpose(text: Text, value: Value) -> None:
    pool = _Pool(text, value, x=1, z=2)
    zero, tiles = f"{text_of(value.dtype)}(0)", pool.tiles()
    if not tiles:
        pool.zeros()
    put = f"{{out}} {'=' if tiles else '+='} vm.select(found, left, {zero})"
    found = ["entry = {x}", f"found = {FOUND}", put, f"left = vm.select(found, {zero}, left)"]
    pool.over_windows("left = {dz}", found)


def _max_pool_tangent(text: Text, value: Value) -> None:
    pool = _Pool(text, value, x=1, z=2)
    start = f"searching, taken = True, {text_of(value.dtype)}(0)"
    take = ["taken = vm.select(found, {dx}, taken)", "searching = searching and not found"]
    pool.over_windows(start, ["entry = {x}", f"found = searching and {FOUND}", *take], "{out} = taken")


WINDOWS: dict[str, tuple[tuple[str, ...], Callable[[Text, Value], None]]] = {
    "columns": (("x",), _columns),
    "from_columns": (("z",), _from_columns),
    "max_pool": (("x",), _max_pool),
    "max_pool_transpose": (("dz", "x", "z"), _max_pool_transpose),
    "max_pool_tangent": (("dx", "x", "z"), _max_pool_tangent),
}
"""For each operation the names of its operands, and what writes its loops."""


def work_of(value: Value) -> int:
    """About how many entries are read or written."""
    return max(map(size_of, (value, *value.args)))
