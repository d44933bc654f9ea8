"""The site of the documentation: everything public is in the reference, and Sphinx builds it without a warning."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.block.making import BLOCKS

DOCS = Path(__file__).parents[1] / "docs"
REFERENCE = (DOCS / "reference.md").read_text()


def test_the_reference_lists_every_name_that_is_not_a_block():
    """Functions of networks are in the list of blocks; all other names have their docstring here."""
    named = set(re.findall(r":: chainrule\.(\w+)", REFERENCE))
    here = [name for name in cr.__all__ if getattr(getattr(cr, name), "__module__", "").count(".blocks") == 0]
    elsewhere = {"Array", "Block", "SparseMatrix", "__version__", "jacrev", "special"}
    assert set(here) - elsewhere - named - set(BLOCKS) == set()
    assert named <= set(cr.__all__)


def test_the_index_has_every_page():
    index = (DOCS / "index.md").read_text()
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert pages == {line for line in index.splitlines() if line in pages}


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("sphinx", "myst_parser"))), reason='pip install "chainrule[docs]"'
)
def test_sphinx_builds_the_site_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-d", tmp_path / "trees"]
    run = subprocess.run([*command, DOCS, tmp_path / "site"], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    page = re.sub("<[^>]*>", "", (tmp_path / "site" / "reference.html").read_text())
    assert "value_and_grad" in page
    assert "ys.append(y)" in page
