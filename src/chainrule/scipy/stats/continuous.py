"""Twins of continuous distributions.

Each line has the functions of a distribution in standard form: functions of y = (x − loc) / scale and the shapes. N. L. Johnson,
S. Kotz and N. Balakrishnan, Continuous univariate distributions (1994, 1995).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats

from chainrule.array import Array
from chainrule.block import elementwise, singular
from chainrule.blocks.special.table import through
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.stats.distribution import Distribution, entries, within
from chainrule.standins.scipy_functions import plain_values, twin
from chainrule.transforms import stop_gradient

__all__ = ["Continuous"]

LINE = (-math.inf, math.inf)
POSITIVE = (0.0, math.inf)
ROOT = math.log(math.sqrt(2 * math.pi))


class Continuous(Distribution):
    """The twin of a continuous distribution."""

    def logpdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        shapes, loc, scale = self.parsed(args, kwds)
        density = self.formula("logpdf")
        return self._inside((entries(x) - loc) / scale, shapes, lambda y: density(y, *shapes) - np.log(scale), -np.inf)

    def pdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        return np.exp(self.logpdf(x, *args, **kwds))

    def cdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        return self._cumulative(x, args, kwds, self.formula("cdf"), 0.0, 1.0)

    def sf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        return self._cumulative(x, args, kwds, self.formula("sf"), 1.0, 0.0)

    def logcdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        f = self.formulas.get("logcdf") or _log_of(self.formula("cdf"))
        return self._cumulative(x, args, kwds, f, -np.inf, 0.0)

    def logsf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        f = self.formulas.get("logsf") or _log_of(self.formula("sf"))
        return self._cumulative(x, args, kwds, f, 0.0, -np.inf)

    def ppf(self, q: Any, *args: Any, **kwds: Any) -> Any:
        return self._quantile(q, args, kwds, self.formula("ppf"), 0.0)

    def isf(self, q: Any, *args: Any, **kwds: Any) -> Any:
        return self._quantile(q, args, kwds, self.formula("isf"), 1.0)

    def rvs(self, value: Any, *args: Any, size: Any = None, random_state: Any = None, **kwds: Any) -> Any:
        """Random numbers, as a function of loc and scale."""
        shapes, loc, scale = self.parsed(args, kwds)
        if any(type(x) is Array for x in shapes):
            raise RecordingError(
                f"scipy.stats.{self.real.name}.rvs has a derivative by loc and scale, not by the shapes: its algorithm "
                "makes choices by them; write the ppf of uniform random numbers" + at_line()
            )
        plain_loc, plain_scale = plain_values(loc), plain_values(scale)
        return (value - plain_loc) / plain_scale * scale + loc

    rvs.takes_value = True  # type: ignore[attr-defined]

    def median(self, *args: Any, **kwds: Any) -> Any:
        return self.ppf(0.5, *args, **kwds)

    def interval(self, confidence: Any, *args: Any, **kwds: Any) -> Any:
        return self.ppf((1 - confidence) / 2, *args, **kwds), self.ppf((1 + confidence) / 2, *args, **kwds)

    def entropy(self, *args: Any, **kwds: Any) -> Any:
        shapes, _, scale = self.parsed(args, kwds)
        return self.formula("entropy")(*shapes) + np.log(scale)

    def mean(self, *args: Any, **kwds: Any) -> Any:
        shapes, loc, scale = self.parsed(args, kwds)
        return self.formula("mean")(*shapes) * scale + loc

    def var(self, *args: Any, **kwds: Any) -> Any:
        shapes, _, scale = self.parsed(args, kwds)
        return self.formula("var")(*shapes) * scale**2

    def _support(self, shapes: tuple[Any, ...]) -> Any:
        support = self.formulas["support"]
        return support(*shapes) if callable(support) else support

    def _inside(self, y: Any, shapes: Any, f: Callable[[Any], Any], below: Any, above: Any = None) -> Any:
        """f(y) on the support, and constants outside, where the gradient is 0."""
        low, high = self._support(shapes)
        if low is LINE[0] and high is LINE[1]:
            return f(y)
        outside = below if above is None else np.where(y > high, above, below)
        inside = (y >= low) & (y <= high)
        safe = np.where(inside, y, _inner_point(low, high))
        return np.where(inside | np.isnan(y), f(np.where(np.isnan(y), y, safe)), outside)

    def _cumulative(self, x: Any, args: Any, kwds: Any, f: Any, below: Any, above: Any) -> Any:
        shapes, loc, scale = self.parsed(args, kwds)
        return self._inside((entries(x) - loc) / scale, shapes, lambda y: f(y, *shapes), below, above)

    def _quantile(self, q: Any, args: Any, kwds: Any, f: Any, zero: float) -> Any:
        """f(q), the ends of the support where q is 0 or 1 (`zero` is the probability of the lower end), else NaN."""
        shapes, loc, scale = self.parsed(args, kwds)
        q = entries(q)
        low, high = self._support(shapes)
        inside = (q > 0) & (q < 1)
        ends = np.where(q == zero, low, np.where(q == 1 - zero, high, np.nan))
        return np.where(inside, f(np.where(inside, q, 0.5), *shapes), ends) * scale + loc


def _log_of(f: Any) -> Any:
    return lambda y, *shapes: np.log(f(y, *shapes))


def _inner_point(low: Any, high: Any) -> Any:
    """A point of a support."""
    if np.ndim(low) == np.ndim(high) == 0 and not callable(low) and (low == -math.inf or high == math.inf):
        return high - 1.0 if low == -math.inf else low + 1.0
    return stop_gradient(0.5 * (low + high))


def continuous(real: Any, logpdf: Any, support: Any = LINE, **formulas: Any) -> None:
    """Register the twin of a distribution, by its functions in standard form."""
    twin(real)(Continuous(real, {"logpdf": logpdf, "support": support, **formulas}))


def quantile_by_cdf(real: Any, cdf: Any, logpdf: Any, shapes: int) -> Any:
    """The quantile function (ppf) without a closed form: SciPy computes it, its derivative follows from the cdf."""

    def density(xp: Any, y: Any, *xs: Any) -> Any:
        return xp.exp(logpdf(y, *xs))

    def by_shape(i: int) -> Any:
        slope = through(lambda xp, y, *xs: cdf(y, *xs), i + 1)
        return singular(lambda xp, y, q, *xs: -slope(xp, q, y, *xs) / density(xp, y, *xs))

    return elementwise(
        f"{real.name}_ppf",
        lambda xp, q, *xs: real._ppf(q, *xs),
        singular(lambda xp, y, q, *xs: 1 / density(xp, y, *xs)),
        *(by_shape(i) for i in range(shapes)),
        listed=False,
    )


# The distributions ---------------------------------------------------------------------------------------------------

# fmt: off

continuous(
    scipy.stats.norm, lambda y: -0.5 * y**2 - ROOT,
    cdf=sp.ndtr, sf=lambda y: sp.ndtr(-y), logcdf=sp.log_ndtr, logsf=lambda y: sp.log_ndtr(-y),
    ppf=sp.ndtri, isf=lambda q: -sp.ndtri(q), entropy=lambda: ROOT + 0.5, mean=lambda: 0.0, var=lambda: 1.0,
)
continuous(
    scipy.stats.uniform, lambda y: 0.0 * y, (0.0, 1.0),
    cdf=lambda y: y, sf=lambda y: 1 - y, ppf=lambda q: q, isf=lambda q: 1 - q,
    entropy=lambda: 0.0, mean=lambda: 0.5, var=lambda: 1 / 12,
)
continuous(
    scipy.stats.expon, lambda y: -y, POSITIVE,
    cdf=lambda y: -np.expm1(-y), sf=lambda y: np.exp(-y), logsf=lambda y: -y,
    ppf=lambda q: -np.log1p(-q), isf=lambda q: -np.log(q), entropy=lambda: 1.0, mean=lambda: 1.0, var=lambda: 1.0,
)
continuous(
    scipy.stats.gamma, lambda y, a: sp.xlogy(a - 1, y) - y - sp.gammaln(a), POSITIVE,
    cdf=lambda y, a: sp.gammainc(a, y), sf=lambda y, a: sp.gammaincc(a, y),
    ppf=lambda q, a: sp.gammaincinv(a, q), isf=lambda q, a: sp.gammainccinv(a, q),
    entropy=lambda a: a + sp.gammaln(a) + (1 - a) * sp.psi(a), mean=lambda a: a, var=lambda a: a,
)
continuous(
    scipy.stats.chi2, lambda y, df: sp.xlogy(df / 2 - 1, y) - y / 2 - sp.gammaln(df / 2) - df / 2 * math.log(2), POSITIVE,
    cdf=lambda y, df: sp.chdtr(df, y), sf=lambda y, df: sp.chdtrc(df, y),
    ppf=lambda q, df: 2 * sp.gammaincinv(df / 2, q), isf=lambda q, df: sp.chdtri(df, q),
    entropy=lambda df: df / 2 + math.log(2) + sp.gammaln(df / 2) + (1 - df / 2) * sp.psi(df / 2),
    mean=lambda df: df, var=lambda df: 2 * df,
)
continuous(
    scipy.stats.invgamma, lambda y, a: -(a + 1) * np.log(y) - sp.gammaln(a) - 1 / y, POSITIVE,
    cdf=lambda y, a: sp.gammaincc(a, 1 / y), sf=lambda y, a: sp.gammainc(a, 1 / y),
    ppf=lambda q, a: 1 / sp.gammainccinv(a, q), isf=lambda q, a: 1 / sp.gammaincinv(a, q),
    entropy=lambda a: a - (a + 1) * sp.psi(a) + sp.gammaln(a),
    mean=lambda a: np.where(a > 1, 1 / (a - 1), np.inf),
    var=lambda a: np.where(a > 2, 1 / ((a - 1) ** 2 * (a - 2)), np.inf),
)
continuous(
    scipy.stats.beta, lambda y, a, b: sp.xlogy(a - 1, y) + sp.xlog1py(b - 1, -y) - sp.betaln(a, b), (0.0, 1.0),
    cdf=lambda y, a, b: sp.betainc(a, b, y), sf=lambda y, a, b: sp.betaincc(a, b, y),
    ppf=lambda q, a, b: sp.betaincinv(a, b, q), isf=lambda q, a, b: sp.betainccinv(a, b, q),
    entropy=lambda a, b: sp.betaln(a, b) - (a - 1) * sp.psi(a) - (b - 1) * sp.psi(b) + (a + b - 2) * sp.psi(a + b),
    mean=lambda a, b: a / (a + b), var=lambda a, b: a * b / ((a + b) ** 2 * (a + b + 1)),
)
continuous(
    scipy.stats.t,
    lambda y, df: sp.gammaln((df + 1) / 2) - sp.gammaln(df / 2) - 0.5 * np.log(df * math.pi) - (df + 1) / 2 * np.log1p(y**2 / df),
    cdf=lambda y, df: sp.stdtr(df, y), sf=lambda y, df: sp.stdtr(df, -y),
    ppf=lambda q, df: sp.stdtrit(df, q), isf=lambda q, df: -sp.stdtrit(df, q),
    entropy=lambda df: (df + 1) / 2 * (sp.psi((df + 1) / 2) - sp.psi(df / 2)) + 0.5 * np.log(df) + sp.betaln(df / 2, 0.5),
    mean=lambda df: np.where(df > 1, 0.0 * df, np.inf),
    var=lambda df: np.where(df > 2, df / (df - 2), np.where(df > 1, np.inf, np.nan)),
)
continuous(
    scipy.stats.f,
    lambda y, n, m: m / 2 * np.log(m) + n / 2 * np.log(n) + sp.xlogy(n / 2 - 1, y) - (n + m) / 2 * np.log(m + n * y) - sp.betaln(n / 2, m / 2),
    POSITIVE,
    cdf=lambda y, n, m: sp.fdtr(n, m, y), sf=lambda y, n, m: sp.fdtrc(n, m, y),
    ppf=lambda q, n, m: sp.fdtri(n, m, q), isf=lambda q, n, m: sp.fdtri(n, m, 1 - q),
    entropy=lambda n, m: np.log(m) - np.log(n) + sp.betaln(n / 2, m / 2) + (1 - n / 2) * sp.psi(n / 2) - (1 + m / 2) * sp.psi(m / 2) + (n + m) / 2 * sp.psi((n + m) / 2),
    mean=lambda n, m: np.where(m > 2, m / (m - 2), np.inf),
    var=lambda n, m: np.where(m > 4, 2 * m**2 * (n + m - 2) / (n * (m - 2) ** 2 * (m - 4)), np.inf),
)
continuous(
    scipy.stats.lognorm, lambda y, s: -(np.log(y) ** 2) / (2 * s**2) - np.log(s * y) - ROOT, POSITIVE,
    cdf=lambda y, s: sp.ndtr(np.log(y) / s), sf=lambda y, s: sp.ndtr(-np.log(y) / s),
    logcdf=lambda y, s: sp.log_ndtr(np.log(y) / s), logsf=lambda y, s: sp.log_ndtr(-np.log(y) / s),
    ppf=lambda q, s: np.exp(s * sp.ndtri(q)), isf=lambda q, s: np.exp(-s * sp.ndtri(q)),
    entropy=lambda s: 0.5 + ROOT + np.log(s), mean=lambda s: np.exp(s**2 / 2), var=lambda s: np.exp(s**2) * np.expm1(s**2),
)
continuous(
    scipy.stats.cauchy, lambda y: -math.log(math.pi) - np.log1p(y**2),
    cdf=lambda y: np.arctan2(1.0, -y) / math.pi, sf=lambda y: np.arctan2(1.0, y) / math.pi,
    ppf=lambda q: np.tan(math.pi * (q - 0.5)), isf=lambda q: np.tan(math.pi * (0.5 - q)), entropy=lambda: math.log(4 * math.pi),
)
_near, _far = (lambda y: 0.5 * np.exp(-abs(y))), (lambda y: 1 - 0.5 * np.exp(-abs(y)))
_laplace_logcdf = lambda y: np.where(y > 0, np.log1p(-_near(y)), np.minimum(y, 0.0) - math.log(2))  # noqa: E731
_laplace_ppf = lambda q: np.where(q > 0.5, -np.log(2 * np.where(q > 0.5, 1 - q, 0.5)), np.log(2 * q))  # noqa: E731
continuous(
    scipy.stats.laplace, lambda y: -abs(y) - math.log(2),
    cdf=lambda y: np.where(y > 0, _far(y), _near(y)), sf=lambda y: np.where(y > 0, _near(y), _far(y)),
    logcdf=_laplace_logcdf, logsf=lambda y: _laplace_logcdf(-y),
    ppf=_laplace_ppf, isf=lambda q: -_laplace_ppf(q), entropy=lambda: 1 + math.log(2), mean=lambda: 0.0, var=lambda: 2.0,
)
continuous(
    scipy.stats.logistic, lambda y: sp.log_expit(y) + sp.log_expit(-y),
    cdf=sp.expit, sf=lambda y: sp.expit(-y), logcdf=sp.log_expit, logsf=lambda y: sp.log_expit(-y),
    ppf=sp.logit, isf=lambda q: -sp.logit(q), entropy=lambda: 2.0, mean=lambda: 0.0, var=lambda: math.pi**2 / 3,
)
continuous(
    scipy.stats.weibull_min, lambda y, c: np.log(c) + sp.xlogy(c - 1, y) - y**c, POSITIVE,
    cdf=lambda y, c: -np.expm1(-(y**c)), sf=lambda y, c: np.exp(-(y**c)), logsf=lambda y, c: -(y**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c), isf=lambda q, c: (-np.log(q)) ** (1 / c),
    entropy=lambda c: -np.euler_gamma / c - np.log(c) + np.euler_gamma + 1,
    mean=lambda c: sp.gamma(1 + 1 / c), var=lambda c: sp.gamma(1 + 2 / c) - sp.gamma(1 + 1 / c) ** 2,
)
continuous(
    scipy.stats.weibull_max, lambda y, c: np.log(c) + sp.xlogy(c - 1, -y) - (-y) ** c, (-math.inf, 0.0),
    cdf=lambda y, c: np.exp(-((-y) ** c)), sf=lambda y, c: -np.expm1(-((-y) ** c)), logcdf=lambda y, c: -((-y) ** c),
    ppf=lambda q, c: -((-np.log(q)) ** (1 / c)), isf=lambda q, c: -((-np.log1p(-q)) ** (1 / c)),
    entropy=lambda c: -np.euler_gamma / c - np.log(c) + np.euler_gamma + 1,
    mean=lambda c: -sp.gamma(1 + 1 / c), var=lambda c: sp.gamma(1 + 2 / c) - sp.gamma(1 + 1 / c) ** 2,
)
continuous(
    scipy.stats.gumbel_r, lambda y: -y - np.exp(-y),
    cdf=lambda y: np.exp(-np.exp(-y)), sf=lambda y: -np.expm1(-np.exp(-y)), logcdf=lambda y: -np.exp(-y),
    ppf=lambda q: -np.log(-np.log(q)), isf=lambda q: -np.log(-np.log1p(-q)),
    entropy=lambda: np.euler_gamma + 1, mean=lambda: np.euler_gamma, var=lambda: math.pi**2 / 6,
)
continuous(
    scipy.stats.gumbel_l, lambda y: y - np.exp(y),
    cdf=lambda y: -np.expm1(-np.exp(y)), sf=lambda y: np.exp(-np.exp(y)), logsf=lambda y: -np.exp(y),
    ppf=lambda q: np.log(-np.log1p(-q)), isf=lambda q: np.log(-np.log(q)),
    entropy=lambda: np.euler_gamma + 1, mean=lambda: -np.euler_gamma, var=lambda: math.pi**2 / 6,
)
continuous(
    scipy.stats.pareto, lambda y, b: np.log(b) - (b + 1) * np.log(y), (1.0, math.inf),
    cdf=lambda y, b: -np.expm1(-b * np.log(y)), sf=lambda y, b: y**-b, logsf=lambda y, b: -b * np.log(y),
    ppf=lambda q, b: (1 - q) ** (-1 / b), isf=lambda q, b: q ** (-1 / b), entropy=lambda b: 1 + 1 / b - np.log(b),
    mean=lambda b: np.where(b > 1, b / (b - 1), np.inf), var=lambda b: np.where(b > 2, b / ((b - 2) * (b - 1) ** 2), np.inf),
)
continuous(
    scipy.stats.rayleigh, lambda y: np.log(y) - 0.5 * y**2, POSITIVE,
    cdf=lambda y: -np.expm1(-0.5 * y**2), sf=lambda y: np.exp(-0.5 * y**2), logsf=lambda y: -0.5 * y**2,
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)), isf=lambda q: np.sqrt(-2 * np.log(q)),
    entropy=lambda: np.euler_gamma / 2 + 1 - 0.5 * math.log(2), mean=lambda: math.sqrt(math.pi / 2), var=lambda: 2 - math.pi / 2,
)
continuous(
    scipy.stats.halfnorm, lambda y: 0.5 * math.log(2 / math.pi) - 0.5 * y**2, POSITIVE,
    cdf=lambda y: sp.erf(y / math.sqrt(2)), sf=lambda y: 2 * sp.ndtr(-y), logsf=lambda y: math.log(2) + sp.log_ndtr(-y),
    ppf=lambda q: sp.ndtri((1 + q) / 2), isf=lambda q: -sp.ndtri(q / 2),
    entropy=lambda: 0.5 * math.log(math.pi / 2) + 0.5, mean=lambda: math.sqrt(2 / math.pi), var=lambda: 1 - 2 / math.pi,
)


def _log_mass(a: Any, b: Any) -> Any:
    """log(Φ(b) − Φ(a)), in the left tail where both are on the right."""
    right = a > 0
    a, b = np.where(right, -b, a), np.where(right, -a, b)
    return sp.log_ndtr(b) + np.log1p(-np.exp(sp.log_ndtr(a) - sp.log_ndtr(b)))


def _truncated_quantile(q: Any, a: Any, b: Any) -> Any:
    """Φ⁻¹(Φ(a) + q (Φ(b) − Φ(a))), computed in the tail in which a lies."""
    mass = _log_mass(a, b)
    left = sp.ndtri_exp(np.logaddexp(sp.log_ndtr(a), np.log(q) + mass))
    right = -sp.ndtri_exp(np.logaddexp(sp.log_ndtr(-b), np.log1p(-q) + mass))
    return np.where(a < 0, left, right)


def _truncated_entropy(a: Any, b: Any) -> Any:
    mass = _log_mass(a, b)

    def end(x: Any) -> Any:
        x = np.where(np.isinf(x), 0.0, x)
        return x * np.exp(-0.5 * x**2 - ROOT - mass)

    return ROOT + 0.5 + mass + 0.5 * (end(a) - end(b))


def _truncated_mean(a: Any, b: Any) -> Any:
    mass = _log_mass(a, b)
    return np.exp(-0.5 * a**2 - ROOT - mass) - np.exp(-0.5 * b**2 - ROOT - mass)


continuous(
    scipy.stats.truncnorm, lambda y, a, b: -0.5 * y**2 - ROOT - _log_mass(a, b), lambda a, b: (a, b),
    valid=lambda a, b: (within(a, a < b), within(b, a < b)),
    cdf=lambda y, a, b: np.exp(_log_mass(a, y) - _log_mass(a, b)), logcdf=lambda y, a, b: _log_mass(a, y) - _log_mass(a, b),
    sf=lambda y, a, b: np.exp(_log_mass(y, b) - _log_mass(a, b)), logsf=lambda y, a, b: _log_mass(y, b) - _log_mass(a, b),
    ppf=_truncated_quantile, isf=lambda q, a, b: _truncated_quantile(1 - q, a, b),
    entropy=_truncated_entropy, mean=_truncated_mean,
)
_skew_logpdf = lambda y, a: math.log(2) - 0.5 * y**2 - ROOT + sp.log_ndtr(a * y)  # noqa: E731
_skew_cdf = lambda y, a: sp.ndtr(y) - 2 * sp.owens_t(y, a)  # noqa: E731
_skew_ppf = quantile_by_cdf(scipy.stats.skewnorm, _skew_cdf, _skew_logpdf, 1)
continuous(
    scipy.stats.skewnorm, _skew_logpdf, valid=lambda a: (a,),
    cdf=_skew_cdf, sf=lambda y, a: sp.ndtr(-y) + 2 * sp.owens_t(y, a), ppf=_skew_ppf, isf=lambda q, a: -_skew_ppf(q, -a),
    mean=lambda a: math.sqrt(2 / math.pi) * a / np.sqrt(1 + a**2), var=lambda a: 1 - 2 / math.pi * a**2 / (1 + a**2),
)

# fmt: on
