"""Functions of values whose options are given by position, compiled: an option is no operand."""

import numpy as np
import pytest

import chainrule as cr

EDGES = np.array([0.0, 1.0, 2.0, 3.0])
X = np.array([0.5, 1.0, 2.0])

FUNCTIONS = {
    "searchsorted": lambda v: np.searchsorted(EDGES, v, "right"),
    "searchsorted with an order": lambda v: np.searchsorted(EDGES[::-1], v, "left", np.array([3, 2, 1, 0])),
    "digitize": lambda v: np.digitize(v, EDGES, True),
    "isin": lambda v: np.isin(v, EDGES, False, True),
    "isclose": lambda v: np.isclose(v, EDGES[:3], 1e-3, 1e-3, True),
    "nanargmax": lambda v: np.nanargmax(v, None),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_option_by_position_stays_an_option(name):
    def f(v):
        return np.sum(v * FUNCTIONS[name](v))

    compiled = cr.compile(cr.value_and_grad(f))
    for x in (X, X + 0.3, X - 0.2, X):
        value, gradient = compiled(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        assert np.array_equal(gradient, FUNCTIONS[name](x) * np.ones(3))
