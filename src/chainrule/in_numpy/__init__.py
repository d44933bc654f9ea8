"""NumPy computes functions that another library lacks: for JAX's arrays, and PyTorch's tensors on the CPU.

Such a function is one step of that library, with a derivative that chainrule gives: it works under `jax.jit`,
`jax.grad`, `jax.vmap`, `torch.func` and `.backward()`. The derivative is such a step too, so there are derivatives of
all orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.answers import block_in_numpy, pulled_in_numpy
from chainrule.array import Array
from chainrule.block import Block, Elementwise
from chainrule.errors import Unreachable
from chainrule.forks import imported
from chainrule.libraries import is_complex, is_foreign, is_inexact
from chainrule.step import record
from chainrule.transforms import jvp, vjp
from chainrule.trees import flatten

__all__ = ["InNumpy", "NumpyFunction", "in_numpy"]


Forms = Sequence[tuple[tuple[int, ...], Any]]


class NumpyFunction:
    """A function of NumPy's arrays, with its derivatives, which are `NumpyFunction`s too.

    Called with arrays it returns a tuple of arrays: the leaves of what f returns.

    Attributes
    ----------
    f : the function of NumPy's arrays; chainrule can differentiate it.
    entrywise : whether each entry of its result depends on one entry of each operand only.
    forms : the shapes and dtypes of the results if they are known before a call, else None.
    rebuild : builds the return value of f from its leaves; set by a call.
    """

    def __init__(self, f: Callable[..., Any], entrywise: bool = False, forms: Forms | None = None):
        self.f = f
        self.entrywise = entrywise
        self.forms = forms
        self.rebuild: Callable[[list[Any]], Any] = list

    def __call__(self, *operands: Any) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):  # other libraries do not warn
            leaves, self.rebuild = flatten(self.f(*operands))
        return tuple(leaves)

    def _differentiable(self, places: Sequence[int], operands: Sequence[Any]) -> Callable[..., Any]:
        """The floating results as a function of the operands at these places."""

        def of_some(*some: Any) -> Any:
            given = list(operands)
            for i, x in zip(places, some, strict=True):
                given[i] = x
            return tuple(z for z in flatten(self.f(*given))[0] if is_inexact(z))

        return of_some

    def pulled(self, places: Sequence[int], count: int, forms: Forms | None = None) -> NumpyFunction:
        """The gradients of some of the `count` operands: a function of the operands and the results' cotangents."""

        def gradients(*given: Any) -> Any:
            operands, cotangents = given[:count], given[count:]
            z, pullback = vjp(self._differentiable(places, operands), *(operands[i] for i in places))
            return pullback(tuple(map(_as_cotangent, cotangents, z)))

        return NumpyFunction(gradients, forms=forms)

    def pushed(self, places: Sequence[int], count: int) -> NumpyFunction:
        """The tangents of the results: a function of the `count` operands and the tangents of some of them."""

        def tangents(*given: Any) -> Any:
            operands, directions = given[:count], given[count:]
            return jvp(self._differentiable(places, operands), tuple(operands[i] for i in places), directions)[1]

        return NumpyFunction(tangents)

    def slope(self, place: int) -> NumpyFunction:
        """∂z/∂x by one operand of an entrywise function, entry by entry: a function of the operands."""

        def entries(*operands: Any) -> Any:
            x = np.broadcast_to(operands[place], np.broadcast_shapes(*map(np.shape, operands)))
            return jvp(self._differentiable((place,), operands), (x,), (np.ones_like(x),))[1]

        return NumpyFunction(entries, entrywise=True)


def _as_cotangent(dz: Any, z: Any) -> Any:
    """A cotangent of another library, which may be complex where NumPy's result is real, as for eigenvalues."""
    return np.real(dz) if is_complex(dz) and not is_complex(z) else dz


def in_numpy(
    f: Callable[..., Any], operands: Sequence[Any], entrywise: bool = False, forms: Forms | None = None
) -> Any:
    """f(*operands) for a function of NumPy's arrays, as a step of the library of the operands.

    Raises Unreachable if NumPy cannot compute with the arrays of that library, or on their device.
    """
    import array_api_compat as api

    places = [i for i, x in enumerate(operands) if is_foreign(x)]

    def of_arrays(*arrays: Any) -> Any:
        given = list(operands)
        for i, x in zip(places, arrays, strict=True):
            given[i] = x
        return f(*given)

    arrays = [operands[i] for i in places]
    if all(map(api.is_torch_array, arrays)):
        library = "torch"
    elif all(map(api.is_jax_array, arrays)):
        library = "jax"
    else:
        raise Unreachable("give it NumPy's: np.asarray(x)")
    function = NumpyFunction(of_arrays, entrywise, forms)
    leaves = imported(f"chainrule.in_numpy.for_{library}").call(function, arrays)
    return function.rebuild(list(leaves))


class InNumpy(Block):
    """A function of NumPy's arrays as a block for arrays of other libraries: NumPy computes its gradient too.

    Attributes
    ----------
    function : takes NumPy's arrays and the parameters; chainrule can differentiate it.
    """

    def __init__(self, function: Callable[..., Any], name: str, entrywise: bool = False, complex: bool = True):
        def rule(xp: Any, *operands: Any, **params: Any) -> Any:
            return in_numpy(partial(function, **params), operands, entrywise)

        super().__init__(rule, leading_axes=True, complex=complex)
        self.name = name
        self.function = function

    @property
    def has_rule(self) -> bool:
        return True

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        places = [i for i, want in enumerate(wanted) if want]
        function, given = NumpyFunction(partial(self.function, **params)), (*operands, dz)
        if not any(type(x) is Array for x in given):
            lead = dz.shape[: dz.ndim - len(z.shape)]
            forms = [(tuple(lead + operands[i].shape), operands[i].dtype) for i in places]
            found = in_numpy(function.pulled(places, len(operands)), given, forms=forms)
        else:  # a block for each gradient, so that it can be differentiated again
            each = [function.pulled([i], len(operands)) for i in places]
            found = [record(InNumpy(partial(_only, f), f"{self.name}_backward"), given) for f in each]
        gradients: list[Any] = [None] * len(operands)
        for i, g in zip(places, found, strict=True):
            gradients[i] = g
        return gradients


def _only(f: NumpyFunction, *arrays: Any) -> Any:
    return f(*arrays)[0]


@block_in_numpy.is_
def _block_in_numpy(block: Block) -> Block:
    """A block for arrays of a library that lacks what the block's rules need."""
    found = _BLOCKS.get(block)
    if found is None:
        found = InNumpy(block, block.name, isinstance(block, Elementwise), block.complex)
        found.differentiable = block.differentiable
        if block.pure:  # the library's own: a user's may be made anew on each call
            _BLOCKS[block] = found
    return found


_BLOCKS: dict[Block, InNumpy] = {}


@pulled_in_numpy.is_
def _pulled_in_numpy(
    block: Block, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
) -> Sequence[Any]:
    return _block_in_numpy(block).pull(None, dz, z, operands, params, wanted)
