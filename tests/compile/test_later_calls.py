"""Later calls of compiled functions, with arguments unlike the first ones: as uncompiled."""

from __future__ import annotations

import collections
import math
import types

import numpy as np
import pytest
import scipy.special

import chainrule as cr


def in_order(tree):
    return [k * x for k, x in enumerate(tree.values(), 1)]


@pytest.mark.parametrize("engine", [None, "jax"])
@pytest.mark.parametrize("kind", [dict, lambda items: collections.defaultdict(float, items)])
def test_a_dict_in_another_order_is_another_version(kind, engine):
    x, y = np.arange(3.0), np.ones(3)
    compiled = cr.compile(in_order, engine=engine) if engine else cr.compile(in_order)
    for tree in (*[{"a": x, "b": y}] * 4, *[{"b": y, "a": x}] * 4, {"a": y, "b": x}):
        np.testing.assert_array_equal(compiled(kind(tree)), in_order(tree))


def test_keywords_in_another_order_are_another_version():
    compiled = cr.compile(lambda **options: in_order(options))
    for options in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert compiled(**options) == in_order(options)


def test_a_dict_inside_another_tree_in_another_order_is_another_version():
    compiled = cr.compile(lambda part: in_order(part.of[0]))
    for tree in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert compiled(types.SimpleNamespace(of=[tree])) == in_order(tree)


def test_a_dict_of_a_method_in_another_order_is_another_version():
    class Layer:
        def __init__(self, parts):
            self.parts = parts

        @cr.compile
        def run(self):
            return in_order(self.parts)

    for tree in (*[{"a": 1.0, "b": 2.0}] * 4, *[{"b": 2.0, "a": 1.0}] * 4):
        assert Layer(tree).run() == in_order(tree)


# Python's numbers ----------------------------------------------------------------------------------------------------

INF, NAN = math.inf, math.nan
OF_NUMBERS = {
    "a power": (
        lambda x, y: x**y,
        [(3.0, 4.0), (-8.0, 1 / 3), (-INF, 0.5), (-2.0, INF), (-2.0, NAN), (-2.0, 3.0), (-0.5, -INF)],
    ),
    "a root": (lambda x, y: x**0.5, [(3.0, 0.0), (-8.0, 0.0), (-INF, 0.0), (-0.0, 0.0)]),
    "isclose": (lambda x, y: 1.0 if math.isclose(x, y) else 2.0, [(1.0, 1.0), (INF, 1.0), (INF, INF), (NAN, NAN)]),
    "is_integer": (lambda x, y: x + 1 if x.is_integer() else x, [(1.0, 0.0), (1.5, 0.0), (INF, 0.0), (-INF, 0.0)]),
    "a logarithm": (lambda x, y: math.log(x, y), [(3.0, 4.0), (1.5, 0.0), (1.5, 2.0), (1.5, -2.0)]),
    "hypot": (lambda x, y: math.hypot(x, y), [(3.0, 4.0), (1e-200, 1e-200), (1e200, 1e200), (INF, NAN)]),
    "dist": (lambda x, y: math.dist([x, 1.0], [y, 1.0]), [(3.0, 4.0), (1e-200, 2e-200), (1e200, -1e200)]),
    "a text": (lambda x, y: x if f"{y:.1f}" == "-0.0" else 2 * x, [(3.0, 0.0), (3.0, -0.0), (3.0, 1.0)]),
}


@pytest.mark.parametrize("what", OF_NUMBERS)
def test_numbers_of_python_take_the_branch_that_they_take_uncompiled(what):
    f, arguments = OF_NUMBERS[what]
    for first in range(len(arguments)):
        compiled = cr.compile(f)
        for xy in [arguments[first]] * 3 + arguments * 2:
            try:
                expected = f(*xy)
            except ValueError:
                with pytest.raises(ValueError, match="domain"):
                    compiled(*xy)
                continue
            found = compiled(*xy)
            assert type(found) is type(expected)
            np.testing.assert_allclose(found, expected, rtol=1e-14)


# Loops that keep fewer values ----------------------------------------------------------------------------------------


def test_a_loop_that_keeps_fewer_values_takes_nan_for_a_number_where_errors_are_caught():
    def f(x, s):
        for _ in range(40):
            x = np.sin(x * s) * 0.9 + np.cos(x) * 0.3
        return np.sum(x)

    compiled = cr.compile(cr.value_and_grad(f, (0, 1)), memory="√n")
    for s in (0.5, 0.5, 0.5, NAN, NAN, NAN, 0.7):
        try:
            found = compiled(np.ones(3), s)
        except ZeroDivisionError:
            pytest.fail("no number was divided by 0")
        value, (by_x, by_s) = cr.value_and_grad(f, (0, 1))(np.ones(3), s)
        np.testing.assert_allclose([found[0], *found[1][0], found[1][1]], [value, *by_x, by_s], rtol=1e-10)


def test_the_gradient_of_a_norm_is_native():
    def f(W, x):
        for _ in range(40):
            x = W @ x
            x = x / np.linalg.norm(x)
        return np.sum(x * np.arange(3.0))

    W = np.random.default_rng(0).normal(size=(3, 3))
    compiled = cr.compile(cr.grad(f, (0, 1)), memory="√n")
    for x in (*[np.ones(3)] * 3, np.array([1.0, -2.0, 0.5])):
        for found, expected in zip(compiled(W, x), cr.grad(f, (0, 1))(W, x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert "of_values" not in compiled.source()


# Integers and layouts ------------------------------------------------------------------------------------------------

OF_INTEGERS = {
    "norm": np.linalg.norm,
    "norms of columns": lambda x: np.linalg.norm(x, axis=0),
    "vector_norm": np.linalg.vector_norm,
    "matrix_norm": lambda x: np.linalg.matrix_norm(x, ord=1),
    "quantile": lambda x: np.quantile(x, 0.3, axis=0),
    "percentile": lambda x: np.percentile(x, [10, 45]),
    "median": lambda x: np.median(x, axis=0),
    "clip": lambda x: np.clip(x, 0.5, 99.5),
    "maximum": lambda x: np.maximum(x, 99.5),
    "tril": np.tril,
    "pinv": np.linalg.pinv,
}


@pytest.mark.parametrize("engine", [None, "jax"])
@pytest.mark.parametrize("what", OF_INTEGERS)
def test_integers_of_any_width_are_computed_with_as_by_numpy(what, engine):
    f, rng = OF_INTEGERS[what], np.random.default_rng(0)
    for dtype in (np.uint8, np.int8, np.uint16, np.int64):
        compiled = cr.compile(f, engine=engine) if engine else cr.compile(f)
        for _ in range(4):
            x = rng.integers(0, np.iinfo(np.int8).max, (4, 4)).astype(dtype)
            found, expected = compiled(x), f(x)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_xla_refuses_an_order_that_it_does_not_know():
    for f in (lambda x: np.ravel(x, order="K"), lambda x: np.reshape(x, 6, order="A")):
        compiled = cr.compile(f, engine="jax")
        with pytest.raises(cr.errors.BlockError, match=r'order="[AK]" of an array of a program of XLA'):
            compiled(np.arange(6.0).reshape(3, 2).T)


def test_xla_takes_arrays_in_another_byte_order_and_gives_numbers_of_python_as_they_are():
    compiled = cr.compile(lambda x: (np.sum(x), 2.5), engine="jax")
    total, number = compiled(np.arange(3.0).astype(">f8"))
    assert total == 3.0
    assert type(number) is float


# Recordings that are compared ----------------------------------------------------------------------------------------


def test_the_last_digits_of_numpys_values_do_not_change_a_recording():
    """np.linalg.norm rounds otherwise than its rule for some vectors, and for others not."""

    def f(x):
        return np.sum(cr.hessian(lambda x: np.linalg.norm(x) ** 2)(x) ** 2)

    rng = np.random.default_rng(0)
    compiled = cr.compile(cr.grad(f))
    xs = [rng.normal(size=17) for _ in range(12)]
    rounded = {float(np.sqrt(np.sum(x**2))) == float(np.linalg.norm(x)) for x in xs}
    assert rounded == {True, False}
    for x in xs:
        np.testing.assert_allclose(compiled(x), 0.0, atol=1e-12)


def test_infinite_data_after_nan_take_a_path_of_their_own():
    compiled = cr.compile(cr.grad(lambda x: np.sum(cr.hessian(lambda x: np.linalg.norm(x) ** 2)(x) ** 2)))
    for x in ([NAN, 1.0, 2.0], [INF, 1.0, 2.0], [1.0, -INF, NAN]):
        with np.errstate(all="ignore"):
            assert np.all(np.isnan(compiled(np.array(x))))
    np.testing.assert_allclose(compiled(np.arange(3.0)), 0.0, atol=1e-12)


def test_the_hessian_of_a_sort_beside_constants_compiles():
    f = cr.hessian(lambda x: np.sum(np.sort(x) ** 2 * np.arange(x.size)))
    compiled = cr.compile(f)
    for x in (*[np.array([0.3, 0.1, 0.2])] * 3, np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])):
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-12)


# SciPy's values ------------------------------------------------------------------------------------------------------

Z = np.array([[0.5 - 1.3j, 0.7 - 2.5j], [0.2 + 2.0j, 0.8 + 1.0j]])
OF_SCIPY = {
    "polygamma of order 0": (lambda x: scipy.special.polygamma(0, x), np.array([2.0, 1.0])),
    "polygamma of several orders": (lambda x: scipy.special.polygamma([0, 1, 2], x), np.array([2.0, 1.0, 0.5])),
    "logsumexp with a complex sign": (lambda x: scipy.special.logsumexp(x, return_sign=True), Z),
    "logsumexp of complex numbers": (lambda x: scipy.special.logsumexp(x, b=[2.0, -1.0], axis=0, return_sign=True), Z),
}


@pytest.mark.parametrize("what", OF_SCIPY)
def test_compiled_calls_of_scipy_give_scipys_values(what):
    f, first = OF_SCIPY[what]
    compiled = cr.compile(f)
    for x in (first, first, first, first * 1.5, first + 1):
        found, expected = compiled(x), f(x)
        for a, b in zip(found, expected, strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_polynomial_zero_has_a_derivative_by_its_constant():
    f = cr.compile(cr.grad(lambda p: np.sum(np.polymul(p, [1.0, 2.0, 3.0]))))
    for p, slope in (([0.0, 0.0], [0.0, 6.0]), ([0.0, 1.0], [0.0, 6.0]), ([2.0, 0.0], [6.0, 6.0]), ([0.0], [6.0])):
        for _ in range(3):
            np.testing.assert_array_equal(f(np.array(p)), slope)
