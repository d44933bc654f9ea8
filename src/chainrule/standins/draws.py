"""Random generators as the user's code sees them while a function is recorded: what they draw are buffers."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.buffered import BUFFERED
from chainrule.standins.buffer import buffer
from chainrule.standins.function import StandIn, Stands

__all__ = ["GENERATORS", "MAKERS", "Drawing"]

GENERATORS = (np.random.Generator, np.random.RandomState)


class Drawing(Stands):
    """A generator whose methods give buffers."""

    def __init__(self, generator: Any):
        self._generator = generator

    @property
    def _meant(self) -> Any:
        return self._generator

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._generator)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__dict__["_generator"], name)
        return drawn_by(found) if callable(found) and not name.startswith("_") else found

    def __repr__(self) -> str:
        return repr(self._generator)

    def __reduce__(self) -> Any:
        return self._generator.__reduce__()


def drawn_by(method: Any) -> StandIn:
    """A method of a generator, whose arrays are buffers."""

    def draw(*args: Any, **kwargs: Any) -> Any:
        drawn = method(*args, **kwargs)
        return buffer(drawn) if BUFFERED.get() else drawn

    return StandIn(method, draw)


def _making(maker: Any) -> StandIn:
    def make(*args: Any, **kwargs: Any) -> Any:
        if not BUFFERED.get():
            return maker(*args, **kwargs)
        seed = args[0] if args else kwargs.get("seed")
        if maker is np.random.RandomState and seed is not None and not hasattr(seed, "capsule"):
            made = maker(np.random.MT19937(0))  # RandomState(seed) asks the system for a seed first, and forgets it
            made.seed(seed)
            return Drawing(made)
        return Drawing(maker(*args, **kwargs))

    return StandIn(maker, make)


MAKERS = {maker: _making(maker) for maker in (np.random.default_rng, *GENERATORS)}
"""The stand-ins for what makes a generator."""
