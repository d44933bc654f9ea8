"""`chainrule.compat.autograd` against HIPS autograd itself: the same program, with one import changed."""

import importlib
import subprocess
import sys
from pathlib import Path

import autograd
import autograd.extend
import autograd.misc
import autograd.misc.fixed_points
import autograd.misc.optimizers
import autograd.numpy as anp
import numpy as np
import pytest
import scipy.stats

from chainrule.compat import autograd as ours

ROOT = Path(__file__).parents[1]
X = np.array([0.3, -0.7, 1.2])
V = np.array([1.0, 0.5, -2.0])
M = np.arange(6.0).reshape(2, 3) / 3


def scalar(np):
    return lambda x: np.sum(np.tanh(x) ** 2 * x) + np.prod(x)


def vector(np):
    return lambda x: np.concatenate([np.sin(x), np.dot(M, x)])


PROGRAMS = {
    "grad": lambda ag, np: ag.grad(scalar(np))(X),
    "of one number in an array": lambda ag, np: ag.grad(lambda x: np.sum(x**2).reshape(1))(X),
    "argnum": lambda ag, np: ag.grad(lambda a, x: np.sum(a * x**2), 1)(2.0, X),
    "several argnums": lambda ag, np: ag.grad(lambda a, x: np.sum(a * x**2), (0, 1))(2.0, X),
    "value_and_grad": lambda ag, np: ag.value_and_grad(scalar(np))(X),
    "elementwise_grad": lambda ag, np: ag.elementwise_grad(ag.elementwise_grad(np.tanh))(X),
    "deriv": lambda ag, np: ag.deriv(lambda t: np.sin(t * X))(0.5),
    "jacobian": lambda ag, np: ag.jacobian(vector(np))(X),
    "hessian": lambda ag, np: ag.hessian(scalar(np))(X),
    "holomorphic_grad": lambda ag, np: ag.holomorphic_grad(lambda z: z**3)(1.0 + 2j),
    "hessian_vector_product": lambda ag, np: ag.hessian_vector_product(scalar(np))(X, V),
    "hessian_tensor_product": lambda ag, np: ag.hessian_tensor_product(scalar(np))(X, V),
    "tensor_jacobian_product": lambda ag, np: ag.tensor_jacobian_product(vector(np))(X, np.arange(5.0)),
    "vector_jacobian_product": lambda ag, np: ag.vector_jacobian_product(vector(np))(X, np.arange(5.0)),
    "make_vjp": lambda ag, np: [ag.make_vjp(vector(np))(X)[0](np.arange(5.0)), ag.make_vjp(vector(np))(X)[1]],
    "make_jvp": lambda ag, np: ag.make_jvp(vector(np))(X)(V),
    "make_hvp": lambda ag, np: ag.make_hvp(scalar(np))(X)[0](V),
    "make_ggnvp": lambda ag, np: ag.make_ggnvp(vector(np))(X)(V),
    "grad_and_aux": lambda ag, np: ag.grad_and_aux(lambda x: (np.sum(x**2), 3.0))(X),
    "grad_named": lambda ag, np: ag.grad_named(lambda a, x: np.sum(a * x**2), "x")(2.0, X),
    "trees": lambda ag, np: sorted(ag.grad(lambda p: np.sum(p["w"] * X) * p["b"])({"w": V, "b": 2.0}).items()),
}


def assert_same(found, expected):
    if isinstance(expected, dict | str):
        assert found == expected
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for z, e in zip(found, expected, strict=True):
            assert_same(z, e)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_it_gives_with_autograd(name):
    assert_same(PROGRAMS[name](ours, np), PROGRAMS[name](autograd, anp))


def test_gradients_of_all_arguments_by_their_names():
    """autograd's own multigrad_dict needs a package that is no longer installed with it."""
    assert ours.multigrad_dict(lambda a, b: a * b**2)(2.0, b=3.0) == {"a": 9.0, "b": 12.0}


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_optimizers_of_trees_step_as_autograds(optimizer):
    start = {"w": X, "b": [2.0, V]}
    gradient = lambda p, i: {"w": 2 * p["w"] + i, "b": [p["b"][0], p["b"][1] ** 3]}  # noqa: E731
    seen = []
    run = importlib.import_module("chainrule.compat.autograd.misc.optimizers")
    found = getattr(run, optimizer)(gradient, start, lambda p, i, g: seen.append(i), num_iters=5, step_size=0.05)
    expected = getattr(autograd.misc.optimizers, optimizer)(gradient, start, None, num_iters=5, step_size=0.05)
    assert_same([found["w"], *found["b"]], [expected["w"], *expected["b"]])
    assert seen == [0, 1, 2, 3, 4]


def with_own_function(ag, extend):
    @extend.primitive
    def cube_of(x, y):
        return x**3 * y

    extend.defvjp(cube_of, lambda ans, x, y: lambda g: g * 3 * x**2 * y, lambda ans, x, y: lambda g: g * x**3)
    f = lambda x: cube_of(x, x) + cube_of(x, 2.0)  # noqa: E731
    return ag.grad(f)(1.5), ag.grad(ag.grad(f))(1.5)


def test_own_functions_with_their_gradients():
    extend = importlib.import_module("chainrule.compat.autograd.extend")
    assert_same(with_own_function(ours, extend), with_own_function(autograd, autograd.extend))


def root(ag, fixed_points):
    def of(a):
        step = lambda a: lambda x: x - 0.05 * (x**2 - a)  # noqa: E731
        return fixed_points.fixed_point(step, a, 10.0, lambda x, y: abs(x - y), 1e-10)

    return of(2.0), ag.grad(of)(2.0), ag.grad(ag.grad(of))(2.0)


def test_gradients_through_fixed_points_match_autograd():
    module = importlib.import_module("chainrule.compat.autograd.misc.fixed_points")
    found = root(ours, module)
    np.testing.assert_allclose(found, root(autograd, autograd.misc.fixed_points), rtol=1e-6)
    np.testing.assert_allclose(found, [2**0.5, 0.5 * 2**-0.5, -0.25 * 2**-1.5], rtol=1e-6)


def test_trees_flatten_as_in_autograd():
    flatten = importlib.import_module("chainrule.compat.autograd.misc").flatten
    vector, unflatten = flatten({"a": M, "b": (X, 2.0)})
    expected, _ = autograd.misc.flatten({"a": M, "b": (X, 2.0)})
    assert_same(vector, expected)
    assert_same(unflatten(vector)["b"], (X, 2.0))


def test_numpy_and_scipy_are_the_libraries_themselves():
    import chainrule.compat.autograd.numpy as onp
    import chainrule.compat.autograd.numpy.random as npr
    import chainrule.compat.autograd.scipy.stats.multivariate_normal as mvn
    from chainrule.compat.autograd.builtins import tuple as own_tuple
    from chainrule.compat.autograd.numpy.linalg import solve

    from chainrule.compat.autograd.scipy.special import gammaln, logsumexp
    from chainrule.compat.autograd.scipy.stats import norm

    assert onp is np
    assert npr is np.random
    assert mvn is scipy.stats.multivariate_normal
    assert norm is scipy.stats.norm
    assert solve is np.linalg.solve
    assert own_tuple is tuple
    assert ours.grad(lambda x: logsumexp(x) + gammaln(x[2]))(X).shape == (3,)
    assert sys.modules["numpy"] is np


def test_gradients_are_checked():
    check_grads = importlib.import_module("chainrule.compat.autograd.test_util").check_grads
    check_grads(scalar(np), modes=["rev"])(X)
    wrong = importlib.import_module("chainrule.compat.autograd.extend")
    square = wrong.primitive(lambda x: x**2)
    wrong.defvjp(square, lambda ans, x: lambda g: g * x)
    with pytest.raises(AssertionError):
        check_grads(square)(1.5)


CONVOLUTIONS = [
    ((2, 3, 6, 7), (3, 5, 2, 3), ([2, 3], [2, 3]), ([1], [0])),
    ((4, 6), (3,), ([1], [0]), ([], [])),
    ((2, 6, 3), (3, 4, 2), ([1], [1]), ([2], [0])),
    ((5, 2, 3), (7, 2, 4), ([0], [0]), ([1], [1])),
    ((5, 4), (2, 3), None, ([], [])),
]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("a", "b", "axes", "dot_axes"), CONVOLUTIONS)
def test_convolutions_along_some_axes_match_autograd(a, b, axes, dot_axes, mode):
    theirs = importlib.import_module("autograd.scipy.signal").convolve
    own = importlib.import_module("chainrule.compat.autograd.scipy.signal").convolve
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=a), rng.normal(size=b)
    options = {"axes": axes, "dot_axes": dot_axes, "mode": mode}
    assert_same(own(a, b, **options), theirs(a, b, **options))
    for z, expected in zip(
        ours.grad(lambda a, b: np.sum(own(a, b, **options) ** 2), (0, 1))(a, b),
        autograd.grad(lambda a, b: anp.sum(theirs(a, b, **options) ** 2), (0, 1))(a, b),
        strict=True,
    ):
        assert_same(z, expected)


def test_the_command_runs_programs_of_autograd(tmp_path):
    """One that runs with both, one that has no result of `grad` alike, and one that stops."""
    (tmp_path / "one.py").write_text(
        "import autograd.numpy as np\n"
        "import matplotlib.pyplot as plt\n"
        "from autograd import grad\n"
        "from autograd.misc.optimizers import adam\n"
        "from helper import loss\n"
        "w = adam(lambda w, i: grad(loss)(w), np.ones(3), num_iters=10**6)\n"
        "plt.plot(w)\n"
    )
    (tmp_path / "helper.py").write_text(
        "import autograd.numpy as np\n\n\ndef loss(w):\n    return np.sum(np.tanh(w) ** 2)\n"
    )
    (tmp_path / "two.py").write_text(
        "import autograd\nfrom autograd import grad\nprint(grad(lambda x: x * len(autograd.__name__))(2.0))\n"
    )
    (tmp_path / "three.py").write_text("from autograd.tracer import Node\n")
    command = [sys.executable, "-m", "tests.sweeps.hips_examples", str(tmp_path), "one", "two", "three"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    lines = {line.split()[0]: line for line in printed.splitlines()}
    assert lines["one"].endswith("chainrule: ran, 3 results alike")
    assert lines["two"].endswith("chainrule: ran, with other results")
    assert "ModuleNotFoundError" in lines["three"]
    assert lines["3"] == "3 programs; autograd runs 3, chainrule 1"
