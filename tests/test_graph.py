"""Graph: the recording between inputs and outputs, and running it on the arrays of other libraries."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import graph_between, inside, record_graph

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3))
X = RNG.standard_normal((5, 3))
B = RNG.standard_normal(4)
V = RNG.standard_normal(6)
POSITIVE = np.abs(V) + 0.5
LABELS = np.array([0, 3, 1, 1, 2])


@cr.block
def swish(x):
    """A block in plain NumPy, without `xp`."""
    return x / (1 + np.exp(-x))


def in_place(x):
    y = np.exp(x)
    y[1:3] = 2 * x[0]
    y[0] += 1.0
    return y


CASES = {
    "classifier": (lambda W, X, b: np.mean(cr.softmax_cross_entropy(X @ W.T + b, LABELS)), (W, X, B)),
    "classifier_with_probabilities": (lambda W, X: np.mean(cr.cross_entropy_loss(cr.softmax(X @ W.T), LABELS)), (W, X)),
    "hinge_classifier": (lambda W, X, b: np.mean(cr.hinge_loss(X @ W.T + b, LABELS)), (W, X, B)),
    "hinge_of_one": (lambda W, x: cr.hinge_loss(W @ x, 2), (W, X[0])),
    "perceptron": (lambda W, X: np.sum(np.tanh(np.maximum(X @ W.T, 0.0)) ** 2), (W, X)),
    "activations": (lambda x: cr.sigmoid(x) + cr.softplus(x) * cr.relu(x), (V,)),
    "normalisation": (
        lambda X: cr.log_softmax(X) + cr.softmax(X, axis=0) + cr.logsumexp(X, axis=1, keepdims=True),
        (X,),
    ),
    "squared_error": (lambda x, y: cr.mean_squared_error(x, y), (V, POSITIVE)),
    "einsum": (lambda W, X: np.einsum("ij,kj,k->ik", W, X, np.arange(5.0)), (W, X)),
    "tensordot": (lambda W, X: np.tensordot(W, X, axes=(1, 1)) + np.outer(W[:, 0], X[:, 0]), (W, X)),
    "slices": (lambda x: x[::2] * x[1::2] + x[-1], (V,)),
    "backward_slices": (lambda X: X[::-1, None, ::-2] * X[3:0:-1].sum(), (X,)),
    "integer_arrays": (lambda X: X[np.array([0, 0, 4])] * X[LABELS[:3], np.array([0, 1, 2])][:, None], (X,)),
    "mask": (lambda x: x[V > 0] ** 2, (V,)),
    "in_place": (in_place, (V,)),
    "where": (lambda x: np.where(x > 0, x * 2, np.float64(3.0)), (V,)),
    "clip": (lambda x: np.clip(x, -0.5, None) + np.minimum(x, POSITIVE), (V,)),
    "reductions": (
        lambda X: X.sum(0) + X.mean(0) + X.var(0) + X.std(axis=0, ddof=1) + X.max(0) + X.min(0) + np.prod(X, 0),
        (X,),
    ),
    "cumsum": (lambda X: np.cumsum(X, axis=0) + np.cumsum(X).sum(), (X,)),
    "joining": (lambda x: np.concatenate([np.stack([x, x**2], axis=1).ravel(), x, np.hstack([x[0], x])]), (V,)),
    "arranging": (lambda X: np.roll(np.flip(X, 0), 1, axis=1).T.reshape(5, 3) + np.squeeze(X[:, None]), (X,)),
    "sorting": (lambda x: np.sort(x) * np.arange(6), (V,)),
    "powers": (lambda x: x**2.5 + np.sqrt(x) + np.cbrt(x) + 2.0**x + x ** np.float64(0.3), (POSITIVE,)),
    "logarithms": (lambda x: np.log(x) + np.log1p(x) + np.log2(x) * np.log10(x) + np.logaddexp(x, 1.0), (POSITIVE,)),
    "trigonometry": (lambda x: np.sin(x) + np.arctan2(x, 2.0) + np.tan(x / 4) + np.sinc(x) + np.hypot(x, 1.0), (V,)),
    "steps": (lambda x: np.sign(x) + np.floor(x) + np.rint(x) + abs(x) + x % 2, (V,)),
    "integer_constant": (lambda x: x * np.arange(6) + np.int64(2), (V,)),
    "cast": (lambda x: x.astype(np.float64) * 2, (V,)),
    "plain_block": (lambda x: swish(x) * 2, (V,)),
    "stop_gradient": (lambda x: x * cr.stop_gradient(np.exp(x)), (V,)),
}


@pytest.mark.parametrize("name", CASES)
def test_run_on_numpy_equals_the_recording(name):
    f, args = CASES[name]
    graph = record_graph(f, *args)
    # A recorded call has the last digits of NumPy's own function, the graph those of the block's rule.
    np.testing.assert_allclose(graph.run(np, args)[0], graph.outputs[0].value, rtol=1e-15 if name == "einsum" else 0)


@pytest.mark.parametrize("name", CASES)
def test_run_on_pytorch_equals_the_function(name):
    torch = pytest.importorskip("torch")
    from array_api_compat import torch as xp

    f, args = CASES[name]
    (out,) = record_graph(f, *args).run(xp, [torch.tensor(a) for a in args])
    assert isinstance(out, torch.Tensor)
    assert out.dtype is torch.float64
    np.testing.assert_allclose(out.numpy(), f(*args), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_run_on_jax_equals_the_function(name):
    jax = pytest.importorskip("jax")

    f, args = CASES[name]
    with jax.enable_x64(True):
        (out,) = record_graph(f, *args).run(jax.numpy, [jax.numpy.asarray(a) for a in args])
        assert isinstance(out, jax.Array)
        assert out.dtype == np.float64
    np.testing.assert_allclose(np.asarray(out), f(*args), rtol=1e-12, atol=1e-14)


def test_run_takes_other_values_than_the_recorded_ones():
    graph = record_graph(lambda x: np.sum(x * np.array([1.0, 10.0])), np.array([1.0, 2.0]))
    assert graph.run(np, [np.array([3.0, 4.0])]) == (43.0,)


def test_nodes_stand_in_topological_order():
    graph = record_graph(CASES["classifier"][0], *CASES["classifier"][1])
    known = set(graph.inputs)
    for node in graph.nodes:
        assert {i for i in node.inputs if type(i) is type(node)} <= known
        known.add(node)
    assert graph.outputs[0] in known


def test_names_are_those_of_the_arguments():
    graph = record_graph(lambda W, x: W @ x, W, X[0])
    assert [graph.names[node] for node in graph.inputs] == ["W", "x"]


def test_what_does_not_depend_on_an_input_is_a_constant():
    c = cr.variable([1.0, 2.0])
    graph = record_graph(lambda x: x * (c * 3), np.array([1.0, 1.0]))
    assert [node.block.name for node in graph.nodes] == ["multiply"]
    np.testing.assert_array_equal(graph.run(np, [np.array([2.0, 2.0])])[0], [6.0, 12.0])


def test_an_output_that_was_not_recorded_stays_a_plain_value():
    assert record_graph(lambda x: (2 * x, 7.0), 1.0).run(np, [5.0]) == (10.0, 7.0)


def test_argnums_choose_the_inputs():
    graph = record_graph(lambda x, y: x * y, 2.0, 3.0, argnums="y")
    assert graph.run(np, [10.0]) == (20.0,)


def test_only_the_part_between_inputs_and_outputs_is_taken():
    x = cr.variable(2.0)
    y = x * 3
    z = y + 1
    unused = z * 5
    graph = graph_between([y._node], [z])
    assert unused._node not in graph.nodes
    assert graph.run(np, [10.0]) == (11.0,)


def test_run_computes_in_the_dtype_that_is_asked_for():
    x = np.array([0.1, 0.2], dtype=np.float32)
    graph = record_graph(lambda x: (x * np.float32(2)).astype(np.float32) + np.ones(2, np.float32), x)
    assert graph.run(np, [x])[0].dtype == np.float32
    assert graph.run(np, [x.astype(float)], dtype=np.float64)[0].dtype == np.float64


def test_stop_replaces_what_blocks_without_a_gradient_return():
    graph = record_graph(lambda x: x * cr.stop_gradient(x), 3.0)
    assert graph.run(np, [5.0], stop=lambda node, value: node.value) == (15.0,)


def test_inside_of_a_block_is_a_graph():
    x = cr.variable(V)
    node = swish(x)._node
    graph = inside(node)
    assert [n.block.name for n in graph.nodes] == ["negative", "exp", "add", "divide"]
    np.testing.assert_array_equal(graph.run(np, [V])[0], node.value)


def test_an_error_names_the_block():
    graph = record_graph(lambda x: x @ W.T, X[0])
    with pytest.raises(ValueError, match="matmul") as caught:
        graph.run(np, [np.ones(7)])
    assert "in block matmul" in caught.value.__notes__


def test_a_chain_of_a_million_nodes_runs():
    def chain(x):
        for _ in range(1_000_000):
            x = x + 1.0
        return x

    graph = record_graph(chain, 0.0)
    assert len(graph.nodes) == 1_000_000
    assert graph.run(np, [5.0]) == (1_000_005.0,)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float16, np.float32, np.complex64])
def test_every_ufunc_has_numpys_numbers_when_a_graph_is_run_again(dtype):
    xs, before = np.array([[1.0, 2.0, 3.0, 1.0], [2.0, 1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 2.0, 1.0]] * 2)
    tried = 0
    for name, ufunc in [*vars(np).items()]:
        if not isinstance(ufunc, np.ufunc) or ufunc.__name__ != name or ufunc.nin > 2 or ufunc.nout > 1:
            continue
        if ufunc.signature is not None:  # of matrices
            continue
        f = lambda *args, ufunc=ufunc: ufunc(*(x.astype(dtype) for x in args))  # noqa: E731
        try:
            wanted = f(*xs[: ufunc.nin])
        except TypeError:  # NumPy has no such function of this dtype
            continue
        (found,) = record_graph(f, *before[: ufunc.nin]).run(np, [*xs[: ufunc.nin]])
        assert found.dtype == wanted.dtype, name
        np.testing.assert_array_equal(found, wanted, err_msg=name)
        tried += 1
    assert tried > 30


# NumPy's own values ---------------------------------------------------------------------------------------------


def test_the_digits_of_numpys_own_values_do_not_change_what_is_recorded():
    """np.linalg.norm and np.einsum round otherwise than their rules for some numbers, and for others not."""

    def f(x):
        return np.linalg.norm(x) ** 2 + np.einsum("i,i->", x, np.cos(x))

    xs = np.random.default_rng(0).standard_normal((12, 17))
    assert {float(np.sqrt(np.sum(x**2))) == float(np.linalg.norm(x)) for x in xs} == {True, False}
    assert len({tuple(node.block.name for node in record_graph(f, x).nodes) for x in xs}) == 1
    assert len({tuple(step.block for step in cr.explain(f)(x).forward) for x in xs}) == 1
    for x in xs:
        assert float(record_graph(f, x).outputs[0].value) == f(x)


@pytest.mark.parametrize("order", [2, -2, np.inf, -np.inf, 1, -1])
def test_a_norm_that_picks_an_entry_has_its_gradient_whatever_the_digits(order):
    """The rule of max looks for its result among entries that the answer has computed, NumPy's in another way."""
    for A in RNG.standard_normal((8, 6, 17)):
        if abs(order) == 2:
            U, s, Vh = np.linalg.svd(A, full_matrices=False)
            k = 0 if order > 0 else len(s) - 1
            expected = np.outer(U[:, k], Vh[k])
        else:
            axis = 1 if abs(order) == np.inf else 0
            sums = np.sum(np.abs(A), axis=axis, keepdims=True)
            expected = np.sign(A) * (sums == (sums.max() if order > 0 else sums.min()))
        np.testing.assert_allclose(cr.grad(lambda A: np.linalg.norm(A, order))(A), expected, atol=1e-12)
