"""Gradients of functions at huge and tiny numbers: an intermediate of a rule may overflow, the gradient may not.

    python -m tests.sweeps.tails              # every elementwise block and reductions of two; 40 seconds
    python -m tests.sweeps.tails --special    # special functions in float32 and float16; 15 minutes
    python -m tests.sweeps.tails hypot        # some, with what is wrong

The reference is the same function in the next wider dtype, whose exponents reach far beyond: float64 in longdouble,
float32 and float16 in float64. So what differs is what over- or underflows on the way. (That the rules are right is
held by the sweep of special functions, against mpmath.) A value is NumPy's, and where it overflows the gradient may be
NaN, but never another finite number.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.block import BLOCKS, Elementwise
from chainrule.blocks.special.table import FUNCTIONS as SPECIAL
from chainrule.errors import ChainruleError

WIDER = {
    np.float64: np.longdouble,
    np.float32: np.float64,
    np.float16: np.float64,
    np.complex128: np.clongdouble,
    np.complex64: np.complex128,
}

LINE = (0.3, 1.0, 1.7, 40.0)
MAGNITUDES = {
    np.float64: (
        0.0,
        5e-324,
        1e-310,
        1e-300,
        1e-200,
        1e-160,
        1e-20,
        1e-8,
        *LINE,
        1e8,
        1e20,
        1e160,
        1e200,
        1e300,
        1.5e308,
    ),
    np.float32: (0.0, 1e-45, 1e-40, 1e-37, 1e-25, 1e-20, 1e-10, 1e-4, *LINE, 1e4, 1e10, 1e20, 1e25, 1e37, 3e38),
    np.float16: (0.0, 6e-8, 1e-5, 1e-4, 1e-3, 0.02, *LINE, 300.0, 3e3, 3e4, 6e4),
}


def points(dtype: Any, count: int) -> list[np.ndarray]:
    """All combinations of the magnitudes with their signs, or of some of them: a column for each operand."""
    real = np.finfo(dtype).dtype.type
    line = [s * real(m) for m in (*MAGNITUDES[real], np.finfo(real).max) for s in (1, -1)]
    if np.dtype(dtype).kind == "c":
        line = [dtype(complex(float(x), float(y))) for x in line[::3] for y in line[::3]]
    most = int(1600 ** (1 / count))  # as many for any number of operands
    if len(line) > most:
        line = line[:: len(line) // most + 1]
    return [np.array(column, dtype) for column in zip(*itertools.product(line, repeat=count), strict=True)]


def functions() -> Iterator[tuple[str, Callable[..., Any], int, bool]]:
    """What is tried: name, function, number of operands, and whether they may be complex."""
    for name, block in sorted(BLOCKS.items()):
        if isinstance(block, Elementwise) and block.differentiable:
            yield name, lambda *xs, b=block: b(*xs, **b.example.params), len(block.derivatives), block.complex
    for name, f in OF_TWO.items():
        yield name, lambda *xs, f=f: f(np.stack(xs)), 2, name not in ("logsumexp", "softmax", "log_softmax")
    yield "angle", np.angle, 1, True
    yield "sign", np.sign, 1, True


OF_TWO: dict[str, Callable[..., Any]] = {
    "norm": lambda x: np.linalg.norm(x, axis=0),
    "norm 1": lambda x: np.linalg.norm(x, 1, axis=0),
    "norm 3": lambda x: np.linalg.norm(x, 3, axis=0),
    "std": lambda x: np.std(x, axis=0),
    "std where": lambda x: np.std(x, axis=0, where=np.full(x.shape, True)),
    "var": lambda x: np.var(x, axis=0),
    "mean": lambda x: np.mean(x, axis=0),
    "prod": lambda x: np.prod(x, axis=0),
    "cumprod": lambda x: np.cumprod(x, axis=0)[1],
    "logsumexp": lambda x: cr.logsumexp(x, axis=0),
    "softmax": lambda x: cr.softmax(x, axis=0)[0],
    "log_softmax": lambda x: cr.log_softmax(x, axis=0)[0],
}
"""Functions of two numbers along an axis."""

ROUNDED = "a share near 1 has an absolute error of 1e-16, and so has what is left of it"
REASONS = {
    **dict.fromkeys(["sigmoid", "tanh", "softmax", "log_softmax"], ROUNDED),
    "binary_cross_entropy": "the least p (1 − p), 1e-12, is 0 in float16",
    "gaussian_nll": "the least variance, 1e-6, is 0 in float16",
    "exp2": "NumPy's own value of complex numbers has few digits where the imaginary part is large",
    "power": "complex numbers: as exp2; real ones: x^(y−1) overflows where x is subnormal and y is nearly 0",
    "norm 3": "in float16 cubes of subnormal numbers are 0, whatever they are divided by",
    **dict.fromkeys(["std", "std where"], "the mean of the smallest subnormal number and 0 is one of them"),
}
"""Why a gradient is wrong at some points."""


def gradients(f: Callable[..., Any], xs: list[np.ndarray], how: str) -> list[np.ndarray]:
    """The gradients of the sum of a function's values by each operand: "eager" or "compiled"."""

    def total(*xs: Any) -> Any:
        return np.sum(np.real(f(*xs)))

    g = cr.grad(total, tuple(range(len(xs))))
    if how == "compiled":
        g = cr.compile(g)
        for _ in range(3):  # the first runs are of ordinary numbers, and the code is made for them
            g(*[np.linspace(0.3, 0.8, x.size).astype(x.dtype) for x in xs])
    return [np.asarray(dx) for dx in g(*[x.copy() for x in xs])]


def wrong(f: Callable[..., Any], xs: list[np.ndarray], how: str) -> Iterator[str]:
    """Where a gradient is wrong. Functions that have no wider dtype are left out."""
    dtype = xs[0].dtype.type
    wide = [x.astype(WIDER[dtype]) for x in xs]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            z, exact = np.asarray(f(*xs)), np.asarray(f(*wide))
            truths = gradients(f, wide, "eager") if np.finfo(exact.dtype).dtype == np.finfo(wide[0].dtype).dtype else []
        except (TypeError, ChainruleError):
            return
        found = gradients(f, xs, how) if truths else []
        for k, (truth, got) in enumerate(zip(truths, found, strict=True)):
            for i in np.flatnonzero(_is_wrong(got, truth, np.isfinite(z))):
                at = tuple(x[i].item() for x in xs)
                yield f"{how} {dtype.__name__} by {k} at {at}: {got[i]!r}, right {truth[i]!r}; value {z[i]!r}"


def _is_wrong(got: np.ndarray, truth: np.ndarray, has_value: np.ndarray) -> np.ndarray:
    """Which gradients are neither right nor infinite or NaN for a reason. Subnormal ones may be 0."""
    limits = np.finfo(got.dtype)
    size = abs(truth)
    error = abs(got.astype(truth.dtype) - truth)
    is_right = error <= np.maximum(size * (1000 * float(limits.eps)), limits.smallest_normal)
    overflows = (size > limits.max / 2) | ~has_value
    return ~is_right & np.isfinite(truth) & ~(overflows & ~np.isfinite(got))


def sweep(names: Collection[str], special: bool, how: str) -> Iterator[tuple[str, list[str]]]:
    """Of each function, or of those with these names: what is wrong."""
    for name, f, count, is_complex in functions():
        if name in names if names else (name in SPECIAL) == special:
            dtypes = [d for d in WIDER if is_complex or np.dtype(d).kind == "f"]
            yield name, [told for d in dtypes for told in wrong(f, points(d, count), how)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; all if none is given")
    parser.add_argument("--special", action="store_true", help="the special functions only")
    parser.add_argument("--how", nargs="*", default=["eager", "compiled"])
    parser.add_argument("--examples", type=int, default=3)
    options = parser.parse_args()
    tried = failed = 0
    for how in options.how:
        for name, found in sweep(options.names, options.special, how):
            tried += 1
            failed += bool(found) and name not in REASONS
            if found and (options.names or name not in REASONS):
                print(f"{name}: {len(found)} wrong")
                for line in found[:: max(1, len(found) // options.examples)][: options.examples]:
                    print(f"    {line}", flush=True)
    print(f"{tried} functions, {failed} with an error that nothing explains", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
