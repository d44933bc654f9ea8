"""Compile: a recorded function as native code."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from chainrule.errors import EngineError
from chainrule.forks import imported
from chainrule.hints import spelled
from chainrule.node import at_line
from chainrule.transforms import compiled_function

if TYPE_CHECKING:
    from chainrule.compile.by_jax import ByJax
    from chainrule.compile.compiled import Compiled
else:

    def __getattr__(name):
        if name == "Compiled":  # imported on first use, with the compiler
            return imported("chainrule.compile.compiled").Compiled
        raise AttributeError(f"module 'chainrule.compile' has no attribute {name!r}")


__all__ = ["Compiled", "compile"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def compile(
    f: Callable[P, R], *, donate: Sequence[int | str] = (), memory: int | str | None = None
) -> Compiled[P, R]: ...
@overload
def compile(
    f: None = None, *, donate: Sequence[int | str] = (), memory: int | str | None = None
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
@overload
def compile(
    f: Callable[P, R],
    *,
    engine: Literal["jax"],
    shardings: Mapping[str, Any] | None = None,
    mesh: Any = None,
    donate: Sequence[int | str] = (),
) -> ByJax[P, R]: ...
@overload
def compile(
    f: None = None,
    *,
    engine: Literal["jax"],
    shardings: Mapping[str, Any] | None = None,
    mesh: Any = None,
    donate: Sequence[int | str] = (),
) -> Callable[[Callable[P, R]], ByJax[P, R]]: ...
@spelled
def compile(
    f: Callable[..., Any] | None = None,
    *,
    engine: str | None = None,
    shardings: Mapping[str, Any] | None = None,
    mesh: Any = None,
    donate: Sequence[int | str] = (),
    memory: int | str | None = None,
) -> Any:
    """A function that returns the same as f, at native speed.

    The first call runs f on recorded arrays and returns its result. The second call records again, compares the two
    recordings, and compiles for these shapes and dtypes. The same happens for each new shape, dtype or path. Calls
    inside f (`cr.grad`, `cr.hessian`, a whole training step) are compiled with it. Arrays and numbers (float, complex)
    may change from call to call. Integers, strings and other arguments are compiled in: a new value makes a new
    version. So does a new outcome of a branch on values, which each run checks. An integer that took several values,
    such as a step counter, may change too if only arithmetic depends on it.

    Values that f reads from outside (globals, its closure, attributes of objects) are fixed when f is recorded; pass
    values that change as arguments. Values that change from run to run (random numbers, the time, a counter, a file)
    raise an error, and so does a rule of your own block that uses state from its last call. Draw random numbers outside
    and pass them: `cr.dropout(x, p, mask=mask)` with `mask = rng.random(x.shape) >= p`. A generator that f makes with a
    fixed seed is accepted, since it draws the same on each call, and so are weights that f draws on its first run and
    keeps.

    Parameters
    ----------
    f : a function of arrays, numbers, or trees of them. It must not have side effects: it runs only to be recorded,
        twice for each version, and prints, logs and plots only in these two runs. Its arguments are not changed, even
        where f writes into them.
    donate : positions or names of arguments whose arrays may be overwritten: results of the same shape and dtype are
        written into them and returned as these arrays, as for parameters in a training step. A large program computes
        them in place, without allocating; the result of the first call, which records, is a new array.
    memory : "√n" (or "sqrt") to store fewer values for backward passes: for a loop of n equal steps, such as a chain of
        layers, only the states of about √n steps; the others are computed again. Or the largest number of bytes for
        intermediate results (see `memory()`); then fewer values are stored only if they would take more. Results are
        the same, but sums over all steps, such as the gradient of shared weights, may differ in the last digits. The
        first two calls record a loop in Python step by step, and keep all values; they do not for `cr.scan`.
    engine : "jax" compiles with XLA instead, for one or many devices, GPUs or TPUs; see docs/scale.md. Then a branch on
        values is an error. NumPy arrays as arguments give NumPy arrays, JAX arrays give JAX arrays.
    shardings : with this engine: how arguments are divided among devices, by name, as `{"X": P("data")}`; each is a
        `jax.sharding.PartitionSpec` or a `NamedSharding`, or a tree of these. The others are on each device.
    mesh : with this engine: the devices, a `jax.sharding.Mesh`.

    Raises
    ------
    ImportError : llvmlite, or JAX for its engine, is not installed.
    RecordingError : an argument or a part of f cannot be compiled, or two runs of f differ. Or
        `memory` is too small: the error gives the least number of bytes, or the steps that are not compiled as a loop.
    EngineError : there is no such engine, or arguments cannot be divided as asked.

    >>> import numpy as np, chainrule as cr
    >>> area = cr.compile(lambda x, y: np.sum(x * y))
    >>> area(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    np.float64(11.0)

    It is also a decorator, with or without arguments, and works for methods. The attributes that a method reads from
    its object are treated as arguments: numbers and arrays among them may change from call to call.

    >>> class Line:
    ...     def __init__(self, slope):
    ...         self.slope = slope
    ...     @cr.compile
    ...     def at(self, x):
    ...         return self.slope * x
    >>> line = Line(2.0)
    >>> line.at(3.0)
    6.0
    >>> line.slope = 5.0
    >>> line.at(3.0)
    15.0

    A chain of 1,000 layers stores about 60 of its states, and is computed twice:

    >>> def loss(W, x):
    ...     for _ in range(1000):
    ...         x = np.tanh(W @ x)
    ...     return np.sum(x**2)
    >>> plain, small = cr.compile(cr.grad(loss)), cr.compile(cr.grad(loss), memory="√n")
    >>> W, x = np.eye(8) / 2, np.ones(8)
    >>> for _ in range(2):
    ...     expected, found = plain(W, x), small(W, x)
    >>> np.allclose(found, expected), small.memory() < plain.memory() / 5
    (True, True)

    Inside a function that is differentiated, a compiled function runs uncompiled and is recorded. So compile the
    outermost function: `cr.compile(cr.grad(f))`.
    """
    if engine not in (None, "jax"):
        raise EngineError(f'there is no engine {engine!r}; write engine="jax", or leave it out' + at_line())
    if engine is None and (shardings is not None or mesh is not None):
        raise EngineError('shardings and mesh are for many devices; write engine="jax" too' + at_line())
    if engine is not None and memory is not None:
        raise EngineError('memory is for programs of chainrule\'s own; with engine="jax" leave it out' + at_line())
    kind: Any
    options: dict[str, Any]
    if engine == "jax":
        kind = imported("chainrule.compile.by_jax").ByJax
        options = {"donate": donate, "shardings": shardings, "mesh": mesh}
    else:
        kind = imported("chainrule.compile.compiled").Compiled
        options = {"donate": donate, "memory": memory}
    made = functools.partial(kind, **options)
    return made if f is None else made(f)


compiled_function.is_(compile)


class _Callable(types.ModuleType):
    """Makes the package callable: some importers (pytest's) replace the function `cr.compile` by this package."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
