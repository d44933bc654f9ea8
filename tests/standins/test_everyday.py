"""Python's everyday style runs unmodified while a function is recorded, and leaves no traces."""

import builtins

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError

from . import everyday, helpers
from .everyday import FUNCTIONS

X = np.array([1.3, 0.7, 2.1])


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_value_and_gradient_are_right_and_nothing_is_left(f):
    before = builtins.__import__, np.zeros, helpers.np, dict(vars(everyday)), everyday.defaults.__defaults__
    plain = f(X)
    value, gradient = cr.value_and_grad(f)(X)
    assert value == pytest.approx(plain, rel=1e-14)
    assert type(value) is type(plain)
    slopes = [(float(f(X + h)) - float(f(X - h))) / 2e-6 for h in np.eye(3) * 1e-6]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
    after = builtins.__import__, np.zeros, helpers.np, dict(vars(everyday)), everyday.defaults.__defaults__
    assert all(x is y for x, y in zip(before[:3], after[:3], strict=True))
    assert before[3].keys() == after[3].keys()
    assert all(before[3][name] is after[3][name] for name in before[3])
    assert before[4] is after[4]
    assert type(f(X)) is type(plain)


def test_a_seed_of_a_random_state_compiles():
    def f(x):
        return np.random.RandomState(3).randn(3) @ x

    compiled = cr.compile(cr.grad(f))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X), np.random.RandomState(3).randn(3))


def test_float_in_a_recorded_function_behaves_as_in_python():
    def f(x):
        with pytest.raises(TypeError):
            float(x)
        with pytest.raises(ValueError, match="could not convert"):
            float("a")
        assert isinstance(x[0], float)
        assert isinstance(float(x[0]), float)
        assert isinstance(float(1), float)
        assert np.zeros(2, dtype=float).dtype == float
        return float(x[0]) * 2

    np.testing.assert_array_equal(cr.grad(f)(X), [2.0, 0.0, 0.0])


def test_closures_that_are_made_again_are_reached():
    def made(k):
        import numpy as library

        def f(x):
            out = library.zeros(2)
            out[0] = x * k
            return out.sum()

        return f

    assert [cr.grad(made(k))(3.0) for k in (1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0]


def test_names_of_a_star_import_are_reached():
    scope = {}
    exec("from numpy import *\ndef f(x):\n    a = zeros((3, 3))\n    a[0], a[1, 1], a[2, 2] = x, cos(x[1]), 1\n"
         "    return linalg.det(a) + sum(abs(a))", scope)  # fmt: skip
    value, gradient = cr.value_and_grad(scope["f"])(X)
    assert value == scope["f"](X)
    np.testing.assert_allclose(gradient, [np.cos(X[1]) + 1, 1 - X[0] * np.sin(X[1]) - np.sin(X[1]), 1.0])


def test_functions_that_are_arguments_are_reached():
    def run(x, rule, rules):
        return rule(x) + sum(r(x) for r in rules["all"])

    def filled(x):
        out = np.zeros(3)
        out[:] = x
        return out.sum()

    np.testing.assert_array_equal(cr.grad(run)(X, filled, {"all": [filled]}), [2.0, 2.0, 2.0])


def test_an_array_of_records_says_what_to_write():
    def f(x):
        particles = np.zeros(3, dtype=[("mass", float), ("place", float, 2)])
        particles["mass"] = x
        return particles["mass"].sum()

    with pytest.raises(RecordingError, match="an array for each field"):
        cr.grad(f)(X)


def test_assigning_the_shape_of_a_recorded_array_suggests_reshape():
    def f(x, then):
        out = np.zeros((2, 3))
        out.shape = (3, 2)
        out[0] = x[:2]
        if then:
            out.shape = (2, 3)
        return out.sum()

    np.testing.assert_array_equal(cr.grad(f)(X, False), [1.0, 1.0, 0.0])
    with pytest.raises(RecordingError, match="reshape"):
        cr.grad(f)(X, True)


def test_vectorize_takes_arguments_by_name():
    power = np.vectorize(lambda a, k=2, scale=1.0: scale * a**k if a > 0.8 else 0.0, otypes=[float], excluded=["k"])

    def f(x):
        return power(x, k=3, scale=x[::-1]).sum()

    x = np.array([0.7, 1.3, 1.1])
    value, gradient = cr.value_and_grad(f)(x)
    assert value == f(x)
    np.testing.assert_allclose(gradient, [1.1**3, 3 * 1.3**2 * 1.3 + 1.3**3, 3 * 1.1**2 * 0.7])
