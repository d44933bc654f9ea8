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


WORDS = np.array([3, 0, 3, 1])


def test_labels_in_an_index_have_their_name():
    labels = np.array([0, 2, 1, 2])

    def loss(s):
        p = cr.softmax(s)
        return -np.mean(np.log(p[np.arange(4), labels]))

    explanation = cr.explain(loss)(np.ones((4, 3)))
    assert "p[[0 1 2 3], labels]" in [unicode(step.formula) for step in explanation.forward if step.formula]
    assert unicode(explanation["p"].gradient.factors[0].rule) == "scatter[[0 1 2 3], labels](∂L/∂a)"


def test_an_embedding_is_read_at_its_words():
    def loss(E, w):
        return np.mean((E[WORDS] @ w) ** 2)

    found = forms(cr.explain(loss)(np.ones((4, 2)), np.ones(2)))
    assert found["∂L/∂E"] == "scatter[WORDS, :](1/2·E[WORDS, :] w wᵀ)"


def test_a_long_range_of_indices_is_shown_by_its_ends():
    def loss(s):
        return np.sum(s[np.arange(6), np.array([0, 1, 1, 0, 1, 0])])

    texts = [unicode(step.formula) for step in cr.explain(loss)(np.ones((6, 2))).forward if step.formula]
    assert texts[0] == "s[[0 … 5], <6 integers>]"


def test_an_index_of_two_axes_stands_on_one_line():
    def loss(x):
        return np.sum(x[np.array([[0, 1], [1, 0]])] ** 2)

    assert "x[[[0 1] [1 0]]]" in str(cr.explain(loss)(np.ones(2)))


@pytest.mark.parametrize(
    ("data", "of", "expected"),
    [
        (np.array([0, 1, 1, 0]), lambda t: t == 1, "t = 1"),
        (np.array([0, 2, 1, 0]), lambda t: t == 2, "t = 2"),
        (np.array([0, 2, 1, 0]), lambda t: t != 2, "t ≠ 2"),
        (np.array([-1.0, 2.0, 0.5, -3.0]), lambda t: t > 0, "t > 0"),
        (np.array([-1.0, 2.0, 0.0, -3.0]), lambda t: t <= 0, "t ≤ 0"),
        (np.array([True, False, True, False]), lambda t: t, "t"),
        (np.array([True, False, True, False]), lambda t: ~t, "t = 0"),
    ],
)
def test_a_condition_on_data_is_written_by_what_it_compares(data, of, expected):
    def loss(x, t):
        return np.sum(np.where(of(t), x, 2 * x))

    explanation = cr.explain(loss, argnums=0)(np.array([1.0, 2.0, 3.0, 4.0]), data)
    assert f"x where {expected} else a" in [unicode(step.formula) for step in explanation.forward if step.formula]


def test_a_loss_with_two_cases_has_a_closed_form():
    t = np.array([0, 1, 1, 0])

    def focal(p):
        pt = np.where(t == 1, p, 1 - p)
        return -np.sum((1 - pt) ** 2 * np.log(pt))

    explanation = cr.explain(focal)(np.array([0.2, 0.6, 0.7, 0.9]))
    text = forms(explanation)["∂L/∂p"]
    assert text.endswith("⊙ (2·[t = 1] − 1)")
    names = {unicode(step.name): step.value for step in explanation.forward} | {"t": t}
    np.testing.assert_allclose(value_of_formula(text, names, (4,)), explanation["p"].gradient.value, rtol=1e-3)


def test_the_margin_loss_of_a_course_has_its_closed_form():
    def svm(W, y):
        s = SAMPLES @ W
        correct = s[np.arange(4), y][:, None]
        m = np.maximum(0, s - correct + 1)
        m[np.arange(4), y] = 0
        return m.sum() / 4

    explanation = cr.explain(svm)(np.arange(6.0).reshape(2, 3) / 7, np.array([0, 1, 2, 1]))
    M = "[s + 1 − correct > 0]"
    assert forms(explanation)["∂L/∂W"] == f"1/4·SAMPLESᵀ ({M} − diag({M} 𝟏) onehot(y))"
    names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
    value = value_of_formula(forms(explanation)["∂L/∂W"], names, (2, 3))
    np.testing.assert_allclose(value, explanation["W"].gradient.value, rtol=1e-9)


SAMPLES = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 1.0], [-2.0, 0.3]])


def test_a_mask_is_its_own_square():
    mask = np.array([True, False, True])

    def loss(x):
        return np.sum(np.where(mask, np.tanh(mask * x), 0.0))

    found = forms(cr.explain(loss)(np.array([0.3, 0.5, 0.7])))
    assert found["∂L/∂x"] == "mask ⊙ (1 − tanh(mask ⊙ x)²)"


def test_arrays_of_texts_and_objects_are_no_data():
    scale = np.array([1.0, 2.0])
    names = {"words": np.array(["a", "b"]), "things": np.array([None, "x"], object), "scale": scale}
    assert unicode(Data(names).origin(scale.copy()).part) == "scale"
    assert Data({"things": names["things"]}).origin(scale) is None


def test_a_mask_of_floats_that_is_0_is_written_so():
    mask = np.tril(np.ones((3, 3)))

    def attention(scores):
        return np.sum(np.where(mask == 0, -1e9, scores))

    explanation = cr.explain(attention)(np.ones((3, 3)))
    assert "where mask = 0 else" in explanation.text()


def test_a_closed_form_prints_as_an_equation():
    assert str(cr.explain(lambda x: np.sum(x * x))(np.ones(3)).closed_forms[-1]) == "∂L/∂x = 2·x"


def test_an_added_axis_is_left_out_of_formulas_in_both_passes():
    def f(X, C):
        return np.sum((X[:, None, :] - C[None, :, :]) ** 2)

    text = str(cr.explain(f)(np.ones((2, 3)), np.zeros((4, 3))))
    assert "∂L/∂X = ∂[X]/∂X · ∂L/∂a" in text
    assert "scatter" not in text
