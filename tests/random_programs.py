"""Random programs mean the same in NumPy, chainrule, PyTorch and JAX; see `programs` and `differential`.

For many more than these: python tests/differential.py --count 100000
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from differential import compare, compare_careless
from programs import Program, Step, programs


def programs_per_run(count):
    return settings(
        max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )


@programs_per_run(300)
@given(programs(mixed=True))
def test_programs_agree_with_pytorch_and_are_simplified_and_explained_rightly(program):
    compare(program, fully=False)


@programs_per_run(25)
@given(programs())
def test_programs_agree_with_jax_and_their_explanations_print(program):
    compare(program)


@programs_per_run(300)
@given(programs(careless=True))
def test_a_stale_view_is_an_error_or_right_never_silently_wrong(program):
    compare_careless(program)


# Programs that were wrong once -----------------------------------------------------------------------------------

V = np.array([0.35, 0.54, 0.61])
M = np.array([[1.62, 0.59, -1.51], [1.58, 0.49, -1.83]])


def program(inputs, *lines):
    """A program from lines of NumPy; a pair is a line and the same without updates in place."""
    pairs = [line if isinstance(line, tuple) else (line, None) for line in lines]
    return Program(
        inputs, tuple(Step((functional or numpy).split()[0], numpy, functional) for numpy, functional in pairs)
    )


KEPT = {
    "an entry of a vector of one entry": program(
        {"x": V[None]},
        "a = sum(x)",
        ("b = a[np.argmax(a)]", "b = take(a, index[2])"),
        "c = np.prod(b, keepdims=True)",
        "L = np.sum(np.sin(c)) + np.mean(x * x)",
    ),
    "a constant gradient is put back at an index": program(
        {"x": V},
        ("a = x[2]", "a = take(x, index[2])"),
        "a -= a",
        "L = np.sum(np.sin(x)) + np.mean(a * a)",
    ),
    "a difference in float32 that is zero": program(
        {"x": V.astype(np.float32)}, "a = x ** 2", "b = a - a", "L = np.sum(np.sin(b))"
    ),
    "three axes of one number each": program(
        {"x": M},
        "a = np.trace(x)",
        "b = np.reshape(a, (1, 1, 1))",
        "L = np.sum(np.sin(b)) + np.mean(a * a) + np.mean(a * a)",
    ),
    "the sum of a constant vector": program(
        {"x": V[:1]},
        "a = x * np.array([0.5, -1.0, 2.0])",
        "b = np.mean(a, keepdims=True)",
        "L = np.sum(np.sin(b))",
    ),
    "a flattened copy": program(
        {"x": M},
        ("a = x.flatten()", "a = np.ravel(x)"),
        ("a += 0.5", "a = a + 0.5"),
        "L = np.sum(a * a) + np.mean(x * x)",
    ),
    "an update below a new axis": program({"x": V}, ("x[None] += x", "x = x + x"), "L = np.sum(np.sin(x))"),
    "a copied number is an array": program(
        {"x": V},
        "a = np.copy(np.sum(x))",
        ("np.add.at(a, ..., a)", "a = a + a"),
        "L = np.sin(a)",
    ),
    "squeezing nothing": program(
        {"x": V}, "a = x.squeeze()", ("a += 2", "x = x + 2; a = x"), "L = np.sum(np.sin(a)) + np.mean(x * x)"
    ),
}


@pytest.mark.parametrize("program", KEPT.values(), ids=KEPT)
def test_programs_that_failed_once_agree(program):
    compare(program)


# The comparison itself: what is wrong must be found -----------------------------------------------------------------

WRONG = {
    "a value": program({"x": V}, ("a = np.sin(x)", "a = np.cos(x)"), "L = np.sum(a)"),
    "a gradient": program({"x": V}, ("a = cr.stop_gradient(x) * x", "a = x * x"), "L = np.sum(a)"),
    "a second derivative": program(
        {"x": V},
        ("a = cr.stop_gradient(np.cos(x)) * (x - cr.stop_gradient(x)) + np.sin(cr.stop_gradient(x))", "a = np.sin(x)"),
        "L = np.sum(a)",
    ),
}


@pytest.mark.parametrize("program", WRONG.values(), ids=WRONG)
def test_a_difference_is_found(program):
    with pytest.raises(AssertionError):
        compare(program)
