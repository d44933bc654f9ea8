"""NumPy and its functions in attributes, containers and partials: code that reaches them there fills arrays too."""

import functools

import numpy as np
import pytest

import chainrule as cr

X = np.array([0.7, 1.3, 2.1])
MAKERS = {"zeros": np.zeros, "square": lambda v: v**2}
filled = functools.partial(np.full, fill_value=2.0)
matrix = functools.partial(np.zeros, (2, 3))


class OfTheClass:
    np = np
    make = np.zeros

    def running(self, x):
        out = self.np.zeros(3)
        out[:] = x
        return out.cumsum() * self.started(x)

    def started(self, x):
        out = self.make(3) + 1
        out[1] = x[0]
        return out


class OfTheObject:
    def __init__(self, xp):
        self.xp = xp
        self.tools = {"random": xp.random.default_rng, "list": [xp.empty]}

    def __call__(self, x):
        out = self.xp.linalg.inv(self.xp.eye(3))
        out[0] = x
        noise = self.tools["random"](1).normal(size=3)
        noise *= x
        last = self.tools["list"][0](3)
        last[:] = noise
        return out @ last


class Comparing(OfTheObject):
    def __call__(self, x):
        return x * 2 if self.xp is np else x


class WithSlots:
    __slots__ = ("xp",)

    def __init__(self):
        self.xp = np

    def __call__(self, x):
        a = self.xp.array([x[0], 2.0])
        a[1] = x[1]
        return a


of_the_class, of_the_object, with_slots = OfTheClass(), OfTheObject(np), WithSlots()


def of_a_dict(x):
    a = MAKERS["zeros"](3)
    a[1] = x[0]
    return MAKERS["square"](a + x)


def of_partials(x):
    a, b = filled(3), matrix()
    a *= x
    b[0] = x
    return a * b


def made_inside(x):
    make = functools.partial(np.zeros, 3)
    a = make()
    a[0] = x[1]
    return a * x


def of_an_argument(x, xp):
    a = xp["np"].zeros(3)
    a[2] = x[0]
    return a + x


PROGRAMS = {
    **{f.__name__: f for f in (of_a_dict, of_partials, made_inside)},
    "of a class": of_the_class.running,
    "of an object": of_the_object,
    "of an object made inside": lambda x: OfTheObject(np)(x),
    "of slots": with_slots,
    "compared by is": Comparing(np),
    "of an argument": lambda x: of_an_argument(x, {"np": np}),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_value_gradient_and_what_stands_there_afterwards(program):
    def loss(x):
        return np.sum(program(x) ** 2 * 1.5)

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    differences = [(loss(X + h) - loss(X - h)) / 2e-6 for h in np.eye(3) * 1e-6]
    np.testing.assert_allclose(slopes, differences, rtol=1e-7)
    assert OfTheClass.__dict__["np"] is np
    assert OfTheClass.__dict__["make"] is np.zeros
    assert MAKERS["zeros"] is np.zeros
    assert filled.func is np.full
    assert of_the_object.xp is np
    assert of_the_object.tools["list"][0] is np.empty
