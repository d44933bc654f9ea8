"""The code that an explanation writes is run, and compared with chainrule, and with PyTorch and JAX."""

import dataclasses
import functools
import inspect
import subprocess
import sys
import types
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.code import CodeError
from chainrule.trees import flatten
from chainrule.watching.arguments import has_floats
from explain import functions
from explain.functions import FUNCTIONS

LIBRARIES = ("numpy", "torch", "jax")
OTHER = {"n": 3, "d": 2, "m": 4, "k": 5, "h": 3}
NOT_IN_TORCH = {"beta_likelihood"}
"""PyTorch has no betaln."""
OF_ITS_VALUES = {"branch", "masked"}
"""Functions that do something else for other values."""


@functools.cache
def code(name, library, seed=0, **sizes):
    return explanation(name, seed, **sizes).code(library)


@functools.cache
def explanation(name, seed=0, **sizes):
    return cr.explain(FUNCTIONS[name].f)(**FUNCTIONS[name].arguments(seed, **sizes))


def run(text):
    exec(compile(text, "<code>", "exec"), namespace := {})
    return namespace


def call_of(name, function, arguments):
    """The arguments that the code takes: the user's arrays, and those that his function takes from outside."""
    return [arguments[p] if p in arguments else getattr(functions, p) for p in inspect.signature(function).parameters]


def expected(name, arguments):
    """The value and the gradients by chainrule, by leaves."""
    chosen = tuple(k for k, x in arguments.items() if has_floats(x))
    value, gradients = cr.value_and_grad(FUNCTIONS[name].f, argnums=chosen)(**arguments)
    return chosen, value, flatten(gradients)[0]


def assert_same(value, gradients, wanted_value, wanted):
    np.testing.assert_allclose(value, wanted_value, rtol=1e-10)
    assert len(gradients) == len(wanted)
    for x, y in zip(gradients, wanted, strict=True):
        assert np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10)


def assert_numpy_code_is_right(name, text, arguments):
    both = run(text)[f"{name}_and_gradient"]
    value, gradients = both(*call_of(name, both, arguments))
    _, *wanted = expected(name, arguments)
    assert_same(value, flatten(gradients)[0], *wanted)


@pytest.mark.parametrize("sizes", [{}, OTHER], ids=["usual", "other"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_code_gives_the_value_and_the_gradients(name, sizes):
    assert_numpy_code_is_right(name, code(name, "numpy", **sizes), FUNCTIONS[name].arguments(**sizes))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in OF_ITS_VALUES])
def test_numpy_code_is_right_for_other_values_and_labels(name):
    assert_numpy_code_is_right(name, code(name, "numpy"), FUNCTIONS[name].arguments(seed=1))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.fixed_dictionaries({letter: st.integers(1, 5) for letter in "ndmh"} | {"k": st.integers(2, 5)}),
    st.integers(0, 100),
)
def test_numpy_code_is_right_for_any_sizes(name, sizes, seed):
    if name == "rosenbrock" or name == "slices":
        sizes["n"], sizes["d"] = sizes["n"] + 1, sizes["d"] + 1
    arguments = FUNCTIONS[name].arguments(seed, **sizes)
    with np.errstate(all="ignore"):
        value = FUNCTIONS[name].f(**arguments)
    if np.isfinite(value):
        assert_numpy_code_is_right(name, code(name, "numpy", seed, **sizes), arguments)


@pytest.mark.parametrize("sizes", [{}, OTHER], ids=["usual", "other"])
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in NOT_IN_TORCH])
def test_torch_code_gives_the_gradients_that_gradcheck_measures(name, sizes):
    torch = pytest.importorskip("torch")
    import optree

    arguments = FUNCTIONS[name].arguments(**sizes)
    chosen, *wanted = expected(name, arguments)
    function = run(code(name, "torch", **sizes))[name]

    def tensor(x):
        x = torch.tensor(np.array(x))
        return x.requires_grad_(x.is_floating_point())

    call = optree.tree_map(tensor, call_of(name, function, arguments))
    parameters = list(inspect.signature(function).parameters)
    active = [x for p, part in zip(parameters, call, strict=True) if p in chosen for x in optree.tree_leaves(part)]
    value = function(*call)
    gradients = torch.autograd.grad(value, active)
    assert_same(value.numpy(force=True), [g.numpy() for g in gradients], *wanted)
    if name != "gaussian_process":  # of a symmetric matrix: gradcheck would change one triangle
        assert torch.autograd.gradcheck(lambda *_: function(*call), active)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jax_code_gives_the_gradients_under_grad_and_jit(name):
    """And JAX's own gradient of what is printed as forward pass is that of the backward pass that is printed.

    A third of the functions is tried in other sizes too: XLA compiles each program for half a second.
    """
    jax = pytest.importorskip("jax")
    for sizes in ({}, OTHER) if list(FUNCTIONS).index(name) % 3 == 0 else ({},):
        arguments = FUNCTIONS[name].arguments(**sizes)
        chosen, *wanted = expected(name, arguments)
        made = run(code(name, "jax", **sizes))
        function, forward = made[name], made[f"{name}_forward"]
        argnums = tuple(i for i, p in enumerate(inspect.signature(function).parameters) if p in chosen)
        ours = jax.value_and_grad(function, argnums)
        jaxs = jax.value_and_grad(forward, argnums, has_aux=True)
        with jax.enable_x64(True):
            both = jax.jit(lambda *args, ours=ours, jaxs=jaxs: (ours(*args), jaxs(*args)))
            (value, gradients), ((value2, _), gradients2) = both(*call_of(name, function, arguments))
            assert_same(value, flatten(gradients)[0], *wanted)
            assert_same(value2, flatten(gradients2)[0], *wanted)


LARGER = {"n": 6, "d": 4, "k": 4, "m": 3, "h": 3}
"""Sizes of which those are equal that are so by default."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_code_is_right_for_other_sizes_or_says_that_it_is_not_for_them(name):
    text, arguments = code(name, "numpy"), FUNCTIONS[name].arguments(seed=2, **LARGER)
    if "Written for" in text:
        both = run(text)[f"{name}_and_gradient"]
        if {k: np.shape(x) for k, x in arguments.items()} != {
            k: np.shape(x) for k, x in FUNCTIONS[name].arguments().items()
        }:
            with pytest.raises(ValueError, match=r"written|axes"):
                both(*call_of(name, both, arguments))
    else:
        assert_numpy_code_is_right(name, text, arguments)


def test_a_mean_divides_by_the_number_of_rows_that_there_are():
    def loss(X, w, y):
        return np.mean((X @ w - y) ** 2)

    rng = np.random.default_rng(0)
    both = run(cr.explain(loss)(rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=4)).code())[
        "loss_and_gradient"
    ]
    arguments = rng.normal(size=(7, 2)), rng.normal(size=2), rng.normal(size=7)
    value, gradients = both(*arguments)
    wanted, wanted_gradients = cr.value_and_grad(loss, argnums=(0, 1, 2))(*arguments)
    assert_same(value, gradients, wanted, wanted_gradients)


def test_arrays_of_one_size_by_chance_are_checked_to_be_so_again():
    """Where the code takes one length for another it must not be silent when they differ."""

    def loss(x, y):
        return np.mean(np.exp(x)) + np.mean(np.exp(y))

    both = run(cr.explain(loss)(np.ones(3), np.ones(3)).code())["loss_and_gradient"]
    with pytest.raises(ValueError, match=r"written|axes"):
        both(np.ones(4), np.ones(5))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_another_branch_and_another_mask_are_errors(library):
    def leaky(x):
        if np.sum(x) > 0:
            return np.sum(x[x > 0] ** 2)
        return np.sum(x)

    x = np.array([1.0, -2.0, 3.0])
    made = run(cr.explain(leaky)(x).code(library))
    function = made["leaky_and_gradient" if library == "numpy" else "leaky"]
    array = np.array if library == "numpy" else pytest.importorskip("torch").tensor
    function(array([2.0, -1.0, 1.0]))
    for other in ([-1.0, 2.0, 3.0], [1.0, -9.0, 3.0]):
        with pytest.raises(ValueError, match=r"written|axes"):
            function(array(other))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_code_is_as_one_would_write_it(name, tmp_path):
    """Ruff finds nothing in it, no line is too long, and its length grows with the number of blocks, not faster."""
    blocks = len(explanation(name).forward)
    for library in LIBRARIES:
        if library == "torch" and name in NOT_IN_TORCH:
            continue
        text = code(name, library)
        (tmp_path / f"{library}.py").write_text(text)
        assert max(map(len, text.splitlines())) <= 120
        assert "chainrule" not in text
        assert len(text.splitlines()) <= 60 + 12 * blocks
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_block_that_a_library_lacks_is_named():
    def f(a, b):
        return scipy.special.betaln(a, b) + scipy.special.ellipk(0.5 * a)

    explanation = cr.explain(f)(0.5, 1.5)
    with pytest.raises(CodeError, match=r"torch.*betaln.*ellipk"):
        explanation.code("torch")


def test_a_block_of_the_users_own_is_written_with_its_own_rule():
    @cr.block
    def swish(x):
        return x / (1 + np.exp(-x))

    @swish.backward
    def swish_backward(dz, z, x):
        return dz * (z + (1 - z) / (1 + np.exp(-x)))

    def loss(x):
        h = swish(x)
        return np.sum(h**2)

    x = np.array([0.5, -1.0])
    for library in LIBRARIES:
        assert "exp" in cr.explain(loss)(x).code(library)
    both = run(cr.explain(loss)(x).code())["loss_and_gradient"]
    np.testing.assert_allclose(both(x)[1], cr.grad(loss)(x), rtol=1e-12)


LAYOUTS = {
    "C": lambda x: x.copy(),
    "Fortran": lambda x: np.array(x, order="F"),
    "gaps": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_a_view_depends_on_the_layout_of_the_argument(layout):
    """A reshape is a view of some layouts, and a copy of others: a write into it shows in the argument or not."""

    def into_the_view(x):
        a = np.reshape(x, -1)
        a[:3] *= 2
        return np.sum(x * x)

    def into_the_array(x):
        a = np.ravel(x)
        x *= 3
        return np.sum(a * a)

    for f in (into_the_view, into_the_array):
        x = LAYOUTS[layout](np.arange(1.0, 7.0).reshape(2, 3))
        value, gradient = cr.value_and_grad(f)(x)
        assert value == f(LAYOUTS[layout](x))
        explanation = cr.explain(f)(x)
        both = run(explanation.code())[f"{f.__name__}_and_gradient"](x)
        np.testing.assert_allclose(both[0], value)
        np.testing.assert_allclose(both[1], gradient)
        for other in (x, LAYOUTS[layout](x.astype(np.float32))):
            assert cr.check(f)(other).ok
            assert cr.check(lambda w, x: f(x) * np.sum(w))(np.ones(2), other).ok  # noqa: B023
            assert cr.check(lambda w, x: f(x) * np.sum(w), argnums=0)(np.ones(2), other).ok  # noqa: B023


def test_a_copy_is_written_as_one():
    def loss(x):
        y = x.copy()
        y[0] = 2.0
        return np.sum(y * np.copy(x, order="F"))

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    for library in LIBRARIES:
        assert cr.explain(loss)(x).code(library)
    text = cr.explain(loss)(x).code()
    assert "order" not in text
    assert "np.array(np.array" not in text
    value, gradient = run(text)["loss_and_gradient"](x)
    assert value == loss(x)
    np.testing.assert_allclose(gradient, cr.grad(loss)(x))


class Pair(NamedTuple):
    w: Any
    b: Any
    name: Any = None


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any
    name: Any = None


@attrs.define
class Attrs:
    w: Any
    b: Any
    name: Any = None


@dataclasses.dataclass
class Normalised:
    w: Any
    b: Any

    def __post_init__(self):
        self.w = self.w / np.sum(self.w)


@pytest.mark.parametrize("kind", [Pair, Layer, Attrs, types.SimpleNamespace])
def test_gradients_of_objects_are_objects_of_the_same_class(kind):
    def loss(p, x):
        return np.sum((x @ p[0]["layer"].w + p[0]["layer"].b) ** 2)

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    p = [{"layer": kind(w=np.array([0.5, 1.5]), b=2.0, name=None)}]
    value, (found, dx) = run(cr.explain(loss)(p, x).code())["loss_and_gradient"](p, x)
    expected, (wanted, wanted_dx) = cr.value_and_grad(loss, (0, 1))(p, x)
    assert type(found[0]["layer"]) is kind
    assert_same(value, [found[0]["layer"].w, found[0]["layer"].b, dx], expected, [*flatten(wanted)[0], wanted_dx])


def test_gradients_of_a_named_tuple_in_jax():
    jax = pytest.importorskip("jax")

    def loss(p, x):
        return np.sum((x @ p.w + p.b) ** 2)

    p, x = Pair(np.array([0.5, 1.5]), 2.0), np.array([[1.0, 2.0], [3.0, 4.0]])
    with jax.enable_x64(True):
        found = jax.grad(run(cr.explain(loss)(p, x).code("jax"))["loss"])(p, x)
    for ours, wanted in zip(found[:2], cr.grad(loss)(p, x)[:2], strict=True):
        np.testing.assert_allclose(ours, wanted)


def test_an_object_that_its_fields_do_not_make_is_refused():
    p = Normalised(np.array([0.5, 1.5]), 2.0)
    with pytest.raises(CodeError, match=r"gradient of a Normalised cannot be written.*in a dict"):
        cr.explain(lambda p: np.sum(p.w * p.b))(p).code()


def test_equal_entries_are_sorted_in_their_order():
    f = lambda x: np.sum(np.sort(x) * np.arange(20.0))  # noqa: E731
    made = run(cr.explain(f)(np.arange(20.0) % 7 + np.linspace(0, 0.1, 20)).code())
    both = next(g for name, g in made.items() if name.endswith("_and_gradient"))
    x = np.arange(20.0) % 3
    np.testing.assert_array_equal(both(x)[1], cr.grad(f)(x))


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_largest_entry_of_a_window_may_be_nan(library):
    def loss(x):
        return np.sum(cr.max_pool1d(np.reshape(x, (1, 6)), 2) * np.array([1.0, 3.0, 5.0]))

    x = np.array([0.3, 1.2, 2.0, -0.7, 0.1, 0.4])
    nan = np.array([0.3, np.nan, np.nan, -0.7, 0.1, 0.4])
    for recorded in (x, nan):
        made = run(cr.explain(loss)(recorded).code(library))
        if library == "numpy":
            slope = made["loss_and_gradient"](nan)[1]
        elif library == "torch":
            import torch

            tensor = torch.tensor(nan, requires_grad=True)
            made["loss"](tensor).backward()
            slope = tensor.grad.numpy()
        else:
            jax = pytest.importorskip("jax")
            with jax.enable_x64(True):
                slope = jax.grad(made["loss"])(nan)
        np.testing.assert_array_equal(slope, cr.grad(loss)(nan))


@pytest.mark.parametrize("f", [np.median, lambda x: np.quantile(x, 0.3), np.nanmedian])
def test_code_for_numbers_refuses_nan_where_a_function_takes_another_way(f):
    made = run(cr.explain(lambda x: f(x) * 2)(np.array([0.3, 1.2, 2.0, -0.7])).code())
    both = next(g for name, g in made.items() if name.endswith("_and_gradient"))
    with pytest.raises(ValueError, match="another branch"):
        both(np.array([0.3, np.nan, 2.0, -0.7]))


def test_arrays_of_integers_stay_arguments():
    labels = np.array([0, 2, 1, 1])
    text = code("softmax_regression", "numpy")
    both = run(text)["softmax_regression_and_gradient"]
    arguments = FUNCTIONS["softmax_regression"].arguments() | {"labels": labels}
    _, value, gradients = expected("softmax_regression", arguments)
    assert_same(*(lambda v, g: (v, list(g)))(*both(**arguments)), value, gradients)


def test_a_cotangent_may_be_given():
    arguments = FUNCTIONS["least_squares"].arguments()
    made = run(code("least_squares", "numpy"))
    _, saved = made["least_squares_forward"](**arguments)
    once, thrice = made["least_squares_backward"](saved), made["least_squares_backward"](saved, 3.0)
    for x, y in zip(once, thrice, strict=True):
        np.testing.assert_allclose(3 * x, y)


def test_another_library_is_an_error():
    with pytest.raises(ValueError, match="numpy, torch, jax"):
        cr.explain(lambda x: x * x)(1.0).code("mxnet")


def test_a_library_that_is_not_installed_is_told(monkeypatch):
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install .chainrule\[torch\]"):
        cr.explain(lambda x: x * x)(2.0).code("torch")


def test_code_for_jax_is_traced_without_compiling_each_call():
    """JAX compiles each call on arrays; the code is compiled as a whole, once for each of the two sizes tried."""
    jax = pytest.importorskip("jax")

    def loss(W, b, x):
        for i in range(8):
            x = np.tanh(W @ x + i * b) / (1 + np.exp(-x))
        return np.sum(x**2)

    compiled = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, *args, **kwargs: compiled.append(event))
    rng = np.random.default_rng(0)
    cr.explain(loss)(rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)).code("jax")
    assert 1 <= sum("backend_compile" in event for event in compiled) <= 12


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x * np.full(3, np.longdouble(1) / 3) + np.array([1, 2, 3], np.longdouble) / 7),
        lambda x: np.std(x) + np.prod(1 - np.clip(x, 0.1, 0.9)),
        lambda x: np.sum(np.abs(np.exp(1j * x) + np.longdouble(1) / 3)),
        lambda x: np.sum(np.abs(x * np.array([1 + 2j, 3j, 1 / np.longdouble(3)]))),
        lambda x: np.sum(np.gradient(x, 0.5) ** 2),
    ],
)
def test_code_for_longdouble_has_all_its_digits(f):
    x = np.array([0.3, 0.7, -1.2], np.longdouble) / 3
    exec(cr.explain(f)(x).code(), made := {})
    value, gradient = made["loss_and_gradient"](x)
    assert value.dtype == gradient.dtype == np.longdouble
    np.testing.assert_allclose(value, f(x), rtol=1e-18)
    np.testing.assert_allclose(gradient, cr.grad(f)(x), rtol=2e-18, atol=1e-18)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(x, 0, 0.5) + np.maximum(x, 0.2) + min(x, 1),
        lambda x: np.atleast_1d(x)[0] * x,
        lambda x: np.float32(2.5) * x,
        lambda x: np.sqrt(x) + np.where(x > 0, x, 0),
        lambda x: np.linalg.norm(np.reshape(x, (1,))),
        lambda x: (x > 0.1) * x + x * x,
        lambda x: x * x + 3 * x,
    ],
)
@pytest.mark.parametrize("number", [float, np.float64, np.array])
def test_numpy_code_takes_the_numbers_that_the_function_takes(f, number):
    """Also Python's, which have none of NumPy's methods."""
    x = number(0.4)
    made = run(cr.explain(f)(x).code())
    value, gradient = next(g for name, g in made.items() if name.endswith("_and_gradient"))(x)
    assert np.asarray(value).dtype == np.asarray(f(x)).dtype
    np.testing.assert_allclose(value, f(x), rtol=1e-7)
    np.testing.assert_allclose(gradient, cr.grad(f)(x), rtol=1e-7)
