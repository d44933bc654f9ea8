"""scipy.special; functions that SciPy writes in Python are taken from `chainrule.special`."""

from typing import Any

from chainrule import special


def __getattr__(name: str) -> Any:
    return getattr(special, name)
