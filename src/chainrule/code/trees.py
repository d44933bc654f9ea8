"""Arguments that are trees, in code: the expression that reaches each array, and the text of a tree of gradients."""

from __future__ import annotations

import collections
import dataclasses
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.code.libraries import Library
from chainrule.code.tracing import CodeError
from chainrule.node import Node

__all__ = ["leaves_of", "other_leaves", "tree_text"]


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


def other_leaves(tree: Any, access: str) -> Iterator[tuple[str, Any]]:
    """What stands beside the arrays of an argument, each with the expression that reaches it: counts, names, labels."""
    if type(tree) is Node:
        return
    if isinstance(tree, dict):
        parts = [(f"[{_quoted(key)}]", part) for key, part in tree.items()]
    elif isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        parts = [(f"[{i}]", part) for i, part in enumerate(tree)]
    elif fields := _fields_of(tree):
        parts = [(f".{name}", getattr(tree, name)) for name in fields]
    else:
        yield access, tree
        return
    for step, part in parts:
        yield from other_leaves(part, access + step)


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


def tree_text(
    tree: Any, gradient_of: Mapping[Node, str], access: str, library: Library, is_field: bool = False
) -> str | None:
    """The source text of a tree of gradients shaped like the argument that `access` reaches.

    `is_field` says whether it is a field of an object; JAX takes fields that are no arrays for a part of the structure.
    """
    if type(tree) is Node:
        return gradient_of.get(tree)

    def text(part: Any, step: str) -> str:
        return str(tree_text(part, gradient_of, access + step, library, step.startswith(".")))

    if isinstance(tree, dict):
        entries = [f"{_quoted(key)}: {text(part, f'[{_quoted(key)}]')}" for key, part in tree.items()]
        text_of_dict = "{" + ", ".join(entries) + "}"
        return text_of_dict if type(tree) is dict else _like_it(tree, access, text_of_dict)
    if isinstance(tree, tuple | list) and not hasattr(tree, "_fields"):
        items = [text(part, f"[{i}]") for i, part in enumerate(tree)]
        return f"[{', '.join(items)}]" if isinstance(tree, list) else f"({', '.join(items)}{',' * (len(items) == 1)})"
    if not any(node in gradient_of for node, _ in leaves_of(tree, access)):
        return access if library.other_fields and is_field else None
    _must_be_made_of_its_fields(tree)
    fields = [f"{name}={text(getattr(tree, name), f'.{name}')}" for name in _fields_of(tree)]
    return f"type({access})({', '.join(fields)})"


def _like_it(tree: dict[Any, Any], access: str, text: str) -> str:
    """The source text of a dict of the same class as an argument."""
    if isinstance(tree, collections.OrderedDict):
        return f"type({access})({text})"
    if isinstance(tree, collections.defaultdict):
        return f"type({access})({access}.default_factory, {text})"
    raise CodeError(f"the gradient of a {type(tree).__name__} cannot be written; give it as a dict")


def _must_be_made_of_its_fields(tree: Any) -> None:
    """Raise if the constructor of an object's class, called with its fields, does not give an equal object."""
    fields = dataclasses.fields(tree) if dataclasses.is_dataclass(tree) else getattr(tree, "__attrs_attrs__", ())
    others = any(not f.init or getattr(f, "converter", None) or f.name.startswith("_") for f in fields)
    if others or hasattr(tree, "__post_init__") or hasattr(tree, "__attrs_post_init__"):
        raise CodeError(
            f"the gradient of a {type(tree).__name__} cannot be written: its constructor does more than keep its "
            "fields; give them in a dict"
        )
