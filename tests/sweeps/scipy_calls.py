"""Does any function of SciPy crash the interpreter when it is given recorded arrays?

SciPy's Python functions get an array of dtype object. C code that moves the bytes of any dtype copies its entries
without counting them, so Python frees what is still in use. Each module is tried in a process of its own.

    python -m tests.sweeps.scipy_calls

The whole takes about two minutes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import signal
import subprocess
import sys
import warnings
from typing import Any

import numpy as np

import chainrule as cr

MODULES = (
    "cluster.hierarchy cluster.vq constants differentiate fft fftpack integrate interpolate io linalg linalg.blas "
    "linalg.interpolative linalg.lapack ndimage odr optimize signal signal.windows sparse sparse.csgraph sparse.linalg "
    "spatial spatial.distance spatial.transform special stats"
).split()
LIMIT = 1.5
"""Seconds for one call."""


def arguments() -> list[tuple[Any, ...]]:
    """Ways to call a function, with recorded vectors, matrices and distances."""
    v = cr.variable(np.arange(1.0, 7.0))
    A = cr.variable(np.arange(1.0, 10.0).reshape(3, 3) + np.eye(3))
    D = cr.variable(np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]))
    i = np.array([0, 1, 2])
    alone = [(v,), (A,), (D,), (v, v), (A, A), (v, A), (v, v, v), (A, v[:3]), (v, v, 2.0)]
    beside = [(A, i), (v, 2), (A, 2), (i, v[:3]), (v[:3], i), (i, i, v[:3]), (np.eye(3), A), (A, np.eye(3))]
    return [*alone, *beside, (A, (3, 3)), (np.arange(6.0), v), (v, np.arange(6.0))]


def call_everything(module: str) -> None:
    """Call each public function of a module; what it raises does not matter here."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    home = importlib.import_module(f"scipy.{module}")
    for name in getattr(home, "__all__", dir(home)):
        function = getattr(home, name, None)
        if name.startswith("_") or name in ("test", "show_config") or not callable(function):
            continue
        for args in arguments():
            sys.stderr.write(f"\nTRY {module}.{name}\n")
            with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                try:
                    signal.setitimer(signal.ITIMER_REAL, LIMIT)
                    result = function(*args)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                str(result)
                del result
            gc.collect(0)


def _too_long(*_: Any) -> None:
    raise TimeoutError


def crashed(module: str) -> str:
    """The function of a module that crashed, or nothing."""
    ran = subprocess.run([sys.executable, "-m", __name__, module], capture_output=True, text=True)
    tried = [line for line in ran.stderr.splitlines() if line.startswith("TRY")]
    return "" if ran.returncode == 0 else f"{tried[-1:]} ended with {ran.returncode}"


def main() -> int:
    if len(sys.argv) > 1:
        call_everything(sys.argv[1])
        return 0
    found = [told for module in MODULES if (told := crashed(module))]
    print(*(found or [f"no crash in {len(MODULES)} modules"]), sep="\n")
    return len(found)


if __name__ == "__main__":
    __name__ = "tests.sweeps.scipy_calls"
    sys.exit(main())
