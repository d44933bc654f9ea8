"""Pseudoinverses and fits that leave out singular values: their gradient is that of differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import chainrule as cr
from chainrule.errors import RecordingError

RNG = np.random.default_rng(5)
TALL, WIDE = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))
B = RNG.normal(size=(4, 2))
STACK = RNG.normal(size=(2, 4, 3))
THRESHOLDS = [1e-3, 0.3, 0.6, 1.0, 5.0, 0, -1, np.float16(0.3), np.array(0.6)]


def products(a):
    return a.T @ a if a.shape[0] > a.shape[1] else a @ a.T


FUNCTIONS = {
    "pinv": lambda a, r: np.linalg.pinv(a, rcond=r),
    "pinv, rtol": lambda a, r: np.linalg.pinv(a, rtol=r),
    "pinv, hermitian": lambda a, r: np.linalg.pinv(products(a), r, hermitian=True),
    "lstsq": lambda a, r: np.linalg.lstsq(a, B[: len(a)], rcond=r)[0],
    "lstsq of a vector": lambda a, r: np.linalg.lstsq(a, B[: len(a), 0], rcond=r)[0],
    "polyfit": lambda a, r: np.polyfit(a[:, 0], a[:, 1], 1, rcond=r),
    "scipy's lstsq": lambda a, r: scipy.linalg.lstsq(a, B[: len(a)], cond=r)[0],
    "scipy's pinv": lambda a, r: scipy.linalg.pinv(a, rtol=abs(r)),
    "scipy's pinvh": lambda a, r: scipy.linalg.pinvh(products(a), rtol=abs(r)),
}


def slope_by_differences(f, x, v):
    h = 1e-6
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def weighted(z):
    return np.sum(np.real(z) * np.cos(np.arange(z.size)).reshape(z.shape))


@pytest.mark.parametrize("a", [TALL, WIDE], ids=["tall", "wide"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:Polyfit may be poorly conditioned")
def test_the_gradient_is_that_of_differences(name, a):
    for r in THRESHOLDS:
        f = lambda a: weighted(FUNCTIONS[name](a, r))  # noqa: B023, E731
        value, gradient = cr.value_and_grad(f)(a)
        v = np.sin(1.0 + np.arange(a.size)).reshape(a.shape)
        assert value == f(a)
        np.testing.assert_allclose(np.sum(gradient * v), slope_by_differences(f, a, v), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("r", [1.0, 5.0, 0, -1])
@pytest.mark.filterwarnings("ignore:Polyfit may be poorly conditioned")
def test_an_rcond_outside_of_0_and_1_is_replaced_by_the_machine_precision(r):
    weights = np.array([1.0, 2.0])
    x, y = np.array([-3.0, -3.0, 0.0]), np.array([0.6, 0.9, 2.4])
    np.testing.assert_allclose(
        cr.grad(lambda y: weights @ np.polyfit(x, y, 1, rcond=r))(y),
        np.linalg.pinv(np.vander(x, 2)).T @ weights,
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        cr.grad(lambda b: np.sum(np.linalg.lstsq(TALL, b, rcond=r)[0]))(B[:, 0]),
        np.linalg.pinv(TALL).T @ np.ones(3),
        rtol=1e-12,
    )


def test_in_stacks_each_matrix_has_its_threshold():
    f = lambda a: weighted(np.linalg.pinv(a, rcond=np.array([0.3, 0.7])))  # noqa: E731
    v = np.sin(np.arange(STACK.size)).reshape(STACK.shape)
    np.testing.assert_allclose(np.sum(cr.grad(f)(STACK) * v), slope_by_differences(f, STACK, v), rtol=1e-6)


def test_complex_matrices_and_second_derivatives():
    a, v = STACK[0] + 1j * STACK[1], STACK[1] - 1j * STACK[0]
    f = lambda a: np.sum(np.abs(np.linalg.pinv(a, rcond=0.5) + 0.1) ** 2)  # noqa: E731
    slope = np.sum(np.real(np.conj(cr.grad(f)(a)) * v))
    np.testing.assert_allclose(slope, slope_by_differences(f, a, v), rtol=1e-6)
    of_real = lambda a: np.sum(cr.grad(f)(a) * STACK[1])  # noqa: E731
    slope = np.sum(cr.grad(of_real)(TALL) * STACK[0])
    np.testing.assert_allclose(slope, slope_by_differences(of_real, TALL, STACK[0]), rtol=1e-5)


def test_equal_singular_values_that_are_kept_have_a_gradient():
    a = np.diag([2.0, 2.0, 0.5])
    f = lambda a: weighted(np.linalg.pinv(a, rcond=0.5))  # noqa: E731
    v = np.sin(np.arange(9.0)).reshape(3, 3)
    np.testing.assert_allclose(np.sum(cr.grad(f)(a) * v), slope_by_differences(f, a, v), rtol=1e-6)


def test_a_compiled_pinv_follows_which_singular_values_are_left_out():
    f = cr.value_and_grad(lambda a: weighted(np.linalg.pinv(a, rcond=0.4)))
    compiled = cr.compile(f)
    for k in range(5):
        a = TALL + 0.4 * k * np.eye(4, 3)
        for wanted, found in zip(f(a), compiled(a), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def test_other_drivers_of_scipy_refuse_what_they_leave_out():
    with pytest.raises(RecordingError, match=r"gelsy.*use lapack_driver='gelsd'"):
        cr.grad(lambda a: np.sum(scipy.linalg.lstsq(a, B, 0.6, lapack_driver="gelsy")[0]))(TALL)
    with pytest.raises(RecordingError, match="below 1"):
        cr.grad(lambda a: np.sum(scipy.linalg.lstsq(a, B, 2.0, lapack_driver="gelss")[0]))(TALL)
