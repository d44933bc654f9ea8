"""Rules as JAX has them, `defjvp` and `defvjp` of a block, against jax.custom_jvp and jax.custom_vjp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.errors import BlockError, GradientError

RNG = np.random.default_rng(3)
X, Y, A = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(3, 3)) + 3 * np.eye(3)


@pytest.fixture(autouse=True)
def in_double_precision():
    with jax.enable_x64(True):
        yield


def pair(xp, library):
    """A function with a JVP rule that is not its derivative, so that it shows which rule was taken."""
    f = library(lambda x, y: xp.sin(x) * y)

    @f.defjvp
    def f_jvp(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return f(x, y), 2 * xp.cos(x) * dx * y + xp.sin(x) * dy * x

    return f


def solved(xp, library):
    f = library(lambda a, b: xp.linalg.solve(a, b))

    @f.defjvp
    def f_jvp(primals, tangents):
        (a, b), (da, db) = primals, tangents
        z = f(a, b)
        return z, xp.linalg.solve(a, db - da @ z)

    return f


def two(xp, library):
    f = library(lambda x, y: (xp.exp(x) * y, xp.sum(x)))

    @f.defjvp
    def f_jvp(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        z, s = f(x, y)
        return (z, s), (z * dx + xp.exp(x) * dy, 3 * xp.sum(dx))

    return f


def residuals(xp, library):
    f = library(lambda x, y: xp.sin(x) * y)

    def fwd(x, y):
        return f(x, y), {"cos": xp.cos(x), "x": x, "y": y}

    def bwd(kept, dz):
        return 2 * kept["cos"] * dz * kept["y"], xp.sin(kept["x"]) * dz

    f.defvjp(fwd, bwd)
    return f


def as_scalar(f, xp):
    def loss(x, y):
        out = f(x, y)
        return sum(xp.sum(xp.tanh(z)) for z in out) if isinstance(out, tuple) else xp.sum(xp.tanh(out))

    return loss


CASES = {"pair": (pair, X, Y), "solved": (solved, A, X), "two": (two, X, Y), "residuals": (residuals, X, Y)}


@pytest.fixture(params=CASES)
def case(request):
    make, x, y = CASES[request.param]
    theirs = jax.custom_vjp if make is residuals else jax.custom_jvp
    return as_scalar(make(np, cr.block), np), as_scalar(make(jnp, theirs), jnp), x, y


def test_gradients_match_jax(case):
    ours, theirs, x, y = case
    for found, expected in zip(cr.grad(ours, (0, 1))(x, y), jax.jit(jax.grad(theirs, (0, 1)))(x, y), strict=True):
        assert np.allclose(found, expected, rtol=1e-12)


def test_second_derivatives_match_jax(case):
    ours, theirs, x, y = case
    found, expected = cr.hessian(ours, (0, 1))(x, y), jax.jit(jax.jacrev(jax.grad(theirs, (0, 1)), (0, 1)))(x, y)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.allclose(a, b, rtol=1e-11, atol=1e-12)


def test_compiled_gradients_match_jax(case):
    ours, theirs, x, y = case
    f, gradient = cr.compile(cr.grad(ours, (0, 1))), jax.jit(jax.grad(theirs, (0, 1)))
    for scale in (1.0, 1.0, 1.0, 1.5):
        for found, expected in zip(f(x * scale, y), gradient(x * scale, y), strict=True):
            assert np.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("make", [pair, solved, two])
def test_forward_mode_is_the_rule_itself(make):
    x, y = (A, X) if make is solved else (X, Y)
    tangents = RNG.normal(size=x.shape), RNG.normal(size=y.shape)
    found = cr.jvp(make(np, cr.block), (x, y), tangents)
    expected = jax.jvp(make(jnp, jax.custom_jvp), (x, y), tangents)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.allclose(a, b, rtol=1e-12)


def test_jacobians_of_one_rule_take_one_pass():
    calls = []
    f = cr.block(lambda x: x**2)

    @f.defjvp
    def rule(primals, tangents):
        calls.append(1)
        return primals[0] ** 2, 2 * primals[0] * tangents[0]

    assert np.allclose(cr.jacobian(f)(X), np.diag(2 * X), rtol=1e-15)
    assert len(calls) == 2  # transposed, and checked


def test_a_jvp_rule_takes_parameters_and_integers():
    @cr.block
    def power(x, count, n=3):
        return x**n * count

    @power.defjvp
    def rule(primals, tangents, n):
        (x, count), (dx, dcount) = primals, tangents
        return power(x, count, n), n * x ** (n - 1) * count * dx + x**n * dcount

    assert cr.grad(power)(2.0, 5) == 60.0
    assert cr.grad(lambda x: power(x, 5, n=2))(2.0) == 20.0


def test_complex_numbers_follow_the_convention():
    @cr.block
    def square(z):
        return z * z

    square.defjvp(lambda primals, tangents: (primals[0] ** 2, 2 * primals[0] * tangents[0]))
    z = np.array([1 + 2j, 3 - 1j])
    t = torch.tensor(z, requires_grad=True)
    (t * t).abs().sum().backward()
    assert np.allclose(cr.grad(lambda z: np.sum(np.abs(square(z))))(z), t.grad.numpy(), rtol=1e-14)


def test_methods_and_tensors():
    class Scaled:
        def __init__(self, scale):
            self.scale = scale

        @cr.block
        def times(self, xp, x):
            return x * self.scale

        @times.defjvp
        def times_jvp(self, xp, primals, tangents):
            return primals[0] * self.scale, tangents[0] * self.scale

    assert np.array_equal(cr.grad(lambda x: np.sum(Scaled(3.0).times(x)))(X), [3.0, 3.0, 3.0])
    found = cr.grad(lambda x: Scaled(3.0).times(x).sum())(torch.ones(2))
    assert found.tolist() == [3.0, 3.0]


def constant(primals, tangents):
    return primals[0], np.cos(primals[0])


def squared(primals, tangents):
    return primals[0], tangents[0] ** 2


@pytest.mark.parametrize("rule", [constant, squared])
def test_a_rule_that_is_not_linear_is_an_error(rule):
    f = cr.block(lambda x: np.sin(x))
    f.defjvp(rule)
    with pytest.raises(GradientError, match=f"the JVP rule {rule.__name__} is not linear"):
        cr.grad(lambda x: np.sum(f(x)))(X)


def of_shape(primals, tangents):
    return primals[0], np.sum(tangents[0])


def alone(primals, tangents):
    return tangents[0]


@pytest.mark.parametrize(("rule", "told"), [(of_shape, r"a tangent of shape \(\) for"), (alone, "a JVP rule returns")])
def test_what_a_rule_returns_is_checked(rule, told):
    f = cr.block(lambda x: np.sin(x))
    f.defjvp(rule)
    with pytest.raises(GradientError, match=told):
        cr.grad(lambda x: np.sum(f(x)))(X)


def test_what_a_rule_takes_is_checked():
    f = cr.block(lambda x, y, n=2: x * y)
    with pytest.raises(BlockError, match=r"takes \(primals, tangents, n\), not \(x, dx\)"):
        f.defjvp(lambda x, dx: (x, dx))
    with pytest.raises(BlockError, match=r"fwd of block lambda takes \(x, y, n\), not \(x\)"):
        f.defvjp(lambda x: (x, x), lambda kept, dz: dz)
    with pytest.raises(BlockError, match=r"bwd of block lambda takes \(residuals, dz\), not \(dz\)"):
        f.defvjp(lambda x, y, n: (x, x), lambda dz: dz)


def test_a_wrong_jvp_rule_is_found_by_check():
    report = cr.check(pair(np, cr.block))(X, Y)
    assert not report.ok
    assert cr.check(solved(np, cr.block))(A, X).ok
