"""Samples of the sweeps that hold what is recorded to NumPy's own values and refusals."""

from __future__ import annotations

import itertools

import numpy as np
from tests.sweeps import contractions

import chainrule as cr


def test_a_letter_of_einsum_may_have_length_1_in_one_operand_and_n_in_another():
    x = np.array([1.0, 2.0, 3.0])
    a = np.array([2.0])
    np.testing.assert_array_equal(cr.grad(lambda a: np.einsum("i,i->", a, x))(a), [6.0])
    np.testing.assert_array_equal(cr.jacobian(lambda a: np.einsum("i,i->i", a, x))(a), x[:, None])


def test_a_sample_of_einsums_has_numpys_values_gradients_and_refusals():
    sample = itertools.islice(contractions.einsums(), 0, None, 9)
    found = {name: contractions.fault(f, shapes, seed) for seed, (name, f, shapes) in enumerate(sample)}
    assert {name: told for name, told in found.items() if told} == {}
