"""Random sums of products, written as blocks: their values, their costs, and the order of their factors."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from chainrule.algebra.terms import Form
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.expressions import OVERHEAD, expression_of, least_cost, mixes_sizes

SHAPES = [(), (3,), (2, 3), (2, 1), (1,)]


class Counted(Builder):
    """A builder without rules that adds up what the blocks cost that it is asked for."""

    def __init__(self):
        super().__init__({}, Counter())
        self.cost = 0

    def make(self, block, operands, params, like=None):
        made = super().make(block, operands, params, like)
        self.cost += OVERHEAD + np.size(made.value if type(made) is Node else made)
        return made


def drawn(seed):
    """A form of up to four terms of up to four atoms, and the shape of its value."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice(len(SHAPES), size=4)
    atoms = [Node(None, (), {}, np.asarray(rng.uniform(0.5, 2, SHAPES[k]))) for k in sizes]
    terms = {}
    for _ in range(rng.integers(1, 5)):
        product = frozenset((x, int(rng.choice([1, 1, 2, 3, -1, -2]))) for x in atoms if rng.random() < 0.6)
        shape = np.broadcast_shapes((), *(x.value.shape for x, _ in product))
        number = float(rng.choice([1.0, -1.0, 2.0, -0.5, 3.0]))
        terms[product] = number if rng.random() < 0.7 or not shape else rng.normal(size=shape)
    slopes = frozenset(x for x in atoms if rng.random() < 0.2)
    return Form(terms, slopes=slopes), np.broadcast_shapes(*(np.shape(x.value) for x in atoms))


def value_of(form, shape):
    total = sum(c * math.prod((x.value**e for x, e in p), start=1.0) for p, c in form.terms.items())
    return np.broadcast_to(total, shape)


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_a_form_is_written_with_its_value_at_the_cost_that_is_said(first):
    for seed in range(first, first + 100):
        form, shape = drawn(seed)
        build = Counted()
        made = expression_of(form, shape, build)
        found = made.built(build)
        if type(found) is Node:
            assert found.value.shape == shape, seed
            np.testing.assert_allclose(found.value, value_of(form, shape), rtol=1e-12, atol=1e-13, err_msg=str(seed))
        assert build.cost == made.cost, seed
        assert least_cost(form) <= made.cost, seed


def test_a_number_and_the_smallest_factors_are_multiplied_first():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shapes = [((), (1,), (3,), (2, 3))[k] for k in rng.integers(4, size=rng.integers(1, 5))]
        product = frozenset((Node(None, (), {}, np.ones(shape)), 1) for shape in shapes)
        number = float(rng.choice([1.0, 3.0]))
        factors = shapes + [()] * (number != 1)
        whole = np.broadcast_shapes(*shapes)
        least = min(
            sum(OVERHEAD + math.prod(np.broadcast_shapes(*order[:k])) for k in range(2, len(order) + 1))
            for order in itertools.permutations(factors)
        )
        assert expression_of(Form({product: number}), whole, Counted()).cost == least, seed


def test_products_of_large_quotients_do_not_overflow():
    x, y, z = (Node(None, (), {}, np.full(3, n)) for n in (1e200, 3e200, 1e-200))
    for powers in ({x: 2, y: -2}, {x: 3, y: -3}, {x: 1, y: -2, z: -1}):
        with np.errstate(all="ignore"):
            form = Form({frozenset(powers.items()): 2.0})
            found = expression_of(form, (3,), Counted()).built(Counted()).value
        exact = 2 * math.prod(Fraction(float(n.value[0])) ** e for n, e in powers.items())
        np.testing.assert_allclose(found, float(exact), rtol=1e-12)


def test_an_infinite_slope_meets_what_masks_it_first():
    for seed in range(200):
        form, shape = drawn(seed)
        for x in form.atoms:
            x.value = np.full_like(x.value, np.inf if x in form.slopes else 0.0)
        terms = {frozenset((x, abs(e)) for x, e in p): c for p, c in form.terms.items()}
        if all(any(x not in form.slopes for x, _ in p) for p in terms):
            with np.errstate(all="ignore"):
                found = expression_of(replace(form, terms=terms), shape, Counted()).built(Counted())
            assert np.all(found.value == 0), seed


def test_which_sums_mix_sizes():
    x, y, row, rows = (Node(None, (), {}, np.ones(shape)) for shape in ((), (), (3,), (2, 3)))

    def mixes(*factors, number=1.0):
        return mixes_sizes(Form({frozenset((f, 1) for f in factors): number}))

    mixed = [mixes(x, row, rows), mixes(row, rows, number=2.0), mixes(x, row, number=-3.0)]
    mixed += [mixes(row, rows, number=np.ones(3)), mixes(x, y, number=np.ones(3))]
    alike = [
        mixes(row, rows),
        mixes(x, y, number=2.0),
        mixes(row, rows, number=-1.0),
        mixes(row, number=np.ones((2, 3))),
    ]
    assert all(mixed)
    assert not any(alike)
