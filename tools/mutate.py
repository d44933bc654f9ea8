"""Change the library one place at a time, and list the changes that no test notices.

    python tools/mutate.py                          # everything: many hours
    python tools/mutate.py simplify --sample 100    # a hundred places of one room, drawn at random
    python tools/mutate.py compile/bounds.py        # every place of one file

A *mutant* is the library with one small change: `<=` for `<`, `or` for `and`, a guard that always or never fires, a
sign, a number, a line or an identity of simplify that is left out. The tests of its room run on it, and a mutant is
*killed* when one fails. Survivors are printed with their place and their change. Each is a test that is missing, or a
change that means the same; `SAME` names those, with the reason.

Each mutant runs in a process that is forked after NumPy, SciPy and PyTorch are imported, on a copy of the package. The
tests of a room run once without a change first, and it is written down which functions each test calls. A mutant then
meets the tests that call its function first, the fast ones before the slow, and only if it survives those all tests.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
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
from typing import Any, NamedTuple

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
    "catalogue": ["tests/test_catalogue.py"],
    "cli.py": ["tests/test_cli.py", "tests/test_cli_misuse.py"],
    "errors.py": ["tests/test_caught.py"],
    "explain/picture.py": ["tests/explain/test_picture.py"],
    "explain/placement.py": ["tests/explain/test_picture.py"],
    "expression": ["tests/test_expression.py", "tests/test_expression_limits.py"],
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
    ("explain/placement.py", "MOST_BOXES, MOST_CROSSED"): "one box more or less, and graphlay is as fast",
}
"""Changes that mean the same, by file and by a part of the changed line, with the reason."""


class Mutant(NamedTuple):
    """One change: the text from `start` to `stop` of a file becomes `new`.

    Attributes
    ----------
    function : the line in which the function around it begins; 0 where there is none.
    """

    file: Path
    line: int
    start: int
    stop: int
    old: str
    new: str
    function: int = 0

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

    def changes(node: ast.AST) -> Iterator[Mutant]:
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

    for node, function in _nodes(ast.parse(text)):
        for mutant in changes(node):
            yield mutant._replace(function=function)


def _nodes(tree: ast.AST, function: int = 0) -> Iterator[tuple[ast.AST, int]]:
    """All nodes from top to bottom, but what stands in an f-string, of which Python 3.11 does not know the place.

    Each with the line in which the function that runs it begins, as its code object has it.
    """
    yield tree, function
    if isinstance(tree, ast.JoinedStr):
        return
    inner = function
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inner = min([tree.lineno, *(d.lineno for d in getattr(tree, "decorator_list", ()))])
    body = getattr(tree, "body", []) if inner != function else []
    for child in ast.iter_child_nodes(tree):
        inside = child is body or (isinstance(body, list) and child in body)
        yield from _nodes(child, inner if inside else function)


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
    return _own_tests(file) + TESTS[room_of(file)]


def room_of(file: Path) -> str:
    name = str(file.relative_to(PACKAGE))
    return max((room for room in TESTS if name.startswith(room)), key=len)


def _own_tests(file: Path) -> list[str]:
    """The tests called after a file, in the folder called after its folder."""
    folder = ROOT / "tests" / file.parent.relative_to(PACKAGE)
    return sorted(str(f.relative_to(ROOT)) for f in folder.glob(f"test_{file.stem}.py"))


def tests_of_room(room: str) -> list[str]:
    """The tests of all files of a room."""
    own = (test for file in sorted(PACKAGE.rglob("*.py")) if room_of(file) == room for test in _own_tests(file))
    more = [test for test in dict.fromkeys(own) if not any(Path(test).is_relative_to(t) for t in TESTS[room])]
    return TESTS[room] + more


class Calls:
    """Which functions of the library each test calls, and how long it takes: a plugin of pytest.

    Attributes
    ----------
    tests : by file and first line of a function the tests that call it.
    seconds : of each test.
    """

    def __init__(self, package: Path):
        self.package = str(package) + os.sep
        self.tests: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.called: dict[int, Any] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.called = {}
        self.seconds[nodeid] = -time.perf_counter()
        sys.settrace(self._look)
        threading.settrace(self._look)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        self.seconds[nodeid] += time.perf_counter()
        for code in self.called.values():
            if code.co_filename.startswith(self.package):
                place = f"{code.co_filename.removeprefix(self.package)}:{code.co_firstlineno}"
                self.tests.setdefault(place, []).append(nodeid)

    def _look(self, frame: Any, event: str, argument: Any) -> None:
        self.called[id(frame.f_code)] = frame.f_code

    def save(self, path: str) -> None:
        by_time = {place: sorted(set(tests), key=self.seconds.__getitem__) for place, tests in self.tests.items()}
        Path(path).write_text(json.dumps(by_time), encoding="utf-8")


class Only:
    """A plugin of pytest that runs some tests in this order; all if one of them is not there."""

    def __init__(self, tests: list[str]):
        self.tests = tests

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        found = {item.nodeid: item for item in items}
        if all(test in found for test in self.tests):
            items[:] = [found[test] for test in self.tests]


def verdict(mutant: Mutant, calls: dict[str, list[str]]) -> str:
    """What becomes of a mutant: first by the tests that call its function, then by all."""
    first = calls.get(f"{mutant.file.relative_to(PACKAGE)}:{mutant.function}", []) if mutant.function else []
    if first:
        files = list(dict.fromkeys(test.split("::")[0] for test in first))
        result = run(mutant, files, str(PACKAGE), Only(first))
        if result != "survived":
            return result
    return run(mutant, tests_of(mutant.file), str(PACKAGE))


def run(mutant: Mutant | None, tests: list[str], sources: str, plugin: Any = None, calls: str = "") -> str:
    """ "killed", "survived" or "no answer in time", of a forked process that runs the tests until one fails.

    Parameters
    ----------
    calls : the file for which test calls which function; it is written if there is a name.
    """
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        _child(mutant, tests, sources, plugin, calls)
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


def _child(mutant: Mutant | None, tests: list[str], sources: str, plugin: Any, calls: str) -> None:
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
        seen = Calls(package) if calls else None
        plugins = [x for x in (plugin, seen) if x is not None]
        try:
            status = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], plugins))
            if seen is not None:
                seen.save(calls)
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
    calls: dict[str, dict[str, list[str]]] = {}
    for room in sorted({room_of(m.file) for m in found}):
        tests = tests_of_room(room)
        known = Path(tempfile.gettempdir(), f"mutate-{_state(tests)}.json")
        if not known.exists() and run(None, tests, str(PACKAGE), calls=str(known)) != "survived":
            print("These tests fail without any change:", *tests, sep="\n  ")
            known.unlink(missing_ok=True)
            return 2
        calls[room] = json.loads(known.read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    signal.signal(signal.SIGINT, lambda *_: STOP.set())
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda m: (m, verdict(m, calls[room_of(m.file)])), found)
        for mutant, result in results:
            if STOP.is_set():
                break
            counts[result] += 1
            if result == "survived":
                print(f"survived  {mutant}", flush=True)
    total = ", ".join(f"{n} {result}" for result, n in counts.most_common())
    print(f"{sum(counts.values())} mutants: {total}")
    return int(counts["survived"] > 0)


def _state(tests: list[str]) -> str:
    """A digest of the library and its tests as they are: what is known of them holds as long."""
    files = sorted(f for folder in (PACKAGE, ROOT / "tests") for f in folder.rglob("*.py"))
    content = b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)
    return hashlib.sha256(" ".join(tests).encode() + content).hexdigest()[:16]


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
