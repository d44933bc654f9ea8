"""Each line of the tables is an identity: of values and gradients, and of what computations must not change."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.identities import EXACT, REAL, STABLE
from chainrule.algebra.patterns import Call, Number, Variable
from chainrule.array import Array
from chainrule.blocks.indexing import Slot, getitem
from chainrule.graph import graph_between, record_graph
from chainrule.node import Node
from chainrule.simplify import simplify_graph

X = np.array([[0.3, 1.7, 0.9], [2.1, 0.4, 1.2]])
Y = np.array([[1.1, 0.6, 2.3], [0.5, 1.9, 0.8]])
PARAMS = {"axis": -1, "keepdims": True, "key": (1,)}
LABEL = np.array([2, 0])
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5, 1e-320, 1e300]

every = pytest.mark.parametrize("identity", [*EXACT, *STABLE, *REAL], ids=lambda identity: identity.text)
exact = pytest.mark.parametrize("identity", EXACT, ids=lambda identity: identity.text)
stable = pytest.mark.parametrize("identity", STABLE, ids=lambda identity: identity.text)


def variables(pattern):
    """The variables of a pattern, in order; a label is no variable: it has no gradient."""
    if isinstance(pattern, Variable):
        return [] if pattern.name == "label" else [pattern.name]
    return list(dict.fromkeys(v for x in getattr(pattern, "operands", ()) for v in variables(x)))


def evaluate(pattern, values):
    """One side of an identity, with values (plain or recorded) for its variables."""
    if isinstance(pattern, Number):
        return pattern.value
    if isinstance(pattern, Variable):
        return LABEL if pattern.name == "label" else values[pattern.name]
    assert isinstance(pattern, Call)
    params = {name: PARAMS[name] if isinstance(v, str) else v for name, v in pattern.params}
    if pattern.block is getitem and len(pattern.operands) > 1:
        params["key"] = (np.arange(2), Slot(0))
    return pattern.block(*(evaluate(x, values) for x in pattern.operands), **params)


def sides(identity, *xs):
    """Both sides as functions of the variables."""
    names = variables(identity.left)
    return [lambda *xs, p=p: evaluate(p, dict(zip(names, xs, strict=True))) for p in (identity.left, identity.right)]


def arguments(identity, dtype=np.float64):
    return [a.astype(dtype) for a, _ in zip((X, Y), variables(identity.left), strict=False)]


def same_everywhere(left, right, rtol=1e-12):
    np.testing.assert_allclose(right, left, rtol=rtol, atol=0)
    zero = np.asarray(left) == 0
    np.testing.assert_array_equal(np.signbit(left)[zero], np.signbit(right)[zero])


@every
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_both_sides_have_the_same_value_and_gradient(identity, sign):
    if sign < 0 and identity.text in ("log(1 + x) = log1p(x)", "exp(log(x)) = x"):
        pytest.skip("of positive numbers only")
    xs = [sign * x for x in arguments(identity)]
    where = tuple(range(len(xs)))
    weights = np.cos(np.arange(6.0)).reshape(2, 3)

    def loss(f):
        def weighted(*xs):
            z = f(*xs)
            return np.sum(z * (weights if z.shape == (2, 3) else weights[:, :1] if z.ndim == 2 else weights[:, 0]))

        return weighted

    (left, dleft), (right, dright) = (cr.value_and_grad(loss(side), where)(*xs) for side in sides(identity))
    np.testing.assert_allclose(left, right, rtol=1e-12)
    np.testing.assert_allclose(dleft, dright, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("identity", [*EXACT, *STABLE], ids=lambda identity: identity.text)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_left_side_is_replaced_by_the_right(identity, dtype):
    left, right = sides(identity)
    names = variables(identity.left)
    inputs = [Node(None, (), {}, x, name=name) for x, name in zip(arguments(identity, dtype), names, strict=True)]
    graphs = [graph_between(inputs, [side(*map(Array, inputs))]) for side in (left, right)]
    found, expected = map(simplify_graph, graphs)
    assert [n.block.name for n in found.nodes] == [n.block.name for n in expected.nodes]
    assert found.nodes != graphs[0].nodes
    value, original = (np.asarray(g.run(np, [i.value for i in inputs])[0]) for g in (found, graphs[0]))
    assert (value.dtype, value.shape) == (original.dtype, original.shape)
    np.testing.assert_allclose(value, original, rtol=1e-12 if dtype == np.float64 else 1e-4)


@exact
def test_exact_identities_keep_nan_infinities_and_signed_zeros(identity):
    names = variables(identity.left)
    pairs = np.array(list(itertools.product(SPECIAL, repeat=2)))  # as rows of softmax, or as x and y
    xs = [pairs[:, 0], pairs[:, 1]] if len(names) == 2 else [pairs]
    with np.errstate(all="ignore"):
        left, right = (side(*xs) for side in sides(identity))
    same_everywhere(left, right)


@stable
def test_stable_identities_keep_nan(identity):
    names = variables(identity.left)
    for which in range(len(names)):
        xs = arguments(identity)
        xs[which][0, 1] = np.nan
        with np.errstate(all="ignore"):
            left, right = (np.isnan(side(*xs)) for side in sides(identity))
        np.testing.assert_array_equal(left, right)


@stable
def test_the_right_side_of_a_stable_identity_is_accurate(identity):
    """Both sides agree in extended precision, up to what the left side loses; the right loses nothing in double."""
    names = variables(identity.left)
    xs = [np.array([[-20.0, -3.0, 0.7], [15.0, 0.001, 4.0]]), np.array([[2.0, -7.0, 0.1], [-0.3, 9.0, 1.0]])]
    if identity.text == "log(1 + x) = log1p(x)":
        xs[0] = abs(xs[0])
    xs = xs[: len(names)]
    precise = [side(*(x.astype(np.longdouble) for x in xs)) for side in sides(identity)]
    eps = float(np.finfo(np.longdouble).eps)
    np.testing.assert_allclose(precise[0], precise[1], rtol=1e-12, atol=40 * eps)
    rounding = 2e-16 if "softmax" in identity.text else 0  # near 0 a log_softmax is as accurate as near 1
    np.testing.assert_allclose(sides(identity)[1](*xs), precise[1].astype(float), rtol=2e-14, atol=rounding)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.uint64, np.int64])
@pytest.mark.parametrize("identity", [*EXACT, *STABLE], ids=lambda identity: identity.text)
def test_integers_wrap_and_truths_are_no_numbers(identity, dtype):
    """−1 is 255 in uint8, −(−128) is −128 in int8, and −True is an error: in any of the operands or in all."""
    left, _ = sides(identity)
    names = variables(identity.left)
    least = 0 if dtype is np.bool_ else np.iinfo(dtype).min
    integers = np.array([[1, 2, 3], [least, 5, 6]]).astype(dtype)
    for are_integers in itertools.product([True, False], repeat=len(names)):
        values = [integers if is_integer else x for is_integer, x in zip(are_integers, (X, Y), strict=False)]
        inputs = [Node(None, (), {}, x) for x in values]
        try:
            with np.errstate(all="ignore"):
                graph = graph_between(inputs, [left(*map(Array, inputs))])
        except TypeError:  # the left side is one, too
            continue
        simple = simplify_graph(graph)
        with np.errstate(all="ignore"):
            found, expected = (np.asarray(g.run(np, values)[0]) for g in (simple, graph))
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        eps = max([np.finfo(n.value.dtype).eps for n in graph.nodes if n.value.dtype.kind == "f"], default=0)
        np.testing.assert_allclose(found, expected, rtol=16 * eps, atol=16 * eps)


def test_identities_are_left_alone_for_complex_numbers():
    z = np.array([1 + 2j, -0.5j])
    graph = record_graph(lambda z: np.sqrt(np.square(z)), z)
    assert [n.block.name for n in simplify_graph(graph).nodes] == ["square", "sqrt"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.flip(np.flip(x, 0), 1),
        lambda x: cr.cross_entropy_loss(cr.softmax(x, axis=0), LABEL),
        lambda x: np.exp(cr.softmax(x, axis=0)) / np.sum(np.exp(cr.softmax(x, axis=1)), axis=1, keepdims=True),
        lambda x: np.log(cr.softmax(x, axis=0))[(1,)],
        lambda x: np.maximum(x, x[::-1]),
        lambda x: np.log(np.full((2, 3), 2.0) + np.exp(x)),
    ],
)
def test_a_parameter_is_the_same_wherever_it_occurs(f):
    graph = record_graph(f, X)
    np.testing.assert_allclose(simplify_graph(graph).run(np, [Y])[0], f(Y), rtol=1e-13)


def test_a_block_of_the_user_is_not_mistaken_for_the_library_s():
    @cr.block
    def log(x):
        return 2.0 * x

    graph = record_graph(lambda x: log(np.exp(x)), X)
    assert [n.block.name for n in simplify_graph(graph).nodes] == ["exp", "log"]


def test_a_block_of_the_user_is_called_as_often_as_before():
    @cr.block
    def draw(x):
        return x + np.random.default_rng().normal()

    graph = record_graph(lambda x: draw(x) - draw(x), X)
    assert [n.block.name for n in simplify_graph(graph).nodes] == ["draw", "draw", "subtract"]
