"""Code that `explain` writes: every block's example, every way to index, operands of every dtype, in every library.

    python -m tests.sweeps.generated_code [-v]    # some 1,800 texts, ten minutes

The code must run by itself and give the value and the gradients that recording gives, or be refused with a CodeError.
`tests/explain/test_code_sweep.py` runs a sample.
"""

from __future__ import annotations

import collections
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.block import BLOCKS
from chainrule.code import CodeError
from chainrule.trees import flatten

LIBRARIES = ("numpy", "torch", "jax")

X = np.arange(1.0, 13.0).reshape(3, 4) / 7
W = np.arange(2.0, 26.0).reshape(2, 3, 4) / 11
MASK = np.array([[True, False, True, False], [False, False, True, True], [True, True, True, False]])

KEYS: dict[str, Any] = {
    "0": 0,
    "-1": -1,
    "(0, 1)": (0, 1),
    "(-1, -2)": (-1, -2),
    "1:": slice(1, None),
    "::-1": slice(None, None, -1),
    "::2": slice(None, None, 2),
    "2:0:-1": slice(2, 0, -1),
    "5:9": slice(5, 9),
    ":, ::-2": (slice(None), slice(None, None, -2)),
    ":, 1": (slice(None), 1),
    "...": ...,
    "..., 0": (..., 0),
    "0, ...": (0, ...),
    "None": None,
    ":, None": (slice(None), None),
    "..., None": (..., None),
    "None, 0, None": (None, 0, None),
    "[0, 0]": [0, 0],
    "[2, 0, 2]": [2, 0, 2],
    "[-1, 2]": [-1, 2],
    ":, [0, 0]": (slice(None), [0, 0]),
    ":, [1, -1, 1]": (slice(None), [1, -1, 1]),
    "[0, 0], [1, 1]": ([0, 0], [1, 1]),
    "[0, 2], [3, 1]": ([0, 2], [3, 1]),
    "[[0, 0], [1, 1]]": np.array([[0, 0], [1, 1]]),
    "[[0], [1]], [[0, 0]]": ([[0], [1]], [[0, 0]]),
    "0, [1, 1]": (0, [1, 1]),
    "[1, 1], 0": ([1, 1], 0),
    "[0, 0], 1:": ([0, 0], slice(1, None)),
    "1:, [0, 0]": (slice(1, None), [0, 0]),
    "None, [0, 0]": (None, [0, 0]),
    "[0, 0], None": ([0, 0], None),
    "mask": MASK,
    "rows": np.array([True, False, True]),
    "rows, 1": (np.array([True, False, True]), 1),
    ":, columns": (slice(None), np.array([False, True, True, False])),
    "ix_": np.ix_([0, 2], [1, 1, 3]),
    "ix_ of a mask": np.ix_([True, False, True], [0, 3]),
    "empty list": ([],),
    "True": True,
    "False": False,
    "0-d array": np.array(1),
    "int8": np.array([2, 2], np.int8),
    "arange": np.arange(3),
}


def reading(key: Any) -> Callable[..., Any]:
    def loss(x: Any, y: Any) -> Any:
        part = x[key]
        return np.sum(part * part * 3.0) + np.sum(y * y)

    return loss


def writing(key: Any) -> Callable[..., Any]:
    def loss(x: Any, y: Any) -> Any:
        z = x * 2.0
        z[key] = y[0, 0] * 3.0
        return np.sum(z * z)

    return loss


def adding(key: Any) -> Callable[..., Any]:
    def loss(x: Any, y: Any) -> Any:
        z = x * 2.0
        np.add.at(z, key, y[0, 0] * 3.0)
        return np.sum(z * z)

    return loss


OTHERS: dict[str, Callable[..., Any]] = {
    "tensordot to a number": lambda x, y: np.tensordot(x, x * y, 2),
    "reshape to a number": lambda x, y: np.sum(x * y, keepdims=True).reshape(()),
    "float32 loss": lambda x, y: np.sum(x * y).astype(np.float32),
    "float32 inside": lambda x, y: np.sum(x.astype(np.float32) * y),
    "item": lambda x, y: (x * y)[1, 2],
    "copy": lambda x, y: np.sum(x.copy() * y),
    "copy in Fortran's order": lambda x, y: np.sum(np.copy(x, order="F") * y),
    "array of an array": lambda x, y: np.sum(np.array(x) * y),
    "squeeze": lambda x, y: np.squeeze(np.sum(x * y, keepdims=True)),
    "take": lambda x, y: np.sum(np.take(x, [0, 0, 5]) * 3.0) + np.sum(y),
    "take_along_axis": lambda x, y: np.sum(np.take_along_axis(x, np.array([[0], [0], [3]]), 1) * y),
    "choose less": lambda x, y: np.sum(np.where(x < y, x * x, y)),
    "choose not less": lambda x, y: np.sum(np.where(~(x < y), x * x, y)),
    "choose greater": lambda x, y: np.sum(np.where(x > y, 0.0, x * x)),
    "choose equal": lambda x, y: np.sum(np.where(x == y, 0.0, x * y)),
    "maximum": lambda x, y: np.sum(np.maximum(x, y) ** 2),
    "concatenate": lambda x, y: np.sum(np.concatenate([x, y], axis=1) ** 2),
    "reciprocal": lambda x, y: np.sum(np.reciprocal(x + y)),
    "unwrap": lambda x, y: np.sum(np.unwrap(x * 9.0) * y),
    "median": lambda x, y: np.median(x * y),
    "sort": lambda x, y: np.sum(np.sort(x, axis=1) * y),
    "cumsum": lambda x, y: np.sum(np.cumsum(x, axis=0) * y),
    "pad": lambda x, y: np.sum(np.pad(x, 1, mode="reflect")[1:-1, 1:-1] * y),
    "roll": lambda x, y: np.sum(np.roll(x, 2, axis=1) * y),
    "flip": lambda x, y: np.sum(x[::-1, ::-1] * y),
    "trace": lambda x, y: np.trace(x @ y.T),
    "einsum": lambda x, y: np.einsum("ij,kj->", x, y),
    "complex": lambda x, y: np.sum(np.abs(np.exp(1j * x) + y) ** 2),
    "power": lambda x, y: np.sum(x**y),
    "prod": lambda x, y: np.prod(x * y),
    "fancy mean": lambda x, y: np.mean(x[:, [0, 0]] @ y[:2, :2]),
}


def second(dtype: Any) -> list[np.ndarray]:
    """An operand beside the floating one, of a dtype."""
    y = (np.arange(12).reshape(3, 4) * 5 % 7 + 1).astype(dtype)
    return y % 2 == 0 if np.dtype(dtype) == bool else y


def cases() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Each case: what it is, a function, its arguments."""
    for name, key in KEYS.items():
        yield f"x[{name}]", reading(key), (X, X[::-1].copy())
        yield f"x[{name}] = y", writing(key), (X, X[::-1].copy())
        if not isinstance(key, bool) and key is not None and name != "...":
            yield f"add.at x[{name}]", adding(key), (X, X[::-1].copy())
    for name, f in OTHERS.items():
        for dtype in ("float64", "float32", "int64", "int8", "uint8", "bool", "complex128"):
            yield f"{name} of {dtype}", f, (X, second(dtype))
        yield f"{name} of float32 twice", f, (X.astype(np.float32), second("float32"))
        nan = X.copy()
        nan[1, 1] = np.nan
        yield f"{name} of NaN", f, (nan, second("float64"))
    for name, block in BLOCKS.items():
        if block.example is not None:
            yield f"block {name}", *of_block(block)


def of_block(block: Any) -> tuple[Callable[..., Any], tuple[np.ndarray, ...]]:
    """A loss of a block's example, and the example's operands."""

    def loss(*xs: Any) -> Any:
        z = block(*xs, **block.example.params)
        z = z.real + 2.0 * z.imag if z.dtype.kind == "c" else z
        return np.sum(z * np.cos(np.arange(float(z.size)).reshape(z.shape)))

    return loss, tuple(block.example.arrays(block.name, np.float64))


def outcome(f: Callable[..., Any], args: tuple[Any, ...], library: str) -> str:
    """ "right"; "refused: …" by a CodeError or by chainrule itself; or "WRONG: …"."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        chosen = [i for i, x in enumerate(args) if np.asarray(x).dtype.kind in "fc"]
        try:
            value, gradients = cr.value_and_grad(f, argnums=tuple(chosen))(*args)
        except Exception as error:
            return f"no gradient: {type(error).__name__}"
        try:
            text = cr.explain(f)(*args).code(library)
        except CodeError as error:
            return f"refused: {error}"
        except Exception as error:
            return f"WRONG: {type(error).__name__}: {error}"
        if library != "numpy":
            return "right"  # `code` has run it
        exec(compile(text, "<code>", "exec"), made := {})
        both = next(g for name, g in made.items() if name.endswith("_and_gradient"))
        named = dict(zip(inspect.signature(f).parameters, args, strict=False)) | inspect.getclosurevars(f).nonlocals
        named |= {f"xs{i}": x for i, x in enumerate(args)}
        given = [named[label] if label in named else args[0] for label in inspect.signature(both).parameters]
        try:
            coded, codeds = both(*given)
        except Exception as error:
            return f"WRONG: {type(error).__name__}: {error}"
        tolerance = 1e-4 if any(np.asarray(x).dtype == np.float32 for x in (*args, value)) else 1e-9
        for ours, wanted in zip([coded, *flatten(codeds)[0]], [value, *flatten(gradients)[0]], strict=True):
            scale = np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
            if np.shape(ours) != np.shape(wanted) or not np.allclose(
                ours, wanted, rtol=tolerance, atol=tolerance * scale, equal_nan=True
            ):
                return f"WRONG: {ours} for {wanted}"
            if np.asarray(ours).dtype != np.asarray(wanted).dtype:
                return f"WRONG: dtype {np.asarray(ours).dtype} for {np.asarray(wanted).dtype}"
        return "right"


def main() -> None:
    counts: collections.Counter[str] = collections.Counter()
    for name, f, args in cases():
        for library in LIBRARIES:
            found = outcome(f, args, library)
            counts[f"{library}: {found.split(':')[0]}"] += 1
            if found != "right" and (found.startswith("WRONG") or "-v" in sys.argv):
                print(f"{library:6} {name}: {found}", flush=True)
    print(dict(counts))


if __name__ == "__main__":
    main()
