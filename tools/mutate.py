"""Change the library one place at a time, and list the changes that no test notices.

    python tools/mutate.py                          # everything: many hours
    python tools/mutate.py simplify --sample 100    # a hundred places of one room, drawn at random
    python tools/mutate.py compile/bounds.py        # every place of one file

A *mutant* is the library with one small change: `<=` for `<`, `or` for `and`, a guard that always or never fires, a
sign, a number, a line or an identity of simplify that is left out. The tests of its room run on it, and a mutant is
*killed* when one fails. Survivors are printed with their place and their change. Each is a test that is missing, or a
change that means the same; `SAME` names those, with the reason.

Each mutant runs in a process that is forked after NumPy, SciPy and PyTorch are imported, on a copy of the package.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "chainrule"

TESTS = {
    "algebra": ["tests/simplify", "tests/explain/test_closed_rules.py"],
    "simplify": ["tests/simplify"],
    "compile/vecmath": ["tests/compile/test_vecmath.py"],
    "compile": [f"tests/compile/test_{name}.py" for name in ("bounds", "simplified", "windows", "compile")],
    "explain/closed": ["tests/explain/test_closed_forms.py", "tests/explain/test_functions.py"],
    "explain/page": ["tests/explain/page"],
    "explain": ["tests/explain", "--ignore=tests/explain/page"],
    "code": ["tests/explain/test_code.py"],
    "check": ["tests/check"],
    "pytorch": ["tests/pytorch"],
    "blocks": ["tests/test_blocks.py", "tests/test_networks.py", "tests/test_linalg.py", "tests/test_special.py"],
    "": [
        f"tests/test_{name}.py"
        for name in "traps transforms arrays_protocol objects block errors complex graph".split()
    ],
}
"""The tests that are related to a file: those of the longest folder that fits."""

LIMIT = 600
"""Seconds for the tests of one mutant; one that takes longer counts as killed, since it no longer ends as before."""

COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
COMPARISONS |= {ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in"}
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Pow: "*"}

STOP = threading.Event()
"""Set by Ctrl-C: no further mutant runs."""

SAME: dict[tuple[str, str], str] = {
    ("*", "_ in __all__"): "the names that a file exports",
}
"""Changes that mean the same, by file and by a part of the changed line, with the reason."""


class Mutant(NamedTuple):
    """One change: the text from `start` to `stop` of a file becomes `new`."""

    file: Path
    line: int
    start: int
    stop: int
    old: str
    new: str

    def __str__(self) -> str:
        short = " ".join(self.old.split())
        return f"{self.file.relative_to(PACKAGE)}:{self.line}: {short[:70]} → {self.new or 'nothing'}"


# What can be changed -------------------------------------------------------------------------------------------------


def mutants(file: Path) -> Iterator[Mutant]:
    """The changes of one file, from top to bottom."""
    text = file.read_text(encoding="utf-8")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()

    def at(line: int, column: int) -> int:
        return starts[line - 1] + column

    def change(node: ast.AST, new: str) -> Mutant:
        start, stop = at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return Mutant(file, node.lineno, start, stop, raw[start:stop].decode(), new)  # type: ignore[attr-defined]

    def source(node: ast.AST) -> str:
        return change(node, "").old

    for node in _nodes(ast.parse(text)):
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield change(node, f"({source(left)} {COMPARISONS[type(op)]} {source(right)})")
            case ast.BoolOp(op=op, values=values):
                joined = (" or " if isinstance(op, ast.And) else " and ").join(f"({source(v)})" for v in values)
                yield change(node, f"({joined})")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield change(node, f"({source(operand)})")
            case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
                yield change(node, f"({source(operand)})")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                if not any(isinstance(side, ast.Constant | ast.JoinedStr) and _is_text(side) for side in (left, right)):
                    yield change(node, f"({source(left)} {OPERATORS[type(op)]} {source(right)})")
            case ast.Constant(value=bool(value)):
                yield change(node, str(not value))
            case ast.Constant(value=int() | float() as value):
                yield change(node, f"({value!r} + 1)")
            case ast.If(test=test) | ast.IfExp(test=test):
                yield change(test, "True")
                yield change(test, "False")
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
                yield change(node, "pass")
            case ast.Constant(value=str(value)) if "\n" in value and " = " in value and file.name == "identities.py":
                yield from _identities(change(node, ""), starts)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes from top to bottom, but what stands in an f-string, of which Python 3.11 does not know the place."""
    yield tree
    if not isinstance(tree, ast.JoinedStr):
        for child in ast.iter_child_nodes(tree):
            yield from _nodes(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _identities(table: Mutant, starts: list[int]) -> Iterator[Mutant]:
    """An identity left out, for each line of a table of identities."""
    place = table.start
    for i, line in enumerate(table.old.splitlines(keepends=True)):
        if " = " in line:
            yield Mutant(table.file, table.line + i, place, place + len(line.encode()), line, "")
        place += len(line.encode())


def same(mutant: Mutant) -> bool:
    """Whether a change is known to mean the same."""
    line = mutant.file.read_text(encoding="utf-8").splitlines()[mutant.line - 1]
    name = str(mutant.file.relative_to(PACKAGE))
    return line.startswith("__all__") or any(f in ("*", name) and part in line for f, part in SAME)


# Running the tests ---------------------------------------------------------------------------------------------------


def tests_of(file: Path) -> list[str]:
    """The tests of the longest folder that fits; first those that are called after the file."""
    name = str(file.relative_to(PACKAGE))
    room = TESTS[max((room for room in TESTS if name.startswith(room)), key=len)]
    own = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "tests").rglob(f"test_{file.stem}.py"))
    return own + room


def run(mutant: Mutant | None, tests: list[str], sources: str) -> str:
    """ "killed", "survived" or "no answer in time", of a forked process that runs the tests until one fails."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        _child(mutant, tests, sources)
    end = time.monotonic() + LIMIT
    try:
        while time.monotonic() < end and not STOP.is_set():
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return "survived" if status == 0 else "killed"
            time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "no answer in time"


def _child(mutant: Mutant | None, tests: list[str], sources: str) -> None:
    import pytest

    if mutant is not None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "chainrule"
        shutil.copytree(sources, package, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            changed = package / mutant.file.relative_to(PACKAGE)
            raw = changed.read_bytes()
            changed.write_bytes(raw[: mutant.start] + mutant.new.encode() + raw[mutant.stop :])
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = folder
        os.environ["CHAINRULE_CACHE_DIR"] = str(Path(folder) / "cache")
        try:
            status = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
        except BaseException:  # a mutant may end the run in any way; each of them is noticed
            status = 1
            if mutant is None:
                traceback.print_exc()
    os._exit(status)


def main() -> int:
    parser = argparse.ArgumentParser(description="Change the library one place at a time; list what no test notices.")
    parser.add_argument("paths", nargs="*", help="files or folders of src/chainrule; all if none is given")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="for the draw")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    options = parser.parse_args()
    os.chdir(ROOT)
    paths = [PACKAGE / path for path in options.paths] or [PACKAGE]
    files = sorted({f for path in paths for f in ([path] if path.is_file() else path.rglob("*.py"))})
    found = [m for file in files for m in mutants(file) if not same(m)]
    if options.sample is not None:
        found = sorted(random.Random(options.seed).sample(found, min(options.sample, len(found))))
    if options.list:
        print(*found, sep="\n")
        return 0
    _import_what_is_large()
    rooms = {tuple(tests_of(m.file)) for m in found}
    failing = [tests for tests in rooms if run(None, list(tests), str(PACKAGE)) != "survived"]
    if failing:
        print("These tests fail without any change:", *failing, sep="\n  ")
        return 2
    counts: Counter[str] = Counter()
    signal.signal(signal.SIGINT, lambda *_: STOP.set())
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda m: (m, run(m, tests_of(m.file), str(PACKAGE))), found)
        for mutant, result in results:
            if STOP.is_set():
                break
            counts[result] += 1
            if result == "survived":
                print(f"survived  {mutant}", flush=True)
    total = ", ".join(f"{n} {result}" for result, n in counts.most_common())
    print(f"{sum(counts.values())} mutants: {total}")
    return int(counts["survived"] > 0)


def _import_what_is_large() -> None:
    """Once, before forking. Not the library itself: each process imports its own copy."""
    import mpmath
    import numpy.linalg
    import pytest
    import scipy.linalg
    import scipy.special
    import torch

    torch.set_num_threads(1)
    assert "chainrule" not in sys.modules, (mpmath, numpy, pytest, scipy, torch)


if __name__ == "__main__":
    sys.exit(main())
