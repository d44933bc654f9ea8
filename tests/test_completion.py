"""The shell completes commands, options and names of blocks, by argcomplete."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("argcomplete")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("chainrule bl", {"blocks"}),
        ("chainrule explain --ma", {"--markdown"}),
        ("chainrule blocks softma", {"softmax"}),
    ],
)
def test_what_may_come_next(line, expected, tmp_path):
    out = tmp_path / "out"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    env = {**os.environ, **asked, "_ARGCOMPLETE_STDOUT_FILENAME": str(out)}
    subprocess.run([sys.executable, "-m", "chainrule"], env=env, timeout=120)
    assert {word.strip() for word in out.read_text().splitlines()} >= expected
