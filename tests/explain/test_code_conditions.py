"""Written code is right for other arguments than those it was written with, or says that it is not."""

import collections

import numpy as np
import pytest

import chainrule as cr
from chainrule.code import CodeError

X = np.array([3.0, 4.0])
LIBRARIES = ("numpy", "torch", "jax")


def written(f, *args, library="numpy"):
    name = f.__name__ if f.__name__.isidentifier() else "loss"
    exec(cr.explain(f)(*args).code(library), made := {})
    return made[f"{name}_and_gradient" if library == "numpy" else name]


def filled(x):
    y = np.zeros(2)
    y[0] = x[0] ** 2
    if y[0] > 4:
        y *= 2
    return np.sum(y)


def test_a_function_that_fills_an_array_is_explained():
    value, gradient = written(filled, X)(X)
    assert value == filled(X) == 18
    np.testing.assert_array_equal(gradient, cr.grad(filled)(X))
    assert "y" in str(cr.explain(filled)(X))


def test_an_array_that_plain_code_fills_is_known_by_its_name():
    def loss(x):
        weights = np.zeros(2)
        weights[0] = 0.25
        weights[1] = 17.5
        other = np.zeros(2)
        other[0] = x[0]
        return np.sum(weights * x) + other[0]

    assert "weights ⊙ x" in str(cr.explain(loss)(X))


def test_keys_of_a_dict_may_stand_in_any_order():
    def loss(p):
        return np.sum(p["w"] ** 2 + p["b"])

    value, gradient = written(loss, {"w": X, "b": 0.5})({"w": X, "b": 0.5})
    assert value == 26
    np.testing.assert_array_equal(gradient["w"], 2 * X)
    assert gradient["b"] == 2


RULES_THAT_ASK = {
    "norm": (lambda x: np.linalg.norm(x), X, X * 1e-200),
    "norm of huge numbers": (lambda x: np.linalg.norm(x), X, X * 1e200),
    "std": (lambda x: np.std(x), X, X * 1e-200),
    "prod": (lambda x: np.prod(x), X, X * [1, 0]),
    "prod of zeros": (lambda x: np.prod(x), X * [1, 0], X),
    "lengths": (lambda x: np.sum(np.hypot(x, x)), X, X * 0),
    "sizes of complex numbers": (lambda x: np.sum(abs(x * 1j)), X, X * [0, 1]),
    "determinants": (lambda x: np.linalg.slogdet(np.diag(x))[1] * 0 + np.linalg.det(np.diag(x)), X, X * 2),
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", RULES_THAT_ASK)
def test_what_rules_ask_about_values_is_checked(name, library):
    f, there, elsewhere = RULES_THAT_ASK[name]
    with np.errstate(all="ignore"):
        value, gradient = cr.value_and_grad(f)(elsewhere)
    function = written(f, there, library=library)
    with np.errstate(all="ignore"):
        got, found = value_or_refusal(function, elsewhere, library)
    if found is None:
        assert "written for another branch" in got
    elif np.isnan(got):
        assert library == "jax"
        assert np.isnan(found).all()
    else:
        np.testing.assert_allclose(got, value)
        np.testing.assert_allclose(found, gradient)


def value_or_refusal(function, x, library):
    """The value and the gradient, or what the error says and None."""
    try:
        return both(function, x, library)
    except ValueError as error:
        return str(error), None


def both(function, x, library):
    """The value and the gradient that a written function computes."""
    if library == "numpy":
        return function(x)
    if library == "torch":
        torch = pytest.importorskip("torch")
        x = torch.tensor(x, requires_grad=True)
        value = function(x)
        return value.item(), torch.autograd.grad(value, x)[0].numpy()
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        value, gradient = jax.value_and_grad(function)(jax.numpy.asarray(x))
        return np.array(value), np.array(gradient)


def test_code_for_jax_is_nan_on_another_branch():
    def loss(x):
        return np.sum(x * x) if x[0] > 0 else np.sum(x)

    function = written(loss, X, library="jax")
    np.testing.assert_allclose(both(function, X, "jax")[1], 2 * X)
    value, gradient = both(function, -X, "jax")
    assert np.isnan(value)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("key", "then", "now"), [("k", 2, 3), ("labels", np.array([0, 1]), np.array([1, 1]))])
def test_what_stands_beside_the_arrays_of_an_argument_is_checked(key, then, now, library):
    def loss(p):
        return np.sum(p["w"] ** p["k"]) if "k" in p else np.sum(p["w"][p["labels"]] ** 2)

    function = written(loss, {"w": X, key: then}, library=library)

    def of_w(x):
        import torch

        other = torch.tensor(then_or_now) if library == "torch" and key == "labels" else then_or_now
        return function({"w": x, key: other})

    then_or_now = then
    value, gradient = both(of_w, X, library)
    assert value == loss({"w": X, key: then})
    np.testing.assert_allclose(gradient["w"] if library == "numpy" else gradient, 2 * X)
    then_or_now = now
    if library == "jax":
        value, gradient = both(of_w, X, library)
        assert np.isnan(value)
        assert np.isnan(gradient).any()
    else:
        with pytest.raises(ValueError, match="written for other arguments"):
            both(of_w, X, library)


def test_the_gradient_of_an_ordered_dict_is_one():
    def loss(p):
        return np.sum(p["z"] ** 2) * p["a"]

    p = collections.OrderedDict([("z", X), ("a", 0.5)])
    _, gradient = written(loss, p)(p)
    assert type(gradient) is collections.OrderedDict
    assert list(gradient) == ["z", "a"]
    _, defaults = written(loss, collections.defaultdict(float, p))(collections.defaultdict(float, p))
    assert type(defaults) is collections.defaultdict
    assert defaults["b"] == 0.0


def test_jax_interpolates():
    def loss(x):
        return np.sum(np.interp(x, [0.0, 5.0], [0.0, 2.0]))

    value, gradient = both(written(loss, X, library="jax"), X, "jax")
    np.testing.assert_allclose(value, loss(X))
    np.testing.assert_allclose(gradient, [0.4, 0.4])


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_long_doubles_are_refused_where_there_are_none(library):
    with pytest.raises(CodeError, match="has no numbers of"):
        cr.explain(lambda x: np.sum(x * x))(X.astype(np.longdouble)).code(library)
