"""Lowering rules of indexing: entries, parts, and entries at labels that each run is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.blocks.indexing import Slot, add_at, add_to_entries, getitem, is_whole, set_at
from chainrule.blocks.integers import labels_fit, one_hot_rows
from chainrule.compile.lowering_rules import as_dtype, kind_of, number_of, reshaped
from chainrule.compile.making import Maker, RuleTable
from chainrule.compile.product_rules import reduced
from chainrule.compile.regular_keys import as_slices
from chainrule.compile.values import Value
from chainrule.node import Node

__all__ = ["INDEXING_RULES"]

INDEXING_RULES = RuleTable()


@INDEXING_RULES(getitem)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key = node.params["key"]
    shape = np.shape(node.value)
    if len(args) > 1:
        return _read_at_labels(low, node, args)
    if is_whole(key):
        return reshaped(low, args[0], shape)
    if not all(part is None or isinstance(part, slice | int) for part in key):
        if (other := as_slices(key, args[0].shape)) is None:
            return None
        return low.make("slice", [reshaped(low, args[0], other[0])], shape, args[0].dtype, key=other[1])
    if number_of(args[0]) is not None:
        return low.constant(number_of(args[0]), shape, args[0].dtype)
    x = args[0]
    rows = all(part == slice(None) for part in key[:-1])
    in_memory = x.op == "input" and len(x.shape) == 1  # its entries can be read as numbers
    if not in_memory and type(key[-1]) is int and rows and _is_entry(x, shape):
        label = low.constant(np.int64(key[-1] % x.shape[-1]))
        return low.make("pick", [x, label], shape, x.dtype, axes=(len(x.shape) - 1,))
    return low.make("slice", args, shape, x.dtype, key=key)


def _is_entry(x: Value, shape: tuple[int, ...]) -> bool:
    """Whether a result is one entry of a vector, or of each row of a matrix, with no length of 1."""
    return len(shape) == len(x.shape) - 1 <= 1 and x.shape[-1] > 1 and shape != (1,)


@INDEXING_RULES(add_at)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key, shape = node.params["key"], np.shape(node.value)
    if len(args) > 1:
        return _added_at_labels(low, node, args)
    if args[0].dtype != kind_of(node):
        return None
    if not all(part is None or isinstance(part, slice | int) for part in key):
        if (other := as_slices(key, shape)) is None:
            return None
        return reshaped(low, low.make("place", args, other[0], args[0].dtype, key=other[1]), shape)
    if None in key:
        args, key = [_without_new_axes(low, args[0], key)], tuple(part for part in key if part is not None)
    if is_whole(key):
        return args[0] if args[0].shape == shape else None
    if args[0].shape == () and len(shape) == 1 and len(key) == 1 and type(key[0]) is int and shape[0] > 1:
        here = low.make("one_hot", [low.constant(np.int64(key[0] % shape[0]))], shape, bool)
        return low.make("where", [here, args[0], low.constant(args[0].dtype.type(0))], shape, args[0].dtype)
    return low.make("place", args, shape, args[0].dtype, key=key)


def _without_new_axes(low: Maker, v: Value, key: tuple[Any, ...]) -> Value:
    """The value that is put at a key, without the axes of length 1 that belong to None in the key."""
    axis, new = len(v.shape), set[int]()
    for part in reversed(key):
        axis -= type(part) is not int
        if part is None:
            new.add(axis)
    return reshaped(low, v, tuple(n for a, n in enumerate(v.shape) if a not in new))


@INDEXING_RULES(set_at)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key = node.params["key"]
    x, shape = args[0], np.shape(node.value)
    if x.dtype != kind_of(node) or not x.shape:
        return None
    new = as_dtype(low, args[1], x.dtype)
    if all(isinstance(part, slice | int) for part in key):
        return low.make("set", [x, new], shape, x.dtype, key=key)
    if x.shape != shape or (other := as_slices(key, shape)) is None:
        return None
    return reshaped(low, low.make("set", [reshaped(low, x, other[0]), new], other[0], x.dtype, key=other[1]), shape)


@INDEXING_RULES(add_to_entries)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """A number that is added to one entry, or an array that is added to a part of another."""
    x, v = args
    key = node.params["key"]
    if not all(isinstance(part, slice | int) for part in key) or x.dtype != kind_of(node) or not x.shape:
        return None
    if v.shape or len(key) != len(x.shape) or not all(type(part) is int for part in key):
        part = low.make("slice", [x], v.shape, x.dtype, key=key)
        total = low.make("add", [part, as_dtype(low, v, x.dtype)], v.shape, x.dtype)
        return low.make("set", [x, total], x.shape, x.dtype, key=key)
    key = tuple(part % n for part, n in zip(key, x.shape, strict=True))
    return low.make("increase", [x, as_dtype(low, v, x.dtype)], x.shape, x.dtype, key=key)


# Recorded labels ------------------------------------------------------------------------


def _read_at_labels(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """Read one entry of each row, at its label: x[arange(N), label], or x[label] of a vector."""
    x, key = args[0], node.params["key"]
    if len(args) != 2 or args[1].dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or x.shape[-1:] == (1,):
        return None
    if len(x.shape) == 1 and len(key) == 1 and args[1].shape == () and _are_labels(low, node, args[1], x.shape[0]):
        return low.make("pick", args, (), x.dtype, axes=(0,))
    if len(x.shape) == 2 and len(key) == 2 and isinstance(key[0], np.ndarray) and type(key[1]) is Slot:
        rows = x.shape[0]
        in_order = key[0].shape == (rows,) == args[1].shape and np.array_equal(key[0], np.arange(rows))
        if in_order and rows > 1 and _are_labels(low, node, args[1], x.shape[1]):
            return low.make("pick", args, (rows,), x.dtype, axes=(1,))
    return None


def _added_at_labels(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """Write a number into each row, at its label."""
    v, key, shape = args[0], node.params["key"], np.shape(node.value)
    if len(args) != 2 or args[1].dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or shape[-1] == 1:
        return None
    if node.params["shape"] != shape or len(shape) > 2 or not (args[1].shape == v.shape == shape[:-1]):
        return None
    if len(key) != len(shape) or type(key[-1]) is not Slot or shape[0] == 1:
        return None
    if len(shape) == 2 and not (isinstance(key[0], np.ndarray) and np.array_equal(key[0], np.arange(shape[0]))):
        return None
    if not _are_labels(low, node, args[1], shape[-1]):
        return None
    if number_of(v) == 1:
        return low.make("one_hot", [args[1]], shape, v.dtype)
    here = low.make("one_hot", [args[1]], shape, bool)
    zero = low.constant(v.dtype.type(0))
    return low.make("where", [here, reshaped(low, v, (*v.shape, 1)) if v.shape else v, zero], shape, v.dtype)


def _are_labels(low: Maker, node: Node, label: Value, classes: int) -> bool:
    """Whether all labels are between 0 and classes − 1; a guard then sends other labels to another path.

    NumPy indexes with negative or out-of-range labels.
    """
    found = node.inputs[1].value if type(node.inputs[1]) is Node else node.inputs[1]
    if not np.all((found >= 0) & (found < classes)):
        return False
    low.guard(_fit(low, label, classes), "truth", True)
    return True


def _fit(low: Maker, label: Value, classes: int, ignored: int | None = None) -> Value:
    """Whether all labels are between 0 and classes − 1, or equal to `ignored`."""
    low_enough = low.make("less", [label, low.constant(label.dtype.type(classes))], label.shape, bool)
    not_negative = low.make("greater_equal", [label, low.constant(label.dtype.type(0))], label.shape, bool)
    fits = low.make("logical_and", [not_negative, low_enough], label.shape, bool)
    if ignored is not None:
        is_ignored = low.make("equal", [label, low.constant(label.dtype.type(ignored))], label.shape, bool)
        fits = low.make("logical_or", [fits, is_ignored], label.shape, bool)
    return reduced(low, "all", fits, tuple(range(len(label.shape))), ())


@INDEXING_RULES(one_hot_rows)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    label = args[0]
    if label.dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or np.shape(node.value)[-1] == 1:
        return None
    return low.make("one_hot", [label], np.shape(node.value), kind_of(node))


@INDEXING_RULES(labels_fit)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    label = args[0]
    if label.dtype not in (np.dtype(np.int64), np.dtype(np.int32)):
        return None
    return _fit(low, label, node.params["classes"], node.params["ignored"])
