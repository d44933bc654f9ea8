"""Transforms of functions: grad, value_and_grad, elementwise_grad, vjp, jvp, linearize.

All are the same three steps: give the function recorded inputs, run it, and backpropagate from its result.
When an input is itself recorded (a gradient of a gradient), so is the backward pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, overload

import numpy as np

from chainrule.answers import Above
from chainrule.argnums import Argnums, name_of, positions_of
from chainrule.array import Array, form_of, joined, value_of
from chainrule.block import Block, unlisted_block
from chainrule.errors import GradientError
from chainrule.hints import spelled
from chainrule.libraries import PLAIN, as_array_beside, is_complex, is_foreign, namespace_of
from chainrule.namespace import RECORDING
from chainrule.node import at_line
from chainrule.operands import numeric
from chainrule.recording import Recording, record_call, scalar_loss
from chainrule.trees import Tree, flatten

__all__ = [
    "checked_seed",
    "compiled_function",
    "derived_from",
    "elementwise_grad",
    "grad",
    "jvp",
    "linearize",
    "one_or_all",
    "ones_of",
    "stop_gradient",
    "tangents_of",
    "value_and_grad",
    "vjp",
]

P = ParamSpec("P")
R = TypeVar("R")
Aux = TypeVar("Aux")
G = TypeVar("G", bound=Callable[..., Any])


compiled_function = Above()
"""`cr.compile`: a function as native code."""


@unlisted_block(differentiable=False)
def stop_gradient(xp: Any, x: Any) -> Any:
    """The value of x as a new array, through which no gradient flows.

    It does not share the memory of x: a write into one of them does not change the other.

    Parameters
    ----------
    x : an array or a number; plain values are copied.

    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * cr.stop_gradient(x))(3.0)
    np.float64(3.0)

    Values that are written into the result have their gradients as usual:

    >>> import numpy as np
    >>> def f(x):
    ...     frozen = cr.stop_gradient(x)
    ...     frozen[0] = x[1]
    ...     return np.sum(x * frozen)
    >>> cr.grad(f)(np.array([2.0, 3.0]))
    array([3., 5.])
    """
    return x.copy(order="K") if isinstance(x, np.ndarray) else x


def one_or_all(argnums: Argnums, trees: tuple[Any, ...]) -> Any:
    return trees if isinstance(argnums, tuple | list) else trees[0]


# First derivatives -----------------------------------------------------------------------------------------


@overload
def value_and_grad(
    f: Callable[P, R], argnums: Argnums = 0, *, has_aux: Literal[False] = False, compile: bool = False
) -> Callable[P, tuple[R, Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, tuple[R, Aux]], argnums: Argnums = 0, *, has_aux: Literal[True], compile: bool = False
) -> Callable[P, tuple[tuple[R, Aux], Any]]: ...
@overload
def value_and_grad(
    f: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False, compile: bool = False
) -> Callable[P, tuple[Any, Any]]: ...
@spelled
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, compile: bool = False
) -> Callable[..., Any]:
    """A function that returns `(f(…), ∂f/∂argument)`.

    Parameters
    ----------
    f : a function that returns a scalar (the loss).
    argnums : the position or name of the argument, or a tuple of them. An argument may be an array or nested tuples,
        lists, dicts, named tuples, dataclasses or attrs classes of arrays; its gradient has the same structure, shapes
        and dtypes. A leaf without a gradient (an integer, a string, a function) is passed through, and its gradient is
        None. An argument that does not influence the loss gets zeros.
    has_aux : whether f returns a pair `(loss, aux)`, of which only the loss is differentiated. Then the function
        returns `((loss, aux), gradient)`. `aux` may be anything; recorded values in it become plain ones.
    compile : True for a function that is called often: the result is `cr.compile` of it.

    Raises
    ------
    GradientError : the loss is not a scalar, an argument is not of a floating type, or there is no such argument.

    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda x, y: x * y, argnums=("x", "y"))(2.0, 3.0)
    (6.0, (np.float64(3.0), np.float64(2.0)))

    >>> def loss_and_error(w):
    ...     error = w - 3.0
    ...     return error**2, {"error": error}
    >>> cr.value_and_grad(loss_and_error, has_aux=True)(1.0)
    ((4.0, {'error': -2.0}), np.float64(-4.0))

    >>> fast = cr.value_and_grad(lambda x: x**2, compile=True)
    >>> fast(3.0), fast(4.0), fast(5.0)
    ((9.0, np.float64(6.0)), (16.0, np.float64(8.0)), (25.0, np.float64(10.0)))
    """
    positions = positions_of(f, argnums)

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        main, aux = without_aux(f) if has_aux else (f, [])
        recording = record_call(main, positions, args, kwargs)
        loss = scalar_loss(recording, name_of(f))
        gradients = one_or_all(argnums, recording.gradients(recording.pull([ones_of(loss)])))
        value = recording.result()
        return ((value, recording.released(aux[0])) if has_aux else value), gradients

    made = derived_from(differentiated, f, "value_and_grad")
    return compiled_function(made) if compile else made


def without_aux(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[Any]]:
    """For f that returns `(result, aux)`: a function that returns only the result, and a list that receives aux."""
    aux: list[Any] = []

    def main(*args: Any, **kwargs: Any) -> Any:
        returned = f(*args, **kwargs)
        if type(returned) not in (tuple, list) or len(returned) != 2:
            what = f"{len(returned)} values" if isinstance(returned, tuple | list) else type(returned).__name__
            raise GradientError(
                f"with has_aux=True a function returns a pair (result, aux); {name_of(f)} returned {what}" + at_line()
            )
        aux.append(returned[1])
        return returned[0]

    return main, aux


@overload
def grad(
    f: Callable[P, Any], argnums: Argnums = 0, *, has_aux: Literal[False] = False, compile: bool = False
) -> Callable[P, Any]: ...
@overload
def grad(
    f: Callable[P, tuple[Any, Aux]], argnums: Argnums = 0, *, has_aux: Literal[True], compile: bool = False
) -> Callable[P, tuple[Any, Aux]]: ...
@overload
def grad(
    f: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False, compile: bool = False
) -> Callable[P, Any]: ...
@spelled
def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, compile: bool = False
) -> Callable[..., Any]:
    """A function that returns ∂f/∂argument. Like `value_and_grad`, but without the value.

    Parameters
    ----------
    f, argnums : as in `value_and_grad`. A tuple of arguments gives a tuple of gradients.
    has_aux : whether f returns `(loss, aux)`; the function then returns `(gradient, aux)`.
    compile : `cr.grad(f, compile=True)` is `cr.compile(cr.grad(f))`.

    Raises
    ------
    GradientError : as in `value_and_grad`.

    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])

    A gradient is a function like any other, so it can be differentiated again:

    >>> bool(cr.grad(cr.grad(np.sin))(0.5) == -np.sin(0.5))
    True
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    made = derived_from(gradient, f, "grad")
    return compiled_function(made) if compile else made


@spelled
def elementwise_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the derivative of f entry by entry: ∂(sum of f)/∂argument, in its shape.

    For a function that acts on each entry separately this is f′ at each entry. HIPS autograd has the same function.

    Parameters
    ----------
    f : a function that returns an array.
    argnums : as in `grad`; the derivative has the shape and dtype of the argument.

    >>> import numpy as np, chainrule as cr
    >>> x = np.array([0.0, 1.0, 2.0])
    >>> cr.elementwise_grad(lambda x: x**3)(x)
    array([ 0.,  3., 12.])
    """
    positions = positions_of(f, argnums, "elementwise_grad")

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        recording = record_call(f, positions, args, kwargs)
        gradients = recording.pull([ones_of(out) for out in recording.outputs])
        return one_or_all(argnums, recording.gradients(gradients))

    return derived_from(differentiated, f, "elementwise_grad")


def derived_from(g: G, f: Callable[..., Any], what: str) -> G:
    """Give a derived function the signature of the one that it came from, so that argument names keep working."""
    g.__name__ = g.__qualname__ = f"{what}({name_of(f)})"
    g.__doc__ = f"{what} of {name_of(f)}."
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return g
    if isinstance(f, Block) and f.takes_xp:
        signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    g.__signature__ = signature  # type: ignore[attr-defined]
    return g


def ones_of(out: Any) -> Any:
    value = form_of(out)
    if isinstance(value, float):
        return np.float64(1.0)
    if type(value) is complex:
        return np.complex128(1.0)
    if isinstance(value, np.generic):
        return type(value)(1)
    return namespace_of((value,)).ones_like(value)


def vjp(f: Callable[..., Any], *args: Any, has_aux: bool = False) -> Any:
    """Run f and return `(f(*args), pullback)`: `pullback(dz)` gives one gradient for each argument.

    Parameters
    ----------
    f : a function of arrays (or trees of arrays) that returns an array or a tree of arrays.
    args : its arguments; all of a floating type.
    has_aux : whether f returns a pair `(output, aux)`; then `vjp` returns `(output, pullback, aux)`.

    `dz` has the structure and shapes of the output. It may have extra leading axes K, the same for all outputs; the
    gradients then have them too.

    >>> import numpy as np, chainrule as cr
    >>> z, pullback = cr.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    main, aux = without_aux(f) if has_aux else (f, [])
    recording = record_call(main, tuple((i, "") for i in range(len(args))), args, {})

    def pullback(dz: Any) -> tuple[Any, ...]:
        seeds, _ = flatten(dz)
        if len(seeds) != len(recording.outputs):
            raise GradientError(
                f"{name_of(f)} returned {len(recording.outputs)} arrays, the cotangent has {len(seeds)}" + at_line()
            )
        seeds = [checked_seed(s, out) for s, out in zip(seeds, recording.outputs, strict=True)]
        return recording.gradients(recording.pull(seeds))

    if has_aux:
        return recording.result(), pullback, recording.released(aux[0])
    return recording.result(), pullback


def checked_seed(seed: Any, out: Any) -> Any:
    """A cotangent, checked against its output."""
    value = form_of(out)
    shape = np.shape(value)
    if isinstance(seed, bool | int | float | complex | list | tuple) and not isinstance(seed, np.generic):
        seed = joined(np.asarray(seed))
        if type(seed) is not Array:
            seed = seed.astype(getattr(value, "dtype", seed.dtype))
    elif type(seed) is not Array and not is_foreign(seed):
        seed = seed if type(seed) in PLAIN else numeric(joined(seed))
        if isinstance(seed, np.ndarray) and is_foreign(value):
            seed = as_array_beside(seed, [value])
    if tuple(seed.shape[len(seed.shape) - len(shape) :]) != shape:
        raise GradientError(
            f"the cotangent of an output of shape {shape} cannot be of shape {tuple(seed.shape)}" + at_line()
        )
    if is_complex(seed) and not is_complex(value):
        raise GradientError("the cotangent of a real output must be real, this one is complex" + at_line())
    return seed


@spelled
def jvp(f: Callable[..., Any], args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Forward mode: `(f(*args), J · tangents)`, the directional derivative of f at args.

    Parameters
    ----------
    f : a function of arrays (or trees of arrays) that returns an array or a tree of arrays.
    args : its arguments, as a tuple; all of a floating type.
    tangents : a direction for each argument, as a tuple; each of the structure and shapes of its argument.

    Raises
    ------
    GradientError : args or tangents is not a tuple, or a tangent does not fit its argument.

    >>> import numpy as np, chainrule as cr
    >>> cr.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if not (isinstance(args, tuple | list) and isinstance(tangents, tuple | list)):
        raise GradientError("args and tangents are tuples: write cr.jvp(f, (x,), (v,))" + at_line())
    out, pushforward = linearize(f, *args)
    return out, pushforward(*tangents)


@spelled
def linearize(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[..., Any]]:
    """Run f once and return `(f(*args), pushforward)`: `pushforward(*tangents)` is J · tangents, without running f.

    Parameters
    ----------
    f, args : as in `jvp`, with the arguments one by one. `tangents` are given in the same way.

    >>> import numpy as np, chainrule as cr
    >>> z, pushforward = cr.linearize(np.sin, 0.0)
    >>> pushforward(1.0), pushforward(2.0)
    (np.float64(1.0), np.float64(2.0))
    """
    recording = record_call(f, tuple((i, "") for i in range(len(args))), args, {})
    transposed = transposed_pull(recording)

    def pushforward(*tangents: Any) -> Any:
        if len(tangents) != len(args):
            raise GradientError(f"{len(args)} arguments but {len(tangents)} tangents" + at_line())
        vectors = tangents_of(recording.trees, tangents, "tangents")
        for x, t in zip(recording.given, vectors, strict=True):
            if np.shape(form_of(x)) != np.shape(form_of(t)):
                raise GradientError(
                    f"an argument of shape {np.shape(form_of(x))} has a tangent of shape {np.shape(form_of(t))}"
                    + at_line()
                )
        return recording.rebuild_outputs(transposed([*vectors]))

    return recording.result(), pushforward


def transposed_pull(recording: Recording) -> Callable[[Sequence[Any]], list[Any]]:
    """The function that maps tangents of the inputs, with any leading axes, to those of the outputs.

    The pullback is linear in its cotangent, so pulling it back once more pushes tangents forward.
    """
    # dz may have any values except zeros, which mean masked entries.
    ones = [ones_of(out) for out in recording.outputs]
    push = record_call(lambda *dz: tuple(recording.pull(dz)), tuple((i, "") for i in range(len(ones))), tuple(ones), {})

    def pushed(tangents: Sequence[Any]) -> list[Any]:
        found = push.pull([checked_seed(t, g) for t, g in zip(tangents, push.outputs, strict=True)])
        if recording.recorded or any(type(t) is Array for t in tangents):
            return found
        return [value_of(t) for t in found]

    return pushed


def tangents_of(trees: Sequence[Tree], given: Sequence[Any], what: str) -> list[Any]:
    """The leaves of a tangent for each argument, one for each leaf to differentiate."""
    tangents = [tree.of_tangents(t) for tree, t in zip(trees, given, strict=True)]
    for tree, t in zip(trees, tangents, strict=True):
        if len(t) != len(tree.leaves):
            raise GradientError(
                f"{what} of an argument with {len(tree.leaves)} arrays to differentiate: {len(t)} arrays were given"
                + at_line()
            )
    return [leaf for t in tangents for leaf in t]


# Rules derived from the inside-----------------------------------------------------------------------------


def pull_through_inside(
    self: Block, dz: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
) -> Sequence[Any]:
    """The gradients of a block without a backward rule: by the chain rule over the inside of its forward rule."""
    chosen = [i for i, want in enumerate(wanted) if want]

    def inside(*active: Any) -> Any:
        full = list(operands)
        for i, a in zip(chosen, active, strict=True):
            full[i] = a
        return self.forward(RECORDING, *full, **params)

    _, pullback = vjp(inside, *(operands[i] for i in chosen))
    grads: list[Any] = [None] * len(operands)
    for i, g in zip(chosen, pullback(dz), strict=True):
        grads[i] = g
    return grads


Block.pull_through_inside = pull_through_inside
