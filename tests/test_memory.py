"""What is written to afterwards: the user's own arrays and lists, views and copies, the results of a backward pass."""

import itertools

import array_api_strict
import jax
import numpy as np
import pytest
import scipy.special
import torch
from tests.sweeps import bytes as order_of_bytes
from tests.sweeps import libraries, views, writes

import chainrule as cr
from catalogue import CASES
from chainrule.block import BLOCKS
from chainrule.errors import ChainruleError, RecordingError
from chainrule.libraries import as_numpy

# Arrays and lists of the user --------------------------------------------------------------------------------------


@pytest.mark.parametrize("only_arrays", [False, True], ids=["as they are", "arrays for lists"])
@pytest.mark.parametrize("case", CASES[::5], ids=lambda case: case.name)
def test_what_is_overwritten_after_its_use_does_not_change_the_gradient(case, only_arrays):
    for told, f, xs in writes.runs(case):
        assert writes.fault(f, xs, writes.User(only_arrays)) in ("", "refused"), told


def counted(x):
    places = np.array([0, 0, 1])
    y = np.bincount(places, weights=x)
    places[:] = 1
    return y


def picked(x):
    i, mask = np.array([0, 2, 2]), np.array([True, False, True])
    y = x[i] + np.sum(x[mask])
    i[:], mask[:] = 0, True
    return y


def weighted(x):
    weight, label = np.array([1.0, 2.0, 3.0]), np.array([0, 2])
    y = cr.softmax_cross_entropy(np.stack([x, 2 * x]), label, weight=weight)
    weight[:], label[:] = 0, 0
    return y


def added(x):
    i = [0, 0, 1]
    y = np.zeros_like(x)
    np.add.at(y, i, x)
    i[:] = [2, 2, 2]
    return y * x


def of_lists(x):
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    y = rows @ x
    rows[0][:] = [0.0, 0.0, 0.0]
    return y


@pytest.mark.parametrize("f", [counted, picked, weighted, added, of_lists])
@pytest.mark.parametrize("way", [lambda f: f, cr.compile], ids=["recorded", "compiled"])
def test_a_later_write_to_an_index_a_weight_a_label_or_a_list_does_not_change_the_gradient(f, way):
    x = np.array([1.0, 2.0, 4.0])
    expected = f(x)
    dz = np.arange(1.0, 1 + np.size(expected))
    gradient = way(cr.grad(lambda x: np.sum(dz * f(x))))
    step = 1e-6 * np.eye(3)
    by_differences = [np.sum(dz * (f(x + e) - f(x - e))) / 2e-6 for e in step]
    for _ in range(2):
        np.testing.assert_allclose(gradient(x), by_differences, rtol=1e-6)


def test_an_array_that_was_locked_when_it_was_used_may_be_written_to_afterwards():
    b = np.array([5.0, 6.0, 7.0])
    other_name = b[:]
    b.flags.writeable = False
    _, pullback = cr.vjp(lambda x: x * b, np.ones(3))
    other_name[:] = 0
    np.testing.assert_array_equal(pullback(np.ones(3))[0], [5, 6, 7])


# Views and copies --------------------------------------------------------------------------------------------------

SOME = list(itertools.islice(views.cases(), 100, None, 1301))


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.name)
def test_a_view_is_a_view_and_a_copy_a_copy(case):
    with np.errstate(all="ignore"):
        expected = case.numpys()
        for way in views.WAYS:
            assert views.outcome(case, way, expected) in ("right", "refused", "refused as in NumPy")


@pytest.mark.parametrize("order", ["A", "K", "k"])
@pytest.mark.parametrize("way", [lambda f, x: f(cr.variable(x)).value, lambda f, x: cr.compile(f)(x)])
def test_ravel_in_the_order_of_memory_is_a_view(order, way):
    def f(x):
        z = x * x
        y = np.ravel(z, order=order)
        y[0] = 5 * y[0]
        return z

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(way(f, x), f(x))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(x), [[10, 4], [6, 8]])


def test_astype_lays_the_entries_in_the_order_that_is_asked_for():
    def f(x):
        return x.astype(np.float64, order="F").ravel("K")

    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(f(cr.variable(x)).value, f(x))


def test_an_order_that_numpy_refuses_is_refused():
    with pytest.raises(ValueError, match="not permitted for reshaping"):
        np.reshape(cr.variable(np.ones((2, 3))), 6, order="K")
    with pytest.raises(ValueError, match="order must be one of"):
        cr.variable(np.ones((2, 3))).ravel("X")
    with pytest.raises(ChainruleError, match='write "C" or "F"'):
        np.ravel(cr.variable(np.ones((2, 3)))[:, ::2], order="K")


# Bytes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", order_of_bytes.WAYS.values(), ids=order_of_bytes.WAYS)
@pytest.mark.parametrize("case", CASES[::11], ids=lambda case: case.name)
def test_the_order_of_bytes_and_their_address_do_not_matter(case, way):
    assert order_of_bytes.fault(case, way) == ""


@pytest.mark.parametrize("function", [cr.expm, cr.logm, cr.sqrtm])
def test_functions_of_matrices_do_not_misread_bytes_in_the_other_order(function):
    x = np.array([[2.0, 0.5], [0.25, 3.0]])
    np.testing.assert_array_equal(function(order_of_bytes.swapped(x)), function(x))
    gradients = [cr.grad(lambda x: np.sum(function(x)))(y) for y in (x, order_of_bytes.swapped(x))]
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-14)


def test_complex_numbers_in_the_other_byte_order_keep_their_imaginary_part():
    v = cr.variable(np.array([1 + 2j]).astype(">c16"))
    v *= 2
    assert v.dtype == np.dtype(">c16")
    np.testing.assert_array_equal(v.value, [2 + 4j])


# Arrays of other libraries -----------------------------------------------------------------------------------------

SHOWN = [block for block in BLOCKS.values() if block.example and block.differentiable]
MUTABLE = {"torch": torch.asarray, "strict": array_api_strict.asarray}


@pytest.mark.parametrize("library", libraries.LIBRARIES)
@pytest.mark.parametrize("block", SHOWN[::7], ids=lambda block: block.name)
def test_a_block_is_right_on_arrays_of_another_library_or_names_it(block, library):
    with jax.enable_x64(True):
        told = libraries.outcome(block, library)
    assert told == "right" or (told.startswith("refused:") and library in told), told


@pytest.mark.parametrize("function", [np.rad2deg, np.deg2rad, lambda x: scipy.special.fresnel(x)[0]])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_single_precision_of_another_library_is_recognised(function, library):
    x = np.linspace(0.5, 60, 50, dtype=np.float32)
    value, pullback = cr.vjp(function, libraries.LIBRARIES[library](x))
    exact = cr.vjp(function, x.astype(np.float64))
    for found, expected in [(value, exact[0]), (pullback(value)[0], exact[1](np.float64(value))[0])]:
        assert as_numpy(found).dtype == np.float32
        np.testing.assert_allclose(as_numpy(found), expected, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_logm_of_a_matrix_without_a_basis_of_eigenvectors(library):
    with jax.enable_x64(True):
        x, dz = (
            libraries.LIBRARIES[library](np.array(m)) for m in ([[2.0, 1.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]])
        )
        z, pullback = cr.vjp(cr.logm, x)
        np.testing.assert_allclose(np.asarray(z), [[np.log(2), 0.5], [0, np.log(2)]], atol=1e-15)
        inverse = np.linalg.inv([[2.0, 1.0], [0.0, 2.0]])  # of the trace of log x, which is log det x
        np.testing.assert_allclose(np.asarray(pullback(dz)[0]), inverse.T, atol=1e-14)


def test_what_scipy_computes_is_an_error_for_any_other_library():
    with pytest.raises(RecordingError, match=r"logm .* arrays of array_api_strict \(SciPy computes it"):
        cr.vjp(cr.logm, libraries.LIBRARIES["strict"](np.eye(2)))


@pytest.mark.parametrize("make", MUTABLE.values(), ids=MUTABLE)
def test_arrays_of_another_library_may_be_written_to_afterwards(make):
    x, b, seed = (make(np.array(entries)) for entries in ([1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [1.0, 1.0, 1.0]))
    value, pullback = cr.vjp(lambda x: x * b + x, x)
    for array in (x, b, value, pullback(seed)[0]):
        array[...] = 0
    np.testing.assert_array_equal(np.asarray(seed), np.ones(3))
    np.testing.assert_array_equal(np.asarray(pullback(seed)[0]), [6, 7, 8])


def test_what_may_be_a_view_in_another_library_is_not_used_after_a_write():
    def part(x):
        x = x * 1
        y = x[:2]
        y += 1
        return x

    def flat(x):
        x = x * 1
        y = x.reshape(3, 1)
        y += 1
        return x

    for f, x in ((part, array_api_strict.ones(3)), (flat, array_api_strict.ones(3)), (flat, torch.ones(3))):
        with pytest.raises(RecordingError, match="may share the memory"):
            cr.vjp(f, x)
    np.testing.assert_array_equal(cr.vjp(part, torch.ones(3))[0], [2, 2, 1])  # PyTorch has views as NumPy


def test_an_array_that_cannot_change_is_not_changed_by_an_update_in_place():
    def f(x):
        y = x
        y += 1
        return x * y

    x = jax.numpy.asarray([1.0, 2.0])
    value, pullback = cr.vjp(f, x)
    np.testing.assert_array_equal(np.asarray(value), np.asarray(f(x)))
    np.testing.assert_array_equal(np.asarray(pullback(value * 0 + 1)[0]), [3, 5])


@pytest.mark.parametrize("make", MUTABLE.values(), ids=MUTABLE)
def test_an_entry_of_another_library_is_written(make):
    def f(x):
        x = x * 1
        x[0] = 5
        return x * x

    value, pullback = cr.vjp(f, make(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(np.asarray(value), [25, 4])
    np.testing.assert_array_equal(np.asarray(pullback(make(np.ones(2)))[0]), [0, 4])
