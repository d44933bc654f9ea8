"""Which blocks compute with the arrays of which library: run on each block's example, in each library.

`python -m chainrule.catalogue.arrays > docs/arrays.md` makes the page anew.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array
from chainrule.block import Block
from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import families
from chainrule.check.sample import Sample, sample_of
from chainrule.errors import NoAnswer, asking_others, first_line
from chainrule.forks import imported
from chainrule.libraries import is_complex, is_foreign, namespace_of
from chainrule.transforms import vjp

__all__ = ["BY_ITSELF", "BY_NUMPY", "LIBRARIES", "ArrayLibrary", "document", "read", "state"]

BY_ITSELF = "✓"
BY_NUMPY = "NumPy"


class ArrayLibrary(NamedTuple):
    """A library of arrays.

    Attributes
    ----------
    module : what is imported; without it the library is not installed.
    make : an array of the library with the numbers of one of NumPy's.
    back : the inverse: an array of the library as one of NumPy's.
    context : a context in which the library computes in double precision.
    """

    module: str
    make: Callable[[np.ndarray], Any]
    back: Callable[[Any], Any]
    context: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


def _enable_x64() -> AbstractContextManager[Any]:
    jax = imported("jax")
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else imported("jax.experimental").enable_x64()


LIBRARIES = {
    "NumPy": ArrayLibrary("numpy", lambda x: x, lambda x: x),
    "PyTorch": ArrayLibrary(
        "torch", lambda x: imported("torch").tensor(np.array(x)), lambda x: x.detach().resolve_conj().numpy()
    ),
    "JAX": ArrayLibrary("jax", lambda x: imported("jax.numpy").asarray(x), np.asarray, _enable_x64),
    "Dask": ArrayLibrary("dask", lambda x: imported("dask.array").from_array(np.asarray(x)), lambda x: x.compute()),
    "array-api-strict": ArrayLibrary(
        "array_api_strict", lambda x: imported("array_api_strict").asarray(np.array(x)), np.from_dlpack
    ),
}


class Differs(Exception):
    """A library's value or gradient is not NumPy's."""


def state(block: Block, name: str) -> str:
    """How a block's value and gradients are computed with the arrays of a library: BY_ITSELF, BY_NUMPY, or why not.

    They are compared with those of NumPy's arrays; if they differ, Differs is raised.
    """
    library = LIBRARIES[name]
    sample = sample_of(block, np.complex128 if BlockEntry(block).family == "complex_numbers" else np.float64)
    expected_z, expected_pullback = vjp(sample.f, *sample.inputs)
    dz = np.asarray(np.random.default_rng(0).normal(size=np.shape(expected_z)), dtype=expected_z.dtype)
    expected = [expected_z, *expected_pullback(dz)]
    with library.context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with asking_others():
                z, pullback = vjp(sample.f, *map(library.make, sample.inputs))
                dz = dz.astype(library.back(z).dtype)  # complex where NumPy has real eigenvalues
                found = [z, *pullback(library.make(dz))]
        except NoAnswer as none:
            return _reason(none.error, block)
        for x, reference in zip(found, expected, strict=True):
            _must_be_equal(library.back(x), reference, f"{block.name} with arrays of {name}")
        return BY_ITSELF if name == "NumPy" or _by_itself(sample, library, dz) else BY_NUMPY


def _must_be_equal(x: Any, reference: Any, what: str) -> None:
    x = np.asarray(x)
    if x.dtype != reference.dtype and not (is_complex(x) and not np.imag(x).any()):  # eigenvalues may be real
        raise Differs(f"{what}: the dtype is {x.dtype}, not {reference.dtype}")
    if x.shape != reference.shape or not np.allclose(x, reference, rtol=1e-9, atol=1e-11):
        raise Differs(f"{what}: {x} is not {reference}")


def _by_itself(sample: Sample, library: ArrayLibrary, dz: np.ndarray) -> bool:
    """Whether the rules of a block run on a library's arrays."""
    block, node = sample.block, sample.node
    operands = [library.make(x) if type(o) is Array else x for o, x in zip(sample.operands, sample.values, strict=True)]
    if not any(type(o) is Array for o in sample.operands):
        return True
    try:
        with asking_others():
            operands = [library.make(x) if isinstance(x, np.ndarray) else x for x in operands]
            z = block.forward(namespace_of(operands), *operands, **node.params)
            wanted = [i in sample.places for i in range(len(operands))]
            grads = block.pull(namespace_of((z,)), library.make(dz), z, operands, node.params, wanted)
    except NoAnswer:
        return False
    return all(
        is_foreign(x) for x in (z, *(g for g, want in zip(grads, wanted, strict=False) if want and g is not None))
    )


def _reason(error: Exception, block: Block) -> str:
    """Why a block does not compute with a library's arrays, in a few words."""
    told = first_line(error)
    found = re.search(r"does not compute with arrays of \w+ \((?:its backward rule: )?(.*)\); give", told)
    told = found[1] if found else told
    lacks = re.search(r"module '([\w.]+)' has no attribute '(\w+)'", told)
    if lacks:
        return f"no `{lacks[1].removeprefix('array_api_compat.')}.{lacks[2]}`"
    if "its result is NumPy's" in told or "operand type(s) all returned NotImplemented" in told:
        return "SciPy takes no such arrays"
    if "ndex" in told or "licing" in told:
        return "no such indexing"
    return re.sub(r"\s+", " ", told).partition(". ")[0].rstrip(".")[:80]


# The page -----------------------------------------------------------------------------------------------------------

INTRODUCTION = """\
# Arrays of other libraries

This page is generated: `python -m chainrule.catalogue.arrays > docs/arrays.md`. Each block is run on its example, with
the arrays of each library, in double precision; value and gradients are compared with those of NumPy's arrays.

- **✓**: the library computes value and gradients by itself, on its device.
- **NumPy**: the library lacks a function that the block needs, so NumPy or SciPy computes it, as one step of that
  library. The step is differentiable to all orders, by chainrule and by the library: `jax.jit`, `jax.grad`,
  `jax.vmap`, `torch.func` and `.backward()` go through it. Tensors on another device than the CPU are an error there.
- Otherwise the reason why not: there is an error that names the block and the library.

array-api-strict has the functions of the standard and no others. CuPy is not in the table, for no GPU makes this page.
`python -m tests.sweeps.libraries device` runs all blocks on a stand-in that keeps CuPy's contract: nothing is converted
to NumPy without being asked, and everything is made on the device of the operands.
"""


def document(names: Sequence[str] = tuple(LIBRARIES)) -> str:
    """The page: for each family of blocks, one row for all blocks with the same results."""
    states = {block: tuple(state(block, name) for name in names) for block in _blocks()}
    told = [INTRODUCTION, _table([["", *names], *_counts(states, names)])]
    for family in families():
        blocks = [entry.block for entry in family.entries if entry.block in states]
        alike: dict[tuple[str, ...], list[str]] = {}
        for block in blocks:
            alike.setdefault(states[block], []).append(f"`{block.name}`")
        if alike:
            told += [f"## {family.name}\n", f"{family.description}\n"]
            told.append(_table([["blocks", *names], *([", ".join(group), *cells] for cells, group in alike.items())]))
    return "\n".join(told)


def _blocks() -> list[Block]:
    """The blocks with a gradient."""
    return [entry.block for f in families() for entry in f.entries if entry.sample is not None and entry.sample.places]


def _counts(states: dict[Block, tuple[str, ...]], names: Sequence[str]) -> Iterator[list[str]]:
    special = {block for block in states if BlockEntry(block).family == "special"}
    for what, chosen in {"special functions": special, "other blocks": states.keys() - special}.items():
        columns = list(zip(*(states[block] for block in chosen), strict=True))
        cells = []
        for column in columns:
            by_numpy = column.count(BY_NUMPY)
            cells.append(f"{column.count(BY_ITSELF)}" + (f", by NumPy {by_numpy}" if by_numpy else ""))
        yield [f"{what}, of {len(chosen)}", *cells]


def _table(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])


def read(page: str) -> dict[tuple[str, str], str]:
    """The state that a page gives for each block and library."""
    found: dict[tuple[str, str], str] = {}
    names: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if cells[0].strip() == "blocks":
            names = cells[1:]
        elif cells[0].startswith("`"):
            group = re.findall("`(.+?)`", cells[0])
            found.update(((block, name), cell) for block in group for name, cell in zip(names, cells[1:], strict=True))
    return found


if __name__ == "__main__":
    missing = [name for name, library in LIBRARIES.items() if not library.installed]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}; the page is made with all of them")
    print(document(), end="")
