"""Hand-written derivative rules of other libraries: `jax.custom_vjp`, and primitives of HIPS autograd.

The function itself is recorded as NumPy code: autograd's functions pass recorded arrays on to NumPy's, and those of
`jax.numpy` are replaced by NumPy's of the same name. A function that cannot be recorded is checked as one block.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.argnums import Argnums, name_of
from chainrule.array import value_of
from chainrule.block.own import OwnBlock
from chainrule.blocks import activations, normalisation
from chainrule.check.by_hand import HandWritten
from chainrule.check.by_hand.watched import array_of, unwatched
from chainrule.check.call import CheckedCall
from chainrule.errors import NoAnswer, asking_others
from chainrule.libraries import jax_in_double_precision
from chainrule.recording import record_call
from chainrule.trees import flatten

__all__ = ["CustomRule", "custom_rule"]


def custom_rule(f: Any) -> CustomRule | None:
    """The hand-written rule of a function of JAX or autograd; None for any other function."""
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(f, jax.custom_vjp):
        return _of_jax(f)
    core = sys.modules.get("autograd.core")
    if core is not None and getattr(f, "_is_autograd_primitive", False) and f in core.primitive_vjps:
        return _of_autograd(f, core.primitive_vjps[f])
    return None


@dataclass(frozen=True)
class CustomRule:
    """A function with a hand-written rule.

    Attributes
    ----------
    f : the function as NumPy code.
    own : the function as it is, on plain arrays.
    pull : `pull(cotangents, args)` gives one gradient for each argument, None for those without one.
    """

    f: Callable[..., Any]
    own: Callable[..., Any]
    pull: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]

    def by_hand(self, args: Sequence[Any], argnums: Argnums | None) -> HandWritten | None:
        """The call of f with its rule as the gradient written by hand; None if f cannot be recorded."""
        call = CheckedCall.of(self.f, argnums, args, {})
        results = flatten(self.own(*args))[0]
        if not _is_recorded_as(call, results):
            return None
        checked = [call.arguments.index(a) for a in call.checked]

        def backward(*given: Any) -> Any:
            grads = self.pull(given[: len(results)], given[len(results) :])
            return tuple(grads[i] for i in checked)

        roles = (*("cotangent",) * len(results), *(a.name for a in call.arguments))
        return HandWritten(backward, call, call, roles)

    def block(self) -> OwnBlock:
        """The function as one block with that rule."""

        def value(*operands: Any) -> Any:
            return _tree_of_arrays(self.own(*map(value_of, operands)))

        value.__name__ = value.__qualname__ = name_of(self.f)
        value.__signature__ = inspect.signature(self.f)  # type: ignore[attr-defined]
        made = OwnBlock(value)

        @made.backward
        def rule(dz: Any, z: Any, *operands: Any) -> Any:
            grads = self.pull(flatten(dz)[0], [value_of(x) for x in operands])
            return tuple(None if g is None else array_of(g) for g in grads)

        return made


def _tree_of_arrays(tree: Any) -> Any:
    leaves, rebuild = flatten(tree)
    return rebuild([array_of(x) for x in leaves])


def as_numpy(x: Any) -> Any:
    """An argument with JAX's arrays replaced by NumPy's."""
    leaves, rebuild = flatten(x)
    return rebuild([np.asarray(leaf) if type(leaf).__module__.startswith("jax") else leaf for leaf in leaves])


def _is_recorded_as(call: CheckedCall, results: Sequence[Any]) -> bool:
    """Whether f as NumPy code can be recorded, and has the results of the function itself."""
    try:
        with asking_others(), np.errstate(all="ignore"):
            recording = record_call(call, tuple(enumerate(call.labels)), tuple(call.leaves), {})
    except NoAnswer:
        return False
    ours, theirs = [np.asarray(value_of(z)) for z in recording.outputs], [array_of(z) for z in results]
    return (
        bool(recording.path.between)
        and len(ours) == len(theirs)
        and all(
            b is not None and a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
            for a, b in zip(ours, theirs, strict=True)
        )
    )


# HIPS autograd --------------------------------------------------------------------------------------------------------


def _of_autograd(f: Any, vjp: Callable[..., Any]) -> CustomRule:
    def pull(cotangents: Sequence[Any], args: Sequence[Any]) -> Sequence[Any]:
        floating = tuple(i for i, x in enumerate(args) if array_of(x) is not None and np.asarray(x).dtype.kind in "fc")
        with unwatched():
            answer = f.fun(*args)
        cotangent = cotangents[0] if not isinstance(answer, tuple) else tuple(cotangents)
        grads = dict(zip(floating, vjp(floating, answer, tuple(args), {})(cotangent), strict=True))
        return [grads.get(i) for i in range(len(args))]

    return CustomRule(f.fun, f.fun, pull)


# JAX ------------------------------------------------------------------------------------------------------------------


def _of_jax(f: Any) -> CustomRule:
    plain = inspect.unwrap(f.fun)
    static = f.nondiff_argnums

    def own(*args: Any) -> Any:
        with jax_in_double_precision():
            return f(*map(_as_jax, args))

    def pull(cotangents: Sequence[Any], args: Sequence[Any]) -> Sequence[Any]:
        with jax_in_double_precision():
            given = [_as_jax(x) for x in args]
            out, residuals = f.fwd(*given)
            leaves, rebuild = flatten(out)
            dz = rebuild([_as_jax(np.asarray(c, dtype=z.dtype)) for c, z in zip(cotangents, leaves, strict=True)])
            grads = iter(f.bwd(*(given[i] for i in static), residuals, dz))
            return [None if i in static else next(grads, None) for i in range(len(args))]

    return CustomRule(_in_numpy(plain), own, pull)


NN = types.SimpleNamespace(**{**vars(activations), **vars(normalisation)})
"""The replacement of jax.nn: blocks with the same names. Their results are compared with those of JAX."""


def _as_jax(x: Any) -> Any:
    leaves, rebuild = flatten(x)
    jnp = sys.modules["jax"].numpy
    return rebuild([jnp.asarray(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf for leaf in leaves])


def _in_numpy(f: Any, done: dict[int, Any] | None = None) -> Any:
    """A function of JAX's arrays as one of NumPy's: the same code, in which JAX's names mean NumPy's functions."""
    done = {} if done is None else done
    if id(f) in done or not isinstance(f, types.FunctionType):
        return done.get(id(f), f)
    outside = dict(f.__globals__)
    cells = tuple(types.CellType() for _ in f.__closure__ or ())
    made = types.FunctionType(f.__code__, outside, f.__name__, f.__defaults__, cells)
    made.__kwdefaults__ = f.__kwdefaults__
    done[id(f)] = made
    for name in f.__code__.co_names:
        if name in outside:
            outside[name] = _counterpart(outside[name], done)
    for own, cell in zip(f.__closure__ or (), cells, strict=True):
        with contextlib.suppress(ValueError):  # a cell that is still empty
            cell.cell_contents = _counterpart(own.cell_contents, done)
    return made


def _counterpart(x: Any, done: dict[int, Any]) -> Any:
    """The replacement of a module or a function of JAX; x itself if it is neither."""
    jax = sys.modules["jax"]
    if x is jax.numpy:
        return np
    if x is jax.nn:
        return NN
    if x is jax:
        return types.SimpleNamespace(numpy=np, nn=NN, jit=lambda f, **_: f)
    if isinstance(x, jax.custom_vjp):
        return _in_numpy(inspect.unwrap(x.fun), done)
    name, module = getattr(x, "__name__", ""), getattr(x, "__module__", None) or ""
    if callable(x) and module.startswith("jax"):
        for theirs, ours in ((jax.numpy, np), (jax.nn, NN)):
            if getattr(theirs, name, None) is x:
                return getattr(ours, name, x)
        return _in_numpy(inspect.unwrap(x), done)  # a function of the user's under jit
    return _in_numpy(x, done) if isinstance(x, types.FunctionType) else x
