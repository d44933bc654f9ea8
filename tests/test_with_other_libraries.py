"""The programs of docs/with-other-libraries.md print what the page says, where their libraries are installed."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "with-other-libraries.md").read_text()
SECTIONS = dict(re.findall(r"## (\w+): [^\n]*\n(.*?)(?=\n## |\Z)", PAGE, re.S))


def imports(code):
    """The libraries that a program imports."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [n.module if isinstance(n, ast.ImportFrom) else alias.name for n in nodes for alias in n.names]
    return {name.partition(".")[0] for name in names}


def test_the_page_has_a_program_for_each_library():
    assert {"diffrax", "optax", "blackjax", "pymanopt", "PyMC"} <= SECTIONS.keys()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_program_prints_what_the_page_says(name):
    ((code, expected),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", SECTIONS[name], re.S)
    for library in sorted(imports(code)):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f'{library} is not installed: pip install "chainrule[docs]"')
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout == expected
    assert expected.strip()
