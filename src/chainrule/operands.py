"""Operands of other classes: some become NumPy arrays, some compute for themselves, some cannot be recorded.

NumPy hands an operation over to a class that has `__array_ufunc__`, or operators of its own and `__array_priority__`
(pandas, xarray, pint, SciPy's sparse arrays), and lets a subclass of ndarray compute in its own way (masked arrays,
`np.matrix`). Recorded arrays do the same where the other class can hold them. Everything else becomes a plain array, or
an error that names its class: a gradient must not be lost in it.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.answers import Above
from chainrule.errors import RecordingError
from chainrule.libraries import PLAIN, is_foreign
from chainrule.node import at_line, is_internal

__all__ = [
    "NUMERIC",
    "ComputesItself",
    "as_plain_number",
    "asked_by_sparse",
    "asks_for_a_quantity",
    "check_argument",
    "class_name",
    "gives_way",
    "has_own_way",
    "holds_numbers",
    "is_sparse",
    "numeric",
    "plain_array",
    "result",
    "taken_apart_by",
    "to_write_instead",
    "with_sparse",
]

with_sparse = Above()
"""Computes an operator of a recorded array and a sparse matrix of SciPy; `chainrule.scipy` sets it."""


class ComputesItself(RecordingError):
    """An operand has `__array_ufunc__`, so it may be asked to compute before this becomes an error."""


HARMLESS = {
    *("__array_finalize__", "__dict__", "__doc__", "__firstlineno__", "__init__", "__module__", "__new__"),
    *("__reduce__", "__repr__", "__setstate__", "__slots__", "__static_attributes__", "__str__", "__annotations__"),
    *("__annotate_func__", "__annotations_cache__", "__qualname__"),
}
"""Attributes that a subclass of ndarray may define without computing in another way."""

NUMERIC = "biufc"


def has_own_way(kind: type) -> bool:
    """Whether a subclass of ndarray changes what ndarray does, so that a plain array cannot stand for it.

    >>> has_own_way(np.matrix), has_own_way(np.memmap)
    (True, False)
    """
    if kind not in _own_way:
        base = vars(np.ndarray).keys() - HARMLESS
        _own_way[kind] = any(base & vars(c).keys() for c in kind.__mro__[: kind.__mro__.index(np.ndarray)])
    return _own_way[kind]


_own_way: dict[type, bool] = {np.memmap: False}


def numeric(array: Any) -> Any:
    """An array of numbers or truth values unchanged; an error for text, dates and records.

    Recorded arrays hold numbers.
    """
    if array.dtype.kind not in NUMERIC and "float" not in array.dtype.name:  # bfloat16 is of kind V
        raise RecordingError(
            f"an array of dtype {array.dtype} cannot be recorded: it does not hold numbers; "
            "compute with it outside, or take the numbers out (.astype(float), or a field x['name'])" + at_line()
        )
    return array


def plain_array(x: Any) -> Any:
    """The plain array that NumPy makes of an operand of an unknown class; an error if it computes for itself.

    >>> plain_array(memoryview(b"ab"))
    array([97, 98], dtype=uint8)
    """
    kind = type(x)
    if isinstance(x, np.ndarray):
        if has_own_way(kind):
            raise RecordingError(_unknown(x, "a subclass of ndarray that computes in its own way"))
        return np.asarray(x)
    if takes_apart(kind.__module__):
        raise RecordingError(_unknown(x, "which cannot hold recorded arrays"))
    if getattr(kind, "__array_ufunc__", None) is not None:
        raise ComputesItself(_unknown(x, "which computes for itself"))
    array = np.asarray(x)
    if array.dtype.kind == "O" and array.ndim == 0:
        raise RecordingError(_unknown(x, "of which NumPy makes no array of numbers"))
    return array


def check_argument(x: Any) -> None:
    """Raise if an argument of a function of NumPy would be read as a different array than NumPy reads."""
    kind = type(x)
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "VMm":
            numeric(x)
        if kind is not np.ndarray and has_own_way(kind):
            plain_array(x)
    elif kind.__module__.startswith("scipy.sparse") or (
        not hasattr(kind, "__array__")
        and not hasattr(kind, "__array_namespace__")
        and (hasattr(kind, "__array_priority__") or getattr(kind, "__array_ufunc__", kind) is None)
    ):
        raise RecordingError(_unknown(x, "of which NumPy makes no array of numbers"))


TAKE_APART = ("numpy.ma.", "numpy.matrixlib.", "pandas.", "scipy.sparse.")
"""Modules that turn recorded arrays into arrays of dtype object, in which gradients would be lost."""


def takes_apart(module: str) -> bool:
    """Whether code of this module cannot hold a recorded array."""
    return f"{module}.".startswith(TAKE_APART)


def is_sparse(x: Any) -> bool:
    """Whether x is a sparse matrix of SciPy's."""
    return type(x).__module__.startswith("scipy.sparse.") and hasattr(type(x), "toarray")


def asked_by_sparse(frame: Any) -> bool:
    """Whether a sparse matrix of SciPy asks what an operand is. SciPy leaves the operator to what is no array."""
    if not str(frame.f_globals.get("__name__")).startswith("scipy.sparse."):
        return False
    if frame.f_code.co_name == _MULTIPLIES:
        return frame.f_back.f_back.f_code.co_name in ("__mul__", "__rmul__")  # not the method multiply
    return frame.f_code.co_name in _LEAVE


def asks_for_a_quantity(frame: Any) -> bool:
    """Whether a class with units is computing now: it asks each operand whether it is a quantity too."""
    while frame.f_code.co_name in ("<listcomp>", "<genexpr>"):
        frame = frame.f_back
    return frame.f_code.co_name in ("__array_ufunc__", "__array_function__") and not is_internal(
        frame.f_code.co_filename
    )


_LEAVE, _MULTIPLIES = ("_matmul_dispatch", "_divide"), "_multiply_2d_with_broadcasting"
"""Functions of SciPy that return NotImplemented for an operand that NumPy cannot convert to an array."""


def taken_apart_by(frame: Any) -> str | None:
    """The advice if the code that asks for a plain array cannot hold a recorded one; None for other code."""
    found = None
    while frame is not None and _is_internal_or(frame, takes_apart):
        if takes_apart(frame.f_globals.get("__name__", "")):
            found = frame
        frame = frame.f_back
    if found is None:
        return None
    holder, module = found.f_locals.get("self"), found.f_globals["__name__"]
    name = found.f_code.co_qualname.partition(".")[0]  # the class whose object is being made, or the function
    what = class_name(holder) if takes_apart(type(holder).__module__) else module if name.startswith("_") else name
    instead = next(advice for library, advice in _INSTEAD_OF.items() if f"{module}.".startswith(library))
    return f"a gradient would be lost in {what}, which takes plain numbers only; {instead}"


_INSTEAD_OF = {
    "numpy.ma.": "write np.where(m.mask, 0, m.data), and leave out by np.where what is masked",
    "numpy.matrixlib.": "write np.array(…) for np.matrix(…): of arrays x @ y is the product of matrices, "
    "np.linalg.inv(x) is x.I, and x.A is x",
    "pandas.": "compute with arrays, df['a'].to_numpy(); for a table that is only looked at, "
    "give it cr.stop_gradient(x)",
    "scipy.sparse.": "give the numbers to a function of scipy.sparse, coo_matrix((values, (i, j)))",
}
"""What to write instead of a library that turns recorded arrays into arrays of dtype object."""


def _is_internal_or(frame: Any, told: Callable[[str], bool]) -> bool:
    """Whether a frame is not the user's: a library's, or one for whose module `told` is true."""
    return is_internal(frame.f_code.co_filename) or told(frame.f_globals.get("__name__", ""))


def result(x: Any, f: str) -> Any:
    """A function's result, if a gradient can be followed into it; else an error that names its class."""
    kind = type(x)
    if kind in PLAIN or (kind is np.ndarray and x.dtype.kind in NUMERIC) or is_foreign(x):
        return x
    if isinstance(x, np.ndarray):
        return numeric(plain_array(x)) if x.dtype.kind != "O" else x
    raise RecordingError(
        f"{f} returned {_described(x)}, into which no gradient can be followed; "
        f"{to_write_instead(x) if holds_numbers(x) else 'return arrays and numbers only'}{at_line()}"
    )


def _described(x: Any) -> str:
    if isinstance(x, str):
        return f"the text {x!r}"
    if callable(x) and not isinstance(x, type) and hasattr(x, "__name__"):
        return f"the function {x.__name__}"
    return f"an object of class {class_name(x)}"


def holds_numbers(x: Any) -> bool:
    """Whether x is of a class of arrays or of quantities that is not NumPy's own."""
    kind = type(x)
    if kind in PLAIN or (isinstance(x, np.ndarray) and not has_own_way(kind)):
        return False
    return any(hasattr(kind, n) for n in ("__array_ufunc__", "__array_priority__", "__array__", "__array_interface__"))


def _unknown(x: Any, why: str) -> str:
    return f"an operand is a {class_name(x)}, {why}, so it cannot be recorded; {to_write_instead(x)}{at_line()}"


def class_name(x: Any) -> str:
    """The full name of the class of x, as a user writes it: `pandas.Series`."""
    kind = x.__class__  # for a stand-in, the class of the object it stands for
    module = kind.__module__
    top = module.partition(".")[0]
    if module in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{top if top in ('pandas', 'pint', 'xarray') else module}.{kind.__qualname__}"


def to_write_instead(x: Any) -> str:
    """How to get plain numbers out of an object, as advice."""
    kind = x.__class__
    if hasattr(kind, "filled") and hasattr(kind, "mask"):
        return "write np.where(m.mask, 0, m.data) or m.filled(0), and leave out by np.where what is masked"
    for name, advice in _WAYS_OUT.items():
        if hasattr(kind, name):
            return f"write {advice}"
    if isinstance(x, numbers.Number):
        return "write float(…) of it"
    if isinstance(x, datetime.date | datetime.timedelta | np.datetime64 | np.timedelta64):
        return "turn it into a number first (seconds, as a float)"
    return "give a plain array or a number: np.asarray(…) of its numbers"


_WAYS_OUT = {
    "to_numpy": ".to_numpy() of it",
    "toarray": ".toarray() of it",
    "magnitude": ".magnitude of it",
    "to_value": ".to_value(unit) of it",
    "detach": ".detach().numpy() of it",
    "__array__": "np.asarray(…) of it",
    "__array_interface__": "np.asarray(…) of it",
}
"""How to get the plain numbers, by the method or attribute that identifies the kind of class."""


def as_plain_number(x: Any, beside: type, operator: str) -> Any:
    """A number of a subclass of Python's (of IntEnum, say) as Python's own; None for anything else.

    None too if it is of a subclass of `beside` that defines the operator: then Python asks that first.
    """
    kind = type(x)
    bases: tuple[Any, ...] = (int, float, complex)
    for base in bases:
        if isinstance(x, base) and not isinstance(x, np.generic):
            own = issubclass(kind, beside) and getattr(kind, operator, None) is not getattr(base, operator, None)
            return None if own else base(x)
    return None


def gives_way(x: Any, other: Any, operator: str) -> bool:
    """Whether x leaves an operator to the other operand, as a NumPy array (or a number, if x is one) would.

    `operator` is the method of the other that Python then calls: `__rmul__`.
    """
    kind = type(other)
    if takes_apart(kind.__module__):
        plain_array(other)  # the error
    protocol = getattr(kind, "__array_ufunc__", _MISSING)
    if protocol is not _MISSING or isinstance(other, str | bytes):
        return protocol is None
    if not hasattr(kind, operator):
        return False
    if hasattr(kind, "__array_namespace__") or hasattr(kind, "__torch_function__"):  # an array of another library
        return False
    if getattr(kind, "__array_priority__", -1.0) > 0:
        return True
    return x.ndim == 0 and not any(hasattr(kind, name) for name in ("__array__", "__array_interface__", "__len__"))


_MISSING = object()
