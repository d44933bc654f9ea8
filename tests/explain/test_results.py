"""Results that are arrays, results of variables, chosen arguments; Python's max, min, abs and sum."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import GradientError
from chainrule.explain.page import story
from chainrule.explain.printers import unicode
from chainrule.expression import parse
from explain.read_formula import value_of_formula

W = np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 6.0]])
V = np.array([0.3, -0.7])


def matvec(x):
    y = W @ x
    return y


def soft(x):
    p = cr.softmax(x)
    return p


def normalised(x):
    n = x / np.linalg.norm(x)
    return n


def deep(x):
    h = np.tanh(W @ x)
    return W.T @ h


def softmax_matrix(x):
    p = np.exp(x) / np.sum(np.exp(x))
    return np.diag(p) - np.outer(p, p)


def norm_matrix(x):
    r = np.linalg.norm(x)
    return np.eye(2) / r - np.outer(x, x) / r**3


VECTORS = {  # the function, its Jacobian as it is written, and the Jacobian from mathematics, a row for each x_i
    "matvec": (matvec, "Wᵀ", lambda x: W.T),
    "softmax": (soft, "diag(p) − p pᵀ", softmax_matrix),
    "norm": (normalised, "I/‖x‖ − x nᵀ/‖x‖²", norm_matrix),
    "tanh": (np.tanh, "diag(1 − y²)", lambda x: np.diag(1 - np.tanh(x) ** 2)),
    "times its sum": (lambda x: x * np.sum(x), "(Σ x)·I + 𝟏 xᵀ", lambda x: np.sum(x) * np.eye(2) + np.outer([1, 1], x)),
    "network": (deep, "Wᵀ diag(1 − h²) W", lambda x: W.T @ np.diag(1 - np.tanh(W @ x) ** 2) @ W),
    "itself": (lambda x: x, "I", lambda x: np.eye(2)),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_has_its_jacobian_in_the_layout_of_the_notes(name):
    f, _, matrix = VECTORS[name]
    (found,) = cr.explain(f)(V).jacobians
    np.testing.assert_allclose(found.value, matrix(V), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", VECTORS)
def test_the_jacobian_of_a_vector_is_written_as_a_matrix(name):
    f, written, _ = VECTORS[name]
    (found,) = cr.explain(f)(V).jacobians
    assert unicode(found.formula) == written


@pytest.mark.parametrize("name", VECTORS)
def test_a_given_gradient_of_the_result_is_multiplied_by_the_jacobian(name):
    f, _, matrix = VECTORS[name]
    dy = np.arange(1.0, 1 + len(matrix(V)[0]))
    explanation = cr.explain(f, gradient=dy)(V)
    row = next(g for g in explanation.backward if unicode(g.name).endswith("/∂x"))
    if name != "itself":
        np.testing.assert_allclose(row.value, matrix(V) @ dy, rtol=1e-10)


def test_the_closed_form_of_a_matrix_result_holds_for_any_gradient():
    G = np.array([[1.0, -2.0], [0.5, 3.0]])
    explanation = cr.explain(lambda X: X.T @ X, gradient=G)(W)
    printed = next(unicode(c.formula) for c in explanation.closed_forms if unicode(c.name) == "∂L/∂X")
    assert printed == "X (∂L/∂y + (∂L/∂y)ᵀ)"
    found = value_of_formula(printed.replace("∂L/∂y", "G"), {"X": W, "G": G}, W.shape)
    np.testing.assert_allclose(found, W @ (G + G.T))


def test_the_text_begins_the_backward_pass_at_the_result():
    lines = str(cr.explain(matvec, gradient=[1, 0, 2])(V)).splitlines()
    assert "∂y/∂x = Wᵀ" in lines
    assert any(line.startswith("∂L/∂y = [1 0 2]") for line in lines)
    assert not any(line.startswith("∂L/∂L") for line in lines)


def test_an_explanation_of_a_vector_is_shown_everywhere():
    explanation = cr.explain(soft)(V)
    assert "diag" in explanation.latex()
    assert "### Jacobian" in explanation.markdown()
    assert "Jacobian" in explanation._repr_mimebundle_()["text/html"]
    for shown in (explanation.html(), explanation.svg(), explanation.dot()):
        assert "softmax" in shown


@pytest.mark.parametrize(("gradient", "why"), [([1, 2], "shape"), ("a", "array of numbers"), ([[1.0]], "shape")])
def test_a_gradient_that_does_not_fit_the_result_is_an_error(gradient, why):
    with pytest.raises(GradientError, match=why):
        cr.explain(matvec, gradient=gradient)(V)


def test_a_gradient_of_a_scalar_is_an_error():
    with pytest.raises(GradientError, match="one array y of real floats"):
        cr.explain(np.sum, gradient=2.0)(V)


# Variables -----------------------------------------------------------------------------------------------------------


def test_the_result_of_variables_is_explained_with_their_names():
    x, y, z = cr.variable(1.0), cr.variable(2.0), cr.variable(3.0)
    c = 2 * x + 3 * y
    L = c * z
    explanation = cr.explain(L)
    assert {unicode(g.name): g.value for g in explanation.backward if unicode(g.name)[4:] in "xyzcL"} == {
        "∂L/∂L": 1,
        "∂L/∂c": 3,
        "∂L/∂x": 6,
        "∂L/∂y": 9,
        "∂L/∂z": 8,
    }


def test_data_beside_variables_keep_their_names():
    X, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1])
    w = cr.variable([0.1, 0.2])
    p = cr.sigmoid(X @ w)
    loss = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    assert unicode(cr.explain(loss).closed_forms[-1].formula) == "Xᵀ (p − t)"
    assert unicode(cr.explain(p, gradient=[1, 0]).jacobians[0].name) == "∂p/∂w"


# Chosen arguments ----------------------------------------------------------------------------------------------------


def mse(w, X, y):
    return np.mean((X @ w - y) ** 2)


@pytest.mark.parametrize("argnums", ["w", 0, ("w",), [0], -3])
def test_arguments_that_are_no_parameters_are_data(argnums):
    explanation = cr.explain(mse, argnums)(V, W, np.array([0.0, 1.0, 1.0]))
    assert [unicode(step.name) for step in explanation.forward if step.formula is None] == ["w"]
    assert [unicode(c.formula) for c in explanation.closed_forms] == ["2/3·Xᵀ (X w − y)"]


def test_an_argument_by_keyword_may_be_chosen():
    explanation = cr.explain(mse, ("w", "y"))(V, y=np.array([0.0, 1.0, 1.0]), X=W)
    assert [unicode(step.name) for step in explanation.forward if step.formula is None] == ["w", "y"]


def test_an_unknown_argument_is_an_error():
    with pytest.raises(GradientError, match="no argument 'v'"):
        cr.explain(mse, "v")(V, W, V)


# Python's functions --------------------------------------------------------------------------------------------------


PYTHON = {
    "max": (lambda x, y: max(x, y) ** 2, lambda x, y: (2 * x, 0) if x >= y else (0, 2 * y)),
    "max of a list": (lambda x, y: max([x, y]) ** 2, lambda x, y: (2 * x, 0) if x >= y else (0, 2 * y)),
    "min": (lambda x, y: min(x, y) ** 2, lambda x, y: (2 * x, 0) if x <= y else (0, 2 * y)),
    "relu": (lambda x, y: max(0, x) * y, lambda x, y: (y if x > 0 else 0, max(0, x))),
    "clipped": (lambda x, y: max(-1, min(x, 1)) * y, lambda x, y: (y * (-1 < x <= 1), max(-1, min(x, 1)))),
    "abs": (lambda x, y: abs(x) * y, lambda x, y: (np.sign(x) * y, abs(x))),
    "of three": (lambda x, y: max(x, y, 0.25) * 2, lambda x, y: (2 * (x >= max(y, 0.25)), 2 * (y > x and y >= 0.25))),
}


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("x", [-2.0, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("y", [-0.5, 0.5])
def test_pythons_functions_have_their_values_and_gradients(name, x, y):
    f, gradients = PYTHON[name]
    value, found = cr.value_and_grad(f, (0, 1))(x, y)
    assert value == f(x, y)
    assert found == gradients(x, y)
    assert cr.compile(cr.value_and_grad(f, (0, 1)))(x, y)[1] == gradients(x, y)


def test_pythons_max_is_one_step():
    explanation = cr.explain(lambda x, y: max(x, y))(1.0, 2.0)
    assert [unicode(step.formula) for step in explanation.forward if step.formula] == ["max(x, y)"]


def test_max_of_zero_and_a_negative_number_has_a_gradient():
    assert cr.value_and_grad(lambda x: max(0, x))(-2.0) == (0.0, 0.0)


def test_pythons_sum_of_an_array_is_one_step():
    def total(x):
        return sum(x)

    explanation = cr.explain(total)(V)
    assert [step.block for step in explanation.forward] == ["input", "sum"]
    values = np.full(1000, 0.1)
    assert cr.value_and_grad(total)(values)[0] == sum(values)
    np.testing.assert_array_equal(cr.grad(lambda X: sum(sum(X) ** 2))(W), np.broadcast_to(2 * W.sum(0), W.shape))


def test_pythons_functions_of_plain_values_are_pythons():
    def f(x):
        sizes = [max(len(x), 1), min([3, 2], key=lambda n: -n), max([], default=7), sum([1, 2], 3)]
        return np.sum(x) * sum(sizes)

    np.testing.assert_array_equal(cr.grad(f)(V), [2 + 3 + 7 + 6] * 2)


def test_pythons_max_of_vectors_is_an_error_as_in_numpy():
    with pytest.raises(ValueError, match="ambiguous"):
        cr.grad(lambda x: np.sum(max(0, x)))(V)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("max(x, y)", "∂L/∂y = [y > x]"),
        ("y*max(0, x)", "∂L/∂y = max(0, x)"),
        ("y*min(x, 9, 7)", "∂L/∂y = min(x, 9, 7)"),
        ("abs(x) + y", "∂L/∂y = 1"),
    ],
)
def test_pythons_functions_are_in_the_expression_language(text, last, capsys):
    assert main(["explain", text, "x=2", "y=3"]) == 0
    assert last.replace("min(x, 9, 7)", "min(min(x, 9), 7)") in capsys.readouterr().out.splitlines()


def test_the_command_takes_a_gradient_and_chosen_arguments(capsys):
    assert main(["explain", "y = W @ x", "W=[[1,2],[3,4]]", "x=[1,2]", "--gradient", "[1,0]", "--by", "x"]) == 0
    out = capsys.readouterr().out
    assert "∂L/∂x = Wᵀ ∂L/∂y" in out
    assert "∂L/∂W" not in out


def test_a_result_without_entries_is_explained():
    explanation = cr.explain(lambda x: x * 2)(np.zeros(0))
    assert [g.value.shape for g in explanation.backward if unicode(g.name) == "∂L/∂x"] == [(0,)]


def test_the_loss_of_an_array_is_on_no_line_of_another_file():
    explanation = cr.explain(parse("y = 2 * x; y").function, gradient=np.array([1.0, 0.0]))(x=np.ones(2))
    (source,) = story(explanation)["sources"]
    assert [text for _, text in source["lines"]] == ["y = 2 * x", "y"]
