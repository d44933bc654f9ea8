"""Running a function that is to be explained: recorded, with the names of its values and the calls in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.argnums import Argnums, positions_of
from chainrule.errors import GradientError
from chainrule.explain.data import Data
from chainrule.explain.steps import ExplainedCall
from chainrule.layout import copied_as_it_lies
from chainrule.node import at_line
from chainrule.recording import Recording, record_call
from chainrule.standins.buffer import Buffer, is_recorded, plain_of
from chainrule.trees import flatten, leaf_names
from chainrule.watching.arguments import bound_arguments, has_floats
from chainrule.watching.locals import watch_locals
from chainrule.watching.names import data_in_reach, numbers_of
from chainrule.watching.scopes import Scopes, collect_scopes

__all__ = ["kept_call", "recorded_with_names"]


def kept_call(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> ExplainedCall:
    """A call with copies of its arrays (the originals may change later); the copies keep the memory layout."""
    leaves, rebuild = flatten((args, kwargs))
    args, kwargs = rebuild([copied_as_it_lies(x) if isinstance(x, np.ndarray) else x for x in leaves])
    return ExplainedCall(f, args, kwargs)


def recorded_with_names(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums | None = None
) -> tuple[Recording, dict[str, Any], Scopes]:
    """Run f with its floating arguments recorded (or those of `argnums`), its locals and its calls watched.

    Returns the recording, the plain arrays that have names, and the scopes.
    """
    bound = bound_arguments(f, args, kwargs)
    floats = ((position, label) for position, (label, value) in enumerate(bound.items()) if has_floats(value))
    chosen = tuple(floats) if argnums is None else _chosen(f, argnums, list(bound))
    if not chosen:
        raise GradientError(
            f"no argument of {getattr(f, '__name__', f)} is of a floating type; nothing to explain{_as_floats(bound)}"
            + at_line()
        )
    plain = data_in_reach(f)
    given = {label: x for label, x in bound.items() if label not in [name for _, name in chosen]}
    plain.update({label: data for label, x in given.items() if (data := numbers_of(x)) is not None})
    buffers = _Buffers()
    with collect_scopes() as scopes, watch_locals(plain, scopes, buffers.uncovered) as rebound:
        recording = record_call(f, chosen, args, kwargs)
    plain = buffers.settled(plain)
    steady = Data({label: x for label, x in plain.items() if label not in rebound})
    plain = {label: x for label, x in plain.items() if label not in rebound or not steady.has_row(x)}  # X[1], not x2
    labels = [label for _, name in chosen for label in leaf_names(bound[name], name)]
    for node, label in zip(recording.inputs, labels, strict=True):
        node.name = node.name or label
    return recording, plain, scopes


def _as_floats(bound: dict[str, Any]) -> str:
    """How to write the integers among some arguments as floats."""
    numbers = [f"{label}={x} -> {label}={float(x)}" for label, x in bound.items() if type(x) is int]
    arrays = [f"{label}.astype(float)" for label, x in bound.items() if isinstance(x, np.ndarray)]
    lists = [f"np.array({label}, float)" for label, x in bound.items() if isinstance(x, list | tuple)]
    told = (*numbers, *arrays, *lists)[:3]
    return f"; write {', '.join(told)}" if told else ""


def _chosen(f: Callable[..., Any], argnums: Argnums, labels: list[str]) -> tuple[tuple[int, str], ...]:
    """The chosen arguments of a call, each by its position and its name, in the order of the call."""
    wanted = positions_of(f, argnums, "explain")
    positions = {position for position, _ in wanted if position >= 0}
    names = {name for position, name in wanted if position < 0}
    return tuple((i, label) for i, label in enumerate(labels) if i in positions or label in names)


class _Buffers:
    """The buffers in local variables, each with a copy of its plain array.

    The array itself is not kept, since recorded values cannot be written into a buffer whose array somebody holds.
    """

    def __init__(self) -> None:
        self._copies: dict[int, tuple[Any, np.ndarray]] = {}

    def uncovered(self, value: Any) -> Any:
        """The copy for a buffer; anything else unchanged."""
        if type(value) is not Buffer or is_recorded(value):
            return value
        return self._copies.setdefault(id(value), (value, plain_of(value).copy()))[1]

    def settled(self, plain: dict[str, Any]) -> dict[str, Any]:
        """Named arrays, with the last content of the buffers, and without those that have become recorded."""
        recorded = set()
        for buffer, copy in self._copies.values():
            if is_recorded(buffer):
                recorded.add(id(copy))
            elif plain_of(buffer).shape == copy.shape:
                copy[...] = plain_of(buffer)
        return {label: x for label, x in plain.items() if id(x) not in recorded}
