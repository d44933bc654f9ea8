"""Transforms of functions: jacobian, jacfwd, hessian, hvp, local_gradient.

A Jacobian is one pass with a whole identity matrix of cotangents or tangents, as leading axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, overload

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.answers import Above
from chainrule.argnums import Argnums, name_of, positions_of
from chainrule.array import form_of, value_of
from chainrule.errors import GradientError
from chainrule.hints import spelled
from chainrule.libraries import dtype_of, is_complex, is_inexact, namespace_of
from chainrule.node import at_line
from chainrule.recording import record_call
from chainrule.transforms import checked_seed, derived_from, grad, one_or_all, tangents_of, transposed_pull

__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev", "local_gradient", "structured_hessian"]

P = ParamSpec("P")

structured_hessian = Above()
"""The function behind `hessian(f, structure=True)`."""


@spelled
def jacobian(f: Callable[P, Any], argnums: Argnums = 0) -> Callable[P, Any]:
    """A function that returns ∂f/∂argument in the usual layout: shape `output.shape + argument.shape`.

    One backward pass carries a whole identity matrix of cotangents, as leading axes.
    Trees of outputs or arguments give trees of Jacobians: the output's structure outside, the argument's inside.

    Parameters
    ----------
    f : a function that returns an array or a tree of arrays. A complex output needs a holomorphic f for a complex
        argument.
    argnums : the position or name of the argument, or a tuple of them, as in `grad`.

    Raises
    ------
    GradientError : an argument has no gradient, or a complex output is not holomorphic.

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
            rows.append(one_or_all(argnums, recording.gradients(pulled)))
        return recording.rebuild_outputs(rows)

    return derived_from(differentiated, f, "jacobian")


jacrev = jacobian


@spelled
def jacfwd(f: Callable[P, Any], argnums: Argnums = 0) -> Callable[P, Any]:
    """Like `jacobian`, in forward mode: one pass carries a whole identity matrix of tangents, as leading axes.

    It is faster for a function with fewer inputs than outputs.

    Parameters
    ----------
    f, argnums : as in `jacobian`, for real numbers only.

    >>> import numpy as np, chainrule as cr
    >>> cr.jacfwd(lambda t: np.stack([np.cos(t), np.sin(t), t]))(0.0)
    array([0., 1., 1.])
    """
    positions = positions_of(f, argnums, "jacfwd")

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        recording = record_call(f, positions, args, kwargs)
        outputs = recording.outputs
        if any(is_complex(form_of(x)) for x in (*recording.given, *outputs)):
            raise GradientError("jacfwd takes real functions; for complex ones use jacobian" + at_line())
        pushed = transposed_pull(recording)
        columns = [pushed(_identity_seeds(recording.given, i)) for i in range(len(recording.given))]
        rows = []
        for i, out in enumerate(outputs):
            inner = len(np.shape(form_of(out)))
            jacobians = [_rows_by_input(column[i], inner) for column in columns]
            rows.append(one_or_all(argnums, recording.gradients(jacobians)))
        return recording.rebuild_outputs(rows)

    return derived_from(differentiated, f, "jacfwd")


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


@overload
def hessian(f: Callable[P, Any], argnums: Argnums = 0, *, structure: Literal[False] = False) -> Callable[P, Any]: ...
@overload
def hessian(f: Callable[P, Any], argnums: int | str = 0, *, structure: Literal[True]) -> Callable[P, Any]: ...
@spelled
def hessian(f: Callable[..., Any], argnums: Argnums = 0, *, structure: bool = False) -> Callable[..., Any]:
    """A function that returns the second derivatives of a scalar f: shape `argument.shape + argument.shape`.

    Parameters
    ----------
    f : a function that returns a real scalar.
    argnums : the position or name of the argument, or a tuple of them, as in `grad`. For several arguments, or a tree,
        the result is a tree of trees: one block for each pair of leaves.
    structure : True for a matrix that keeps the structure which the computation has, in memory that grows with its
        parts: diagonal, blocks, bands, Kronecker products, low rank plus diagonal. Its rows and columns are the entries
        of one array, in the order of `ravel`. It has `H @ v`, `H.solve(b)`, `H.dense()`, `H.tosparse()`,
        `H.diagonal()` and `H.kind`. Where no structure is found, `H @ v` is a Hessian-vector product, and the rest
        takes the dense matrix.

    >>> import numpy as np, chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])

    One layer's weights, and a ridge:

    >>> def loss(W, x):
    ...     return -cr.log_softmax(W @ x)[0] + 0.5 * np.sum(W**2)
    >>> H = cr.hessian(loss, structure=True)(np.eye(10, 784), np.linspace(0, 1, 784))
    >>> H.kind, H.shape, H.stored
    ('Kronecker product plus a multiple of I', (7840, 7840), 794)
    >>> np.ptp(H @ H.solve(np.ones(7840)) - 1) < 1e-12
    np.True_
    """
    if structure:
        return structured_hessian(f, argnums)
    return derived_from(jacobian(grad(f, argnums), argnums), f, "hessian")


@spelled
def hvp(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function `(*args, v)` that returns the Hessian of a scalar f times v, without building the Hessian.

    Parameters
    ----------
    f : a function that returns a real scalar.
    argnums : the position or name of the argument, or a tuple of them, as in `grad`.

    The last argument v of the returned function has the structure of the chosen argument, or is a tuple of such if
    `argnums` is a tuple. The result has the structure of v. It costs about as much as two gradients.

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
        vectors = tangents_of(recording.trees, v if several else (v,), "v")
        seeds = [checked_seed(v, out) for v, out in zip(vectors, recording.outputs, strict=True)]
        # The Hessian is symmetric, so the gradient's pullback of v is H v.
        return one_or_all(argnums, recording.gradients(recording.pull(seeds)))

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
        jacobians = tuple(_rows_by_input(j, len(np.shape(form_of(x)))) for j, x in zip(jacobians, active, strict=True))
    return jacobians if len(chosen) > 1 else jacobians[0]


def _rows_by_input(j: Any, inner: int) -> Any:
    """A Jacobian with its last `inner` axes first."""
    outer = len(j.shape) - inner
    return np.transpose(j, (*range(outer, outer + inner), *range(outer)))
