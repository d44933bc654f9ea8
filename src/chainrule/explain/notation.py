"""From recorded nodes to formulas, which are read off the recording, so that no rule is written a second time."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks.elementwise import where
from chainrule.blocks.integers import as_known
from chainrule.blocks.step_functions import equal
from chainrule.constants import OneHot, is_identity, one_hot
from chainrule.explain.data import Data
from chainrule.explain.printers import unicode
from chainrule.explain.values import inline, is_small, shape_text
from chainrule.formula import Formula, call, name, number
from chainrule.node import Node, value_of_operand

__all__ = ["block_formula", "constant_formula", "formula_of", "is_longer", "sole_branch", "step_formula"]


def step_formula(node: Node, operand: Callable[[Any], Formula]) -> Formula:
    """The formula of one block over those of its operands."""
    block = node.block
    inputs, params = as_known(node)
    return block_formula(block, [operand(i) for i in inputs], params, operand).of_shape(np.shape(node.value))


def block_formula(
    block: Block, operands: Sequence[Formula], params: Mapping[str, Any], constants: Callable[[Any], Formula]
) -> Formula:
    """A block as a formula; arrays of integers in an index are written by their names."""
    if block.notation is None:
        told = [f"{k}={v}" for k, v in params.items() if v is not block.defaults.get(k)]
        return call(block.name, *operands, *(name(t) for t in told))
    return block.notation(*operands, **{k: _with_names(v, constants) for k, v in params.items()})


def _with_names(param: Any, constants: Callable[[Any], Formula]) -> Any:
    """An index with the names of its arrays of integers in their places."""
    if not isinstance(param, tuple) or not any(isinstance(part, np.ndarray) for part in param):
        return param
    written = (
        (part, constants(part)) if isinstance(part, np.ndarray) and part.ndim else (part, None) for part in param
    )
    return tuple(part if f is None or not _is_named(f) else unicode(f) for part, f in written)


def _is_named(f: Formula) -> bool:
    return _is_named(f.parts[0]) if f.parts else f.kind == "name" and not f.text.startswith(UNNAMED)


UNNAMED = "const_"
"""So begins what a large constant without a name is called."""


def formula_of(node: Node, leaves: Mapping[Node, Formula], constants: Callable[[Any], Formula]) -> Formula:
    """The formula of a node over those of the leaves, from the bottom up."""
    done: ChainMap[Node, Formula] = ChainMap({}, leaves)  # type: ignore[arg-type]
    stack = [node]
    while stack:
        top = stack[-1]
        if top in done:
            stack.pop()
        elif top.block is None:
            done[top] = constants(top.value)
        elif (sole := sole_branch(top)) is not None and np.shape(value_of_operand(sole)) == np.shape(top.value):
            if type(sole) is not Node or sole in done:
                done[top] = done[sole] if type(sole) is Node else constants(sole)
            else:
                stack.append(sole)
        elif missing := [i for i in as_known(top)[0] if type(i) is Node and i not in done]:
            stack.extend(missing)
        else:
            done[top] = step_formula(top, lambda x: done[x] if type(x) is Node else constants(x))
    return done[node]


def sole_branch(node: Node) -> Any:
    """The operand that a `where` always selects (a constant condition, or x = y with no equal entries); else None."""
    if node.block is not where:
        return None
    condition, x, y = as_known(node)[0]
    if type(condition) is Node:
        return y if condition.block is equal and not np.any(condition.value) else None
    return x if np.all(condition) else y if not np.any(condition) else None


def constant_formula(x: Any, data: Data) -> Formula:
    """A plain value in a formula: a number, a formula of the user's data, a unit vector, or a small array."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        if isinstance(x, bool | int | float | np.generic | np.ndarray):
            return number(inline(x))
        return name(str(x))
    if (origin := data.origin(x)) is not None:
        return origin.formula().of_shape(x.shape)
    if x.dtype == bool and (condition := data.condition(x)) is not None:
        return condition
    if is_identity(x):
        return name("I", x.shape)
    hot = one_hot(x) if x.ndim <= 2 and x.dtype.kind == "f" else None
    if hot is not None and hot.number == 1 and (found := _rows(hot, x, data)):
        return found
    if x.size and (x == x.flat[0]).all():
        return number(inline(x.flat[0]), x.shape)  # it broadcasts, as in NumPy
    if is_small(x):
        return Formula("number", text=inline(x), shape=x.shape)
    return name(f"{UNNAMED}{shape_text(x)}", x.shape)


def _rows(hot: OneHot, x: np.ndarray, data: Data) -> Formula | None:
    """e_c for a vector; for several rows `onehot` of the labels, if these have a name or are many."""
    labels = hot.labels
    if x.ndim == 1:
        return Formula("unit", text=str(int(labels)), shape=x.shape)
    named = next((n for n, v in data.arrays.items() if np.shape(v) == labels.shape and np.array_equal(v, labels)), None)
    if named is None and is_small(x):
        return None
    return call("onehot", name(named or "…")).of_shape(x.shape)


def is_longer(f: Formula, limit: int) -> bool:
    """Whether a formula has more pieces than the limit. A shared piece counts each time it would be printed."""
    count = 0
    stack = [f]
    while stack and count <= limit:
        stack.extend(stack.pop().parts)
        count += 1
    return count > limit
