"""Calls of scipy.ndimage."""

from typing import Any

import numpy as np
import scipy.ndimage

from . import Call

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5))
K = RNG.normal(size=(3, 2))
V = RNG.normal(size=4)
CUBE = RNG.normal(size=(4, 2, 3))
C = np.array([[0.3, 1.7, 2.2, -0.6, 3.4], [1.1, 3.3, 0.4, 4.7, -1.3]])
LABELS = np.array([[0, 1, 1, 2, 2], [3, 1, 0, 2, 2], [3, 3, 1, 1, 0], [0, 3, 1, 2, 4]])
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 1]])
M = np.array([[0.9, 0.2], [-0.15, 1.1]])
MODES = "reflect nearest mirror wrap".split()


def _of(name: str, *args: Any, **options: Any) -> Call:
    return Call(lambda *xs: getattr(scipy.ndimage, name)(*xs, **options), args)


def _labelled(name: str, **options: Any) -> Call:
    return Call(lambda x: getattr(scipy.ndimage, name)(x, LABELS, **options), (X,))


CALLS: dict[str, Call] = {
    "convolve": _of("convolve", X, K),
    "convolve1d": _of("convolve1d", X, V, axis=0),
    "correlate": _of("correlate", X, K),
    "correlate1d": _of("correlate1d", X, V),
    **{f"correlate, {mode}": _of("correlate", X, K, mode=mode, origin=(1, -1)) for mode in MODES},
    **{f"convolve, {mode}": _of("convolve", X, K, mode=mode, origin=(-1, 0)) for mode in MODES},
    "convolve, constant": _of("convolve", X, K, mode="constant", cval=2.0),
    "uniform_filter1d": _of("uniform_filter1d", X, size=4, axis=0),
    "uniform_filter": _of("uniform_filter", X, size=(2, 3), mode=["wrap", "mirror"]),
    "gaussian_filter1d": Call(lambda x, s: scipy.ndimage.gaussian_filter1d(x, s, axis=0), (X, 0.8)),
    "gaussian_filter": Call(lambda x, s: scipy.ndimage.gaussian_filter(x, s, order=(1, 0)), (X, 0.8)),
    "gaussian_filter, third order": Call(lambda x, s: scipy.ndimage.gaussian_filter1d(x, s, order=3), (X, 1.1)),
    "gaussian_filter, of two": _of("gaussian_filter", X, sigma=(0.5, 2), mode="nearest", radius=3),
    "gaussian_laplace": Call(lambda x, s: scipy.ndimage.gaussian_laplace(x, s), (X, 0.8)),
    "gaussian_gradient_magnitude": _of("gaussian_gradient_magnitude", X, sigma=0.7),
    "generic_filter": Call(
        lambda x, a: scipy.ndimage.generic_filter(
            x, lambda w: np.sum(w**2) + a * np.max(w), size=(2, 3), mode="wrap", origin=(0, 1)
        ),
        (X, 0.7),
    ),
    "generic_filter, constant": Call(
        lambda x, c: scipy.ndimage.generic_filter(x, np.std, footprint=[[0, 1, 1]], mode="constant", cval=c), (X, 0.4)
    ),
    "prewitt": _of("prewitt", X),
    "sobel": _of("sobel", X, axis=0, mode="wrap"),
    "laplace": _of("laplace", X, mode="nearest"),
    **{
        f"fourier_{name}": Call(
            lambda x, y, name=name: getattr(scipy.ndimage, f"fourier_{name}")(x + 1j * y, [1.2, 2.0]),
            (X, X[::-1].copy()),
        )
        for name in "gaussian uniform ellipsoid shift".split()
    },
    "gaussian_gradient_magnitude, along one axis": _of("gaussian_gradient_magnitude", X, sigma=0.7, axes=(1,)),
    "correlate, axes in another order": _of("correlate", CUBE, K, axes=(2, 0), origin=(-1, 0)),
    "convolve, axes in another order": _of("convolve", CUBE, K, axes=(2, 0), origin=(0, -1)),
    "median_filter, along some axes": _of("median_filter", CUBE, footprint=CROSS, axes=(2, 0)),
    # Ranks and morphology
    "minimum_filter": _of("minimum_filter", X, size=3),
    "maximum_filter": _of("maximum_filter", X, footprint=CROSS, mode="constant", cval=0.1),
    "minimum_filter1d": _of("minimum_filter1d", X, size=3, axis=0),
    "maximum_filter1d": _of("maximum_filter1d", X, size=2, mode="mirror", origin=-1),
    "median_filter": _of("median_filter", X, size=3),
    "median_filter, even": _of("median_filter", X, size=(2, 4), mode="nearest"),
    "rank_filter": _of("rank_filter", X, rank=-2, size=3),
    "percentile_filter": _of("percentile_filter", X, percentile=30, footprint=CROSS),
    "grey_erosion": _of("grey_erosion", X, size=(3, 2)),
    "grey_dilation": _of("grey_dilation", X, size=(3, 2)),
    "grey_dilation, by a structure": Call(lambda x, s: scipy.ndimage.grey_dilation(x, structure=s), (X, K)),
    "grey_erosion, by a structure": Call(lambda x, s: scipy.ndimage.grey_erosion(x, structure=s), (X, K)),
    "grey_opening": _of("grey_opening", X, size=2),
    "grey_closing": _of("grey_closing", X, size=(2, 3)),
    "morphological_gradient": _of("morphological_gradient", X, size=3),
    "morphological_laplace": _of("morphological_laplace", X, size=(3, 2)),
    "white_tophat": _of("white_tophat", X, size=2),
    "black_tophat": _of("black_tophat", X, size=3),
    # Interpolation
    "spline_filter1d": _of("spline_filter1d", X, order=4),
    "spline_filter": _of("spline_filter", X, mode="reflect"),
    "map_coordinates": _of("map_coordinates", X, C),
    **{
        f"map_coordinates, order {order}, {mode}": _of("map_coordinates", X, C, order=order, mode=mode, cval=0.3)
        for order, mode in [
            *zip((2, 3, 4, 5), MODES, strict=True),
            *(
                (order, mode)
                for order in (1, 3)
                for mode in ("grid-wrap", "grid-constant", "constant", "nearest", "wrap")
            ),
        ]
    },
    "map_coordinates, order 0": Call(lambda x: scipy.ndimage.map_coordinates(x, C, order=0, mode="nearest"), (X,)),
    "map_coordinates, what is around": Call(
        lambda x, v: [
            scipy.ndimage.map_coordinates(x, C - 0.5, cval=v, mode=mode, order=2)
            for mode in ("constant", "grid-constant")
        ],
        (X, 0.0),
    ),
    "correlate, what is around": Call(lambda x, v: scipy.ndimage.correlate(x, K, mode="constant", cval=v), (X, 0.0)),
    "maximum_filter, what is around": Call(
        lambda x, v: scipy.ndimage.maximum_filter(x, 3, mode="constant", cval=v), (X, 0.7)
    ),
    "gaussian_filter, of two widths": Call(lambda x, s: scipy.ndimage.gaussian_filter(x, [s, 2 * s]), (X, 0.6)),
    "map_coordinates, far outside": Call(
        lambda x: scipy.ndimage.map_coordinates(x, 4 * C - 7, mode="nearest", prefilter=False), (X,)
    ),
    "affine_transform": _of("affine_transform", X, M, V[:2]),
    "affine_transform, homogeneous": _of("affine_transform", X, np.c_[M, V[:2]], mode="mirror"),
    "affine_transform, of a diagonal": _of("affine_transform", X, np.array([0.8, 1.3]), output_shape=(3, 4), order=1),
    "shift": _of("shift", X, np.array([0.3, -1.2]), mode="reflect"),
    "shift, by one number": Call(lambda x, s: scipy.ndimage.shift(x, s, order=1, cval=1.0), (X, 0.4)),
    "zoom": _of("zoom", X, zoom=1.6),
    "zoom, of a grid": _of("zoom", X, zoom=(2, 0.7), mode="grid-wrap", grid_mode=True, order=2),
    "rotate": Call(lambda x, a: scipy.ndimage.rotate(x, a), (X, 33.0)),
    "rotate, in its shape": Call(
        lambda x, a: scipy.ndimage.rotate(x, a, axes=(0, 2), reshape=False, order=1, mode="nearest"),
        (RNG.normal(size=(3, 2, 4)), 20.0),
    ),
    # Measurements
    **{
        name: _labelled(name, index=[1, 3, 2])
        for name in "sum sum_labels mean variance standard_deviation minimum maximum median extrema".split()
    },
    "center_of_mass": Call(lambda x: scipy.ndimage.center_of_mass(x + 3, LABELS, [3, 1]), (X,)),
    "center_of_mass, of all": Call(lambda x: scipy.ndimage.center_of_mass(x + 3), (X,)),
    "mean, of one label": _labelled("mean", index=2),
    "variance, of all labels": _labelled("variance"),
    "sum_labels, of all": _of("sum_labels", X),
    "median, of a table of labels": _labelled("median", index=[[1, 3], [3, 2]]),
}
