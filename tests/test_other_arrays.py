"""NumPy code on arrays of JAX and PyTorch: what is derived from it, shown of it, and the errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import RecordingError
from chainrule.libraries import jax_in_double_precision

RNG = np.random.default_rng(3)
X, W = RNG.normal(size=(3, 2)), RNG.normal(size=2)
MAKE = {
    "jax": lambda x: jnp.asarray(x, dtype="float32"),
    "jax bfloat16": lambda x: jnp.asarray(x, dtype="bfloat16"),
    "torch": torch.tensor,
    "torch float16": lambda x: torch.tensor(x, dtype=torch.float16),
    "torch bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
}
each = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def loss(w, x):
    h = np.tanh(x @ w)
    return np.sum(h**2)


def numbers(x):
    return np.asarray(x.double() if isinstance(x, torch.Tensor) else x, dtype=float)


def close(found, expected, atol=2e-2):
    np.testing.assert_allclose(numbers(found), expected, rtol=5e-2, atol=atol)


@each
def test_transforms_keep_library_and_dtype(make):
    w, x = make(W), make(X)
    tangent = cr.jvp(lambda w: np.tanh(x @ w), (w,), (w,))[1]
    found = [
        (cr.grad(loss)(w, x), cr.grad(loss)(W, X)),
        (cr.hessian(loss)(w, x), cr.hessian(loss)(W, X)),
        (tangent, cr.jvp(lambda w: np.tanh(X @ w), (W,), (W,))[1]),
        (cr.jacobian(lambda w: np.tanh(x @ w))(w), cr.jacobian(lambda w: np.tanh(X @ w))(W)),
        (cr.vmap(lambda x: loss(w, x))(x), cr.vmap(lambda x: loss(W, x))(X)),
        (cr.vmap(cr.grad(loss), (None, 0))(w, x), cr.vmap(cr.grad(loss), (None, 0))(W, X)),
        (cr.grad(lambda w: cr.checkpoint(loss)(w, x))(w), cr.grad(loss)(W, X)),
    ]
    for value, expected in found:
        assert type(value) is type(w)
        assert value.dtype == w.dtype
        close(value, expected, atol=0.1 if value.dtype.itemsize == 2 else 1e-5)  # as JAX's own are off in bfloat16


@each
def test_explain_check_and_code(make):
    w, x = make(W), make(X)
    explanation = cr.explain(loss)(w, x)
    assert "tanh" in str(explanation)
    assert cr.check(loss)(w, x).ok
    assert "def loss_forward(" in explanation.code("numpy")


@each
def test_minima_and_sparse_matrices_are_numpys(make):
    result = cr.minimize(lambda w, x: loss(w, x) + np.sum((w - 1.0) ** 2), make(W), (make(X),))
    close(result.x, cr.minimize(lambda w: loss(w, X) + np.sum((w - 1.0) ** 2), W).x)
    assert type(result.x) is np.ndarray
    if make(W).dtype != torch.float16:  # of which SciPy has no sparse matrices
        close(cr.sparse_jacobian(lambda w: w**2)(make(W)).diagonal(), 2 * W)


def test_a_function_of_pytorch_is_still_explained_as_one():
    f = lambda x: torch.tanh(x).sum() * np.pi  # noqa: E731
    assert cr.check(f)(torch.tensor(X)).ok
    assert cr.check(lambda x: x.tanh().sum())(torch.tensor(X)).ok


def test_compile_says_what_to_write():
    with pytest.raises(RecordingError, match=r"takes NumPy's arrays; give it np\.asarray\(x\)"):
        cr.compile(loss)(torch.tensor(W), torch.tensor(X))
    with pytest.raises(RecordingError, match=r'cr\.compile\(f, engine="jax"\)'):
        cr.compile(loss)(jnp.asarray(W), jnp.asarray(X))


def test_shapes_and_dtypes_of_a_recorded_tensor_are_numpys():
    seen = {}

    def f(x):
        seen.update(dtype=x.dtype, size=np.size(x), shape=np.shape(x), complex=np.iscomplexobj(x))
        out = np.zeros(3, x.dtype)
        for i in range(3):
            out[i] = x[i] @ x[i] * np.finfo(x.dtype).max ** 0
        return np.sum(out.astype(x.dtype))

    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    cr.to_torch(f)(x).backward()
    assert seen == {"dtype": np.dtype("float32"), "size": 6, "shape": (3, 2), "complex": False}
    np.testing.assert_allclose(x.grad, 2 * X, rtol=1e-6)


# Devices. A "meta" tensor has no numbers, and PyTorch refuses to mix it with one on the CPU.

ON_A_DEVICE = {
    "constants": lambda x: np.sum(np.tanh(x @ W) * np.arange(3.0)),
    "buffers": lambda x: np.sum(np.stack([x[i] * i for i in range(3)])),
    "indices": lambda x: np.sum(x[[0, 2]] * x[:2, ::-1]),
    "einsum": lambda x: np.einsum("ij,j->", x, W),
    "no influence": lambda x: np.sum(np.sign(x)),
    "convolution": lambda x: np.sum(np.convolve(x[:, 0], x[0])),
    "identity": lambda x: np.trace(x.T @ x + np.eye(2)),
    "fourier": lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2),
}


@pytest.mark.parametrize("f", ON_A_DEVICE.values(), ids=ON_A_DEVICE)
def test_what_rules_make_is_on_the_device_of_the_operands(f):
    x = torch.empty(3, 2, device="meta", dtype=torch.float64)
    for gradient in (cr.grad(f)(x), torch.func.grad(cr.to_torch(f))(x)):
        assert gradient.device.type == "meta"
        assert gradient.shape == x.shape
        assert gradient.dtype == x.dtype


def test_jacobians_on_the_device_of_the_operands():
    x = torch.empty(3, 2, device="meta", dtype=torch.float32)
    jacobian = cr.jacobian(lambda x: np.tanh(x @ W))(x)
    assert (jacobian.device.type, tuple(jacobian.shape), jacobian.dtype) == ("meta", (3, 3, 2), torch.float32)
    hessian = cr.hessian(lambda x: np.sum(np.exp(x) @ W))(x)
    assert (hessian.device.type, tuple(hessian.shape)) == ("meta", (3, 2, 3, 2))


# Under the transforms of the other library


UNDER_TRANSFORMS = {
    "logarithms": lambda x: np.sum(np.log(x) + np.sqrt(x)),
    "a sorted vector": lambda x: np.sum(np.sort(x) * np.arange(3)),
    "cholesky": lambda x: np.sum(np.linalg.cholesky(np.outer(x, x) + np.eye(3))),
    "eigenvalues": lambda x: np.linalg.eigvalsh(np.outer(x, x) + np.diag(np.arange(3.0)))[0],
    "singular values": lambda x: np.linalg.svd(np.stack([x, x**2]))[1][0],
    "cross-entropy": lambda x: cr.softmax_cross_entropy(x, 1),
}


@pytest.mark.parametrize("f", UNDER_TRANSFORMS.values(), ids=UNDER_TRANSFORMS)
def test_our_gradient_under_jit_and_vmap(f):
    x = np.array([0.4, 1.7, 0.9])
    with jax_in_double_precision():
        for transformed in (jax.jit(cr.grad(f)), lambda x: jax.vmap(cr.grad(f))(x[None])[0]):
            np.testing.assert_allclose(transformed(x), cr.grad(f)(x), rtol=1e-10, atol=1e-14)
    each_row = torch.vmap(cr.grad(f))(torch.tensor(np.stack([x, 2 * x])))
    np.testing.assert_allclose(each_row, [cr.grad(f)(x), cr.grad(f)(2 * x)], rtol=1e-10, atol=1e-14)


# Classes that are registered with JAX, as Equinox's modules are


@jax.tree_util.register_pytree_node_class
class Linear:
    def __init__(self, w, b, name):
        self.w, self.b, self.name = w, b, name

    def tree_flatten(self):
        return (self.w, self.b), self.name

    @classmethod
    def tree_unflatten(cls, name, leaves):
        return cls(*leaves, name)


def test_a_class_that_is_registered_with_jax_is_a_tree():
    model, x = Linear(np.ones((2, 2)), np.zeros(2), "first"), np.array([0.5, -0.2])

    def f(model, x, xp=np):
        return xp.sum(xp.tanh(x @ model.w + model.b) ** 2)

    with jax_in_double_precision():
        expected = jax.grad(lambda model: f(model, x, jnp))(model)
        borrowed = cr.from_jax(lambda model, x: f(model, x, jnp))
        for gradient in (cr.grad(f)(model, x), cr.grad(borrowed)(model, x), jax.jit(jax.grad(cr.to_jax(f)))(model, x)):
            assert type(gradient) is Linear
            assert gradient.name == "first"
            np.testing.assert_allclose(gradient.w, expected.w, rtol=1e-12)
            np.testing.assert_allclose(gradient.b, expected.b, rtol=1e-12)
