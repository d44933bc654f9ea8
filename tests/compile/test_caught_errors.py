"""An error that the code catches decides its path: compiled, other values take the path that NumPy takes."""

from __future__ import annotations

import cmath
import contextlib
import math
import statistics

import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg
import scipy.optimize

import chainrule as cr

PROGRAMS: dict[str, tuple] = {}


def program(*values):
    def add(f):
        PROGRAMS[f.__name__] = f, values
        return f

    return add


def table(*rows):
    return np.array(rows, dtype=float)


@program(table(-1, 4), table(1, 4), table(-2, 4), table(np.inf, 4), table(np.nan, 4))
def roots_one_by_one(x):
    total = 0.0
    for v in x:
        try:
            total = total + math.sqrt(v)
        except ValueError:
            total = total - 0.1 * v
    return total


@program(800.0, 2.0, 900.0, 3.0, math.inf)
def overflow_of_math(x):
    try:
        return math.exp(x)
    except OverflowError:
        return x * 7


@program(0.0, 2.0, 0.0, 3.0)
def logarithm_or_line(x):
    kept = []
    try:
        return math.log(x)
    except ValueError:
        kept.append(1)
    finally:
        kept.append(2)
    return x * len(kept) + 1


@program(1j, 0j, 2 + 1j, 0j)
def logarithm_of_a_complex_number(z):
    try:
        return abs(cmath.log(z)) ** 2
    except ValueError:
        return abs(z) ** 2 + 7


@program(table(-1, 2), table(1, 2), table(-1, 3), table(1, -1), table(0, 1))
def means_of_positive_numbers(x):
    try:
        return statistics.harmonic_mean(x)
    except statistics.StatisticsError:
        return x[0] * 9


@program(table(-1, 2), table(1, 2), table(-1, 3), table(0, 1))
def geometric_means(x):
    try:
        return statistics.geometric_mean(x)
    except statistics.StatisticsError:
        return x[0] * 9


@program(table(-1, 4), table(1, 4), table(-2, 4), table(2, 4))
def suppressed(x):
    total = x[1]
    with contextlib.suppress(ValueError):
        total = total + math.sqrt(x[0])
    return total


@program(table([1, 2], [2, 4]), table([1, 2], [2, 5]), table([2, 4], [1, 2]), table([3, 2], [2, 5]))
def inverse_of_a_singular_matrix(M):
    try:
        return np.sum(np.linalg.inv(M))
    except np.linalg.LinAlgError:
        return np.sum(M)


@program(table([1, 2], [2, 1]), table([3, 2], [2, 5]), table([1, 2], [2, 1.5]), table([4, 2], [2, 5]))
def cholesky_with_jitter(M):
    try:
        return np.sum(np.linalg.cholesky(M))
    except np.linalg.LinAlgError:
        return np.sum(np.linalg.cholesky(M + 9 * np.eye(2)))


@program(table([1, 2], [2, 1]), table([3, 2], [2, 5]), table([1, 2], [2, 1.5]), table([4, 2], [2, 5]))
def factors_of_scipys(M):
    try:
        return np.sum(scipy.linalg.cholesky(M))
    except scipy.linalg.LinAlgError:
        return np.sum(M)


@program(math.nan, 2.2, math.inf, 3.3, math.nan)
def whole_part(x):
    try:
        return math.floor(x) * x
    except ValueError:
        return 1.0
    except OverflowError:
        return 2.0


@program(table(0, 1), table(2, 1), table(0, 3), table(3, 1))
def errors_of_floating_point(x):
    with np.errstate(all="raise"):
        try:
            return np.sum(1 / x)
        except FloatingPointError:
            return x[1] * 3


@program(table(-1, -2), table(1, -2), table(1, 2), table(2, -1))
def a_root_that_is_not_bracketed(x):
    try:
        return scipy.optimize.brentq(lambda z: z**3 - x[0], x[1] * 0 - 3, x[1])
    except ValueError:
        return x[0] * 3


@program(table(1, 2, 3), table(1, 2, 2), table(3, 2, 1), table(1, 2, 4))
def points_in_no_order(x):
    try:
        return scipy.interpolate.CubicSpline(x, np.array([1.0, 2, 0]))(1.5)
    except ValueError:
        return x[0] * 3


@program(table(2, 1), table(1, 1), table(0.5, 1), table(3, 2))
def quantile_beyond_all(x):
    try:
        return np.quantile(np.array([1.0, 2, 3]) * x[1], x[0])
    except ValueError:
        return x[0] * 3


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("order", ["as listed", "each twice, reversed"])
def test_a_caught_error_is_another_path(name, order):
    f, values = PROGRAMS[name]
    chosen = values if order == "as listed" else [x for x in reversed(values) for _ in (0, 1)]
    differentiated = cr.value_and_grad(f)
    for function in (f, differentiated):
        compiled = cr.compile(function)
        with np.errstate(all="ignore"):
            for x in chosen:
                wanted, found = function(x), compiled(x)
                if function is f:
                    assert type(found) is type(wanted)
                    np.testing.assert_allclose(found, wanted, rtol=1e-12)
                    continue
                np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
                np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12)
                np.testing.assert_allclose(found[0], f(x), rtol=1e-12)
