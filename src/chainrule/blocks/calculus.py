"""Calculus on samples: differences, slopes, areas, running products, convolution, interpolation."""

import numpy as np

from chainrule.array import Array, form_of
from chainrule.block import answers, axis_from_right, library_block
from chainrule.block.dependence import along_axis
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex, is_inexact, is_numpy
from chainrule.node import at_line
from chainrule.step import owned

# Differences and slopes ------------------------------------------------------------------------------------------


@answers(np.diff)
def numpy_diff(a, n=1, axis=-1, prepend=None, append=None):
    """np.diff: z_i = a_(i+1) − a_i along one axis, n times."""
    if n < 0:
        raise BlockError(f"diff of order {n}; the order counts how often, so it is not negative" + at_line())
    a = as_array(a)
    if n == 0:
        return a
    axis = axis_from_right(axis, a.ndim)
    ends = [a if end is a else _end(end, a, axis) for end in (prepend, a, append) if end is not None]
    a = np.concatenate(ends, axis=axis) if len(ends) > 1 else a
    difference = np.not_equal if a.dtype.kind == "b" else np.subtract
    for _ in range(n):
        a = difference(_from(a, 1, axis), _until(a, -1, axis))
    return a


def _end(end, a, axis):
    """The values that np.diff puts before or after: a number means a slice filled with it."""
    shape = list(np.shape(a))
    shape[axis] = 1
    return np.broadcast_to(end, shape) if np.ndim(end) == 0 else end


def _from(a, start, axis):
    return a[(..., slice(start, None), *(slice(None),) * (-1 - axis))]


def _until(a, stop, axis):
    return a[(..., slice(None, stop), *(slice(None),) * (-1 - axis))]


@answers(np.ediff1d)
def numpy_ediff1d(ary, to_end=None, to_begin=None):
    ary = as_array(ary)
    steps = numpy_diff(np.ravel(ary))
    parts = [
        p if isinstance(p, Array) else np.asarray(p, ary.dtype) for p in (to_begin, steps, to_end) if p is not None
    ]
    return np.concatenate([np.ravel(p) for p in parts])


@answers(np.gradient)
def numpy_gradient(f, *varargs, axis=None, edge_order=1):
    """np.gradient: slopes by differences of second order in the interior, of the given order at the ends."""
    f = as_array(f)
    f = f if is_inexact(form_of(f)) else f.astype(np.float64)
    axes = axis_from_right(axis if axis is None or isinstance(axis, tuple) else (axis,), f.ndim)
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise BlockError(f"gradient along {len(axes)} axes with {len(varargs)} spacings" + at_line())
    slopes = tuple(_slopes(f, h, i, edge_order) for h, i in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f, h, axis, edge_order):
    """The slopes along one axis: three-point formulas for samples h apart, or at the coordinates h."""
    f = np.moveaxis(f, axis, -1)
    n = f.shape[-1]
    if n < edge_order + 1:
        raise BlockError(f"gradient with edge_order={edge_order} needs at least {edge_order + 1} samples" + at_line())
    if np.ndim(h):
        h = as_array(h)
        steps = np.diff(h if is_inexact(form_of(h)) else np.astype(h, np.float64))  # differences of bytes would wrap
    else:
        steps = h * np.ones(n - 1)
    a, b = steps[:-1], steps[1:]  # before and after an interior sample
    inner = -b / (a * (a + b)) * f[..., :-2] + (b - a) / (a * b) * f[..., 1:-1] + a / (b * (a + b)) * f[..., 2:]
    if edge_order == 1:
        first, last = (f[..., 1] - f[..., 0]) / steps[0], (f[..., -1] - f[..., -2]) / steps[-1]
    else:
        first = _end_slope(f[..., 0], f[..., 1], f[..., 2], steps[0], steps[1])
        last = -_end_slope(f[..., -1], f[..., -2], f[..., -3], steps[-1], steps[-2])
    z = np.concatenate([first[..., None], inner, last[..., None]], axis=-1)
    return owned(np.moveaxis(np.astype(z, f.dtype), -1, axis))


def _end_slope(f0, f1, f2, a, b):
    """The slope at f0 of the parabola through three samples, with steps a and b between them."""
    return -(2 * a + b) / (a * (a + b)) * f0 + (a + b) / (a * b) * f1 - a / (b * (a + b)) * f2


@answers(np.trapezoid)
def numpy_trapezoid(y, x=None, dx=1.0, axis=-1):
    """np.trapezoid: the area under straight lines between the samples."""
    y = as_array(y)
    axis = axis_from_right(axis, y.ndim)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.diff(x, axis=axis)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1, *(1,) * (-1 - axis)))
    return np.sum(dx * (_from(y, 1, axis) + _until(y, -1, axis)) / 2.0, axis=axis)


# Running products ------------------------------------------------------------------------------------------------


@library_block(
    notation=lambda x, axis: call("cumprod", x), complex=True, example=example(normal(2, 3)), dependence=along_axis
)
def cumprod(xp, x, axis=-1):
    """z_i = x_0 … x_i along one axis."""
    return np.cumprod(x, axis=axis) if is_numpy(xp) else xp.cumulative_prod(x, axis=axis)


@cumprod.backward
def cumprod_backward(xp, dz, z, x, axis=-1):
    """∂L/∂x_i = (x_0 … x_(i−1)) s_i, with s_i = dz_i + x_(i+1) s_(i+1). No division, so zeros are exact.

    The recurrence is solved in log₂ n steps, each of which doubles the distance looked ahead
    (W. D. Hillis and G. L. Steele, Data parallel algorithms, 1986).
    """
    n = x.shape[axis]
    if n == 0:
        return dz
    x, z = conjugate(xp, x), conjugate(xp, z)
    before = xp.concat([xp.ones_like(_until(x, 1, axis)), _until(z, -1, axis)], axis=axis)
    s, factor, step = dz, _ahead(xp, x, 1, axis), 1
    while step < n:
        s = s + factor * _ahead(xp, s, step, axis)
        factor = factor * _ahead(xp, factor, step, axis)
        step *= 2
    return before * s


def _ahead(xp, x, step, axis):
    """The entries `step` positions ahead, zeros beyond the end."""
    later = _from(x, step, axis)
    return xp.concat([later, xp.zeros_like(_until(x, step, axis))], axis=axis)


@answers(np.cumprod)
def numpy_cumprod(a, axis=None, dtype=None, out=None):
    """np.cumprod: without an axis, of the flattened array."""
    if out is not None:
        raise BlockError("numpy.cumprod(out=…) with a recorded array: use the returned array" + at_line())
    a = a if dtype is None else np.astype(a, dtype)
    return cumprod(np.ravel(a)) if axis is None or not a.ndim else cumprod(a, axis=axis)


@answers(np.cumulative_prod)
def numpy_cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    z = numpy_cumprod(x, _only_axis(x, axis), dtype, out)
    return _with_initial(z, 1.0, axis) if include_initial else z


@answers(np.cumulative_sum)
def numpy_cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    if out is not None:
        raise BlockError("numpy.cumulative_sum(out=…) with a recorded array: use the returned array" + at_line())
    z = np.cumsum(x if dtype is None else np.astype(x, dtype), axis=_only_axis(x, axis))
    return _with_initial(z, 0.0, axis) if include_initial else z


def _only_axis(x, axis):
    if axis is None and x.ndim > 1:
        raise BlockError(f"a running sum or product of an array with {x.ndim} axes needs axis=" + at_line())
    if isinstance(axis, tuple) and len(axis) == 1:  # NumPy takes it too
        return axis[0]
    return -1 if axis is None else axis


def _with_initial(z, initial, axis):
    axis = -1 if axis is None or z.ndim == 1 else axis_from_right(axis, z.ndim)
    return np.concatenate([np.full_like(_until(form_of(z), 1, axis), initial), z], axis=axis)


# Convolution and interpolation -------------------------------------------------------------------------------------


@library_block(notation=lambda x, y: call("convolve", x, y), complex=True, example=example(normal(4), normal(2)))
def convolve(xp, x, y):
    """z_k = Σ_i x_i y_(k−i), for vectors, at every position where they overlap."""
    if is_numpy(xp):
        return np.convolve(x, y)
    n, m = x.shape[0], y.shape[0]
    beyond = xp.zeros(m - 1, dtype=x.dtype)
    products = _windows(xp, xp.concat([beyond, x, beyond]), m) * xp.flip(y)
    overlap = np.arange(n + m - 1)[:, None] + np.arange(m)
    overlap = xp.asarray((overlap >= m - 1) & (overlap < n + m - 1))
    return xp.sum(xp.where(overlap, products, 0), axis=-1)  # a NaN of y counts only where x overlaps it


@convolve.backward("x")
def convolve_dx(xp, dz, z, x, y):
    return _correlated(xp, dz, y)


@convolve.backward("y")
def convolve_dy(xp, dz, z, x, y):
    return _correlated(xp, dz, x)


def _correlated(xp, dz, y):
    """Σ_k dz_k conj(y_(k−i)), where y lies within dz."""
    if is_numpy(xp) and dz.ndim == 1:
        return np.correlate(dz, y, "valid")  # which conjugates y, and needs no memory for the windows
    return _windows(xp, dz, y.shape[0]) @ conjugate(xp, y)


def _windows(xp, x, n):
    """All windows of n entries of the last axis: shape … + (number of windows, n)."""
    return x[..., xp.asarray(np.arange(x.shape[-1] - n + 1)[:, None] + np.arange(n))]


@answers(np.convolve)
def numpy_convolve(a, v, mode="full"):
    a, v = np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))
    return _overlap(convolve(a, v), a.shape[0], v.shape[0], mode)


@answers(np.correlate)
def numpy_correlate(a, v, mode="valid"):
    """np.correlate: Σ_n a_(k+n) conj(v_n), a convolution with v reversed; NumPy slides the shorter along the longer."""
    a, v = as_array(a), conjugate(np, as_array(v))
    n, m = a.shape[0], v.shape[0]
    if n < m:
        return owned(np.flip(_overlap(convolve(v, np.flip(a)), m, n, mode)))
    return _overlap(convolve(a, np.flip(v)), n, m, mode)


def _overlap(full, n, m, mode):
    n, m = max(n, m), min(n, m)
    modes = {"full": slice(None), "same": slice((m - 1) // 2, (m - 1) // 2 + n), "valid": slice(m - 1, n)}
    if mode not in modes:
        raise BlockError(f"mode={mode!r}; it is 'full', 'same' or 'valid'" + at_line())
    return full if mode == "full" else owned(full[modes[mode]])


@answers(np.interp)
def numpy_interp(x, xp, fp, left=None, right=None, period=None):
    """np.interp: straight lines between the points (xp, fp); at a point the gradient by x is the slope after it."""
    x, xp, fp = (as_array(a) for a in (x, xp, fp))
    if is_complex(form_of(x)) or is_complex(form_of(xp)):
        raise BlockError("interp between complex places; only its values fp may be complex" + at_line())
    x, xp = x.astype(np.float64), xp.astype(np.float64)
    fp = fp.astype(np.complex128 if is_complex(form_of(fp)) else np.float64)
    if period is not None:
        x, xp = x % abs(period), xp % abs(period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    if bool(np.any(xp[1:] < xp[:-1])):
        raise BlockError("numpy.interp between places that do not rise: sort xp, and fp with it" + at_line())
    n = xp.shape[0]
    if n == 1:
        inside = np.broadcast_to(fp[0], np.shape(x))
    else:
        i = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, n - 2)
        x0, x1, f0, f1 = (gathered(a, (j,)) for a in (xp, fp) for j in (i, i + 1))
        inside = (f1 - f0) / (x1 - x0) * (x - x0) + f0
    beyond = np.where(x > xp[-1], fp[-1] if right is None else right, inside)
    return np.where(x < xp[0], fp[0] if left is None else left, beyond)


@answers(np.unwrap)
def numpy_unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """np.unwrap: whole periods are added where a step is too large; how many is a constant."""
    turns = step(lambda p, period: _turns(p, discont, axis, period), p, period)
    first = np.take(p, range(min(p.shape[axis], 1)), axis=axis)
    return p + np.concatenate([first * 0, np.cumsum(turns * period, axis=axis)], axis=axis)


def _turns(p, discont, axis, period):
    """How many periods np.unwrap adds to each step."""
    turns = np.round(np.diff(np.unwrap(p, discont, axis, period=period) - p, axis=axis) / period)
    return np.asarray(turns, dtype=np.result_type(p, period))
