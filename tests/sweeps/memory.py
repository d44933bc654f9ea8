"""Memory in which a mistake shows: arguments lie among NaN, and what compiled code is to fill is NaN before."""

from __future__ import annotations

import contextlib
import math
import tempfile
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
from llvmlite import ir

from chainrule.compile import buffers, entry, kernel_layout, program, steps
from chainrule.compile.python_objects import POINTER
from chainrule.compile.typed import LONG

__all__ = ["among_nan", "large", "poisoned", "shared"]

MARGIN = 32


def among_nan(x: Any) -> Any:
    """An array as a contiguous part of a larger one, which is NaN (of integers, the least one) everywhere else."""
    x = np.asarray(x)
    if not x.ndim:
        return x[()]
    around = np.nan if x.dtype.kind in "fc" else True if x.dtype.kind == "b" else np.iinfo(x.dtype).min
    whole = np.full(x.size + 2 * MARGIN, around, x.dtype)
    part = whole[MARGIN : MARGIN + x.size].reshape(x.shape)
    part[...] = x
    return part


@contextlib.contextmanager
def poisoned() -> Iterator[None]:
    """Within this, whatever compiled code is given to write into is filled with bytes that are NaN as floats."""
    load = program.Program.load

    def load_poisoned(self: Any, entries: Any) -> Any:
        functions = load(self, entries)
        if not self.native:
            functions[self.name].__globals__["np"] = NUMPY
        return functions

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict("os.environ", CHAINRULE_CACHE_DIR=folder),
        mock.patch.object(entry._EntryWriter, "fresh", _filled(entry._EntryWriter.fresh, _of_result)),
        mock.patch.object(entry._EntryWriter, "space", _filled(entry._EntryWriter.space, _of_space)),
        mock.patch.object(buffers, "_aligned", lambda size, aligned=buffers._aligned: _all_ones(aligned(size))),
        mock.patch.object(program.Program, "load", load_poisoned),
    ):
        yield


@contextlib.contextmanager
def large() -> Iterator[None]:
    """Within this, every program is written as a large one: a Python function that calls kernels and NumPy."""
    with mock.patch.object(program, "SMALL", -1):
        yield


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Within this, every program is a large one whose kernels are shared between threads, however little they do."""
    with (
        large(),
        mock.patch.object(kernel_layout, "WORTH_THREADS", 0),
        mock.patch.object(steps, "WORTH_THREADS_WINDOWS", 0),
    ):
        yield


def _filled(make: Callable[..., Any], extent: Callable[..., Any]) -> Callable[..., Any]:
    """A method that makes memory for an entry, and then fills it."""

    def made_and_filled(self: Any, what: Any) -> Any:
        made = make(self, what)
        place, size = extent(self, made, what)
        fill = self.builder.module.declare_intrinsic("llvm.memset", [POINTER, LONG])
        self.builder.call(fill, [place, ir.IntType(8)(255), LONG(size), ir.IntType(1)(0)])
        return made

    return made_and_filled


def _of_result(writer: Any, array: Any, result: Any) -> tuple[Any, int]:
    return writer.data(array), math.prod(result.shape) * entry.SIZES[result.dtype]


def _of_space(writer: Any, place: Any, size: int) -> tuple[Any, int]:
    return place, size


def _all_ones(memory: np.ndarray) -> np.ndarray:
    memory[...] = 255
    return memory


def _empty(shape: Any, dtype: Any = float) -> np.ndarray:
    made = np.empty(shape, dtype)
    _all_ones(made.reshape(-1).view(np.uint8))
    return made


NUMPY = types.SimpleNamespace(**{name: getattr(np, name) for name in dir(np)} | {"empty": _empty})
