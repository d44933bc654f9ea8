"""Compiled code reads and writes its arrays only: what does not fit cannot be built."""

import numpy as np
import pytest
from tests.sweeps.memory import shared

import chainrule as cr
from chainrule.compile.cache import load_program
from chainrule.compile.loops import Argument
from chainrule.compile.making import Maker
from chainrule.compile.parsed import parsed_text
from chainrule.compile.printed import function_text
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
        Maker().make(op, [input_of(*s) for s in operands], shape, np.float64, **params)


def test_a_part_of_an_identity_chooses_rows():
    h = np.array([[1.0, 0.0]])
    a = np.array([[2.0, 3.0]])
    for f in (lambda a: np.sum(h.T @ a), lambda a: h.T @ a, lambda a: h.T @ (a @ h.T)):
        compiled = cr.compile(f)
        for k in (1.0, 2.0, 3.0):
            np.testing.assert_array_equal(compiled(k * a), f(k * a))


# The text of a program, when it is translated --------------------------------------------------------------------


def translated(body, *takes, parameters="x, y"):
    lines = "\n".join(f"    {line}" for line in body)
    function = parsed_text(f"def each({parameters}):\n{lines}\n", takes)
    return load_program("each", function_text(function), [function], {}, {}, [])[1]["each"]


ROWS = (Argument("float64", (3, 4)), Argument("float64", (3, 4), is_written=True))
ANY_LENGTH = (Argument("float64", ("n",)), Argument("float64", ("n",), is_written=True))


@pytest.mark.parametrize(
    ("body", "takes"),
    [
        (["for i in range(3):", "    for j in range(4):", "        y[i, j] = x[i, j + 1]"], ROWS),
        (["for i in range(3):", "    for j in range(4):", "        y[i, j] = x[j, i]"], ROWS),
        (["for i in range(3):", "    for j in range(5):", "        y[i, j] = 0.0"], ROWS),
        (["for i in range(3):", "    y[i, i - 1] = 0.0"], ROWS),
        (["y[3, 0] = x[0, 0]"], ROWS),
        (["y[-4, 0] = x[0, 0]"], ROWS),
        (["y[...] = x.reshape(4, 4)"], ROWS),
        (["y[0] = x[:, 0]"], ROWS),
        (["for i in range(3):", "    k = np.int64(x[i, 0])", "    y[i, k] = 1.0"], ROWS),
        (["for i in range(3):", "    k = max(np.int64(x[i, 0]), 0)", "    y[i, k] = 1.0"], ROWS),
        (["for i in range(3):", "    k = min(max(np.int64(x[i, 0]), 0), 4)", "    y[i, k] = 1.0"], ROWS),
        (["for i in range(3):", "    k = i * 2 - 1", "    if k < 4:", "        y[i, k] = 1.0"], ROWS),
        (["for i in range(3):", "    k = i", "    k = i + 2", "    y[i, k] = 1.0"], ROWS),
        (["for i in range(10):", "    y[i] = x[i]"], ANY_LENGTH),
        (["for i in range(y.shape[0]):", "    y[i] = x[i + 1]"], ANY_LENGTH),
        (["for i in range(0, y.shape[0], 8):", "    y[i + 7] = x[i]"], ANY_LENGTH),
        (["for i in range(y.shape[0]):", "    y[i] = x[i]"], (ANY_LENGTH[0], Argument("float64", ("m",), True))),
    ],
)
def test_an_index_that_may_lie_outside_of_its_array_is_not_translated(body, takes):
    with pytest.raises(CompilerError, match=r"outside|another size|written into"):
        translated(body, *takes)


def test_indices_that_lie_inside_are_translated():
    body = ["full = vm.whole(len(y), 8)", "for s in range(0, full, 8):", "    for i in range(s, s + 8):"]
    body += ["        y[i] = 2.0 * x[i]", "for i in range(full, len(y)):", "    y[i] = 3.0 * x[i]"]
    each = translated(body, *ANY_LENGTH)
    x, y = np.arange(11.0), np.empty(11)
    each(x, y)
    np.testing.assert_array_equal(y, [*2 * x[:8], *3 * x[8:]])


def test_arrays_of_other_lengths_than_a_kernel_is_for_are_refused_when_it_is_called():
    each = translated(["for i in range(y.shape[0]):", "    y[i] = x[i]"], *ANY_LENGTH)
    with pytest.raises(TypeError):
        each(np.arange(3.0), np.empty(4))
    fixed = translated(["for i in range(3):", "    y[i, 0] = x[i, 0]"], *ROWS)
    with pytest.raises(TypeError):
        fixed(np.ones((3, 5)), np.ones((3, 4)))


def test_a_piece_of_rows_lies_within_them_whatever_the_cuts_are():
    body = ["first, last, count = vm.piece_of(x, 0, len(y))", "part = y[first:last]"]
    body += ["for i in range(count):", "    part[i] = 1.0"]
    each = translated(body, Argument("int64", (2,)), ANY_LENGTH[1])
    for cuts in ([0, 4], [-100, 100], [3, 1], [50, 60]):
        whole = np.full(12, np.nan)
        each(np.array(cuts), whole[4:8])
        assert np.isnan(whole[:4]).all()
        assert np.isnan(whole[8:]).all()


def test_a_number_that_a_shared_kernel_computes_besides_is_not_added_up():
    def f(x, y):
        z = np.maximum(x @ y, 0.25) * 2
        return z * x, z * y

    x, y = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])
    with shared():
        compiled = cr.compile(cr.grad(lambda x, y: np.sum((x.reshape(-1) @ y) ** 2), (0, 1)))
        also = cr.compile(f)
        for _ in range(3):
            for found, expected in zip(compiled(x[:, None], y), (2 * 4.5 * y[:, None], 2 * 4.5 * x), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-14)
            for found, expected in zip(also(x, y), f(x, y), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-14)
