"""What must hold of every block, tested over the catalogue; then the conventions at kinks, ties and extremes."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule as cr
from cases import blocks_of
from catalogue import BINARY, CASES, COMPARISONS, ELEMENTWISE, STEPS, UNARY, Case, tensor
from chainrule.array import Array
from chainrule.block import BLOCKS

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def leaves(x):
    return x if isinstance(x, tuple) else (x,)


def random_like(value, seed=1, lead=()):
    """A cotangent: leading axes K, then the shape of the value."""
    return np.random.default_rng(seed).normal(size=(*lead, *np.shape(value))).astype(value.dtype)


def assert_close(actual, desired, rtol=1e-10, atol=1e-11):
    assert np.shape(actual) == np.shape(desired)
    np.testing.assert_allclose(actual, desired, rtol=rtol, atol=atol)


def torch_pull(z, xs, dz, create_graph=False):
    """PyTorch's gradients of xs, zeros where there is no influence."""
    if not z.requires_grad:
        return [torch.zeros_like(x) for x in xs]
    return torch.autograd.grad(z, xs, dz, create_graph=create_graph, allow_unused=True, materialize_grads=True)


def torch_inputs(xs):
    return [tensor(x).requires_grad_() for x in xs]


def finite_differences(f, xs, dz, step=1e-6):
    """Central differences of Σ f(xs) dz with respect to every entry."""
    grads = []
    for i, x in enumerate(xs):
        grad = np.empty(x.shape)
        for at in np.ndindex(x.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in xs]
                moved[i][at] += sign * step
                values.append(np.sum(f(*moved) * dz))
            grad[at] = (values[0] - values[1]) / (2 * step)
        grads.append(grad)
    return grads


def gradient(case, dz):
    """The function that pulls dz back through the case."""

    def of(*xs):
        return cr.vjp(case.f, *xs)[1](dz)

    return of


# The catalogue ---------------------------------------------------------------------------------------------------


def test_every_block_of_the_library_is_recorded_by_a_case():
    used = set()
    for case in CASES:
        used |= {block.name for block in blocks_of(case.f(*(cr.variable(x) for x in case.arrays())))}
    for step in STEPS.values():
        used |= {block.name for block in blocks_of(step(cr.variable(np.ones(3))))}
    assert set(BLOCKS) <= used


def test_every_case_has_its_own_name():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


# Forward ---------------------------------------------------------------------------------------------------------


@every_case
def test_recorded_value_equals_that_of_plain_arrays(case):
    xs = case.arrays()
    plain = case.plain(*xs)
    recorded = case.f(*(cr.variable(x) for x in xs))
    assert type(recorded) is Array
    assert type(recorded.value) is type(plain)  # a number where NumPy gives a number
    assert recorded.dtype == plain.dtype
    assert_close(recorded.value, plain, rtol=1e-14, atol=1e-14)


@every_case
def test_value_equals_pytorch(case):
    xs = case.arrays()
    value, _ = cr.vjp(case.f, *xs)
    assert_close(value, case.torch(*(tensor(x) for x in xs)).numpy(), rtol=1e-12, atol=1e-13)


# Backward --------------------------------------------------------------------------------------------------------


@every_case
def test_gradient_equals_pytorch(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    inputs = torch_inputs(xs)
    expected = torch_pull(case.torch(*inputs), inputs, tensor(dz))
    for grad, reference in zip(pullback(dz), expected, strict=True):
        assert_close(grad, reference.numpy())


@every_case
def test_gradient_equals_finite_differences(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    for grad, reference in zip(pullback(dz), finite_differences(case.plain, xs, dz), strict=True):
        assert_close(grad, reference, rtol=1e-6, atol=1e-7)


@every_case
def test_second_derivative_equals_pytorch(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    vs = [random_like(x, seed=2 + i) for i, x in enumerate(pullback(dz))]

    def projection(*xs):
        return sum(np.sum(g * v) for g, v in zip(gradient(case, dz)(*xs), vs, strict=True))

    seconds = cr.grad(projection, tuple(range(len(xs))))(*xs)
    inputs = torch_inputs(xs)
    firsts = torch_pull(case.torch(*inputs), inputs, tensor(dz), create_graph=True)
    expected = torch_pull(sum((g * tensor(v)).sum() for g, v in zip(firsts, vs, strict=True)), inputs, None)
    for second, reference in zip(seconds, expected, strict=True):
        assert_close(second, reference.numpy(force=True), rtol=1e-9, atol=1e-10)


@every_case
def test_forward_mode_is_the_transpose_of_pytorch_backward_mode(case):
    xs = case.arrays()
    tangents = [random_like(x, seed=5 + i) for i, x in enumerate(xs)]
    value, pushed = cr.jvp(case.f, tuple(xs), tuple(tangents))
    assert np.shape(pushed) == np.shape(value)
    dz = random_like(value)
    inputs = torch_inputs(xs)
    grads = torch_pull(case.torch(*inputs), inputs, tensor(dz))
    expected = sum(float((g * tensor(t)).sum()) for g, t in zip(grads, tangents, strict=True))
    np.testing.assert_allclose(np.sum(dz * pushed), expected, rtol=1e-9, atol=1e-10)


@every_case
def test_leading_axes_of_a_cotangent_give_a_stack_of_gradients(case):
    value, pullback = cr.vjp(case.f, *case.arrays())
    for lead in [(2,), (2, 3), (0,)]:
        dz = random_like(value, lead=lead)
        rows = [pullback(dz[at]) for at in np.ndindex(lead)]
        for i, grad in enumerate(pullback(dz)):
            shape = case.operands[i].shape
            assert_close(grad, np.reshape([row[i] for row in rows], lead + shape))


@every_case
def test_leading_axes_hold_in_a_recorded_backward_pass(case):
    """A cotangent of shape J + K + x.shape for gradients of shape K + x.shape: what derivatives of a Jacobian need."""
    xs = case.arrays()
    value, _ = cr.vjp(case.f, *xs)
    dz = random_like(value, lead=(2,))
    grads, pullback = cr.vjp(gradient(case, dz), *xs)
    vs = [random_like(g, seed=3 + i, lead=(3,)) for i, g in enumerate(grads)]
    rows = [pullback(tuple(v[j] for v in vs)) for j in range(3)]
    for i, second in enumerate(pullback(tuple(vs))):
        assert_close(second, np.stack([row[i] for row in rows]))


# Types and memory ------------------------------------------------------------------------------------------------


@every_case
def test_gradient_has_the_shape_and_dtype_of_its_argument(case):
    for dtype in (np.float32, np.float64):
        xs = case.arrays(dtype)
        value, pullback = cr.vjp(case.f, *xs)
        for x, grad in zip(xs, pullback(np.ones_like(value)), strict=True):
            assert type(grad) is np.ndarray
            assert (grad.shape, grad.dtype) == (x.shape, x.dtype)


@every_case
def test_float32_gives_float32_near_float64(case):
    xs = case.arrays(np.float32)
    if np.any(np.isnan(case.f(*xs))):
        pytest.skip("the function itself gives NaN for float32: SciPy's Mathieu functions and pbvv")
    value, pullback = cr.vjp(case.f, *xs)
    wide_value, wide_pullback = cr.vjp(case.f, *(x.astype(np.float64) for x in xs))
    assert value.dtype == case.f(*xs).dtype
    assert_close(value, wide_value, rtol=1e-5, atol=1e-5)
    dz = random_like(value)
    for grad, wide in zip(pullback(dz), wide_pullback(dz.astype(np.float64)), strict=True):
        assert grad.dtype == np.float32
        assert_close(grad, wide, rtol=1e-4, atol=1e-5)


def fortran_ordered(x):
    return np.array(x, order="F")  # np.asfortranarray gives a number an axis


def strided(x):
    big = np.zeros((*x.shape, 2), x.dtype)
    big[..., 0] = x
    return big[..., 0]


def backwards(x):
    reverse = (slice(None, None, -1),) * x.ndim
    return x[reverse].copy()[reverse]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@every_case
def test_memory_layout_does_not_matter(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    grads = pullback(dz)
    for layout in (fortran_ordered, strided, backwards, read_only):
        other_value, other_pullback = cr.vjp(case.f, *(layout(x) for x in xs))
        assert_close(other_value, value, rtol=1e-13, atol=1e-13)
        for grad, expected in zip(other_pullback(layout(np.asarray(dz))), grads, strict=True):
            assert_close(grad, expected, rtol=1e-12, atol=1e-13)


@every_case
def test_inputs_and_cotangent_are_not_modified(case):
    xs = case.arrays()
    before = [x.copy() for x in xs]
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    dz_before = dz.copy()
    pullback(dz)
    for x, same in zip([*xs, dz], [*before, dz_before], strict=True):
        np.testing.assert_array_equal(x, same)


@every_case
def test_results_are_writeable_and_share_no_memory(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    results = [value, *pullback(dz), *pullback(dz)]
    for result in results:
        assert isinstance(result, np.generic) or result.flags.writeable
    for a, b in itertools.combinations([*results, *xs, dz], 2):
        assert not np.shares_memory(a, b)


@every_case
def test_inputs_may_be_written_to_after_recording(case):
    xs = case.arrays()
    value, pullback = cr.vjp(case.f, *xs)
    dz = random_like(value)
    expected = pullback(dz)
    for x in xs:
        x[...] = np.nan
    for grad, same in zip(pullback(dz), expected, strict=True):
        np.testing.assert_array_equal(grad, same)


# 0-d and empty ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.name)
def test_elementwise_blocks_take_any_shape(case):
    for shape in [(), (0,), (2, 0, 3), (1, 1)]:
        xs = Case(case.name, case.f, case.torch, tuple(type(o)(shape, o.sample) for o in case.operands)).arrays()
        value, pullback = cr.vjp(case.f, *xs)
        assert_close(value, case.f(*xs))
        dz = random_like(value)
        inputs = torch_inputs(xs)
        pulled = torch_pull(case.torch(*inputs), inputs, tensor(dz))
        for x, grad, reference in zip(xs, pullback(dz), pulled, strict=True):
            assert (type(grad), grad.dtype) == (np.ndarray, x.dtype)
            assert_close(grad, reference.numpy())


EMPTY = {
    "sum": (np.sum, (0, 3)),
    "sum axis=0": (lambda x: np.sum(x, axis=0), (0, 3)),
    "sum axis=1": (lambda x: np.sum(x, axis=1), (0, 3)),
    "mean axis=1": (lambda x: np.mean(x, axis=1), (0, 3)),
    "prod": (np.prod, (0, 3)),
    "prod axis=0": (lambda x: np.prod(x, axis=0), (0, 3)),
    "max axis=1": (lambda x: np.max(x, axis=1), (0, 3)),
    "var axis=1": (lambda x: np.var(x, axis=1), (0, 3)),
    "std axis=1": (lambda x: np.std(x, axis=1), (0, 3)),
    "cumsum": (np.cumsum, (0,)),
    "logsumexp axis=1": (lambda x: cr.logsumexp(x, axis=1), (0, 3)),
    "softmax": (cr.softmax, (0, 3)),
    "log_softmax": (cr.log_softmax, (0, 3)),
    "matmul of no rows": (lambda x: x @ np.ones((3, 2)), (0, 3)),
    "matmul over nothing": (lambda x: x @ np.ones((0, 2)), (3, 0)),
    "dot over nothing": (lambda x: np.dot(x, np.ones(0)), (0,)),
    "outer": (lambda x: np.outer(x, np.ones(2)), (0,)),
    "einsum": (lambda x: np.einsum("ij,j->i", x, np.ones(0)), (3, 0)),
    "reshape": (lambda x: np.reshape(x, (3, 0, 2)), (0, 5)),
    "reshape of unknown length": (lambda x: np.reshape(x, (-1, 2)), (0, 5)),
    "transpose": (np.transpose, (0, 3)),
    "concatenate": (lambda x: np.concatenate([x, np.ones((2, 3))]), (0, 3)),
    "stack": (lambda x: np.stack([x, x]), (0, 3)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 0, 3)), (0, 1)),
    "flip": (np.flip, (0, 3)),
    "roll": (lambda x: np.roll(x, 2, axis=1), (0, 3)),
    "tile": (lambda x: np.tile(x, 2), (0, 3)),
    "tile none": (lambda x: np.tile(x, 0), (2, 3)),
    "repeat none": (lambda x: np.repeat(x, 0), (2, 3)),
    "a slice of nothing": (lambda x: x[1:1], (2, 3)),
    "slices": (lambda x: x[:, 1], (0, 3)),
    "no integers": (lambda x: x[[]], (2, 3)),
    "take none": (lambda x: np.take(x, np.array([], int)), (2, 3)),
    "sort": (np.sort, (0, 3)),
    "diagonal": (np.diagonal, (0, 3)),
    "softmax_cross_entropy": (lambda s: cr.softmax_cross_entropy(s, np.array([], int)), (0, 3)),
    "hinge_loss": (lambda s: cr.hinge_loss(s, np.array([], int)), (0, 3)),
    "where": (lambda x: np.where(x > 0, x, 0.0), (0, 3)),
    "clip": (lambda x: np.clip(x, 0, 1), (0, 3)),
}
"""Functions and the shapes of operands with which something is empty."""


@pytest.mark.parametrize(("f", "shape"), EMPTY.values(), ids=EMPTY)
def test_empty_arrays_give_what_numpy_gives_and_a_gradient_of_their_shape(f, shape):
    x = np.ones(shape)
    value, pullback = cr.vjp(f, x)
    assert_close(value, f(x))
    (grad,) = pullback(np.ones_like(value))
    assert_close(grad, np.zeros(shape))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std"])
def test_reductions_of_a_number_are_numpys(name):
    f, expected = getattr(np, name), float(name not in ("var", "std"))
    value, grad = cr.value_and_grad(f)(np.array(2.5))
    assert value == f(np.array(2.5))
    assert grad == expected


# Broadcasting ----------------------------------------------------------------------------------------------------


def broadcast_shapes(shape):
    """All shapes that broadcast to this one: each axis whole or of length 1, leading axes there or missing."""
    for start in range(len(shape) + 1):
        yield from itertools.product(*({n, 1} for n in shape[start:]))


PAIRS = [
    (a, b)
    for a, b in itertools.product(broadcast_shapes((2, 3)), repeat=2)
    if max(len(a), len(b)) == 2 or (a, b) == ((), ()) or len(a) == len(b) == 1
]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=str)
@pytest.mark.parametrize("name", [*BINARY, "where", "clip"])
def test_binary_blocks_undo_broadcasting_over_singleton_and_missing_axes(name, a, b):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, a), rng.uniform(2.0, 3.0, b)
    if name == "where":
        mask = rng.random((2, 3)) > 0.5
        f, g = lambda x, y: np.where(mask, x, y), lambda x, y: torch.where(tensor(mask), x, y)
    elif name == "clip":
        f, g = lambda x, y: np.clip(x, 1.0, y - 1.5), lambda x, y: torch.clamp(torch.clamp(x, min=1.0), max=y - 1.5)
    else:
        f, g = BINARY[name][:2]
    value, pullback = cr.vjp(f, x, y)
    dz = random_like(value)
    inputs = torch_inputs([x, y])
    for grad, reference in zip(pullback(dz), torch_pull(g(*inputs), inputs, tensor(dz)), strict=True):
        assert_close(grad, reference.numpy())


quick = settings(max_examples=60, deadline=None, derandomize=True)
side = st.integers(0, 3)


@st.composite
def mutually_broadcastable(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
    return shapes.input_shapes


@quick
@given(shapes=mutually_broadcastable(), name=st.sampled_from(sorted(BINARY)), lead=st.sampled_from([(), (2,)]))
def test_binary_blocks_broadcast_as_pytorch(shapes, name, lead):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, shapes[0]), rng.uniform(2.0, 3.0, shapes[1])
    f, g = BINARY[name][:2]
    value, pullback = cr.vjp(f, x, y)
    dz = random_like(value, lead=lead)
    grads = pullback(dz)
    for at in np.ndindex(lead):
        inputs = torch_inputs([x, y])
        for grad, reference in zip(grads, torch_pull(g(*inputs), inputs, tensor(np.asarray(dz[at]))), strict=True):
            assert_close(grad[at], reference.numpy())


# Random calls ----------------------------------------------------------------------------------------------------


def assert_linear_map(f, *xs, lead=()):
    """For f linear in each of xs: the value is NumPy's, and <f(x), dz> = <x, gradient>, also with leading axes."""
    value, pullback = cr.vjp(f, *xs)
    expected = f(*xs)
    assert value.dtype == expected.dtype
    assert_close(value, expected)
    dz = random_like(value, lead=lead)
    axes = tuple(range(len(lead), dz.ndim))
    for x, grad in zip(xs, pullback(dz), strict=True):
        assert grad.shape == lead + x.shape
        paired = np.sum(grad * x, axis=tuple(range(len(lead), grad.ndim)))
        assert_close(paired, np.sum(dz * expected, axis=axes))


@st.composite
def indices(draw):
    """A shape, and an index of any kind that NumPy knows for it."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, max_side=3))
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed"]))
    if kind == "basic":
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True))
    if kind == "integers":
        return shape, draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
    if kind == "mask":
        return shape, draw(hnp.arrays(bool, shape[: draw(st.integers(1, len(shape)))]))
    result = draw(hnp.array_shapes(max_dims=2, max_side=3))
    key = []
    for n in shape[: draw(st.integers(1, len(shape)))]:
        if draw(st.integers(0, 9)) == 0:
            key.append(None)
        part = draw(st.sampled_from(["slice", "integer", "array", "mask"]))
        if part == "slice":
            key.append(draw(st.slices(n)))
        elif part == "integer":
            key.append(draw(st.integers(-n, n - 1)))
        elif part == "array":
            key.append(
                draw(hnp.arrays(int, draw(st.sampled_from([result, (1,), ()])), elements=st.integers(-n, n - 1)))
            )
        else:  # a mask that picks one entry broadcasts against every other array
            key.append(np.arange(n) == draw(st.integers(0, n - 1)))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), Ellipsis)
    # What follows an ellipsis belongs to the last axes, whose lengths may be smaller.
    try:
        np.empty(shape)[tuple(key)]
    except IndexError:
        key = [part for part in key if part is not Ellipsis]
    return shape, tuple(key)


@settings(quick, max_examples=400)
@given(case=indices(), lead=st.sampled_from([(), (2,), (2, 2)]))
def test_any_index_reads_what_numpy_reads(case, lead):
    shape, key = case
    x = np.random.default_rng(0).normal(size=shape)
    assert_linear_map(lambda x: x[key], x, lead=lead)
    positions = np.arange(x.size).reshape(shape)[key]
    value, pullback = cr.vjp(lambda x: x[key], x)
    dz = random_like(value)
    np.testing.assert_allclose(
        pullback(dz)[0], np.bincount(np.ravel(positions), np.ravel(dz), minlength=x.size).reshape(shape), atol=1e-14
    )


@settings(quick, max_examples=400)
@given(case=indices())
def test_any_index_writes_what_numpy_writes(case):
    shape, key = case
    x = np.random.default_rng(0).normal(size=shape)
    new = np.asarray(np.random.default_rng(1).normal(size=np.shape(x[key])))

    def f(x, new):
        x = x.copy()
        x[key] = new
        return x

    value, pullback = cr.vjp(f, x, new)
    assert_close(value, f(x, new))
    dz = random_like(value)
    dx, dnew = pullback(dz)
    kept = np.ones(shape)
    kept[key] = 0
    assert_close(dx, dz * kept)
    assert_close(np.sum(dx * x) + np.sum(dnew * new), np.sum(dz * value))  # the result is linear in (x, new)
    assert dnew.shape == new.shape


@st.composite
def einsums(draw):
    """Subscripts of one to three terms (repeated letters, an ellipsis, implicit output) and the shapes for them."""
    sizes = dict(zip("abcde", draw(st.tuples(*[st.integers(1, 3)] * 5)), strict=True))
    lead = draw(st.sampled_from([None, (), (2,), (2, 3)]))
    terms, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = "".join(draw(st.lists(st.sampled_from("abcde"), max_size=3)))
        shape = tuple(sizes[c] for c in term)
        if lead is not None and draw(st.booleans()):
            mine = tuple(n if draw(st.booleans()) else 1 for n in lead)[draw(st.integers(0, len(lead))) :]
            term, shape = "..." + term, mine + shape
        terms.append(term)
        shapes.append(shape)
    subscripts = ",".join(terms)
    dots = "..." if "..." in subscripts else ""
    if draw(st.booleans()):
        letters = sorted(set("".join(terms)) - {"."})
        subscripts += "->" + dots + "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    return subscripts, shapes


@settings(quick, max_examples=200)
@given(case=einsums(), lead=st.sampled_from([(), (2,)]))
def test_any_einsum_is_that_of_numpy(case, lead):
    subscripts, shapes = case
    rng = np.random.default_rng(0)
    assert_linear_map(lambda *xs: np.einsum(subscripts, *xs), *(rng.normal(size=shape) for shape in shapes), lead=lead)


@st.composite
def matmuls(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3))
    return shapes.input_shapes


@settings(quick, max_examples=200)
@given(shapes=matmuls(), lead=st.sampled_from([(), (2,), (2, 2)]))
def test_any_matmul_is_that_of_numpy(shapes, lead):
    rng = np.random.default_rng(0)
    assert_linear_map(np.matmul, *(rng.normal(size=shape) for shape in shapes), lead=lead)


@st.composite
def reductions(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, max_side=3))
    axis = (
        draw(st.none() | hnp.valid_tuple_axes(len(shape)) | st.integers(-len(shape), len(shape) - 1)) if shape else None
    )
    return shape, axis, draw(st.booleans())


@quick
@given(case=reductions(), lead=st.sampled_from([(), (2,)]), name=st.sampled_from(["sum", "mean"]))
def test_any_sum_or_mean_is_that_of_numpy(case, lead, name):
    shape, axis, keepdims = case
    x = np.random.default_rng(0).normal(size=shape)
    assert_linear_map(lambda x: getattr(np, name)(x, axis=axis, keepdims=keepdims), x, lead=lead)


@settings(quick, max_examples=150)
@given(case=reductions(), name=st.sampled_from(["prod", "max", "min", "var", "std"]))
def test_any_reduction_has_the_gradient_of_finite_differences(case, name):
    shape, axis, keepdims = case
    size = int(np.prod(shape))
    x = np.asarray(np.random.default_rng(0).permutation(size).reshape(shape) / size + 0.5)

    def f(x):
        return getattr(np, name)(x, axis=axis, keepdims=keepdims)

    value, pullback = cr.vjp(f, x)
    assert_close(value, f(x))
    dz = random_like(value)
    at_kink = name == "std" and np.any(f(x) == 0)
    if not at_kink:
        assert_close(pullback(dz)[0], finite_differences(f, [x], dz)[0], rtol=1e-5, atol=1e-6)


# Steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_steps_have_numpys_value_and_zero_gradient(name):
    x = np.array([[1.5, -0.2, 0.0], [2.5, 0.7, -1.0]])
    step = STEPS[name]
    recorded = step(cr.variable(x))
    np.testing.assert_array_equal(recorded.value, step(x))
    assert recorded.dtype == np.asarray(step(x)).dtype
    grad = cr.grad(lambda x: np.sum(x) + np.sum(step(x)))(x)
    np.testing.assert_array_equal(grad, np.ones_like(x))


@pytest.mark.parametrize("name", ["argmax", "argmin", "any", "all", "count_nonzero"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_counting_reductions_take_an_axis(name, axis):
    x = np.array([[1.5, 0.0, 3.0], [2.0, 0.5, -1.0]])
    np.testing.assert_array_equal(STEPS[name](cr.variable(x), axis=axis).value, STEPS[name](x, axis=axis))


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_have_numpys_value_and_zero_gradient(name):
    x, y = np.array([1.5, -2.0, 0.5]), np.array([1.5, 1.0, -2.0])
    compare = COMPARISONS[name]
    np.testing.assert_array_equal(compare(cr.variable(x), y).value, compare(x, y))
    np.testing.assert_array_equal(compare(x, cr.variable(y)).value, compare(x, y))
    grad = cr.grad(lambda x: np.sum(x) + np.sum(compare(x, y)))(x)
    np.testing.assert_array_equal(grad, np.ones_like(x))


@pytest.mark.parametrize(
    "f",
    [np.shape, np.ndim, np.size, np.nonzero, np.argwhere, np.result_type, np.isrealobj],
    ids=lambda f: f.__name__,
)
def test_functions_without_a_gradient_answer_with_plain_values(f):
    x = np.array([[0.0, 2.0]])
    answer = f(cr.variable(x))
    assert type(answer) is type(f(x))
    np.testing.assert_equal(answer, f(x))


# Kinks and ties, as PyTorch --------------------------------------------------------------------------------------

KINKS = {
    "relu": (cr.relu, torch.relu, [0.0, -0.0, 1.0]),
    "absolute": (np.abs, torch.abs, [0.0, -1.0, 1.0]),
    "max": (np.max, torch.amax, [2.0, 1.0, 2.0, 2.0]),
    "min": (np.min, torch.amin, [1.0, 1.0, 3.0]),
    "max axis=0": (lambda x: np.max(x, axis=0), lambda x: torch.amax(x, 0), [[1.0, 2.0], [1.0, 3.0]]),
    "maximum of itself": (
        lambda x: np.maximum(x, 1.0),
        lambda x: torch.maximum(x, torch.ones_like(x)),
        [1.0, 0.0, 2.0],
    ),
    "minimum": (lambda x: np.minimum(1.0, x), lambda x: torch.minimum(torch.ones_like(x), x), [1.0, 0.0, 2.0]),
    "clip at its bounds": (lambda x: np.clip(x, -1, 1), lambda x: torch.clamp(x, -1, 1), [-1.0, 1.0, 0.0, 2.0, -2.0]),
    "power 2": (lambda x: x**2, lambda x: x**2, [0.0, -1.0]),
    "power 1": (lambda x: x**1, lambda x: x**1, [0.0, -1.0]),
    "power 0": (lambda x: x**0, lambda x: x**0, [0.0, -1.0, 2.0]),
    "power 0.0 of an array": (
        lambda x: x ** np.array([0.0, 1.0, 2.0]),
        lambda x: x ** torch.tensor([0.0, 1.0, 2.0], dtype=x.dtype),
        [0.0, 0.0, 0.0],
    ),
    "0 to the power": (lambda x: 0.0**x, lambda x: torch.pow(torch.zeros_like(x), x), [2.0, 1.0, 0.5]),
    "sinc": (np.sinc, torch.sinc, [0.0, 1.0]),
    "prod without zeros": (np.prod, torch.prod, [2.0, -3.0, 0.5]),
    "prod with a zero": (np.prod, torch.prod, [2.0, 0.0, 0.5, 4.0]),
    "prod with two zeros": (np.prod, torch.prod, [0.0, 2.0, 0.0]),
    "prod with three zeros": (np.prod, torch.prod, [0.0, 0.0, 0.0, 3.0]),
    "std of equal entries": (np.std, lambda x: torch.std(x, correction=0), [1.5, 1.5, 1.5]),
    "var of equal entries": (np.var, lambda x: torch.var(x, correction=0), [1.5, 1.5, 1.5]),
    "sort of ties": (np.sort, lambda x: torch.sort(x, stable=True).values, [1.0, 0.0, 1.0, 1.0]),
    "where, NaN not taken": (
        lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0),
        lambda x: torch.where(x > 0, torch.log(torch.where(x > 0, x, 1.0)), 0.0),
        [-1.0, 2.0, 0.0],
    ),
}


@pytest.mark.parametrize(("f", "g", "x"), KINKS.values(), ids=KINKS)
def test_gradient_at_kinks_and_ties_is_pytorchs(f, g, x):
    x = np.array(x)
    value, pullback = cr.vjp(f, x)
    assert_close(value, f(x))
    dz = random_like(value)
    inputs = torch_inputs([x])
    assert_close(pullback(dz)[0], torch_pull(g(*inputs), inputs, tensor(dz))[0].numpy())


@pytest.mark.parametrize(
    "name", [name for name in KINKS if name.startswith(("prod", "power 2", "power 1", "var", "clip", "relu"))]
)
def test_second_derivative_at_zeros_is_pytorchs(name):
    f, g, x = KINKS[name]
    x = np.array(x)
    value, _ = cr.vjp(f, x)
    dz = random_like(value)

    expected = torch.autograd.functional.hessian(lambda x: (g(x) * tensor(dz)).sum(), tensor(x)).numpy()
    assert_close(cr.hessian(lambda x: np.sum(f(x) * dz))(x), expected)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2])], ids=str)
def test_powers_of_zero_have_exact_derivatives_of_every_order(exponent):
    def nth(n):
        def f(x):
            return np.sum(x**exponent)

        for _ in range(n):
            f = (lambda g: lambda x: np.sum(cr.grad(g)(x)))(f)
        return f

    for n in (1, 2, 3):  # the n-th derivative of x^n at 0 is n!, that of any other power is 0
        expected = np.sum(np.where(np.broadcast_to(exponent, 3) == n, float(np.prod(np.arange(1, n + 1))), 0.0))
        assert nth(n)(np.zeros(3)) == expected


def test_hypot_at_zero_has_gradient_zero():
    dx, dy = cr.grad(np.hypot, (0, 1))(0.0, 0.0)
    assert (dx, dy) == (0.0, 0.0)


def test_maximum_shares_a_tie_half_each():
    assert cr.grad(np.maximum, (0, 1))(2.0, 2.0) == (0.5, 0.5)
    assert cr.grad(np.minimum, (0, 1))(2.0, 2.0) == (0.5, 0.5)


def test_clip_by_arrays_at_their_bounds_has_pytorchs_gradients():
    x = np.array([0.0, 1.0, 2.0, 0.5, 1.0, -1.0, 3.0, 1.0])
    low = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0])
    high = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])  # below the other bound in the last three
    value, pullback = cr.vjp(np.clip, x, low, high)
    assert_close(value, np.clip(x, low, high))
    inputs = torch_inputs([x, low, high])
    dz = random_like(value)
    for grad, reference in zip(pullback(dz), torch_pull(torch.clamp(*inputs), inputs, tensor(dz)), strict=True):
        assert_close(grad, reference.numpy())


@pytest.mark.parametrize("x", [-1.0, 1.0, 3.0])
@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.0, 1.0), (1.0, -1.0)])
def test_clip_gives_its_gradient_to_exactly_one_operand(x, low, high):
    """Moving all three together moves the result as much, so the gradients sum to one.

    PyTorch passes none of it where low = high and x is elsewhere.
    """
    grads = cr.grad(np.clip, (0, 1, 2))(x, low, high)
    assert sorted(grads) == [0.0, 0.0, 1.0]


def test_where_selects_the_cotangent_and_never_multiplies_it():
    _, pullback = cr.vjp(lambda x, y: np.where([True, False], x, y), np.zeros(2), np.zeros(2))
    dx, dy = pullback(np.array([np.nan, np.inf]))
    np.testing.assert_array_equal(dx, [np.nan, 0.0])
    np.testing.assert_array_equal(dy, [0.0, np.inf])


def test_a_nan_in_the_branch_not_taken_stays_out():
    x = np.array([1.0, 2.0])
    bad = np.array([np.nan, 3.0])
    dx, dbad = cr.grad(lambda x, y: np.sum(np.where([True, False], x, y)), (0, 1))(x, bad)
    np.testing.assert_array_equal(dx, [1.0, 0.0])
    np.testing.assert_array_equal(dbad, [0.0, 1.0])


def test_a_power_of_a_negative_number_by_a_constant_has_a_gradient():
    """Its derivative by the exponent, which does not exist, is not asked for."""
    np.testing.assert_array_equal(
        cr.grad(lambda x: np.sum(x ** np.array([2.0, 3.0])))(np.array([-1.0, -2.0])), [-2.0, 12.0]
    )


# Extremes --------------------------------------------------------------------------------------------------------

EXTREME = np.array([-1000.0, 0.0, 1000.0])

STABLE = {
    "sigmoid": (cr.sigmoid, torch.sigmoid),
    "softplus": (cr.softplus, torch.nn.functional.softplus),
    "softmax": (cr.softmax, lambda s: torch.softmax(s, -1)),
    "log_softmax": (cr.log_softmax, lambda s: torch.log_softmax(s, -1)),
    "logsumexp": (cr.logsumexp, lambda s: torch.logsumexp(s, -1)),
    "logaddexp": (lambda x: np.logaddexp(x, -x), lambda x: torch.logaddexp(x, -x)),
    "tanh": (np.tanh, torch.tanh),
    **{
        f"softmax_cross_entropy of class {c}": (
            lambda s, c=c: cr.softmax_cross_entropy(s, c),
            lambda s, c=c: torch.nn.functional.cross_entropy(s, torch.tensor(c)),
        )
        for c in range(3)
    },
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("f", "g"), STABLE.values(), ids=STABLE)
def test_large_scores_give_finite_values_and_gradients_without_a_warning(f, g, dtype):
    x = EXTREME.astype(dtype)
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        value, pullback = cr.vjp(f, x)
        dz = random_like(value)
        (grad,) = pullback(dz)
    assert grad.dtype == dtype
    inputs = torch_inputs([x])
    z = g(*inputs)
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    assert_close(value, z.detach().numpy(), **tolerance)
    assert_close(grad, torch_pull(z, inputs, tensor(dz))[0].numpy(), **tolerance)


@pytest.mark.parametrize("name", [name for name in STABLE if "tanh" not in name])
def test_large_scores_give_finite_second_derivatives(name):
    f = STABLE[name][0]
    hessian = cr.hessian(lambda x: np.sum(f(x) * np.arange(1.0, 4.0)) if np.ndim(f(EXTREME)) else f(x))(EXTREME)
    assert np.all(np.isfinite(hessian))


@pytest.mark.parametrize("f", [cr.logsumexp, lambda x: np.logaddexp(x[0], x[1])], ids=["logsumexp", "logaddexp"])
def test_an_impossible_class_has_gradient_zero(f):
    np.testing.assert_array_equal(cr.grad(f)(np.array([-np.inf, 1.0])), [0.0, 1.0])


# One array, several uses -----------------------------------------------------------------------------------------


def test_an_array_used_twice_gets_the_sum():
    def f(a):
        b = a + a
        c = b + b
        return np.sum(c * a)  # 4 a²

    np.testing.assert_array_equal(cr.grad(f)(np.array([1.0, -2.0])), [8.0, -16.0])
    np.testing.assert_array_equal(cr.hessian(f)(np.array([1.0, -2.0])), [[8.0, 0.0], [0.0, 8.0]])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * x, [2.0, 4.0]),
        (lambda x: x @ x, [2.0, 4.0]),
        (lambda x: np.maximum(x, x), [1.0, 1.0]),
        (lambda x: np.concatenate([x, x, x]), [3.0, 3.0]),
        (lambda x: np.stack([x, x]), [2.0, 2.0]),
        (lambda x: np.einsum("i,i->", x, x), [2.0, 4.0]),
        (lambda x: np.where([True, False], x, x), [1.0, 1.0]),
        (lambda x: x - x, [0.0, 0.0]),
    ],
)
def test_one_array_as_several_operands_of_a_block(f, expected):
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(np.array([1.0, 2.0])), expected)


def test_an_entry_that_is_indexed_several_times_gets_the_sum():
    grad = cr.grad(lambda x: np.sum(x[[0, 0, 2, 0]] * np.array([1.0, 2.0, 3.0, 4.0])))(np.ones(3))
    np.testing.assert_array_equal(grad, [7.0, 0.0, 3.0])


def test_argmax_of_scores_indexes_them():
    x = np.array([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]])
    grad = cr.grad(lambda x: np.sum(x[np.arange(2), np.argmax(x, axis=1)]))(x)
    np.testing.assert_array_equal(grad, [[0, 1, 0], [1, 0, 0]])


# What is not covered says so -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.max(x, where=np.array([True, False])),
        lambda x: np.sum(x, out=np.empty(())),
        lambda x: np.add(x, x, out=np.empty(2)),
        lambda x: np.concatenate([x, x], out=np.empty(4)),
        lambda x: np.reshape(x, (2, 1), order="K"),
        lambda x: np.einsum(x, [0], [0], out=np.empty(2)),
        lambda x: np.split(x[:1], 2),
        lambda x: np.pad(x, 1, mode="edge", constant_values=1.0),
        lambda x: np.datetime_as_string(x),
    ],
)
def test_an_argument_or_function_that_is_not_covered_is_an_error(f):
    with pytest.raises(cr.errors.ChainruleError):
        f(cr.variable([1.0, 2.0]))


def test_unary_and_binary_tables_name_blocks():
    assert {*UNARY, *BINARY} <= set(BLOCKS)
