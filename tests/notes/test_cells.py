"""Every output of the notes' code cells 56 to 64, as printed there."""

import numpy as np
import pytest
from examples import notes

import chainrule as cr

COMPUTED = {section.cell: notes.compute(section) for section in notes.sections()}

# Whole numbers: PyTorch prints "3." only where the number is exactly 3.
WHOLE = [
    (56, "∂L/∂x", [6]),
    (57, "∂L/∂x", [1, 3, 2]),
    (58, "∂L/∂z", 1),
    (58, "∂L/∂x", [3, 2, 1]),
    (58, "∂L/∂y", [1, 2, 3]),
    (59, "∂L/∂Z", [[1, 1], [1, 1], [1, 1]]),
    (59, "∂L/∂x", [[5], [5], [5]]),
    (59, "∂L/∂y", [[6, 6]]),
    (60, "∂L/∂Z", [[1], [1]]),
    (60, "∂L/∂x", [[3], [3]]),
    (60, "∂L/∂W", [[1, 2], [1, 2]]),
    (61, "∂L/∂Z", [[1, 1, 1], [1, 1, 1]]),
    (61, "∂L/∂X", [[6, 6, 6], [6, 6, 6]]),
    (61, "∂L/∂W", [[4, 4, 4], [4, 4, 4], [4, 4, 4]]),
    (64, "L", 9),
    (64, "∂L/∂s", [-2, 1, 1]),
    (64, "∂L/∂W", [[-4, -2], [2, 1], [2, 1]]),
    (64, "∂L/∂x", [2, 3]),
]

FOUR_DECIMALS = [
    (62, "∂L/∂p", [[-3.7183], [-1.3679]]),
    (62, "∂L/∂s", [[-0.4621], [0.4621]]),
    (63, "p", [0.0391, 0.6168, 0.3442]),
    (63, "L", 3.2429),
    (63, "∂L/∂s", [-0.9609, 0.6168, 0.3442]),
    (63, "∂L/∂W", [[-0.9903, 0.2445], [0.6356, -0.1569], [0.3547, -0.0876]]),
    (63, "∂L/∂x", [2.1871, -0.7751]),
]


@pytest.mark.parametrize(("cell", "label", "printed"), WHOLE)
def test_whole_numbers_come_out_exactly(cell, label, printed):
    np.testing.assert_array_equal(COMPUTED[cell][label], printed)
    assert COMPUTED[cell][label].shape == np.shape(printed)


@pytest.mark.parametrize(("cell", "label", "printed"), FOUR_DECIMALS)
def test_four_decimals_come_out_to_half_a_unit_of_the_last_digit(cell, label, printed):
    assert COMPUTED[cell][label].shape == np.shape(printed)
    np.testing.assert_allclose(COMPUTED[cell][label], printed, rtol=0, atol=0.5e-4)


def section(cell):
    return next(section for section in notes.sections() if section.cell == cell)


def test_fused_cross_entropy_gives_cell_63():
    value, dW, dx = flat(cr.value_and_grad(lambda W, x: cr.softmax_cross_entropy(W @ x, 0), (0, 1)), 63)
    np.testing.assert_allclose(value, 3.2429, rtol=0, atol=0.5e-4)
    np.testing.assert_allclose(dW, [[-0.9903, 0.2445], [0.6356, -0.1569], [0.3547, -0.0876]], rtol=0, atol=0.5e-4)
    np.testing.assert_allclose(dx, [2.1871, -0.7751], rtol=0, atol=0.5e-4)


def test_hinge_loss_block_gives_cell_64():
    value, dW, dx = flat(cr.value_and_grad(lambda W, x: cr.hinge_loss(W @ x, 0), (0, 1)), 64)
    assert value == 9
    np.testing.assert_array_equal(dW, [[-4, -2], [2, 1], [2, 1]])
    np.testing.assert_array_equal(dx, [2, 3])


def flat(value_and_grad, cell):
    inputs = section(cell).inputs
    value, (dW, dx) = value_and_grad(np.array(inputs["W"]), np.array(inputs["x"]))
    return value, dW, dx
