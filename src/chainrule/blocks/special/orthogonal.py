"""Orthogonal polynomials by their argument (DLMF 18.9(iii)) and Legendre functions (chapter 14).

SciPy's n need not be an integer, so most of these are hypergeometric functions; their derivative is then that of 15.5.1.
"""

from chainrule.block import Elementwise, singular
from chainrule.blocks.special.gamma_functions import binom, poch
from chainrule.blocks.special.table import special_function, symbol, unknown, whole
from chainrule.domains import between, exactly, example, inside, normal, positive


def _polynomial(name, by_x, *parameters, domain=inside, notation=None, complex=True):
    """The block of a polynomial of degree n, from the names of its parameters after n and its derivative by x."""
    unknowns = [unknown(name, parameter) for parameter in parameters]
    values = [exactly(k + 2) for k in range(len(parameters))]
    operands = (exactly(3), *reversed(values), domain(2, 3))
    return special_function(
        name,
        unknown(name, "n"),
        *unknowns,
        by_x,
        notation=symbol(notation) if notation else None,
        complex=complex,
        example=example(*operands),
    )


# SciPy's polynomials of negative degree equal those of another degree, or 0. For those that are 0, which occur in
# derivatives, SciPy gives NaN for some x and some dtypes of n.


def _lower(xp, n, polynomial):
    """A polynomial of degree n − 1, and 0 where n is 0 or a negative integer."""
    flat = (n - 1 == -1) | ((n < 0) & (n % 1 == 0))
    return xp.where(flat, 0.0, polynomial(xp.where(flat, 1, n) - 1))


def _legendre_by_x(xp, n, x):
    """(n + 1)/2 P of degree n − 1 and parameters 1 (18.9.15); P_(−n−1) = P_n (14.9.5)."""
    n = xp.where(n < -0.5, -n - 1, n)
    return 0.5 * (n + 1) * _lower(xp, n, lambda m: eval_jacobi(m, 1.0, 1.0, x))


def _chebyt_by_x(xp, n, x):
    """n U_(n−1) (18.9.21); T_(−n) = T_n."""
    n = abs(n)
    return n * _lower(xp, n, lambda m: eval_chebyu(m, x))


def _chebyu_by_x(xp, n, x):
    """2 C_(n−1) of the parameter 2 (18.7.4 and 18.9.19); U_(−n−2) = −U_n."""
    slope = _lower(xp, xp.where(n < -1, -n - 2, n), lambda m: eval_gegenbauer(m, 2.0, x))
    return xp.where(n < -1, -2, 2) * slope


@singular
def _lpmv_by_x(xp, z, m, v, x):
    """14.10.5, which is 0/0 at ±1."""
    inside = ((v + 1) * x * z - (v - m + 1) * lpmv(m, v + 1, x)) / (1 - x * x)
    return xp.where(abs(x) == 1, _lpmv_at_end(xp, m, v, x), inside)


def _lpmv_at_end(xp, m, v, x):
    """By x of (−1)^m (1 − x²)^(m/2) dᵐP_v/dxᵐ, 14.6.1; of a negative m by 14.9.3."""
    order, leg = abs(m), 1 - x * x
    steep = xp.where(order == 0, 0.0, order * x * leg ** (0.5 * order - 1)) * _legendre_slope(xp, order, v, x)
    slope = leg ** (0.5 * order) * _legendre_slope(xp, order + 1, v, x) - steep
    return slope * (1 - 2 * (order % 2)) * xp.where(m < 0, 1 / poch(v - order + 1, 2.0 * order), 1.0)


def _legendre_slope(xp, order, v, x):
    """The derivative of P_v of some order, 18.9.15: 0 if the order is above the degree."""
    flat = (v < order) & (v % 1 == 0)
    lower = eval_jacobi(xp.where(flat, 0.0, v - order), 1.0 * order, 1.0 * order, x)
    return xp.where(flat, 0.0, poch(v + 1, 1.0 * order) / 2.0**order * lower)


# fmt: off

eval_jacobi: Elementwise = _polynomial("eval_jacobi", lambda xp, z, n, a, b, x: 0.5 * (n + a + b + 1) * _lower(xp, n, lambda m: eval_jacobi(m, a + 1, b + 1, x)), "alpha", "beta", notation="P")  # 18.9.15
eval_legendre = _polynomial("eval_legendre", lambda xp, z, n, x: _legendre_by_x(xp, n, x), notation="P")
eval_gegenbauer: Elementwise = _polynomial("eval_gegenbauer", lambda xp, z, n, a, x: 2 * a * _lower(xp, n, lambda m: eval_gegenbauer(m, a + 1, x)), "alpha", notation="C")  # 18.9.19
eval_chebyt = _polynomial("eval_chebyt", lambda xp, z, n, x: _chebyt_by_x(xp, n, x), notation="T")
eval_chebyu: Elementwise = _polynomial("eval_chebyu", lambda xp, z, n, x: _chebyu_by_x(xp, n, x), notation="U")
eval_chebyc = _polynomial("eval_chebyc", lambda xp, z, n, x: _chebyt_by_x(xp, n, 0.5 * x), notation="C")  # C(x) = 2 T(x/2)
eval_chebys: Elementwise = _polynomial("eval_chebys", lambda xp, z, n, x: 0.5 * _chebyu_by_x(xp, n, 0.5 * x), notation="S")  # S(x) = U(x/2)
eval_genlaguerre: Elementwise = _polynomial("eval_genlaguerre", lambda xp, z, n, a, x: -_lower(xp, n, lambda m: eval_genlaguerre(m, a + 1, x)), "alpha", domain=positive, notation="L")  # 18.9.23
eval_laguerre = _polynomial("eval_laguerre", lambda xp, z, n, x: -_lower(xp, n, lambda m: eval_genlaguerre(m, 1.0, x)), domain=positive, notation="L")
eval_hermite: Elementwise = _polynomial("eval_hermite", lambda xp, z, n, x: 2 * n * _lower(xp, n, lambda m: eval_hermite(m, x)), domain=normal, notation="H", complex=False)  # 18.9.25
eval_hermitenorm: Elementwise = _polynomial("eval_hermitenorm", lambda xp, z, n, x: n * _lower(xp, n, lambda m: eval_hermitenorm(m, x)), domain=normal, notation="He", complex=False)  # 18.9.27
# Shifted: of 2x − 1 (18.7(i)); that of Jacobi has a factor by which it is monic.
eval_sh_legendre = _polynomial("eval_sh_legendre", lambda xp, z, n, x: 2 * _legendre_by_x(xp, n, 2 * x - 1), notation="P*")
eval_sh_chebyt = _polynomial("eval_sh_chebyt", lambda xp, z, n, x: 2 * _chebyt_by_x(xp, n, 2 * x - 1), notation="T*")
eval_sh_chebyu = _polynomial("eval_sh_chebyu", lambda xp, z, n, x: 2 * _chebyu_by_x(xp, n, 2 * x - 1), notation="U*")
eval_sh_jacobi: Elementwise = _polynomial("eval_sh_jacobi", singular(lambda xp, z, n, p, q, x: (n + p) * _lower(xp, n, lambda m: eval_jacobi(m, p - q + 1, q, 2 * x - 1)) / binom(2.0 * n + p - 1, n)), "p", "q", notation="G")

lpmv: Elementwise = special_function(
    "lpmv", whole("lpmv", "m"), unknown("lpmv", "v"),
    lambda xp, z, m, v, x: _lpmv_by_x(xp, z, m, xp.where(v < -0.5, -v - 1, v), x),  # 14.9.5
    notation=symbol("P"), example=example(exactly(1), exactly(3), between(-0.7, 0.7)(2, 3)),
)
