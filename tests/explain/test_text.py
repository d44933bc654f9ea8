"""The text for the terminal: short, no broken rows, folded loops, and COLUMNS."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.explain import values
from chainrule.explain.printers import unicode
from chainrule.explain.simple_matrices import simple_matrix

rng = np.random.default_rng(0)
X, t = rng.normal(size=(30, 3)), rng.normal(size=2)
WEIGHTS = (rng.normal(size=(4, 3)), rng.normal(size=(4, 4)) / 4, rng.normal(size=(2, 4)), np.zeros(4))


def rnn(Wx, Wh, Wo, b):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(Wx @ x + Wh @ h + b)
    return np.sum((Wo @ h - t) ** 2)


def cell(x, h, Wx, Wh, b):
    return np.tanh(Wx @ x + Wh @ h + b)


def rnn_of_cells(Wx, Wh, Wo, b):
    h = np.zeros(4)
    for x in X:
        h = cell(x, h, Wx, Wh, b)
    return np.sum((Wo @ h - t) ** 2)


@pytest.mark.parametrize("f", [rnn, rnn_of_cells])
def test_the_rounds_of_a_loop_are_folded(f):
    explanation = cr.explain(f)(*WEIGHTS)
    lines = str(explanation).splitlines()
    assert len(lines) < 300
    assert any("28 more rounds" in line for line in lines)
    assert any(line.startswith("∂L/∂Wh = ") for line in lines)
    assert len(explanation.text(fold=False).splitlines()) > 1000


def test_a_short_loop_is_shown_as_it_is():
    def loss(x):
        for _ in range(5):
            x = x * x
        return x

    assert "more rounds" not in str(cr.explain(loss)(0.9))


@pytest.mark.parametrize(
    ("matrix", "written"),
    [
        (np.eye(3), "I"),
        (-2.0 * np.eye(2), "−2·I"),
        (np.diag([1.0, 0.0, 3.0]), "diag([1 0 3])"),
        (np.ones((4, 1)), "𝟏"),
        (np.full((4, 1), 0.25), "0.25·𝟏"),
        (np.ones((1, 4)), "𝟏ᵀ"),
        (np.full((2, 3), 5.0), "5·𝟏 𝟏ᵀ"),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), ""),
        (np.zeros((2, 2)), ""),
        (np.diag([np.nan, 1.0]), ""),
    ],
)
def test_a_matrix_of_a_simple_structure_is_one_word(matrix, written):
    formula = simple_matrix(matrix)
    assert ("" if formula is None else unicode(formula)) == written


def test_a_matrix_is_shown_once():
    text = str(cr.explain(lambda r: np.sum(r * r))(np.array([1.0, 2.0])))
    assert text.count("diag([1 2])") == 1


@pytest.mark.parametrize("width", [40, 60, 80])
def test_rows_of_matrices_are_not_broken(width):
    W = rng.normal(size=(3, 8))
    text = cr.explain(lambda W, x: np.sum(np.tanh(W @ x) ** 2))(W, rng.normal(size=8)).text(width)
    assert all(any(row in line for line in text.splitlines()) for row in values.lines(W))
    assert text.count("[") == text.count("]")


@pytest.mark.parametrize("size", [9, 16, 24])
@pytest.mark.parametrize("width", [80, 100])
def test_a_long_vector_stands_in_columns(size, width):
    x = rng.normal(size=size) * 10.0 ** rng.integers(-3, 4, size)
    text = cr.explain(lambda x: np.sum(np.tanh(x) ** 2))(x).text(width)
    assert max(map(len, text.splitlines())) <= width
    rows = values.in_columns(x, 40)
    assert max(map(len, rows)) <= 40
    assert len({len(row) for row in rows[:-1]}) == 1
    read = np.array(" ".join(rows).strip("[]").split(), dtype=float)
    np.testing.assert_allclose(read, x, rtol=1e-3)


def test_a_short_vector_stands_on_one_line():
    assert values.in_columns(np.array([1.0, 2.0]), 8) == ["[1 2]"]
    assert values.in_columns(np.array([1.5, 2.5]), 4) == ["[1.5", " 2.5]"]


def test_columns_says_how_wide_a_pipe_is(monkeypatch, capsys):
    words = ["explain", "a = tanh(x) + sigmoid(x) + exp(x) + log(x) + sqrt(x); a", "x=2"]
    widths = {}
    for columns in ("60", "120", "none"):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(words) == 0
        out = capsys.readouterr().out
        widths[columns] = max(len(line) for line in out.splitlines() if line.endswith(("add", "sqrt")))
    assert widths["60"] < widths["none"] < widths["120"]


@pytest.mark.parametrize("columns", [54, 60, 75])
def test_no_line_is_wider_than_columns(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["explain", "y = W @ tanh(x*x)", "W=[[1,2],[3,4]]", "x=[1,-1]"]) == 0
    out = capsys.readouterr().out
    assert "local gradient of one block" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= columns


def test_a_long_function_may_be_shown_in_full(capsys):
    text = "; ".join(["h = 0.1*x", *["h = tanh(h)"] * 80, "h"])
    lines = []
    for more in ([], ["--all"]):
        assert main(["explain", text, "x=2", *more]) == 0
        lines.append(len(capsys.readouterr().out.splitlines()))
    assert lines[0] < 200 < lines[1]
