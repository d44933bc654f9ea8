"""The display of a recorded array in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.display import Bundle, chosen, pre, table, text
from chainrule.explain import values
from chainrule.explain.data import NO_DATA
from chainrule.explain.notation import constant_formula, is_longer, step_formula
from chainrule.explain.printers import unicode
from chainrule.explain.steps import where
from chainrule.formula import Formula, name
from chainrule.node import Node

__all__ = ["array_bundle", "mime_bundle"]


def mime_bundle(array: Array, include: Any, exclude: Any) -> dict[str, str]:
    """The outputs for a notebook, in the form that IPython asks for."""
    return chosen(array_bundle(array), include, exclude)


def array_bundle(array: Array) -> Bundle:
    """A table of value, shape, dtype, origin, and gradient if there is one."""
    rows = [(label, content) for label, content in _properties(array) if content]
    return {"text/plain": repr(array), "text/html": table(rows)}


def _properties(array: Array) -> Iterator[tuple[str, str]]:
    value, node = np.asarray(array.value), node_of(array)
    yield "name", text(node.name or "")
    yield "value", pre(values.lines(value))
    yield "shape", values.shape_text(value)
    yield "dtype", text(str(value.dtype))
    if node.block is not None:
        yield "formula", pre([unicode(_origin(node))])
        yield "block", text(node.block.name)
        yield "line", text(f"{where(node.line)}  {node.line.text}".strip() if node.line else "")
    if array.grad is not None:
        yield "gradient", pre(values.lines(array.grad))


LONGEST = 16
"""The largest number of pieces in the formula of an array."""


def _origin(node: Node) -> Formula:
    """How an array was computed from named arrays, followed back only while the formula stays short."""
    formulas = [_over_names(node, depth) for depth in range(4)]
    return next((f for f in reversed(formulas) if not is_longer(f, LONGEST)), formulas[0])


def _over_names(node: Node, depth: int) -> Formula:
    def operand(x: Any) -> Formula:
        if type(x) is not Node:
            return constant_formula(x, NO_DATA)
        if x.name:
            return name(x.name, np.shape(x.value))
        if x.block is None:
            return constant_formula(x.value, NO_DATA)
        return _over_names(x, depth - 1) if depth else name("…", np.shape(x.value))

    return step_formula(node, operand)
