"""scipy.special; its functions written in Python are those of `chainrule.special`."""

from typing import Any

from chainrule import special


def __getattr__(name: str) -> Any:
    return getattr(special, name)
