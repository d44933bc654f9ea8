"""Each rule is an identity: the simplified result has the same value, gradient, shape and dtype, and fewer blocks."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.array import Array, value_of
from chainrule.block import block_named
from chainrule.blocks.indexing.entries import add_at
from chainrule.simplify import simplify
from chainrule.simplify.results import Reader

P = np.array([0.2, 0.3, 0.5])
E1 = np.array([0.0, 1.0, 0.0])
E2 = np.array([0.0, 1.0, 2.0])


def blocks(x):
    return Reader(frozenset()).cost(x._node)


IDENTITIES = {
    "times one": (lambda p, q: p * 1.0, 0),
    "plus zero": (lambda p, q: p + 0.0, 0),
    "minus itself": (lambda p, q: p * q - q * p, 0),
    "plus itself": (lambda p, q: p + p, 1),
    "double negation": (lambda p, q: -np.negative(p), 0),
    "quotient of products": (lambda p, q: (p * q) / q, 0),
    "distribution": (lambda p, q: p * (q + 1.0) - p * q, 0),
    "square over itself": (lambda p, q: p**2 / p, 0),
    "entry of a one-hot product": (lambda p, q: np.sum(p * E1) * q, 2),
    "one-hot twice": (lambda p, q: p * E1 * E1, 2),
    "sum of a constant multiple": (lambda p, q: np.sum(2.0 * p) - np.sum(p), 1),
    "reshape to the same shape": (lambda p, q: np.reshape(p, (3,)), 0),
    "broadcast to the same shape": (lambda p, q: np.broadcast_to(p, (3,)), 0),
    "transpose twice": (lambda p, q: np.transpose(np.transpose(np.outer(p, q))), 1),
    "cast to the same dtype": (lambda p, q: p.astype(np.float64), 0),
    "product with the identity": (lambda p, q: np.eye(3) @ p @ np.eye(3), 0),
    "choice between equals": (lambda p, q: np.where(E1 > 0, p, p), 0),
    "exponential of a logarithm": (lambda p, q: np.exp(np.log(p)), 0),
    "entry of a constant put back": (lambda p, q: add_at(q[0] - q[0], key=(0,), shape=(3,)), 0),
    "sum of a constant vector": (lambda p, q: np.sum(q[0] * E2), 2),
    "sum of a constant vector with its axis kept": (lambda p, q: np.sum(q[0] * E2, keepdims=True), 3),
    "entry of a vector of one entry put back": (
        lambda p, q: add_at(add_at(p[2], key=(0,), shape=(1,))[0], key=(2,), shape=(3,)),
        2,
    ),
    "more axes than the result": (lambda p, q: np.exp(np.reshape(p[0], (1, 1, 1)))[0, 0, [0, 0]] * 1.0, 5),
    "sum over no axis": (lambda p, q: np.sum(p / p, axis=()), 0),
    "an integer of another width": (lambda p, q: p * (q > 2).astype(np.int32).astype(np.int64), 2),
    "equal constants": (lambda p, q: p * E2 - E2.copy() * p, 0),
    "one-hot twice beside a matrix": (lambda p, q: np.exp(np.reshape(p, (3, 1)) * q) * E1 * E1, 4),
    "the first power": (lambda p, q: (p + q) ** 1, 1),
    "a positive term first": (lambda p, q: -p + 0.5 * q, 2),
    "a sum of one number": (lambda p, q: np.sum(p[0]) * q - q * p[0], 0),
    "a product that is not masked": (lambda p, q: block_named("product_or_zero")(p, q) - p * q, 0),
    "a slope that is not masked": (lambda p, q: block_named("unless_masked")(p * q, p, q), 1),
    "a slope of a larger shape": (lambda p, q: block_named("unless_masked")(p, np.outer(p, q), q), 4),
    "common subexpressions": (lambda p, q: np.exp(p) * np.sin(p) + np.exp(p), 4),
}


@pytest.mark.parametrize(("f", "count"), IDENTITIES.values(), ids=IDENTITIES)
def test_rule_is_an_identity_and_makes_it_shorter(f, count):
    p, q = cr.variable(P, name="p"), cr.variable(P[::-1] + 1, name="q")
    original = f(p, q)
    simple = simplify(original)
    np.testing.assert_allclose(
        np.asarray(simple.value if type(simple) is Array else simple), original.value, rtol=1e-14
    )
    assert np.shape(simple) == original.shape
    assert (blocks(simple) if type(simple) is Array else 0) <= count


@pytest.mark.parametrize("f", [f for f, _ in IDENTITIES.values()], ids=IDENTITIES)
def test_gradient_of_the_simplified_form_is_the_same(f):
    def loss(p, simplified):
        z = f(p, P[::-1] + 1.0)
        return np.sum(np.sin(simplify(z) if simplified else z))

    np.testing.assert_allclose(cr.grad(loss)(P, True), cr.grad(loss)(P, False), rtol=1e-13, atol=1e-14)


def test_what_has_no_simpler_form_stays():
    p = cr.variable(P)
    z = p * (np.sum(p) + 1)
    assert blocks(simplify(z)) == 3


def test_leaves_are_not_looked_into():
    p = cr.variable(P)
    q = p * 1.0
    assert simplify(q + 0.0, {q._node})._node is q._node


@pytest.mark.parametrize(
    "f",
    [
        lambda p: p * 2.0 - p,
        lambda p: p - p,
        lambda p: p / p,
        lambda p: np.sum(p - p),
        lambda p: np.sum(p / p),
        lambda p: add_at(p[0] * 2.0, key=(0,), shape=(3,)) - p + p,
    ],
)
def test_float32_stays_float32(f):
    assert simplify(f(cr.variable(P.astype(np.float32)))).dtype == np.float32


def test_a_wider_dtype_is_not_cancelled_away():
    p, q = cr.variable(P.astype(np.float32)), cr.variable(P)
    assert simplify(p * q / q).dtype == np.float64


def test_a_cast_to_another_dtype_stays():
    assert simplify(cr.variable(P).astype(np.float32)).dtype == np.float32


def test_a_float_cast_to_an_integer_is_rounded():
    assert simplify(cr.variable(np.array([1.9, -1.9])).astype(int).astype(float)).value.tolist() == [1.0, -1.0]


def test_a_plain_result_is_returned_as_it_is():
    assert simplify(3.0) == 3.0


def test_a_long_recording_is_left_alone():
    x = cr.variable(1.0)
    for _ in range(1000):
        x = x * 1.0
    assert simplify(x)._node is x._node


def test_a_form_that_is_as_long_stays_as_it_is_written():
    p, q = cr.variable(P), cr.variable(P)
    for z in (q * p, q + p, 1.0 + p, p - q, 2.0 - p):
        assert simplify(z)._node.inputs == z._node.inputs


@pytest.mark.parametrize(
    "f",
    [
        lambda p: p**np.inf,
        lambda p: p**-np.inf,
        lambda p: p**np.nan,
        lambda p: (1e20 * p) ** 20,
        lambda p: (1e-20 * p) ** 20,
        lambda p: (1e20 * p) ** -20,
        lambda p: p[2:] / (1 + np.sum(p[2:][:0])),
        lambda p: np.sum(p[2:][:0]) + p,
        lambda p: (p + np.inf) - np.inf,
    ],
)
def test_numbers_that_overflow_and_empty_sums_are_written_as_they_are(f):
    with np.errstate(all="ignore"):
        z = f(cr.variable(P))
        np.testing.assert_array_equal(value_of(simplify(z)), z.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda p, n, m: (p > 0) * np.full(3, 200, np.uint8) * np.full(3, 2, np.uint8) * p,
        lambda p, n, m: p * n * n,
        lambda p, n, m: n * p * m,
        lambda p, n, m: p / n / n,
        lambda p, n, m: p / n / m,
        lambda p, n, m: n * p / p + m * p / p + p,
        lambda p, n, m: n * p * n * p,
        lambda p, n, m: p * n.astype(np.int64) * m.astype(np.int64) / 3,
    ],
)
def test_integers_that_would_wrap_do_not_meet(f):
    n, m = (cr.variable(np.array(x)).astype(np.uint8) for x in ([200.0, 100.0, 255.0], [3.0, 7.0, 2.0]))
    z = f(cr.variable(P), n, m)
    np.testing.assert_allclose(value_of(simplify(z)), z.value, rtol=1e-14)


def test_two_of_single_precision_do_not_meet_to_be_read():
    p, x, y = (
        cr.variable(P),
        cr.variable(np.array([1 / 3, 2 / 3, 3 / 7], np.float32)),
        cr.variable(np.float32([3, 7, 9])),
    )
    for z in (x * p * y, p / x / y, x * (p / p) * y * p, x * p / p + y * p / p + p):
        np.testing.assert_allclose(value_of(simplify(z)), z.value, rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda p, n, m: (n.astype(np.int64) * m.astype(np.int64)) * p,
        lambda p, n, m: (n.astype(int) - 100 * m.astype(int)) * p,
        lambda p, n, m: (n.astype(int) ** 2) * p,
        lambda p, n, m: (n.astype(int) @ m.astype(int)) * p,
        lambda p, n, m: n.astype(np.uint16).astype(np.uint8).astype(int) * p * n.astype(int),
        lambda p, n, m: (100 * n.astype(int)).astype(np.uint8) * p,
        lambda p, n, m: ((p > 0.25).astype(int) + (p > 0.1).astype(int)) * p,
        lambda p, n, m: ((p > 0.25).astype(int) - (p > 0.1).astype(int)) * p,
        lambda p, n, m: -(p > 0.25).astype(int) * p,
    ],
)
def test_a_cast_stays_before_other_integers(f):
    n, m = (cr.variable(np.array(x)).astype(np.uint8) for x in ([200.0, 100.0, 255.0], [7.0, 3.0, 2.0]))
    z = f(cr.variable(P), n, m)
    np.testing.assert_allclose(value_of(simplify(z)), z.value, rtol=1e-14)
