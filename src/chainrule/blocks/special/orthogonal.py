"""Orthogonal polynomials by their argument (DLMF 18.9(iii)) and Legendre functions (chapter 14).

SciPy's n need not be an integer, so most of these are hypergeometric functions; their derivative is then that of 15.5.1.
"""

from chainrule.block import Elementwise, singular
from chainrule.blocks.special.table import special_function, symbol, unknown, whole
from chainrule.domains import between, exactly, example, inside, normal, positive


def _polynomial(name, by_x, *parameters, domain=inside, notation=None, complex=True):
    """A polynomial of degree n: the names of its parameters after n, and its derivative by x."""
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


def _one_less(xp, n):
    """n − 1, and 0 where n = 0: SciPy's Hermite polynomials have no degree −1. The factor n is 0 there."""
    return xp.maximum(n - 1, 0)


def _by_jacobi(xp, n, a, b, x):
    """P of degree n − 1, and 0 where n = 0: SciPy's is NaN there if x is ±1."""
    return xp.where(n == 0, 0.0, eval_jacobi(xp.where(n == 0, 0.0, n - 1.0), a, b, x))


# fmt: off

eval_jacobi: Elementwise = _polynomial("eval_jacobi", lambda xp, z, n, a, b, x: 0.5 * (n + a + b + 1) * _by_jacobi(xp, n, a + 1, b + 1, x), "alpha", "beta", notation="P")  # 18.9.15
eval_legendre = _polynomial("eval_legendre", lambda xp, z, n, x: 0.5 * (n + 1) * _by_jacobi(xp, n, 1.0, 1.0, x), notation="P")
eval_gegenbauer: Elementwise = _polynomial("eval_gegenbauer", lambda xp, z, n, a, x: 2 * a * eval_gegenbauer(n - 1, a + 1, x), "alpha", notation="C")  # 18.9.19
eval_chebyt = _polynomial("eval_chebyt", lambda xp, z, n, x: n * eval_chebyu(n - 1, x), notation="T")  # 18.9.21
eval_chebyu: Elementwise = _polynomial("eval_chebyu", lambda xp, z, n, x: 2 * eval_gegenbauer(n - 1, 2.0, x), notation="U")  # 18.7.4 and 18.9.19
eval_chebyc = _polynomial("eval_chebyc", lambda xp, z, n, x: n * eval_chebys(n - 1, x), notation="C")  # C(x) = 2 T(x/2)
eval_chebys: Elementwise = _polynomial("eval_chebys", lambda xp, z, n, x: eval_gegenbauer(n - 1, 2.0, 0.5 * x), notation="S")  # S(x) = U(x/2)
eval_genlaguerre: Elementwise = _polynomial("eval_genlaguerre", lambda xp, z, n, a, x: -eval_genlaguerre(n - 1, a + 1, x), "alpha", domain=positive, notation="L")  # 18.9.23
eval_laguerre = _polynomial("eval_laguerre", lambda xp, z, n, x: -eval_genlaguerre(n - 1, 1.0, x), domain=positive, notation="L")
eval_hermite: Elementwise = _polynomial("eval_hermite", lambda xp, z, n, x: 2 * n * eval_hermite(_one_less(xp, n), x), domain=normal, notation="H", complex=False)  # 18.9.25
eval_hermitenorm: Elementwise = _polynomial("eval_hermitenorm", lambda xp, z, n, x: n * eval_hermitenorm(_one_less(xp, n), x), domain=normal, notation="He", complex=False)  # 18.9.27
# Shifted: of 2x − 1 (18.7(i)); a monic polynomial of degree n has n times a monic one as its derivative.
eval_sh_legendre = _polynomial("eval_sh_legendre", lambda xp, z, n, x: (n + 1) * _by_jacobi(xp, n, 1.0, 1.0, 2 * x - 1), notation="P*")
eval_sh_chebyt = _polynomial("eval_sh_chebyt", lambda xp, z, n, x: 2 * n * eval_chebyu(n - 1, 2 * x - 1), notation="T*")
eval_sh_chebyu = _polynomial("eval_sh_chebyu", lambda xp, z, n, x: 4 * eval_gegenbauer(n - 1, 2.0, 2 * x - 1), notation="U*")
eval_sh_jacobi: Elementwise = _polynomial("eval_sh_jacobi", lambda xp, z, n, p, q, x: n * eval_sh_jacobi(_one_less(xp, n), p + 2, q + 1, x), "p", "q", notation="G")

lpmv: Elementwise = special_function(
    "lpmv", whole("lpmv", "m"), unknown("lpmv", "v"),
    singular(lambda xp, z, m, v, x: ((v + 1) * x * z - (v - m + 1) * lpmv(m, v + 1, x)) / (1 - x * x)),  # 14.10.5
    notation=symbol("P"), example=example(exactly(1), exactly(3), between(-0.7, 0.7)(2, 3)),
)
