"""Code that asks which function or module it has gets the answer that it gets without a recording."""

import copy
import math
import pickle

import numpy as np
import pytest
from numpy import tanh

import chainrule as cr

X = np.array([0.3, 0.4])
FACTORS = {np.tanh: 3.0, np.outer: 4.0, np.linalg.norm: 5.0, math.sin: 6.0, np.zeros: 7.0, np.empty: 8.0}


def by_identity(f, x):
    out = np.zeros(2)
    if f is np.tanh:
        out[0] = 2 * np.sum(f(x))
    elif f is np.linalg.norm or f is tanh:
        out[1] = 3 * f(x)
    return out[0] + out[1]


@pytest.mark.parametrize("f", [np.tanh, np.linalg.norm, np.sin])
def test_functions_compared_by_is(f):
    expected = cr.grad(lambda x: {"tanh": 2.0, "norm": 3.0, "sin": 0.0}[f.__name__] * np.sum(f(x)))(X)
    assert np.allclose(cr.grad(lambda x: by_identity(f, x))(X), expected, rtol=1e-14)
    assert np.allclose(cr.compile(cr.grad(lambda x: by_identity(f, x)))(X), expected, rtol=1e-14)


def test_a_module_compared_by_is():
    def f(x, xp):
        return np.sum(x) if xp is np else np.sum(x) * 2

    assert np.all(cr.grad(lambda x: f(x, np))(X) == 1)


def test_functions_compared_by_is_where_a_module_is_reached_through_a_nested_recording():
    def inner(x):
        out = np.zeros(1)
        out[0] = np.sum(x * x)
        return out[0] if FUNCTIONS[0] is np.tanh else out[0] * 2

    def outer(x):
        out = np.zeros(1)
        out[0] = np.sum(cr.grad(inner)(x) * x)
        return out[0]

    assert np.allclose(cr.grad(outer)(X), 4 * X, rtol=1e-14)


FUNCTIONS = [np.tanh]


def by_key(x):
    out = np.zeros(6)
    for i, factor in enumerate((np.tanh, np.outer, np.linalg.norm, math.sin, np.zeros, np.empty)):
        out[i] = x[0] * FACTORS[factor]
    return np.sum(out)


def test_a_function_of_numpy_finds_itself_as_a_key():
    assert cr.grad(by_key)(X)[0] == sum(FACTORS.values())


def test_functions_compared_by_equality_and_kind():
    def f(x):
        out = np.zeros(6)
        out[0] = x[0] * (np.tanh == tanh and FUNCTIONS[0] == np.tanh)
        out[1] = x[0] * (np.tanh in FUNCTIONS and np.sin not in FUNCTIONS)
        out[2] = x[0] * isinstance(np.tanh, np.ufunc)
        out[3] = x[0] * (copy.deepcopy([np.sin]) == [np.sin])
        out[4] = x[0] * (pickle.loads(pickle.dumps(np.linalg.norm)) == np.linalg.norm)
        out[5] = x[0] * (FUNCTIONS.index(np.tanh) == 0)
        return np.sum(out)

    assert cr.grad(f)(X)[0] == 6
