"""NumPy's floating-point warnings, turned off around one call faster than `np.errstate` can.

`np.errstate` makes new settings each time, which takes longer than the arithmetic of a small array. Here they are made
once for the settings that the user has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ALL", "DIVISIONS", "SETTINGS", "Warnings"]

SETTINGS: Any = getattr(np._core.umath, "_extobj_contextvar", None)  # type: ignore[attr-defined]
"""NumPy's context variable of error settings, which holds a new object after each change. None where there is none."""


class Warnings:
    """Some kinds of NumPy's floating-point warnings.

    >>> bool(DIVISIONS.ignored_in(np.divide, (np.float64(1.0), 0.0), {}))
    True
    """

    def __init__(self, **ignored: Any):
        self.ignored = ignored
        self._known: tuple[Any, Any] = (None, None)
        """The last settings of the user's that were seen, and these with the warnings turned off."""

    def ignored_in(self, function: Callable[..., Any], args: Any, params: dict[str, Any]) -> Any:
        """The result of function(*args, **params), without these warnings."""
        if SETTINGS is None:
            with np.errstate(**self.ignored):
                return function(*args, **params)
        own = SETTINGS.get()
        known, quiet = self._known
        if own is not known:
            with np.errstate(**self.ignored):
                quiet = SETTINGS.get()
            self._known = own, quiet
        before = SETTINGS.set(quiet)
        try:
            return function(*args, **params)
        finally:
            SETTINGS.reset(before)


ALL = Warnings(all="ignore")
DIVISIONS = Warnings(divide="ignore", invalid="ignore")
"""Those of poles: 1/0, log(0), 0/0."""
