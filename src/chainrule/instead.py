"""What to write instead of functions that ask for a plain array, and no protocol: those of scipy.linalg, as_strided."""

from __future__ import annotations

import os
import sys
from typing import Any

from chainrule.node import is_internal

__all__ = ["function_to_write_instead"]

_CHAINRULE = "expm logm sqrtm solve_triangular cho_factor cho_solve solve_sylvester block_diag"
_NUMPY = "inv solve det pinv norm lstsq cholesky qr svd svdvals eig eigvals eigh eigvalsh"

INSTEAD = {
    **{f"scipy.linalg.{name}": f"cr.{name}" for name in _CHAINRULE.split()},
    **{f"scipy.linalg.{name}": f"np.linalg.{name}" for name in _NUMPY.split()},
    # It would read beyond the memory of an array of dtype object.
    "numpy.lib.stride_tricks.as_strided": "np.lib.stride_tricks.sliding_window_view, or an index as x[i[:, None] + j]",
}
"""What does the same, by the full name of the function."""

_FOLDERS = {
    os.path.join("scipy", "linalg") + os.sep: "scipy.linalg",
    os.path.join("numpy", "lib", "_stride_tricks_impl"): "numpy.lib.stride_tricks",
}


def function_to_write_instead() -> tuple[str, str] | None:
    """The function that is asking for a plain array just now, and what does the same; None if it is none of them."""
    frame: Any = sys._getframe(1)
    found = None
    while is_internal(frame.f_code.co_filename) and frame.f_back is not None:
        name = _function_of(frame)
        if name in INSTEAD:
            found = name, INSTEAD[name]  # the outermost is the one that the user called
        frame = frame.f_back
    return found


def _function_of(frame: Any) -> str:
    """The full name of the function that runs in a frame, or that its wrapper for stacks is about to call."""
    if frame.f_code.co_name == "wrapper":
        wrapped = frame.f_locals.get("f")
        if str(getattr(wrapped, "__module__", "")).startswith("scipy.linalg"):
            return f"scipy.linalg.{wrapped.__name__}"
    for folder, module in _FOLDERS.items():
        if folder in frame.f_code.co_filename:
            return f"{module}.{frame.f_code.co_name}"
    return ""
