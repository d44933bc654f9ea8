"""What stands at another place is another number: rules that look through views keep values, NaN and zeros in place.

Each program meets its operand twice, once as it is and once rearranged, and runs with a NaN, an infinity or a zero in
one entry.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import block_named
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph

X = np.random.default_rng(0).normal(size=(3, 3))

VIEWS = {
    "itself": lambda x: x,
    "rows reversed": lambda x: x[::-1],
    "columns reversed": lambda x: x[:, ::-1],
    "transposed": np.transpose,
    "rows permuted": lambda x: x[[1, 2, 0]],
    "columns permuted": lambda x: x[:, [1, 2, 0]],
    "rolled": lambda x: np.roll(x, 1),
    "flipped": np.flip,
    "entries reversed": lambda x: np.reshape(np.reshape(x, 9)[::-1], (3, 3)),
    "a row": lambda x: x[1],
    "a column": lambda x: x[:, 1:2],
    "an entry": lambda x: x[1, 2],
    "an entry of each row": lambda x: x[np.arange(3), [2, 0, 1]],
    "an entry of each row in its row": lambda x: x[np.arange(3), [2, 0, 1]][:, None],
    "an entry of each column in its row": lambda x: x[[2, 0, 1], np.arange(3)][:, None],
    "the largest of each row": lambda x: x[np.arange(3), np.argmax(x, axis=1)][:, None],
    "a copy": np.copy,
    "row sums": lambda x: np.sum(x, axis=1, keepdims=True),
    "row sums as a column": lambda x: np.sum(x, axis=1)[:, None],
    "row sums as a row": lambda x: np.sum(x, axis=1),
    "row sums reversed": lambda x: np.sum(x, axis=1)[::-1, None],
    "row sums permuted": lambda x: np.reshape(np.sum(x, axis=1)[[1, 2, 0]], (3, 1)),
    "column sums": lambda x: np.sum(x, axis=0),
    "column sums reversed": lambda x: np.sum(x, axis=0)[::-1],
    "its sum": np.sum,
    "softmax": cr.softmax,
}


def product_or_zero(dz, slope):
    return block_named("product_or_zero")(dz, slope)


def unless_masked(dx, dz, slope):
    return block_named("unless_masked")(dx, dz, slope)


PROGRAMS = {
    "softmax by hand": lambda x, v: np.exp(x) / v(np.exp(x)),
    "a softmax cancels": lambda x, v: v(x) * cr.softmax(x) / cr.softmax(x),
    "a softmax of a view cancels": lambda x, v: x * v(cr.softmax(x)) / v(cr.softmax(x)),
    "a sigmoid of a view cancels": lambda x, v: x * cr.sigmoid(v(x)) / cr.sigmoid(v(x)),
    "a softmax of a view cancels beside a softmax": lambda x, v: cr.softmax(x) * v(cr.softmax(x)) / v(cr.softmax(x)),
    "a sum cancels": lambda x, v: x * (1 + v(np.exp(x))) / (1 + v(np.exp(x))),
    "a sum beside a view cancels": lambda x, v: v(x) * np.sum(np.exp(x)) / np.sum(np.exp(x)),
    "exponential and sigmoid": lambda x, v: np.exp(x) * cr.sigmoid(-v(x)),
    "complement": lambda x, v: (1 - cr.sigmoid(v(x))) * cr.sigmoid(-x),
    "log-sum-exp": lambda x, v: np.log(v(np.exp(x)) + np.exp(x)),
    "masked by the other": lambda x, v: product_or_zero(v(np.sin(x)), np.tanh(x)),
    "a mask of the other": lambda x, v: unless_masked(np.nan_to_num(x) + 2, v(x), np.tanh(x)),
    "the other masks": lambda x, v: unless_masked(np.nan_to_num(x) + 2, x, np.tanh(v(x))),
    "gradient": cr.grad(lambda x, v: np.sum(np.tanh(x) * v(cr.softmax(x)))),
    "gradient of a quotient": cr.grad(lambda x, v: np.sum(x * v(cr.sigmoid(x)) / cr.sigmoid(x))),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_entries_stay_in_their_places(program, view):
    graph = record_graph(lambda x: program(x, view), X)
    simple = simplify_graph(graph)
    specials = [X[0, 1], np.nan, 0.0, np.inf]
    if program is PROGRAMS["softmax by hand"]:
        specials.pop()  # a softmax is NaN beside an infinity, as in PyTorch; exp(x) / sum(exp(x)) is 0
    for special in specials:
        x = X.copy()
        x[0, 1] = special
        x[2, 2] = 0
        with np.errstate(all="ignore"):
            found, expected = simple.run(np, [x])[0], graph.run(np, [x])[0]
        known = np.isfinite(expected) if special == np.inf else ...  # a stable form may know what ∞ / ∞ is
        np.testing.assert_allclose(found[known], expected[known], rtol=1e-12, atol=1e-15)


MASKED_ONCE = {
    "in a sum": lambda z, s: z * s + product_or_zero(z, s),
    "in a sum, the other way round": lambda z, s: product_or_zero(z, s) - 3 * z * s,
    "in a product": lambda z, s: product_or_zero(z * s, s),
    "in a sum, bounded": lambda z, s: z * np.tanh(s) + product_or_zero(z, np.tanh(s)),
    "in a product, bounded": lambda z, s: product_or_zero(z * np.tanh(s), np.tanh(s)),
    "squared": lambda z, s: product_or_zero(z * z, s) * s,
    "in a gradient": cr.grad(lambda z, s: np.sum(np.cos(np.where(z > 0, z @ (s * z), 0.5))), argnums=0),
}


@pytest.mark.parametrize("f", MASKED_ONCE.values(), ids=MASKED_ONCE)
@pytest.mark.parametrize("special", [np.nan, np.inf, 2.0])
def test_what_is_masked_in_one_place_is_not_in_another(f, special):
    graph = record_graph(f, X[0], X[1])
    z, s = np.array([0.0, 1.5, -1.0]), np.array([special, special, 1.0])
    with np.errstate(all="ignore"):
        found, expected = simplify_graph(graph).run(np, [z, s])[0], graph.run(np, [z, s])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("f", [cr.softmax, lambda x: np.log(cr.softmax(x)), lambda x: np.exp(x) / np.sum(np.exp(x))])
def test_a_number_is_a_row_without_an_axis(f):
    for program in (f, cr.grad(lambda x: np.sin(f(x) * x))):
        graph = record_graph(program, np.array(0.5))
        assert simplify_graph(graph).run(np, [np.array(0.3)])[0] == pytest.approx(program(np.array(0.3)), rel=1e-14)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_softmax_by_hand_is_compiled_in_its_places(view):
    def f(x):
        return np.exp(x) / view(np.exp(x))

    compiled = cr.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(compiled(X), f(X), rtol=1e-13)
