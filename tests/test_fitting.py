"""What is said of operands whose shapes do not fit."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import BlockError

CASES = {
    "matmul": (lambda a, b: a @ b, (4, 3), (2, 3), "the second operand transposed (.T)", (4, 2)),
    "matmul, the first": (lambda a, b: a @ b, (4, 3), (4, 2), "the first operand transposed (.T)", (3, 2)),
    "matmul, both": (lambda a, b: a @ b, (3, 5), (4, 3), "both operands transposed (.T)", (5, 4)),
    "a matrix and a vector": (lambda a, b: a @ b, (4, 3), (4,), "the first operand transposed (.T)", (3,)),
    "a vector and a matrix": (lambda a, b: a @ b, (4,), (3, 4), "the second operand transposed (.T)", (3,)),
    "dot": (np.dot, (4, 3), (2, 3), "the second operand transposed (.T)", (4, 2)),
    "inner": (np.inner, (4, 3), (3, 2), "the second operand transposed (.T)", (4, 2)),
    "plus": (lambda a, b: a + b, (4, 2), (4,), "the second operand as a column ([:, None])", (4, 2)),
    "minus": (lambda a, b: a - b, (4,), (4, 2), "the first operand as a column ([:, None])", (4, 2)),
    "times": (lambda a, b: a * b, (4, 2), (2, 4), "the second operand transposed (.T)", (4, 2)),
    "maximum": (np.maximum, (3, 2), (3,), "the second operand as a column ([:, None])", (3, 2)),
    "power": (np.power, (3, 2), (2, 3), "the second operand transposed (.T)", (3, 2)),
    "solve": (np.linalg.solve, (3, 3), (2, 3), "the second operand transposed (.T)", (3, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_suggested_change_of_an_operand_fits(name):
    f, a, b, what, result = CASES[name]
    a, b = np.ones(a) + np.eye(*a) if len(a) == 2 else np.ones(a), np.ones(b)
    with pytest.raises(BlockError) as told:
        cr.grad(lambda a, b: np.sum(f(a, b)), argnums=(0, 1))(a, b)
    (said,) = re.findall(r"\n  (.*) would fit: .* give (.*)\n", str(told.value))
    assert said == (what, str(result))
    if "column" in what:
        a, b = (a, b[:, None]) if "second" in what else (a[:, None], b)
    else:
        a, b = (x.T if which in what or "both" in what else x for x, which in ((a, "first"), (b, "second")))
    assert np.shape(f(a, b)) == result


def test_the_error_of_matmul_names_the_axis():
    with pytest.raises(BlockError) as told:
        cr.grad(lambda a, b: np.sum(a @ b))(np.ones((4, 3)), np.ones((5, 7)))
    assert "\n  the second operand has 5 entries along its axis 0, and must have 3\n  in block" in str(told.value)


@pytest.mark.parametrize("shapes", [((4, 3), (5, 7)), ((4,), (3,)), ((2, 3), (4, 5))])
def test_no_transposition_is_suggested_where_none_fits(shapes):
    with pytest.raises(BlockError) as told:
        cr.grad(lambda a, b: np.sum(a * b))(*map(np.ones, shapes))
    assert "would fit" not in str(told.value)


def test_large_operands_are_not_tried():
    with pytest.raises(BlockError) as told:
        cr.grad(lambda a, b: np.sum(a @ b))(np.ones((1500, 1000)), np.ones((1500, 1000)))
    assert "would fit" not in str(told.value)
    assert "the second operand has 1500 entries along its axis 0, and must have 1000" in str(told.value)


def test_the_error_of_an_expression_has_the_suggestion_too(capsys):
    assert main(["explain", "L = sum(X @ W)", "X=[[1, 2, 3]]", "W=[[1, 2, 3]]"]) != 0
    told = capsys.readouterr().err
    assert "the second operand transposed (.T) would fit: (1, 3) and (3, 1) give (1, 1)" in told
    assert "L = sum(X @ W)" in told
