"""What is said of values and constants: each statement holds where it is made, and is not made where it does not."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import constants
from chainrule.block.bounds import ANY, Range
from chainrule.simplify import structure

X = np.array([-2.0, 0.5, 3.0])


def node_of(f):
    return f(cr.variable(X))._node


@pytest.mark.parametrize(
    ("f", "bounded"),
    [
        (cr.softmax, True),
        (cr.sigmoid, True),
        (np.tanh, True),
        (lambda x: np.sin(x) * np.cos(x) - 2.0, True),
        (lambda x: np.max(np.tanh(x)), True),
        (lambda x: np.tanh(x)[1:], True),
        (cr.relu, False),
        (cr.softplus, False),
        (np.exp, False),
        (np.square, False),
        (np.abs, False),
        (np.log, False),
        (lambda x: -x, False),
        (lambda x: np.tanh(x) * x, False),
        (lambda x: np.tanh(x) / np.cos(x), False),
        (lambda x: np.tanh(x) * 1e200, False),
        (lambda x: 1 / np.tanh(x), False),
    ],
)
def test_a_value_is_known_to_be_bounded_or_not(f, bounded):
    with np.errstate(all="ignore"):
        assert structure.is_bounded(node_of(f)) is bounded


@pytest.mark.parametrize(
    ("f", "positive"),
    [
        (np.exp, True),
        (cr.softmax, True),
        (lambda x: 1 - cr.sigmoid(x), True),
        (lambda x: 1 + np.exp(x), True),
        (lambda x: np.sum(np.exp(x)), True),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), True),
        (lambda x: 2 - cr.sigmoid(x), True),
        (lambda x: 1 - 2 * cr.sigmoid(x), False),
        (lambda x: 1 - cr.softmax(x) * 1.0, True),
        (lambda x: np.exp(-np.square(x)), True),
        (lambda x: 1 - np.tanh(x), True),
        (lambda x: 1 - np.cos(x), False),
        (lambda x: 1 - np.exp(x), False),
        (cr.relu, False),
        (np.square, False),
        (np.abs, False),
        (lambda x: np.exp(x) - 1, False),
        (lambda x: np.exp(x) * x, False),
        (lambda x: np.exp(x) + np.array([0.0, 1.0, 2.0]), True),
        (lambda x: np.abs(x) + np.array([0.0, 1.0, 2.0]), False),
        (np.tanh, False),
    ],
)
def test_a_value_is_known_to_be_positive_or_not(f, positive):
    assert structure.is_positive(node_of(f)) is positive


def test_an_empty_sum_is_zero_and_integers_wrap():
    x = cr.variable(np.zeros((3, 0)))
    assert not structure.is_positive(np.sum(np.exp(x), axis=1)._node)
    assert not structure.is_positive(node_of(lambda x: 1 + np.square((100 * x).astype(np.int8))))


@pytest.mark.parametrize("c", [np.zeros(0), np.ones(2) * 1j, np.array([1, np.inf]), np.array([-np.inf, 1]), np.nan])
def test_a_constant_of_any_range(c):
    assert structure.range_of(c) == ANY


def test_the_range_of_a_constant():
    assert structure.range_of(np.array([[2.0, -1.0], [0.5, 3.0]])) == Range(-1.0, 3.0)
    assert structure.range_of(True) == Range(1.0, 1.0)


@pytest.mark.parametrize(
    ("c", "number"),
    [
        (np.full((2, 3), 2.5), 2.5),
        (np.zeros(3), 0.0),
        (-np.zeros(3), -0.0),
        (np.array([0.0, -0.0]), None),
        (np.array([1.0, 1.0, 2.0, 1.0]), None),
        (np.array([np.nan, np.nan]), None),
        (np.zeros(0), None),
        (np.ones(2, bool), None),
        (True, None),
        (np.ones(2) * 1j, None),
        (3, 3),
    ],
)
def test_a_constant_of_equal_entries(c, number):
    found = constants.uniform(c)
    assert found == number
    assert number is None or np.signbit(found) == np.signbit(number)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3, 3), (1, 2), (2, 2)])
def test_only_square_identities_are_identities(shape):
    assert constants.is_identity(np.eye(*shape)) is (shape[0] == shape[1])


@pytest.mark.parametrize("c", [np.eye(3)[::-1], 2 * np.eye(3), np.eye(3, k=1), np.eye(3) * [1, 1, 0], np.ones((3, 3))])
def test_arrays_that_are_not_an_identity(c):
    assert not constants.is_identity(c)


@pytest.mark.parametrize(
    ("c", "seed"),
    [
        (np.eye(4).reshape(2, 2, 2, 2), True),
        (np.eye(6).reshape(2, 3, 2, 3), True),
        (np.eye(6).reshape(2, 3, 3, 2), False),
        (np.eye(4)[::-1].reshape(2, 2, 2, 2), False),
        (2 * np.eye(4).reshape(2, 2, 2, 2), False),
        (np.eye(8).reshape(2, 2, 2, 2, 2, 2), True),
        (np.eye(4, dtype=int).reshape(2, 2, 2, 2), False),
        (np.ones((2, 2)), False),
    ],
)
def test_the_seeds_of_a_jacobian(c, seed):
    assert constants.is_seed(c) is seed
