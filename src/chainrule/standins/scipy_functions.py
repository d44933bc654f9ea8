"""Stand-ins for SciPy's functions while a function is recorded: functions that have a twin take recorded values.

A name of SciPy's stands for a dispatcher. If nothing is recorded in a call (in its arguments, in trees of them, in what
a callback can reach), SciPy's own function runs, unchanged. Otherwise its twin is called, which records blocks; the
result then adopts SciPy's own value. A twin is registered by SciPy's function, in the file of its module in
`chainrule.scipy`:

    @twin(scipy.integrate.trapezoid)
    def trapezoid(y, x=None, dx=1.0, axis=-1):        # SciPy's signature
        ...                                           # NumPy's functions and blocks, on recorded arrays

SciPy runs on the plain values, and gives the value. Where an argument is no array, number or text (a callback), or
where the twin is registered with `adopts=False`, the twin gives the value itself, most often by `plain_result` and
`with_value`.

The twin of a class is a class. Its objects are made with the arguments of SciPy's class, or by `of` from an object that
SciPy has made of plain values. Methods that it has stand in for those of SciPy's object, which gives the values:

    @twin(scipy.interpolate.CubicSpline)
    class CubicSpline:
        def __init__(self, x, y, axis=0): ...         # something is recorded among these
        @classmethod
        def of(cls, spline): ...                      # SciPy's spline, called with a recorded argument
        def __call__(self, x, nu=0): ...

Where the twin of a class is no class, what it returns is used as it is: it computes its values itself. Without `of`
the objects that SciPy makes of plain values stay as they are. An object may have
a method `is_recorded` that tells whether it holds recorded values.

The twin of a single object, such as scipy.stats.norm, is an object: `twin(scipy.stats.norm)(made)`.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array
from chainrule.errors import NoAnswer, RecordingError, asking_others
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.standins.buffer import plain_of
from chainrule.standins.function import StandIn, StandInModule, Stands
from chainrule.standins.scipy_objects import Instance, as_scipys, has_twin, wrapped
from chainrule.standins.scipy_values import (
    called_plainly,
    errors_read,
    filled,
    holds_recorded_values,
    plain_result,
    plain_values,
    read_values,
    unwrapped,
    with_value,
)
from chainrule.standins.twins import TWINS, full_name, load_twins, no_twin, twin, twin_of, without_gradient

__all__ = [
    "TWINS",
    "Instance",
    "filled",
    "holds_recorded_values",
    "load_twins",
    "of_scipy",
    "plain_result",
    "plain_values",
    "positional_names",
    "read_values",
    "scipy_standin",
    "twin",
    "with_value",
    "without_gradient",
]


# Names ---------------------------------------------------------------------------------------------------------------


def of_scipy(x: Any) -> str:
    """The module of SciPy to which a module, function, class or object belongs; "" for anything else."""
    if isinstance(x, np.ufunc):
        return ""  # ufuncs record themselves
    if type(x) is types.BuiltinMethodType and not isinstance(x.__self__, types.ModuleType | None):
        x = x.__self__
    if type(x).__name__ in _C_CLASSES:
        return _C_CLASSES[type(x).__name__]
    name = x.__name__ if isinstance(x, types.ModuleType) else getattr(x, "__module__", None)
    return name if isinstance(name, str) and f"{name}.".startswith("scipy.") else ""


def scipy_standin(x: Any, kept: frozenset[str]) -> Any:
    """The stand-in for an object of SciPy that a name in the user's code refers to; None if it needs none.

    Names in `kept` are not replaced in SciPy's modules.
    """
    module = of_scipy(x)
    if not module or issubclass(type(x), Stands):
        return None
    load_twins(module)
    if isinstance(x, types.ModuleType):
        return _module_standin(x, kept)
    if type(x) is types.BuiltinMethodType and has_twin(type(x.__self__)):
        return wrapped(x)
    if id(x) not in _known:
        if isinstance(x, _FUNCTIONS) or type(x).__name__ in _C_FUNCTIONS:
            _known[id(x)] = ScipyFunction(x)
        elif twin_of(x) is not None:
            _known[id(x)] = Instance(x)
        else:
            return Instance(x) if has_twin(type(x)) else None
    return _known[id(x)]


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type)
_C_FUNCTIONS = ("cython_function_or_method", "fortran", "_Function")  # the last one is of scipy.fft
_C_CLASSES = {"SuperLU": "scipy.sparse.linalg"}
"""Classes of SciPy that do not name their module, and their modules."""
_known: dict[int, Any] = {}
"""The stand-ins for functions, classes and single objects, by their id; each keeps what it stands for alive."""


@functools.cache
def _module_standin(module: types.ModuleType, kept: frozenset[str]) -> types.ModuleType:
    return Module(module, kept)


class Module(StandInModule):
    """One of SciPy's modules; its names are looked up when they are used, because SciPy imports them on first use."""

    def __init__(self, module: types.ModuleType, kept: frozenset[str]):
        super().__init__(module, {"_kept": kept})

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        found = getattr(own["_module"], name)
        made = None if name.startswith("__") or name in own["_kept"] else scipy_standin(found, own["_kept"])
        return found if made is None else made

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_module"])


# Calls ---------------------------------------------------------------------------------------------------------------


class ScipyFunction(StandIn):
    """A function or a class of SciPy's that takes recorded values, if it has a twin."""

    _function: Any

    def __init__(self, function: Any):
        super().__init__(function, functools.partial(_called, function))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._function, name)
        twin = twin_of(self._function) if isinstance(self._function, type) else None
        if twin is None or name.startswith("__") or not hasattr(twin.made, name) or not callable(found):
            return found
        return functools.partial(_called_of_class, found, getattr(twin.made, name))

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)


def _called(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a function or a class of SciPy's."""
    if not holds_recorded_values((args, kwargs)):
        return wrapped(called_plainly(function, args, kwargs))
    found = twin_of(function)
    if found is None:
        return _without_twin(function, args, kwargs)
    args, kwargs, target = _without_writes(function, args, kwargs)
    if target is not None:
        target[...] = _called(function, *args, **kwargs)
        return target
    args, kwargs = plain_of(args), plain_of(kwargs)
    if WATCHER.get() is not None and _checks_finite(function, args, kwargs):
        _tell_finite((args, kwargs))
    if isinstance(function, type) and isinstance(found.made, type):
        with errors_read(args, kwargs):
            plain = called_plainly(function, plain_values(args), plain_values(kwargs))
        return Instance(plain, found.made(*args, **kwargs))
    if not found.adopts:
        with errors_read(args, kwargs):
            return found.made(*args, **kwargs)
    objects: list[Any] = []

    def run(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if twin_of(type(value)) is not None:
            objects.append(value)
        return value

    result = answered(found.made, full_name(function), run, args, kwargs, converts=True)
    return Instance(objects[0], result) if objects else result


def _checks_finite(function: Any, args: Any, kwargs: Any) -> bool:
    """Whether a function of SciPy's raises an error for NaN and infinite numbers."""
    if (default := _default_of_check_finite(function)) is None:
        return False
    given = dict(zip(positional_names(function), args, strict=False)) | kwargs
    return bool(given.get("check_finite", default))


@functools.cache
def _default_of_check_finite(function: Any) -> bool | None:
    """The default of the argument check_finite; None if a function has no such argument."""
    try:
        parameter = inspect.signature(function).parameters.get("check_finite")
    except ValueError:
        return None
    return None if parameter is None else bool(parameter.default)


def _tell_finite(x: Any) -> None:
    """If compiling, add a guard that recorded arguments are finite; SciPy raises its error for other values."""
    if type(x) in (tuple, list, dict):
        for part in x.values() if type(x) is dict else x:
            _tell_finite(part)
    elif type(x) is Array and x.dtype.kind in "fc":
        bool(np.all(np.isfinite(x)))


def _without_writes(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    """The arguments of a call that writes into none of them, and the array that is to hold the result, or None.

    SciPy gets the values that are recorded, so it must not write into them.
    """
    target, given = None, dict(zip(positional_names(function), args, strict=False)) | kwargs
    for name, value in given.items():
        if name.startswith("overwrite_"):
            given[name] = False
        elif name in ("out", "output") and isinstance(value, np.ndarray | Array):
            target, given[name] = value, None
    if type(target) is np.ndarray:
        raise RecordingError(
            f"the result of {full_name(function)} cannot be written into a plain array: its gradient would be lost; "
            "use the returned array, or make that array in the function" + at_line()
        )
    count = len(args)
    known = [given[name] for name in positional_names(function)[:count]]
    return (*known, *args[len(known) :]), {name: given[name] for name in kwargs}, target


@functools.cache
def positional_names(function: Any) -> tuple[str, ...]:
    """The names of the arguments that a function takes by position; none if it does not say."""
    try:
        every = inspect.signature(function).parameters.values()
    except ValueError:
        return ()
    return tuple(p.name for p in every if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _called_of_class(run: Any, made: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a method of a class, such as Rotation.from_euler; `made` is that of its twin."""
    if not holds_recorded_values((args, kwargs)):
        return wrapped(called_plainly(run, args, kwargs))
    args, kwargs = plain_of(args), plain_of(kwargs)
    with errors_read(args, kwargs):
        value = called_plainly(run, plain_values(args), plain_values(kwargs))
    return as_scipys(value, made, full_name(run), args, kwargs)


def _without_twin(function: Any, args: Any, kwargs: Any) -> Any:
    """The result of a function of SciPy's that computes with recorded values as it is; an error if it cannot."""
    args, kwargs = plain_of(args), plain_of(kwargs)
    if _has_no_gradient((args, kwargs)):
        return wrapped(called_plainly(function, read_values(args), read_values(kwargs)))
    try:
        with asking_others():
            return function(*unwrapped(args), **unwrapped(kwargs))
    except NoAnswer as answer:
        if not _has_callbacks((args, kwargs)):
            called_plainly(function, plain_values(args), plain_values(kwargs))  # the user's mistake, if this fails too
        raise no_twin(full_name(function)) from answer.error


def _has_callbacks(x: Any) -> bool:
    """Whether a function is among the arguments whose closure holds recorded values."""
    if type(x) in (tuple, list, dict):
        return any(map(_has_callbacks, x.values() if type(x) is dict else x))
    return callable(x) and holds_recorded_values(x)


def _has_no_gradient(x: Any) -> bool:
    """Whether all recorded values in a tree are integers or booleans."""
    if type(x) is Array:
        return x.dtype.kind not in "fc"
    if type(x) in (tuple, list, dict):
        return all(map(_has_no_gradient, x.values() if type(x) is dict else x))
    return not holds_recorded_values(x)
