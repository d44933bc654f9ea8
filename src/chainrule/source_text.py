"""The expression of the source that a frame is at, and the object that a name in it means."""

from __future__ import annotations

import ast
import functools
import inspect
from typing import Any

from chainrule.node import lines_of

__all__ = ["expressions_at", "object_named", "parts_of_name"]


def expressions_at(code: Any, at: int) -> tuple[ast.AST, ...]:
    """The expression that an instruction computes, and those around it up to the statement; empty if not known."""
    return _places("".join(lines_of(code.co_filename))).get([*code.co_positions()][at // 2], ())


def parts_of_name(function: ast.AST) -> tuple[str, ...] | None:
    """The parts of `self.log.info`; None for any other expression."""
    if isinstance(function, ast.Name):
        return (function.id,)
    if isinstance(function, ast.Attribute) and (owner := parts_of_name(function.value)) is not None:
        return (*owner, function.attr)
    return None


def object_named(frame: Any, names: tuple[str, ...]) -> Any:
    """The object that a name such as `self.log.info` means in a frame, found without running user code; else None."""
    root = names[0]
    found: Any = next(
        (scope[root] for scope in (frame.f_locals, frame.f_globals, frame.f_builtins) if root in scope), None
    )
    for name in names[1:]:
        found = inspect.getattr_static(found, name, None)
    return found


Place = tuple[int | None, int | None, int | None, int | None]


@functools.lru_cache(maxsize=16)
def _places(source: str) -> dict[Place, tuple[ast.AST, ...]]:
    """Each expression of a source by its position, with the nodes around it up to the statement; empty on errors."""
    found: dict[Place, tuple[ast.AST, ...]] = {}

    def visit(node: ast.AST, around: tuple[ast.AST, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            chain = (child, *around) if isinstance(child, ast.expr | ast.keyword) else (child,)
            if isinstance(child, ast.expr):
                found[child.lineno, child.end_lineno, child.col_offset, child.end_col_offset] = chain
            visit(child, chain if isinstance(child, ast.expr | ast.keyword | ast.stmt) else ())

    try:
        visit(ast.parse(source), ())
    except (SyntaxError, ValueError):
        return {}
    return found
