"""What is said about the package beside its code is current."""

import tomllib
from pathlib import Path

import chainrule as cr

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_names_the_version_and_the_license():
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"version: {cr.__version__}" in lines
    assert f"license: {PROJECT['license']}" in lines


def test_licenses_of_what_is_bundled_are_shipped():
    assert all((ROOT / file).is_file() for file in PROJECT["license-files"])
    bundled = {str(file.relative_to(ROOT)) for file in (ROOT / "src").rglob("LICENSE*")}
    assert bundled <= {*PROJECT["license-files"]}


def test_the_workflow_runs_the_script_that_tests_everything():
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert (ROOT / ".ci" / "run").is_file()


def test_extras_do_not_pin_what_a_user_installs():
    extras = PROJECT["optional-dependencies"]
    assert not any("==" in item for name in ("torch", "jax", "compile", "pictures") for item in extras[name])
    assert "graphlay" not in " ".join(PROJECT["dependencies"])
