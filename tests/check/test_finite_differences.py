"""Finite differences: derivatives to many digits, kinks told from bends."""

import math

import numpy as np
import pytest

from chainrule.check.finite_differences import along, slopes, typical_step

EPS = 2.2e-16


def change_of(f, x):
    def change(a, b):
        try:
            return f(x + b) - f(x + a)
        except ValueError:
            return math.nan

    return change


@pytest.mark.parametrize(
    ("f", "x", "derivative"),
    [
        (math.exp, 1.0, math.e),
        (math.sin, 100.0, math.cos(100.0)),
        (math.log, 1e-3, 1e3),
        (lambda x: x**5, 2.0, 80.0),
        (math.atan, 0.0, 1.0),
        (lambda x: max(x, 0.0), 1e-4, 1.0),
    ],
)
def test_a_derivative_has_nine_digits(f, x, derivative):
    found = along(change_of(f, x), 0.05, EPS, 0.0)
    assert abs(found.value - derivative) <= 1e-9 * abs(derivative)
    assert abs(found.value - derivative) <= 10 * found.error


def test_a_loose_demand_needs_fewer_evaluations():
    def evaluations(good):
        calls = []
        along(lambda a, b: calls.append(b) or math.exp(b) - math.exp(a), 0.05, EPS, good)
        return len(calls)

    assert evaluations(1e-2) < evaluations(1e-9) < evaluations(0.0)


def test_noise_moves_the_step_up():
    rng = np.random.default_rng(0)
    noisy = along(lambda a, b: math.sin(b) - math.sin(a) + 1e-6 * rng.standard_normal(), 0.05, 1e-6, 0.0)
    quiet = along(change_of(math.sin, 0.0), 0.05, EPS, 0.0)
    assert noisy.step >= quiet.step
    assert abs(noisy.value - 1.0) < 1e-3


def test_a_function_that_is_not_defined_beside_the_point_has_no_derivative():
    found = along(change_of(math.sqrt, 0.0), 0.05, EPS, 0.0)
    assert math.isinf(found.error)


@pytest.mark.parametrize(("f", "left", "right"), [(abs, -1.0, 1.0), (lambda x: max(x, 0.0), 0.0, 1.0)])
def test_a_kink_has_two_slopes(f, left, right):
    found = slopes(change_of(f, 0.0), 1e-4, EPS)
    assert found[:2] == pytest.approx((left, right))


@pytest.mark.parametrize("f", [math.exp, lambda x: 1e6 * x**2, lambda x: 3 * x, lambda x: 1e-3 + 0 * x])
def test_a_smooth_function_has_no_kink(f):
    assert slopes(change_of(f, 0.0), 1e-4, EPS) is None


def test_the_step_follows_the_size_of_the_numbers():
    x = np.array([1e-6, 1e3])
    assert typical_step(x, (1,)) == 1e3
    assert typical_step(1e-6 * x) == pytest.approx(1e-6 * typical_step(x))
    assert typical_step(np.zeros(3), (0,)) == 1.0
