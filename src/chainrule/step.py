"""One step: the forward rule of a block runs on its operands' values, and the result is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from types import NoneType
from typing import Any, Protocol

import numpy as np

from chainrule.answers import block_in_numpy, in_another_library
from chainrule.array import WATCHER, Array, constant, read_by_error
from chainrule.caught import is_caught
from chainrule.errors import BlockError, ChainruleError, NoAnswer, RecordingError, Unreachable, asking_others
from chainrule.fitting import advice, in_words
from chainrule.layout import copied_as_it_lies, is_contiguous
from chainrule.libraries import (
    NUMPY,
    NUMPY_NAMESPACE,
    PLAIN,
    PYTHON,
    as_array_beside,
    has_views,
    is_foreign,
    is_numpy,
    is_traced,
    library_of,
    namespace_of,
    numpys,
)
from chainrule.namespace import RECORDING
from chainrule.node import NO_PARAMS, Node, at_line, user_frame
from chainrule.versions import is_small_part, written
from chainrule.views import is_entry, view_of
from chainrule.warnings_of_numpy import SETTINGS

__all__ = [
    "FORMS",
    "NOT_THERE",
    "BlockLike",
    "FormsLike",
    "can_change",
    "explained",
    "foreign_result",
    "is_number_in_numpy",
    "not_covered",
    "owned",
    "raises_no_error",
    "read_only",
    "record",
    "record_write",
]


class FormsLike(Protocol):
    """What recording needs to know results by shape and dtype only; see `compile/forms.py`."""

    def of(self, block: Any, xp: Any, values: Sequence[Any], params: dict[str, Any]) -> Any:
        """An array of the shape and dtype that the block's forward rule returns."""

    def by_inside(self, made: Node) -> Any:
        """The same for a rule that has recorded its result."""


FORMS: ContextVar[FormsLike | None] = ContextVar("FORMS", default=None)
"""Set while only the shapes and dtypes of a recording matter."""


class BlockLike(Protocol):
    """What recording needs of a block; `chainrule.block.Block` is the only implementation."""

    name: str
    forward: Callable[..., Any]
    differentiable: bool
    view: bool
    may_copy: bool


def record(
    block: Any,
    operands: tuple[Any, ...],
    params: dict[str, Any] = NO_PARAMS,
    run: Callable[..., Any] | None = None,
    known: Any = None,
) -> Any:
    """Run the block's forward rule on the operands' values and return the recorded result; `known` if it has run.

    `run` is the function of NumPy or the operator that was called, if it takes the same operands: on NumPy's arrays it
    runs instead of the rule, so value, dtype, errors and warnings are NumPy's.
    """
    inputs, values = [], []
    xp, unsure, refused = NUMPY_NAMESPACE, False, None
    for operand in operands:
        kind = type(operand)
        if kind is not Array and kind not in PLAIN:
            operand = constant(operand)
            kind = type(operand)
        if kind is Array:
            unsure = unsure or operand._unsure
            operand = operand._own if operand._view is None else operand._node
            value = operand.value
        else:
            value = operand
        inputs.append(operand)
        values.append(value)
        if type(value) not in NUMPY:
            xp = None
    if xp is None:
        inputs, values = _in_one_library(inputs, values)
    if known is not None:
        is_numpys = xp is None and _is_numpys_beside(known, values)
        block, value = _in_numpy(block, values, params) if is_numpys else (block, known)
    elif xp is None:
        block, value = _in_their_library(block, inputs, values, params)
    else:
        try:
            value = block.forward(xp, *values, **params) if run is None else run(*values)
        except Exception as error:
            value, refused = _after_error(error, block, run, operands, values)
    if type(value) not in _ONE_ARRAY:
        if isinstance(value, (tuple, list, dict)) and hasattr(block, "several"):
            return block.several(value, operands, params)
        _must_be_one_array(value, block)
    frame = user_frame()
    result = Array(Node(block, tuple(inputs), params, value, frame.f_code, frame.f_lasti))
    result._unsure = unsure
    if block.view and type(operands[0]) is Array:
        _make_a_view(result, operands, known_to_be_numpys=xp is not None)
    if WATCHER.get() is not None:
        _may_have_raised(result, run, operands)
    if refused is not None:
        raise refused
    return result


def _after_error(
    error: Exception, block: Any, run: Any, operands: tuple[Any, ...], values: list[Any]
) -> tuple[Any, Exception | None]:
    """The result after Python's numbers raised an error (1 / 0), and that error if the user's code catches it.

    NumPy's numbers compute the result (inf). Any other error is raised with the block's name and the operands' shapes.
    """
    of_python = isinstance(error, ZeroDivisionError | OverflowError) and PYTHON.issuperset(map(type, values))
    if run is not None and of_python:
        refused = error if is_caught() else None
        try:
            with np.errstate(all=None if refused is None else "ignore"):
                return run(*map(numpys, values)).item(), refused
        except Exception as raised:  # a warning that is an error, say
            read_by_error(*operands)
            raise explained(raised, f"block {block.name}", values) from raised
    read_by_error(*operands)
    if isinstance(error, ChainruleError):
        raise error
    again = None if run is None else lambda others: run(*others)
    raise explained(error, f"block {block.name}", values, again) from error


def _may_have_raised(result: Array, run: Any, operands: tuple[Any, ...]) -> None:
    """Report to the watcher an operator of Python's numbers that may have raised, if the user's code catches errors."""
    if run is not None and result._own.value.__class__ is float and is_caught() and not bool(np.isfinite(result)):
        read_by_error(*operands)  # with an error the code takes another path
    raises_no_error(operands)


def raises_no_error(operands: Any) -> None:
    """Report to the watcher that a step has raised no floating-point error, if the code would catch one."""
    if _raises_errors() and is_caught():
        read_by_error(operands)


def _raises_errors() -> bool:
    """Whether NumPy raises floating-point errors. The answer is cached: `np.geterr()` takes as long as a block."""
    settings = None if SETTINGS is None else SETTINGS.get()
    known = _KNOWN[0]
    if settings is None or settings is not known[0]:
        known = _KNOWN[0] = settings, not _RAISING.isdisjoint(np.geterr().values())
    return known[1]


_RAISING = frozenset(["raise", "call"])
_KNOWN: list[tuple[Any, bool]] = [(None, False)]
"""The last settings seen, and whether NumPy raises errors with them."""


def _make_a_view(result: Array, operands: tuple[Any, ...], known_to_be_numpys: bool) -> None:
    """Note that a result shares memory with its first operand, if it does in NumPy."""
    source, node = operands[0], result._own
    block, value = node.block, node.value
    if result._unsure and block.may_copy and not is_contiguous(source._node.value):
        result._view = view_of(source)._replace(steps=None)
    elif isinstance(value, np.ndarray) and (np.may_share_memory(value, source._node.value) or is_entry(source)):
        result._view = view_of(source, partial(_of_another, block, operands[1:], node.params))
        if source._own.version is not None and is_small_part(value, source._own.form.size):
            node.value = copied_as_it_lies(value)  # otherwise the next write would have to copy the whole array
    elif not known_to_be_numpys and not _selects(node) and (value.ndim or can_change(value)):
        if block.may_copy or not value.ndim or not has_views(value):  # a copy or a view; x[0] may be a 0-d array
            result._view = view_of(source)._replace(steps=None)
        else:
            result._view = view_of(source, partial(_of_another, block, operands[1:], node.params))


def _selects(node: Node) -> bool:
    """Whether a step indexes with arrays or lists of integers or booleans, which makes a copy in every library."""
    key = node.params.get("key", ())
    return len(node.inputs) > 1 or any(not isinstance(part, int | slice | None | type(...)) for part in key)


def record_write(block: Any, operands: tuple[Any, ...], params: dict[str, Any], key: Any) -> Any:
    """Like `record`, for a block that changes a few entries of its first operand, those at the key.

    The result shares the memory of the operand (see `versions`), so a step costs only the entries written.
    """
    x, new, *indices = operands
    if type(x) is not Array:
        return record(block, operands, params)
    if type(new) is not Array and type(new) not in PLAIN:
        new = constant(new)
    entries = new._node if type(new) is Array else new
    node = x._node
    version = written(node, block.write, key, entries.value if type(new) is Array else entries)
    if version is None:
        return record(block, (x, new, *indices), params)
    frame = user_frame()
    inputs = (node, entries, *(i._node for i in indices))
    result = Array(Node.of_version(version, block, inputs, params, None, frame.f_code, frame.f_lasti))
    result._unsure = x._unsure or (type(new) is Array and new._unsure)
    return result


def _in_one_library(inputs: list[Any], values: list[Any]) -> tuple[list[Any], list[Any]]:
    """The operands of a step, with NumPy's arrays converted to the library, dtype and device of the others."""
    places = [i for i, value in enumerate(values) if isinstance(value, np.ndarray | np.generic)]
    others = [value for value in values if is_foreign(value)] if places else []
    if others:
        for i in places:
            if type(inputs[i]) is Node:
                inputs[i] = in_another_library(Array(inputs[i]), others)._node
                values[i] = inputs[i].value
            else:
                inputs[i] = values[i] = as_array_beside(values[i], others)
    return inputs, values


def foreign_result(block: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The result of a block for plain operands, of which some are arrays of another library than NumPy."""
    _, values = _in_one_library(list(operands), list(operands))
    return _in_their_library(block, values, values, params)[1]


def _in_their_library(block: Any, inputs: list[Any], values: list[Any], params: dict[str, Any]) -> tuple[Any, Any]:
    """The recorded block and its result for arrays of another library. NumPy computes what that library cannot."""
    xp = namespace_of(values)
    try:
        value = _forward(block, xp, values, params)
    except ChainruleError:
        raise
    except Exception as error:
        if isinstance(error, NOT_THERE) and not is_numpy(xp):
            value = _by_its_inside(block, inputs, values, params) if any(map(is_traced, values)) else None
            return _in_numpy(block, values, params, error) if value is None else (block, value)
        raise explained(error, f"block {block.name}", values) from error
    return _in_numpy(block, values, params) if _is_numpys_beside(value, values) else (block, value)


def _forward(block: Any, xp: Any, values: Sequence[Any], params: dict[str, Any]) -> Any:
    forms = FORMS.get()
    return block.forward(xp, *values, **params) if forms is None else forms.of(block, xp, values, params)


def _by_its_inside(block: Any, inputs: list[Any], values: list[Any], params: dict[str, Any]) -> Any:
    """The result of a rule that reads values, for traced arrays (JAX); None if the rule needs more than shapes.

    The rule runs on recorded arrays. What it reads is then answered by the watcher, with a guard checked on each run.
    """
    outer = _LOOKED_INTO.get()
    if WATCHER.get() is None or not block.pure or block in outer:  # not again within the rule of the same block
        return None
    operands = [
        Array(node if type(node) is Node else Node(None, (), NO_PARAMS, x)) if is_foreign(x) else x
        for node, x in zip(inputs, values, strict=True)
    ]
    token = _LOOKED_INTO.set((*outer, block))
    try:
        with asking_others():
            made = block.forward(RECORDING, *operands, **params)
    except NoAnswer:
        return None
    finally:
        _LOOKED_INTO.reset(token)
    if type(made) is not Array:
        return None
    forms = FORMS.get()
    return made._node.value if forms is None else forms.by_inside(made._node)


_LOOKED_INTO: ContextVar[tuple[Any, ...]] = ContextVar("LOOKED_INTO", default=())
"""The blocks whose rules are running on recorded operands now, the innermost last."""


def _is_numpys_beside(value: Any, values: list[Any]) -> bool:
    """Whether a result is NumPy's though its operands are arrays of another library."""
    return isinstance(value, np.ndarray | np.generic) and not is_numpy(namespace_of(values))


def _in_numpy(block: Any, values: list[Any], params: dict[str, Any], error: Exception | None = None) -> tuple[Any, Any]:
    """A version of the block that NumPy computes, and its result, for arrays of a library that cannot compute it."""
    made = block_in_numpy(block)
    try:
        with asking_others():
            value = _forward(made, None, values, params)
    except NoAnswer as none:
        if isinstance(none.error, Unreachable):
            lacks = "its result is NumPy's" if error is None else str(error)
            raise not_covered(block, namespace_of(values), lacks, str(none.error)) from error
        if isinstance(none.error, ChainruleError):
            raise none.error from error
        raise explained(none.error, f"block {block.name}", values) from none.error
    return (block if hasattr(block, "several") else made), value


def _of_another(block: Any, others: tuple[Any, ...], params: dict[str, Any], x: Any) -> Any:
    """The block applied to another first operand."""
    return block(x, *others, **params)


_ONE_ARRAY = NUMPY - {NoneType}
"""Types of NumPy's results."""


def _must_be_one_array(value: Any, block: BlockLike) -> None:
    """Raise unless a forward rule returned an array of some library."""
    if type(value) is Array:
        raise RecordingError(
            f"block {block.name} uses a recorded array that is not one of its operands, so its gradient would be lost; "
            "pass every array that the block needs as an operand" + at_line()
        )
    if isinstance(value, (tuple, list, dict, NoneType)):
        raise RecordingError(
            f"block {block.name} returned {type(value).__name__}; a block returns one array" + at_line()
        )


def is_number_in_numpy(x: Array) -> bool:
    """Whether an array of another library stands for what is a number in NumPy: without axes, and no known view."""
    value = x._own.value
    return type(value) not in NUMPY and not value.ndim and (x._view is None or x._view.steps is None)


def can_change(value: Any) -> bool:
    """Whether an array of another library can be written into, unlike JAX's."""
    return hasattr(type(value), "__iadd__")


def owned(x: Any) -> Any:
    """A result that is a new array in NumPy, not a view of an operand or of an intermediate result."""
    if type(x) is Array:
        x._view = None
    return x


def read_only(x: Any) -> Any:
    """A result that is read-only in NumPy."""
    if type(x) is Array and isinstance(x._own.value, np.ndarray):
        x._own.value.flags.writeable = False
    return x


def explained(
    error: Exception, what: str, values: Sequence[Any], again: Callable[[list[Any]], Any] | None = None
) -> Exception:
    """The error of a forward rule or of a function of NumPy, with its name, the shapes and the user's line.

    `again` computes the same with other operands, to see which would fit.
    """
    shapes = " and ".join(
        str(np.shape(v)) if type(v) in NUMPY else str(tuple(v.shape)) if is_foreign(v) else repr(v) for v in values
    )
    where = f"in {what}, inputs of shape {shapes}{at_line()}"
    if type(error) is ValueError:
        instead = "; write into a copy of it (x.copy())" if "read-only" in str(error) else ""
        fits = "" if again is None else advice(again, values)
        return BlockError(f"{error}{instead}{in_words(str(error), values)}{fits}\n  {where}")
    error.add_note(where)  # keeps the class of error that user code may catch (LinAlgError, IndexError, …)
    return error


NOT_THERE = (AttributeError, TypeError, NotImplementedError, ModuleNotFoundError, RuntimeError, IndexError, KeyError)
"""Errors raised where a library lacks a function, or its function takes less than NumPy's."""


def not_covered(block: BlockLike, xp: Any, why: str, instead: str = "give it NumPy's: np.asarray(x)") -> RecordingError:
    """The error if a rule of a block cannot compute with the arrays of another library."""
    return RecordingError(
        f"block {block.name} does not compute with arrays of {library_of(xp)} ({why}); {instead}" + at_line()
    )
