"""The command `chainrule blocks`: formulas, examples and checks of every block of the library."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.answers import ANSWERS
from chainrule.block import BLOCKS, Elementwise
from chainrule.catalogue import BlockEntry, families, find
from chainrule.catalogue import names as catalogue_names
from chainrule.catalogue.markdown import document
from chainrule.catalogue.terminal import listing, page, show
from chainrule.catalogue.worked import work
from chainrule.check.blocks import BlockReport, check_block
from chainrule.check.sample import sample_of
from chainrule.cli import main
from chainrule.domains import example, normal, positive
from chainrule.errors import ExpressionError
from chainrule.explain.printers import unicode

ROOT = Path(__file__).parents[1]
every_block = pytest.mark.parametrize("name", BLOCKS)


def run(capsys, *argv):
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# Every block ---------------------------------------------------------------------------------------------------


@every_block
def test_every_block_has_an_example(name):
    assert BLOCKS[name].example is not None
    assert len(sample_of(BLOCKS[name]).operands) > 0


@every_block
def test_every_check_of_every_block_is_right(name):
    pytest.importorskip("torch")
    report = check_block(BLOCKS[name], ("PyTorch",))
    assert report.ok, "\n".join(map(str, report.wrong))
    assert report.compared_with("differences") or not BLOCKS[name].differentiable


@pytest.mark.parametrize("name", ["exp", "matmul", "softmax", "sum", "conj", "absolute", "getitem"])
def test_jax_agrees_too(name):
    pytest.importorskip("jax")
    report = check_block(BLOCKS[name])
    assert report.ok, "\n".join(map(str, report.wrong))
    assert report.compared_with("JAX")
    assert report.missing == {}


@every_block
def test_every_gradient_is_a_formula_or_says_why_not(name):
    entry = BlockEntry(BLOCKS[name])
    assert entry.forward is not None
    assert len(entry.backward) > 0 or not entry.block.differentiable
    for gradient in entry.backward:
        assert gradient.rule is not None or gradient.told
        assert gradient.local is not None or gradient.rule is None or not entry.elementwise


@every_block
def test_local_gradients_carry_the_cotangent_back(name):
    """∂L/∂x = J ∂L/∂z, with a row of J for each entry of x."""
    worked = work(sample_of(BLOCKS[name]))
    for label, matrix in worked.matrices.items():
        gradient = worked.gradients[label]
        np.testing.assert_allclose(matrix @ np.ravel(worked.dz), np.ravel(gradient), rtol=1e-10, atol=1e-12)


# Formulas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("matmul", ["∂L/∂x = ∂L/∂z yᵀ", "∂L/∂y = xᵀ ∂L/∂z"]),  # the notes: matrix & matrix product
        ("add", ["∂L/∂x = ∂L/∂z", "∂L/∂y = ∂L/∂z"]),
        ("multiply", ["∂L/∂x = y ⊙ ∂L/∂z", "∂L/∂y = x ⊙ ∂L/∂z"]),
        ("exp", ["∂L/∂x = z ⊙ ∂L/∂z"]),
        ("log", ["∂L/∂x = 1/x ⊙ ∂L/∂z"]),
        ("transpose", ["∂L/∂x = (∂L/∂z)ᵀ"]),
    ],
)
def test_backward_rules_are_printed_from_the_rules(name, rules):
    entry = BlockEntry(BLOCKS[name])
    assert [f"{unicode(g.name)} = {unicode(g.rule)}" for g in entry.backward] == rules


@pytest.mark.parametrize(
    ("name", "local"),
    [("sin", ["cos(x)"]), ("subtract", ["1", "−1"]), ("relu", ["[x > 0]"]), ("sqrt", ["0.5/z"]), ("sum", ["1"])],
)
def test_local_gradients_are_printed_from_the_table(name, local):
    assert [unicode(g.local) for g in BlockEntry(BLOCKS[name]).backward] == local


def test_softmax_as_in_the_notes(capsys):
    """p_i (1 − p_i) on the diagonal, −p_i p_j beside it."""
    code, out, _ = run(capsys, "blocks", "softmax")
    assert code == 0
    for part in ("Forward pass", "Backward pass", "Example", "∂L/∂p = ", "∂L/∂s = ", "cr.softmax"):
        assert part in out
    worked = work(sample_of(BLOCKS["softmax"]))
    p = np.atleast_2d(worked.value)
    rows = [np.diag(row) - np.outer(row, row) for row in p]
    expected = np.block([[r if i == j else np.zeros_like(r) for j in range(len(p))] for i, r in enumerate(rows)])
    np.testing.assert_allclose(worked.matrices["s"], expected)


def test_a_block_without_a_rule_is_derived_from_its_inside():
    @cr.block(example=example(normal(3)))
    def swish(x):
        return x / (1 + np.exp(-x))

    (gradient,) = BlockEntry(swish).backward
    assert gradient.told == "derived from its inside"


def test_names_of_the_result_are_those_of_the_backward_rule():
    @cr.block(example=example(normal(3)))
    def scaled(x):
        return 2 * x

    @scaled.backward
    def scaled_backward(dy, y, x):
        return 2 * dy

    entry = BlockEntry(scaled)
    assert [unicode(g.rule) for g in entry.backward] == ["2·∂L/∂y"]


# Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("softmax", "softmax"),
        ("np.exp", "exp"),
        ("numpy.exp", "exp"),
        ("np.max", "max"),
        ("np.radians", "deg2rad"),
        ("cr.relu", "relu"),
        ("cr.softmax", "softmax"),
        ("scipy.special.erf", "erf"),
        ("floor", "floor"),
    ],
)
def test_a_block_is_found_by_what_it_answers_for(text, name):
    assert find(text).name == name


def test_a_function_composed_of_blocks_is_found():
    found = find("np.float_power")
    assert "power" in {block.name for block in found.blocks}


def test_everything_that_answers_is_in_the_catalogue():
    listed = {n for family in families() for n in family.names}
    missing = {catalogue_names.spelled(f) for f in ANSWERS} - listed
    assert missing == set()


def test_every_block_is_in_one_family():
    listed = [e.name for family in families() for e in family.entries]
    assert sorted(listed) == sorted(BLOCKS)


def test_an_unknown_name_is_an_error_with_close_ones(capsys):
    code, out, err = run(capsys, "blocks", "softmx")
    assert (code, out) == (2, "")
    assert "no block 'softmx'" in err
    assert "softmax" in err


def test_an_unknown_name_without_close_ones_is_a_plain_error():
    with pytest.raises(ExpressionError, match=r"answers for that name$"):
        find("qqqqqqqqqqqqqqq")


# What is shown -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_its_width_and_names_every_block(capsys, width):
    show(listing(families(), width), width)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    shown = re.sub(r"\s", "", out)
    for name in BLOCKS:
        assert name.partition("_")[0] in shown


@pytest.mark.parametrize("name", ["softmax", "matmul", "argmax", "prod", "multiply", "conj"])
def test_a_page_fits_80_columns(capsys, name):
    show(page(BlockEntry(BLOCKS[name]), 80, None), 80)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_block_without_a_gradient_says_so(capsys):
    code, out, _ = run(capsys, "blocks", "floor")
    assert code == 0
    assert "The gradient ends here" in out


WITHOUT_PEERS = """
import importlib.abc
import sys

from chainrule.cli import main


class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "torch"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Missing())
sys.exit(main(["blocks"]))
"""


def test_every_block_is_listed_where_pytorch_and_jax_are_not_installed():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PEERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "expm" in done.stdout


def test_the_document_is_current():
    """Otherwise: chainrule blocks --markdown > docs/blocks.md"""
    assert (ROOT / "docs" / "blocks.md").read_text() == document(families())


def test_formulas_of_the_document_do_not_break_its_tables():
    for line in document(families()).splitlines():
        if line.startswith("|"):
            assert line.count("|") == 6, line
            assert line.count("$`") == line.count("`$")


# What is wrong is found --------------------------------------------------------------------------------------------


def wrong(block) -> set[str]:
    report = check_block(block, ())
    assert not report.ok
    return {(r.dtype, r.check, r.operand) for r in report.wrong}


def elementwise_block(forward, derivative, **options):
    return Elementwise(forward, (derivative,), example=example(normal(2, 3)), **options)


def test_a_right_block_passes():
    def square(xp, x):
        return x * x

    assert check_block(elementwise_block(square, lambda xp, z, x: 2 * x, complex=True), ()).ok


def test_a_wrong_derivative_is_found_and_named():
    def square(xp, x):
        return x * x

    found = wrong(elementwise_block(square, lambda xp, z, x: 2.001 * x, complex=False))
    assert {("float64", "first derivative", "x"), ("float32", "first derivative", "x")} <= found
    assert ("float64", "shape ()", "x") in found


def test_a_missing_conjugate_is_found_in_complex_numbers_only():
    @cr.block(example=example(normal(3)), leading_axes=True)
    def cube(xp, x):
        return x**3

    @cube.backward
    def cube_backward(xp, dz, z, x):
        return dz * 3 * x**2

    found = wrong(cube)
    assert ("complex128", "first derivative", "x") in found
    assert {dtype for dtype, _, _ in found} == {"complex128"}


def test_a_rule_that_cannot_be_differentiated_again_is_found():
    @cr.block(example=example(normal(3)), leading_axes=True, complex=False)
    def cube(xp, x):
        return x**3

    @cube.backward
    def cube_backward(xp, dz, z, x):
        return dz * 3 * cr.stop_gradient(x) ** 2

    assert {check for _, check, _ in wrong(cube)} == {"second derivative"}


def test_a_rule_without_leading_axes_is_found():
    @cr.block(example=example(normal(3, 3), normal(3)), leading_axes=True, complex=False)
    def apply(xp, A, x):
        return A @ x

    @apply.backward
    def apply_backward(xp, dz, z, A, x):
        return xp.outer(dz, x) if dz.ndim == 1 else xp.zeros(dz.shape[:-1] + A.shape), A.T @ dz

    assert "leading axes" in {check for _, check, _ in wrong(apply)}


def test_a_gradient_of_the_wrong_dtype_is_found():
    @cr.block(example=example(positive(3)), leading_axes=True, complex=False)
    def half(xp, x):
        return np.asarray(x, np.float64) / 2 if xp is np or type(x) is np.ndarray else x / 2

    @half.backward
    def half_backward(xp, dz, z, x):
        return dz / 3

    assert ("float64", "first derivative", "x") in wrong(half)


def test_an_error_inside_a_rule_is_a_result():
    @cr.block(example=example(normal(3)), leading_axes=True, complex=False)
    def double(xp, x):
        return x + x

    @double.backward
    def double_backward(xp, dz, z, x):
        raise ZeroDivisionError("no way back")

    report = check_block(double, ())
    assert any("no way back" in r.problem for r in report.wrong)


def test_a_block_without_an_example_is_wrong():
    @cr.block
    def nothing(x):
        return x

    report = check_block(nothing)
    assert not report.ok
    assert "no example" in str(report.wrong[0])


# The command -------------------------------------------------------------------------------------------------------


def test_checks_print_a_line_for_each_family_and_totals(capsys):
    code, out, _ = run(capsys, "blocks", "--check", "exp", "add", "matmul")
    assert code == 0
    assert re.search(r"^elementwise +2 +\d+ +2 +2 +2 +\S+e-\d+ +\S+e-\d+$", out, re.MULTILINE)
    assert re.search(r"^total +3 ", out, re.MULTILINE)
    assert out.rstrip().endswith("3 blocks: all right")
    assert max(map(len, out.splitlines())) <= 80


def test_checks_that_fail_exit_with_1_and_name_the_block(capsys, monkeypatch):
    sine = BLOCKS["sin"]
    monkeypatch.setattr(sine, "derivatives", (lambda xp, z, x: xp.sin(x),))
    code, out, _ = run(capsys, "blocks", "--check", "sin")
    assert code == 1
    assert "WRONG  sin: float64, first derivative, operand x, against PyTorch" in out
    assert "1 of 1 blocks WRONG" in out


def test_checks_run_without_pytorch_and_jax(capsys, monkeypatch):
    def missing(*args):
        raise ImportError

    from chainrule.check.libraries import LIBRARIES

    monkeypatch.setitem(LIBRARIES, "PyTorch", missing)
    monkeypatch.setitem(LIBRARIES, "JAX", missing)
    code, out, _ = run(capsys, "blocks", "--check", "exp")
    assert code == 0
    assert "PyTorch: not installed, so not compared." in out
    assert "JAX: not installed, so not compared." in out


def test_nothing_compared_is_not_all_right():
    assert not BlockReport(BLOCKS["exp"], (), {}).ok
