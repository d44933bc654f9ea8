"""Later calls of compiled functions, with arguments unlike the first ones: as uncompiled."""

from __future__ import annotations

import collections
import types

import numpy as np
import pytest

import chainrule as cr


def in_order(tree):
    return [k * x for k, x in enumerate(tree.values(), 1)]


@pytest.mark.parametrize("engine", [None, "jax"])
@pytest.mark.parametrize("kind", [dict, lambda items: collections.defaultdict(float, items)])
def test_a_dict_in_another_order_is_another_version(kind, engine):
    x, y = np.arange(3.0), np.ones(3)
    compiled = cr.compile(in_order, engine=engine) if engine else cr.compile(in_order)
    for tree in (*[{"a": x, "b": y}] * 4, *[{"b": y, "a": x}] * 4, {"a": y, "b": x}):
        np.testing.assert_array_equal(compiled(kind(tree)), in_order(tree))


def test_keywords_in_another_order_are_another_version():
    compiled = cr.compile(lambda **options: in_order(options))
    for options in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert compiled(**options) == in_order(options)


def test_a_dict_inside_another_tree_in_another_order_is_another_version():
    compiled = cr.compile(lambda part: in_order(part.of[0]))
    for tree in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert compiled(types.SimpleNamespace(of=[tree])) == in_order(tree)


def test_a_dict_of_a_method_in_another_order_is_another_version():
    class Layer:
        def __init__(self, parts):
            self.parts = parts

        @cr.compile
        def run(self):
            return in_order(self.parts)

    for tree in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert Layer(tree).run() == in_order(tree)
