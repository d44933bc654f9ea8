"""One call of a function of NumPy or SciPy, with operands and keyword arguments drawn at random.

What must hold: recorded, the call has the value, dtype and kind of result that plain NumPy gives, or raises where plain
NumPy raises, or refuses with an error of chainrule's own; and its derivative along a direction is that of differences.
"""

from __future__ import annotations

import importlib
import inspect
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.special

import chainrule as cr
from chainrule import coverage
from chainrule.array import Array, value_of
from chainrule.errors import ChainruleError

__all__ = ["Call", "compare_call", "compare_compiled_call", "draw_call"]

MODULES = ("numpy", "numpy.linalg", "numpy.fft", "scipy.special")
LEFT_OUT = {
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "empty",
    "empty_like",
    "block",
    "irfft",
    "hfft",
    "intersect1d",
    "can_cast",
    "trim_zeros",
}
LEFT_OUT |= {name for name in dir(scipy.special) if name.startswith(("mathieu", "modfresnel"))}
LEFT_OUT |= {"jvp", "yvp", "kvp", "ivp", "h1vp", "h2vp"}  # SciPy makes a plain array of their order
LEFT_OUT |= {"hyp1f1", "polydiv", "tklmbda"}  # never ends at infinity; its remainder is rounding; found by bisection
"""What writes files, returns whatever stood in memory, crashes or is wrong in plain SciPy, or is about dtypes.

And `polydiv`, whose remainder may be rounding;
`intersect1d` and `trim_zeros`, whose results jump where two numbers become equal, or one is 0."""

NOT_GIVEN = ("out", "like", "order", "device", "overwrite_input", "tol", "mean", "einsum_call")
"""Parameters that say what becomes of memory, how wrong a result may be, or that NumPy keeps for itself."""

SHAPES = [(), (), (1,), (3,), (3,), (4,), (2, 3), (3, 3), (3, 3), (3, 1), (1, 3), (2, 3, 3), (0,), (2, 0), (1, 1)]
DTYPES = ["f8"] * 8 + ["f4", "f4", "f2", "c16", "c16", "c8", "?", "i1", "i8", "i8", "i4", "u1", "u8"]
FAR = 1e8
"""A step of differences is lost in the rounding of numbers as large as this."""
MOST = 60
"""The longest axis and the largest integer that is drawn."""


@dataclass(frozen=True)
class Call:
    """A function by its module and name, with its arguments."""

    module: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        return getattr(importlib.import_module(self.module), self.name)

    def __str__(self) -> str:
        parts = [*map(_written, self.args), *(f"{k}={_written(v)}" for k, v in self.kwargs.items())]
        return f"{self.module}.{self.name}({', '.join(parts)})"


def _written(x: Any) -> str:
    if not isinstance(x, np.ndarray):
        return f"np.{x!r}" if isinstance(x, np.generic) and not repr(x).startswith("np.") else repr(x)
    return f"np.array({x.tolist()}, {x.dtype.str!r})" + ("" if x.flags.c_contiguous else f"  # strides {x.strides}")


@cache
def _functions() -> list[tuple[str, str]]:
    found = []
    for entry in coverage.coverage():
        if entry.module in MODULES and entry.state in ("differentiable", "no gradient") and entry.name not in LEFT_OUT:
            found.append((entry.module, entry.name))
    return found


# Drawing -------------------------------------------------------------------------------------------------------------


def draw_call(seed: int, index: int) -> Call:
    """The call of this number."""
    rng = random.Random(f"call {seed} {index}")
    module, name = rng.choice(_functions())
    function = getattr(importlib.import_module(module), name)
    shape = rng.choice(SHAPES)
    if isinstance(function, np.ufunc):
        args = tuple(_operand(rng, _near(rng, shape)) for _ in range(function.nin))
        return Call(module, name, args, _ufunc_keywords(rng))
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        parameters = []
    given: list[Any] = []
    keywords: dict[str, Any] = {}
    for p in parameters:
        optional = p.default is not p.empty
        if p.kind is p.VAR_POSITIONAL:
            given += [_operand(rng, shape) for _ in range(rng.randint(1, 2))]
        elif p.kind is p.VAR_KEYWORD or (optional and (p.name in NOT_GIVEN or rng.random() < 0.6)):
            continue
        elif optional:
            keywords[p.name] = _parameter(rng, p.name, shape, p.default)
        else:
            value = _required(rng, p.name, shape)
            if p.kind is p.KEYWORD_ONLY:
                keywords[p.name] = value
            else:
                given.append(value)
    return Call(module, name, tuple(given), keywords)


def _near(rng: random.Random, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that mostly broadcasts with another."""
    if rng.random() < 0.5:
        return shape
    if rng.random() < 0.8:
        cut = shape[rng.randint(0, len(shape)) :]
        return tuple(n if rng.random() < 0.7 else 1 for n in cut)
    return rng.choice(SHAPES)


def _operand(rng: random.Random, shape: tuple[int, ...]) -> Any:
    dtype = np.dtype(rng.choice(DTYPES))
    size = int(np.prod(shape, dtype=int))
    if dtype.kind == "b":
        flat: Any = [rng.random() < 0.5 for _ in range(size)]
    elif dtype.kind in "iu":
        flat = [rng.randint(0 if dtype.kind == "u" else -3, 5) for _ in range(size)]
    else:
        flat = [_float(rng) for _ in range(size)]
        if dtype.kind == "c":
            flat = [complex(x, _float(rng)) for x in flat]
    with np.errstate(over="ignore"):
        x = np.array(flat, dtype=dtype).reshape(shape)
    return _laid_out(rng, x)


def _float(rng: random.Random) -> float:
    """Mostly numbers without anything special about them."""
    if rng.random() < 0.06:
        return rng.choice([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e300, 1e-300, 0.5])
    return round(rng.choice([1, 1, -1]) * rng.uniform(0.1, 2.5), 3)


def _laid_out(rng: random.Random, x: np.ndarray) -> Any:
    kind = rng.choice(["C", "C", "C", "F", "step", "flip", "read", "number"])
    if kind == "number" and x.ndim == 0:
        return x[()]
    if kind == "F":
        return np.asfortranarray(x) if x.ndim else x
    if kind == "step" and x.ndim:
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if kind == "flip" and x.ndim:
        return x[..., ::-1].copy()[..., ::-1]
    if kind == "read":
        x.flags.writeable = False
    return x


def _ufunc_keywords(rng: random.Random) -> dict[str, Any]:
    return {"dtype": np.dtype(rng.choice(["f8", "f4", "c16"]))} if rng.random() < 0.05 else {}


def _axis(rng: random.Random, shape: tuple[int, ...]) -> Any:
    n = max(len(shape), 1)
    return rng.choice([None, rng.randint(-n, n - 1), rng.randint(-n, n - 1), n + 1, tuple(range(min(n, 2)))])


def _required(rng: random.Random, name: str, shape: tuple[int, ...]) -> Any:
    """A value for a parameter without a default, by what such a parameter is called in NumPy."""
    if name in ("axis", "axes", "source", "destination", "axis1", "axis2", "start"):
        return _axis(rng, shape)
    if name in ("n", "k", "N", "M", "repeats", "deg", "m", "kth", "num", "ord", "nt", "sections"):
        return rng.randint(0, 4)
    if name in ("shift", "indices", "indices_or_sections", "obj", "ind", "index"):
        return rng.choice([rng.randint(-3, 3), [0, 1], np.array([1, 0]), [0, 0, 1]])
    if name in ("shape", "newshape", "new_shape", "reps", "dims"):
        return rng.choice([shape, (-1,), rng.randint(1, 3), (2, *shape), 6, (3, 1)])
    if name in ("q",):
        return rng.choice([0.3, 50, [0.1, 0.5], 1.0, 0, np.float64(0.4)])
    if name in ("condition", "mask", "condlist"):
        return np.array([rng.random() < 0.5 for _ in range(int(np.prod(shape, dtype=int)))], bool).reshape(shape)
    if name in ("arrays", "tup", "seq", "arys", "choices", "choicelist"):
        return tuple(
            _operand(rng, shape if rng.random() < 0.8 else _near(rng, shape)) for _ in range(rng.randint(1, 3))
        )
    if name == "subscripts":
        return rng.choice(["ij->j", "i,i->", "...i->...", "ij,jk", "ii", "i->"])
    if name in ("dtype",):
        return np.dtype(rng.choice(["f8", "f4", "c16", "i8"]))
    return _operand(rng, _near(rng, shape))


def _parameter(rng: random.Random, name: str, shape: tuple[int, ...], default: Any) -> Any:
    if isinstance(default, bool):
        return rng.random() < 0.5
    if name in ("axis", "axes", "dim"):
        return _axis(rng, shape)
    if name in ("where", "condition"):
        return np.array([rng.random() < 0.7 for _ in range(int(np.prod(shape, dtype=int)))], bool).reshape(shape)
    if name == "initial":
        return rng.choice([0.0, 1.5, 2, -1.0])
    if name == "dtype":
        return np.dtype(rng.choice(["f8", "f4", "c16", "i8"]))
    if name == "method":
        return rng.choice(["linear", "lower", "median_unbiased", "nearest", "midpoint"])
    if name == "mode":
        return rng.choice(["full", "same", "valid", "wrap", "clip", "constant", "edge"])
    if name == "norm":
        return rng.choice([None, "ortho", "forward", "backward"])
    if isinstance(default, int):
        return rng.randint(-2, 4)
    if isinstance(default, float):
        return rng.choice([0.0, 0.5, 2.0])
    if isinstance(default, str):
        return default
    return _required(rng, name, shape)


# Comparing -----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """chainrule says that it does not do this: allowed, and counted."""


HANG = {"lstsq", "pinv", "hyp1f1", "yn"}
"""What may not end, in plain NumPy and SciPy too, where an entry is infinite."""


def _function_of(call: Call) -> Callable[..., Any]:
    if call.name in HANG and not all(np.all(np.isfinite(x)) for x in call.args if _numbers(x)):
        raise Refused("it may not end")
    return call.function()


def compare_call(call: Call) -> None:
    """What must hold of one call; AssertionError where it does not."""
    function = _function_of(call)
    leaves = [x for x in call.args if _floats(x)]
    if not leaves:
        raise Refused("nothing to record")

    def f(*floats: Any) -> Any:
        given = iter(floats)
        return function(*(next(given) if _floats(x) else x for x in call.args), **call.kwargs)

    plain = _outcome(lambda: f(*leaves))
    recorded = _outcome(lambda: f(*(cr.variable(x) for x in leaves)))
    if isinstance(recorded, ChainruleError) and not isinstance(plain, Exception):
        raise Refused(str(recorded))
    if isinstance(plain, Exception):
        assert isinstance(recorded, Exception), f"NumPy raises {plain!r}, recorded it is {recorded!r}"
        return
    assert not isinstance(recorded, Exception), f"NumPy gives {plain!r}, recorded it raises {recorded!r}"
    if any(isinstance(part, np.ndarray) and part.dtype == object for part in _parts(recorded)):
        raise Refused("an array of recorded numbers, which is stacked where it is used")
    for wanted, found in zip(_parts(plain), _parts(recorded), strict=True):
        _assert_same(found, wanted)
    wide = all(np.asarray(part).dtype in ("f8", "c16") for part in _parts(plain) if np.asarray(part).dtype.kind in "fc")
    if wide and all(x.dtype == np.float64 and np.all(np.abs(x) < FAR) for x in map(np.asarray, leaves)):
        _compare_derivative(f, leaves)


def compare_compiled_call(call: Call) -> None:
    """Compiled, a call has NumPy's value, dtype and kind of result: recorded, compiled, and run once more.

    Integers and truth values are arguments too.
    """
    function = _function_of(call)
    leaves = [x for x in call.args if _numbers(x)]
    if not leaves:
        raise Refused("nothing to compile")

    def f(*numbers: Any) -> Any:
        given = iter(numbers)
        return function(*(next(given) if _numbers(x) else x for x in call.args), **call.kwargs)

    plain = _outcome(lambda: f(*leaves))
    if isinstance(plain, Exception) or any(np.asarray(p).dtype.kind not in "fciub" for p in _parts(plain)):
        raise Refused("no numbers")
    compiled = cr.compile(f)
    for _ in range(3):
        found = _outcome(lambda: compiled(*leaves))
        if isinstance(found, ChainruleError):
            raise Refused(str(found))
        assert not isinstance(found, Exception), f"NumPy gives {plain!r}, compiled it raises {found!r}"
        for wanted, part in zip(_parts(plain), _parts(found), strict=True):
            _assert_same(part, wanted)
            assert isinstance(part, np.ndarray) == isinstance(wanted, np.ndarray), f"{part!r}, in NumPy {wanted!r}"


def _numbers(x: Any) -> bool:
    """Whether an argument may change from call to call of a compiled function."""
    return isinstance(x, np.ndarray | np.generic | float | complex) and np.asarray(x).dtype not in ("f2", object)


def _floats(x: Any) -> bool:
    """Whether an argument is recorded: floating or complex arrays and NumPy's numbers."""
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc"


def _outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the exception that it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return call()
        except (ArithmeticError, AttributeError, IndexError, LookupError, TypeError, ValueError) as error:
            return error
        except (ChainruleError, RuntimeError, NotImplementedError, scipy.special.SpecialFunctionError) as error:
            return error


def _parts(x: Any) -> list[Any]:
    return [p for part in x for p in _parts(part)] if isinstance(x, tuple | list) else [x]


def _assert_same(found: Any, wanted: Any) -> None:
    found = value_of(found) if isinstance(found, Array) else found
    if wanted is None or isinstance(wanted, str):
        assert found == wanted, f"{found!r}, in NumPy {wanted!r}"
        return
    a, b = np.asarray(found), np.asarray(wanted)
    assert a.shape == b.shape, f"shape {a.shape}, in NumPy {b.shape}"
    assert a.dtype == b.dtype, f"dtype {a.dtype}, in NumPy {b.dtype}"
    if a.dtype.kind not in "fc":
        assert np.array_equal(a, b), f"{found!r}, in NumPy {wanted!r}"
        return
    eps = float(np.finfo(a.dtype).eps)
    scale = float(np.max(np.abs(np.where(np.isfinite(b), b, 0)), initial=0.0))
    np.testing.assert_allclose(a, b, rtol=64 * eps, atol=64 * eps * scale, err_msg="value")


def _compare_derivative(f: Callable[..., Any], xs: list[Any]) -> None:
    """The derivative along a direction, against differences of two steps; skipped where those do not agree."""
    vectors = [np.cos(1.0 + np.arange(np.size(x))).reshape(np.shape(x)) for x in xs]

    def loss(*xs: Any) -> Any:
        total: Any = 0.0
        for k, part in enumerate(_parts(f(*xs))):
            value = np.asarray(value_of(part))
            if value.dtype.kind in "fc":
                weights = np.sin(0.7 + k + np.arange(value.size)).reshape(value.shape)
                total = total + np.sum(np.real(part) * weights) + np.sum(np.imag(part) * np.cos(weights))
        return total

    def at(step: float) -> float:
        moved = [np.asarray(x + step * v) for x, v in zip(xs, vectors, strict=True)]
        moved = [y if isinstance(x, np.ndarray) else y[()] for x, y in zip(xs, moved, strict=True)]
        found = _outcome(lambda: loss(*moved))  # outside of a domain it raises
        return np.nan if isinstance(found, Exception) else float(found)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        h = 1e-5
        wide, narrow = (at(2 * h) - at(-2 * h)) / (4 * h), (at(h) - at(-h)) / (2 * h)
        sides = (at(h) - at(0.0)) / h, (at(0.0) - at(-h)) / h
        scale = max(1.0, abs(narrow), abs(at(0.0)))
        if not np.isfinite([wide, narrow, *sides]).all() or abs(wide - narrow) > 1e-6 * scale:
            return
        if abs(sides[0] - sides[1]) > 1e-3 * scale:
            return  # a kink or a jump
        try:
            gradients = cr.grad(loss, tuple(range(len(xs))))(*xs)
        except ChainruleError as error:
            raise Refused(str(error)) from error
        slope = sum(float(np.sum(np.asarray(g) * v)) for g, v in zip(gradients, vectors, strict=True))
    assert abs(slope - narrow) <= 1e-5 * scale, f"derivative {slope}, by differences {narrow}"
