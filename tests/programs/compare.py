"""What must hold of every program: the same in NumPy, chainrule, PyTorch and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import chainrule as cr
from chainrule.argnums import positions_of
from chainrule.array import Array, value_of
from chainrule.backward import backpropagate
from chainrule.graph import record_graph
from chainrule.recording import record_call
from chainrule.simplify import simplify, simplify_graph

from .answers import chainrule_answers, directions, in_double, jax_answers, numbers, numpy_value, pytorch_answers
from .program import Program

__all__ = [
    "compare",
    "compare_double",
    "compare_explained",
    "compare_forward",
    "compare_mixed",
    "compare_simplified",
    "compare_simplified_graph",
    "sound",
]

DOUBLE = 1e-9
"""Beyond this relative difference in double precision it is no rounding: twelve lines of bounded values lose fewer than
seven of sixteen digits."""
INEXACT_IN_PYTORCH = ("sp.psi", "sp.gammaln", "sp.betaln")
"""Functions whose derivatives PyTorch computes to some nine digits only (its polygamma)."""
SMALL = 8
"""Up to so many entries of all inputs the whole Hessian is compared."""


def compare(program: Program, fully: bool = False) -> None:
    """The comparison with the libraries; `fully` with all that is derived from a recording, which takes longer."""
    compare_double(program)
    if fully:
        compare_mixed(program)
        compare_simplified(program)
        compare_simplified_graph(program)
        compare_explained(program)


def sound(program: Program) -> bool:
    """Whether a program means the same in NumPy and in its functional form: else it is no test."""
    xs = [in_double(x) for x in program.inputs.values()]
    try:
        with np.errstate(all="raise"):
            value, again = numpy_value(program, xs), numpy_value(program, xs, functional=True)
    except Exception:
        return False
    return (
        np.shape(value) == () and not np.iscomplexobj(value) and bool(np.isclose(value, again, rtol=1e-12, atol=1e-12))
    )


def labels(program: Program) -> list[str]:
    names = list(program.inputs)
    return ["L", *(f"∂L/∂{n}" for n in names), *(f"(H v)_{n}" for n in names)]


def assert_close(actual: Any, expected: Any, what: str, tolerance: Any = DOUBLE) -> None:
    """Equal but for `tolerance` times the largest entry, or times one."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def compare_double(program: Program) -> None:
    """In float64: the value is NumPy's, and value, gradients and H v are PyTorch's and JAX's, in each mode."""
    xs = [in_double(x) for x in program.inputs.values()]
    before = [x.copy() for x in xs]
    found = chainrule_answers(program.function(), xs)
    for x, old, name in zip(xs, before, program.inputs, strict=True):
        np.testing.assert_array_equal(x, old, err_msg=f"the caller's {name} was written to")
    assert_close(found[0], numpy_value(program, xs), "L, from NumPy", 1e-12)
    references = {"JAX": jax_answers(program, xs)}
    if not any(name in program.source() for name in INEXACT_IN_PYTORCH):
        references["PyTorch"] = pytorch_answers(program, xs)
    for library, expected in references.items():
        for z, reference, what in zip(found, expected, labels(program), strict=True):
            assert_close(z, reference, f"{what}, from {library}")
    compare_forward(program, xs, references["JAX"])


def compare_forward(program: Program, xs: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Forward mode gives the gradient's inner product with a vector; a small Hessian times a vector is H v."""
    f = program.function()
    vectors = directions(xs)
    first, second = expected[1 : 1 + len(xs)], expected[1 + len(xs) :]
    _, slope = cr.jvp(f, tuple(xs), tuple(vectors))
    inner = sum(np.sum(g.real * v.real + g.imag * v.imag) for g, v in zip(first, vectors, strict=True))
    assert_close(slope, inner, "forward mode")
    if sum(x.size for x in xs) > SMALL or any(map(np.iscomplexobj, xs)):
        return
    hessian = cr.hessian(f, numbers(len(xs)))(*xs)
    for row, product, name in zip(hessian, second, program.inputs, strict=True):
        total = sum(np.tensordot(block, v, v.ndim) for block, v in zip(row, vectors, strict=True))
        assert_close(total, product, f"(H v)_{name}, from the Hessian")


def compare_mixed(program: Program) -> None:
    """As given, float32 and float64 mixed: shapes and dtypes are NumPy's, values right to float32's precision.

    How much rounding a result can carry is measured: with noise of float32's size on every value of the program in
    PyTorch, the results move by so much (Parker, Monte Carlo Arithmetic, 1997). That does not see rounding inside of a
    function, such as a norm of a layer, or in the backward pass. So what moves by more is compared once more, with
    noise on every step of what JAX computes.
    """
    xs = list(program.inputs.values())
    found = chainrule_answers(program.function(), xs)
    value = numpy_value(program, xs)
    assert found[0].dtype == value.dtype, f"L: dtype {found[0].dtype}, in NumPy {value.dtype}"
    for z, x, what in zip(found[1:], xs + xs, labels(program)[1:], strict=True):
        assert (z.shape, z.dtype) == (x.shape, x.dtype), (
            f"{what}: {z.shape} {z.dtype}, the input is {x.shape} {x.dtype}"
        )
    if all(x.dtype != np.float32 for x in xs):
        return
    exact = pytorch_answers(program, xs)
    generator = torch.Generator().manual_seed(0)
    eps = float(np.finfo(np.float32).eps)

    def noise(z: torch.Tensor) -> torch.Tensor:
        signs = torch.randint(0, 2, z.shape, generator=generator) * 2 - 1
        return z * (1 + 4 * eps * signs.to(z.dtype))  # a line may round a few times

    rng = np.random.default_rng(0)

    def noise_of_numpy(z: np.ndarray) -> np.ndarray:
        return z * (1 + eps * rng.choice([-1.0, 1.0], z.shape))

    noisy = [pytorch_answers(program, xs, noise) for _ in range(4)]
    thoroughly: list[Any] = []
    for n, (z, reference, what) in enumerate(zip(found, exact, labels(program), strict=True)):
        scale = max(1.0, float(np.max(np.abs(reference), initial=0.0)))

        def moved(runs: Any, n: int = n, reference: Any = reference) -> float:
            return max(float(np.max(np.abs(run[n] - reference), initial=0.0)) for run in runs)

        tolerance = 4 * (moved(noisy) / scale + 4 * eps)
        if not np.all(np.abs(z - reference) <= tolerance * scale):
            thoroughly = thoroughly or [jax_answers(program, xs, noise_of_numpy) for _ in range(4)]
            tolerance = max(tolerance, 4 * moved(thoroughly) / scale)
        assert_close(z, reference, f"{what}, in float32", tolerance)


def compare_simplified(program: Program) -> None:
    """Simplifying the recorded value and the recorded gradients changes neither values nor shapes nor dtypes.

    Values are compared where all is float64: other formulas for the same number round differently.
    """
    xs = list(program.inputs.values())
    f = program.function()
    recording = record_call(f, positions_of(f, numbers(len(xs))), tuple(xs), {})
    loss = recording.outputs[0]
    gradients = backpropagate(recording.path, {loss._node: np.ones_like(value_of(loss))[()]}, recorded=True)
    leaves = {*recording.inputs, *recording.path.between}
    single = any(x.dtype == np.float32 for x in xs)
    for z in [loss, *gradients.values()]:
        if type(z) is Array:
            for simple in (simplify(z), simplify(z, leaves)):
                value = np.asarray(value_of(simple))
                if not single:
                    assert_close(value, z.value, f"simplified {z._node}")
                assert (value.shape, value.dtype) == (z.shape, z.dtype), (
                    f"simplified {z._node}: dtype {value.dtype}, was {z.dtype}"
                )


def compare_simplified_graph(program: Program) -> None:
    """The graph of value, gradients and a second derivative gives the same values when it is simplified.

    Where all is float64 the numbers are compared; float32 has to keep its dtypes.
    """
    xs = list(program.inputs.values())
    f = program.function()
    both = cr.value_and_grad(f, numbers(len(xs)))

    def second(*xs: Any) -> Any:
        return sum(np.sum(np.real(np.sin(g))) for g in both(*xs)[1])

    for derived in (both, cr.grad(second, numbers(len(xs)))):
        graph = record_graph(derived, *xs)
        expected, found = graph.run(np, xs), simplify_graph(graph).run(np, xs)
        for a, b in zip(found, expected, strict=True):
            assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype), f"simplified {graph}"
            if not any(x.dtype == np.float32 for x in xs):
                assert_close(np.asarray(a), np.asarray(b), f"simplified {graph}", 1e-9)


def compare_explained(program: Program) -> None:
    """There is an explanation, the ways to each value add up to its gradient, and the inputs' are those of `grad`.

    Numbers are compared where all is float64; float32 only has to work.
    """
    xs = list(program.inputs.values())
    f = program.function()
    _, gradients = cr.value_and_grad(f, numbers(len(xs)))(*xs)
    explanation = cr.explain(f)(*xs)
    assert str(explanation)
    assert explanation.latex()
    if any(x.dtype == np.float32 for x in xs):
        return
    for row, expected, name in zip(explanation.backward[-len(xs) :], gradients, program.inputs, strict=True):
        assert_close(row.value, expected, f"∂L/∂{name}, explained", 1e-12)
    for row in explanation.backward:
        if row.factors:
            total = sum(factor.value for factor in row.factors)
            assert_close(total, row.value, f"the factors of {row.name}", 1e-12)
