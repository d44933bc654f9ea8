"""Neural networks beyond the catalogue: kinks, extremes, errors, and grids of shapes against PyTorch."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from cases import Case, tensor
from catalogue_networks import ACTIVATIONS, NETWORK_CASES
from chainrule.errors import BlockError, RecordingError

F = torch.nn.functional


def torch_gradients(f, xs, dz):
    """PyTorch's value, and its gradients for a cotangent."""
    inputs = [tensor(x).requires_grad_() for x in xs]
    z = f(*inputs)
    return z.numpy(force=True), [g.numpy() for g in torch.autograd.grad(z, inputs, tensor(dz), materialize_grads=True)]


def assert_as_pytorch(f, g, xs, rtol=1e-10, atol=1e-11):
    """Value and gradients of f are those of PyTorch's g."""
    value, pullback = cr.vjp(f, *xs)
    dz = np.random.default_rng(1).normal(size=np.shape(value)).astype(value.dtype)
    expected, gradients = torch_gradients(g, xs, dz)
    assert np.shape(value) == expected.shape
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=atol)
    for x, grad, reference in zip(xs, pullback(dz), gradients, strict=True):
        assert (grad.shape, grad.dtype) == (x.shape, x.dtype)
        np.testing.assert_allclose(grad, reference, rtol=rtol, atol=atol)


# Activations -----------------------------------------------------------------------------------------------------

KINKS = {
    "leaky_relu": (cr.leaky_relu, F.leaky_relu, [0.0, -0.0]),
    "elu": (lambda x: cr.elu(x, alpha=2.0), lambda x: F.elu(x, 2.0), [0.0, -0.0]),
    "celu": (lambda x: cr.celu(x, alpha=2.0), lambda x: F.celu(x, 2.0), [0.0, -0.0]),
    "selu": (cr.selu, F.selu, [0.0, -0.0]),
    "hardtanh": (cr.hardtanh, F.hardtanh, [-1.0, 1.0]),
    "relu6": (cr.relu6, F.relu6, [0.0, 6.0]),
    "hardswish": (cr.hardswish, F.hardswish, [-3.0, 3.0]),
    "softshrink": (cr.softshrink, F.softshrink, [-0.5, 0.0, 0.5]),
    "hardshrink": (cr.hardshrink, F.hardshrink, [-0.5, 0.0, 0.5]),
    "threshold": (lambda x: cr.threshold(x, threshold=1.0, value=5.0), lambda x: F.threshold(x, 1.0, 5.0), [1.0]),
    "softsign": (cr.softsign, F.softsign, [0.0]),
    "prelu": (lambda x: cr.prelu(x, np.array([0.25])), lambda x: F.prelu(x, x.new_tensor([0.25])), [0.0]),
    "l1_loss": (lambda x: cr.l1_loss(x, 1.0), lambda x: F.l1_loss(x, torch.ones_like(x)), [1.0]),
    "huber_loss": (lambda x: cr.huber_loss(x, 0.0), lambda x: F.huber_loss(x, torch.zeros_like(x)), [-1.0, 1.0]),
    "smooth_l1_loss": (
        lambda x: cr.smooth_l1_loss(x, 0.0, beta=0.5),
        lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), beta=0.5),
        [-0.5, 0.5],
    ),
    "binary_hinge_loss": (
        lambda x: cr.binary_hinge_loss(x, np.array([1.0, -1.0])),
        lambda x: F.relu(1 - x * tensor([1.0, -1.0])).mean(),
        [1.0, -1.0],
    ),
    "triplet_margin_loss that just reaches 0": (
        lambda x: cr.triplet_margin_loss(x, np.array([1.0, 0.0]), np.array([0.0, 2.0]), eps=0.0),
        lambda x: F.triplet_margin_loss(x, tensor([1.0, 0.0]), tensor([0.0, 2.0]), eps=0.0),
        [0.0, 0.0],
    ),
    "margin_ranking_loss": (
        lambda x: cr.margin_ranking_loss(x, np.zeros(2), np.array([1, -1]), margin=1.0),
        lambda x: F.margin_ranking_loss(x, torch.zeros_like(x), torch.tensor([1, -1]), margin=1.0),
        [1.0, -1.0],
    ),
    "hinge_embedding_loss": (
        lambda x: cr.hinge_embedding_loss(x, np.array([1, -1])),
        lambda x: F.hinge_embedding_loss(x, torch.tensor([1, -1])),
        [1.0, 1.0],
    ),
    "cosine_embedding_loss": (
        lambda x: cr.cosine_embedding_loss(x, np.array([0.0, 1.0]), np.array(-1)),
        lambda x: F.cosine_embedding_loss(x, tensor([0.0, 1.0]), torch.tensor(-1)),
        [1.0, 0.0],
    ),
    "multi_margin_loss": (
        lambda x: cr.multi_margin_loss(x, 0),
        lambda x: F.multi_margin_loss(x, torch.tensor(0)),
        [1.0, 0.0, -1.0],
    ),
    "multilabel_margin_loss of a class that is listed twice": (
        lambda x: cr.multilabel_margin_loss(x, np.array([0, 0, -1])),
        lambda x: F.multilabel_margin_loss(x, torch.tensor([0, 0, -1])),
        [1.0, 0.0, 0.25],
    ),
    "normalize zeros": (cr.normalize, lambda x: F.normalize(x, dim=0), [0.0, 0.0]),
    "lp_pool1d of zeros": (
        lambda x: cr.lp_pool1d(x[None], 2, 2),
        lambda x: F.lp_pool1d(x[None], 2, 2),
        [0.0, 0.0, -1.0, 2.0],
    ),
    **{
        f"pairwise_distance p={p} of the same": (
            lambda x, p=p: cr.pairwise_distance(x, np.zeros(3), p=p, eps=0.0),
            lambda x, p=p: F.pairwise_distance(x, torch.zeros_like(x), p=p, eps=0.0),
            [0.0, 0.0, 0.0],
        )
        for p in (1.0, 2.0, 3.0)
    },
    "pairwise_distance p=inf of a tie": (
        lambda x: cr.pairwise_distance(x, np.zeros(3), p=np.inf, eps=0.0),
        lambda x: F.pairwise_distance(x, torch.zeros_like(x), p=float("inf"), eps=0.0),
        [0.0, 1.0, -1.0],
    ),
    "softmax_cross_entropy of ignored rows alone": (
        lambda x: cr.softmax_cross_entropy(x, -100, reduction="mean"),
        lambda x: F.cross_entropy(x, torch.tensor(-100)),
        [1.0, 2.0],
    ),
    "nll_loss of ignored rows alone": (
        lambda x: cr.nll_loss(x, -100),
        lambda x: F.nll_loss(x, torch.tensor(-100)),
        [1.0, 2.0],
    ),
    "kl_div": (
        lambda q: cr.kl_div(q, np.array([0.0, 1.0]), reduction="sum"),
        lambda q: F.kl_div(q, tensor([0.0, 1.0]), reduction="sum"),
        [-1.0, -2.0],
    ),
    "cosine_similarity of zeros": (
        lambda x: cr.cosine_similarity(x, np.ones(3)),
        lambda x: F.cosine_similarity(x, torch.ones_like(x), dim=-1),
        [0.0, 0.0, 0.0],
    ),
    "triplet_margin_loss of the same": (
        lambda x: cr.triplet_margin_loss(x, np.zeros(3), np.ones(3), margin=3.0, eps=0.0),
        lambda x: F.triplet_margin_loss(x, torch.zeros_like(x), torch.ones_like(x), margin=3.0, eps=0.0),
        [0.0, 0.0, 0.0],
    ),
    "gaussian_nll_loss of a tiny variance": (
        lambda v: cr.gaussian_nll_loss(np.array([1.0, 0.0]), np.zeros(2), v),
        lambda v: F.gaussian_nll_loss(tensor([1.0, 0.0]), v.new_zeros(2), v),
        [1e-9, 0.0],
    ),
    "poisson_nll_loss at the edge of Stirling's formula": (
        lambda x: cr.poisson_nll_loss(x, np.array([0.0, 1.0, 2.0]), full=True),
        lambda x: F.poisson_nll_loss(x, tensor([0.0, 1.0, 2.0]), full=True),
        [0.5, 0.5, 0.5],
    ),
}


SINGLE = {
    "cosine_embedding_loss of zeros": (
        lambda x: cr.cosine_embedding_loss(x, np.array([0.0, 1.0]), np.array(1)),
        lambda x: F.cosine_embedding_loss(x, tensor([0.0, 1.0]), torch.tensor(1)),
        [0.0, 0.0],
    ),
    "hardsigmoid": (cr.hardsigmoid, F.hardsigmoid, [-3.0, 1.0, 3.0]),
    "binary_cross_entropy": (
        lambda p: cr.binary_cross_entropy(p, np.array([1.0, 0.0, 0.0, 1.0])),
        lambda p: F.binary_cross_entropy(p, tensor([1.0, 0.0, 0.0, 1.0])),
        [0.0, 1.0, 0.0, 1.0],
    ),
}
"""The same, where PyTorch has a constant (1/6, 1e-12) in single precision."""


@pytest.mark.parametrize(("f", "g", "x"), SINGLE.values(), ids=SINGLE)
def test_gradient_at_kinks_is_pytorchs_to_single_precision(f, g, x):
    assert_as_pytorch(f, g, [np.array(x)], rtol=1e-7)


@pytest.mark.parametrize(("f", "g", "x"), KINKS.values(), ids=KINKS)
def test_gradient_at_kinks_is_pytorchs(f, g, x):
    assert_as_pytorch(f, g, [np.array(x)], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_stable_at_large_arguments(name, dtype):
    f, g, _ = ACTIVATIONS[name]
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert_as_pytorch(f, g, [np.array([-1000.0, -50.0, 50.0, 1000.0], dtype)], **tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_second_derivatives_of_activations_are_stable_at_large_arguments(name):
    f, g, _ = ACTIVATIONS[name]
    x = np.array([-1000.0, -50.0, 50.0, 1000.0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        second = cr.hessian(lambda x: np.sum(f(x)))(x)
    if name == "mish":  # PyTorch's own has NaN at 1000
        g = lambda x: x * torch.tanh(F.softplus(x))  # noqa: E731
    expected = torch.autograd.functional.hessian(lambda x: g(x).sum(), tensor(x)).numpy()
    np.testing.assert_allclose(second, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_take_any_shape(name, shape):
    f, g, domain = ACTIVATIONS[name]
    assert_as_pytorch(f, g, Case(name, f, g, (domain(*shape),)).arrays())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_a_number_are_numbers(name):
    assert isinstance(ACTIVATIONS[name][0](np.float64(0.5)), float)


@pytest.mark.parametrize("name", ["leaky_relu", "elu", "hardshrink", "softshrink", "softplus", "sigmoid", "gelu"])
def test_nan_stays_nan(name):
    assert np.isnan(getattr(cr, name)(np.array([np.nan])))


# Normalisation ---------------------------------------------------------------------------------------------------


def test_layer_norm_of_a_constant_row_is_the_bias_with_pytorchs_gradients():
    x, weight, bias = np.array([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    np.testing.assert_array_equal(cr.layer_norm(x, weight, bias), [bias, bias])
    assert_as_pytorch(cr.layer_norm, lambda x, w, b: F.layer_norm(x, (3,), w, b), [x, weight, bias])


def test_rms_norm_of_zeros_is_zero_with_pytorchs_gradient():
    x, weight = np.zeros((1, 3)), np.ones(3)
    assert_as_pytorch(cr.rms_norm, lambda x, w: F.rms_norm(x, (3,), w), [x, weight])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layer_norm_of_large_entries_is_stable(dtype):
    x = np.array([[-1000.0, 0.0, 1000.0], [1000.0, 1000.0, 1001.0]], dtype)
    # Entries of 1000 that differ by 1/2 have 2000 times the rounding error of single precision.
    tolerance = {} if dtype == np.float64 else {"rtol": 2000 * 6e-8, "atol": 2000 * 6e-8}
    assert_as_pytorch(cr.layer_norm, lambda x: F.layer_norm(x, (3,)), [x], **tolerance)


def test_rms_norm_takes_the_epsilon_of_its_dtype():
    x = np.full(4, 1e-5, np.float32)
    assert_as_pytorch(cr.rms_norm, lambda x: F.rms_norm(x, (4,)), [x], rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("batch_norm", (4, 3)),
        ("batch_norm", (2, 3, 5)),
        ("batch_norm", (2, 3, 2, 2)),
        ("instance_norm", (2, 3, 5)),
        ("instance_norm", (2, 3, 2, 2)),
    ],
    ids=str,
)
def test_running_statistics_move_as_in_pytorch(name, shape):
    x = np.random.default_rng(0).normal(size=shape)
    mean, var = np.array([1.0, -1.0, 0.5]), np.array([0.5, 1.0, 2.0])
    their_mean, their_var = tensor(mean), tensor(var)
    training = {"batch_norm": "training", "instance_norm": "use_input_stats"}[name]
    assert_as_pytorch(
        lambda x: getattr(cr, name)(x, running_mean=mean, running_var=var, momentum=0.3),
        lambda x: getattr(F, name)(x, their_mean, their_var, momentum=0.3, **{training: True}),
        [x],
    )
    np.testing.assert_allclose(mean, their_mean.numpy(), rtol=1e-12)
    np.testing.assert_allclose(var, their_var.numpy(), rtol=1e-12)


@pytest.mark.parametrize("training", [False, True])
def test_a_recorded_running_statistic_has_its_gradient(training):
    x, var, w = np.arange(15.0).reshape(5, 3) ** 0.5, np.array([0.5, 1.0, 2.0]), np.cos(np.arange(15.0)).reshape(5, 3)

    def loss(mean):
        return np.sum(cr.batch_norm(x, running_mean=mean, running_var=var.copy(), training=training) * w)

    expected = np.zeros(3) if training else -np.sum(w, axis=0) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(cr.grad(loss)(np.ones(3)), expected, rtol=1e-12)


def test_batch_norm_does_not_see_a_shift_or_scale_of_a_channel():
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    scale, shift = np.array([[2.0], [0.5]]), np.array([[1.0], [-3.0]])
    np.testing.assert_allclose(cr.batch_norm(x * scale + shift, eps=0.0), cr.batch_norm(x, eps=0.0), atol=1e-12)


# Layers ----------------------------------------------------------------------------------------------------------


def test_an_embeddings_row_gets_the_sum_over_all_places_where_it_was_taken():
    grad = cr.grad(lambda w: np.sum(cr.embedding(w, np.array([[1, 1], [0, 1]])) * 2.0))(np.ones((3, 2)))
    np.testing.assert_array_equal(grad, [[2.0, 2.0], [6.0, 6.0], [0.0, 0.0]])


def test_the_row_of_padding_gets_no_gradient():
    indices = np.array([[1, 1], [0, 2]])
    for row in (1, -2):
        assert_as_pytorch(
            lambda w, row=row: cr.embedding(w, indices, padding_idx=row),
            lambda w, row=row: F.embedding(tensor(indices), w, padding_idx=row),
            [np.random.default_rng(0).normal(size=(3, 2))],
        )


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
@pytest.mark.parametrize("padding_idx", [None, 2])
@pytest.mark.parametrize("offsets", [[0, 2, 2, 5], [0], [0, 0]], ids=str)
def test_bags_of_embeddings_are_pytorchs(mode, padding_idx, offsets):
    indices = np.array([2, 0, 2, 1, 1, 3])
    w = np.random.default_rng(0).normal(size=(4, 3))
    assert_as_pytorch(
        lambda w: cr.embedding_bag(w, indices, np.array(offsets), mode, padding_idx=padding_idx),
        lambda w: F.embedding_bag(tensor(indices), w, torch.tensor(offsets), mode=mode, padding_idx=padding_idx),
        [w],
    )


def test_a_hard_draw_is_one_hot_with_the_gradient_of_the_soft_one():
    s, dz = np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(2, 3))
    (soft, pull_soft), (hard, pull_hard) = (
        cr.vjp(lambda s, hard=hard: cr.gumbel_softmax(s, hard=hard, axis=0, rng=np.random.default_rng(3)), s)
        for hard in (False, True)
    )
    np.testing.assert_allclose(hard, soft == soft.max(axis=0), atol=1e-15)
    np.testing.assert_array_equal(pull_hard(dz)[0], pull_soft(dz)[0])


def test_rrelu_draws_slopes_between_its_bounds():
    slopes = -cr.rrelu(np.full(10_000, -1.0), 0.2, 0.4, rng=np.random.default_rng(0))
    assert 0.2 <= slopes.min() < 0.21
    assert 0.39 < slopes.max() <= 0.4


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=200_000)
    z = cr.alpha_dropout(x, 0.3, rng=np.random.default_rng(1))
    assert abs(np.mean(z)) < 0.01
    assert abs(np.var(z) - 1) < 0.02


@pytest.mark.parametrize("name", ["dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"])
def test_dropout_of_channels_drops_whole_channels(name):
    n = 2 if name == "feature_alpha_dropout" else int(name[7])
    z = getattr(cr, name)(np.ones((20, 30, *(3,) * n)), 0.4, rng=np.random.default_rng(0)).reshape(600, -1)
    np.testing.assert_array_equal(z, np.broadcast_to(z[:, :1], z.shape))
    assert 0.3 < np.mean(z[:, 0] != z.max()) < 0.5


def test_one_hot_counts_its_classes_and_takes_a_dtype():
    np.testing.assert_array_equal(cr.one_hot([1, 0]), [[0, 1], [1, 0]])
    assert cr.one_hot(2, 4, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(cr.one_hot(2, 4), [0, 0, 1, 0])
    assert cr.one_hot(np.zeros((2, 3), int), 5).shape == (2, 3, 5)


def test_dropout_by_a_generator_keeps_its_share_and_its_mean():
    z = cr.dropout(np.ones(100_000), 0.25, rng=np.random.default_rng(0))
    assert set(z.tolist()) == {0.0, 1 / 0.75}
    assert abs(np.mean(z == 0) - 0.25) < 0.01  # seven standard deviations
    assert abs(np.mean(z) - 1) < 0.01


def test_dropout_is_drawn_once_for_value_and_gradient():
    x = np.arange(1.0, 21.0)
    rng = np.random.default_rng(0)
    value, pullback = cr.vjp(lambda x: cr.dropout(x, 0.5, rng=rng), x)
    np.testing.assert_array_equal(pullback(np.ones(20))[0], value / x)


@pytest.mark.parametrize(("p", "expected"), [(0.0, [1.0, 2.0, 3.0]), (1.0, [0.0, 0.0, 0.0])])
def test_dropout_of_nothing_or_everything(p, expected):
    value, pullback = cr.vjp(lambda x: cr.dropout(x, p, rng=np.random.default_rng(0)), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(pullback(np.ones(3))[0], np.full(3, 1.0 - p))


def test_a_dropped_nan_stays_out():
    value, pullback = cr.vjp(lambda x: cr.dropout(x, mask=np.array([True, False])), np.array([1.0, np.nan]))
    np.testing.assert_array_equal(value, [2.0, 0.0])
    np.testing.assert_array_equal(pullback(np.array([1.0, np.inf]))[0], [2.0, 0.0])


def attention_inputs(length=3, keys=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, length, 4)), rng.normal(size=(2, keys, 4)), rng.normal(size=(2, keys, 5))


def test_causal_attention_does_not_see_later_keys():
    q, k, v = attention_inputs()
    jacobian = cr.jacobian(lambda v: cr.scaled_dot_product_attention(q, k, v, is_causal=True)[0, :, 0])(v)[:, 0, :, 0]
    assert np.all(jacobian[np.triu_indices(3, 1)] == 0)
    assert np.all(jacobian[np.tril_indices(3)] > 0)
    np.testing.assert_array_equal(
        cr.scaled_dot_product_attention(q, k, v, is_causal=True)[:, 0], v[:, 0]
    )  # the first query has one key


@pytest.mark.parametrize(("length", "keys"), [(2, 4), (4, 2)])
def test_causal_attention_between_sequences_of_different_length_is_pytorchs(length, keys):
    assert_as_pytorch(
        lambda *xs: cr.scaled_dot_product_attention(*xs, is_causal=True),
        lambda *xs: F.scaled_dot_product_attention(*xs, is_causal=True),
        attention_inputs(length, keys),
    )


def test_a_causal_mask_and_another_both_hold():
    q, k, v = attention_inputs()
    mask = np.array([[True, True, True], [False, True, True], [True, False, True]])
    both = mask & np.tri(3, dtype=bool)
    np.testing.assert_array_equal(
        cr.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=True),
        cr.scaled_dot_product_attention(q, k, v, attn_mask=both),
    )


@pytest.mark.parametrize("kind", [bool, float])
def test_a_query_that_may_look_at_no_key_gets_zero_and_gives_no_gradient(kind):
    mask = np.array([[True, False, True], [False, False, False], [True, True, True]])
    mask = mask if kind is bool else np.where(mask, 0.5, -np.inf)
    xs = attention_inputs()
    assert_as_pytorch(
        lambda *xs: cr.scaled_dot_product_attention(*xs, attn_mask=mask),
        lambda *xs: F.scaled_dot_product_attention(*xs, attn_mask=tensor(mask)),
        xs,
    )
    assert np.all(cr.scaled_dot_product_attention(*xs, attn_mask=mask)[:, 1] == 0)


def test_attention_with_large_scores_is_stable():
    q, k, v = attention_inputs()
    assert_as_pytorch(
        cr.scaled_dot_product_attention, F.scaled_dot_product_attention, [1000 * q, 1000 * k, v], rtol=1e-8, atol=1e-8
    )


# Convolution and pooling -----------------------------------------------------------------------------------------

quick = settings(max_examples=120, deadline=None, derandomize=True)


@st.composite
def per_axis(draw, n, low, high):
    """An integer, or one for each axis."""
    numbers = st.integers(low, high)
    return draw(numbers | st.tuples(*[numbers] * n))


def each(value, n):
    return (value,) * n if isinstance(value, int) else value


@st.composite
def convolutions(draw):
    n = draw(st.integers(1, 3))
    stride, dilation, padding = draw(per_axis(n, 1, 3)), draw(per_axis(n, 1, 3)), draw(per_axis(n, 0, 2))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    extent = [d * (k - 1) + 1 for d, k in zip(each(dilation, n), kernel, strict=True)]
    size = [max(e - 2 * p, 1) + draw(st.integers(0, 3)) for e, p in zip(extent, each(padding, n), strict=True)]
    groups = draw(st.integers(1, 3))
    inputs, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2)) * groups
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    shapes = [(*batch, inputs * groups, *size), (outputs, inputs, *kernel)]
    if draw(st.booleans()):
        shapes.append((outputs,))
    return n, shapes, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@quick
@given(case=convolutions())
def test_any_convolution_is_pytorchs(case):
    n, shapes, how = case
    rng = np.random.default_rng(0)
    f, g = getattr(cr, f"conv{n}d"), getattr(F, f"conv{n}d")
    assert_as_pytorch(lambda *xs: f(*xs, **how), lambda *xs: g(*xs, **how), [rng.normal(size=s) for s in shapes])


@st.composite
def transposed_convolutions(draw):
    n = draw(st.integers(1, 3))
    stride, dilation = draw(per_axis(n, 1, 3)), draw(per_axis(n, 1, 3))
    more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(each(stride, n), each(dilation, n), strict=True))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    size = draw(st.tuples(*[st.integers(1, 3)] * n))
    full = [
        (t - 1) * s + d * (k - 1) + 1 + m
        for t, s, d, k, m in zip(size, each(stride, n), each(dilation, n), kernel, more, strict=True)
    ]
    padding = tuple(draw(st.integers(0, min(2, (f - 1) // 2))) for f in full)
    groups = draw(st.integers(1, 2))
    inputs, outputs = draw(st.integers(1, 2)) * groups, draw(st.integers(1, 2))
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    shapes = [(*batch, inputs, *size), (inputs, outputs, *kernel)]
    if draw(st.booleans()):
        shapes.append((outputs * groups,))
    how = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation, "groups": groups}
    return n, shapes, how


@quick
@given(case=transposed_convolutions())
def test_any_transposed_convolution_is_pytorchs(case):
    n, shapes, how = case
    rng = np.random.default_rng(0)
    f, g = getattr(cr, f"conv_transpose{n}d"), getattr(F, f"conv_transpose{n}d")
    assert_as_pytorch(lambda *xs: f(*xs, **how), lambda *xs: g(*xs, **how), [rng.normal(size=s) for s in shapes])


@st.composite
def pools(draw):
    kind = draw(st.sampled_from(["max", "avg"]))
    n = draw(st.integers(1, 3))
    kernel = draw(per_axis(n, 1, 3))
    how = {"padding": tuple(draw(st.integers(0, k // 2)) for k in each(kernel, n))}
    if draw(st.booleans()):
        how["stride"] = draw(per_axis(n, 1, 3))
    fits_with_padding = kind == "max"  # PyTorch's avg_pool3d wants a window that fits without
    if kind == "max":
        how["dilation"] = draw(per_axis(n, 1, 2))
    else:
        how["count_include_pad"] = draw(st.booleans())
        if n > 1 and draw(st.booleans()):
            how["divisor_override"] = draw(st.integers(1, 5))
    how["ceil_mode"] = draw(st.booleans())
    extent = [d * (k - 1) + 1 for d, k in zip(each(how.get("dilation", 1), n), each(kernel, n), strict=True)]
    size = [
        max(e - 2 * p * fits_with_padding, 1) + draw(st.integers(0, 3))
        for e, p in zip(extent, how["padding"], strict=True)
    ]
    return f"{kind}_pool{n}d", (*draw(st.sampled_from([(2,), (1, 2), (2, 1)])), *size), kernel, how


@quick
@given(case=pools(), ties=st.booleans())
def test_any_pooling_is_pytorchs_with_and_without_ties(case, ties):
    name, shape, kernel, how = case
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    assume(np.all(np.isfinite(getattr(cr, name)(x, kernel, **how))))  # no window that meets nothing but padding
    assert_as_pytorch(lambda x: getattr(cr, name)(x, kernel, **how), lambda x: getattr(F, name)(x, kernel, **how), [x])


@settings(quick, max_examples=60)
@given(case=pools(), ties=st.booleans())
def test_places_of_the_largest_entries_are_pytorchs(case, ties):
    name, shape, kernel, how = case
    assume(name.startswith("max"))
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    z, places = getattr(cr, name)(x, kernel, return_indices=True, **how)
    assume(np.all(np.isfinite(z)))
    expected = getattr(F, name)(tensor(x), kernel, return_indices=True, **how)[1]
    np.testing.assert_array_equal(places, expected.numpy())


@settings(quick, max_examples=60)
@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
    sizes=st.tuples(*[st.integers(1, 7)] * 3),
    ties=st.booleans(),
)
def test_any_adaptive_pooling_is_pytorchs(shape, sizes, ties):
    n, rng = len(shape) - 1, np.random.default_rng(0)
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    for kind in ("avg", "max"):
        name = f"adaptive_{kind}_pool{n}d"
        f, g = getattr(cr, name), getattr(F, name)
        assert_as_pytorch(lambda x, f=f: f(x, sizes[:n]), lambda x, g=g: g(x, sizes[:n]), [x])
    _, places = f(x, sizes[:n], return_indices=True)
    np.testing.assert_array_equal(places, g(tensor(x), sizes[:n], return_indices=True)[1].numpy())


@quick
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    how=st.fixed_dictionaries({"size": st.integers(1, 8)})
    | st.fixed_dictionaries({"scale_factor": st.floats(1, 3), "recompute_scale_factor": st.booleans()}),
    mode=st.sampled_from(["nearest", "nearest-exact", "linear", "cubic", "area"]),
    align_corners=st.booleans(),
)
def test_any_resizing_is_pytorchs(lengths, how, mode, align_corners):
    n = len(lengths)
    assume(mode != "cubic" or n == 2)
    mode = {"linear": ("linear", "bilinear", "trilinear")[n - 1], "cubic": "bicubic"}.get(mode, mode)
    if mode.endswith(("linear", "cubic")):
        how = how | {"align_corners": align_corners}
    x = np.random.default_rng(0).normal(size=(1, 2, *lengths))
    # PyTorch computes places for nearest neighbours in single precision.
    assume("scale_factor" not in how or "nearest" not in mode or abs(how["scale_factor"] * 4 % 1) < 1e-9)
    assert_as_pytorch(
        lambda x: cr.interpolate(x, mode=mode, **how), lambda x: F.interpolate(x, mode=mode, **how), [x], rtol=1e-9
    )


def test_the_first_of_several_largest_entries_of_a_window_gets_the_gradient():
    grad = cr.grad(lambda x: np.sum(cr.max_pool2d(x, 2)))(np.array([[[1.0, 3.0, 0.0, 0.0], [3.0, 3.0, 0.0, 0.0]]]))
    np.testing.assert_array_equal(grad, [[[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])


def test_a_window_of_minus_infinity_gives_its_gradient_to_no_padding():
    x = np.full((1, 3), -np.inf)
    grad = cr.grad(lambda x: np.sum(cr.max_pool1d(x, 3, stride=1, padding=1)))(x)
    np.testing.assert_array_equal(grad, [[2.0, 1.0, 0.0]])


def test_a_window_that_meets_nothing_but_padding_is_a_constant():
    value, pullback = cr.vjp(lambda x: cr.max_pool1d(x, 2, padding=1, dilation=2), np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(value, [[-np.inf], [-np.inf]])
    np.testing.assert_array_equal(pullback(np.ones((2, 1)))[0], [[0.0], [0.0]])


def test_a_nan_in_a_window_is_its_largest_entry():
    value, pullback = cr.vjp(lambda x: cr.max_pool1d(x, 2), np.array([[1.0, np.nan, 5.0, 2.0]]))
    np.testing.assert_array_equal(value, [[np.nan, 5.0]])
    np.testing.assert_array_equal(pullback(np.ones((1, 2)))[0], [[0.0, 1.0, 1.0, 0.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("f", [lambda x: cr.conv1d(x, np.ones((1, 2, 2), x.dtype)), lambda x: cr.max_pool1d(x, 2)])
def test_no_samples_give_no_results(f, dtype):
    value, pullback = cr.vjp(f, np.zeros((0, 2, 4), dtype))
    assert value.shape[0] == 0
    assert (pullback(value)[0].shape, value.dtype) == ((0, 2, 4), dtype)


def test_a_convolution_has_pytorchs_third_derivative():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 3, 3)), rng.normal(size=(2, 2, 2, 2))
    vx, vw = rng.normal(size=x.shape), rng.normal(size=w.shape)

    def slopes(f, grad):  # the derivative of f along (vx, vw), as a function of both
        def along(x, w):
            dx, dw = grad(f)(x, w)
            return (dx * v_x).sum() + (dw * v_w).sum()

        return along

    def ours(x, w):
        return np.sum(cr.conv2d(x, w, padding=1, stride=2) ** 3)

    def theirs(x, w):
        return (F.conv2d(x, w, padding=1, stride=2) ** 3).sum()

    v_x, v_w = vx, vw
    for _ in range(2):
        ours = slopes(ours, lambda f: cr.grad(f, (0, 1)))
    grads = cr.grad(ours, (0, 1))(x, w)
    v_x, v_w = tensor(vx), tensor(vw)
    for _ in range(2):
        theirs = slopes(theirs, lambda f: lambda *xs: torch.autograd.grad(f(*xs), xs, create_graph=True))
    inputs = [tensor(a).requires_grad_() for a in (x, w)]
    for grad, reference in zip(grads, torch.autograd.grad(theirs(*inputs), inputs), strict=True):
        np.testing.assert_allclose(grad, reference.numpy(), rtol=1e-10, atol=1e-9)


# Losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("f", "g"),
    [
        (cr.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
        (
            lambda s, y: cr.binary_cross_entropy_with_logits(s, y, pos_weight=3.0),
            lambda s, y: F.binary_cross_entropy_with_logits(s, y, pos_weight=s.new_tensor(3.0)),
        ),
        (cr.huber_loss, F.huber_loss),
        (cr.smooth_l1_loss, F.smooth_l1_loss),
        (
            lambda s, y: cr.softmax_cross_entropy(s, 0, label_smoothing=0.1) + 0 * np.sum(y),
            lambda s, y: F.cross_entropy(s, torch.tensor(0), label_smoothing=0.1) + 0 * y.sum(),
        ),
    ],
)
def test_losses_are_stable_at_large_scores(f, g, dtype):
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        xs = [np.array([-1000.0, 0.0, 1000.0, 1000.0], dtype), np.array([1.0, 0.0, 0.0, 1.0], dtype)]
        assert_as_pytorch(f, g, xs, **tolerance)


S = np.array([[-1000.0, 0.0, 1000.0, 1000.0], [1000.0, -1000.0, 0.0, 999.0]])
SIGNS = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
YES, CLASSES, LISTED = (SIGNS + 1) / 2, np.array([0, 3]), np.array([[0, 2, -1, -1], [1, -1, -1, -1]])

ON_SCORES = {
    "softmax_cross_entropy": (
        lambda s: cr.softmax_cross_entropy(s, CLASSES, weight=np.arange(1.0, 5.0), label_smoothing=0.1),
        lambda s: F.cross_entropy(
            s, tensor(CLASSES), torch.arange(1.0, 5.0).to(s), label_smoothing=0.1, reduction="none"
        ),
    ),
    "softmax_cross_entropy of probabilities": (
        lambda s: cr.softmax_cross_entropy(s, np.full((2, 4), 0.25)),
        lambda s: F.cross_entropy(s, torch.full_like(s, 0.25), reduction="none"),
    ),
    "nll_loss of log_softmax": (
        lambda s: cr.nll_loss(cr.log_softmax(s), CLASSES),
        lambda s: F.nll_loss(torch.log_softmax(s, -1), tensor(CLASSES)),
    ),
    "kl_div of log_softmax": (
        lambda s: cr.kl_div(cr.log_softmax(s), YES / 2, reduction="batchmean"),
        lambda s: F.kl_div(torch.log_softmax(s, -1), tensor(YES / 2), reduction="batchmean"),
    ),
    "hinge_loss": (
        lambda s: cr.hinge_loss(s, CLASSES) / 4,
        lambda s: F.relu(s - s.gather(1, tensor(CLASSES)[:, None]) + 1).sum(-1) / 4 - 0.25,
    ),
    "squared_hinge_loss": (
        lambda s: cr.squared_hinge_loss(s, CLASSES),
        lambda s: (F.relu(s - s.gather(1, tensor(CLASSES)[:, None]) + 1) ** 2).sum(-1) - 1,
    ),
    "binary_cross_entropy_with_logits": (
        lambda s: cr.binary_cross_entropy_with_logits(s, YES, pos_weight=2.0),
        lambda s: F.binary_cross_entropy_with_logits(s, tensor(YES), pos_weight=s.new_tensor(2.0)),
    ),
    "binary_hinge_loss": (lambda s: cr.binary_hinge_loss(s, SIGNS), lambda s: F.relu(1 - s * tensor(SIGNS)).mean()),
    "soft_margin_loss": (  # that of PyTorch overflows
        lambda s: cr.soft_margin_loss(s, SIGNS),
        lambda s: F.softplus(-s * tensor(SIGNS)).mean(),
    ),
    "multilabel_soft_margin_loss": (
        lambda s: cr.multilabel_soft_margin_loss(s, YES),
        lambda s: F.multilabel_soft_margin_loss(s, tensor(YES)),
    ),
    "multilabel_margin_loss": (
        lambda s: cr.multilabel_margin_loss(s, LISTED),
        lambda s: (
            sum(
                F.relu(1 - s[i, c] + s[i, j])
                for i, row in enumerate(([0, 2], [1]))
                for c in row
                for j in {0, 1, 2, 3} - {*row}
            )
            / 8
        ),
    ),
    "huber_loss": (cr.huber_loss, F.huber_loss),
    "smooth_l1_loss": (cr.smooth_l1_loss, F.smooth_l1_loss),
    "ctc_loss of log_softmax": (
        lambda s: cr.ctc_loss(cr.log_softmax(s), np.array([1]), 2, 1),
        lambda s: (
            -torch.logsumexp(
                torch.stack([sum(torch.log_softmax(s, -1)[[0, 1], list(path)]) for path in ((0, 1), (1, 0), (1, 1))]), 0
            )
        ),
    ),
}
"""Losses of scores, ours and PyTorch's."""


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ON_SCORES)
def test_losses_of_scores_of_a_thousand_are_stable_up_to_their_second_derivative(name, dtype):
    f, g = ON_SCORES[name]
    if name in ("huber_loss", "smooth_l1_loss"):
        f, g = (lambda s, f=f: f(s, YES)), (lambda s, g=g: g(s, tensor(YES).to(s)))
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    s = S.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_as_pytorch(f, lambda s: g(s).to(s), [s], **tolerance)
        second = cr.hessian(lambda s: np.sum(f(s)))(s)
    expected = torch.autograd.functional.hessian(lambda s: g(s).sum(), tensor(S)).numpy()
    np.testing.assert_allclose(second, expected, **tolerance)


# Sequences without an alignment ----------------------------------------------------------------------------------


@st.composite
def sequences(draw):
    classes, batch = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    blank = draw(st.integers(0, classes - 1))
    labels = st.integers(0, classes - 1).filter(lambda c: c != blank)
    targets = [draw(st.lists(labels, max_size=3)) for _ in range(batch)]
    lengths = [draw(st.integers(1, 6)) for _ in range(batch)]
    return classes, blank, targets, lengths


@settings(quick, max_examples=60)
@given(case=sequences(), flat=st.booleans(), reduction=st.sampled_from(["none", "mean", "sum"]))
def test_ctc_loss_is_pytorchs_also_where_a_target_does_not_fit(case, flat, reduction):
    classes, blank, targets, lengths = case
    counts = np.array([len(t) for t in targets])
    if flat:
        labels = np.array([c for t in targets for c in t], int)
    else:
        labels = np.array([t + [(blank + 1) % classes] * (3 - len(t)) for t in targets])
    s = np.random.default_rng(0).normal(size=(6, len(targets), classes))
    assert_as_pytorch(
        lambda s: cr.ctc_loss(
            cr.log_softmax(s), labels, np.array(lengths), counts, blank, reduction, zero_infinity=True
        ),
        lambda s: F.ctc_loss(
            torch.log_softmax(s, -1),
            *(tensor(labels), torch.tensor(lengths), tensor(counts), blank, reduction),
            zero_infinity=True,
        ),
        [s],
    )


def test_a_target_that_does_not_fit_costs_infinity_and_gives_no_gradient():
    log_p = np.log(np.full((2, 1, 3), 1 / 3))
    value, grad = cr.value_and_grad(lambda x: cr.ctc_loss(x, np.array([[1, 1]]), 2, 2))(log_p)
    assert value == np.inf  # the repetition needs a blank between
    np.testing.assert_array_equal(grad, 0.0)


def test_no_time_reads_as_the_empty_target_only():
    losses = cr.ctc_loss(
        np.zeros((1, 2, 2)), np.array([[1], [1]]), np.array([0, 0]), np.array([0, 1]), reduction="none"
    )
    np.testing.assert_array_equal(losses, [0.0, np.inf])


def test_the_gradient_of_ctc_is_minus_the_probability_of_each_class_given_the_target():
    log_p = np.log(np.full((2, 1, 2), 0.5))  # (blank, a): a·, ·a and aa read as a
    grad = cr.grad(lambda x: cr.ctc_loss(x, np.array([[1]]), 2, 1))(log_p)
    np.testing.assert_allclose(grad[:, 0], [[-1 / 3, -2 / 3], [-1 / 3, -2 / 3]], rtol=1e-12)


def test_probabilities_of_zero_and_one_cost_a_hundred_without_a_warning():
    p, y = np.array([0.0, 1.0], np.float32), np.array([1.0, 0.0], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = cr.binary_cross_entropy(p, y, reduction="none")
    np.testing.assert_array_equal(losses, np.array([100.0, 100.0], np.float32))


def test_targets_may_be_integers():
    s, y, weight = np.array([0.5, -2.0, 1.0]), np.array([1, 0, 1]), np.array([0.5, 2.5, 1.5])
    assert_as_pytorch(
        lambda s: cr.binary_cross_entropy_with_logits(s, y, pos_weight=weight),
        lambda s: F.binary_cross_entropy_with_logits(s, tensor(y).to(s), pos_weight=tensor(weight)),
        [s],
    )


def test_a_loss_weight_may_have_a_gradient():
    grad = cr.grad(lambda w: cr.binary_cross_entropy_with_logits(np.zeros(2), np.ones(2), weight=w, reduction="sum"))(
        np.ones(2)
    )
    np.testing.assert_allclose(grad, [np.log(2), np.log(2)])


def test_a_recorded_class_weight_is_an_error_rather_than_a_lost_gradient():
    with pytest.raises(RecordingError, match="weight"):
        cr.grad(lambda w: cr.softmax_cross_entropy(np.zeros(3), 0, weight=w))(np.ones(3))


# Errors ----------------------------------------------------------------------------------------------------------

x1, x2, x3 = np.ones((2, 2, 5)), np.ones((2, 2, 5, 5)), np.ones((2, 2, 5, 5, 5))
s, labels = np.ones((2, 3)), np.array([0, 1])

WRONG = {
    "gelu of an unknown form": (lambda: cr.gelu(s, approximate="cubic"), '"none" or "tanh"'),
    "glu of an odd axis": (lambda: cr.glu(s), "must be even"),
    "prelu of too many slopes": (lambda: cr.prelu(s, np.ones(2)), "needs 1 or 3 slopes"),
    "layer_norm with another weight": (lambda: cr.layer_norm(s, np.ones(2)), r"weight of shape (2,)"),
    "layer_norm with another bias": (lambda: cr.layer_norm(s, np.ones(3), np.ones((2, 3))), r"bias of shape (2, 3)"),
    "layer_norm as PyTorch has it": (lambda: cr.layer_norm(np.ones((2, 3)), (3,)), "axis="),
    "batch_norm of a vector": (lambda: cr.batch_norm(np.ones(3)), "(N, C, …)"),
    "batch_norm of one sample": (lambda: cr.batch_norm(np.ones((1, 3))), "more than one entry"),
    "group_norm of uneven groups": (lambda: cr.group_norm(x1, 3), "do not split evenly into 3"),
    "instance_norm without positions": (lambda: cr.instance_norm(s), "(N, C, …)"),
    "linear of another length": (lambda: cr.linear(s, np.ones((4, 2))), "(2, 3) and a weight of shape (4, 2)"),
    "linear with another bias": (lambda: cr.linear(s, np.ones((4, 3)), np.ones(3)), "should be (4,)"),
    "embedding beyond the table": (lambda: cr.embedding(s, [2]), "2 is not one of the 2 rows"),
    "embedding of a negative index": (lambda: cr.embedding(s, [-1]), "-1 is not one of the 2 rows"),
    "embedding by numbers": (lambda: cr.embedding(s, np.ones(2)), "must be integers"),
    "one_hot beyond the classes": (lambda: cr.one_hot([0, 3], 3), "3 is not one of the 3 classes"),
    "one_hot of nothing": (lambda: cr.one_hot(np.array([], int)), "num_classes="),
    "linear maps of other pairs": (lambda: cr.bilinear(s, s, np.ones((1, 3, 2))), "(…, D), (…, E), (C, D, E)"),
    "bilinear with another bias": (lambda: cr.bilinear(s, s, np.ones((1, 3, 3)), np.ones(3)), "should be (1,)"),
    "embedding with padding elsewhere": (lambda: cr.embedding(s, [0], padding_idx=2), "padding_idx 2"),
    "embedding_bag of an unknown mode": (lambda: cr.embedding_bag(s, [[0]], mode="min"), '"mean", "sum" or "max"'),
    "embedding_bag without offsets": (lambda: cr.embedding_bag(s, [0, 1]), "with offsets"),
    "embedding_bag of falling offsets": (lambda: cr.embedding_bag(s, [0, 1], [0, 2, 1]), "rise to 2"),
    "embedding_bag of weighted means": (
        lambda: cr.embedding_bag(s, [[0]], per_sample_weights=np.ones((1, 1))),
        "for mode='sum'",
    ),
    "gumbel_softmax without a generator": (lambda: cr.gumbel_softmax(s), "rng="),
    "dropout2d of a matrix": (lambda: cr.dropout2d(s, rng=np.random.default_rng(0)), "4 axes"),
    "batch_norm by nothing": (lambda: cr.batch_norm(x1, training=False), "running_mean="),
    "batch_norm by other statistics": (lambda: cr.batch_norm(x1, running_mean=np.ones(3)), "should be (2,)"),
    "instance_norm of one position": (lambda: cr.instance_norm(np.ones((2, 2, 1))), "more than one position"),
    "local_response_norm of rows": (lambda: cr.local_response_norm(s, 2), "(N, C, …)"),
    "attention of uneven heads": (
        lambda: cr.scaled_dot_product_attention(x2[0], np.ones((3, 5, 5)), np.ones((3, 5, 5)), enable_gqa=True),
        "a multiple",
    ),
    "attention with dropout but no generator": (
        lambda: cr.scaled_dot_product_attention(s, s, s, dropout_p=0.5),
        "rng=",
    ),
    "multi_head_attention of uneven heads": (
        lambda: cr.multi_head_attention(s, s, s, 2, np.ones((9, 3)), np.ones((3, 3))),
        "multiple of the heads",
    ),
    "lstm_cell of other weights": (
        lambda: cr.lstm_cell(s, (s, s), np.ones((12, 3)), np.ones((9, 3))),
        "(4H, D) and (4H, H)",
    ),
    "rnn_cell of an unknown nonlinearity": (
        lambda: cr.rnn_cell(s, s, np.ones((3, 3)), np.ones((3, 3)), nonlinearity="sin"),
        '"tanh" or "relu"',
    ),
    "unfold of a kernel too large": (lambda: cr.unfold(x2, 6), "does not fit"),
    "fold of other rows": (lambda: cr.fold(s, (2, 2), 2), "(N, C · 4, 1)"),
    "interpolate to nothing said": (lambda: cr.interpolate(x1), "either size= or scale_factor="),
    "interpolate in an unknown mode": (lambda: cr.interpolate(x1, 3, mode="bilinear"), "mode 'bilinear'"),
    "pixel_shuffle of other channels": (lambda: cr.pixel_shuffle(x2, 2), "(…, C · 4, H, W)"),
    "adaptive pooling to three sizes": (lambda: cr.adaptive_avg_pool2d(x2, (1, 1, 1)), "or 2 of them"),
    "avg_pool2d by nothing": (lambda: cr.avg_pool2d(x2, 2, divisor_override=0), "must not be 0"),
    "multi_margin_loss to the third": (lambda: cr.multi_margin_loss(s, labels, p=3), "p is 1 or 2"),
    "multilabel_margin_loss of other labels": (lambda: cr.multilabel_margin_loss(s, labels), "the same shape"),
    "softmax_cross_entropy of other probabilities": (
        lambda: cr.softmax_cross_entropy(s, np.ones((2, 4))),
        "probabilities of shape (2, 4)",
    ),
    "triplet_margin_loss without a margin": (lambda: cr.triplet_margin_loss(s, s, s, margin=0.0), "must be positive"),
    "cosine_embedding_loss of other targets": (lambda: cr.cosine_embedding_loss(s, s, np.ones(3)), "(N, D), (N, D)"),
    "cdist of other vectors": (lambda: cr.cdist(s, np.ones((2, 2))), "(…, P, D)"),
    "ctc_loss of a target that holds the blank": (
        lambda: cr.ctc_loss(x1, np.zeros((2, 1), int), 1, 1),
        "not one of the 5 classes",
    ),
    "ctc_loss of too many times": (lambda: cr.ctc_loss(x1, np.ones((2, 1), int), 3, 1), "for 2 times"),
    "ctc_loss of too few targets": (lambda: cr.ctc_loss(x1, np.ones((2, 1), int), 2, 2), "for the lengths [2, 2]"),
    "dropout without a generator": (lambda: cr.dropout(s, 0.5), "rng="),
    "dropout of more than all": (lambda: cr.dropout(s, 1.5, mask=s > 0), "from 0 to 1"),
    "attention of other lengths": (lambda: cr.scaled_dot_product_attention(s, s.T, s), "(…, L, E), (…, S, E)"),
    "conv2d of sequences": (lambda: cr.conv2d(np.ones((2, 5)), np.ones((1, 2, 2, 2))), "(N, C, H, W) or (C, H, W)"),
    "conv2d with a kernel of sequences": (lambda: cr.conv2d(x2, np.ones((1, 2, 2))), "needs 4 axes"),
    "conv1d of other channels": (lambda: cr.conv1d(x1, np.ones((1, 3, 2))), "does not fit"),
    "conv1d of uneven groups": (lambda: cr.conv1d(x1, np.ones((3, 1, 2)), groups=2), "groups=2"),
    "conv1d with another bias": (lambda: cr.conv1d(x1, np.ones((3, 2, 2)), np.ones(2)), "should be (3,)"),
    "conv1d of a kernel too large": (lambda: cr.conv1d(x1, np.ones((1, 2, 6))), "a kernel of (6,)"),
    "conv1d of stride 0": (lambda: cr.conv1d(x1, np.ones((1, 2, 2)), stride=0), "stride 0"),
    "conv2d of three strides": (lambda: cr.conv2d(x2, np.ones((1, 2, 2, 2)), stride=(1, 1, 1)), "2 of them"),
    "conv1d of negative padding": (lambda: cr.conv1d(x1, np.ones((1, 2, 2)), padding=-1), "padding -1"),
    "conv1d same with a stride": (lambda: cr.conv1d(x1, np.ones((1, 2, 2)), stride=2, padding="same"), "stride 1"),
    "conv1d of unknown padding": (lambda: cr.conv1d(x1, np.ones((1, 2, 2)), padding="full"), "'full'"),
    "conv_transpose1d of other channels": (lambda: cr.conv_transpose1d(x1, np.ones((3, 2, 2))), "does not fit"),
    "conv_transpose1d of too much output_padding": (
        lambda: cr.conv_transpose1d(x1, np.ones((2, 1, 2)), stride=2, output_padding=2),
        "less than the stride",
    ),
    "conv_transpose1d of too much padding": (
        lambda: cr.conv_transpose1d(np.ones((1, 2, 1)), np.ones((2, 1, 2)), padding=1),
        "padding is too large",
    ),
    "max_pool2d of a vector": (lambda: cr.max_pool2d(np.ones(3), 2), "(N, C, H, W) or (C, H, W)"),
    "max_pool1d of too much padding": (lambda: cr.max_pool1d(x1, 3, padding=2), "more than half"),
    "avg_pool3d of a window too large": (lambda: cr.avg_pool3d(x3, 6), "does not fit"),
    "avg_pool1d of stride 0": (lambda: cr.avg_pool1d(x1, 2, stride=0), "stride 0"),
    "a loss of an unknown reduction": (lambda: cr.l1_loss(s, s, reduction="max"), '"mean", "sum" or "none"'),
    "huber_loss of a negative delta": (lambda: cr.huber_loss(s, s, delta=-1.0), "delta must be positive"),
    "smooth_l1_loss of a negative beta": (lambda: cr.smooth_l1_loss(s, s, beta=-1.0), "beta must not be negative"),
    "binary_cross_entropy of scores": (lambda: cr.binary_cross_entropy(2 * s, s), "from 0 to 1"),
    "gaussian_nll_loss of a negative variance": (lambda: cr.gaussian_nll_loss(s, s, -s), "negative"),
    "softmax_cross_entropy with another weight": (
        lambda: cr.softmax_cross_entropy(s, labels, weight=np.ones(2)),
        "each of the 3 classes",
    ),
    "nll_loss of a class that is not there": (lambda: cr.nll_loss(s, np.array([0, 3])), "3 is not one of the 3"),
    "squared_hinge_loss of other labels": (lambda: cr.squared_hinge_loss(s, np.array([0])), "(N, C) with (N,)"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_an_error_that_says_why(call, message):
    with pytest.raises(BlockError, match=re.escape(message)) as error:
        call()
    assert "test_networks.py" in str(error.value)  # the user's line


# Other libraries -------------------------------------------------------------------------------------------------

ELSEWHERE = [
    *("gelu", "celu", "glu", "prelu", "layer_norm", "scaled_dot_product_attention with a mask"),
    *("conv2d: (1, 2, 4, 5), (2, 1, 3, 2), (2,), stride=(2, 1), padding=(1, 0), groups=2", "convolution_kernel"),
    "conv_transpose2d: (1, 2, 2, 3), (2, 2, 2, 2), (2,), stride=(2, 1), padding=(1, 0)",
    "max_pool2d: (2, 5, 4), (3, 2), stride=(1, 2), padding=(1, 0)",
    *(
        "unfold with all parameters",
        "embedding_bag max with offsets",
        "multi_head_attention with a mask",
        "gru_cell (2,)",
    ),
    *("ctc_loss reduction=mean", "softmax_cross_entropy reduction=mean: weight, label_smoothing"),
    "interpolate: (1, 1, 3, 4), size=(5, 3), mode=bicubic",
    *("binary_cross_entropy_with_logits pos_weight", "softmax_cross_entropy of rows: weight, label_smoothing"),
]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_recording_runs_on_pytorch_and_jax_with_the_same_gradients(name):
    (case,) = [case for case in NETWORK_CASES if case.name == name]
    report = cr.check(case.f)(*case.arrays())
    assert report.ok
    assert {"PyTorch", "JAX"} <= {c.reference for c in report.comparisons}


@pytest.mark.parametrize("norm", [cr.batch_norm, cr.instance_norm])
def test_weights_and_statistics_are_given_by_name(norm):
    """PyTorch has the running statistics first: by position they could be taken for weights."""
    with pytest.raises(TypeError):
        norm(np.ones((2, 3, 4)), np.zeros(3), np.ones(3))
