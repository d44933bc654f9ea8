"""Objects of other classes as constants, arguments, cotangents and results: right, or an error that names the class."""

from __future__ import annotations

import fractions

import numpy as np
import pytest
import scipy.sparse
from tests.sweeps import containers

import chainrule as cr
from chainrule.errors import ChainruleError, RecordingError

X = np.array([1.0, 2.0, 3.0])
NO_NUMBERS = ("masked", "matrix", "subclass with *", "subclass with units", "wraps")


def test_a_constant_of_any_class_is_right_or_refused_in_every_position():
    wrong, count = containers.sweep(containers.CONSTANTS)
    assert not wrong
    assert count > 600


@pytest.mark.parametrize("library", ["pandas", "xarray", "pint", "scipy.sparse"])
def test_constants_of_other_libraries_are_right_or_refused(library):
    pytest.importorskip(library)
    constants = {k: c for k, c in containers.constants_of_libraries().items() if type(c).__module__.startswith(library)}
    assert constants
    wrong, _ = containers.sweep(constants)
    assert not wrong


@pytest.mark.parametrize(
    ("constant", "told"),
    [
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), r"numpy.ma.MaskedArray.*np.where\(m.mask, 0, m.data\)"),
        (np.matrix([1.0, 2.0, 3.0]), r"numpy.matrix.*np.asarray"),
        (fractions.Fraction(1, 2), r"fractions.Fraction.*float"),
        (np.zeros(3, [("a", float)]), r"dtype \[\('a'"),
    ],
    ids=["masked", "matrix", "fraction", "records"],
)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # np.matrix
@pytest.mark.parametrize("on_the_left", [True, False], ids=["c * x", "x * c"])
def test_a_constant_that_computes_for_itself_is_named_with_what_to_write(constant, told, on_the_left):
    with pytest.raises(RecordingError, match=told):
        cr.grad(lambda x: np.sum(constant * x if on_the_left else x * constant))(X)


def test_a_masked_array_and_what_its_error_says_to_write_give_the_same():
    m = np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])
    value, gradient = cr.value_and_grad(lambda x: np.sum(x * np.where(m.mask, 0, m.data)))(X)
    assert value == np.sum(X * m) == 10.0
    np.testing.assert_array_equal(gradient, [1.0, 0.0, 3.0])


def test_an_unsupported_operation_with_a_sparse_matrix_suggests_toarray():
    for f in (lambda x: np.dot(x, scipy.sparse.eye(3)), lambda x: x > scipy.sparse.eye_array(3)):
        with pytest.raises(RecordingError, match=r"\.toarray\(\)"):
            cr.jacobian(f)(X)


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_an_argument_or_a_cotangent_of_another_class_is_refused_by_its_name(name):
    c = containers.CONSTANTS[name]
    kind = type(c).__name__
    for ask in (
        lambda: cr.grad(np.sum)(c),
        lambda: cr.grad(lambda p: np.sum(p["x"]))({"x": X, "c": c}),
        lambda: cr.variable(c),
        lambda: cr.compile(lambda x: x * 2)(c),
        lambda: cr.vjp(np.sin, X)[1](c),
        lambda: cr.variable(X).backward(c),
        lambda: cr.hvp(lambda x: np.sum(x**3))(X, c),
        lambda: cr.check(np.sum)(c),
        lambda: cr.explain(np.sum)(c),
    ):
        with pytest.raises(ChainruleError, match=f"{kind}|explain"):
            ask()


def test_numbers_that_numpy_reads_from_other_objects_are_cotangents_too():
    for name in ("memoryview", "array.array", "__array__", "range"):
        c = containers.CONSTANTS[name]
        np.testing.assert_array_equal(cr.vjp(np.copy, X)[1](c)[0], np.asarray(c, float))


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (containers.Wraps(X), "object of class .*Wraps"),
        ("low", "the text 'low'"),
        (np.sin, "the function sin"),
        (np.ma.masked_array(X), "MaskedArray"),
        (np.array(["a"]), "dtype <U1"),
        (np.zeros(2, [("a", float)]), r"dtype \[\('a'"),
    ],
    ids=["unknown", "text", "function", "masked", "texts", "records"],
)
def test_a_result_in_which_no_gradient_can_be_followed_is_an_error(result, told):
    for ask in (cr.grad, cr.jacobian, lambda f: lambda x: cr.vjp(f, x), cr.explain):
        with pytest.raises(ChainruleError, match=told):
            ask(lambda x: result)(X)
        with pytest.raises(ChainruleError, match=told):
            ask(lambda x: {"loss": np.sum(x), "more": result})(X)


def test_an_object_that_wraps_recorded_arrays_is_refused_as_a_result_and_right_inside():
    wraps = containers.Wraps(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.multiply(wraps, x).held))(X), wraps.held)
    with pytest.raises(RecordingError, match=r"returned an object of class .*Wraps"):
        cr.grad(lambda x: np.add(wraps, x))(X)


def test_units_that_read_value_from_each_operand_cannot_lose_a_gradient():
    units = containers.CONSTANTS["subclass with units"]
    with pytest.raises(RecordingError, match="a class with units, which takes"):
        cr.grad(lambda x: np.sum(np.asarray(units * x)))(X)


def test_a_number_leaves_an_operator_to_a_class_that_has_it():
    vector = containers.Vector(np.array([1.0, 2.0, 4.0]))
    assert cr.grad(lambda t: np.sum((t * vector * t).held))(3.0) == 42.0


def test_a_comparison_with_text_is_what_numpy_says():
    def f(x):
        if np.any(x == "auto") or not np.all(x != "auto"):
            return 0 * np.sum(x)
        return np.sum(x * x)

    assert cr.value_and_grad(f)(X)[0] == 14.0


def test_xarray_and_pint_hold_recorded_arrays():
    xr, pint = pytest.importorskip("xarray"), pytest.importorskip("pint")
    d, unit = xr.DataArray([1.0, 2.0, 4.0]), pint.UnitRegistry().m
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(d * x).data)(X), d)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * unit * d.data).to("cm").magnitude)(X), 100 * d)


def test_a_series_is_named_and_its_numbers_are_right():
    pd = pytest.importorskip("pandas")
    y = pd.Series([1.0, 2.0, 3.0], index=[2, 0, 1])
    for f in (
        lambda w: np.mean((np.ones((3, 2)) @ w - y) ** 2),
        lambda w: np.mean((y - np.ones((3, 2)) @ w) ** 2),
        lambda w: np.mean((pd.Series(np.ones((3, 2)) @ w) - y) ** 2),
    ):
        with pytest.raises(RecordingError, match=r"pandas.Series|pandas\.core"):
            cr.grad(f)(np.ones(2))
    np.testing.assert_array_equal(cr.grad(lambda w: np.mean((np.ones((3, 2)) @ w - y.to_numpy()) ** 2))(np.ones(2)), 0)


def test_a_number_of_python_does_not_change_a_dtype_in_compiled_code():
    x = np.ones(2, np.float32)
    assert cr.compile(lambda x, n: x * n)(x, 1.5).dtype == np.float32
