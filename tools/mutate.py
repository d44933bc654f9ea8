"""Change the library one place at a time, and list the changes that no test notices.

    python tools/mutate.py                          # everything: many hours
    python tools/mutate.py simplify --sample 100    # a hundred places of one room, drawn at random
    python tools/mutate.py compile/bounds.py        # every place of one file
    python tools/mutate.py simplify --tests tests/simplify/test_rules.py    # whom these tests alone let through

A *mutant* is the library with one small change: `<=` for `<`, `or` for `and`, a guard that always or never fires, a
sign, a number, a line or an identity of simplify that is left out. The tests of its room run on it, and a mutant is
*killed* when one fails. Survivors are printed with their place and their change. Each is a test that is missing, or a
change that means the same; `SAME` names those, with the reason.

The tests of a room run once without a change first, and it is written down which lines each test runs. A mutant meets
only the tests that run its line, the fast ones before the slow, in a process that is forked after the library is
imported and the tests are collected (`mutant_runs.py`): a tenth of a second for most. A change to what the import
itself runs needs an import of its own: seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutant_runs import IMPORTED, SURVIVED, UNREACHED, Lines, Room, collected, copied, run_copy, waited
from mutants import PACKAGE, ROOT, Mutant, mutants

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

SAME: dict[tuple[str, str], str] = {
    ("*", "_ in __all__"): "the names that a file exports",
    ("*", "strict=True"): "the lengths are equal",
    ("*", "@dataclass(frozen=True"): "nothing writes to it",
    ("simplify/rules/shapes.py", 'params["shape"] == shape(x)'): "the builder refuses a result of another shape",
    ("simplify/rules/shapes.py", "made != kept_shape(inner)"): "the builder refuses a result of another shape",
    ("simplify/rules/masks.py", "range(24)"): "a limit of work",
    ("simplify/rules/broadcasting.py", "np.ndim(x) > 0"): "a number is its own number",
    ("simplify/laws.py", "if not wanted"): "faster: all of nothing is covered",
    ("simplify/laws.py", "powers.get(atom, 0) * e < 0"): "faster: what is multiplied out in vain shows no gain",
    ("simplify/matching.py", "n * e > 0"): "signs multiply as they divide; exponents of 0 are left out later",
    ("simplify/matching.py", "if not found"): "faster: nothing matches further on",
    ("simplify/graphs.py", "changed = {node"): "faster: a node in its simplest form comes out the same",
    ("simplify/graphs.py", "near[node]"): "faster: a node in its simplest form comes out the same",
    ("simplify/graphs.py", "simplest.update(graph.nodes)"): "faster: a node in its simplest form comes out the same",
    ("simplify/graphs.py", "PASSES = 8"): "a limit of work",
    ("simplify/graphs.py", "NEAR = 4"): "a limit of work",
    ("simplify/structure.py", "_DEPTH"): "a limit of work",
    ("simplify/structure.py", "depth - 1"): "a limit of work",
    ("simplify/products.py", "LONGEST"): "a limit of work",
    ("simplify/products.py", "taken.update"): "faster: what is put in order inside of a product is not used",
    ("simplify/products.py", "if orders else graph"): "faster: without an order the graph is made of the same nodes",
    ("simplify/builder.py", "self._ranges"): "faster: found out once",
    ("simplify/builder.py", "if known is None"): "faster: found out once",
    ("simplify/builder.py", "(x == y).all()"): "faster: equal is close",
    ("simplify/builder.py", "data.nbytes <= 64"): "a short key or a long one",
    ("simplify/builder.py", "type(known) is Node:"): "the next pass counts uses anew",
    ("simplify/builder.py", "known is not like"): "the next pass counts uses anew",
    ("simplify/builder.py", "_count_uses("): "the next pass counts uses anew",
    ("simplify/builder.py", "self.uses["): "the next pass counts uses anew",
    ("simplify/forms.py", "NESTED = 2"): "a limit of work",
    ("simplify/forms.py", "factors = 12"): "a limit of work",
    ("simplify/reals.py", "node.block not in READ"): "faster: a node that is not read is its own form",
    ("simplify/reals.py", "gain=False"): "no gain is asked for",
    ("simplify/reals.py", "self.hot(np.array(index), size), 1"): "a power of e_c is e_c",
    ("simplify/results.py", "size: int = 400"): "a limit of work",
    ("simplify/expressions.py", "OVERHEAD = 16"): "an estimate",
    ("compile/bounds.py", "DEPTH, MOST"): "a limit of work",
    ("compile/bounds.py", "< MOST"): "a limit of work",
    ("compile/bounds.py", "depth > 0"): "a limit of work",
    ("compile/bounds.py", "depth == 0"): "a limit of work",
    ("compile/bounds.py", "depth: int"): "a limit of work",
    ("compile/bounds.py", "known[value] = bounds("): "a limit of work",
    ("compile/bounds.py", "if value not in known"): "faster: found out once",
    ("explain/placement.py", "MOST_BOXES, MOST_CROSSED"): "one box more or less, and graphlay is as fast",
}
"""Changes that mean the same, by file and by a part of the changed line, with the reason."""


def same(mutant: Mutant) -> bool:
    """Whether a change is known to mean the same."""
    line = (PACKAGE / mutant.file).read_text(encoding="utf-8").splitlines()[mutant.line - 1]
    return line.startswith("__all__") or any(f in ("*", mutant.file) and part in line for f, part in SAME)


def room_of(file: str) -> str:
    return max((room for room in TESTS if file.startswith(room)), key=len)


def files_of(room: str) -> list[str]:
    names = (file.relative_to(PACKAGE).as_posix() for file in sorted(PACKAGE.rglob("*.py")))
    return [name for name in names if room_of(name) == room]


def tests_of(room: str) -> list[str]:
    """The tests of a room, with those that are called after a file of it, in the folder called after its folder."""
    files = map(Path, files_of(room))
    own = [Path("tests", file.parent, f"test_{file.stem}.py") for file in files]
    more = [test for test in own if (ROOT / test).exists() and not any(test.is_relative_to(t) for t in TESTS[room])]
    return TESTS[room] + [test.as_posix() for test in more]


def outcomes(room: str, found: Sequence[Mutant], tests: Sequence[str], jobs: int) -> Iterator[tuple[Mutant, str]]:
    """What becomes of each mutant of a room."""
    known = Path(tempfile.gettempdir(), f"mutate-{_state(tests)}.json")
    by_import = [mutant for mutant in found if not mutant.function]
    for mutant, result in _in_room(room, [m for m in found if m.function], tests, known, jobs):
        if result == IMPORTED:
            by_import.append(mutant)
        else:
            yield mutant, result
    lines = Lines.read(known)
    for mutant in by_import:
        yield mutant, run_copy(mutant, tests, lines.of_file(mutant))


def _in_room(
    room: str, found: list[Mutant], tests: Sequence[str], known: Path, jobs: int
) -> Iterator[tuple[Mutant, str]]:
    """What becomes of mutants in a process that imports the library once."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder, os.fdopen(write, "w") as told:

            def tell(mutant: Mutant, result: str) -> None:
                print(json.dumps([found.index(mutant), result]), file=told, flush=True)

            status = collected(tests, Room(copied(Path(folder)), files_of(room), found, tell, known, jobs))
        os._exit(status)
    os.close(write)
    with os.fdopen(read) as heard:
        for line in heard:
            place, result = json.loads(line)
            yield found[place], result
    if waited(pid) != SURVIVED:
        sys.exit(f"The tests {' '.join(tests)} do not pass without any change.")


def main() -> int:
    parser = argparse.ArgumentParser(description="Change the library one place at a time; list what no test notices.")
    parser.add_argument("paths", nargs="*", help="files or folders of src/chainrule; all if none is given")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="for the draw")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--tests", type=shlex.split, help="arguments of pytest, instead of the tests of the room")
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
    counts: Counter[str] = Counter()
    try:
        for room in sorted({room_of(m.file) for m in found}):
            inside = [m for m in found if room_of(m.file) == room]
            for mutant, result in outcomes(room, inside, options.tests or tests_of(room), options.jobs):
                counts[result] += 1
                if result in (SURVIVED, UNREACHED):
                    print(f"{result:15} {mutant}", flush=True)
    except KeyboardInterrupt:
        print("ended before all were tried")
    total = ", ".join(f"{n} {result}" for result, n in counts.most_common())
    print(f"{sum(counts.values())} mutants: {total}")
    return int(counts[SURVIVED] + counts[UNREACHED] > 0)


def _state(tests: Sequence[str]) -> str:
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
