"""A call of a twin gives SciPy's own value and the right derivatives, uncompiled, compiled and explained.

A sample is tried here; `python -m tests.sweeps.twins` tries everything.
"""

import pytest

from chainrule import coverage

from . import CALLS, check_call, check_compiled, check_explained, check_second_derivatives

SAMPLE = [name for i, name in enumerate(sorted(CALLS)) if i % 40 == 0 and not CALLS[name].slow]
some = pytest.mark.parametrize("name", SAMPLE)


@pytest.mark.parametrize("name", [name for i, name in enumerate(sorted(CALLS)) if i % 4 == 0])
def test_value_and_gradient(name):
    check_call(CALLS[name])


@pytest.mark.parametrize("name", [name for name in SAMPLE if CALLS[name].second])
def test_second_derivatives(name):
    check_second_derivatives(CALLS[name])


@some
def test_compiled(name, request):
    if not CALLS[name].compiles:
        request.getfixturevalue("may_run_uncompiled")
    check_compiled(CALLS[name])


@some
def test_explained(name):
    check_explained(CALLS[name])


def test_every_twin_is_called():
    called = {name.partition(",")[0] for name in CALLS}
    called |= {name.rpartition(".")[0] for name in called}  # methods
    assert {f"{e.module}.{e.name}" for e in coverage.coverage() if e.note == "a twin"} - called == set()
