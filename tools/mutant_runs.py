"""How the tests run on a mutant: in a forked process, those that run the changed line, until one fails.

`Room` is a plugin of pytest. In a process that has imported the library and collected the tests of a room it notes
once which test runs which lines, and forks for each mutant. The fork gives the changed function its new code
(`FunctionType.__code__`), so nothing is imported or collected again, and a mutant costs as much as the tests that it
meets. What the import itself runs cannot be changed so: `run_copy` imports a changed copy of the package.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from mutants import PACKAGE, Mutant

__all__ = [
    "IMPORTED", "KILLED", "LATE", "SURVIVED", "UNREACHED", "Lines", "Room", "collected", "copied", "run_copy", "waited",
]  # fmt: skip

KILLED, SURVIVED, LATE, UNREACHED, IMPORTED = "killed", "survived", "no answer in time", "run by no test", "imported"
"""What becomes of a mutant. `IMPORTED`: no test has failed yet, but the import runs the function too."""

LIMIT = 600
"""Seconds for the tests of one mutant; one that takes longer counts as killed, since it no longer ends as before."""
MEMORY = 8 << 30
"""Bytes of memory that a mutant may have beyond what is there when it begins."""


class Lines:
    """Which lines of the library each test runs, and how long the tests take.

    Attributes
    ----------
    tests : all of them.
    seconds : of each test.
    run_by : by "file:line" the tests that run it, as places in `tests`.
    unknown : the places of those that trace for themselves; they may run any line.
    early : functions, as "file:first line", that run before the tests, by import and collection.
    """

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.seconds: list[float] = []
        self.run_by: dict[str, list[int]] = {}
        self.unknown: list[int] = []
        self.early: list[str] = []

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that may meet a mutant, the fast ones first."""
        first, last = mutant.lines
        met = {t for line in range(first, last + 1) for t in self.run_by.get(f"{mutant.file}:{line}", ())}
        return self._fast_first(met.union(self.unknown) if met else met)

    def of_file(self, mutant: Mutant) -> list[str]:
        """The tests that run any line of its file, the fast ones first."""
        prefix = mutant.file + ":"
        return self._fast_first({t for place, tests in self.run_by.items() if place.startswith(prefix) for t in tests})

    def _fast_first(self, places: set[int]) -> list[str]:
        return [self.tests[place] for place in sorted(places, key=self.seconds.__getitem__)]

    @classmethod
    def read(cls, path: Path) -> Lines:
        lines = cls()
        vars(lines).update(json.loads(path.read_text(encoding="utf-8")))
        return lines

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)), encoding="utf-8")


class Tracer:
    """Hears which lines of some files run. Of a function all of whose lines were heard, no more is asked.

    Parameters
    ----------
    files : their names below the package.
    """

    def __init__(self, package: Path, files: Collection[str]):
        self.files = {str(package / file): file for file in files}
        self.known: dict[int, CodeType] = {}  # keeps them, so that an id means one of them
        self.missing: dict[int, set[int] | None] = {}
        self.functions: set[str] = set()

    def start(self) -> None:
        self.missing = {}
        sys.settrace(self._call)
        threading.settrace(self._call)

    def stop(self) -> bool:
        """Whether it was in place till now."""
        kept = sys.gettrace() == self._call
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        return kept

    def heard(self) -> Iterator[str]:
        """The lines since the start, as "file:line"."""
        for key, missing in self.missing.items():
            if missing is not None:
                code = self.known[key]
                yield from {f"{self.files[code.co_filename]}:{line}" for line in _lines(code) - missing}

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        code = frame.f_code
        key = id(code)
        if key not in self.missing:
            self.known[key] = code
            file = self.files.get(code.co_filename)
            self.missing[key] = _lines(code) if file else None
            if file:
                self.functions.add(f"{file}:{code.co_firstlineno}")
        missing = self.missing[key]
        if not missing:
            return None

        def line(frame: Any, event: str, argument: Any) -> Any:
            missing.discard(frame.f_lineno)
            return line if missing else None

        return line(frame, event, argument)


def _lines(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line}


class Room:
    """A plugin of pytest that runs mutants in the place of the tests.

    Parameters
    ----------
    package : the package that is imported.
    files : those of the room, by their names below it.
    mutants : those that change functions.
    told : called with each mutant and what became of it, in the order in which they end.
    known : the file of what is known of the lines; it is written if it is not there.
    """

    def __init__(
        self,
        package: Path,
        files: Collection[str],
        mutants: Sequence[Mutant],
        told: Callable[[Mutant, str], None],
        known: Path,
        jobs: int,
    ):
        self.package, self.mutants, self.told, self.known, self.jobs = package, mutants, told, known, jobs
        self.tracer = Tracer(package, files)
        self.killers: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        if not known.exists():
            self.tracer.start()

    def pytest_runtestloop(self, session: Any) -> bool:
        if session.testsfailed:
            raise session.Interrupted("not all tests were collected")
        if not self.known.exists():
            self.tracer.stop()
            early = sorted(self.tracer.functions)
            failed = self._wait(*self._fork(lambda: self._trace(session.items, early)))
            if not self.known.exists():
                raise session.Failed(f"it fails without any change: {failed}")
        self.lines = Lines.read(self.known)
        self.seconds = dict(zip(self.lines.tests, self.lines.seconds, strict=True))
        self.items = {item.nodeid: item for item in session.items}
        self.functions = _functions(self.package)
        gc.freeze()
        running: list[tuple[Mutant, int, int, float]] = []
        for mutant in self.mutants:
            tests = self._tests(mutant)
            if not tests:
                self._tell(mutant, UNREACHED)
                continue
            if len(running) == self.jobs:
                self._end(*running.pop(0))
            seconds = sum(map(self.seconds.__getitem__, tests))
            running.append((mutant, *self._fork(lambda m=mutant, t=tests: self._meet(m, t)), 30 + 5 * seconds))  # type: ignore[misc]
        while running:
            self._end(*running.pop(0))
        return True

    def _tests(self, mutant: Mutant) -> list[str]:
        """Those that it meets, first those that have killed others of its function."""
        deadly = self.killers[mutant.file, mutant.function]
        return sorted(self.lines.of(mutant), key=lambda test: -deadly[test])

    def _end(self, mutant: Mutant, pid: int, pipe: int, limit: float) -> None:
        said = self._wait(pid, pipe, min(limit, LIMIT))
        if said in self.items:
            self.killers[mutant.file, mutant.function][said] += 1
            said = KILLED
        self._tell(mutant, said)

    def _wait(self, pid: int, pipe: int, seconds: float = float("inf")) -> str:
        """What a fork has come to: what it has written, `LATE`, or `KILLED` if it ended otherwise."""
        with os.fdopen(pipe) as stream:
            ended = waited(pid, seconds)
            return (stream.read() if ended == SURVIVED else ended) or ended

    def _tell(self, mutant: Mutant, result: str) -> None:
        early = f"{mutant.file}:{mutant.function}" in self.lines.early
        self.told(mutant, IMPORTED if early and result in (SURVIVED, UNREACHED) else result)

    # In a fork -------------------------------------------------------------------------------------------------------

    def _fork(self, work: Callable[[], str]) -> tuple[int, int]:
        """A process that does some work and writes what it comes to; its id, and where that can be read."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            _silence()
            with contextlib.suppress(BaseException):  # a mutant may end in any way; each of them is noticed
                os.write(write, work().encode())
                os._exit(0)
            os._exit(1)
        os.close(write)
        return pid, read

    def _trace(self, items: Sequence[Any], early: Sequence[str]) -> str:
        """Run all tests and write down which lines they run. Gives the test that fails."""
        lines = Lines()
        lines.early = list(early)
        for place, (item, after) in enumerate(pairwise([*items, None])):
            begin = time.perf_counter()
            self.tracer.start()
            failed = _failed(item, after)
            if not self.tracer.stop():
                lines.unknown.append(place)
            if failed:
                return item.nodeid
            lines.tests.append(item.nodeid)
            lines.seconds.append(time.perf_counter() - begin)
            for line in self.tracer.heard():
                lines.run_by.setdefault(line, []).append(place)
        lines.write(self.known)
        return ""

    def _meet(self, mutant: Mutant, tests: Sequence[str]) -> str:
        """Change a function and run tests until one fails, which is given."""
        _limit_memory()
        if not _change(mutant, self.package, self.functions):
            return IMPORTED
        for item, after in pairwise([*map(self.items.__getitem__, tests), None]):
            if _failed(item, after):
                return item.nodeid
        return SURVIVED


def _failed(item: Any, after: Any) -> bool:
    from _pytest.runner import runtestprotocol

    with tempfile.TemporaryDirectory(prefix="mutant-") as cache:  # what one test has compiled, the next compiles anew
        os.environ["CHAINRULE_CACHE_DIR"] = cache
        return any(report.failed for report in runtestprotocol(item, nextitem=after, log=False))


def _functions(package: Path) -> dict[tuple[str, Any], list[FunctionType]]:
    """The functions of the package that there are, by file and by what tells their code from others."""
    found = defaultdict(list)
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename.startswith(str(package)):
            found[_identity(function.__code__)].append(function)
    return found


def _identity(code: CodeType) -> tuple[Any, ...]:
    return code.co_filename, code.co_qualname, code.co_firstlineno, tuple(code.co_positions())


def _change(mutant: Mutant, package: Path, functions: dict[Any, list[FunctionType]]) -> bool:
    """Give the functions of a file the code that they have with the change; False if that cannot be."""
    file = package / mutant.file
    raw = file.read_bytes()
    before, now = (list(_codes(compile(text, str(file), "exec"))) for text in (raw, mutant.changed(raw)))
    if [code.co_qualname for code in before] != [code.co_qualname for code in now]:
        return False
    for old, new in zip(before, now, strict=True):
        for function in functions.get(_identity(old), ()):
            if old.co_freevars != new.co_freevars:
                return False
            function.__code__ = new
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


# By a changed copy ---------------------------------------------------------------------------------------------------


def run_copy(mutant: Mutant, tests: Sequence[str], first: Sequence[str]) -> str:
    """What becomes of a mutant whose change is there when the library is imported.

    Parameters
    ----------
    tests, first : files or folders of tests; those of their tests that come first.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            _silence()
            _limit_memory()
            with contextlib.suppress(BaseException):
                package = copied(Path(folder), os.link)
                changed = (package / mutant.file).read_bytes()
                (package / mutant.file).unlink()
                (package / mutant.file).write_bytes(mutant.changed(changed))
                os.environ["CHAINRULE_CACHE_DIR"] = str(Path(folder, "cache"))
                os._exit(collected(tests, First(first)))
            os._exit(1)
        return waited(pid, LIMIT)


class First:
    """A plugin of pytest that puts some tests before the others."""

    def __init__(self, tests: Sequence[str]):
        self.place = {test: i for i, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: self.place.get(item.nodeid, len(self.place)))


def copied(folder: Path, copy: Callable[..., Any] = shutil.copy2) -> Path:
    """A copy of the package in a folder, from which it is now imported, here and in new processes."""
    package = folder / "chainrule"
    shutil.copytree(PACKAGE, package, copy_function=copy)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    return package


def collected(tests: Sequence[str], plugin: Any) -> int:
    """What pytest gives for tests, with a plugin."""
    import pytest

    return int(pytest.main(["-q", "-x", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], [plugin]))


def waited(pid: int, seconds: float = float("inf")) -> str:
    """How a forked process, the first of a group of its own, ends: by itself with 0, by itself, or killed."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return SURVIVED if status == 0 else KILLED
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return LATE


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _limit_memory() -> None:
    """Of a mutant that asks for more and more, so that it is noticed before the machine has no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
