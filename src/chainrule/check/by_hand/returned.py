"""Reads the return value of a gradient written by hand: a gradient, a tuple of them, or a dict by names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.check.by_hand.names import named_by
from chainrule.check.by_hand.watched import array_of
from chainrule.check.call import CheckedArgument, CheckedCall
from chainrule.errors import GradientError
from chainrule.node import at_line
from chainrule.trees import flatten

__all__ = ["gradients_in", "last_name", "others_in"]


def last_name(label: str) -> str:
    """The last name in the label of an argument: W of params['W']."""
    return label.replace("]", "").replace("'", "").replace("[", ".").split(".")[-1]


def gradients_in(told: Any, call: CheckedCall) -> list[Any]:
    """The gradients that the user's function returned, one for each checked leaf; None for a leaf without one."""
    if _is_by_names(told, call):
        found = _by_names(told, call)
        return [found.get(label) for label in call.labels]
    result: list[Any] = []
    for argument, tree in zip(call.checked, _trees(told, call), strict=True):
        if tree is None:
            result += [None] * len(argument.checked)
            continue
        leaves = [_array(tree)] if len(argument.leaves) == 1 and not isinstance(tree, dict) else flatten(tree)[0]
        if len(leaves) != len(argument.leaves):
            raise GradientError(
                f"the gradient written by hand has {len(leaves)} arrays for {argument.name}, which has "
                f"{len(argument.leaves)}: {', '.join(argument.labels)}" + at_line()
            )
        result += [_array(leaves[i]) for i in argument.checked]
    return result


def must_have_some(told: Any, written: Sequence[Any], others: Mapping[str, Any]) -> None:
    """Raise if nothing that was returned is a gradient."""
    if others or any(g is not None for g in written):
        return
    if isinstance(told, Mapping):
        what = f"a dict with the keys {', '.join(map(repr, told))}, which name no argument and no value of f"
    else:
        what = "None; does it end with return?" if told is None else "no gradient of an argument that is checked"
    raise GradientError(f"the gradient written by hand returned {what}" + at_line())


def others_in(told: Any, call: CheckedCall) -> dict[str, np.ndarray]:
    """The values returned besides the gradients of the arguments: entries of a dict, by their keys."""
    if not _is_by_names(told, call):
        return {}
    taken = _labels(told, call)
    arrays = {key: array_of(value) for key, value in told.items() if isinstance(key, str) and key not in taken}
    return {key: value for key, value in arrays.items() if value is not None}


def _array(x: Any) -> Any:
    found = array_of(value_of(x))
    if found is None and isinstance(x, list | tuple):  # of numbers
        found = np.asarray([_array(part) for part in x])
    if found is None:
        raise GradientError(
            f"the gradient written by hand returned a value of type {type(x).__name__} where a gradient is expected; "
            "return arrays or numbers" + at_line()
        )
    return found


def _trees(told: Any, call: CheckedCall) -> Sequence[Any]:
    """A tree of gradients for each checked argument, or None."""
    arguments = call.checked
    if len(arguments) == 1 and not _is_for_all(told, call):
        alone = isinstance(told, tuple) and len(told) == 1 and len(arguments[0].leaves) == 1
        return told if alone else (told,)
    if not isinstance(told, tuple | list):
        return (told, *[None] * (len(arguments) - 1))
    if len(told) == len(arguments):
        return told
    if _is_for_all(told, call):
        return [tree for a, tree in zip(call.arguments, told, strict=True) if a.checked]
    arrays = [a for a in arguments if not isinstance(a.leaves[0], float) or len(a.leaves) > 1]
    if len(told) == len(arrays):  # none for numbers such as eps
        trees = iter(told)
        return [next(trees) if a in arrays else None for a in arguments]
    if len(told) < len(arguments) and (fitting := _only_fitting(told, arguments)) is not None:
        given = dict(zip(fitting, told, strict=True))
        return [given.get(i) for i in range(len(arguments))]
    names = ", ".join(a.name for a in arguments)
    raise GradientError(
        f"the gradient written by hand returned {len(told)} gradients, but {len(arguments)} arguments are checked: "
        f"{names}; return a tuple with one for each, or choose with argnums" + at_line()
    )


def _only_fitting(told: Sequence[Any], arguments: Sequence[CheckedArgument]) -> tuple[int, ...] | None:
    """The only arguments in their order whose shapes are those of what was returned; None if there are none or more."""
    shapes = [np.shape(a.leaves[0]) if len(a.leaves) == 1 else None for a in arguments]
    given = [None if array_of(value_of(x)) is None else np.shape(value_of(x)) for x in told]
    if None in given:
        return None
    ways: list[tuple[int, ...]] = [(n,) for n, shape in enumerate(shapes) if shape == given[0]]
    for wanted in given[1:]:
        ways = [(*way, n) for way in ways for n in range(way[-1] + 1, len(shapes)) if shapes[n] == wanted][:MOST_WAYS]
    return ways[0] if len(ways) == 1 else None


MOST_WAYS = 1000


def _is_for_all(told: Any, call: CheckedCall) -> bool:
    """Whether there is one value for each argument, None for those without a gradient."""
    return (
        isinstance(told, tuple)
        and len(told) == len(call.arguments) > len(call.checked)
        and all(tree is None for a, tree in zip(call.arguments, told, strict=True) if not _has_numbers(a))
        and any(tree is None for tree in told)
    )


def _has_numbers(argument: CheckedArgument) -> bool:
    return bool(argument.checked)


def _is_by_names(told: Any, call: CheckedCall) -> bool:
    """Whether the result is a dict with names of values as keys, not a dict because the argument is one."""
    if not isinstance(told, Mapping) or not told or not all(isinstance(key, str) for key in told):
        return False
    if len(call.checked) == 1 and len(call.checked[0].leaves) > 1:
        own = {last_name(label) for label in call.checked[0].labels}
        return not set(told) <= own and bool(_by_names(told, call))
    return True


def _by_names(told: Mapping[str, Any], call: CheckedCall) -> dict[str, Any]:
    """The gradients by the labels of the arguments."""
    found: dict[str, Any] = {}
    for key, label in _labels(told, call).items():
        value = array_of(told[key])
        if value is not None:
            found[label] = value
    for argument in call.checked:  # a dict, whose gradient is a dict
        tree = told.get(argument.name)
        leaves = flatten(tree)[0] if isinstance(tree, Mapping | list | tuple) else []
        if len(leaves) == len(argument.leaves) > 1:
            found.update({argument.labels[i]: _array(leaves[i]) for i in argument.checked})
    return found


def _labels(told: Mapping[str, Any], call: CheckedCall) -> dict[str, str]:
    """For each key of a dict, the argument it belongs to: dW and grad_W to W; the key W only if there is no dW."""
    names = {last_name(label): label for label in call.labels}
    found: dict[str, str] = {}
    for key in told:
        name = named_by(key, names)
        if name is not None and key not in names and names[name] not in found.values():
            found[key] = names[name]
    for key in told:
        label = key if key in call.labels else names.get(key)
        if label is not None and label not in found.values():
            found[key] = label
    return found
