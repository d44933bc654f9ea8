"""A TeX engine, where one is installed."""

import shutil
import subprocess

import pytest


def typeset(document, folder):
    """The lines of what TeX says of a document."""
    engine = next(filter(shutil.which, ("pdflatex", "lualatex", "tectonic")), None)
    if engine is None:
        pytest.skip("no TeX engine is installed (pdflatex, lualatex or tectonic)")
    (folder / "document.tex").write_text(document, encoding="utf-8")
    options = ["--print"] if engine == "tectonic" else ["-interaction=nonstopmode"]
    done = subprocess.run([engine, *options, "document.tex"], cwd=folder, capture_output=True, check=False)
    told = done.stdout.decode("utf-8", "replace")
    if "not found" in told and "LaTeX Error: File" in told:
        pytest.skip(f"{engine} lacks a package: {told.split('LaTeX Error: ')[1].splitlines()[0]}")
    assert (folder / "document.pdf").exists(), told[-2000:]
    return told.splitlines()
