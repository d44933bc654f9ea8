"""Constants with a structure on every side of every product, compiled: values as NumPy's, gradients as differences.

    python -m tests.sweeps.structure           # 280,000 programs, three hours; --every 100 takes two minutes

Zeros, ones, identities and parts of them, one-hot rows and columns, diagonals, permutations and triangles, square and
not, of floats, integers and truth values. Arguments lie among NaN, and memory is NaN before it is written. Each product
is used in one way or another: returned, summed, transposed, multiplied, differentiated; and without any constant, with
both operands as arguments. At last arguments have NaN and infinities in them, which 0 does not take away.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.errors import BlockError, RecordingError

from . import contractions
from .memory import among_nan, large, poisoned, shared

Function = Callable[..., Any]
Shape = tuple[int, ...]

MORE_PRODUCTS: dict[str, Function] = {
    "multiply": lambda x, y: x * y,
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "divide": lambda x, y: x / (2 + y),
    "where": lambda x, y: np.where(x > 0.5, y, 3 * x),
    "maximum": lambda x, y: np.maximum(x, y + 0.25),
    "power": lambda x, y: (3 + x) ** y,
    "both sides": lambda x, y: x.T @ (y @ x),
    "congruence": lambda x, y: x @ y @ x.T,
    "there and back": lambda x, y: x.T @ (x @ y),
    "scaled rows": lambda x, y: (x * 2.0) @ y.T,
    "solve": lambda x, y: np.linalg.solve(x + 4 * np.eye(*x.shape), y),
    "trace": lambda x, y: np.trace(x @ y),
    "sum of a product": lambda x, y: np.sum(x @ y, axis=-1),
    "row by row": lambda x, y: np.stack([row @ y for row in x]),
    "of rows": lambda x, y: x[::-1] @ y,
    "concatenated": lambda x, y: np.concatenate([x, x]) @ y,
    "reshaped": lambda x, y: x.reshape(-1) @ (y.reshape(-1)),
}
OF_THREE = ("both sides", "congruence", "there and back", "multi_dot of three")
AT_INFINITY = {*contractions.PRODUCTS, *MORE_PRODUCTS}.difference(OF_THREE)
"""Those that are tried with an infinity too: products of three and einsum are reordered, so ∞ may not meet its 0."""
SHAPES = [shape for shape in contractions.SHAPES if 0 not in shape]


class Case(NamedTuple):
    """A product, of which one operand is a constant (`fixed`: which), and what is done with it."""

    name: str
    product: Function
    operands: tuple[np.ndarray, ...]
    fixed: int | None
    use: str
    way: str


def _counting(shape: Shape) -> np.ndarray:
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


def _last_entry(shape: Shape) -> np.ndarray:
    x = np.zeros(shape)
    x.flat[-1] = 1.0
    return x


CONSTANTS: list[dict[str, Callable[[Shape], Any]]] = [
    {"zeros": np.zeros, "ones": np.ones, "minus ones": lambda s: -np.ones(s), "numbers": _counting},
    {"first": lambda s: np.eye(s[-1])[0], "last": lambda s: np.eye(s[-1])[-1], "last entry": _last_entry},
    {
        "identity": lambda s: np.eye(*s[-2:]),
        "shifted up": lambda s: np.eye(*s[-2:], 1),
        "shifted down": lambda s: np.eye(*s[-2:], -1),
        "twice the identity": lambda s: 2 * np.eye(*s[-2:]),
        "turned identity": lambda s: np.eye(*s[-2:])[::-1],
        "one-hot rows": lambda s: np.eye(s[-1])[np.arange(s[-2]) * 2 % s[-1]],
        "one-hot columns": lambda s: np.eye(s[-2])[:, np.arange(s[-1]) * 2 % s[-2]],
        "diagonal": lambda s: np.eye(*s[-2:]) * np.arange(1.0, s[-1] + 1),
        "lower": lambda s: np.tril(np.ones(s)),
        "upper": lambda s: np.triu(_counting(s)),
        "rows alike": lambda s: np.arange(s[-1]) - 0.5,
        "columns alike": lambda s: np.arange(s[-2])[:, None] - 0.5,
    },
]
"""What makes an array of a shape, by name: for any shape, for those with an axis, for matrices."""


def constants(shape: Shape) -> list[tuple[str, Callable[[Shape], Any]]]:
    return [item for table in CONSTANTS[: min(len(shape), 2) + 1] for item in table.items()]


# What is done with a product -------------------------------------------------------------------------------------


def _weights(y: Any) -> np.ndarray:
    return np.cos(np.arange(np.size(y))).reshape(np.shape(y))


USES: dict[str, Function] = {
    "returned": lambda y: y,
    "summed": np.sum,
    "transposed": np.transpose,
    "summed along an axis": lambda y: np.sum(y, axis=0) if np.ndim(y) else y,
    "squared": lambda y: y * y,
    "its exponential": lambda y: np.exp(y / 8),
    "in a row": np.ravel,
}
LOSSES: dict[str, Function] = {
    "weighed": lambda y: np.sum(y * _weights(y)),
    "sum": np.sum,
    "squares": lambda y: np.sum(y * y),
    "one entry": lambda y: y.reshape(-1)[-1] * 2,
}
WAYS: dict[str, Function] = {"native": contextlib.nullcontext, "large": large, "shared": shared}


def _applied(case: Case, xs: tuple[Any, ...]) -> Any:
    """The product of the arguments and the constant."""
    given = iter(xs)
    return case.product(*(c if k == case.fixed else next(given) for k, c in enumerate(case.operands)))


def _used(case: Case) -> Function:
    """The function that is compiled."""
    if case.use in USES:
        return lambda *xs: USES[case.use](_applied(case, xs))
    loss = LOSSES[case.use.removeprefix("gradient of ")]
    every = tuple(range(len(_arguments(case))))
    return lambda *xs: cr.value_and_grad(lambda *xs: loss(_applied(case, xs)), every)(*xs)


def _arguments(case: Case) -> list[np.ndarray]:
    return [x for k, x in enumerate(case.operands) if k != case.fixed]


def _by_differences(case: Case, xs: list[np.ndarray]) -> Any:
    loss = LOSSES[case.use.removeprefix("gradient of ")]
    gradients = []
    for k, x in enumerate(xs):
        slopes = np.zeros(x.size)
        for i in range(x.size):
            step = np.zeros(x.size)
            step[i] = 1e-5
            ends = [loss(_applied(case, (*xs[:k], x + sign * step.reshape(x.shape), *xs[k + 1 :]))) for sign in (1, -1)]
            slopes[i] = (ends[0] - ends[1]) / 2e-5
        gradients.append(slopes.reshape(x.shape))
    return loss(_applied(case, tuple(xs))), tuple(gradients)


# Cases -----------------------------------------------------------------------------------------------------------


def cases(start: int = 0, every: int = 1) -> Iterator[Case]:
    """Every so many of the cases that NumPy accepts."""
    more = ((name, f, shapes) for name, f in MORE_PRODUCTS.items() for shapes in itertools.product(SHAPES, repeat=2))
    return itertools.starmap(_case, itertools.islice(_chosen(more), start, None, every))


def _chosen(more: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
    for name, product, shapes in itertools.chain(contractions.einsums(), contractions.products(), more):
        if all(0 not in shape for shape in shapes) and _is_accepted(product, shapes):
            yield name, product, shapes, None, "arguments", None
            for fixed, shape in enumerate(shapes):
                for kind, make in constants(shape):
                    yield name, product, shapes, fixed, kind, make


def _case(name: str, product: Function, shapes: tuple[Shape, ...], fixed: int | None, kind: str, make: Any) -> Case:
    """A case; its use, its way and the constant's dtype follow from its name."""
    number = zlib.crc32(f"{name} {shapes} {fixed} {kind}".encode())
    operands = [_random(shape, number + k) for k, shape in enumerate(shapes)]
    if fixed is not None:
        dtype = [np.float64, np.float64, np.int64, np.float32][number % 4]
        operands[fixed] = np.broadcast_to(make(shapes[fixed]), shapes[fixed]).astype(dtype)
    uses = [*USES, *(f"gradient of {loss}" for loss in LOSSES)]
    use, way = uses[number // 4 % len(uses)], [*WAYS][number // 97 % len(WAYS)]
    told = f"{name} of {shapes}, operand {fixed}: {kind}, {use}, {way}"
    return Case(told, product, tuple(operands), fixed, use, way)


def _is_accepted(product: Function, shapes: tuple[Shape, ...]) -> bool:
    try:
        result = product(*(_random(shape, 0)[()] for shape in shapes))
    except (ValueError, IndexError, TypeError, AttributeError, np.linalg.LinAlgError):
        return False
    return np.size(result) > 0


def _random(shape: Shape, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


# Comparing -------------------------------------------------------------------------------------------------------


REFUSED = "refused"


def fault(case: Case) -> str | None:
    """What is wrong with a case; None, or REFUSED where chainrule says that it has no such function."""
    try:
        return _fault(case)
    except (RecordingError, BlockError, np.linalg.LinAlgError):
        return REFUSED


def _fault(case: Case) -> str | None:
    f = _used(case)
    is_gradient = case.use.startswith("gradient")
    with WAYS[case.way](), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # it would run uncompiled
        compiled = cr.compile(f)
        kinds = []
        for call in range(3):
            xs = [among_nan(x + call / 8) for x in _arguments(case)]
            found = compiled(*xs)
            kinds.append(_kinds(found))
            if is_gradient:
                told = _difference(found, _by_differences(case, xs), 1e-6)
                told = told or _difference(found, f(*xs), 1e-12)
            else:
                told = _difference(found, f(*xs), 1e-12)
                told = told or (f"{kinds[-1]} of another dtype" if found.dtype != f(*xs).dtype else None)
            if told is not None:
                return f"call {call}: {told}"
        for special in _specials(case):
            told = _difference_at(special, case, compiled, f)
            if told is not None:
                return told
    if len(set(kinds)) > 1:
        return f"results of several kinds: {kinds}"
    return None if repr(compiled).count(" 1 version") else f"{compiled!r}"


def _specials(case: Case) -> list[float]:
    return [np.nan, np.inf] if case.name.split(" of (")[0] in AT_INFINITY else [np.nan]


def _difference_at(special: float, case: Case, compiled: Function, f: Function) -> str | None:
    """In what the results differ where one entry of each argument is NaN or infinite."""
    xs = [x.copy() for x in _arguments(case)]
    for k, x in enumerate(xs):
        x.flat[zlib.crc32(case.name.encode()) // (k + 1) % x.size] = special
    xs = [x[()] for x in xs]
    with np.errstate(all="ignore"):
        told = _difference(compiled(*xs), f(*xs), 1e-12)
    return told and f"with {special}: {told}"


def _kinds(found: Any) -> Any:
    """Of what type results are: an array and a number are two things."""
    return tuple(map(_kinds, found)) if isinstance(found, tuple) else type(found).__name__


def _difference(found: Any, expected: Any, rtol: float) -> str | None:
    """In what two results differ."""
    if isinstance(expected, tuple):
        told = (_difference(*pair, rtol) for pair in zip(found, expected, strict=True))
        return next((text for text in told if text is not None), None)
    if np.shape(found) != np.shape(expected):
        return f"shape {np.shape(found)} for {np.shape(expected)}"
    known = np.isfinite(expected)
    size = float(np.max(np.abs(expected), initial=0, where=known))
    close = np.allclose(found, expected, rtol=rtol, atol=rtol * max(1.0, size), equal_nan=True)
    return None if close else f"{np.asarray(found).tolist()} for {np.asarray(expected).tolist()}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Try structured constants on every side of every product, compiled.")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case only")
    parser.add_argument("--start", type=int, default=0, help="the first case to take")
    given = parser.parse_args()
    tried = refused = faults = 0
    with poisoned():
        for case in cases(given.start, given.every):
            tried += 1
            try:
                found = fault(case)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            refused += found is REFUSED
            if found not in (None, REFUSED):
                faults += 1
                print(f"{case.name}: {found}", flush=True)
    print(f"{tried} programs, {refused} refused, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
