"""A sample of the sweeps over explanations and over written code (`python -m tests.sweeps.explanations`, …)."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import BLOCKS
from chainrule.code import CodeError
from sweeps import explanations, generated_code

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize("part", range(3))
def test_explanations_of_odd_operands_raise_nothing_and_are_right(part):
    found = {
        name: result
        for name, f, args in itertools.islice(explanations.cases(), part, len(explanations.PROGRAMS) * 16, 9)
        if (result := explanations.outcome(f, args)) not in ("right", "no gradient")
    }
    assert not found


@pytest.mark.parametrize("x", [X[0], 1.5, np.array(1.5), np.array([np.nan, 0.5]), np.zeros(0)])
def test_constants_of_nan_and_of_infinity_are_explained(x):
    for number in (np.nan, np.inf):
        assert str(cr.explain(lambda x: np.nansum(np.where(x > 1, number, x)))(x))  # noqa: B023


@pytest.mark.parametrize("name", generated_code.KEYS)
def test_code_indexes_as_the_function_does(name):
    key, args = generated_code.KEYS[name], (generated_code.X, generated_code.X[::-1].copy())
    made = [generated_code.reading(key), generated_code.writing(key)]
    if not isinstance(key, bool) and key is not None and name != "...":
        made.append(generated_code.adding(key))
    for f in made:
        assert generated_code.outcome(f, args, "numpy") in ("right", "no gradient: RecordingError")


@pytest.mark.parametrize("name", generated_code.OTHERS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "complex128"])
def test_code_for_operands_of_other_dtypes(name, dtype):
    found = generated_code.outcome(
        generated_code.OTHERS[name], (generated_code.X, generated_code.second(dtype)), "numpy"
    )
    assert not found.startswith("WRONG"), found


@pytest.mark.parametrize("name", [name for name in generated_code.OTHERS if name != "unwrap"])
def test_code_for_real_operands_is_written(name):
    args = (generated_code.X, generated_code.second("float64"))
    assert generated_code.outcome(generated_code.OTHERS[name], args, "numpy") == "right"


def test_code_that_would_hold_for_these_numbers_alone_is_refused_with_the_line():
    with pytest.raises(CodeError, match=r"of what follows from values at .*np\.unwrap\(x"):
        cr.explain(lambda x: np.sum(np.unwrap(x * 9.0)))(X).code()


NOT_WRITTEN = {"expm", "logm", "sqrtm", "solve_sylvester"}
"""Blocks whose derivatives look at the numbers in a matrix, so no code is right for all of them."""


@pytest.mark.parametrize("part", range(4))
def test_code_of_every_block_is_written(part):
    blocks = [b for b in BLOCKS.values() if b.example is not None and ".special" not in b.forward.__module__]
    blocks = [b for b in blocks if b.name not in NOT_WRITTEN][part::4]
    found = {b.name: generated_code.outcome(*generated_code.of_block(b), "numpy") for b in blocks}
    assert found == dict.fromkeys(found, "right")


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_code_adds_up_what_is_read_several_times(library):
    pytest.importorskip(library)
    text = cr.explain(lambda x: np.sum(x[[0, 0, 1]] ** 2))(X).code(library)
    exec(compile(text, "<code>", "exec"), made := {})
    if library == "numpy":
        gradient = made["loss_and_gradient"](X)[1]
    elif library == "torch":
        torch = pytest.importorskip("torch")
        x = torch.tensor(X, requires_grad=True)
        (gradient,) = torch.autograd.grad(made["loss"](x), x)
    else:
        import jax

        gradient = jax.grad(made["loss"])(X.astype(np.float32))
    np.testing.assert_allclose(gradient, [[4, 8, 12], [8, 10, 12]], rtol=1e-6)


def test_code_of_not_less_is_not_greater_or_equal_where_there_is_nan():
    def loss(x, y):
        return np.sum(np.where(~(x < y), 2 * y, y))

    x, y = np.array([1.0, np.nan, 3.0]), np.array([2.0, 2.0, 2.0])
    exec(cr.explain(loss)(x, y).code("numpy"), made := {})
    value, (_, by_y) = made["loss_and_gradient"](x, y)
    assert value == 10
    np.testing.assert_array_equal(by_y, [1, 2, 2])


def test_code_that_computes_another_number_is_not_given_away(monkeypatch):
    from chainrule.code import source

    monkeypatch.setattr(source, "short_key", lambda key, ndim: 0)
    with pytest.raises(CodeError, match=r"another number|fails"):
        cr.explain(lambda x: np.sum(x[[0, 0, 1]] ** 2))(X).code("numpy")


def test_code_checks_its_branches_under_python_o(tmp_path):
    text = cr.explain(lambda x: np.sum(x) if np.sum(x) > 0 else np.sum(x**2))(X[0]).code("numpy")
    file = tmp_path / "written.py"
    file.write_text(f"{text}\n\nprint(loss_and_gradient(-np.ones(3)))\n")
    done = subprocess.run([sys.executable, "-O", str(file)], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode != 0
    assert "another branch" in done.stderr
