"""The notebook is the notes: it prints their numbers, and its stored outputs are what a fresh kernel gives."""

import itertools
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from examples import notes

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("torch")
pytest.importorskip("jax")

FOLDER = Path(__file__).parents[2] / "notebooks"
PATH = FOLDER / "backpropagation.ipynb"
STORED = nbformat.read(PATH, as_version=4)

HEADINGS = {
    56: "Numbers",
    57: "Vectors",
    58: "Dot product",
    59: "Product of a column and a row",
    60: "Matrix times vector",
    61: "Matrix times matrix",
    62: "Softmax",
    None: "A first graph",
    63: "Cross-entropy loss",
    64: "Hinge loss",
}
"""Where each section of the notes, by its code cell, stands in the notebook."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_stored_outputs_are_what_a_fresh_kernel_gives():
    executed = runpy.run_path(str(FOLDER / "execute.py"))["executed"](PATH)
    for now, before in zip(code_cells(executed), code_cells(STORED), strict=True):
        assert [comparable(o) for o in now.outputs] == [comparable(o) for o in before.outputs], now.source


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def comparable(output):
    """An output without what differs between machines: where things lie in a picture, and rounding errors."""
    if output.output_type == "stream":
        return output.name, output.text
    text = output.data["text/plain"]
    if text.startswith("check of"):  # by how much right numbers differ from right numbers, and where
        rows = [re.split("  +", line) for line in text.splitlines()]
        return rows[0], [row[-1] for row in rows if row[-1] in ("ok", "WRONG")]
    return text, re.sub('src="[^"]*"', "", output.data["text/html"])


# The numbers of the notes ----------------------------------------------------------------------------------------


def printed(heading):
    """What is printed under a heading: arrays by what they are called and by the library that computed them."""
    under = itertools.dropwhile(lambda cell: f"### {heading}" not in cell.source.split("\n"), STORED.cells)
    next(under)
    under = itertools.takewhile(lambda cell: not cell.source.startswith("#"), under)
    found = {}
    for output in (o for cell in under for o in cell.get("outputs", ())):
        label, key = "", None
        for line in output.get("text", "").splitlines():
            if match := re.match(r"(\S*)\s+(chainrule|PyTorch) +(.*)", line):
                label = match[1] or label
                key = label, match[2]
                found[key] = match[3]
            elif key:
                found[key] += line
    return {key: np.array(eval(re.sub(r"(?<=[\d.\]])\s+(?=[-\d\[])", ",", text))) for key, text in found.items()}


CASES = [
    (section.cell, line.label, line)
    for section in notes.sections()
    for line in section.lines
    if line.printed is not None and not line.label.startswith("J")
]


@pytest.mark.parametrize("library", ["chainrule", "PyTorch"])
@pytest.mark.parametrize(("cell", "label", "line"), CASES, ids=lambda x: x if isinstance(x, str | int) else "")
def test_numbers_of_the_notes_are_printed(cell, label, line, library):
    label = "∂L/∂z" if (cell, label) == (60, "∂L/∂Z") else label
    assert notes.agree(printed(HEADINGS[cell])[label, library], line.printed, line.decimals)


@pytest.mark.parametrize("cell", HEADINGS)
def test_a_section_computes_with_the_inputs_of_the_notes(cell):
    """As the numbers above are those of the notes, so are the ones that they are computed from."""
    section = next(s for s in notes.sections() if s.cell == cell)
    computed = notes.compute(section)
    for (label, _), value in printed(HEADINGS[cell]).items():
        label = "∂L/∂Z" if (cell, label) == (60, "∂L/∂z") else label
        np.testing.assert_allclose(value, computed[label], rtol=0, atol=0.5e-4)
