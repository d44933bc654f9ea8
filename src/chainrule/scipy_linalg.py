"""What to write instead of a function of scipy.linalg, which hands its arguments to LAPACK and asks no protocol."""

from __future__ import annotations

import os
import sys
from typing import Any

from chainrule.node import is_internal

__all__ = ["instead_of_scipy"]

INSTEAD = {
    **{
        name: f"cr.{name}"
        for name in "expm logm sqrtm solve_triangular cho_factor cho_solve solve_sylvester block_diag".split()
    },
    **{
        name: f"np.linalg.{name}"
        for name in "inv solve det pinv norm lstsq cholesky qr svd svdvals eig eigvals eigh eigvalsh".split()
    },
}
_LINALG = os.path.join("scipy", "linalg") + os.sep


def instead_of_scipy() -> tuple[str, str] | None:
    """The function of scipy.linalg that is asking for a plain array just now, and what does the same; else None."""
    frame: Any = sys._getframe(1)
    found = None
    while is_internal(frame.f_code.co_filename) and frame.f_back is not None:
        name = _function_of(frame)
        if name in INSTEAD:
            found = f"scipy.linalg.{name}", INSTEAD[name]  # the outermost is the one that the user called
        frame = frame.f_back
    return found


def _function_of(frame: Any) -> str | None:
    """The function of scipy.linalg that runs in a frame, or that is about to be called by its wrapper for stacks."""
    if _LINALG in frame.f_code.co_filename:
        return frame.f_code.co_name
    if frame.f_code.co_name == "wrapper":
        wrapped = frame.f_locals.get("f")
        if str(getattr(wrapped, "__module__", "")).startswith("scipy.linalg"):
            return wrapped.__name__
    return None
