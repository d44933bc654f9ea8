"""Arguments that are trees, in code: the expression that reaches each array, and the text of a tree of gradients."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.code.libraries import Library
from chainrule.code.tracing import CodeError
from chainrule.node import Node

__all__ = ["leaves_of", "tree_text"]


def leaves_of(tree: Any, access: str) -> Any:
    """The nodes in an argument, each with the expression that reaches it."""
    if type(tree) is Node:
        yield tree, access
    elif isinstance(tree, dict):
        for key, part in tree.items():
            yield from leaves_of(part, f"{access}[{_quoted(key)}]")
    elif isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        for i, part in enumerate(tree):
            yield from leaves_of(part, f"{access}[{i}]")
    else:
        for name in _fields_of(tree):
            yield from leaves_of(getattr(tree, name), f"{access}.{name}")


def _fields_of(tree: Any) -> Sequence[str]:
    """The names of the parts of a named tuple, a dataclass, an attrs class or a SimpleNamespace; else none."""
    if isinstance(tree, tuple):
        return tuple(getattr(tree, "_fields", ()))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [field.name for field in dataclasses.fields(tree)]
    if hasattr(type(tree), "__attrs_attrs__"):
        return [field.name for field in type(tree).__attrs_attrs__]
    return [name for name in vars(tree) if name.isidentifier()] if isinstance(tree, types.SimpleNamespace) else []


def _quoted(key: Any) -> str:
    """The source text of a dictionary key."""
    if not _is_literal(key):
        raise CodeError(f"a key of an argument is a {type(key).__name__}; code can only name texts, numbers and tuples")
    return f'"{key}"' if isinstance(key, str) and re.fullmatch(r"[\w .-]*", key) else repr(key)


def _is_literal(key: Any) -> bool:
    if type(key) is tuple:
        return all(map(_is_literal, key))
    return key is None or type(key) in (str, int, float, complex, bool)


def tree_text(tree: Any, gradient_of: Mapping[Node, str], access: str, library: Library) -> str | None:
    """The source text of a tree of gradients shaped like the argument that `access` reaches."""
    if type(tree) is Node:
        return gradient_of.get(tree)

    def text(part: Any, step: str) -> str:
        return str(tree_text(part, gradient_of, access + step, library))

    if isinstance(tree, dict):
        entries = [f"{_quoted(key)}: {text(part, f'[{_quoted(key)}]')}" for key, part in tree.items()]
        return "{" + ", ".join(entries) + "}"
    if isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        items = [text(part, f"[{i}]") for i, part in enumerate(tree)]
        return f"[{', '.join(items)}]" if isinstance(tree, list) else f"({', '.join(items)}{',' * (len(items) == 1)})"
    if not any(node in gradient_of for node, _ in leaves_of(tree, access)):
        return access if library.other_fields else None
    _must_be_made_of_its_fields(tree)
    fields = [f"{name}={text(getattr(tree, name), f'.{name}')}" for name in _fields_of(tree)]
    return f"type({access})({', '.join(fields)})"


def _must_be_made_of_its_fields(tree: Any) -> None:
    """Raise if the constructor of an object's class, called with its fields, does not give an equal object."""
    fields = dataclasses.fields(tree) if dataclasses.is_dataclass(tree) else getattr(tree, "__attrs_attrs__", ())
    others = any(not f.init or getattr(f, "converter", None) or f.name.startswith("_") for f in fields)
    if others or hasattr(tree, "__post_init__") or hasattr(tree, "__attrs_post_init__"):
        raise CodeError(
            f"the gradient of a {type(tree).__name__} cannot be written: its constructor does more than keep its "
            "fields; give them in a dict"
        )
