"""Gradients at huge and tiny numbers: right where an intermediate of a rule would over- or underflow."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import special
from sweeps.tails import REASONS, functions, sweep, wrong

OF_DIRECTIONS = "hypot arctan2 absolute angle sign norm std arcsinh arctan fmod logsumexp".split()


def test_no_gradient_is_lost_to_an_overflow_inside_a_rule():
    found = {name: told[0] for name, told in sweep((), False, "eager") if told and name not in REASONS}
    assert not found


def test_no_compiled_gradient_is_lost_to_an_overflow_inside_a_rule():
    found = {name: told[0] for name, told in sweep(OF_DIRECTIONS, False, "compiled") if told and name not in REASONS}
    assert not found


def test_the_sweep_sees_a_square_that_overflows():
    x = np.array([1.0, 1e200])
    assert list(wrong(lambda x: np.log(np.sqrt(x * x + 1)), [x], "eager")) == []  # NaN, for the value has overflowed
    assert list(wrong(lambda x: x * (1 / (1 + x * x)) * x, [np.array([1.0, 1e160])], "eager"))
    assert {name for name, *_ in functions()} >= {"hypot", "norm", "power", "divide"}


@pytest.mark.parametrize("x", [1e-310, 1e-170, 1.0, 1e170, 1.5e308])
def test_a_length_has_the_same_gradient_at_every_scale(x):
    with np.errstate(all="ignore"):
        for f in (np.hypot, lambda x, y: np.abs(x + 1j * y), lambda x, y: np.linalg.norm(np.stack([x, y]))):
            np.testing.assert_allclose(cr.grad(f, (0, 1))(x, x), [np.sqrt(0.5)] * 2, rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
def test_second_derivatives_of_lengths_and_angles(scale):
    x, y = 3 * scale, 4 * scale
    of_length = np.array([[16.0, -12.0], [-12.0, 9.0]]) / (125 * scale)
    of_angle = np.array([[24.0, 7.0], [7.0, -24.0]]) / 625 / scale / scale
    for f, wanted in (
        (lambda p: np.hypot(p[0], p[1]), of_length),
        (lambda p: np.abs(p[0] + 1j * p[1]), of_length),
        (np.linalg.norm, of_length),
        (lambda p: np.arctan2(p[1], p[0]), of_angle),
        (lambda p: np.angle(p[0] + 1j * p[1]), of_angle),
    ):
        found = cr.hessian(f)(np.array([x, y]))
        np.testing.assert_allclose(found / np.abs(wanted).max(), wanted / np.abs(wanted).max(), atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e8, 1e15, 1e30])
def test_equal_scores_have_equal_shares_whatever_their_size(dtype, size):
    x = np.full(4, size, dtype)
    np.testing.assert_array_equal(cr.grad(cr.logsumexp)(x), 0.25)
    np.testing.assert_array_equal(cr.compile(cr.grad(cr.logsumexp))(x), 0.25)


def test_the_score_of_a_class_that_is_nearly_certain_has_a_gradient():
    for s, y in ((-40.0, 0.0), (40.0, 1.0)):
        slope = cr.grad(cr.binary_cross_entropy_with_logits)(s, y)
        np.testing.assert_allclose(abs(slope), np.exp(-40.0), rtol=1e-14)


def test_a_remainder_takes_the_quotient_that_numpy_took():
    x, y = np.array([0.3, 1.0, -1.7]), np.array([1e-8, -1e-8, 1e-8])
    for f in (np.fmod, np.remainder):
        quotient = np.rint((x.astype(np.longdouble) - f(x, y)) / y).astype(float)
        np.testing.assert_array_equal(cr.grad(lambda y, f=f: np.sum(f(x, y)))(y), -quotient)


def test_complex_legs_are_right_on_both_sides_of_the_cut_and_at_its_end():
    for x in (2 + 0j, complex(2, -0.0), -2 + 0j, 1.0000001 + 0j, complex(1.0000001, -0.0)):
        z = np.arcsin(x)
        slope = np.conj(cr.grad(lambda x: np.real(np.arcsin(x)))(x))
        np.testing.assert_allclose(slope, 1 / np.cos(z), rtol=1e-6)


@pytest.mark.parametrize("name", ["beta", "betaln", "binom", "chdtr", "gammaln", "ive", "xlogy", "elliprc"])
def test_special_functions_of_single_precision_have_derivatives_of_double(name):
    assert [told for _, told in sweep((name,), True, "eager")] == [[]]


def test_a_compiled_derivative_of_single_precision_is_that_of_double_precision():
    a, b = np.float32([1e-20, 0.5, 1e4]), np.float32([3e38, 1e-3, 2e4])
    loss = lambda a, b: np.sum(special.betaln(a, b))  # noqa: E731
    wanted = cr.grad(loss)(a.astype(float), b.astype(float))
    for g in (cr.grad(loss), cr.compile(cr.grad(loss))):
        found = g(a, b)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
