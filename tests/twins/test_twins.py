"""Every call of a twin gives SciPy's own value and the right derivatives, uncompiled, compiled and explained."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import chainrule as cr
from chainrule import coverage

from . import Call, check_call, check_compiled, check_second_derivatives, loss_of

MODULES = [found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if "calls_" in found.name]
CALLS: dict[str, Call] = {
    f"scipy.{module.removeprefix('calls_').replace('_', '.')}.{name}": call
    for module in MODULES
    for name, call in importlib.import_module(f"{__package__}.{module}").CALLS.items()
}
each = pytest.mark.parametrize("name", CALLS)


@each
def test_value_and_gradient(name):
    check_call(CALLS[name])


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.second])
def test_second_derivatives(name):
    check_second_derivatives(CALLS[name])


@each
def test_compiled(name, request):
    if not CALLS[name].compiles:
        request.getfixturevalue("may_run_uncompiled")
    check_compiled(CALLS[name])


@each
def test_explained(name):
    call = CALLS[name]
    assert str(cr.explain(loss_of(call.f))(*call.args))


def test_every_twin_is_called():
    called = {name.partition(",")[0] for name in CALLS}
    twins = {f"{e.module}.{e.name}" for e in coverage.coverage() if e.note == "a twin"}
    assert twins - called == set()
    assert {name for name in called - twins if name.count(".") == 2} == set()  # methods have one more
