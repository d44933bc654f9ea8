"""The sentences on what a block does with the gradient: true for every block, with the symbols of the rule."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.array import Array, node_of
from chainrule.block import BLOCKS
from chainrule.errors import GradientError
from chainrule.explain.effects import sentence
from chainrule.explain.page.model import story
from chainrule.explain.printers import unicode

X = np.array([[1.0, 2.0, -1.0], [3.0, 4.0, 0.5]])
mu = np.array([0.5, -1.0, 2.0])


def told(f, *args, by="X"):
    """The sentences of the shares of ∂L/∂by. What is squared is called z."""
    row = next(g for g in cr.explain(f)(*args).backward if unicode(g.name) == f"∂L/∂{by}")
    return [
        None if f.effect is None else sentence(f.effect, unicode(f.upstream), unicode(f.local.parts[0]))
        for f in row.factors
    ]


def squares(z):
    return np.sum(z**2)


SENTENCES = [
    (lambda X: squares(X.mean(axis=0)), "each entry gets its column's ∂L/∂z / 2"),
    (lambda X: squares(X.mean(axis=1)), "each entry gets its row's ∂L/∂z / 3"),
    (lambda X: squares(X.sum(axis=0)), "each entry gets its column's ∂L/∂z"),
    (lambda X: squares(np.linalg.norm(X, axis=1)), "each entry gets its row's ∂L/∂z / z times X"),
    (lambda X: squares(X - mu), "∂L/∂z is handed on unchanged"),
    (lambda X: squares(mu - X), "the sign of ∂L/∂z is turned"),
    (lambda X: squares(3 * X), "∂L/∂z is multiplied by 3"),
    (lambda X: squares(X * mu), "∂L/∂z is multiplied by mu, entry by entry"),
    (lambda X: squares(X / mu), "∂L/∂z is multiplied by 1/mu, entry by entry"),
    (lambda X: squares(X @ mu), "∂L/∂z is multiplied by muᵀ from the right"),
    (lambda X: squares(X.T), "∂L/∂z goes back to where each entry came from"),
    (lambda X: squares(X[1]), "X[1, :] gets ∂L/∂z, all else 0"),
    (lambda X: squares(cr.relu(X)), "∂L/∂z passes where X > 0, and stops elsewhere"),
    (lambda X: squares(cr.softmax(X)), None),
]


@pytest.mark.parametrize("case", range(len(SENTENCES)))
def test_a_sentence_has_the_symbols_of_the_rule(case):
    f, expected = SENTENCES[case]
    (found,) = told(f, X)
    assert found == expected


def test_a_constant_factor_is_named():
    assert told(lambda W: squares(X @ W), np.ones((3, 2)), by="W") == ["∂L/∂z is multiplied by Xᵀ from the left"]


def test_a_broadcast_operand_gets_sums():
    assert told(lambda X, b: squares(X - b), X, mu, by="b") == ["each entry gets the sum of its column of −∂L/∂z"]
    assert told(lambda X, c: squares(X - c), X, np.ones((2, 1)), by="c") == [
        "each entry gets the sum of its row of −∂L/∂z"
    ]
    assert told(lambda X, s: squares(X + s), X, 2.0, by="s") == ["the sum of ∂L/∂z"]


def test_the_page_does_not_claim_that_every_result_depends_on_every_entry():
    for f in (lambda X: squares(X.mean(axis=0)), lambda X: squares(np.linalg.norm(X, axis=1))):
        for step in story(cr.explain(f)(X))["steps"]:
            assert "every result depends" not in step.get("intuition", "").lower()
    steps = story(cr.explain(lambda W: squares(X @ W))(np.ones((3, 2))))["steps"]
    product = next(step for step in steps if step["block"] == "matmul")
    assert product["intuition"] == "Multiplies the gradient by the other operand, Xᵀ."


def test_the_page_says_what_a_broadcast_difference_does():
    steps = story(cr.explain(lambda X, mu: squares(X - mu))(X, mu))["steps"]
    difference = next(step for step in steps if step["block"] == "subtract")
    assert difference["intuition"] == (
        "To X: hands the gradient on, unchanged; to mu: each entry gets minus the sum of its column of the gradient."
    )


def test_the_terminal_says_it_in_one_line():
    lines = str(cr.explain(lambda W: squares(X @ W))(np.ones((3, 2)))).splitlines()
    assert "    ∂L/∂z is multiplied by Xᵀ from the left." in lines


@pytest.mark.parametrize("name", [name for name, block in BLOCKS.items() if block.example is not None])
def test_what_is_said_of_a_block_is_true_of_its_numbers(name):
    """Unchanged, turned, scaled and put: each sentence is held to the gradient that the rule computes."""
    block = BLOCKS[name]
    arrays = [np.asarray(x) for x in block.example.arrays(name, np.float64)]
    floats = tuple(i for i, x in enumerate(arrays) if x.dtype.kind == "f")
    if not floats or not block.example.operands:
        pytest.skip("no operand has a gradient")

    def loss(*xs):
        z = block(*xs, **block.example.params)
        if type(z) is not Array or z.dtype.kind != "f":
            return np.float64(0)
        return np.sum(z * (1.0 + np.arange(float(np.size(node_of(z).value))).reshape(z.shape)))

    try:
        explanation = cr.explain(loss, floats)(*arrays)
    except GradientError:
        pytest.skip("its result has no gradient")
    upstream = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
    for gradient in explanation.backward:
        for factor in gradient.factors:
            if factor.effect is None:
                continue
            dz, dx = upstream[unicode(factor.upstream)], np.asarray(factor.value)
            match [action.kind for action in factor.effect.actions]:
                case []:
                    np.testing.assert_array_equal(dx.ravel(), dz.ravel())
                case ["negated"]:
                    np.testing.assert_array_equal(dx, -dz)
                case ["copied"]:
                    np.testing.assert_array_equal(np.unique(dx), np.unique(dz))
                case ["summed"]:
                    np.testing.assert_allclose(dx.sum(), dz.sum(), rtol=1e-9)
                case ["moved"] | ["taken"]:
                    assert np.isin(dx, dz).all()
                case ["put"]:
                    assert np.isin(dx, [*dz.ravel(), 0.0]).all()
                case ["where"] | ["unless"]:
                    assert ((dx == dz) | (dx == 0)).all()


def test_a_vector_is_a_column_in_a_sentence():
    W = np.array([[1.0, 2.0, 0.5], [3.0, -4.0, 1.0]])
    assert told(lambda x: squares(W @ x), mu, by="x") == ["∂L/∂z is multiplied by Wᵀ from the left"]
    assert told(lambda x: squares(x @ W.T), mu, by="x") == ["∂L/∂z is multiplied by Wᵀ from the left"]
    assert told(lambda W: squares(W @ mu), W, by="W") == ["∂L/∂z is multiplied by muᵀ from the right"]
    assert told(lambda A: squares(A @ W), np.ones((2, 2)), by="A") == ["∂L/∂z is multiplied by Wᵀ from the right"]


def test_entries_in_another_order_are_not_unchanged():
    order = np.array([1, 2, 0])
    assert told(lambda x: squares(x[order]), mu, by="x") == ["∂L/∂z goes back to where each entry came from"]
    assert told(lambda x: squares(x[::-1]), mu, by="x") == ["∂L/∂z goes back to where each entry came from"]
    assert told(lambda x: squares(x[np.array([0, 1, 2])]), mu, by="x") == ["∂L/∂z is handed on unchanged"]
    assert told(lambda X: squares(X[:, None]), X) == ["∂L/∂z is handed on unchanged"]


def test_rows_that_are_taken_twice_are_added_up():
    words = np.array([1, 0, 1])
    assert told(lambda E: squares(E[words]), np.ones((3, 2)), by="E") == [
        "E[words, :] gets ∂L/∂z, added up where an entry occurs several times, all else 0"
    ]


def test_a_convolution_is_not_said_to_be_cut():
    kernel = np.array([1.0, -2.0, 1.0])
    assert told(lambda x: squares(np.convolve(x, kernel)), mu, by="x") == [None]


def test_two_actions_are_joined_as_in_english():
    assert told(lambda x: squares(1 / x), mu, by="x") == [
        "∂L/∂z is divided by x², entry by entry, and changes its sign"
    ]


def test_a_choice_in_a_sum_stands_in_parentheses():
    t = np.array([0, 1, 1])

    def loss(p):
        f = 1 - p
        return np.sum(np.where(t == 1, p, f) ** 2)

    text = str(cr.explain(loss)(mu))
    assert "= (∂L/∂a where t = 1 else 0) − ∂L/∂f" in text
    assert r"\left(\begin{cases}" in cr.explain(loss)(mu).latex()


def test_products_from_both_sides_are_said_at_once():
    text = str(cr.explain(lambda P: np.sum(np.linalg.inv(P)))(np.array([[2.0, 1.0], [0.0, 3.0]])))
    said = " ".join(text.split())
    assert "from the left and by" in said
    assert "from the right and changes its sign" in said
