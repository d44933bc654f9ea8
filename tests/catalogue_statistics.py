"""Cases of averages, covariances, counts in bins, and quantiles; the references are their definitions in torch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import apart, normal, positive, probabilities

FREQUENCIES = np.array([1, 3, 2, 1])
IMPORTANCE = np.array([0.5, 1.5, 1.0, 0.7])
HOLES = np.array([[0.0, np.nan, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, np.nan]])

# Averages and covariances ------------------------------------------------------------------------------------

AVERAGES = [
    Case("average", np.average, torch.mean, (normal(2, 3),)),
    Case(
        "average with weights",
        lambda x, w: np.average(x, weights=w),
        lambda x, w: (x * w).sum() / w.sum(),
        (normal(2, 3), positive(2, 3)),
    ),
    Case(
        "average with weights of an axis",
        lambda x, w: np.average(x, axis=0, weights=w),
        lambda x, w: (w[:, None] * x).sum(0) / w.sum(),
        (normal(2, 3), positive(2)),
    ),
    Case(
        "average with weights of two axes, in their order",
        lambda x, w: np.average(x, axis=(2, 0), weights=w, keepdims=True),
        lambda x, w: (w.T[:, None] * x).sum((0, 2), keepdim=True) / w.sum(),
        (normal(2, 3, 2), positive(2, 2)),
    ),
    Case(
        "average and the sum of its weights",
        lambda x, w: np.multiply(*np.average(x, axis=1, weights=w, returned=True)),
        lambda x, w: (x * w).sum(1),
        (normal(2, 3), positive(2, 3)),
    ),
    Case("cov", np.cov, lambda x: torch.cov(x), (normal(3, 5),)),
    Case("cov of a vector", np.cov, lambda x: torch.cov(x), (normal(5),)),
    Case("cov of columns", lambda x: np.cov(x, rowvar=False), lambda x: torch.cov(x.T), (normal(5, 3),)),
    Case("cov bias", lambda x: np.cov(x, bias=True), lambda x: torch.cov(x, correction=0), (normal(3, 5),)),
    Case("cov ddof=2", lambda x: np.cov(x, ddof=2), lambda x: torch.cov(x, correction=2), (normal(2, 5),)),
    Case("cov of two", np.cov, lambda x, y: torch.cov(torch.stack([x, y])), (normal(4), normal(4))),
    Case(
        "cov with frequencies and weights",
        lambda x: np.cov(x, fweights=FREQUENCIES, aweights=IMPORTANCE),
        lambda x: torch.cov(x, fweights=tensor(FREQUENCIES), aweights=tensor(IMPORTANCE)),
        (normal(3, 4),),
    ),
    Case(
        "cov with recorded weights",
        lambda x, w: np.cov(x, aweights=np.real(w)),
        lambda x, w: _torch_weighted_cov(x, w.real),
        (normal(2, 4), positive(4)),
    ),
    Case("corrcoef", lambda x: np.corrcoef(x)[0], lambda x: torch.corrcoef(x)[0], (normal(3, 5),)),
    Case(
        "corrcoef of two",
        lambda x, y: np.corrcoef(x, y)[0, 1],
        lambda x, y: torch.corrcoef(torch.stack([x, y]))[0, 1],
        (normal(5), normal(5)),
    ),
]


def _torch_weighted_cov(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    x = x - (x * w).sum(1, keepdim=True) / w.sum()
    return (x * w) @ x.mH / (w.sum() - (w * w).sum() / w.sum())


# Bins --------------------------------------------------------------------------------------------------------

PLACES = np.array([0.1, 0.9, 0.4, 0.4, 1.0, -0.3, 0.75, 0.5])
EDGES = np.array([0.0, 0.4, 0.5, 1.0])


def _by_bin(bins: np.ndarray, n: int) -> Any:
    """Sums of weights by the number of their bin; those of bin −1 are left out."""
    return lambda w: torch.stack([w[tensor(bins == i)].sum() for i in range(n)])


BIN_OF_PLACE = np.array([0, 2, 1, 1, 2, -1, 2, 2])

BINS = [
    Case(
        "bincount",
        lambda w: np.bincount([2, 0, 2, 1], weights=np.real(w), minlength=5),
        lambda w: _by_bin(np.array([2, 0, 2, 1]), 5)(w.real),
        (normal(4),),
    ),
    Case(
        "histogram of weights",
        lambda w: np.histogram(PLACES, EDGES, weights=w)[0] * np.arange(1.0, 4.0),
        lambda w: _by_bin(BIN_OF_PLACE, 3)(w) * torch.arange(1, 4),
        (normal(8),),
    ),
    Case(
        "histogram of weights in equal bins",
        lambda w: np.histogram(PLACES, 4, range=(0, 1), weights=w)[0],
        _by_bin(np.array([0, 3, 1, 1, 3, -1, 3, 2]), 4),
        (normal(8),),
    ),
    Case(
        "histogram of weights, as a density",
        lambda w: np.histogram(PLACES, EDGES, weights=w, density=True)[0],
        lambda w: _by_bin(BIN_OF_PLACE, 3)(w) / tensor(np.diff(EDGES)) / _by_bin(BIN_OF_PLACE, 3)(w).sum(),
        (positive(8),),
    ),
    Case(
        "histogram's edges move with the extremes",
        lambda x: np.histogram(x, 3)[1],
        lambda x: x.min() + (x.max() - x.min()) * torch.arange(4) / 3,
        (apart(6),),
    ),
    Case(
        "histogram_bin_edges",
        lambda x: np.histogram_bin_edges(x, 2) * np.array([1.0, 2.0, 3.0]),
        lambda x: torch.stack([x.min(), x.min() + x.max(), 3 * x.max()]),
        (apart(2, 3),),
    ),
    Case(
        "histogram2d of weights",
        lambda w: np.histogram2d([0.1, 0.9, 0.9], [0.2, 0.2, 1.0], bins=2, range=[[0, 1], [0, 1]], weights=np.real(w))[
            0
        ],
        lambda w: torch.stack([w[0], w[0] * 0, w[1], w[2]]).real.reshape(2, 2),
        (normal(3),),
    ),
    Case(
        "histogramdd of weights, as a density",
        lambda w: np.histogramdd(
            np.array([[0.1, 0.2], [1.9, 0.2], [1.9, 1.0]]), ([0, 1, 2], [0, 1]), weights=np.real(w), density=True
        )[0],
        lambda w: torch.stack([w[0], w[1] + w[2]]).real[:, None] / w.real.sum(),
        (positive(3),),
    ),
]

# Quantiles ---------------------------------------------------------------------------------------------------

BETWEEN = {"linear": "linear", "lower": "lower", "higher": "higher", "midpoint": "midpoint", "nearest": "nearest"}

FROM_SAMPLE = {
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
    "interpolated_inverted_cdf": (0.0, 1.0),
}
"""α and β of R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages (1996).

The position among n entries, counted from 0, is α + q (n + 1 − α − β) − 1.
"""


def _torch_hyndman_fan(q: float, alpha: float, beta: float) -> Any:
    def of(x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        position = min(max(alpha + q * (n + 1 - alpha - beta) - 1, 0.0), n - 1.0)
        below = int(position)
        ordered = torch.sort(x, -1).values
        return torch.lerp(ordered[..., below], ordered[..., min(below + 1, n - 1)], position - below)

    return of


QUANTILES = [
    Case(
        f"quantile {q} {method}",
        lambda x, q=q, method=method: np.quantile(x, q, axis=1, method=method),
        lambda x, q=q, how=how: torch.quantile(x, q, dim=1, interpolation=how),
        (apart(2, 5),),
    )
    for q, (method, how) in itertools.product([0.3, 0.62], BETWEEN.items())
]
QUANTILES += [
    Case(
        f"quantile {q} {method}",
        lambda x, q=q, method=method: np.quantile(x, q, axis=1, method=method),
        _torch_hyndman_fan(q, *parameters),
        (apart(2, 5),),
    )
    for q, (method, parameters) in itertools.product([0.05, 0.37, 0.9], FROM_SAMPLE.items())
]
QUANTILES += [
    Case(
        f"quantile {method}",
        lambda x, method=method: np.quantile(x, 0.4, axis=-1, method=method),
        lambda x, picked=picked: torch.sort(x, -1).values[..., picked].mean(-1),
        (apart(2, 5),),
    )
    for method, picked in [("inverted_cdf", [1]), ("averaged_inverted_cdf", [1, 2]), ("closest_observation", [1])]
]


def _row_by_row(f: Any) -> Any:
    """The function of what is not NaN in each row."""
    return lambda x: torch.stack([f(row[~tensor(hole)]) for row, hole in zip(x, np.isnan(HOLES), strict=True)])


QUANTILES += [
    Case(
        "nanmedian",
        lambda x: np.nanmedian(x + HOLES, axis=1),
        _row_by_row(lambda row: torch.quantile(row, 0.5)),
        (apart(3, 4),),
    ),
    Case(
        "nanquantile",
        lambda x: np.nanquantile(x + HOLES, [0.3, 0.8], axis=1, keepdims=True),
        lambda x: torch.stack([_row_by_row(lambda row, q=q: torch.quantile(row, q))(x)[:, None] for q in (0.3, 0.8)]),
        (apart(3, 4),),
    ),
    Case(
        "nanpercentile of all",
        lambda x: np.nanpercentile(x + HOLES, 40.0, method="midpoint"),
        lambda x: torch.quantile(x[tensor(~np.isnan(HOLES))], 0.4, interpolation="midpoint"),
        (apart(3, 4),),
    ),
    Case(
        "nanquantile without NaN",
        lambda x: np.nanquantile(x, 0.3, axis=0),
        lambda x: torch.quantile(x, 0.3, dim=0),
        (apart(4, 2),),
    ),
    Case(
        "quantile at a recorded q",
        lambda x, q: np.quantile(x, q, axis=0),
        lambda x, q: torch.quantile(x, q, dim=0),
        (apart(4, 2), probabilities(3)),
    ),
    Case(
        "percentile at a recorded q",
        lambda x, q: np.percentile(x, 30 * q),
        lambda x, q: torch.quantile(x, 0.3 * q),
        (apart(5), positive()),
    ),
    Case(
        "quantile with weights",
        lambda x: np.quantile(x, 0.5, axis=0, method="inverted_cdf", weights=[0.0, 1.0, 0.0, 0.0]),
        lambda x: x[1],
        (apart(4, 2),),
    ),
    Case(
        "quantile with weights as counts",
        lambda x: np.quantile(x, 0.35, method="inverted_cdf", weights=FREQUENCIES),
        lambda x: torch.quantile(torch.repeat_interleave(x, tensor(FREQUENCIES)), 0.35, interpolation="lower"),
        (apart(4),),
    ),
    Case(
        "sort_complex",
        lambda x: abs(np.sort_complex(x) - 1j),
        lambda x: abs(torch.sort(x).values - 1j),
        (apart(4),),
    ),
]

QUANTILES = [
    Case(
        case.name,
        lambda *xs, f=case.f: f(*(np.real(x) for x in xs)),
        lambda *xs, g=case.torch: g(*(x.real for x in xs)),
        case.operands,
    )
    for case in QUANTILES
]
"""Complex numbers have no order, so their real parts are taken."""

STATISTICS_CASES = [*AVERAGES, *BINS, *QUANTILES]
"""All cases of this family."""
