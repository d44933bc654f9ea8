"""A call of a twin gives SciPy's own value and the right derivatives, uncompiled, compiled and explained.

A sample is tried here; `python -m tests.sweeps.twins` tries everything.
"""

import numpy as np
import pytest
import scipy.optimize

import chainrule as cr
from chainrule import coverage
from chainrule.errors import GradientError

from . import (
    CALLS,
    check_call,
    check_compiled,
    check_compiled_elsewhere,
    check_explained,
    check_overwritten,
    check_second_derivatives,
)

SAMPLE = [name for i, name in enumerate(sorted(CALLS)) if i % 40 == 0 and not CALLS[name].slow]
some = pytest.mark.parametrize("name", SAMPLE)


@pytest.mark.parametrize("name", [name for i, name in enumerate(sorted(CALLS)) if i % 4 == 0])
def test_twins_have_scipys_values_and_right_gradients(name):
    check_call(CALLS[name])


@pytest.mark.parametrize("name", [name for name in SAMPLE if CALLS[name].second])
def test_second_derivatives_of_twins_match_differences(name):
    check_second_derivatives(CALLS[name])


@pytest.mark.parametrize("name", [name for i, name in enumerate(sorted(CALLS)) if i % 6 == 0 or "curve_fit" in name])
def test_what_is_overwritten_afterwards_changes_no_gradient(name):
    check_overwritten(CALLS[name])


ELSEWHERE = (
    "interpolate.CubicSpline",
    "interpolate.BSpline",
    "interpolate.RegularGridInterpolator",
    "linalg.companion",
    "linalg.solve, positive definite",
    "linalg.solveh_banded",
    "linalg.sqrtm",
    "ndimage.map_coordinates",
    "signal.lfilter",
    "sparse.find",
    "spatial.distance.minkowski, weighted",
)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_compiled_call_raises_the_errors_of_scipy_for_other_numbers(name):
    check_compiled_elsewhere(CALLS[f"scipy.{name}"])


@some
def test_a_compiled_twin_gives_scipys_values(name, request):
    if not CALLS[name].compiles:
        request.getfixturevalue("may_run_uncompiled")
    check_compiled(CALLS[name])


@some
def test_an_explained_twin_has_the_recorded_values(name):
    check_explained(CALLS[name])


def test_every_twin_is_called():
    called = {name.partition(",")[0] for name in CALLS}
    called |= {name.rpartition(".")[0] for name in called}  # methods
    assert {f"{e.module}.{e.name}" for e in coverage.coverage() if e.note == "a twin"} - called == set()


@pytest.mark.parametrize(
    "read", [lambda r: r.ineqlin.marginals, lambda r: r.slack, lambda r: r.upper.residual, lambda r: r.eqlin.marginals]
)
def test_prices_of_a_linear_program_are_an_error_and_not_zeros(read):
    def price(c):
        result = scipy.optimize.linprog(c, [[1.0, 2.0]], [3.0], [[1.0, -1.0]], [0.5])
        return np.sum(read(result)) + result.fun

    with pytest.raises(GradientError, match=r"the derivative of .* of linprog is not known"):
        cr.grad(price)(np.array([-1.0, -2.0]))
