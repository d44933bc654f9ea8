"""One value of an explanation by its name; closed forms in notebooks; Greek and accented names in LaTeX."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import latex, unicode
from chainrule.formula import name


def loss(W, x):
    s = W @ x
    return np.sum(s**2)


EXPLANATION = cr.explain(loss)(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0]))


def test_a_value_is_found_by_its_name():
    found = EXPLANATION["s"]
    np.testing.assert_array_equal(found.step.value, [-1.0, -1.0])
    np.testing.assert_array_equal(found.gradient.value, [-2.0, -2.0])
    assert unicode(found.closed_form.formula) == "2·s"


def test_an_unknown_value_is_an_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match="it has W, x, s"):
        EXPLANATION["z"]


def test_closed_forms_and_jacobians_are_formulas_in_a_notebook():
    assert EXPLANATION["W"].closed_form._repr_latex_().startswith(r"$\displaystyle \frac{\partial L}{\partial W} =")
    (jacobian,) = cr.explain(lambda x: np.tanh(x))(np.ones(2)).jacobians
    assert r"\operatorname{diag}" in jacobian._repr_latex_()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("θ", r"\theta"),
        ("Σ", r"\Sigma"),
        ("θ1", r"\theta_{1}"),
        ("ŷ", r"\hat{y}"),
        ("x̄", r"\bar{x}"),
        ("x̃", r"\tilde{x}"),
        ("theta", r"\theta"),
        ("y", "y"),
    ],
)
def test_greek_and_accented_names_are_commands(text, written):
    assert latex(name(text)) == written


def test_pages_of_a_document_may_break():
    assert r"\allowdisplaybreaks" in EXPLANATION.latex()
