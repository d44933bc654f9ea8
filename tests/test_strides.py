"""Strides of recorded arrays, and the views that programs make of them with `as_strided`."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import chainrule as cr
from chainrule.errors import RecordingError

X = np.random.default_rng(0).normal(size=(4, 6))


def windows(x):
    row = x[1]
    n = row.shape[0] - 2
    return as_strided(row, shape=(n, 3), strides=row.strides * 2)


def patches(x):
    s = x.strides
    return np.lib.stride_tricks.as_strided(x, (3, 4, 2, 3), s + s)


def toeplitz(x):
    both = np.concatenate([x[0, :0:-1], x[0]])
    n = both.strides[0]
    return as_strided(both[5:], (6, 6), (-n, n))


def of_a_transpose(x):
    t = x.T[1:]
    return as_strided(t, (2, 4), (2 * t.strides[0], t.strides[1]))


def in_fortrans_order(x):
    f = np.asfortranarray(x)
    return as_strided(f, (5, 4), (f.strides[1], f.strides[0]))


def of_a_buffer(x):
    padded = np.zeros(8)
    padded[1:7] = x[0]
    return as_strided(padded, (6, 3), padded.strides * 2)


def by_sizes(x):
    n = x.itemsize
    return as_strided(x * 2, (2, 5), (12 * n, n))


def backwards(x):
    y = x[0][::-1]
    return as_strided(y, (3,), (2 * y.strides[0],))


def written_into(x):
    y = x * 1
    as_strided(y, (4,), (7 * y.itemsize,))[:] = x[0, :4] ** 2
    return y


FUNCTIONS = [
    *(windows, patches, toeplitz, of_a_transpose, in_fortrans_order),
    *(of_a_buffer, by_sizes, backwards, written_into),
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_strided_has_numpys_entries_and_their_gradients(f):
    """Every entry of these functions is linear in x, or a square of an entry."""
    values, pull = cr.vjp(f, X)
    np.testing.assert_array_equal(values, f(X.copy()))
    weights = np.random.default_rng(1).normal(size=values.shape)
    loss = lambda x: np.sum(weights * f(x))  # noqa: E731
    expected = [
        (loss(X + 1e-3 * step.reshape(X.shape)) - loss(X - 1e-3 * step.reshape(X.shape))) / 2e-3
        for step in np.eye(X.size)
    ]
    np.testing.assert_allclose(pull(weights)[0].ravel(), expected, atol=1e-10)
    compiled = cr.compile(cr.grad(loss))
    for _ in range(2):
        np.testing.assert_allclose(compiled(X), pull(weights)[0], atol=1e-13)


@pytest.mark.parametrize("take", [lambda x: x, lambda x: x[1:, ::2], lambda x: x.T, lambda x: x[:, 3], np.copy])
def test_strides_are_numpys(take):
    found = []
    cr.grad(lambda x: (found.append(take(x).strides), np.sum(x))[1])(X)
    assert found == [take(X.copy()).strides]


BEYOND = {
    "too many": lambda x: as_strided(x, (25,), (8,)),
    "before the first": lambda x: as_strided(x, (2,), (-8,)),
    "between two entries": lambda x: as_strided(x, (2,), (4,)),
}


@pytest.mark.parametrize("name", BEYOND)
def test_reading_what_is_no_entry_is_an_error(name):
    with pytest.raises(RecordingError, match="reads beyond the entries"):
        cr.grad(lambda x: np.sum(BEYOND[name](x)))(X)


def test_strides_that_are_not_known_say_what_to_write():
    """The recorded copy of an argument with gaps has shorter ones."""
    with pytest.raises(RecordingError, match=r"sliding_window_view\(x, n\)"):
        cr.grad(lambda x: np.sum(as_strided(x, (2,), x.strides[-1:])))(X[:, ::3])
