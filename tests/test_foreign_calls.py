"""A recorded array given to a function of another library: the error names the function, the line, what to write."""

import cmath
import math
import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
sympy = pytest.importorskip("sympy")
numba = pytest.importorskip("numba")
mpmath = pytest.importorskip("mpmath")
jnp = jax.numpy
F = torch.nn.functional
X = np.array([0.5, 1.0, 2.0])

fast = numba.njit(lambda v: v.sum())
squared = jax.jit(lambda v: v**2)
layer = torch.nn.Linear(3, 1)

CALLS = {
    "jnp.tanh": (lambda x: np.sum(jnp.tanh(x)), "write np.tanh(…)"),
    "jnp.sum": (lambda x: jnp.sum(x * 2), "write np.sum(…)"),
    "jax.nn.relu": (lambda x: np.sum(jax.nn.relu(x)), "write cr.relu(…)"),
    "jax.lax.exp": (lambda x: np.sum(jax.lax.exp(x)), "write np.exp(…)"),
    "jnp.asarray": (lambda x: jnp.asarray(x).sum(), "write np.asarray(…)"),
    "jnp.array": (lambda x: jnp.array([x[0], x[1]]).sum(), "write np.array(…)"),
    "jnp.ones(3).dot": (lambda x: jnp.ones(3).dot(x), "write np.dot(…)"),
    "squared": (lambda x: np.sum(squared(x)), "cr.from_jax(squared)"),
    "torch.tanh": (lambda x: torch.tanh(x).sum(), "write np.tanh(…)"),
    "F.relu": (lambda x: F.relu(x).sum(), "write cr.relu(…)"),
    "F.mse_loss": (lambda x: F.mse_loss(x, torch.ones(3)), "write cr.mse_loss(…)"),
    "torch.nn.functional.linear": (lambda x: layer(x).sum(), "write cr.linear(…)"),
    "torch.cat": (lambda x: torch.cat([x, x]).sum(), "write np.concatenate(…)"),
    "torch.clamp": (lambda x: torch.clamp(x, 0, 1).sum(), "write np.clip(x, low, high)"),
    "torch.asin": (lambda x: torch.asin(x).sum(), "write np.arcsin(…)"),
    "torch.lgamma": (lambda x: torch.lgamma(x).sum(), "write scipy.special.gammaln(…)"),
    "torch.tensor": (lambda x: torch.tensor(x).sum(), "write np.array(…)"),
    "torch.as_tensor": (lambda x: torch.as_tensor([x[0], 1.0]).sum(), "write np.array(…)"),
    "torch.from_numpy": (lambda x: torch.from_numpy(x).sum(), "write x itself"),
    "sympy.sin": (lambda x: sympy.sin(x[0]), "write np.sin(…)"),
    "sympy.ln": (lambda x: sympy.ln(x[0]), "write np.log(…)"),
    "sympy.Matrix": (lambda x: sympy.Matrix(x)[0], "functions of NumPy or of chainrule"),
    "an operator of sympy": (lambda x: sympy.Symbol("t") * x[0], "functions of NumPy or of chainrule"),
    "fast": (lambda x: fast(x), "cr.opaque(fast)(…)"),
}
ASKED = {"torch.tensor", "torch.as_tensor", "torch.from_numpy", "fast", "jax.nn.relu", "jax.lax.exp"}
"""They ask for no protocol, or not first: only a function that chainrule runs can say more than they do."""

LAYER = "torch.nn.functional.linear"
"""A layer outside the arguments is a network to cr.explain and cr.check, which take it."""


def error_of(call, f):
    with pytest.raises(ChainruleError) as caught:
        call(f)
    return str(caught.value)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("how", [cr.grad, cr.explain, cr.check, cr.compile, cr.variable], ids=lambda how: how.__name__)
def test_a_function_of_another_library_is_named_with_its_line_and_what_to_write(name, how):
    f, written = CALLS[name]
    if (how is cr.variable and name in ASKED) or (how in (cr.explain, cr.check) and name == LAYER):
        return
    told = error_of(lambda f: f(cr.variable(X)) if how is cr.variable else how(f)(X), f)
    assert told.startswith(f"{name} does not take recorded arrays; ")
    assert written in told
    assert f"\n  at {__file__}:{f.__code__.co_firstlineno}: " in told


def test_arrays_of_the_library_as_arguments_are_told_the_same():
    assert "write np.tanh(…)" in error_of(lambda f: cr.grad(f)(jnp.ones(3)), lambda x: jnp.tanh(x).sum())
    assert "write np.tanh(…)" in error_of(lambda f: cr.grad(f)(torch.ones(3)), lambda x: torch.tanh(x).sum())


def test_the_function_itself_may_be_what_is_differentiated():
    assert "a function of JAX does not take recorded arrays" in error_of(lambda f: cr.grad(f)(X), jnp.sum)
    assert "torch.sum does not take recorded arrays; write np.sum" in error_of(lambda f: cr.grad(f)(X), torch.sum)


def test_what_is_advised_runs():
    expected = 1 - np.tanh(X) ** 2
    for f in (np.tanh, cr.from_jax(jnp.tanh), cr.from_torch(torch.tanh), cr.opaque(np.tanh)):
        np.testing.assert_allclose(cr.grad(lambda x, f=f: np.sum(f(x)))(X), expected, rtol=1e-6)


@pytest.mark.parametrize("ones", [jnp.ones(3), torch.ones(3, dtype=torch.float64)], ids=["jax", "torch"])
@pytest.mark.parametrize(
    "op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul]
)
def test_operators_with_arrays_of_another_library_stay_as_they_are(op, ones):
    for f, g in (
        (lambda x: np.sum(op(ones, x)), lambda x: np.sum(op(np.ones(3), x))),
        (lambda x: np.sum(op(x, ones)), lambda x: np.sum(op(x, np.ones(3)))),
    ):
        np.testing.assert_allclose(np.asarray(cr.grad(f)(X)), cr.grad(g)(X), rtol=1e-6)


def test_a_library_that_catches_the_error_and_goes_on_loses_no_gradient():
    """mpmath catches every error of float(x), and continues with NaN."""
    told = error_of(lambda f: cr.grad(f)(X), lambda x: float(mpmath.sin(x[0])) * x[1])
    assert told.startswith("mpmath.sin does not take recorded arrays; write np.sin(…)")


def test_pythons_own_functions_of_numbers_are_followed():
    assert cr.grad(lambda x: math.tanh(x[0]))(X)[0] == pytest.approx(1 - math.tanh(0.5) ** 2)
    assert cr.grad(lambda x: np.real(cmath.exp(1j * x[0])))(X)[0] == pytest.approx(-math.sin(0.5))
