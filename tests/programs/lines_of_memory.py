"""Lines that read and write entries: all forms of indices, updates in place, views.

The functional form has positions in the flattened array, worked out by NumPy; so no library's own indexing is believed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .lines_of_entries import either, no_ties, nonzero
from .writer import BOUND, Unfit, broadcasts, rule


def index(w: Any, shape: tuple[int, ...]) -> str:
    """An index for an array of this shape: integers, slices, lists of integers, masks, `None` and `...`."""
    parts = []
    used = 0
    for n in shape[: w.number(0, len(shape))]:
        kind = w.choose(["slice", "slice", "integer", "list", "mask"])
        if kind == "slice":
            parts.append(w.choose([":", "1:", ":-1", "::-1", "::2", ":2", "-2:", "-1::-2"]))
        elif kind == "integer":
            parts.append(str(w.number(-n, n - 1)))
        elif kind == "list":
            parts.append(w.choose([str([w.number(-n, n - 1) for _ in range(2)]), str([[w.number(-n, n - 1)]])]))
        else:
            parts.append(str([w.flag() for _ in range(n)]))
        used += 1
    if w.number(0, 3) == 3:
        parts.insert(w.number(0, len(parts)), "None")
    if w.number(0, 2) == 2 or not parts:
        parts.insert(w.number(0, len(parts)) if used == len(shape) else len(parts), "...")
    return ", ".join(parts)


def picked(w: Any, x: str, key: str) -> np.ndarray:
    """The positions that an index picks."""
    value = w.values[x]
    found = w.run(eval, f"np.arange({value.size}).reshape({value.shape})[{key}]")
    if not np.size(found):
        raise Unfit
    return np.asarray(found)


@rule
def read(w):
    x = w.pick(kind=either)
    key = index(w, w.values[x].shape)
    w.let(f"{x}[{key}]", f"take({x}, {picked(w, x, key).tolist()})")


@rule
def read_by_mask(w):
    x = w.pick(lambda x: x.ndim > 0, kind=either)
    m = w.pick(lambda m: m.ndim > 0 and m.shape == w.values[x].shape[: m.ndim] and nonzero(m))
    w.let(f"{x}[{m} > 0]", f"take({x}, {picked(w, x, f'{m} > 0').tolist()})")


@rule
def read_largest(w):
    x = w.pick(lambda x: x.ndim == 1 and no_ties(x))
    w.let(f"{x}[np.argmax({x})]", f"take({x}, {np.argmax(w.values[x])})")


@rule
def update(w):
    """x += y, and the like."""
    x = w.pick(w.writable, kind=either)
    value = w.values[x]
    operator = w.choose("+-*/")

    def fits(y: Any) -> bool:
        whole = broadcasts(value.shape, y.shape) and np.broadcast_shapes(value.shape, y.shape) == value.shape
        return whole and (operator != "/" or nonzero(y))

    y = w.choose(["0.5", "2"]) if w.flag() else w.pick(fits, kind=either)
    w.evaluate(f"{x} {operator} {y}")
    w.update(x, f"{x} {operator}= {y}", f"{x} {operator} {y}")


@rule
def write(w):
    """x[key] = v, x[key] += v, np.add.at(x, key, v)."""
    x = w.pick(lambda x: isinstance(x, np.ndarray) and w.writable(x), kind=either)
    kind = w.choose(["=", "+", "*", "at"])
    key = index(w, w.values[x].shape)
    if kind == "=" and w.flag():
        key = f"{w.pick(lambda m: m.ndim > 0 and m.shape == w.values[x].shape and nonzero(m))} > 0"
    at = picked(w, x, key)

    def fits(v: Any) -> bool:
        return broadcasts(at.shape, v.shape) and np.broadcast_shapes(at.shape, v.shape) == at.shape

    v = w.choose(["0.5", "2"]) if w.flag() else w.pick(fits, kind=either)
    if kind == "at":
        if np.abs(w.values[x]).max() + 4 * np.abs(w.evaluate(f"{v} * np.ones(1)")).max() > BOUND:
            raise Unfit
        w.update(x, f"np.add.at({x}, np.s_[{key}], {v})", f"add_at({x}, {at.tolist()}, {v})")
    elif kind == "=":
        w.update(x, f"{x}[{key}] = {v}", f"put({x}, {at.tolist()}, {v})")
    else:
        w.evaluate(f"{x}[{key}] {kind} {v}")
        w.update(x, f"{x}[{key}] {kind}= {v}", f"put({x}, {at.tolist()}, take({x}, {at.tolist()}) {kind} {v})")


@rule
def update_twice(w):
    """Updates come up more often than one line in forty: they are what goes wrong."""
    w.choose([update, write])(w)


@rule
def filled(w):
    """An array made like another and filled."""
    x = w.pick(lambda x: x.ndim > 0)
    w.let(f"np.{w.choose(['zeros_like', 'ones_like'])}({x})")


@rule
def view(w):
    x = w.pick(lambda x: isinstance(x, np.ndarray) and x.ndim > 0, kind=either)
    key = w.choose(["1:", "::-1", "..., 0", "0, ...", ":, None", "-1:"])
    w.let(f"{x}[{key}]", f"take({x}, {picked(w, x, key).tolist()})")
