"""Arrays and namespaces that record the operations on them, for NumPy and JAX.

A rule gets them in place of arrays and `xp`. They compute as the library does, and put each call on the tape.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from chainrule.code.tape import Tape, TracedValue
from chainrule.errors import RecordingError

__all__ = ["Namespace", "Traced", "content_of", "untraced"]

OPERATORS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
SIGNS = {"neg": "-", "invert": "~", "pos": "+"}


class Traced:
    """An array (or a tuple of arrays) and its value on the tape."""

    __slots__ = ("content", "tape", "value")

    def __init__(self, tape: Tape, value: TracedValue, content: Any):
        self.tape, self.value, self.content = tape, value, content

    # Attributes that a rule may read without a trace in the code
    shape = property(lambda self: self.content.shape)
    dtype = property(lambda self: self.content.dtype)
    ndim = property(lambda self: self.content.ndim)
    size = property(lambda self: self.content.size)

    def __len__(self) -> int:
        return len(self.content)

    def __bool__(self) -> bool:
        truth = bool(self.content)
        self.tape.asked.append((self.value, truth))
        return truth

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RecordingError("its rule takes an array as plain numbers")

    def __float__(self) -> float:
        raise RecordingError("its rule takes an array as a plain number")

    __index__ = __int__ = __float__  # type: ignore[assignment]

    def __array_namespace__(self, api_version: Any = None) -> Any:
        """The namespace for blocks that a rule calls."""
        return self.tape.namespace

    # Operations
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.content, name)
        if name == "at" and not callable(found):
            return _At(self)
        if callable(found):
            return lambda *args, **kwargs: traced_call(self.tape, f".{name}", found, (self, *args), kwargs, 1)
        return traced_call(self.tape, f".{name} property", lambda: found, (self,), {}, 1)

    def __getitem__(self, key: Any) -> Any:
        return traced_call(self.tape, "[]", lambda x, k: x[k], (self, key), {})

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self.content)))

    def __setitem__(self, key: Any, new: Any) -> None:
        self.content[untraced(key)] = untraced(new)
        self.value = self.tape.write(self.value, "[]=", (retraced(self.tape, key), retraced(self.tape, new)))

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "at":
            return _write_at(self.tape, ufunc, *args)
        name, found = _of_the_library(self.tape, ufunc)
        function = found if method == "__call__" else getattr(found, method)
        return traced_call(self.tape, name + ("" if method == "__call__" else f".{method}"), function, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return traced_call(self.tape, *_of_the_library(self.tape, function), args, kwargs)


def _install() -> None:
    import operator

    names = {"and": "and_", "or": "or_"}
    for table in (OPERATORS, COMPARISONS):
        for special, symbol in table.items():
            compute = getattr(operator, names.get(special, special))

            def forwards(self: Traced, other: Any, symbol: str = symbol, compute: Any = compute) -> Any:
                return traced_call(self.tape, symbol, compute, (self, other), {})

            def backwards(self: Traced, other: Any, symbol: str = symbol, compute: Any = compute) -> Any:
                return traced_call(self.tape, symbol, compute, (other, self), {})

            setattr(Traced, f"__{special}__", forwards)
            if table is OPERATORS:
                setattr(Traced, f"__r{special}__", backwards)
    for special, symbol in SIGNS.items():

        def signed(self: Traced, symbol: str = symbol, compute: Any = getattr(operator, special)) -> Any:
            return traced_call(self.tape, f"{symbol}x", compute, (self,), {})

        setattr(Traced, f"__{special}__", signed)
    Traced.__abs__ = lambda self: traced_call(self.tape, "abs", abs, (self,), {})  # type: ignore[attr-defined]
    Traced.__hash__ = object.__hash__  # type: ignore[method-assign]


class _At:
    """`x.at` of JAX's arrays."""

    def __init__(self, x: Traced):
        self.x = x

    def __getitem__(self, key: Any) -> Any:
        return _AtKey(self.x, key)


class _AtKey:
    def __init__(self, x: Traced, key: Any):
        self.x, self.key = x, key

    def __getattr__(self, name: str) -> Any:
        def update(new: Any) -> Any:
            return traced_call(
                self.x.tape, f".at.{name}", lambda x, k, v: getattr(x.at[k], name)(v), (self.x, self.key, new), {}
            )

        return update


def _write_at(tape: Tape, ufunc: Any, x: Any, key: Any, new: Any) -> None:
    if not isinstance(x, Traced):
        raise RecordingError("its rule writes into an array that it made with `np.`, not with `xp.`")
    ufunc.at(x.content, untraced(key), untraced(new))
    x.value = tape.write(x.value, f"{name_of(ufunc)}.at", (retraced(tape, key), retraced(tape, new)))


def untraced(x: Any) -> Any:
    """An argument with plain arrays in place of traced ones."""
    if isinstance(x, Traced):
        return x.content
    if type(x) in (tuple, list):
        return type(x)(untraced(part) for part in x)
    if isinstance(x, slice):
        return slice(untraced(x.start), untraced(x.stop), untraced(x.step))
    return x


def retraced(tape: Tape, x: Any) -> Any:
    """An argument with values of the tape in place of traced arrays."""
    if isinstance(x, Traced):
        return x.value
    if type(x) in (tuple, list):
        return type(x)(retraced(tape, part) for part in x)
    if isinstance(x, slice):
        return slice(retraced(tape, x.start), retraced(tape, x.stop), retraced(tape, x.step))
    if hasattr(x, "__jax_array__") or type(x).__module__.startswith("jax"):
        return np.asarray(x) if hasattr(x, "shape") else x
    return x


def content_of(x: Any) -> Any:
    return x.content if isinstance(x, Traced) else x


def traced_call(tape: Tape, name: str, function: Any, args: Any, kwargs: Any, bound: int = 0) -> Any:
    """Call a function and put it on the tape, if it returns arrays. A method is bound to its first argument."""
    result = function(*(untraced(x) for x in args[bound:]), **{k: untraced(x) for k, x in kwargs.items()})
    if type(result) is complex:  # 1j times a np.float64 is a Python number, but depends on the traced array
        result = np.complex128(result)
    return traced_result(tape, name, result, args, kwargs)


def traced_result(tape: Tape, name: str, result: Any, args: Any, kwargs: Any) -> Any:
    if not is_array(result) and not (isinstance(result, tuple) and any(map(is_array, result))):
        return result
    args = tuple(retraced(tape, x) for x in args)
    kwargs = {k: retraced(tape, x) for k, x in kwargs.items()}
    shape, dtype = (result.shape, result.dtype) if is_array(result) else (None, None)
    whole = tape.call(name, args, kwargs, shape, dtype)
    if is_array(result):
        return Traced(tape, whole, result)
    whole.content = field_names(result)
    parts = [
        Traced(tape, tape.call("[]", (whole, i), {}, x.shape, x.dtype), x) if is_array(x) else x
        for i, x in enumerate(result)
    ]
    return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)


def field_names(result: tuple[Any, ...]) -> list[str]:
    """The names of the parts of a result: U, S, Vh."""
    return list(getattr(result, "_fields", [f"part{i}" for i in range(len(result))]))


def is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, type | np.dtype | types.ModuleType)


def name_of(function: Any) -> str:
    """The name of a NumPy or SciPy function in code: np.linalg.inv, special.erf."""
    name = function.__name__
    if isinstance(function, np.ufunc):
        return f"np.{name}" if getattr(np, name, None) is function else f"special.{name}"
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{name}".replace("scipy.special.", "special.").replace("scipy.linalg.", "linalg.")


def _of_the_library(tape: Tape, function: Any) -> tuple[str, Any]:
    """The name in code of a function that a rule calls as NumPy's, and the function: JAX's own in code for JAX."""
    name = name_of(function)
    first, *path = name.split(".")
    if first != "np" or tape.prefix == "np":
        return name, function
    found = tape.namespace.module
    for part in path:
        found = getattr(found, part, None)
    if found is None:
        raise RecordingError(f"its rule calls {name}, which {tape.namespace.__name__} does not have")
    return ".".join([tape.prefix, *path]), found


class Namespace(types.ModuleType):
    """A library's namespace, whose functions put their calls on the tape.

    Parameters
    ----------
    module : numpy, jax.numpy, scipy.special, …
    prefix : its name in the code: np, jnp, special.
    """

    special_functions: Any  # the library's module of them

    def __init__(self, tape: Tape, module: Any, prefix: str):
        super().__init__(module.__name__)
        self._tape, self.module, self._prefix = tape, module, prefix

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if isinstance(found, types.ModuleType):
            return Namespace(self._tape, found, f"{self._prefix}.{name}")
        if isinstance(found, type) or not callable(found) or name in ("dtype", "errstate"):
            return found
        return _TracedFunction(self._tape, found, f"{self._prefix}.{name}")


class _TracedFunction:
    """A function of a namespace, with its methods (`np.add.at`, `np.add.reduce`)."""

    def __init__(self, tape: Tape, function: Any, name: str):
        self._tape, self._function, self._name = tape, function, name
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return traced_call(self._tape, self._name, self._function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "at":
            return lambda x, key, new: _write_at(self._tape, self._function, x, key, new)
        return _TracedFunction(self._tape, getattr(self._function, name), f"{self._name}.{name}")


_install()
