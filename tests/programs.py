"""Random NumPy programs: a few lines of what chainrule covers, as a user would write them.

A program is data, a tuple of steps. Each step is a line of NumPy and the same line without updates in place, which runs
on PyTorch's and JAX's arrays too. `programs()` is a Hypothesis strategy, so that a failure shrinks to a small program.

The writer runs each line in NumPy as it writes it. So it knows the values from which the next line may choose: it keeps
them bounded, inside each function's domain, and at a distance from kinks, ties and branch points (`MARGIN`), where the
libraries would differ by convention or by rounding. It also sees which arrays share memory.
"""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import chainrule as cr

LINES = 12
"""The most lines of a program."""
MARGIN = 0.05
"""The least distance from a kink, a tie or a branch point."""
BOUND = 20.0
"""The largest entry: keeps rounding errors small, also where they are multiplied in a gradient."""
SIZE = 24
"""The most entries of an array."""

SHAPES = [(3,), (2, 3), (), (3, 1), (1, 3), (3, 3), (2, 1, 3), (1,), (2, 3, 2)]


@cr.block
def gate(x, y):
    """A user's block without a backward rule: its gradient is derived from its inside."""
    return x * np.tanh(y)


# What a program is --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line.

    Attributes
    ----------
    target : the name of what is new.
    numpy : the line in NumPy.
    functional : the same without updates in place, data-dependent keys and methods; None where that is the same text.
    """

    target: str
    numpy: str
    functional: str | None = None


@dataclass(frozen=True)
class Program:
    """A function of its inputs that returns the scalar L. Prints as NumPy source."""

    inputs: dict[str, np.ndarray]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        arrays = [f"{name} = np.{x!r}" + " (in Fortran's order)" * _fortran(x) for name, x in self.inputs.items()]
        return "\n".join([*(f"# {line}" for line in "\n".join(arrays).splitlines()), self.source()])

    def source(self, functional: bool = False, after: str = "") -> str:
        """The program as Python source; `after` is put behind each line, with its target's name."""
        lines = [after.format(name) for name in self.inputs]
        for step in self.steps:
            lines += [step.functional or step.numpy if functional else step.numpy, after.format(step.target)]
        return "\n    ".join([f"def program({', '.join(self.inputs)}):", *filter(None, lines), "return L"])

    def function(self, functional: bool = False, after: str = "", **names: Any) -> Callable[..., Any]:
        """The program as a function, with what `np`, `cr` and others stand for in it."""
        scope = {"np": np, "cr": cr, "gate": gate} | names
        exec(compile(self.source(functional, after), "<program>", "exec"), scope)
        return scope["program"]


def _fortran(x: np.ndarray) -> bool:
    return x.flags.f_contiguous and not x.flags.c_contiguous


# Writing one --------------------------------------------------------------------------------------------------


class Unfit(Exception):
    """The chosen line does not fit what there is; another one is tried."""


class Writer:
    """Writes a program line by line, running each.

    Attributes
    ----------
    values : what each name that may be used holds in NumPy.
    views : for names that hold a view by a basic index of a named array: that array's name and the index.
    careless : also use views after their base was written to, and write into any view. Then `functional` is void.
    """

    def __init__(self, draw: Callable[[Any], Any], inputs: dict[str, np.ndarray], careless: bool):
        self.draw = draw
        self.values: dict[str, Any] = {name: x.copy(order="K") for name, x in inputs.items()}
        self.views: dict[str, tuple[str, str]] = {}
        self.careless = careless
        self.steps: list[Step] = []
        self.names = (
            n for n in itertools.chain(string.ascii_lowercase, map("a{}".format, range(LINES))) if n not in inputs
        )

    # Choosing

    def choose(self, options: Iterable[Any]) -> Any:
        options = list(options)
        if not options:
            raise Unfit
        return self.draw(st.sampled_from(options))

    def flag(self) -> bool:
        return self.draw(st.booleans())

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def pick(self, fits: Callable[[Any], bool] = lambda x: True) -> str:
        """The name of a value that fits; newer ones come first."""
        return self.choose(name for name in reversed(self.values) if fits(self.values[name]))

    def partner(self, name: str, fits: Callable[[Any, Any], bool] = lambda x, y: True) -> str:
        """The name of a value that broadcasts against that of another name."""
        x = self.values[name]
        return self.pick(lambda y: broadcasts(x.shape, y.shape) and fits(x, y))

    def axis(self, ndim: int) -> Any:
        """An axis, several, or None for all, counted from the left or from the right."""
        if not ndim:
            return None
        axes = self.draw(st.lists(st.integers(0, ndim - 1), unique=True, max_size=ndim))
        axes = tuple(a - ndim if self.flag() else a for a in axes)
        return None if not axes else axes[0] if len(axes) == 1 else axes

    def one_axis(self, ndim: int) -> int:
        return self.number(-ndim, ndim - 1) if ndim else self.choose([])

    # Writing

    def evaluate(self, expression: str) -> Any:
        """What an expression is in NumPy, if that is a modest array of floats."""
        try:
            with np.errstate(all="raise"):
                value = eval(expression, {"np": np, "cr": cr, "gate": gate} | self.values)
        except (TypeError, ValueError, IndexError, FloatingPointError) as error:
            raise Unfit from error
        if getattr(getattr(value, "dtype", None), "kind", "") != "f" or not 1 <= value.size <= SIZE or value.ndim > 4:
            raise Unfit
        if not np.all(np.abs(value) <= BOUND):
            raise Unfit
        return value

    def let(self, expression: str, functional: str | None = None) -> str:
        """A line that gives an expression a name."""
        value = self.evaluate(expression)
        name = next(self.names)
        self.values[name] = value
        self.steps.append(Step(name, f"{name} = {expression}", functional and f"{name} = {functional}"))
        return name

    def let_view(self, root: str, key: str) -> None:
        """A line that gives a part of an array a name."""
        name = self.let(f"{root}[{key}]", f"take({root}, index[{key}])")
        if isinstance(self.values[name], np.ndarray) and owner(self.values[name]) is self.values[root]:
            self.views[name] = root, key

    def same(self, name: str) -> list[str]:
        """The names that hold the same array as this one, with this one."""
        return [n for n, x in self.values.items() if x is self.values[name]]

    def writable(self, x: Any) -> bool:
        """Whether an update in place may be written: of a number, of an array that is no view, or of a direct view."""
        if isinstance(x, np.generic):
            return True
        direct = any(x is self.values[name] for name in self.views if name in self.values)
        return x.flags.writeable and (x.base is None or direct or self.careless)

    def update(self, target: str, numpy: str, new: str) -> None:
        """A line that updates `target` in place; `new` is what it becomes, as an expression without the update."""
        old = self.values[target]
        if isinstance(old, np.generic):  # a number cannot change: the name moves on to a new one
            exec(numpy, {"np": np}, self.values)
            self.steps.append(Step(target, numpy, f"{target} = {new}"))
            return
        names, view = self.same(target), next((self.views[n] for n in self.same(target) if n in self.views), None)
        functional = [f"{target} = {new}"]
        if view and not self.careless:
            root, key = view
            functional = [f"{root} = put({root}, index[{key}], {new})", f"{target} = take({root}, index[{key}])"]
            functional += [f"{n} = {root}" for n in self.same(root) if n != root]
            names += self.same(root)
        functional += [f"{n} = {target}" for n in self.same(target) if n != target]
        try:
            with np.errstate(all="raise"):
                exec(numpy, {"np": np}, self.values)
        except (ValueError, IndexError, TypeError, FloatingPointError) as error:
            raise Unfit from error
        self.steps.append(Step(target, numpy, "; ".join(functional)))
        if not self.careless:
            for n, x in list(self.values.items()):
                if n not in names and owner(x) is owner(old):
                    del self.values[n]


def owner(x: Any) -> Any:
    """The array whose memory x is."""
    return x if getattr(x, "base", None) is None else x.base


def broadcasts(*shapes: tuple[int, ...]) -> bool:
    try:
        return math.prod(np.broadcast_shapes(*shapes)) <= SIZE
    except ValueError:
        return False


# Domains ------------------------------------------------------------------------------------------------------


def anywhere(*xs: Any) -> bool:
    return True


def within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda x: bool(np.all((x >= low) & (x <= high)))


def nonzero(x: Any) -> bool:
    return bool(np.all(np.abs(x) >= 0.2))


def no_integer(x: Any) -> bool:
    return bool(np.all(np.abs(x - np.round(x)) >= MARGIN))


def apart(x: Any, y: Any) -> bool:
    return bool(np.all(np.abs(x - y) >= MARGIN))


def no_ties(x: Any, axis: Any = None) -> bool:
    """Whether no two entries along an axis (or among all) are near each other."""
    return x.size < 2 or bool(np.all(np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis) >= MARGIN))


UNARY = {
    "np.sin": anywhere,
    "np.negative": anywhere,
    "np.positive": anywhere,
    "np.square": anywhere,
    "np.cos": anywhere,
    "np.tanh": anywhere,
    "np.arctan": anywhere,
    "np.arcsinh": anywhere,
    "np.deg2rad": anywhere,
    "cr.sigmoid": anywhere,
    "cr.softplus": anywhere,
    "cr.stop_gradient": anywhere,
    "np.copy": anywhere,
    "np.exp": within(-5, 3),
    "np.exp2": within(-5, 4),
    "np.expm1": within(-5, 3),
    "np.sinh": within(-3, 3),
    "np.cosh": within(-3, 3),
    "np.log": within(0.2, BOUND),
    "np.log2": within(0.2, BOUND),
    "np.log10": within(0.2, BOUND),
    "np.log1p": within(-0.8, BOUND),
    "np.sqrt": within(0.2, BOUND),
    "np.tan": within(-1.2, 1.2),
    "np.arcsin": within(-0.9, 0.9),
    "np.arccos": within(-0.9, 0.9),
    "np.arctanh": within(-0.9, 0.9),
    "np.arccosh": within(1.2, BOUND),
    "np.reciprocal": nonzero,
    "np.cbrt": nonzero,
    "np.sinc": nonzero,
    "np.abs": nonzero,
    "cr.relu": nonzero,
    "np.sign": nonzero,
    "np.floor": no_integer,
    "np.ceil": no_integer,
    "np.trunc": no_integer,
}
BINARY = {
    "{} + {}": anywhere,
    "{} - {}": anywhere,
    "{} * {}": anywhere,
    "{} / {}": lambda x, y: nonzero(y),
    "np.maximum({}, {})": apart,
    "np.minimum({}, {})": apart,
    "np.where({0} > {1}, {0}, np.sin({1}))": apart,
    "np.hypot({}, {})": lambda x, y: nonzero(np.hypot(x, y)),
    "np.arctan2({}, {})": lambda x, y: nonzero(np.hypot(x, y)) and nonzero(x),  # there is a cut along x = 0, y < 0
    "np.logaddexp({}, {})": anywhere,
    "{} ** {}": lambda x, y: within(0.2, BOUND)(x) and within(-3, 3)(y),
    "np.remainder({}, {})": lambda x, y: nonzero(y) and no_integer(x / y),
    "{} % np.abs({})": lambda x, y: nonzero(y) and no_integer(x / y),
    "cr.mean_squared_error({}, {})": anywhere,
    "gate({}, {})": anywhere,
    "cr.grad(lambda other: np.sum(np.sin(other) * {}))({})": anywhere,
    "{0} * {1} if np.sum({0}) > 0 else {0} - {1}": lambda x, y: abs(np.sum(x)) >= MARGIN,
}
SCALARS = {
    "2.0 * {}": anywhere,
    "{} * 0.5": anywhere,
    "1 + {}": anywhere,
    "{} - 1": anywhere,
    "0.5 - {}": anywhere,
    "{} / 2": anywhere,
    "1 / {}": nonzero,
    "{} ** 2": anywhere,
    "{} ** 3": anywhere,
    "{} ** 0.5": within(0.2, BOUND),
    "{} ** -1": nonzero,
    "2 ** {}": within(-5, 4),
    "np.clip({}, -1, 1.5)": lambda x: apart(x, -1) and apart(x, 1.5),
    "np.maximum({}, 0.5)": lambda x: apart(x, 0.5),
    "np.minimum(1, {})": lambda x: apart(x, 1),
    "np.where({0} > 0, {0}, 0.1 * {0})": nonzero,
    "{} * np.array([0.5, -1.0, 2.0])": lambda x: broadcasts(x.shape, (3,)),
    "np.ones((2, 1)) - {}": lambda x: broadcasts(x.shape, (2, 1)),
}
METHODS = {
    "{}.sum()": "np.sum({})",
    "{}.mean()": "np.mean({})",
    "{}.T": "np.transpose({})",
    "{}.copy()": "np.copy({})",
    "{}.ravel()": "np.ravel({})",
    "{}.flatten()": "np.ravel({})",
    "{}.reshape(-1)": "np.ravel({})",
    "{}.squeeze()": "np.squeeze({})",
    "+{}": "np.positive({})",
    "-{}": "np.negative({})",
    "{}.cumsum()": "np.cumsum({})",
    "{}.reshape(1, -1)": "np.reshape({}, (1, -1))",
}
"""Methods and operators, and the functions that mean the same."""

RULES: list[Callable[[Writer], Any]] = []


def rule(write: Callable[[Writer], Any]) -> Callable[[Writer], Any]:
    """Decorator: a way to write one line."""
    RULES.append(write)
    return write


# Lines that compute -------------------------------------------------------------------------------------------


@rule
def unary(w):
    function = w.choose(UNARY)
    w.let(f"{function}({w.pick(UNARY[function])})")


@rule
def scalar(w):
    text = w.choose(SCALARS)
    w.let(text.format(w.pick(SCALARS[text])))


@rule
def binary(w):
    text = w.choose(BINARY)
    x = w.pick()
    y = w.partner(x, BINARY[text])
    w.let(text.format(x, y))


@rule
def method(w):
    text = w.choose(METHODS)
    x = w.pick()
    w.let(text.format(x), METHODS[text].format(x))


@rule
def alias(w):
    w.let(w.pick())


@rule
def reduction(w):
    x = w.pick()
    value = w.values[x]
    name = w.choose(["np.sum", "np.mean", "np.max", "np.min", "np.prod", "np.var", "np.std", "cr.logsumexp"])
    axis = w.axis(value.ndim)
    if name in ("np.max", "np.min") and not no_ties(value):
        raise Unfit
    if name == "np.std" and not nonzero(np.std(value, axis=axis)):
        raise Unfit
    arguments = [x]
    if axis is not None or w.flag():
        arguments.append(f"axis={axis}")
    if w.flag():
        arguments.append("keepdims=True")
    if name in ("np.var", "np.std") and w.flag():
        if np.any(np.equal(value.size / max(np.var(value, axis=axis).size, 1), 1)):
            raise Unfit
        arguments.append("ddof=1")
    w.let(f"{name}({', '.join(arguments)})")


@rule
def along_an_axis(w):
    x = w.pick(lambda x: x.ndim > 0)
    value = w.values[x]
    axis = w.one_axis(value.ndim)
    text = w.choose(
        [
            "np.cumsum({}, axis={})",
            "cr.softmax({}, axis={})",
            "cr.log_softmax({}, axis={})",
            "np.flip({}, axis={})",
            "np.roll({}, 1, axis={})",
            "np.roll({}, (1, -2), axis=(0, {}))",
            "np.repeat({}, 2, axis={})",
            "np.expand_dims({}, {})",
            "np.take({}, [0, -1, 0], axis={})",
            "np.take({}, 0, axis={})",
            "np.split({}, [1], axis={})[0]",
            "np.array_split({}, 2, axis={})[1]",
            "np.sort({}, axis={})",
            "np.take_along_axis({0}, np.argsort({0}, axis={1}), axis={1})",
        ]
    )
    if "sort" in text and not no_ties(value, axis):
        raise Unfit
    order = np.argsort(value, axis=axis)
    literal = {
        "np.take({}, [0, -1, 0], axis={})": "np.take({}, plain.array([0, -1, 0]), axis={})",
        "np.sort({}, axis={})": f"np.take_along_axis({{}}, plain.array({order.tolist()}), axis={{}})",
        "np.take_along_axis({0}, np.argsort({0}, axis={1}), axis={1})": (
            f"np.take_along_axis({{}}, plain.array({order.tolist()}), axis={{}})"
        ),
    }
    w.let(text.format(x, axis), literal.get(text, text).format(x, axis))


@rule
def shape(w):
    x = w.pick()
    value = w.values[x]
    kind = w.choose(["reshape", "transpose", "moveaxis", "swapaxes", "broadcast_to", "tile", "squeeze", "atleast"])
    n = value.ndim
    if kind == "reshape":
        sizes = [s for s in itertools.product([1, 2, 3, 4, 6], repeat=w.number(1, 3)) if math.prod(s) == value.size]
        order = w.choose(["", "", ", order='F'"])
        shape = w.choose(sizes)
        swapped = f"np.transpose(np.reshape(np.transpose({x}), {shape[::-1]}))"
        w.let(f"np.reshape({x}, {shape}{order})", swapped if order else None)
    elif kind == "transpose":
        w.let(f"np.transpose({x}, {tuple(w.draw(st.permutations(range(n))))})")
    elif kind in ("moveaxis", "swapaxes"):
        w.let(f"np.{kind}({x}, {w.one_axis(n)}, {w.one_axis(n)})")
    elif kind == "broadcast_to":
        w.let(f"np.broadcast_to({x}, {w.choose(s for s in [(2, 3), (3, 3), (2, 3, 2), (2, 2, 3)] if s[-n:] or not n)})")
    elif kind == "tile":
        w.let(f"np.tile({x}, {w.choose([2, (2, 1), (1, 2)])})")
    elif kind == "squeeze":
        w.let(f"np.squeeze({x}, axis={w.one_axis(n)})")
    else:
        w.let(f"np.{w.choose(['atleast_1d', 'atleast_2d'])}({x})")


@rule
def join(w):
    x = w.pick()
    y = w.pick(lambda y: y.ndim == w.values[x].ndim)
    text = w.choose(
        [
            "np.concatenate([{}, {}], axis={})",
            "np.stack(({}, {}), axis={})",
            "np.vstack([{}, {}])",
            "np.hstack([{}, {}])",
        ]
    )
    extra = "stack((" in text
    w.let(text.format(x, y, w.one_axis(w.values[x].ndim + extra) if "{}, {}" in text and "axis" in text else ""))


@rule
def product(w):
    x, y = w.pick(), w.pick()
    a, b = w.values[x], w.values[y]
    texts = ["{} @ {}", "np.matmul({}, {})", "np.dot({}, {})", "np.inner({}, {})", "np.outer({}, {})"]
    if a.shape == b.shape:
        texts.append("np.vdot({}, {})")
    if a.ndim and b.ndim:
        i = w.choose(i for i in range(a.ndim) if a.shape[i] in b.shape)
        texts += [f"np.tensordot({{}}, {{}}, axes=([{i}], [{b.shape.index(a.shape[i])}]))"]
    w.let(w.choose(texts).format(x, y))


@rule
def einsum(w):
    """Indices of equal length get the same letter or not, as drawn; the result keeps some of them."""
    names = [w.pick() for _ in range(w.number(1, 3))]
    lengths: dict[str, int] = {}
    terms = []
    for name in names:
        term = ""
        for n in w.values[name].shape:
            term += w.choose([*(c for c in lengths if lengths[c] == n), "ijklmnopq"[len(lengths)]])
            lengths[term[-1]] = n
        terms.append(term)
    kept = w.draw(st.lists(st.sampled_from(sorted(lengths)), unique=True)) if lengths else []
    inputs = ",".join(terms)
    implicit = "".join(sorted(c for c in lengths if inputs.count(c) == 1))
    arrow = "" if "".join(kept) == implicit and w.flag() else "->" + "".join(kept)
    arguments = ", ".join(names)
    w.let(f'np.einsum("{inputs}{arrow}", {arguments})', f'np.einsum("{inputs}->{"".join(kept)}", {arguments})')


@rule
def einsum_with_ellipsis(w):
    x, y = w.pick(lambda x: x.ndim > 0), w.pick(lambda y: y.ndim > 0)
    w.let(w.choose(['np.einsum("...i,...i->...", {}, {})', 'np.einsum("i...,...j->j...", {}, {})']).format(x, y))


@rule
def diagonal(w):
    x = w.pick(lambda x: x.ndim > 1)
    w.let(w.choose(["np.diagonal({})", "np.trace({})", "np.diagonal({}, 1, 0, -1)"]).format(x))


@rule
def loss(w):
    s = w.pick(lambda s: s.ndim in (1, 2))
    value = w.values[s]
    rows, classes = value.shape[:-1], value.shape[-1]
    labels = np.array([w.number(0, classes - 1) for _ in range(math.prod(rows))], dtype=int).reshape(rows)
    text = w.choose(
        ["cr.softmax_cross_entropy({}, {})", "cr.hinge_loss({}, {})", "cr.cross_entropy_loss(cr.softmax({}), {})"]
    )
    lead = value - np.take_along_axis(value, labels[..., None], -1) + 1
    if "hinge" in text and not nonzero(lead):
        raise Unfit
    w.let(
        text.format(s, int(labels) if not rows else f"np.array({labels.tolist()})"),
        text.format(s, int(labels) if not rows else f"plain.array({labels.tolist()})"),
    )


@rule
def loop(w):
    """Iteration over rows, with a branch on their values."""
    x = w.pick(lambda x: x.ndim > 0 and bool(np.all(np.abs([np.sum(row) for row in x]) >= MARGIN)))
    w.let(w.choose(["sum({})", "sum(row if np.sum(row) > 0 else 0.5 * row * row for row in {})"]).format(x))


@rule
def cast(w):
    x, y = w.pick(), w.pick()
    w.let(f"{x}.astype({y}.dtype)", f"np.copy({x})")


# Lines that read and write entries ----------------------------------------------------------------------------


def index(w, shape, arrays=True):
    """An index for an array of this shape: integers, slices, lists of integers, masks, `None` and `...`."""
    parts = []
    used = 0
    for n in shape[: w.number(0, len(shape))]:
        kind = w.choose(["slice", "integer", "list", "mask"] if arrays else ["slice", "integer"])
        if kind == "slice":
            parts.append(w.choose([":", "1:", ":-1", "::-1", "::2", ":2", "-2:"]))
        elif kind == "integer":
            parts.append(str(w.number(-n, n - 1)))
        elif kind == "list":
            parts.append(str([w.number(-n, n - 1) for _ in range(2)]))
        else:
            parts.append(str([w.flag() for _ in range(n)]))
        used += 1
    if w.number(0, 3) == 3:
        parts.insert(w.number(0, len(parts)), "None")
    if w.number(0, 2) == 2 or not parts:
        parts.insert(w.number(0, len(parts)) if used == len(shape) else len(parts), "...")
    return ", ".join(parts)


@rule
def read(w):
    x = w.pick()
    key = index(w, w.values[x].shape)
    w.let_view(x, key)


@rule
def read_by_mask(w):
    x = w.pick(lambda x: x.ndim > 0)
    m = w.pick(lambda m: m.ndim > 0 and m.shape == w.values[x].shape[: m.ndim] and nonzero(m))
    w.let(f"{x}[{m} > 0]", f"take({x}, index[plain.array({(w.values[m] > 0).tolist()})])")


@rule
def read_largest(w):
    x = w.pick(lambda x: x.ndim == 1 and no_ties(x))
    w.let(f"{x}[np.argmax({x})]", f"take({x}, index[{np.argmax(w.values[x])}])")


@rule
def update(w):
    """x += y, and the like."""
    x = w.pick(w.writable)
    value = w.values[x]
    operator = w.choose("+-*/")
    y = (
        w.choose(["0.5", "2"])
        if w.flag()
        else w.pick(
            lambda y: (
                broadcasts(value.shape, y.shape)
                and np.broadcast_shapes(value.shape, y.shape) == value.shape
                and (operator != "/" or nonzero(y))
            )
        )
    )
    w.evaluate(f"{x} {operator} {y}")
    w.update(x, f"{x} {operator}= {y}", f"{x} {operator} {y}")


@rule
def write(w):
    """x[key] = v, x[key] += v, np.add.at(x, key, v)."""
    x = w.pick(lambda x: isinstance(x, np.ndarray) and w.writable(x))
    kind = w.choose(["=", "+", "*", "at"])
    if kind == "=" and w.flag():
        m = w.pick(lambda m: m.ndim > 0 and m.shape == w.values[x].shape and nonzero(m))
        key, literal = f"{m} > 0", f"plain.array({(w.values[m] > 0).tolist()})"
    else:
        key = literal = index(w, w.values[x].shape)
    try:
        part = w.values[x][eval(f"np.s_[{key}]", {"np": np}, w.values)]
    except (IndexError, ValueError) as error:
        raise Unfit from error
    v = (
        w.choose(["0.5", "2"])
        if w.flag()
        else w.pick(
            lambda v: broadcasts(part.shape, v.shape) and np.broadcast_shapes(part.shape, v.shape) == part.shape
        )
    )
    if kind in "+*" and owner(part) is not part and owner(w.values[x]) is not w.values[x] and not w.careless:
        raise Unfit  # a view of a view: chainrule refuses to write into it
    taken = f"take({x}, index[{literal}])"
    if kind == "at":
        if np.abs(w.values[x]).max() + 4 * np.abs(w.evaluate(f"{v} * np.ones(1)")).max() > BOUND:
            raise Unfit
        w.update(x, f"np.add.at({x}, np.s_[{key}], {v})", f"add_at({x}, index[{literal}], {v})")
    elif kind == "=":
        w.update(x, f"{x}[{key}] = {v}", f"put({x}, index[{literal}], {v})")
    else:
        w.evaluate(f"{x}[{key}] {kind} {v}")
        w.update(x, f"{x}[{key}] {kind}= {v}", f"put({x}, index[{literal}], {taken} {kind} {v})")


# Whole programs -----------------------------------------------------------------------------------------------


@st.composite
def programs(draw: Any, mixed: bool = False, careless: bool = False) -> Program:
    """Programs with up to three inputs.

    Parameters
    ----------
    mixed : float32 among the inputs too.
    careless : also lines that use a view after its base was written to, and that write into any view.
    """
    inputs = {}
    for name in ["x", "y", "w"][: draw(st.integers(1, 3))]:
        shape = draw(st.sampled_from(SHAPES))
        rng = np.random.default_rng(draw(st.integers(0, 999)))
        values = np.round(rng.uniform(0.3, 2.0, shape) * rng.choice([1.0, 1.0, -1.0], shape), 2)
        dtype = draw(st.sampled_from([np.float64, np.float32])) if mixed else np.float64
        inputs[name] = np.array(values, dtype=dtype, order=draw(st.sampled_from("CF")))
    w = Writer(draw, inputs, careless)
    for _ in range(LINES):
        if draw(st.integers(0, 31)) == 0:  # where it shrinks to
            break
        write = draw(st.sampled_from(RULES))
        try:
            write(w)
        except Unfit:
            continue
    # The newest value always counts, two others may.
    terms = [w.pick() for _ in range(draw(st.integers(0, 2)))]
    newest = next(reversed(w.values))
    text = " + ".join(
        [
            f"np.sum({newest})" if draw(st.booleans()) else f"np.sum(np.sin({newest}))",
            *(f"np.mean({t} * {t})" for t in terms),
        ]
    )
    return Program(inputs, (*w.steps, Step("L", f"L = {text}")))
