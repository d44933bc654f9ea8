"""The classic traps: points where a derivative written without care is NaN, infinite or silently wrong.

Conventions are PyTorch's. Where the exact derivative exists the expected numbers are its closed form.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy import special

import chainrule as cr
from cases import tensor
from chainrule.errors import ChainruleError

# Zeros stay zero ---------------------------------------------------------------------------------------------


def made_by_c():
    """An array that no function of NumPy's has made for the recorded function, so it is plain."""
    return pickle.loads(pickle.dumps(np.zeros(3)))


def quiet(f):
    """The function, without NumPy's warnings about the branch that is not taken."""

    def silent(*args):
        with np.errstate(all="ignore"):
            return f(*args)

    return silent


def same(x):
    return x


MASKED = {
    "sqrt": (lambda x: np.where(x >= 0, np.sqrt(x), 2.0 * x), {4.0: torch.sqrt, -1.0: lambda x: 2 * x}),
    "sqrt of −x": (lambda x: np.where(x >= 0, x, np.sqrt(-x)), {4.0: same, -1.0: lambda x: torch.sqrt(-x)}),
    "a product": (lambda x: np.where(x >= 0, x * np.sqrt(x), x), {4.0: lambda x: x * torch.sqrt(x), -1.0: same}),
    "a product alone": (
        lambda x: np.where(x >= 0, x * np.sqrt(x), 3.0),
        {4.0: lambda x: x**1.5, -1.0: lambda x: 0 * x},
    ),
    "log": (lambda x: np.where(x > 0, np.log(x), x), {2.0: torch.log, -3.0: same}),
    "division by 0": (lambda x: np.where(x > 0, 1 / np.maximum(x, 0), x), {2.0: torch.reciprocal, -1.0: same}),
    "a power": (lambda x: np.where(x > 0, x**-1.5, x), {2.0: lambda x: x**-1.5, -1.0: same}),
    "a product that overflows": (
        lambda x: np.where(x < 100, x**3, x * np.exp(x**2)),
        {2.0: lambda x: x**3, 50.0: lambda x: x**3},
    ),
    "an overflow, masked": (
        lambda x: np.where(x < 100, x * np.exp(x**2), x),
        {1.0: lambda x: x * torch.exp(x**2), 1000.0: same},
    ),
    "arcsin": (lambda x: np.where(abs(x) < 1, np.arcsin(x), x**2), {0.5: torch.arcsin, 2.0: lambda x: x**2}),
    "log Γ at a pole": (lambda x: np.where(x < 0, x**2, special.gammaln(x)), {-3.0: torch.square}),
}
"""Functions with NaN or Inf in the branch that is not taken; at some places, the branch that is, alone in PyTorch."""


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("f", "branches"), MASKED.values(), ids=MASKED)
def test_nan_or_inf_in_the_branch_not_taken_reaches_no_derivative(f, branches, order):
    x = np.array(list(branches))
    g = quiet(f)
    expected = list(branches.values())
    for _ in range(order):
        g = cr.grad(lambda x, g=g: np.sum(g(x)))
        expected = [torch.func.grad(h) for h in expected]
    expected = [h(torch.tensor(at, dtype=torch.float64)) for h, at in zip(expected, x, strict=True)]
    np.testing.assert_allclose(g(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("f", [np.sqrt, np.log, np.reciprocal, np.arcsin, np.arccos])
def test_forward_mode_keeps_what_is_masked_out_at_zero(f):
    x = np.array([0.5, -2.0, 0.0])
    masked = quiet(lambda x: np.where(x > 0, f(np.where(x > 0, x, np.nan)), x))
    _, pushed = cr.jvp(masked, (x,), (np.array([2.0, 3.0, 5.0]),))
    np.testing.assert_allclose(pushed, [2 * cr.grad(f)(0.5), 3.0, 5.0])


def test_masks_hold_in_a_jacobian_and_a_hessian():
    x = np.array([4.0, -1.0])
    f = quiet(lambda x: np.where(x >= 0, np.sqrt(x), 0.0))
    np.testing.assert_array_equal(cr.jacobian(f)(x), [[0.25, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(cr.hessian(lambda x: np.sum(f(x)))(x), [[-1 / 32, 0.0], [0.0, 0.0]])


def test_a_mask_holds_for_an_operand_that_broadcasts():
    x, y = np.array([-1.0, 4.0]), np.array(2.0)
    f = quiet(lambda x, y: np.sum(np.where(x > 0, np.sqrt(x) * y, 0.0)))
    dx, dy = cr.grad(f, (0, 1))(x, y)
    np.testing.assert_allclose(dx, [0.0, 0.5])
    assert dy == 2.0


def test_an_infinite_slope_that_is_wanted_is_infinite_and_does_not_warn():
    assert cr.grad(np.sqrt)(0.0) == np.inf


def test_nan_of_the_result_itself_reaches_the_gradient():
    x = np.array([np.nan, 1.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x**2))(x), [np.nan, 2.0])


def test_x_times_its_root_has_slope_0_at_0():
    g = cr.grad(lambda x: x * x**0.5)
    assert g(0.0) == 0.0
    np.testing.assert_allclose(g(4.0), 3.0)


@pytest.mark.parametrize(("order", "expected"), list(enumerate([1.0, 0.0, -2.0, 0.0, 12.0])))
def test_derivatives_of_the_bell_curve_at_0(order, expected):
    def f(x):
        return np.exp(-(x**2))

    for _ in range(order):
        f = cr.grad(f)
    assert f(0.0) == expected


def test_powers_with_exponent_0_and_base_0():
    assert cr.grad(lambda x: x**0)(0.0) == 0.0
    assert cr.grad(lambda b: np.power(0.0, b))(2.0) == 0.0


# Norms and spreads at zero -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, 2, 1, 3, 0.5, np.inf])
def test_norm_has_gradient_0_at_0(order):
    np.testing.assert_array_equal(cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize("order", ["fro", 1, np.inf])
def test_norm_of_a_matrix_has_gradient_0_at_0(order):
    np.testing.assert_array_equal(cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros((2, 2))), np.zeros((2, 2)))


@pytest.mark.parametrize("x", [[0.0, 0.0], [3.0, 4.0]], ids=str)
def test_norm_squared_has_gradient_2x(x):
    np.testing.assert_allclose(cr.grad(lambda x: np.linalg.norm(x) ** 2)(np.array(x)), 2 * np.array(x))


@pytest.mark.parametrize("order", [0.5, 1.5, 3, np.inf, -1, -np.inf])
def test_norm_with_a_zero_and_a_tie_does_as_pytorch(order):
    x = np.array([0.0, 1.0, 1.0])
    t = tensor(x).requires_grad_()
    torch.linalg.vector_norm(t, order).backward()
    with np.errstate(divide="ignore"):  # NumPy takes 0 to the power of -1
        gradient = cr.grad(lambda x: np.linalg.norm(x, order))(x)
    np.testing.assert_allclose(gradient, t.grad, rtol=1e-12)


def test_standard_deviation_of_equal_entries_has_gradient_0():
    keep = np.array([True, True, False])
    np.testing.assert_array_equal(cr.grad(np.std)(np.ones(3)), np.zeros(3))
    np.testing.assert_array_equal(cr.grad(lambda x: np.std(x, where=keep))(np.ones(3)), np.zeros(3))
    np.testing.assert_array_equal(cr.grad(np.nanstd)(np.array([1.0, np.nan, 1.0])), np.zeros(3))


# Products with zeros, singular matrices ----------------------------------------------------------------------


ZEROS = {"none": [2.0, 3.0, 4.0, 5.0], "one": [2.0, 0.0, 4.0, 5.0], "two": [0.0, 3.0, 0.0, 5.0], "all": [0.0] * 4}


@pytest.mark.parametrize("x", ZEROS.values(), ids=ZEROS)
@pytest.mark.parametrize(
    ("f", "g"), [(np.prod, torch.prod), (np.cumprod, lambda x: torch.cumprod(x, 0))], ids=["prod", "cumprod"]
)
def test_products_with_zeros_have_exact_derivatives(f, g, x):
    x, c = np.array(x), np.array([1.0, 2.0, 3.0, 4.0])
    h, k = lambda x: np.sum(f(x) * c), lambda x: torch.sum(g(x) * tensor(c))
    np.testing.assert_allclose(cr.grad(h)(x), torch.func.grad(k)(tensor(x)))
    np.testing.assert_allclose(cr.hessian(h)(x), torch.autograd.functional.hessian(k, tensor(x)), atol=1e-13)


@pytest.mark.parametrize(
    ("x", "cofactors"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], [[4.0, -2.0], [-2.0, 1.0]]),
        (np.diag([1.0, 2.0, 0.0]), np.diag([0.0, 0.0, 2.0])),
        (np.zeros((3, 3)), np.zeros((3, 3))),
        ([[0.0]], [[1.0]]),
    ],
    ids=["rank 1", "rank 2", "rank 0", "one number"],
)
def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient(x, cofactors):
    np.testing.assert_allclose(cr.grad(np.linalg.det)(np.array(x)), cofactors, atol=1e-14)


def test_determinant_of_a_singular_matrix_has_an_exact_hessian():
    x = np.array([[1.0, 2.0], [2.0, 4.0]])  # det = ad − bc, so the second derivatives are 1 and −1
    hessian = cr.hessian(np.linalg.det)(x).reshape(4, 4)
    np.testing.assert_allclose(hessian, np.fliplr(np.diag([1.0, -1.0, -1.0, 1.0])), atol=1e-14)


# Ties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "expected"),
    [([1.0, 2.0, 2.0, 2.0, 5.0], [0, 1 / 3, 1 / 3, 1 / 3, 0]), ([1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0])],
    ids=str,
)
def test_median_over_ties_shares_evenly(x, expected):
    np.testing.assert_allclose(cr.grad(np.median)(np.array(x)), expected)


def test_median_of_nan_is_nan():
    assert np.isnan(cr.vjp(np.median, np.array([1.0, np.nan, 2.0]))[0])


@pytest.mark.parametrize(("f", "g"), [(np.fmax, torch.fmax), (np.fmin, torch.fmin)])
def test_fmax_and_fmin_of_ties_and_nan_do_as_pytorch(f, g):
    x, y = np.array([1.0, np.nan, 2.0, np.nan]), np.array([1.0, 3.0, np.nan, np.nan])
    inputs = [tensor(a).requires_grad_() for a in (x, y)]
    expected = torch.autograd.grad(g(*inputs).sum(), inputs)
    for grad, reference in zip(cr.grad(lambda x, y: np.sum(f(x, y)), (0, 1))(x, y), expected, strict=True):
        np.testing.assert_array_equal(grad, reference)


def test_copysign_at_0_has_gradient_0():
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.copysign(x, [-1.0, 1.0])))(np.zeros(2)), [0.0, 0.0])


def test_running_maximum_over_ties_is_the_first():
    x = np.array([1.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.maximum.accumulate(x)))(x), [1.0, 3.0, 0.0, 0.0])


# Removable singularities -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "first", "second"),
    [
        (special.exprel, 0.0, 1 / 2, 1 / 3),
        (special.spence, 1.0, -1.0, 1 / 2),
        (special.j1, 0.0, 1 / 2, 0.0),
        (special.i1, 0.0, 1 / 2, 0.0),
    ],
    ids=["exprel", "spence", "j1", "i1"],
)
def test_special_functions_are_smooth_where_their_formula_divides_0_by_0(f, x, first, second):
    np.testing.assert_allclose(cr.grad(f)(x), first, rtol=1e-15)
    np.testing.assert_allclose(cr.grad(cr.grad(f))(x), second, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (special.xlogy, (0.0, 0.0), 0.0),
        (special.xlogy, (0.0, 2.0), np.log(2.0)),
        (special.xlog1py, (0.0, -1.0), 0.0),
    ],
    ids=str,
)
def test_zero_times_a_logarithm_has_pytorchs_slope(f, x, expected):
    assert cr.grad(f)(*x) == expected


def test_nan_entries_get_gradient_0():
    x = np.array([np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(cr.grad(np.nansum)(x), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(cr.grad(np.nanprod)(x), [0.0, 3.0, 2.0])
    np.testing.assert_array_equal(cr.grad(np.nanmean)(x), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(cr.grad(np.nanmax)(x), [0.0, 0.0, 1.0])


# What is not covered says so ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda x: np.linalg.norm(x, 3), "'fro', 'nuc', 1"),
        (lambda x: np.einsum("ij->i", x, out=made_by_c()[:2]), "out="),
        (lambda x: np.quantile(x, 1.5), "between 0 and 1"),
        (lambda x: np.gradient(x[:, 0], edge_order=2), "at least 3 samples"),
        (lambda x: np.cross(x[:, :1], x), "both need 3"),
        (lambda x: special.jv(x, 1.0), "no closed form"),
    ],
)
def test_what_is_not_covered_is_a_clear_error(f, told):
    with pytest.raises(ChainruleError, match=told):
        cr.grad(lambda x: np.sum(f(x)))(np.ones((2, 2)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.average(x, weights=np.ones(3)),
        lambda x: np.bincount([0, 1], weights=x[0] * 1j),
        lambda x: np.interp(x * 1j, [0.0, 1.0], [0.0, 1.0]),
        lambda x: np.quantile(x * 1j, 0.5),
        lambda x: np.multiply(x * 1j, x, dtype=float),
        lambda x: np.vecdot(x, np.ones(3)),
        lambda x: np.linalg.inv(x[:1]),
    ],
)
def test_what_numpy_refuses_is_refused_with_its_error_and_the_line(f):
    with pytest.raises((TypeError, ValueError)) as own:
        f(np.ones((2, 2)))
    with pytest.raises(own.type) as told:
        cr.grad(lambda x: np.sum(f(x)))(np.ones((2, 2)))
    assert str(own.value) in str(told.value)
    assert "test_traps.py" in str(told.value) + "".join(getattr(told.value, "__notes__", []))


@pytest.mark.parametrize("f", [np.fix, np.spacing, special.round, special.gammasgn])
def test_steps_have_gradient_0(f):
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)) + np.sum(x))(np.array([0.3, 2.7])), [1.0, 1.0])


@pytest.mark.parametrize("f", [np.digitize, lambda x, b: np.argpartition(x, 1), lambda x, b: np.nanargmax(x)])
def test_functions_to_integers_give_plain_integers(f):
    x, bins = np.array([0.3, 2.7, 1.0]), np.array([0.0, 1.0, 2.0])
    found = f(cr.variable(x), bins)
    assert np.asarray(found).dtype.kind == "i"
    np.testing.assert_array_equal(found, f(x, bins))


# Samples, bins, spectra ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_sinc_is_smooth_at_and_near_0(order):
    f = np.sinc
    for _ in range(order):
        f = cr.grad(f)
    at_zero = [1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]  # sinc x = Σ (−1)^k (πx)^(2k) / (2k + 1)!
    np.testing.assert_allclose(f(0.0), at_zero[order], rtol=1e-15)
    step = 1e-7
    taylor = at_zero[order] + step * [*at_zero, 0.0][order + 1]
    np.testing.assert_allclose(f(step), taylor, rtol=1e-12)


@pytest.mark.parametrize("method", ["linear", "hazen", "midpoint", "inverted_cdf"])
def test_quantiles_over_ties_share_evenly(method):
    x = np.array([1.0, 2.0, 2.0, 2.0, 5.0])
    grad = cr.grad(lambda x: np.quantile(x, 0.5, method=method))(x)
    np.testing.assert_allclose(grad, [0, 1 / 3, 1 / 3, 1 / 3, 0])


def test_sort_over_ties_hands_each_entry_its_own_gradient():
    grad = cr.grad(lambda x: np.sum(np.sort(x) * np.array([1.0, 10.0, 100.0])))(np.array([2.0, 1.0, 2.0]))
    np.testing.assert_array_equal(grad, [10.0, 1.0, 100.0])


def test_unique_over_ties_is_the_first():
    x = np.array([2.0, 1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.unique(x) * np.array([1.0, 10.0])))(x), [10.0, 1.0, 0.0])


def test_nan_quantiles_leave_nan_out():
    x = np.array([[np.nan, 3.0, 1.0], [np.nan, np.nan, np.nan]])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="All-NaN slice"):  # as of NumPy
        value, pullback = cr.vjp(lambda x: np.nanmedian(x, axis=1), x)
    np.testing.assert_array_equal(value, [2.0, np.nan])
    np.testing.assert_array_equal(pullback(np.array([1.0, 0.0]))[0], [[0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])


def test_a_place_that_is_written_twice_keeps_the_last():
    def f(x, v):
        x = x * 1.0
        np.put(x, [0, 0], v)
        return np.sum(x)

    dx, dv = cr.grad(f, (0, 1))(np.ones(2), np.array([3.0, 4.0]))
    np.testing.assert_array_equal(dx, [0.0, 1.0])
    np.testing.assert_array_equal(dv, [0.0, 1.0])


@pytest.mark.parametrize("f", [np.multiply, np.divide, np.maximum, np.power])
def test_ufunc_at_of_a_repeated_place_takes_each_in_turn(f):
    x, v, key = np.array([2.0, 3.0]), np.array([1.5, 0.5, 3.0]), np.array([1, 0, 1])

    def loop(x, v):
        for i, k in enumerate(key):
            x[k] = f(x[k], v[i])
        return x

    def at(x, v):
        x = x * 1.0
        f.at(x, key, v)
        return x

    np.testing.assert_allclose(cr.vjp(at, x, v)[0], loop(x.copy(), v))
    recorded = [cr.grad(lambda x, v, g=g: np.sum(g(x * 1.0, v)), (0, 1))(x, v) for g in (at, loop)]
    for a, b in zip(*recorded, strict=True):
        np.testing.assert_allclose(a, b)


def test_running_maximum_stays_nan_after_the_first_nan():
    value, _ = cr.vjp(np.maximum.accumulate, np.array([1.0, np.nan, 3.0]))
    np.testing.assert_array_equal(value, [1.0, np.nan, np.nan])
    value, _ = cr.vjp(np.fmax.accumulate, np.array([np.nan, 1.0, np.nan, 3.0]))
    np.testing.assert_array_equal(value, [np.nan, 1.0, 1.0, 3.0])


def test_a_histogram_counts_a_place_at_the_last_edge_and_none_beyond():
    weights = np.array([1.0, 2.0, 4.0, 8.0])
    places = np.array([0.0, 1.0, 2.0, 2.5])
    grad = cr.grad(lambda w: np.sum(np.histogram(places, [0, 1, 2], weights=w)[0] * np.array([1.0, 10.0])))(weights)
    np.testing.assert_array_equal(grad, [1.0, 10.0, 10.0, 0.0])


def test_counts_of_a_histogram_are_integers():
    counts, _ = np.histogram(cr.variable([0.1, 0.2, 0.9]), 2)
    assert counts.dtype.kind == "i"
    np.testing.assert_array_equal(counts, [2, 1])


def test_interp_at_a_point_has_the_slope_after_it():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])
    for x, slope in [(0.5, 2.0), (1.0, 0.5), (3.0, 0.5), (3.5, 0.0), (-0.5, 0.0)]:
        assert cr.grad(np.interp)(x, xp, fp) == slope


def test_a_spectrum_of_one_number_is_that_number():
    assert cr.grad(lambda x: np.sum(np.real(np.fft.fft(x))))(np.array([3.0])) == [1.0]
    assert cr.grad(lambda x: np.sum(np.fft.irfft(x, n=1)))(np.array([3.0])) == [1.0]


def test_the_imaginary_part_of_the_mean_of_a_real_signal_has_no_gradient():
    """irfft does not look at the imaginary parts of the first and of the last entry of an even spectrum."""
    z = np.array([1.0 + 1.0j, 2.0 - 1.0j, 3.0 + 2.0j])
    grad = cr.grad(lambda z: np.sum(np.fft.irfft(z) * np.array([1.0, 2.0, 3.0, 4.0])))(z)
    assert grad[0].imag == 0.0
    assert grad[2].imag == 0.0
    assert grad[1].imag != 0.0


def test_a_double_root_has_an_infinite_slope():
    with np.errstate(all="ignore"):
        grad = cr.grad(lambda p: np.sum(np.real(np.roots(p))[:1]))(np.array([1.0, 0.0, 0.0]))
    assert not np.isfinite(grad[2])


def test_a_fit_through_all_its_points_has_the_interpolating_polynomial():
    x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 9.0])  # 2x² + 1
    value, pullback = cr.vjp(lambda y: np.polyfit(x, y, 2), y)
    np.testing.assert_allclose(value, [2.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(pullback(np.array([1.0, 0.0, 0.0]))[0], [0.5, -1.0, 0.5])  # Lagrange's


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda x: np.pad(x, 1, lambda *args: None), "function"),
        (lambda x: np.pad(x, 1, "mirror"), "no mode='mirror'"),
        (lambda x: np.pad(x, 1, "edge", constant_values=3.0), "does not take constant_values"),
        (lambda x: np.pad(x, -1), "not negative"),
        (lambda x: np.fft.fft(x, n=0), "0 numbers"),
        (lambda x: np.fft.fft(x, norm="half"), "norm='half'"),
        (lambda x: np.fft.fftn(x, s=(1, 2), axes=(0,)), "1 axes with 2 lengths"),
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), "one axis"),
        (lambda x: np.subtract.reduce(x, where=x > 0), "initial="),
        (lambda x: np.put(made_by_c(), [0], x), "lose its gradient"),
        (lambda x: np.multiply.at(made_by_c(), [0], x[0]), "lose its gradient"),
        (lambda x: np.geomspace(x, 0.0, 3), "cannot begin or end with 0"),
        (lambda x: np.bincount([0, 1], weights=x), "bincount"),
        (lambda x: np.polyfit(x[0], x[0], -1), "degree -1"),
        (lambda x: np.lib.stride_tricks.as_strided(x, (4,), x.strides[:1]), "reads beyond"),
        (lambda x: x.view(np.int64), r"astype"),
        (lambda x: x.tobytes(), "gradient"),
    ],
)
def test_what_is_not_covered_of_samples_and_writing_is_a_clear_error(f, told):
    with pytest.raises(ChainruleError, match=told):
        cr.grad(lambda x: np.sum(f(x)))(np.ones((2, 2)))
