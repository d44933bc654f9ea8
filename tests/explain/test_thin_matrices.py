"""Closed forms of arrays of shape (n, 1) and (1, n): each product fits as it is printed, and each row lies.

Courses keep samples in columns (W X + b, with X of shape d × m) or in rows (X w, with w of shape d × 1).
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import unicode
from explain.read_formula import value_of_formula


def logistic_of_columns(W, X, b, Y):
    A = 1 / (1 + np.exp(-(W @ X + b)))
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def logistic_of_rows(X, w, b, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def layers_of_columns(W1, b1, W2, b2, X, Y):
    A1 = np.tanh(W1 @ X + b1)
    A2 = W2 @ A1 + b2
    return np.mean((A2 - Y) ** 2)


def layers_of_rows(X, W1, b1, W2, b2, y):
    h = np.maximum(0, X @ W1 + b1)
    o = h @ W2 + b2
    return np.mean((o - y) ** 2)


def one_output(X, W1, b1, W2, y):
    h = np.tanh(X @ W1 + b1)
    o = (h @ W2).ravel()
    return np.sum((o - y) ** 2)


def attention_of_one(q, K, V):
    s = q @ K.T
    a = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    return np.sum((a @ V) ** 2)


PROGRAMS = {
    "samples in columns": (logistic_of_columns, [(1, 3), (3, 4), (1, 1), (1, 4)]),
    "samples in rows": (logistic_of_rows, [(4, 3), (3, 1), (1, 1), (4, 1)]),
    "layers, samples in columns": (layers_of_columns, [(5, 3), (5, 1), (1, 5), (1, 1), (3, 4), (1, 4)]),
    "layers, samples in rows": (layers_of_rows, [(4, 3), (3, 5), (1, 5), (5, 1), (1, 1), (4, 1)]),
    "an output without its axis": (one_output, [(4, 3), (3, 5), (5,), (5, 1), (4,)]),
    "attention of one query": (attention_of_one, [(1, 3), (4, 3), (4, 2)]),
    "a row of weights": (lambda X, w, y: np.sum((X @ w.T - y) ** 2), [(4, 3), (1, 3), (4, 1)]),
    "a quadratic form of a column": (lambda x, A: (x.T @ A @ x)[0, 0], [(3, 1), (3, 3)]),
    "a quadratic form of a row": (lambda x, A: (x @ A @ x.T)[0, 0], [(1, 3), (3, 3)]),
    "a column times a row": (lambda u, v, M: np.sum((u @ v - M) ** 2), [(3, 1), (1, 4), (3, 4)]),
    "scaled by both": (lambda u, v, M: np.sum((u * M * v) ** 2), [(3, 1), (1, 4), (3, 4)]),
    "scaled by a row": (lambda g, x: np.sum(np.tanh(g * x) ** 2), [(1, 3), (4, 3)]),
    "scaled by a column": (lambda g, x: np.sum(np.tanh(g * x) ** 2), [(4, 1), (4, 3)]),
    "the norm of a row": (lambda x: np.sqrt(np.sum(x**2)), [(1, 3)]),
    "a row times a column": (lambda x, y: (x @ y).sum() ** 2, [(1, 3), (3, 1)]),
    "a row times a vector": (lambda x, y: (x @ y).sum() ** 2, [(1, 3), (3,)]),
    "a vector times a column": (lambda x, y: (y @ x).sum() ** 2, [(3, 1), (3,)]),
    "a column and a vector": (lambda x, y: np.sum((x + y) ** 2), [(3, 1), (4,)]),
    "softmax of a column": (lambda x, A: np.log(np.sum(np.exp(A @ x.T))), [(1, 3), (4, 3)]),
    "less a row": (lambda mu, X: np.sum((X - mu) ** 2), [(1, 2), (5, 2)]),
    "pairs": (lambda x, y: np.sum(np.exp(-((x - y.T) ** 2))), [(3, 1), (4, 1)]),
    "pairs of column and row": (lambda x, y: np.sum(np.exp(-((x - y) ** 2))), [(3, 1), (1, 4)]),
    "one input": (lambda W, x: np.sum(np.tanh(W @ x) ** 2), [(3, 1), (1,)]),
    "one result": (lambda W, x: np.tanh(W @ x)[0], [(1, 3), (3,)]),
}


def explained(name):
    f, shapes = PROGRAMS[name]
    rng = np.random.default_rng(0)
    return cr.explain(f)(*(rng.uniform(0.1, 0.9, shape) for shape in shapes))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_product_fits_and_has_the_value_of_the_gradient(name):
    explanation = explained(name)
    names = {unicode(step.name): step.value for step in explanation.forward}
    gradients = {unicode(g.name): np.asarray(g.value) for g in explanation.backward}
    assert explanation.closed_forms
    for form in explanation.closed_forms:
        label, text = unicode(form.name), unicode(form.formula)
        value = value_of_formula(text, names, gradients[label].shape)
        np.testing.assert_allclose(value, gradients[label], rtol=2e-3, atol=1e-9, err_msg=f"{label} = {text}")


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("samples in columns", "W", "1/4·(A − Y) Xᵀ"),  # the course writes 1/m (A − Y) Xᵀ
        ("samples in columns", "X", "1/4·Wᵀ (A − Y)"),
        ("samples in rows", "w", "1/4·Xᵀ (p − y)"),
        ("layers, samples in columns", "W2", "1/2·(A2 − Y) A1ᵀ"),
        ("layers, samples in rows", "h", "1/2·(o − y) W2ᵀ"),
        ("attention of one query", "a", "2·a V Vᵀ"),
        ("a quadratic form of a row", "x", "x (A + Aᵀ)"),
        ("less a row", "mu", "−2·𝟏ᵀ (X − mu)"),
    ],
)
def test_rows_are_written_as_in_courses(name, argument, expected):
    assert unicode(explained(name)[argument].closed_form.formula) == expected
