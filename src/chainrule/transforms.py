"""Transforms of functions: grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp.

All are the same three steps: give the function recorded inputs, run it, and backpropagate from its result.
When an input is itself recorded (a gradient of a gradient), so is the backward pass.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.array import Array, form_of, joined, value_of
from chainrule.block import Block, unlisted_block
from chainrule.errors import GradientError
from chainrule.libraries import PLAIN, dtype_of, is_complex, is_foreign, is_inexact, namespace_of
from chainrule.namespace import RECORDING
from chainrule.node import at_line
from chainrule.operands import numeric
from chainrule.recording import Argnums, name_of, positions_of, record_call, scalar_loss
from chainrule.trees import Tree, flatten

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "local_gradient",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]


@unlisted_block(differentiable=False, view=True)
def stop_gradient(xp: Any, x: Any) -> Any:
    """The value of x, through which no gradient flows.

    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * cr.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return x


def _one_or_all(argnums: Argnums, trees: tuple[Any, ...]) -> Any:
    return trees if isinstance(argnums, tuple | list) else trees[0]


# First derivatives -----------------------------------------------------------------------------------------


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns `(f(…), ∂f/∂argument)`.

    Parameters
    ----------
    f : a function that returns a scalar (the loss).
    argnums : the position or name of the argument, or a tuple of them. An argument may be an array or nested tuples,
        lists, dicts, named tuples, dataclasses or attrs classes of arrays; its gradient has the same structure, shapes
        and dtypes. A leaf without a gradient (an integer, a string, a function) is passed through, and its gradient is
        None. An argument that does not influence the loss gets zeros.

    Raises
    ------
    GradientError : the loss is not a scalar, an argument is not of a floating type, or there is no such argument.

    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda x, y: x * y, argnums=("x", "y"))(2.0, 3.0)
    (6.0, (np.float64(3.0), np.float64(2.0)))
    """
    positions = positions_of(f, argnums)

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        recording = record_call(f, positions, args, kwargs)
        loss = scalar_loss(recording, name_of(f))
        grads = recording.pull([ones_of(loss)])
        return recording.result(), _one_or_all(argnums, recording.gradients(grads))

    return derived_from(differentiated, f, "value_and_grad")


def grad(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns ∂f/∂argument. As `value_and_grad`, without the value.

    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])

    A gradient is a function like any other, so it can be differentiated again:

    >>> cr.grad(cr.grad(np.sin))(0.5) == -np.sin(0.5)
    np.True_
    """
    both = value_and_grad(f, argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return derived_from(gradient, f, "grad")


def derived_from(g: Callable[..., Any], f: Callable[..., Any], what: str) -> Callable[..., Any]:
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


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Run f and return `(f(*args), pullback)`: `pullback(dz)` gives one gradient for each argument.

    Parameters
    ----------
    f : a function of arrays (or trees of arrays) that returns an array or a tree of arrays.
    args : its arguments; all of a floating type.

    `dz` has the structure and shapes of the output. It may have extra leading axes K, the same for all outputs; the
    gradients then have them too.

    >>> import numpy as np, chainrule as cr
    >>> z, pullback = cr.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    recording = record_call(f, tuple((i, "") for i in range(len(args))), args, {})

    def pullback(dz: Any) -> tuple[Any, ...]:
        seeds, _ = flatten(dz)
        if len(seeds) != len(recording.outputs):
            raise GradientError(
                f"{name_of(f)} returned {len(recording.outputs)} arrays, the cotangent has {len(seeds)}" + at_line()
            )
        seeds = [checked_seed(s, out) for s, out in zip(seeds, recording.outputs, strict=True)]
        return recording.gradients(recording.pull(seeds))

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
    if tuple(seed.shape[len(seed.shape) - len(shape) :]) != shape:
        raise GradientError(
            f"the cotangent of an output of shape {shape} cannot be of shape {tuple(seed.shape)}" + at_line()
        )
    if is_complex(seed) and not is_complex(value):
        raise GradientError("the cotangent of a real output must be real, this one is complex" + at_line())
    return seed


def jvp(f: Callable[..., Any], args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Forward mode: `(f(*args), J · tangents)`, the directional derivative of f at args.

    It is derived: the pullback is linear in its cotangent, so pulling it back once more pushes tangents forward.

    >>> import numpy as np, chainrule as cr
    >>> cr.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if not (isinstance(args, tuple | list) and isinstance(tangents, tuple | list)):
        raise GradientError("args and tangents are tuples: write cr.jvp(f, (x,), (v,))" + at_line())
    if len(args) != len(tangents):
        raise GradientError(f"{len(args)} arguments but {len(tangents)} tangents" + at_line())
    trees = [Tree(x) for x in args]
    vectors = _tangents(trees, tangents, "tangents")
    for x, t in zip([leaf for tree in trees for leaf in tree.leaves], vectors, strict=True):
        if np.shape(form_of(x)) != np.shape(form_of(t)):
            raise GradientError(
                f"an argument of shape {np.shape(form_of(x))} has a tangent of shape {np.shape(form_of(t))}" + at_line()
            )
    recording = record_call(f, tuple((i, "") for i in range(len(args))), tuple(args), {})
    # The pullback is linear, so it may be recorded at any dz. Not at zeros: they mean masked entries.
    ones = [ones_of(out) for out in recording.outputs]
    push = record_call(lambda *dz: tuple(recording.pull(dz)), tuple((i, "") for i in range(len(ones))), tuple(ones), {})
    pushed = push.pull([checked_seed(t, g) for t, g in zip(vectors, push.outputs, strict=True)])
    if not (recording.recorded or any(type(v) is Array for v in vectors)):
        pushed = [value_of(t) for t in pushed]
    return recording.result(), recording.rebuild_outputs(pushed)


def _tangents(trees: Sequence[Tree], given: Sequence[Any], what: str) -> list[Any]:
    """The leaves of a tangent for each argument, one for each leaf to differentiate."""
    tangents = [tree.of_tangents(t) for tree, t in zip(trees, given, strict=True)]
    for tree, t in zip(trees, tangents, strict=True):
        if len(t) != len(tree.leaves):
            raise GradientError(
                f"{what} of an argument with {len(tree.leaves)} arrays to differentiate: {len(t)} arrays were given"
                + at_line()
            )
    return [leaf for t in tangents for leaf in t]


# Jacobians and second derivatives --------------------------------------------------------------------------


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns ∂f/∂argument in the usual layout: shape `output.shape + argument.shape`.

    One backward pass carries a whole identity matrix of cotangents, as leading axes.
    Trees of outputs or arguments give trees of Jacobians: the output's structure outside, the argument's inside.

    >>> import numpy as np, chainrule as cr
    >>> cr.jacobian(np.cumsum)(np.array([1.0, 2.0, 3.0]))
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """
    positions = positions_of(f, argnums, "jacobian")

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        recording = record_call(f, positions, args, kwargs)
        rows = []
        for i, out in enumerate(recording.outputs):
            pulled = recording.pull(_identity_seeds(recording.outputs, i))
            if is_complex(form_of(out)):
                pulled = _of_complex_result(recording, i, pulled)
            rows.append(_one_or_all(argnums, recording.gradients(pulled)))
        return recording.rebuild_outputs(rows)

    return derived_from(differentiated, f, "jacobian")


def _identity_seeds(outputs: list[Any], which: int) -> list[Any]:
    """An identity matrix of cotangents for one of the outputs, zeros for the others."""
    shape = np.shape(form_of(outputs[which]))
    seeds = []
    for i, out in enumerate(outputs):
        value = form_of(out)
        xp, dtype = namespace_of((value,)), dtype_of(value)
        if i == which:
            seeds.append(xp.reshape(with_absent_zeros(xp.eye(math.prod(shape), dtype=dtype)), shape + shape))
        else:
            seeds.append(xp.zeros(shape + np.shape(value), dtype=dtype))
    return seeds


def _of_complex_result(recording: Any, which: int, pulled: list[Any]) -> list[Any]:
    """The Jacobians of a complex output.

    The cotangents 1 and i pull back the gradients of its real and of its imaginary part. For a real argument these are
    the parts of the derivative. For a complex argument they must agree, else there is no complex derivative.
    """
    seeds = _identity_seeds(recording.outputs, which)
    seeds[which] = 1j * seeds[which]
    jacobians = []
    for node, a, b in zip(recording.inputs, pulled, recording.pull(seeds), strict=True):
        if not is_complex(node.value):
            jacobians.append(a + 1j * b)
            continue
        expected = 1j * value_of(a)
        if not np.allclose(value_of(b), expected, rtol=1e-6, atol=1e-6 * float(np.max(abs(expected), initial=0.0))):
            raise GradientError(
                "the function is not holomorphic, so its Jacobian is not one complex matrix; "
                "take the Jacobians of np.real(f(z)) and np.imag(f(z))" + at_line()
            )
        jacobians.append(np.conj(a))
    return jacobians


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the second derivatives of a scalar f: shape `argument.shape + argument.shape`.

    >>> import numpy as np, chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return derived_from(jacobian(grad(f, argnums), argnums), f, "hessian")


def hvp(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function `(*args, v)` that returns the Hessian of a scalar f times v, without building the Hessian.

    v has the structure of the chosen argument (a tuple of them where `argnums` is a tuple) and comes last.

    >>> import numpy as np, chainrule as cr
    >>> cr.hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    array([6., 6.])
    """
    positions = positions_of(f, argnums, "hvp")
    gradient = grad(f, argnums if isinstance(argnums, tuple | list) else (argnums,))

    def product(*args: Any, **kwargs: Any) -> Any:
        *rest, v = args or (None,)
        if any(i >= len(rest) and name not in kwargs for i, name in positions):
            raise GradientError(
                f"hvp of {name_of(f)} needs its arguments and then v: cr.hvp(f)(x, v), v of the shape of x" + at_line()
            )
        recording = record_call(gradient, positions, tuple(rest), kwargs)
        several = isinstance(argnums, tuple | list)
        if several and len(v) != len(recording.trees):
            raise GradientError(f"v has {len(v)} parts for {len(recording.trees)} arguments" + at_line())
        vectors = _tangents(recording.trees, v if several else (v,), "v")
        seeds = [checked_seed(v, out) for v, out in zip(vectors, recording.outputs, strict=True)]
        # The Hessian is symmetric, so the gradient's pullback of v is H v.
        return _one_or_all(argnums, recording.gradients(recording.pull(seeds)))

    product.__name__ = product.__qualname__ = f"hvp({name_of(f)})"
    return product


def local_gradient(f: Callable[..., Any], *inputs: Any, layout: str = "notes", **params: Any) -> Any:
    """The local gradient (Jacobian) of a block at the given inputs.

    Parameters
    ----------
    f : a block such as `cr.softmax` or `np.multiply`, or any function.
    inputs : its operands; those of a floating type are differentiated.
    layout : `"notes"`: shape `x.shape + z.shape`, a row for each input entry, so ∂L/∂x = J ∂L/∂z;
        `"usual"`: shape `z.shape + x.shape`, a row for each output entry.
    params : the block's parameters.

    Returns a Jacobian, or a tuple with one for each differentiable operand if there are several.

    >>> import numpy as np, chainrule as cr
    >>> cr.local_gradient(cr.softmax, np.array([0.0, 0.0]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    if layout not in ("notes", "usual"):
        raise GradientError(f'layout is "notes" or "usual", not {layout!r}')
    inputs = tuple(np.asarray(x) if isinstance(x, list | tuple) else x for x in inputs)
    chosen = tuple(i for i, x in enumerate(inputs) if is_inexact(form_of(x)))
    if not chosen:
        raise GradientError(f"no input of {name_of(f)} is of a floating type, so it has no local gradient" + at_line())

    def of_chosen(*active: Any) -> Any:
        full = list(inputs)
        for i, x in zip(chosen, active, strict=True):
            full[i] = x
        return f(*full, **params)

    active = [inputs[i] for i in chosen]
    jacobians = jacobian(of_chosen, tuple(range(len(chosen))))(*active)
    if layout == "notes":
        jacobians = tuple(_rows_by_input(j, x) for j, x in zip(jacobians, active, strict=True))
    return jacobians if len(chosen) > 1 else jacobians[0]


def _rows_by_input(j: Any, x: Any) -> Any:
    inner = len(np.shape(form_of(x)))
    outer = len(j.shape) - inner
    return np.transpose(j, (*range(outer, outer + inner), *range(outer)))


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
