"""A call of a function that JAX compiles, split into arrays and numbers, and constants that are compiled in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.argnums import name_of, positions_of
from chainrule.array import Array
from chainrule.compile.recorder import is_constant, refused_argument
from chainrule.forks import imported
from chainrule.libraries import PLAIN, is_jax
from chainrule.trees import flatten, orders_of

__all__ = ["SplitCall", "call_of"]


class SplitCall(NamedTuple):
    """A call, split into its parts.

    Attributes
    ----------
    leaves : the arrays and numbers.
    arguments : the argument that each of these is a part of: its name, or its position if it has none.
    trees : the arguments with their names or positions.
    places : for each argument, the places of the arrays and numbers among its leaves.
    rebuild : (args, kwargs) with other arrays and numbers.
    key, family : the constants that are compiled in; the same without the values of integers.
    """

    leaves: list[Any]
    arguments: list[Any]
    trees: list[tuple[Any, Any]]
    places: list[list[int]]
    rebuild: Callable[[Sequence[Any]], tuple[list[Any], dict[str, Any]]]
    key: Any
    family: Any


def call_of(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> SplitCall:
    """A call of f, taken apart. Raises RecordingError if an argument cannot be compiled."""
    named = [name or position for position, name in positions_of(f, tuple(range(len(args))), "compile")]
    trees = [*zip(named, args, strict=True), *kwargs.items()]
    leaves: list[Any] = []
    arguments: list[Any] = []
    places: list[list[int]] = []
    constants: list[Any] = []
    structures: list[Any] = []
    parts: list[tuple[list[Any], Callable[[list[Any]], Any]]] = []
    for argument, tree in trees:
        everything, rebuild = flatten(tree)
        structure = imported("optree").tree_structure(tree, namespace="chainrule")
        structures.append((argument, structure, orders_of(tree)))
        places.append([i for i, leaf in enumerate(everything) if not is_constant(leaf)])
        for i in places[-1]:
            if not _may_change(everything[i]):
                raise refused_argument(everything[i], name_of(f))
            leaves.append(_in_own_byte_order(everything[i]))
            arguments.append(argument)
            everything[i] = None  # the program must not keep the array
        constants += [(type(x), repr(x) if type(x) is slice else x) for x in everything]
        parts.append((everything, rebuild))

    def rebuilt(new: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        rest = iter(new)
        made = []
        for (everything, rebuild), chosen in zip(parts, places, strict=True):
            full = list(everything)
            for i in chosen:
                full[i] = next(rest)
            made.append(rebuild(full))
        return made[: len(args)], dict(zip(kwargs, made[len(args) :], strict=True))

    family = [kind if kind is int else (kind, x) for kind, x in constants]
    return SplitCall(leaves, arguments, trees, places, rebuilt, (*structures, *constants), (*structures, *family))


def _in_own_byte_order(x: Any) -> Any:
    """An array in the byte order of this machine, the only one that JAX knows."""
    return x.astype(x.dtype.newbyteorder("=")) if type(x) is np.ndarray and not x.dtype.isnative else x


def _may_change(x: Any) -> bool:
    """Whether a leaf is an array or a number, which may change from call to call."""
    if type(x) is np.ndarray:
        return x.dtype.kind in "fciub"
    return type(x) in (float, complex, Array) or (type(x) in PLAIN and isinstance(x, np.number | np.bool_)) or is_jax(x)
