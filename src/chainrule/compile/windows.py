"""Windows as loops: columns of the entries that a kernel covers, their transpose (a sum), and max pooling.

The lowering puts the channels last in memory. Then all inner loops run along the channels, and each step reads in the
order in which the previous one wrote. Each entry of a result depends on one sample, so the samples can be divided
between threads.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.blocks.windows import positions_of
from chainrule.compile.loop_nests import nested
from chainrule.compile.loops import (
    And,
    ArrayEntry,
    Assign,
    Constant,
    If,
    Increase,
    LoopExpression,
    LoopFunction,
    Name,
    Statement,
    Store,
    Unary,
    as_expression,
    call,
    kind,
)
from chainrule.compile.values import Value, size_of

__all__ = ["WINDOWS", "samples_of", "work_of", "write_windows"]


_WINDOW = ("kernel", "stride", "padding", "dilation")


def write_windows(value: Value, name: str) -> LoopFunction:
    """A function (first, last, *operands, out) that computes the samples in range(first, last)."""
    operands, write = WINDOWS[value.op]
    return LoopFunction(name, ("first", "last", *operands, "out"), tuple(write(value)))


def samples_of(value: Value) -> int:
    """The number of samples, which first and last count."""
    how = value.params
    if value.op in ("columns", "from_columns"):
        lead = len(value.shape) - (2 * len(how["kernel"]) + 3 if value.op == "columns" else len(how["kernel"]) + 2)
        return value.shape[lead + 1 if value.op == "columns" else lead]
    return value.shape[how["orders"][-1][0]]


def _numbered(letter: str, n: int) -> list[str]:
    return [f"{letter}{a}" for a in range(n)]


def _along(names: Sequence[str], lengths: Sequence[Any]) -> list[tuple[str, Any, Any]]:
    """A loop for each name; in place of a length there may be a pair (start, stop)."""
    return [
        (name, *(length if isinstance(length, tuple) else (0, length)))
        for name, length in zip(names, lengths, strict=True)
    ]


SAMPLES = (Name("first"), Name("last"))


def _entry(array: str, index: Sequence[Any]) -> ArrayEntry:
    return ArrayEntry(Name(array), tuple(Name(i) if isinstance(i, str) else i for i in index))


def _if(
    inside: Sequence[LoopExpression], body: Sequence[Statement], otherwise: Sequence[Statement] = ()
) -> list[Statement]:
    """A body that runs only if all conditions hold."""
    if not inside:
        return list(body)
    return [If(inside[0] if len(inside) == 1 else And(tuple(inside)), tuple(body), tuple(otherwise))]


def _within(place: LoopExpression, length: int) -> list[LoopExpression]:
    return [as_expression(0) <= place, place < length]


# Columns ---------------------------------------------------------------------------------------------------------


def _columns(value: Value) -> list[Statement]:
    """out[…, g, n, p, k, c] = x[…, n, c, p · stride + k · dilation − padding], or 0 outside."""
    how, (x,) = value.params, value.args
    n, order = len(how["kernel"]), how["orders"][0]
    lead, channels = _numbered("l", len(order) - n - 2), value.shape[-1]
    p, k, i = (_numbered(letter, n) for letter in "pki")
    size = [x.shape[a] for a in order[-n:]]
    positions = value.shape[len(lead) + 2 : len(lead) + 2 + n]
    places, inside = _entries(how, size, positions)
    out = _entry("out", [*lead, "g", "n", *p, *k, "c"])
    channel = Name("c") if how["groups"] == 1 else Name("g") * channels + Name("c")
    entry = _entry("x", _in_memory([*lead, "n", channel, *i], order))
    over_channels = [("c", 0, channels)]
    found = nested(over_channels, [Store(out, entry)])
    put = _if(inside, found, nested(over_channels, [Store(out, Constant(0))]))
    names = [*lead, "g", "n", *p, *k]
    lengths = [*value.shape[: len(lead)], how["groups"], SAMPLES, *positions, *how["kernel"]]
    return nested(_along(names, lengths), [*places, *put])


def _entries(how: dict[str, Any], size: Any, positions: Any) -> tuple[list[Statement], list[LoopExpression]]:
    """The entry i that the window at position p covers at place k, and the conditions that it lies inside."""
    places: list[Statement] = []
    inside: list[LoopExpression] = []
    for a, (m, count, kernel, step, (low, _), apart) in enumerate(
        zip(size, positions, *(how[name] for name in _WINDOW), strict=True)
    ):
        place = _scaled(f"p{a}", step) + _scaled(f"k{a}", apart)
        places.append(Assign((f"i{a}",), place - low if low else place))
        if low or (count - 1) * step + (kernel - 1) * apart >= m:
            inside += _within(Name(f"i{a}"), m)
    return places, inside


def _scaled(name: str, factor: int) -> LoopExpression:
    return Name(name) if factor == 1 else Name(name) * factor


def _in_memory(names: Sequence[Any], order: tuple[int, ...]) -> list[Any]:
    """Indices in memory order; order[j] is the place of axis j in memory."""
    return [names[order.index(a)] for a in range(len(order))]


def _from_columns(value: Value) -> list[Statement]:
    """out[…, n, i, c] is the sum of the columns' entries that were taken from x[…, n, c, i]."""
    how = value.params
    n, groups = len(how["kernel"]), how["groups"]
    lead, channels = _numbered("l", len(value.shape) - n - 2), value.shape[-1] // groups
    i, p, k = (_numbered(letter, n) for letter in "ipk")
    size = value.shape[-n - 1 : -1]
    positions = positions_of(size, **{name: how[name] for name in _WINDOW})
    channel = Name("c") if groups == 1 else Name("g") * channels + Name("c")
    out = _entry("out", [*lead, "n", *i, channel])
    places: list[Statement] = []
    inside: list[LoopExpression] = []
    for a, (count, step, (low, _), apart) in enumerate(
        zip(positions, how["stride"], how["padding"], how["dilation"], strict=True)
    ):
        place, position = Name(f"i{a}") - _scaled(f"k{a}", apart), Name(f"p{a}")
        place = place + low if low else place
        places.append(Assign((f"p{a}",), place if step == 1 else place // step))
        inside += _within(position, count)
        if step > 1:
            inside.append((position * step).is_equal(place))
    along = [*lead, "g", "n", *p, *k, "c"] if how["by_position"] else [*lead, "g", *k, "c", "n", *p]
    over_channels = [("c", 0, channels)]
    add = _if(inside, nested(over_channels, [Increase(out, _entry("z", along))]))
    body = [*nested(over_channels, [Store(out, Constant(0))]), *nested(_along(k, how["kernel"]), [*places, *add])]
    lengths = [*value.shape[: len(lead)], SAMPLES, *size, groups]
    return nested(_along([*lead, "n", *i, "g"], lengths), body)


# Largest entries -------------------------------------------------------------------------------------------------

FEW = 16
"""A window of at most this many places is unrolled, so that the inner loop is straight-line code."""


class _Pool:
    """The loops of a pooling: over the windows in memory order, and inside over the places of each."""

    def __init__(self, value: Value, x: int, z: int | None):
        how = value.params
        self.how, self.n = how, len(how["kernel"])
        self.order, z_order = how["orders"][x], how["orders"][-1 if z is None else z]
        given, result = value.args[x], value if z is None else value.args[z]
        self.axes = _numbered("a", len(self.order) - self.n)
        self.lengths = [SAMPLES, *(given.shape[a] for a in self.order[1 : -self.n])]
        self.size = [given.shape[a] for a in self.order[-self.n :]]
        self.positions = [result.shape[a] for a in z_order[-self.n :]]
        self.orders = dict(zip([*WINDOWS[value.op][0], "out"], how["orders"], strict=True))
        self.windows = {"z", "dz"} | ({"out"} if value.op != "max_pool_transpose" else set())

    def entry(self, name: str, place: Sequence[str] | None = None) -> ArrayEntry:
        """An entry of an array: the window's, or the one at a place in it."""
        along = _numbered("p", self.n) if name in self.windows else place or _numbered("i", self.n)
        return _entry(name, _in_memory([*self.axes, *along], self.orders[name]))

    def zeros(self) -> list[Statement]:
        names = _in_memory([*self.axes, *_numbered("i", self.n)], self.order)
        lengths = _in_memory([*self.lengths, *self.size], self.order)
        return nested(_along(names, lengths), [Store(self.entry("out"), Constant(0))])

    def over_windows(
        self,
        start: Sequence[Statement],
        lines: Callable[[list[str], list[LoopExpression]], list[Statement]],
        end: Sequence[Statement] = (),
    ) -> list[Statement]:
        """Loops over windows. Each window has the lines of `start`, the lines for each place, and the lines of `end`.

        `lines` takes the indices of a place and the conditions that it lies inside.
        """
        few = math.prod(self.how["kernel"]) <= FEW
        names = _in_memory([*self.axes, *_numbered("p", self.n)], self.order)
        lengths = _in_memory([*self.lengths, *self.positions], self.order)
        loops = _along(names, lengths)
        straight = int(few and names[-1] in self.axes[1:])  # the places do not depend on the last axis
        if few:
            before, places = self._places()
            middle = [line for place, inside in places for line in lines(place, inside)]
        else:
            before = []
            at, inside = _entries(self.how, self.size, self.positions)
            each = _if(inside, lines(_numbered("i", self.n), []))
            middle = nested(_along(_numbered("k", self.n), self.how["kernel"]), [*at, *each])
        cut = len(loops) - straight
        return nested(loops[:cut], [*before, *nested(loops[cut:], [*start, *middle, *end])])

    def _places(self) -> tuple[list[Statement], list[tuple[list[str], list[LoopExpression]]]]:
        """The indices of each place of a window, clamped to the array, and the conditions that it lies inside."""
        lines: list[Statement] = []
        known: list[list[tuple[str, str]]] = []
        for a, (m, count, kernel, step, (low, _), apart) in enumerate(
            zip(self.size, self.positions, *(self.how[name] for name in _WINDOW), strict=True)
        ):
            known.append([])
            for k in range(kernel):
                index, offset = f"i{a}_{k}", k * apart - low
                place = _scaled(f"p{a}", step)
                place = place + offset if offset > 0 else place - -offset if offset else place
                inside = ""
                if offset < 0 or (count - 1) * step + offset >= m:
                    inside = f"in{a}_{k}"
                    lines.append(Assign((inside,), And(tuple(_within(place, m)))))
                    place = call("min", call("max", place, 0), m - 1)
                lines.append(Assign((index,), place))
                known[a].append((index, inside))
        return lines, [
            ([index for index, _ in place], [Name(inside) for _, inside in place if inside])
            for place in itertools.product(*known)
        ]

    def tiles(self) -> bool:
        """Whether each entry of x is in exactly one window."""
        how = self.how
        fits = all(k == s for k, s in zip(how["kernel"], how["stride"], strict=True))
        fits = fits and set(how["dilation"]) == {1} and not any(map(any, how["padding"]))
        return fits and all(p * s == m for p, s, m in zip(self.positions, how["stride"], self.size, strict=True))


def _max_pool(value: Value) -> list[Statement]:
    pool = _Pool(value, x=0, z=None)
    largest, lowest = Name("largest"), call(kind(value.dtype), -math.inf)

    def compare(place: list[str], inside: list[LoopExpression]) -> list[Statement]:
        entry: LoopExpression = pool.entry("x", place)
        if padded:
            entry = call("vm.select", _both(inside), entry, lowest)
        return [Assign(("largest",), call("vm.maximum", largest, entry))]

    padded = any(map(any, value.params["padding"]))
    return pool.over_windows([Assign(("largest",), lowest)], compare, [Store(pool.entry("out"), largest)])


def _both(conditions: Sequence[LoopExpression]) -> LoopExpression:
    """Whether all of some conditions hold."""
    if len(conditions) < 2:
        return conditions[0] if conditions else Constant(True)
    return And(tuple(conditions))


def _finds(pool: _Pool, place: list[str], inside: Sequence[LoopExpression]) -> list[Statement]:
    """Statements that set `found`: whether an entry is the largest of its window; a NaN counts as the largest."""
    entry = Name("entry")
    is_largest = entry.is_equal(pool.entry("z")) | entry.is_other(entry)
    return [Assign(("entry",), pool.entry("x", place)), Assign(("found",), _both([*inside, is_largest]))]


def _max_pool_transpose(value: Value) -> list[Statement]:
    pool = _Pool(value, x=1, z=2)
    zero, tiles = call(kind(value.dtype), 0), pool.tiles()

    def find(place: list[str], inside: list[LoopExpression]) -> list[Statement]:
        put, given = (Store if tiles else Increase), call("vm.select", Name("found"), Name("left"), zero)
        rest = Assign(("left",), call("vm.select", Name("found"), zero, Name("left")))
        return [*_finds(pool, place, inside), put(pool.entry("out", place), given), rest]

    zeros = [] if tiles else pool.zeros()
    return [*zeros, *pool.over_windows([Assign(("left",), pool.entry("dz"))], find)]


def _max_pool_tangent(value: Value) -> list[Statement]:
    pool = _Pool(value, x=1, z=2)
    searching, found, taken = map(Name, ("searching", "found", "taken"))

    def find(place: list[str], inside: list[LoopExpression]) -> list[Statement]:
        take = Assign(("taken",), call("vm.select", found, pool.entry("dx", place), taken))
        rest = Assign(("searching",), And((searching, Unary("not", found))))
        return [*_finds(pool, place, [searching, *inside]), take, rest]

    start = [Assign(("searching",), Constant(True)), Assign(("taken",), call(kind(value.dtype), 0))]
    return pool.over_windows(start, find, [Store(pool.entry("out"), taken)])


WINDOWS: dict[str, tuple[tuple[str, ...], Callable[[Value], list[Statement]]]] = {
    "columns": (("x",), _columns),
    "from_columns": (("z",), _from_columns),
    "max_pool": (("x",), _max_pool),
    "max_pool_transpose": (("dz", "x", "z"), _max_pool_transpose),
    "max_pool_tangent": (("dx", "x", "z"), _max_pool_tangent),
}
"""For each operation the names of its operands, and the function that writes its loops."""


def work_of(value: Value) -> int:
    """Roughly the number of entries that are read or written."""
    return max(map(size_of, (value, *value.args)))
