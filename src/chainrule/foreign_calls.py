"""For errors: the function of another library that is given a recorded array, and what to write instead."""

from __future__ import annotations

import ast
import re
import sys
from typing import Any, NamedTuple

from chainrule.errors import ChainruleError, RecordingError, Refusal, RefusedInJax
from chainrule.hints import MAKE_ARRAYS, function_hint
from chainrule.likeness import NumberHasNone
from chainrule.node import Line, is_internal, is_library
from chainrule.source_text import expressions_at, object_named, parts_of_name

__all__ = ["refuse_foreign_call", "refuse_what_they_ask", "refused_by_their_error", "refused_by_torch"]


class ForeignCall(NamedTuple):
    """A call of another library's function in the user's code.

    Attributes
    ----------
    name : the function as the user writes it, such as `jnp.tanh`; "" if the source is not known.
    library : the top module of the function.
    line : where it is called.
    """

    name: str
    library: str
    line: Line


def foreign_call(frame: Any) -> ForeignCall | None:
    """The call that a frame or one that called it is at, if it is of a library other than NumPy, SciPy and Python."""
    module = ""
    while frame is not None and is_library(frame.f_code.co_filename):
        if not (module and is_internal(frame.f_code.co_filename)):
            module = "" if is_internal(frame.f_code.co_filename) else frame.f_globals.get("__name__", "")
        frame = frame.f_back
    return None if frame is None or frame.f_lasti < 0 else _call_at(frame, frame.f_lasti, frame.f_lineno, module)


def _call_at(frame: Any, at: int, number: int, module: str) -> ForeignCall | None:
    """The foreign call at an instruction of a frame; `module` is that of the code it runs, "" if it is not Python's."""
    expression = next(iter(expressions_at(frame.f_code, at)), None)
    function = expression.func if isinstance(expression, ast.Call) else None
    parts = None if function is None else parts_of_name(function)
    if not module and parts is not None:
        module = _module_of(object_named(frame, parts), object_named(frame, parts[:1]))
    library = module.partition(".")[0].replace("jaxlib", "jax")
    if library in _NOT_FOREIGN or not library:
        return None
    if function is None:
        name = f"an operator of {_title(library)}" if isinstance(expression, ast.BinOp) else ""
    else:
        name = ast.unparse(function)
    return ForeignCall(name if len(name) <= _LONGEST else "", library, Line(frame.f_code.co_filename, number))


def _module_of(function: Any, owner: Any) -> str:
    """The module of a function that is not written in Python; `owner` is the object whose attribute it may be."""
    kind = type(function)
    if kind.__module__ != "builtins":  # an object that is called, such as what numba.njit or jax.jit makes
        return kind.__module__
    return str(getattr(function, "__module__", None) or getattr(owner, "__name__", ""))


_NOT_FOREIGN = {"numpy", "scipy", "chainrule", "builtins", "__main__"} | set(sys.stdlib_module_names)
_LONGEST = 40

_BORROWED = {"torch": ("PyTorch", "cr.from_torch"), "jax": ("JAX", "cr.from_jax")}
"""Libraries whose functions become blocks: their names as one writes them, and what makes the blocks."""


def _title(library: str) -> str:
    return _BORROWED[library][0] if library in _BORROWED else library


def refusal_of(call: ForeignCall, known_as: str = "") -> Refusal:
    """The error for a recorded array that is given to a function of another library.

    `known_as` is the function's full name, if the library tells it.
    """
    name = call.name or known_as or f"a function of {_title(call.library)}"
    own = (known_as or call.name).rpartition(".")[2]
    hint = function_hint(own)
    write = f"write {hint}" if hint else "write it with functions of NumPy or of chainrule (np.…, cr.…)"
    told = f"{name} does not take recorded arrays; {write}\n  at {call.line}\n  {_another_way(call, own)}"
    return (RefusedInJax if call.library == "jax" else RecordingError)(told)


def _another_way(call: ForeignCall, own: str) -> str:
    """What else can be done about a call of the function with this name of its own."""
    plain = "for what has no gradient, give it x.value"
    named = call.name if call.name.replace(".", "").isidentifier() else "f"
    if own in MAKE_ARRAYS:
        return f"NumPy's functions and chainrule's compute with recorded arrays as they are; {plain}"
    if call.library in _BORROWED:
        title, borrow = _BORROWED[call.library]
        return f"{borrow}({named}) makes a block of code that is written for {title}; {plain}"
    return f"cr.opaque({named})(…) takes its derivative by differences; {plain}"


def refuse_foreign_call() -> None:
    """Raise if the code that asks for a plain array or number is of another library, or was called by one."""
    call = foreign_call(sys._getframe(1))
    if call is not None:
        raise refusal_of(call)


def refuse_what_they_ask(name: str, frame: Any) -> None:
    """Raise if JAX or PyTorch asks for the attribute by which they take arrays of other libraries.

    JAX's operators ask too, and leave the operator to the other operand if there is no such attribute.
    """
    if name == "__jax_array__":
        module = frame.f_globals.get("__name__", "")
        asked = module.startswith("jax.") and not module.endswith("array_methods")
    elif name == "__cuda_array_interface__":
        call = foreign_call(frame)
        asked = call is not None and call.library == "torch"
    else:
        return
    if asked:
        raise refusal_of(foreign_call(frame) or ForeignCall("", "jax", _users_line(frame)))


def refused_by_torch(function: Any) -> Refusal:
    """The error for a function of PyTorch that is given a recorded array."""
    name = sys.modules["torch"].overrides.resolve_name(function) or getattr(function, "__name__", "")
    frame = sys._getframe(1)
    call = foreign_call(frame)
    written = "" if call is None or call.name.rpartition(".")[2] != name.rpartition(".")[2] else call.name
    return refusal_of(ForeignCall(written, "torch", _users_line(frame)), name)


def _users_line(frame: Any) -> Line:
    """The line of the user's code that a frame is at, or that has called it."""
    outermost = frame
    while frame is not None and is_library(frame.f_code.co_filename):
        outermost, frame = frame, frame.f_back
    frame = frame or outermost
    return Line(frame.f_code.co_filename, frame.f_lineno)


_OF_ARRAYS = re.compile(r"\bArray\b|can't unbox")
"""Words in the messages of libraries that were given an object of the class Array."""


def refused_by_their_error(error: Exception) -> Refusal | None:
    """The error to raise for one that another library has raised because it was given a recorded array; else None."""
    if isinstance(error, ChainruleError) or not (isinstance(error, NumberHasNone) or _OF_ARRAYS.search(str(error))):
        return None
    trace, found = error.__traceback__, None
    while trace is not None:
        if not is_library(trace.tb_frame.f_code.co_filename):
            found = trace
        trace = trace.tb_next
    if found is None:
        return None
    inner: Any = None if found.tb_next is None else found.tb_next.tb_frame
    is_theirs = inner is not None and not is_internal(inner.f_code.co_filename)
    module = inner.f_globals.get("__name__", "") if is_theirs else ""
    call = _call_at(found.tb_frame, found.tb_lasti, found.tb_lineno, module)
    return None if call is None else refusal_of(call)
