"""What the playground answers: values for inputs, derivatives with their formulas, and files that compute the same."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.expression import parse, parse_value
from chainrule.expression.as_python import python_function
from chainrule.play.answers import answer
from chainrule.play.examples import EXAMPLES
from chainrule.play.samples import completed

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import notes


def asked(text, **values):
    found = answer({"do": "explain", "text": text, "given": values, "offered": {}})
    assert "error" not in found, found
    return found


SHAPES = [
    ("L = (2*x + 3*y)*z", {"x": (), "y": (), "z": ()}),
    ("W @ x", {"W": (3, 2), "x": (2,)}),
    ("sum((X @ w - y)**2)", {"X": (3, 2), "w": (2,), "y": (3,)}),
    ("x.T @ A @ x", {"x": (3,), "A": (3, 3)}),
    ("norm(A@x - b)**2 + c*norm(x)**2", {"A": (3, 2), "x": (2,), "b": (3,), "c": ()}),
    ("softmax(x)", {"x": (3,)}),
    ("log(det(X))", {"X": (3, 3)}),
    ("sin(x)", {"x": ()}),
    ("softmax_cross_entropy(W @ x, 1)", {"W": (3, 2), "x": (2,)}),
    ("tanh(W2 @ tanh(W1 @ x + b1) + b2)", {"W2": (3, 2), "W1": (2, 2), "x": (2,), "b1": (2,), "b2": (3,)}),
    ("X[0, i]", {"X": (3, 2), "i": ()}),
    ("x = array([a, b]); (1 - x[0])**2 + 100*(x[1] - x[0]**2)**2", {"a": (), "b": ()}),
    ("R = array([[cos(t), -sin(t)], [sin(t), cos(t)]]); sum((R @ v - w)**2)", {"t": (), "v": (2,), "w": (2,)}),
    ("w @ array([a, b])", {"w": (2,), "a": (), "b": ()}),
]


@pytest.mark.parametrize(("text", "shapes"), SHAPES)
def test_inputs_without_a_value_get_the_shapes_that_their_names_suggest(text, shapes):
    expression = parse(text)
    values = completed(expression, text, {})
    assert {name: np.shape(x) for name, x in values.items()} == shapes
    assert np.isfinite(expression.function(**expression.arguments(values))).all()


def test_values_that_are_given_decide_the_shapes_of_the_others():
    values = asked("X @ w - y", X="[[1, 2, 3], [4, 5, 6]]")["values"]
    assert {name: np.shape(json.loads(x)) for name, x in values.items()} == {
        "X": (2, 3),
        "w": (3,),
        "y": (2,),
        "∂": (2,),
    }


def test_a_value_that_does_not_fit_is_an_error_with_its_name():
    found = answer({"do": "explain", "text": "A @ x", "given": {"A": "[[1, 2]", "x": "[1]"}, "offered": {}})
    assert found["error"].startswith("A: '[[1, 2]'")
    found = answer({"do": "explain", "text": "A @ x", "given": {"A": "[[1, 2]]", "x": "[1, 2, 3]"}, "offered": {}})
    assert "matmul" in found["error"]


def test_an_offered_value_that_does_not_fit_is_left_out():
    found = answer({"do": "explain", "text": "A @ x", "given": {}, "offered": {"A": "3", "x": "[1, 2, 3]"}})
    assert np.ndim(json.loads(found["values"]["A"])) == 2


MATRIX_CALCULUS = [
    ("x.T @ A @ x", "x"),
    ("sum((A @ x - b)**2)", "x"),
    ("norm(x)**2", "x"),
    ("sum(log(1 + exp(-y * (X @ w))))", "w"),
    ("logsumexp(x)", "x"),
    ("exp(a.T @ x)", "x"),
    ("sum(x * log(x))", "x"),
    ("(a.T @ x)**3", "x"),
    ("log(det(X))", "X"),
    ("trace(A @ X @ X)", "X"),
    ("sum(tanh(A @ x))", "x"),
    ("norm(x)", "x"),
]


@pytest.mark.parametrize(("text", "by"), MATRIX_CALCULUS)
def test_second_derivatives_are_those_of_differences(text, by):
    expression = parse(text)
    given = {"X": "[[3, 1], [1, 2]]"} if by == "X" else {}
    values = expression.arguments(completed(expression, text, {n: parse_value(x) for n, x in given.items()}))
    found = asked(text, **given)["story"]["second"]
    matrix = next(d["value"] for d in found if d["by"]["t"] == by)
    n = np.size(values[by])
    gradient = cr.grad(lambda x: expression.function(**(values | {by: x})))
    columns = []
    for e in np.eye(n):
        step = 1e-6 * e.reshape(np.shape(values[by]))
        columns.append(np.ravel(gradient(values[by] + step) - gradient(values[by] - step)) / 2e-6)
    np.testing.assert_allclose(np.reshape(matrix["numbers"], (n, n)), columns, rtol=1e-6, atol=1e-6)


FORMULAS = [
    ("x.T @ A @ x", "x", {"Aᵀ + A", "A + Aᵀ"}),
    ("sum((A @ x - b)**2)", "x", {"2·Aᵀ A"}),
    ("norm(x)**2", "x", {"2·I"}),
    ("logsumexp(x)", "x", {"diag(softmax(x)) − softmax(x) softmax(x)ᵀ"}),
    ("sum(exp(x))", "x", {"diag(e^x)"}),
    ("sum(x * log(x))", "x", {"diag(1/x)"}),
    ("norm(x)", "x", {"I/‖x‖ − x xᵀ/‖x‖³", "1/‖x‖·I − x xᵀ/‖x‖³"}),
    ("(a*x)**2", "x", {"2·a²"}),
]


@pytest.mark.parametrize(("text", "by", "formulas"), FORMULAS)
def test_second_derivatives_have_the_formulas_of_a_textbook(text, by, formulas):
    found = next(d for d in asked(text)["story"]["second"] if d["by"]["t"] == by)
    assert found["formula"]["t"] in formulas


@pytest.mark.parametrize(
    ("text", "by", "product", "formula"),
    [
        ("mean((X @ W)**2)", "W", "2/9·Xᵀ X V", "2/9·((Xᵀ X) ⊗ I)"),
        ("sum((X @ W)**2)", "X", "2·V W Wᵀ", "2·(I ⊗ (W Wᵀ))"),
        ("sum(W**3) + sum(V)", "W", "6·Δ ⊙ W", None),  # V is taken
        ("log(det(A))", "A", "−A⁻ᵀ Vᵀ A⁻ᵀ", None),
    ],
)
def test_second_derivatives_by_a_matrix_are_shown_as_a_product_with_a_change(text, by, product, formula):
    values = {"X": "[[1,2],[3,4],[5,6]]", "W": "[[1,2,3],[4,5,6]]", "A": "[[2,1],[0,3]]", "V": "[1,2]"}
    found = next(
        d
        for d in asked(text, **{name: v for name, v in values.items() if name in text})["story"]["second"]
        if d["by"]["t"] == by
    )
    assert (found["formula"] and found["formula"]["t"]) == formula
    assert found["product"][1]["t"] == product


@pytest.mark.parametrize("title", [e["title"] for e in EXAMPLES if e["title"].startswith("Notes")])
def test_the_examples_of_the_notes_have_the_gradients_of_the_notes(title):
    section = SECTIONS[title]
    example = next(e for e in EXAMPLES if e["title"] == title)
    computed = notes.compute(section)
    found = asked(example["text"], **example["values"])["story"]
    gradients = {step["name"]["t"]: step.get("gradient") for step in found["steps"]}
    for name in section.inputs:
        np.testing.assert_allclose(gradients[name]["numbers"], np.ravel(computed[f"∂L/∂{name}"]), atol=1e-12)


SECTIONS = dict(
    zip(
        [
            "Notes: the chain rule for numbers",
            "Notes: the chain rule for vectors",
            "Notes: a product of vectors",
            None,
            "Notes: a matrix and a vector",
            "Notes: two matrices",
            "Notes: softmax",
            "Notes: a computation graph",
            "Notes: cross-entropy loss",
            "Notes: hinge loss",
        ],
        notes.sections(),
        strict=True,
    )
)


@pytest.mark.parametrize("title", [e["title"] for e in EXAMPLES])
def test_the_written_python_computes_what_the_expression_does(title):
    example = next(e for e in EXAMPLES if e["title"] == title)
    expression = parse(example["text"])
    arguments = expression.arguments({n: parse_value(x) for n, x in example["values"].items()})
    source, space = python_function(example["text"]), {}
    exec("\n".join([*source.imports, source.definition]), space)
    np.testing.assert_array_equal(space["loss"](**arguments), expression.function(**arguments))


def test_the_written_python_names_every_library():
    source = python_function("max(x, 0, y) + erf(x) + np.linalg.det(A)*pi + softmax(A)[0, 0] + max(A)")
    assert source.imports == ("import numpy as np", "from scipy import special", "import chainrule as cr")
    assert "np.maximum(np.maximum(x, 0), y)" in source.definition
    assert "np.max(A)" in source.definition
    assert "special.erf(x)" in source.definition
    assert "np.pi" in source.definition


ODD = """
\ud800|x\ud800|(((|1|x; y|x,y|[x,y]|(x,)|None|...|'a'|x == 1|argmax(x)|x[0]|zeros(0)*x|x*1j|fft(x)|ones(10**7)*x|eig(A)|
svd(X)|log(-x)|1/(x-x)|x = 3|einsum('ij',A,x)|inf*x|nan*x|lambda: x|x.__class__|np.load('a')|X[i]|x//2|∂|θ = 2*x; θ**2
""".strip().split("|")


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("given", [{}, {"x": "[1,2]"}, {"x": "[]"}, {"x": "1j"}, {"x": "nan"}, {"∂": "abc"}])
def test_whatever_is_typed_has_an_answer(text, given):
    found = answer({"do": "explain", "text": text.strip(), "given": given, "offered": {}})
    assert ("story" in found) != ("error" in found)
    json.dumps(found, allow_nan=False)


def test_vectors_in_a_list_are_rows_of_a_matrix():
    found = asked("x = array([a, b])\ny = (1 - x[0])**2 + x[1]", a="[1, 2, 3]", b="[2, 1, 1]")
    assert found["story"]["steps"]
