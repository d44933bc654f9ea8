"""Code as objects: how it is written as Python, what is refused before it is translated, which functions are equal."""

import ast
import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile.alike import anonymous, merged
from chainrule.compile.loops import (
    And,
    Argument,
    Assign,
    Binary,
    Compare,
    Constant,
    Increase,
    LoopFunction,
    Name,
    Return,
    Store,
    Unary,
    call,
    number,
)
from chainrule.compile.parsed import parsed_text
from chainrule.compile.printed import array_text, function_text, number_text, text_of
from chainrule.compile.verified import verify
from chainrule.errors import CompilerError

x, y, z = map(Name, "xyz")
OPERATORS = "+ - * / // % & | << >> **".split()


def expression(text):
    (value,) = parsed_text(f"def f():\n    return {text}\n").body[0].values
    return value


def of_two():
    """Expressions of two operands, as functions of them."""
    yield from ((lambda a, b, op=op: Binary(op, a, b)) for op in OPERATORS)
    yield from ((lambda a, b, op=op: Compare(op, a, b)) for op in ("<", "=="))
    yield lambda a, b: And((a, b))
    yield lambda a, b: call("vm.f", a, b)
    yield lambda a, b: call("vm.f", a)[b, 0]
    yield lambda a, b: a[b]
    yield lambda a, b: Unary("-", a)
    yield lambda a, b: Unary("not", a)


@pytest.mark.parametrize("outer", [*of_two()])
def test_an_expression_inside_another_is_read_as_it_was_built(outer):
    for inner in of_two():
        for built in (outer(inner(x, y), z), outer(z, inner(x, y))):
            if not (isinstance(built, And) and any(isinstance(part, And) for part in built.conditions)):
                assert expression(text_of(built)) == built, text_of(built)


def test_no_brackets_are_written_that_are_not_needed():
    assert text_of((x + y) * z - x / y) == "(x + y) * z - x / y"
    assert text_of(x - (y + z)) == "x - (y + z)"
    assert text_of(call("vm.select", -x < y * 2.0, x[y + 1, ...], z)) == "vm.select(-x < y * 2.0, x[y + 1, ...], z)"


NUMBERS = [0.0, -0.0, 1e300, np.inf, -np.inf, np.nan, np.float32(0.1), np.float32(np.nan), np.int64(-3), np.int32(7)]
NUMBERS += [np.bool_(True), np.float64(0.1), np.float64(-np.inf), np.complex128(1 - 2j)]


@pytest.mark.parametrize("value", NUMBERS)
def test_a_number_that_is_written_is_that_number(value):
    found = eval(number_text(value), {"np": np})
    assert np.asarray(found).dtype == np.asarray(value).dtype
    assert np.asarray(found).tobytes() == np.asarray(value).tobytes()


ARRAYS = [np.array([0.1, np.nan, -np.inf, -0.0]), np.float32([[0.1, 1e-45], [np.inf, 3]]), np.array([[True], [False]])]


@pytest.mark.parametrize("array", [*ARRAYS, np.array([-3, 2**40]), np.int32([[[7]]])])
def test_an_array_that_is_written_is_that_array(array):
    scope = {"np": np}
    exec(array_text("c", array), scope)
    assert scope["c"].dtype == array.dtype
    assert scope["c"].shape == array.shape
    assert scope["c"].tobytes() == array.tobytes()


def test_numbers_are_equal_if_they_are_the_same_in_every_bit():
    same = [Constant(v) for v in (0, 0.0, -0.0, False, np.float32(0), np.nan, number(np.float64(0.5)))]
    for a, b in itertools.combinations(same, 2):
        assert a != b
    assert Constant(np.nan) == Constant(float("nan"))


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.tanh(a @ a.T) ** 2) / np.max(a),
        lambda a: cr.softmax_cross_entropy(a, np.arange(3) % 4).mean(),
        lambda a: np.sum(np.where(np.abs(a) > 0.5, np.sqrt(np.abs(a)), np.sign(a) * np.floor(a))),
        lambda a: np.sum(cr.max_pool2d(a[None, None], 2) ** 2) + np.sum(np.exp(a[1:, ::2])),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_read_back_are_written_as_they_were(f, dtype):
    a = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    compiled = cr.compile(cr.value_and_grad(f))
    for _ in range(2):
        compiled(a)
    functions = compiled._latest.program.functions if compiled.source() else []
    kernels = [function for function in functions if function.role == "kernel"]
    assert kernels
    for function in kernels:
        text = function_text(function)
        assert function_text(parsed_text(text, function.takes)) == text
    ast.parse(compiled.source())


# What is refused ---------------------------------------------------------------------------------------------------

HELPER = LoopFunction("helper", ("a", "b"), (Return((Name("a"),)),))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return z", "reads z"),
        ("z += x\nreturn x", "reads z"),
        ("y[z] = x", "reads z"),
        ("y[0:z] = x", "reads z"),
        ("if x < y:\n    z = x\nreturn z", "reads z"),
        ("for i in range(3):\n    z = x\nreturn z", "reads z"),
        ("for i in range(3):\n    z = x\nreturn i", "reads i"),
        ("while x < y:\n    z = x\ny[0] = z", "reads z"),
        ("for i in range(i):\n    y[i] = x", "reads i"),
        ("for i in range(3):\n    i = 2", "sets i"),
        ("for i in range(3):\n    for i in range(3):\n        y[i] = x", "sets i"),
        ("for i in range(3):\n    i += 1", "sets i"),
        ("return x\ny[0] = x", "returns before"),
        ("if x < y:\n    return x\nreturn y", "returns before"),
        ("z = helper(x)\nreturn z", "helper with 1 arguments"),
        ("z = nobody(x)\nreturn z", "reads nobody"),
        ("z = math2.sqrt(x)\nreturn z", "reads math2.sqrt"),
    ],
)
def test_invalid_code_of_a_loop_is_refused(body, why):
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    with pytest.raises(CompilerError, match=why):
        verify([HELPER, parsed_text(f"def each(x, y):\n{lines}\n")])


@pytest.mark.parametrize(
    "body",
    [
        "if x < y:\n    z = x\nelse:\n    z = y\nreturn z",
        "z = 0.0\nfor i in range(3):\n    z += y[i]\nreturn z",
        "for i in range(3):\n    y[i] = x\nfor i in range(4):\n    y[i] = helper(x, math.sqrt(x))",
        "a, b, c = vm.piece_of(x, 0, 3)\nreturn a, b, c",
    ],
)
def test_code_that_sets_every_name_before_reading_it_is_verified(body):
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    verify([HELPER, parsed_text(f"def each(x, y):\n{lines}\n")])


def test_no_two_parameters_have_one_name():
    with pytest.raises(CompilerError, match="two parameters"):
        verify([LoopFunction("each", ("x", "x"), ())])


# What is equal -----------------------------------------------------------------------------------------------------


def function(text):
    return parsed_text(text)


FIRST = "def f(a, b):\n    t = a * 2.0\n    b[0] = t - vm.exp(a)\n"


def test_functions_that_differ_in_names_only_do_the_same():
    assert anonymous(function(FIRST)) == anonymous(
        function("def g(u, v):\n    w = u * 2.0\n    v[0] = w - vm.exp(u)\n")
    )


@pytest.mark.parametrize(
    "other",
    [
        FIRST.replace("2.0", "3.0"),
        FIRST.replace("2.0", "2"),
        FIRST.replace("exp", "log"),
        FIRST.replace("b[0]", "b[1]"),
        FIRST.replace("t - vm.exp(a)", "vm.exp(a) - t"),
        FIRST.replace("t - vm.exp(a)", "t - vm.exp(t)"),
        FIRST.replace("(a, b)", "(b, a)"),
        FIRST.replace("b[0] =", "b[0] +="),
    ],
)
def test_functions_that_differ_in_anything_else_do_not(other):
    assert anonymous(function(FIRST)) != anonymous(function(other))


def test_what_is_summed_up_is_not_what_is_set():
    sums, sets = (LoopFunction("f", ("t",), (line,)) for line in (Increase(Name("t"), x), Assign(("t",), x)))
    assert anonymous(sums) != anonymous(sets)


# Functions that differ in numbers ----------------------------------------------------------------------------------


def scaling(name, a, b, c=2.0):
    text = f"def {name}(x, out):\n    for i in range(3):\n        out[i] = x[i] * {a} + {b} - x[i] * {a} / {c}\n"
    return parsed_text(text)


def main(*calls):
    return parsed_text("def main(x, out):\n" + "".join(f"    {name}(x, out)\n" for name in calls))


def test_functions_that_differ_in_numbers_become_one_that_takes_those():
    f, whole = merged([scaling("f", 0.5, 1.5), scaling("g", 0.25, 1.5), main("f", "g", "f")])
    assert function_text(f).replace("@kernel()\n", "") == (
        "def f(x, out, number1):\n    for i in range(3):\n        out[i] = x[i] * number1 + 1.5 - x[i] * number1 / 2.0"
    )
    assert [text_of(line.call) for line in whole.body] == ["f(x, out, 0.5)", "f(x, out, 0.25)", "f(x, out, 0.5)"]
    verify([f, whole])


@pytest.mark.parametrize(
    "other",
    [
        scaling("g", 1, 1.5),  # an integer takes the dtype of what it meets
        scaling("g", "np.float32(0.5)", 1.5),
        parsed_text("def g(x, out):\n    for i in range(2):\n        out[i] = x[i] * 0.25 + 1.5 - x[i] * 0.25 / 2.0\n"),
    ],
)
def test_functions_that_differ_in_more_stay_apart(other):
    functions = [scaling("f", 0.5, 1.5), other, main("f", "g")]
    assert merged(functions) == functions


def test_numbers_come_before_the_memory_that_a_function_is_lent():
    takes = (Argument("float32", (3,)), Argument("float32", (3,), True), Argument("float32", (3,), True, True))
    row, out = Name("row"), Name("out")
    f, g = (
        LoopFunction(
            name, ("x", "out", "row"), (Store(row[0], x[0] + number(np.float32(a))), Store(out[0], row[0])), takes=takes
        )
        for name, a in (("f", 0.5), ("g", 0.25))
    )
    made, whole = merged([f, g, main("f", "g")])
    assert made.parameters == ("x", "out", "number1", "row")
    assert made.takes == (*takes[:2], Argument("float32", ()), takes[2])
    assert [text_of(line.call) for line in whole.body] == ["f(x, out, np.float32(0.5))", "f(x, out, np.float32(0.25))"]
    verify([made, whole])
