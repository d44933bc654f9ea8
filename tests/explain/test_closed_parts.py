"""Closed forms of entries, of vectors and matrices that a function joins, and of conjugates."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import latex, unicode
from explain.read_formula import value_of_formula

V, W, X = np.array([1.0, 2.0]), np.array([3.0, 1.0]), np.arange(8.0).reshape(4, 2) / 5
Z, A = np.array([1 + 2j, 3 - 1j]), np.array([[1 + 1j, 2.0], [0.5, -1j], [1.0, 1.0]])


def rosenbrock(a, b):
    x = np.array([a, b])
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_by_parts(a, b):
    x = np.array([a, b])
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def length(a, b, c):
    return np.linalg.norm(np.stack([a, b, c]))


def rotated(t, v):
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return np.sum(R @ v)


def turned_onto(t, v, w):
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return np.sum((R @ v - w) ** 2)


def line(w, b, X, y):
    return np.mean((X @ np.array([w, b]) - y) ** 2)


def product(a, b):
    return np.sum(np.array([a * b, a + b]) ** 2)


def entry_of_a_function(w, x):
    return cr.sigmoid(w * x)[1] + np.outer(w, x)[0, 1]


def log_determinant(S, v):
    F = np.linalg.cholesky(S)
    return np.sum(np.log(np.diag(F))) + v @ F @ v


def squared_length(z):
    return np.real(np.sum(z * np.conj(z)))


def squared_parts(z):
    return np.sum(z.real**2 + z.imag**2)


def residual(z, A, b):
    r = A @ z - b
    return np.real(np.vdot(r, r))


def twice_conjugated(z):
    return np.sum(np.real(np.conj(np.conj(z))))


FORMS = {
    rosenbrock: ((1.5, 2.0), {"a": "−2·(200·(b − a²)·a + (1 − a))", "b": "200·(b − a²)"}),
    rosenbrock_by_parts: ((1.5, 2.0), {"a": "−2·(1 − a + 200·(b − a²)·a)", "b": "200·(b − a²)"}),
    length: ((1.0, 2.0, 3.0), {"a": "a/‖[a, b, c]‖", "c": "c/‖[a, b, c]‖"}),
    rotated: ((0.5, V), {"v": "Rᵀ 𝟏"}),
    turned_onto: ((0.5, V, W), {"v": "2·Rᵀ (R v − w)", "R": "2·(R v − w) vᵀ"}),
    line: (
        (1.0, 2.0, X, np.arange(4.0)),
        {"w": "(X [w, b] − y)ᵀ X[:, 0]/2", "b": "(X [w, b] − y)ᵀ X[:, 1]/2", "y": "−(X [w, b] − y)/2"},
    ),
    product: ((1.0, 2.0), {"a": "2·(a + b + a·b²)", "b": "2·(a + b + a²·b)"}),
    entry_of_a_function: ((V, W), {}),
    log_determinant: ((np.array([[2.0, 1.0], [1.0, 3.0]]), V), {"F": "v vᵀ + diag(diag(F))⁻¹"}),
    squared_length: ((Z,), {"z": "2·z"}),
    squared_parts: ((Z,), {"z": "2·z"}),
    residual: ((Z, A, np.ones(3) * 1j), {"r": "2·r", "z": "conj(A)ᵀ (2·r)", "b": "−2·r"}),
    twice_conjugated: ((Z,), {"z": "1"}),
}


def closed_forms(f):
    explanation = cr.explain(f)(*FORMS[f][0])
    return explanation, {
        unicode(form.name).rpartition("∂")[2]: unicode(form.formula) for form in explanation.closed_forms
    }


@pytest.mark.parametrize("f", FORMS, ids=lambda f: f.__name__)
def test_a_closed_form_reads_as_one_writes_it(f):
    found = closed_forms(f)[1]
    assert {name: found[name] for name in FORMS[f][1]} == FORMS[f][1]


@pytest.mark.parametrize("f", FORMS, ids=lambda f: f.__name__)
def test_a_closed_form_has_the_value_of_the_gradient(f):
    explanation, found = closed_forms(f)
    names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
    gradients = {unicode(g.name).rpartition("∂")[2]: np.asarray(g.value) for g in explanation.backward}
    assert found
    for name, text in found.items():
        if not any(np.iscomplexobj(x) for x in (gradients[name], *FORMS[f][0])):
            value = value_of_formula(text, names, gradients[name].shape)
            np.testing.assert_allclose(value, gradients[name], rtol=2e-3, err_msg=f"{name}: {text}")


def test_the_derivative_by_an_angle_has_entries_and_no_parts_of_parts():
    text = closed_forms(turned_onto)[1]["t"]
    assert "[0, :]" not in text
    assert "cos(t)" in text


def test_a_vector_of_numbers_is_written_in_brackets_everywhere():
    explanation = cr.explain(length)(1.0, 2.0, 3.0)
    step = next(step for step in explanation.forward if step.formula is not None)
    assert unicode(step.formula) == "[a, b, c]"
    assert latex(step.formula).replace(" ", "").replace("\n", "").count(",") == 2
    assert "stack" not in explanation.latex()


@pytest.mark.parametrize("f", [squared_length, squared_parts, twice_conjugated])
def test_gradients_of_conjugates_are_those_that_are_printed(f):
    expected = {squared_length: 2 * Z, squared_parts: 2 * Z, twice_conjugated: np.ones(2)}[f]
    np.testing.assert_allclose(cr.grad(f)(Z), expected)
