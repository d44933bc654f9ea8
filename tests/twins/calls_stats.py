"""Calls of scipy.stats."""

import numpy as np
import scipy.stats
from scipy import stats
from scipy.stats import multivariate_normal, norm

from . import Call

X = np.array([[0.3, 1.2, 2.1], [0.9, 0.5, 1.7]])
Q = np.array([0.2, 0.45, 0.9])
LOC, SCALE = -0.3, np.array([1.3, 0.8, 1.1])
SHAPES = {
    "norm": (), "uniform": (), "expon": (), "gamma": (2.3,), "beta": (2.3, 1.7), "t": (3.4,), "chi2": (3.4,),
    "f": (3.4, 5.2), "lognorm": (0.7,), "cauchy": (), "laplace": (), "logistic": (), "weibull_min": (1.7,),
    "weibull_max": (1.7,), "gumbel_r": (), "gumbel_l": (), "pareto": (2.6,), "invgamma": (2.6,), "rayleigh": (),
    "halfnorm": (), "truncnorm": (-0.7, 2.4), "skewnorm": (1.4,),
}  # fmt: skip
PLACES = {"uniform": X / 5, "beta": X / 4, "weibull_max": -X, "pareto": 1 + X}


def _calls() -> dict[str, Call]:
    calls = {}
    for name, shapes in SHAPES.items():
        x = PLACES.get(name, X)
        for method in "pdf logpdf cdf sf logcdf logsf".split():

            def f(x, loc, scale, *shapes, name=name, method=method):
                return getattr(getattr(scipy.stats, name), method)(x, *shapes, loc=loc, scale=scale)

            calls[f"{name}.{method}"] = Call(f, (x * SCALE + LOC, LOC, SCALE, *shapes), rtol=3e-7)
        for method in "ppf isf".split():

            def g(q, loc, scale, *shapes, name=name, method=method):
                return getattr(getattr(stats, name), method)(q, *shapes, loc, scale)

            calls[f"{name}.{method}"] = Call(g, (Q, LOC, SCALE, *shapes), rtol=1e-6)
        if name != "skewnorm":
            calls[f"{name}.entropy"] = Call(
                lambda scale, *shapes, name=name: getattr(stats, name).entropy(*shapes, scale=scale), (1.3, *shapes)
            )
        if name != "cauchy":
            calls[f"{name}.mean"] = Call(
                lambda loc, scale, *shapes, name=name: getattr(stats, name).mean(*shapes, loc, scale),
                (LOC, 1.3, *shapes),
            )
    return calls


K = np.array([0, 1, 3, 4])
A = np.array([[0.5, 1.93, 1.2], [1.7, 0.8, 2.65], [0.9, 1.1, 0.3], [2.2, 1.4, 0.7], [1.37, 2.9, 1.64]])
COV = np.array([[1.3, 0.4], [0.4, 0.9]])
CALLS = {
    **_calls(),
    "norm": Call(lambda x, loc, scale: norm(loc, scale).logpdf(x), (X, LOC, SCALE)),
    "norm, without arguments": Call(lambda x: norm.logpdf(x) + norm.logcdf([x[0, 0], 2.0, x[1, 2]]), (X,)),
    "norm.var": Call(lambda s: norm.var(0.0, s) + norm(1.0, s).std() + norm.median(s, s), (1.3,)),
    "norm.interval": Call(lambda s: norm.interval(0.9, 0.2, s), (1.3,)),
    "gamma, outside": Call(lambda x: stats.gamma.logpdf(x, 2.0)[1:] + stats.gamma.cdf(x, 2.0)[1:], (np.array([-1.0, 0.4, 2.0]),)),
    "poisson": Call(lambda mu: stats.poisson(mu).logpmf(K), (1.7,)),
    "poisson.pmf": Call(lambda mu: stats.poisson.pmf(K, mu), (1.7,)),
    "poisson.cdf": Call(lambda mu: stats.poisson.cdf(K, mu) + stats.poisson.logsf(K, mu), (1.7,)),
    "binom": Call(lambda p: stats.binom.logpmf(K, 6, p), (0.3,)),
    "binom.cdf": Call(lambda p: stats.binom.cdf(K, 6, p) + stats.binom.logsf(K, 6, p), (0.3,)),
    "binom.entropy": Call(lambda p: stats.binom.entropy(6, p), (0.3,)),
    "bernoulli": Call(lambda p: stats.bernoulli.pmf(K, p) * 2 + stats.bernoulli.cdf(K, p), (0.3,)),
    "bernoulli.entropy": Call(lambda p: stats.bernoulli.entropy(p), (0.3,)),
    "nbinom": Call(lambda n, p: stats.nbinom.logpmf(K, n, p), (2.4, 0.3)),
    "nbinom.cdf": Call(lambda n, p: stats.nbinom.cdf(K, n, p) + stats.nbinom.sf(K, n, p) ** 2, (2.4, 0.3)),
    "geom": Call(lambda p: stats.geom.logpmf(K + 1, p), (0.3,)),
    "geom.cdf": Call(lambda p: stats.geom.cdf(K + 1, p) + stats.geom.logsf(K + 1, p), (0.3,)),
    "geom.entropy": Call(lambda p: stats.geom.entropy(p), (0.3,)),
    **{
        f"{name}{how}": Call(lambda x, name=name, options=options: getattr(stats, name)(x, **options), (A,))
        for name in "zscore gzscore skew kurtosis gmean hmean sem variation gstd median_abs_deviation iqr entropy describe".split()
        for how, options in {"": {}, ", of an axis": {"axis": 1}, ", of all": {"axis": None}}.items()
    },
    "zmap": Call(lambda x, y: stats.zmap(x, y), (A[:2], A)),
    "skew, without bias": Call(lambda x: stats.skew(x, bias=False, keepdims=True), (A,)),
    "kurtosis, without bias": Call(lambda x: stats.kurtosis(x, bias=False, fisher=False), (A,)),
    "moment": Call(lambda x, c: stats.moment(x, 3, center=c), (A, 0.4)),
    "pmean": Call(lambda x, w: stats.pmean(x, 1.7, axis=None, weights=w), (A, A[::-1].copy())),
    "gmean, weighted": Call(lambda x, w: stats.gmean(x, weights=w), (A, A[::-1].copy())),
    "iqr, scaled": Call(lambda x: stats.iqr(x, rng=(10, 80), scale="normal"), (A,)),
    "median_abs_deviation, scaled": Call(lambda x: stats.median_abs_deviation(x, scale="normal"), (A,)),
    "entropy, relative": Call(lambda p, q: stats.entropy(p, q, base=2), (A, A[::-1].copy())),
    "pearsonr": Call(lambda x, y: tuple(stats.pearsonr(x, y)), (A[:, 0], A[:, 1])),
    "pearsonr, one-sided": Call(lambda x, y: stats.pearsonr(x, y, alternative="less").pvalue, (A[:, 0], A[:, 1])),
    "linregress": Call(lambda x, y: tuple(stats.linregress(x, y)), (A[:, 0], A[:, 1])),
    "linregress, further": Call(lambda x, y: stats.linregress(x, y).intercept_stderr, (A[:, 0], A[:, 1])),
    "ttest_1samp": Call(lambda x, m: tuple(stats.ttest_1samp(x, m)), (A, 1.1)),
    "ttest_rel": Call(lambda x, y: tuple(stats.ttest_rel(x, y, alternative="greater")), (A, A[::-1] + 0.1)),
    "ttest_ind": Call(lambda x, y: tuple(stats.ttest_ind(x, y)), (A, A[::-1] + 0.1)),
    "ttest_ind, of Welch": Call(lambda x, y: stats.ttest_ind(x, y, equal_var=False).statistic, (A, A[1:] + 0.1)),
    "wasserstein_distance": Call(lambda u, v: stats.wasserstein_distance(u, v), (A[0], A[1] + 0.3)),
    "wasserstein_distance, weighted": Call(lambda u, v, w: stats.wasserstein_distance(u, v, w), (A[0], A[1] + 0.3, A[2])),
    "energy_distance": Call(lambda u, v: stats.energy_distance(u, v), (A[0], A[1] + 0.3)),
    "gaussian_kde": Call(lambda d, x: stats.gaussian_kde(d)(x), (A[0], A[1])),
    "gaussian_kde, in two dimensions": Call(lambda d, x: stats.gaussian_kde(d, "silverman").logpdf(x), (A[:2], A[2:4])),
    "gaussian_kde, of plain data": Call(lambda x: stats.gaussian_kde(A[0]).evaluate(x), (A[1],)),
    "multivariate_normal": Call(lambda x, m, c: multivariate_normal.logpdf(x, m, c @ c.T), (X.T, X[0, :2], COV)),
    "multivariate_normal, frozen": Call(lambda x, m, c: multivariate_normal(m, c @ c.T).pdf(x), (X[0, :2], X[1, :2], COV)),
    "multivariate_normal.entropy": Call(lambda c: multivariate_normal(np.zeros(2), c @ c.T).entropy(), (COV,)),
    "multivariate_normal, of a number": Call(lambda x, c: multivariate_normal.logpdf(x, 0.3, c), (X[0], 1.3)),
}  # fmt: skip
