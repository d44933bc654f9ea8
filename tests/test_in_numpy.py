"""What PyTorch and JAX lack is computed by NumPy, as a step of theirs that they differentiate to all orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.special as sp
import torch

import chainrule as cr
from chainrule.errors import BlockError, RecordingError

X = np.array([0.4, 0.9, 1.7])
A = np.array([[2.0, 0.3], [0.5, 1.5]])

FUNCTIONS = {  # of each the first and the second derivative, from tables
    "a Bessel function": (
        lambda x: sp.jv(1.5, x),
        lambda x: sp.jvp(1.5, x),
        lambda x: sp.jvp(1.5, x, 2),
    ),
    "the gamma function": (
        sp.gamma,
        lambda x: sp.gamma(x) * sp.digamma(x),
        lambda x: sp.gamma(x) * (sp.digamma(x) ** 2 + sp.polygamma(1, x)),
    ),
    "an integral": (sp.exp1, lambda x: -np.exp(-x) / x, lambda x: np.exp(-x) * (1 / x + 1 / x**2)),
    "an elliptic integral": (
        lambda x: sp.ellipk(x / 2),
        lambda x: (sp.ellipe(x / 2) / (1 - x / 2) - sp.ellipk(x / 2)) / (2 * x),
        None,
    ),
    "one that the library has without a derivative": (
        lambda x: sp.gammainc(2.0, x),
        lambda x: x * np.exp(-x),
        lambda x: (1 - x) * np.exp(-x),
    ),
}
every_function = pytest.mark.parametrize(("f", "slope", "curvature"), FUNCTIONS.values(), ids=FUNCTIONS)

pytestmark = pytest.mark.usefixtures("jax_in_double_precision")


def close(found, expected, rtol=1e-11):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=1e-13)


def total(f):
    return lambda x: np.sum(f(x))


@every_function
def test_pytorch_differentiates_what_numpy_computes(f, slope, curvature):
    lifted, x = cr.to_torch(total(f)), torch.tensor(X, requires_grad=True)
    value = lifted(x)
    close(value.detach(), np.sum(f(X)))
    (gradient,) = torch.autograd.grad(value, x, create_graph=True)
    close(gradient.detach(), slope(X))
    close(torch.func.grad(lifted)(x.detach()), slope(X))
    close(torch.func.jacfwd(lifted)(x.detach()), slope(X))
    if curvature is not None:
        close(torch.autograd.grad(gradient.sum(), x)[0], curvature(X), rtol=1e-9)
        close(torch.func.hessian(lifted)(x.detach()), np.diag(curvature(X)), rtol=1e-9)


@every_function
def test_jax_differentiates_what_numpy_computes(f, slope, curvature):
    lifted, x = cr.to_jax(total(f)), jnp.asarray(X)
    value, gradient = jax.jit(jax.value_and_grad(lifted))(x)
    close(value, np.sum(f(X)))
    close(gradient, slope(X))
    close(jax.jacfwd(lifted)(x), slope(X))
    close(jax.vmap(jax.grad(cr.to_jax(f)))(x), slope(X))
    if curvature is not None:
        close(jax.jit(jax.hessian(lifted))(x), np.diag(curvature(X)), rtol=1e-9)


@every_function
@pytest.mark.parametrize("make", [torch.tensor, jnp.asarray], ids=["PyTorch", "JAX"])
def test_cr_grad_differentiates_them_too(make, f, slope, curvature):
    x = make(X)
    gradient = cr.grad(total(f))(x)
    assert type(gradient) is type(x)
    close(gradient, slope(X))
    if curvature is not None:
        close(cr.grad(lambda x: np.sum(cr.grad(total(f))(x)))(x), curvature(X), rtol=1e-9)


def test_samples_of_a_batch():
    each = torch.vmap(torch.func.grad(cr.to_torch(lambda x: sp.jv(1.5, x))))(torch.tensor(X))
    close(each, sp.jvp(1.5, X))
    rows = torch.vmap(cr.to_torch(lambda a, x: sp.gammainc(a, x)), in_dims=(None, 0))(
        torch.tensor(2.0).double(), torch.tensor(X)
    )
    close(rows, sp.gammainc(2.0, X))


@pytest.mark.parametrize("f", [cr.sqrtm, cr.logm, scipy.linalg.sqrtm], ids=["sqrtm", "logm", "scipy's sqrtm"])
def test_gradients_of_matrix_functions_match_differences(f):
    def loss(a):
        return np.sum(f(a) * np.array([[1.0, 2.0], [3.0, 4.0]]))

    steps = 1e-6 * np.eye(4).reshape(4, 2, 2)
    expected = np.array([(loss(A + h) - loss(A - h)) / 2e-6 for h in steps]).reshape(2, 2)
    x = torch.tensor(A, requires_grad=True)
    cr.to_torch(loss)(x).backward()
    close(x.grad, expected, rtol=1e-8)
    close(jax.jit(jax.grad(cr.to_jax(loss)))(A), expected, rtol=1e-8)
    curvature = jax.jacrev(jax.grad(cr.to_jax(loss)))(jnp.asarray(A))
    close(torch.func.jacrev(torch.func.grad(cr.to_torch(loss)))(torch.tensor(A)), curvature, rtol=1e-9)
    close(curvature, np.swapaxes(np.asarray(curvature).reshape(4, 4), 0, 1).reshape(2, 2, 2, 2), rtol=1e-9)


def test_a_loop_of_jax_takes_it():
    def step(state, x):
        return state + sp.jv(0.5, x), sp.gamma(x)

    last, seen = jax.lax.scan(cr.to_jax(step), jnp.float64(0.0), jnp.asarray(X))
    close(last, np.sum(sp.jv(0.5, X)))
    close(seen, sp.gamma(X))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_dtype_is_kept(dtype):
    rtol = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    f = total(lambda x: sp.jv(1.5, x))
    x = torch.tensor(X, dtype=getattr(torch, dtype))
    for value in (cr.grad(f)(x), torch.func.grad(cr.to_torch(f))(x)):
        assert value.dtype == x.dtype
        close(value.double(), sp.jvp(1.5, X), rtol=rtol)
    x = jnp.asarray(X, dtype=dtype)
    for value in (cr.grad(f)(x), jax.jit(jax.grad(cr.to_jax(f)))(x)):
        assert value.dtype == x.dtype
        close(value.astype(float), sp.jvp(1.5, X), rtol=rtol)


def test_complex_results_and_operands():
    def loss(x):
        z = sp.hankel1(0.5, x)
        return np.sum(np.real(z) ** 2 + 3 * np.imag(z))

    expected = [(loss(X + h) - loss(X - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    x = torch.tensor(X, requires_grad=True)
    cr.to_torch(loss)(x).backward()
    close(x.grad, expected, rtol=1e-8)
    close(jax.grad(cr.to_jax(loss))(X), expected, rtol=1e-8)

    def of_complex(z):
        return np.real(np.sum(sp.wofz(z) * np.array([1.0, 2j, -1.0])))

    z = X + 0.3j
    gradient = cr.grad(of_complex)(z)  # ∂L/∂Re z + i ∂L/∂Im z, as in PyTorch; JAX has the conjugate
    steps = 1e-6 * np.eye(3)
    real = [(of_complex(z + h) - of_complex(z - h)) / 2e-6 for h in steps]
    imaginary = [(of_complex(z + 1j * h) - of_complex(z - 1j * h)) / 2e-6 for h in steps]
    close(gradient, np.array(real) + 1j * np.array(imaginary), rtol=1e-7)
    x = torch.tensor(z, requires_grad=True)
    cr.to_torch(of_complex)(x).backward()
    close(x.grad, gradient)
    close(np.conj(jax.grad(cr.to_jax(of_complex))(z)), gradient)


def test_tensors_on_another_device_are_an_error_that_names_it():
    x = torch.ones(3, device="meta")
    with pytest.raises(RecordingError, match=r"block jv .*torch.*device meta: give it x\.cpu\(\)"):
        cr.grad(total(lambda x: sp.jv(1.5, x)))(x)


def test_an_error_of_numpy_is_that_of_numpy():
    f = lambda x: np.sum(sp.jv(np.ones(2), x))  # noqa: E731
    with pytest.raises(ValueError, match="broadcast") as told:
        f(X)
    for x in (torch.tensor(X), jnp.asarray(X)):
        with pytest.raises(BlockError, match="broadcast"):
            cr.grad(f)(x)
    assert told


def test_a_users_block_written_in_numpy():
    @cr.block
    def cubed(x):
        return np.ascontiguousarray(x) ** 3

    @cubed.backward
    def cubed_backward(dz, z, x):
        return 3 * np.ascontiguousarray(x) ** 2 * dz

    x = torch.tensor(X, requires_grad=True)
    cr.to_torch(total(cubed))(x).backward()
    close(x.grad, 3 * X**2)
    close(jax.jit(jax.grad(cr.to_jax(total(cubed))))(X), 3 * X**2)
