"""What a block does with the gradient, in one sentence, read off its recorded backward rule.

No sentence is written for a block: a rule is a few steps from ∂L/∂z to ∂L/∂x, each by a block that a table here knows.
So a user's block is described as well as the library's. If a rule does more than this, no effect is described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import product_or_zero
from chainrule.blocks.copies import cast
from chainrule.blocks.elementwise import divide, multiply, negative, where
from chainrule.blocks.indexing.entries import add_at, getitem, has_arrays, key_of
from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, flip, reshape, roll, transpose
from chainrule.explain.notation import formula_of
from chainrule.explain.printers import unicode
from chainrule.formula import Formula
from chainrule.graph import nodes_above
from chainrule.inputs import alias
from chainrule.node import Node

__all__ = ["Action", "Effect", "capital", "effect_of", "sentence"]


@dataclass(frozen=True)
class Action:
    """One step from ∂L/∂z to ∂L/∂x.

    Attributes
    ----------
    kind : times, over, left, right (of a matrix product), negated, copied, summed, moved, put, added (at places of
        which some occur several times), taken, where or unless.
    by : the formula of the other operand, or of the condition; None if there is none.
    axes : the axes copied or summed over, counted from the right, or those of all.
    """

    kind: str
    by: Formula | None = None
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Effect:
    """How ∂L/∂x is computed from ∂L/∂z: a few actions in order. Without actions the two are equal."""

    actions: tuple[Action, ...]
    shape: tuple[int, ...]
    of_shape: tuple[int, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(action.kind for action in self.actions)


def effect_of(dx: Any, dz: Node, leaves: Mapping[Node, Formula], constants: Callable[[Any], Formula]) -> Effect | None:
    """The effect of a recorded rule; None if ∂L/∂z goes in more than once, or through a block that READ lacks."""
    if type(dx) is not Array:
        return None
    top = node_of(dx)
    above = nodes_above(top, leaves)
    on_way = {dz}
    for node in sorted(above, key=lambda node: node.order):
        if node not in leaves and any(type(i) is Node and i in on_way for i in node.inputs):
            on_way.add(node)

    def written(x: Any) -> Formula:
        return formula_of(x, leaves, constants) if type(x) is Node else constants(x)

    actions: list[Action] = []
    node = top
    while node is not dz:
        ways = [i for i, x in enumerate(node.inputs) if type(x) is Node and x in on_way]
        if len(ways) != 1 or node.block not in READ:
            return None
        part = node.inputs[ways[0]]
        found = READ[node.block](node, ways[0], written)
        if found is None:
            return None
        actions += found
        copied = () if node.block in OF_OTHER_SHAPE else _copied(np.shape(part.value), np.shape(node.value))
        actions += [Action("copied", axes=copied)] if copied else []
        node = part
    return Effect(tuple(reversed(actions)), np.shape(top.value), np.shape(dz.value))


def _copied(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...]:
    """The axes along which an array is repeated, as NumPy broadcasts it; none if the sizes are equal."""
    if np.prod(small) == np.prod(large):
        return ()
    padded = (1,) * (len(large) - len(small)) + small
    return tuple(i - len(large) for i, (m, n) in enumerate(zip(padded, large, strict=False)) if m == 1 and n != 1)


Written = Callable[[Any], Formula]
Reader = Callable[[Node, int, Written], "list[Action] | None"]


def _times(node: Node, way: int, written: Written) -> list[Action]:
    by = written(node.inputs[1 - way])
    return [Action("where", by) if by.kind == "relation" else Action("times", by)]


def _over(node: Node, way: int, written: Written) -> list[Action] | None:
    return [Action("over", written(node.inputs[1]))] if way == 0 else None


def _product(node: Node, way: int, written: Written) -> list[Action]:
    by = written(node.inputs[1 - way])
    if way == 1:
        return [Action("left", by)]
    is_vector = np.ndim(node.inputs[0].value) == 1  # a column, as printed: v A is Aᵀ v
    return [Action("left", by.T) if is_vector else Action("right", by)]


def _outer(node: Node, way: int, written: Written) -> list[Action]:
    by = written(node.inputs[1 - way])
    return [Action("right", by.T) if way == 0 else Action("left", by)]


def _sum(node: Node, way: int, written: Written) -> list[Action]:
    n, axis = np.ndim(node.inputs[0].value), node.params["axis"]
    axes = range(-n, 0) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [Action("summed", axes=tuple(a if a < 0 else a - n for a in axes))]


def _where(node: Node, way: int, written: Written) -> list[Action] | None:
    other = node.inputs[3 - way]
    if way == 0 or type(other) is Node or np.any(other):
        return None
    return [Action("where" if way == 1 else "unless", written(node.inputs[0]))]


def _put(node: Node, way: int, written: Written) -> list[Action] | None:
    return None if way else _moved(node, node.value, once="put", often="added")


def _taken(node: Node, way: int, written: Written) -> list[Action] | None:
    return None if way else _moved(node, node.inputs[0].value, once="taken", often=None)


LARGE = 1_000_000
"""Of an array with more entries nothing is said of where an index of arrays moves them."""


def _moved(node: Node, x: Any, once: str, often: str | None) -> list[Action] | None:
    """What an index of x does: nothing but to name another shape, another order, a part, or entries several times."""
    key = key_of(node)
    if np.size(x) > LARGE and has_arrays(key):
        return None
    read = np.ravel(np.arange(np.size(x)).reshape(np.shape(x))[(..., *key)])
    if len(read) == np.size(x) and np.array_equal(read, np.arange(len(read))):
        return []
    if len(np.unique(read)) < len(read):
        return None if often is None else [Action(often)]
    return [Action("moved" if len(read) == np.size(x) else once)]


def _only(kind: str) -> Reader:
    return lambda node, way, written: [Action(kind)] if way == 0 else None


READ: dict[Any, Reader] = {
    multiply: _times,
    product_or_zero: _times,
    divide: _over,
    negative: _only("negated"),
    matmul: _product,
    outer: _outer,
    sum_: _sum,
    where: _where,
    add_at: _put,
    getitem: _taken,
    **dict.fromkeys((transpose, flip, roll), _only("moved")),
    **dict.fromkeys((cast, alias, broadcast_to, reshape), lambda node, way, written: []),
}
"""What each block does to the gradient, when the gradient is one of its operands."""
OF_OTHER_SHAPE = (sum_, add_at, getitem, matmul, outer)
"""Blocks whose result differs in size from an operand for other reasons than broadcasting."""


# As a sentence -------------------------------------------------------------------------------------------------------


def sentence(effect: Effect, gradient: str, block: str = "") -> str:
    """The effect in words, without a full stop.

    Parameters
    ----------
    gradient : what ∂L/∂z is called.
    block : the block as a formula: x[1].

    >>> sentence(Effect((Action("negated"),), (2,), (2,)), "∂L/∂z")
    'the sign of ∂L/∂z is turned'
    """
    actions = list(effect.actions)
    if not effect.of_shape and any(a.by is not None and not _is_scalar(a.by) for a in actions):
        actions = [a for a in actions if a.kind != "copied"]  # a number times an array
    shaped = next((i for i, a in enumerate(actions) if a.kind in ("copied", "summed")), None)
    if shaped is None:
        return _plainly(actions, gradient, block, of_number=not effect.of_shape)
    noun = gradient
    for action in actions[:shaped]:
        minus = "minus " if noun.startswith("the ") else "−"
        noun = f"{minus}{noun}" if action.kind == "negated" else noun + _suffix(action)
    told = _copies(noun, actions[shaped].axes, effect) if actions[shaped].kind == "copied" else None
    told = _sums(noun, actions[shaped].axes, effect) if told is None else told
    return told + "".join(map(_suffix, actions[shaped + 1 :]))


def capital(text: str) -> str:
    """A sentence with a capital at its beginning, unless a symbol stands there.

    >>> capital("all else is 0"), capital("x[1] gets ∂L/∂z")
    ('All else is 0', 'x[1] gets ∂L/∂z')
    """
    word = text.split(" ", 1)[0]
    is_word = word.isascii() and word.isalpha() and (len(word) > 1 or word == "a")
    return text[:1].upper() + text[1:] if is_word else text


def _plainly(actions: list[Action], gradient: str, block: str, of_number: bool) -> str:
    if not actions:
        return f"{gradient} is handed on unchanged"
    if [a.kind for a in actions] == ["negated"]:
        return f"the sign of {gradient} is turned"
    if [a.kind for a in actions] == ["put"] and block:
        return f"{block} gets {gradient}, all else 0"
    if [a.kind for a in actions] == ["added"] and block:
        return f"{block} gets {gradient}, added up where an entry occurs several times, all else 0"
    told: list[str] = []
    for before, action in zip([None, *actions], actions, strict=False):
        predicate = _predicate(action, of_number)
        if before is not None and {before.kind, action.kind} <= {"left", "right"}:
            told[-1] += " and" + predicate.removeprefix("is multiplied")
        else:
            told.append(predicate)
    return f"{gradient} " + (", and ".join(told) if any("," in t for t in told[:-1]) else " and ".join(told))


def _predicate(action: Action, of_number: bool = False) -> str:
    by = "" if action.by is None else unicode(action.by)
    each = "" if action.by is None or of_number or _is_scalar(action.by) else ", entry by entry"
    match action.kind:
        case "times":
            return f"is multiplied by {by}{each}"
        case "over":
            return f"is divided by {by}{each}"
        case "left" | "right":
            return f"is multiplied by {by} from the {action.kind}"
        case "negated":
            return "changes its sign"
        case "moved":
            return "goes back to where each entry came from"
        case "put":
            return "goes to its place, with 0 elsewhere"
        case "added":
            return "is added up at the entries that were taken, with 0 elsewhere"
        case "taken":
            return "is cut to the part that came from here"
        case "where":
            return f"passes where {by}, and stops elsewhere"
        case "unless":
            return f"stops where {by}, and passes elsewhere"
    return f"is {action.kind}"


def _suffix(action: Action) -> str:
    by = "" if action.by is None else unicode(action.by)
    match action.kind:
        case "times":
            return f" times {by}" if _is_short(action.by) else f" times ({by})"
        case "over":
            return f" / {by}" if _is_short(action.by) else f" / ({by})"
        case "where":
            return f" where {by}, else 0"
    return f", which {_predicate(action)}"


def _is_short(f: Formula | None) -> bool:
    return f is not None and f.kind not in ("add", "sub", "mul", "div", "cases", "relation")


def _is_scalar(f: Formula) -> bool:
    return set(f.shape) <= {1} or (f.kind == "number" and not f.text.startswith("["))


LINES: dict[tuple[int, ...], str] = {(-2,): "column", (-1,): "row"}
"""What the entries along an axis of a matrix are called."""


def _copies(noun: str, axes: tuple[int, ...], effect: Effect) -> str:
    if len(axes) >= len([n for n in effect.shape if n != 1]):
        return f"every entry gets {noun}"
    line = LINES.get(axes) if len(effect.shape) == 2 else None
    return f"each entry gets its {line or 'place'}'s {noun.removeprefix('the ')}"


def _sums(noun: str, axes: tuple[int, ...], effect: Effect) -> str:
    minus = "minus " if noun.startswith("minus ") else ""
    noun = noun.removeprefix(minus)
    if set(effect.shape) <= {1}:
        return f"{minus}the sum of {noun}"
    line = LINES.get(axes) if len(effect.of_shape) == 2 else None
    return f"each entry gets {minus}the sum of its {f'{line} of {noun}' if line else noun.removeprefix('the ')}"
