"""Copies: the same entries in another dtype, in new memory, or in another memory order."""

import numpy as np

from chainrule.array import form_of, node_of
from chainrule.block import answers, library_block
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import entrywise, moved
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call, formula
from chainrule.layout import is_contiguous
from chainrule.libraries import copied, is_complex, is_complex_dtype, is_numpy, is_traced, numpy_dtype, own_dtype
from chainrule.node import at_line
from chainrule.numpy_value import answered


@library_block(
    bounds=of_operand,
    notation=lambda x, dtype: formula(x),
    complex=True,
    example=example(normal(2, 3), dtype=np.dtype(np.float64)),
    dependence=entrywise,
)
def cast(xp, x, dtype=None):
    """The same entries in another dtype; a real dtype keeps the real part of complex numbers.

    The gradient comes back in the dtype of x.
    """
    if is_complex(x) and not is_complex_dtype(dtype) and "bool" not in str(dtype):
        x = xp.real(x)
    if type(x) in (bool, int, float, complex):
        return np.asarray(x).astype(dtype)[()]
    return x.astype(dtype) if hasattr(x, "astype") else xp.astype(x, own_dtype(xp, dtype))


@cast.backward
def cast_backward(xp, dz, z, x, dtype=None):
    return cast(dz, dtype=x.dtype if hasattr(x, "dtype") else np.result_type(x))


@library_block(
    notation=lambda x, dtype: call(str(dtype), x),
    differentiable=False,
    example=example(normal(2, 3), dtype=np.dtype(int)),
)
def cast_to_integer(xp, x, dtype=None):
    """The entries rounded towards zero, or as booleans: a step function, so the gradient ends here."""
    return cast(x, dtype=dtype)


@library_block(
    bounds=of_operand,
    notation=lambda x, order: formula(x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=moved,
)
def copy(xp, x, order="K"):
    """The same entries in new memory, in C or Fortran order ("C", "F") or in the order of x ("K")."""
    if is_numpy(xp):
        return xp.copy(x, order=order)
    return copied(x)  # other libraries have no order in memory


@copy.backward
def copy_backward(xp, dz, z, x, order="K"):
    return dz


# NumPy's own signatures: each is one of the blocks above ---------------------------------------------------------


@answers(np.astype)
def numpy_astype(x, dtype, /, order="K", casting="unsafe", subok=True, *, copy=True, device=None):
    dtype = np.dtype(numpy_dtype(dtype))
    if dtype.kind == "O":
        return np.array(x, dtype=object)  # the recorded numbers
    options = {"order": order, "copy": copy}
    if casting != "unsafe" or (is_complex(form_of(x)) and dtype.kind not in "cb"):
        options["casting"] = casting
        return answered(_astype, "numpy.astype", _cast_by_numpy, (x, dtype), options)  # may raise, or warn
    return _astype(x, dtype, **options)


def _cast_by_numpy(x, dtype, **options):
    z = np.asarray(x).astype(dtype, **options)
    return z if isinstance(x, np.ndarray) else z[()]


def _astype(x, dtype, casting=None, order="K", copy=True):
    if not copy and dtype == x.dtype and _lies(x, order):
        return x
    z = cast(x, dtype=dtype) if dtype.kind in "fc" else cast_to_integer(x, dtype=dtype)
    return z if order == "K" or is_contiguous(form_of(z)) else numpy_copy(z, order)


@answers(np.copy)
def numpy_copy(a, order="K", subok=False):
    """np.copy; of a number it gives a 0-d array, which can be written into."""
    letter = _letter(order, "K")
    if letter == "A":
        letter = order_in_memory(letter, a)
    return copy(a, order=letter)


# Order in memory --------------------------------------------------------------------------------------------------


def order_in_memory(order, a):
    """The memory order, "C" or "F", that NumPy's order= selects for an array with the layout of `a`."""
    order = _letter(order, "C")
    value = form_of(a)
    if order in ("C", "F"):
        return order
    if is_traced(value) and value.ndim > 1:
        raise BlockError(
            f"order=\"{order}\" of an array of a program of XLA's, whose entries have no order that NumPy's code could "
            'see; write "C" or "F"' + at_line()
        )
    if is_contiguous(value) and (isinstance(value, np.ndarray) or node_of(a).block is None or value.ndim < 2):
        return "C"
    if a._unsure or not isinstance(value, np.ndarray):
        raise BlockError(f'order="{order}" of an array that may lie in either order; write "C" or "F"' + at_line())
    if order == "K" and not value.flags.forc:
        raise BlockError(
            'order="K" of entries that lie neither in C nor in Fortran\'s order is not covered; write '
            '"C" or "F"' + at_line()
        )
    return "F" if value.flags.fnc else "C"


def _letter(order, default):
    """NumPy's order= as a capital letter."""
    letter = default if order is None else str(order).upper()
    if letter not in ("C", "F", "A", "K"):
        raise BlockError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})" + at_line())
    return letter


def _lies(x, order):
    """Whether x already has the requested memory order, so that NumPy does not copy it."""
    order, value = _letter(order, "K"), form_of(x)
    if order == "K" or is_contiguous(value):
        return True
    if x._unsure:
        raise BlockError(
            f'copy=False with order="{order}" of an array that may lie in either order: in NumPy it may '
            "be a copy or not; write copy=True" + at_line()
        )
    return {"C": value.flags.c_contiguous, "F": value.flags.f_contiguous, "A": value.flags.forc}[order]
