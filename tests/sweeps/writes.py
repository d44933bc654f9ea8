"""Does a gradient change when the user's arrays are written to after they were used?

Every way of the catalogue to call a function is run, and run again while each outermost call of an answered function or
a block gets copies of its plain arrays and lists. Before the backward pass all of them are overwritten. The gradient
must be the same. Operands are made plain in turn, so that they are overwritten too. What the backward pass returned is
overwritten before it is run once more.

    python -m tests.sweeps.writes

The whole takes about two minutes.
"""

from __future__ import annotations

import functools
import itertools
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.array import Array
from chainrule.block import Block
from chainrule.errors import ChainruleError

sys.path.insert(0, str(Path(__file__).parent.parent))

from cases import Case
from catalogue import CASES

OPERATORS = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor lt le gt ge eq ne".split()
PROTOCOLS = ["__array_ufunc__", "__array_function__", "__getitem__", "__setitem__", "_call"]


class User:
    """Somebody who gives functions his own arrays and lists, and overwrites them later.

    With `only_arrays` he gives an array instead of a list of numbers.
    """

    def __init__(self, only_arrays: bool):
        self.only_arrays = only_arrays
        self.owned: list[Any] = []
        self.depth = 0

    def given(self, x: Any) -> Any:
        """A copy of what a call is given, to be overwritten later; recorded arrays and numbers as they are."""
        if type(x) is list and self.only_arrays and x and _is_numeric(x):
            x = np.array(x)
        if type(x) is np.ndarray and x.dtype != object:
            self.owned.append(x := x.copy("K"))
        elif type(x) is list:
            self.owned.append(x := [self.given(part) for part in x])
        elif type(x) is tuple:
            x = tuple(self.given(part) for part in x)
        elif type(x) is dict:
            x = {key: self.given(part) for key, part in x.items()}
        return x

    def overwrite_everything(self) -> None:
        """Whatever he gave, other entries stand in it now."""
        for x in self.owned:
            if isinstance(x, list):
                x[:] = [7] * (len(x) + 1)
            elif x.dtype.kind == "b":
                np.logical_not(x, out=x)
            else:
                x[...] = np.flip(x) if x.size > 1 and x.dtype.kind in "iu" else 7

    def calling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as he calls it; calls within his calls are left alone."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.depth:
                return function(*args, **kwargs)
            args, kwargs = self.given(args), self.given(kwargs)
            self.depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1

        return call

    @contextmanager
    def calls(self) -> Iterator[None]:
        """While this runs, the calls of all functions are his."""
        operators = [f"__{kind}{name}__" for kind, name in itertools.product(["", "r", "i"], OPERATORS)]
        before = [(Array, n, vars(Array)[n]) for n in PROTOCOLS + operators if n in vars(Array)]
        before += [(Block, "__call__", Block.__call__)]
        before += [(cr, name, f) for name, f in vars(cr).items() if _is_of_blocks(f)]
        for home, name, function in before:
            if isinstance(function, staticmethod):
                setattr(home, name, staticmethod(self.calling(function.__func__)))
            else:
                setattr(home, name, self.calling(function))
        try:
            yield
        finally:
            for home, name, function in before:
                setattr(home, name, function)


def _is_numeric(x: list[Any]) -> bool:
    return all(type(part) in (int, float, bool) or (type(part) is list and _is_numeric(part)) for part in x)


def _is_of_blocks(f: Any) -> bool:
    return callable(f) and not isinstance(f, Block) and str(getattr(f, "__module__", "")).startswith("chainrule.blocks")


def runs(case: Case) -> Iterator[tuple[str, Callable[..., Any], list[np.ndarray]]]:
    """The case with all its operands recorded, and with some of them plain."""
    arrays = case.arrays()
    for count in range(len(arrays), 0, -1) if len(arrays) < 4 else [len(arrays), 1]:
        for active in itertools.combinations(range(len(arrays)), count):

            def f(*xs: Any, active: Any = active) -> Any:
                full = [x.copy() for x in arrays]
                for i, x in zip(active, xs, strict=True):
                    full[i] = x
                return case.f(*full)

            yield f"{case.name} by {active}", f, [arrays[i] for i in active]


def fault(f: Callable[..., Any], xs: list[np.ndarray], user: User) -> str:
    """What is wrong, or nothing; "refused" where it cannot be called or differentiated like this."""
    try:
        value, pullback = cr.vjp(f, *xs)
        dz = np.cos(np.arange(np.size(value)).reshape(np.shape(value))).astype(value.dtype)
        expected = pullback(dz)
        with user.calls():
            value, pullback = cr.vjp(f, *xs)
    except (ChainruleError, TypeError, ValueError, IndexError):
        return "refused"
    user.overwrite_everything()
    if isinstance(value, np.ndarray):
        value[...] = 7
    seed = dz.copy()
    for _ in range(2):
        found = pullback(seed)
        for a, b in zip(expected, found, strict=True):
            if not np.array_equal(a, b, equal_nan=True):
                return f"{np.ravel(b)[:6]} for {np.ravel(a)[:6]}"
        if not np.array_equal(seed, dz):
            return "the cotangent was written to"
        for g in found:
            if isinstance(g, np.ndarray):
                if any(np.shares_memory(g, x) for x in (seed, *xs)):
                    return "a gradient shares the memory of another array"
                g[...] = 7
    return ""


def main() -> int:
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for only_arrays, case in itertools.product([False, True], CASES):
        for told, f, xs in runs(case):
            wrong = fault(f, xs, User(only_arrays))
            counts[wrong if wrong in ("", "refused") else "wrong"] += 1
            if wrong not in ("", "refused"):
                print(f"WRONG {told}: {wrong[:200]}")
    print(f"{counts['']} right, {counts['refused']} refused, {counts['wrong']} wrong")
    return min(counts["wrong"], 1)


if __name__ == "__main__":
    sys.exit(main())
