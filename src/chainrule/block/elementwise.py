"""Elementwise blocks: a block defines only its local derivatives; the chain rule and broadcasting are added here."""

from __future__ import annotations

import cmath
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.array import Array, form_of, node_of
from chainrule.block.base import Block
from chainrule.block.bounds import Bounds
from chainrule.block.dependence import entrywise
from chainrule.block.making import BLOCKS, UNLISTED, answers, of_the_library, unlisted_block
from chainrule.domains import Example, normal
from chainrule.libraries import (
    NUMPY,
    count_nonzero,
    is_complex,
    is_foreign,
    is_inexact,
    is_numpy,
    namespace_of,
    numpys,
)
from chainrule.step import record
from chainrule.warnings_of_numpy import DIVISIONS

__all__ = [
    "Elementwise",
    "as_floats",
    "elementwise",
    "in_one_precision",
    "in_precision",
    "minus_one",
    "one",
    "product_or_zero",
    "singular",
    "sum_to",
    "unless_masked",
]


class Elementwise(Block):
    """A block that acts on each entry alone; its backward rule follows from one local derivative for each operand.

    For complex numbers the cotangent is multiplied by the conjugate of the derivative (PyTorch's convention). Where
    ∂L/∂z is exactly 0, so is ∂L/∂x, even if ∂z/∂x is infinite or NaN there: the entry was masked out, or a factor goes
    to 0 as fast (x √x at 0).
    """

    at_zero: Callable[..., Any] | None = None
    """The gradient of a length in a recorded backward pass, which knows the limit where ∂L/∂z and z are both 0."""

    def __init__(self, rule: Callable[..., Any], derivatives: tuple[Any, ...], **options: Any):
        super().__init__(rule, leading_axes=True, dependence=entrywise, **options)
        self.derivatives = derivatives

    @property
    def has_rule(self) -> bool:
        return True

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        grads: list[Any] = []
        taken = None
        for operand, derivative, want in zip(operands, self.derivatives, wanted):  # noqa: B905, it costs
            grad = None
            if want and derivative is not None:
                if derivative is one:
                    grad = dz
                elif derivative is minus_one:
                    grad = -dz
                else:
                    if taken is None:
                        taken = _with_the_digits_of(z, operands) if len(operands) > 1 else operands
                    try:
                        slope = derivative(xp, z, *taken, **params)
                    except (ZeroDivisionError, OverflowError):  # Python's numbers raise where NumPy's give inf
                        with np.errstate(all="ignore"):
                            slope = derivative(xp, z, *map(numpys, taken), **params)
                    if is_complex(slope):
                        slope = xp.conj(slope)
                    grad = _times_slope(xp, dz, slope)
                    if self.at_zero is not None and type(dz) is Array:
                        grad = self.at_zero(xp, dz, z, operand, grad)
                shape = z.shape
                if operand.shape != shape or grad.shape != dz.shape:
                    grad = sum_to(xp, grad, operand.shape, shape)
            grads.append(grad)
        return grads


def _with_the_digits_of(z: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """The operands in the precision of the forward pass, which is that of z.

    In their own dtypes 1/y of a float32 beside float64 would have seven digits, and y² of an int8 would wrap.
    Integers and booleans become int64, because the degree of some polynomials must be an integer.
    """
    dtype = z.dtype
    for x in operands:
        if getattr(x, "dtype", dtype) is not dtype:
            return [_as_int64(x) if _is_small_integer(x) else in_precision(x, dtype) for x in operands]
    return operands


def _is_small_integer(x: Any) -> bool:
    """Whether x is a NumPy value of integers or truth values that all fit into int64."""
    own = getattr(x, "dtype", None)
    return isinstance(own, np.dtype) and own.kind in "biu" and own != np.uint64


def _as_int64(x: Any) -> Any:
    return ANSWERS[np.astype](x, np.int64, copy=False)


def in_precision(x: Any, dtype: Any) -> Any:
    """x with at least the digits of a dtype; real numbers stay real."""
    own = getattr(x, "dtype", None)
    if own is None:  # a Python number takes the precision of the array beside it
        return x
    if not isinstance(own, np.dtype) and not isinstance(dtype, np.dtype):
        return _in_precision_of_library(x, dtype)
    if not isinstance(own, np.dtype) or not isinstance(dtype, np.dtype) or dtype.kind not in "fc":
        return x
    if own.kind != "c":
        dtype = np.finfo(dtype).dtype
    if own.kind in "biu" or (own.kind == dtype.kind and own.itemsize < dtype.itemsize):
        return ANSWERS[np.astype](x, dtype)
    return x


def _in_precision_of_library(x: Any, dtype: Any) -> Any:
    """Like `in_precision`, for another library. PyTorch computes 1/n of integers in its default precision."""
    if x.dtype == dtype:
        return x
    xp = namespace_of((form_of(x),))
    floating = ("real floating", "complex floating")
    if not xp.isdtype(dtype, floating):
        return x
    if xp.isdtype(dtype, "complex floating") and not xp.isdtype(x.dtype, "complex floating"):
        dtype = xp.real(xp.zeros(1, dtype=dtype)).dtype
    if xp.isdtype(x.dtype, floating):
        alike = xp.isdtype(x.dtype, "complex floating") == xp.isdtype(dtype, "complex floating")
        if not alike or xp.finfo(x.dtype).bits >= xp.finfo(dtype).bits:
            return x
    return record(BLOCKS["cast"], (x,), {"dtype": dtype}) if type(x) is Array else xp.astype(x, dtype)


def as_floats(x: Any) -> Any:
    """x, with integers and truth values as numbers of double precision.

    Functions that NumPy lacks need this: differences of unsigned integers would wrap, booleans have no minus, and an
    exponential of int8 would have three digits.
    """
    own = getattr(x, "dtype", None)
    if isinstance(own, np.dtype) and own.kind in "biu":
        return ANSWERS[np.astype](x, np.float64)
    return x


def in_one_precision(*arrays: Any) -> tuple[Any, ...]:
    """Arrays with the digits of their common dtype, as NumPy converts the operands of one function.

    Otherwise a product of two int8 among them would wrap, and one of two float32 would be rounded to seven digits.
    """
    dtypes = {x.dtype for x in arrays}
    if len(dtypes) == 1:
        return arrays
    forms = [form_of(x) for x in arrays]
    if len({is_foreign(x) for x in forms}) == 2:  # NumPy's constants take the dtype of another library's arrays
        return arrays
    numpys = sum(isinstance(dtype, np.dtype) for dtype in dtypes)
    if numpys == len(dtypes):
        common = np.result_type(*dtypes)
    elif numpys:
        return arrays
    else:
        common = namespace_of(forms).result_type(*dtypes)
    return tuple(in_precision(x, common) for x in arrays)


def one(xp: Any, z: Any, *operands: Any) -> Any:
    """The local derivative 1: the cotangent passes unchanged."""
    return xp.ones_like(z)


def minus_one(xp: Any, z: Any, *operands: Any) -> Any:
    """The local derivative −1."""
    return -xp.ones_like(z)


def elementwise(
    name: str,
    forward: Callable[..., Any],
    *derivatives: Callable[..., Any] | None,
    notation: Callable[..., Any] | None = None,
    answers_for: tuple[Any, ...] = (),
    differentiable: bool = True,
    complex: bool = False,
    example: Example | None = None,
    listed: bool = True,
    flat_at_infinity: bool | Callable[..., bool] = False,
    grows: bool = False,
    bounds: Bounds | None = None,
) -> Elementwise:
    """One line of the table of elementwise blocks.

    Parameters
    ----------
    forward : the rule `(xp, x, …)`.
    derivatives : for each operand the local derivative ∂z/∂x as a rule `(xp, z, x, …)`, entry by entry; None for zero.
        One with poles is wrapped in `singular`.
    complex : whether it takes complex numbers. ∂z/∂x is then the complex derivative; its conjugate is taken for you.
    example : operands to show and check it with; by default any numbers.
    listed : False for an internal block, which no page lists.
    flat_at_infinity : whether the derivative is 0 where operand and result are infinite, as that of log and of sqrt;
        or a function of the operands (nodes or constants) that returns this.
    grows : whether it overflows where its operand is still far from overflow, as exp.
    bounds : the range of the result (see `chainrule.block.bounds`).
    Arguments of `forward` with a default are parameters, and the derivatives take them too.
    """
    example = example or Example((normal(2, 3),) * len(derivatives))
    made = Elementwise(
        forward,
        derivatives,
        notation=notation,
        differentiable=differentiable,
        complex=complex,
        example=example,
        bounds=bounds,
    )
    made.name = name
    made.flat_at_infinity = flat_at_infinity
    made.grows = grows
    vars(made).update(__name__=name, __qualname__=name)
    (BLOCKS if differentiable and listed else UNLISTED)[of_the_library(made)] = made
    answers(*answers_for)(made)
    return made


def _is_finite(slope: Any) -> bool:
    """Whether a local derivative is known to have no infinite and no NaN entry. It must cost next to nothing."""
    value = node_of(slope).value if type(slope) is Array else slope
    if type(value) is np.ndarray:
        return count_nonzero(np.isfinite(value)) == value.size  # half the time of `.all()`
    return type(value) in NUMPY and cmath.isfinite(value)


def _masked(xp: Any, dz: Any, slope: Any) -> Any:
    """dz times a local derivative, and 0 where dz is 0, even if the derivative is infinite or NaN there.

    Its derivative selects too, so masked entries stay zero in derivatives of every order.
    """
    with np.errstate(invalid="ignore"):
        dx = xp.where((dz == 0) & ~xp.isfinite(slope), 0.0, dz * slope)
    return dx[()] if is_numpy(xp) else dx


def _times_slope(xp: Any, dz: Any, slope: Any) -> Any:
    """dz times a local derivative, and 0 where dz is 0. A recorded product checks this on each run."""
    if type(slope) is not Array:
        if type(slope) not in NUMPY and not is_inexact(slope) and is_foreign(slope):
            # booleans, which other libraries may not multiply
            slope = xp.astype(slope, form_of(dz).dtype)
        if _is_finite(slope):
            return dz * slope
        return product_or_zero(dz, slope) if type(dz) is Array else _masked(xp, dz, slope)
    if not is_inexact(slope) or (type(dz) in NUMPY and np.all(dz != 0)):
        return dz * slope
    return product_or_zero(dz, slope)


@unlisted_block(notation=lambda dz, slope: dz * slope, dependence=entrywise)
def product_or_zero(xp: Any, dz: Any, slope: Any) -> Any:
    """dz times a local derivative; 0 where dz is 0, even if the derivative is infinite or NaN there."""
    return dz * slope if _is_finite(slope) else _masked(xp, dz, slope)


@product_or_zero.backward
def product_or_zero_backward(xp: Any, dx: Any, z: Any, dz: Any, slope: Any) -> Any:
    """Masked entries stay zero in derivatives of every order."""
    if type(slope) is Array or not _is_finite(slope):
        dx = unless_masked(dx, dz, slope)
    operands = ((dz, slope), (slope, dz))
    return tuple(
        sum_to(xp, _times_slope(xp, dx, xp.conj(y) if is_complex(y) else y), np.shape(x), z.shape) for x, y in operands
    )


@unlisted_block(notation=lambda dx, dz, slope: dx, dependence=entrywise)
def unless_masked(xp: Any, dx: Any, dz: Any, slope: Any) -> Any:
    """dx, but 0 where `product_or_zero(dz, slope)` does not multiply."""
    return xp.where((dz == 0) & ~xp.isfinite(slope), 0.0, dx)


@unless_masked.backward
def unless_masked_backward(xp: Any, dz2: Any, z: Any, dx: Any, dz: Any, slope: Any) -> Any:
    return sum_to(xp, unless_masked(dz2, dz, slope), np.shape(dx), z.shape), None, None


def singular(derivative: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a local derivative with poles. A pole that matters shows in the gradient, so there is no warning."""

    @functools.wraps(derivative)
    def quietly(*args: Any, **params: Any) -> Any:
        return DIVISIONS.ignored_in(derivative, args, params)

    return quietly


def sum_to(xp: Any, dz: Any, shape: tuple[int, ...], z_shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum a cotangent of shape K + z_shape over the axes along which `shape` was repeated."""
    if not shape and dz.shape == z_shape:
        return xp.sum(dz)
    if dz.ndim < len(z_shape) or dz.shape[dz.ndim - len(z_shape) :] != z_shape:
        # A rule may return fewer axes than z has if it does not need them all.
        dz = xp.broadcast_to(dz, np.broadcast_shapes(dz.shape, z_shape))
    lead = dz.shape[: dz.ndim - len(z_shape)]
    missing = len(z_shape) - len(shape)
    axes = tuple(i - len(z_shape) for i, n in enumerate(z_shape) if i < missing or (shape[i - missing] == 1 and n != 1))
    if axes:
        dz = xp.sum(dz, axis=axes, keepdims=not missing)
    return dz if dz.shape == lead + shape else xp.reshape(dz, lead + shape)
