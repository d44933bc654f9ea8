"""Code that only shows or checks values: a format (`"%.3f" % x`), a plot, a test. It gets the plain values."""

from __future__ import annotations

import dis
from typing import Any

from chainrule.node import is_internal

__all__ = ["is_formatted", "is_only_shown"]

_SHOW = ("matplotlib.", "mpl_toolkits.", "seaborn.", "plotly.", "tqdm.", "logging.", "numpy.testing.")
"""Modules that compute nothing that goes back to the user's code."""

_REMAINDERS = [
    step.arg
    for text in ("a % b", "a %= b")
    for step in dis.get_instructions(compile(text, "", "exec"))
    if step.opname == "BINARY_OP"
]


def is_only_shown(frame: Any) -> bool:
    """Whether the code of a frame, or what called it through NumPy, shows or checks values."""
    while frame is not None:
        if f"{frame.f_globals.get('__name__')}.".startswith(_SHOW):
            return True
        if not is_internal(frame.f_code.co_filename):
            return False
        frame = frame.f_back
    return False


def is_formatted(frame: Any) -> bool:
    """Whether a frame is about to make a text: a number asks for `float` in the operator % of texts only."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return at >= 0 and dis.opname[code[at]] == "BINARY_OP" and code[at + 1] in _REMAINDERS
