"""np.pad in every mode: the padding is constant, or computed from the array's entries."""

import numpy as np

from chainrule.array import Array, value_of
from chainrule.block import answers, axis_from_right
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.step import owned


@answers(np.pad)
def numpy_pad(array, pad_width, mode="constant", **kwargs):
    """np.pad; axes are padded one after the other, so later ones include the padding of earlier ones."""
    array = as_array(array)
    if callable(mode):
        raise BlockError(
            "np.pad with a function writes into plain arrays; join the pieces with np.concatenate" + at_line()
        )
    if mode not in _ALLOWED:
        raise BlockError(f"np.pad has no mode={mode!r}; it has {', '.join(map(repr, _ALLOWED))}" + at_line())
    if unknown := kwargs.keys() - _ALLOWED[mode]:
        raise BlockError(f"np.pad with mode={mode!r} does not take {', '.join(sorted(unknown))}" + at_line())
    if not array.ndim:
        return np.copy(array)
    widths = _widths(pad_width, array.ndim)
    if mode == "empty":
        mode = "constant"  # NumPy leaves these values undefined
    if mode == "constant":
        values = kwargs.get("constant_values", 0)
        if not isinstance(values, Array) and not np.any(values):
            return _inside_zeros(array, widths)
        return _axis_by_axis(array, widths, values, _constants)
    if mode == "linear_ramp":
        return _axis_by_axis(array, widths, kwargs.get("end_values", 0), _ramps)
    if mode in _STATISTICS:
        return _axis_by_axis(array, widths, kwargs.get("stat_length"), _statistics(_STATISTICS[mode]))
    if kwargs.get("reflect_type", "even") == "odd":
        return _axis_by_axis(array, widths, None, _odd_reflections(mode))
    positions = np.arange(array.size).reshape(array.shape)
    return np.ravel(array)[np.pad(positions, widths, mode)]


_STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
_ALLOWED = {
    "constant": {"constant_values"},
    "edge": set(),
    "empty": set(),
    "linear_ramp": {"end_values"},
    **{mode: {"stat_length"} for mode in _STATISTICS},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "wrap": set(),
}
"""The modes, and the arguments that each takes."""


def _widths(pad_width, ndim):
    """The padding before and after each axis, as pairs of integers."""
    if isinstance(pad_width, dict):
        by_axis = {axis_from_right(axis, ndim): width for axis, width in pad_width.items()}
        pad_width = [by_axis.get(i, 0) for i in range(-ndim, 0)]
        pad_width = [(width, width) if np.ndim(width) == 0 else width for width in pad_width]
    widths = np.asarray(value_of(pad_width))
    if widths.dtype.kind not in "iu" or np.any(widths < 0):
        raise BlockError("the widths of np.pad are integers that are not negative" + at_line())
    return [(int(a), int(b)) for a, b in np.broadcast_to(widths, (ndim, 2))]


def _inside_zeros(array, widths):
    if not array.ndim:
        return +array
    key = tuple(slice(before, before + n) for (before, _), n in zip(widths, array.shape, strict=True))
    return add_at(array, key=key, shape=tuple(n + sum(width) for n, width in zip(array.shape, widths, strict=True)))


def _axis_by_axis(array, widths, options, around):
    """Pad each axis in turn. `around` computes the padding before and after, from the array with that axis last."""
    shape = () if options is None else np.shape(options)
    pairs = None if options is None else np.broadcast_to(options, (array.ndim, 2))
    if len(shape) > 2:
        raise BlockError(f"np.pad with an argument of shape {shape}" + at_line())
    for i, width in enumerate(widths):
        if not any(width):
            continue
        rows = np.moveaxis(array, i, -1)
        before, after = around(rows, width, (None, None) if pairs is None else pairs[i])
        parts = [part if part.dtype == array.dtype else np.astype(part, array.dtype) for part in (before, after)]
        array = np.moveaxis(np.concatenate([parts[0], rows, parts[1]], axis=-1), -1, i)
    return owned(array) if any(map(any, widths)) else np.copy(array)


def _repeated(column, n):
    return np.broadcast_to(column, (*column.shape[:-1], n))


def _constants(rows, width, values):
    shape = rows.shape[:-1]
    return [np.broadcast_to(value, (*shape, n)) for value, n in zip(values, width, strict=True)]


def _ramps(rows, width, ends):
    """A linear ramp from the edge to the end value, inclusive."""
    edges = rows[..., :1], rows[..., -1:]
    shares = np.arange(width[0], 0, -1) / max(width[0], 1), np.arange(1, width[1] + 1) / max(width[1], 1)
    return [edge + share * (end - edge) for edge, share, end in zip(edges, shares, ends, strict=True)]


def _statistics(statistic):
    def around(rows, width, lengths):
        n = rows.shape[-1]
        first, last = (n if length is None else min(int(length), n) for length in lengths)
        if not (first and last):
            raise BlockError("stat_length of np.pad must be positive" + at_line())
        found = [statistic(part, axis=-1, keepdims=True) for part in (rows[..., :first], rows[..., n - last :])]
        return [_repeated(part, count) for part, count in zip(found, width, strict=True)]

    return around


def _odd_reflections(mode):
    """Reflections through the edges: p = s x_k + a x_0 + b x_(n−1), with coefficients from NumPy's own np.pad."""

    def around(rows, width, _):
        n = rows.shape[-1]
        each = np.pad(np.eye(n), [(0, 0), width], mode, reflect_type="odd")
        k = np.pad(np.arange(n), width, mode)
        a, b = each[0], each[-1] if n > 1 else np.zeros_like(each[0])
        inner = (k > 0) & (k < n - 1)
        s = np.where(inner, each[k, np.arange(len(k))], 0.0)
        sides = slice(width[0]), slice(width[0] + n, None)
        return [
            _scaled(s[i], rows[..., k[i]]) + _scaled(a[i], rows[..., :1]) + _scaled(b[i], rows[..., -1:]) for i in sides
        ]

    return around


def _scaled(factors, x):
    """factors · x, and 0 where a factor is 0, even if x is infinite."""
    return factors * np.where(factors == 0, 0.0, x)
