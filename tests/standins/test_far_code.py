"""NumPy in code that a function reaches by modules, classes, registries and other ways: it fills arrays there too."""

import enum
import functools
import importlib
import sys
import types

import numpy as np
import pytest

import chainrule as cr
from chainrule import special

SOURCE = """
import numpy as np

def filled(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] * (i + 1)
    return out

class Maker:
    @staticmethod
    def fixed(x):
        out = np.zeros(3)
        out[1] = x[0]
        return out

    @classmethod
    def of_class(cls, x):
        return np.array([x[0], x[1] * 2, 3.0]) * cls.fixed(x)

    class Inner:
        class Innermost:
            @staticmethod
            def fixed(x):
                out = np.ones(3)
                out[2] *= x[1]
                return out
"""
X = np.array([0.7, 1.3, 2.1])


def made(name):
    """A module made at run time, whose functions no file has."""
    module = types.ModuleType(name)
    exec(SOURCE, module.__dict__)
    return module


at_run_time = made("at_run_time")
nameless = {}
exec(SOURCE, nameless)
package = types.ModuleType("package")
package.first, package.second = made("package.first"), types.ModuleType("package.second")
package.second.first = package.first
listed = made("listed")
held = types.SimpleNamespace(module=made("held"), kind=made("held too").Maker)
sys.modules["a_module_of_this_test"] = made("a_module_of_this_test")


class WithModules:
    tools = made("tools")

    def __init__(self):
        self.more = types.ModuleType("more")
        self.more.tools = made("more.tools")

    def __call__(self, x):
        return self.tools.filled(x) * self.more.tools.Maker.of_class(x)


class Meta(type):
    def filled(cls, x):
        out = np.zeros(3)
        out[0] = x[0]
        return out


class OfMeta(metaclass=Meta):
    pass


class Kind(enum.Enum):
    ONE = 1

    def filled(self, x):
        out = np.zeros(3)
        out[self.value] = x[0]
        return out


@functools.singledispatch
def dispatched(kind, x):
    raise TypeError(kind)


@dispatched.register
def _(kind: str, x):
    out = np.zeros(3)
    out[0] = x[0]
    return out


def by_default(x, module=made("default")):
    return module.filled(x)


def in_closure(module):
    return lambda x: module.Maker.Inner.Innermost.fixed(x)


def executed(x):
    scope = {"np": np, "x": x}
    exec("out = np.zeros(3)\nout[1] = x[0]", scope)
    return scope["out"]


PROGRAMS = {
    "a module in a module": lambda x: package.first.filled(x),
    "a module two modules away": lambda x: package.second.first.Maker.fixed(x),
    "a module made at run time": lambda x: at_run_time.filled(x) * at_run_time.Maker.of_class(x),
    "a nested class": lambda x: at_run_time.Maker.Inner.Innermost.fixed(x),
    "a class without a module": lambda x: nameless["Maker"].of_class(x),
    "a module in a list": lambda x: [listed][0].filled(x),
    "a module of an object": lambda x: held.module.filled(x) + held.kind.fixed(x),
    "modules of classes and objects": WithModules(),
    "a module as a default": by_default,
    "a module in a closure": in_closure(made("closed over")),
    "getattr": lambda x: getattr(package.first, "filled")(x),  # noqa: B009
    "sys.modules": lambda x: sys.modules["a_module_of_this_test"].filled(x),
    "importlib": lambda x: importlib.import_module("a_module_of_this_test").Maker.fixed(x),
    "a metaclass": lambda x: OfMeta.filled(x),
    "an enum": lambda x: Kind.ONE.filled(x),
    "singledispatch": lambda x: dispatched("a", x),
    "exec": executed,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_value_and_gradient_as_by_differences(program):
    def loss(x):
        return np.sum(program(x) ** 2 * 1.5 + x)

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    differences = [(loss(X + h) - loss(X - h)) / 2e-6 for h in np.eye(3) * 1e-6]
    np.testing.assert_allclose(slopes, differences, rtol=1e-7)
    assert at_run_time.np is np
    assert nameless["np"] is np
    assert package.first.np is np


class Changing:
    filled = staticmethod(lambda x: x[:1] ** 2)


REGISTRY, LIST, OBJECT = {"f": lambda x: x[:1] ** 2}, [lambda x: x[:1] ** 2], types.SimpleNamespace()
OBJECT.f = REGISTRY["f"]
MODULE = types.ModuleType("changing")
MODULE.filled = REGISTRY["f"]


@functools.singledispatch
def replaced(x):
    return x[:1] ** 2


CHANGES = {
    "a member of a module": (lambda x: MODULE.filled(x), lambda f: setattr(MODULE, "filled", f)),
    "a member of a class": (lambda x: Changing.filled(x), lambda f: setattr(Changing, "filled", staticmethod(f))),
    "an attribute": (lambda x: OBJECT.f(x), lambda f: setattr(OBJECT, "f", f)),
    "an entry of a dict": (lambda x: REGISTRY["f"](x), lambda f: REGISTRY.update(f=f)),
    "a new entry of a list": (lambda x: LIST[-1](x), LIST.append),
    "singledispatch": (lambda x: replaced(x), lambda f: replaced.register(object, f)),
}


@pytest.mark.parametrize(("program", "change"), CHANGES.values(), ids=CHANGES)
def test_code_that_is_replaced_between_two_recordings(program, change):
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(program(x)))(X), [2 * X[0], 0, 0])
    change(made("later").filled)
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(program(x)))(X), [1, 2, 3])


@pytest.mark.parametrize(
    "reached", [lambda: cr.special.logsumexp, lambda: special.logsumexp], ids=["cr.special", "special"]
)
def test_functions_of_special_get_arrays_for_buffers(reached):
    def loss(b, dtype):
        a = np.zeros((2, 3), dtype)
        a[:] = [0.1, 0.7, -0.3]
        return np.sum(reached()(a, axis=1, b=b) ** 2)

    b = np.array([[0.5, 1.5, 0.7], [1.1, 0.3, 0.9]])
    rounded = np.array([0.1, 0.7, -0.3], np.float32).astype(float)
    exact = cr.grad(lambda b: np.sum(np.log(np.sum(b * np.exp(rounded), axis=1)) ** 2))(b)
    np.testing.assert_allclose(cr.grad(loss)(b, np.float32), exact, rtol=1e-13)
