"""SciPy as the user's code sees it while a function is recorded: functions that have a twin take recorded values.

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
the objects that SciPy makes of plain values stay as they are. An object that knows whether it holds recorded values
says so by `is_recorded`.

The twin of a single object, such as scipy.stats.norm, is an object: `twin(scipy.stats.norm)(made)`.
"""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, Above, under_another_value
from chainrule.array import Array, value_of
from chainrule.buffered import BUFFERED
from chainrule.errors import NoAnswer, RecordingError, asking_others
from chainrule.instead import INSTEAD
from chainrule.libraries import PLAIN, dtype_of
from chainrule.node import at_line
from chainrule.numpy_value import answered, plain
from chainrule.reach import reached
from chainrule.standins.buffer import Buffer, is_recorded, plain_of
from chainrule.standins.function import StandIn, StandInModule, Stands, meant
from chainrule.trees import flatten

__all__ = [
    "TWINS",
    "Instance",
    "filled",
    "holds_recorded_values",
    "load_twins",
    "of_scipy",
    "plain_result",
    "plain_values",
    "read_values",
    "scipy_standin",
    "twin",
    "with_value",
    "without_gradient",
]

load_twins = Above()
"""Registers the twins of one of SciPy's modules, such as "scipy.stats"; `chainrule.scipy` sets it."""


class Twin:
    """What stands in for a function, a class or an object of SciPy's.

    Attributes
    ----------
    function : SciPy's.
    made : the twin.
    adopts : whether the result gets SciPy's value.
    """

    __slots__ = ("adopts", "function", "made")

    def __init__(self, function: Any, made: Any, adopts: bool):
        self.function, self.made, self.adopts = function, made, adopts

    @property
    def differentiable(self) -> bool:
        """Whether its results have a gradient."""
        return not isinstance(self.made, OfValues)


class OfValues:
    """The twin of a function whose results have no gradient by nature: SciPy's own, of the plain values."""

    def __init__(self, function: Any):
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _called_plainly(self.function, read_values(args), read_values(kwargs))


TWINS: dict[int, Twin] = {}
"""Every twin, by the id of SciPy's function, because not every object has a hash."""


def twin(function: Any, adopts: bool = True) -> Callable[[Any], Any]:
    """Decorator: the twin of a function, a class or an object of SciPy's (see above)."""

    def register(made: Any) -> Any:
        TWINS[id(function)] = Twin(function, made, adopts)
        return made

    return register


def without_gradient(module: types.ModuleType, names: str) -> None:
    """Register that these functions of a module of SciPy's have integers, truths or texts as results."""
    for name in names.split():
        function = getattr(module, name)
        TWINS[id(function)] = Twin(function, OfValues(function), adopts=False)


# Names ---------------------------------------------------------------------------------------------------------------


def of_scipy(x: Any) -> str:
    """The module of SciPy's that a module, function, class or object is of; "" for anything else."""
    if isinstance(x, np.ufunc):
        return ""  # ufuncs record themselves
    if type(x) is types.BuiltinMethodType and not isinstance(x.__self__, types.ModuleType | None):
        x = x.__self__
    if type(x).__name__ in _C_CLASSES:
        return _C_CLASSES[type(x).__name__]
    name = x.__name__ if isinstance(x, types.ModuleType) else getattr(x, "__module__", None)
    return name if isinstance(name, str) and f"{name}.".startswith("scipy.") else ""


def scipy_standin(x: Any, kept: frozenset[str]) -> Any:
    """The stand-in for what a name of the user's code has of SciPy's; None if it needs none.

    Names in `kept` stay as they are in its modules.
    """
    module = of_scipy(x)
    if not module or issubclass(type(x), Stands):
        return None
    load_twins(module)
    if isinstance(x, types.ModuleType):
        return _module_standin(x, kept)
    if type(x) is types.BuiltinMethodType and _has_twin(type(x.__self__)):
        return _wrapped(x)
    if id(x) not in _known:
        if isinstance(x, _FUNCTIONS) or type(x).__name__ in _C_FUNCTIONS:
            _known[id(x)] = Function(x)
        elif id(x) in TWINS:
            _known[id(x)] = Instance(x)
        else:
            return Instance(x) if _has_twin(type(x)) else None
    return _known[id(x)]


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type)
_C_FUNCTIONS = ("cython_function_or_method", "fortran", "_Function")  # the last one is of scipy.fft
_C_CLASSES = {"SuperLU": "scipy.sparse.linalg"}
"""Classes of SciPy's that do not say where they are from, and their modules."""
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


class Function(StandIn):
    """A function or a class of SciPy's that takes recorded values, if it has a twin."""

    _function: Any

    def __init__(self, function: Any):
        super().__init__(function, functools.partial(_called, function))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._function, name)
        twin = TWINS.get(id(self._function)) if isinstance(self._function, type) else None
        if twin is None or name.startswith("__") or not hasattr(twin.made, name) or not callable(found):
            return found
        return functools.partial(_called_of_class, found, getattr(twin.made, name))

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)


def _called(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a function or a class of SciPy's."""
    if not (holds_recorded_values(args) or holds_recorded_values(kwargs)):
        return _wrapped(_called_plainly(function, args, kwargs))
    found = TWINS.get(id(function))
    if found is None:
        return _without_twin(function, args, kwargs)
    args, kwargs, target = _without_writes(function, args, kwargs)
    if target is not None:
        target[...] = _called(function, *args, **kwargs)
        return target
    args, kwargs = plain_of(args), plain_of(kwargs)
    if isinstance(function, type) and isinstance(found.made, type):
        plain = _called_plainly(function, plain_values(args), plain_values(kwargs)) if found.adopts else None
        return Instance(plain, found.made(*args, **kwargs))
    if not found.adopts:
        return found.made(*args, **kwargs)
    objects: list[Any] = []

    def run(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if id(type(value)) in TWINS:
            objects.append(value)
        return value

    result = answered(found.made, _full_name(function), run, args, kwargs)
    return Instance(objects[0], result) if objects else result


def _without_writes(function: Any, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    """The arguments of a call that writes into none of them, and the array that is to hold the result, or None.

    SciPy gets the values that are recorded, so it must not write into them.
    """
    target, given = None, dict(zip(_parameters(function), args, strict=False)) | kwargs
    for name, value in given.items():
        if name.startswith("overwrite_"):
            given[name] = False
        elif name in ("out", "output") and isinstance(value, np.ndarray | Array):
            target, given[name] = value, None
    if type(target) is np.ndarray:
        raise RecordingError(
            f"the result of {_full_name(function)} cannot be written into a plain array: its gradient would be lost; "
            "use the returned array, or make that array in the function" + at_line()
        )
    count = len(args)
    known = [given[name] for name in _parameters(function)[:count]]
    return (*known, *args[len(known) :]), {name: given[name] for name in kwargs}, target


@functools.cache
def _parameters(function: Any) -> tuple[str, ...]:
    """The names of the arguments that a function takes by position; none if it does not say."""
    try:
        every = inspect.signature(function).parameters.values()
    except ValueError:
        return ()
    return tuple(p.name for p in every if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _called_of_class(run: Any, made: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a method of a class, such as Rotation.from_euler; `made` is that of its twin."""
    if not (holds_recorded_values(args) or holds_recorded_values(kwargs)):
        return _wrapped(_called_plainly(run, args, kwargs))
    args, kwargs = plain_of(args), plain_of(kwargs)
    value = _called_plainly(run, plain_values(args), plain_values(kwargs))
    return _as_scipys(value, made, _full_name(run), args, kwargs)


def _as_scipys(value: Any, made: Any, name: str, args: Any, kwargs: Any) -> Any:
    """What a twin's method returns, with the value that SciPy's method gives: an array, or another object."""
    if isinstance(value, tuple) and any(id(type(part)) in TWINS for part in value):
        parts = zip(value, made(*args, **kwargs), strict=True)
        return tuple([_as_scipys(own, functools.partial(_itself, part), name, (), {}) for own, part in parts])
    found = TWINS.get(id(type(value)))
    if found is None:
        return answered(made, name, lambda *a, **k: value, args, kwargs)
    made = made(*args, **kwargs)
    return Instance(value, made) if isinstance(found.made, type) else made


def _itself(x: Any) -> Any:
    return +x if type(x) is Array else x


class Instance(Stands):
    """An object of SciPy's whose methods take recorded values, or that is made of recorded values.

    Attributes
    ----------
    _plain : SciPy's object, made of the plain values; None if its twin gives the values itself.
    _twin : its twin; None until a recorded value needs it.
    """

    __array_ufunc__ = None  # NumPy's arrays leave operators to it

    def __init__(self, plain: Any, twin: Any = None):
        self.__dict__.update(_plain=plain, _twin=twin)

    @property
    def _meant(self) -> Any:
        return self if self._plain is None or self._is_recorded() else self._plain

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._plain) if self._plain is not None else type(self._twin)

    def _made(self) -> Any:
        """The twin."""
        if self._twin is None:
            found = TWINS.get(id(self._plain))
            made = found.made if found is not None else TWINS[id(type(self._plain))].made.of(self._plain)
            self.__dict__["_twin"] = made
        return self._twin

    def _is_recorded(self) -> bool:
        return self._twin is not None and holds_recorded_values(self._twin)

    def __getattr__(self, name: str) -> Any:
        plain = self._plain
        if plain is None:
            return getattr(self._twin, name)
        found = getattr(plain, name)
        if callable(found) and not isinstance(found, type):
            return Method(self, name)
        if self._is_recorded():
            if not hasattr(self._twin, name):
                raise _no_twin(f"{_full_name(type(plain))}.{name}")
            return getattr(self._twin, name)
        return _wrapped(found)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_recorded() or holds_recorded_values(value):
            setattr(self._made(), name, value)
        else:
            setattr(self._plain, name, value)

    def __iter__(self) -> Any:
        plain, entry = self._plain, self.__getattr__("__getitem__") if self._is_recorded() else None
        return map(entry, range(len(plain))) if entry else map(_wrapped, plain)

    def __repr__(self) -> str:
        return repr(self._plain if self._plain is not None else self._twin)

    def __copy__(self) -> Instance:
        if id(self._plain) in TWINS:  # there is one such object, and its twin is known by it
            return self
        return Instance(copy.copy(self._plain), copy.copy(self._twin))

    def __deepcopy__(self, memo: Any) -> Instance:
        if id(self._plain) in TWINS:
            return self
        return Instance(copy.deepcopy(self._plain, memo), copy.deepcopy(self._twin, memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._is_recorded():
            raise RecordingError("an object that holds recorded values cannot be pickled" + at_line())
        return self._plain.__reduce_ex__(protocol)


class Method:
    """A method of an object of SciPy's."""

    def __init__(self, owner: Instance, name: str):
        self.owner, self.name = owner, name
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        owner, name = self.owner, self.name
        run = getattr(owner._plain, name) if owner._plain is not None else None
        if not (owner._is_recorded() or holds_recorded_values(args) or holds_recorded_values(kwargs)):
            owner.__dict__["_twin"] = None  # the method may change the object
            return _wrapped(_called_plainly(run, args, kwargs))
        made = getattr(owner._made(), name, None)
        if made is None:
            raise _no_twin(f"{_full_name(type(owner._plain))}.{name}")
        args, kwargs = plain_of(args), plain_of(kwargs)
        if run is None:
            return made(*args, **kwargs)
        plain_args, plain_kwargs = plain_values(args), plain_values(kwargs)
        value = _called_plainly(run, plain_args, plain_kwargs)
        if getattr(made, "takes_value", False):
            return with_value(made(value, *args, **kwargs), value)
        return _as_scipys(value, made, f"{_full_name(type(owner._plain))}.{name}", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self.owner._plain, self.name), name)

    def __repr__(self) -> str:
        return repr(getattr(self.owner._plain, self.name))


def _special_method(name: str) -> Callable[..., Any]:
    def method(self: Instance, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self._plain, name):
            return NotImplemented
        return Method(self, name)(*args, **kwargs)

    method.__name__ = name
    return method


BINARY = "add sub mul truediv floordiv mod pow matmul".split()
for _name in (
    *(f"__{side}{name}__" for name in BINARY for side in ("", "r")),
    *(f"__{name}__" for name in "call neg pos abs getitem setitem len lt le gt ge".split()),
):
    setattr(Instance, _name, _special_method(_name))


def _wrapped(value: Any) -> Any:
    """A result of SciPy's; an object that may be called with recorded values as an `Instance`."""
    kind = type(value)
    if kind in PLAIN or kind is np.ndarray or kind is tuple:
        return value
    if kind is types.BuiltinMethodType and _has_twin(type(value.__self__)):
        return Method(Instance(value.__self__), value.__name__)
    return Instance(value) if _has_twin(kind) and not isinstance(value, type) else value


def _has_twin(kind: type) -> bool:
    """Whether SciPy's objects of a class have twins."""
    return id(kind) in TWINS and hasattr(TWINS[id(kind)].made, "of")


def plain_result(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What SciPy's own function returns for the plain values of its arguments."""
    return _called_plainly(function, plain_values(args), plain_values(kwargs))


def with_value(recorded: Any, value: Any) -> Any:
    """A recorded result with SciPy's own value."""
    if type(recorded) is not Array:
        return value
    dtype = dtype_of(value)
    if recorded.dtype != dtype:
        recorded = ANSWERS[np.astype](recorded, dtype)
    if recorded.shape != np.shape(value):
        recorded = np.reshape(recorded, np.shape(value))
    return under_another_value(recorded, value)


def filled(result: Any, **fields: Any) -> Any:
    """A result of SciPy's with several fields (a tuple, an object) with recorded ones, which keep SciPy's values."""
    fields = {name: with_value(x, getattr(result, name)) for name, x in fields.items()}
    if isinstance(result, tuple):
        names: Any = type(result)._fields  # type: ignore[attr-defined]
        made = tuple.__new__(type(result), [fields.get(name, x) for name, x in zip(names, result, strict=True)])
        if hasattr(result, "__dict__"):
            made.__dict__.update(vars(result) | {n: x for n, x in fields.items() if n not in names})
        return made
    made = copy.copy(result)
    for name, x in fields.items():
        setattr(made, name, x)
    return made


def _called_plainly(function: Any, args: Any, kwargs: Any) -> Any:
    """What SciPy's own function returns for plain arguments."""
    buffered = BUFFERED.set(False)
    try:
        return function(*_unwrapped(args), **_unwrapped(kwargs))
    finally:
        BUFFERED.reset(buffered)


def _without_twin(function: Any, args: Any, kwargs: Any) -> Any:
    """The result of a function of SciPy's that computes with recorded values as it is; an error if it cannot."""
    args, kwargs = plain_of(args), plain_of(kwargs)
    if _has_no_gradient(args) and _has_no_gradient(kwargs):
        return _wrapped(_called_plainly(function, read_values(args), read_values(kwargs)))
    try:
        with asking_others():
            return function(*_unwrapped(args), **_unwrapped(kwargs))
    except NoAnswer as answer:
        if not (_has_callbacks(args) or _has_callbacks(kwargs)):
            _called_plainly(function, plain_values(args), plain_values(kwargs))  # the user's mistake, if this fails too
        raise _no_twin(_full_name(function)) from answer.error


def _has_callbacks(x: Any) -> bool:
    """Whether a function is among the arguments whose closure holds recorded values."""
    if type(x) in (tuple, list, dict):
        return any(map(_has_callbacks, x.values() if type(x) is dict else x))
    return callable(x) and holds_recorded_values(x)


def _has_no_gradient(x: Any) -> bool:
    """Whether what is recorded in a tree are integers and truths."""
    if type(x) is Array:
        return x.dtype.kind not in "fc"
    if type(x) in (tuple, list, dict):
        return all(map(_has_no_gradient, x.values() if type(x) is dict else x))
    return not holds_recorded_values(x)


def _no_twin(name: str) -> RecordingError:
    if name in INSTEAD:
        return RecordingError(f"{name} does not take recorded arrays; write {INSTEAD[name]}" + at_line())
    return RecordingError(
        f"the derivative of {name} is not known{at_line()}\n"
        f"  write it with functions that have one, or let it be taken by differences, cr.opaque({name})(…), or by a\n"
        f"  function that you give, cr.opaque({name}, jac=…)(…)"
    )


def _full_name(function: Any) -> str:
    """The name of a function of SciPy's without its private modules: scipy.optimize.brentq."""
    module = str(getattr(function, "__module__", ""))
    name = str(getattr(function, "__qualname__", None) or getattr(function, "__name__", type(function).__name__))
    return ".".join([*(part for part in module.split(".") if not part.startswith("_")), name])


# Values --------------------------------------------------------------------------------------------------------------


def holds_recorded_values(x: Any) -> bool:
    """Whether x is recorded, or holds a recorded value: a tree, a callback with its closure, an object."""
    kind = type(x)
    if kind in _ARRAYS:
        return is_recorded(x)
    if kind in PLAIN or kind is str:
        return False
    if kind is tuple or kind is list:
        return any(map(holds_recorded_values, x))
    if kind is dict:
        return any(map(holds_recorded_values, x.values()))
    if kind is Instance:
        return x._is_recorded()
    if hasattr(kind, "is_recorded"):
        return bool(x.is_recorded)
    if isinstance(x, type | types.ModuleType | types.BuiltinFunctionType):
        return False
    return any(type(part) in _ARRAYS and is_recorded(part) for part in reached(x))


_ARRAYS = (Array, Buffer, np.ndarray)


def plain_values(x: Any) -> Any:
    """A tree with the plain values of recorded arrays, for the value of a step that is recorded too.

    Compiled code computes such a value by the step, so nothing tells `WATCHER` of it.
    """
    return _with_values(x, plain)


def read_values(x: Any) -> Any:
    """A tree with the plain values of recorded arrays, on which what follows depends without being recorded."""
    return _with_values(x, value_of)


def _with_values(x: Any, value: Callable[[Any], Any]) -> Any:
    kind = type(x)
    if kind in PLAIN or kind is np.ndarray or kind is str:
        return x
    if kind is Array or kind is Buffer:
        x = plain_of(x)
        return value(x) if type(x) is Array else x
    if kind is Instance:
        return x._plain
    if kind is tuple or kind is list:
        return kind([_with_values(part, value) for part in x])
    if kind is dict:
        return {key: _with_values(part, value) for key, part in x.items()}
    if callable(x) or isinstance(x, type):
        return x
    leaves, rebuild = flatten(x)
    if len(leaves) == 1 and leaves[0] is x:
        return x
    return rebuild([_with_values(leaf, value) for leaf in leaves])


def _unwrapped(x: Any) -> Any:
    """Arguments as SciPy takes them: its own objects and functions instead of their stand-ins."""
    kind = type(x)
    if kind is Buffer:
        return plain_of(x)
    if issubclass(kind, Stands):
        return meant(x)
    if kind is tuple or kind is list:
        return kind([_unwrapped(part) for part in x])
    if kind is dict:
        return {key: _unwrapped(part) for key, part in x.items()}
    return x
