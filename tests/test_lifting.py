"""Plain NumPy code under JAX's and PyTorch's own transforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import torch

import chainrule as cr

RNG = np.random.default_rng(4)
W = RNG.normal(size=(3, 2))
X = RNG.normal(size=(3, 3))
LABELS = np.array([1, 0, 1])


def written(x):
    out = np.zeros((3, 2))
    for i in range(3):
        out[i] = np.tanh(x[i] @ W)
        out[i, 0] = i * x[i, 0]
    return np.sum(out**2)


PROGRAMS = {
    "constants": lambda x: np.sum(np.tanh(x @ W + 1.0) ** 2 * np.arange(2)),
    "labels": lambda x: np.sum(cr.cross_entropy_loss(cr.softmax(x @ W), LABELS)),
    "buffers": written,
    "masks": lambda x: np.sum(np.where(x > 0, x, 0.1 * x) * np.arange(3)),
    "indices": lambda x: np.sum(x[[0, 2]] * x[:2, ::-1]),
    "einsum": lambda x: np.einsum("ij,jk->", x, W),
    "statistics": lambda x: np.mean((x - np.mean(x, axis=0)) ** 4 / np.std(x, axis=0) ** 2),
    "joined": lambda x: np.sum(np.concatenate([x, np.ones((3, 3))]) ** 3),
    "special": lambda x: np.sum(scipy.special.erf(x) * x),
    "linear algebra": lambda x: np.linalg.slogdet(x @ x.T + np.eye(3))[1],
}

pytestmark = pytest.mark.usefixtures("jax_in_double_precision")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_jax_compiles_and_differentiates_a_program(name, dtype):
    f, x = PROGRAMS[name], jnp.asarray(X, dtype=dtype)
    lifted = cr.to_jax(f)
    rtol = 1e-11 if dtype == "float64" else 1e-3
    value, gradient = jax.jit(jax.value_and_grad(lifted))(x)
    assert value.dtype == gradient.dtype == dtype
    np.testing.assert_allclose(value, f(X), rtol=rtol)
    np.testing.assert_allclose(gradient, cr.grad(f)(X), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", PROGRAMS)
def test_pytorch_differentiates_a_program(name, dtype):
    f, x = PROGRAMS[name], torch.tensor(X, dtype=dtype, requires_grad=True)
    rtol = 1e-11 if dtype == torch.float64 else 1e-3
    value = cr.to_torch(f)(x)
    value.backward()
    assert value.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(value.detach(), f(X), rtol=rtol)
    np.testing.assert_allclose(x.grad, cr.grad(f)(X), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", PROGRAMS)
def test_our_gradient_of_tensors_keeps_their_library_and_dtype(name):
    for x in (torch.tensor(X, dtype=torch.float32), jnp.asarray(X, dtype="float32")):
        gradient = cr.grad(PROGRAMS[name])(x)
        assert type(gradient) is type(x)
        assert gradient.dtype == x.dtype
        np.testing.assert_allclose(np.asarray(gradient), cr.grad(PROGRAMS[name])(X), rtol=1e-3, atol=1e-3)


def test_jax_transforms_compose():
    f = cr.to_jax(lambda w, x: np.sum(np.tanh(x @ w)) ** 2)
    w = jnp.asarray(W[:, 0])
    hessian = jax.jit(jax.hessian(f))(w, X)
    expected = cr.hessian(lambda w: np.sum(np.tanh(X @ w)) ** 2)(W[:, 0])
    np.testing.assert_allclose(hessian, expected, rtol=1e-10)
    each = jax.vmap(jax.grad(f), in_axes=(None, 0))(w, jnp.asarray(X)[:, None])
    np.testing.assert_allclose(each, cr.vmap(cr.grad(lambda w, x: np.tanh(x @ w) ** 2), (None, 0))(W[:, 0], X))
    step = cr.to_jax(lambda state, x: (np.sin(state) + x, state**2))
    last, seen = jax.lax.scan(step, jnp.float64(0.3), jnp.asarray(X[0]))
    state, kept = 0.3, []
    for x in X[0]:
        state, old = np.sin(state) + x, state**2
        kept.append(old)
    np.testing.assert_allclose(last, state, rtol=1e-12)
    np.testing.assert_allclose(seen, kept, rtol=1e-12)


def test_pytorch_transforms_compose():
    f = cr.to_torch(lambda w: np.sum(np.tanh(X @ w)) ** 2)
    hessian = torch.func.hessian(f)(torch.tensor(W[:, 0]))
    expected = cr.hessian(lambda w: np.sum(np.tanh(X @ w)) ** 2)(W[:, 0])
    np.testing.assert_allclose(hessian, expected, rtol=1e-10)


def test_trees_keywords_and_integers_pass_through():
    f = cr.to_torch(lambda p, n, scale: {"z": p["w"] * n, "s": scale * p["b"], "n": n})
    found = f({"w": torch.ones(2), "b": 2.0}, 3, scale=torch.tensor(4.0))
    assert torch.equal(found["z"], 3 * torch.ones(2))
    assert found["s"] == 8
    assert found["n"] == 3


def test_a_constant_result_is_of_the_library():
    assert isinstance(cr.to_torch(lambda x: np.float64(2.0))(torch.ones(2)), torch.Tensor)


# What cannot be traced -------------------------------------------------------------------------------------------


def branching(x):
    return np.sum(x**2) if x[0] > 0 else np.sum(x**3)


def solving(x):
    return scipy.optimize.brentq(lambda u: u**3 - x[0], 0.0, 5.0) * x[1]


def integrating(x):
    decay = scipy.integrate.solve_ivp(lambda t, y: -x[0] * y, (0, 1), [x[1]], rtol=1e-9, atol=1e-9)
    return decay.y[0, -1]


UNTRACEABLE = {  # with their gradients
    "a branch on values": (branching, lambda x: 2 * x),
    "a root": (solving, lambda x: np.array([x[1] * x[0] ** (-2 / 3) / 3, np.cbrt(x[0])])),
    "a differential equation": (integrating, lambda x: np.exp(-x[0]) * np.array([-x[1], 1.0])),
}
BATCH = np.array([[1.2, 2.5], [2.2, 0.5]])


@pytest.mark.parametrize(("f", "gradient"), UNTRACEABLE.values(), ids=UNTRACEABLE)
def test_what_cannot_be_traced_is_one_step_that_numpy_computes(f, gradient):
    expected = np.stack([gradient(x) for x in BATCH])
    by_jax, by_torch = jax.grad(cr.to_jax(f)), torch.func.grad(cr.to_torch(f))
    np.testing.assert_allclose(jax.jit(by_jax)(BATCH[0]), expected[0], rtol=1e-7)
    np.testing.assert_allclose(jax.vmap(by_jax)(BATCH), expected, rtol=1e-7)
    np.testing.assert_allclose(by_torch(torch.tensor(BATCH[0])), expected[0], rtol=1e-7)
    np.testing.assert_allclose(torch.vmap(by_torch)(torch.tensor(BATCH)), expected, rtol=1e-7)


def test_the_second_derivative_of_what_cannot_be_traced():
    x, y = BATCH[0]
    mixed = x ** (-2 / 3) / 3
    expected = [[-2 / 9 * y * x ** (-5 / 3), mixed], [mixed, 0.0]]
    np.testing.assert_allclose(jax.jacrev(jax.grad(cr.to_jax(solving)))(BATCH[0]), expected, rtol=1e-7)
    lifted = cr.to_torch(solving)
    np.testing.assert_allclose(torch.func.hessian(lifted)(torch.tensor(BATCH[0])), expected, rtol=1e-7, atol=1e-9)


def test_an_error_of_the_function_itself_is_raised():
    def refusing(x):
        raise KeyError("missing")

    for lifted, x in ((cr.to_jax(refusing), X), (cr.to_torch(refusing), torch.tensor(X))):
        with pytest.raises(KeyError, match="missing"):
            lifted(x)


def test_torch_compile_leaves_lifted_functions_as_they_are():
    f = torch.compile(cr.to_torch(lambda x: np.sum(np.sort(x) ** 3)), backend="eager")
    x = torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        (g,) = torch.autograd.grad(f(x), x)
        np.testing.assert_array_equal(g.numpy(), [27, 3, 12])


LENGTHS = {
    "norm": np.linalg.norm,
    "norms of rows": lambda x: np.sum(np.linalg.norm(x[:, None] * np.ones(2), axis=1)),
    "Frobenius": lambda x: np.linalg.norm(x[None]),
    "std": np.std,
    "nanstd": lambda x: np.nanstd(x),
    "hypot": lambda x: np.sum(np.hypot(x, 2 * x)),
    "hypot.reduce": lambda x: np.hypot.reduce(x),
    "abs of complex numbers": lambda x: np.sum(np.abs(x + 1j * x)),
}


@pytest.mark.parametrize("f", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("x", [[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]], ids=["zeros", "one zero"])
def test_lengths_that_are_zero_have_gradient_0_in_other_libraries_too(f, x):
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    cr.to_torch(f)(tensor).backward()
    expected = cr.grad(f)(np.array(x))
    np.testing.assert_allclose(tensor.grad, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(torch.func.grad(cr.to_torch(f))(tensor.detach()), expected, rtol=1e-12, atol=1e-15)
    found = jax.jit(jax.grad(cr.to_jax(f)))(np.array(x))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_a_nan_of_a_convolution_stays_where_numpy_has_it():
    """The zeros beyond the ends of one vector are not multiplied by a NaN of the other."""
    jax = pytest.importorskip("jax")
    x, y = np.zeros(3), np.array([np.nan, 1.0])
    wanted = np.convolve(x, y)
    assert list(np.isnan(wanted)) == [True, True, True, False]
    with jax.enable_x64(True):
        np.testing.assert_array_equal(cr.to_jax(np.convolve)(x, y), wanted)
        np.testing.assert_array_equal(cr.to_jax(np.convolve)(y, x), np.convolve(y, x))
    compiled = cr.compile(lambda y: cr.vjp(lambda y: np.convolve(np.zeros(3), y), y)[0])
    compiled(np.ones(2))
    np.testing.assert_array_equal(compiled(y), wanted)
