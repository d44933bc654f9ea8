"""The derivations that the notes do by hand, entry by entry, for other numbers than the cells' too."""

import numpy as np
import pytest
from examples import notes

import chainrule as cr

SECTIONS = {section.cell: section for section in notes.sections()}


def compute(cell, **inputs):
    """The values of a section at other inputs than its own."""
    section = SECTIONS[cell]
    return notes.compute(notes.Section(section.title, cell, section.f, section.in_torch, inputs, (), section.steps))


def random(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def close(value, expected):
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-14)


# Chain rule --------------------------------------------------------------------------------------------------


def test_chain_rule_for_scalars_multiplies_the_two_derivatives():
    v = compute(56, x=np.array([0.7]))
    close(v["∂L/∂y"], [3])
    close(v["∂L/∂x"], v["∂L/∂y"] * (2 * 0.7))


def test_chain_rule_for_vectors_has_a_row_for_each_input():
    x = random(3)
    v = compute(57, x=x)
    close(v["J^y_x"], [[x[1], 0], [x[0], x[2]], [0, x[1]]])
    close(v["∂L/∂y"], [1, 2])
    close(v["∂L/∂x"], v["J^y_x"] @ v["∂L/∂y"])


# Products ----------------------------------------------------------------------------------------------------


def test_the_gradient_of_a_dot_product_is_the_other_vector():
    x, y = random(4), random(4) + 1
    v = compute(58, x=x, y=y)
    close(v["∂L/∂x"], y)
    close(v["∂L/∂y"], x)


@pytest.mark.parametrize(
    ("cell", "first", "second", "shapes"),
    [(59, "x", "y", ((4, 1), (1, 3))), (60, "W", "x", ((3, 4), (4, 1))), (61, "X", "W", ((2, 4), (4, 3)))],
)
def test_product_pulls_back_through_the_transpose_of_the_other_factor(cell, first, second, shapes):
    a, b = (random(*shape) for shape in shapes)
    dZ = random(shapes[0][0], shapes[1][1])
    _, pullback = cr.vjp(lambda a, b: SECTIONS[cell].f(**{first: a, second: b})["Z"], a, b)
    da, db = pullback(dZ)
    close(da, dZ @ b.T)
    close(db, a.T @ dZ)


# Softmax -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 3, 7])
def test_softmax_jacobian_is_minus_pi_pj_off_the_diagonal_and_pi_times_one_minus_pi_on_it(classes):
    s = random(classes)
    p = np.exp(s) / np.sum(np.exp(s))
    J = cr.local_gradient(cr.softmax, s)
    assert J.shape == (classes, classes)
    for i in range(classes):
        for j in range(classes):
            close(J[i, j], p[i] * (1 - p[i]) if i == j else -p[i] * p[j])


def test_softmax_gradient_is_its_jacobian_times_the_gradient_of_p():
    v = compute(62, s=random(5, 1))
    close(v["p"], np.exp(v["s"]) / np.sum(np.exp(v["s"])))
    close(v["∂L/∂s"], v["J^p_s"] @ v["∂L/∂p"])


# Computation graph ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), [("a", 2), ("b", 6), ("c", 8), ("L", 24)])
def test_values_of_the_computation_graph_are_those_of_the_notes(name, value):
    assert notes.compute(SECTIONS[None])[name] == value


@pytest.mark.parametrize(("name", "gradient"), [("L", 1), ("z", 8), ("c", 3), ("a", 3), ("b", 3), ("x", 6), ("y", 9)])
def test_gradients_of_the_computation_graph_are_those_of_the_notes(name, gradient):
    assert notes.compute(SECTIONS[None])[f"∂L/∂{name}"] == gradient


# Cross-entropy -------------------------------------------------------------------------------------------------


@pytest.fixture(params=["the notes' inputs", "random inputs"])
def cross_entropy(request):
    if request.param == "random inputs":
        return compute(63, W=random(3, 2), x=random(2))
    return notes.compute(SECTIONS[63])


def test_values_of_the_cross_entropy_are_those_of_the_notes(cross_entropy):
    v = cross_entropy
    close(v["s"], [sum(v["W"][i, k] * v["x"][k] for k in range(2)) for i in range(3)])
    close(v["p"], np.exp(v["s"]) / sum(np.exp(v["s"])))
    assert v["p_s"] == v["p"][0]
    close(v["L"], -np.log(v["p"][0]))


def test_cross_entropy_gradients_of_the_probabilities(cross_entropy):
    v = cross_entropy
    assert v["∂L/∂L"] == 1
    close(v["∂L/∂p_s"], -1 / v["p_s"])
    close(v["∂L/∂p"], [-1 / v["p_s"], 0, 0])


def test_cross_entropy_jacobian_of_softmax(cross_entropy):
    p0, p1, p2 = p = cross_entropy["p"]
    close(
        cross_entropy["J^p_s"],
        [
            [p0 * (1 - p0), -p0 * p1, -p0 * p2],
            [-p1 * p0, p1 * (1 - p1), -p1 * p2],
            [-p2 * p0, -p2 * p1, p2 * (1 - p2)],
        ],
    )
    close(cross_entropy["∂L/∂s"], [p[0] - 1, p[1], p[2]])


def test_cross_entropy_gradients_of_the_inputs(cross_entropy):
    v = cross_entropy
    p, x, W = v["p"], v["x"], v["W"]
    ds = [p[0] - 1, p[1], p[2]]
    close(v["∂L/∂W"], [[ds[i] * x[k] for k in range(2)] for i in range(3)])
    close(v["∂L/∂x"], [sum(W[i, k] * ds[i] for i in range(3)) for k in range(2)])


# Hinge ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[(0, 0), (0, 1), (1, 0), (1, 1)], ids=lambda mn: f"m={mn[0]},n={mn[1]}")
def hinge(request):
    """The hinge section with scores such that margin 1 is violated (m = 1) or not, and margin 2 (n = 1) or not."""
    m, n = request.param
    x = np.array([2.0, -1.0])
    s = np.array([0.5, 2.0 if m else -3.0, 1.0 if n else -2.5])
    return m, n, compute(64, W=np.outer(s, x) / (x @ x), x=x)


def test_values_of_the_hinge_loss_are_those_of_the_notes(hinge):
    m, n, v = hinge
    s = v["s"]
    close(v["t"], [0, s[1] - s[0] + 1, s[2] - s[0] + 1])
    close(v["z"], [0, m * (s[1] - s[0] + 1), n * (s[2] - s[0] + 1)])
    close(v["L"], v["z"][1] + v["z"][2])


def test_hinge_gradient_of_z_leaves_out_the_right_class(hinge):
    np.testing.assert_array_equal(hinge[2]["∂L/∂z"], [0, 1, 1])


def test_hinge_jacobian_of_max_has_m_and_n_on_its_diagonal(hinge):
    m, n, v = hinge
    np.testing.assert_array_equal(v["J^z_t"], [[0, 0, 0], [0, m, 0], [0, 0, n]])
    np.testing.assert_array_equal(v["∂L/∂t"], [0, m, n])


def test_hinge_jacobian_of_the_margins(hinge):
    m, n, v = hinge
    np.testing.assert_array_equal(v["J^t_s"], [[0, -1, -1], [0, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(v["∂L/∂s"], [-(m + n), m, n])


def test_hinge_gradients_of_the_inputs(hinge):
    m, n, v = hinge
    W, x = v["W"], v["x"]
    close(v["∂L/∂W"], [[-(m + n) * x[0], -(m + n) * x[1]], [m * x[0], m * x[1]], [n * x[0], n * x[1]]])
    close(v["∂L/∂x"], -(m + n) * W[0] + m * W[1] + n * W[2])


def test_hinge_loss_block_agrees_with_the_notes_graph(hinge):
    m, n, v = hinge
    value, ds = cr.value_and_grad(cr.hinge_loss)(v["s"], 0)
    close(value, v["L"])
    np.testing.assert_array_equal(ds, [-(m + n), m, n])
