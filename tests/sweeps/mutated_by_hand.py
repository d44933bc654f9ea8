"""Every small change of every line of the backward passes in `tests/by_hand`, and the line that is named (5 minutes):

    python -m tests.sweeps.mutated_by_hand              # all files
    python -m tests.sweeps.mutated_by_hand lstm chain   # some

One operator or number is changed at a time. What is counted: changes that change no gradient, changes whose line is
named, changes for which a line before or after it is, and changes for which none is. A line that comes before the
changed one is right as it stands, so naming it is a fault.
"""

from __future__ import annotations

import ast
import copy
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.sweeps.planted_mistakes import FILES, FOLDER, module_of

from chainrule.errors import NoAnswer, asking_others

SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """The line of each change, what it is, and the changed source."""
    tree = ast.parse(source)
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and _is_backward(f.name)]
    lines = source.split("\n")
    for function in functions:
        for statement in ast.walk(function):
            if not isinstance(statement, ast.Assign | ast.AugAssign) or statement.lineno != statement.end_lineno:
                continue
            text = lines[statement.lineno - 1]
            indent = text[: len(text) - len(text.lstrip())]
            for changed in _changes(statement):
                new = ast.unparse(changed)
                if new != ast.unparse(statement):
                    there = [*lines]
                    there[statement.lineno - 1] = indent + new
                    yield statement.lineno, new, "\n".join(there)


def _is_backward(name: str) -> bool:
    return "backward" in name or "gradient" in name


def _changes(statement: Any) -> Iterator[Any]:
    for place in range(len(list(ast.walk(statement)))):
        changed = copy.deepcopy(statement)
        node: Any = list(ast.walk(changed))[place]
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPPED:
            node.op = SWAPPED[type(node.op)]()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and _in_formula(changed, node):
            node.value = node.value * 3 or 1
        elif isinstance(node, ast.Attribute) and node.attr in ("sum", "mean"):
            node.attr = "mean" if node.attr == "sum" else "sum"
        else:
            continue
        yield changed


def _in_formula(statement: Any, constant: ast.Constant) -> bool:
    """Whether a constant is a number of a formula, not an index or an axis."""
    return any(isinstance(n, ast.BinOp) and constant in (n.left, n.right) for n in ast.walk(statement))


def main(names: list[str]) -> int:
    totals = dict.fromkeys(("no change", "fails", "named", "among those named", "later", "EARLIER", "none"), 0)
    for name in names or FILES:
        source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            for n, (line, text, changed) in enumerate(mutants(source)):
                path = Path(folder) / f"{name}_{n}.py"
                path.write_text(changed, encoding="utf-8")
                try:
                    with asking_others():
                        report = module_of(path).check()
                except NoAnswer:
                    totals["fails"] += 1
                    continue
                found = [m.line.number for m in report.mistakes if m.line is not None]
                more = [at.number for m in report.mistakes for at in m.more]
                kind = (
                    "no change"
                    if report.ok
                    else "none"
                    if not found
                    else "named"
                    if found[0] == line
                    else "among those named"
                    if line in (*found, *more)
                    else "EARLIER"
                    if min(found) < line
                    else "later"
                )
                totals[kind] += 1
                if kind in ("EARLIER", "later", "none"):
                    print(f"{kind:8} {name:16} {line:3} {found!s:10} {text.strip()}", flush=True)
    print(", ".join(f"{kind}: {count}" for kind, count in totals.items()))
    return 1 if totals["EARLIER"] else 0


if __name__ == "__main__":
    importlib.invalidate_caches()
    sys.exit(main(sys.argv[1:]))
