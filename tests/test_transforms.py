"""Every transform, and variables, against mathematics, PyTorch and JAX."""

import dataclasses
import threading
from typing import NamedTuple

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.array import Array
from chainrule.errors import GradientError, RecordingError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
V = RNG.normal(size=3)


def norm_like(w):
    return np.sum(np.tanh(X @ w) ** 2)


def norm_like_torch(w):
    return torch.sum(torch.tanh(torch.tensor(X) @ w) ** 2)


# First derivatives


def test_gradient_matches_pytorch():
    w = torch.tensor(V, requires_grad=True)
    norm_like_torch(w).backward()
    np.testing.assert_allclose(cr.grad(norm_like)(V), w.grad.numpy(), rtol=1e-12)


def test_value_and_grad_returns_the_plain_value():
    value, gradient = cr.value_and_grad(norm_like)(V)
    assert type(value) is np.float64
    assert value == norm_like(V)
    assert type(gradient) is np.ndarray


@pytest.mark.parametrize("argnums", [1, "y", -1])
def test_argument_by_position_and_by_name(argnums):
    assert cr.grad(lambda x, y: x * y**2, argnums)(2.0, 3.0) == 12.0


def test_several_arguments_give_a_tuple():
    assert cr.grad(lambda x, y: x * y, ("y", 0))(2.0, 3.0) == (2.0, 3.0)


def test_a_list_of_arguments_is_as_good_as_a_tuple():
    assert cr.grad(lambda x, y: x * y, [0, 1])(2.0, 3.0) == (3.0, 2.0)


def test_a_tuple_of_one_gives_a_tuple():
    assert cr.grad(lambda x: x * x, (0,))(3.0) == (6.0,)


def test_arguments_given_by_keyword():
    assert cr.grad(lambda x, y: x * y, "y")(x=2.0, y=3.0) == 2.0
    assert cr.grad(lambda x, *, y: x * y, "y")(2.0, y=3.0) == 2.0


def test_grad_keeps_the_signature_so_names_work_twice():
    f = cr.grad(cr.grad(lambda x, y: x**3 * y, "x"), "x")
    assert f(2.0, 5.0) == pytest.approx(60.0)


def test_argument_without_influence_gets_zeros():
    gx, gy = cr.grad(lambda x, y: np.sum(x), (0, 1))(np.ones(2), np.ones((3, 1), dtype=np.float32))
    np.testing.assert_array_equal(gx, [1, 1])
    np.testing.assert_array_equal(gy, np.zeros((3, 1)))
    assert gy.dtype == np.float32


def test_loss_that_is_a_plain_number_gives_zeros():
    np.testing.assert_array_equal(cr.grad(lambda x: 3.0)(np.ones(2)), [0, 0])


def test_gradient_of_the_argument_itself_is_one():
    assert cr.grad(lambda x: x)(2.0) == 1.0


def test_integer_arguments_that_are_not_differentiated_are_welcome():
    assert cr.grad(lambda x, n: x**n)(2.0, 3) == 12.0


def test_zero_dimensional_array_in_gives_one_back():
    g = cr.grad(lambda x: x * x)(np.array(3.0))
    assert isinstance(g, np.ndarray)
    assert g.shape == ()
    assert g == 6.0


@pytest.mark.parametrize("compiled", [False, True])
def test_an_inner_gradient_by_an_array_without_axes_is_such_an_array(compiled):
    def f(x):
        inner = cr.grad(lambda y: np.sum(np.sin(y) * x))(x)
        np.add.at(inner, ..., x)  # NumPy refuses a number here
        return inner * x

    x = np.array(1.45)
    assert f(x) == np.cos(x) * x**2 + x**2
    gradient = (cr.compile if compiled else lambda g: g)(cr.grad(f))(x)
    np.testing.assert_allclose(gradient, -np.sin(x) * x**2 + 2 * np.cos(x) * x + 2 * x, rtol=1e-14)
    assert type(gradient) is np.ndarray


def test_float32_stays_float32():
    value, g = cr.value_and_grad(lambda x: np.sum(2.0 * np.exp(x) / 3))(np.ones(3, dtype=np.float32))
    assert value.dtype == np.float32
    assert g.dtype == np.float32


def test_control_flow_follows_the_values():
    def f(x):
        while x < 10:
            x = x * 2
        return x if x > 12 else -x

    assert cr.grad(f)(1.0) == 16.0
    assert cr.grad(f)(1.5) == -8.0


def test_a_gradient_ends_at_integers():
    x = np.array([1.5, 2.5])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x.astype(int) * x))(x), [1, 2])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum((x * 2).astype(bool) * x))(x), [1, 1])


def test_large_local_derivatives_do_not_warn():
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * np.full(3, 1e200)))(np.ones(3)), np.full(3, 1e200))


# Ownership


def test_results_are_writable_and_do_not_share_memory():
    gx, gy = cr.grad(lambda x, y: np.sum(x + y), (0, 1))(np.ones(3), np.ones(3))
    gx[0] = 7
    np.testing.assert_array_equal(gy, [1, 1, 1])


def test_pullback_does_not_hand_out_the_cotangent_itself():
    dz = np.ones(3)
    (g,) = cr.vjp(lambda x: x + 0.0, np.ones(3))[1](dz)
    g[0] = 7
    np.testing.assert_array_equal(dz, [1, 1, 1])


def test_value_is_not_the_argument_itself():
    x = np.ones(3)
    z, _ = cr.vjp(lambda x: x, x)
    z[0] = 7
    np.testing.assert_array_equal(x, [1, 1, 1])


def test_writing_into_a_constant_after_recording_does_not_change_the_gradient():
    c = np.array([1.0, 2.0])

    def f(x):
        nonlocal c
        y = np.sum(x * c)
        c *= 100
        return y

    np.testing.assert_array_equal(cr.grad(f)(np.ones(2)), [1, 2])


def test_writing_into_the_result_does_not_change_the_gradient():
    z, pullback = cr.vjp(np.exp, np.zeros(2))
    z *= 100
    np.testing.assert_array_equal(pullback(np.ones(2))[0], [1, 1])


def test_writing_into_an_argument_after_recording_does_not_change_the_gradient():
    x = np.array([1.0, 2.0])
    z, pullback = cr.vjp(lambda x: np.sum(x**2), x)
    x *= 100
    assert z == 5
    np.testing.assert_array_equal(pullback(1.0)[0], [2, 4])


# Trees


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


@dataclasses.dataclass
class Model:
    layers: list
    scale: float


def test_gradients_have_the_structure_of_their_argument():
    def loss(model, x):
        for layer in model.layers:
            x = np.tanh(layer.W @ x + layer.b)
        return np.sum(x) * model.scale

    model = Model([Layer(np.eye(3), np.zeros(3)), Layer(np.ones((2, 3)), np.zeros(2))], 2.0)
    g = cr.grad(loss)(model, V)
    assert type(g) is Model
    assert type(g.layers[0]) is Layer
    assert g.layers[1].W.shape == (2, 3)
    assert g.scale == pytest.approx(loss(model, V) / 2)


def test_dicts_and_tuples_of_arrays():
    g = cr.grad(lambda p: np.sum(p["a"] * p["b"][0]) + p["b"][1])({"a": np.ones(2), "b": (np.arange(2.0), 3.0)})
    np.testing.assert_array_equal(g["a"], [0, 1])
    np.testing.assert_array_equal(g["b"][0], [1, 1])
    assert g["b"][1] == 1.0


def test_vjp_of_a_tree_of_outputs():
    z, pullback = cr.vjp(lambda x: {"s": np.sum(x), "d": 2 * x}, V)
    np.testing.assert_array_equal(z["d"], 2 * V)
    (g,) = pullback({"s": 1.0, "d": np.ones(3)})
    np.testing.assert_array_equal(g, [3, 3, 3])


def test_pullback_accepts_leading_axes():
    _, pullback = cr.vjp(lambda x: X @ x, V)
    (g,) = pullback(np.eye(4))
    np.testing.assert_allclose(g, X, rtol=1e-15)


# Higher derivatives


@pytest.mark.parametrize("order", range(1, 7))
def test_derivatives_of_sine_to_order_six(order):
    f = np.sin
    for _ in range(order):
        f = cr.grad(f)
    assert f(0.7) == pytest.approx(np.sin(0.7 + order * np.pi / 2), rel=1e-12)


def test_hessian_matches_pytorch():
    expected = torch.func.hessian(norm_like_torch)(torch.tensor(V)).numpy()
    np.testing.assert_allclose(cr.hessian(norm_like)(V), expected, rtol=1e-10)


def test_hvp_is_the_hessian_times_the_vector():
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(cr.hvp(norm_like)(V, v), cr.hessian(norm_like)(V) @ v, rtol=1e-12)


def test_hvp_of_several_arguments():
    def f(x, y):
        return np.sum(x**2 * y)

    x, y, u, v = RNG.normal(size=(4, 3))
    hu, hv = cr.hvp(f, (0, 1))(x, y, (u, v))
    np.testing.assert_allclose(hu, 2 * y * u + 2 * x * v)
    np.testing.assert_allclose(hv, 2 * x * u)


def test_jvp_matches_pytorch():
    tangent = np.array([0.3, 0.1, -1.0])
    _, expected = torch.func.jvp(lambda w: torch.exp(torch.tensor(X) @ w), (torch.tensor(V),), (torch.tensor(tangent),))
    value, found = cr.jvp(lambda w: np.exp(X @ w), (V,), (tangent,))
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12)
    np.testing.assert_allclose(value, np.exp(X @ V))


def test_jvp_of_a_function_that_ignores_its_argument_is_zero():
    assert cr.jvp(lambda x: np.float64(3.0), (1.0,), (1.0,))[1] == 0


def test_jacobian_matches_pytorch():
    expected = torch.func.jacrev(lambda w: torch.softmax(torch.tensor(X) @ w, 0))(torch.tensor(V)).numpy()
    np.testing.assert_allclose(cr.jacobian(lambda w: cr.softmax(X @ w))(V), expected, rtol=1e-10)


def test_a_jacobian_of_trees_has_an_entry_for_each_pair_of_leaves():
    j = cr.jacobian(lambda p: {"z": p["x"] * 2, "s": np.sum(p["y"])})({"x": np.ones(2), "y": np.ones(3)})
    np.testing.assert_array_equal(j["z"]["x"], 2 * np.eye(2))
    np.testing.assert_array_equal(j["z"]["y"], np.zeros((2, 3)))
    np.testing.assert_array_equal(j["s"]["y"], np.ones(3))


def test_jacobian_of_a_jacobian():
    np.testing.assert_allclose(
        cr.jacobian(cr.jacobian(lambda x: x**3))(V), np.einsum("i,ij,jk->ijk", 6 * V, np.eye(3), np.eye(3))
    )


def test_a_gradient_inside_a_function_does_not_confuse_its_variable():
    # d/dx [x · d/dy (x + y) at y = x] = d/dx [x · 1] = 1, and not 2
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(x))(3.0) == 1.0


def test_a_gradient_through_a_captured_variable():
    # d/da of d/dx (a x²) at x = 3 is 2x = 6
    assert cr.grad(lambda a: cr.grad(lambda x: a * x**2)(3.0))(5.0) == 6.0


def test_gradient_of_an_optimisation_step():
    def after_step(rate, w):
        return norm_like(w - rate * cr.grad(norm_like)(w))

    h = 1e-6
    difference = (after_step(0.1 + h, V) - after_step(0.1 - h, V)) / (2 * h)
    assert cr.grad(after_step)(0.1, V) == pytest.approx(difference, rel=1e-6)


def test_local_gradient_in_both_layouts():
    W, x = RNG.normal(size=(2, 3)), RNG.normal(size=3)
    jw, jx = cr.local_gradient(np.matmul, W, x)
    assert jw.shape == (2, 3, 2)
    np.testing.assert_array_equal(jx, W.T)
    np.testing.assert_array_equal(cr.local_gradient(np.matmul, W, x, layout="usual")[1], W)


def test_local_gradient_ignores_integer_inputs():
    j = cr.local_gradient(cr.cross_entropy_loss, np.array([0.5, 0.5]), 0)
    np.testing.assert_array_equal(j, [-2, 0])


def test_local_gradient_with_a_parameter():
    j = cr.local_gradient(cr.softmax, np.zeros((2, 1)), axis=0)
    np.testing.assert_array_equal(j.reshape(2, 2), [[0.25, -0.25], [-0.25, 0.25]])


# Imperative use


def test_backward_sets_the_gradient_of_every_intermediate():
    x, y, z = (cr.variable(v, name=n) for n, v in {"x": 1.0, "y": 2.0, "z": 3.0}.items())
    a, b = 2 * x, 3 * y
    c = a + b
    L = c * z
    L.backward()
    assert [v.grad for v in (L, z, c, a, b, x, y)] == [1, 8, 3, 3, 3, 6, 9]


def test_backward_again_writes_fresh_gradients():
    x = cr.variable(3.0)
    L = x * x
    L.backward()
    L.backward()
    assert x.grad == 6.0


def test_backward_from_an_array_takes_its_gradient():
    x = cr.variable([1.0, 2.0])
    (x * x).backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(x.grad, [2, 40])


def test_stop_gradient_ends_the_gradient_and_lets_the_value_out():
    assert cr.grad(lambda x: x * float(cr.stop_gradient(x)))(3.0) == 3.0


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("kind", ["plain", "recorded"])
def test_stop_gradient_shares_no_memory(kind, order):
    x = np.array([[1.0, 2.0], [3.0, 4.0]], order=order)

    def changed(x):
        frozen = cr.stop_gradient(x)
        frozen[0] = 7.0
        x += 1.0
        return np.stack([x, frozen])

    found = changed(x.copy(order="K")) if kind == "plain" else cr.jvp(changed, (x,), (x,))[0]
    np.testing.assert_array_equal(found, [x + 1, [[7.0, 7.0], [3.0, 4.0]]])


WRITES = {
    "an entry": lambda b, v: b.__setitem__((0, 1), v[0, 0]),
    "everything": lambda b, v: b.__setitem__(..., v),
    "an update": lambda b, v: b.__iadd__(v * v),
    "a part that is updated": lambda b, v: b[0].__imul__(v[1]),
    "np.add.at": lambda b, v: np.add.at(b, (0, [1, 1, 0]), v[0, :1]),
    "np.multiply.at": lambda b, v: np.multiply.at(b, (0, [1, 1]), v[0, :1]),
    "out=": lambda b, v: np.multiply(v, v, out=b, where=v > 1.5),
    "np.copyto": lambda b, v: np.copyto(b, v, where=[True, False]),
    "np.put": lambda b, v: np.put(b, [0, 3], v),
    "np.fill_diagonal": lambda b, v: np.fill_diagonal(b, v[0, 0]),
    "sort": lambda b, v: (b.__isub__(v * 3), b.sort()),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_into_a_stopped_value_has_its_gradient(write):
    """The same as with a constant in its place, for a stopped value is one."""
    x = np.array([[1.0, 2.0], [3.0, 4.0]])

    def with_frozen(take):
        def loss(x):
            frozen = take(x)
            write(frozen, x)
            return np.sum(np.sin(x) * frozen * frozen)

        return loss

    value, slope = cr.value_and_grad(with_frozen(cr.stop_gradient))(x)
    expected, slope_of_constant = cr.value_and_grad(with_frozen(lambda v: np.full_like(v, x)))(x)
    assert value == expected
    np.testing.assert_array_equal(slope, slope_of_constant)
    compiled = cr.compile(cr.value_and_grad(with_frozen(cr.stop_gradient)))
    for _ in range(3):
        found = compiled(x)
    np.testing.assert_allclose(found[0], value)
    np.testing.assert_allclose(found[1], slope)


def test_gradient_with_respect_to_a_variable_is_recorded():
    x = cr.variable(2.0)
    g = cr.grad(lambda x: x**3)(x)
    assert type(g) is Array
    g.backward()
    assert x.grad == pytest.approx(12.0)


# Any array library


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_another_library_keep_their_library(library):
    make = torch.tensor if library == "torch" else pytest.importorskip("jax.numpy").asarray
    w = make(V.astype(np.float32))

    def f(w):
        return cr.mean_squared_error(cr.softmax(w * 2), w)

    value, g = cr.value_and_grad(f)(w)
    assert type(g) is type(w)
    np.testing.assert_allclose(np.asarray(g), cr.grad(f)(V), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(value), f(V), rtol=1e-5)


# Size, depth and threads


def test_a_chain_of_a_million_blocks():
    def chain(x):
        for _ in range(500_000):
            x = x * 1.000001 + 0.0
        return x

    assert cr.grad(chain)(1.0) == pytest.approx(1.000001**500_000)


def test_second_derivative_of_a_long_chain():
    def chain(x):
        y = x
        for _ in range(2000):
            y = y * 1.0 + 0.0
        return y * y

    assert cr.grad(cr.grad(chain))(3.0) == 2.0


def test_wide_sharing_is_linear_not_exponential():
    def doubled(x):
        for _ in range(200):
            x = x + x
        return x

    assert cr.grad(doubled)(1.0) == 2.0**200


def test_threads_do_not_disturb_each_other():
    found = {}

    def work(k):
        found[k] = cr.grad(lambda x: np.sum(x**k))(np.full(10, 2.0))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, g in found.items():
        np.testing.assert_allclose(g, k * 2.0 ** (k - 1))


# Chosen arguments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad, cr.jacobian, cr.hessian, cr.hvp, cr.check])
@pytest.mark.parametrize("argnums", [(0, "x"), ("x", 0), (0, 0), ("x", "x"), (-2, 0), ("y", -1)], ids=str)
def test_an_argument_that_is_chosen_twice_is_an_error(transform, argnums):
    x = np.array([1.0, 2.0])
    args = (x, x, (x, x)) if transform is cr.hvp else (x, x)
    with pytest.raises(GradientError, match=r"chooses the argument . of .* twice"):
        transform(lambda x, y: np.sum(x * y), argnums=argnums)(*args)


def test_arguments_by_name_and_from_the_end():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])

    def f(x, y):
        return np.sum(x * x * y)

    for argnums in ((0, -1), ("x", 1), (-2, "y")):
        for got, expected in zip(cr.grad(f, argnums)(x, y), (2 * x * y, x * x), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_negative_position_with_any_number_of_arguments_is_an_error():
    def f(x, *rest):
        return np.sum(x) + sum(map(np.sum, rest))

    with pytest.raises(GradientError, match="takes any number of arguments"):
        cr.grad(f, -1)(np.ones(2), np.ones(2))
    np.testing.assert_array_equal(cr.grad(f, 2)(np.ones(2), np.ones(2), np.ones(3)), np.ones(3))


# Arguments that share memory ---------------------------------------------------------------------------------


def _writes(x, y):
    x += 1
    return np.sum(x * y)


def _writes_a_part(x, y):
    part = x[:1].reshape(1)
    part[...] = 3.0
    return np.sum(x * y)


@pytest.mark.parametrize("f", [_writes, _writes_a_part])
@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_an_update_in_place_of_an_argument_that_shares_its_memory_is_an_error(f, argnums):
    memory = np.arange(1.0, 5.0)
    for x, y in ((memory, memory), (memory[:2], memory[1:3]), (memory[::2], memory[2::-2])):
        with pytest.raises(RecordingError, match=r"shares its memory with .*give the function a copy"):
            cr.grad(f, argnums)(x, y)
        with pytest.raises(RecordingError, match=r"shares its memory with .*give the function a copy"):
            cr.grad(lambda p: f(p["x"], p["y"]))({"x": x, "y": y})
    for x, y in ((memory, memory.copy()), (memory[::2], memory[1::2])):
        assert cr.value_and_grad(f)(x, y)[0] == f(x.copy(), y.copy())


def test_a_plain_argument_that_shares_memory_with_a_differentiated_one_cannot_be_written_into():
    b = np.array([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only") as caught:
        cr.grad(lambda x, y: _writes(y, x))(b, b)
    assert "give the function a copy" in str(caught.value.__notes__)
    np.testing.assert_array_equal(b, [1.0, 2.0])


def test_arguments_that_share_memory_and_are_only_read_are_as_any_other():
    b = np.array([1.0, 2.0])
    x, y = cr.grad(lambda x, y: np.sum(x * x * y), (0, 1))(b, b)
    np.testing.assert_array_equal(x, 2 * b * b)
    np.testing.assert_array_equal(y, b * b)


def test_an_update_in_place_of_an_argument_that_shares_memory_is_an_error_inside_other_transforms():
    b = np.array([1.0, 2.0])
    for ask in (
        lambda: cr.compile(cr.value_and_grad(_writes))(b, b),
        lambda: cr.grad(lambda b: np.sum(cr.grad(_writes)(b, b)))(b),
        lambda: cr.hessian(_writes, (0, 1))(b, b),
        lambda: cr.explain(_writes)(b, b),
    ):
        with pytest.raises(RecordingError, match="shares its memory with"):
            ask()
    np.testing.assert_array_equal(cr.grad(lambda b: np.sum(cr.grad(_writes)(b, b.copy())))(b), [1.0, 1.0])
    assert cr.value_and_grad(lambda p: np.sum(p["a"] * p["b"]))({"a": b, "b": b})[0] == 5.0


@pytest.mark.parametrize(
    "key", [(slice(None), None), (None,), (None, slice(1, 3)), (slice(None, None, -1), None, None)]
)
def test_jacobians_of_reads_with_new_axes_beside_other_uses(key):
    """The gradient of the read entries is added to that of the other uses, with one axis more for the cotangents."""
    x = np.array([0.3, -1.2, 0.7])
    found = cr.jacobian(lambda x: np.sum(np.sin(x[key]), axis=0) * np.sum(x**2) + np.prod(x))(x)
    step = 1e-6 * np.eye(3)
    f = lambda x: np.sum(np.sin(x[key]), axis=0) * np.sum(x**2) + np.prod(x)  # noqa: E731
    expected = np.stack([(f(x + d) - f(x - d)) / 2e-6 for d in step], axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
