"""Each rule of closed forms fires where its identity holds and refuses where it nearly does; what it gives is right."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.closed import index_rules
from chainrule.explain.printers import unicode
from explain.read_formula import UnknownNotationError, value_of_formula

X, Y = np.array([0.3, -0.7, 1.2]), np.array([0.5, 0.2, -0.4])
A = np.array([[2.0, 0.3, -0.1], [0.4, 1.5, 0.2], [0.1, -0.3, 1.8]])
B = np.array([[1.0, 0.2, 0.5], [-0.4, 2.5, 0.1], [0.3, 0.6, 1.2]])


def softmax_by_hand(x, y):
    return np.sum(np.exp(x) / np.sum(np.exp(x)) * y)


def entropy(s):
    p = cr.softmax(s)
    return -np.sum(p * np.log(p))


SOFTMAX = "exp(x) / sum(exp(x), axis=a, keepdims=True) = softmax(x, axis=a)"

FIRES = {
    "identity_renames": (lambda x, a: np.trace(a @ np.diag(x)), X, A),
    "single_terms_need_no_brackets": (lambda x, y: np.sum(x * y) ** 2 / np.sum(x * y), X, Y),
    SOFTMAX: (softmax_by_hand, X, Y),
    "one_hot_rows_pick": (lambda x: cr.cross_entropy_loss(cr.softmax(x), 1), X),
    "inverse_cancels": (lambda a, b: np.log(np.linalg.det(a @ b)), A, B),
    "x / (1 + exp(y)) = x * sigmoid(-y)": (lambda x: np.sum(np.log(1 + np.exp(x))), X),
    "exp(x) * sigmoid(-x) = sigmoid(x)": (lambda x: np.sum(1 / (1 + np.exp(-x))), X),
    "derivative_of_the_logistic": (lambda x: np.sum(1 / (1 + np.exp(-x))), X),
    "step_of_a_maximum": (lambda x: np.sum(cr.relu(x) ** 2), X),
    "probabilities_sum_to_one": (entropy, X),
    "indicator_is_its_own_power": (lambda x: np.sum(((x > 0) * x) ** 2), X),
    "signs_and_magnitudes": (lambda x: np.sum(np.abs(x) ** 3), X),
}
"""For each rule a function whose gradients need it, and its arguments."""

REFUSES = {
    "identity_renames": (lambda x, a: np.sum(a @ x), X, A),
    "single_terms_need_no_brackets": (lambda x, y: np.sum(x * y + x) ** 2, X, Y),
    "exp(x) / sum(exp(x), axis=a, keepdims=True) = softmax(x, axis=a)": (
        lambda x: np.sum(np.exp(x) / np.sum(x * x)),
        X,
    ),
    "one_hot_rows_pick": (lambda x: np.sum(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]) @ np.exp(x)), X),
    "inverse_cancels": (lambda a, b: np.trace(np.linalg.inv(a) @ b), A, B),
    "x / (1 + exp(y)) = x * sigmoid(-y)": (lambda x: np.sum(np.log(2 + np.exp(x))), X),
    "exp(x) * sigmoid(-x) = sigmoid(x)": (lambda x, y: np.sum(np.exp(-y) * cr.sigmoid(x)), X, Y),
    "derivative_of_the_logistic": (lambda x, y: np.sum(cr.sigmoid(x) * cr.sigmoid(y)), X, Y),
    "step_of_a_maximum": (lambda x, y: np.sum(np.maximum(x, y) ** 2), X, Y),
    "probabilities_sum_to_one": (lambda x, y: np.sum(y * cr.softmax(x)), X, Y),
    "indicator_is_its_own_power": (lambda x: np.sum((x > 0) * x), X),
    "signs_and_magnitudes": (lambda x: np.sum(np.abs(x)), X),
}
"""For each rule a function in which its identity nearly holds."""


def fired(monkeypatch, f, *xs):
    """Which rules fired in the closed forms of f, each of which has the value of its gradient."""
    found = set()

    def noted(rule):
        def apply(*given):
            made = rule(*given)
            if made is not None:
                found.add(rule.__name__)
            return made

        return apply

    with monkeypatch.context() as patched:
        patched.setattr(index_rules, "RULES", [noted(rule) for rule in index_rules.RULES])
        explanation = cr.explain(f)(*xs)
    names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
    gradients = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
    for form in explanation.closed_forms:
        label, text = unicode(form.name), unicode(form.formula)
        try:
            value = value_of_formula(text, names, gradients[label].shape)
        except UnknownNotationError:
            continue
        np.testing.assert_allclose(value, gradients[label], rtol=2e-3, atol=1e-9, err_msg=f"{label} = {text}")
    return found


def test_every_rule_has_a_function_for_which_it_fires_and_one_for_which_it_refuses():
    assert {rule.__name__ for rule in index_rules.RULES} == set(FIRES) == set(REFUSES)


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_fires_where_its_identity_holds(name, monkeypatch):
    assert name in fired(monkeypatch, *FIRES[name])


@pytest.mark.parametrize("name", REFUSES)
def test_a_rule_refuses_where_its_identity_nearly_holds(name, monkeypatch):
    assert name not in fired(monkeypatch, *REFUSES[name])


@pytest.mark.parametrize(
    ("f", "written"),
    [
        (lambda v: np.sum(v * (1 - (v < 0))), "[v ≥ 0]"),
        (lambda v: np.sum(v * (1.0 - (v <= 2).astype(float))), "[v > 2]"),
        (lambda v: np.sum(3 * v * (1 - (v > 0))), "3·[v ≤ 0]"),
        (lambda v: np.sum(v * (2 - (v < 0))), "2 − [v < 0]"),
    ],
)
def test_one_minus_a_condition_is_the_opposite_condition(f, written):
    assert unicode(cr.explain(f)(np.array([1.0, -2.0, 3.0])).closed_forms[0].formula) == written


def test_one_minus_a_condition_is_kept_where_a_value_is_nan():
    """Neither v < 0 nor v ≥ 0 holds for NaN."""
    data = np.array([np.nan, 1.0, -1.0])
    (form,) = cr.explain(lambda v: np.sum(v * (1 - (data < 0))))(np.ones(3)).closed_forms
    assert "≥" not in unicode(form.formula)


def test_pythons_max_passes_the_gradient_to_the_larger_number():
    forms = [unicode(form.formula) for form in cr.explain(lambda x, y: max(x, y) ** 2)(2.0, -3.0).closed_forms]
    assert forms == ["2·max(x, y)·[y ≤ x]", "2·max(x, y)·[y > x]"]
