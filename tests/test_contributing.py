"""What CONTRIBUTING.md shows as diffs is in the files that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
FILES = [
    part
    for diff in DIFFS
    for part in re.findall(r"^\+\+\+ b/(\S+)\n(.*?)(?=^--- a/|\Z)", diff, re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize(("file", "changes"), FILES, ids=[file for file, _ in FILES])
def test_lines_of_a_diff_are_in_its_file(file, changes):
    lines = set((ROOT / file).read_text().splitlines())
    shown = [line[1:] for line in changes.splitlines() if line[:1] in ("+", " ")]
    assert shown
    assert [line for line in shown if line not in lines] == []


def test_each_kind_of_addition_has_a_diff():
    assert len(DIFFS) >= 6
