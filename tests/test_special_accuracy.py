"""Derivatives of special and elementary functions at the edges of their domains, against mpmath and known values.

The sweep over all of them is `tests/sweeps/special.py`; here a sample of its points.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special
from mpmath import mp

import chainrule as cr
from chainrule import special
from chainrule.blocks.special.gamma_functions import cospi
from chainrule.blocks.special.table import FUNCTIONS
from sweeps.special import LIMIT, compare, is_explained, points_of
from sweeps.special_functions import TABLE

ROOT = Path(__file__).parents[1]

SAMPLE = (
    "power logaddexp arctan2 hypot arcsin arctanh sinc exprel boxcox inv_boxcox1p kl_div pseudo_huber powm1 psi "
    "rgamma poch betaln binom zetac erfcx dawsn log_ndtr ndtri_exp fresnel_S expn spence elliprc ellipk kve i0e "
    "airye_Ai spherical_jn eval_jacobi wrightomega kolmogorov nbdtr"
).split()
"""Functions whose derivatives need care, and that mpmath computes fast."""


@pytest.mark.parametrize("name", SAMPLE)
def test_value_and_derivatives_at_a_sample_of_the_sweep(name):
    report = compare(TABLE[name], points_of(TABLE[name], most=3))
    assert is_explained(report), report.errors[:3] + report.missing[1] + report.missing[2]


def test_the_sweep_has_every_special_block_and_so_has_the_table_of_accuracy():
    table = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert name in TABLE, name
        assert f"`{name}`" in table, name


def test_the_table_says_why_where_an_error_is_large():
    rows = [
        line.split("|") for line in (ROOT / "docs" / "accuracy.md").read_text("utf-8").splitlines() if "| `" in line
    ]
    assert rows
    for _, name, _, value, first, second, missing, _, why, _ in rows:
        errors = [float(cell) for cell in (first, second) if cell.strip()]
        assert why.strip() or (max(errors, default=0) <= LIMIT and not missing.strip()), (name, value)


# Single points, and what they stand for -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        # derivatives by a parameter in the tail
        (lambda a: np.log(special.gammaincc(a, 50.0)), (2.0,), 3.5092),
        # poles of Γ, where the function is 0 and its derivative is not
        (special.rgamma, (0.0,), 1.0),
        (special.rgamma, (-1.0,), -1.0),
        (special.rgamma, (-2.0,), 2.0),
        (lambda a: special.poch(a, 3.0), (0.0,), 2.0),
        (lambda a: special.poch(a, 2.0), (-3.0,), -5.0),
        (lambda n: special.binom(n, 5.0), (3.0,), -1 / 20),
        (lambda k: special.binom(3.0, k), (5.0,), 1 / 20),
        # coinciding arguments
        (lambda p: special.elliprj(1.0, 2.0, 3.0, p), (3.0,), -0.06307),
        # cancellation
        (lambda a: special.betaln(a, 0.5), (1e12,), -0.5e-12),
        (special.erfcx, (1e10,), -1e-20 / np.sqrt(np.pi)),
        (special.dawsn, (1e10,), -0.5e-20),
        (cr.grad(special.log_ndtr), (-1000.0,), -1 + 1e-6 - 6e-12),
        (scipy.special.zeta, (-20.5,), 300.578),
        (lambda x: special.kve(0.0, x), (1e8,), -0.5e-8 * np.sqrt(np.pi / 2e8)),
        # constants along an operand, though the formula is 0/0 or 0·∞ there
        (lambda y: special.xlogy(0.0, y), (0.0,), 0.0),
        (lambda y: special.xlog1py(0.0, y), (-1.0,), 0.0),
        (lambda r: special.pseudo_huber(0.0, r), (2.0,), 0.0),
        (lambda y: special.powm1(0.0, y), (0.6,), 0.0),
        (lambda b: special.agm(0.0, b), (1.9,), 0.0),
        (lambda a: special.gammaincinv(a, 0.0), (2.5,), 0.0),
        (lambda a: special.gammainccinv(a, 1.0), (2.2,), 0.0),
        (lambda x: special.gdtrib(1.0, 1.0, x), (2.2,), 0.0),
        (lambda a: special.gdtr(a, 0.5, 0.0), (2.0,), 0.0),
        (lambda p: special.pdtrik(p, 0.33), (0.6,), 0.0),
        (lambda m: special.pdtrik(0.6, m), (0.33,), 0.0),
        (lambda nc: special.chndtrix(0.0, 2.5, nc), (0.5,), 0.0),
        (lambda z: special.hyp2f1(0.0, 2.0, 0.3, z), (2.5,), 0.0),
        (scipy.special.zeta, (1e300,), 0.0),
        (special.zetac, (1e300,), 0.0),
        (lambda x: special.owens_t(1e-150, x), (1e150,), np.exp(-0.5) / (2e300 * np.pi)),
        # limits of a parameter
        (lambda k: special.boxcox(0.0, k), (0.5,), 4.0),  # −1/λ
        (lambda k: special.boxcox1p(-1.0, k), (0.5,), 4.0),
        (lambda s: special.voigt_profile(1.0, s, 1.0), (0.0,), 0.0),  # σ = 0: γ / (π (x² + γ²))
        (lambda x: special.voigt_profile(x, 0.0, 1.0), (1.0,), -1 / (2 * np.pi)),
        (lambda g: special.voigt_profile(2.0, 0.0, g), (1.0,), 3 / (25 * np.pi)),
        (lambda x: special.struve(-1.0, x), (0.0,), 0.0),
        (special.it2struve0, (0.0,), -2 / np.pi),
        (lambda z: special.hyp1f1(-1.0, -2.0, z), (0.7,), 0.5),  # 1 + z/2
        (lambda x: special.elliprc(0.0, x), (-2.0,), 0.0),
        # poles of Γ(a + b), where B is 0 and its derivative is not
        (lambda a: special.beta(a, 0.5), (-0.5,), -2 * np.pi),  # Γ(−½) Γ(½) (1/Γ)′(0)
        (lambda a: special.poch(a, -3.0), (-1e-9,), -11 / 36),  # 1 / ((a − 1) (a − 2) (a − 3))
        # Legendre functions at the ends of the cut
        (lambda x: special.lpmv(0.0, 2.5, x), (1.0,), 2.5 * 3.5 / 2),
        (lambda x: special.lpmv(2.0, 2.0, x), (1.0,), -6.0),  # 3 − 3x²
    ],
)
def test_derivative_at_an_edge(f, args, expected):
    np.testing.assert_allclose(cr.grad(f)(*args), expected, rtol=2e-5 if len(f"{expected:g}") > 5 else 1e-9)


POLYNOMIALS = {
    "jacobi": (0.5, 1.5),
    "gegenbauer": (1.5,),
    "genlaguerre": (0.5,),
    "sh_jacobi": (3.0, 2.5),
    **dict.fromkeys(
        "legendre chebyt chebyu chebyc chebys laguerre hermite sh_legendre sh_chebyt sh_chebyu".split(), ()
    ),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint8, float])
def test_polynomials_of_any_degree_and_dtype_of_it(name, dtype):
    """Degrees below 0 too, where SciPy's value is that of another degree, or 0; against differences of that value."""
    f = getattr(special, f"eval_{name}")
    n = (
        np.arange(2.0).astype(dtype)
        if dtype is bool
        else np.arange(0.0 if dtype is np.uint8 else -4.0, 4.0).astype(dtype)
    )
    n, x = n[:, None], np.array([-2.3, -0.7, 0.3, 2.4])
    n = n.astype(np.int16) if name == "hermite" and dtype is float else n
    rest = POLYNOMIALS[name]
    step = 1e-6
    expected = (f(n, *rest, x + step) - f(n, *rest, x - step)) / (2 * step)
    found = cr.grad(lambda x: np.sum(f(n, *rest, x)))(np.broadcast_to(x, expected.shape).copy())
    known = np.isfinite(expected)
    assert np.count_nonzero(known) >= 4
    np.testing.assert_allclose(found[known], expected[known], rtol=2e-7, atol=2e-8)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("bdtr", (2.7, 5.6, 0.4)),
        ("bdtrc", (2.7, 5.6, 0.4)),
        ("bdtri", (2.7, 5.0, 0.4)),
        ("nbdtr", (2.7, 5.6, 0.4)),
        ("nbdtrc", (-0.5, 5.6, 0.4)),
        ("nbdtri", (2.7, 5.6, 0.4)),
        ("pdtr", (2.7, 0.4)),
        ("pdtrc", (2.7, 0.4)),
        ("pdtri", (-0.5, 0.4)),
        ("kn", (-0.5, 1.4)),
        ("yn", (2.7, 1.4)),
        ("expn", (0.6, 1.4)),
        ("smirnov", (5.6, 0.3)),
        ("smirnovi", (5.6, 0.3)),
    ],
)
@pytest.mark.filterwarnings("ignore:floating point number truncated", "ignore:non-integer arg n")
def test_what_scipy_cuts_to_an_integer_is_cut_in_the_derivative(name, args):
    f, *numbers, x = (getattr(special, name), *args)
    whole = [float(np.trunc(n)) for n in numbers]
    assert f(*numbers, x) == f(*whole, x)
    slope = cr.grad(lambda x: f(*numbers, x))(x)
    assert slope == cr.grad(lambda x: f(*whole, x))(x)
    np.testing.assert_allclose(slope, (f(*whole, x + 1e-6) - f(*whole, x - 1e-6)) / 2e-6, rtol=1e-6)


def test_counts_of_no_trials_and_of_all_have_flat_probabilities():
    assert cr.grad(lambda p: special.bdtrc(-1.0, 5, p))(0.4) == 0.0
    assert cr.grad(lambda p: special.bdtr(5.0, 5, p))(0.4) == 0.0


def test_the_voigt_profile_is_differentiated_below_the_axis_too():
    """SciPy's value is the same formula for a negative σ or γ."""
    for point in [(2.4, -0.34, 2.07), (2.4, 0.4, -1.2), (30.0, -2.0, 1.0)]:
        for i in range(3):
            step = np.eye(3)[i] * 1e-6
            f = special.voigt_profile
            expected = (f(*(point + step)) - f(*(point - step))) / 2e-6
            np.testing.assert_allclose(cr.grad(f, i)(*point), expected, rtol=1e-5)


@pytest.mark.parametrize("a", [1e4, 1e6, 1e9, 1e12])
def test_incomplete_gamma_function_by_a_large_a_near_its_quantile(a):
    """∫₀ˣ t^(a−1) e^(−t) (log t − ψ(a)) dt / Γ(a), with t = x e^(−v)."""
    x = a + np.sqrt(a)
    with mp.workdps(50):
        shape, end = mp.mpf(a), mp.mpf(x)
        scale = 1 / (mp.sqrt(end) + abs(end - shape))

        def integrand(v):
            return mp.exp(shape * v - end * mp.expm1(v)) * (mp.log(end) + v - mp.psi(0, shape))

        tail = mp.quad(integrand, [0, scale, 4 * scale, 16 * scale, 64 * scale])
        expected = tail * mp.exp(shape * mp.log(end) - end - mp.loggamma(shape))
        np.testing.assert_allclose(cr.grad(special.gammaincc)(a, x), float(expected), rtol=1e-11)


def test_zeta_of_one_argument_is_that_of_riemann():
    assert special.zeta(2.0) == scipy.special.zeta(2.0)
    np.testing.assert_allclose(cr.grad(special.zeta)(3.0), float(mpmath.zeta(3, derivative=1)), rtol=1e-13)


# Elementary functions at infinity, at the origin, and after an overflow ----------------------------------------------


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_of_one_infinite_number_passes_the_gradient_to_it(f):
    np.testing.assert_array_equal(cr.grad(f, (0, 1))(1.0, np.inf), (0.0, 1.0))
    np.testing.assert_array_equal(cr.grad(f, (0, 1))(np.inf, 1.0), (1.0, 0.0))
    np.testing.assert_array_equal(cr.grad(f, (0, 1))(-np.inf, 1.0), (0.0, 1.0))


def test_logaddexp_of_large_numbers_depends_on_their_difference_only():
    np.testing.assert_allclose(cr.grad(np.logaddexp)(1e15, 1e15 + 1), 1 / (1 + np.e), rtol=1e-15)


def test_angle_and_length_at_the_origin_have_pytorchs_gradient_zero():
    np.testing.assert_array_equal(cr.grad(np.arctan2, (0, 1))(0.0, 0.0), (0.0, 0.0))
    np.testing.assert_array_equal(cr.grad(np.hypot, (0, 1))(0.0, 0.0), (0.0, 0.0))


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_arctan2_of_tiny_and_huge_numbers(size):
    np.testing.assert_allclose(cr.grad(np.arctan2, (0, 1))(size, size), (0.5 / size, -0.5 / size), rtol=1e-14)


def test_power_by_its_base_and_its_exponent_where_the_exponent_is_0():
    np.testing.assert_allclose(cr.hessian(lambda v: np.power(v[0], v[1]))(np.array([8.0, 0.0]))[0, 1], 1 / 8)
    np.testing.assert_array_equal(cr.grad(np.power)(np.float64(0.0), np.float64(0.0)), 0.0)


OVERFLOWED = {
    "log(1 + exp(x))": (lambda x: np.log(1 + np.exp(x)), 800.0),
    "log1p(x²)": (lambda x: np.log1p(x * x), 1e200),
    "sqrt(x²)": (lambda x: np.sqrt(x * x), 1e200),
    "log of a power": (lambda x: np.log(np.power(x, 200.0)), 1e10),
    "log of a sum": (lambda x: np.log(np.sum(np.exp(x * np.ones(2)))), 800.0),
    "log of a product": (lambda x: np.log(np.prod(x * np.ones(2))), 1e200),
    "a root as a power": (lambda x: np.exp(x) ** 0.1, 800.0),
    "arcsinh(exp(x))": (lambda x: np.arcsinh(np.exp(x)), 800.0),
    "xlogy": (lambda x: special.xlogy(2.0, np.exp(x)), 800.0),
    "second derivative": (cr.grad(lambda x: x * np.log(np.exp(x))), 800.0),
}


@pytest.mark.parametrize(("f", "x"), OVERFLOWED.values(), ids=OVERFLOWED)
def test_a_gradient_through_an_overflow_is_nan_not_0(f, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of the overflow
        assert np.isnan(cr.grad(f)(x))


MASKED = {
    "by where": (lambda x: np.where(x > 700, x, np.log(1 + np.exp(x))), 800.0, 1.0),
    "by a factor 0": (lambda x: x + 0.0 * np.minimum(np.log(1 + np.exp(x)), 1.0), 800.0, 1.0),
    "a finite limit": (lambda x: 1 / (1 + np.exp(x)), 800.0, 0.0),
    "an infinite input": (np.log, np.inf, 0.0),
    "an infinite input, later": (lambda x: np.sqrt(1 + x), np.inf, 0.0),
}


@pytest.mark.parametrize(("f", "x", "expected"), MASKED.values(), ids=MASKED)
def test_what_an_overflow_does_not_reach_keeps_its_gradient(f, x, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        np.testing.assert_array_equal(cr.grad(f)(x), expected)


def test_only_the_entries_that_overflowed_are_nan():
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = cr.grad(lambda x: np.sum(np.log(1 + np.exp(x))))(np.array([0.0, 800.0]))
    np.testing.assert_array_equal(gradient, [0.5, np.nan])


def test_tukeys_lambda_is_flat_outside_of_its_support():
    assert cr.grad(scipy.special.tklmbda, (0, 1))(-1.814, 1.0) == (0.0, 0.0)
    assert cr.grad(scipy.special.tklmbda)(0.3, 1.0) == 0.5  # the uniform distribution on [−1, 1]


@pytest.mark.parametrize(("n", "k"), [(2.5, 1e10), (2.5, 1.5e10), (-3.5, 2e10), (7.5, 3000.0)])
def test_slopes_of_binom_far_from_its_middle(n, k):
    """ψ(n − k + 1) − ψ(k + 1) is the difference of two numbers that are nearly equal."""
    with mpmath.workdps(60):
        N, K = mpmath.mpf(n), mpmath.mpf(k)
        z = mpmath.binomial(N, K)
        below, above = mpmath.digamma(N - K + 1), mpmath.digamma(K + 1)
        expected = [float(z * (mpmath.digamma(N + 1) - below)), float(z * (below - above))]
    np.testing.assert_allclose([cr.grad(special.binom, i)(n, k) for i in (0, 1)], expected, rtol=1e-8)


@pytest.mark.parametrize(("n", "k"), [(2.5, -1e10), (2.5, -171.0), (0.5, -300.0), (2.5, 1e9 + 0.5), (-0.5, 400.5)])
def test_slopes_of_binom_at_its_far_zeros(n, k):
    with mpmath.workdps(60):
        N, K, h = mpmath.mpf(n), mpmath.mpf(k), mpmath.mpf(10) ** -25

        def z(n, k):
            return mpmath.gammaprod([n + 1], [k + 1, n - k + 1])

        expected = [float((z(N + h, K) - z(N - h, K)) / (2 * h)), float((z(N, K + h) - z(N, K - h)) / (2 * h))]
    found = [cr.grad(special.binom, i)(n, k) for i in (0, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * max(map(abs, expected)))


def test_cosines_of_half_turns_are_zero():
    x = np.array([0.5, 1.5, 1e6 + 0.5, -2.5, 0.0, 1.0, 0.3, 1e10 + 0.25])
    with mpmath.workdps(40):
        expected = [float(mpmath.cospi(mpmath.mpf(v))) for v in x]
    np.testing.assert_allclose(cospi(np, x), expected, rtol=1e-15, atol=0)
