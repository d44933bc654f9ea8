"""The conditions under which written code is right: the branches of the function, and what rules asked about values."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.code.expressions import Dialect, constant, literal, written
from chainrule.code.sizes import in_lines, required
from chainrule.code.source import FunctionBody, assignment, closure
from chainrule.code.tape import TracedValue
from chainrule.code.tracing import CodeError
from chainrule.code.trees import leaves_of, other_leaves

__all__ = ["BRANCH", "GIVEN", "checks", "early_and_late", "holding", "of_others"]

BRANCH = "this was written for another branch"
GIVEN = "this was written for other arguments"
MOST = 100
"""Arrays of labels in a tree with more entries than this are not written into the code."""

Outcomes = Mapping[TracedValue, np.ndarray]


def early_and_late(
    conditions: Sequence[Any], outcomes: Sequence[np.ndarray], seed: TracedValue
) -> tuple[Outcomes, Outcomes]:
    """The conditions with what came out: those that the forward pass can check, and those that depend on ∂L/∂L."""
    both = {x: y for x, y in zip(conditions, outcomes, strict=True) if isinstance(x, TracedValue)}
    late = {x: y for x, y in both.items() if seed in closure([x])}
    return {x: y for x, y in both.items() if x not in late}, late


def checks(outcomes: Outcomes, body: FunctionBody, dialect: Dialect, prefix: str) -> list[str]:
    """Lines of a function's body that raise an error if a condition comes out otherwise."""
    lines: list[str] = []
    for condition, outcome in outcomes.items():
        made, mask = _compared(condition, outcome, body, dialect, prefix)
        if not outcome.ndim and not outcome:
            made = _not(made)
        lines += [*mask, required(written(made), BRANCH)]
    return lines


def holding(outcomes: Outcomes, body: FunctionBody, dialect: Dialect, holds: str, given: Sequence[str]) -> list[str]:
    """Lines that compute whether all conditions come out alike, for JAX, which traces code that cannot raise."""
    lines = [f"{holds} = {text}" for text in given]
    for condition, outcome in outcomes.items():
        made, mask = _compared(condition, outcome, body, dialect, "jnp")
        text = written(made) if outcome.ndim or outcome else f"jnp.logical_not({written(made)})"
        lines += [*mask, f"{holds} = {text}"]
    places = [i for i, line in enumerate(lines) if line.startswith(f"{holds} = ")]
    for i in places[1:]:
        lines[i] = f"{holds} = jnp.logical_and({holds}, {lines[i].removeprefix(f'{holds} = ')})"
    return [in_lines(line) if line.startswith(f"{holds} = ") else line for line in lines]


def of_others(trees: Mapping[str, Any], dialect: Dialect, prefix: str) -> list[str]:
    """For each parameter with arrays, what holds of the rest of it: `p["steps"] == 3`."""
    found: list[str] = []
    for parameter, tree in trees.items():
        if not any(leaves_of(tree, parameter)):
            continue
        for access, x in other_leaves(tree, parameter):
            if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "iub":
                if x.size > MOST:
                    raise CodeError(f"{access} is too large to be written out; give it as an argument of its own")
                found.append(_equal(prefix, access, written(constant(np.asarray(x), dialect))))
            elif x is not None and type(x) in (int, bool, str):
                found.append(f"{access} == {x!r}")
    return found


def _compared(
    condition: TracedValue, outcome: np.ndarray, body: FunctionBody, dialect: Dialect, prefix: str
) -> tuple[ast.expr, list[str]]:
    """A condition as an expression, after the lines that it needs; a mask is compared with the one that came out."""
    shown = literal(condition, body.show, dialect)
    if not outcome.ndim:
        return shown, []
    made = ast.parse(_equal(prefix, written(shown), "mask"), mode="eval").body
    return made, assignment("mask", constant(outcome, dialect))


def _not(condition: ast.expr) -> ast.expr:
    match condition:
        case ast.Compare(ops=[ast.Eq()]):
            return ast.Compare(condition.left, [ast.NotEq()], condition.comparators)
    return ast.UnaryOp(ast.Not(), condition)


def _equal(prefix: str, a: str, b: str) -> str:
    """The call that asks whether two arrays are equal."""
    return f"{prefix}.{'equal' if prefix == 'torch' else 'array_equal'}({a}, {b})"
