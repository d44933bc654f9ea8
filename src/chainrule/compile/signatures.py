"""What compiled functions take and give: kernels, the main function of a program, and the entry that Python calls."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["DTYPES", "Argument", "Entry", "Leaf", "Parameter", "Result"]

DTYPES = ("float32", "float64", "int32", "int64", "bool")
"""The dtypes of arrays and numbers that entries take and give."""


class Argument(NamedTuple):
    """A parameter of a compiled function: an array (without axes: a number), or memory for its own use.

    Attributes
    ----------
    dtype, shape : of the array; a length that is no integer is any, but the same wherever it has the same name.
    is_written, is_scratch : whether the function writes into it; whether whoever calls it does not know of it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    is_written: bool = False
    is_scratch: bool = False


class Leaf(NamedTuple):
    """What an entry takes: an array, or a number of a type: "float", "int", "bool" are Python's, "numpy.…" NumPy's.

    One of Python's integers that is taken lies in a range. An array that is written into may not be read-only.
    """

    dtype: str
    shape: tuple[int, ...]
    type: str = ""
    range: tuple[int, int] = (0, 0)
    is_written: bool = False

    @property
    def is_array(self) -> bool:
        return not self.type


Result = Leaf
"""What an entry gives."""


class Parameter(NamedTuple):
    """What the main function of a native program is handed over.

    Attributes
    ----------
    role, place : "input" (which leaf), "result" (which), "buffer" for what is computed in between (from which byte of
        it on), or "constant" (which of the arrays that the code was loaded with).
    dtype, shape : as the function sees it.
    """

    role: str
    place: int
    dtype: str
    shape: tuple[int, ...]


class Entry(NamedTuple):
    """How Python calls the main function of a native program.

    Attributes
    ----------
    leaves : what it takes.
    parameters : what the function is handed over, in order.
    results : what comes out; those that are numbers are what the function returns, in order.
    guards : the last so many results are none: ("truth", outcome) or ("integer", outcome) says what each must be.
    structure : nested tuples and lists of positions among the results, or None for a flat tuple.
    parallel : whether other threads of Python may run meanwhile.
    """

    leaves: tuple[Leaf, ...]
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    guards: tuple[tuple[str, int], ...]
    structure: Any
    parallel: bool
