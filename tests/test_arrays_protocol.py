"""Recorded arrays behave as NumPy's: operators, views and updates in place.

Each function below is plain NumPy code. It is run once on plain arrays, for the value, and once recorded; the gradient
is compared with finite differences of the plain run, so NumPy itself says what the code means.
"""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
import scipy.special
import torch

import chainrule as cr
from chainrule.array import Array
from chainrule.errors import BlockError, ChainruleError, RecordingError
from test_blocks import assert_close, finite_differences, random_like


def assert_as_numpy(f, *xs):
    """f may write into its arguments, so each run gets its own."""
    xs = [np.asarray(x, dtype=float) for x in xs]

    def of_copies(*xs):
        return np.array(f(*(x.copy() for x in xs)))

    expected = of_copies(*xs)
    value, pullback = cr.vjp(f, *xs)
    assert_close(value, expected)
    dz = random_like(expected)
    for grad, reference in zip(pullback(dz), finite_differences(of_copies, xs, dz), strict=True):
        assert_close(grad, reference, rtol=1e-6, atol=1e-8)


# Operators -------------------------------------------------------------------------------------------------------

OPERATORS = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x // y": lambda x, y: x // y + 0 * x,
    "x % y": lambda x, y: x % y,
    "x ** y": lambda x, y: x**y,
    "x @ y": lambda x, y: x @ y,
    "divmod": lambda x, y: divmod(x, y)[1],
    "-x": lambda x, y: -x * y,
    "+x": lambda x, y: +x * y,
    "abs": lambda x, y: abs(x - y),
    "a comparison selects": lambda x, y: np.where((x > y) & ~(x >= 3), x, y),
    "a comparison multiplies": lambda x, y: x * (x < y) + y * (x != y),
}
X, Y = np.array([1.3, 2.6, 3.7]), np.array([0.7, 3.1, 1.9])


@pytest.mark.parametrize("f", OPERATORS.values(), ids=OPERATORS)
def test_operators_are_numpys(f):
    assert_as_numpy(f, X, Y)


@pytest.mark.parametrize("other", [2, 2.5, np.float64(2.5), Y, Y.tolist(), np.array([1, 2, 3])], ids=repr)
@pytest.mark.parametrize("name", ["x + y", "x - y", "x * y", "x / y", "x % y"])
def test_operators_take_a_plain_operand_on_either_side(name, other):
    operate = OPERATORS[name]
    assert_as_numpy(lambda x: operate(x, other), X)
    assert_as_numpy(lambda x: operate(other, x), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_python_number_does_not_change_the_dtype(dtype):
    value, grad = cr.value_and_grad(lambda x: np.sum(2.5 * x**2 + 1 - x / 3))(X.astype(dtype))
    assert (value.dtype, grad.dtype) == (dtype, dtype)


def test_methods_are_numpys():
    assert_as_numpy(lambda x: x.sum() + x.mean() * x.max() - x.min() + x.std() * x.var() + x.prod(), X)
    assert_as_numpy(lambda x: x.reshape(3, 1).repeat(2, axis=1).T.ravel().cumsum().take([0, 5]), X)
    assert_as_numpy(lambda x: x.clip(1.5, 3.0).dot(x) + x.round() @ x.copy() + x.real.sum(), X)


def test_values_steer_control_flow():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 2 and x.shape == (3,) and x.ndim == 1 and x.size == 3:
                total += x[i] ** int(x[0])
        while total > 1:
            total = total / 2
        return total

    assert_as_numpy(f, X)


def test_a_recorded_integer_is_an_index():
    assert_as_numpy(lambda x: x[np.argmax(x)] * [10.0, 20.0, 30.0][np.argmin(x)], X)


# Updates in place ------------------------------------------------------------------------------------------------

M = np.arange(1.0, 7.0).reshape(2, 3)


def add_in_place(x, y):
    x += y
    return x * y


def all_in_place(x, y):
    x += y
    x -= 0.5
    x *= y
    x /= 2
    x **= 2
    x %= 7
    return x


def write_entry(x, y):
    x[1] = y[0]
    return x * x


def write_slice(x, y):
    x[1:] = y[:2] * 2
    return x * x


def write_everything(x, y):
    x[:] = y
    return x * x


def write_mask(x, y):
    x[x > 2] = y[0]
    return x * x


def write_integers_last_wins(x, y):
    x[[0, 0, 2]] = y
    return x * x


def write_itself_shifted(x, y):
    x[1:] = x[:-1]
    return x * y


def add_to_entry(x, y):
    x[0] += y[1]
    return x * x


def add_to_slice(x, y):
    x[::2] += y[:2]
    return x * x


def add_to_integers_counts_once(x, y):
    x[[0, 0, 1]] += y
    return x * x


def add_at_counts_each(x, y):
    np.add.at(x, [0, 0, 1], y)
    return x * x


def multiply_mask(x, y):
    x[y > 1] *= 3
    return x * x


def a_view_of_a_slice_writes_through(x, y):
    part = x[:2]
    part += y[1:]
    return x * x


def a_view_reads_its_own_update(x, y):
    part = x[:2]
    part *= y[:2]
    return part * part


def a_view_writes_an_entry_through(x, y):
    part = x[1:]
    part[0] = y[2]
    return x * x


def integers_pick_a_copy(x, y):
    part = x[[0, 1]]
    part += y[:2]
    return np.concatenate([x, part])


def integers_of_the_last_axis_pick_a_copy(x, y):
    part = np.reshape(x, (1, 3))[:, [0, 1]]
    part += y[:2]
    return x * np.sum(part)


def a_mask_picks_a_copy(x, y):
    part = x[y > 1]
    part *= 2
    return np.concatenate([x, part])


def a_copied_part_outlives_a_write(x, y):
    part = x[[0, 1]]
    x[0] = 5.0
    return np.concatenate([x, part * y[:2]])


def an_alias_sees_the_update(x, y):
    h = x
    h += y
    return x * h


def an_earlier_result_keeps_the_old_value(x, y):
    before = x * y
    x += 1
    return before * x


def a_copy_is_independent(x, y):
    kept = x.copy()
    x += y
    return kept * x


def a_deep_copy_is_independent_and_keeps_its_gradient(x, y):
    kept = copy.deepcopy(x) + copy.copy(y)
    x += y
    return kept * x


def a_number_is_never_changed(x, y):
    total = np.sum(x)
    first = total
    total += y[0]
    return first * total


def numbers_in_a_list_are_kept(x, y):
    total, history = x[0], []
    for i in range(3):
        total *= y[i]
        history.append(total)
    return np.stack(history)


def an_entry_is_a_number_not_a_view(x, y):
    entry = x[0]
    entry += y[0]
    return x * entry


def an_ellipsis_makes_an_entry_a_view(x, y):
    x[..., 1] *= y[1]
    entry = x[..., 0]
    entry += y[0]
    np.add.at(entry, ..., y[1])
    kept = entry.copy()
    alias = kept
    kept += 1
    return x * entry * alias


def a_new_axis_writes_through(x, y):
    x[None] += y
    part = x[None]
    part *= y
    return x * part


def a_flattened_array_is_a_copy(x, y):
    flat = x.flatten()
    flat += y
    x *= 2
    return x * flat


def a_copied_number_is_an_array(x, y):
    total = np.copy(np.sum(x))
    alias = total
    total += y[0]
    np.add.at(total, ..., y[1])
    return x * alias


def a_copied_number_stays_a_number_by_its_method(x, y):
    total = np.sum(x).copy()
    alias = total
    total += y[0]
    return x * alias * total


def squeezing_nothing_is_an_alias(x, y):
    z = x.squeeze()
    z += y
    return x * z


def a_positive_is_a_copy(x, y):
    kept = +x
    kept += y
    return x * kept


def a_taken_row_is_a_copy(x, y):
    rows = np.stack([x, y])
    row = np.take(rows, 0, axis=0)
    row *= y
    return rows * row


def a_product_of_tensors_is_new(x, y):
    z = np.tensordot(np.outer(x, y), y, axes=1)
    z += x
    return z


def a_rolled_array_is_new(x, y):
    z = np.roll(np.outer(x, y), 1)
    z += x
    return z


def rows_of_a_loop_write_through(x, y):
    rows = np.reshape(x, (3, 1)).copy()
    for row in rows:
        row *= y[0]
    return rows


def filled_buffer(x, y):
    out = x * 0
    for i in range(3):
        out[i] = x[i] * y[-1 - i]
    return out


def recurrence(x, y):
    out = x.copy()
    for i in range(1, 3):
        out[i] = out[i - 1] * y[i] + out[i]
    return out


# Views: what shares memory in NumPy reads and writes as if it did here


def a_view_sees_a_later_write(x, y):
    part = x[:2]
    x[0] = y[1]
    return part * part


def a_transpose_sees_a_later_update(x, y):
    turned = np.reshape(x, (1, 3)).T
    x += y
    return turned * turned


def a_broadcast_view_sees_a_later_update(x, y):
    rows = np.broadcast_to(x, (2, 3))
    x *= y
    return rows * rows


def a_diagonal_sees_a_later_update(x, y):
    m = np.outer(x, y)
    y = np.diagonal(m)
    m += 1
    return y * y


def an_einsum_view_sees_a_later_update(x, y):
    m = np.outer(x, y)
    turned = np.einsum("ij->ji", m)
    m[0] *= x
    return turned * turned


def a_view_of_a_view_sees_a_later_write(x, y):
    part = x[1:].reshape(2, 1)[:, 0]
    x[2] = y[0] * x[1]
    return part * part


def a_view_used_before_and_after_a_write(x, y):
    part = x[1:]
    before = part * 2
    x[1] = y[1] ** 2
    return before * part


def a_reshaped_view_writes_through(x, y):
    column = x.reshape(3, 1)
    column += y[:, None]
    return x * x


def a_transposed_view_writes_through(x, y):
    m = np.outer(x, y)
    m.T[0] = x
    m.T[1, 2] = y[0]
    return m * m


def a_twice_indexed_entry_is_written(x, y):
    m = np.outer(x, y)
    m[1][2] = y[0]
    m[0][1:][0] += x[2]
    m[2][...][:2] *= y[1:]
    return m * m


def a_view_of_a_view_writes_through(x, y):
    part = x[1:][:1]
    part += y[2]
    return x * x


def a_flat_view_writes_through(x, y):
    m = np.outer(x, y)
    m.ravel()[::2] = 1.0
    return m * m


def two_views_of_one_array_see_each_other(x, y):
    first, last = x[:2], x[1:]
    first[1] = y[0]
    last[0] *= 3
    first *= y[:2]
    return np.concatenate([x, first, last])


def an_ellipsis_entry_of_an_ellipsis_entry(x, y):
    entry = x[..., 0][...]
    x[0] = y[0] * 2
    entry += 1
    return x * entry


def a_mask_of_a_view_writes_through(x, y):
    part = x[1:]
    part[part > 3] = y[0]
    np.add.at(part, [0, 0], y[:2])
    return x * x


def a_row_kept_from_a_loop(x, y):
    m = np.outer(x, y)
    rows = list(m)
    m *= 2
    rows[0] -= y
    return m * m


def swapped_axes_write_through(x, y):
    m = np.outer(x, y).reshape(3, 3, 1)
    np.swapaxes(m, 0, 1)[0, :, 0] = x
    np.moveaxis(m, 2, 0)[0, 1] += y
    np.squeeze(m)[2, 2] = 0.5
    return m * m


def a_view_of_an_ellipsis_entry_writes_through(x, y):
    entry = x[..., 0]
    inner = entry[None]
    entry += y[0]
    inner *= 2
    return x * inner * entry


def an_entry_of_a_part_is_a_view_too(x, y):
    entry = x[1:][..., 0:1][..., 0]
    again = np.reshape(entry, (1, 1))
    x *= y
    again += 1
    return x * again[0] * entry


def windows_see_a_later_write(x, y):
    windows = np.lib.stride_tricks.sliding_window_view(x, 2)
    x *= y
    return np.sum(windows * windows, axis=-1)


def a_grid_of_views_sees_a_later_write(x, y):
    across, down = np.meshgrid(x, y, copy=False)
    x *= y
    return across * across + down


def a_copied_grid_does_not(x, y):
    across, down = np.meshgrid(x, y, sparse=True)
    x *= y
    return across * across + down


def the_real_part_sees_a_later_write(x, y):
    z = x + 1j * y
    part, other = z.real, np.imag(z)
    z *= 2 + 1j
    return part * part + other


def the_same_dtype_without_a_copy_is_an_alias(x, y):
    same = x.astype(x.dtype, copy=False)
    x *= y
    same += 1
    return x * same


def the_conjugate_of_real_numbers_is_an_alias(x, y):
    same = x.conj()
    x *= y
    same += 1
    return x * same


UPDATES = [
    a_view_of_an_ellipsis_entry_writes_through,
    an_entry_of_a_part_is_a_view_too,
    windows_see_a_later_write,
    a_grid_of_views_sees_a_later_write,
    a_copied_grid_does_not,
    the_real_part_sees_a_later_write,
    the_same_dtype_without_a_copy_is_an_alias,
    the_conjugate_of_real_numbers_is_an_alias,
    a_view_sees_a_later_write,
    a_transpose_sees_a_later_update,
    a_broadcast_view_sees_a_later_update,
    a_diagonal_sees_a_later_update,
    an_einsum_view_sees_a_later_update,
    a_view_of_a_view_sees_a_later_write,
    a_view_used_before_and_after_a_write,
    a_reshaped_view_writes_through,
    a_transposed_view_writes_through,
    a_twice_indexed_entry_is_written,
    a_view_of_a_view_writes_through,
    a_flat_view_writes_through,
    two_views_of_one_array_see_each_other,
    an_ellipsis_entry_of_an_ellipsis_entry,
    a_mask_of_a_view_writes_through,
    a_row_kept_from_a_loop,
    swapped_axes_write_through,
    add_in_place,
    all_in_place,
    write_entry,
    write_slice,
    write_everything,
    write_mask,
    write_integers_last_wins,
    write_itself_shifted,
    add_to_entry,
    add_to_slice,
    add_to_integers_counts_once,
    add_at_counts_each,
    multiply_mask,
    a_view_of_a_slice_writes_through,
    a_view_reads_its_own_update,
    a_view_writes_an_entry_through,
    integers_pick_a_copy,
    integers_of_the_last_axis_pick_a_copy,
    a_mask_picks_a_copy,
    a_copied_part_outlives_a_write,
    an_alias_sees_the_update,
    an_earlier_result_keeps_the_old_value,
    a_copy_is_independent,
    a_deep_copy_is_independent_and_keeps_its_gradient,
    a_number_is_never_changed,
    numbers_in_a_list_are_kept,
    an_entry_is_a_number_not_a_view,
    an_ellipsis_makes_an_entry_a_view,
    a_new_axis_writes_through,
    a_flattened_array_is_a_copy,
    a_copied_number_is_an_array,
    a_copied_number_stays_a_number_by_its_method,
    squeezing_nothing_is_an_alias,
    a_positive_is_a_copy,
    a_taken_row_is_a_copy,
    a_product_of_tensors_is_new,
    a_rolled_array_is_new,
    rows_of_a_loop_write_through,
    filled_buffer,
    recurrence,
]


@pytest.mark.parametrize("f", UPDATES, ids=lambda f: f.__name__)
def test_updates_in_place_mean_what_they_mean_in_numpy(f):
    assert_as_numpy(f, X, Y)


@pytest.mark.parametrize(
    "f",
    [add_in_place, write_entry, write_slice, write_mask, add_to_entry, add_to_slice, multiply_mask],
    ids=lambda f: f.__name__,
)
def test_updates_in_place_have_pytorchs_gradient(f):
    _, pullback = cr.vjp(f, X, Y)
    dz = random_like(X)
    inputs = [torch.tensor(a, requires_grad=True) for a in (X, Y)]
    expected = torch.autograd.grad(f(inputs[0].clone(), inputs[1]), inputs, torch.tensor(dz), materialize_grads=True)
    for grad, reference in zip(pullback(dz), expected, strict=True):
        assert_close(grad, reference.numpy())


def test_an_update_in_place_does_not_touch_the_callers_array():
    x = X.copy()
    cr.grad(lambda x, y: np.sum(add_in_place(x, y)))(x, Y)
    np.testing.assert_array_equal(x, X)


def test_a_plain_array_written_to_after_its_use_does_not_change_the_gradient():
    def f(x):
        c = np.array([1.0, 2.0, 3.0])
        y = np.sum(x * c)
        c *= 100
        return y

    np.testing.assert_array_equal(cr.grad(f)(X), [1.0, 2.0, 3.0])


def test_an_update_in_place_keeps_float32():
    def f(x):
        x += np.array([1.0, 2.0, 3.0])  # float64, as NumPy's own casting rule allows
        x[0] = 2.5
        return x

    value, pullback = cr.vjp(f, X.astype(np.float32))
    assert value.dtype == np.float32
    assert pullback(np.ones(3, np.float32))[0].dtype == np.float32


def test_a_number_broadcasts_into_a_part():
    assert_as_numpy(lambda x, v: _written(x, (slice(None), 1), v), M, 2.0)
    assert_as_numpy(lambda x, v: _written(x, ..., v), M, 2.0)
    assert_as_numpy(lambda x, v: _written(x, (), v), 3.0, 2.0)


def test_a_row_broadcasts_into_a_matrix():
    assert_as_numpy(lambda x, v: _written(x, slice(None), v), M, X)
    assert_as_numpy(lambda x, v: _written(x, (slice(None), [0, 2]), v), M, X[:2])


def _written(x, key, new):
    x[key] = new
    return x * 2


# What NumPy could do but would lose the gradient -----------------------------------------------------------------


def add_at_into_a_plain_array(x):
    out = pickle.loads(pickle.dumps(np.zeros(3)))
    np.add.at(out, [0, 1, 2], x)
    return np.sum(out)


def test_arrays_made_like_a_recorded_one_can_be_filled():
    def f(x):
        table = np.full((3, 2), 1.0, like=x)
        table[:, 0] = x
        return np.sum(np.prod(table, axis=0) * np.ones(2, like=x)) + np.sum(np.zeros(3, like=x) * x)

    np.testing.assert_allclose(cr.grad(f)(X), np.prod(X) / X)


def write_into_a_broadcast_view(x):
    y = np.broadcast_to(x, (2, 3))
    y += 1
    return np.sum(x)


def write_into_a_real_part(x):
    z = x * (1 + 2j)
    z.real += 1
    return np.sum(np.real(z * z))


# Where entries lie in memory decides whether NumPy's reshape is a view ----------------------------------------------


LAID_OUT = {
    "a copy of a transposed array": lambda x: x.T.copy(),
    "a copy in C order": lambda x: np.copy(x.T, order="C"),
    "a copy in Fortran's order": lambda x: x.copy("F"),
    "a turned copy": lambda x: np.rot90(x).copy(),
    "a copy of a broadcast view": lambda x: np.broadcast_to(x[0], (2, 3)).copy(),
    "a sum of transposed arrays": lambda x: x.T + x.T,
    "columns of object arrays": lambda x: np.c_[x.T, x.T],
}

MAYBE = {
    "entries taken": lambda x: np.take(x, [0, 1], axis=1),
    "a grid": lambda x: np.meshgrid(x[0], x[0])[0],
    "an einsum": lambda x: np.einsum("ij,kj->ik", x, x) + 1,
    "a padded array": lambda x: np.pad(x.T, 1),
    "a partition": lambda x: np.partition(x.T, 1, axis=0),
}
"""What is computed here in another way than in NumPy, so may lie in another order."""


def write_into_the_reshaped(make):
    def f(x):
        made = make(x)
        made.reshape(-1)[1] = 10 * x[0, 0]
        return np.sum(made)

    return f


def use_only_the_reshaped(make):
    def f(x):
        flat = make(x).reshape(-1)
        flat[1] = 10 * x[0, 0]
        return np.sum(flat)

    return f


M = np.array([[1.0, 2.5, 3.5], [4.0, 5.5, 7.0]])

LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "columns": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "rows": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "all backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "part": lambda x: np.pad(x, 1)[1:-1, 1:-1],
}


@pytest.mark.parametrize("make", LAID_OUT.values(), ids=LAID_OUT)
@pytest.mark.parametrize("use", [write_into_the_reshaped, use_only_the_reshaped])
def test_a_reshape_is_a_view_where_it_is_in_numpy(use, make):
    f = use(make)
    assert cr.value_and_grad(f)(M)[0] == f(M)


@pytest.mark.parametrize("make", MAYBE.values(), ids=MAYBE)
def test_a_reshape_that_may_be_a_view_may_not_be_used_beside_its_base(make):
    f = use_only_the_reshaped(make)
    assert cr.value_and_grad(f)(M)[0] == f(M)
    with pytest.raises(RecordingError, match="may share the memory"):
        cr.grad(write_into_the_reshaped(make))(M)


WAYS_IN = {
    "value_and_grad": lambda f, x: cr.value_and_grad(f)(x)[0],
    "variable": lambda f, x: f(cr.variable(x)).value,
    "compile": lambda f, x: cr.compile(f)(x),
}


@pytest.mark.parametrize("way", WAYS_IN.values(), ids=WAYS_IN)
@pytest.mark.parametrize("flatten", [lambda x: x.ravel(), lambda x: x.reshape(-1), np.ravel, lambda x: x.T.ravel("F")])
@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_a_copy_of_an_input_in_numpy_is_one_here(way, flatten, name):
    def f(x):
        y = flatten(x)
        y[...] = 0
        return np.sum(x)

    x = np.arange(12.0).reshape(3, 4)
    assert way(f, LAYOUTS[name](x.copy())) == f(LAYOUTS[name](x.copy()))


def test_a_compiled_function_takes_each_layout_as_numpy_does():
    def f(x):
        y = x.ravel()
        y *= 10
        return np.sum(x)

    compiled, x = cr.compile(f), np.arange(12.0).reshape(3, 4)
    for _ in range(3):
        for lay in LAYOUTS.values():
            assert compiled(lay(x.copy())) == f(lay(x.copy()))


@pytest.mark.parametrize("way", WAYS_IN.values(), ids=WAYS_IN)
def test_what_is_read_only_in_numpy_is_so_here(way):
    def add_in_place(x):
        x += 1
        return np.sum(x)

    def write_an_entry(x):
        x[1:][0] = 1.0
        return np.sum(x)

    def write_a_diagonal(x):
        np.diagonal(x)[...] = 0
        return np.sum(x)

    locked = np.ones((2, 2))
    locked.flags.writeable = False
    spread = np.broadcast_to(1.0, (2, 2))
    for f, x in itertools.product([add_in_place, write_an_entry, write_a_diagonal], [locked, spread]):
        with pytest.raises(ValueError, match="read-only"):
            f(x)
        with pytest.raises(BlockError, match="read-only"):
            way(f, x)
    with pytest.raises(BlockError, match="read-only"):
        way(write_a_diagonal, np.ones((2, 2)))


@pytest.mark.parametrize("n", [0, 3])
@pytest.mark.parametrize(
    "write",
    [
        lambda a, x: np.copyto(a, x),
        lambda a, x: np.copyto(a, x, where=False),
        lambda a, x: np.put(a, np.arange(a.size), x),
        lambda a, x: np.putmask(a, a < 1, x),
        lambda a, x: np.put_along_axis(a, np.arange(a.size), x, 0),
    ],
)
def test_numpys_functions_refuse_to_write_into_a_read_only_array_with_or_without_entries(write, n):
    locked = np.zeros(n)
    locked.flags.writeable = False

    def f(a, x):
        write(a, x)
        return np.sum(a)

    with pytest.raises(ValueError, match="read-only"):
        f(locked, np.ones(n))
    with pytest.raises(BlockError, match=r"read-only.*; write into a copy of it \(x.copy\(\)\)"):
        cr.grad(f, (0, 1))(locked, np.ones(n))


def test_a_recorded_number_cannot_be_written_into():
    def f(x):
        x[0][...] = 1.0
        return np.sum(x)

    with pytest.raises(RecordingError, match="number"):
        cr.grad(f)(np.ones(2))


COPIES = [np.block, lambda x: np.reshape(x, -1, copy=True), lambda x: x[::2].ravel()]


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_may_be_written_into(copy):
    def f(x):
        y = copy(x)
        y *= 10
        return np.sum(x) + 0 * np.sum(y)

    x = np.arange(4.0)
    value, gradient = cr.value_and_grad(f)(x)
    assert value == f(x.copy()) == 6
    np.testing.assert_array_equal(gradient, np.ones(4))


def test_full_of_a_recorded_array_has_its_own_memory():
    def f(x):
        y = np.full((2, 3), x, like=x)
        x *= 10
        y[0] = 0
        return np.sum(x) + np.sum(y)

    x = np.arange(3.0)
    value, gradient = cr.value_and_grad(f)(x)
    assert value == 33
    np.testing.assert_array_equal(gradient, [11, 11, 11])


def test_flat_reads_and_writes():
    def f(x):
        gram = x @ x.T
        gram.flat[::3] += x[0, 0]
        gram.flat[1] = 2 * gram.flat[2]
        return np.linalg.slogdet(gram)[1] + sum(gram.flat) + len(gram.flat)

    value, gradient = cr.value_and_grad(f)(M)
    np.testing.assert_allclose(value, f(M), rtol=1e-14)
    for at in np.ndindex(M.shape):
        h = np.zeros_like(M)
        h[at] = 1e-6
        np.testing.assert_allclose(gradient[at], (f(M + h) - f(M - h)) / 2e-6, rtol=1e-5, atol=1e-6)


def test_integers_written_into_round_and_have_no_gradient():
    def f(x):
        buffer = np.zeros_like(x, dtype=int)
        buffer[:] = 2 * x
        return np.sum(buffer) * 1.0

    assert f(M) == cr.value_and_grad(f)(M)[0]
    np.testing.assert_array_equal(cr.grad(f)(M), np.zeros_like(M))


def test_a_write_into_a_real_part_has_a_gradient():
    np.testing.assert_allclose(cr.grad(write_into_a_real_part)(X), 2 * (X + 1) - 8 * X)  # of (x + 1)² − (2x)²


def test_what_would_lose_a_gradient_is_an_error():
    with pytest.raises(RecordingError):
        cr.grad(add_at_into_a_plain_array)(X)


@pytest.mark.parametrize(
    "f", [lambda x: float(x[0]), lambda x: x[0].item(), lambda x: x.tolist()[0], lambda x: x.item(0)]
)
def test_numbers_of_python_stay_recorded(f):
    value, gradient = cr.value_and_grad(f)(X)
    assert value == X[0]
    assert type(value) is float
    np.testing.assert_array_equal(gradient, np.eye(len(X))[0])


def test_an_entry_written_into_a_plain_array_is_an_error():
    def f(x):
        out = pickle.loads(pickle.dumps(np.zeros(3)))
        out[0] = x[0]
        return np.sum(out)

    with pytest.raises(
        (RecordingError, ValueError)
    ) as caught:  # NumPy may wrap what `__float__` raises in a ValueError
        cr.grad(f)(X)
    told = caught.value if isinstance(caught.value, RecordingError) else caught.value.__cause__
    assert "would lose the gradient" in str(told)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: _written(x, 0, [1.0, 2.0]),
        lambda x: x.__iadd__(np.ones((2, 3))),
        lambda x: x[np.array([True, False])],
        lambda x: x[5],
        lambda x: x[0, 0],
        lambda x: x[[0.5]],
        lambda x: x["name"],
        write_into_a_broadcast_view,
        lambda x: np.add.at(x[0], ..., 1.0),
        lambda x: x + np.ones(2),
        lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: np.transpose(x, (0, 1)),
        lambda x: np.sum(x, axis=1),
        lambda x: np.sum(x, axis=(0, 0)),
    ],
)
def test_what_numpy_refuses_is_refused(f):
    with pytest.raises(Exception) as plain:  # noqa: PT011  (whatever NumPy raises)
        f(X.copy())
    kinds = tuple(kind for kind in (IndexError, ValueError, TypeError) if issubclass(plain.type, kind))
    with pytest.raises((*kinds, ChainruleError)):
        f(cr.variable(X))


def test_the_value_of_an_array_is_read_only():
    x = cr.variable(X)
    with pytest.raises(ValueError, match="read-only"):
        x.value[0] = 1.0


# Protocols -------------------------------------------------------------------------------------------------------


def test_a_ufunc_records_itself():
    z = np.multiply(X, cr.variable(Y))
    assert type(z) is Array
    np.testing.assert_array_equal(z.value, X * Y)


def test_scipys_ufuncs_record_themselves():
    special = pytest.importorskip("scipy.special")
    np.testing.assert_allclose(
        cr.grad(lambda x: np.sum(special.expit(x)))(X), cr.grad(lambda x: np.sum(cr.sigmoid(x)))(X)
    )


def test_code_for_the_array_api_records_itself():
    def mean_of_squares(x):
        xp = x.__array_namespace__()
        return xp.mean(xp.square(xp.asarray(x)))

    np.testing.assert_allclose(cr.grad(mean_of_squares)(X), 2 * X / 3)


def test_iteration_yields_recorded_rows():
    rows = list(cr.variable(M))
    assert [type(row) for row in rows] == [Array, Array]
    np.testing.assert_array_equal(rows[1].value, M[1])


def test_iteration_over_a_number_is_an_error_as_in_numpy():
    told = "object is not iterable"
    numbers = ((1.0, f"'float' {told}"), (np.float64(1.0), f"'float64' {told}"))
    for x, message in (*numbers, (np.array(1.0), "iteration over a 0-d array")):
        with pytest.raises(TypeError, match=message):
            iter(cr.variable(x))


def test_shape_dtype_and_size_are_numpys():
    x = cr.variable(M.astype(np.float32))
    assert (x.shape, x.dtype, x.ndim, x.size, len(x)) == ((2, 3), np.float32, 2, 6, 2)
    assert (x.nbytes, x.itemsize) == (24, 4)


def test_a_format_spec_reaches_the_value():
    assert f"{cr.variable(2.5):.2f}" == "2.50"


# Arrays made like a recorded one ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        np.zeros_like,
        np.empty_like,
        np.ones_like,
        lambda x: np.full_like(x, 2.0),
        lambda x: np.zeros(x.shape, like=x) if isinstance(x, cr.Array) else np.zeros(x.shape),
        lambda x: np.empty(3, like=x) if isinstance(x, cr.Array) else np.empty(3),
    ],
    ids=["zeros_like", "empty_like", "ones_like", "full_like", "zeros", "empty"],
)
def test_an_array_like_a_recorded_one_can_be_filled_in_a_loop(make):
    def f(x):
        out = make(x)
        for i in range(3):
            out[i] = x[i] ** 2 * x[0]
        return np.sum(out)

    x = np.array([2.0, 3.0, 5.0])
    value, gradient = cr.value_and_grad(f)(x)
    assert value == f(x) == 76
    np.testing.assert_array_equal(gradient, [3 * 4 + 9 + 25, 12, 20])


def test_an_array_like_a_recorded_one_has_no_gradient_itself():
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * np.ones_like(x)))(np.ones(2)), [1, 1])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.zeros_like(x)))(np.ones(2)), [0, 0])


@pytest.mark.parametrize(
    "key",
    [(None, 0, ..., [0, 0]), ([0, 1], ..., 1), (0, ..., [True, False, True]), (None, [1, 1], ..., [0, 0])],
    ids=str,
)
def test_an_ellipsis_that_stands_for_no_axis_separates_arrays_all_the_same(key):
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(cr.variable(x)[key].value, x[key])
    expected = np.zeros((2, 3))
    np.add.at(expected, key, 1.0)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x[key]))(x), expected)

    def written(x):
        y = x * 1.0
        y[key] = np.arange(x[key].size, dtype=float).reshape(x[key].shape)
        return y

    np.testing.assert_array_equal(written(cr.variable(x)).value, written(x))


WHERE = np.array([True, False, True])


@pytest.mark.parametrize(
    "f",
    [
        lambda d: np.sum(d, dtype=np.int32),
        lambda d: np.prod(d, dtype=np.int32),
        lambda d: np.cumsum(d, dtype=np.int32),
        lambda d: np.mean(d, dtype=np.int64),
        lambda d: np.sum(d, dtype=np.int32, where=WHERE, initial=5),
        lambda d: np.sum(d, where=WHERE),
        lambda d: np.sum(d > 5, where=WHERE),
        lambda d: np.prod(d, where=WHERE),
        lambda d: np.max(d, where=WHERE, initial=-3),
        lambda d: np.min(d, where=WHERE, initial=2**62),
        lambda d: np.mean(d, where=WHERE),
        lambda d: np.var(np.astype(d, np.float32), where=WHERE),
        lambda d: np.std(d % 7, where=WHERE),
    ],
)
def test_reductions_of_integers_have_numpys_dtype(f):
    seen, d = [], np.array([2**53 + 1, 3, 2**31])

    def watch(x):
        seen.append(f(np.astype(x, np.int64) * 0 + d))
        return np.sum(x)

    cr.grad(watch)(np.ones(3))
    found, expected = seen[0].value, f(d)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("small", ["float32", "float16", "int32", "int8"])
@pytest.mark.parametrize(
    "f", [np.divide, np.power, np.hypot, np.arctan2, lambda x, c: c / x, lambda x, c: np.einsum("i,i->i", x, c)]
)
def test_derivatives_have_the_precision_of_the_result_where_operands_of_pytorch_have_another(f, small):
    torch = pytest.importorskip("torch")
    x, c = np.array([1.5, 0.7]), np.array([3.0, 7.0])

    def loss(c):
        return lambda x: np.sum(f(x, c))

    c_small = torch.tensor(c).to(getattr(torch, small))
    for derivative in (cr.grad, lambda f: cr.jacobian(cr.grad(f))):
        got = derivative(loss(c_small))(torch.tensor(x))
        np.testing.assert_allclose(got.numpy(), derivative(loss(c))(x), rtol=1e-14, atol=1e-15)


PLAIN = [np.array([-2.5, 0.5, -3.0]), np.array([-2, 1, 3]), -2.5, -3, np.float32(-1.5)]


@pytest.mark.parametrize("f", [np.power, scipy.special.xlogy, scipy.special.xlog1py, np.multiply, np.divide])
@pytest.mark.parametrize("plain", PLAIN, ids=str)
@pytest.mark.parametrize("which", [0, 1])
def test_plain_operands_are_complex_where_a_function_computes_with_complex_numbers(f, plain, which):
    """The logarithm of a negative number has a derivative's factor in it: it must not be taken of a real number."""
    x = np.array([0.3, 0.7, 1.2])

    def loss(x):
        z = f(x, plain, dtype=complex) if which == 0 else f(plain, x, dtype=complex)
        return np.sum(z.real) + 2 * np.sum(z.imag)

    expected = [(loss(x + 1e-6 * e) - loss(x - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    np.testing.assert_allclose(cr.grad(loss)(x), expected, rtol=1e-7, atol=1e-7)


def test_select_takes_its_conditions_and_choices_as_arrays():
    x = np.array([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]])
    conditions = np.array([[True, False, False], [True, True, False]])
    f = lambda x: np.select(conditions, x * x, default=x[0])  # noqa: E731
    np.testing.assert_array_equal(cr.jvp(f, (x,), (x,))[0], f(x))
    compiled = cr.compile(cr.grad(lambda x: np.sum(f(x) * [1.0, 2.0, 3.0])))
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), [[1.0, 0.0, 3.0], [0.0, 18.0, 0.0]])


def test_integers_found_out_from_recorded_values_are_added_to_plain_arrays():
    def f(x):
        counts = np.zeros(3, int)
        counts += np.argsort(x)
        np.add(counts, x > 1.5, out=counts)
        return np.sum(x * counts)

    x = np.array([1.0, 3.0, 2.0])
    compiled = cr.compile(f)
    for values in (x, x, x[::-1].copy(), x):
        assert f(values) == cr.value_and_grad(f)(values)[0] == compiled(values)
    np.testing.assert_array_equal(cr.grad(f)(x), [0.0, 3.0, 2.0])
