"""The functions and names that users of JAX, PyTorch and HIPS autograd type first, against JAX."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import BlockError, GradientError

RNG = np.random.default_rng(5)
W, X, Y = RNG.normal(size=3), RNG.normal(size=(4, 3)), RNG.normal(size=4)
jax.config.update("jax_enable_x64", True)


def loss(w, x, y, xp=np):
    return xp.tanh(x @ w - y) ** 2


def jax_loss(w, x, y):
    return loss(w, x, y, jnp)


# has_aux


def with_error(w):
    error = X @ w - Y
    return np.sum(error**2), {"error": error, "steps": 3, "name": "fit"}


def test_aux_comes_beside_the_gradient():
    (value, aux), gradient = cr.value_and_grad(with_error, has_aux=True)(W)
    assert value == np.sum((X @ W - Y) ** 2)
    assert type(aux["error"]) is np.ndarray
    assert np.array_equal(aux["error"], X @ W - Y)
    assert (aux["steps"], aux["name"]) == (3, "fit")
    assert np.allclose(gradient, 2 * X.T @ (X @ W - Y), rtol=1e-13)
    gradient, aux = cr.grad(with_error, has_aux=True)(W)
    assert np.allclose(gradient, 2 * X.T @ aux["error"], rtol=1e-13)


def test_aux_of_a_pullback():
    z, pullback, aux = cr.vjp(lambda w: (w**2, w + 1), W, has_aux=True)
    assert np.array_equal(z, W**2)
    assert np.array_equal(aux, W + 1)
    assert np.array_equal(pullback(np.ones(3))[0], 2 * W)


def test_aux_of_an_inner_gradient_is_differentiated_by_the_outer_one():
    def outer(a, w):
        gradient, aux = cr.grad(lambda w: (np.sum(w**2), a * 3.0), has_aux=True)(w)
        return np.sum(gradient) + aux

    assert cr.grad(outer)(2.0, W) == 3.0


def test_aux_in_a_compiled_function():
    f = cr.compile(cr.value_and_grad(lambda w: (np.sum(w**2), np.exp(w)), has_aux=True))
    for _ in range(3):
        (value, aux), gradient = f(W)
        assert value == pytest.approx(np.sum(W**2), rel=1e-14)
        assert np.allclose(aux, np.exp(W), rtol=1e-14)
        assert np.allclose(gradient, 2 * W, rtol=1e-14)


def test_without_a_pair_aux_is_an_error():
    with pytest.raises(GradientError, match=r"has_aux=True a function returns a pair \(result, aux\)"):
        cr.grad(lambda w: np.sum(w), has_aux=True)(W)


# vmap


def test_gradients_of_each_sample():
    expected = jax.vmap(jax.grad(jax_loss), in_axes=(None, 0, 0))(W, X, Y)
    assert np.allclose(cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(W, X, Y), expected, rtol=1e-12)


@pytest.mark.parametrize(("in_axes", "out_axes"), [((0, 1), 0), ((1, 0), 1), ((-1, None), -1), (0, 0)])
def test_axes_are_those_of_jax(in_axes, out_axes):
    a, b = RNG.normal(size=(3, 3, 3)), RNG.normal(size=(3, 3, 3))
    expected = jax.vmap(lambda a, b: jnp.sin(a) @ b, in_axes, out_axes)(a, b)
    assert np.allclose(cr.vmap(lambda a, b: np.sin(a) @ b, in_axes, out_axes)(a, b), expected, rtol=1e-12)


def test_trees_of_arguments_and_results():
    params = {"W": RNG.normal(size=(4, 3)), "b": 0.5}
    axes = ({"W": 0, "b": None},)

    def f(p, xp=np):
        return {"s": xp.sum(p["W"]) + p["b"], "v": (p["W"], p["W"] * 2)}

    out_axes = {"s": 0, "v": (1, 0)}
    found = cr.vmap(f, axes, out_axes)(params)
    expected = jax.vmap(lambda p: f(p, jnp), axes, out_axes)(params)
    assert np.allclose(found["s"], expected["s"])
    assert all(np.array_equal(z, e) for z, e in zip(found["v"], expected["v"], strict=True))


def test_the_gradient_of_a_batch():
    total = cr.grad(lambda w: np.sum(cr.vmap(loss, (None, 0, 0))(w, X, Y)))(W)
    assert np.allclose(total, jax.grad(lambda w: jnp.sum(jax_loss(w, X, Y)))(W), rtol=1e-12)


def test_a_compiled_batch_of_gradients_matches_jax():
    f = cr.compile(cr.vmap(cr.grad(loss), (None, 0, 0)))
    expected = jax.vmap(jax.grad(jax_loss), in_axes=(None, 0, 0))(W, X, Y)
    assert all(np.allclose(f(W, X, Y), expected, rtol=1e-12) for _ in range(3))


def test_samples_may_take_different_branches():
    f = cr.grad(lambda x: x**2 if x > 0 else -x)
    assert np.array_equal(cr.vmap(f)(np.array([3.0, -2.0])), [6.0, -1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr.vmap(np.add)(np.ones(3), np.ones(4)), "one argument has 3 samples"),
        (lambda: cr.vmap(np.add, (0, None))(np.ones(3)), "in_axes has 2 entries for 1 arguments"),
        (lambda: cr.vmap(np.sin)(2.0), r"shape \(\) has no axis 0"),
        (lambda: cr.vmap(np.sin, None)(np.ones(3)), "no argument has an axis of samples"),
        (lambda: cr.vmap(np.sin)(np.ones((0, 3))), "no samples"),
        (lambda: cr.vmap(3.0), "first argument must be a function"),
    ],
)
def test_what_has_no_samples_is_an_error(call, message):
    with pytest.raises(GradientError, match=message):
        call()


# Jacobians, entry by entry, linearised


def curve(x, xp=np):
    return xp.stack([xp.sin(x[0] * x[1]), x[1] ** 3, x[0] - x[2], xp.exp(x[2])])


def test_forward_and_reverse_jacobians_are_equal():
    expected = jax.jacfwd(lambda x: curve(x, jnp))(W)
    assert np.allclose(cr.jacfwd(curve)(W), expected, rtol=1e-12)
    assert np.allclose(cr.jacrev(curve)(W), expected, rtol=1e-12)
    assert np.allclose(cr.compile(cr.jacfwd(curve))(W), expected, rtol=1e-12)


def test_forward_jacobians_of_trees():
    def f(p, x, xp=np):
        return {"a": p["w"] * x, "b": xp.sum(x) * p["s"]}

    params = {"w": W, "s": 2.0}
    found = cr.jacfwd(f, (0, 1))(params, X)
    expected = jax.jacfwd(lambda p, x: f(p, x, jnp), (0, 1))(params, X)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for z, e in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.allclose(z, e, rtol=1e-12)


def test_a_hessian_as_a_jacobian_of_a_gradient_forward_over_reverse():
    f = lambda x: np.sum(curve(x) ** 2)  # noqa: E731
    assert np.allclose(cr.jacfwd(cr.grad(f))(W), cr.hessian(f)(W), rtol=1e-12)


def test_a_forward_jacobian_of_complex_numbers_is_an_error():
    with pytest.raises(GradientError, match="use jacobian"):
        cr.jacfwd(lambda z: z * 2)(np.array([1j]))


def test_derivatives_entry_by_entry():
    x = RNG.normal(size=(3, 4))
    assert np.allclose(cr.elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2, rtol=1e-13)
    second = cr.elementwise_grad(cr.elementwise_grad(np.tanh))(x)
    assert np.allclose(second, -2 * np.tanh(x) * (1 - np.tanh(x) ** 2), rtol=1e-12)


def test_a_function_linearised_runs_once():
    runs = []

    def f(x, y):
        runs.append(1)
        return np.sin(x) * y, x + y

    out, push = cr.linearize(f, 0.3, 2.0)
    for tangents in ((1.0, 0.0), (0.0, 1.0), (2.0, 3.0)):
        expected_out, expected = jax.jvp(lambda x, y: (jnp.sin(x) * y, x + y), (0.3, 2.0), tangents)
        assert np.allclose(push(*tangents), expected, rtol=1e-13)
        assert np.allclose(out, expected_out, rtol=1e-13)
    assert len(runs) == 1
    with pytest.raises(GradientError, match="2 arguments but 1 tangents"):
        push(1.0)


# Trees as vectors


def test_a_tree_as_a_vector_and_back():
    tree = {"W": X, "b": (np.float32(2.0), [1.5]), "steps": 4, "act": np.tanh}
    vector, unravel = cr.ravel(tree)
    assert vector.shape == (14,)
    assert vector.dtype == np.float64
    back = unravel(vector * 2)
    assert np.array_equal(back["W"], 2 * X)
    assert back["b"][0] == 4
    assert back["b"][0].dtype == np.float32
    assert (back["steps"], back["act"]) == (4, np.tanh)
    with pytest.raises(GradientError, match="a vector of 14 numbers"):
        unravel(vector[1:])


def test_gradients_flow_through_vectors_of_trees():
    def f(p):
        vector, unravel = cr.ravel(p)
        q = unravel(vector * 3.0)
        return np.sum(q["a"] ** 2) + q["b"]

    gradient = cr.grad(f)({"a": W, "b": 1.0})
    assert np.allclose(gradient["a"], 18 * W, rtol=1e-13)
    assert gradient["b"] == 3.0
    vector, unravel = cr.ravel({"a": W, "b": 1.0})
    assert np.allclose(cr.grad(lambda v: np.sum(unravel(v)["a"] ** 2))(vector), [*(2 * W), 0.0], rtol=1e-13)


# Names of other libraries


@pytest.mark.parametrize("name", ["detach", "requires_grad", "at", "numpy", "unsqueeze", "masked_fill", "zero_grad"])
def test_attributes_of_tensors_say_what_to_write(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write "):
        cr.grad(lambda x: getattr(x, name))(W)


@pytest.mark.parametrize("name", ["no_grad", "jit", "Variable", "egrad", "custom_vjp", "tanh"])
def test_names_of_other_packages_say_what_to_write(name):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write "):
        getattr(cr, name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("requires_grad_", "cr.variable"),
        ("clamp_", r"x\[\.\.\.\] = np.clip"),
        ("tril", r"np.tril\(x\)"),
        ("svd", r"np.linalg.svd\(x\)"),
        ("erf", "scipy.special.erf"),
        ("retain_graph", "nothing"),
        ("cuda", "nothing"),
        ("no_grad", "cr.stop_gradient"),
    ],
)
def test_further_attributes_of_tensors(name, told):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write .*{told}"):
        cr.grad(lambda x: getattr(x, name))(W)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("custom_jvp", "@f.defjvp"),
        ("custom_vjp", "f.defvjp"),
        ("custom_root", "cr.implicit"),
        ("while_loop", "cr.scan"),
        ("einsum", "np.einsum"),
        ("gammaln", "scipy.special.gammaln"),
        ("tree_map", "jax.tree.map"),
        ("multigrad", "cr.grad"),
        ("flatten_util", "cr.ravel"),
        ("functional_call", "cr.from_torch"),
        ("set_default_dtype", "nothing"),
        ("linear_transpose", "cr.vjp"),
    ],
)
def test_further_names_of_packages(name, told):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; write .*{told}"):
        getattr(cr, name)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: cr.grad(loss, argnum=1), "grad has no argument argnum=; write argnums="),
        (lambda: cr.value_and_grad(loss, wrt="w"), "value_and_grad has no argument wrt=; write argnums="),
        (lambda: cr.hessian(loss, argnum=1), "hessian has no argument argnum=; write argnums="),
        (lambda: cr.jacobian(loss, holomorphic=True), "jacobian has no argument holomorphic=; it is not needed"),
        (lambda: cr.hessian(loss, compile=True), r"hessian has no argument compile=; write cr.compile\(…\) of the"),
        (lambda: cr.grad(loss, jit=True), r"grad has no argument jit=; write cr.compile\(…\) of the result"),
        (lambda: cr.compile(loss, static_argnums=1), "compile has no argument static_argnums=; it is not needed"),
        (lambda: cr.compile(static_argnames="y"), "compile has no argument static_argnames=; it is not needed"),
        (lambda: cr.compile(loss, donate_argnums=0), "compile has no argument donate_argnums=; write donate="),
        (lambda: cr.vmap(loss, in_dims=0), "vmap has no argument in_dims=; write in_axes="),
        (lambda: cr.checkpoint(loss, use_reentrant=False), "checkpoint has no argument use_reentrant=; it is not"),
        (lambda: cr.block(loss, nondiff_argnums=(1,)), "block has no argument nondiff_argnums=; give such arguments"),
        (lambda: cr.adam(lr=0.1), "adam has no argument lr=; write learning_rate="),
        (lambda: cr.compile(loss, backend="inductor"), 'compile has no argument backend=; write engine="jax"'),
        (lambda: cr.jacobian(loss, vectorize=True), "jacobian has no argument vectorize=; it is not needed"),
        (
            lambda: cr.variable(2.0).backward(retain_graph=True),
            "backward has no argument retain_graph=; it is not needed",
        ),
        (lambda: cr.softmax(W, dim=0), "does not cover the argument dim= .*; write axis="),
    ],
)
def test_keywords_of_other_libraries_say_what_to_write(call, told):
    with pytest.raises((GradientError, BlockError), match=told):
        call()


def test_the_axis_of_a_reduction_is_called_axis():
    with pytest.raises(TypeError, match="has no argument dim=; write axis="):
        cr.grad(lambda x: x.sum(dim=0).sum())(W)


def test_a_view_of_another_shape_is_a_reshape():
    with pytest.raises(TypeError, match=r"write x.reshape\(shape\)"):
        cr.grad(lambda x: x.view(2, -1).sum())(W)


def test_other_keywords_are_pythons_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        cr.grad(loss, speed=3)


def test_names_inside_of_the_library_are_not_suggested():
    with pytest.raises(AttributeError) as told:
        _ = cr.recordings
    assert "recording?" not in str(told.value)


def test_modules_of_equinox_are_trees():
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(3, "scalar", 4, 1, jnp.tanh, key=jax.random.PRNGKey(0))
    found = cr.grad(lambda model, x: cr.from_jax(lambda model, x: model(x))(model, x))(model, W)
    expected = eqx.filter_grad(lambda model, x: model(x))(model, W)
    assert np.allclose(found.layers[0].weight, expected.layers[0].weight, rtol=1e-12)

    class Line(eqx.Module):
        w: object
        b: object
        name: str = eqx.field(static=True)

        def __call__(self, x):
            return np.tanh(x @ self.w + self.b)

    line = Line(W, 0.5, "line")
    gradient = cr.grad(lambda line: np.sum(line(X)))(line)
    slope = 1 / np.cosh(X @ W + 0.5) ** 2
    assert type(gradient) is Line
    assert np.allclose(gradient.w, X.T @ slope, rtol=1e-12)
    assert np.allclose(gradient.b, np.sum(slope), rtol=1e-12)
    fast = cr.compile(cr.grad(lambda line: np.sum(line(X))))
    assert all(np.allclose(fast(line).w, gradient.w, rtol=1e-12) for _ in range(3))


def test_a_misspelt_name_is_corrected():
    with pytest.raises(AttributeError, match="did you mean softmax"):
        _ = cr.sofmax


# Pullbacks and pushforwards, called after their function has ended


def test_a_pullback_differentiated_later_gives_plain_values():
    _, pull = cr.vjp(np.sin, 2.0)
    value, second = cr.vjp(lambda u: pull(u)[0], 1.0)
    assert type(value) is np.float64
    assert type(second(1.0)[0]) is np.float64
    _, push = cr.linearize(np.sin, 2.0)
    assert type(cr.grad(push)(1.0)) is np.float64
    assert cr.grad(push)(1.0) == np.cos(2.0)


def test_a_pullback_of_a_variable_stays_recorded():
    x = cr.variable(2.0)
    pull = cr.vjp(lambda t: np.sin(t) * x, 0.5)[1]
    z, _ = cr.vjp(lambda u: pull(u)[0], 1.0)
    z.backward()
    assert x.grad == np.cos(0.5)


def test_a_pullback_made_by_an_outer_function_is_differentiated_by_its_argument():
    def outer(a):
        pull = cr.vjp(lambda t: np.sin(a * t), 0.5)[1]
        return cr.grad(lambda u: pull(u)[0] * u)(3.0)  # 2 · 3 · a cos(a / 2)

    assert cr.grad(outer)(2.0) == pytest.approx(6 * (np.cos(1.0) - np.sin(1.0)), rel=1e-13)


def test_a_gradient_in_a_thread_of_a_function_is_differentiated_by_the_outer_one():
    def outer(w):
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(lambda: cr.grad(lambda t: np.sin(t) * w)(0.5)).result()

    assert cr.grad(outer)(2.0) == np.cos(0.5)
