"""Calls of scipy.interpolate."""

import numpy as np
import scipy.interpolate
from scipy import interpolate
from scipy.interpolate import (
    BarycentricInterpolator,
    CubicSpline,
    RBFInterpolator,
    RegularGridInterpolator,
    barycentric_interpolate,
    interp1d,
)

from . import Call

X = np.array([0.0, 0.7, 1.5, 2.6, 3.1, 4.2])
Y = np.array([0.4, 1.3, 0.9, -0.5, 0.2, 1.1])
YY = np.stack([Y, np.cos(Y), Y**2 - 0.3])
AT = np.array([0.31, 1.77, 2.9, 3.6])
Z = np.sin(np.arange(30.0)).reshape(6, 5)
V = np.array([0.0, 0.9, 1.4, 2.2, 3.3])
SQUARE = np.array([[0.0, 0.0], [1.1, 0.1], [0.2, 1.3], [1.4, 1.2], [0.6, 0.55]])
INSIDE = np.array([[0.3, 0.4], [0.9, 0.8]])
spline = CubicSpline(X, Y)
line = interp1d(X, Y)
smooth = interpolate.UnivariateSpline(X, Y, s=0.1)


class Model:
    """It keeps what it interpolates."""

    def __init__(self):
        self.table = interp1d(X, Y, kind="cubic")

    def predict(self, x):
        return self.table(x) ** 2


model = Model()


def _splines():
    calls = {}
    for name in ("CubicSpline", "PchipInterpolator", "Akima1DInterpolator"):
        calls[name] = Call(lambda x, y, at, name=name: getattr(interpolate, name)(x, y)(at), (X, Y, AT), rtol=1e-6)
        calls[f"{name}, of an axis"] = Call(
            lambda y, at, name=name: getattr(interpolate, name)(X, y, axis=1)(at, 1), (YY, AT), rtol=1e-6
        )
    return calls


PLACES = np.random.default_rng(3).random((7, 2))
XI = np.cos(np.linspace(0, 3, 7))
D = np.random.default_rng(4).normal(size=7)
RBF = RBFInterpolator(PLACES, D, kernel="gaussian", epsilon=1.5)
BARYCENTRIC = BarycentricInterpolator(XI, np.stack([D, D**2], axis=1))

CALLS = {
    **_splines(),
    "CubicSpline, clamped": Call(lambda y, at: CubicSpline(X, y, bc_type="clamped")(at), (Y, AT)),
    "CubicSpline, natural": Call(lambda x, y: CubicSpline(x, y, bc_type="natural").derivative()(AT), (X, Y)),
    "CubicSpline, with slopes": Call(lambda y, s: CubicSpline(X, y, bc_type=((1, s), (2, 0.3)))(AT), (Y, 0.4)),
    "CubicSpline, periodic": Call(lambda y: CubicSpline(X, np.append(y, y[0]), bc_type="periodic")(AT + 3.0), (Y[:5],)),
    "CubicSpline, of three": Call(lambda y: CubicSpline(X[:3], y)([0.2, 1.0]), (Y[:3],)),
    "CubicSpline, integral": Call(
        lambda y, b: CubicSpline(X, y).integrate(0.3, b) + CubicSpline(X, y).antiderivative()(b), (Y, 2.2)
    ),
    "CubicSpline, of plain values": Call(lambda at: spline(at) + spline.derivative()(at) * line(at), (AT,)),
    "CubicHermiteSpline": Call(lambda x, y, d: interpolate.CubicHermiteSpline(x, y, d)(AT), (X, Y, np.cos(Y))),
    "PPoly": Call(lambda c, x: interpolate.PPoly(c, X)(x, 1), (Z[:4], AT)),
    "interp1d": Call(lambda x, y, at: interp1d(x, y)(at), (X, Y, AT)),
    "interp1d, cubic": Call(lambda x, y, at: scipy.interpolate.interp1d(x, y, kind="cubic")(at), (X, Y, AT), rtol=1e-6),
    "interp1d, quadratic": Call(lambda y, at: interp1d(X, y, kind="quadratic", axis=1)(at), (YY, AT)),
    "interp1d, nearest": Call(lambda y: interp1d(X, y, kind="nearest")(AT), (Y,)),
    "interp1d, previous": Call(lambda y: interp1d(X, y, kind="previous")(AT), (Y,)),
    "interp1d, next": Call(lambda y: interp1d(X, y, kind="next")(AT), (Y,)),
    "interp1d, beyond": Call(
        lambda y, at: (
            interp1d(X, y, fill_value="extrapolate")(at) + interp1d(X, y, bounds_error=False, fill_value=(0.1, 0.2))(at)
        ),
        (Y, np.array([-1.0, 0.5, 7.0])),
    ),
    "interp1d, of a number": Call(lambda at: interp1d(X, Y)(at), (1.2,)),
    "interp1d, an attribute": Call(lambda at: model.predict(at), (AT,)),
    "BSpline": Call(
        lambda t, c, x: interpolate.BSpline(t, c, 2)(x),
        (np.array([0.0, 0.2, 0.9, 1.4, 2.2, 2.9, 3.8, 4.4, 5.0]), Y, AT[:2]),
    ),
    "BSpline, its derivative": Call(
        lambda c, x: (
            interpolate.BSpline(np.arange(10.0), c, 3).derivative()(x)
            + interpolate.BSpline(np.arange(10.0), c, 3)(x, 2)
        ),
        (Y, AT[2:] + 1),
    ),
    "BSpline, its integral": Call(
        lambda c, b: interpolate.BSpline(np.arange(10.0), c, 3).antiderivative()(b), (Y, 4.3)
    ),
    "make_interp_spline": Call(lambda x, y, at: interpolate.make_interp_spline(x, y)(at), (X, Y, AT), rtol=1e-6),
    "make_interp_spline, natural": Call(
        lambda y, at: interpolate.make_interp_spline(X, y, k=3, bc_type="natural")(at), (Y, AT)
    ),
    "make_interp_spline, of degree 2": Call(
        lambda x, y: interpolate.make_interp_spline(x, y, k=2)(AT), (X, Y), rtol=1e-6
    ),
    "make_lsq_spline": Call(
        lambda y, at: interpolate.make_lsq_spline(X, y, [0, 0, 0, 2.0, 4.2, 4.2, 4.2], k=2)(at), (Y, AT)
    ),
    "splrep": Call(lambda y, at: interpolate.splev(at, interpolate.splrep(X, y, s=0)), (Y, AT)),
    "splev": Call(lambda at: interpolate.splev(at, interpolate.splrep(X, Y, s=0), der=1), (AT,)),
    "splint": Call(lambda y, b: interpolate.splint(0.2, b, interpolate.splrep(X, y, s=0)), (Y, 2.2)),
    "UnivariateSpline, through all values": Call(lambda y, at: interpolate.UnivariateSpline(X, y, s=0)(at), (Y, AT)),
    "make_smoothing_spline": Call(lambda y, at: interpolate.make_smoothing_spline(X, y, lam=0.3)(at), (Y, AT)),
    "UnivariateSpline": Call(lambda at: smooth(at) + smooth(at, 1), (AT,)),
    "InterpolatedUnivariateSpline": Call(lambda y, at: interpolate.InterpolatedUnivariateSpline(X, y)(at), (Y, AT)),
    "RegularGridInterpolator": Call(
        lambda x, v, z, at: RegularGridInterpolator((x, v), z)(at), (X, V, Z, np.array([[0.5, 1.0], [2.0, 2.9]]))
    ),
    "RegularGridInterpolator, beyond": Call(
        lambda z, at: RegularGridInterpolator((X, V), z, bounds_error=False, fill_value=None)(at),
        (Z, np.array([[-0.5, 1.0], [2.0, 2.9]])),
    ),
    "RegularGridInterpolator, nearest": Call(
        lambda z: RegularGridInterpolator((X, V), z, method="nearest")([[0.5, 1.0], [2.0, 2.9]]), (Z,)
    ),
    "interpn": Call(
        lambda z, a, b: interpolate.interpn((X, V), z, (a, b), bounds_error=False, fill_value=0.0),
        (Z, AT[:2], np.array([1.1, 9.0])),
    ),
    "RectBivariateSpline": Call(
        lambda z, x, y: interpolate.RectBivariateSpline(X, V, z).ev(x, y), (Z, AT[:2], V[1:3] + 0.1)
    ),
    "RectBivariateSpline, on a grid": Call(
        lambda z, x, y: interpolate.RectBivariateSpline(X, V, z, kx=2)(x, y, dx=1), (Z, AT[:2], V[1:3] + 0.1)
    ),
    "LinearNDInterpolator": Call(
        lambda at: interpolate.LinearNDInterpolator(SQUARE, Y[:5])(at), (INSIDE,), second=False, slow=True
    ),
    "griddata": Call(lambda v: interpolate.griddata(SQUARE, v, INSIDE), (Y[:5],), slow=True),
    **{
        f"RBFInterpolator, {kernel}": Call(
            lambda y, d, x, kernel=kernel: RBFInterpolator(y, d, kernel=kernel, epsilon=0.7, smoothing=0.1)(x),
            (PLACES, D, PLACES[:3] + 0.1),
            slow=True,
        )
        for kernel in (
            "linear",
            "thin_plate_spline",
            "cubic",
            "quintic",
            "multiquadric",
            "inverse_multiquadric",
            "inverse_quadratic",
            "gaussian",
        )
    },
    "RBFInterpolator": Call(lambda d: RBFInterpolator(PLACES, d)(PLACES), (D,)),
    "RBFInterpolator, of two values": Call(
        lambda d: RBFInterpolator(PLACES, np.stack([d, d**2], axis=1), degree=2, kernel="cubic")([[0.3, 0.4]]), (D,)
    ),
    "RBFInterpolator, made before": Call(lambda x: RBF(x), (PLACES[:2] + 0.1,)),
    "BarycentricInterpolator": Call(lambda xi, yi, x: BarycentricInterpolator(xi, yi, rng=0)(x), (XI, D, XI[:3] + 0.1)),
    "BarycentricInterpolator, at the points": Call(lambda yi, x: BarycentricInterpolator(XI, yi, rng=0)(x), (D, XI)),
    "BarycentricInterpolator, along an axis": Call(
        lambda yi: BarycentricInterpolator(XI, np.stack([yi, yi**2]), axis=1, rng=0)([[0.2, 0.4, 0.9]]), (D,)
    ),
    "BarycentricInterpolator, made before": Call(lambda x: BARYCENTRIC(x), (XI[:3] + 0.1,)),
    "barycentric_interpolate": Call(lambda yi, x: barycentric_interpolate(XI, yi, x, rng=0), (D, np.array(0.4))),
}
