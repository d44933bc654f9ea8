"""Calls of SciPy's functions, and what is asked of each: SciPy's own value, and the right derivatives.

`calls_<module>.py` has the calls of a module of SciPy's, as users write them.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError, RecordingError
from chainrule.trees import flatten

__all__ = [
    "CALLS",
    "Call",
    "check_call",
    "check_compiled",
    "check_compiled_elsewhere",
    "check_explained",
    "check_overwritten",
    "check_second_derivatives",
]


class Call(NamedTuple):
    """A function that calls SciPy, and the arguments that it is differentiated by.

    Attributes
    ----------
    rtol : how close differences come; solvers with a tolerance have noise.
    h : the step of the differences, relative to the size of an argument.
    second : whether second derivatives are right too.
    compiles : whether compiled code computes it; else a compiled function runs uncompiled.
    slow : whether compiling and explaining it takes seconds, so that only the sweep does it.
    repeats : whether SciPy gives the same bits when it is called twice; ARPACK's depend on where memory lies.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    rtol: float = 1e-7
    h: float = 1e-3
    second: bool = True
    compiles: bool = True
    slow: bool = False
    repeats: bool = True


def loss_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """Every floating entry of the results, summed with weights that tell them apart."""

    def loss(*args: Any) -> Any:
        total = 0.0
        for leaf in flatten(f(*args))[0]:
            if getattr(leaf, "dtype", np.dtype(type(leaf))).kind in "fc":
                for part in (np.real(leaf), np.imag(leaf)):
                    total = total + np.sum(part * np.linspace(0.7, 1.4, np.size(part)).reshape(np.shape(part)))
        return total

    return loss


def differences(loss: Callable[..., Any], args: tuple[Any, ...], h: float) -> list[np.ndarray]:
    """∂loss/∂argument by central differences with two steps, from which the next term of the series is removed."""
    gradients = []
    for i, x in enumerate(args):
        x = np.asarray(x, float)
        slopes = np.zeros(x.shape)
        for at in np.ndindex(x.shape):

            def slope(step: float, i: int = i, x: np.ndarray = x, at: Any = at) -> Any:
                moved = []
                for sign in (1, -1):
                    y = x.copy()
                    y[at] += sign * step
                    moved.append(loss(*args[:i], y[()] if y.ndim == 0 else y, *args[i + 1 :]))
                return (moved[0] - moved[1]) / (2 * step)

            size = h * max(1.0, abs(float(x[at])))
            slopes[at] = (4 * slope(size / 2) - slope(size)) / 3
        gradients.append(slopes)
    return gradients


def check_call(call: Call) -> None:
    """Raise unless value, kind and gradient of a recorded call are right."""
    f, args = call.f, call.args
    plain = flatten(f(*args))[0]
    recorded = flatten(cr.vjp(f, *args)[0])[0]
    assert len(plain) == len(recorded)
    for one, other in zip(plain, recorded, strict=True):
        if isinstance(one, np.ndarray | np.generic | float | complex):
            if call.repeats:
                assert np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True), (one, other)
            else:
                np.testing.assert_allclose(other, one, rtol=1e-13)
            assert np.asarray(one).dtype == np.asarray(other).dtype
            assert np.shape(one) == np.shape(other)
    loss = loss_of(f)
    gradients = cr.grad(loss, tuple(range(len(args))))(*args)
    for found, expected in zip(gradients, differences(loss, args, call.h), strict=True):
        np.testing.assert_allclose(found, expected, rtol=call.rtol, atol=call.rtol * max(1.0, np.max(abs(expected))))
    assert any(np.any(g != 0) for g in gradients)


def check_second_derivatives(call: Call) -> None:
    """Raise unless the derivatives of the gradient are right, in one direction."""
    loss, args = loss_of(call.f), call.args
    every = tuple(range(len(args)))
    directions = [np.cos(np.arange(np.size(x)) + i).reshape(np.shape(x))[()] for i, x in enumerate(args)]

    def slope(*args: Any) -> Any:
        gradients = cr.grad(loss, every)(*args)
        return sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True))

    found = cr.grad(slope, every)(*args)
    for one, expected in zip(found, differences(slope, args, call.h), strict=True):
        np.testing.assert_allclose(one, expected, rtol=call.rtol, atol=call.rtol * max(1.0, np.max(abs(expected))))


def check_compiled(call: Call) -> None:
    """Raise unless a compiled call gives the same, for other numbers too."""
    loss, args = loss_of(call.f), call.args
    both = cr.value_and_grad(loss, tuple(range(len(args))))
    compiled = cr.compile(both)
    for scale in (1.0, 1.0, 1.001, 0.999):
        moved = tuple(x * scale for x in args)
        value, gradients = both(*moved)
        again, slopes = compiled(*moved)
        np.testing.assert_allclose(again, value, rtol=max(1e-11, call.rtol / 100))
        for one, other in zip(slopes, gradients, strict=True):
            size = max(1.0, np.max(np.abs(other)))
            np.testing.assert_allclose(one, other, rtol=max(1e-10, call.rtol / 10), atol=1e-10 * size)


def elsewhere(args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Other arguments of the same shapes and dtypes, for many of which SciPy's functions raise errors."""
    draws = np.random.default_rng(0)
    changes: list[Callable[[Any], Any]] = [
        lambda x: x * 1.07,
        lambda x: -x,
        lambda x: x[::-1].copy() if x.ndim else x,
        lambda x: 0 * x,
        lambda x: 5 * x + 3,
        lambda x: x * (1 + 0.3 * draws.standard_normal(x.shape)),
        lambda x: np.where(np.arange(x.size).reshape(x.shape) == 0, np.nan, x),
        lambda x: np.where(np.arange(x.size).reshape(x.shape) == x.size - 1, np.inf, x),
    ]
    for change in changes:
        moved = [change(np.asarray(x)).astype(np.asarray(x).dtype) for x in args]
        yield tuple(x if isinstance(own, np.ndarray) else x.item() for x, own in zip(moved, args, strict=True))


def check_compiled_elsewhere(call: Call) -> None:
    """Raise unless a compiled call gives the same as a recorded one for quite other numbers, errors too."""
    both = cr.value_and_grad(loss_of(call.f), tuple(range(len(call.args))))
    compiled = cr.compile(both)
    compiled(*call.args)
    others = [*elsewhere(call.args)]
    if call.f.__module__.endswith("calls_ndimage"):
        others = others[:-2]  # SciPy's own loops crash at coordinates that are NaN
    for args in others:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one, other = _outcome(both, args), _outcome(compiled, args)
        if isinstance(one, Exception) or isinstance(other, Exception):
            assert type(one) is type(other), (args, one, other)
            continue
        expected = [one[0], *one[1]]
        if not all(np.all(np.isfinite(x)) for x in expected):
            continue  # SciPy and the blocks come to infinities and NaN in their own orders
        if any(np.any(np.isnan(x)) for x in args):
            continue  # what SciPy's filters of ranks give for NaN is not defined
        for a, b in zip(expected, [other[0], *other[1]], strict=True):
            np.testing.assert_allclose(b, a, rtol=max(1e-7, call.rtol), atol=1e-8 * max(1.0, np.max(np.abs(a))))


def _outcome(run: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What a call returns or raises; an error of a function of SciPy's is that of the wrapped one."""
    try:
        return run(*args)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, np.linalg.LinAlgError, ChainruleError) as error:
        return error


def check_explained(call: Call) -> None:
    """Raise unless a call can be explained."""
    assert str(cr.explain(loss_of(call.f))(*call.args))


def check_overwritten(call: Call) -> None:
    """Raise unless a gradient stays what it is when the other arguments, plain arrays, are written to afterwards."""
    for i, x in enumerate(call.args):
        others = [np.array(y) if np.ndim(y) else y for y in call.args]

        def loss(x: Any, i: int = i, others: list[Any] = others) -> Any:
            return loss_of(call.f)(*others[:i], x, *others[i + 1 :])

        expected = cr.vjp(loss, x)[1](1.0)[0]
        pullback = cr.vjp(loss, x)[1]
        for y in others:
            if np.ndim(y) and y.flags.writeable:  # SciPy makes a window read-only
                y[...] = np.flip(y) * 2
        try:
            found = pullback(1.0)[0]
        except RecordingError as error:  # a right side of an equation is run again, and must be the same
            if "what has changed since" not in str(error):
                raise
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


CALLS: dict[str, Call] = {
    f"scipy.{found.name.removeprefix('calls_').replace('_', '.')}.{name}": call
    for found in pkgutil.iter_modules([str(Path(__file__).parent)])
    if found.name.startswith("calls_")
    for name, call in importlib.import_module(f"{__name__}.{found.name}").CALLS.items()
}
"""Every call, by the name of the function, and after a comma what is special."""
