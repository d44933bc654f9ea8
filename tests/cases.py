"""What a case of the catalogue is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from chainrule.block import Block
from chainrule.domains import Example, Operand
from chainrule.node import Node


@dataclass(frozen=True)
class Case:
    """A function as a user writes it, the same function in PyTorch, and its operands."""

    name: str
    f: Callable[..., Any]
    torch: Callable[..., Any]
    operands: tuple[Operand, ...]
    definition: Callable[..., Any] | None = None
    """f step by step, for plain arrays, where NumPy's own is wrong on some processors."""

    def plain(self, *xs: Any) -> Any:
        """f of plain arrays."""
        return (self.definition or self.f)(*xs)

    def arrays(self, dtype: Any = np.float64) -> list[np.ndarray]:
        """The operands; the same ones each time."""
        return Example(self.operands).arrays(self.name, dtype)


def tensor(x: Any) -> torch.Tensor:
    return torch.tensor(np.array(x))


def blocks_of(output: Any) -> set[Block]:
    """The blocks in a recording."""
    found, stack, seen = set(), [output._node], set()
    while stack:
        node = stack.pop()
        if node in seen or node.block is None:
            continue
        seen.add(node)
        found.add(node.block)
        stack += [i for i in node.inputs if type(i) is Node]
    return found
