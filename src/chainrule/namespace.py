"""The array namespace of recorded arrays: passed to rules as `xp`, and returned by `__array_namespace__`.

A function with a block is that block; functions that only make plain values (zeros, arange), dtypes and constants are
NumPy's.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from chainrule.answers import answer, no_block_for
from chainrule.array import Array, form_of, value_of
from chainrule.libraries import numpy_form

__all__ = ["RECORDING"]

PLAIN_FUNCTIONS = frozenset(
    "arange asarray empty eye finfo full iinfo isdtype linspace ones result_type zeros can_cast "
    "broadcast_shapes dtype errstate ndim shape size zeros_like ones_like empty_like".split()
)
"""Functions that only make or describe plain values."""
OF_FORM = frozenset("isdtype result_type can_cast ndim shape size zeros_like ones_like empty_like".split())
"""Those of these functions that use only shapes and dtypes."""


class _Namespace(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)  # an AttributeError here is the right error
        if name == "asarray":
            found: Any = _asarray
        elif name in PLAIN_FUNCTIONS:
            found = _of_value(function, form_of if name in OF_FORM else value_of)
        elif not callable(function) or isinstance(function, type):
            found = function
        elif (handler := answer(function)) is not None:
            found = handler
        else:
            raise no_block_for(f"numpy.{name}")
        setattr(self, name, found)
        return found


def _of_value(function: Any, plain: Any) -> Any:
    read = _numpy_form_of if plain is form_of else plain
    return lambda *args, **kwargs: function(*(read(x) for x in args), **kwargs)


def _numpy_form_of(x: Any) -> Any:
    return numpy_form(form_of(x))


def _asarray(x: Any, dtype: Any = None, *, copy: bool | None = None, **kwargs: Any) -> Any:
    if form_of(x) is x:
        return np.asarray(x, dtype=dtype, copy=copy, **kwargs)
    if dtype is not None and dtype != x.dtype:
        return answer(np.astype)(x, dtype)  # type: ignore[misc]
    return x.copy() if copy else x


RECORDING: Any = _Namespace("chainrule.namespace.RECORDING", "NumPy's functions, recorded.")
RECORDING.__array_api_version__ = "2024.12"


def array_namespace(self: Array, *, api_version: str | None = None) -> Any:
    """The namespace that computes with this array, as the Array API standard asks for it."""
    return RECORDING


Array.__array_namespace__ = array_namespace
