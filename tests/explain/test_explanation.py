"""What an explanation says: the numbers, the names, the formulas; and that its text fits."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError
from chainrule.explain.printers import latex, unicode

W = np.array([[0.1, -0.2], [0.3, 0.5], [-0.4, 0.6]])
X = np.array([1.0, 2.0])


def circuit(x, y, z):
    a = 2 * x
    b = 3 * y
    c = a + b
    L = c * z
    return L


def cross_entropy(W, x, label=0):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, label)


def hinge(W, x):
    s = W @ x
    t = s - s[0] + 1
    z = np.maximum(t, 0)
    return np.sum(z) - 1


def row(explanation, name):
    return next(g for g in explanation.backward if unicode(g.name) == f"∂L/∂{name}")


def closed(explanation):
    return {unicode(c.name): unicode(c.formula) for c in explanation.closed_forms}


def test_forward_values_of_the_circuit_are_those_of_the_notes():
    steps = {unicode(s.name): s for s in cr.explain(circuit)(1.0, 2.0, 3.0).forward}
    assert {n: s.value for n, s in steps.items()} == {"x": 1, "y": 2, "z": 3, "a": 2, "b": 6, "c": 8, "L": 24}
    assert unicode(steps["c"].formula) == "a + b"
    assert steps["c"].block == "add"
    assert steps["c"].line.text == "c = a + b"


def test_gradients_of_the_circuit_are_those_of_the_notes():
    explanation = cr.explain(circuit)(1.0, 2.0, 3.0)
    assert {unicode(g.name)[4:]: g.value for g in explanation.backward} == {
        "L": 1,
        "z": 8,
        "c": 3,
        "a": 3,
        "b": 3,
        "x": 6,
        "y": 9,
    }


def test_a_local_gradient_cannot_be_mistaken_for_a_gradient():
    (factor,) = row(cr.explain(circuit)(1.0, 2.0, 3.0), "z").factors
    assert unicode(factor.local) == "∂[c·z]/∂z"
    assert unicode(factor.upstream) == "∂L/∂L"
    assert unicode(factor.rule) == "c·∂L/∂L"
    assert unicode(factor.numbers) == "8 × 1"


def test_the_chain_rule_text_of_the_circuit():
    text = str(cr.explain(circuit)(1.0, 2.0, 3.0))
    assert "∂L/∂x = ∂[2·x]/∂x · ∂L/∂a" in text
    assert "= 2 × 3\n      = 6" in text


def test_softmax_followed_by_cross_entropy_closes_to_p_minus_e():
    forms = closed(cr.explain(cross_entropy)(W, X))
    assert forms["∂L/∂s"] == "p − e₀"
    assert forms["∂L/∂W"] == "(p − e₀) xᵀ"
    assert forms["∂L/∂x"] == "Wᵀ (p − e₀)"


def test_softmax_cross_entropy_on_scores_closes_to_softmax_minus_e():
    forms = closed(cr.explain(lambda s: cr.softmax_cross_entropy(s, 2))(np.array([1.0, 0.5, -1.0])))
    assert forms == {"∂L/∂s": "softmax(s) − e₂"}


def test_the_local_gradient_of_softmax_is_the_matrix_of_the_notes():
    (factor,) = row(cr.explain(cross_entropy)(W, X), "s").factors
    p = cr.softmax(W @ X)
    np.testing.assert_allclose(factor.matrix, np.diag(p) - np.outer(p, p), rtol=1e-14)


def test_local_gradients_have_a_row_for_each_input_entry():
    (factor,) = row(cr.explain(cross_entropy)(W, X), "x").factors
    np.testing.assert_array_equal(factor.matrix, W.T)


def test_every_gradient_is_its_local_gradients_times_upstream():
    for f in (circuit, cross_entropy, hinge):
        args = (1.0, 2.0, 3.0) if f is circuit else (W, X)
        explanation = cr.explain(f)(*args)
        gradients = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
        for g in explanation.backward[1:]:
            total = 0.0
            for factor in g.factors:
                upstream = gradients[unicode(factor.upstream)].ravel()
                matrix = (
                    factor.matrix
                    if factor.matrix is not None
                    else np.array([[float(unicode(factor.numbers).split(" × ")[0])]])
                )
                total = total + matrix @ upstream
            np.testing.assert_allclose(np.asarray(g.value).ravel(), total, rtol=1e-12, atol=1e-15)


def test_a_negative_number_that_is_subtracted_is_added():
    (*_, step) = cr.explain(lambda x: x - (-2.0))(1.0).forward
    assert unicode(step.formula) == "x + 2"


def test_a_value_used_twice_sums_over_its_uses():
    explanation = cr.explain(hinge)(W, X)
    assert len(row(explanation, "s").factors) == 2
    assert "∂[s − a]/∂s · ∂L/∂b + ∂[s[0]]/∂s · ∂L/∂a" in str(explanation)


def test_one_block_that_uses_a_value_twice_has_two_factors():
    explanation = cr.explain(lambda x: x * x)(3.0)
    assert len(row(explanation, "x").factors) == 2
    assert row(explanation, "x").value == 6


def test_names_come_from_the_users_variables():
    def loss(weights):
        hidden = np.tanh(weights)
        return np.sum(hidden**2)

    assert [unicode(s.name) for s in cr.explain(loss)(X).forward] == ["weights", "hidden", "a", "L"]


def test_names_in_a_loop_are_numbered():
    def loss(x):
        for _ in range(3):
            x = x * 2
        return x

    assert [unicode(s.name) for s in cr.explain(loss)(1.0).forward] == ["x", "x2", "x3", "x4"]


def test_names_of_a_called_function_are_used():
    def square_of(v):
        squared = v * v
        return squared

    def loss(x):
        y = square_of(x) + 1
        return y

    assert "squared" in [unicode(s.name) for s in cr.explain(loss)(1.0).forward]


def test_leaves_of_a_tree_are_named_after_their_keys():
    explanation = cr.explain(lambda params: np.sum(params["W"] @ params["x"]))({"W": W, "x": X})
    assert [unicode(s.name) for s in explanation.forward[:2]] == ["W", "x"]


def test_plain_arrays_keep_the_users_name_in_formulas():
    data = np.arange(60.0).reshape(30, 2)

    def loss(w):
        return np.sum((data @ w) ** 2)

    explanation = cr.explain(loss)(X)
    assert unicode(explanation.forward[1].formula) == "data w"
    assert closed(explanation)["∂L/∂w"] == "2·dataᵀ data w"


def test_a_users_block_is_one_box():
    @cr.block
    def swish(x):
        return x / (1 + np.exp(-x))

    explanation = cr.explain(lambda x: np.sum(swish(x)))(X)
    assert [s.block for s in explanation.forward] == ["input", "swish", "sum"]


def test_an_argument_without_influence_is_told():
    assert "no influence on the loss" in str(cr.explain(lambda x, y: x * 2)(1.0, 2.0))


def test_large_arrays_are_summarised_with_where_nan_arose():
    def loss(x):
        y = np.log(x)
        return np.sum(y)

    x = np.ones((30, 20))
    x[3, 4] = -1.0
    with np.errstate(invalid="ignore"):
        text = str(cr.explain(loss)(x))
    assert "30×20" in text
    assert "1 NaN or Inf, first nan at [3, 4]" in text


def test_text_fits_80_columns_and_has_no_escape_codes():
    for text in (str(cr.explain(hinge)(W, X)), str(cr.explain(cross_entropy)(W, X))):
        assert max(len(line) for line in text.splitlines()) <= 80
        assert "\x1b" not in text


def test_a_long_formula_is_broken_and_not_cut():
    def loss(first_long_name, second_long_name, third_long_name):
        return np.sum(np.tanh(first_long_name * second_long_name + third_long_name * first_long_name) ** 2)

    text = str(cr.explain(loss)(X, X, X))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "first_long_name" in text


def test_several_results_are_refused():
    with pytest.raises(GradientError, match="one scalar"):
        cr.explain(lambda x: (x, 2 * x))(np.ones(3))


def test_a_complex_array_is_refused():
    with pytest.raises(GradientError, match="scalar"):
        cr.explain(lambda x: x * 1j)(np.ones(3))


def test_a_function_without_floating_arguments_is_refused():
    with pytest.raises(GradientError, match="floating"):
        cr.explain(lambda n: n * 2)(3)


def test_a_function_of_numpy_can_be_explained():
    assert row(cr.explain(np.sin)(0.0), "x").value == 1.0


def test_keyword_arguments_are_inputs_too():
    explanation = cr.explain(lambda x, *, y: x * y)(2.0, y=3.0)
    assert row(explanation, "y").value == 2.0


def test_a_recording_watched_by_a_debugger_gives_it_back():
    import sys

    def tracer(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        cr.explain(circuit)(1.0, 2.0, 3.0)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_latex_has_the_closed_form_and_the_matrix():
    document = cr.explain(cross_entropy)(W, X).latex()
    assert r"\frac{\partial L}{\partial s} &= p - e_{0}" in document
    assert r"\begin{bmatrix}" in document
    assert document.count(r"\begin{") == document.count(r"\end{")
    assert document.count("{") == document.count("}")


def test_markdown_has_a_row_for_each_step_and_closed_math_blocks():
    explanation = cr.explain(cross_entropy)(W, X)
    document = explanation.markdown()
    table = [line for line in document.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(explanation.forward)
    assert all(line.count("|") == 7 for line in table)
    assert document.count("```math") * 2 == document.count("```")
    assert "p - e_{0}" in document


def test_names_of_variables_are_escaped_in_latex():
    def loss(learning_rate):
        return learning_rate * 2

    assert r"\mathrm{learning\_rate}" in cr.explain(loss)(1.0).latex()


def test_precedence_is_kept_by_parentheses():
    from chainrule.formula import name

    a, b, c = name("a", (2,)), name("b", (2,)), name("c")
    assert unicode((a + b) * c) == "(a + b)·c"
    assert unicode(a - (b - c)) == "a − (b − c)"
    assert unicode(a / (b * c)) == "a/(b·c)"
    assert unicode((a + b) ** 2) == "(a + b)²"
    assert unicode((-a) ** 2) == "(−a)²"
    assert unicode((a * b).T @ c) == "(a ⊙ b)ᵀ c"
    assert unicode((a * b) @ c) == "(a ⊙ b) c"
    assert latex((a + b) / c) == r"\frac{a + b}{c}"
    assert latex((a + b) ** (b - c)) == r"\left(a + b\right)^{b - c}"


def test_rows_of_one_hot_labels_are_named_after_the_labels():
    y = np.array([1, 0, 1])

    def loss(s):
        return np.mean(cr.softmax_cross_entropy(s, y))

    assert closed(cr.explain(loss)(np.ones((3, 2))))["∂L/∂s"] == "(softmax(s) − onehot(y))/3"


def test_a_deep_chain_is_explained_without_recursion_and_in_linear_time():
    def loss(x):
        for _ in range(1500):
            x = np.tanh(x * 1.01)
        return np.sum(x)

    explanation = cr.explain(loss)(X)
    assert len(explanation.backward) == 3002
    np.testing.assert_allclose(explanation.backward[-1].value, cr.grad(loss)(X), rtol=1e-12)


def test_a_formula_that_nobody_would_read_is_left_out():
    @cr.block
    def long(x):
        for k in range(1, 30):
            x = np.sin(x) + k * x
        return x

    (factor,) = row(cr.explain(lambda x: long(x))(0.3), "x").factors
    assert unicode(factor.rule) == "…"


def test_a_variable_from_outside_is_shown_as_an_input():
    w = cr.variable(3.0, name="w")
    explanation = cr.explain(lambda x: x * (w * 2))(2.0)
    assert {unicode(s.name): s.block for s in explanation.forward}["w"] == "input"
    assert row(explanation, "x").value == 6.0


def closed_of(text, **values):
    from chainrule.expression import parse

    expression = parse(text)
    return closed(cr.explain(expression.function)(**expression.arguments(values)))


A = np.array([[1.0, 2.0], [3.0, 4.0]])
LETTERS = {"A": A, "x": np.array([1.0, 3.0]), "y": np.array([2.0, 5.0])}


@pytest.mark.parametrize(
    ("text", "gradient", "form"),
    [
        # what is the same for all entries is a number times ones
        ("s = sum(x); L = sum((y*s)*y)", "∂L/∂x", "‖y‖²·𝟏"),
        ("p = exp(x); q = sum(p); L = sum(y*p)/q", "∂L/∂q", "−yᵀ p/q²"),
        # signs and numbers in a matrix product stand in front of it
        ("a = A @ x - y; L = -sum(a**2)", "∂L/∂x", "−2·Aᵀ a"),
        # a number that fills an array is an array of ones in a matrix product
        ("L = sum(A @ x)", "∂L/∂x", "Aᵀ 𝟏"),
        ("L = sum(A @ x)", "∂L/∂A", "𝟏 xᵀ"),
        ("L = sum(outer(x, y))", "∂L/∂x", "(Σ y)·𝟏"),
        ("L = sum(outer(x, y))", "∂L/∂y", "(Σ x)·𝟏"),
        # quadratic form and trace, as in the Matrix Cookbook (81) and (100)
        ("a = A @ x; L = x @ a", "∂L/∂A", "x xᵀ"),
        ("L = trace(A)", "∂L/∂A", "I"),
        ("L = x[-1]**2", "∂L/∂x", "2·x[1]·e₁"),
        ("L = x @ y", "∂L/∂x", "y"),
    ],
)
def test_a_gradient_has_its_closed_form(text, gradient, form):
    used = {name: value for name, value in LETTERS.items() if name in text.replace("exp", "")}
    assert closed_of(text, **used)[gradient] == form


def test_a_transposed_gradient_stands_in_parentheses():
    from chainrule.formula import name, partial

    gradient = partial(name("L"), name("b", (2, 2)))
    assert unicode(gradient.T) == "(∂L/∂b)ᵀ"
    assert latex(gradient.T) == r"\left(\frac{\partial L}{\partial b}\right)^{\top}"


def test_a_block_without_a_rule_is_explained_without_internal_names():
    @cr.block
    def swish(x):
        return x / (1 + np.exp(-x))

    text = str(cr.explain(lambda x: np.sum(swish(x)))(X))
    assert "alias" not in text


def test_what_has_no_name_is_not_given_that_of_another_variable():
    def loss(x):
        y = np.sin(x) * 2
        a = y + 1
        return a * 3

    names = [unicode(s.name) for s in cr.explain(loss)(1.0).forward]
    assert names == ["x", "b", "y", "a", "L"]


def test_a_plain_array_that_was_rebound_is_not_known_by_its_old_name():
    def loss(x):
        h = np.zeros(2)
        for _ in range(2):
            h = np.tanh(A @ h + x)
        return np.sum(h)

    steps = {unicode(s.name): s for s in cr.explain(loss)(X).forward}
    assert steps["h"].block == "tanh"


def test_names_of_generated_code_are_not_the_users():
    assert "root" not in str(cr.explain(lambda A: np.trace(A @ A))(A))


def test_markdown_shows_a_lambda_as_code():
    assert cr.explain(lambda x: x * 2)(1.0).markdown().startswith("## `<lambda>`")


def test_latex_of_a_large_array_has_no_dollar_inside_mathematics():
    document = cr.explain(lambda x: np.sum(x))(np.arange(60.0)).latex()
    assert r"60\text{: }0\text{ to }59\text{, mean }29.5\text{, }1.7\text{\% zeros}" in document


def test_loss_without_a_name_is_not_taken_for_another_variable():
    def f(x):
        L = x * 2.0
        return np.sum(L)

    explanation = cr.explain(f)(X)
    assert [unicode(s.name) for s in explanation.forward] == ["x", "L", "J"]
    assert unicode(explanation.backward[-1].name) == "∂J/∂x"


def test_an_exponent_that_only_looks_like_digits_keeps_its_sign():
    from chainrule.formula import name

    assert unicode(name("x") ** name("𝟏")) == "x^𝟏"
    assert unicode(name("x") ** 2) == "x²"


def test_a_loss_that_is_an_argument_is_not_taken_for_a_later_one():
    text = cr.explain(lambda x, y: x)(1.0, 2.0).text()
    assert "∂x/∂x = 1" in text
    assert "∂y/" not in text


def written_entry_by_entry(x):
    h = np.zeros(3)
    for i in range(3):
        h[i] = x[i] ** 2
    return np.sum(h * [1.0, 2.0, 3.0])


def written_as_a_whole(x):
    h = np.empty_like(x)
    h[:] = x * 2
    return np.sum(h**2)


def added_to(x):
    h = np.zeros(3)
    h += x
    np.add(h, x, out=h)
    return h @ h


def written_through_a_view(x):
    h = np.zeros((2, 3))
    row = h[1]
    row[:] = x
    return np.sum(h**2)


def new_in_each_round(x):
    total = 0.0
    for i in range(3):
        h = np.zeros(3)
        h[i] = x[i]
        total += h @ x
    return total


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (written_entry_by_entry, [2, 8, 18]),
        (written_as_a_whole, [8, 16, 24]),
        (added_to, [8, 16, 24]),
        (written_through_a_view, [2, 4, 6]),
        (new_in_each_round, [2, 4, 6]),
    ],
)
def test_a_local_array_that_recorded_values_are_written_into_is_explained(f, gradient):
    """The watched variables once held the array's memory, and writing into it was refused."""
    explanation = cr.explain(f)(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(explanation["x"].gradient.value, gradient)


def test_a_local_array_that_stays_plain_has_its_name():
    def loss(x):
        weight = np.zeros(2)
        weight[1] = 3
        weight[0] = 5
        return x @ weight

    assert closed(cr.explain(loss)(X)) == {"∂L/∂x": "weight"}


def test_lists_of_integers_are_written_as_arrays():
    with pytest.raises(GradientError, match=r"write np\.array\(W, float\), np\.array\(x, float\)"):
        cr.explain(lambda W, x: np.sum(np.dot(W, x)))([[1, 2], [3, 4]], [1, 2])
