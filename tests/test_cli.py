"""The command line, run as a user runs it."""

import os
import subprocess
import sys

import pytest

from chainrule.cli import main

CIRCUIT = ["a = 2*x; b = 3*y; c = a + b; L = c*z", "x=1", "y=2", "z=3"]


def run(capsys, *argv):
    code = main(argv)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def gradients(text):
    """The last line of each ∂L/∂x of the backward pass."""
    found, name = {}, None
    for line in text.split("Closed forms")[0].splitlines():
        if line.startswith("∂L/∂") and " = " in line:
            name = line.split(" = ")[0][4:]
        if name and " = " in f" {line}":
            found[name] = line.split("= ")[1].strip()
    return found


def test_the_circuit_of_the_notes(capsys):
    code, out, err = run(capsys, "explain", *CIRCUIT)
    assert code == 0
    assert not err
    assert gradients(out) == {"L": "1", "z": "8", "c": "3", "a": "3", "b": "3", "x": "6", "y": "9"}
    for row in ("a      2·x       2 ", "b      3·y       6 ", "c      a + b     8 ", "L      c·z       24 "):
        assert row in out


def test_output_to_a_pipe_is_plain_and_fits_80_columns():
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "explain", *CIRCUIT], capture_output=True, text=True, check=True
    )
    assert "\x1b" not in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_a_reader_that_leaves_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m chainrule explain '{CIRCUIT[0]}' x=1 y=2 z=3 | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "Forward pass of the expression\n"
    assert not done.stderr


def test_arrays_on_the_command_line(capsys):
    code, out, _ = run(
        capsys, "explain", "s = W @ x; p = softmax(s); L = cross_entropy_loss(p, 0)", "W=[[1,2],[3,4]]", "x=[1,-1]"
    )
    assert code == 0
    assert "∂L/∂s = p − e₀" in out


def test_explain_writes_latex_and_markdown(capsys):
    assert run(capsys, "explain", "x*x", "x=3", "--latex")[1].startswith(r"\documentclass")
    assert run(capsys, "explain", "x*x", "x=3", "--markdown")[1].startswith("##")


def test_what_a_document_shows_can_be_chosen(capsys):
    target = ("explain", "s = x*x/7; L = sin(s)", "x=3", "--latex")
    whole = run(capsys, *target)[1]
    assert run(capsys, *target, "--title", "Sine")[1] == whole.replace(r"\section*{the expression}", r"\section*{Sine}")
    assert "1.2857143" in run(capsys, *target, "--digits", "8")[1]
    assert "1.2857143" not in whole
    for option in ("--no-steps", "--no-symbols", "--no-numbers", "--no-local-gradients"):
        code, out, _ = run(capsys, *target, option)
        assert code == 0
        assert len(out) < len(whole)
    code, _, err = run(capsys, *target[:-1], "--no-local-gradients")
    assert code == 2
    assert err == "chainrule: --no-local-gradients goes with --latex or --markdown\n"


def test_a_function_of_a_file_with_its_defaults(capsys, tmp_path):
    path = tmp_path / "model.py"
    path.write_text("import numpy as np\n\ndef loss(w=np.ones(2), b=1.0):\n    y = w * b\n    return np.sum(y)\n")
    code, out, _ = run(capsys, "explain", f"{path}:loss")
    assert code == 0
    assert "model.py:4" in out
    code, out, _ = run(capsys, "explain", f"{path}:loss", "--arg", "b=3.0")
    assert "[3 3]" in out
    assert run(capsys, "explain", f"{path}:loss", "b=3.0")[1] == out


def test_check_of_a_right_gradient_exits_with_0(capsys):
    code, out, _ = run(capsys, "check", "sum(tanh(x)**2)", "x=[0.1, 0.2]")
    assert code == 0
    assert "every gradient agrees" in out


def test_check_of_a_wrong_gradient_exits_with_1(capsys, tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(
        "import chainrule as cr\n\n@cr.block\ndef twice(x):\n    return 2 * x\n\n"
        "@twice.backward\ndef twice_backward(dz, z, x):\n    return 3 * dz\n\n"
        "def loss(x=1.5):\n    return twice(x) ** 2\n"
    )
    code, out, _ = run(capsys, "check", f"{path}:loss")
    assert code == 1
    assert "twice" in out


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["explain", "sum(x", "x=1"], "never closed"),
        (["explain", "x*y", "x=1"], "no value for y"),
        (["explain", "x*2", "x"], "name=value"),
        (["explain", "x*2", "x=abc"], "not a number"),
        (["explain", "no_such_file.py:loss"], "no file"),
        (["explain", "frobnicate(x)", "x=1"], "no function frobnicate"),
        (["explain", "x*2", "x=1", "x=2"], "x is given twice"),
        (["explain", "train.py"], "which function of train.py"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_why(capsys, argv, told):
    code, out, err = run(capsys, *argv)
    assert code == 2
    assert not out
    assert err.startswith("chainrule: ")
    assert told in err


def test_an_unknown_command_exits_with_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["frobnicate"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def loss(x=[1.0]):\n    return x * 2 @ 3\n", "model.py:2"),
        ("import no_such_module\n", "no_such_module"),
        ("def loss(x=1.0):\n    raise KeyError('oh')\n", "model.py:2"),
    ],
)
def test_an_error_in_the_users_file_exits_with_1_and_points_at_it(capsys, tmp_path, source, told):
    path = tmp_path / "model.py"
    path.write_text(source)
    code, _, err = run(capsys, "explain", f"{path}:loss")
    assert code == 1
    assert told in err
    assert "Traceback" not in err


def test_a_function_that_is_not_in_the_file_lists_those_that_are(capsys, tmp_path):
    path = tmp_path / "model.py"
    path.write_text("def loss(x):\n    return x\n")
    code, _, err = run(capsys, "explain", f"{path}:lost")
    assert code == 2
    assert "it has loss" in err


def test_shapes_that_do_not_match_exit_with_1_and_name_the_statement(capsys):
    code, _, err = run(capsys, "explain", "s = W @ x; sum(s)", "W=[[1,2]]", "x=[1,2,3]")
    assert code == 1
    assert "block matmul" in err
    assert "s = W @ x" in err


def test_integers_for_a_float_argument_become_floats_and_others_are_told(capsys, tmp_path):
    path = tmp_path / "model.py"
    path.write_text("import numpy as np\n\ndef loss(w=np.ones(2), y=None):\n    return np.sum(w * y)\n")
    code, out, err = run(capsys, "explain", f"{path}:loss", "w=[1,2]", "y=[3,4]")
    assert code == 0
    assert "∂L/∂w = y" in out
    assert err == "chainrule: y holds integers, so it has no gradient; write 1.0 for 1\n"


def test_an_error_names_no_line_of_the_starting_script():
    command = [sys.executable, "-m", "chainrule", "explain", "sum(x)", "x=[1,2]", "--gradient", "[1,2]"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "one array y of real floats" in done.stderr
    assert " at " not in done.stderr


def test_output_that_is_not_utf8_is_no_traceback():
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "chainrule", "explain", "x*x", "x=3"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert "∂L/∂x" in done.stdout.decode()


def test_the_command_line_prints_its_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("chainrule 0.")


def test_importing_chainrule_leaves_heavy_libraries_alone():
    heavy = "torch jax scipy llvmlite rich optree array_api_compat sklearn".split()
    code = f"import sys, chainrule; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_recording_leaves_heavy_libraries_alone():
    heavy = "torch jax scipy llvmlite rich optree array_api_compat sklearn".split()
    code = f"""
import sys
import numpy as np
import chainrule as cr
x = np.ones(3)
cr.value_and_grad(lambda x: np.sum(np.tanh(x) * cr.relu(x) / np.linalg.norm(x)), 0)(x)
cr.grad(cr.grad(lambda x: x * np.sin(x)))(0.5)
assert getattr(cr, "__wrapped__", None) is None
print([m for m in {heavy} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_chainrule_leaves_what_explains_checks_and_compiles_alone():
    rooms = "chainrule.explain.explanation chainrule.check.checking chainrule.compile.compiled".split()
    code = f"import sys, chainrule as cr; print([m for m in {rooms} if m in sys.modules], cr.Explanation.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "Explanation"]


def test_classes_that_are_imported_on_first_use_are_found_where_they_were():
    code = "from chainrule.explain import Explanation; from chainrule.compile import Compiled; import chainrule as cr; "
    code += "print(cr.Explanation is Explanation, isinstance(cr.compile(abs), Compiled))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


# Gradients written by hand -------------------------------------------------------------------------------------------

LAYERS = """
import numpy as np

def forward(x, w):
    h = np.tanh(x @ w)
    return h, (x, w, h)

def backward(dout, cache):
    x, w, h = cache
    dz = dout * (1 - h**2)
    return dz @ w.T, x.T @ dz

def wrong(dout, cache):
    x, w, h = cache
    dz = dout * (1 + h**2)
    return dz @ w.T, x.T @ dz

def slope(x):
    return 2 * x
"""


def test_the_command_checks_against_a_function_of_a_file(tmp_path, capsys):
    file = tmp_path / "layers.py"
    file.write_text(LAYERS)
    values = ["x=[[1.0,2.0],[0.5,-1.0]]", "w=[[0.1],[0.3]]"]
    assert main(["check", f"{file}:forward", *values, "--against", f"{file}:backward"]) == 0
    assert main(["check", f"{file}:forward", *values, "--against", "backward"]) == 0
    assert main(["check", f"{file}:forward", *values, "--against", "wrong"]) == 1
    assert "layers.py:15: dz = dout * (1 + h**2)" in capsys.readouterr().out
    assert main(["check", "sum(x**2)", "x=[1.0, 2.0]", "--against", f"{file}:slope"]) == 0
    assert main(["check", "sum(x**2)", "x=[1.0, 2.0]", "--against", "slope"]) == 2
    assert "--against takes file.py:function" in capsys.readouterr().err
