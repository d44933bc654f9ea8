"""What simplified graphs must reach: closed forms, stable forms, few blocks, small intermediates, and soon."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.absent import with_absent_zeros
from chainrule.block import block_named
from chainrule.graph import record_graph
from chainrule.node import Node
from chainrule.simplify import simplify_graph
from work_done import calls_of

RNG = np.random.default_rng(0)
N, D = 7, 3
X = RNG.normal(size=(N, D))
W = RNG.normal(size=D)
LABELS = RNG.integers(0, 2, N)
SIGNS = 2.0 * LABELS - 1


def names(graph):
    return [node.block.name for node in graph.nodes]


def simplified(f, *xs):
    """The simplified graph, after a check that it gives the values of the original."""
    graph = record_graph(f, *xs)
    found = simplify_graph(graph)
    for a, b in zip(found.run(np, xs), graph.run(np, xs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    return found


def largest(graph):
    return max(np.size(node.value) for node in graph.nodes)


# Softmax followed by cross-entropy -------------------------------------------------------------------------------


def test_gradient_of_softmax_and_cross_entropy_is_p_minus_e_c():
    s = RNG.normal(size=5)
    graph = simplified(cr.grad(lambda s: cr.cross_entropy_loss(cr.softmax(s), 2)), s)
    assert names(graph) == ["softmax", "subtract"]
    p, e = graph.nodes[-1].inputs
    assert p is graph.nodes[0]
    np.testing.assert_array_equal(e, [0, 0, 1, 0, 0])


@pytest.mark.parametrize(
    "loss",
    [
        lambda s, c: np.mean(cr.cross_entropy_loss(cr.softmax(s), c)),
        lambda s, c: -np.mean(np.log(cr.softmax(s)[np.arange(len(c)), c])),
        lambda s, c: np.mean(-np.log(cr.softmax(s))[np.arange(len(c)), c]),
        lambda s, c: -np.mean(np.log(np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True))[np.arange(len(c)), c]),
        lambda s, c: -np.mean(np.log(np.exp(s) / np.sum(np.exp(s), axis=1)[:, None])[np.arange(len(c)), c]),
        lambda s, c: np.mean(np.log(np.sum(np.exp(s), axis=1)) - s[np.arange(len(c)), c]),
    ],
    ids=["cross_entropy_loss", "log of entries", "entries of log", "by hand", "with a new axis", "logsumexp"],
)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_gradient_for_a_batch_is_p_minus_e_c_over_n_and_does_not_overflow(loss, kind):
    s = RNG.normal(size=(6, 4))
    labels = np.array([0, 3, 1, 1, 2, 0]).astype(kind)
    graph = simplified(cr.value_and_grad(lambda s: loss(s, labels)), s)
    value, gradient = simplify_graph(record_graph(cr.value_and_grad(lambda s: loss(s, labels)), s)).run(np, [1000 * s])
    assert names(graph).count("softmax") == 1
    assert not {"exp", "log", "divide", "power"} & set(names(graph))
    assert len(graph.nodes) <= 7
    shifted = 1000 * s - np.max(1000 * s, axis=1, keepdims=True)
    e = np.exp(shifted)
    p = e / e.sum(axis=1, keepdims=True)
    picked = shifted[np.arange(6), labels]
    np.testing.assert_allclose(value, np.mean(np.log(e.sum(axis=1)) - picked), rtol=1e-13)
    np.testing.assert_allclose(gradient, (p - np.eye(4)[labels]) / 6, rtol=1e-13, atol=1e-16)


def test_a_nan_score_makes_the_whole_row_nan():
    s = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    loss = lambda s: np.mean(cr.cross_entropy_loss(cr.softmax(s), np.array([0, 2])))  # noqa: E731
    graph = simplify_graph(record_graph(cr.grad(loss), s))
    s = s.copy()
    s[0, 1] = np.nan
    (gradient,) = graph.run(np, [s])
    np.testing.assert_array_equal(np.isnan(gradient), [[True] * 3, [False] * 3])


# Hessians --------------------------------------------------------------------------------------------------------


def by_softplus(w, x, y):
    return np.mean(cr.softplus(-y * (x @ w)))


def by_log1p_exp(w, x, y):
    return np.mean(np.log(1 + np.exp(-y * (x @ w))))


def by_log_sigmoid(w, x, y):
    return -np.mean(np.log(cr.sigmoid(y * (x @ w))))


def by_log_loss(w, x, y):
    p = cr.sigmoid(x @ w)
    t = (y + 1) / 2
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))


LOGISTIC = [by_softplus, by_log1p_exp, by_log_sigmoid, by_log_loss]


def one_product(graph, n, d):
    """Whether a graph is Xᵀ diag(v) X: one scaling of a d×n matrix, one d×n×d product, and rows of n numbers."""
    sizes = [np.size(node.value) for node in graph.nodes if node.block.name != "transpose"]
    products = [node for node in graph.nodes if node.block.name == "matmul"]
    return (
        max(sizes) <= d * n
        and len(products) == 2  # X w, and the Hessian
        and sum(size == d * n for size in sizes) == 1
        and all(size in (n, d * n, d * d) for size in sizes)
    )


@pytest.mark.parametrize("loss", LOGISTIC)
def test_logistic_hessian_is_a_product_of_x_a_diagonal_and_x(loss):
    n, d = 40, 5
    x, y, w = RNG.normal(size=(n, d)), np.sign(RNG.normal(size=n)), RNG.normal(size=d)
    fixed = simplified(cr.hessian(lambda w: loss(w, x, y)), w)
    assert one_product(fixed, n, d)
    p = 1 / (1 + np.exp(-x @ w))
    np.testing.assert_allclose(fixed.run(np, [w])[0], (x.T * (p * (1 - p) / n)) @ x, rtol=1e-11)


@pytest.mark.parametrize("loss", [by_softplus, by_log1p_exp, by_log_sigmoid])
def test_logistic_hessian_is_such_a_product_when_the_data_are_inputs_too(loss):
    n, d = 40, 5
    x, y, w = RNG.normal(size=(n, d)), np.sign(RNG.normal(size=n)), RNG.normal(size=d)
    assert one_product(simplified(cr.hessian(loss), w, x, y), n, d)


@pytest.mark.parametrize("loss", LOGISTIC)
def test_logistic_hessian_is_right_where_exponentials_overflow(loss):
    x, y = np.array([[1.0, 0.5], [-1.0, 0.25], [0.5, -1.0]]), np.array([1.0, -1.0, 1.0])
    graph = simplify_graph(record_graph(cr.hessian(lambda w: loss(w, x, y)), np.array([0.1, 0.2])))
    w = np.array([1000.0, 2000.0])
    with np.errstate(all="ignore"):
        (found,) = graph.run(np, [w])
    m = x @ w
    v = np.exp(-abs(m)) / (1 + np.exp(-abs(m))) ** 2 / 3
    np.testing.assert_allclose(found, (x.T * v) @ x, atol=1e-15)


@pytest.mark.parametrize("f", [lambda x, a: x @ a @ x, lambda x, a: x.T @ (a @ x), lambda x, a: np.sum(x * (a @ x))])
def test_hessian_of_a_quadratic_form_is_a_plus_its_transpose(f):
    graph = simplified(cr.hessian(f), RNG.normal(size=4), RNG.normal(size=(4, 4)))
    assert sorted(names(graph)) == ["add", "transpose"]


def test_hessian_of_a_sum_of_functions_of_entries_is_diagonal_and_made_last():
    graph = simplified(cr.hessian(lambda x: np.sum(np.tanh(x) ** 2)), RNG.normal(size=50))
    assert [np.size(node.value) for node in graph.nodes if np.size(node.value) > 50] == [2500]


def test_hessian_by_a_matrix_leaves_the_seeds_alone():
    w, x = RNG.normal(size=(3, 4)), RNG.normal(size=4)
    graph = simplified(cr.hessian(lambda w, x: np.sum(np.tanh(w @ x))), w, x)
    assert names(graph).count("matmul") == 1  # the forward pass only
    assert sum(np.size(node.value) for node in graph.nodes) < 3 * 4 * 3 * 4 * 2


@pytest.mark.parametrize("loss", [by_softplus, by_log1p_exp, by_log_sigmoid])
def test_logistic_hessian_of_infinite_data_is_that_of_the_recorded_graph(loss):
    graph = record_graph(cr.hessian(loss), *[RNG.normal(size=shape) for shape in (2, (3, 2), 3)])
    fixed = simplify_graph(graph)
    for y in itertools.product([-np.inf, 1.0, 0.0, np.inf], repeat=3):
        w, x = np.array([0.5, 1.0]), np.array([[1.0, 0.0], [2.0, 0.5], [0.0, -1.0]])
        with np.errstate(all="ignore"):
            (found,), (wanted,) = fixed.run(np, [w, x, np.array(y)]), graph.run(np, [w, x, np.array(y)])
        known = np.isfinite(wanted)
        np.testing.assert_allclose(found[known], wanted[known], rtol=1e-12, atol=1e-15)


def test_slopes_that_meet_each_other_before_a_matrix_mask_as_in_turn():
    """Each entry of the matrix and of the operands is 0, infinite, NaN or a number, in every combination."""
    values = np.array([0.0, 2.0, np.inf, np.nan])
    masked = block_named("product_or_zero")
    u, v, w = (a.ravel() for a in np.meshgrid(values, values, values))
    x = np.repeat(values[:, None], len(u), axis=1)

    def in_turn(x, u, v, w):
        first, second = np.tanh(u), np.tanh(v)
        return masked(masked(masked(x, second), first), w)

    graph = simplify_graph(record_graph(in_turn, *[RNG.normal(size=np.shape(a)) for a in (x, u, v, w)]))
    assert sum(np.size(node.value) == x.size for node in graph.nodes) == 1
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(graph.run(np, [x, u, v, w])[0], in_turn(x, u, v, w))


# Stable forms ----------------------------------------------------------------------------------------------------

EXTREMES = np.array([-1000.0, -40.0, -1.5, 0.0, 0.5, 30.0, 1000.0])


def logistic(x):
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-abs(x)))


def log1pexp(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def sech2(x):
    return 4 * np.exp(-2 * abs(x)) / (1 + np.exp(-2 * abs(x))) ** 2


STABLE = {
    "log(1 + exp(x))": (lambda x: np.log(1 + np.exp(x)), log1pexp, logistic),
    "log(exp(x) + 1)": (lambda x: np.log(np.exp(x) + 1), log1pexp, logistic),
    "log1p(exp(-x))": (lambda x: np.log1p(np.exp(-x)), lambda x: log1pexp(-x), lambda x: -logistic(-x)),
    "-log(sigmoid(x))": (lambda x: -np.log(cr.sigmoid(x)), lambda x: log1pexp(-x), lambda x: -logistic(-x)),
    "log(1 - sigmoid(x))": (lambda x: np.log(1 - cr.sigmoid(x)), lambda x: -log1pexp(x), lambda x: -logistic(x)),
    "log(1/(1+exp(-x)))": (lambda x: np.log(1 / (1 + np.exp(-x))), lambda x: -log1pexp(-x), lambda x: logistic(-x)),
    "1 - tanh(x)**2": (lambda x: 1 - np.tanh(x) ** 2, sech2, lambda x: -2 * np.tanh(x) * sech2(x)),
    "1/(1+exp(-x))": (lambda x: 1 / (1 + np.exp(-x)), logistic, lambda x: logistic(x) * logistic(-x)),
    "exp(x)/(1+exp(x))": (lambda x: np.exp(x) / (1 + np.exp(x)), logistic, lambda x: logistic(x) * logistic(-x)),
    "x/(1+exp(-x))": (
        lambda x: x / (1 + np.exp(-x)),
        lambda x: x * logistic(x),
        lambda x: logistic(x) * (1 + x * logistic(-x)),
    ),
    "sqrt(x**2)": (lambda x: np.sqrt(x**2), abs, None),
    "log(exp(x))": (lambda x: np.log(np.exp(x)), lambda x: x, None),
}


@pytest.mark.parametrize(("f", "value", "slope"), STABLE.values(), ids=STABLE)
@pytest.mark.parametrize("recorded_at", [0.3, -2.0])
def test_values_and_gradients_are_those_of_mathematics_where_the_original_overflows(f, value, slope, recorded_at):
    at = np.full(EXTREMES.shape, recorded_at)
    graph = simplify_graph(record_graph(f, at))
    (found,) = graph.run(np, [EXTREMES])
    np.testing.assert_allclose(found, value(EXTREMES), rtol=1e-13)
    if slope is not None:
        with np.errstate(all="ignore"):
            (found,) = simplify_graph(record_graph(cr.grad(lambda x: np.sum(f(x))), at)).run(np, [EXTREMES])
        np.testing.assert_allclose(found, slope(EXTREMES), rtol=1e-12, atol=1e-16)


IN_PRODUCTS = {
    "with another factor between": (lambda x: np.exp(x) * x * cr.sigmoid(-x), lambda x: x * logistic(x)),
    "of an opposite that is written in another way": (
        lambda x: np.exp(2 - x) * x * cr.sigmoid(x - 2),
        lambda x: x * logistic(2 - x),
    ),
    "over a square": (lambda x: np.exp(x) / np.square(1 + np.exp(x)), lambda x: logistic(x) * logistic(-x)),
    "under a square alone": (lambda x: x / np.square(1 + np.exp(x)), lambda x: x * logistic(-x) ** 2),
}


@pytest.mark.parametrize(("f", "value"), IN_PRODUCTS.values(), ids=IN_PRODUCTS)
def test_identities_of_products_hold_wherever_the_factors_stand(f, value):
    graph = simplified(f, np.array([0.3, -1.2]))
    assert "exp" not in names(graph)
    (found,) = graph.run(np, [EXTREMES])
    np.testing.assert_allclose(found, value(EXTREMES), rtol=1e-12)


@pytest.mark.parametrize("x", [0.5, np.float32(0.5), np.array(0.5), np.array([0.5, -1.0], np.longdouble)])
def test_identities_of_products_hold_for_every_kind_of_number(x):
    assert names(simplified(lambda x: np.exp(x) * cr.sigmoid(-x), x)) == ["sigmoid"]


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_log_of_a_sum_of_exponentials(axis, keepdims):
    x = RNG.normal(size=(3, 3))  # square, so that a sum over the wrong axis would not show in the shape

    def f(x):
        return np.sum(np.cos(np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))))

    graph = simplified(cr.value_and_grad(f), x)
    assert "exp" not in names(graph)
    assert {"logsumexp", "softmax"} <= set(names(graph))


def test_a_sum_along_the_other_axis_is_no_softmax():
    graph = simplified(lambda x: np.exp(x) / np.sum(np.exp(x), axis=1), RNG.normal(size=(3, 3)))
    assert "softmax" not in names(graph)


def test_log_softmax_at_extremes():
    f = cr.value_and_grad(lambda s: np.sum(np.log(cr.softmax(s)) * np.arange(3.0)))
    graph = simplify_graph(record_graph(f, np.array([0.1, 0.2, 0.3])))
    value, gradient = graph.run(np, [np.array([-1000.0, 0.0, 1000.0])])
    assert value == -1000.0
    np.testing.assert_allclose(gradient, [0.0, 1.0, -1.0], atol=1e-15)


# What must not change --------------------------------------------------------------------------------------------

KEPT = {
    "0 x": lambda x: 0 * x,
    "x + 0": lambda x: x + 0.0,
    "x - x": lambda x: x - x,
    "x / x": lambda x: x / x,
    "x y / x": lambda x: x * 3.0 * x / x,
    "exp log": lambda x: np.exp(np.log(x)),
    "a compensated sum": lambda x: ((x + 1.0) - 1.0) - x,
    "rounding by a large number": lambda x: (x + 6755399441055744.0) - 6755399441055744.0,
    "p - p": lambda x: np.exp(x) - np.exp(x),
    "p / p": lambda x: np.exp(x) / np.exp(x),
    "a masked product": lambda x: np.sum(x * np.array([0.0, 1.0, 0.5, 0.0, 0.0, 2.0, 0.0, 0.0]), keepdims=True),
}


@pytest.mark.parametrize("f", KEPT.values(), ids=KEPT)
def test_nan_infinities_signed_zeros_and_rounding_stay(f):
    x = np.array([0.1, -0.2, 3.0, np.nan, np.inf, -np.inf, 0.0, -0.0])
    graph = record_graph(f, abs(np.where(np.isfinite(x), x, 1.0)) + 0.5)
    with np.errstate(all="ignore"):
        expected, found = graph.run(np, [x])[0], simplify_graph(graph).run(np, [x])[0]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_the_zeros_of_seeds_and_labels_are_absent():
    """Documented: what stands beside such a zero is not multiplied by it."""
    x = np.array([1.0, 2.0, 3.0])
    graph = simplify_graph(record_graph(lambda x: EYE @ x, x))
    assert graph.nodes == ()
    assert graph.run(np, [np.array([1.0, np.nan, 3.0])])[0][0] == 1.0


WRITTEN = {
    "an identity": lambda x: np.eye(3) @ x,
    "behind": lambda x: x @ np.eye(3),
    "a permutation": lambda x: np.eye(3)[[1, 2, 0]] @ x,
    "one-hot rows": lambda x: np.sum(np.eye(3)[[1, 1, 0]] * x, axis=1),
    "rows of labels": lambda x: cr.one_hot(np.array([1, 1, 0]), 3) @ x,
    "a diagonal": lambda x: (np.eye(3) * np.exp(x[:, 0])) @ x,
    "seeds": lambda x: np.eye(9).reshape(3, 3, 3, 3) @ x,
    "a diagonal from a row": lambda x: x * np.diag(x[0]),
    "a diagonal from a row divided": lambda x: np.diag(x[0]) / x,
    "numbers put on a diagonal times a column": lambda x: x[:, 2:] * np.diag(x[0]),
    "a Jacobian that is constant": lambda x: cr.jacobian(lambda x: 2 * x)(x[0]) @ x,
    "cotangents": lambda x: cr.vjp(lambda y: y @ x, x)[1](np.eye(9).reshape(9, 3, 3))[0],
}


@pytest.mark.parametrize("f", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_the_zeros_of_an_array_that_a_user_wrote_are_numbers(f, special):
    x = np.arange(1.0, 10).reshape(3, 3)
    graph = simplify_graph(record_graph(f, x))
    x[1, 2] = special
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(graph.run(np, [x])[0], f(x))


def test_a_seed_and_an_equal_array_that_a_user_wrote_are_told_apart():
    x = np.array([1.0, 2.0, 3.0])
    graph = simplify_graph(record_graph(lambda x: (EYE @ x, np.eye(3) @ x), x))
    found = graph.run(np, [np.array([np.nan, 1.0, 2.0])])
    np.testing.assert_array_equal(found, [[np.nan, 1, 2], [np.nan] * 3])


def test_outputs_keep_their_number_and_may_coincide_or_be_constants():
    graph = record_graph(lambda x: (x * 1.0, np.exp(x), 1.0 * np.exp(x), np.sum(x**0)), W)
    found = simplify_graph(graph)
    assert names(found) == ["exp"]
    assert found.outputs[0] is found.inputs[0]
    assert found.outputs[1] is found.outputs[2]
    assert found.outputs[3] == 3.0


def test_names_and_lines_stay():
    def f(x):
        y = np.exp(x)
        y.name = "y"
        return y * (1.0 * np.sin(x))

    found = simplify_graph(record_graph(f, W))
    assert found.names[found.nodes[0]] == "y"
    assert all(node.line is not None and node.line.file == __file__ for node in found.nodes)


def test_a_simpler_form_has_the_name_and_the_line_of_what_it_replaces():
    def f(x):
        y = np.log(1 + np.exp(x))
        y.name = "y"
        z = x * 1.0
        z.name = "z"
        return np.sin(y) * z

    graph = record_graph(f, W)
    name = graph.inputs[0].name
    (original,) = (node for node in graph.nodes if node.block.name == "log")
    found = simplify_graph(graph)
    assert names(found) == ["softplus", "sin", "multiply"]
    assert (found.nodes[0].name, found.nodes[0].line) == ("y", original.line)
    assert found.inputs[0].name == name


def test_blocks_that_may_give_another_result_each_time_stay_apart():
    draws = iter(range(100))

    @cr.block
    def noise(x):
        return 0 * x + next(draws)

    @noise.backward
    def noise_backward(dz, z, x):
        return 0 * dz

    def f(x):
        return np.stack([noise(x), noise(x), np.log(1 + np.exp(x)) + noise(x), np.tanh(x) + np.tanh(x)])

    graph = simplify_graph(record_graph(f, W))
    assert names(graph).count("noise") == 3
    assert names(graph).count("tanh") == 1
    first, second, third, _ = graph.run(np, [W])[0]
    assert len({first[0], second[0], round(third[0] - np.log(1 + np.exp(W[0])))}) == 3


@pytest.mark.parametrize(("f", "value", "slope"), STABLE.values(), ids=STABLE)
def test_the_recorded_values_are_those_of_the_simpler_blocks(f, value, slope):
    with np.errstate(all="ignore"):
        graph = record_graph(lambda x: np.tanh(2 * f(x)) + f(x) / 3, EXTREMES)
    found = simplify_graph(graph)
    np.testing.assert_allclose(found.outputs[0].value, np.tanh(2 * value(EXTREMES)) + value(EXTREMES) / 3, rtol=1e-12)
    for node in found.nodes:
        operands = [x.value if isinstance(x, Node) else x for x in node.inputs]
        np.testing.assert_allclose(node.value, node.block.forward(np, *operands, **node.params), rtol=1e-12)


def test_nothing_to_do_returns_the_same_nodes():
    graph = record_graph(lambda x: np.sum(np.sin(x) * np.exp(x)), W)
    assert simplify_graph(graph).nodes == graph.nodes


# Structure -------------------------------------------------------------------------------------------------------

A = RNG.normal(size=(3, 3))
V = RNG.normal(size=3)
ONE_HOT = with_absent_zeros(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
EYE = with_absent_zeros(np.eye(3))

STRUCTURE = {
    "times ones": (lambda x: x * np.ones((3, 3)), []),
    "divided by ones": (lambda x: x / np.ones(3), []),
    "times a constant broadcast": (lambda x: x * np.full((3, 3), 2.0), ["multiply"]),
    "identity times": (lambda x: EYE @ x, []),
    "times identity": (lambda x: x @ EYE, []),
    "scaled identity": (lambda x: with_absent_zeros(2 * EYE) @ x, ["multiply"]),
    "rows of one-hot": (lambda x: ONE_HOT @ x, ["getitem"]),
    "diagonal times": (lambda x: (EYE * np.exp(x[0])) @ x, ["getitem", "exp", "reshape", "multiply"]),
    "times diagonal": (lambda x: x @ (np.exp(x[0]) * EYE), ["getitem", "exp", "multiply"]),
    "diagonal of rows times vector": (
        lambda x: (EYE * x[:, :1]) @ x[0],
        ["getitem"] * 2 + ["reshape", "multiply"],
    ),
    "row sums of a diagonal": (lambda x: np.sum(EYE * np.exp(x[0]), axis=1), ["getitem", "exp"]),
    "transpose twice": (lambda x: x.T.T, []),
    "transposes of three axes": (
        lambda x: np.transpose(np.transpose(x[None], (1, 2, 0)), (2, 0, 1)),
        ["getitem"],
    ),
    "reshape twice": (lambda x: np.reshape(np.reshape(x, (9,)), (1, 9)), ["reshape"]),
    "reshape back": (lambda x: np.reshape(np.reshape(x, (9,)), (3, 3)), []),
    "broadcast twice": (lambda x: np.broadcast_to(np.broadcast_to(x, (2, 3, 3)), (4, 2, 3, 3)), ["broadcast_to"]),
    "sum of repeated": (lambda x: np.sum(np.broadcast_to(x, (4, 3, 3)), axis=0), ["multiply"]),
    "sum of all repeated": (lambda x: np.sum(np.broadcast_to(x, (4, 3, 3))), ["sum", "multiply"]),
    "mean of repeated": (lambda x: np.mean(np.broadcast_to(x, (4, 3, 3)), axis=0), []),
    "broadcast in a sum": (lambda x: np.broadcast_to(x[0], (3, 3)) + x, ["getitem", "add"]),
    "same twice": (lambda x: np.exp(x) * np.sin(x) + np.exp(x), ["exp", "sin", "multiply", "add"]),
    "dead code": (lambda x: (np.exp(x), x)[1] * 2.0, ["multiply"]),
    "rank one times vector": (lambda x: np.outer(x[0], x[1]) @ x[2], ["getitem"] * 3 + ["matmul", "multiply"]),
    "vector times rank one": (lambda x: x[2] @ np.outer(x[0], x[1]), ["getitem"] * 3 + ["matmul", "multiply"]),
    "choice between equals": (lambda x: np.where(A > 0, x, x), []),
    "zeroth power": (lambda x: x**0 * x, []),
}


@pytest.mark.parametrize(("f", "blocks"), STRUCTURE.values(), ids=STRUCTURE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_structure_is_known(f, blocks, dtype):
    x = A.astype(dtype)

    def in_dtype(x):
        return f(x).astype(dtype)

    graph = record_graph(in_dtype, x)
    found = simplify_graph(graph)
    if dtype is np.float64:
        assert sorted(names(found)) == sorted(blocks)
    (value,), (original,) = found.run(np, [x]), graph.run(np, [x])
    assert (value.shape, value.dtype) == (original.shape, original.dtype)
    np.testing.assert_allclose(value, original, rtol=1e-13 if dtype is np.float64 else 1e-5)


def test_a_constant_that_only_looks_like_an_identity_is_none():
    almost = with_absent_zeros(np.eye(3))
    almost[2, 0] = 1e-300
    graph = simplify_graph(record_graph(lambda x: almost @ x, A))
    assert names(graph) == ["matmul"]


def test_numbers_put_on_a_diagonal_that_are_sums():
    x = RNG.normal(size=(2, 3))
    simplified(cr.grad(lambda x: np.sum(np.sin(np.diagonal(x))) + np.mean(np.diagonal(x) * np.diagonal(x))), x)
    simplified(lambda x: cr.grad(lambda x: np.sum(np.cos(np.diagonal(x)) + np.diagonal(x)[0]))(x), x)


def test_equal_nodes_that_become_constants():
    graph = simplified(lambda x: np.sum(x**0) + np.sum(x**0) * x, V)
    assert names(graph) == ["multiply", "add"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.tanh(x[1:3]) + np.tanh(x[1:3]),
        lambda x: np.tanh(x[[0, 2]]) + np.tanh(x[np.array([0, 2], np.uint8)]),
        lambda x: np.tanh(x + np.float32(3)) + np.tanh(x + np.float32(3)),
        lambda x: np.tanh(x + np.arange(3.0)) + np.tanh(x + np.arange(3.0)),
        lambda x: np.tanh(np.sum(x, axis=(0,))) + np.tanh(np.sum(x, axis=(0,))),
    ],
)
def test_equal_constants_and_parameters_make_one_node(f):
    assert names(simplified(f, V)).count("tanh") == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.tanh(x[1:3]) + np.tanh(x[0:2]),
        lambda x: np.tanh(x[0:3:2]) + np.tanh(x[0:2]),
        lambda x: np.tanh(x + np.float32(3)) + np.tanh(x + np.float32(2)),
        lambda x: np.tanh(x / 0.0) + np.tanh(x / -0.0),
        lambda x: np.stack([np.tanh(x + np.array([0.0, 1, 2])), np.tanh(x + np.array([-0.0, 1, 3]))]),
    ],
)
def test_other_constants_and_parameters_make_other_nodes(f):
    with np.errstate(all="ignore"):
        assert names(simplified(f, V)).count("tanh") == 2


def test_large_labels_that_differ_late_are_not_the_same():
    first, second = np.zeros(5000, int), np.zeros(5000, int)
    second[2500] = 1
    x = RNG.normal(size=3)
    graph = simplified(lambda x: np.stack([x[first], x[second]]), x)
    assert names(graph) == ["getitem", "getitem", "stack"]


# Products --------------------------------------------------------------------------------------------------------


def multiplications(graph):
    """The number of multiplications in the products of a graph."""
    total = 0
    for node in graph.nodes:
        if node.block.name == "matmul":
            x, y = (np.shape(getattr(i, "value", i)) for i in node.inputs)
            total += int(np.prod(x)) * (y[1] if len(y) == 2 else 1)
    return total


B, C, D_ = RNG.normal(size=(30, 40)), RNG.normal(size=(40, 5)), RNG.normal(size=(5, 60))
U, T = RNG.normal(size=60), RNG.normal(size=30)

CHAINS = {
    "vector last": (lambda b, c, d, u: b @ c @ d @ u, (B, C, D_, U), 5 * 60 + 40 * 5 + 30 * 40),
    "vector first": (lambda t, b, c, d: t @ (b @ (c @ d)), (T, B, C, D_), 30 * 40 + 40 * 5 + 5 * 60),
    "matrices": (lambda b, c, d: b @ (c @ d), (B, C, D_), 30 * 40 * 5 + 30 * 5 * 60),
    "transposed product": (lambda b, c, t: (b @ c).T @ t, (B, C, T), 30 * 40 + 40 * 5),
    "numbers": (lambda t, b, c, d, u: t @ (b @ (c @ (d @ u))), (T, B, C, D_, U), None),
}


@pytest.mark.parametrize(("f", "xs", "cost"), CHAINS.values(), ids=CHAINS)
def test_products_associate_by_cost(f, xs, cost):
    graph = record_graph(f, *xs)
    found = simplify_graph(graph)
    if cost is not None:
        assert multiplications(found) == cost
    assert multiplications(found) <= multiplications(graph)
    np.testing.assert_allclose(found.run(np, xs)[0], graph.run(np, xs)[0], rtol=1e-11)


def least_multiplications(n):
    """Over all orders of a chain of matrices n[0]×n[1], n[1]×n[2], …"""
    if len(n) == 2:
        return 0
    splits = range(1, len(n) - 1)
    return min(least_multiplications(n[: k + 1]) + least_multiplications(n[k:]) + n[0] * n[k] * n[-1] for k in splits)


@pytest.mark.parametrize("transposed", list(itertools.product([False, True], repeat=4)))
@pytest.mark.parametrize("ends", ["vectors", "a vector first", "a vector last", "matrices"])
def test_every_chain_is_as_cheap_as_its_best_order(ends, transposed):
    rng = np.random.default_rng(transposed)
    n = rng.integers(2, 7, 5)
    shapes = [(n[i + 1], n[i]) if t else (n[i], n[i + 1]) for i, t in enumerate(transposed)]
    first, last = ends in ("vectors", "a vector first"), ends in ("vectors", "a vector last")
    xs = [rng.normal(size=s) for s in [*shapes[: 4 - last], *[(n[3],)] * last]]
    if first:
        xs[0], n[0] = rng.normal(size=n[1]), 1
    if last:
        n[4] = 1

    def f(*xs):
        factors = [x.T if t else x for x, t in zip(xs, transposed, strict=True)]
        return (factors[0] @ (factors[1] @ factors[2])) @ factors[3]

    graph = simplified(f, *xs)
    assert multiplications(graph) == least_multiplications(n.tolist())


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda x, y, v: x @ (y @ v), [(4, 4), (4, 4), (4,)]),
        (lambda x, y, z: (x @ y) @ z, [(4, 4), (4, 4), (4, 4)]),
        (lambda x, y, z: x @ (y @ z), [(4, 4), (4, 4), (4, 4)]),
        (lambda x, y, z: (x @ y.T) @ z, [(2, 9), (2, 9), (2, 9)]),
        (lambda x, u, z: x @ (u @ z), [(2, 5), (1,), (1, 5)]),
    ],
)
def test_no_order_is_changed_for_one_that_costs_as_much(f, shapes):
    graph = record_graph(f, *[RNG.normal(size=shape) for shape in shapes])
    assert simplify_graph(graph).nodes == graph.nodes


def test_a_vector_in_the_middle_is_no_chain():
    x, y, v = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3)), RNG.normal(size=4)
    graph = simplified(lambda x, v, y: (x @ v) @ y, x, v, y)
    assert names(graph) == ["matmul", "matmul"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, v: v @ ((x > 0) @ (x < 1)),
        lambda x, v: (x > 0) @ (x < 1) @ v,
        lambda x, v: ((100 * x).astype(np.uint8) @ (100 * x).astype(np.uint8)) @ v,
        lambda x, v: np.outer((90 * v).astype(np.uint8), (90 * v).astype(np.uint8)) @ v,
        lambda x, v: np.outer((90 * v).astype(np.uint8), v) @ (90 * v).astype(np.uint8),
        lambda x, v: v @ np.outer((90 * v).astype(np.uint8), (90 * v).astype(np.uint8)),
        lambda x, v: (1 - cr.sigmoid((9 * v).astype(np.uint64))) * cr.sigmoid(-(9 * v).astype(np.uint64)),
    ],
)
def test_products_of_integers_that_wrap_and_of_truths_stay(f):
    simplified(f, abs(RNG.normal(size=(3, 3))), abs(RNG.normal(size=3)))


def test_a_product_that_is_needed_anyway_stays():
    graph = simplified(lambda b, c, u: (b @ c, b @ c @ u), B, C, RNG.normal(size=5))
    assert names(graph) == ["matmul", "matmul"]


def test_a_long_chain_of_products():
    x, v = RNG.normal(size=(4, 4)) / 2, RNG.normal(size=4)

    def f(x, v):
        product = x
        for _ in range(100):
            product = product @ x
        return product @ v

    graph = record_graph(f, x, v)
    found = simplify_graph(graph)
    assert multiplications(found) < multiplications(graph) / 2
    np.testing.assert_allclose(found.run(np, [x, v])[0], graph.run(np, [x, v])[0], rtol=1e-9)


# Large graphs ----------------------------------------------------------------------------------------------------

STEPS = {
    "sums": lambda y, x, i: y + x * (i + 1.0),
    "nothing to do": lambda y, x, i: np.sin(y) * 0.5 + x,
    "products": lambda y, x, i: np.cos(y) * y + 0.1,
    "times one": lambda y, x, i: y * 1.0 + x,
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_work_grows_with_the_size_of_the_graph_and_nothing_recurses(step):
    def calls(count):
        def f(x):
            y = x
            for i in range(count):
                y = step(y, x, i)
            return np.sum(y)

        graph = record_graph(cr.grad(f), np.array([0.3, 0.2]))
        return calls_of(lambda: simplify_graph(graph))

    calls(10)
    small, large = calls(200), calls(2000)
    assert large < 10 * small * 3  # quadratic work would be 10 times that of 10 small ones


# Digits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda c, r, s: (c * r) * s, [(4, 1), (3,), (3,)]),
        (lambda c, r, s: c * r + c * s, [(4, 1), (3,), (3,)]),
        (lambda x, y, z: (x @ y) @ z, [(9, 2), (2, 9), (9, 2)]),
        (lambda x, y, z: (x * y) @ z, [(9, 1), (9,), (9, 2)]),
        (lambda x, y, z: np.sum((x * y) * z, axis=1), [(9, 1), (9,), (9,)]),
    ],
)
def test_two_of_single_precision_do_not_meet_before_one_of_double_precision(f, shapes):
    x, y, z = (RNG.uniform(1.0, 2.0, size=shape) for shape in shapes)
    arrays = x, y.astype("f4"), z.astype("f4")
    (found,) = simplify_graph(record_graph(f, *arrays)).run(np, arrays)
    np.testing.assert_allclose(found, f(*arrays), rtol=1e-14)


def test_a_number_stays_a_number_beside_pythons_complex_ones():
    def f(x, y):
        return np.sum(np.abs(1j * np.sum(y, axis=0) - x))  # 1j * np.float64(2.0) is Python's, and weak

    x, y = np.ones(3, np.float32), np.array([0.5])
    assert f(x, y).dtype == np.float32
    graph = record_graph(cr.value_and_grad(f, argnums=(0, 1)), x, y)
    for found, expected in zip(simplify_graph(graph).run(np, [x, y]), graph.run(np, [x, y]), strict=True):
        assert (np.shape(found), found.dtype) == (np.shape(expected), expected.dtype)


@pytest.mark.parametrize("c", [[1e200, 2.0, 1.0], np.float32([1e30, 2.0, 1.0]), np.float16([300.0, 2.0, 1.0])], ids=str)
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: x * c * c,
        lambda x, c: x * c * c / 3,
        lambda x, c: np.reshape(np.reshape(x * c, (1, 3)) * c, 3),
        lambda x, c: x / (1 / c) / (1 / c),
        lambda x, c: x * c * c[0],
        lambda x, c: x * c * c + x * c,
        lambda x, c: np.sum(x * c * c),
    ],
)
def test_constants_that_overflow_together_are_multiplied_in_turn(f, c):
    c = np.array(c)
    x = np.array([1 / c[0], 1, 1], c.dtype)
    graph = record_graph(lambda x: f(x, c), x)
    (found,) = simplify_graph(graph).run(np, [x])
    np.testing.assert_allclose(found, f(x, c), rtol=8 * np.finfo(c.dtype).eps)
    assert found.dtype == c.dtype


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * np.array([1e308, 1.0]) + x * np.array([1e308, 3.0]), np.array([1e-300, 1.0])),
        (lambda x: x * 2e38 + x * 2e38, np.float32([1e-30])),
        (lambda x: x * 300 * 300, np.float16([1e-3])),
        (lambda x: x * 1e-4 * 1e-4, np.float16([6e4])),
        (lambda x: x * 6e4 + x * 6e4, np.float16([1e-3])),
        (lambda x: np.sum(np.broadcast_to(x, 70000)), np.float16([1e-3])),
        (lambda x: x / 3 / 7, np.longdouble([0.1])),
        (lambda x: x * (np.longdouble(1) / 3) * (np.longdouble(1) / 7), np.longdouble([0.1])),
    ],
)
def test_coefficients_stay_in_the_range_and_keep_the_digits_of_a_dtype(f, x):
    (found,) = simplify_graph(record_graph(f, x)).run(np, [x])
    np.testing.assert_allclose(found, f(x), rtol=8 * np.finfo(x.dtype).eps)
    assert found.dtype == x.dtype
