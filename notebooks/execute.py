"""Executes the notebooks of this folder anew, in place: `python notebooks/execute.py`.

A test does the same and compares the outputs with the stored ones.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import chainrule

FOLDER = Path(__file__).parent
FRAMES = re.compile(r"<(style|iframe)\b.*?</\1>", re.DOTALL)


def executed(path: Path) -> nbformat.NotebookNode:
    """A copy of a notebook with the outputs that a fresh kernel of this Python gives.

    The interactive page is taken out of the outputs: GitHub would drop it, and running the cell brings it back.
    """
    notebook = nbformat.read(path, as_version=4)
    library = str(Path(chainrule.__file__).parents[1])
    client = NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}, coalesce_streams=True
    )
    client.execute(env={**os.environ, "PYTHONPATH": library})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the times
        for output in cell.get("outputs", ()):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = FRAMES.sub("", output.data["text/html"])
    return notebook


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(executed(path), path)
        print(path)
