"""Rules as students know them, and numbers in the order of the symbols."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.blocks.step_functions import bitwise_and, bitwise_or, greater, less
from chainrule.explain.printers import latex, mathml, unicode
from chainrule.formula import name, repeated, reshaped
from explain.read_formula import value_of_formula

v, z = np.array([1.0, 2.0, -3.0]), np.array([0.0, 1.0, 2.0])
X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])


def rules(f, *args):
    with np.errstate(all="ignore"):
        explanation = cr.explain(f)(*args)
    return {unicode(g.name): unicode(factor.rule) for g in explanation.backward for factor in g.factors}


RULES = [
    (lambda m: 1 / m, (2.0,), "∂L/∂m", "−1/m²·∂L/∂L"),
    (lambda a, b: a / b, (2.0, 3.0), "∂L/∂b", "−a/b²·∂L/∂L"),
    (lambda x: np.linalg.norm(x), (v,), "∂L/∂x", "x/L·∂L/∂L"),
    (lambda x: np.sum(x), (v,), "∂L/∂x", "𝟏·∂L/∂L"),
    (lambda x: np.mean(x), (X,), "∂L/∂x", "1/6·𝟏·∂L/∂L"),
    (lambda X: np.sum(X.mean(axis=0) ** 2), (X,), "∂L/∂X", "1/3·𝟏 (∂L/∂a)ᵀ"),
    (lambda X: np.sum(X.sum(axis=1) ** 2), (X,), "∂L/∂X", "∂L/∂a 𝟏ᵀ"),
    (lambda x, y: np.sum(x**y), (v**2, v), "∂L/∂y", "a ⊙ log(x) ⊙ ∂L/∂a"),
]


@pytest.mark.parametrize("case", range(len(RULES)))
def test_a_rule_is_written_as_students_know_it(case):
    f, args, by, written = RULES[case]
    assert rules(f, *args)[by] == written


def test_sums_along_axes_are_products_with_ones():
    """𝟏 (∂L/∂a)ᵀ/3 and ∂L/∂a 𝟏ᵀ are computed, and are the gradients of means of columns and sums of rows."""
    for f, a, formula in (
        (lambda X: np.sum(X.mean(axis=0) ** 2), 2 * X.mean(axis=0), "1/3·𝟏 gᵀ"),
        (lambda X: np.sum(X.sum(axis=1) ** 2), 2 * X.sum(axis=1), "g 𝟏ᵀ"),
    ):
        np.testing.assert_allclose(value_of_formula(formula, {"g": a}, X.shape), cr.grad(f)(X))


@pytest.mark.parametrize(
    "f", [lambda x: np.linalg.norm(x), lambda x: np.sum(x**x), lambda x: np.sum(np.clip(x, 0, 1)), np.std, np.prod]
)
def test_no_rule_at_zero_names_operations_on_bits(f):
    with np.errstate(all="ignore"):
        text = str(cr.explain(f)(z))
    assert "bitwise" not in text
    assert "logical_and" not in text


def test_conditions_are_joined_by_signs():
    rule = rules(lambda x: np.sum(cr.special.xlogy(x, x)), z)["∂L/∂x"]
    assert "∧" in rule or "=" in rule
    both = (name("x") + 1).of_shape(())
    made = bitwise_and.notation(greater.notation(both, 0), less.notation(both, 1))
    either = bitwise_or.notation(greater.notation(both, 2), made)
    assert unicode(bitwise_and.notation(either, made)).startswith("(x + 1 > 2 ∨ (x + 1 > 0")
    assert unicode(made) == "x + 1 > 0 ∧ x + 1 < 1"
    assert r"\land" in latex(made)
    assert "∧" in mathml(made)


def test_numbers_stand_in_the_order_of_the_symbols():
    explanation = cr.explain(lambda x: np.sum((x - 1) ** 2))(np.array([2.0, 4.0]))
    row = next(g for g in explanation.backward if unicode(g.name) == "∂L/∂a")
    assert unicode(row.factors[0].rule) == "2·a ⊙ ∂L/∂b"
    assert unicode(row.factors[0].numbers) == "2 × [1 3] ⊙ [1 1]"


def test_numbers_have_the_value_of_the_gradient():
    """Every rule with numbers is read and computed again."""
    explanation = cr.explain(lambda x, y: np.sum(np.tanh(x) * y / (1 + x**2) - x))(np.array([0.5, 2.0]), np.ones(2) * 3)
    checked = 0
    for gradient in explanation.backward:
        for factor in gradient.factors:
            if factor.numbers is None or np.ndim(factor.value) == 0:
                continue
            text = re.sub(r"\[([-0-9. ]+)\]", lambda m: _noted(m[1]), unicode(factor.numbers)).replace("×", "⊙")
            found = value_of_formula(text, VECTORS, np.shape(factor.value))
            np.testing.assert_allclose(found, factor.value, rtol=5e-3)
            checked += 1
    assert checked >= 6


VECTORS: dict[str, np.ndarray] = {}


def _noted(text):
    """A vector of numbers as a name."""
    label = "v" + "abcdefghijklmnopqrstuvwxyz"[len(VECTORS)]
    VECTORS[label] = np.array([float(n) for n in text.split()])
    return label


def test_a_repeated_vector_is_a_product_with_ones():
    g = name("g", (3,))
    assert unicode(repeated(reshaped(g, (1, 3)), (2, 3))) == "𝟏 gᵀ"
    assert unicode(repeated(reshaped(g, (3, 1)), (3, 2))) == "g 𝟏ᵀ"
    assert unicode(repeated(g, (2, 3))) == "𝟏 gᵀ"
    assert unicode(repeated(name("s"), (3,))) == "s·𝟏"
    assert unicode(reshaped(g, (3, 1))) == "g[:, None]"


def test_an_einsum_has_dots_only_for_leading_axes():
    A, v = np.ones((2, 3, 4)), np.ones(4)
    explanation = cr.explain(lambda A, v: np.sum(np.einsum("bij,j->bi", A, v) ** 2))(A, v)
    rules = [unicode(f.rule) for g in explanation.backward for f in g.factors if f.block == "einsum"]
    assert rules == ["einsum[bi,j->bij](∂L/∂a, v)", "einsum[bi,bij->j](∂L/∂a, A)"]


@pytest.mark.parametrize(
    ("f", "x", "chain", "said"),
    [
        (
            lambda x: x * x,
            3.0,
            "∂[x·x]/∂x⁽¹⁾ · ∂L/∂L + ∂[x·x]/∂x⁽²⁾ · ∂L/∂L",
            "∂L/∂L is multiplied by x, once for each use.",
        ),
        (
            lambda x: x @ x,
            np.array([1.0, 2.0]),
            "∂[xᵀ x]/∂x⁽¹⁾ · ∂L/∂L + ∂[xᵀ x]/∂x⁽²⁾ · ∂L/∂L",
            "∂L/∂L is multiplied by x, once for each use.",
        ),
        (lambda x: x - 2 * x, 3.0, None, None),
    ],
)
def test_local_gradients_of_a_value_that_a_block_uses_twice_say_by_which_use(f, x, chain, said):
    """∂[x·x]/∂x is 2·x; x is only the derivative by one of the two."""
    row = cr.explain(f)(x)["x"].gradient
    assert {factor.local.text for factor in row.factors} == ({"1", "2"} if chain else {""})
    if chain:
        text = str(cr.explain(f)(x))
        assert chain in text
        assert said in text
        assert "∂[…]/∂x⁽²⁾: by the second x" in text
        assert r"\partial x^{(2)}" in row.latex()
        total = sum(np.asarray(factor.value) for factor in row.factors)
        np.testing.assert_array_equal(total, 2 * x)
    else:
        assert "⁽" not in str(cr.explain(f)(x))
