"""Every public function of NumPy meets a recorded array: with an answer, or for a reason named here.

NumPy asks a recorded array where a function is a ufunc or dispatches by `__array_function__`, and nowhere else.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule.answers import ANSWERS, answer
from chainrule.array import Array
from chainrule.block import Block
from chainrule.errors import ChainruleError


def asks(function):
    return isinstance(function, np.ufunc) or type(function).__name__ == "_ArrayFunctionDispatcher"


FUNCTIONS = {f"{module.__name__}.{name}": getattr(module, name) for module in (np, np.fft) for name in module.__all__}
FUNCTIONS = {name: f for name, f in FUNCTIONS.items() if asks(f)}

NOT_OF_NUMBERS = {
    "numpy.busday_count",
    "numpy.busday_offset",
    "numpy.datetime_as_string",
    "numpy.is_busday",
    "numpy.isnat",
}
"""Functions of dates, which are never recorded."""


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - NOT_OF_NUMBERS))
def test_every_function_that_asks_has_an_answer(name):
    assert answer(FUNCTIONS[name]) is not None


def test_functions_of_dates_are_named_as_not_covered():
    for name in NOT_OF_NUMBERS:
        assert answer(FUNCTIONS[name]) is None


NAMES_THAT_DIFFER = {
    "numpy.atleast_1d": {"arys"},
    "numpy.atleast_2d": {"arys"},
    "numpy.atleast_3d": {"arys"},
    "numpy.broadcast_arrays": {"args"},
    "numpy.clip": {"out", "kwargs"},
    "numpy.dot": {"out"},
    "numpy.einsum": {"kwargs", "out"},
    "numpy.outer": {"out"},
}
"""Arguments that are only given by position, and `out`, which is handled before an answer is called."""


def _parameters(function):
    if isinstance(function, Block):
        return set(function.operands) | set(function.defaults), function.variadic
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters}, any(p.kind is p.VAR_KEYWORD for p in parameters)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - NOT_OF_NUMBERS))
def test_every_answer_takes_the_arguments_of_numpys_function(name):
    if isinstance(FUNCTIONS[name], np.ufunc):
        return
    try:
        wanted = set(inspect.signature(FUNCTIONS[name]).parameters)
    except ValueError:  # a C function that does not tell
        return
    known, any_other = _parameters(answer(FUNCTIONS[name]))
    missing = wanted - known - {"like", "subok", "device"} - NAMES_THAT_DIFFER.get(name, set())
    assert not missing or any_other


UFUNCS = {f.__name__: f for f in FUNCTIONS.values() if isinstance(f, np.ufunc)}
PLAIN = {name for name, f in UFUNCS.items() if f.signature is None and f.nout == 1 and answer(f) is not None}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_ufunc_has_all_its_methods(name):
    methods = ("reduce", "accumulate", "reduceat", "outer", "at") if UFUNCS[name].nin == 2 else ("at",)
    for method in methods:
        assert (UFUNCS[name], method) in ANSWERS


OF_MEMORY = {"base", "byteswap", "ctypes", "data", "dumps", "getfield", "setfield", "setflags", "to_device"}
"""What ndarray has to reach into its memory; a recorded array has none of its own."""


def test_a_recorded_array_has_what_an_ndarray_has():
    public = {name for name in dir(np.ndarray) if not name.startswith("_")}
    assert public - set(dir(Array)) == OF_MEMORY


def test_what_reaches_into_memory_is_an_attribute_error_as_for_any_object_without_it():
    x = cr.variable([1.0, 2.0])
    for name in OF_MEMORY:
        with pytest.raises(AttributeError, match=name):
            getattr(x, name)


# What NumPy does not ask about ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.ascontiguousarray(x) * x,
        lambda x: np.asarray(x) * x,
        lambda x: np.asanyarray(x) * x,
        lambda x: np.array(x) * x,
        lambda x: np.fromiter((a for a in x), dtype=object) * x,
        lambda x: np.kaiser(3, x[0]) * x[1],
        lambda x: np.full(3, x[0]) * x,
        lambda x: np.vectorize(lambda a: a * a, otypes=[object])(x),
        lambda x: np.vectorize(lambda a: float(a) * a)(x),
        lambda x: np.frompyfunc(lambda a: a * a, 1, 1)(x),
        lambda x: np.fromiter((a for a in x), dtype=float),
    ],
    ids=[
        *("ascontiguousarray", "asarray", "asanyarray", "array", "fromiter", "kaiser", "full", "vectorize"),
        *("vectorized floats", "frompyfunc", "fromiter of floats"),
    ],
)
def test_functions_that_do_not_ask_compute_with_recorded_numbers(f):
    x = np.array([1.5, 2.0, 3.0])
    step = 1e-6 * np.eye(3)
    expected = [(np.sum(f(x + dx)) - np.sum(f(x - dx))) / 2e-6 for dx in step]
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(f(x)))(x), np.asarray(expected, float), rtol=1e-7)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.savetxt("/dev/null", [x[0], x[1]]),
        lambda x: np.frombuffer(x),
    ],
    ids=["savetxt", "frombuffer"],
)
def test_what_would_lose_a_gradient_is_an_error(f):
    with pytest.raises((ChainruleError, TypeError, ValueError)):
        cr.grad(lambda x: np.sum(f(x)))(np.ones(3))


@pytest.mark.parametrize("make", [np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray])
def test_an_array_of_a_dtype_keeps_its_gradient_where_a_function_is_recorded(make):
    x, dtype = np.arange(6.0).reshape(2, 3).T, np.float32
    value, gradient = cr.value_and_grad(lambda x: np.sum(np.asfortranarray(x, dtype) * np.asarray(x, dtype=dtype)))(x)
    assert value.dtype == np.float32
    np.testing.assert_allclose(gradient, 2 * x)
    with pytest.raises((ChainruleError, TypeError, ValueError)):
        make(cr.variable(x), dtype=float)


def test_files_and_texts_are_made_of_the_values(tmp_path):
    x = cr.variable([1.0, 2.5])
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), [1.0, 2.5])
    np.savez(tmp_path / "x.npz", x=x)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["x"], [1.0, 2.5])
    np.savetxt(tmp_path / "x.txt", x)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "x.txt"), [1.0, 2.5])
    x.tofile(tmp_path / "x.bin")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "x.bin"), [1.0, 2.5])
    assert np.array2string(x) == np.array2string(np.array([1.0, 2.5]))
    assert np.array_repr(x) == np.array_repr(np.array([1.0, 2.5]))
    assert np.array_str(x) == np.array_str(np.array([1.0, 2.5]))


def test_an_item_is_in_an_array_by_its_value():
    x = cr.variable([1.0, 2.5])
    assert 2.5 in x
    assert 3.0 not in x


def test_a_resized_array_keeps_earlier_uses():
    def f(x):
        y = x * 1.0
        early = np.sum(y)
        y.resize(2, 2)
        return early * np.sum(y**2)

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cr.grad(f)(x), np.sum(x**2) + 2 * x * np.sum(x))


# Arrays of nothing and of one number ---------------------------------------------------------------------------------

EMPTY = {
    "fft along the other axis": (lambda x: np.real(np.fft.fft(x)), (0, 3)),
    "pad": (lambda x: np.pad(x, 1), (0, 3)),
    "pad edge of the other axis": (lambda x: np.pad(x, ((0, 0), (1, 1)), mode="edge"), (0, 3)),
    "cumprod": (np.cumprod, (0,)),
    "unwrap": (np.unwrap, (0,)),
    "vander": (np.vander, (0,)),
    "poly of no roots": (lambda x: np.poly(x) + np.sum(x), (0,)),
    "unique": (np.unique, (0,)),
    "insert nothing": (lambda x: np.insert(x, [], []), (3,)),
    "linspace of no places": (lambda x: np.linspace(x, 1.0, 0), (2,)),
    "reduceat of no segments": (lambda x: np.add.reduceat(x, [0, 1]), (2, 0)),
    "histogram of nothing": (lambda w: np.histogram(np.zeros(0), 3, weights=w)[0], (0,)),
    "trim_zeros": (np.trim_zeros, (0,)),
    "nansum": (np.nansum, (0, 2)),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0]), (0, 2)),
    "diff": (np.diff, (0, 2)),
    "resize": (lambda x: np.resize(x, (2, 2)) + np.sum(x), (0,)),
}


@pytest.mark.parametrize(("f", "shape"), EMPTY.values(), ids=EMPTY)
def test_empty_arrays_give_what_numpy_gives(f, shape):
    x = np.ones(shape)
    value, pullback = cr.vjp(f, x)
    np.testing.assert_array_equal(value, f(x))
    (grad,) = pullback(np.ones_like(value))
    assert grad.shape == shape


@pytest.mark.parametrize(
    "f",
    [
        np.sinc,
        np.i0,
        np.nan_to_num,
        np.cumsum,
        np.cumprod,
        np.nansum,
        np.nanmean,
        np.median,
        np.average,
        np.ptp,
        np.ravel,
    ],
    ids=lambda f: f.__name__,
)
def test_a_number_is_an_array_without_axes(f):
    x = np.array(0.7)
    value, pullback = cr.vjp(f, x)
    np.testing.assert_allclose(value, f(x))
    (grad,) = pullback(np.ones_like(value))
    expected = (np.sum(f(x + 1e-6)) - np.sum(f(x - 1e-6))) / 2e-6
    np.testing.assert_allclose(grad, expected, atol=1e-8)
