"""Remarks on a forward pass: shapes that broadcast unintentionally, and the lines of NumPy's warnings."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.block import Elementwise
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained, where
from chainrule.node import Node, is_internal, value_of_operand

__all__ = ["remarks", "warnings_at_users_lines"]


def remarks(explanation: Explained) -> list[str]:
    """A sentence for each step in which a vector and a column of the same length make a matrix.

    >>> import chainrule as cr
    >>> explanation = cr.explain(lambda x, y: np.sum((x - y) ** 2))(np.ones(3), np.ones((3, 1)))
    >>> remarks(explanation)[0].partition(" (<")[0]  # the line is behind it, where it is known
    'a = x − y: shapes (3,) and (3, 1) make 3×3; if entries belong together, write y[:, 0]'
    """
    found = []
    for step, node in zip(explanation.forward, explanation.nodes, strict=True):
        if not isinstance(node.block, Elementwise) or len(node.inputs) != 2 or step.formula is None:
            continue
        column = _column_beside_vector(node.inputs)
        if column is not None:
            shapes = " and ".join(str(np.shape(value_of_operand(x))) for x in node.inputs)
            n, name = len(np.ravel(value_of_operand(column))), _name(column, explanation)
            line = f" ({where(step.line)})" if where(step.line) else ""
            found.append(
                f"{unicode(step.name)} = {unicode(step.formula)}: shapes {shapes} make {n}×{n}; "
                f"if entries belong together, write {name}[:, 0]{line}"
            )
    return found


def _column_beside_vector(operands: Sequence[Any]) -> Any:
    """The operand of shape (n, 1) beside one of shape (n,), for n > 1; else None."""
    shapes = [np.shape(value_of_operand(x)) for x in operands]
    for column, shape, other in zip(operands, shapes, shapes[::-1], strict=True):
        if len(shape) == 2 and shape[1] == 1 and len(other) == 1 and shape[0] == other[0] > 1:
            return column
    return None


def _name(x: Any, explanation: Explained) -> str:
    names = {node: step.name for node, step in zip(explanation.nodes, explanation.forward, strict=True)}
    if type(x) is Node:
        return unicode(names[x]) if x in names else "z"
    return next((label for label, value in explanation.plain.items() if np.array_equal(value, x)), "z")


@contextlib.contextmanager
def warnings_at_users_lines() -> Iterator[None]:
    """Context in which NumPy's warnings inside this library are reported at the line of user code that caused them."""
    show = warnings.showwarning

    def shown(message: Any, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
        if is_internal(filename):
            frame: Any = sys._getframe(1)
            while frame.f_back and (is_internal(frame.f_code.co_filename) or frame.f_globals is vars(warnings)):
                frame = frame.f_back
            filename, lineno = frame.f_code.co_filename, frame.f_lineno
        show(message, category, filename, lineno, *rest)

    warnings.showwarning = shown  # type: ignore[assignment]
    try:
        yield
    finally:
        if warnings.showwarning is shown:
            warnings.showwarning = show
