"""A wrong command line ends with one line that says why: no traceback, nothing that writes into the terminal."""

import os
import signal
import subprocess
import sys
import time

import pytest

from chainrule.cli import main

WITHOUT = """
import sys, importlib.machinery as machinery
find = machinery.PathFinder.find_spec.__func__
def without(cls, name, path=None, target=None):
    return None if name.partition(".")[0] == sys.argv[1] else find(cls, name, path, target)
machinery.PathFinder.find_spec = classmethod(without)
from chainrule.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""Runs the command as if a library were not installed."""


def run(*arguments, **options):
    command = [sys.executable, "-m", "chainrule", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def is_told(done, codes=(1, 2)):
    """Whether a run ended with a message for the user, and nothing else."""
    text = done.stderr
    assert done.returncode in codes, text
    assert "Traceback" not in text
    assert text.startswith(("chainrule: ", "usage: "))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert len(text) < 2000
    return text


@pytest.mark.parametrize(("library", "arguments"), [("torch", "--code torch"), ("jax", "--code jax")])
def test_a_library_that_is_not_installed_is_named(library, arguments):
    command = [sys.executable, "-c", WITHOUT, library, "explain", "x*x", "x=2", *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert library in is_told(done, (1,))


def test_a_picture_needs_no_layout_library():
    command = [sys.executable, "-c", WITHOUT, "graphlay", "explain", "x*x+x", "x=2", "--svg"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<svg")


WRONG = {
    "1,000 terms": ["explain", "x" + "+x" * 999, "x=1"],
    "4,000 digits": ["explain", "x*2", f"x={'1' * 4000}"],
    "4,000 digits in the text": ["check", f"x*{'1' * 4000}", "x=1"],
    "5,000 digits": ["explain", "x*2", f"x={'1' * 5000}"],
    "a number to the power of itself": ["explain", "x[n**n**n]", "x=[1,2]", "n=9"],
    "a size": ["check", "sum(zeros(n)*x)", "x=1", "n=[1000000000000]"],
    "100 KB": ["explain", "x+" * 50_000, "x=1"],
    "escapes": ["explain", "x\x1b[31m", "x=1"],
    "escapes in a name": ["explain", "x", "\x1b[31mx=1"],
    "escapes in a value": ["explain", "x", "x=\x1b[31m"],
    "escapes in a file": ["explain", "\x1b[31m.py:f", "x=1"],
    "an override in an option": ["explain", "x", "x=1", "--\u202eoption"],
    "no text": ["explain", "\x01", "x=1"],
    "a line feed": ["explain", "x", "x=\n\n"],
    "a folder": ["explain", "x", "x=@/"],
    "a device": ["explain", "x", "x=@/dev/zero"],
    "a pipe's end": ["explain", "x", "x=@/dev/stdin"],
    "a page in no folder": ["explain", "x*x", "x=1", "--html", "/no/such/folder/x.html"],
    "a page that is a folder": ["explain", "x*x", "x=1", "--html", "/"],
    "a folder as a file": ["explain", "/tmp/.py:f"],
    "a name that NumPy does not take": ["explain", "reshape(x, (2, 2))", "x=[1]"],
    "text": ["explain", "'a'", "x=1"],
    "nothing": ["explain", "", "x=1"],
    "a list": ["explain", "[x, x]", "x=1"],
    "no number": ["explain", "None"],
    "division": ["explain", "1//0 + x", "x=1"],
    "an unknown block": ["blocks", "\x1b[31m"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_command_line_is_told_without_a_traceback(capfd, arguments):
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    said = capfd.readouterr().err
    assert code in (1, 2), said
    assert "Traceback" not in said
    assert all(c.isprintable() or c == "\n" for c in said)
    assert 0 < len(said) < 1500


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    start = time.monotonic()
    assert "cannot read an array" in is_told(run("explain", "x", f"x=@{tmp_path}/pipe"), (2,))
    assert time.monotonic() - start < 60


def test_a_long_formula_of_a_file_is_printed_or_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "long.py").write_text(f"def f(x=1.0):\n    return {'x' + '+x' * 400}\n")
    for form in ("--latex", "--markdown", "--health"):
        done = run("explain", f"{tmp_path}/long.py:f", form)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or is_told(done)


def test_ctrl_c_ends_it_without_a_traceback(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('in', flush=True)\ndef f(x=1.0):\n    time.sleep(60)\n")
    command = [sys.executable, "-m", "chainrule", "explain", f"{tmp_path}/slow.py:f"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_ctrl_c_while_a_library_is_imported_ends_it_too(tmp_path, capsys):
    """Libraries written in C make an ImportError of it."""
    (tmp_path / "interrupted.py").write_text(
        "def f(x=1.0):\n    try:\n        raise KeyboardInterrupt\n"
        "    except KeyboardInterrupt as error:\n        raise ImportError('initialization failed') from error\n"
    )
    assert main(["explain", f"{tmp_path}/interrupted.py:f"]) == 130
    assert capsys.readouterr().err == ""


def test_without_a_home_and_with_another_encoding_it_works():
    kept = {name: value for name, value in os.environ.items() if name in ("PYTHONPATH", "PATH")}
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "explain", "x*é", "x=3", "é=2"],
        capture_output=True,
        env={**kept, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        timeout=120,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 2)


def test_a_name_that_python_reads_as_another_gets_its_value(capsys):
    assert main(["explain", "ﬁ*2", "ﬁ=3"]) == 0
    assert "6" in capsys.readouterr().out
