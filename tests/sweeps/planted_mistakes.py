"""Mistakes planted in backward passes written by hand, and the line that `cr.check` names (2 minutes):

    python -m tests.sweeps.planted_mistakes              # the table
    python -m tests.sweeps.planted_mistakes --markdown   # docs/mistakes.md
    python -m tests.sweeps.planted_mistakes lstm         # one file

A line is right if it is the planted one. The files, which are right as they are, lie in `tests/by_hand`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "by_hand"
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@dataclass(frozen=True)
class Found:
    """What `cr.check` says of one planted mistake."""

    file: str
    what: str
    planted: int
    right: str
    wrong: str
    report: Any

    @property
    def named(self) -> list[int]:
        return [m.line.number for m in self.report.mistakes if m.line is not None]

    @property
    def is_right(self) -> bool:
        return not self.report.ok and self.named[:1] == [self.planted]


def planted(name: str, folder: str) -> Iterator[Found]:
    """Each mistake of a file, planted in a copy of it in a folder."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    for n, (what, right, wrong) in enumerate(importlib.import_module(f"tests.by_hand.{name}").MISTAKES):
        assert source.index(right) < source.index("MISTAKES"), right
        path = Path(folder) / f"{name}_{n}.py"
        path.write_text(source.replace(right, wrong, 1), encoding="utf-8")
        line = source[: source.index(right) + len(right) - len(right.lstrip())].count("\n") + 1
        yield Found(name, what, line, right.strip(), wrong.strip(), _module(path).check())


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(names: list[str]) -> int:
    wrong = 0
    count = 0
    for name in names or FILES:
        report = importlib.import_module(f"tests.by_hand.{name}").check()
        if not report.ok or report.mistakes:
            wrong += 1
            print(f"{name} is right, but called wrong:\n{report}")
        with tempfile.TemporaryDirectory() as folder:
            for found in planted(name, folder):
                count += 1
                wrong += not found.is_right
                diagnosis = next((m.diagnosis for m in found.report.mistakes), "")
                mark = "  " if found.is_right else "✗ "
                print(f"{mark}{name:16} {found.what:24} {found.planted:3} {found.named!s:8} {diagnosis}")
    print(f"{count} mistakes in {len(names or FILES)} files, {wrong} not named by their line")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
