"""Python's max and min of recorded numbers: the dtype of the one that is chosen, compiled too."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

F32, F64 = np.float32, np.float64

CALLS = {
    "max of two dtypes": (lambda a, b: max(a, b) * a, (F32(1), F64(2)), (F32(3), F64(2))),
    "min of two dtypes": (lambda a, b: min(a, b) + a, (F32(1), F64(2)), (F32(3), F64(2))),
    "of a list": (lambda a, b: max([a, b]) * a, (F32(1), F64(2)), (F32(3), F64(2))),
    "beside a number that float32 does not have": (lambda a, b: max(a, 0.1) * b, (F32(1), F64(3)), (F32(-3), F64(3))),
    "beside an integer": (lambda a, b: max(a, 0) * b, (F32(1), F32(3)), (F32(-3), F32(3))),
    "beside an integer of NumPy's": (lambda a, b: max(a, np.int64(0)) * b, (F32(1), F32(3)), (F32(-3), F32(3))),
    "of one dtype": (lambda a, b: max(a, b, 0.5), (F64(1), F64(2)), (F64(3), F64(2))),
}


@pytest.mark.parametrize("name", CALLS)
def test_compiled_it_is_the_number_that_python_chooses(name):
    f, *arguments = CALLS[name]
    compiled = cr.compile(f)
    for args in [arguments[0]] * 3 + [arguments[1]] * 3 + arguments:
        found, wanted = compiled(*args), f(*args)
        assert type(found) is type(wanted)
        assert found == wanted


def test_a_loop_that_carries_a_maximum_of_two_dtypes_compiles():
    def f(b, x):
        s, zero = b * 1, np.zeros(4)
        total = 0.0
        for t in range(4, len(x), 2):
            total = total + np.tanh(max(x[t - 2 : t + 1].sum(), s))
            if t % 3 == 0:
                s = np.tanh(x[t])
            s = 0.5 * s + np.tanh(zero[t % 4])
        return total

    compiled = cr.compile(f)
    for k in (0, 0, 1, 2, 2, 3):
        x = np.random.default_rng(k).normal(size=20).astype(F32)
        np.testing.assert_allclose(
            compiled(F32(0.4), np.abs(x) if k == 2 else x), f(F32(0.4), np.abs(x) if k == 2 else x), rtol=1e-6
        )
