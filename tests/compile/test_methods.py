"""cr.compile as a decorator: with arguments, of methods, and of functions that are differentiated."""

import copy
import functools
import inspect
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError

X = np.array([1.0, 2.0])


def test_arguments_of_the_decorator():
    @cr.compile(donate="w")
    def step(w, rate):
        return w - rate * w

    @cr.compile()
    def twice(x):
        return 2 * x

    w = X.copy()
    for _ in range(3):
        w = step(w, 0.5)
    assert np.array_equal(w, X / 8)
    assert all(np.array_equal(twice(X), 2 * X) for _ in range(3))


class Layer:
    def __init__(self, w):
        self.w = w


class Model:
    rate = 0.5

    def __init__(self, scale):
        self.scale, self.layers, self.act, self.name = scale, [Layer(X.copy()), Layer(X + 1)], np.tanh, "model"

    @cr.compile
    def __call__(self, x):
        filled = np.zeros(2)
        for layer in self.layers:
            filled[:] += self.act(layer.w * x) * self.scale
        return filled * self.rate

    @cr.compile
    @staticmethod
    def double(x):
        return 2 * x

    @classmethod
    @cr.compile
    def half(cls, x):
        return cls.rate * x

    @functools.partial(cr.compile, donate="x")
    def moved(self, x):
        return x + self.scale

    @cr.compile
    def counted(self, x):
        self.calls = 1
        return x

    @cr.compile
    def logged(self, x):
        self.layers.append(x)
        return x

    @cr.compile
    def written(self, x):
        self.layers[0].w[0] = 3.0
        return x

    def plain(self, x):
        return sum(np.tanh(layer.w * x) * self.scale for layer in self.layers) * 0.5


def test_methods_read_the_attributes_of_their_object_at_each_call():
    model, other = Model(2.0), Model(3.0)
    for scale in (2.0, 3.0, 4.0):
        model.scale = scale
        model.layers[1].w = X * scale
        assert np.allclose(model(X), model.plain(X), rtol=1e-14)
        assert np.allclose(other(X), other.plain(X), rtol=1e-14)
    model.act = np.sin
    assert np.allclose(model(X), sum(np.sin(layer.w * X) for layer in model.layers) * 2.0, rtol=1e-14)
    assert np.allclose(Model.__call__(other, X), other.plain(X), rtol=1e-14)
    assert all(np.array_equal(model.double(X), 2 * X) for _ in range(3))
    assert all(np.array_equal(Model.half(X), X / 2) for _ in range(3))
    assert all(np.array_equal(other.moved(X.copy()), X + 3) for _ in range(3))


@pytest.mark.parametrize(("name", "told"), [("counted", "calls"), ("logged", "layers"), ("written", "layers")])
def test_a_method_that_changes_its_object_is_refused(name, told):
    with pytest.raises(RecordingError, match=rf"{name} changes self\.{told}, which compiled code does not"):
        getattr(Model(2.0), name)(X)


def test_objects_that_are_no_trees_are_refused():
    model = Model(2.0)
    model.layers.append(model)
    with pytest.raises(RecordingError, match="a compiled method takes a tree of objects"):
        model(X)


def test_gradients_through_compiled_methods():
    model = Model(2.0)
    expected = cr.grad(lambda x: np.sum(model.plain(x)))(X)
    model(X)
    assert np.allclose(cr.grad(lambda x: np.sum(model(x)))(X), expected, rtol=1e-14)

    def of_weights(w):
        model = Model(2.0)
        model.layers[0].w = w
        return np.sum(model(X))

    assert np.allclose(cr.grad(of_weights)(X), 2.0 * 0.5 * X / np.cosh(X * X) ** 2, rtol=1e-13)


@dataclass
class Line:
    slope: float

    @cr.compile
    def at(self, x):
        return self.slope * x


def test_methods_of_dataclasses():
    line = Line(2.0)
    for slope in (2.0, 3.0, 5.0):
        line.slope = slope
        assert line.at(4.0) == 4.0 * slope
    assert cr.grad(lambda line: line.at(4.0))(line) == Line(4.0)


def cubes(x):
    return np.sum(x**3)


def test_a_compiled_function_is_differentiated_through():
    f = cr.compile(cubes)
    for _ in range(3):
        assert f(X) == 9.0
        assert np.allclose(cr.grad(f)(X), 3 * X**2, rtol=1e-15)
    assert np.allclose(cr.hessian(f)(X), np.diag(6 * X), rtol=1e-15)
    assert np.allclose(cr.jacobian(cr.compile(cr.grad(f)))(X), np.diag(6 * X), rtol=1e-15)
    assert np.allclose(cr.jvp(f, (X,), (X,))[1], 3 * np.sum(X**3), rtol=1e-15)
    whole = cr.compile(cr.grad(f))
    assert all(np.allclose(whole(X), 3 * X**2, rtol=1e-15) for _ in range(3))
    assert cr.check(f)(X).ok
    x = cr.variable(X)
    f(x).backward()
    assert np.allclose(x.grad, 3 * X**2, rtol=1e-15)


def test_a_compiled_function_says_which_arguments_it_takes():
    assert inspect.signature(cr.compile(cubes)) == inspect.signature(cubes)
    assert inspect.getfullargspec(cr.compile(cr.grad(cubes))).args == ["x"]
    assert cr.compile(np.sin)(X).shape == X.shape


def test_a_copy_of_a_compiled_method_compiles_anew():
    method = copy.deepcopy(Line.at)
    assert method(Line(2.0), 3.0) == 6.0
