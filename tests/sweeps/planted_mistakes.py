"""Mistakes planted in backward passes written by hand, and the line that `cr.check` names (three minutes):

    python -m tests.sweeps.planted_mistakes                                  # the table
    python -m tests.sweeps.planted_mistakes --markdown > docs/mistakes.md
    python -m tests.sweeps.planted_mistakes lstm                             # one file

The files, which are right as they are, lie in `tests/by_hand`.
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
    def diagnosis(self) -> str:
        return next((m.diagnosis for m in self.report.mistakes), "")

    @property
    def row(self) -> str:
        """The row of the table in Markdown."""
        more = [line.number for m in self.report.mistakes[:1] for line in m.more]
        lines = ", ".join(map(str, dict.fromkeys([*self.named, *more]))) or "none"
        told = f"`{instead}`" if (instead := next((m.instead for m in self.report.mistakes), "")) else ""
        cells = (self.what, f"{self.planted}: `{self.wrong}`", lines, self.diagnosis, told)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    @property
    def is_right(self) -> bool:
        return not self.report.ok and self.named[:1] == [self.planted]


def planted(name: str, folder: str, which: slice = slice(None)) -> Iterator[Found]:
    """Some mistakes of a file, each planted in a copy of it in a folder."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    for n, (what, right, wrong) in enumerate(importlib.import_module(f"tests.by_hand.{name}").MISTAKES[which]):
        assert source.index(right) < source.index("MISTAKES"), right
        path = Path(folder) / f"{name}_{n}.py"
        path.write_text(source.replace(right, wrong, 1), encoding="utf-8")
        line = source[: source.index(right) + len(right) - len(right.lstrip())].count("\n") + 1
        yield Found(name, what, line, right.strip(), wrong.strip(), module_of(path).check())


def module_of(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HEAD = """# Planted mistakes

Backward passes as people write them by hand ([tests/by_hand](../tests/by_hand)), with one typical mistake planted in
each. `cr.check(forward, against=backward)(…)` found all of them to be wrong; the tables show the line that it named,
and what it says of it, where it knows: a diagnosis must give the wrong numbers on a second set of inputs too, and what
it writes in the place of the line must make all gradients right on both. Where several lines are named the first is the
likeliest.

Made by `python -m tests.sweeps.planted_mistakes --markdown`.
"""


def markdown() -> str:
    """The page docs/mistakes.md."""
    parts = [HEAD]
    rows: list[Found] = []
    for name in FILES:
        module = importlib.import_module(f"tests.by_hand.{name}")
        first_line = (module.__doc__ or "").strip()
        head = "| mistake | planted in line | named | diagnosis | instead |\n| --- | --- | --- | --- | --- |"
        with tempfile.TemporaryDirectory() as folder:
            found = list(planted(name, folder))
        rows += found
        file = f"[{name}.py](../tests/by_hand/{name}.py)"
        parts.append(f"## {first_line}\n\n{file}\n\n{head}\n" + "\n".join(f.row for f in found) + "\n")
    right = sum(f.is_right for f in rows)
    return "\n".join([parts[0], f"{len(rows)} mistakes; the planted line was named first for {right}.\n", *parts[1:]])


def main(names: list[str]) -> int:
    if names == ["--markdown"]:
        print(markdown(), end="")
        return 0
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
                mark = "  " if found.is_right else "✗ "
                print(f"{mark}{name:16} {found.what:24} {found.planted:3} {found.named!s:8} {found.diagnosis}")
    print(f"{count} mistakes in {len(names or FILES)} files, {wrong} not named by their line")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
