"""Arrays of dtype object: what NumPy makes of recorded arrays where its protocols do not ask."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from tests.sweeps import object_arrays

import chainrule as cr
from chainrule.array import Array
from chainrule.errors import RecordingError

X = np.array([0.3, 1.2, 2.5])
M = np.array([[0.3, 1.2], [2.5, 0.7]])


def rosenbrock_from_parts(x):
    a, b, c = x
    return np.sum(np.array([a * b, b * c, np.sin(c)]) * np.array([1.0, 2.0, 3.0]))


def jacobian_by_hand(x):
    rotation = np.array([[np.cos(x[0]), -np.sin(x[0])], [np.sin(x[0]), np.cos(x[0])]])
    return np.sum(rotation @ x[1:] * np.array([1.0, 2.0]))


PROGRAMS = {
    "an array of numbers": rosenbrock_from_parts,
    "a matrix of numbers": jacobian_by_hand,
    "asarray at the start": lambda x: np.sum(np.sin(np.asarray(x)) * np.asarray(x)),
    "asarray, then a recorded operation": lambda x: np.sum(np.asarray(x) * x),
    "a copy that is written into": lambda x: _write(np.array(x)),
    "r_": lambda x: np.sum(np.r_[x, x[0], 2.0] ** 2 * x[1]),
    "c_": lambda x: np.sum(np.c_[x, x**2] @ np.array([1.0, 2.0])),
    "a list to sum": lambda x: np.sum([x[0] ** 2, x[1] * x[2]]),
    "a list to max": lambda x: np.max([x[0], x[2] ** 2]),
    "a list to exp": lambda x: np.sum(np.exp([x[0], x[1]])),
    "a list to dot": lambda x: np.dot([x[0], x[1]], [x[1], x[2]]),
    "a list to a block": lambda x: cr.logsumexp([x[0], x[1] * 2, x[2]]),
    "a list written into a recorded array": lambda x: _assign(x),
    "a list beside a recorded array": lambda x: np.sum(x[:2] * [x[0], x[2]]),
    "a list to where": lambda x: np.sum(np.where([True, False], [x[0], x[1]], x[1:])),
    "a list to linalg": lambda x: np.sum(np.linalg.inv(np.stack([x[:2], x[1:]]))),
    "an array of vectors": lambda x: np.sum(np.array([x, 2 * x])[1] * x),
    "a matrix product": lambda x: np.sum(np.array([[x[0], x[1]], [x[2], x[0]]]) @ x[:2]),
    "a transposed object array": lambda x: np.sum(np.array([[x[0], x[1]], [x[2], x[0]]]).T @ x[:2]),
    "mean of an object array of vectors": lambda x: np.sum(np.array([x, x**2])) / 6,
    "a list to norm": lambda x: np.linalg.norm([x[0], x[1] * x[2]]),
    "a loop over an object array": lambda x: sum(v * v for v in np.asarray(x)),
    "integer powers and division": lambda x: np.sum((np.array([x[0], x[1]]) ** 2) / np.array([x[2], 2.0])),
    "fabs, hypot, arctan2": lambda x: np.sum(np.hypot([x[0]], [x[1]]) + np.arctan2([x[1]], [x[2]]) + np.fabs([x[0]])),
    "an object array filled in a loop": lambda x: np.sum(_filled(x)),
}


def _write(a):
    a[0] = a[1] * 3
    return np.sum(a * a)


def _assign(x):
    z = np.zeros_like(x)
    z[:2] = [x[1] * x[2], x[0]]
    return np.sum(z**2)


def _filled(x):
    out = np.empty(3, dtype=object)
    for i in range(3):
        out[i] = x[i] * x[-1]
    return out


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS)
def test_value_gradient_and_hessian_are_those_of_the_plain_code(f):
    value, gradient = cr.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-14)
    steps = 1e-6 * np.eye(3)
    np.testing.assert_allclose(gradient, [(f(X + h) - f(X - h)) / 2e-6 for h in steps], rtol=1e-7, atol=1e-8)
    rows = [(cr.grad(f)(X + h) - cr.grad(f)(X - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(cr.hessian(f)(X), rows, rtol=1e-6, atol=1e-6)


def test_a_returned_object_array_is_one_array():
    value, pullback = cr.vjp(lambda x: np.array([x[0] * x[1], x[2]]), X)
    assert value.dtype == np.float64
    np.testing.assert_array_equal(value, [X[0] * X[1], X[2]])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [X[1], X[0], 1.0])
    np.testing.assert_array_equal(cr.jacobian(lambda x: np.array([x[0], 2 * x[1], 1.0]))(X)[1], [0, 2, 0])


def test_an_array_taken_apart_and_put_together_is_the_same_array():
    x = cr.variable(M)
    made = np.add(np.asarray(x), np.zeros((2, 2)), dtype=object)
    z = cr.logsumexp(np.asarray(x))
    assert isinstance(made, np.ndarray)
    assert "stack" not in repr(z._node.inputs[0].block)


def test_float32_stays_float32():
    assert cr.grad(lambda x: np.sum(np.array([x[0] * x[1], x[2]]) * x[:2]))(X.astype(np.float32)).dtype == np.float32


def test_a_two_dimensional_array_keeps_its_shape():
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(np.asarray(x) @ x))(M), cr.grad(lambda x: np.sum(x @ x))(M))


def test_integers_and_stopped_gradients_are_plain():
    x = cr.variable(X)
    assert np.asarray(cr.stop_gradient(x)).dtype == np.float64
    assert np.asarray(np.argsort(x)).dtype.kind == "i"
    assert np.asarray(x > 1).dtype == bool


@pytest.mark.parametrize("function", [np.mean, np.std, np.var])
def test_a_list_of_recorded_numbers_is_one_array_for_functions_of_numpy(function):
    np.testing.assert_allclose(
        cr.grad(lambda x: np.std([x[0], 1.0]) + function([x[0], x[1]]))(X),
        cr.grad(lambda x: np.std(np.stack([x[0], 1.0])) + function(np.stack([x[0], x[1]])))(X),
    )


@pytest.mark.parametrize("function", [np.mean, np.std, np.var])
def test_what_numpy_itself_turns_into_plain_numbers_is_an_error_that_says_what_to_write(function):
    x = cr.variable(X)
    with pytest.raises((RecordingError, ValueError)) as caught:
        function([x[0], x[1]])
    told = caught.value if isinstance(caught.value, RecordingError) else caught.value.__cause__
    assert "np.stack" in str(told)
    function(np.stack([x[0], x[1]]))


# Where sharing memory would matter --------------------------------------------------------------------------------


def test_asarray_of_an_array_is_the_array():
    def written(x):
        a = np.asarray(x)
        a[0] = 0.0
        return np.sum(x)

    def read(x):
        a = np.asarray(x)
        x[0] = 5.0
        return np.sum(a * x)

    np.testing.assert_array_equal(cr.grad(written)(X), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(cr.grad(read)(X), [0.0, 2 * X[1], 2 * X[2]])


def test_a_write_into_what_asarray_shares_is_an_error():
    a = np.asarray(cr.variable(X))
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 0.0


def test_what_asarray_shares_is_stale_after_a_write():
    x = cr.variable(X)
    a = np.asarray(x)
    x[0] = 5.0
    with pytest.raises(RecordingError, match="written to"):
        np.sum(a * x)


def test_a_copy_is_not_stale_after_a_write():
    def f(x):
        a = np.array(x)
        x[0] = 5.0
        return np.sum(a * x)

    np.testing.assert_allclose(cr.grad(f)(X), [5.0, 2 * X[1], 2 * X[2]])


@pytest.mark.parametrize("dtype", [float, np.float32, complex])
def test_an_array_of_another_dtype_is_an_error_that_says_what_to_write(dtype):
    x = cr.variable(X)
    for make in (lambda: np.array([x[0], x[1]], dtype=dtype), lambda: np.asarray(x, dtype=dtype)):
        with pytest.raises((RecordingError, ValueError, TypeError)) as caught:
            make()
        told = caught.value if isinstance(caught.value, RecordingError) else caught.value.__cause__
        assert "np.stack" in str(told)


def test_an_array_of_integers_is_plain_since_a_cast_to_integers_is_a_step():
    x = cr.variable(X)
    for made, plain in ((np.array([x[0], x[1]], dtype=int), X[:2]), (np.asarray(x, dtype=int), X)):
        assert made.dtype == int
        np.testing.assert_array_equal(made, plain.astype(int))


def test_methods_that_numpy_calls_on_entries_exist_and_others_do_not():
    x = cr.variable(0.5)
    assert type(x.exp()) is Array
    assert float(x.sqrt().value) == np.sqrt(0.5)
    with pytest.raises(AttributeError, match="no attribute 'softmax'"):
        x.softmax()


# out=, where= and dtype= of ufuncs ---------------------------------------------------------------------------------


def test_out_may_be_a_recorded_array():
    def f(x):
        z = np.zeros_like(x)
        assert np.multiply(x, x, out=z) is z
        np.exp(z, z)
        np.add(z, x, out=(z,))
        return np.sum(z)

    np.testing.assert_allclose(cr.grad(f)(X), 2 * X * np.exp(X**2) + 1)


def test_out_of_a_reduction_and_of_concatenate_may_be_a_recorded_array():
    def f(x):
        z = np.zeros_like(x, shape=())
        np.sum(x * x, out=z)
        both = np.zeros_like(x, shape=(6,))
        np.concatenate([x, x], out=both)
        return z + np.sum(both)

    np.testing.assert_allclose(cr.grad(f)(X), 2 * X + 2)


def test_where_of_a_ufunc_leaves_the_rest_of_out_as_it_was():
    def f(x):
        return np.sum(np.log(x, out=x * 10, where=x > 1) * np.array([1.0, 2.0, 3.0]))

    np.testing.assert_allclose(cr.grad(f)(X), [10.0, 2 / X[1], 3 / X[2]])
    np.testing.assert_allclose(cr.grad(f)(np.array([0.0, 1.2, 2.5])), [10.0, 2 / 1.2, 3 / 2.5])


def test_where_without_out_is_an_error_for_it_leaves_entries_undefined():
    with pytest.raises(RecordingError, match="out="):
        cr.grad(lambda x: np.sum(np.log(x, where=x > 1)))(X)


def test_out_that_is_a_plain_array_is_an_error():
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(np.exp(x, out=np.zeros(3))))(X), np.exp(X))
    with pytest.raises(RecordingError, match=r"out= of numpy\.exp"):
        cr.grad(lambda x: np.sum(np.exp(x, out=pickle.loads(pickle.dumps(np.zeros(3))))))(X)


def test_dtype_of_a_ufunc_is_that_of_the_computation():
    value, gradient = cr.value_and_grad(lambda x: np.sum(np.exp(x, dtype=np.float32)))(X)
    assert value.dtype == np.float32
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, np.exp(X), rtol=1e-6)


# C code of SciPy that moves the bytes of any dtype --------------------------------------------------------------------

MOVING_BYTES = """
import gc, sys
import numpy as np, chainrule as cr
from chainrule.errors import GradientError, RecordingError
from scipy.ndimage import distance_transform_cdt
from scipy.spatial.distance import squareform
D = np.ones((3, 3)) - np.eye(3)
functions = [squareform, distance_transform_cdt]  # no name reaches them
for i, x in [(0, np.arange(3.0)), (0, D), (1, np.eye(3))]:
    function = functions[i]
    try:
        cr.grad(lambda x: np.sum(sys.modules[function.__module__].__dict__[function.__name__](x)))(x)
    except RecordingError as error:
        assert function.__name__ in str(error) and "write" in str(error), error
    except GradientError as error:
        assert function is distance_transform_cdt and "floating type" in str(error), error  # it gives integers
    else:
        raise AssertionError(function)
    gc.collect()
"""


def test_functions_of_scipy_that_copy_objects_uncounted_are_refused():
    """They crashed the interpreter, so they are called in another."""
    assert subprocess.run([sys.executable, "-c", MOVING_BYTES]).returncode == 0


def test_the_distances_that_squareform_arranges_can_be_written():
    def f(x):
        D = np.zeros_like(x, shape=(3, 3))
        D[np.triu_indices(3, 1)] = x
        D = D + D.T
        return np.sum(D * np.arange(9.0).reshape(3, 3)), D

    x = np.array([1.0, 2.0, 5.0])
    np.testing.assert_array_equal(f(cr.variable(x))[1].value, squareform(x))
    np.testing.assert_array_equal(cr.grad(lambda x: f(x)[0])(x), [4.0, 8.0, 12.0])


# Every function of NumPy ------------------------------------------------------------------------------------------


def test_functions_of_object_arrays_are_right_or_say_what_to_write():
    wrong, count = object_arrays.sweep(every=9)
    assert not wrong
    assert count > 1000


READS = ["np.array([t, 2j]).imag", "np.r_[t, 2j].real", "np.array((t, c)).imag", "np.angle(np.array([t, c]))"]


@pytest.mark.parametrize("read", READS)
def test_parts_of_recorded_numbers_beside_a_complex_one_are_right_or_refused(read):
    """NumPy asks no object for its parts: its imaginary parts are 0."""
    f = eval(f"lambda t: np.sum({read}) * t", {"np": np, "c": 2j})
    t = cr.variable(3.0)  # without a function NumPy itself makes the array
    with pytest.raises(RecordingError, match=r"wrong real and imaginary parts.*np.stack"):
        f(t)
    stacked = read.replace("array", "stack").replace("r_[t, 2j]", "stack([t, 2j])")
    value, gradient = cr.value_and_grad(eval(f"lambda t: np.sum({stacked}) * t", {"np": np, "c": 2j}))(3.0)
    assert value == f(3.0)
    assert gradient == pytest.approx((f(3.0 + 1e-6) - f(3.0 - 1e-6)) / 2e-6)


def test_object_arrays_have_their_real_parts_where_no_number_is_complex():
    x = cr.variable(2.0)
    y = np.sum(np.real(np.array([x, x * x])))
    y.backward()
    assert (y.value, x.grad) == (6.0, 5.0)


@pytest.mark.parametrize("join", [np.array, np.stack])
def test_recorded_complex_numbers_are_joined_by_a_function_that_is_an_argument(join):
    def f(t, join):
        return np.sum(join([np.exp(1j * t), 2j * t]).imag) + t

    value, gradient = cr.value_and_grad(f)(0.5, join)
    np.testing.assert_allclose([value, gradient], [np.sin(0.5) + 1.5, np.cos(0.5) + 3])
    x = cr.variable(0.5)
    with pytest.raises(RecordingError, match=r"join the numbers with np.stack"):
        f(x, np.array)  # without a function NumPy itself makes the array
