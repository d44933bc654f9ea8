"""`np.nditer` over recorded arrays and buffers: their entries one by one, as views that can be written into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.standins.buffer import Buffer
from chainrule.standins.function import StandIn

__all__ = ["NDITER"]


class Iteration:
    """np.nditer, entry by entry."""

    def __init__(self, op: Any, flags: Any = (), *args: Any, **kwargs: Any):
        several = isinstance(op, (list, tuple))
        self.operands = tuple(op) if several else (op,)
        if {"external_loop", "buffered"} & {*flags} or any(x is None for x in self.operands):
            raise RecordingError(
                "np.nditer in chunks, or with operands that it makes, cannot go over recorded arrays; write "
                "a loop over np.ndindex(x.shape)" + at_line()
            )
        self.shape = np.broadcast_shapes(*(np.shape(x) for x in self.operands))
        self._parts = [x if np.shape(x) == self.shape else np.broadcast_to(x, self.shape) for x in self.operands]
        fortran = kwargs.get("order", "K") in "FK" and all(np.isfortran(np.asarray(_plain(x))) for x in self.operands)
        axes = self.shape[::-1] if fortran else self.shape
        self._places = [place[::-1] if fortran else place for place in np.ndindex(*axes)]
        self.itersize = len(self._places)
        self.iterindex = 0

    @property
    def finished(self) -> bool:
        return self.iterindex >= self.itersize

    @property
    def multi_index(self) -> tuple[int, ...]:
        return self._places[self.iterindex]

    @property
    def index(self) -> int:
        return int(np.ravel_multi_index(self.multi_index, self.shape)) if self.shape else 0

    @property
    def value(self) -> Any:
        entries = tuple(self[i] for i in range(len(self._parts)))
        return entries if len(entries) > 1 else entries[0]

    def iternext(self) -> bool:
        self.iterindex += 1
        return not self.finished

    def reset(self) -> None:
        self.iterindex = 0

    def __iter__(self) -> Iterator[Any]:
        while not self.finished:
            yield self.value
            self.iternext()

    def __len__(self) -> int:
        return self.itersize

    def __getitem__(self, i: int) -> Any:
        place: Any = (*self.multi_index, ...)
        return self._parts[i][place]

    def __setitem__(self, i: int, value: Any) -> None:
        self._parts[i][self.multi_index] = value

    def __enter__(self) -> Iteration:
        return self

    def __exit__(self, *failure: Any) -> None:
        pass

    def close(self) -> None:
        """Nothing to write back."""


def _plain(x: Any) -> Any:
    return x._node.value if isinstance(x, Array) else x


def _iterate(op: Any, *args: Any, **kwargs: Any) -> Any:
    operands = op if isinstance(op, (list, tuple)) else [op]
    ours = any(type(x) in (Array, Buffer) for x in operands)
    return Iteration(op, *args, **kwargs) if ours else np.nditer(op, *args, **kwargs)


NDITER = StandIn(np.nditer, _iterate)
"""The stand-in for np.nditer."""
