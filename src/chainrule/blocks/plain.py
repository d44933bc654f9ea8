"""Functions of NumPy whose result has no gradient.

Most return NumPy's plain value. Functions that make an array like a recorded one (`np.zeros_like(x)` or
`np.empty(3, like=x)`) return a recorded array, because code writes recorded values into it later.
"""

from functools import partial

import numpy as np

from chainrule.answers import recorded_constant
from chainrule.array import Array, form_of, is_recorded
from chainrule.block import Block, answers
from chainrule.blocks.integers import step
from chainrule.formula import name, number
from chainrule.libraries import as_numpy, numpy_form
from chainrule.step import record
from chainrule.texts import note_written


def _of_values(function):
    @answers(function)
    def plain(*args, **kwargs):
        if function in RECORDED and any(map(is_recorded, args)) and not any(map(is_recorded, kwargs.values())):
            options = {i: arg for i, arg in enumerate(args) if arg is None or isinstance(arg, str | bool)}
            operands = [arg for i, arg in enumerate(args) if i not in options]
            return step(partial(_called, function, options, kwargs) if options or kwargs else function, *operands)
        return function(*map(plain_of, args), **plain_of(kwargs))

    return plain


def _called(function, options, kwargs, *operands):
    """The result of a function some of whose positional arguments are options (as side in searchsorted)."""
    rest = iter(operands)
    args = [options[i] if i in options else next(rest) for i in range(len(options) + len(operands))]
    return function(*args, **kwargs)


def plain_of(a):
    """The value of a recorded array, read-only, also in a list, a tuple or a dict; as NumPy's, for its functions.

    Of a tensor they call the method of their name, which may be another one: `nonzero`.
    """
    if type(a) in (list, tuple):
        return type(a)(map(plain_of, a))
    if type(a) is dict:
        return {key: plain_of(part) for key, part in a.items()}
    return as_numpy(a.value) if isinstance(a, Array) else a


def _of_forms(function):
    @answers(function)
    def plain(*args, **kwargs):
        return function(*(numpy_form(form_of(a)) for a in args), **kwargs)

    return plain


RECORDED = frozenset([np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.searchsorted, np.digitize])
RECORDED |= {np.isin, np.argpartition, np.nanargmax, np.nanargmin, np.isclose, np.allclose, np.array_equal}
"""Functions whose result is recorded, because its shape does not depend on values."""


def _to_file(function):
    written = _of_values(function)

    @answers(function)
    def plain(*args, **kwargs):
        for x in (*args, *kwargs.values()):
            if is_recorded(x):
                note_written(plain_of(x))
        return written(*args, **kwargs)


for _writer in (np.save, np.savez, np.savez_compressed, np.savetxt):
    _to_file(_writer)
for _form in (np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj):
    _of_forms(_form)
for _function in (
    # conditions and indices
    np.nonzero,
    np.flatnonzero,
    np.argwhere,
    np.isin,
    np.isposinf,
    np.isneginf,
    np.isreal,
    np.iscomplex,
    np.searchsorted,
    np.digitize,
    np.argpartition,
    np.lexsort,
    np.nanargmax,
    np.nanargmin,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.array_equiv,
    # types and memory
    np.common_type,
    np.min_scalar_type,
    np.can_cast,
    np.may_share_memory,
    np.shares_memory,
    np.einsum_path,
    # text
    np.array_repr,
    np.array_str,
    np.array2string,
    # integers and bits
    np.ravel_multi_index,
    np.unravel_index,
    np.diag_indices_from,
    np.tril_indices_from,
    np.triu_indices_from,
    np.packbits,
    np.unpackbits,
):
    _of_values(_function)


def _constant_notation(value):
    uniform = value.size and (value == value.flat[0]).all()
    return number(float(value.flat[0]), value.shape) if uniform else name("…", value.shape)


@Block
def constant_array(xp, value=None):
    """A plain array, recorded so that recorded values can be written into it."""
    return value


constant_array.differentiable = False
constant_array.notation = _constant_notation


@recorded_constant.is_
def _writable(value):
    return record(constant_array, (), {"value": value})


@answers(np.empty_like)
def numpy_empty_like(prototype, dtype=None, order="K", subok=True, shape=None, *, device=None):
    return numpy_zeros_like(prototype, dtype, order, subok, shape)


@answers(np.zeros_like)
def numpy_zeros_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    return _writable(np.zeros_like(numpy_form(form_of(a)), dtype=dtype, order=order, shape=shape))


@answers(np.ones_like)
def numpy_ones_like(a, dtype=None, order="K", subok=True, shape=None, *, device=None):
    return _writable(np.ones_like(numpy_form(form_of(a)), dtype=dtype, order=order, shape=shape))


def _filled(shape, fill_value, dtype, order):
    """A new array filled with a recorded value."""
    return np.copy(np.broadcast_to(np.astype(fill_value, dtype, copy=False), shape), order=order)


@answers(np.full_like)
def numpy_full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """np.full_like; a recorded fill value keeps its gradient."""
    made = np.zeros_like(numpy_form(form_of(a)), dtype=dtype, order=order, shape=shape)
    if isinstance(fill_value, Array):
        return _filled(made.shape, fill_value, made.dtype, "F" if made.flags.fnc else "C")
    np.copyto(made, fill_value, casting="unsafe")
    return _writable(made)


@answers(np.zeros, np.empty)
def numpy_zeros(shape, dtype=float, order="C", *, device=None):
    """np.zeros(shape, like=x) for a recorded x."""
    return _writable(np.zeros(shape, dtype, order))


@answers(np.ones)
def numpy_ones(shape, dtype=None, order="C", *, device=None):
    return _writable(np.ones(shape, dtype, order))


@answers(np.full)
def numpy_full(shape, fill_value, dtype=None, order="C", *, device=None):
    if isinstance(fill_value, Array):
        return _filled(shape, fill_value, fill_value.dtype if dtype is None else dtype, order)
    return _writable(np.full(shape, fill_value, dtype, order))
