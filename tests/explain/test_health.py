"""Health: what stands out is found, and the numbers are those of NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr
from chainrule.explain.health import statistics

RNG = np.random.default_rng(0)


def findings(f, *args):
    with np.errstate(all="ignore"):
        return cr.explain(f)(*args).health().findings


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3), elements=st.floats(-1e3, 1e3)))
def test_statistics_are_numpys(x):
    s = statistics(x)
    told = (s.norm, s.rms, s.minimum, s.maximum, s.mean, s.std)
    expected = (np.linalg.norm(x), np.sqrt(np.mean(x**2)), x.min(), x.max(), x.mean(), x.std())
    np.testing.assert_allclose(told, expected, rtol=1e-10, atol=1e-9)
    assert s.zeros == np.mean(x == 0)
    if x.min() < x.max():
        assert sum(s.histogram) == x.size
        bins = (x - x.min()) / (x.max() - x.min()) * 20
        near_an_edge = np.abs(bins - np.rint(bins)) < 1e-6
        if not np.any(near_an_edge & (bins > 0) & (bins < 20)):  # there, rounding decides
            np.testing.assert_array_equal(s.histogram, np.histogram(x, 20)[0])


def test_numbers_that_differ_in_the_last_digit_have_a_histogram():
    assert sum(statistics([1.0, np.nextafter(1.0, 2.0)]).histogram) == 2


@pytest.mark.parametrize("scale", [1e-200, 1e300])
def test_statistics_neither_over_nor_underflow(scale):
    np.testing.assert_allclose(statistics([3 * scale, 4 * scale]).norm, 5 * scale)


def test_statistics_of_what_is_not_finite_are_of_the_rest():
    s = statistics([3.0, np.nan, np.inf, -np.inf, 4.0])
    assert (round(s.norm, 12), s.nans, s.infinities, sum(s.histogram), s.finite) == (5.0, 1, 2, 2, False)
    assert np.isnan(statistics([np.nan]).mean)
    assert statistics([]).size == 0


def test_the_first_nan_is_told_with_its_line_and_operands():
    def loss(x):
        a = x - 1
        b = np.log(a)
        return np.sum(b * 2)

    (told,) = findings(loss, np.array([2.0, 0.5, 3.0]))
    assert "first NaN of the forward pass: b[1] in b = log(a)" in told
    assert "test_health.py:" in told
    assert told.endswith("a[1] = -0.5.")


def test_an_operand_that_was_broadcast_is_told():
    (told,) = findings(lambda x, y: np.sum(x / y), np.ones((2, 3)), np.array([1.0, 1.0, 0.0]))
    assert "Inf" in told
    assert "x[0, 2] = 1" in told
    assert "y = 0" in told


def test_the_first_infinite_gradient_is_told():
    (told,) = findings(lambda x: np.sum(3 * np.sqrt(x)), np.array([1.0, 0.0]))
    assert "first Inf of the backward pass: ∂L/∂x[1], through sqrt" in told
    assert told.endswith("where x[1] = 0 and ∂L/∂a[1] = 3.")


def test_an_input_that_is_not_finite_is_told():
    (told,) = findings(lambda x: np.sum(x * 2), np.array([1.0, np.nan]))
    assert told == "The input x is not finite: x[1] is NaN."


def test_dead_units_are_counted():
    def loss(X, W, b):
        h = cr.relu(X @ W + b)
        return np.mean(h**2)

    (told,) = findings(loss, RNG.standard_normal((50, 4)), RNG.standard_normal((4, 3)), np.array([-100.0, 0.0, 0.0]))
    assert told.startswith("1 of 3 units of h (relu")


def test_dead_channels_of_images_are_counted():
    def loss(x, w, b):
        h = cr.relu(cr.conv2d(x, w, b))
        return np.mean(h)

    x, w = RNG.standard_normal((3, 2, 5, 5)), RNG.standard_normal((4, 2, 3, 3))
    (told,) = findings(loss, x, w, np.array([-100.0, 0.0, -100.0, 0.0]))
    assert told.startswith("2 of 4 units of h (relu")


@pytest.mark.parametrize(("scale", "verb"), [(0.1, "vanish"), (10.0, "explode")])
def test_gradients_that_vanish_or_explode_are_told(scale, verb):
    def loss(x, w):
        for _ in range(10):
            x = w * x
        return np.sum(x)

    (told,) = findings(loss, np.ones(3), np.full(3, scale))
    assert told.startswith(f"Gradients {verb}")
    assert f"{scale**9:.2g}" in told  # of the first product


@pytest.mark.parametrize(("scale", "verb"), [(1e-6, "vanish"), (1e6, "explode")])
def test_gradients_that_change_at_once_are_told_over_few_blocks(scale, verb):
    def loss(x):
        h = np.tanh(scale * (W @ x))
        a = scale * (W @ h)
        return np.sum(a)

    W = np.eye(3)
    health = cr.explain(loss)(np.full(3, 1e-9)).health()
    (told,) = (f for f in health.findings if f.startswith("Gradients"))
    assert told.startswith(f"Gradients {verb}: over ")
    small = cr.explain(lambda x: np.sum(1e3 * (W @ x)))(np.ones(3)).health()
    assert small.ok


def test_gradients_that_explode_in_the_middle_only_are_told():
    def loss(x):
        h = 1e-8 * x
        a = 1e8 * h
        return np.sum(a**2)

    health = cr.explain(loss)(np.ones(3)).health()
    (told,) = health.findings
    assert told == "Gradients explode: over 2 blocks their root mean square goes from 1 (∂L/∂b) to 2e+08 (∂L/∂h)."


def test_a_healthy_network_has_nothing_to_say():
    def loss(X, W):
        return np.mean(np.tanh(X @ W))

    health = cr.explain(loss)(RNG.standard_normal((5, 4)), RNG.standard_normal((4, 3))).health()
    assert health.ok
    assert "nothing else stands out" in str(health)
    assert [v.depth for v in health.vitals] == [0, 0, 1, 2, 3]


def test_integers_and_booleans_have_no_vitals():
    health = cr.explain(lambda x: np.sum(np.where(x > 0, x, 0.0)))(np.array([1.0, -1.0])).health()
    assert "greater" not in [v.block for v in health.vitals]
