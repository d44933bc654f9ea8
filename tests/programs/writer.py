"""Writing a program line by line, running each line in NumPy as it is written.

So the writer knows the values from which the next line may choose: it keeps them bounded, inside each function's
domain, and at a distance from kinks, ties and branch points (`MARGIN`), where the libraries would differ by convention
or by rounding. It also sees which arrays share memory.
"""

from __future__ import annotations

import itertools
import math
import random
import string
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.special as sp

import chainrule as cr

from .program import Program, Step, gate

__all__ = ["BOUND", "LINES", "MARGIN", "RULES", "Unfit", "Writer", "broadcasts", "real", "rule", "write_program"]

LINES = 12
"""The most lines of a program."""
MARGIN = 0.05
"""The least distance from a kink, a tie or a branch point."""
BOUND = 20.0
"""The largest entry: keeps rounding errors small, also where they are multiplied in a gradient."""
SIZE = 24
"""The most entries of an array."""

SHAPES = [(3,), (2, 3), (), (3, 1), (1, 3), (3, 3), (2, 1, 3), (1,), (2, 3, 2), (2, 2)]


class Unfit(Exception):
    """The chosen line does not fit what there is; another one is tried."""


def real(x: Any) -> bool:
    return x.dtype.kind == "f"


class Writer:
    """Writes a program.

    Attributes
    ----------
    values : what each name holds in NumPy.
    steps : the lines so far.
    """

    def __init__(self, rng: random.Random, inputs: dict[str, np.ndarray]):
        self.rng = rng
        self.values: dict[str, Any] = {name: x.copy(order="K") for name, x in inputs.items()}
        self.steps: list[Step] = []
        names = itertools.chain(string.ascii_lowercase, map("a{}".format, range(LINES)))
        self.names = (n for n in names if n not in inputs)

    # Choosing

    def choose(self, options: Iterable[Any]) -> Any:
        options = list(options)
        if not options:
            raise Unfit
        return self.rng.choice(options)

    def flag(self) -> bool:
        return self.rng.random() < 0.5

    def number(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)

    def some(self, options: Iterable[Any]) -> list[Any]:
        """Some of the options, in any order."""
        options = list(options)
        return self.rng.sample(options, self.number(0, len(options)))

    def pick(self, fits: Callable[[Any], bool] = lambda x: True, kind: Callable[[Any], bool] = real) -> str:
        """The name of a value that fits; newer ones come up more often."""
        fitting = [name for name in reversed(self.values) if kind(self.values[name]) and fits(self.values[name])]
        return self.choose(fitting[:2] if self.flag() else fitting)

    def partner(
        self, name: str, fits: Callable[[Any, Any], bool] = lambda x, y: True, kind: Callable[[Any], bool] = real
    ) -> str:
        """The name of a value that broadcasts against that of another name."""
        x = self.values[name]
        return self.pick(lambda y: broadcasts(x.shape, y.shape) and fits(x, y), kind)

    def axis(self, ndim: int) -> Any:
        """An axis, several, or None for all, counted from the left or from the right."""
        axes = tuple(a - ndim if self.flag() else a for a in self.some(range(ndim)))
        return None if not axes else axes[0] if len(axes) == 1 else axes

    def one_axis(self, ndim: int) -> int:
        return self.number(-ndim, ndim - 1) if ndim else self.choose([])

    # Writing

    def evaluate(self, expression: str) -> Any:
        """What an expression is in NumPy, if that is a modest array of floats or complex numbers."""
        value = self.run(eval, expression)
        if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fc":
            raise Unfit
        if not 1 <= value.size <= SIZE or value.ndim > 4 or not np.all(np.abs(value) <= BOUND):
            raise Unfit
        return value

    def run(self, how: Callable[..., Any], text: str) -> Any:
        try:
            with np.errstate(all="raise"), warnings.catch_warnings():
                warnings.simplefilter("error")
                return how(text, {"np": np, "cr": cr, "sp": sp, "gate": gate, **self.values}, self.values)
        except (TypeError, ValueError, IndexError, ArithmeticError, Warning, AttributeError) as error:
            raise Unfit from error

    def let(self, expression: str, functional: str | None = None) -> str:
        """A line that gives an expression a name."""
        value = self.evaluate(expression)
        name = next(self.names)
        self.values[name] = value
        functional = None if functional in (None, expression) else f"{name} = {functional}"
        self.steps.append(Step(name, f"{name} = {expression}", functional))
        return name

    def writable(self, x: Any) -> bool:
        """Whether an update in place may be written: of a number, or of an array in which entries stand once."""
        return isinstance(x, np.generic) or bool(x.flags.writeable)

    def update(self, target: str, numpy: str, new: str) -> None:
        """A line that updates `target` in place; `new` is what it becomes, as an expression without the update.

        In functional form each name that shares its memory is read again from the name that owns the memory.
        """
        old = self.values[target]
        if isinstance(old, np.generic):  # a number cannot change: the name moves on to a new one
            self.run(exec, numpy)
            self.steps.append(Step(target, numpy, f"{target} = {new}"))
            return
        sharing = {n: x for n, x in self.values.items() if owner(x) is owner(old)}
        owners = [n for n, x in sharing.items() if x is owner(old)]
        if old is owner(old) or owners:
            root = target if old is owner(old) else owners[0]
            first = f"{root} = {new}" if old is owner(old) else f"{root} = put({root}, {places(old)}, {new})"
        elif all(x is old for x in sharing.values()):  # what it is a view of has no name
            root, owners, first = target, list(sharing), f"{target} = {new}"
        else:
            raise Unfit
        others = [
            f"{n} = {root}" if n in owners else f"{n} = take({root}, {places(x)})"
            for n, x in sharing.items()
            if n != root
        ]
        before = owner(old).copy(order="K")
        try:
            self.run(exec, numpy)
            if not np.all(np.abs(owner(old)) <= BOUND):
                raise Unfit
        except Unfit:
            owner(old)[...] = before
            raise
        self.steps.append(Step(root, numpy, "; ".join([first, *others])))


def owner(x: Any) -> Any:
    """The array whose memory x is."""
    while getattr(x, "base", None) is not None:
        x = x.base
    return x


def positions(x: np.ndarray) -> np.ndarray | None:
    """Where in the array that owns its memory the entries of a view stand, if each stands in one place of its own."""
    whole = owner(x)
    if x.itemsize != whole.itemsize:
        return None
    numbered = np.empty_like(whole, dtype=int)
    numbered[...] = np.arange(whole.size).reshape(whole.shape)
    start = (x.ctypes.data - whole.ctypes.data) // x.itemsize
    strides = [s // x.itemsize * numbered.itemsize for s in x.strides]
    found = np.lib.stride_tricks.as_strided(numbered.ravel("K")[start:], x.shape, strides)
    return found.copy()


def places(x: np.ndarray) -> Any:
    """The same, as a literal."""
    found = positions(x)
    if found is None:
        raise Unfit
    return found.tolist()


def broadcasts(*shapes: tuple[int, ...]) -> bool:
    try:
        return math.prod(np.broadcast_shapes(*shapes)) <= SIZE
    except ValueError:
        return False


RULES: list[Callable[[Writer], Any]] = []
"""The ways to write a line; the families of lines add theirs."""


def rule(write: Callable[[Writer], Any]) -> Callable[[Writer], Any]:
    """Decorator: a way to write one line."""
    RULES.append(write)
    return write


def write_program(seed: int, index: int, mixed: bool = False) -> Program:
    """The program of this number; `mixed` with float32 among its inputs."""
    rng = random.Random(f"{seed} {index}")
    inputs = {}
    for name in ["x", "y", "w"][: rng.randint(1, 3)]:
        values = _numbers(rng, rng.choice(SHAPES))
        if rng.random() < 0.1:
            values = values + 1j * _numbers(rng, values.shape)
        elif mixed and rng.random() < 0.5:
            values = values.astype(np.float32)
        inputs[name] = np.array(values, order=rng.choice("CF"))
    w = Writer(rng, inputs)
    lines = rng.randint(1, LINES)
    for _ in range(4 * LINES):
        if len(w.steps) < lines:
            try:
                rng.choice(RULES)(w)
            except Unfit:
                continue
    # The newest value always counts, two others may.
    names = [next(reversed(w.values)), *(w.pick(kind=lambda x: True) for _ in range(rng.randint(0, 2)))]
    return Program(inputs, (*w.steps, Step("L", "L = " + " + ".join(_summed(w, name) for name in names))))


def _numbers(rng: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    """Neither small nor large, to two digits, so that they print well."""
    numbers = [round(rng.choice([1, 1, -1]) * rng.uniform(0.3, 2.0), 2) for _ in range(math.prod(shape))]
    return np.array(numbers).reshape(shape)


def _summed(w: Writer, name: str) -> str:
    """A real number that depends on each entry, and not linearly."""
    if not real(w.values[name]):
        return w.choose(["np.sum(np.real({0} * np.conj({0})))", "np.sum(np.sin(np.real({0})) * np.imag({0}))"]).format(
            name
        )
    return w.choose(["np.sum({0})", "np.sum(np.sin({0}))", "np.mean({0} * {0})"]).format(name)
