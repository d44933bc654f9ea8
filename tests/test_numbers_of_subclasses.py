"""Operands of subclasses of Python's numbers (IntEnum, a float with methods), and casts to integers, as in NumPy."""

import enum
import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr


class Kind(enum.IntEnum):
    TWO = 2


class Whole(int):
    pass


class Real(float):
    pass


class Both(complex):
    pass


class Doubling(float):
    def __rmul__(self, other):
        return other * float(self) * 2


OPERATORS = [getattr(operator, n) for n in "add sub mul truediv floordiv mod pow lt le gt ge eq ne".split()]
NUMBERS = [Kind.TWO, Whole(2), Real(2.0), Both(2.0 + 1.0j), Doubling(2.0)]
ARGUMENTS = {
    "Python's": 2.0,
    "float64": np.float64(2.0),
    "float32": np.float32(1.5),
    "array": np.array([0.7, 2.0, 2.1]),
    "float32 array": np.array([0.7, 2.0, 2.1], np.float32),
    "without axes": np.array(2.0),
}


def outcome(f):
    try:
        z = f()
    except TypeError:
        return "TypeError"
    return type(z), getattr(z, "dtype", None), str(z)


@pytest.mark.parametrize("x", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda x: type(x).__name__)
def test_operators_with_a_number_of_a_subclass(number, x):
    compared = OPERATORS[7:]
    for run in OPERATORS:
        entry = (lambda x: x[1]) if np.shape(x) else (lambda x: x)
        for take in (lambda x: x, entry):
            for f in (lambda x: run(take(x), number), lambda x: run(number, take(x))):  # noqa: B023
                expected = outcome(lambda: f(x))  # noqa: B023
                found = outcome(lambda: cr.vjp(lambda x: (np.sum(x), f(x)), x, has_aux=True)[2])  # noqa: B023
                if run in compared and found != expected:  # number < x: Python's truth there, NumPy's here
                    found, expected = found[2], expected[2]
                assert found == expected, (run, number, x)


def test_a_branch_on_equality_with_a_number_of_a_subclass():
    for number in (Kind.TWO, Whole(2), Real(2.0)):
        value, slope = cr.value_and_grad(lambda x: 5 * x[0] if x[0] == number else x[0])(np.array([2.0]))  # noqa: B023
        assert value == 10
        np.testing.assert_array_equal(slope, [5.0])


def test_gradients_beside_a_number_of_a_subclass():
    for number in NUMBERS[:3]:
        assert cr.grad(lambda x: x * number + number / x)(2.0) == 1.5  # noqa: B023
        assert cr.grad(lambda x: x[0] ** number - number * x[0])(np.array([2.0]))[0] == 2.0  # noqa: B023


@pytest.mark.parametrize(
    "x", [0.5, np.float64(0.5), np.float32(0.5), np.array([0.5, 2.0])], ids=lambda x: type(x).__name__
)
def test_fractions_and_decimals_beside_a_number(x):
    entry = (lambda x: x[0]) if np.shape(x) else (lambda x: x)
    for number in (Fraction(1, 2), Decimal("0.5"), Fraction(1, 3), Decimal("0.1")):
        for compare in OPERATORS[7:]:
            truth = compare(entry(x), number)
            taken = cr.grad(lambda x: 3 * np.sum(x) if compare(entry(x), number) else 0 * np.sum(x))(x)  # noqa: B023
            assert np.all(taken == (3 if truth else 0)), (compare, number)

    def loss(x):
        return entry(x) * Fraction(1, 3) + Fraction(1, 2) / entry(x) - entry(x) ** Fraction(3, 2)

    assert cr.value_and_grad(loss)(x)[0] == loss(x)
    slope = np.ravel(cr.grad(loss)(x))[0]
    np.testing.assert_allclose(slope, 1 / 3 - 0.5 / 0.25 - 1.5 * 0.5**0.5, rtol=1e-6)


def into_an_array_of_integers(x):
    places = np.zeros(3, int)
    places[:] = x
    places[1:] += 1
    return np.sum(places * x)


def numbers_of_numpy(x):
    return x[np.int64(x[2])] * np.int32(x[1]) + np.uint8(x[2]) * x[0] + x[1] * np.bool_(x[0])


@pytest.mark.parametrize("f", [into_an_array_of_integers, numbers_of_numpy])
def test_a_cast_to_integers_is_a_step_function(f):
    x = np.array([0.7, 1.4, 2.1])
    value, slopes = cr.value_and_grad(f)(x)
    assert value == f(x)
    differences = [(f(x + h) - f(x - h)) / 2e-6 for h in np.eye(3) * 1e-6]
    np.testing.assert_allclose(slopes, differences, rtol=1e-8)
