"""NumPy code on arrays of JAX and PyTorch means what it means on NumPy's: writes through views, indices, triangles."""

import math
import numbers

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import ChainruleError

M = np.array([[3.5, 1.2, 2.0], [0.3, 3.8, 1.1], [1.4, 0.6, 3.9]])
B = np.arange(1.0, 10.0).reshape(3, 3)
LIBRARIES = {"jax": jnp.asarray, "torch": lambda x: torch.tensor(np.array(x))}

pytestmark = pytest.mark.usefixtures("jax_in_double_precision")


def by_a_transpose(x):
    y = x.copy()
    y.T[0] = y[1]
    return y


def by_a_row(x):
    y = x.copy()
    row = y[1]
    row += x[0]
    row[0] *= 2
    return y


def by_another_name(x):
    y = x * 1
    z = y
    z += 1
    return y * z


def by_rows_of_a_loop(x):
    y = x.copy()
    a, b, c = y
    a[:] = b
    b += c
    return y


def by_a_split(x):
    y = x.copy()
    upper, lower = np.split(y, [1])
    upper += lower[0]
    lower[1] = upper[0]
    return y


def swapped_rows(x):
    y = x.copy()
    y[0], y[1] = y[1], y[0]
    return y


def by_a_slice_backwards(x):
    y = x.copy()
    z = y[::-1, 1:]
    z *= 2
    z[0, 0] = x[0, 0]
    return y


def in_a_list_twice(x):
    rows = [x.copy()] * 2
    rows[0][0] = 1
    rows[1] *= 2
    return rows[0]


def into_out(x):
    y = np.zeros_like(x)
    np.multiply(x, x, out=y)
    np.sin(y[0], out=y[1])
    return y


def by_iterating(x):
    y = x.copy()
    for v in np.nditer(y, op_flags=["readwrite"]):
        v[...] = v * v
    return y


def by_an_entry(x):
    y = x.copy()
    entry = y[0, ..., 0]
    entry[...] = 4 * x[1, 1]
    return y


def numbers_are_not_changed(x):
    s = x.sum()
    t = s
    t += 1
    return x * s * t


def added_at_places(x):
    y = x.copy()
    np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[0])
    return y


PROGRAMS = {
    **{f.__name__: f for f in (by_a_transpose, by_a_row, by_another_name, by_rows_of_a_loop, by_a_split, swapped_rows)},
    **{f.__name__: f for f in (by_a_slice_backwards, in_a_list_twice, into_out, by_iterating, by_an_entry)},
    **{f.__name__: f for f in (numbers_are_not_changed, added_at_places)},
    "where": lambda x: x[np.where(x > 1)] * 2,
    "nonzero": lambda x: x[np.nonzero(x > 1)] * 2,
    "argwhere": lambda x: x[tuple(np.argwhere(x > 1).T)] * 2,
    "trim_zeros": lambda x: np.trim_zeros(np.where(x > 1.9, x, 0)[0]),
    "unique": lambda x: np.unique(x),
    "compress": lambda x: np.compress(x[0] > 1.9, x, axis=1),
    "linspace": lambda x: np.linspace(x[0, 0], x[1, 1], 3),
    "histogram": lambda x: np.histogram(x, 3, weights=x)[0],
    "average": lambda x: np.average(x, axis=0, weights=x[0]),
    "cholesky of another triangle": lambda x: np.linalg.cholesky(x),
    "eigvalsh of another triangle": lambda x: np.linalg.eigvalsh(x),
    "eigvalsh of the upper triangle": lambda x: np.linalg.eigvalsh(x, UPLO="U"),
    "cholesky of a symmetric matrix": lambda x: np.linalg.cholesky(x @ x.T),
    "eigvalsh of a symmetric matrix": lambda x: np.linalg.eigvalsh(x @ x.T),
}


def loss_of(f):
    def loss(x):
        y = f(x)
        return np.sum(y**2 * np.arange(1.0, 1 + y.size).reshape(y.shape))

    return loss


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient_are_those_of_numpys_arrays(name, library):
    loss = loss_of(PROGRAMS[name])
    value, gradient = cr.value_and_grad(loss)(M)
    assert value == loss(M)
    differences = [(loss(M + h) - loss(M - h)) / 2e-6 for h in np.eye(9).reshape(9, 3, 3) * 1e-6]
    np.testing.assert_allclose(np.ravel(gradient), differences, rtol=1e-6, atol=1e-6)
    found, slopes = cr.value_and_grad(loss)(LIBRARIES[library](M))
    np.testing.assert_allclose(np.asarray(found), value, rtol=1e-13)
    np.testing.assert_allclose(np.asarray(slopes), gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["by_another_name", "by_a_split", "by_iterating", "nonzero", "eigvalsh of another triangle"]
)
def test_jax_compiles_it(name):
    loss = loss_of(PROGRAMS[name])
    value, gradient = jax.jit(jax.value_and_grad(cr.to_jax(loss)))(jnp.asarray(M))
    np.testing.assert_allclose(value, loss(M), rtol=1e-13)
    np.testing.assert_allclose(gradient, cr.grad(loss)(M), rtol=1e-11, atol=1e-12)


def of_types(x):
    entry = x[0, 0]
    if not isinstance(x, np.ndarray) or not isinstance(entry, float) or hasattr(entry, "__len__"):
        return x * 0
    match entry:
        case numbers.Real() if np.isscalar(entry):
            return x * round(entry)
    return x


def outside(x):
    try:
        return x[:, 3]
    except IndexError:
        y = x.copy()
    try:
        y[[0, 3]] = 0
    except IndexError:
        return y * 2
    return y


def beyond_a_domain(x):
    try:
        return x * math.sqrt(-x[0, 0])
    except ValueError:
        return x * math.hypot(x[0, 0], x[0, 1])


def steps(x):
    return x // 0.5 * x + np.linalg.lstsq(x, x[0])[0]


@pytest.mark.parametrize("f", [of_types, outside, beyond_a_domain, steps], ids=lambda f: f.__name__)
def test_branches_and_errors_are_numpys(f):
    loss = loss_of(f)
    value, gradient = cr.value_and_grad(loss)(M)
    assert value == loss(M)
    for make in LIBRARIES.values():
        found, slopes = cr.value_and_grad(loss)(make(M))
        np.testing.assert_allclose(np.asarray(found), value, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(slopes), gradient, rtol=1e-9, atol=1e-10)
    found, slopes = jax.jit(jax.value_and_grad(cr.to_jax(loss)))(jnp.asarray(M))
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-9, atol=1e-10)
    x = torch.tensor(M, requires_grad=True)
    cr.to_torch(loss)(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-9, atol=1e-10)


def reshaped(x):
    y = x.copy()
    entries = y.reshape(9)
    entries[::2] += 1
    return y * entries[4]


def test_what_may_be_a_view_or_a_copy_is_an_error_or_computed_by_numpy():
    """Whether a reshape is a view depends on an order in memory that JAX's arrays do not have."""
    loss = loss_of(reshaped)
    with pytest.raises(ChainruleError, match="take it again after the write"):
        cr.grad(loss)(jnp.asarray(M))
    value, gradient = jax.jit(jax.value_and_grad(cr.to_jax(loss)))(jnp.asarray(M))
    np.testing.assert_allclose(value, loss(M), rtol=1e-14)
    np.testing.assert_allclose(gradient, cr.grad(loss)(M), rtol=1e-13)


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_order_in_memory_of_another_library_is_not_guessed(library):
    x = LIBRARIES[library](M)
    with pytest.raises(ChainruleError, match='order="K" of an array that may lie in either order'):
        cr.grad(lambda x: x.T.ravel(order="K") @ np.arange(9.0))(x)
    slopes = cr.grad(lambda x: x.ravel(order="K") @ np.arange(9.0))(x)
    np.testing.assert_array_equal(np.asarray(slopes), np.arange(9.0).reshape(3, 3))


def test_an_error_of_a_tensor_has_its_shape_and_not_its_numbers():
    with pytest.raises(ChainruleError, match=r"inputs of shape \(3, 3\) and \(2,\)"):
        cr.grad(lambda x: np.sum(x * np.ones(2)))(torch.tensor(M))


def test_recorded_numbers_in_aux_become_plain_arrays():
    _, aux = cr.grad(lambda x: (np.sum(x), np.r_[x[0], 1.0]), has_aux=True)(M)
    assert aux.dtype == float
    np.testing.assert_array_equal(aux, [*M[0], 1.0])
