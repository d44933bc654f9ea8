"""Lines that reduce, scan, sort, join and rearrange."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .lines_of_entries import either, no_ties, nonzero
from .writer import Unfit, rule

# Reductions ---------------------------------------------------------------------------------------------------

REDUCTIONS = "sum mean prod max min var std ptp median nansum amax".split()
OF_COMPLEX = "sum mean prod".split()


@rule
def reduction(w):
    x = w.pick(kind=either)
    value = w.values[x]
    name = w.choose(REDUCTIONS if value.dtype.kind == "f" else OF_COMPLEX)
    axis = w.axis(value.ndim)
    if name in ("max", "min", "amax", "ptp", "median") and not no_ties(value):
        raise Unfit
    if name == "std" and not nonzero(np.std(value, axis=axis)):
        raise Unfit
    arguments = [x]
    if axis is not None or w.flag():
        arguments.append(f"axis={axis}")
    if w.flag():
        arguments.append("keepdims=True")
    if name in ("var", "std") and w.flag():
        if value.size == np.var(value, axis=axis).size:
            raise Unfit
        arguments.append("ddof=1")
    w.let(f"np.{name}({', '.join(arguments)})")


@rule
def reduction_where(w):
    """Of the entries that a mask chooses; in functional form, with the neutral element elsewhere."""
    x = w.pick()
    value = w.values[x]
    mask = np.array([w.flag() for _ in range(value.size)]).reshape(value.shape)
    name, neutral = w.choose([("sum", "0.0"), ("prod", "1.0")])
    axis = w.axis(value.ndim)
    literal = f"np.array({mask.tolist()})"
    w.let(
        f"np.{name}({x}, axis={axis}, where={literal})",
        f"np.{name}(np.where(mask({mask.tolist()}), {x}, {neutral} * {x} ** 0), axis={axis})",
    )


@rule
def log_sum(w):
    x = w.pick()
    w.let(f"cr.logsumexp({x}, axis={w.axis(w.values[x].ndim)}{w.choose(['', ', keepdims=True'])})")


@rule
def average(w):
    x = w.pick(lambda x: x.ndim > 0)
    y = w.pick(lambda y: y.shape == w.values[x].shape and bool(np.all(y > 0.2)))
    axis = w.one_axis(w.values[x].ndim)
    w.let(
        f"np.average({x}, axis={axis}, weights={y})",
        f"np.sum({x} * {y}, axis={axis}) / np.sum({y}, axis={axis})",
    )


# Along an axis ------------------------------------------------------------------------------------------------

ALONG = {
    "np.cumsum({0}, axis={1})": None,
    "np.cumprod({0}, axis={1})": None,
    "np.flip({0}, axis={1})": None,
    "np.roll({0}, 1, axis={1})": None,
    "np.roll({0}, (1, -2), axis=(0, {1}))": None,
    "np.repeat({0}, 2, axis={1})": None,
    "np.expand_dims({0}, {1})": None,
    "np.squeeze({0}, axis={1})": None,
    "np.take({0}, [0, -1, 0], axis={1})": "np.take({0}, np.asarray([0, -1, 0]), axis={1})",
    "np.take({0}, 0, axis={1})": None,
    "np.split({0}, [1], axis={1})[0]": None,
    "np.array_split({0}, 2, axis={1})[1]": None,
    "np.diff({0}, axis={1})": None,
    "np.concatenate([{0}, {0}], axis={1})": None,
    "np.stack([{0}, -{0}], axis={1})": None,
    "np.delete({0}, 0, axis={1})": None,
}
ALONG_REAL = {
    "cr.softmax({0}, axis={1})": None,
    "cr.log_softmax({0}, axis={1})": None,
    "np.trapezoid({0}, axis={1})": None,
}
OF_SORTED = {
    "np.sort({0}, axis={1})": lambda order, axis: order,
    "np.take_along_axis({0}, np.argsort({0}, axis={1}), axis={1})": lambda order, axis: order,
    "np.take_along_axis({0}, np.argmax({0}, axis={1}, keepdims=True), axis={1})": lambda order, axis: np.take(
        order, [-1], axis=axis
    ),
    "np.partition({0}, 0, axis={1}).min({1})": lambda order, axis: np.take(order, 0, axis=axis),
}


@rule
def along_an_axis(w):
    x = w.pick(lambda x: x.ndim > 0, kind=either)
    value = w.values[x]
    table = ALONG if w.flag() or value.dtype.kind == "c" else ALONG | ALONG_REAL
    text = w.choose(table)
    axis = w.one_axis(value.ndim)
    w.let(text.format(x, axis), table[text] and table[text].format(x, axis))


@rule
def in_order(w):
    """By the order of the values; the functional form has the positions."""
    x = w.pick(lambda x: x.ndim > 0)
    value = w.values[x]
    axis = w.one_axis(value.ndim)
    if not no_ties(value, axis):
        raise Unfit
    text = w.choose(OF_SORTED)
    numbered = np.arange(value.size).reshape(value.shape)
    ordered = np.take_along_axis(numbered, np.argsort(value, axis=axis), axis=axis)
    w.let(text.format(x, axis), f"take({x}, {OF_SORTED[text](ordered, axis).tolist()})")


# Shapes -------------------------------------------------------------------------------------------------------


@rule
def reshape(w):
    x = w.pick(kind=either)
    size = w.values[x].size
    sizes = [s for s in itertools.product([1, 2, 3, 4, 6], repeat=w.number(1, 3)) if math.prod(s) == size]
    shape = w.choose(sizes)
    if w.number(0, 2):
        w.let(f"np.reshape({x}, {shape})")
    else:
        w.let(f"np.reshape({x}, {shape}, order='F')", f"np.transpose(np.reshape(np.transpose({x}), {shape[::-1]}))")


@rule
def rearrange(w):
    x = w.pick(kind=either)
    n = w.values[x].ndim
    kind = w.choose(["transpose", "moveaxis", "swapaxes", "broadcast_to", "tile", "atleast", "flip", "rot90", "pad"])
    if kind == "transpose":
        w.let(f"np.transpose({x}, {tuple(w.rng.sample(range(n), n))})")
    elif kind in ("moveaxis", "swapaxes"):
        w.let(f"np.{kind}({x}, {w.one_axis(n)}, {w.one_axis(n)})")
    elif kind == "broadcast_to":
        w.let(f"np.broadcast_to({x}, {w.choose([(2, 3), (3, 3), (2, 3, 2), (2, 2, 3)])})")
    elif kind == "tile":
        w.let(f"np.tile({x}, {w.choose([2, (2, 1), (1, 2)])})")
    elif kind == "atleast":
        w.let(f"np.{w.choose(['atleast_1d', 'atleast_2d'])}({x})")
    elif kind == "flip":
        w.let(f"np.flip({x})")
    elif kind == "rot90" and n > 1:
        w.let(f"np.rot90({x}, {w.number(1, 3)})")
    elif kind == "pad" and n:
        mode = w.choose(["constant", "edge", "reflect", "wrap", "symmetric"])
        widths = [(w.number(0, 1), w.number(0, 1)) for _ in range(n)]
        value = w.values[x]
        if mode == "constant":
            fill = w.choose([0, 1.5])
            w.let(f"np.pad({x}, {widths}, constant_values={fill})")
        else:
            numbered = np.pad(np.arange(value.size).reshape(value.shape), widths, mode=mode)
            w.let(f"np.pad({x}, {widths}, mode='{mode}')", f"take({x}, {numbered.tolist()})")


@rule
def join(w):
    x = w.pick(kind=either)
    n = w.values[x].ndim
    y = w.pick(lambda y: y.ndim == n, kind=either)
    text = w.choose(
        [
            "np.concatenate([{}, {}], axis={})",
            "np.stack(({}, {}), axis={})",
            "np.vstack([{}, {}])",
            "np.hstack([{}, {}])",
            "np.append({}, {}, axis={})",
        ]
    )
    w.let(text.format(x, y, w.one_axis(n + ("stack((" in text)) if "axis" in text else ""))


@rule
def array_of_numbers(w):
    """np.array of recorded numbers, which NumPy makes an array of objects, where it meets a recorded number again."""
    x, y = (w.pick(lambda x: x.ndim == 0) for _ in range(2))
    if w.flag():
        w.let(f"np.array([{x}, {y} * {x}, 2.0 * {y}]) * {x}", f"np.stack([{x}, {y} * {x}, 2.0 * {y}]) * {x}")
    else:
        stacked = f"np.reshape(np.stack([{x}, {y}, {y}, {x}]), (2, 2))"
        w.let(f"{y} - np.array([[{x}, {y}], [{y}, {x}]])", f"{y} - {stacked}")


@rule
def triangle(w):
    x = w.pick(lambda x: x.ndim > 1, kind=either)
    w.let(
        w.choose(
            ["np.tril({})", "np.triu({}, 1)", "np.diagonal({})", "np.trace({})", "np.diagonal({}, 1, 0, -1)"]
        ).format(x)
    )


@rule
def loop(w):
    """Iteration over rows, with a branch on their values."""
    x = w.pick(lambda x: x.ndim > 0 and bool(np.all(np.abs([np.sum(row) for row in x]) >= 0.05)))
    value = w.values[x]
    rows = [f"{x}[{i}]" for i in range(len(value))]
    bent = [r if np.sum(row) > 0 else f"0.5 * {r} * {r}" for r, row in zip(rows, value, strict=True)]
    if w.flag():
        w.let(f"sum({x})", " + ".join(rows))
    else:
        w.let(f"sum(row if np.sum(row) > 0 else 0.5 * row * row for row in {x})", " + ".join(bent))
