"""Random programs mean the same in NumPy, chainrule, PyTorch and JAX; see `programs`.

For many more than these: python -m tests.programs --count 100000 --jobs 2
"""

import jax
import numpy as np
import pytest
from jax import numpy as jnp

import chainrule as cr
from chainrule.errors import RecordingError
from programs import program, write_program
from programs.compare import compare, sound
from programs.jaxprs import evaluate
from programs.many import is_refused, reports
from programs.shrink import shrink

CHUNK = 100


@pytest.mark.parametrize("start", range(0, 1000, CHUNK))
def test_random_programs_agree_with_pytorch_and_jax(start):
    found = reports(0, range(start, start + CHUNK))
    assert not found, "\n".join(found)


def test_hardly_any_program_is_refused():
    refused = 0
    for index in range(300):
        program = write_program(0, index)
        try:
            cr.vjp(program.function(), *program.inputs.values())
        except RecordingError as error:
            if not is_refused(error):
                raise
            refused += 1
    assert refused <= 5


# Programs that were wrong once -----------------------------------------------------------------------------------

V = np.array([0.35, 0.54, 0.61])
M = np.array([[1.62, 0.59, -1.51], [1.58, 0.49, -1.83]])

KEPT = {
    "an entry of a vector of one entry": program(
        {"x": V[None]},
        "a = sum(x)",
        ("b = a[np.argmax(a)]", "b = take(a, 2)"),
        "c = np.prod(b, keepdims=True)",
        "L = np.sum(np.sin(c)) + np.mean(x * x)",
    ),
    "a constant gradient is put back at an index": program(
        {"x": V},
        ("a = x[2]", "a = take(x, 2)"),
        "a -= a",
        "L = np.sum(np.sin(x)) + np.mean(a * a)",
    ),
    "a difference in float32 that is zero": program(
        {"x": V.astype(np.float32)}, "a = x ** 2", "b = a - a", "L = np.sum(np.sin(b))"
    ),
    "two entries whose normalisation cannot change, in float32": program(
        {"w": np.array([[1.82, 0.37, 0.51], [-1.43, 1.23, 0.95]], dtype=np.float32)},
        'a = np.einsum("...i,...i->...", w, w)',
        "c = cr.layer_norm(a)",
        "L = np.sum(c)",
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
    "an update of the conjugate of real numbers": program(
        {"x": np.array(-0.62)},
        ("a = x.conj()", "a = np.conj(x)"),
        ("np.add.at(a, np.s_[...], 0.5)", "a = add_at(a, 0, 0.5); x = a"),
        "L = np.sum(x)",
    ),
    "a complex number explained": program({"x": V}, "a = 1j * x - x", "L = np.sum(np.sin(np.real(a)) * np.imag(a))"),
    "a running product of complex numbers": program(
        {"x": V * (1 - 2j)}, "a = np.cumprod(x, axis=-1)", "L = np.sum(np.sin(np.real(a)) * np.imag(a))"
    ),
}


def test_a_sorted_array_keeps_its_memory_layout():
    sorted_and_reshaped = program(
        {"x": np.array(M, order="F")},
        ("a = np.sort(x, axis=1)", "a = take(x, [[2, 1, 0], [5, 4, 3]])"),
        "b = np.reshape(a, (3, 2))",
        ("b += 0.5", "b = b + 0.5"),
        "L = np.sum(a)",
    )
    compare(sorted_and_reshaped)


@pytest.mark.parametrize("program", KEPT.values(), ids=KEPT)
def test_programs_that_failed_once_agree(program):
    compare(program, fully=True)


@pytest.mark.parametrize("program", KEPT.values(), ids=KEPT)
def test_what_is_kept_means_the_same_in_its_functional_form(program):
    assert sound(program)


# The comparison itself: what is wrong must be found -----------------------------------------------------------------

WRONG = {
    "a value": program({"x": V}, ("a = np.sin(x)", "a = np.cos(x)"), "L = np.sum(a)"),
    "a gradient": program({"x": V}, ("a = cr.stop_gradient(x) * x", "a = x * x"), "L = np.sum(a)"),
    "a second derivative": program(
        {"x": V},
        ("a = cr.stop_gradient(np.cos(x)) * (x - cr.stop_gradient(x)) + np.sin(cr.stop_gradient(x))", "a = np.sin(x)"),
        "L = np.sum(a)",
    ),
    "a complex gradient": program(
        {"x": V * (1 - 2j)}, ("a = np.conj(cr.stop_gradient(x)) * x", "a = np.conj(x) * x"), "L = np.sum(np.real(a))"
    ),
}


@pytest.mark.parametrize("program", WRONG.values(), ids=WRONG)
def test_a_difference_is_found(program):
    with pytest.raises(AssertionError):
        compare(program)


def test_jaxs_steps_run_by_numpy_give_what_jax_gives():
    def f(x, y):
        z = jnp.concatenate([x @ y.T, jnp.pad(x, ((1, 0), (0, 0)))[:2, 1:]], axis=1)
        z = jnp.where(z > 0, jnp.prod(x, axis=1)[:, None] * z, jnp.cumsum(z[:, ::-1], axis=1))
        return jnp.sum(jnp.abs(z + 1j * jnp.sort(z, axis=1))) + jnp.max(jnp.einsum("ij,kj->ki", x, y))

    with jax.enable_x64(True):
        slopes = jax.value_and_grad(f, (0, 1))
        made = jax.make_jaxpr(lambda *xs: jax.jvp(slopes, xs, xs))(M, M + 1)
        found = evaluate(made.jaxpr, made.consts, [M, M + 1])
        for mine, expected in zip(found, jax.tree.leaves(jax.jvp(slopes, (M, M + 1), (M, M + 1))), strict=True):
            np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)


def fails(program):
    try:
        compare(program)
    except AssertionError:
        return True
    return False


def test_a_failure_shrinks_to_the_lines_that_matter():
    wrong = program(
        {"x": M, "y": V},
        "a = np.sin(y)",
        "b = x * a",
        ("c = cr.stop_gradient(b) * b", "c = b * b"),
        ("d = c[0]", "d = take(c, [0, 1, 2])"),
        "L = np.sum(np.sin(d)) + np.mean(a * a)",
    )
    small = shrink(wrong, fails)
    assert [step.numpy.partition(" = ")[2] for step in small.steps[:-1]] in (
        ["cr.stop_gradient(x) * x"],
        ["cr.stop_gradient(y) * y"],
    )
    assert len(small.inputs) == 1


def test_a_program_prints_as_it_is_kept():
    made = program({"x": V.astype(np.float32)}, "a = x ** 2", ("a += 1", "a = a + 1"), "L = np.sum(a)")
    again = eval(str(made), {"program": program, "np": np})
    assert again.steps == made.steps
    np.testing.assert_array_equal(again.inputs["x"], made.inputs["x"], strict=True)
