"""What the expression language says of a text that is not in it: what was probably meant, or where else to put it."""

import re

import pytest

from chainrule.cli import main
from chainrule.errors import ExpressionError
from chainrule.expression import parse
from chainrule.expression.suggestions import corrected
from chainrule.expression.values import parse_value

MEANT = {
    "2x": "2*x",
    "2x + 3y": "2*x + 3*y",
    "3x**2": "3*x**2",
    "3(x+1)y": "3*(x+1)*y",
    "2 sin x": "2*sin(x)",
    "sin x": "sin(x)",
    "log x": "log(x)",
    "x y": "x*y",
    "W x": "W @ x",
    "softmax(W x)": "softmax(W @ x)",
    "xᵀ y": "x.T @ y",
    "|x|": "abs(x)",
    "‖x‖": "norm(x)",
    "√x": "sqrt(x)",
    "√(x+1)": "sqrt(x+1)",
    "tanh(2x + y) z": "tanh(2*x + y)*z",
    "1/2 x": "1/2*x",
    "∑ x": "sum(x)",
    "Σ(x**2)": "sum(x**2)",
    "exp(x": "exp(x)",
    "log(1 + exp(x)))": "log(1 + exp(x))",
    "(x - mean(x))/std(x": "(x - mean(x))/std(x)",
    "exp x)": "exp(x)",
    "x => x*x": "x*x",
    "dot(x; y)": "dot(x, y)",
    "x!": "gamma(x + 1)",
    "2,5x": "2.5*x",
    "[1 2; 3 4] @ x": "[[1, 2], [3, 4]] @ x",
    "[1 2\n3 4] @ x": "[[1, 2], [3, 4]] @ x",
    "y = sum([1 2] * x)": "y = sum([1, 2] * x)",
    "[1 2] * sin x": "[1, 2] * sin(x)",
    "sin 2,5": "sin(2.5)",
}


@pytest.mark.parametrize("text", MEANT)
def test_what_mathematicians_write_is_recognised(text):
    assert corrected(text).replace(" ", "") == MEANT[text].replace(" ", "")
    with pytest.raises(ExpressionError, match="did you mean"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "instead"),
    [("x^2", "x**2"), ("(a - b)^2", "(a - b)**2"), ("L = sum((X @ w - y)^2)", "L = sum((X @ w - y)**2)")],
)
def test_the_error_about_a_caret_repeats_the_whole_expression(text, instead):
    with pytest.raises(ExpressionError) as told:
        parse(text)
    assert str(told.value) == f"^ is not a power in Python; write **: {instead}"


@pytest.mark.parametrize(
    "text",
    [
        "L = (x - 2,5)**2",
        "y = 2,5*x",
        "y = x**2 + 2,5",
        "2,5",
        "-2,5 * x",
        "maximum(x, 2,5)",
        "a = 3; y = a*x + 2,5",
        "exp(x - 2,5) > 2,5",
    ],
)
def test_a_decimal_comma_is_recognised(text):
    with pytest.raises(ExpressionError, match=r"2,5 is two values; write 2\.5"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["x[0,1]", "reshape(x, (2,3))", "array([2,5])", "x1, x2", "x, 2*y", "sum(x, axis=(0,1))", "x*2, 5*y", "max(x,2,5)"],
)
def test_what_may_have_commas_is_read(text):
    parse(text)


@pytest.mark.parametrize(
    ("text", "instead"),
    [("[1 2; 3 4]", "[[1, 2], [3, 4]]"), ("1 2 3", "[1, 2, 3]"), ("[1.5 -2e3]", "[1.5, -2e3]"), ("1;2", "[[1], [2]]")],
)
def test_a_matrix_as_in_other_languages_is_recognised(text, instead):
    with pytest.raises(ExpressionError) as told:
        parse_value(text)
    assert str(told.value).endswith(f"; write {instead}")
    parse_value(instead)


@pytest.mark.parametrize("text", ["2e5", "1j*x", "x + y", "where(x > 0, x, 0)", "a = x; a", "x[0]"])
def test_what_can_be_read_is_not_corrected(text):
    parse(text)


@pytest.mark.parametrize(
    ("text", "operator"), [("x +", "+"), ("x**", "**"), ("L = ", "="), ("sum(x) / ", "/"), ("x @", "@")]
)
def test_what_is_missing_at_the_end_is_told(text, operator):
    with pytest.raises(ExpressionError, match=f"something is missing behind {re.escape(operator)}\n"):
        parse(text)


def test_names_side_by_side_are_a_product():
    with pytest.raises(ExpressionError, match=r"; for a product write w\*x"):
        parse("1/(1 + exp(-wx))").arguments({"w": 1.0, "x": 1.0})


@pytest.mark.parametrize("text", ["x +", "for", "x = = y"])
def test_what_cannot_be_guessed_is_not_guessed(text):
    assert corrected(text) == ""


NAMES = {
    "sigmod(x)": "sigmoid(…)",
    "ReLU(x)": "relu(…)",
    "ln(x)": "log(…)",
    "σ(x)": "sigmoid(…)",
    "Softmax(x)": "softmax(…)",
    "np.sigmod(x)": "sigmoid(…)",
    "math.exp(x)": "exp(…)",
    "torch.relu(x)": "relu(…)",
    "x.relu()": "relu(…)",
    "crossentropy(x)": "cross_entropy_loss(…)",
}


@pytest.mark.parametrize("text", NAMES)
def test_a_function_of_another_name_is_found(text):
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert NAMES[text] in str(error.value)


LACKING = ["for i in x: i", "[a for a in x]", "lambda x: x", "frobnicate(x)", "a = zeros(3); a[0] = x; a", "{1: x}"]


@pytest.mark.parametrize("text", LACKING)
def test_what_the_language_lacks_belongs_into_a_file(text):
    with pytest.raises(ExpressionError, match=r"chainrule explain file\.py:name"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("x if x > 0 else y", "where(condition, x, y)"),
        ("x > 0 and y > 0", "(a) & (b)"),
        ("float(x)", "leave float out"),
        ("x(y)", r"x*(…)"),
        ("3(x + 1)", "write *"),
        ("x^2", r"write **"),
    ],
)
def test_there_is_another_way_to_write_it(text, instead):
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert instead in str(error.value)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["sinx", "x=1"], "did you mean sin(x)?"),
        (["e**x", "x=1"], "for eˣ write exp(x)"),
        (["exp -x", "x=1"], "exp is a function"),
        (["alpha*x", "x=1", "alhpa=2"], "did you mean alhpa?"),
        (["x", "x=1", "y=2", "z=3"], "y, z are not in the expression"),
    ],
)
def test_names_without_a_value_are_explained(words, hint, capsys):
    assert main(["explain", *words]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("inverse(A)", "did you mean inv(…)?"),
        ("tr(A)", "did you mean trace(…)?"),
        ("avg(x)", "did you mean mean(…)?"),
        ("swish(x)", "did you mean silu(…)?"),
        ("ctg(x)", "write 1/tan(x)"),
        ("sec(x)", "write 1/cos(x)"),
        ("sqr(x)", "write x**2"),
        ("f(x) = x^2", "did you mean x**2 ?"),
        ("f(x, y) = x*y", "did you mean x*y ?"),
        ("L: x**2", "write name = expression"),
    ],
)
def test_other_names_of_functions_and_definitions_say_what_to_write(text, told):
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert told in str(error.value)
