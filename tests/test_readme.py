"""What the README shows is what happens. Its Python examples run as doctests; here run its commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SHOWN = re.findall(r"```console\n\$ (.*)\n((?:(?!```).*\n)*)```", README)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_command_prints_what_the_readme_shows(command, output):
    assert command.startswith("chainrule ")
    command = command.replace("chainrule", f"{sys.executable} -m chainrule", 1)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.rstrip() == output.rstrip()


def test_the_readme_shows_commands():
    assert len(SHOWN) >= 3


def test_main_command_of_the_readme():
    (command,) = re.findall(r"^    pip install \. && chainrule (explain .*)$", README, re.MULTILINE)
    done = subprocess.run(
        f"{sys.executable} -m chainrule {command}", shell=True, capture_output=True, text=True, check=True
    )
    for equation in ("c·∂L/∂L\n      = 8 × 1\n      = 8", "2 × 3\n      = 6", "3 × 3\n      = 9"):
        assert equation in done.stdout


def test_the_explained_file_of_the_readme():
    (target,) = re.findall(r"^    chainrule explain (\S+\.py:\w+)$", README, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "explain", target], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "Backward pass" in done.stdout


def test_links_of_the_readme_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
