"""Reductions: sums, means, products, extremes and spreads along axes. Axes arrive counted from the right."""

import inspect
import math

import numpy as np

from chainrule.array import Array, form_of
from chainrule.block import answers, axis_from_right, bounds, library_block
from chainrule.block.dependence import along_axis
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.limits import ROOTS, pulled_root, root_elsewhere, scale_of
from chainrule.blocks.plain import plain_of
from chainrule.blocks.shaping import as_array
from chainrule.domains import apart, example, far_from_zero, normal
from chainrule.errors import BlockError, RecordingError
from chainrule.formula import call, total
from chainrule.hints import keyword_hint
from chainrule.libraries import is_complex, is_differentiated_there, is_inexact, is_numpy, is_traced
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.step import record


def axes_of(axis):
    return axis if isinstance(axis, tuple) else (axis,)


def axes_text(x, axis):
    """The axes as written below the sign of a reduction: empty if all are reduced."""
    axes = axes_of(axis)
    return "" if len(axes) == x.ndim else ",".join(str(a % x.ndim) for a in sorted(axes))


def expand(xp, reduced, x, axis, lead=()):
    """Put the reduced axes back, so that a reduced array of shape lead + … broadcasts against x again."""
    axes = {a % x.ndim for a in axes_of(axis)} if x.ndim else set()
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return reduced if reduced.shape == lead + shape else xp.reshape(reduced, lead + shape)


def spread(xp, dz, z, x, axis):
    """A cotangent of a reduction, with the reduced axes back in place (of length 1) unless it is a single number."""
    if not dz.shape:
        return dz
    return expand(xp, dz, x, axis, dz.shape[: dz.ndim - z.ndim])


def count(x, axis):
    """The number of entries that are reduced to one."""
    return math.prod(x.shape[a] for a in axes_of(axis)) if x.ndim else 1


@library_block(
    bounds=bounds.total,
    notation=lambda x, axis, keepdims: total(x, axes_text(x, axis)),
    complex=True,
    example=example(normal(2, 3)),
    dependence=along_axis,
)
def sum(xp, x, axis=None, keepdims=False):
    """z = Σ x along the axes."""
    return xp.sum(x, axis=axis, keepdims=keepdims)


@sum.backward
def sum_backward(xp, dz, z, x, axis=None, keepdims=False):
    dz = spread(xp, dz, z, x, axis)
    return xp.broadcast_to(dz, dz.shape[: dz.ndim - x.ndim] + x.shape)


@library_block(
    bounds=bounds.mean,
    notation=lambda x, axis, keepdims: call("mean", x, index=axes_text(x, axis)),
    complex=True,
    example=example(normal(2, 3)),
    dependence=along_axis,
)
def mean(xp, x, axis=None, keepdims=False):
    """z = (1/n) Σ x along the axes, over the n entries that are reduced to one."""
    return xp.mean(x, axis=axis, keepdims=keepdims)


@mean.backward
def mean_backward(xp, dz, z, x, axis=None, keepdims=False):
    dz = spread(xp, dz, z, x, axis) / max(count(x, axis), 1)
    return xp.broadcast_to(dz, dz.shape[: dz.ndim - x.ndim] + x.shape)


@library_block(
    notation=lambda x, axis, keepdims: call("prod", x, index=axes_text(x, axis)),
    complex=True,
    example=example(far_from_zero(2, 3), axis=-1),
    dependence=along_axis,
)
def prod(xp, x, axis=None, keepdims=False):
    """z = Π x along the axes. Halves are multiplied recursively, so that the gradient is exact where x has zeros."""
    if is_numpy(xp):
        return np.prod(x, axis=axis, keepdims=keepdims)
    axes = sorted(axes_of(axis))
    rest = [i for i in range(-x.ndim, 0) if i not in axes]
    kept = tuple(x.shape[i] for i in rest)
    x_rows = xp.reshape(xp.permute_dims(x, tuple(a + x.ndim for a in rest + axes)), (*kept, count(x, axis)))
    while (n := x_rows.shape[-1]) > 1:
        halves = x_rows[..., : n // 2] * x_rows[..., n // 2 : n // 2 * 2]
        x_rows = xp.concat([halves, x_rows[..., n - 1 :]], axis=-1) if n % 2 else halves
    z = x_rows[..., 0] if x_rows.shape[-1] else xp.ones(kept, dtype=x.dtype)
    return expand(xp, z, x, axis) if keepdims else z


@prod.backward
def prod_backward(xp, dz, z, x, axis=None, keepdims=False):
    """dz z/x if no entry is 0 or so small or large that z has lost digits; else through the products of halves."""
    sizes = abs(z)
    if bool(xp.all((sizes > 1e-30) & (sizes < 1e30))):
        return spread(xp, dz * conjugate(xp, z), z, x, axis) / conjugate(xp, x)
    return prod.pull_through_inside(dz, [x], {"axis": axis, "keepdims": keepdims}, [True])[0]


def _extreme(function, name):
    def rule(xp, x, axis=None, keepdims=False):
        return getattr(xp, name)(x, axis=axis, keepdims=keepdims)

    rule.__name__ = name
    rule.__doc__ = (
        f"The {'largest' if name == 'max' else 'smallest'} entry along the axes; ties share the gradient evenly."
    )
    notation = lambda x, axis, keepdims: call(name, x, index=axes_text(x, axis))  # noqa: E731
    made = library_block(
        function,
        bounds=bounds.mean,
        notation=notation,
        example=example(apart(2, 3), axis=-1),
        dependence=along_axis,
    )(rule)

    @made.backward
    def rule_backward(xp, dz, z, x, axis=None, keepdims=False):
        largest = expand(xp, z, x, axis)
        hit = xp.astype(x == largest, x.dtype)
        share = hit / xp.sum(hit, axis=axis, keepdims=True)
        if is_traced(form_of(x)) and is_inexact(form_of(x)):  # XLA makes 0 of this 0/0
            share = xp.where(xp.isnan(largest), largest, share)
        return spread(xp, dz, z, x, axis) * share

    made.picks = True
    return made


max_ = _extreme(np.max, "max")
min_ = _extreme(np.min, "min")


@library_block(
    notation=lambda x, axis, ddof, keepdims: call("var", x, index=axes_text(x, axis)),
    complex=True,
    example=example(normal(2, 3), axis=-1),
    dependence=along_axis,
)
def var(xp, x, axis=None, ddof=0, keepdims=False):
    """z = Σ (x − mean x)² / (n − ddof) along the axes."""
    if is_numpy(xp):
        return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)
    return _mean_square(xp, _deviation(xp, x, axis), axis, ddof, keepdims)


def _mean_square(xp, deviation, axis, ddof, keepdims):
    return xp.sum(square_of(xp, deviation), axis=axis, keepdims=keepdims) / (count(deviation, axis) - ddof)


def square_of(xp, x):
    """|x|², a real number."""
    return xp.real(x) ** 2 + xp.imag(x) ** 2 if is_complex(x) else x**2


def _deviation(xp, x, axis):
    return x - xp.mean(x, axis=axis, keepdims=True)


@var.backward
def var_backward(xp, dz, z, x, axis=None, ddof=0, keepdims=False):
    return spread(xp, dz, z, x, axis) * (2 / (count(x, axis) - ddof) * _deviation(xp, x, axis))


@library_block(
    bounds=bounds.within(0, math.inf),
    notation=lambda x, axis, ddof, keepdims: call("std", x, index=axes_text(x, axis)),
    complex=True,
    example=example(normal(2, 3), axis=-1),
    dependence=along_axis,
)
def std(xp, x, axis=None, ddof=0, keepdims=False):
    """z = sqrt(var x). Where z = 0 the gradient is 0, as for a norm."""
    if is_numpy(xp):
        return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)
    deviation = _deviation(xp, x, axis)
    square = _mean_square(xp, deviation, axis, ddof, keepdims)
    return root_elsewhere(xp, square, deviation, axis, keepdims) if is_differentiated_there(x) else xp.sqrt(square)


@std.backward
def std_backward(xp, dz, z, x, axis=None, ddof=0, keepdims=False):
    along = lambda y: spread(xp, y / (count(x, axis) - ddof), z, x, axis)  # noqa: E731
    root = lambda xp, d: xp.sqrt(_mean_square(xp, d, axis, ddof, keepdims))  # noqa: E731
    return pulled_root(xp, dz, z, along, _deviation(xp, x, axis), axis, root)


ROOTS.add(std)
std.flat_at_infinity = True


def reduced_shape(x, axis):
    axes = {a % x.ndim for a in axes_of(axis)} if x.ndim else set()
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


@library_block(
    notation=lambda x, axis: call("cumsum", x), complex=True, example=example(normal(2, 3)), dependence=along_axis
)
def cumsum(xp, x, axis=-1):
    """z_i = x_0 + … + x_i along one axis."""
    return np.cumsum(x, axis=axis) if is_numpy(xp) else xp.cumsum(x, axis)


@cumsum.backward
def cumsum_backward(xp, dz, z, x, axis=-1):
    return xp.flip(cumsum(xp.flip(dz, axis=axis), axis=axis), axis=axis)


# NumPy's own signatures ----------------------------------------------------------------------------------------


def _numpy_reduction(function, made):
    """The answer for a NumPy function, which takes more arguments than the block."""

    def general(a, axis=None, dtype=None, keepdims=False, initial=None, where=True, **others):
        a = as_array(a)
        initial = None if initial is np._NoValue else initial
        if initial is not None and made in (max_, min_) and a.dtype.kind == "b":
            initial = bool(initial)
        keepdims = keepdims is not np._NoValue and bool(keepdims)
        if dtype is not None:
            if made in (var, std) and is_complex(form_of(a)) and np.dtype(dtype).kind != "c":
                raise BlockError(f"the {made.name} of complex numbers with a real dtype; leave dtype= out" + at_line())
            a = np.astype(a, dtype)
        if "correction" in others:  # the Array API's name
            others["ddof"] = others.pop("correction")
        ddof = form_of(others.get("ddof", 0))
        if np.ndim(ddof) or is_complex(ddof):
            what = "a complex number" if is_complex(ddof) else "an array"
            raise BlockError(f"numpy.{made.name} with {what} as ddof; give one real number" + at_line())
        if where is not True or "mean" in others or isinstance(others.get("ddof"), Array):
            z = _reduced_where(made, a, axis, keepdims, initial, where, **others)
        elif others:
            z = made(a, axis=axis, keepdims=keepdims, **others)
        else:
            z = made(a, axis=axis, keepdims=keepdims)
        if initial is not None:
            z = _JOIN[made](z, initial)
        return z if dtype is None or z.dtype == dtype else np.astype(z, dtype)  # NumPy's sums of int32 are int64

    signature = inspect.signature(function)

    @answers(function)
    def numpy_reduction(a, axis=None, *args, keepdims=False, **others):
        usual = type(a) is Array and not args and not others and (keepdims is True or keepdims is False)
        if usual and (ndim := a.ndim):
            return record(made, (a,), {**made.defaults, "axis": axis_from_right(axis, ndim), "keepdims": keepdims})
        if keepdims is not False:  # else it may be among the positional arguments
            others["keepdims"] = keepdims
        for name in others.keys() - signature.parameters.keys():
            raise TypeError(f"numpy.{made.name} has no argument {name}={keyword_hint(name)}")
        given = signature.bind(a, axis, *args, **others).arguments
        if given.pop("out", None) is not None:
            raise RecordingError(f"out= of numpy.{made.name} with a recorded array: use the returned array" + at_line())
        return answered(general, f"numpy.{made.name}", function, (given.pop("a"),), given)

    return numpy_reduction


_JOIN = {sum: np.add, prod: np.multiply, max_: np.maximum, min_: np.minimum}
"""The operation that combines the initial value with a reduction."""

_NEUTRAL = {sum: 0, prod: 1, max_: -math.inf, min_: math.inf}
"""The neutral element of a reduction, which replaces entries that are left out."""


def _reduced_where(made, a, axis, keepdims, initial, where, **others):
    """A reduction of the entries where a condition holds."""
    where = np.broadcast_to(where.astype(bool) if isinstance(where, Array) else np.asarray(where, bool), a.shape)
    if made in _NEUTRAL:
        if initial is None and made in (max_, min_):
            raise RecordingError(f"numpy.{made.name} with where= needs initial=, as in NumPy" + at_line())
        neutral = _NEUTRAL[made]
        if a.dtype.kind in "iu" and made in (max_, min_):
            neutral = np.iinfo(a.dtype).min if made is max_ else np.iinfo(a.dtype).max
        return made(np.where(where, a, neutral), axis=axis, keepdims=keepdims, **others)
    n = np.sum(where, axis=axis, keepdims=True)
    given = others.pop("mean", None)
    if not isinstance(given, int | float | complex | None):
        given = as_array(given)
    center = sum(np.where(where, a, 0.0), axis=axis, keepdims=True) / n if given is None else given
    if made is mean:
        z = center
    else:
        deviation = np.where(where, a - center, 0.0)
        n = np.maximum(n - others.pop("ddof", 0), 0)
        z = _sum_of_squares(deviation, where, axis) / n
        if made is std:
            scale = scale_of(deviation, axis)
            if scale is not None:
                z = _sum_of_squares(deviation / scale, where, axis) / n
            flat = z == 0  # there the gradient is 0, as for a norm
            z = np.where(flat, 0.0, np.sqrt(np.where(flat, 1.0, z)))
            z = z if scale is None else scale * z
    if others:
        raise RecordingError(f"numpy.{made.name} with {', '.join(others)} and where= is not covered" + at_line())
    dtype = np.result_type(a.dtype if a.dtype.kind in "fc" else np.float64, *_kinds(given))
    z = np.astype(z, np.empty(0, dtype).real.dtype if made in (var, std) else dtype)
    return z if keepdims else np.reshape(z, reduced_shape(a, axis_from_right(axis, a.ndim)))[()]


def _sum_of_squares(deviation, where, axis):
    return sum(np.where(where, square_of(np, deviation), 0.0), axis=axis, keepdims=True)


def _kinds(x):
    """The dtype that a given mean contributes to the variance; none for a Python number."""
    return [] if x is None else [getattr(x, "dtype", x)]


for _function, _block in {
    np.sum: sum,
    np.mean: mean,
    np.prod: prod,
    np.var: var,
    np.std: std,
    np.max: max_,
    np.amax: max_,
    np.min: min_,
    np.amin: min_,
}.items():
    _numpy_reduction(_function, _block)


@answers(np.cumsum)
def numpy_cumsum(a, axis=None, dtype=None, out=None):
    """np.cumsum: without an axis, of the flattened array."""
    if out is not None:
        raise RecordingError("numpy.cumsum(out=…) with a recorded array: use the returned array" + at_line())
    a = a if dtype is None else np.astype(a, dtype)
    z = cumsum(np.ravel(a)) if axis is None or not a.ndim else cumsum(a, axis=axis)
    return z if dtype is None or z.dtype == dtype else np.astype(z, dtype)


def _counting(function):
    """A reduction to integers or booleans, where the gradient ends."""
    name = function.__name__

    def rule(xp, x, axis=None, keepdims=False):
        if isinstance(axis, tuple) and name.startswith("arg"):
            axis = None  # argmax of all axes is that of the flattened array
        return getattr(xp, name)(x, axis=axis, keepdims=keepdims)

    rule.__name__ = name
    notation = lambda x, axis, keepdims: call(name, x, index=axes_text(x, axis))  # noqa: E731
    made = library_block(differentiable=False, notation=notation, example=example(normal(2, 3), axis=-1))(rule)

    @answers(function)
    def numpy_counting(a, axis=None, *args, keepdims=False, **others):
        if args or others:  # out=, where=: of the values
            return function(plain_of(a), axis, *map(plain_of, args), keepdims=keepdims, **plain_of(others))
        return made(a, axis=axis, keepdims=keepdims)

    return made


argmax, argmin, any_, all_ = map(_counting, (np.argmax, np.argmin, np.any, np.all))
count_nonzero = _counting(np.count_nonzero)
