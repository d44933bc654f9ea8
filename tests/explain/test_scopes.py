"""Scopes: which call of a user's function each step belongs to."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import unicode
from chainrule.watching.scopes import collect_scopes, scope


def affine(W, x):
    return W @ x + 1.0


def layer(W, x):
    return np.tanh(affine(W, x))


W, X = np.eye(2), np.array([1.0, 2.0])


def path(explanation, step):
    """The names of the scopes around a step, innermost first."""
    place, found = step.scope, []
    while place is not None:
        found.append(explanation.scopes[place].name)
        place = explanation.scopes[place].parent
    return found


def test_each_step_belongs_to_the_innermost_function_that_was_called():
    def f(W, x):
        h = layer(W, x)
        return np.sum(h)

    explanation = cr.explain(f)(W, X)
    found = {unicode(step.formula): path(explanation, step) for step in explanation.forward if step.formula}
    assert found == {"W x": ["affine", "layer"], "a + 1": ["affine", "layer"], "tanh(b)": ["layer"], "Σ h": []}
    assert [s.kind for s in explanation.scopes] == ["function", "function"]
    assert explanation.scopes[0].line.text == "h = layer(W, x)"


def test_each_call_is_a_scope_of_its_own():
    def f(W, x):
        for _ in range(12):
            x = affine(W, x)
        return np.sum(x)

    explanation = cr.explain(f)(W, X)
    assert [s.name for s in explanation.scopes] == ["affine"] * 12
    assert [step.scope for step in explanation.forward if step.block == "matmul"] == list(range(12))


def test_methods_objects_and_lambdas_have_names_and_comprehensions_are_no_calls():
    class Net:
        def forward(self, x):
            return x * 2

        def __call__(self, x):
            return self.forward(x) + 1

    square = lambda x: x * x  # noqa: E731

    explanation = cr.explain(lambda x: sum([square(Net()(x)) for _ in range(1)]) + 0.5)(3.0)
    assert [s.name for s in explanation.scopes] == ["Net", "Net.forward", "lambda"]
    assert [s.parent for s in explanation.scopes] == [None, 0, None]


def test_a_function_that_raises_is_left():
    def fails(x):
        y = x * 2
        raise ValueError(y)

    def f(x):
        try:
            fails(x)
        except ValueError as error:
            y = error.args[0]
        return y * 3

    assert [step.scope for step in cr.explain(f)(1.0).forward] == [None, 0, None]


def test_a_generator_is_left_where_it_yields():
    def powers(x):
        for n in (2, 3):
            yield x**n

    def f(x):
        total = x * 0.0
        for p in powers(x):
            total = total + p
        return total

    explanation = cr.explain(f)(2.0)
    names = [path(explanation, step) for step in explanation.forward if step.formula]
    assert names == [[], ["powers"], [], ["powers"], []]
    assert "powers" in explanation.scopes[0].name


def test_calls_that_record_nothing_are_no_scopes():
    def size(x):
        return len(x)

    assert cr.explain(lambda x: np.sum(x) / size(x))(X).scopes == ()


def test_a_scope_may_be_opened_by_hand():
    def f(x):
        for i in range(2):
            with scope(f"layer {i}", "module"):
                x = np.tanh(x)
        return np.sum(x)

    explanation = cr.explain(f)(X)
    assert [(s.name, s.kind, s.line) for s in explanation.scopes] == [
        ("layer 0", "module", None),
        ("layer 1", "module", None),
    ]
    assert [step.scope for step in explanation.forward] == [None, 0, 1, None]


def test_a_scope_that_nobody_collects_does_nothing():
    with scope("alone"):
        assert cr.grad(lambda x: x * x)(3.0) == 6.0
    with collect_scopes() as scopes, pytest.raises(ZeroDivisionError), scope("broken"):
        1 / 0  # noqa: B018
    assert scopes.of([]) == ((), [])
