"""Rules of JAX's custom_vjp and of primitives of HIPS autograd: checked, and blamed by their lines."""

import autograd.numpy as anp
import jax
import jax.numpy as jnp
import numpy as np
from autograd.extend import defvjp, primitive
from jax.numpy import tanh

import chainrule as cr

RNG = np.random.default_rng(12)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))


def helper(z):
    return jnp.where(z > 0, z, jnp.exp(z) - 1)


@jax.custom_vjp
def layer(x, w):
    z = x @ w
    h = tanh(z) + helper(z)
    return h


def layer_fwd(x, w):
    return layer(x, w), (x, w)


def layer_bwd(res, g):
    x, w = res
    z = x @ w
    dz = g * (1 - jnp.tanh(z) ** 2 + jnp.where(z > 0, 1.0, jnp.exp(z)))
    dx = dz @ w.T
    dw = x.T @ dz
    return dx, dw


layer.defvjp(layer_fwd, layer_bwd)


@jax.custom_vjp
def wrong(x, w):
    z = x @ w
    return jnp.sum(jnp.tanh(z))


def wrong_bwd(res, g):
    x, w = res
    dz = g * (1 - jnp.tanh(x @ w))
    return dz @ w.T, x.T @ dz


wrong.defvjp(lambda x, w: (wrong(x, w), (x, w)), wrong_bwd)


def test_a_right_rule_of_jax_is_right_in_both_precisions():
    report = cr.check(layer)(X, W)
    assert report.ok, report
    assert [c.label for c in report.comparisons if c.reference == "by hand"] == ["x", "w"]
    assert cr.check(layer)(jnp.asarray(X), jnp.asarray(W)).ok


def test_a_wrong_rule_of_jax_is_blamed_by_its_line():
    report = cr.check(wrong)(X, W)
    assert not report.ok
    assert report.mistakes[0].line.text == "dz = g * (1 - jnp.tanh(x @ w))"
    assert report.mistakes[0].meaning == "∂L/∂z"


def test_arguments_without_a_gradient():
    def power(x, n):
        y = x**n
        return y

    f = jax.custom_vjp(power, nondiff_argnums=(1,))
    f.defvjp(lambda x, n: (power(x, n), x), lambda n, x, g: (g * n * x ** (n - 1),))
    assert cr.check(f)(X, 3).ok
    f.defvjp(lambda x, n: (power(x, n), x), lambda n, x, g: (g * x ** (n - 1),))
    report = cr.check(f)(X, 3)
    assert not report.ok
    assert report.mistakes[0].diagnosis.startswith("exactly 3 times too small")


def test_functions_of_jax_nn_are_followed():
    def swish(x):
        s = jax.nn.sigmoid(x)
        y = x * s
        return y

    def slope(x, g):
        s = jax.nn.sigmoid(x)
        dx = g * s
        return (dx,)

    f = jax.custom_vjp(swish)
    f.defvjp(lambda x: (swish(x), x), slope)
    report = cr.check(f)(X)
    assert report.mistakes[0].line.text == "dx = g * s"
    assert report.mistakes[0].diagnosis == "the contribution through s is missing"


def test_a_function_of_jax_that_numpy_lacks_is_checked_as_a_block():
    @jax.custom_vjp
    def f(x):
        return jax.lax.sin(x)

    def forward(x):
        return f(x), x

    def slope(res, g):
        return (g * jnp.cos(res),)

    f.defvjp(forward, slope)
    report = cr.check(f)(X)
    assert report.ok, report
    f.defvjp(forward, lambda res, g: (g * jnp.sin(res),))
    report = cr.check(f)(X)
    assert report.blame.block == "f"


@primitive
def logsumexp(x):
    top = anp.max(x)
    return top + anp.log(anp.sum(anp.exp(x - top)))


def softmax_times(ans, x):
    def vjp(g):
        p = np.exp(x - ans)
        dx = g * p
        return dx

    return vjp


def without_g(ans, x):
    def vjp(g):
        dx = np.exp(x - ans) * 2
        return dx

    return vjp


def test_a_primitive_of_autograd_is_checked():
    defvjp(logsumexp, softmax_times)
    report = cr.check(logsumexp)(X)
    assert report.ok, report
    defvjp(logsumexp, without_g)
    report = cr.check(logsumexp)(X)
    assert not report.ok
    assert report.mistakes[0].line.text == "dx = np.exp(x - ans) * 2"


def test_a_primitive_of_several_arguments():
    @primitive
    def scaled(x, n, w):
        return x @ w * n

    defvjp(scaled, lambda ans, x, n, w: lambda g: n * g @ w.T, None, lambda ans, x, n, w: lambda g: n * x.T @ g)
    assert cr.check(scaled)(X, 3, W).ok
    defvjp(scaled, lambda ans, x, n, w: lambda g: g @ w.T, None, lambda ans, x, n, w: lambda g: n * x.T @ g)
    report = cr.check(scaled)(X, 3, W)
    assert {c.label for c in report.comparisons if not c.ok} == {"x"}
    assert report.mistakes[0].diagnosis == "exactly 3 times too small (3 is the length of axis 1 of x)"


@primitive
def squares(x):
    return anp.sum(x * x)


defvjp(squares, lambda ans, x: lambda g: g * x)  # 2 * x


def test_a_wrong_rule_that_is_a_lambda_is_named_by_the_line_of_the_lambda():
    report = cr.check(squares)(np.array([1.0, 2.0]))
    assert not report.ok
    (mistake,) = report.mistakes
    assert "exactly 2 times too small" in str(mistake)
    assert mistake.line.text == "defvjp(squares, lambda ans, x: lambda g: g * x)  # 2 * x"
