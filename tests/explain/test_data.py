"""Data from outside the arguments keep their names: globals, closures, attributes, keys, lists, integers, rows."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.data import Data
from chainrule.explain.printers import unicode
from explain.read_formula import value_of_formula

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
Y = np.array([0, 1, 1])
LABELS = [0, 1, 1]
w = np.array([0.3, -0.1])


def forms(explanation):
    return {unicode(c.name): unicode(c.formula) for c in explanation.closed_forms}


def logistic(Y):
    def loss(w):
        z = X @ w
        p = 1 / (1 + np.exp(-z))
        return -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))

    return loss


@pytest.mark.parametrize("kind", [int, float, np.float32, np.uint8])
def test_logistic_regression_on_data_from_outside_is_p_minus_y(kind):
    found = forms(cr.explain(logistic(np.array([0, 1, 1], kind)))(w))
    assert found["∂L/∂z"] == "(p − Y)/3"
    assert found["∂L/∂w"] == "1/3·Xᵀ (p − Y)"


def test_the_transpose_of_data_is_written_with_its_name():
    explanation = cr.explain(lambda W: np.mean((X @ W) ** 2))(np.eye(2) + 1)
    assert unicode(explanation.backward[-1].factors[0].rule) == "Xᵀ ∂L/∂a"
    assert forms(explanation) == {"∂L/∂W": "1/3·Xᵀ X W"}


def test_one_minus_y_is_one_step_with_that_name():
    explanation = cr.explain(logistic(Y))(w)
    assert "(1 − Y) ⊙ k" in [unicode(step.formula) for step in explanation.forward if step.formula]


class Model:
    def __init__(self):
        self.X, self.y = X, Y

    def loss(self, w):
        return np.sum((self.X @ w - self.y) ** 2)


def helper(s):
    return np.sum((s - Y) ** 2)


def by_closure():
    y = np.array([0.0, 1.0, 1.0])
    return lambda w: np.sum((X @ w - y) ** 2)


namespace, table = SimpleNamespace(X=X, y=Y), {"X": X, "y": Y}
PLACES = {
    "global": lambda w: np.sum((X @ w - Y) ** 2),
    "list": lambda w: np.sum((X @ w - LABELS) ** 2),
    "closure": by_closure(),
    "attribute": lambda w: np.sum((namespace.X @ w - namespace.y) ** 2),
    "key": lambda w: np.sum((table["X"] @ w - table["y"]) ** 2),
    "helper": lambda w: helper(X @ w),
    "method": Model().loss,
    "default": lambda w, X=X, y=Y: np.sum((X @ w - y) ** 2),
    "partial": functools.partial(lambda y, w: np.sum((X @ w - y) ** 2), Y),
}


@pytest.mark.parametrize("place", PLACES)
def test_data_are_named_wherever_they_are_kept(place):
    explanation = cr.explain(PLACES[place])(w)
    printed = forms(explanation)["∂L/∂w"]
    assert "[" not in printed  # no entries
    found = value_of_formula(printed, {"w": w, "X": X, **dict.fromkeys(["Y", "y", "LABELS"], Y), "s": X @ w}, (2,))
    np.testing.assert_allclose(found, 2 * X.T @ (X @ w - Y), rtol=1e-12)


def test_rows_taken_in_a_loop_are_rows_of_the_data():
    def loss(w):
        total = 0.0
        for x, y in zip(X, Y, strict=True):
            total = total + (x @ w - y) ** 2
        return total

    assert [unicode(s.formula) for s in cr.explain(loss)(w).forward if s.block == "matmul"] == [
        "X[0]ᵀ w",
        "X[1]ᵀ w",
        "X[2]ᵀ w",
    ]


def test_a_variable_that_is_bound_again_has_a_number():
    def loss(w):
        x = np.array([1.0, 2.0])
        a = x @ w
        x = np.array([5.0, 7.0])
        return a * (x @ w)

    assert [unicode(s.formula) for s in cr.explain(loss)(w).forward if s.block == "matmul"] == ["xᵀ w", "x2ᵀ w"]


def test_the_unit_vector_of_a_label_is_no_multiple_of_data():
    Y = np.array([0.0, 1.0, 1.0])

    def loss(s):
        return cr.softmax_cross_entropy(s, 0) + Y @ s

    assert forms(cr.explain(loss)(np.array([1.0, 2.0, 3.0])))["∂L/∂s"] == "Y + (softmax(s) − e₀)"


MADE = {
    "Y": lambda Y: Y,
    "1 − Y": lambda Y: 1 - Y,
    "2·Y − 1": lambda Y: 2 * Y - 1,
    "−Y": lambda Y: -Y,
    "Y/3": lambda Y: Y / 3,
    "(1 − Y)/4": lambda Y: (1 - Y) / 4,
    "5·Y": lambda Y: 5.0 * Y,
    "1/Y": lambda Y: 1 / Y,
    "2/3/Y": lambda Y: 2 / 3 / Y,
    "0.123457·Y": lambda Y: 0.12345678 * Y,
}


@pytest.mark.parametrize("written", MADE)
@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 0.0], [3, 1, 2], [0.5, -0.25, 7.0]])
def test_what_is_made_of_data_is_written_so(written, values):
    known = np.array(values)
    if "/Y" in written and not known.all():
        pytest.skip("divides by zero")
    origin = Data({"Y": known}).origin(MADE[written](known))
    assert origin is not None
    assert unicode(origin.formula()) == written


@pytest.mark.parametrize("x", [np.array([0.0, 1.0, 2.0]), np.array([np.nan, 1.0, 1.0]), np.array([3.0, 7.0, 7.0])])
def test_what_is_not_made_of_data_is_not_named_after_it(x):
    assert Data({"Y": Y, "X": X}).origin(x) is None
