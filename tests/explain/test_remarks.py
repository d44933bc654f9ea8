"""Remarks on a forward pass: unasked broadcasting, NumPy's warnings, integers."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import GradientError

V, COLUMN = np.array([1.0, 2.0, 4.0]), np.array([[1.0], [2.0], [5.0]])


def mse(x, y):
    r = x - y
    return np.mean(r**2)


@pytest.mark.parametrize("args", [(V, COLUMN), (COLUMN, V)])
def test_a_vector_beside_a_column_is_remarked(args):
    text = str(cr.explain(mse)(*args))
    assert "3×3" in text
    assert "[:, 0]" in text
    assert "3×3" in cr.explain(mse)(*args).health().findings[-1]


def test_a_column_of_data_is_remarked():
    assert "write COLUMN[:, 0]" in str(cr.explain(lambda x: np.sum((x - COLUMN) ** 2))(V)).replace("\n", " ")


@pytest.mark.parametrize(
    "args",
    [(V, V), (COLUMN, COLUMN), (V, 1.0), (np.ones((2, 3)), V), (np.ones((2, 3)), np.ones((2, 1))), (COLUMN, V[:1])],
)
def test_wanted_broadcasting_is_not_remarked(args):
    assert "Note:" not in str(cr.explain(mse)(*args))


def test_an_outer_difference_is_not_remarked():
    assert "Note:" not in str(cr.explain(lambda x: np.sum((x[:, None] - x[None, :]) ** 2))(V))


def test_a_warning_of_numpy_names_the_users_line():
    def loss(x):
        a = x - 1
        return np.sum(np.log(a))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cr.explain(loss)(V)
    (warning,) = {(w.filename, w.lineno, str(w.message)) for w in caught}
    assert warning == (__file__, loss.__code__.co_firstlineno + 2, "divide by zero encountered in log")


def test_integers_are_shown_as_floats():
    with pytest.raises(GradientError, match=r"x=2 -> x=2\.0, y=3 -> y=3\.0"):
        cr.explain(lambda x, y: x * y)(2, 3)
    with pytest.raises(GradientError, match=r"x\.astype\(float\)"):
        cr.explain(lambda x: np.sum(x))(np.arange(3))
