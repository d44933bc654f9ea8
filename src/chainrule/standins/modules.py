"""Stand-ins for NumPy's modules while a function is recorded."""

from __future__ import annotations

import functools
import types

import numpy as np

from chainrule.standins.draws import MAKERS, drawn_by
from chainrule.standins.function import StandInModule
from chainrule.standins.loops import LOOPS
from chainrule.standins.nditer import NDITER
from chainrule.standins.number_types import PYTHON_TYPES, number_types
from chainrule.standins.numpy_functions import standin_of

__all__ = ["LOOP_NAMES", "MODULES", "NUMBER_TYPES", "NUMPY_FUNCTIONS", "module_standin"]

MODULES = {
    **{np: "numpy", np.linalg: "numpy.linalg", np.fft: "numpy.fft", np.random: "numpy.random"},
    **{np.lib: "numpy.lib", np.lib.stride_tricks: "numpy.lib.stride_tricks"},
}
LOOP_NAMES = (*(function.__name__ for function in LOOPS), "fromiter", "nditer", "RandomState")
NUMBER_TYPES = number_types(vars(np))
"""The stand-ins for NumPy's types of numbers, by their names."""

NUMPY_FUNCTIONS = {
    **{
        function: standin
        for module in MODULES
        for name, function in vars(module).items()
        if (standin := standin_of(name, function)) is not None
    },
    **{
        method: drawn_by(method)
        for method in vars(np.random).values()
        if isinstance(getattr(method, "__self__", None), np.random.RandomState)
    },
    **LOOPS,
    **MAKERS,
    np.nditer: NDITER,
    **{standin._meant: standin for standin in (NUMBER_TYPES | PYTHON_TYPES).values()},
}
"""The stand-ins for the functions and types of NumPy, by the function itself."""
NUMBER_TYPES |= PYTHON_TYPES


@functools.cache
def module_standin(module: types.ModuleType, kept: frozenset[str]) -> types.ModuleType:
    """The stand-in for one of NumPy's modules; the names in `kept` are not replaced in it."""
    names = dict(vars(module))
    for name, value in names.items():
        if name in kept or value is module:
            continue
        if isinstance(value, types.ModuleType) and value in MODULES:
            names[name] = module_standin(value, kept)
        elif callable(value):
            names[name] = NUMPY_FUNCTIONS.get(value, value)
    return StandInModule(module, names)
