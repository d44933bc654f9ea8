"""Functions of PyTorch and JAX inside NumPy code, against the same function written in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import BlockError

RNG = np.random.default_rng(7)
X, W = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 2))


def in_numpy(x, w):
    return np.sum(np.tanh(x @ w), axis=1)


BORROWED = {
    "PyTorch": cr.from_torch(lambda x, w: torch.tanh(x @ w).sum(1)),
    "JAX": cr.from_jax(lambda x, w: jnp.tanh(x @ w).sum(1)),
    "jax.jit": cr.from_jax(jax.jit(lambda x, w: jnp.tanh(x @ w).sum(1))),
}
each_way = pytest.mark.parametrize("f", BORROWED.values(), ids=BORROWED)


def close(a, b, rtol=1e-12):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-13)


def loss(f):
    return lambda x, w: np.sum(f(np.sin(x), w) ** 2 * np.arange(3.0))


@each_way
def test_values_are_numpys_arrays_in_their_dtype(f):
    for dtype, rtol in (np.float64, 1e-14), (np.float32, 1e-6):
        z = f(X.astype(dtype), W.astype(dtype))
        assert type(z) is np.ndarray
        assert z.dtype == dtype
        close(z, in_numpy(X, W), rtol)
        assert cr.grad(loss(f))(X.astype(dtype), W.astype(dtype)).dtype == dtype


@each_way
def test_derivatives_of_first_and_second_order(f):
    for a, b in zip(cr.grad(loss(f), (0, 1))(X, W), cr.grad(loss(in_numpy), (0, 1))(X, W), strict=True):
        close(a, b)
    close(cr.hessian(loss(f))(X, W), cr.hessian(loss(in_numpy))(X, W))
    close(cr.jacobian(f)(X, W), cr.jacobian(in_numpy)(X, W))
    close(cr.jvp(lambda w: f(X, w), (W,), (W,))[1], cr.jvp(lambda w: in_numpy(X, w), (W,), (W,))[1])
    assert cr.check(loss(f))(X, W).ok


@each_way
def test_a_compiled_borrowed_function_has_numpys_gradient(f):
    compiled = cr.compile(cr.grad(loss(f)))
    for x in (X, X + 1, X):
        close(compiled(x, W), cr.grad(loss(in_numpy))(x, W))


@pytest.mark.parametrize("x64", [False, True])
def test_double_precision_of_jax_whether_or_not_it_is_set(x64):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", x64)
    try:
        cube = cr.from_jax(lambda x: x**3)
        assert cube(1.1) == pytest.approx(1.1**3, rel=1e-15)
        assert cr.grad(lambda x: cube(x))(1.1) == pytest.approx(3 * 1.1**2, rel=1e-15)
        assert cr.grad(lambda x: np.sum(cube(x)))(np.float64([1.1]))[0] == pytest.approx(3 * 1.1**2, rel=1e-15)
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("take", [cr.from_torch, cr.from_jax])
def test_trees_integers_and_several_results(take):
    f = take(lambda p, n, k: {"a": p["w"] * n * k, "positive": (p["w"] > 0).sum(), "b": (p["b"] ** 2,)})

    def total(p, k):
        z = f(p, 3, k)
        assert int(z["positive"]) == 1
        return np.sum(z["a"]) + 5 * z["b"][0]

    gradient, by_k = cr.grad(total, (0, 1))({"w": np.array([1.0, -2.0]), "b": 4.0}, 0.5)
    close(gradient["w"], [1.5, 1.5])
    close(gradient["b"], 40.0)
    close(by_k, -3.0)


@pytest.mark.parametrize("take", [cr.from_torch, cr.from_jax])
def test_a_borrowed_function_of_complex_numbers_has_numpys_gradient(take):
    xp = torch if take is cr.from_torch else jnp
    z = X[0] + 1j * X[1]
    expected = cr.grad(lambda z: np.sum(np.abs(np.sin(z))))(z)
    close(cr.grad(take(lambda z: xp.abs(xp.sin(z)).sum()))(z), expected)


def test_modules():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    x = torch.tensor(X, requires_grad=True)
    model(x).sum().backward()
    close(cr.grad(lambda x: np.sum(cr.from_torch(model)(x)))(X), x.grad)
    parameters = {name: p.detach().numpy() for name, p in model.named_parameters()}
    called = cr.from_torch(lambda p, x: torch.func.functional_call(model, p, x))
    gradient = cr.grad(lambda p: np.sum(called(p, X)))(parameters)
    for name, p in model.named_parameters():
        close(gradient[name], p.grad)


def test_memory_is_shared_and_not_written_to():
    seen = []
    x = np.ones(3)
    cr.from_torch(lambda x: seen.append(x.data_ptr()) or x.sum())(x)
    z = cr.from_torch(lambda x: x * 2)(x)
    z[0] = 5.0
    assert seen == [x.ctypes.data]
    with pytest.raises(BlockError, match=r"writes into its argument; give it x\.clone\(\)"):
        cr.grad(cr.from_torch(lambda x: x.mul_(2).sum()))(x)


@pytest.mark.parametrize("take", [cr.from_torch, cr.from_jax])
def test_a_result_that_does_not_depend_on_the_argument(take):
    xp = torch if take is cr.from_torch else jnp
    close(cr.grad(take(lambda x: xp.ones(2).sum()))(X), np.zeros_like(X))


def test_from_one_library_to_the_other():
    f = cr.to_jax(cr.from_torch(lambda x: torch.special.gammaln(x).sum()))
    x = jnp.asarray([0.5, 2.5])
    close(jax.jit(jax.grad(f))(x), jax.grad(lambda x: jax.scipy.special.gammaln(x).sum())(x), rtol=1e-5)
    f = cr.to_torch(cr.from_jax(lambda x: jax.scipy.special.gammaln(x).sum()))
    close(torch.func.grad(f)(torch.tensor([0.5, 2.5])), torch.special.digamma(torch.tensor([0.5, 2.5])), rtol=1e-5)


def test_arrays_that_lie_backwards_or_in_another_byte_order_reach_pytorch():
    f = cr.from_torch(lambda t: (t**3).sum())
    x = np.arange(1.0, 13.0).reshape(3, 4)
    for y in (x[::-1], x[:, ::-2], x.T[::-1], x.astype(">f8"), x.astype(">f8")[::-1], np.broadcast_to(x[0], (3, 4))):
        value, gradient = cr.value_and_grad(f)(y)
        np.testing.assert_allclose(value, np.sum(y**3))
        np.testing.assert_allclose(gradient, 3 * y**2)
    t = torch.tensor(x, requires_grad=True)
    for y in (x[::-1], x.astype(">f8")):
        (g,) = torch.autograd.grad(cr.to_torch(lambda x, y: np.sum(x * y))(t, y), t)
        np.testing.assert_array_equal(g.numpy(), y)
    with pytest.raises(BlockError, match="no numbers of"):
        f(x.astype(np.longdouble))


def test_a_gradient_is_of_the_random_numbers_that_the_value_had():
    dropout = cr.from_torch(torch.nn.Dropout(0.5))
    value, gradient = cr.value_and_grad(lambda x: np.sum(dropout(x) ** 2))(np.ones(200))
    np.testing.assert_allclose(gradient.sum(), 2 * value)  # each entry of the gradient is 0 or 8, of the value 0 or 4
    assert not np.array_equal(dropout(np.ones(200)), dropout(np.ones(200)))


def test_gradients_of_pytorch_do_not_depend_on_its_modes():
    f = cr.from_torch(lambda t: (t * t).sum())
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, 3.0])), [2.0, 6.0])
            np.testing.assert_array_equal(cr.hessian(f)(np.array([1.0, 3.0])), 2 * np.eye(2))


BORROWERS = {
    "torch": (cr.from_torch, lambda x: x > 0.5, torch.argmax),
    "jax": (cr.from_jax, lambda x: x > 0.5, jnp.argmax),
}


@pytest.mark.parametrize(("take", "large", "argmax"), BORROWERS.values(), ids=BORROWERS)
def test_truths_and_integers_of_a_borrowed_function_choose_as_numpys_do(take, large, argmax):
    mask, place = take(large), take(argmax)
    x = np.array([0.0, 1.0, 2.0])
    for f, g in [
        (lambda x: np.sum(np.where(mask(x), x**2, x)), lambda x: np.sum(np.where(x > 0.5, x**2, x))),
        (lambda x: np.sum(mask(x) * x**2), lambda x: np.sum((x > 0.5) * x**2)),
        (lambda x: x[place(x)] ** 2, lambda x: x[np.argmax(x)] ** 2),
    ]:
        for transform in (cr.grad, cr.hessian, lambda f: cr.compile(cr.grad(f))):
            np.testing.assert_array_equal(transform(f)(x), transform(g)(x))


def test_an_own_block_may_return_truths():
    @cr.block
    def large(x):
        return x > 0.5

    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.where(large(x), x**2, x)))(x), [1.0, 2.0, 4.0])
