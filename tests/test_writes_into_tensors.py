"""Code that writes into arrays, given tensors: what NumPy's views and copies are, those of tensors are too."""

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")

X = np.arange(1.0, 7.0).reshape(2, 3)


def shifted(w):
    z = w.copy()
    z[0] = w[1] * 2
    z[1:] += w[0]
    return z


def by_a_transpose(w):
    z = w.copy()
    z.T[0] *= w[1, 0]
    z[:, 0] += 1
    return z


def by_a_row(w):
    z = w.copy()
    row = z[0]
    row += w[1]
    row *= 2
    return z


def by_indices(w):
    z = w.copy()
    z[[0]] -= w[1]
    z[z > 3] = w[0, 0]
    return z


def by_a_new_axis(w):
    z = w.copy()
    z[None][0, 1] += w[0]
    return z


def read_after_a_write(w):
    z = w.copy()
    row, column = z[0], z[:, 1]
    z[0] = 0.0
    return z.sum() + row + column.sum()


def by_parts(w):
    z = w + 0.0
    z[0, 1:] /= w[1, 1:]
    z[..., 1] -= 2
    z[1, ...] = z[0]
    return z


def taken_before(w):
    z = w.copy()
    taken = z[[1, 0]]
    z[0] = 0.0
    return taken * z


WRITES = [shifted, by_a_transpose, by_a_row, by_indices, by_a_new_axis, read_after_a_write, by_parts, taken_before]


@pytest.mark.parametrize("f", WRITES, ids=lambda f: f.__name__)
def test_writes_have_the_gradient_of_numpys_arrays(f):
    loss = cr.value_and_grad(lambda w: (f(w) ** 2).sum())
    wanted, gradient = loss(X)
    value, found = loss(torch.tensor(X))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(float(value), wanted, rtol=1e-14)
    np.testing.assert_allclose(found.numpy(), gradient, rtol=1e-14)
    x = torch.tensor(X, requires_grad=True)
    cr.to_torch(lambda w: (f(w) ** 2).sum())(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), gradient, rtol=1e-14)


def test_a_number_of_a_tensor_is_not_used_after_a_write():
    """x[0, 0] is a number in NumPy, and shares memory in PyTorch."""

    def loss(w):
        z = w.copy()
        number = z[0, 0]
        z[0] = 0.0
        return number * z.sum()

    with pytest.raises(cr.errors.RecordingError, match="take it again after the write"):
        cr.grad(loss)(torch.tensor(X))
