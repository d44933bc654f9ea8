"""cr.implicit: derivatives through a solution, against mathematics and jaxopt's way of it in JAX."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import chainrule as cr
from chainrule.errors import ChainruleError, GradientError

jax.config.update("jax_enable_x64", True)
B = np.array([1.0, 3.0])


def cubic(x, p, b):
    return p["k"] * x**3 + x - b


@cr.implicit(residual=cubic)
def solve(p, b):
    return scipy.optimize.root(lambda x: cubic(x, p, b), np.zeros(len(b)), tol=1e-14).x


def jax_solve(k, b):
    """By Newton's method, unrolled far beyond convergence: JAX differentiates the steps."""
    return jax.lax.scan(lambda x, _: (x - (k * x**3 + x - b) / (3 * k * x**2 + 1), None), 0 * b, None, 30)[0]


def loss(k, b):
    return np.sum(np.sin(solve({"k": k, "steps": 3}, b)) * b)


def jax_loss(k, b):
    return jnp.sum(jnp.sin(jax_solve(k, b)) * b)


JAX_GRADIENT = jax.jit(jax.grad(jax_loss, (0, 1)))


def test_first_and_second_derivatives():
    assert np.allclose(loss(2.0, B), jax_loss(2.0, B), rtol=1e-12)
    for found, expected in zip(cr.grad(loss, (0, 1))(2.0, B), JAX_GRADIENT(2.0, B), strict=True):
        assert np.allclose(found, expected, rtol=1e-11)
    assert np.allclose(cr.hessian(loss, 1)(2.0, B), jax.jit(jax.hessian(jax_loss, 1))(2.0, B), rtol=1e-10)
    assert np.allclose(cr.grad(cr.grad(loss))(2.0, B), jax.jit(jax.grad(jax.grad(jax_loss)))(2.0, B), rtol=1e-10)
    assert np.allclose(cr.jacobian(loss_free, 0)(B), jax.jacobian(lambda b: jax_solve(2.0, b))(B), rtol=1e-11)
    assert np.allclose(cr.jacfwd(loss_free, 0)(B), jax.jacobian(lambda b: jax_solve(2.0, b))(B), rtol=1e-11)


def loss_free(b):
    return solve({"k": 2.0}, b)


def test_compiled_gradients_of_solutions_match_jax():
    f = cr.compile(cr.grad(loss, (0, 1)))
    for k in (2.0, 2.0, 2.0, 3.0, 0.5):
        for found, expected in zip(f(k, B * k), JAX_GRADIENT(k, B * k), strict=True):
            assert np.allclose(found, expected, rtol=1e-11)


@dataclass
class State:
    u: object
    v: object
    steps: int


@cr.implicit(residual=lambda s, a: {"u": s.u**2 - a, "v": s.v - s.u * a})
def tree(a):
    return State(np.sqrt(a), a * np.sqrt(a), 5)


def test_solutions_that_are_trees():
    assert cr.grad(lambda a: np.sum(tree(a).v))(4.0) == pytest.approx(3.0, rel=1e-14)
    assert cr.grad(cr.grad(lambda a: tree(a).v))(4.0) == pytest.approx(0.375, rel=1e-14)
    x = np.array([4.0, 9.0])
    assert np.allclose(cr.jacobian(lambda a: tree(a).v * tree(a).u)(x), np.diag(2 * x), rtol=1e-14)
    assert tree(4.0).steps == cr.value_and_grad(lambda a: (tree(a).u, tree(a)), has_aux=True)(4.0)[0][1].steps == 5


def test_a_solver_that_cannot_be_recorded():
    def by_hand(a, digits):
        return float(f"{float(a) ** (1 / 3):.15g}")  # a text between: nothing could follow it

    root = cr.implicit(by_hand, lambda x, a, digits: x**3 - a)
    assert cr.grad(root)(8.0, "many") == pytest.approx(1 / 12, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda a: cr.implicit(lambda b: 2 * b, lambda x, b: x - 2 * a)(a), "is not among the arguments"),
        (lambda a: cr.implicit(lambda b: 2 * a, lambda x, b: x - 2 * b)(a), "is not among the arguments"),
        (lambda a: cr.implicit(lambda b: 3 * b, lambda x, b: x - 2 * b)(a), "the residual is not 0 at the result of"),
        (lambda a: cr.implicit(lambda b: 0 * b, lambda x, b: x**2)(a), "is singular"),
        (lambda a: cr.implicit(lambda b: b, lambda x, b: np.stack([x, x]))(a), "1 unknowns, but 2 equations"),
        (lambda a: cr.implicit(lambda b: b), "takes the residual too"),
        (lambda a: cr.implicit(2.0, lambda x, b: x), "must be a function"),
    ],
)
def test_a_value_that_does_not_solve_the_equations_is_an_error(call, told):
    with pytest.raises(ChainruleError, match=told):
        cr.grad(call)(1.0)


def test_a_solution_to_few_digits_is_a_solution():
    rough = cr.implicit(lambda a: np.sqrt(a) * 1.0001, lambda x, a: x**2 - a)
    assert cr.grad(rough)(4.0) == pytest.approx(0.25, rel=1e-3)


def test_the_derivative_is_not_that_of_the_solvers_steps():
    """Three steps of Newton's method from a bad start: the gradient is that of the equations there, or an error."""
    with pytest.raises(GradientError, match="a Newton step would change it"):
        cr.grad(cr.implicit(lambda a: 5.0 + 0 * np.asarray(a), lambda x, a: x**2 - a))(4.0)
