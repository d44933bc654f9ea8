"""Is a view in NumPy a view here, and a copy a copy, however the entries lie in memory?

Each function that may return a view is called, its result or its operand is written to, and both are read. Plain NumPy
says what they hold then. Recorded by `cr.vjp`, by `cr.variable` and by `cr.compile` they hold the same and the gradient
is that of differences, or there is an error.

    python -m tests.sweeps.views --every 20

Every case takes about an hour.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from chainrule.array import Array
from chainrule.errors import ChainruleError

Function = Callable[[Any], Any]


def _locked(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "axes in another order": lambda x: np.ascontiguousarray(np.swapaxes(x, 0, -1)).swapaxes(0, -1),
    "every other column": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "each axis backwards": lambda x: np.ascontiguousarray(np.flip(x))[(slice(None, None, -1),) * x.ndim],
    "part of a larger one": lambda x: np.pad(x, 1)[(slice(1, -1),) * x.ndim],
    "read-only": _locked,
}
"""Arrays of the same entries, in other places of memory."""

NUMBERS: dict[str, np.ndarray] = {
    "2×3": np.arange(1.1, 7.0).reshape(2, 3),
    "2×2": np.arange(1.0, 5.0).reshape(2, 2),
    "4": np.arange(1.0, 5.0),
    "2×3×2": np.arange(1.0, 13.0).reshape(2, 3, 2),
    "1×4": np.arange(1.0, 5.0).reshape(1, 4),
    "4×1": np.arange(1.0, 5.0).reshape(4, 1),
    "1": np.array([3.0]),
    "0×3": np.ones((0, 3)),
    "complex 2×2": np.array([[1 + 2j, 3 - 1j], [0.5j, 2.0]]),
    "float32 2×3": np.arange(1, 7, dtype=np.float32).reshape(2, 3),
}

ORDERS = ["C", "F", "A", "K", "f", None]

TAKING_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "np.ravel": lambda x, order: np.ravel(x, order),
    "ravel of ravel": lambda x, order: x.ravel("K").reshape(x.shape).ravel(order=order),
    "np.reshape": lambda x, order: np.reshape(x, x.shape[::-1], order=order),
    "reshape": lambda x, order: x.reshape(2, -1, order=order),
    "reshape without a copy": lambda x, order: x.reshape(-1, order=order, copy=False),
    "flatten by": lambda x, order: x.flatten(order),
    "copy by": lambda x, order: x.copy(order).ravel("K"),
    "np.copy by": lambda x, order: np.copy(x, order).ravel("A"),
    "astype by": lambda x, order: x.astype(x.dtype, order).ravel("K"),
    "astype complex by": lambda x, order: x.astype(complex, order=order).reshape(-1, order="A"),
    "astype by, without a copy": lambda x, order: x.astype(x.dtype, order, copy=False).reshape(-1),
    "array by": lambda x, order: np.array(x, order=order).ravel("K"),
    "add by": lambda x, order: np.add(x, x, order=order).ravel("K"),
    "zeros_like by": lambda x, order: (np.zeros_like(x, order=order) + x).ravel("K"),
    "full_like by": lambda x, order: np.full_like(x, x, order=order).ravel("A"),
    "einsum by": lambda x, order: np.einsum("i...->i...", x, order=order).ravel("K"),
}
"""Functions with NumPy's `order=`, and by which order they are read."""

KEYS = "0 -1 ... ...,0 0,... :,0 1: ::2 ::-1 None :,None ...,None [0] [0,0] [True,False] 0,0 0,0,... x>2.5 (),:1 0:0 ()"

FUNCTIONS: dict[str, Function] = {
    "x": lambda x: x,
    "ravel": np.ravel,
    "x.ravel()": lambda x: x.ravel(),
    "ravel F": lambda x: np.ravel(x, order="F"),
    "ravel A": lambda x: np.ravel(x, order="A"),
    "ravel K": lambda x: np.ravel(x, order="K"),
    "flatten": lambda x: x.flatten(),
    "flatten F": lambda x: x.flatten("F"),
    "reshape −1": lambda x: np.reshape(x, -1),
    "x.reshape(−1)": lambda x: x.reshape(-1),
    "reshape 2": lambda x: x.reshape(2, -1),
    "reshape F": lambda x: np.reshape(x, -1, order="F"),
    "reshape A": lambda x: np.reshape(x, -1, order="A"),
    "reshape copy": lambda x: np.reshape(x, -1, copy=True),
    "reshape no copy": lambda x: np.reshape(x, -1, copy=False),
    "transpose": np.transpose,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "x.transpose()": lambda x: x.transpose(),
    "matrix_transpose": np.matrix_transpose,
    "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "permute_dims": lambda x: np.permute_dims(x, tuple(range(x.ndim))[::-1]),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "moveaxis none": lambda x: np.moveaxis(x, 0, 0),
    "rollaxis": lambda x: np.rollaxis(x, -1),
    "squeeze": np.squeeze,
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "atleast_1d": np.atleast_1d,
    "atleast_2d": np.atleast_2d,
    "atleast_3d": np.atleast_3d,
    "broadcast_to": lambda x: np.broadcast_to(x, x.shape),
    "broadcast_to more": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "diagonal": np.diagonal,
    "diag": np.diag,
    "linalg.diagonal": np.linalg.diagonal,
    "diagflat": np.diagflat,
    "split": lambda x: np.split(x, [1], axis=-1)[0],
    "split all": lambda x: np.split(x, 1, axis=0)[0],
    "array_split": lambda x: np.array_split(x, 2)[1],
    "hsplit": lambda x: np.hsplit(x, [1])[1],
    "vsplit": lambda x: np.vsplit(x, [1])[0],
    "dsplit": lambda x: np.dsplit(x, [1])[0],
    "unstack": lambda x: np.unstack(x)[0],
    "real": np.real,
    "imag": np.imag,
    "x.real": lambda x: x.real,
    "x.imag": lambda x: x.imag,
    "conj": np.conj,
    "x.conj()": lambda x: x.conj(),
    "real_if_close": np.real_if_close,
    "view": lambda x: x.view(),
    "block": np.block,
    "block of one": lambda x: np.block([x]),
    "block of two": lambda x: np.block([[x], [x]]),
    "concatenate": lambda x: np.concatenate([x]),
    "stack": lambda x: np.stack([x]),
    "vstack": lambda x: np.vstack([x]),
    "hstack": lambda x: np.hstack([x]),
    "dstack": lambda x: np.dstack([x]),
    "column_stack": lambda x: np.column_stack([x]),
    "append": lambda x: np.append(x, x),
    "asarray": lambda x: np.asarray(x),
    "array": lambda x: np.array(x),
    "array no copy": lambda x: np.array(x, copy=False),
    "asanyarray": np.asanyarray,
    "ascontiguousarray": np.ascontiguousarray,
    "asfortranarray": np.asfortranarray,
    "require": lambda x: np.require(x, requirements="C"),
    "astype": lambda x: np.astype(x, x.dtype),
    "astype no copy": lambda x: x.astype(x.dtype, copy=False),
    "np.astype no copy": lambda x: np.astype(x, x.dtype, copy=False),
    "copy": np.copy,
    "x.copy()": lambda x: x.copy(),
    "flip": np.flip,
    "flip of one axis": lambda x: np.flip(x, -1),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": np.rot90,
    "rot90 0": lambda x: np.rot90(x, 0),
    "rot90 2": lambda x: np.rot90(x, 2),
    "rot90 3": lambda x: np.rot90(x, 3),
    "row": lambda x: next(iter(x)),
    "flat": lambda x: x.flat[:],
    "flat copy": lambda x: x.flat.copy(),
    "take": lambda x: np.take(x, [0], axis=0),
    "compress": lambda x: np.compress([True], x, axis=0),
    "nan_to_num": np.nan_to_num,
    "nan_to_num in place": lambda x: np.nan_to_num(x, copy=False),
    "clip": lambda x: np.clip(x, None, 100.0),
    "positive": np.positive,
    "sort": np.sort,
    "tile": lambda x: np.tile(x, 1),
    "repeat": lambda x: np.repeat(x, 1, axis=0),
    "roll": lambda x: np.roll(x, 0),
    "roll along": lambda x: np.roll(x, 0, axis=0),
    "resize": lambda x: np.resize(x, x.shape),
    "pad": lambda x: np.pad(x, 0),
    "delete": lambda x: np.delete(x, [], axis=0),
    "insert": lambda x: np.insert(x, 0, 1.0, axis=0),
    "trim_zeros": lambda x: np.trim_zeros(x),
    "tril": lambda x: np.tril(x, 5),
    "triu": lambda x: np.triu(x, -5),
    "where": lambda x: np.where(True, x, x),
    "select": lambda x: np.select([np.ones(x.shape, bool)], [x]),
    "choose": lambda x: np.choose(np.zeros(x.shape, int), [x, x]),
    "meshgrid": lambda x: np.meshgrid(x, x)[0],
    "meshgrid sparse": lambda x: np.meshgrid(x, x, sparse=True)[0],
    "ix_": lambda x: np.ix_(x)[0],
    "windows": lambda x: sliding_window_view(x, 1, axis=0),
    "squeeze axis": lambda x: np.squeeze(x, 0),
    "x.squeeze()": lambda x: x.squeeze(),
    "x.swapaxes": lambda x: x.swapaxes(0, -1),
    "x.diagonal()": lambda x: x.diagonal(),
    "einsum": lambda x: np.einsum("i...->i...", x),
    "einsum diagonal": lambda x: np.einsum("ii->i", x),
    "einsum transpose": lambda x: np.einsum("ij->ji", x),
    "average": lambda x: np.average(x, axis=0),
    "sum of no axes": lambda x: np.sum(x, axis=()),
    "max of no axes": lambda x: np.max(x, axis=()),
    "mean of no axes": lambda x: np.mean(x, axis=()),
    "full_like": lambda x: np.full_like(x, x),
    "full": lambda x: np.full(x.shape, x, like=x),
    "full of an entry": lambda x: np.full((2,), x[..., 0].sum(), like=x),
    "zeros_like": lambda x: np.zeros_like(x) + x,
    "fftshift": np.fft.fftshift,
    "cumsum": np.cumsum,
    "diff": lambda x: np.diff(x, n=0),
    "extract": lambda x: np.extract(np.ones(x.shape, bool), x),
    "take_along_axis": lambda x: np.take_along_axis(x, np.zeros(x.shape, int), 0),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda r: r, 0, x),
    "piecewise": lambda x: np.piecewise(x, [np.ones(x.shape, bool)], [lambda v: v]),
    "matmul": lambda x: x @ np.eye(x.shape[-1]),
    "multiply": lambda x: x * 1,
    "ravel of columns": lambda x: np.ravel(x[..., ::2]),
    "ravel of the transposed": lambda x: x.T.ravel(),
    "reshape of the transposed": lambda x: x.T.reshape(-1),
    "reshape of columns": lambda x: x[..., ::2].reshape(-1),
    "reshape of a copy": lambda x: x.copy().reshape(-1),
    "swap and ravel": lambda x: np.swapaxes(np.ravel(x).reshape(x.shape), 0, -1).ravel(),
    **{
        f"{name} {order}": partial(function, order=order)
        for (name, function), order in itertools.product(TAKING_ORDER.items(), ORDERS)
    },
    **{f"x[{key}]": eval(f"lambda x: x[{key}]") for key in KEYS.split()},
}
"""Functions of one array that return an array: all that may be a view, and some that may not."""

MIDWAY: dict[str, Function] = {
    "x": lambda x: x,
    "a product": lambda x: x * x,
    "a product with another": lambda x: x * np.ones(x.shape),
    "its exponential": np.exp,
    "a copy": lambda x: x.copy(),
}
"""What the function is called with."""


class Write(NamedTuple):
    """What is written to, and how."""

    into_result: bool
    how: str


WRITES = [Write(into, how) for into, how in itertools.product([True, False], ["*=", "[...]=", "[0]="])]


def program(function: Function, write: Write, midway: Function) -> Function:
    """A function of x that calls, writes, and returns all entries of the result and of the operand."""

    def f(x: np.ndarray) -> Any:
        x = midway(x)
        y = function(x)
        target = y if write.into_result else x
        if write.how == "*=":
            target *= 10
        elif write.how == "[...]=":
            target[...] = 2 * target
        else:
            target[0] = 5 * target[0]
        return x * 1, y * 1

    return f


class Case(NamedTuple):
    """A program, the numbers that it is called with, and how they lie in memory."""

    name: str
    f: Function
    numbers: np.ndarray
    lay: Callable[[np.ndarray], np.ndarray]

    def x(self) -> np.ndarray:
        return self.lay(self.numbers.copy())

    def numpys(self) -> Any:
        """What plain NumPy returns, or its error."""
        try:
            return self.f(self.x())
        except Exception as error:
            return error


def cases() -> Iterator[Case]:
    """Every function with every write, of every array that it takes in every layout."""
    for (name, function), write, (size, numbers), (layout, lay), (what, midway) in itertools.product(
        FUNCTIONS.items(), WRITES, NUMBERS.items(), LAYOUTS.items(), MIDWAY.items()
    ):
        told = f"{name}, {'result' if write.into_result else 'operand'} {write.how}, {size} {layout}, of {what}"
        yield Case(told, program(function, write, midway), numbers, lay)


def _plain(y: Any) -> Any:
    """The value of a recorded array, also of one that NumPy has made an array of objects of."""
    if isinstance(y, np.ndarray) and y.dtype == object:
        return np.array([_plain(entry) for entry in y.flat]).reshape(y.shape)
    return y.value if isinstance(y, Array) else y


WAYS: dict[str, Callable[[Function, np.ndarray], Any]] = {
    "vjp": lambda f, x: cr.vjp(f, x)[0],
    "variable": lambda f, x: tuple(map(_plain, f(cr.variable(x)))),
    "compile": lambda f, x: cr.compile(f)(x),
}
"""Three ways in."""


def outcome(case: Case, way: str, expected: Any) -> str:
    """ "right", "refused", "refused as in NumPy", or what is wrong."""
    try:
        found = WAYS[way](case.f, case.x())
    except ChainruleError:
        return "refused as in NumPy" if isinstance(expected, Exception) else "refused"
    except Exception as error:
        if "read-only" in str(error):
            return "refused"  # by NumPy itself: an array of dtype object
        return "right" if isinstance(expected, Exception) else f"{type(error).__name__}: {error}"
    if isinstance(expected, Exception):
        return f"a value where NumPy has {type(expected).__name__}: {expected}"
    for a, b in zip(expected, found, strict=True):
        if not np.array_equal(np.asarray(a), b, equal_nan=True):
            return f"{np.asarray(b).tolist()} for {np.asarray(a).tolist()}"
    try:
        return _gradient(case, expected) if way == "vjp" else "right"
    except ChainruleError:
        return "refused"


def _gradient(case: Case, expected: Any) -> str:
    """The derivative along one direction against differences."""
    numbers, single = case.numbers, case.numbers.dtype == np.float32
    if not numbers.size:
        return "right"  # there is no direction
    seeds = tuple(np.cos(np.arange(y.size).reshape(np.shape(y))).astype(y.dtype) for y in expected)
    gradient = cr.vjp(case.f, case.x())[1](seeds)[0]
    direction = np.sin(1 + np.arange(numbers.size).reshape(numbers.shape)).astype(numbers.dtype)
    step = 1e-2 if single else 1e-6
    above, below = (case._replace(numbers=numbers + sign * step * direction).numpys() for sign in (1, -1))
    slope = sum(np.sum((a - b) / (2 * step) * np.conj(s)).real for a, b, s in zip(above, below, seeds, strict=True))
    found = np.sum(np.conj(gradient) * direction).real
    right = np.allclose(found, slope, rtol=5e-2 if single else 1e-5, atol=1e-1 if single else 1e-5, equal_nan=True)
    return "right" if right else f"slope {found} for {slope}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare views and copies with NumPy's.")
    parser.add_argument("--every", type=int, default=1, help="try one case in so many")
    parser.add_argument("--start", type=int, default=0, help="the number of the first one")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for case in itertools.islice(cases(), options.start, None, options.every):
        expected = case.numpys()
        for way in WAYS:
            told = outcome(case, way, expected)
            known = told in ("right", "refused", "refused as in NumPy")
            counts[told if known else "wrong"] += 1
            if told == "refused":
                refused[case.name.split(", ")[0]] += 1
            if not known:
                print(f"WRONG {case.name}, {way}: {told[:150]}")
    print(dict(counts), "refused:", dict(refused), sep="\n")
    return min(counts["wrong"], 1)


if __name__ == "__main__":
    sys.exit(main())
