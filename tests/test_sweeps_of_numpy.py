"""Samples of the sweeps that hold what is recorded to NumPy's own values and refusals."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from tests.sweeps import contractions, parity, precision

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


def test_a_sample_of_all_calls_has_numpys_value_dtype_kind_errors_and_warnings():
    tried, found = parity.sweep(every=211)
    assert tried > 15_000
    assert {key: cases[0] for key, cases in found.items() if not key[0].startswith("expected")} == {}


def test_a_product_is_refused_where_numpy_refuses_it():
    sample = itertools.islice(contractions.products(), 0, None, 23)
    found = {f"{name} {shapes}": contractions.fault(f, shapes, seed) for seed, (name, f, shapes) in enumerate(sample)}
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:future versions:FutureWarning")
def test_a_sample_of_derivatives_has_the_digits_of_the_result_where_an_operand_has_fewer():
    sample = list(itertools.islice(precision.calls(), 0, None, 5))
    found = {call.name: precision.fault(call, "grad") for call in sample}
    assert sum(told == "" for told in found.values()) > 1000
    assert {name: told for name, told in found.items() if told not in ("", "refused", "no question")} == {}


@pytest.mark.parametrize("transform", [cr.grad, lambda f: cr.compile(cr.grad(f))], ids=["recorded", "compiled"])
def test_the_derivative_of_a_quotient_by_a_smaller_dtype_has_sixteen_digits(transform):
    x = np.array([0.3, 0.7])
    for divisor in (np.float32([3, 7]), np.int8([3, 100]), np.float16([3, 7]), np.uint8([3, 200])):
        np.testing.assert_array_equal(transform(lambda x, c=divisor: np.sum(x / c))(x), 1 / divisor.astype(float))


def test_second_derivatives_have_the_digits_of_the_result_too():
    c = np.float32([0.1, 0.7])
    x = np.array([0.3, 0.7])
    wide = c.astype(float)
    found = cr.grad(lambda x: np.sum(cr.grad(lambda x: np.sum(x**3 / c**1))(x)))(x)
    np.testing.assert_allclose(found, 6 * x / wide, rtol=1e-15)


# One by one ----------------------------------------------------------------------------------------------------------


def test_truth_values_given_to_take_are_places_and_not_a_mask():
    x, which = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    value, gradient = cr.value_and_grad(lambda x: np.sum(np.take(x, which) * [1.0, 10.0, 100.0]))(x)
    assert value == np.sum(np.take(x, which) * [1.0, 10.0, 100.0])
    np.testing.assert_array_equal(gradient, [10.0, 101.0, 0.0])


def test_complex_numbers_become_real_as_in_numpy_refused_or_with_a_warning():
    z = np.array([1 + 2j, 3.0])
    with pytest.raises(TypeError, match="same_kind"):
        cr.grad(lambda z: np.sum(np.multiply(z, z, dtype=float)))(z)
    with pytest.warns(np.exceptions.ComplexWarning):
        gradient = cr.grad(lambda z: np.sum(z.astype(float) ** 2))(z)
    np.testing.assert_array_equal(gradient, [2.0, 6.0])
    assert cr.variable(np.array([2j])).astype(bool).value[0]


def test_unique_values_in_numpys_order_have_their_own_gradients():
    x, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 10.0, 100.0])
    expected = weights[[int(np.flatnonzero(np.unique_values(x) == entry)[0]) for entry in x]]
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.unique_values(x) * weights))(x), expected)


def test_ties_of_a_nanmedian_share_the_gradient_as_those_of_a_median():
    x = np.array([1.0, 2.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(cr.grad(np.nanmedian)(np.append(x, np.nan)), [*cr.grad(np.median)(x), 0.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.max(x, initial=2.0),
        lambda x: np.sum(x, axis=0),
        lambda x: np.var(x, ddof=1),
        lambda x: np.std(x),
        np.median,
        lambda x: np.sum(np.cov(np.zeros((2, 1)) * x)),
        lambda x: np.einsum("i,ij->j", np.ones(1), x[:, None] * np.ones(2))[0],
    ],
)
def test_an_array_without_entries_has_numpys_value_and_a_gradient_without_entries(f):
    x = np.zeros(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            value, gradient = cr.value_and_grad(f)(x)
            np.testing.assert_array_equal(value, f(x))
    assert gradient.shape == (0,)


def test_a_number_has_an_axis_to_reduce_as_in_numpy():
    for f in (np.sum, np.max, np.prod, np.cumsum, np.any, np.argmax):
        np.testing.assert_array_equal(f(cr.variable(3.0), axis=0)._node.value, f(3.0, axis=0))


MATRICES = [
    np.float32([[0, -0.0, -1], [-np.inf, 1, 1e-5], [1, -0.0, 0]]),
    np.array([[np.inf, 1.0], [1.0, 0.0]]),
    np.array([[np.nan, 1.0], [1.0, 0.0]]),
]


@pytest.mark.parametrize("x", MATRICES, ids=["-inf", "inf", "nan"])
@pytest.mark.parametrize(
    "f",
    [np.linalg.svdvals, np.linalg.cond, lambda x: np.linalg.norm(x, 2), lambda x: np.linalg.norm(x, "nuc")],
    ids=["svdvals", "cond", "norm 2", "norm nuc"],
)
def test_singular_values_of_what_is_not_finite_end_where_numpys_do(f, x):
    with np.errstate(all="ignore"):
        try:
            expected = f(x)
        except np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                f(cr.variable(x))
        else:
            np.testing.assert_array_equal(f(cr.variable(x)).value, expected)


def test_the_operator_and_the_function_each_have_their_own_value():
    x = np.array([-np.inf, -0.0, 2.0, 1e300])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal((cr.variable(x) ** 0.5).value, x**0.5)
        np.testing.assert_array_equal(np.power(cr.variable(x), 0.5).value, np.power(x, 0.5))


def test_frexp_of_a_subnormal_number():
    assert np.frexp(cr.variable(1e-320))[0].value == np.frexp(1e-320)[0]


@pytest.mark.parametrize("seed", range(8))
def test_a_norm_that_is_the_largest_of_computed_values_keeps_its_gradient(seed):
    """LAPACK's singular values without vectors have other last digits than those with them."""
    x = np.random.default_rng(seed).normal(size=(2, 3, 3))
    u, _, vh = np.linalg.svd(x)
    gradient = cr.grad(lambda x: np.sum(np.linalg.matrix_norm(x, ord=2)))(x)
    np.testing.assert_allclose(gradient, u[:, :, :1] * vh[:, :1, :], atol=1e-12)
