"""What to write instead of functions that convert their arguments to plain arrays and call no protocol.

Those of scipy.linalg hand their arguments to LAPACK, some of scipy.special turn them into plain arrays first. A few
move the bytes of any dtype in C: they would copy the entries of an array of dtype object without counting references,
and Python would crash when it frees them. All are recognised by their stack frames, while they convert the argument.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from chainrule.errors import RecordingError
from chainrule.node import at_line, is_internal

__all__ = ["INSTEAD", "refuse_what_asks"]

_CHAINRULE = "expm logm sqrtm solve_triangular cho_factor cho_solve solve_sylvester block_diag"
_NUMPY = "inv solve det pinv norm lstsq cholesky qr svd svdvals eig eigvals eigh eigvalsh"
_SPECIAL = (
    "comb diric factorial log_softmax logsumexp multigammaln perm polygamma spherical_in spherical_jn spherical_kn "
    "spherical_yn"
)

_STATS = "pdf logpdf cdf logcdf sf logsf ppf isf pmf logpmf"
_INTERPOLATE = (
    "Akima1DInterpolator BSpline CubicHermiteSpline CubicSpline PchipInterpolator RectBivariateSpline "
    "RegularGridInterpolator interp1d make_interp_spline splev splrep"
)
_STEPPERS = "rk.RK23 rk.RK45 rk.DOP853 radau.Radau bdf.BDF lsoda.LSODA ode complex_ode"
_FITS = "fit polyfit chebfit legfit lagfit hermfit hermefit"
_RECORDED = "it in a function that chainrule calls, as in cr.grad(f)(x): there it has a derivative"

INSTEAD = {
    **{f"scipy.linalg.{name}": f"cr.{name}" for name in _CHAINRULE.split()},
    **{f"scipy.linalg.{name}": f"np.linalg.{name}" for name in _NUMPY.split()},
    **{
        f"scipy.special.{name}": f"`from chainrule import special`, then special.{name}(…)" for name in _SPECIAL.split()
    },
    **{
        f"scipy.special.{name}": "it with v as a plain number, or as cr.stop_gradient(v): "
        "its derivative by the order v is not known"
        for name in "jvp yvp ivp kvp h1vp h2vp".split()
    },
    **{f"scipy.stats.{name}": _RECORDED for name in _STATS.split()},
    **{f"scipy.interpolate.{name}": _RECORDED for name in _INTERPOLATE.split()},
    **{
        f"scipy.integrate.{name}": "scipy.integrate.solve_ivp(f, (t0, t1), y0) or odeint, which have derivatives"
        for name in _STEPPERS.split()
    },
    **{
        f"numpy.polynomial.{name}": "np.polyfit(x, y, deg), whose first coefficient is that of the highest power, or "
        "np.linalg.lstsq(V, y)[0] with V = np.stack([…], axis=1), the polynomials at x"
        for name in _FITS.split()
    },
    # These move bytes.
    "scipy.spatial.distance.squareform": "D = np.zeros_like(x, shape=(n, n)); D[np.triu_indices(n, 1)] = x; D + D.T, "
    "or D[np.triu_indices(n, 1)] for the way back",
    "scipy.linalg.null_space": "the projection np.eye(n) - np.linalg.pinv(A) @ A: a basis may be turned, so it has no "
    "derivative",
    "scipy.linalg.orth": "the projection A @ np.linalg.pinv(A): a basis may be turned, so it has no derivative",
    "scipy.ndimage.distance_transform_cdt": "it of x.value: its result is integers, which have no gradient",
    "numpy.lib.stride_tricks.as_strided": "np.lib.stride_tricks.sliding_window_view, or an index as x[i[:, None] + j]",
}
"""The replacement, by the full name of the function."""

_FOLDERS = {
    os.path.join("scipy", "linalg") + os.sep: "scipy.linalg",
    os.path.join("scipy", "special") + os.sep: "scipy.special",
    os.path.join("scipy", "spatial", "distance.py"): "scipy.spatial.distance",
    os.path.join("scipy", "ndimage") + os.sep: "scipy.ndimage",
    os.path.join("scipy", "stats") + os.sep: "scipy.stats",
    os.path.join("scipy", "interpolate") + os.sep: "scipy.interpolate",
    os.path.join("scipy", "integrate", "_ode.py"): "scipy.integrate",
    os.path.join("numpy", "polynomial") + os.sep: "numpy.polynomial",
    os.path.join("numpy", "lib", "_stride_tricks_impl"): "numpy.lib.stride_tricks",
}


def refuse_what_asks() -> None:
    """Raise if the caller that asks for a plain array is a function with a replacement in `INSTEAD`."""
    if (found := _function_to_write_instead()) is not None:
        raise RecordingError(f"{found[0]} does not take recorded arrays; write {found[1]}" + at_line())


def _function_to_write_instead() -> tuple[str, str] | None:
    """The function that asks for a plain array now, and its replacement; None if it has none."""
    frame: Any = sys._getframe(1)
    found = None
    while is_internal(frame.f_code.co_filename) and frame.f_back is not None:
        for name in _functions_of(frame):
            if name == "scipy.special.softmax":
                return None  # it needs nothing but NumPy's functions, which compute with recorded numbers one by one
            if name in INSTEAD:
                found = name, INSTEAD[name]  # the outermost is the one that the user called
        frame = frame.f_back
    return found


def _functions_of(frame: Any) -> Iterator[str]:
    """The full names of the function that runs in a frame, and of the one that a SciPy decorator wraps."""
    for folder, module in _FOLDERS.items():
        if folder in frame.f_code.co_filename:
            name = frame.f_code.co_name
            own = type(frame.f_locals.get("self")).__name__
            yield f"{module}.{own if name in ('__init__', '__call__') else name}"
            yield f"{module}.{own}"
    for variable in ("f", "fun"):
        wrapped = frame.f_locals.get(variable)
        module = str(getattr(wrapped, "__module__", ""))
        if module.startswith(("scipy.linalg", "scipy.special")):
            yield f"{'.'.join(module.split('.')[:2])}.{getattr(wrapped, '__name__', '')}"
