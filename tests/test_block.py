"""A user's own block: with a backward rule or without, recorded as one node, right in every derivative."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import BlockError

X = np.array([0.5, -1.0, 2.0])
W = np.arange(6.0).reshape(2, 3) / 7


@cr.block
def swish(x):
    """x σ(x), without a backward rule: derived from its inside."""
    return x / (1 + np.exp(-x))


@cr.block
def layer(W, x, scale=1.0):
    return scale * np.tanh(W @ x)


@layer.backward
def layer_backward(dz, z, W, x, scale=1.0):
    """Written as in a textbook: knows nothing of leading axes."""
    ds = dz * (scale - z**2 / scale)
    return np.outer(ds, x), W.T @ ds


def plain_layer(W, x, scale=1.0):
    return scale * np.tanh(W @ x)


def test_plain_arrays_are_only_computed():
    assert type(swish(X)) is np.ndarray
    np.testing.assert_array_equal(layer(W, X, scale=2.0), 2 * np.tanh(W @ X))


def test_gradient_is_derived_from_the_inside():
    sigmoid = 1 / (1 + np.exp(-X))
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(swish(x)))(X), sigmoid * (1 + X * (1 - sigmoid)), rtol=1e-12)


def test_second_derivative_of_a_derived_rule():
    plain = cr.hessian(lambda x: np.sum(x / (1 + np.exp(-x))))(X)
    np.testing.assert_allclose(cr.hessian(lambda x: np.sum(swish(x)))(X), plain, rtol=1e-12)


@pytest.mark.parametrize("argnums", [0, 1])
def test_a_textbook_rule_gives_right_gradients_and_jacobians(argnums):
    for transform in (cr.jacobian, lambda f, n: cr.hessian(lambda W, x: np.sum(f(W, x) ** 2), n)):
        expected = transform(plain_layer, argnums)(W, X)
        np.testing.assert_allclose(transform(layer, argnums)(W, X), expected, rtol=1e-12, atol=1e-15)


def test_parameters_reach_the_rule():
    expected = cr.jacobian(lambda x: plain_layer(W, x, 3.0))(X)
    np.testing.assert_allclose(cr.jacobian(lambda x: layer(W, x, scale=3.0))(X), expected, rtol=1e-12)
    np.testing.assert_allclose(cr.jacobian(lambda x: layer(W, x, 3.0))(X), expected, rtol=1e-12)


def test_a_block_is_one_node():
    x = cr.variable(X)
    assert swish(x)._node.inputs == (x._node,)
    assert swish(x)._node.block is swish


def test_a_rule_with_a_namespace_runs_on_other_libraries():
    torch = pytest.importorskip("torch")

    @cr.block
    def cube(xp, x):
        return xp.sum(x * x * x)

    g = cr.grad(cube)(torch.tensor([1.0, 2.0]))
    assert type(g) is torch.Tensor
    assert g.tolist() == [3.0, 12.0]


def test_a_rule_for_each_operand_runs_only_when_wanted():
    ran = []

    @cr.block
    def product(x, y):
        return x * y

    @product.backward("x")
    def product_dx(dz, z, x, y):
        ran.append("x")
        return dz * y

    @product.backward("y")
    def product_dy(dz, z, x, y):
        ran.append("y")
        return dz * x

    assert cr.grad(product, 1)(2.0, 3.0) == 2.0
    assert ran == ["y"]


def test_a_rule_that_says_none_gives_zero():
    @cr.block
    def scaled(x, n):
        return x * n

    @scaled.backward
    def scaled_backward(dz, z, x, n):
        return dz * n, None

    assert cr.grad(scaled, (0, 1))(2.0, 3.0) == (3.0, 0.0)


def test_a_float32_operand_gets_a_float32_gradient_from_a_float64_rule():
    @cr.block
    def doubled(x):
        return 2 * x

    @doubled.backward
    def doubled_backward(dz, z, x):
        return dz * np.float64(2.0)

    g = cr.grad(lambda x: np.sum(doubled(x)))(X.astype(np.float32))
    assert g.dtype == np.float32


def test_a_jacobian_of_an_empty_output():
    assert cr.jacobian(lambda x: layer(np.zeros((0, 3)), x))(X).shape == (0, 3)


def test_arguments_are_bound_as_python_does():
    np.testing.assert_array_equal(layer(x=X, W=W), layer(W, X))
    with pytest.raises(BlockError, match="misses its argument x"):
        layer(W)
    with pytest.raises(BlockError, match="given twice"):
        layer(W, X, W=W)
    with pytest.raises(BlockError, match="power="):
        layer(W, X, power=2)
    with pytest.raises(BlockError, match="takes 3"):
        layer(W, X, 1.0, 2.0)


def test_a_block_without_differentiability_ends_the_gradient():
    @cr.block(differentiable=False)
    def rounded(x):
        return np.round(x)

    assert cr.grad(lambda x: x * rounded(x))(1.4) == 1.0
