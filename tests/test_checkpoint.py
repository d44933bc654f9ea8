"""cr.checkpoint: the steps of a function are computed again in the backward pass, not kept."""

import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import BlockError, GradientError, RecordingError


def layer(x, params, act=np.tanh):
    y = np.zeros((x.shape[0], params["W"].shape[1]))
    y[:] = x @ params["W"] + params["b"]
    if np.sum(y) > 0:
        y *= 0.9
    return act(y), np.sum(y)


def loss_with(layer):
    def loss(x, params):
        total = 0.0
        for i in range(4):
            x, t = layer(x, params, act=np.sin if i % 2 else np.tanh)
            total = total + t * t
        return np.sum(x * x) + total

    return loss


@pytest.fixture
def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 4)), {"W": rng.normal(size=(4, 4)) * 0.3, "b": rng.normal(size=4)}


def test_gradients_are_the_same(arguments):
    plain = cr.value_and_grad(loss_with(layer), (0, 1))(*arguments)
    saved = cr.value_and_grad(loss_with(cr.checkpoint(layer)), (0, 1))(*arguments)
    assert plain[0] == saved[0]
    for a, b in (
        (plain[1][0], saved[1][0]),
        (plain[1][1]["W"], saved[1][1]["W"]),
        (plain[1][1]["b"], saved[1][1]["b"]),
    ):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_higher_derivatives_are_the_same(arguments):
    x, params = arguments

    def of_scale(layer):
        return lambda a: loss_with(layer)(x * a, params)

    for derivative in (lambda f: cr.grad(cr.grad(f)), lambda f: cr.grad(cr.grad(cr.grad(f)))):
        plain, saved = derivative(of_scale(layer))(0.5), derivative(of_scale(cr.checkpoint(layer)))(0.5)
        np.testing.assert_allclose(saved, plain, rtol=1e-12)
    hessians = [cr.hessian(lambda x, f=f: loss_with(f)(x, params))(x) for f in (layer, cr.checkpoint(layer))]
    np.testing.assert_allclose(*hessians, rtol=1e-12, atol=1e-12)


def test_checkpoints_nest(arguments):
    x, params = arguments
    deep = cr.checkpoint(lambda x, params: cr.checkpoint(layer)(cr.checkpoint(layer)(x, params)[0], params)[0])
    flat = lambda x, params: layer(layer(x, params)[0], params)[0]  # noqa: E731
    a, b = (cr.grad(lambda x, f=f: np.sum(f(x, params) ** 2))(x) for f in (deep, flat))
    np.testing.assert_allclose(a, b, rtol=1e-14)


def test_a_compiled_checkpoint_has_the_uncompiled_gradient(arguments):
    f = cr.grad(loss_with(cr.checkpoint(layer)))
    np.testing.assert_allclose(cr.compile(f)(*arguments), f(*arguments), rtol=1e-12)


def test_different_functions_are_different_blocks_when_compiled():
    def f(x):
        return np.sum(cr.checkpoint(np.sin)(x) * cr.checkpoint(np.cos)(x))

    x = np.linspace(0, 1, 5)
    np.testing.assert_allclose(cr.compile(cr.grad(f))(x), np.cos(2 * x), rtol=1e-12)


def test_memory_is_that_of_one_call():
    def steps(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    def peak(steps):
        def f(x):
            for _ in range(10):
                x = steps(x)
            return np.sum(x)

        x = np.ones(10_000)
        cr.grad(f)(x)
        tracemalloc.start()
        cr.grad(f)(x)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    assert peak(cr.checkpoint(steps)) < peak(steps) / 5


def test_a_result_that_is_another_one_the_second_time():
    rng = np.random.default_rng(0)
    f = cr.checkpoint(lambda x: x * rng.random())
    with pytest.raises(GradientError, match="another result"):
        cr.grad(f)(2.0)


def test_a_plain_array_that_changes_later_does_not_change_the_gradient():
    scale = np.array([2.0, 3.0])

    def f(x):
        y = cr.checkpoint(lambda x, scale: np.sin(x * scale))(x, scale)
        scale[:] = 100.0
        return np.sum(y)

    np.testing.assert_allclose(cr.grad(f)(np.zeros(2)), [2.0, 3.0])


def test_a_recorded_array_from_outside_is_an_error():
    with pytest.raises(RecordingError, match="operand"):
        cr.grad(lambda w: np.sum(cr.checkpoint(lambda x: x * w)(w * 2)))(1.0)


def test_a_write_into_an_argument_is_an_error():
    def f(x):
        x[0] = 0.0
        return x

    with pytest.raises(BlockError, match="copy"):
        cr.grad(lambda x: np.sum(cr.checkpoint(f)(x * 1.0)))(np.ones(3))


def test_plain_arguments_give_plain_results():
    assert cr.checkpoint(np.sin)(0.5) == np.sin(0.5)
