"""The user's source text around the lines that were recorded."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from typing import Any

from chainrule.node import Line, cell_of, lines_of

__all__ = ["sources_of"]

LONGEST = 80
"""Functions with more lines than this show only the lines near recorded lines."""
AROUND = 3


def sources_of(lines: Iterable[Line | None]) -> list[dict[str, Any]]:
    """For each file its name, its full path, and the text of the lines to show, by number."""
    used: dict[str, set[int]] = {}
    for line in lines:
        if line is not None:
            used.setdefault(line.file, set()).add(line.number)
    return [_source(file, numbers) for file, numbers in used.items()]


def _source(file: str, used: set[int]) -> dict[str, Any]:
    text = lines_of(file)
    shown: set[int] = set()
    for start, end in _functions(text, used):
        if end - start < LONGEST:
            shown.update(range(start, end + 1))
    for number in used - shown:
        shown.update(range(number - AROUND, number + AROUND + 1))
    kept = sorted(n for n in shown if 1 <= n <= len(text))
    name = "" if file.startswith("<expression") else cell_of(file) or os.path.basename(file)
    return {"file": file, "name": name, "lines": [[n, text[n - 1].rstrip("\n")] for n in kept]}


def _functions(text: list[str], used: set[int]) -> set[tuple[int, int]]:
    """The first and the last line of the innermost function around each used line."""
    try:
        tree = ast.parse("".join(text))
    except (SyntaxError, ValueError):
        return set()
    spans = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    around = ([span for span in spans if span[0] <= number <= span[1]] for number in used)
    return {max(found) for found in around if found}
