"""Random NumPy programs give, compiled, what they give uncompiled: value and gradients, for other values too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import loops
from compile.interpreted import interpreted
from compile.test_catalogue import assert_same, looks_at_values
from programs import write_program

CHUNK = 25


@pytest.mark.parametrize("start", range(0, 300, CHUNK))
def test_programs_compiled_are_programs(start):
    for index in range(start, start + CHUNK):
        program = write_program(0, index, mixed=index % 3 == 0)
        try:
            compare(program)
        except Exception as error:
            error.add_note(str(program))
            raise


def compare(program):
    g = cr.value_and_grad(program.function(), tuple(range(len(program.inputs))))
    compiled = cr.compile(g)
    xs = list(program.inputs.values())
    exact = all(x.dtype != np.float32 for x in xs)
    with interpreted(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = g(*xs)
            compiled(*xs)
        except cr.errors.ChainruleError:
            return  # a program that has no gradient
        check(compiled(*xs), expected, exact, xs)
        assert not compiled._failed
        assert "1 version" in repr(compiled) or looks_at_values(compiled)
        others = [(x * np.asarray(0.97, x.dtype)) for x in xs]
        try:
            expected = g(*others)
        except Exception:
            return  # outside of a domain
        for _ in range(2):
            check(compiled(*others), expected, exact, others)


def check(actual, expected, exact, xs):
    """Results agree; those that cancel to 0 agree up to the rounding errors of numbers as large as the inputs."""
    (L, grads), (M, wanted) = actual, expected
    noise = 1e-13 * max(float(np.max(np.abs(x), initial=0.0)) for x in xs)
    assert_same([L, *grads], [M, *wanted], 1e-9 if exact else 2e-3, noise)


@pytest.mark.parametrize("index", [0, 3, 5, 7, 8, 9])
@pytest.mark.parametrize("most", [loops.LONG_PROGRAM, 0])
def test_programs_in_native_code(index, most, tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(loops, "LONG_PROGRAM", most)
    in_native_code(write_program(1, index))


def in_native_code(program):
    g = cr.value_and_grad(program.function(), tuple(range(len(program.inputs))))
    compiled = cr.compile(g)
    xs = list(program.inputs.values())
    exact = all(x.dtype != np.float32 for x in xs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = g(*xs)
        except cr.errors.ChainruleError:
            return  # a program that has no gradient
        for _ in range(3):
            check(compiled(*xs), expected, exact, xs)
    assert not compiled._failed
