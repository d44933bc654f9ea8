"""The paths that a function has taken with arguments of one signature, and whether compiling more of them pays.

A path that depends on the numbers of a whole array is taken again only with the same numbers. And a program may compute
these numbers with other last digits than NumPy; then it fits no call, not even the one from which it was made. So a
function that goes on like this runs uncompiled, and costs no more than without `compile`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compile.recorder import Guard, Recorded
from chainrule.compile.version import Version, is_same

__all__ = ["MANY", "TOO_MANY", "Paths", "is_of_numbers"]

MANY = 8
"""The largest number of paths for one signature; with more, compiling branches on values does not pay."""
TOO_MANY = 32
OF_NUMBERS = 6
"""The largest number of paths that part from others by the numbers of a whole array."""


class Paths(list[Version]):
    """The versions for one signature, one for each path.

    Attributes
    ----------
    of_numbers : the number of paths that part from others by the numbers of a whole array.
    stopped : whether no more versions are made; what fits none of those that are kept runs uncompiled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.of_numbers = 0
        self.stopped = False

    def stop(self) -> None:
        """Make no more versions. Those that have run, and compare no numbers of arrays, are kept."""
        self.stopped = True
        self[:] = [v for v in self if v.held and not any(map(_are_numbers, v.expected))]

    def steady_one(self, recorded: Recorded) -> Version | None:
        """The compiled version that did not fit a call, though the path that was recorded is its own.

        Only last digits differ. (If a guard of the compiler's own has failed, the path needs another program.)
        """
        for version in self:
            left = version.missed is not None or version.failure is not None
            if version.steady and left and _parts_by(version, recorded.guards) is None:
                return version
        return None

    def note(self, recorded: Recorded) -> None:
        """Count a recorded path, which none of the versions has, if it parts from one of theirs by numbers."""
        parting = [_parts_by(version, recorded.guards) for version in self]
        if any(part is not None and _are_numbers(part) for part in parting):
            self.of_numbers += 1

    def note_digits(self, version: Version) -> None:
        """Count a call whose path is that of a program which did not fit it, because of other last digits."""
        self.of_numbers = OF_NUMBERS if version.missed in WHOLE else self.of_numbers + 1

    @property
    def are_hopeless(self) -> bool:
        return self.of_numbers >= OF_NUMBERS or len(self) >= TOO_MANY


WHOLE = ("value", "error")
"""The kinds of guards on whole arrays."""


def is_of_numbers(guard: Guard) -> bool:
    """Whether a guard compares numbers of a whole array."""
    return _are_numbers((guard.how, guard.outcome))


def _are_numbers(expected: tuple[str, Any]) -> bool:
    how, outcome = expected
    return how in WHOLE and np.asarray(outcome).dtype.kind in "fc"


def _parts_by(version: Version, guards: Sequence[Guard]) -> tuple[str, Any] | None:
    """What was read, and its outcome, where a path parts from that of a version; None if they are the same."""
    found = [(guard.how, guard.outcome) for guard in guards]
    expected = version.expected[: version.read]
    for one, other in zip(expected, found, strict=False):
        if one[0] != other[0] or not _same_outcome(one[1], other[1]):
            return other
    more = found[len(expected) :] or expected[len(found) :]  # where an error was caught
    return more[0] if more else None


def _same_outcome(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and is_same(one, other)
    return type(one) is type(other) and bool(one == other)
