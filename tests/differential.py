"""What must hold of every program: the same in NumPy, chainrule, PyTorch and JAX.

    python tests/differential.py --count 100000 --seed 0

compares as many random programs, and prints each failure as a small program. On one core it takes about an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import hypothesis
import jax
import numpy as np
import torch
from hypothesis import HealthCheck
from jax import numpy as jnp

import chainrule as cr
from chainrule.array import Array, value_of
from chainrule.backward import backpropagate
from chainrule.errors import RecordingError
from chainrule.recording import positions_of, record_call
from chainrule.simplify import simplify
from programs import Program, programs

F = torch.nn.functional

# NumPy's functions in PyTorch -----------------------------------------------------------------------------------


def _axes(x: torch.Tensor, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def _tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Takes Python's numbers and NumPy's arrays too."""
    return lambda *xs: function(*(torch.as_tensor(x, dtype=torch.float64) for x in xs))


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False, **others: function(x, _axes(x, axis), keepdim=keepdims, **others)


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    reduction = _reduction(function)
    return lambda x, ddof=0, **others: reduction(x, correction=ddof, **others)


def _prod(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    axes = sorted(a % x.ndim for a in _axes(x, axis))
    for a in reversed(axes):
        x = torch.prod(x, dim=a, keepdim=keepdims)
    return x


def _transpose(x: torch.Tensor, axes: Any = None) -> torch.Tensor:
    return torch.permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def _dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return torch.tensordot(x, y, dims=([x.ndim - 1], [max(y.ndim - 2, 0)]))


def _take(x: torch.Tensor, indices: Any, axis: int) -> torch.Tensor:
    found = torch.index_select(x, axis, torch.as_tensor(np.atleast_1d(indices) % x.shape[axis]))
    return found if np.ndim(indices) else found.squeeze(axis)


def _roll(x: torch.Tensor, shift: Any, axis: Any) -> torch.Tensor:
    return torch.roll(x, shift, axis)


def _at_least(n: int) -> Callable[..., Any]:
    return lambda x: x.reshape((1,) * (n - x.ndim) + x.shape)


def _grad(f: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(x: torch.Tensor) -> torch.Tensor:
        x = x.clone() if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(f(x), x, create_graph=True)[0]

    return gradient


TORCH = types.SimpleNamespace(
    array=lambda x: torch.tensor(x, dtype=torch.float64),
    ones=lambda shape: torch.ones(shape, dtype=torch.float64),
    abs=torch.abs,
    cbrt=lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
    copy=torch.clone,
    sum=_reduction(torch.sum),
    mean=_reduction(torch.mean),
    max=_reduction(torch.amax),
    min=_reduction(torch.amin),
    var=_spread(torch.var),
    std=_spread(torch.std),
    prod=_prod,
    cumsum=lambda x, axis=None: torch.cumsum(x.reshape(-1) if axis is None else x, 0 if axis is None else axis),
    maximum=_tensors(torch.maximum),
    minimum=_tensors(torch.minimum),
    where=torch.where,
    clip=torch.clamp,
    flip=lambda x, axis: torch.flip(x, (axis,)),
    roll=_roll,
    repeat=lambda x, n, axis: torch.repeat_interleave(x, n, dim=axis),
    expand_dims=torch.unsqueeze,
    squeeze=lambda x, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
    take=_take,
    take_along_axis=lambda x, i, axis: torch.take_along_dim(x, torch.as_tensor(i), axis),
    split=lambda x, stops, axis: torch.tensor_split(x, stops, dim=axis),
    array_split=lambda x, n, axis: torch.tensor_split(x, n, dim=axis),
    reshape=torch.reshape,
    ravel=torch.ravel,
    transpose=_transpose,
    moveaxis=torch.moveaxis,
    swapaxes=torch.swapaxes,
    broadcast_to=torch.broadcast_to,
    tile=lambda x, n: torch.tile(x, n if isinstance(n, tuple) else (n,)),
    atleast_1d=_at_least(1),
    atleast_2d=_at_least(2),
    concatenate=lambda xs, axis=0: torch.cat(xs, dim=axis),
    stack=lambda xs, axis=0: torch.stack(xs, dim=axis),
    vstack=torch.vstack,
    hstack=torch.hstack,
    matmul=torch.matmul,
    dot=_dot,
    inner=lambda x, y: x * y if 0 in (x.ndim, y.ndim) else torch.inner(x, y),
    outer=lambda x, y: torch.outer(x.reshape(-1), y.reshape(-1)),
    vdot=lambda x, y: torch.dot(x.reshape(-1), y.reshape(-1)),
    tensordot=lambda x, y, axes: torch.tensordot(x, y, dims=axes),
    einsum=torch.einsum,
    diagonal=lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    trace=lambda x: torch.sum(torch.diagonal(x, 0, 0, 1), -1),
    **{
        name: getattr(torch, name)
        for name in "sin negative positive square cos tanh arctan arcsinh deg2rad exp exp2 expm1 sinh cosh log log2 "
        "log10 log1p sqrt tan arcsin arccos arctanh arccosh reciprocal sinc sign floor ceil trunc hypot arctan2 "
        "logaddexp remainder".split()
    },
)
TORCH_BLOCKS = types.SimpleNamespace(
    sigmoid=torch.sigmoid,
    softplus=lambda x: F.softplus(x, threshold=1000),  # never the line
    relu=F.relu,
    stop_gradient=torch.detach,
    softmax=torch.softmax,
    log_softmax=torch.log_softmax,
    logsumexp=_reduction(torch.logsumexp),
    grad=_grad,
)
JAX_BLOCKS = types.SimpleNamespace(
    sigmoid=jax.nn.sigmoid,
    softplus=jax.nn.softplus,
    relu=jax.nn.relu,
    stop_gradient=jax.lax.stop_gradient,
    softmax=jax.nn.softmax,
    log_softmax=jax.nn.log_softmax,
    logsumexp=jax.nn.logsumexp,
    grad=jax.grad,
)


def _names(xp: Any, blocks: Any, constant: Callable[..., Any]) -> dict[str, Any]:
    """What the names in a functional program mean in a library.

    An index is worked out by NumPy on the array of positions, so no library's own indexing is believed.
    """

    def positions(x: Any, key: Any) -> np.ndarray:
        return np.arange(int(np.prod(x.shape))).reshape(tuple(x.shape))[key]

    def pick(flat: Any, at: Any) -> Any:
        return xp.reshape(xp.take(flat, at.reshape(-1), axis=0), at.shape)

    def take(x: Any, key: Any) -> Any:
        return pick(xp.reshape(x, (-1,)), positions(x, key))

    def flat_values(v: Any, shape: tuple[int, ...]) -> Any:
        v = constant(v) if isinstance(v, float | int) else v
        return xp.reshape(xp.broadcast_to(v, shape), (-1,))

    def put(x: Any, key: Any, v: Any) -> Any:
        """x[key] = v: each entry comes from x or from v, from the last that was written to it."""
        at = positions(x, key)
        size = int(np.prod(x.shape))
        source = np.arange(size)
        source[at.reshape(-1)] = size + np.arange(at.size)
        both = xp.concatenate([xp.reshape(x, (-1,)), flat_values(v, at.shape)])
        return pick(both, source.reshape(tuple(x.shape)))

    def add_at(x: Any, key: Any, v: Any) -> Any:
        at = positions(x, key)
        hits = constant((np.arange(int(np.prod(x.shape)))[:, None] == at.reshape(-1)).astype(float))
        return x + xp.reshape(hits @ flat_values(v, at.shape), tuple(x.shape))

    def chosen(x: Any, label: Any) -> Any:
        return take(x, (..., label) if x.ndim == 1 else (np.arange(x.shape[0]), label))

    def hinge_loss(s: Any, label: Any) -> Any:
        t = s - chosen(s, label)[..., None] + 1.0
        return xp.sum(xp.where(t > 0, t, 0.0 * t), axis=-1) - 1.0

    own = types.SimpleNamespace(
        mean_squared_error=lambda x, y: xp.mean((x - y) ** 2),
        softmax_cross_entropy=lambda s, label: -chosen(blocks.log_softmax(s, -1), label),
        cross_entropy_loss=lambda p, label: -xp.log(chosen(p, label)),
        hinge_loss=hinge_loss,
        **{name: f for name, f in vars(blocks).items() if name not in ("softmax", "log_softmax")},
        softmax=lambda s, axis=-1: blocks.softmax(s, axis),
        log_softmax=lambda s, axis=-1: blocks.log_softmax(s, axis),
    )
    return {
        "np": xp,
        "cr": own,
        "plain": np,
        "index": np.s_,
        "take": take,
        "put": put,
        "add_at": add_at,
        "gate": lambda x, y: x * xp.tanh(y),
    }


TORCH_NAMES = _names(TORCH, TORCH_BLOCKS, lambda v: torch.as_tensor(v, dtype=torch.float64))
JAX_NAMES = _names(jnp, JAX_BLOCKS, lambda v: jnp.asarray(v, dtype=jnp.float64))

# The answers: value, gradients, Hessian-vector products -----------------------------------------------------------

Answers = list[np.ndarray]


def numbers(count: int) -> tuple[int, ...]:
    return tuple(range(count))


def directions(xs: list[np.ndarray]) -> list[np.ndarray]:
    """A vector for each input, by which the Hessian is multiplied: the same each time, nowhere zero."""
    size = sum(x.size for x in xs)
    flat = np.cos(1.0 + np.arange(size))
    stops = np.cumsum([x.size for x in xs])[:-1]
    return [v.reshape(x.shape).astype(x.dtype) for v, x in zip(np.split(flat, stops), xs, strict=True)]


def chainrule_answers(f: Callable[..., Any], xs: list[np.ndarray]) -> list[Any]:
    value, gradients = cr.value_and_grad(f, numbers(len(xs)))(*xs)
    products = cr.hvp(f, numbers(len(xs)))(*xs, tuple(directions(xs)))
    return [value, *gradients, *products]


def pytorch_answers(program: Program, xs: list[np.ndarray], noise: Callable[..., Any] | None = None) -> Answers:
    """In double precision; with `noise`, that is applied to every value."""
    extra = {"noise": noise} if noise else {}
    f = program.function(functional=True, after="{0} = noise({0})" if noise else "", **TORCH_NAMES, **extra)
    inputs = [torch.tensor(np.array(x, dtype=np.float64), requires_grad=True) for x in xs]
    value = f(*inputs)

    def gradients(z: torch.Tensor) -> list[torch.Tensor]:
        if not z.requires_grad:
            return [torch.zeros_like(x) for x in inputs]
        found = torch.autograd.grad(z, inputs, create_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]

    first = gradients(value)
    second = gradients(
        sum(torch.sum(g * torch.tensor(v.astype(np.float64))) for g, v in zip(first, directions(xs), strict=True))
    )
    return [z.detach().numpy(force=True) for z in [value, *first, *second]]


def jax_answers(program: Program, xs: list[np.ndarray]) -> Answers:
    """In double precision."""
    with jax.enable_x64(True):
        f = program.function(functional=True, **JAX_NAMES)
        run = jax.value_and_grad(f, numbers(len(xs)))
        (value, first), pullback = jax.vjp(run, *(jnp.asarray(x, dtype=jnp.float64) for x in xs))
        vectors = tuple(jnp.asarray(v, dtype=jnp.float64) for v in directions(xs))
        second = pullback((jnp.zeros_like(value), vectors))
        return [np.asarray(z) for z in [value, *first, *second]]


# What must hold ---------------------------------------------------------------------------------------------------

DOUBLE = 1e-9
"""Beyond this relative difference in double precision it is no rounding: twelve lines of bounded values lose fewer than
seven of sixteen digits."""


def labels(program: Program) -> list[str]:
    names = list(program.inputs)
    return ["L", *(f"∂L/∂{n}" for n in names), *(f"(H v)_{n}" for n in names)]


def assert_close(actual: Any, expected: Any, what: str, tolerance: Any = DOUBLE) -> None:
    """Equal but for `tolerance` times the largest entry, or times one."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def compare_double(program: Program, with_jax: bool = True) -> None:
    """In float64: the value is NumPy's, and value, gradients and H v are PyTorch's and JAX's."""
    xs = [x.astype(np.float64, order="K") for x in program.inputs.values()]
    before = [x.copy() for x in xs]
    found = chainrule_answers(program.function(), xs)
    for x, old, name in zip(xs, before, program.inputs, strict=True):
        np.testing.assert_array_equal(x, old, err_msg=f"the caller's {name} was written to")
    assert_close(found[0], program.function()(*(x.copy(order="K") for x in xs)), "L, from NumPy", 1e-12)
    references = {"PyTorch": pytorch_answers(program, xs)}
    if with_jax:
        references["JAX"] = jax_answers(program, xs)
    for library, expected in references.items():
        for z, reference, what in zip(found, expected, labels(program), strict=True):
            assert_close(z, reference, f"{what}, from {library}")


def compare_mixed(program: Program) -> None:
    """As given, float32 and float64 mixed: shapes and dtypes are NumPy's, values right to float32's precision.

    How much rounding a result can carry is measured: with noise of float32's size on every value of the program in
    PyTorch, the results move by so much (Parker, Monte Carlo Arithmetic, 1997).
    """
    xs = list(program.inputs.values())
    found = chainrule_answers(program.function(), xs)
    value = program.function()(*(x.copy(order="K") for x in xs))
    assert found[0].dtype == value.dtype, f"L: dtype {found[0].dtype}, in NumPy {value.dtype}"
    for z, x, what in zip(found[1:], xs + xs, labels(program)[1:], strict=True):
        assert (z.shape, z.dtype) == (x.shape, x.dtype), (
            f"{what}: {z.shape} {z.dtype}, the input is {x.shape} {x.dtype}"
        )
    if all(x.dtype == np.float64 for x in xs):
        return
    exact = pytorch_answers(program, xs)
    generator = torch.Generator().manual_seed(0)
    eps = float(np.finfo(np.float32).eps)

    def noise(z: torch.Tensor) -> torch.Tensor:
        signs = torch.randint(0, 2, z.shape, generator=generator) * 2 - 1
        return z * (1 + 4 * eps * signs.to(z.dtype))  # a line may round a few times

    noisy = [pytorch_answers(program, xs, noise) for _ in range(4)]
    for z, reference, others, what in zip(found, exact, zip(*noisy, strict=True), labels(program), strict=True):
        moved = max(float(np.max(np.abs(other - reference), initial=0.0)) for other in others)
        scale = max(1.0, float(np.max(np.abs(reference), initial=0.0)))
        assert_close(z, reference, f"{what}, in float32", 4 * (moved / scale + 4 * eps))


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


def compare_explained(program: Program, printed: bool = True) -> None:
    """There is an explanation, the ways to each value add up to its gradient, and the inputs' are those of `grad`.

    Numbers are compared where all is float64; float32 only has to work.
    """
    xs = list(program.inputs.values())
    f = program.function()
    _, gradients = cr.value_and_grad(f, numbers(len(xs)))(*xs)
    explanation = cr.explain(f)(*xs)
    if printed:
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


def compare_careless(program: Program) -> None:
    """A program with stale views is refused, or its value is NumPy's: never silently another one."""
    xs = list(program.inputs.values())
    f = program.function()
    try:
        value, _ = cr.value_and_grad(f, numbers(len(xs)))(*xs)
    except RecordingError:
        return
    assert_close(value, f(*(x.copy(order="K") for x in xs)), "L, from NumPy", 1e-12)


def compare(program: Program, fully: bool = True) -> None:
    """All of the above; `fully` with what takes ten times longer: JAX, which compiles, and the printed explanation."""
    compare_double(program, with_jax=fully)
    compare_mixed(program)
    compare_simplified(program)
    compare_explained(program, printed=fully)


# Many programs ----------------------------------------------------------------------------------------------------

CHUNK = 250
"""How many programs come from one seed; the first failure among them is shrunk and printed."""
FULLY = 10
"""Every so many chunks, one is compared fully."""


def failure(count: int, seed: int, fully: bool) -> str | None:
    """Compare `count` programs; the first that fails, shrunk, with its error."""
    last: list[Program] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @hypothesis.given(programs(mixed=True))
    def run(program: Program) -> None:
        last[:] = [program]
        compare(program, fully)

    try:
        with contextlib.redirect_stdout(sys.stderr):
            run()
    except Exception as error:  # whatever it is, it is what the program found
        return f"seed {seed}: {type(error).__name__}: {error}\n{last[0]}\n"
    finally:
        jax.clear_caches()  # what it compiled fills the memory
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare random programs with NumPy, PyTorch and JAX.")
    parser.add_argument("--count", type=int, default=100_000, help="how many programs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failures = 0
    start = time.perf_counter()
    for done in range(0, options.count, CHUNK):
        count = min(CHUNK, options.count - done)
        found = failure(count, options.seed + done, fully=done // CHUNK % FULLY == 0)
        if found:
            failures += 1
            print(found, flush=True)
        seconds = time.perf_counter() - start
        print(f"{done + count} programs, {failures} failures, {seconds:.0f} s", file=sys.stderr, flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
