"""HIPS autograd's own examples, run by one changed import: `autograd` stands for `chainrule.compat.autograd`.

    git clone https://github.com/HIPS/autograd
    python -m tests.sweeps.hips_examples autograd/examples           # all of them, about 5 minutes
    python -m tests.sweeps.hips_examples autograd/examples rnn gmm   # some

Each program runs with autograd and with chainrule, in a process of its own, and the results of its first calls of
`grad` and its kin are compared. So that they end soon, and without a screen or the internet, loops and optimisers run a
few steps (numbers in their source are made smaller), plots are drawn nowhere, and the digits of MNIST are random ones.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.abc
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import scipy.optimize

OURS = "chainrule.compat.autograd"
LIBRARIES = ("autograd", OURS)
FEW = 3
KEPT = 5
"""How many steps a program runs, and how many results of its first calls are compared."""

SECONDS = 240
TRANSFORMS = "grad value_and_grad elementwise_grad jacobian hessian_vector_product".split()
LENGTHS = ("num_iters", "num_epochs", "maxiter", "num_time_steps", "simulation_timesteps")
NOT_PROGRAMS = ("data", "data_mnist", "__init__")


# One program, in this process ----------------------------------------------------------------------------------------


class Shorter(ast.NodeTransformer):
    """Make the numbers that say how long a program runs small."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if any(isinstance(target, ast.Name) and target.id in LENGTHS for target in node.targets):
            node.value = _small(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        names = [argument.arg for argument in node.args.args][-len(node.args.defaults) :] if node.args.defaults else []
        node.args.defaults = [
            _small(default) if name in LENGTHS else default
            for name, default in zip(names, node.args.defaults, strict=True)
        ]
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        return ast.keyword(node.arg, _small(node.value)) if node.arg in LENGTHS else node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        for i, key in enumerate(node.keys):
            if isinstance(key, ast.Constant) and key.value in LENGTHS:
                node.values[i] = _small(node.values[i])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=length)]) if length >= 100:
                node.args = [ast.Constant(FEW)]
        return node


class OtherLibrary(ast.NodeTransformer):
    """Import a library in place of autograd."""

    def __init__(self, library: str):
        self.library = library

    def _name(self, name: str) -> str:
        return self.library + name[len("autograd") :] if name.split(".")[0] == "autograd" else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        return ast.ImportFrom(self._name(node.module or ""), node.names, node.level)

    def visit_Import(self, node: ast.Import) -> Any:
        made: list[ast.stmt] = [ast.Import([ast.alias(self._name(one.name), one.asname) for one in node.names])]
        if self.library != "autograd" and any(one.name.startswith("autograd") and not one.asname for one in node.names):
            home, _, name = self.library.rpartition(".")
            made.append(ast.ImportFrom(home, [ast.alias(name)], 0))
        return made


def _small(value: ast.expr) -> ast.expr:
    return ast.Constant(FEW) if isinstance(value, ast.Constant | ast.BinOp) else value


class Sources(importlib.abc.SourceLoader):
    """Loads a module of the examples from its shortened source, with the imports of a library."""

    def __init__(self, path: Path, library: str):
        self.path, self.library = path, library

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: Any) -> bytes:
        return Path(path).read_bytes()

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> types.CodeType:
        tree: Any = ast.parse(data)
        for change in (Shorter(), OtherLibrary(self.library)):
            tree = change.visit(tree)
        return compile(ast.fix_missing_locations(tree), path, "exec")


class Names(importlib.abc.MetaPathFinder):
    """Finds the modules of the examples."""

    def __init__(self, folder: Path, library: str):
        self.folder, self.library = folder, library

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        source = self.folder / f"{name}.py"
        return importlib.util.spec_from_loader(name, Sources(source, self.library)) if source.exists() else None


def _digits() -> tuple[np.ndarray, ...]:
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (320, 28, 28)).astype(np.uint8)
    labels = rng.randint(0, 10, 320).astype(np.uint8)
    return images[:256], labels[:256], images[256:], labels[256:]


def _plots() -> dict[str, Any]:
    """Modules in place of matplotlib's, which take every call."""
    plot = MagicMock()
    plot.imread = plot.pyplot.imread = lambda *_: np.linspace(0, 1, 20 * 20 * 4).reshape(20, 20, 4) % 0.3
    plot.pyplot.subplots = lambda *args, **kwargs: (MagicMock(), MagicMock())
    names = ["", ".pyplot", ".image", ".cm", ".colors"]
    return {f"matplotlib{name}": plot.pyplot if name == ".pyplot" else plot for name in names}


def _few_steps(minimize: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's minimize, which ends after a few steps."""

    def shorter(*args: Any, options: Any = None, **kwargs: Any) -> Any:
        return minimize(*args, options={**(options or {}), "maxiter": FEW}, **kwargs)

    return shorter


def _noted(transform: Callable[..., Any], found: list[list[float]], running: list[Any]) -> Callable[..., Any]:
    """A transform whose functions note their first results; not those that are called by others, which are recorded."""

    def of(*args: Any, **kwargs: Any) -> Any:
        run = transform(*args, **kwargs)

        def noted(*args: Any, **kwargs: Any) -> Any:
            running.append(run)
            result = run(*args, **kwargs)
            running.pop()
            if len(found) < KEPT and not running:
                found.append(_numbers(result))
            return result

        return noted

    return of


def _numbers(tree: Any) -> list[float]:
    """The sum, and the sum of squares, of each array of a tree."""
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in _numbers(tree[key])]
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in _numbers(part)]
    entries = np.asarray(tree, float)
    return [float(np.sum(entries)), float(np.sum(entries**2))]


def run_one(path: Path, library: str) -> list[list[float]]:
    """Run a program; the results of its first calls of `grad` and its kin."""
    found: list[list[float]] = []
    running: list[Any] = []
    sys.modules.update(_plots())
    sys.meta_path.insert(0, Names(path.parent, library))
    sys.path.insert(0, str(path.parent))
    home = importlib.import_module(library)
    for name in TRANSFORMS:
        setattr(home, name, _noted(getattr(home, name), found, running))
    digits = types.ModuleType("data_mnist")
    digits.mnist = _digits  # type: ignore[attr-defined]
    sys.modules["data_mnist"] = digits
    scipy.optimize.minimize = _few_steps(scipy.optimize.minimize)
    np.random.seed(0)
    os.chdir(tempfile.mkdtemp())
    code = Sources(path, library).source_to_code(path.read_bytes(), str(path))
    program = types.ModuleType("__main__")
    program.__file__ = str(path)
    exec(code, vars(program))
    return found


# All of them ---------------------------------------------------------------------------------------------------------


def outcome(path: Path, library: str) -> tuple[str, list[list[float]]]:
    """How a program ends with a library: "ran", or its error; and its first results."""
    command = [sys.executable, "-m", "tests.sweeps.hips_examples", "--one", library, str(path)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"longer than {SECONDS} s", []
    if run.returncode:
        return (run.stderr.strip().splitlines() or ["no message"])[-1], []
    return "ran", json.loads(run.stdout.strip().splitlines()[-1])


def compared(path: Path) -> tuple[str, str]:
    """What autograd's own run, and chainrule's beside it, give."""
    (theirs, expected), (ours, found) = (outcome(path, library) for library in LIBRARIES)
    if ours == "ran" == theirs:
        same = len(found) == len(expected) and all(
            len(z) == len(e) and np.allclose(z, e, rtol=1e-6, atol=1e-9) for z, e in zip(found, expected, strict=True)
        )
        ours = f"ran, {len(found)} results alike" if same else "ran, with other results"
    return theirs, ours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", metavar="LIBRARY", help="run one program in this process")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.one:
        found = run_one(given.folder.resolve(), given.one)
        print(json.dumps(found))
        return
    paths = [path for path in sorted(given.folder.resolve().rglob("*.py")) if path.stem not in NOT_PROGRAMS]
    paths = [path for path in paths if not given.names or path.stem in given.names]
    count = dict.fromkeys(LIBRARIES, 0)
    for path in paths:
        theirs, ours = compared(path)
        count["autograd"] += theirs == "ran"
        count[OURS] += ours.startswith("ran") and "other" not in ours
        print(f"{path.stem:32} autograd: {theirs[:60]:62} chainrule: {ours[:200]}", flush=True)
    print(f"{len(paths)} programs; autograd runs {count['autograd']}, chainrule {count[OURS]}")


if __name__ == "__main__":
    main()
