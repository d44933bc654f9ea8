"""The diffs of CONTRIBUTING.md are those that the project has: taken back, each applies."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
HUNKS = [
    (file, *hunk)
    for diff in DIFFS
    for file, part in re.findall(r"^\+\+\+ b/(\S+)\n(.*?)(?=^--- a/|\Z)", diff, re.DOTALL | re.MULTILINE)
    for hunk in re.findall(r"^@@ -\d+,(\d+) \+\d+,(\d+) @@\n(.*?)(?=^@@|\Z)", part, re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize(("file", "before", "after", "text"), HUNKS)
def test_a_shown_change_stands_in_its_file(file, before, after, text):
    lines = text.splitlines()
    assert all(line[:1] in ("+", "-", " ") for line in lines)
    assert len([line for line in lines if line[0] in " -"]) == int(before)
    shown = [line[1:] for line in lines if line[0] in " +"]
    assert len(shown) == int(after)
    assert lines[0][0] == lines[-1][0] == " ", "without a line around it, the change may not be found"
    there = (ROOT / file).read_text().splitlines()
    assert [i for i in range(len(there)) if there[i : i + len(shown)] == shown], "\n".join(shown)


def test_each_kind_of_addition_has_a_diff():
    assert len(DIFFS) >= 6
    assert len(HUNKS) >= 2 * len(DIFFS)
