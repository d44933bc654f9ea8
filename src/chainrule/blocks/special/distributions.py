"""Distribution functions of statistics and their inverses.

The derivative by the variable is the density; that of an inverse is its reciprocal. Most are incomplete gamma and beta
functions (DLMF 8.2.4, 8.17): see the equations named in SciPy's documentation of each, from M. Abramowitz and I. A. Stegun,
chapter 26. Derivatives by parameters exist where the incomplete gamma function's derivative by a suffices.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import Elementwise, answers, singular
from chainrule.blocks.special.bessel import ive
from chainrule.blocks.special.beta_functions import beta_density, beta_moment
from chainrule.blocks.special.error_functions import ndtri
from chainrule.blocks.special.gamma_functions import (
    betaln,
    gamma_density,
    gamma_quantile_by_a,
    gammainc_by_a,
)
from chainrule.blocks.special.information import boxcox
from chainrule.blocks.special.table import chance, special_function, symbol, through, unknown, whole, whole_part
from chainrule.domains import above_one, between, exactly, example, normal, positive
from chainrule.forks import imported


def _log_boxcox(xp, z, x, lmbda):
    return boxcox.derivatives[1](xp, z, x, lmbda)


@singular
def _times_density(xp, factor, a, x):
    """factor ∂P(a, x)/∂x; if one of the two is 0 (at x = 0 and at ∞), the result is 0 even if the other is infinite."""
    density = gamma_density(xp, a, x)
    factor = xp.where((density == 0) & ~xp.isfinite(factor), 0.0, factor)
    return factor * xp.where((factor == 0) & ~xp.isfinite(density), 0.0, density)


@singular
def _over_quantile_by_a(xp, factor, a, x):
    """factor ∂a/∂x of P(a, x) = p."""
    return xp.where((a == 0) | (factor == 0), 0.0, factor / gamma_quantile_by_a(xp, a, x))


# fmt: off

# Gamma, χ², Poisson ------------------------------------------------------------------------------------------------------

gdtr = special_function(
    "gdtr",
    lambda xp, z, a, b, x: _times_density(xp, x, b, a * x),
    lambda xp, z, a, b, x: gammainc_by_a(xp, b, a * x),
    lambda xp, z, a, b, x: _times_density(xp, a, b, a * x),
    example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
gdtrc = special_function(
    "gdtrc",
    lambda xp, z, a, b, x: -_times_density(xp, x, b, a * x),
    lambda xp, z, a, b, x: -gammainc_by_a(xp, b, a * x),
    lambda xp, z, a, b, x: -_times_density(xp, a, b, a * x),
    example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
gdtria = special_function(  # the a of gdtr(a, b, x) = p; p depends on a x
    "gdtria",
    singular(lambda xp, a, p, b, x: 1 / (x * gamma_density(xp, b, a * x))),
    singular(lambda xp, a, p, b, x: gamma_quantile_by_a(xp, b, a * x) / x),
    singular(lambda xp, a, p, b, x: -a / x),
    example=example(chance(2, 3), positive(2, 3), positive(2, 3)),
)
gdtrib = special_function(  # the b of P(b, a x) = p, which is 0 where p is 1 or a x is 0
    "gdtrib",
    lambda xp, b, a, p, x: _over_quantile_by_a(xp, x, b, a * x),
    singular(lambda xp, b, a, p, x: 1 / gammainc_by_a(xp, b, a * x)),
    lambda xp, b, a, p, x: _over_quantile_by_a(xp, a, b, a * x),
    example=example(positive(2, 3), chance(2, 3), positive(2, 3)),
)
gdtrix = special_function(
    "gdtrix",
    singular(lambda xp, x, a, b, p: -x / a),
    singular(lambda xp, x, a, b, p: gamma_quantile_by_a(xp, b, a * x) / a),
    singular(lambda xp, x, a, b, p: 1 / (a * gamma_density(xp, b, a * x))),
    example=example(positive(2, 3), positive(2, 3), chance(2, 3)),
)
chdtr = special_function(  # P(v/2, x/2)
    "chdtr",
    lambda xp, z, v, x: 0.5 * gammainc_by_a(xp, 0.5 * v, 0.5 * x),
    lambda xp, z, v, x: 0.5 * gamma_density(xp, 0.5 * v, 0.5 * x),
    example=example(positive(2, 3), positive(2, 3)),
)
chdtrc = special_function(
    "chdtrc",
    lambda xp, z, v, x: -0.5 * gammainc_by_a(xp, 0.5 * v, 0.5 * x),
    lambda xp, z, v, x: -0.5 * gamma_density(xp, 0.5 * v, 0.5 * x),
    example=example(positive(2, 3), positive(2, 3)),
)
chdtri = special_function(  # the x of chdtrc(v, x) = p
    "chdtri",
    singular(lambda xp, x, v, p: gamma_quantile_by_a(xp, 0.5 * v, 0.5 * x)),
    singular(lambda xp, x, v, p: -2 / gamma_density(xp, 0.5 * v, 0.5 * x)),
    example=example(positive(2, 3), chance(2, 3)),
)
chdtriv = special_function(  # the v of chdtr(v, x) = p
    "chdtriv",
    singular(lambda xp, v, p, x: 2 / gammainc_by_a(xp, 0.5 * v, 0.5 * x)),
    singular(lambda xp, v, p, x: 1 / gamma_quantile_by_a(xp, 0.5 * v, 0.5 * x)),
    example=example(chance(2, 3), positive(2, 3)),
)
pdtr = special_function("pdtr", whole("pdtr", "k"), lambda xp, z, k, m: -gamma_density(xp, whole_part(xp, k) + 1, m), example=example(exactly(2), positive(2, 3)))  # Q(k + 1, m)
pdtrc = special_function("pdtrc", whole("pdtrc", "k"), lambda xp, z, k, m: gamma_density(xp, whole_part(xp, k) + 1, m), example=example(exactly(2), positive(2, 3)))
pdtri = special_function("pdtri", whole("pdtri", "k"), singular(lambda xp, m, k, y: -1 / gamma_density(xp, whole_part(xp, k) + 1, m)), example=example(exactly(2), chance(2, 3)))
pdtrik = special_function(  # the k of Q(k + 1, m) = p, a real number; 0 where p is less than Q(1, m)
    "pdtrik",
    singular(lambda xp, k, p, m: xp.where(k == 0, 0.0, -1 / gammainc_by_a(xp, k + 1, m))),
    singular(lambda xp, k, p, m: xp.where(k == 0, 0.0, 1 / gamma_quantile_by_a(xp, k + 1, m))),
    example=example(chance(2, 3), above_one(2, 3)),
)

# Binomial and negative binomial -----------------------------------------------------------------------------------------

def _binomial_density(xp, k, n, p):
    """−∂/∂p of the sum of the first k + 1 terms, I_(1−p)(n − k, k + 1); 0 for an empty sum and for the whole sum."""
    n, positive_ = whole_part(xp, n), k >= 0
    k = whole_part(xp, k)
    some = positive_ & (k < n)
    return xp.where(some, beta_density(xp, xp.where(some, k + 1, 1), xp.where(some, n - k, 1), p), 0.0)


def _negative_binomial_density(xp, k, n, p):
    """∂/∂p of the sum of the first k + 1 terms, I_p(n, k + 1)."""
    return beta_density(xp, whole_part(xp, n), whole_part(xp, k) + 1, p)


_counts = example(exactly(2), exactly(5), chance(2, 3))
bdtr = special_function("bdtr", whole("bdtr", "k"), whole("bdtr", "n"), lambda xp, z, k, n, p: -_binomial_density(xp, k, n, p), example=_counts)
bdtrc = special_function("bdtrc", whole("bdtrc", "k"), whole("bdtrc", "n"), lambda xp, z, k, n, p: _binomial_density(xp, k, n, p), example=_counts)
bdtri = special_function("bdtri", whole("bdtri", "k"), whole("bdtri", "n"), singular(lambda xp, p, k, n, y: -1 / _binomial_density(xp, k, n, p)), example=_counts)
nbdtr = special_function("nbdtr", whole("nbdtr", "k"), whole("nbdtr", "n"), lambda xp, z, k, n, p: _negative_binomial_density(xp, k, n, p), example=_counts)
nbdtrc = special_function("nbdtrc", whole("nbdtrc", "k"), whole("nbdtrc", "n"), lambda xp, z, k, n, p: -_negative_binomial_density(xp, k, n, p), example=_counts)
nbdtri = special_function("nbdtri", whole("nbdtri", "k"), whole("nbdtri", "n"), singular(lambda xp, p, k, n, y: 1 / _negative_binomial_density(xp, k, n, p)), example=_counts)

# Student's t, Fisher's F ---------------------------------------------------------------------------------------------------

def _t_density(xp, df, t):
    return xp.exp(-0.5 * (df + 1) * xp.log1p(t * t / df) - betaln(0.5 * df, 0.5) - 0.5 * xp.log(df))


@singular
def _t_quantile_by_df(xp, df, t):
    """∂t/∂df of stdtr(df, t) = p: the tail beyond |t| is ½ I_w(df/2, ½) of w = df / (df + t²); 0 at t = 0."""
    ends = (t == 0) | ~xp.isfinite(t)
    t = xp.where(ends, 1.0, t)
    total = df + t * t
    return xp.where(ends, 0.0, 0.5 * (t - beta_moment(0.5 * df, 0.5, df / total, t * t / total) * total * total / (2 * t)) / df)


def _f_density(xp, n, d, x):
    """I_w(n/2, d/2) of w = n x / (d + n x), by x."""
    end = x == math.inf
    x = xp.where(end, 1.0, x)
    total = d + n * x
    return xp.where(end, 0.0, beta_density(xp, 0.5 * n, 0.5 * d, n * x / total, d / total) * n * d / (total * total))


@singular
def _f_quantile_by_dfn(xp, n, d, x):
    """∂x/∂n of I_w(n/2, d/2) = p; 0 at x = 0, where p is 0."""
    ends = (x == 0) | ~xp.isfinite(x)
    x = xp.where(ends, 1.0, x)
    total = d + n * x
    return xp.where(ends, 0.0, (beta_moment(0.5 * n, 0.5 * d, n * x / total, d / total) * total * total / (2 * d) - x) / n)


@singular
def _f_quantile_by_dfd(xp, n, d, x):
    ends = (x == 0) | ~xp.isfinite(x)
    x = xp.where(ends, 1.0, x)
    total = d + n * x
    return xp.where(ends, 0.0, (x - beta_moment(0.5 * d, 0.5 * n, d / total, n * x / total) * total * total / (2 * n)) / d)


@singular
def _times(xp, density, slope):
    """−density ∂x/∂a, the derivative by a; 0 if one of the two is 0, even if the other is infinite."""
    ends = (density == 0) | (slope == 0)
    return xp.where(ends, 0.0, -xp.where(ends, 1.0, density) * slope)


_degrees = example(positive(2, 3), positive(2, 3), positive(2, 3))
stdtr = special_function(
    "stdtr",
    lambda xp, z, df, t: _times(xp, _t_density(xp, df, t), _t_quantile_by_df(xp, df, t)),
    lambda xp, z, df, t: _t_density(xp, df, t),
    example=example(positive(2, 3), normal(2, 3)),
)
stdtrit = special_function(
    "stdtrit",
    lambda xp, t, df, p: _t_quantile_by_df(xp, df, t),
    singular(lambda xp, t, df, p: 1 / _t_density(xp, df, t)),
    example=example(positive(2, 3), chance(2, 3)),
)
fdtr = special_function(
    "fdtr",
    lambda xp, z, n, d, x: _times(xp, _f_density(xp, n, d, x), _f_quantile_by_dfn(xp, n, d, x)),
    lambda xp, z, n, d, x: _times(xp, _f_density(xp, n, d, x), _f_quantile_by_dfd(xp, n, d, x)),
    lambda xp, z, n, d, x: _f_density(xp, n, d, x),
    example=_degrees,
)
fdtrc = special_function(
    "fdtrc",
    lambda xp, z, n, d, x: -_times(xp, _f_density(xp, n, d, x), _f_quantile_by_dfn(xp, n, d, x)),
    lambda xp, z, n, d, x: -_times(xp, _f_density(xp, n, d, x), _f_quantile_by_dfd(xp, n, d, x)),
    lambda xp, z, n, d, x: -_f_density(xp, n, d, x),
    example=_degrees,
)
fdtri = special_function(
    "fdtri",
    lambda xp, x, n, d, p: _f_quantile_by_dfn(xp, n, d, x),
    lambda xp, x, n, d, p: _f_quantile_by_dfd(xp, n, d, x),
    singular(lambda xp, x, n, d, p: 1 / _f_density(xp, n, d, x)),
    example=example(positive(2, 3), positive(2, 3), chance(2, 3)),
)

# Non-central χ² (N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous univariate distributions, volume 2, chapter 29) -

@singular
def _noncentral_density(xp, x, df, nc):
    """½ e^(−(x + nc)/2) (x/nc)^(df/4 − ½) I_(df/2 − 1)(√(nc x)); by nc, minus that of df + 2.

    Where nc x is small, by the power series of I (10.25.2), which has no 0/0.
    """
    small = nc * x < 1
    product, halves = xp.where(small, nc * x, 0.0), 0.5 * df
    term = series = 1.0
    for k in range(1, 16):
        term = term * product / (4 * k * (halves + (k - 1)))
        series = series + term
    near = 0.5 * gamma_density(xp, halves, 0.5 * x) * xp.exp(-0.5 * nc) * series
    root_x, root_nc = xp.sqrt(xp.where(small, 1.0, x)), xp.sqrt(xp.where(small, 1.0, nc))
    far = 0.5 * xp.exp(-0.5 * (root_x - root_nc) ** 2) * (root_x / root_nc) ** (halves - 1) * ive(halves - 1, root_x * root_nc)
    return xp.where(small, near, far)


@singular
def _noncentral_quantile_by_nc(xp, x, df, nc):
    """∂x/∂nc of chndtr(x, df, nc) = p; 0 at x = 0, where p is 0."""
    y = xp.where(x == 0, 1.0, x)
    return xp.where(x == 0, 0.0, _noncentral_density(xp, y, df + 2, nc) / _noncentral_density(xp, y, df, nc))


chndtr = special_function(
    "chndtr",
    lambda xp, z, x, df, nc: _noncentral_density(xp, x, df, nc),
    unknown("chndtr", "df"),
    lambda xp, z, x, df, nc: -_noncentral_density(xp, x, df + 2, nc),
    example=example(positive(2, 3), exactly(3), positive(2, 3)),
)
chndtrix = special_function(  # the x of chndtr(x, df, nc) = p
    "chndtrix",
    singular(lambda xp, x, p, df, nc: 1 / _noncentral_density(xp, x, df, nc)),
    unknown("chndtrix", "df"),
    singular(lambda xp, x, p, df, nc: _noncentral_quantile_by_nc(xp, x, df, nc)),
    example=example(chance(2, 3), exactly(3), positive(2, 3)),
)
chndtrinc = special_function(  # the nc of chndtr(x, df, nc) = p; SciPy's is 10⁻³¹⁵ where p is more than chndtr(x, df, 0)
    "chndtrinc",
    singular(lambda xp, nc, x, df, p: xp.where(nc < 1e-300, 0.0, 1 / _noncentral_quantile_by_nc(xp, x, df, nc))),
    unknown("chndtrinc", "df"),
    singular(lambda xp, nc, x, df, p: xp.where(nc < 1e-300, 0.0, -1 / _noncentral_density(xp, x, df + 2, nc))),
    example=example(between(5, 8)(2, 3), exactly(3), between(0.2, 0.4)(2, 3)),
)

# Normal: the parameters from a probability ------------------------------------------------------------------------------

@answers("scipy.special.nrdtrimn")
def scipy_nrdtrimn(p, std, x):
    """The mean of the normal distribution with this standard deviation that is below x with probability p."""
    return x - np.where(std > 0, std, np.nan)[()] * _finite(ndtri(p))


@answers("scipy.special.nrdtrisd")
def scipy_nrdtrisd(mn, p, x):
    """The standard deviation of the normal distribution with this mean that is below x with probability p."""
    return (x - mn) / _finite(ndtri(p))


def _finite(quantile):
    """NaN where a quantile is infinite: no parameter fits the probabilities 0 and 1."""
    return np.where(np.isinf(quantile), np.nan, quantile)[()]


# Tukey's λ: Q(F) = boxcox(F, λ) − boxcox(1 − F, λ) is the inverse -------------------------------------------------------

def _within_the_support(xp, f, slope):
    """A derivative of Tukey's λ, which is 0 where f is 0 or 1."""
    return xp.where((f == 0) | (f == 1), 0.0, slope)


tklmbda = special_function(
    "tklmbda",
    singular(lambda xp, f, x, lmbda: _within_the_support(xp, f, 1 / (f ** (lmbda - 1) + (1 - f) ** (lmbda - 1)))),
    singular(lambda xp, f, x, lmbda: _within_the_support(xp, f, (_log_boxcox(xp, f, 1 - f, lmbda) - _log_boxcox(xp, f, f, lmbda)) / (f ** (lmbda - 1) + (1 - f) ** (lmbda - 1)))),
    example=example(between(-0.7, 0.7)(2, 3), chance(2, 3)),
)

# fmt: on

# Kolmogorov and Smirnov (A. N. Kolmogorov 1933; Z. W. Birnbaum and F. H. Tingey 1951) ----------------------------------


def _kolmogorov_by_y(xp, z, y):
    """∂/∂y of 2 Σ (−1)^(k−1) e^(−2k²y²); for small y of the equal series by Poisson summation, 20.7.32."""
    far, near = xp.where(y < 1, 1.0, y), xp.where(y < 1, y, 1.0)
    safe = xp.where(near > 0.05, near, 0.05)  # below, the function is 1 to all digits
    slope, small = 0.0, 0.0
    for k in range(1, 5):
        slope = slope + (-1) ** k * 8 * k * k * far * xp.exp(-2.0 * k * k * far * far)
        c = ((2 * k - 1) * math.pi) ** 2 / 8
        small = small + (1 / safe**2 - 2 * c / safe**4) * xp.exp(-c / safe**2)
    return xp.where(y < 1, xp.where(near > 0.05, math.sqrt(2 * math.pi) * small, 0.0), slope)


kolmogorov = special_function("kolmogorov", _kolmogorov_by_y, notation=symbol("K"), example=example(positive(2, 3)))
kolmogi = special_function(
    "kolmogi", singular(lambda xp, y, p: 1 / _kolmogorov_by_y(xp, None, y)), example=example(chance(2, 3))
)


def _smirnov_sum(xp, n, d):
    """Σ_j C(n, j) d (d + j/n)^(j−1) (1 − d − j/n)^(n−j) over the j for which 1 − d − j/n is positive."""
    n = np.trunc(value_of(n))
    total = (1 - d) ** n  # of j = 0, where d is divided by d
    for j in range(1, int(np.max(n)) + 1):
        rest = 1 - d - j / n
        inside = rest > 0
        log_term = log_binomial(n, j) + (j - 1) * xp.log(d + j / n) + (n - j) * xp.log(xp.where(inside, rest, 1.0))
        total = total + xp.where(inside, d * xp.exp(log_term), 0.0)
    return total


def log_binomial(n, j):
    """log C(n, j), −∞ where j > n."""
    gammaln = imported("scipy.special").gammaln
    n = np.asarray(n, dtype=float)
    return np.where(j > n, -np.inf, gammaln(n + 1) - gammaln(j + 1) - gammaln(np.maximum(n - j, 0) + 1))


smirnov: Elementwise = special_function(
    "smirnov",
    whole("smirnov", "n"),
    singular(through(_smirnov_sum, 1)),
    example=example(exactly(5), between(0.45, 0.55)(2, 3)),  # a polynomial between two multiples of 1/5
)
smirnovi = special_function(
    "smirnovi",
    whole("smirnovi", "n"),
    singular(lambda xp, d, n, p: 1 / smirnov.derivatives[1](xp, p, n, d)),
    example=example(exactly(5), between(0.055, 0.09)(2, 3)),
)
