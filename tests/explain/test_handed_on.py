"""Steps that only hand a value on are left out of explanations, unless they have names of their own."""

import math

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule.explain.printers import unicode

X = np.array([1.0, 4.0, 2.0])


def total(x):
    s = 0
    for v in x:
        s += v**2
    return s


def named(x):
    total = np.sum(x**2)
    return math.sqrt(total) + 0 * total


@pytest.mark.parametrize(
    ("f", "x", "blocks"),
    [
        (lambda x: float(np.sum(x**2)), X, ["power", "sum"]),
        (lambda x: np.sum(x).item() ** 2, X, ["sum", "power"]),
        (lambda x: math.exp(-x), 0.3, ["negative", "exp"]),
        (lambda x: np.median(x), X, ["order_statistic"]),
        (lambda x: np.sum(x.astype(float).reshape(3).copy()), X, ["sum"]),
        (lambda x: np.append(x, 1.0) @ np.ones(4), X, ["concatenate", "matmul"]),
        (lambda x: np.sum(x.copy()) + np.sum(np.ones_like(x)), X, ["sum", "constant_array", "sum", "add"]),
        (lambda x: sum(v**2 for v in x), X, ["getitem", "power"] + ["getitem", "power", "add"] * 2),
        (lambda x: math.prod(x), X, ["getitem", "getitem", "getitem", "stack", "prod"]),
        (lambda x: math.hypot(x[0], x[1]), X, ["getitem", "getitem", "hypot"]),
        (lambda x: sum(x * 2.0), X, ["multiply", "sum"]),
        (named, X, ["power", "sum", "sqrt", "multiply", "add"]),
    ],
)
def test_what_only_hands_a_value_on_is_no_step(f, x, blocks):
    explanation = cr.explain(f)(x)
    assert [step.block for step in explanation.forward[1:]] == blocks
    assert explanation.forward[-1].value == f(x)
    np.testing.assert_array_equal(explanation["x"].gradient.value, cr.grad(f)(x))


def test_a_sum_that_begins_with_nothing_begins_with_its_first_term():
    steps = [(unicode(step.name), unicode(step.formula)) for step in cr.explain(total)(X[:2]).forward[1:]]
    assert steps == [("v", "x[0]"), ("s", "v²"), ("v2", "x[1]"), ("a", "v2²"), ("s2", "s + a")]


@pytest.mark.parametrize(("f", "block"), [(lambda x: (0.0 + x) @ x, "add"), (lambda x: x @ (x * 1.0), "multiply")])
def test_numbers_that_the_function_writes_stay_steps(f, block):
    """Only the integers 0 and 1, with which sums and products begin, are left out."""
    assert block in [step.block for step in cr.explain(f)(X).forward]


def test_a_value_that_is_handed_on_under_another_name_is_a_step():
    def loss(x):
        total = np.sum(x)
        number = float(total)
        return number * total

    steps = {unicode(step.name): unicode(step.formula) for step in cr.explain(loss)(X).forward[1:]}
    assert steps == {"total": "Σ x", "number": "total", "L": "number·total"}


def test_a_change_of_dtype_or_shape_is_a_step():
    blocks = [step.block for step in cr.explain(lambda x: np.sum(x.astype(np.float32).reshape(3, 1)))(X).forward]
    assert blocks == ["input", "cast", "reshape", "sum"]


def test_a_function_that_hands_its_argument_on_has_one_step():
    explanation = cr.explain(lambda x: float(x))(2.0)
    assert [step.block for step in explanation.forward] == ["input", "alias"]
    assert explanation["x"].gradient.value == 1


def test_a_variable_keeps_its_graph_when_its_result_is_explained():
    x = cr.variable(X)
    loss = np.median(x.copy()) * x[0]
    before = cr.grad(lambda x: np.median(x) * x[0])(X)
    steps = [step.block for step in cr.explain(loss).forward]
    assert sorted(steps) == ["getitem", "input", "multiply", "order_statistic"]
    loss.backward()
    np.testing.assert_array_equal(x.grad, before)


def test_steps_of_modules_that_hand_on_are_left_out():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 1, dtype=torch.float64))
    explanation = cr.explain(lambda x: model(x.reshape(1, 3)).to(torch.float64).sum())(torch.tensor(X))
    assert not {"alias", "cast", "copy"} & {step.block for step in explanation.forward}
    np.testing.assert_allclose(explanation["x"].gradient.value, model[1].weight.detach().numpy()[0])


def test_what_hands_a_value_on_is_left_out_between_variables_that_were_made_one_after_the_other():
    a = cr.variable(2.0, name="a")
    b = a.item() * 2
    c = cr.variable(3.0, name="c")
    explanation = cr.explain(b * c)
    assert [step.block for step in explanation.forward if step.block != "input"] == ["multiply", "multiply"]
    assert [float(explanation[name].gradient.value) for name in "ac"] == [6.0, 4.0]
