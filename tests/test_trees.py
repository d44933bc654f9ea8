"""Trees: arguments that are objects of arrays, rebuilt without running what their classes do when they are made."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError

W = np.array([1.0, 2.0])


@dataclasses.dataclass
class Divides:
    w: Any
    steps: int = 3
    act: Callable = np.tanh
    title: str = "a"
    scale: Any = dataclasses.field(init=False, default=2.0)

    def __post_init__(self):
        self.w = self.w / 10


@dataclasses.dataclass(frozen=True, slots=True)
class Validates:
    w: Any
    scale: float = 2.0

    def __post_init__(self):
        assert np.all(self.w > 0)


@dataclasses.dataclass(kw_only=True)
class OwnInit:
    w: Any
    start: dataclasses.InitVar[float] = 1.0

    def __init__(self, scaled):
        self.w = scaled / 10
        self.scale = 2.0  # no field


class Inherits(Divides):
    pass


@dataclasses.dataclass
class Slotted:
    __slots__ = ("scale", "w")
    w: Any
    scale: Any


class TenthOf(collections.namedtuple("TenthOf", "w scale")):
    def __new__(cls, w, scale):
        return super().__new__(cls, w / 10, scale)


class Pair(NamedTuple):
    w: Any
    scale: Any


class Attributes(dict):
    __getattr__ = dict.__getitem__


TREES = {
    "__post_init__": Divides(10 * W),
    "frozen, slots, validation": Validates(W),
    "own __init__": OwnInit(10 * W),
    "inheritance": Inherits(10 * W),
    "slots": Slotted(W, 2.0),
    "named tuple": Pair(W, 2.0),
    "named tuple with __new__": TenthOf(10 * W, 2.0),
    "namespace": SimpleNamespace(w=W, scale=2.0, title="a"),
    "dict subclass": Attributes(w=W, scale=2.0, title=None),
}


def loss(p):
    return p.scale * np.sum(p.w**2)


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_objects_are_rebuilt_without_running_their_init(tree):
    value, g = cr.value_and_grad(loss)(tree)
    assert value == 10.0
    assert type(g) is type(tree)
    np.testing.assert_array_equal(g.w, 4 * W)
    assert g.scale == 5.0


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_every_transform_takes_objects(tree):
    ones = cr.grad(lambda p: np.sum(p.w) + p.scale)(tree)
    assert cr.vjp(loss, tree)[1](1.0)[0].scale == 5.0
    assert cr.jvp(loss, (tree,), (ones,))[1] == 17.0
    assert cr.jacobian(loss)(tree).scale == 5.0
    second = cr.hvp(loss)(tree, ones)
    np.testing.assert_array_equal(second.w, 2 * W + 4)
    assert second.scale == 6.0
    np.testing.assert_array_equal(cr.hessian(loss)(tree).w.scale, 2 * W)
    assert cr.check(loss)(tree)
    assert cr.explain(loss)(tree).forward[-1].value == 10.0


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_compiled_functions_take_objects(tree):
    f = cr.compile(cr.value_and_grad(loss))
    for _ in range(2):
        value, g = f(tree)
        assert value == 10.0
        np.testing.assert_array_equal(g.w, 4 * W)


def test_attrs_classes_are_trees():
    attrs = pytest.importorskip("attrs")

    @attrs.frozen
    class Layer:
        w: Any = attrs.field(validator=attrs.validators.instance_of(np.ndarray), converter=lambda w: w / 10)
        _scale: float = 2.0

    g = cr.grad(lambda p: p._scale * np.sum(p.w**2))(Layer(10 * W))
    np.testing.assert_array_equal(g.w, 4 * W)
    assert g._scale == 5.0


def test_classes_registered_with_jax_pytorch_and_optree_are_trees():
    import jax
    import optree
    import torch.utils._pytree as torch_trees

    class Layer:
        def __init__(self, w, steps):
            self.w, self.steps = w, steps

    class ForJax(Layer):
        pass

    class ForTorch(Layer):
        pass

    class ForOptree(Layer):
        pass

    class WithMethods(Layer):
        def tree_flatten(self):
            return (self.w,), self.steps

        @classmethod
        def tree_unflatten(cls, steps, children):
            return cls(*children, steps)

    jax.tree_util.register_pytree_node(ForJax, lambda p: ((p.w,), p.steps), lambda steps, c: ForJax(*c, steps))
    torch_trees.register_pytree_node(ForTorch, lambda p: ([p.w], p.steps), lambda c, steps: ForTorch(*c, steps))
    optree.register_pytree_node(
        ForOptree, lambda p: ((p.w,), p.steps, ("w",)), lambda steps, c: ForOptree(*c, steps), namespace="chainrule"
    )
    for kind in (ForJax, ForTorch, ForOptree, WithMethods):
        tree = {"layer": kind(W, 3)}
        g = cr.grad(lambda p: p["layer"].steps * np.sum(p["layer"].w ** 2))(tree)["layer"]
        np.testing.assert_array_equal(g.w, 6 * W)
        assert type(g) is kind
        assert g.steps == 3
        compiled = cr.compile(lambda p: p["layer"].steps * np.sum(p["layer"].w ** 2))
        assert [compiled(tree), compiled(tree)] == [15.0, 15.0]


def test_what_was_cached_from_the_old_leaves_is_computed_anew():
    @dataclasses.dataclass
    class Layer:
        w: Any

        @functools.cached_property
        def norm(self):
            return np.sum(self.w**2)

    layer = Layer(W)
    assert layer.norm == 5.0
    np.testing.assert_array_equal(cr.grad(lambda p: p.norm)(layer).w, 2 * W)


def test_attributes_that_were_set_later_are_differentiated_too():
    tree = Divides(10 * W)
    tree.bias = np.ones(2)
    np.testing.assert_array_equal(cr.grad(lambda p: np.sum(p.w * p.bias))(tree).bias, W)


def test_leaves_without_a_gradient_are_passed_through_and_their_gradient_is_none():
    tree = {
        "w": W,
        "n": 3,
        "flag": True,
        "title": "a",
        "nothing": None,
        "act": np.tanh,
        "labels": np.array([0, 1]),
        "rng": np.random.default_rng(0),
    }

    def f(p):
        assert p["title"] == "a"
        assert p["flag"] is True
        assert p["nothing"] is None
        assert p["rng"] is tree["rng"]
        return p["n"] * np.sum(p["act"](p["w"])[p["labels"]])

    value, g = cr.value_and_grad(f)(tree)
    assert value == 3 * np.sum(np.tanh(W))
    np.testing.assert_allclose(g.pop("w"), 3 / np.cosh(W) ** 2)
    assert g == dict.fromkeys(["n", "flag", "title", "nothing", "act", "labels", "rng"])


def test_a_vector_may_be_like_the_argument_or_like_its_gradient():
    f, tree = lambda p: p["n"] * np.sum(p["w"] ** 3), {"w": W, "n": 2}
    for v in ({"w": np.ones(2), "n": 2}, {"w": np.ones(2), "n": None}):
        np.testing.assert_array_equal(cr.hvp(f)(tree, v)["w"], 12 * W)
        assert cr.jvp(f, (tree,), (v,))[1] == 30.0
    with pytest.raises(GradientError, match="1 arrays to differentiate: 2 arrays were given"):
        cr.hvp(lambda p: f({"n": 2, **p}))({"w": W}, [W, W])


def test_a_tree_with_nothing_to_differentiate_is_an_error():
    with pytest.raises(GradientError, match="type int, which has no gradient"):
        cr.grad(lambda p: p["n"] * 1.0)({"n": 3, "title": "a"})
