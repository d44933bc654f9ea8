"""The elementary functions of compiled code: accuracy against extended precision, and what happens at the edges."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import hypothesis
import hypothesis.strategies as st
import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest

from chainrule.compile import native
from chainrule.compile.cache import load_program
from chainrule.compile.loop_nests import nested
from chainrule.compile.loops import Argument, Length, LoopFunction, Name, Store, call
from chainrule.compile.printed import function_text

REFERENCE = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.where(x > 0, x, 0) + np.log1p(np.exp(-abs(x))),
}
THROUGH_FLOAT64 = {
    "exp2": np.exp2,
    "log2": np.log2,
    "log10": np.log10,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "cbrt": np.cbrt,
}
REFERENCE |= THROUGH_FLOAT64
EDGES = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 5e-324, 1e-310, -1e-310, 1e-45, 3e-39, -3e-39]
EDGES += [710, -746, -745.1, 88.9, -104, 709.5, -708.5, 0.9999999999999999, 1.0000000000000002]
EDGES += [
    1e5,
    -1e5,
    0.41421,
    0.4142136,
    0.49999999,
    0.5,
    -0.5,
    0.50000001,
    0.999999,
    2.0**-60,
    710.4,
    3e8,
    -3e8,
    1e300,
    -1e300,
]
ULPS = 4


def every(name, dtype, arguments):
    """A kernel with the function in a loop over whole arrays."""
    i, z = Name("i"), Name("z")
    body = nested([("i", 0, Length(z))], [Store(z[i], call(f"vm.{name}", *(Name(a)[i] for a in arguments)))])
    takes = [*(Argument(dtype, ("n",)) for _ in arguments), Argument(dtype, ("n",), is_written=True)]
    return LoopFunction("every", (*arguments, "z"), tuple(body), "kernel", tuple(takes))


@functools.cache
def compiled(name, dtype, arguments="x"):
    function = every(name, dtype, arguments)
    return load_program("every", function_text(function), [function], {}, {}, [])[1]["every"]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no more digits than double")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", REFERENCE)
def test_within_four_units_in_the_last_place(name, dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=20_000) * s for s in (1e-8, 1e-3, 0.3, 1, 10, 100)])
    if name.startswith("log") and name != "log1p":
        x = np.concatenate([abs(x), np.exp(rng.uniform(-80, 80, 20_000))])
    elif name == "log1p":
        x = np.concatenate([x[x > -1], np.exp(rng.uniform(-30, 0, 20_000)) - 1])
    with np.errstate(over="ignore"):
        x = np.concatenate([x, EDGES]).astype(dtype)
    z = np.empty_like(x)
    compiled(name, x.dtype.name)(x, z)
    with np.errstate(all="ignore"):
        exact = REFERENCE[name](x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        finite = np.isfinite(rounded)
        ulp = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    assert np.max(np.abs(z[finite] - exact[finite]) / ulp) <= ULPS
    np.testing.assert_array_equal(z[~finite], rounded[~finite])
    np.testing.assert_array_equal(np.signbit(z[rounded == 0]), np.signbit(rounded[rounded == 0]))


EXACT_IN_MPMATH = {"erf": mpmath.erf, "erfc": mpmath.erfc, "ndtr": mpmath.ncdf}
SPREAD = [
    0.41,
    0.4142135,
    0.4143,
    0.49999999,
    0.5,
    0.50000001,
    0.999999,
    1.000001,
    2.4142,
    26.5,
    27.2,
    28.5,
    300.0,
    1e5,
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["erf", "erfc", "ndtr"])
def test_error_functions_are_within_four_units_in_the_last_place(name, dtype):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=1_500) * s for s in (1e-8, 0.5, 2, 10)])
    with np.errstate(over="ignore"):
        x = np.concatenate([x, np.multiply.outer([1, -1], SPREAD).ravel(), EDGES]).astype(dtype)
    z = np.empty_like(x)
    compiled(name, x.dtype.name)(x, z)
    with mpmath.workdps(40):
        for a, b in zip(x, z, strict=True):
            exact = EXACT_IN_MPMATH[name](mpmath.mpf(float(np.clip(a, -100, 100))))  # no change beyond
            rounded = dtype(float(exact))
            if np.isnan(rounded):
                assert np.isnan(b)
            else:
                assert abs(mpmath.mpf(float(b)) - exact) <= ULPS * float(np.spacing(abs(rounded))), (a, b)
                assert np.signbit(b) == (np.signbit(a) if name == "erf" else False)  # mpmath has no −0


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no more digits than double")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["arctan2", "hypot"])
def test_functions_of_two_are_within_four_units_in_the_last_place(name, dtype):
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=50_000) * np.exp(rng.normal(size=50_000) * 5) for _ in range(2))
    large = float(np.finfo(dtype).max)
    edges = np.array([*EDGES[:13], large, -large, large / 2]).astype(dtype).astype(float)
    x = np.concatenate([x, np.repeat(edges, len(edges))]).astype(dtype)
    y = np.concatenate([y, np.tile(edges, len(edges))]).astype(dtype)
    z = np.empty_like(x)
    compiled(name, x.dtype.name, "xy")(x, y, z)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble), y.astype(np.longdouble))
        rounded = exact.astype(dtype)
        finite = np.isfinite(rounded)
        ulp = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    assert np.max(np.abs(z[finite] - exact[finite]) / ulp) <= ULPS
    np.testing.assert_array_equal(z[~finite], rounded[~finite])
    np.testing.assert_array_equal(np.signbit(z[rounded == 0]), np.signbit(rounded[rounded == 0]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logaddexp_is_as_near_as_its_operands_allow(dtype):
    rng = np.random.default_rng(3)
    x, y = (rng.normal(size=50_000) * np.exp(rng.normal(size=50_000) * 3) for _ in range(2))
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1000, -1000, 1e-30])
    x = np.concatenate([x, x, np.repeat(edges, len(edges))]).astype(dtype)
    y = np.concatenate([y, x[: len(y)], np.tile(edges, len(edges))]).astype(dtype)
    z = np.empty_like(x)
    compiled("logaddexp", x.dtype.name, "xy")(x, y, z)
    with np.errstate(all="ignore"):
        exact = np.logaddexp(x.astype(np.longdouble), y.astype(np.longdouble))
        finite = np.isfinite(exact)
        size = np.maximum(np.where(np.isinf(x), 0, abs(x)), np.where(np.isinf(y), 0, abs(y)))
        scale = np.spacing(np.maximum(size, dtype(math.log(2))))
        assert np.max(abs(z - exact)[finite] / scale[finite]) <= ULPS
    np.testing.assert_array_equal(z[~finite], exact[~finite].astype(dtype))


def within_four_units(z, exact):
    """Finite results to 4 units in the last place; NaN, Inf and the sign of zeros as they are."""
    rounded = exact.astype(z.dtype)
    finite = np.isfinite(rounded)
    ulp = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    off = np.abs(z[finite] - exact[finite]) / ulp
    edge = np.isinf(z[finite]) & (np.abs(rounded[finite]) == np.finfo(z.dtype).max)
    assert np.all((off <= ULPS) | edge)
    np.testing.assert_array_equal(z[~finite], rounded[~finite])
    np.testing.assert_array_equal(np.signbit(z[rounded == 0]), np.signbit(rounded[rounded == 0]))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no more digits than double")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_powers_are_within_four_units_in_the_last_place(dtype):
    rng = np.random.default_rng(3)
    n = 100_000
    largest = float(np.log(np.finfo(dtype).max))
    x = np.exp(rng.uniform(-largest, largest, n))
    x = np.concatenate([x, 1 + rng.normal(size=n) * 1e-3, 1 + rng.normal(size=n) * 1e-7, rng.uniform(0, 4, n)])
    y = rng.uniform(-1.05, 1.05, 4 * n) * largest / np.maximum(np.abs(np.log(x)), 1e-10)  # results of all sizes
    x = np.concatenate([x, np.round(rng.normal(size=n) * 50)])
    y = np.concatenate([y, np.round(rng.normal(size=n) * 50)])
    x, y = x.astype(dtype), y.astype(dtype)
    z = np.empty_like(x)
    compiled("power", x.dtype.name, "xy")(x, y, z)
    with np.errstate(all="ignore"):
        within_four_units(z, np.power(x.astype(np.longdouble), y.astype(np.longdouble)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_powers_at_the_edges_are_those_of_c(dtype):
    some = [0.0, 1, 2, 3, 0.5, 1.5, 1024, 1074, 1e5, 2.0**23 + 1, 2.0**24, 2.0**52 + 1, 2.0**53, 2.0**51 + 0.5]
    some += [5e-324, 1e-310, 1e-45, 3e-39, 1e300, 1e-300, 0.9999999999999999, 0.9999999, math.inf, math.nan]
    with np.errstate(over="ignore"):
        some = np.array([*some, *(-v for v in some)]).astype(dtype)
    x, y = np.repeat(some, len(some)), np.tile(some, len(some))
    z = np.empty_like(x)
    compiled("power", x.dtype.name, "xy")(x, y, z)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_array_equal(np.isnan(z), np.isnan(expected))
    np.testing.assert_allclose(z, expected, rtol=5 * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).smallest_subnormal)
    np.testing.assert_array_equal(np.signbit(z)[~np.isnan(z)], np.signbit(expected)[~np.isnan(z)])
    for a, b, expected in [(1, math.nan, 1), (math.nan, 0, 1), (-1, math.inf, 1), (-1, -math.inf, 1), (-2, 3, -8)]:
        x, y, z = (np.full(5, v, dtype) for v in (a, b, 0))
        compiled("power", x.dtype.name, "xy")(x, y, z)
        assert np.all(z == expected)


def nearest_to_multiples_of_half_pi(digits, exponents):
    """For each exponent the integer of so many digits that is, times 2^exponent, nearest to a multiple of π/2: the
    denominator of a convergent of 2^exponent 2/π.
    """
    for exponent in exponents:
        with mpmath.workprec(1300):
            ratio = mpmath.ldexp(2 / mpmath.pi, exponent)
            rest = Fraction(int(mpmath.ldexp(ratio, 1250)), 2**1250) % 1
        before, denominator = 0, 1
        while rest:
            whole, rest = divmod(1 / rest, 1)
            before, denominator = denominator, whole * denominator + before
            if denominator >= 2**digits:
                break
        yield math.ldexp(before, exponent)


@pytest.mark.parametrize(("dtype", "digits", "exponents"), [(np.float64, 53, (-52, 971)), (np.float32, 24, (-23, 104))])
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_trigonometric_functions_next_to_multiples_of_half_pi(name, dtype, digits, exponents):
    x = np.array(list(nearest_to_multiples_of_half_pi(digits, range(*exponents))))
    assert digits != 53 or 6381956970095103 * 2.0**797 in x  # the nearest of all: Muller, chapter 11
    x = np.concatenate([x, -x]).astype(dtype)
    z = np.empty_like(x)
    compiled(name, x.dtype.name)(x, z)
    with mpmath.workprec(1300):
        for a, b in zip(x, z, strict=True):
            exact = getattr(mpmath, name)(mpmath.mpf(float(a)))
            assert abs(mpmath.mpf(float(b)) - exact) <= np.spacing(abs(dtype(float(exact)))), (a, b)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_trigonometric_functions_of_a_million_float32_of_all_sizes(name):
    x = np.arange(0, 2**32, 4093, dtype=np.uint32).view(np.float32)
    z = np.empty_like(x)
    compiled(name, "float32")(x, z)
    with np.errstate(invalid="ignore"):
        exact = getattr(np, name)(x.astype(np.float64))
    finite = np.isfinite(x)
    assert np.all(np.isnan(z[~finite]))
    assert np.max(np.abs(z - exact)[finite] / np.spacing(np.abs(exact[finite].astype(np.float32)))) < 0.7


OF_ONE = [*REFERENCE, "erf", "erfc"]
OF_TWO = ["arctan2", "hypot", "power"]


def exactly(name, *given):
    """The result by mpmath, correctly rounded to a long double; edges by NumPy."""
    if name in ("erf", "erfc"):
        with mpmath.workdps(40):
            value = getattr(mpmath, name)(mpmath.mpf(float(np.clip(given[0], -100, 100))))
            return np.longdouble(mpmath.nstr(value, 30)) * (1 if value else np.copysign(1, given[0]))
    function = REFERENCE.get(name) or getattr(np, name)
    return function(*(np.longdouble(x) for x in given))


def of_any_size(width):
    return st.integers(0, 2**width - 1).map(
        lambda bits: np.array(bits, f"u{width // 8}").view(f"f{width // 8}")[()]
    ) | st.floats(-10, 10, width=width).map(np.dtype(f"f{width // 8}").type)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no more digits than double")
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_any_number_is_within_four_units_in_the_last_place(name, width):
    count = 2 if name in OF_TWO else 1

    @hypothesis.settings(deadline=None, max_examples=300, database=None)
    @hypothesis.given(st.tuples(*[of_any_size(width)] * count))
    def holds(given):
        arrays = [np.array([x]) for x in given]
        z = np.empty_like(arrays[0])
        compiled(name, z.dtype.name, "xy"[:count])(*arrays, z)
        with np.errstate(all="ignore"):
            within_four_units(z, np.array([exactly(name, *given)]))

    holds()


@pytest.mark.skipif(not llvm.get_host_cpu_features().get("fma"), reason="without fma, that is a call")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_nothing_outside_is_called(name, dtype):
    """A call keeps a loop from being vectorised."""
    function = every(name, dtype, "xy" if name in OF_TWO else "x")
    assert native.compiled("every", [function], {}, {})[1] == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_extremes_are_nan_if_an_operand_is(dtype):
    x, y = np.array([[1, math.nan, 1], [2, 1, math.nan]], dtype)
    for name, expected in (("maximum", 2), ("minimum", 1)):
        z = np.empty_like(x)
        compiled(name, x.dtype.name, "xy")(x, y, z)
        np.testing.assert_array_equal(z, np.array([expected, math.nan, math.nan], dtype))
