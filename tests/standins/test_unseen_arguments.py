"""Recorded values as arguments at which NumPy's protocol does not look: `initial`, what a pad holds, what fills."""

import jax
import numpy as np
import pytest

import chainrule as cr

jax.config.update("jax_enable_x64", True)

X = np.array([[3.0, 1.0, 2.0], [0.5, 7.0, 4.0]])
CALLS = {
    "pad": lambda w: np.pad(X, 1, constant_values=w),
    "pad, a ramp": lambda w: np.pad(X, 2, mode="linear_ramp", end_values=w),
    "full": lambda w: np.full((2, 3), w),
    "full_like": lambda w: np.full_like(X, w),
    "sum": lambda w: np.sum(X, axis=1, initial=w),
    "prod": lambda w: np.prod(X, axis=0, initial=w),
    "max": lambda w: np.max(X, axis=1, initial=w),
    "min": lambda w: np.min(X, axis=0, initial=w),
    "interp, left": lambda w: np.interp(np.array([-5.0, 0.5]), np.array([0.0, 1.0]), np.array([1.0, 2.0]), left=w),
    "interp, right": lambda w: np.interp(np.array([0.5, 5]), np.array([0.0, 1.0]), np.array([1.0, 2.0]), right=w),
    "unwrap": lambda w: np.unwrap(np.arange(5.0) * 4, period=w),
    "nan_to_num": lambda w: np.nan_to_num(np.array([np.nan, 1.0, np.inf]), nan=w, posinf=2 * w),
    "clip": lambda w: np.clip(X, w, None),
    "select": lambda w: np.select([X > 2], [X], default=w),
    "trapezoid": lambda w: np.trapezoid(X, dx=w),
    "diff": lambda w: np.diff(X, append=w * np.ones((2, 1))) ** 2,
    "ediff1d": lambda w: np.ediff1d(np.arange(3.0), to_end=w) ** 2,
}


@pytest.mark.parametrize("name", CALLS)
def test_unseen_arguments_have_right_gradients(name):
    f, w = CALLS[name], 2.5
    weights = np.arange(1.0, 1 + np.size(f(w))).reshape(np.shape(f(w)))

    def loss(w):
        return np.sum(f(w) * weights)

    value, slope = cr.value_and_grad(loss)(w)
    assert value == loss(w)
    h = 2.0**-10  # the losses are polynomials of degree 2 near w
    np.testing.assert_allclose(slope, (loss(w + h) - loss(w - h)) / (2 * h), rtol=1e-10)


@pytest.mark.parametrize(
    "clipped",
    [
        lambda x: x.clip(2.1),
        lambda x: x.clip(min=2.1),
        lambda x: x.clip(max=2.1),
        lambda x: x.clip(None, 2.1),
        lambda x: x.clip(0.7, 2.1),
    ],
)
def test_a_bound_of_the_method_clip_may_be_left_out(clipped):
    value, pullback = cr.vjp(clipped, X)
    np.testing.assert_array_equal(value, clipped(X))
    expected = jax.vjp(clipped, jax.numpy.asarray(X))[1](jax.numpy.asarray(X))[0]
    np.testing.assert_array_equal(pullback(X)[0], expected)
