"""The families of blocks: one for each file under blocks/, in reading order."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import chainrule.blocks  # noqa: F401  the library registers itself
from chainrule.block import BLOCKS, Block
from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.names import Composite, answers_of, composites, steps

__all__ = ["Family", "families"]


@dataclass(frozen=True)
class Family:
    """The blocks of one file under blocks/.

    Attributes
    ----------
    entries : its blocks.
    composites : functions that are composed of blocks.
    steps : small blocks without a derivative, such as comparisons.
    """

    name: str
    entries: tuple[BlockEntry, ...]
    composites: tuple[Composite, ...]
    steps: tuple[Block, ...]

    @property
    def description(self) -> str:
        """The first sentence of the file's docstring."""
        text = importlib.import_module(f"chainrule.blocks.{self.name}").__doc__ or ""
        return " ".join(text.partition("\n\n")[0].split())

    @property
    def names(self) -> set[str]:
        """The names of all functions for which the family answers."""
        blocks = [n for e in self.entries for n in e.answers.itself]
        return {*blocks, *(n for c in self.composites for n in c.names), *(n for s in self.steps for n in names_of(s))}


def names_of(block: Block) -> tuple[str, ...]:
    return answers_of(block).itself


READ_FIRST = "elementwise step_functions reductions matrices linalg shaping indexing".split()
"""The families that come first; the others follow in alphabetical order."""


def families() -> tuple[Family, ...]:
    """All families."""
    entries = [BlockEntry(block) for block in BLOCKS.values()]
    found = {e.family for e in entries} | {c.family for c in composites()}
    order = [f for f in READ_FIRST if f in found] + sorted(found - set(READ_FIRST))
    return tuple(
        Family(
            label,
            tuple(e for e in entries if e.family == label),
            tuple(c for c in composites() if c.family == label),
            tuple(s for s in steps() if BlockEntry(s).family == label),
        )
        for label in order
    )
