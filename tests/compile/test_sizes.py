"""Compiled code reads and writes its arrays only: what does not fit cannot be built."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.lowering import Lowering
from chainrule.compile.values import Value
from chainrule.errors import CompilerError


def input_of(*shape):
    return Value("input", shape=shape)


@pytest.mark.parametrize(
    ("op", "operands", "shape", "params"),
    [
        ("add", [(2, 3), (3, 1)], (2, 3), {}),
        ("where", [(2,), (), (3,)], (3,), {}),
        ("view", [(2, 1, 3)], (3, 2), {}),
        ("reshape", [(2,)], (2, 2), {}),
        ("broadcast", [(2, 3)], (2,), {}),
        ("transpose", [(2, 3)], (2, 3), {"order": (1, 0)}),
        ("transpose", [(2, 3)], (2, 2), {"order": (0, 0)}),
        ("one_hot", [(4,)], (3, 5), {}),
        ("sum", [(2, 3)], (3,), {"axes": (1,)}),
        ("pick", [(2, 3), (3,)], (2,), {"axes": (1,)}),
        ("matmul", [(2, 3), (2, 3)], (2, 3), {"turned": (False, False)}),
        ("matmul", [(2, 3), (3,)], (3,), {"turned": (False, False)}),
        ("matmul", [(2, 3), (2, 5)], (5, 3), {"turned": (True, False)}),
        ("slice", [(4,)], (3,), {"key": (slice(2, 5),)}),
        ("place", [(3,)], (4,), {"key": (slice(2, 5),)}),
        ("set", [(4,), (3,)], (4,), {"key": (slice(2, None),)}),
        ("concatenate", [(2, 3), (2, 3)], (3, 3), {"axis": 0}),
        ("concatenate", [(2, 3), (2, 4)], (4, 3), {"axis": 0}),
    ],
)
def test_a_step_that_does_not_fit_its_operands_cannot_be_made(op, operands, shape, params):
    with pytest.raises(CompilerError, match=op):
        Lowering().make(op, [input_of(*s) for s in operands], shape, np.float64, **params)


def test_a_part_of_an_identity_chooses_rows():
    h = np.array([[1.0, 0.0]])
    a = np.array([[2.0, 3.0]])
    for f in (lambda a: np.sum(h.T @ a), lambda a: h.T @ a, lambda a: h.T @ (a @ h.T)):
        compiled = cr.compile(f)
        for k in (1.0, 2.0, 3.0):
            np.testing.assert_array_equal(compiled(k * a), f(k * a))
