"""cr.scan: a loop as one block; against JAX, and against the loop written in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError
from chainrule.graph import record_graph


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def python_loop(f, carry, xs=None, length=None):
    ys = []
    leaves = jax.tree.leaves(xs)
    for t in range(len(leaves[0]) if leaves else length):
        carry, y = f(carry, jax.tree.map(lambda x, t=t: x[t], xs))
        ys.append(y)
    return carry, jax.tree.map(lambda *y: np.stack(y), *ys)


def recurrent_network(scan, np):
    def loss(W, U, h0, xs, a):
        def body(carry, x):
            h, k = carry
            h = np.tanh(W @ h + U @ x["in"]) * a + x["bias"]
            return (h, k + 1), {"norm": np.sum(h * h), "first": h[0]}

        (h, _), ys = scan(body, (h0, 0), {"in": xs, "bias": xs[:, 0] * 0.1})
        return np.sum(h) + np.sum(ys["norm"] ** 2) + np.sum(ys["first"])

    return loss


@pytest.fixture
def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 4)) * 0.5, rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(6, 3)), 0.7


EVERY = (0, 1, 2, 3, 4)


def test_gradients_by_state_entries_and_what_comes_from_outside(arguments):
    f = recurrent_network(cr.scan, np)
    expected = jax.grad(recurrent_network(jax.lax.scan, jnp), EVERY)(*arguments)
    looped = cr.grad(recurrent_network(python_loop, np), EVERY)(*arguments)
    for mine, theirs, loop in zip(cr.grad(f, EVERY)(*arguments), expected, looped, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(mine, loop, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("by", [0, 3])
def test_the_hessian_of_a_scan_matches_jax(arguments, by):
    mine = cr.hessian(recurrent_network(cr.scan, np), by)(*arguments)
    theirs = jax.hessian(recurrent_network(jax.lax.scan, jnp), by)(*arguments)
    np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11)


def test_third_derivatives_of_a_scan_match_jax(arguments):
    *rest, a = arguments

    def third(grad, f):
        return grad(grad(grad(lambda a: f(*rest, a))))(a)

    mine = third(cr.grad, recurrent_network(cr.scan, np))
    np.testing.assert_allclose(mine, third(jax.grad, recurrent_network(jax.lax.scan, jnp)), rtol=1e-12)


def test_a_compiled_scan_has_the_uncompiled_gradients(arguments):
    f = cr.value_and_grad(recurrent_network(cr.scan, np), EVERY)
    value, grads = f(*arguments)
    compiled_value, compiled_grads = cr.compile(f)(*arguments)
    np.testing.assert_allclose(compiled_value, value, rtol=1e-13)
    for a, b in zip(compiled_grads, grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_compiled_with_other_numbers(arguments):
    f = cr.grad(recurrent_network(cr.scan, np), EVERY)
    g = cr.compile(f)
    g(*arguments)
    others = [x + 0.25 for x in arguments]
    for a, b in zip(g(*others), f(*others), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_jacobian_of_all_steps(arguments):
    W, U, h0, xs, _ = arguments

    def steps(scan, np):
        return lambda h0: scan(lambda h, x: (np.tanh(W @ h + U @ x), h), h0, xs)[1]

    mine = cr.jacobian(steps(cr.scan, np))(h0)
    np.testing.assert_allclose(mine, jax.jacobian(steps(jax.lax.scan, jnp))(h0), rtol=1e-12, atol=1e-12)
    pushed = cr.jvp(steps(cr.scan, np), (h0,), (np.ones(4),))[1]
    np.testing.assert_allclose(pushed, mine.sum(axis=2), rtol=1e-12, atol=1e-12)


def test_a_loop_inside_a_loop():
    def f(scan, np):
        def inner(a, x):
            return scan(lambda s, y: (np.sin(s * a) + y * x, s), x, np.arange(3.0))[0]

        return lambda a: scan(lambda s, x: (s * a + inner(a, x), s), 0.5, np.linspace(0.0, 1.0, 4))[0]

    np.testing.assert_allclose(cr.grad(f(cr.scan, np))(0.7), jax.grad(f(jax.lax.scan, jnp))(0.7), rtol=1e-12)
    np.testing.assert_allclose(
        cr.grad(cr.grad(f(cr.scan, np)))(0.7), jax.grad(jax.grad(f(jax.lax.scan, jnp)))(0.7), rtol=1e-12
    )
    np.testing.assert_allclose(cr.compile(cr.grad(f(cr.scan, np)))(0.7), cr.grad(f(cr.scan, np))(0.7), rtol=1e-12)


def test_a_loop_without_xs_and_a_counter_in_the_state():
    def f(x):
        (s, i), ys = cr.scan(lambda c, _: ((c[0] * x + c[1], c[1] + 1), None), (1.0, 0), length=5)
        assert ys is None
        assert int(i) == 5
        return s

    def loop(x):
        s = 1.0
        for i in range(5):
            s = s * x + i
        return s

    assert f(0.5) == loop(0.5)
    np.testing.assert_allclose(cr.grad(f)(0.5), cr.grad(loop)(0.5), rtol=1e-14)


def test_values_and_dtypes_are_those_of_the_loop():
    xs = np.linspace(0, 1, 5, dtype=np.float32)

    def f(scan):
        return scan(lambda s, x: (s * np.float32(0.5) + x, s * 2), 0.0, xs)

    for mine, theirs in zip(f(cr.scan), f(python_loop), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, theirs)
    value, gradient = cr.value_and_grad(lambda c: cr.scan(lambda s, x: (s * x, s), c, xs)[0])(np.float32(2.0))
    assert value.dtype == gradient.dtype == np.float32


def test_scan_is_one_block_and_stores_only_the_states():
    def f(h):
        return np.sum(cr.scan(lambda h, _: (np.tanh(np.sin(h) * 2.0), None), h, length=50)[0])

    nodes = record_graph(f, np.ones(10)).nodes
    assert len(nodes) < 10
    assert sum(np.size(node.value) for node in nodes) < 50 * 10 * 4


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda s, x: (s if s > 0 else -s, x), "np.where"),
        (lambda s, x: s + x, "must return a pair"),
        (lambda s, x: (np.stack([s, x]), x), "must stay the same"),
        (lambda s, x: ((s, s), x), "must stay the same"),
    ],
)
def test_bodies_that_are_no_loop(f, message):
    with pytest.raises(RecordingError, match=message):
        cr.grad(lambda a: cr.scan(f, a, np.arange(3.0))[0])(np.float64(1.0))


@pytest.mark.parametrize(
    ("xs", "length"), [(None, None), (np.ones((0, 2)), None), ((np.ones(2), np.ones(3)), None), (np.ones(2), 3)]
)
def test_a_number_of_steps_that_is_not_known(xs, length):
    with pytest.raises(RecordingError, match="steps"):
        cr.scan(lambda s, x: (s, None), 1.0, xs, length)
