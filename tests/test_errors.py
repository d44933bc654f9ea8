"""Each error says what was wrong, where, and what to write instead."""

import json
import math
import operator
import os
import pickle
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.errors import BlockError, GradientError, RecordingError

ONES = np.ones(3)
plain_asarray = partial(np.asarray, dtype=float)


def message_of(kind, f, *args):
    with pytest.raises(kind) as caught:
        f(*args)
    return str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))


def test_loss_that_is_not_a_scalar_names_jacobian_and_vjp():
    told = message_of(GradientError, cr.grad(lambda x: x * 2), ONES)
    assert "shape (3,)" in told
    assert "jacobian" in told
    assert "vjp" in told


def test_several_outputs_name_vjp():
    assert "vjp" in message_of(GradientError, cr.grad(lambda x: (x, x)), 1.0)


def test_a_value_where_a_function_belongs_is_told():
    assert "cr.grad(f)(x)" in message_of(GradientError, cr.grad, 3.0)
    assert "cr.grad(f)(x)" in message_of(GradientError, cr.grad, np.sum, ONES)


@pytest.mark.parametrize("transform", [cr.check, cr.compile, cr.explain])
def test_what_returns_a_function_needs_one(transform):
    assert f"cr.{transform.__name__}(f)(x)" in message_of(GradientError, transform, 3.0)
    assert "chainrule" in message_of(GradientError, transform, "a * b")


@pytest.mark.parametrize("transform", [cr.check, cr.jacobian, cr.hvp])
def test_arguments_given_beside_the_function_are_told(transform):
    assert f"cr.{transform.__name__}(f)(x)" in message_of(GradientError, transform, np.sum, ONES)


def test_a_missing_vector_is_told():
    assert "cr.hvp(f)(x, v)" in message_of(GradientError, cr.hvp(np.sum), ONES)
    assert "cr.jvp(f, (x,), (v,))" in message_of(GradientError, cr.jvp, np.sum, ONES, ONES)


def test_a_complex_number_is_refused():
    assert "complex" in message_of(GradientError, cr.grad(lambda z: z * z), 1j)


def test_pickling_a_recorded_array_is_refused():
    assert "pickled" in message_of(RecordingError, pickle.dumps, cr.variable(1.0))


def test_a_recorded_float_as_a_count_is_a_type_error_as_in_numpy():
    message_of(TypeError, cr.grad(lambda x: x * len(range(x))), 2.0)


def test_a_block_that_returns_no_array_is_refused():
    nothing = cr.block(lambda x: None)
    assert "one array" in message_of(RecordingError, cr.grad(lambda x: nothing(x)), 1.0)


def test_a_backward_rule_with_other_arguments_is_refused_where_it_is_defined():
    @cr.block
    def scaled(x, by=2.0):
        return x * by

    assert "(dz, z, x, by=2.0)" in message_of(BlockError, scaled.backward, lambda dz, x: dz)


def test_a_backward_rule_that_forgets_to_return_is_refused():
    doubled = cr.block(lambda x: 2 * x)
    doubled.backward(lambda dz, z, x: None)
    assert "return" in message_of(GradientError, cr.grad(doubled), 1.0)


def test_a_function_that_forgot_to_return_is_told():
    assert "return" in message_of(GradientError, cr.grad(lambda x: None), 1.0)


def test_integer_argument_says_how_to_make_it_a_float():
    told = message_of(GradientError, cr.grad(lambda n: n * 2), 3)
    assert "argument n" in told
    assert "3 -> 3.0" in told
    assert "astype(float)" in message_of(GradientError, cr.grad(lambda n: np.sum(n)), np.arange(3))


def test_boolean_loss_is_refused():
    assert "floating" in message_of(GradientError, cr.grad(lambda x: x > 0), 1.0)


def test_complex_argument_is_refused():
    assert "complex" in message_of(GradientError, cr.grad(np.sum), np.ones(2, dtype=complex))


def test_complex_numbers_are_refused_by_a_block_for_real_ones_and_not_dropped():
    assert "complex" in message_of(GradientError, cr.grad(lambda x: np.sum(np.abs(np.maximum(x * 1j, 0)))), ONES)


def test_unknown_argument_name_lists_the_known_ones():
    told = message_of(GradientError, cr.grad, lambda W, x: 0.0, "w")
    assert "'w'" in told
    assert "W, x" in told


def test_missing_argument_is_named():
    assert "called without it" in message_of(GradientError, cr.grad(lambda x, y=1.0: x * y, "y"), 2.0)


def test_shapes_that_do_not_match_name_the_block_both_shapes_and_the_line():
    def loss(W):
        return np.sum(W @ ONES)  # the line to find

    told = message_of(BlockError, cr.grad(loss), np.ones((2, 2)))
    assert "matmul" in told
    assert "(2, 2) and (3,)" in told
    assert "test_errors.py" in told
    assert "the line to find" in told


def test_shape_errors_are_value_errors_as_in_numpy():
    with pytest.raises(ValueError, match="broadcast"):
        cr.grad(lambda x: np.sum(x + np.ones(4)))(ONES)


def test_function_without_a_block_is_named_with_a_way_out():
    told = message_of(RecordingError, cr.grad(lambda x: np.datetime_as_string(x)), ONES)
    assert "numpy.datetime_as_string" in told
    assert "@cr.block" in told


def test_ufunc_without_a_block_is_named():
    assert "numpy.isnat" in message_of(RecordingError, cr.grad(lambda x: np.sum(np.isnat(x))), ONES)


def test_ufunc_method_without_a_rule_is_named():
    f = cr.grad(lambda x: np.sum(special.xlogy.accumulate(x)))
    assert "xlogy.accumulate" in message_of(RecordingError, f, ONES)


@pytest.mark.parametrize(
    "lose",
    [operator.methodcaller("__float__"), lambda x: x.tobytes(), plain_asarray],
    ids=["float", "tobytes", "asarray"],
)
def test_turning_a_recorded_array_into_a_plain_one_is_refused(lose):
    told = message_of(RecordingError, cr.grad(lambda x: lose(x) * x), 1.0)
    assert "stop_gradient" in told
    assert "test_errors.py" in told


def test_a_function_that_takes_plain_numbers_only_is_told_what_to_write():
    def checks_in_c(x):
        raise TypeError("the ufunc is not supported for the input types")

    with pytest.raises(TypeError) as caught:
        cr.grad(checks_in_c)(np.ones(3))
    assert "@cr.block" in "".join(caught.value.__notes__)


def test_striding_beyond_an_array_is_refused():
    told = message_of(RecordingError, cr.grad(lambda x: np.lib.stride_tricks.as_strided(x, (9,), (8,)).sum()), ONES)
    assert "reads beyond the entries of its array" in told


def test_math_functions_are_told_to_be_numpys_where_no_function_is_recorded():
    assert "np.exp" in message_of(RecordingError, math.exp, cr.variable(1.0))


def made_by_c():
    """An array that no function of NumPy's has made for the recorded function, so it is plain."""
    return pickle.loads(pickle.dumps(np.zeros(3)))


class Holder:
    def __init__(self):
        self.out = made_by_c()


def write_an_entry(x):
    table = made_by_c()
    table[0] = x[0]


def write_a_slice(x):
    table = made_by_c()
    table[:] = x  # a slice takes another way through NumPy


@pytest.mark.parametrize("write", [write_an_entry, write_a_slice])
def test_writing_recorded_values_into_a_plain_array_is_refused(write):
    told = message_of(RecordingError, cr.grad(lambda x: write(x) or np.sum(x)), ONES)
    assert "table is a plain array" in told  # and not NumPy's "setting an array element with a sequence"
    assert "table[" in told.splitlines()[1]
    assert "table = made_by_c()" in told.splitlines()[2]
    assert "write there: table = np.array(made_by_c())" in told.splitlines()[3]


def test_a_plain_array_that_an_object_holds_is_named():
    def f(x):
        holder = Holder()
        holder.out[0] = x[0]
        return np.sum(x)

    assert (
        "before the write, make a copy that can hold recorded values: holder.out = np.array(holder.out)"
        in message_of(RecordingError, cr.grad(f), ONES)
    )


@pytest.mark.parametrize("key", [..., slice(1, None)])
def test_adding_a_recorded_array_in_place_to_a_plain_one_is_refused(key):
    def f(x):
        out = made_by_c()[key]
        out += x[key]
        return np.sum(out)

    told = message_of(RecordingError, cr.grad(f), ONES)
    assert "out is a plain array" in told
    assert "write there: out = np.array(made_by_c()[key])" in told


def test_out_of_a_plain_array_is_refused():
    assert "out=" in message_of(RecordingError, cr.grad(lambda x: np.sum(np.exp(x, out=made_by_c()))), ONES)


def test_keyword_of_a_ufunc_that_is_not_covered_is_refused():
    assert "where=" in message_of(RecordingError, cr.grad(lambda x: np.sum(np.exp(x, where=x > 0))), ONES)


def test_argument_of_a_numpy_function_that_is_not_covered_is_refused():
    told = message_of(RecordingError, cr.grad(lambda x: np.copyto(x * 1.0, x, casting="unsafe")), ONES)
    assert "casting='unsafe'" in told


def test_index_out_of_range_stays_an_index_error_with_the_line():
    told = message_of(IndexError, cr.grad(lambda x: x[7]), ONES)
    assert "out of bounds" in told
    assert "test_errors.py" in told


def test_label_out_of_range_names_the_number_of_classes():
    assert "3 classes" in message_of(BlockError, cr.grad(cr.softmax_cross_entropy), ONES, 3)
    assert "3 classes" in message_of(BlockError, cr.grad(cr.softmax_cross_entropy), ONES, -1)


def test_label_that_is_not_an_integer_is_refused():
    assert "integer" in message_of(BlockError, cr.grad(cr.hinge_loss), ONES, 0.5)


def test_labels_of_another_shape_are_refused():
    assert "(N, C)" in message_of(BlockError, cr.softmax_cross_entropy, np.ones((4, 3)), np.zeros(3, dtype=int))


def test_cotangent_of_another_shape_is_refused():
    _, pullback = cr.vjp(np.sin, ONES)
    assert "(2,)" in message_of(GradientError, pullback, np.ones(2))


def test_backward_of_an_array_asks_for_a_gradient():
    assert "scalar" in message_of(GradientError, cr.variable(ONES).backward)


def test_a_parameter_that_is_a_recorded_array_is_refused():
    @cr.block
    def scaled(x, scale=2.0):
        return x * scale

    assert "operand" in message_of(RecordingError, cr.grad(lambda x: scaled(x, scale=x)), 1.0)


def test_a_block_that_uses_a_recorded_array_from_outside_is_refused():
    def f(w):
        @cr.block
        def layer(x):
            return x * w

        return layer(w)

    assert "operand" in message_of(RecordingError, cr.grad(f), 1.0)


def test_a_backward_rule_with_too_few_gradients_is_refused():
    @cr.block
    def product(x, y):
        return x * y

    @product.backward
    def product_backward(dz, z, x, y):
        return dz * y

    assert "returns 1 gradient" in message_of(GradientError, cr.grad(product, (0, 1)), 2.0, 3.0)


def test_a_backward_rule_with_a_wrong_shape_is_refused():
    @cr.block
    def doubled(x):
        return 2 * x

    @doubled.backward
    def doubled_backward(dz, z, x):
        return np.sum(2 * dz)

    assert "shape ()" in message_of(GradientError, cr.grad(lambda x: np.sum(doubled(x))), ONES)


def test_a_missing_rule_for_an_operand_is_refused():
    @cr.block
    def product(x, y):
        return x * y

    @product.backward("x")
    def product_dx(dz, z, x, y):
        return dz * y

    assert cr.grad(product)(2.0, 3.0) == 3.0
    assert "operand y" in message_of(GradientError, cr.grad(product, 1), 2.0, 3.0)


def test_a_rule_for_an_operand_that_does_not_exist_is_refused():
    @cr.block
    def doubled(x):
        return 2 * x

    assert "no operand 'y'" in message_of(BlockError, doubled.backward, "y")


def test_an_update_in_place_that_does_not_fit_is_refused():
    def f(x):
        y = x * 1.0
        y += np.ones((2, 3))
        return np.sum(y)

    assert "(3,)" in message_of(BlockError, cr.grad(f), ONES)


def test_a_hidden_file_stays_hidden_when_a_folder_is_hidden_too(monkeypatch):
    from chainrule import node

    for name in ("_hidden", "_internal"):
        monkeypatch.setattr(node, name, dict(getattr(node, name)))
    monkeypatch.setattr(node, "_LIBRARIES", node._LIBRARIES)
    node.hide_file("/somewhere/script.py")
    node.hide_folder("/somewhere/else")
    assert node.is_internal("/somewhere/script.py")
    assert not node.is_internal("/somewhere/other.py")


def test_an_error_inside_of_another_library_has_the_users_line_too():
    pandas = pytest.importorskip("pandas")

    def loss(x):
        table = pandas.DataFrame({"x": x})
        return table["x"].sum()

    told = message_of(RecordingError, cr.grad(loss), ONES)
    library, user = told.split("\n")[-2:]
    assert library.startswith("  at ")
    assert f"{os.sep}pandas{os.sep}" in library
    assert user.startswith("  called at ")
    assert user.endswith('table = pandas.DataFrame({"x": x})')
    assert told.startswith("a gradient would be lost in pandas.DataFrame, which takes plain numbers only; compute with")
    assert "for a table that is only looked at, give it cr.stop_gradient(x)" in told


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", [np.matrix, np.asmatrix, lambda x: np.matrix([[x[0], 1.0], [0.0, x[1]]])])
def test_a_matrix_of_recorded_numbers_names_what_arrays_have_instead(make):
    told = message_of(RecordingError, cr.grad(lambda x: np.sum(make(x))), ONES)
    assert "write np.array(…) for np.matrix(…): of arrays x @ y is the product" in told


def test_a_recorded_number_that_is_written_into_a_table_is_refused_without_a_line_of_pandas_to_change():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0]})

    def loss(x):
        table.loc[0, "a"] = x[0]
        return table["a"].sum()

    told = message_of(RecordingError, cr.grad(loss), ONES)
    assert "takes plain numbers only; compute with arrays, df['a'].to_numpy()" in told
    assert "it was made" not in told


def test_the_error_about_a_dataframe_argument_of_a_compiled_function_suggests_a_closure():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": ONES})

    def loss(x, table):
        return np.sum(x * table["a"].to_numpy())

    told = message_of(RecordingError, cr.compile(cr.grad(loss)), ONES, table)
    assert "cr.compile(lambda x: f(x, dataframe))" in told
    compiled = cr.compile(lambda x: cr.grad(loss)(x, table))
    np.testing.assert_array_equal(compiled(2 * ONES), ONES)


def test_bytes_of_a_recorded_array_are_refused():
    assert "lose the gradient" in message_of(RecordingError, cr.grad(lambda x: np.frombuffer(x.tobytes()).sum()), ONES)


def decay(rate, y0=np.array([1.0, 2.0])):
    import scipy.integrate

    solver = scipy.integrate.ode(lambda t, y: -rate * y).set_integrator("dopri5")
    return np.sum(solver.set_initial_value(y0, 0.0).integrate(1.0))


def stepped(rate):
    import scipy.integrate

    solver = scipy.integrate.RK45(lambda t, y: -rate * y, 0.0, np.ones(2), 1.0)
    solver.step()
    return np.sum(solver.y)


@pytest.mark.parametrize(
    "f",
    [
        lambda y: np.polynomial.Polynomial.fit(np.arange(3.0), y, 1)(2.0),
        lambda y: np.polynomial.Chebyshev.fit(y, np.arange(3.0), 1)(2.0),
        lambda y: np.sum(np.polynomial.polynomial.polyfit(np.arange(3.0), y, 1)),
        lambda y: np.sum(np.polynomial.hermite_e.hermefit(np.arange(3.0), y, 1)),
    ],
)
def test_fits_of_series_name_what_has_a_derivative(f):
    assert "write np.polyfit(x, y, deg)" in message_of(RecordingError, cr.grad(f), np.array([1.0, 2.0, 4.0]))


def test_solvers_that_are_stepped_name_what_has_a_derivative():
    for f in (decay, stepped):
        assert "write scipy.integrate.solve_ivp(" in message_of(RecordingError, cr.grad(f), 1.5)
    told = message_of(RecordingError, cr.grad(lambda y0: decay(0.5, y0)), np.array([1.0, 2.0]))
    assert told.startswith("scipy.integrate.ode does not take recorded arrays")


@pytest.mark.parametrize("convert", [json.dumps, Decimal, lambda x: json.dumps({"loss": [x]})])
def test_what_takes_pythons_numbers_only_tells_how_to_give_one(convert):
    def loss(x):
        convert(x * x)
        return x * x

    with pytest.raises(TypeError) as caught:
        cr.grad(loss)(1.5)
    assert "give x.value" in "".join(caught.value.__notes__)


def test_asarray_chkfinite_refuses_what_numpy_refuses_compiled_too():
    f = cr.value_and_grad(lambda x: np.sum(np.asarray_chkfinite(x) ** 2))
    compiled = cr.compile(f)
    for _ in range(3):
        value, gradient = compiled(np.array([1.0, 2.0]))
        assert value == 5.0
        np.testing.assert_array_equal(gradient, [2.0, 4.0])
    for g in (f, compiled):
        with pytest.raises(ValueError, match="must not contain infs or NaNs"):
            g(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="must not contain infs or NaNs"):
        cr.grad(lambda x: np.sum(np.asarray_chkfinite([x[0], x[1]])))(np.array([1.0, np.inf]))


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (lambda x: (x + 0j).view(float), r"x.view\(float64\) .* write np.stack\(\[x.real, x.imag\], axis=-1\)"),
        (lambda x: x.view(complex), r"write x\[..., ::2\] \+ 1j \* x\[..., 1::2\]"),
        (lambda x: x.view(np.int64), r"write x.astype\(dtype\), which converts the numbers"),
        (lambda x: x.view(np.recarray), r"cannot be a recarray; leave out .view\(recarray\)"),
    ],
)
def test_a_view_as_another_dtype_or_class_says_what_to_write(view, message):
    with pytest.raises(cr.errors.RecordingError, match=message):
        cr.grad(lambda x: np.sum(np.abs(view(x))))(np.ones(4))


def test_a_view_as_an_ndarray_is_a_view():
    def f(x):
        y = x.copy()
        y.view(np.ndarray)[0] = x[1] ** 2
        return np.sum(y.view(type=np.ndarray))

    np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, 3.0])), [0.0, 7.0])
