"""The functions of NumPy, SciPy and chainrule for which a block answers, and how to find a block by their names."""

from __future__ import annotations

import difflib
import dis
import os
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, full_name, getitem_key, setitem_key
from chainrule.block import BLOCKS, Block
from chainrule.errors import ExpressionError

__all__ = ["Answers", "Composite", "answers_of", "composites", "find", "steps"]

SPELLED = {getitem_key: "x[key]", setitem_key: "x[key] = y"}


def family_of(module: str) -> str:
    """The file or folder under blocks/ to which a module belongs."""
    return module.removeprefix("chainrule.blocks.").partition(".")[0]


def place_of(function: Any) -> str:
    """File and line of a rule, from blocks/ on."""
    code = function.__code__
    path = code.co_filename.replace(os.sep, "/").rpartition("/blocks/")[2]
    return f"{path}:{code.co_firstlineno}"


@dataclass(frozen=True)
class Answers:
    """The names that a block answers for.

    Attributes
    ----------
    itself : functions that are the block itself.
    within : functions composed of it, and perhaps of other blocks.
    """

    itself: tuple[str, ...]
    within: tuple[str, ...]


@dataclass(frozen=True)
class Composite:
    """A function that is composed of blocks, with NumPy's signature; its gradient follows from theirs."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    blocks: tuple[Block, ...]

    def is_called(self, block: Block) -> bool:
        """Whether it is called as the block is."""
        return any(n.rpartition(".")[2] == block.name for n in self.names)

    @property
    def family(self) -> str:
        return family_of(self.function.__module__)

    @property
    def place(self) -> str:
        return place_of(self.function)


def spelled(function: Any) -> str:
    """A function as a user writes it: np.exp, np.add.reduce, scipy.special.erf, x[key]."""
    if isinstance(function, str):
        return ".".join(part for part in function.split(".") if not part.startswith("_"))
    if isinstance(function, tuple):
        return f"{spelled(function[0])}.{function[1]}"
    if function in SPELLED:
        return SPELLED[function]
    if isinstance(function, types.MethodDescriptorType):
        return f"x.{function.__name__}"
    found = full_name(function)
    return "np." + found.removeprefix("numpy.") if found.startswith("numpy.") else found


@cache
def _handlers() -> dict[Any, tuple[str, ...]]:
    """Each handler with the names that it answers for, in the order of definition."""
    import chainrule.blocks

    found: dict[Any, list[str]] = {}
    for function, handler in list(ANSWERS.items()):
        label = spelled(function)
        if label not in found.setdefault(handler, []):
            found[handler].append(label)
    for label in dir(chainrule):
        value = getattr(chainrule, label)
        if isinstance(value, Block) or getattr(value, "__module__", "").startswith("chainrule.blocks."):
            found.setdefault(value, []).append(f"cr.{label}")
    return {handler: tuple(sorted(names, key=_numpy_first)) for handler, names in found.items()}


def _numpy_first(label: str) -> tuple[int, str]:
    return (0 if label.startswith(("np.", "x[")) else 1 if label.startswith("scipy.") else 2, label)


def answers_of(block: Block) -> Answers:
    """The names for which a block, or a function composed of it, answers.

    A function of NumPy of the block's own name is the block, called with NumPy's signature.
    """
    users = [c for c in _functions() if block in c.blocks]
    same = [n for c in users if c.is_called(block) for n in c.names]
    itself = sorted({*_handlers().get(block, ()), *same}, key=_numpy_first)
    return Answers(tuple(itself), tuple(n for c in users if not c.is_called(block) for n in c.names))


@cache
def composites() -> tuple[Composite, ...]:
    """The functions that are composed of blocks."""
    return tuple(c for c in _functions() if not any(map(c.is_called, c.blocks)))


@cache
def _functions() -> tuple[Composite, ...]:
    """The functions among the handlers that are not blocks."""
    return tuple(
        Composite(handler, names, tuple(dict.fromkeys(_blocks_in(handler))))
        for handler, names in _handlers().items()
        if not isinstance(handler, Block) and callable(handler)
    )


def _blocks_in(function: Any, seen: set[Any] | None = None) -> Iterator[Block]:
    """The listed blocks that the code of a function names, directly or through its helpers."""
    seen = set() if seen is None else seen
    code = getattr(function, "__code__", None)
    if code is None or function in seen:
        return
    seen.add(function)
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, Block) and cell.cell_contents in _listed():
            yield cell.cell_contents
    for value in _called(code, function.__globals__):
        if isinstance(value, Block):
            if value in _listed():
                yield value
        elif isinstance(value, types.FunctionType) and value.__module__.startswith("chainrule.blocks"):
            yield from _blocks_in(value, seen)


@cache
def _listed() -> frozenset[Block]:
    return frozenset(BLOCKS.values())


def _called(code: types.CodeType, names: dict[str, Any]) -> Iterator[Any]:
    """The functions that a code object reads from its module, and the handlers of those that it reads from np."""
    steps = list(dis.get_instructions(code))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(step.argval, types.CodeType):
            yield from _called(step.argval, names)
        elif step.opname == "LOAD_GLOBAL" and step.argval in names:
            yield names[step.argval]
            if names[step.argval] is np and following is not None and following.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                yield ANSWERS.get(getattr(np, following.argval, None))


def steps() -> tuple[Block, ...]:
    """Blocks without a gradient that are not in the library's table: sign, floor, comparisons, …"""
    handlers = _handlers()
    return tuple(b for b in handlers if isinstance(b, Block) and not b.differentiable and b not in _listed())


def find(text: str) -> Block | Composite:
    """The block of that name, or the handler of a function of that name.

    Raises ExpressionError with the closest names if there is none.
    """
    known: dict[str, Any] = {}
    for composite in _functions():
        known |= dict.fromkeys(composite.names, composite)
    for handler, names in _handlers().items():
        if isinstance(handler, Block):
            known |= dict.fromkeys(names, handler)
    for block in BLOCKS.values():
        known |= dict.fromkeys(answers_of(block).itself, block)
    known |= {block.name: block for block in steps()}
    known |= BLOCKS
    text = "np." + text.removeprefix("numpy.") if text.startswith("numpy.") else text
    for spelling in (text, f"np.{text}", f"cr.{text}", f"np.linalg.{text}", f"scipy.special.{text}"):
        if spelling in known:
            return known[spelling]
    close = difflib.get_close_matches(text, known, n=5, cutoff=0.6)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    raise ExpressionError(f"there is no block {text!r}, and none answers for that name{hint}")
