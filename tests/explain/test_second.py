"""Formulas of second derivatives by a matrix: Kronecker products, with the numbers of the Hessian."""

import numpy as np
import pytest
from scipy.special import softmax

import chainrule as cr
from chainrule.explain.printers import latex, mathml, unicode
from chainrule.explain.second import second_derivatives

RNG = np.random.default_rng(0)
A, W, X, P, Q = (RNG.normal(size=s) for s in ((2, 2), (2, 3), (4, 2), (5, 2), (3, 4)))
x, Y = RNG.normal(size=3), RNG.normal(size=(4, 3))


def of_layer(W, x):
    return -cr.log_softmax(W @ x)[1]


def of_layer_with_ridge(W, x):
    return -cr.log_softmax(W @ x)[1] + np.sum(W**2)


def of_units(W, x):
    return np.sum(np.tanh(W @ x))


def of_rectified_units(W, x):
    return np.sum(np.maximum(W @ x, 0) ** 2)


def of_squares(W, X, Y):
    return np.sum((X @ W - Y) ** 2)


def of_squares_with_ridge(W, X, Y):
    return np.sum((X @ W - Y) ** 2) + 0.5 * np.sum(W**2)


def of_form(W, A):
    return np.trace(W.T @ A @ W)


def of_both_sides(W, P, Q):
    return np.sum((P @ W @ Q) ** 2)


def of_entries(W):
    return np.sum(W**2)


I2, I3, I6, XX = np.eye(2), np.eye(3), np.eye(6), np.outer(x, x)
Z = W @ x
SOFTMAX = "(diag(softmax(W x)) − softmax(W x) softmax(W x)ᵀ) ⊗ (x xᵀ)"
OF_SOFTMAX = np.kron(np.diag(softmax(Z)) - np.outer(softmax(Z), softmax(Z)), XX)
FORMULAS = [
    (of_layer, (x,), SOFTMAX, OF_SOFTMAX),
    (of_layer_with_ridge, (x,), f"2·I + {SOFTMAX}", 2 * I6 + OF_SOFTMAX),
    (
        of_units,
        (x,),
        "−2·(diag(tanh(W x) ⊙ (1 − tanh(W x)²)) ⊗ (x xᵀ))",
        -2 * np.kron(np.diag(np.tanh(Z) * (1 - np.tanh(Z) ** 2)), XX),
    ),
    (of_rectified_units, (x,), "2·(diag([W x > 0]) ⊗ (x xᵀ))", 2 * np.kron(np.diag(Z > 0), XX)),
    (of_squares, (X, Y), "2·((Xᵀ X) ⊗ I)", 2 * np.kron(X.T @ X, I3)),
    (of_squares_with_ridge, (X, Y), "(I + 2·Xᵀ X) ⊗ I", np.kron(I2 + 2 * X.T @ X, I3)),
    (of_form, (A,), "(Aᵀ + A) ⊗ I", np.kron(A.T + A, I3)),
    (of_both_sides, (P, Q), "2·((Pᵀ P) ⊗ (Q Qᵀ))", 2 * np.kron(P.T @ P, Q @ Q.T)),
    (of_entries, (), "2·I", 2 * I6),
]


def by_first(f, *args):
    return next(iter(second_derivatives(cr.explain(f)(*args))))


@pytest.mark.parametrize(("f", "args", "formula", "value"), FORMULAS, ids=lambda a: getattr(a, "__name__", ""))
def test_a_hessian_by_a_matrix_is_printed_as_kronecker_products(f, args, formula, value):
    second = by_first(f, W, *args)
    assert unicode(second.formula) == formula
    np.testing.assert_allclose(second.matrix, value, rtol=1e-10, atol=1e-10)
    structured = cr.hessian(f, structure=True)(W, *args)
    np.testing.assert_allclose(structured.dense(), value, rtol=1e-10, atol=1e-10)
    assert structured.kind.startswith("Kronecker product") == ("⊗" in formula)


def test_a_kronecker_product_is_written_in_each_notation():
    formula = by_first(of_both_sides, W, P, Q).formula
    assert latex(formula) == r"2 \cdot \left(\left(P^{\top} P\right) \otimes \left(Q Q^{\top}\right)\right)"
    assert "<mo>⊗</mo>" in mathml(formula)


@pytest.mark.parametrize("f", [lambda W: np.sum(W**3), lambda W: np.sum((W @ W.T) ** 2)])
def test_what_is_no_kronecker_product_has_no_formula(f):
    assert by_first(f, W).formula is None
