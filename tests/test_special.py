"""scipy.special: its Python functions, removable singularities, and what is not covered."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy
from scipy import special as scipy_special

import chainrule as cr
from chainrule import special
from chainrule.errors import GradientError, RecordingError

X = np.array([0.3, 1.6, 2.5])


# Functions of SciPy that turn their arguments into plain arrays -----------------------------------------------------

CALLS = {
    "comb": lambda module, x: module.comb(x, 2),
    "diric": lambda module, x: module.diric(x, 3),
    "factorial": lambda module, x: module.factorial(x),
    "log_softmax": lambda module, x: module.log_softmax(x),
    "logsumexp": lambda module, x: module.logsumexp(x),
    "multigammaln": lambda module, x: module.multigammaln(x + 1, 2),
    "perm": lambda module, x: module.perm(x, 2),
    "polygamma": lambda module, x: module.polygamma(1, x),
    "softmax": lambda module, x: module.softmax(x),
    "spherical_in": lambda module, x: module.spherical_in(1, x),
    "spherical_jn": lambda module, x: module.spherical_jn(1, x),
    "spherical_kn": lambda module, x: module.spherical_kn(1, x, derivative=True),
    "spherical_yn": lambda module, x: module.spherical_yn(1, x),
}


def test_every_function_of_the_module_is_called():
    assert sorted(CALLS) == sorted(special.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_our_function_has_scipys_value(name):
    np.testing.assert_allclose(CALLS[name](special, X), CALLS[name](scipy_special, X), rtol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_scipys_own_function_has_our_gradient_and_its_value(name):
    w = np.arange(1.0, 4.0)
    expected = cr.grad(lambda x: np.sum(CALLS[name](special, x) * w))(X)
    found = cr.value_and_grad(lambda x: np.sum(CALLS[name](scipy_special, x) * w))(X)
    assert found[0] == np.sum(CALLS[name](scipy_special, X) * w)
    np.testing.assert_allclose(found[1], expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"softmax"}))
def test_scipys_function_that_no_name_reaches_says_what_to_write(name):
    with pytest.raises(RecordingError, match=rf"from chainrule import special`, then special\.{name}"):
        cr.grad(lambda x: np.sum(CALLS[name](sys.modules["scipy.special"], x)))(X)


def test_scipys_softmax_is_recorded_entry_by_entry():
    w = np.arange(3.0)
    expected = cr.grad(lambda x: np.sum(cr.softmax(x) * w))(X)
    softmax = [scipy_special.softmax]  # a name does not reach it
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(softmax[0](x) * w))(X), expected, rtol=1e-12)


def test_other_functions_of_the_module_are_scipys():
    assert special.erf is scipy_special.erf
    assert special.jvp is scipy_special.jvp


ARRAY_API = """
import numpy as np, scipy.special as s, chainrule as cr
x = np.array([[0.3, -0.2, 0.1], [0.5, 0.4, -1.0]])
w = np.arange(6.0).reshape(2, 3)
pairs = [
    (lambda x: s.logsumexp(x, axis=1) * w[:, 0], lambda x: cr.logsumexp(x, axis=1) * w[:, 0]),
    (lambda x: s.softmax(x, axis=1) * w, lambda x: cr.softmax(x, axis=1) * w),
    (lambda x: s.log_softmax(x, axis=1) * w, lambda x: cr.log_softmax(x, axis=1) * w),
    (lambda x: s.expit(x) * w, lambda x: cr.sigmoid(x) * w),
    (lambda x: s.xlogy(2.0, x * x), lambda x: 2 * np.log(x * x)),
    (lambda x: s.logit(0.5 + x / 4), lambda x: np.log(0.5 + x / 4) - np.log(0.5 - x / 4)),
]
for f, g in pairs:
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(f(x)))(x), cr.grad(lambda x: np.sum(g(x)))(x), rtol=1e-12)
    v = np.ones_like(x) * [1.0, 2.0, 3.0]
    np.testing.assert_allclose(
        cr.hvp(lambda x: np.sum(f(x)))(x, v), cr.hvp(lambda x: np.sum(g(x)))(x, v), rtol=1e-10, atol=1e-12
    )
np.testing.assert_allclose(cr.grad(lambda x: s.erf(x))(0.0), 2 / np.sqrt(np.pi))
"""


@pytest.mark.skipif(
    np.lib.NumpyVersion(scipy.__version__) < "1.16.0",
    reason="before SciPy 1.16 these functions do not tell their names",
)
def test_scipys_functions_for_any_array_library_record():
    """With SCIPY_ARRAY_API=1, set before SciPy is imported, SciPy asks an array for its namespace."""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", ARRAY_API], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Where a formula divides 0 by 0 -------------------------------------------------------------------------------------

SMOOTH = {
    "sici": (lambda x: special.sici(x)[0], 0.0, 1.0, 0.0),  # x − x³/18 + …
    "shichi": (lambda x: special.shichi(x)[0], 0.0, 1.0, 0.0),
    "it2j0y0": (lambda x: special.it2j0y0(x)[0], 0.0, 0.0, 1 / 4),  # x²/8 − …
    "it2i0k0": (lambda x: special.it2i0k0(x)[0], 0.0, 0.0, 1 / 4),
    "berp": (special.berp, 0.0, 0.0, 0.0),  # −x³/16 + …
    "beip": (special.beip, 0.0, 1 / 2, 0.0),  # x/2 − …
    "boxcox": (lambda k: special.boxcox(2.0, k), 0.0, np.log(2) ** 2 / 2, np.log(2) ** 3 / 3),
    "boxcox1p": (lambda k: special.boxcox1p(1.0, k), 0.0, np.log(2) ** 2 / 2, np.log(2) ** 3 / 3),
    # (1 + λy)^(1/λ) = e^y (1 − λy²/2 + λ² (y³/3 + y⁴/8) + …)
    "inv_boxcox": (lambda k: special.inv_boxcox(1.0, k), 0.0, -np.e / 2, np.e * 11 / 12),
    "inv_boxcox1p": (lambda k: special.inv_boxcox1p(1.0, k), 0.0, -np.e / 2, np.e * 11 / 12),
    "ellipk": (special.ellipk, 0.0, np.pi / 8, 9 * np.pi / 64),  # 19.5.1
    "ellipe": (special.ellipe, 0.0, -np.pi / 8, -3 * np.pi / 64),  # 19.5.2
    # ∂ⁿF/∂mⁿ at 0: ½ ∫ sin² θ and ¾ ∫ sin⁴ θ
    "ellipkinc": (
        lambda m: special.ellipkinc(np.pi / 4, m),
        0.0,
        (np.pi / 4 - 1 / 2) / 4,
        3 / 4 * (3 * np.pi - 8) / 32,
    ),
    "elliprd": (lambda x: special.elliprd(x, 1.0, 1.0), 1.0, -0.3, 9 / 28),  # (3/2) ∫ (t+x)^(−1/2) (t+1)^(−2)
    "diric": (lambda x: special.diric(x, 3), 0.0, 0.0, -2 / 3),  # (1 + 2 cos x)/3
    "lambertw": (lambda x: np.real(special.lambertw(x)), 0.0, 1.0, -2.0),  # x − x² + …
}


@pytest.mark.parametrize(("f", "x", "first", "second"), SMOOTH.values(), ids=SMOOTH)
def test_derivatives_where_a_formula_divides_0_by_0(f, x, first, second):
    np.testing.assert_allclose(cr.grad(f)(x), first, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(cr.grad(cr.grad(f))(x), second, rtol=1e-12, atol=1e-14)


def test_elliptic_integrals_beyond_a_half_period():
    """By 19.2.10 they grow by twice the complete one with every π."""
    for phi in (2.0, -5.0, 7.5):
        for incomplete, complete in ((special.ellipkinc, special.ellipk), (special.ellipeinc, special.ellipe)):
            turns = np.round(phi / np.pi)
            rest = phi - turns * np.pi
            expected = cr.grad(lambda m: incomplete(rest, m) + 2 * turns * complete(m))(0.4)  # noqa: B023
            np.testing.assert_allclose(cr.grad(incomplete, 1)(phi, 0.4), expected, rtol=1e-12)


def test_incomplete_gamma_function_by_a_of_large_and_zero_x():
    a, x = np.array([3.0, 150.0, 2.0]), np.array([0.0, 160.0, 700.0])
    step = 1e-4
    differences = (special.gammainc(a + step, x) - special.gammainc(a - step, x)) / (2 * step)
    np.testing.assert_allclose(cr.grad(lambda a: np.sum(special.gammainc(a, x)))(a), differences, atol=1e-9)


def test_huber_has_the_same_slope_on_both_sides_of_its_seam():
    np.testing.assert_array_equal(cr.grad(special.huber, (0, 1))(2.0, 2.0), (0.0, 2.0))


def test_kolmogorov_joins_its_two_series():
    y = np.array([0.02, 0.2, 0.9999, 1.0, 1.0001, 3.0])
    slopes = cr.grad(lambda y: np.sum(special.kolmogorov(y)))(y)
    step = 1e-5
    np.testing.assert_allclose(slopes, (special.kolmogorov(y + step) - special.kolmogorov(y - step)) / 2e-5, atol=1e-8)


# Complex arguments left of the imaginary axis ------------------------------------------------------------


def test_second_derivative_of_log_gamma_by_reflection():
    z = np.array([-2.3 + 0.4j, -0.5 - 1.0j, 0.2 + 3.0j])
    step = 1e-5
    expected = (scipy_special.psi(z + step) - scipy_special.psi(z - step)) / (2 * step)
    np.testing.assert_allclose(cr.jacobian(special.psi)(z), np.diag(expected), rtol=1e-8)


# What is not covered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda x: special.jv(x, 1.0), "with respect to v has no closed form"),
        (lambda x: special.pdtr(x + 0.5, 1.0), "it is an integer"),
        (lambda x: special.polygamma(x, 1.0), "give it as a plain number"),
        (lambda x: special.factorial(x, exact=True), "gives integers"),
        (lambda x: special.nctdtr(1.0, 1.0, x), "has no block"),
    ],
)
def test_what_has_no_derivative_says_so(f, told):
    with pytest.raises((GradientError, RecordingError), match=told):
        cr.grad(f)(1.5)


def test_the_order_of_a_derivative_of_a_bessel_function_is_a_plain_number():
    with pytest.raises(RecordingError, match=r"jvp does not take recorded arrays; write it with v as a plain number"):
        cr.grad(lambda v: special.jvp(v, 2.0))(1.5)


def test_zeta_of_complex_numbers_has_scipys_value_and_no_gradient():
    s = np.array([1.2 + 2.3j])
    np.testing.assert_array_equal(special.zeta(cr.variable(s)).value, scipy_special.zeta(s))
    with pytest.raises(GradientError, match="no rule for complex numbers"):
        cr.grad(lambda s: np.sum(np.abs(special.zeta(s))))(s)


def test_interpolation_between_places_that_do_not_rise_says_so():
    with pytest.raises(cr.errors.ChainruleError, match="sort xp"):
        cr.grad(lambda x: np.interp(x, [3.0, 1.0, 2.0], [1.0, 2.0, 4.0]))(1.5)


def test_a_quantile_at_a_recorded_number_of_python():
    assert cr.grad(lambda q: np.quantile(np.array([1.0, 4.0]), q))(0.5) == 3.0


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_log_softmax_beside_an_infinite_entry_is_scipys_compiled_too(axis):
    f = lambda x: scipy_special.log_softmax(x, axis=axis)  # noqa: E731
    compiled = cr.compile(f)
    finite = np.array([[1.5, 2.0, 0.5], [-0.1, 0.1, -0.9]])
    infinite = np.array([[1.5, 2.0, np.inf], [-np.inf, -np.inf, -np.inf]])
    with np.errstate(all="ignore"):
        for x in (finite, finite, finite, infinite, infinite, infinite, finite):
            np.testing.assert_allclose(compiled(x), f(x), rtol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: scipy_special.diric(x, 4),
        lambda x: scipy_special.comb(10 * x, 2),
        lambda x: scipy_special.comb(10 * x, 2, repetition=True),
        lambda x: scipy_special.perm(10 * x, 3),
        lambda x: scipy_special.logsumexp(x, b=np.array([1, 2, 3])),
    ],
)
def test_integers_beside_float32_mean_double_precision_as_in_scipy_compiled_too(call):
    x = np.array([0.83, 0.52, 1.293], dtype=np.float32)
    compiled = cr.compile(call)
    for _ in range(3):
        found = compiled(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, call(x), rtol=1e-14)


AT_THE_ENDS = [
    *(
        (name, (n, d, x))
        for name in ("fdtr", "fdtrc")
        for n in (0.7, 1.5, 4.0)
        for d in (1.1, 3.0)
        for x in (0.0, np.inf)
    ),
    *((name, (a, np.inf)) for name in ("gammainc", "gammaincc", "chdtr", "chdtrc") for a in (0.5, 1.0, 3.0)),
    *((name, (a, b, np.inf)) for name in ("gdtr", "gdtrc") for a in (1.0, 2.0) for b in (0.5, 2.5)),
]


@pytest.mark.parametrize(("name", "args"), AT_THE_ENDS)
def test_at_the_ends_of_its_support_a_distribution_does_not_move_with_its_parameters(name, args):
    f = getattr(scipy_special, name)
    by_parameters = tuple(range(len(args) - 1))
    np.testing.assert_array_equal(cr.grad(lambda *args: f(*args), by_parameters)(*args), 0.0)
    if args[-1] == np.inf:
        assert cr.grad(lambda x: f(*args[:-1], x))(np.inf) == 0.0


def test_owens_t_at_zero_and_infinity():
    assert cr.grad(lambda a: scipy_special.owens_t(0.0, a))(np.inf) == 0.0


@pytest.mark.parametrize("name", ["elliprd", "elliprf", "elliprg"])
def test_carlsons_integrals_have_no_derivative_on_the_cut_of_complex_numbers(name):
    f = lambda z: np.real(getattr(scipy_special, name)(0.0, 2.394, z))  # noqa: E731
    assert np.isnan(cr.grad(f)(-0.614 + 0j))
    z, h = -0.614 + 0.5j, 1e-6
    np.testing.assert_allclose(cr.grad(f)(z).real, (f(z + h) - f(z - h)) / (2 * h), rtol=1e-7)
