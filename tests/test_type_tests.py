"""What user code asks of a number or an array: a recorded one answers as the plain value does."""

from __future__ import annotations

import collections.abc
import contextlib
import copy
import functools
import math
import numbers
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError

VALUES = {
    "float": 3.0,
    "complex": 2j,
    "np.float64": np.float64(3.0),
    "np.float32": np.float32(3.0),
    "np.complex128": np.complex128(2j),
    "vector": np.array([1.0, 2.0]),
    "0-d": np.array(3.0),
    "empty": np.zeros(0),
    "complex vector": np.array([1j, 2.0]),
    "matrix": np.ones((2, 2)),
}

STEPS = {
    "x": lambda x: x,
    "x * 2": lambda x: x * 2,
    "1 - x": lambda x: 1 - x,
    "-x": lambda x: -x,
    "x**2": lambda x: x**2,
    "abs(x) > 0": lambda x: abs(x) > 0,
    "sin": lambda x: np.sin(x),
    "sum": lambda x: np.sum(x),
    "add": lambda x: np.add(x, 1.0),
    "argmax": lambda x: np.argmax(x),
    "x[0]": lambda x: x[0],
    "x[..., 0]": lambda x: x[..., 0],
    "x[:1]": lambda x: x[:1],
    "with an array": lambda x: x * np.ones(2),
}

CLASSES = (
    *(np.ndarray, np.generic, np.number, np.inexact, np.floating, np.float64, np.float32, np.complexfloating),
    *(np.integer, np.bool_, float, int, complex, bool, str, list, tuple, np.ma.MaskedArray, np.matrix),
    *(numbers.Number, numbers.Real, numbers.Complex, numbers.Integral),
    *(vars(collections.abc)[n] for n in "Iterable Sequence Sized Container Collection Callable Mapping".split()),
)


@functools.singledispatch
def kind_of(x):
    return "another"


kind_of.register(np.ndarray)(lambda x: "array")
kind_of.register(float)(lambda x: "float")


def _iterates(x):
    try:
        iter(x)
    except TypeError:
        return False
    return True


def _length(x):
    try:
        return len(x)
    except TypeError:
        return None


def _matches(x):
    match x:
        case float():
            return "float"
        case np.ndarray():
            return "array"
        case [*_]:
            return "sequence"
    return "another"


QUESTIONS = (
    *(functools.partial(lambda kind, x: isinstance(x, kind), kind) for kind in CLASSES),
    lambda x: isinstance(x, int | float),
    lambda x: hasattr(x, "__len__"),
    lambda x: hasattr(x, "__contains__"),
    lambda x: hasattr(x, "append"),
    *(np.isscalar, np.iterable, np.ndim, np.shape, np.size, np.iscomplexobj, np.isrealobj, callable),
    *(_iterates, _length, _matches, kind_of),
)


def possible():
    """Values and steps that NumPy takes."""
    for name, value in VALUES.items():
        for text, step in STEPS.items():
            with contextlib.suppress(IndexError, TypeError, ValueError):
                step(value)
                yield pytest.param(value, step, id=f"{name}, {text}")


@pytest.mark.parametrize(("value", "step"), list(possible()))
def test_type_tests_answer_as_for_the_plain_value(value, step):
    plain = step(value)
    answers = []

    def f(x):
        answers.append([question(step(x)) for question in QUESTIONS])
        return np.sum(np.abs(x))

    cr.grad(f)(value)
    assert answers[0] == [question(plain) for question in QUESTIONS]


@pytest.mark.parametrize("run", [lambda f: f, cr.compile], ids=["recorded", "compiled"])
@pytest.mark.parametrize(
    "is_number",
    [
        np.isscalar,
        lambda x: isinstance(x, float),
        lambda x: isinstance(x, numbers.Real),
        lambda x: not isinstance(x, np.ndarray),
        lambda x: not hasattr(x, "__len__"),
        lambda x: not isinstance(x, collections.abc.Iterable),
        lambda x: not isinstance(x, np.generic),
    ],
)
def test_a_number_takes_the_branch_of_numbers(is_number, run):
    f = run(cr.value_and_grad(lambda x: x * x if is_number(x) else 0 * x))
    for _ in range(2):
        assert f(3.0) == (9.0, 6.0)


def test_the_result_of_a_reduction_is_a_number_of_numpy():
    def f(x):
        s = np.sum(x)
        return s * s if isinstance(s, np.floating) and not isinstance(s, np.ndarray) else 0 * s

    np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, 2.0])), [6.0, 6.0])


def test_a_recorded_array_is_an_instance_of_array_and_of_ndarray():
    x = cr.variable([1.0, 2.0])
    assert isinstance(x, cr.Array)
    assert type(x) is cr.Array
    assert isinstance(x, np.ndarray)
    assert cr.Array.__mro__[0] is cr.Array
    assert not isinstance(copy.copy(x).value, cr.Array)
    with pytest.raises(RecordingError, match="pickled"):
        pickle.dumps(x)


def test_a_loop_over_a_number_is_an_error_as_in_numpy():
    with pytest.raises(TypeError, match="'float' object is not iterable"):
        cr.grad(lambda x: sum(x))(3.0)
    with pytest.raises(TypeError, match="'float64' object is not iterable"):
        cr.grad(lambda x: sum(np.sum(x)))(np.ones(2))
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        cr.grad(lambda x: sum(x))(np.array(3.0))


@pytest.mark.parametrize("x", [2.5, -2.5, 3.0, np.float64(3.5), np.float64(-1.5)])
@pytest.mark.parametrize("function", [math.floor, math.ceil, math.trunc, round, int])
def test_whole_numbers_of_a_number_are_pythons(function, x):
    found = []

    def f(x):
        found.append(function(x))
        return x * found[-1]

    value, gradient = cr.value_and_grad(f)(x)
    assert (value, gradient) == (x * function(x), function(x))
    assert type(found[0]) is int
    compiled = cr.compile(f)
    assert [compiled(x), compiled(x), compiled(x + 2)] == [x * function(x)] * 2 + [(x + 2) * function(x + 2)]


def test_what_else_is_asked_of_a_number():
    def f(x):
        assert not x.is_integer()
        assert (x - 0.5).is_integer()
        assert f"{x:.1f} {x}" == "2.5 2.5"
        return x.conjugate() * x + divmod(x, 2)[1] + round(x, 1) * 0 + x.real

    assert cr.value_and_grad(f)(2.5) == (6.25 + 0.5 + 2.5, 5.0 + 1.0 + 1.0)


def test_a_recorded_integer_is_a_key_as_numpys_is():
    def f(x):
        names = {0: 1.0, 1: 2.0, 2: 3.0}
        seen = {i for i in np.argsort(x) if i in names}
        return x[0] * names[np.argmax(x)] * len(seen)

    for function in (f, cr.compile(f)):
        for x in ([1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [5.0, 3.0, 2.0], [5.0, 3.0, 6.0]):
            assert function(np.array(x)) == f(np.array(x))
    np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, 3.0, 2.0])), [6.0, 0.0, 0.0])


def test_a_recorded_number_is_no_key():
    with pytest.raises(TypeError, match="unhashable"):
        cr.grad(lambda x: {x: 1.0}[x])(2.5)
