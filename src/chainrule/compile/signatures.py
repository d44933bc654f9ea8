"""Signatures of compiled functions: kernels, the main function of a program, and the entry that Python calls."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["DTYPES", "OVERFLOW", "TRUTHS", "Argument", "Entry", "Leaf", "Parameter", "Result"]

DTYPES = ("float32", "float64", "int32", "int64", "bool")
"""The dtypes of arrays and numbers that entries take and return."""

OVERFLOW = "overflow"
"""The kind of guard that no entry of a value is infinite; if it fails, the function runs uncompiled."""
TRUTHS = ("truth", OVERFLOW)
"""The kinds of guards on booleans."""


class Argument(NamedTuple):
    """A parameter of a compiled function: an array (without axes: a number), or scratch memory.

    Attributes
    ----------
    dtype, shape : those of the array. A string in place of a length stands for any length; equal strings are equal
        lengths.
    is_written, is_scratch : whether the function writes into it; whether it is scratch, hidden from the caller.
    """

    dtype: str
    shape: tuple[int | str, ...]
    is_written: bool = False
    is_scratch: bool = False


class Leaf(NamedTuple):
    """An argument of an entry: an array, or a number of a type: "float", "int", "bool" are Python's, "numpy.…" NumPy's.

    A Python integer must lie in a range. An array that is written must not be read-only.
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
"""A result of an entry."""


class Parameter(NamedTuple):
    """A parameter of the main function of a native program.

    Attributes
    ----------
    role, place : "input" (index of the leaf), "result" (its index), "buffer" for intermediate values (its byte offset),
        or "constant" (index of the array that the code was loaded with).
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
    leaves : its arguments.
    parameters : the parameters of the function, in order.
    results : its results; the function returns those that are numbers, in order.
    guards : the kinds and outcomes of the guards, which are the last results: ("truth", outcome), ("overflow", False)
        or ("integer", outcome).
    structure : nested tuples and lists of positions among the results, or None for a flat tuple.
    parallel : whether it releases the GIL.
    """

    leaves: tuple[Leaf, ...]
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    guards: tuple[tuple[str, int], ...]
    structure: Any
    parallel: bool
