"""Programs as people write them, in `examples/real`: differentiated as they stand, eager and compiled.

    python -m benchmarks.real                    # all; takes some five minutes
    python -m benchmarks.real cavity nbody
    python -m benchmarks.real > docs/real.md     # the table of the documentation

Each program has a scalar loss, `LOSS`, and its arguments, `ARGS`; it is differentiated by the first one. None knows
chainrule. Times are those of value and gradient, divided by that of the plain program without chainrule.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.timing import seconds
from chainrule.trees import Tree

FOLDER = Path(__file__).parents[1] / "examples" / "real"
PROGRAMS = sorted(FOLDER.glob("*.py"))

HEAD = """# Real programs, unmodified

Programs of [`examples/real`](../examples/real), written as people write them: buffers that are filled in loops,
updates in place, classes with state, Python's math, lists of numbers. None knows chainrule, and none was changed for
it: each is differentiated by `cr.value_and_grad(LOSS)(*ARGS)` as it stands. The gradient is compared with central
differences (largest difference, relative to the largest derivative), the compiled one with the eager one. Times are
those of value and gradient together, divided by that of the plain program; these programs are small, so overhead is
all of the eager time. Made by `python -m benchmarks.real > docs/real.md`.

| program | what it is | lines to change | plain, ms | eager | compiled | to compile, s | error |
|---|---|---|---|---|---|---|---|"""


def load(path: Path) -> types.ModuleType:
    """A program as a module of its own, loaded anew."""
    spec = importlib.util.spec_from_file_location(f"real_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def derivatives(gradient: Any) -> np.ndarray:
    """All derivatives of a gradient, which may be a tree of arrays and numbers."""
    return np.concatenate([np.ravel(leaf) for leaf in Tree(gradient).leaves])


def differences(loss: Callable[..., Any], args: tuple[Any, ...]) -> np.ndarray:
    """Central differences by all numbers of the first argument."""
    tree = Tree(args[0])
    found = []
    for place, leaf in enumerate(tree.leaves):
        for i in range(np.size(leaf)):
            step = 1e-5 * max(1.0, abs(float(np.ravel(leaf)[i])))

            def at(shift: float, place: int = place, leaf: Any = leaf, i: int = i) -> Any:
                moved = np.array(leaf, dtype=float)
                moved.flat[i] += shift
                leaves = list(tree.leaves)
                leaves[place] = moved if isinstance(leaf, np.ndarray) else float(moved)
                return loss(tree.argument(leaves), *args[1:])

            found.append((at(step) - at(-step)) / (2 * step))
    return np.array(found)


def measured(path: Path) -> str:
    """The row of a program."""
    program = load(path)
    loss, args = program.LOSS, program.ARGS
    what = (program.__doc__ or "").strip().splitlines()[0].rstrip(".")
    differentiate = cr.value_and_grad(loss)
    _, gradient = differentiate(*args)
    expected = differences(loss, args)
    error = np.max(np.abs(derivatives(gradient) - expected)) / np.max(np.abs(expected))
    plain = min(seconds(lambda: loss(*args)) for _ in range(20))
    eager = min(seconds(lambda: differentiate(*args)) for _ in range(5))
    compiled = cr.compile(cr.value_and_grad(loss))
    start = time.perf_counter()
    for _ in range(2):
        _, slopes = compiled(*args)
    to_compile = time.perf_counter() - start
    np.testing.assert_allclose(derivatives(slopes), derivatives(gradient), rtol=1e-8, atol=1e-10)
    fast = min(seconds(lambda: compiled(*args)) for _ in range(20))
    return (
        f"| [{path.stem}](../examples/real/{path.name}) | {what} | 0 | {plain * 1e3:.2f} | {eager / plain:.0f} × | "
        f"{fast / plain:.2g} × | {to_compile:.1f} | {error:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Programs as people write them, eager and compiled.")
    parser.add_argument("programs", nargs="*", help="which (default: all)")
    wanted = parser.parse_args().programs
    print(HEAD)
    for path in PROGRAMS:
        if not wanted or path.stem in wanted:
            with contextlib.redirect_stdout(io.StringIO()):
                row = measured(path)
            print(row, flush=True)


if __name__ == "__main__":
    main()
