"""`chainrule.notes`: what it prints, and that its checks can fail."""

import dataclasses
import io
import sys

import numpy as np
import pytest
from examples import notes

SECTIONS = notes.sections()


@pytest.fixture(scope="module")
def report():
    stream = io.StringIO()
    code = notes.main(stream)
    return code, stream.getvalue()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_every_value_of_a_section_agrees_with_pytorch(section):
    pytest.importorskip("torch")
    ours, theirs = notes.compute(section), notes.compute_with_torch(section)
    assert ours.keys() == theirs.keys()
    for label, value in ours.items():
        np.testing.assert_allclose(value, theirs[label], rtol=1e-12, atol=1e-12, err_msg=label)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_every_line_of_a_section_agrees_with_the_notes(section):
    assert [result.line.label for result in notes.results(section) if not result.agrees_with_notes] == []


def test_report_names_every_section_and_ends_well(report):
    code, text = report
    assert code == 0
    assert [section.title for section in SECTIONS if section.title not in text] == []
    assert "none of them wrong" in text
    assert "✗" not in text


def test_report_fits_80_columns(report):
    assert max(len(line) for line in report[1].splitlines()) <= 80


def test_report_shows_the_printed_gradients_of_cell_63(report):
    for row in ("[-0.9903  0.2445]", "[ 0.6356 -0.1569]", "[ 0.3547 -0.0876]", "[ 2.1871 -0.7751]"):
        assert row in report[1]


def test_report_without_pytorch_says_so_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    stream = io.StringIO()
    assert notes.main(stream) == 0
    assert stream.getvalue().count("PyTorch is not installed: not compared") == 1
    assert "torch ✓" not in stream.getvalue()


def changed(section, **changes):
    """The sections with one line, the last one of `section`, changed."""
    *lines, last = section.lines
    wrong = dataclasses.replace(section, lines=(*lines, dataclasses.replace(last, **changes)))
    return tuple(wrong if s is section else s for s in SECTIONS)


CROSS_ENTROPY = next(section for section in SECTIONS if section.cell == 63)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"printed": [2.1872, -0.7751]}, "the notes print"),
        ({"derived": lambda v: v["W"].T @ v["p"]}, "the notes' formula gives"),
    ],
)
def test_report_fails_and_shows_what_was_expected_when_a_line_disagrees(monkeypatch, changes, told):
    monkeypatch.setattr(notes, "sections", lambda: changed(CROSS_ENTROPY, **changes))
    stream = io.StringIO()
    assert notes.main(stream) == 1
    assert "notes ✗" in stream.getvalue()
    assert told in stream.getvalue()


def test_report_fails_when_pytorch_disagrees(monkeypatch):
    pytest.importorskip("torch")

    def in_torch(torch, W, x):
        return notes.cross_entropy_in_torch(torch, W, 2 * x)

    wrong = dataclasses.replace(CROSS_ENTROPY, in_torch=in_torch)
    monkeypatch.setattr(notes, "sections", lambda: (wrong,))
    stream = io.StringIO()
    assert notes.main(stream) == 1
    assert "torch ✗" in stream.getvalue()
    assert "PyTorch gives" in stream.getvalue()
