"""Twins of discrete distributions. The number k has no gradient: it is an integer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats

from chainrule.scipy.stats.distribution import Distribution, entries, plain_number, within
from chainrule.standins.scipy_functions import twin

__all__ = ["Discrete"]


class Discrete(Distribution):
    """The twin of a discrete distribution; its formulas are functions of k − loc and the shapes.

    The formula `product` tells where a parameter is at an end of its range, and gives the probability there as a
    product of powers, whose derivative is finite although the logarithm is not.
    """

    def logpmf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        shapes, k = self._standard(k, args, kwds)
        low, high = self._support(shapes)
        inside = (k >= low) & (k <= high) & (k == np.floor(k))
        return np.where(inside | np.isnan(k), self.formula("logpmf")(np.where(inside, k, low), *shapes), -np.inf)

    def pmf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        probability = np.exp(self.logpmf(k, *args, **kwds))
        if "product" not in self.formulas:
            return probability
        shapes, k = self._standard(k, args, kwds)
        low, high = self._support(shapes)
        inside = (k >= low) & (k <= high) & (k == np.floor(k))
        at_end, product = self.formulas["product"](np.where(inside, k, low), *shapes)
        return np.where(inside & at_end, product, probability)

    def cdf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        return self._cumulative(k, args, kwds, self.formula("cdf"), 0.0, 1.0)

    def sf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        return self._cumulative(k, args, kwds, self.formula("sf"), 1.0, 0.0)

    def logcdf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        return np.log(self.cdf(k, *args, **kwds))

    def logsf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        f = self.formulas.get("logsf") or (lambda k, *shapes: np.log(self.formula("sf")(k, *shapes)))
        return self._cumulative(k, args, kwds, f, 0.0, -np.inf)

    def ppf(self, q: Any, *args: Any, **kwds: Any) -> Any:
        plain = {name: plain_number(x) for name, x in kwds.items()}
        return self.real.ppf(plain_number(q), *map(plain_number, args), **plain)

    def entropy(self, *args: Any, **kwds: Any) -> Any:
        shapes, _, _ = self.parsed(args, kwds)
        return self.formula("entropy")(*shapes)

    def mean(self, *args: Any, **kwds: Any) -> Any:
        shapes, loc, _ = self.parsed(args, kwds)
        return self.formula("mean")(*shapes) + loc

    def var(self, *args: Any, **kwds: Any) -> Any:
        shapes, _, _ = self.parsed(args, kwds)
        return self.formula("var")(*shapes)

    def _standard(self, k: Any, args: Any, kwds: Any) -> tuple[tuple[Any, ...], Any]:
        shapes, loc, _ = self.parsed(args, kwds)
        return shapes, plain_number(entries(k)) - plain_number(loc)

    def _support(self, shapes: Any) -> Any:
        return self.formulas["support"](*shapes)

    def _cumulative(self, k: Any, args: Any, kwds: Any, f: Any, below: float, above: float) -> Any:
        shapes, k = self._standard(k, args, kwds)
        low, high = self._support(shapes)
        inside = (k >= low) & (k < high)
        outside = np.where(k >= high, above, np.where(k < low, below, np.nan))
        return np.where(inside, f(np.where(inside, np.floor(k), low), *shapes), outside)


def discrete(real: Any, logpmf: Any, support: Any, **formulas: Any) -> None:
    """Register the twin of a discrete distribution, by its functions."""
    twin(real)(Discrete(real, {"logpmf": logpmf, "support": support, **formulas}))


def _power(x: Any, k: Any, at_end: Any) -> Any:
    """xᵏ where a parameter is at an end of its range, where log x may be infinite."""
    return np.where(at_end, x, 0.5) ** k


def _poisson_product(k: Any, mu: Any) -> tuple[Any, Any]:
    at_end = mu == 0
    return at_end, _power(mu, k, at_end) * np.exp(-mu - sp.gammaln(k + 1))


def _binom_product(k: Any, n: Any, p: Any) -> tuple[Any, Any]:
    at_end = (p == 0) | (p == 1)
    return at_end, sp.binom(n, k) * _power(p, k, at_end) * _power(1 - p, n - k, at_end)


def _geom_product(k: Any, p: Any) -> tuple[Any, Any]:
    at_end = p == 1
    return at_end, p * _power(1 - p, k - 1, at_end)


def _nbinom_product(k: Any, n: Any, p: Any) -> tuple[Any, Any]:
    at_end = p == 1
    return at_end, np.exp(_nbinom_log_ways(k, n)) * p**n * _power(1 - p, k, at_end)


def _chance(p: Any, least: bool = True) -> Any:
    return within(p, (p >= 0 if least else p > 0) & (p <= 1))


def _entropy_of_chance(p: Any) -> Any:
    return sp.entr(p) + sp.entr(1 - p)


def _binom_logpmf(k: Any, n: Any, p: Any) -> Any:
    ways = sp.gammaln(n + 1) - sp.gammaln(k + 1) - sp.gammaln(n - k + 1)
    return ways + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


def _nbinom_logpmf(k: Any, n: Any, p: Any) -> Any:
    return _nbinom_log_ways(k, n) + n * np.log(p) + sp.xlog1py(k, -p)


def _nbinom_log_ways(k: Any, n: Any) -> Any:
    return sp.gammaln(n + k) - sp.gammaln(k + 1) - sp.gammaln(n)


discrete(
    scipy.stats.poisson,
    lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1) - mu,
    lambda mu: (0, math.inf),
    product=_poisson_product,
    valid=lambda mu: (within(mu, mu >= 0),),
    cdf=lambda k, mu: sp.pdtr(k, mu),
    sf=lambda k, mu: sp.pdtrc(k, mu),
    mean=lambda mu: mu,
    var=lambda mu: mu,
)
discrete(
    scipy.stats.binom,
    _binom_logpmf,
    lambda n, p: (0, n),
    product=_binom_product,
    valid=lambda n, p: (plain_number(n), _chance(p)),
    cdf=lambda k, n, p: sp.bdtr(k, np.asarray(n).astype(int), p),
    sf=lambda k, n, p: sp.bdtrc(k, np.asarray(n).astype(int), p),
    entropy=lambda n, p: sum(sp.entr(np.exp(_binom_logpmf(k, n, p))) for k in range(int(n) + 1)),
    mean=lambda n, p: n * p,
    var=lambda n, p: n * p * (1 - p),
)
discrete(
    scipy.stats.bernoulli,
    lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
    lambda p: (0, 1),
    product=lambda k, p: _binom_product(k, 1, p),
    valid=lambda p: (_chance(p),),
    cdf=lambda k, p: 1 - p,
    sf=lambda k, p: p,
    entropy=_entropy_of_chance,
    mean=lambda p: p,
    var=lambda p: p * (1 - p),
)
discrete(
    scipy.stats.nbinom,
    _nbinom_logpmf,
    lambda n, p: (0, math.inf),
    product=_nbinom_product,
    valid=lambda n, p: (within(n, n > 0), _chance(p, least=False)),
    cdf=lambda k, n, p: sp.betainc(n, k + 1, p),
    sf=lambda k, n, p: sp.betaincc(n, k + 1, p),
    mean=lambda n, p: n * (1 - p) / p,
    var=lambda n, p: n * (1 - p) / p**2,
)
discrete(
    scipy.stats.geom,
    lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
    lambda p: (1, math.inf),
    product=_geom_product,
    valid=lambda p: (_chance(p, least=False),),
    cdf=lambda k, p: -np.expm1(k * np.log1p(-p)),
    sf=lambda k, p: np.exp(k * np.log1p(-p)),
    logsf=lambda k, p: k * np.log1p(-p),
    entropy=lambda p: -np.log(p) - np.log1p(-p) * (1 - p) / p,
    mean=lambda p: 1 / p,
    var=lambda p: (1 - p) / p**2,
)
