"""The catalogue's cases of neural networks: activations, normalisation, layers, convolution, pooling and losses.

The reference is torch.nn.functional; where only our order of arguments or our per-sample form differs, it says so.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import chainrule as cr
from cases import Case, tensor
from chainrule.blocks.activations import ndtr
from chainrule.blocks.convolution import convolution_kernel
from chainrule.blocks.normalisation import standardize
from chainrule.domains import apart, far_from_zero, normal, positive, probabilities

F = torch.nn.functional
partial = functools.partial

# Activations -------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "leaky_relu": (cr.leaky_relu, F.leaky_relu, far_from_zero),
    "elu": (cr.elu, F.elu, far_from_zero),
    "celu": (cr.celu, F.celu, far_from_zero),
    "selu": (cr.selu, F.selu, far_from_zero),
    "gelu": (cr.gelu, F.gelu, normal),
    "silu": (cr.silu, F.silu, normal),
    "mish": (cr.mish, F.mish, normal),
    "logsigmoid": (cr.logsigmoid, F.logsigmoid, normal),
    "ndtr": (ndtr, torch.special.ndtr, normal),
    "softsign": (cr.softsign, F.softsign, far_from_zero),
    "tanhshrink": (cr.tanhshrink, F.tanhshrink, normal),
    "softshrink": (cr.softshrink, F.softshrink, apart),
    "hardshrink": (cr.hardshrink, F.hardshrink, apart),
    "hardtanh": (cr.hardtanh, F.hardtanh, apart),
    "hardsigmoid": (cr.hardsigmoid, lambda x: F.relu6(x + 3) / 6, apart),
    "hardswish": (cr.hardswish, F.hardswish, apart),
    "relu6": (cr.relu6, F.relu6, apart),
    "threshold": (cr.threshold, lambda x: F.threshold(x, 0.0, 0.0), apart),
}
"""Activations with the parameters that they have by default: ours, PyTorch's, and the domain.

PyTorch's hardsigmoid has a 1/6 in single precision and no second derivative, so its definition stands for it.
"""

WITH_PARAMETERS: dict[str, tuple[Any, Any, Any]] = {
    "leaky_relu negative_slope=0.3": (
        partial(cr.leaky_relu, negative_slope=0.3),
        partial(F.leaky_relu, negative_slope=0.3),
        far_from_zero,
    ),
    "elu alpha=1.5": (partial(cr.elu, alpha=1.5), partial(F.elu, alpha=1.5), far_from_zero),
    "celu alpha=0.5": (partial(cr.celu, alpha=0.5), partial(F.celu, alpha=0.5), far_from_zero),
    "gelu approximate=tanh": (partial(cr.gelu, approximate="tanh"), partial(F.gelu, approximate="tanh"), normal),
    "softshrink lambd=1": (partial(cr.softshrink, lambd=1.0), partial(F.softshrink, lambd=1.0), apart),
    "hardshrink lambd=1": (partial(cr.hardshrink, lambd=1.0), partial(F.hardshrink, lambd=1.0), apart),
    "hardtanh of other bounds": (
        partial(cr.hardtanh, min_val=-2.0, max_val=0.5),
        partial(F.hardtanh, min_val=-2.0, max_val=0.5),
        apart,
    ),
    "softplus beta=2.5": (partial(cr.softplus, beta=2.5), partial(F.softplus, beta=2.5), normal),
    "rrelu without a generator": (cr.rrelu, F.rrelu, far_from_zero),
    "rrelu": (
        lambda x: cr.rrelu(x, 0.1, 0.7, rng=np.random.default_rng(3)),
        lambda x: F.prelu(x.ravel()[None], tensor(np.random.default_rng(3).uniform(0.1, 0.7, x.shape)).ravel()).reshape(
            x.shape
        ),
        far_from_zero,
    ),
    "softmin": (cr.softmin, partial(F.softmin, dim=-1), normal),
    "softmin axis=0": (partial(cr.softmin, axis=0), partial(F.softmin, dim=0), normal),
    "gumbel_softmax": (
        lambda s: cr.gumbel_softmax(s, 0.7, axis=0, rng=np.random.default_rng(3)),
        lambda s: torch.softmax((s + tensor(np.random.default_rng(3).gumbel(size=s.shape))) / 0.7, 0),
        normal,
    ),
    "threshold of other numbers": (
        partial(cr.threshold, threshold=1.0, value=-3.0),
        lambda x: F.threshold(x, 1.0, -3.0),
        apart,
    ),
}

ACTIVATION_CASES = [
    Case(name, f, g, (domain(2, 5),)) for name, (f, g, domain) in (ACTIVATIONS | WITH_PARAMETERS).items()
]
ACTIVATION_CASES += [
    Case("prelu", cr.prelu, F.prelu, (far_from_zero(2, 3, 2), normal(3))),
    Case("prelu of one slope", cr.prelu, F.prelu, (far_from_zero(2, 3), normal(1))),
    Case("prelu of a vector", cr.prelu, F.prelu, (far_from_zero(4), normal(1))),
    Case("glu", cr.glu, F.glu, (normal(2, 4),)),
    Case("glu axis=0", partial(cr.glu, axis=0), partial(F.glu, dim=0), (normal(4, 3),)),
    Case("glu axis=1", partial(cr.glu, axis=1), partial(F.glu, dim=1), (normal(2, 4, 2),)),
]

# Normalisation -----------------------------------------------------------------------------------------------


def _torch_channels_last(norm: Any) -> Any:
    """A norm over axis 1, by PyTorch's, which is over the last."""
    return lambda x, *parameters: norm(x.movedim(1, -1), *parameters).movedim(-1, 1)


NORMALISATION = [
    Case("standardize", standardize, lambda x: F.layer_norm(x, (4,)), (normal(3, 4),)),
    Case(
        "layer_norm",
        cr.layer_norm,
        lambda x, w, b: F.layer_norm(x, (4,), w, b),
        (normal(2, 3, 4), normal(4), normal(4)),
    ),
    Case("layer_norm without parameters", cr.layer_norm, lambda x: F.layer_norm(x, (4,)), (normal(3, 4),)),
    Case("layer_norm of a vector", cr.layer_norm, lambda x, w: F.layer_norm(x, (4,), w), (normal(4), normal(4))),
    Case(
        "layer_norm of two axes",
        partial(cr.layer_norm, axis=(-2, -1), eps=0.1),
        lambda x, w, b: F.layer_norm(x, (3, 2), w, b, eps=0.1),
        (normal(2, 3, 2), normal(3, 2), normal(3, 2)),
    ),
    Case(
        "layer_norm axis=1",
        partial(cr.layer_norm, axis=1),
        _torch_channels_last(lambda x, w, b: F.layer_norm(x, (3,), w, b)),
        (normal(2, 3, 2), normal(3), normal(3)),
    ),
    Case("rms_norm", cr.rms_norm, lambda x, w: F.rms_norm(x, (4,), w), (normal(3, 4), normal(4))),
    Case(
        "rms_norm of two axes",
        partial(cr.rms_norm, axis=(1, 2), eps=0.1),
        lambda x, w: F.rms_norm(x, (3, 2), w, eps=0.1),
        (normal(2, 3, 2), normal(3, 2)),
    ),
    Case(
        "batch_norm",
        lambda x, w, b: cr.batch_norm(x, weight=w, bias=b),
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        (normal(4, 3), normal(3), normal(3)),
    ),
    Case(
        "batch_norm of images",
        lambda x, w, b: cr.batch_norm(x, weight=w, bias=b, eps=0.1),
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=0.1),
        (normal(2, 3, 2, 2), normal(3), normal(3)),
    ),
    Case(
        "group_norm",
        lambda x, w, b: cr.group_norm(x, 2, w, b),
        lambda x, w, b: F.group_norm(x, 2, w, b),
        (normal(2, 4, 3), normal(4), normal(4)),
    ),
    Case(
        "batch_norm by running statistics",
        lambda x, w, b: cr.batch_norm(
            x, weight=w, bias=b, training=False, running_mean=np.arange(3.0), running_var=np.arange(1.0, 4.0)
        ),
        lambda x, w, b: F.batch_norm(x, torch.arange(3.0).to(x), torch.arange(1.0, 4.0).to(x), w, b),
        (normal(2, 3, 2), normal(3), normal(3)),
    ),
    Case(
        "instance_norm by running statistics",
        partial(cr.instance_norm, use_input_stats=False, running_mean=np.arange(3.0), running_var=np.arange(1.0, 4.0)),
        lambda x: F.instance_norm(x, torch.arange(3.0).to(x), torch.arange(1.0, 4.0).to(x), use_input_stats=False),
        (normal(2, 3, 2),),
    ),
    *(
        Case(
            f"local_response_norm of {shape} size={size}",
            partial(cr.local_response_norm, size=size, alpha=0.5, beta=0.6, k=1.5),
            partial(F.local_response_norm, size=size, alpha=0.5, beta=0.6, k=1.5),
            (normal(*shape),),
        )
        for shape, size in (((2, 4, 3), 3), ((1, 3, 2, 2), 2))
    ),
    Case(
        "instance_norm",
        lambda x, w, b: cr.instance_norm(x, weight=w, bias=b),
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        (normal(2, 3, 4), normal(3), normal(3)),
    ),
]

# Layers ------------------------------------------------------------------------------------------------------

INDICES = np.array([[2, 0, 2], [1, 2, 2]])
KEPT = np.array([[True, False, True], [True, True, False]])
MAY_LOOK = np.array([[True, False, True], [True, True, False]])
QUERY, KEY, VALUE = normal(2, 2, 3), normal(2, 3, 3), normal(2, 3, 2)


def _torch_bags(w: torch.Tensor, bags: list[list[int]], mode: str) -> torch.Tensor:
    """From its definition: PyTorch's own embedding_bag has no second derivative by its weight in mode "max"."""
    reduce = {"mean": lambda x: x.mean(0), "sum": lambda x: x.sum(0), "max": lambda x: x.amax(0)}[mode]
    return torch.stack([reduce(w[bag]) if bag else w.new_zeros(w.shape[1]) for bag in bags])


def _torch_alpha_dropout(x: torch.Tensor, p: float, kept: np.ndarray) -> torch.Tensor:
    """From its definition: what is dropped is selu(−∞); then mean 0 and variance 1 are restored."""
    low = float(F.selu(torch.tensor(-1e9, dtype=torch.float64)))
    mean, variance = p * low, (1 - p) + p * low**2 - (p * low) ** 2  # of a mixture of a standard variable and low
    return (torch.where(tensor(kept), x, low) - mean) / math.sqrt(variance)


def _torch_heads(mask: Any = None) -> Any:
    """PyTorch's multi_head_attention_forward, with the batch first and a mask of where one may look."""

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *maps: torch.Tensor) -> torch.Tensor:
        in_weight, out_weight, in_bias, out_bias = maps
        with sdpa_kernel(SDPBackend.MATH):  # the faster ones have no second derivative
            z, _ = F.multi_head_attention_forward(
                *(x.swapaxes(0, 1) for x in (q, k, v)),
                *(4, 2, in_weight, in_bias, None, None, False, 0.0, out_weight, out_bias),
                need_weights=False,
                attn_mask=None if mask is None else ~tensor(mask),
            )
        return z.swapaxes(0, 1)

    return attend


HEADS = (normal(2, 2, 4), normal(2, 3, 4), normal(2, 3, 4), normal(12, 4), normal(4, 4), normal(12), normal(4))


def _heads(**how: Any) -> Any:
    return lambda q, k, v, *maps: cr.multi_head_attention(q, k, v, 2, *maps, **how)


CELLS = {"rnn_cell": 1, "gru_cell": 3}
"""Recurrent cells with one state, and how many gates they have."""


def _torch_cell(name: str, x: torch.Tensor, h: torch.Tensor, *maps: torch.Tensor) -> torch.Tensor:
    """PyTorch's functions want rows."""
    cell = torch.gru_cell if name == "gru_cell" else torch.rnn_tanh_cell
    return cell(torch.atleast_2d(x), torch.atleast_2d(h), *maps).reshape(h.shape)


LAYERS = [
    Case("linear", cr.linear, F.linear, (normal(2, 2, 3), normal(4, 3), normal(4))),
    Case("linear without a bias", cr.linear, F.linear, (normal(3), normal(2, 3))),
    Case("linear of one output", cr.linear, lambda x, w, b: x @ w + b, (normal(2, 3), normal(3), normal())),
    Case(
        "embedding",
        lambda w: cr.embedding(w, INDICES),
        lambda w: F.embedding(tensor(INDICES), w),
        (normal(4, 2),),
    ),
    Case(
        "bilinear",
        cr.bilinear,
        F.bilinear,
        (normal(2, 2, 3), normal(2, 2, 2), normal(4, 3, 2), normal(4)),
    ),
    Case("bilinear of vectors", cr.bilinear, F.bilinear, (normal(3), normal(2), normal(1, 3, 2))),
    *(
        Case(
            f"embedding_bag {mode}",
            lambda w, mode=mode: cr.embedding_bag(w, INDICES, mode=mode),
            lambda w, mode=mode: F.embedding_bag(tensor(INDICES), w, mode=mode),
            (apart(4, 2),),
        )
        for mode in ("mean", "max")
    ),
    *(
        Case(
            f"embedding_bag {mode} with offsets",
            lambda w, mode=mode: cr.embedding_bag(w, INDICES.ravel(), np.array([0, 2, 2, 5]), mode, padding_idx=2),
            lambda w, mode=mode: _torch_bags(w, [[0], [], [1], []], mode),
            (apart(4, 2),),
        )
        for mode in ("mean", "sum", "max")
    ),
    Case(
        "embedding_bag per_sample_weights",
        lambda w, factors: cr.embedding_bag(w, INDICES, mode="sum", per_sample_weights=factors),
        lambda w, factors: (F.embedding(tensor(INDICES), w) * factors[..., None]).sum(-2),
        (normal(4, 2), normal(2, 3)),
    ),
    Case(
        "one_hot",
        lambda x: cr.one_hot(INDICES, 3) * x,
        lambda x: F.one_hot(tensor(INDICES), 3) * x,
        (normal(3),),
    ),
    Case(
        "dropout",
        lambda x: cr.dropout(x, 0.25, mask=KEPT),
        lambda x: x * tensor(KEPT) / 0.75,
        (normal(2, 3),),
    ),
    Case(
        "dropout with a generator",
        lambda x: cr.dropout(x, 0.4, rng=np.random.default_rng(3)),
        lambda x: x * tensor(np.random.default_rng(3).random(x.shape) >= 0.4) / 0.6,
        (normal(3, 4),),
    ),
    Case(
        "scaled_dot_product_attention",
        cr.scaled_dot_product_attention,
        F.scaled_dot_product_attention,
        (QUERY, KEY, VALUE),
    ),
    *(
        Case(
            f"dropout{n}d",
            lambda x, n=n: getattr(cr, f"dropout{n}d")(x, 0.4, rng=np.random.default_rng(1)),
            lambda x, n=n: x * tensor(np.random.default_rng(1).random((2, 3) + (1,) * n) >= 0.4) / 0.6,
            (normal(2, 3, *(2,) * n),),
        )
        for n in (1, 2, 3)
    ),
    Case(
        "dropout2d of one sample",
        lambda x: cr.dropout2d(x, 0.4, rng=np.random.default_rng(1)),
        lambda x: x * tensor(np.random.default_rng(1).random((3, 1, 1)) >= 0.4) / 0.6,
        (normal(3, 2, 2),),
    ),
    Case(
        "alpha_dropout",
        lambda x: cr.alpha_dropout(x, 0.25, mask=KEPT),
        lambda x: _torch_alpha_dropout(x, 0.25, KEPT),
        (normal(2, 3),),
    ),
    Case(
        "feature_alpha_dropout",
        lambda x: cr.feature_alpha_dropout(x, 0.25, rng=np.random.default_rng(1)),
        lambda x: _torch_alpha_dropout(x, 0.25, np.random.default_rng(1).random((2, 3, 1)) >= 0.25),
        (normal(2, 3, 2),),
    ),
    *(
        Case(
            f"{name} {shape}",
            getattr(cr, name),
            lambda x, h, *maps, name=name: _torch_cell(name, x, h, *maps),
            (normal(*shape, 3), normal(*shape, 2), *(normal(gates * 2, *n) for n in ((3,), (2,), (), ()))),
        )
        for name, gates in CELLS.items()
        for shape in ((2,), ())
    ),
    Case(
        "rnn_cell relu without biases",
        partial(cr.rnn_cell, nonlinearity="relu"),
        torch.rnn_relu_cell,
        (normal(2, 3), normal(2, 2), normal(2, 3), normal(2, 2)),
    ),
    Case(
        "lstm_cell",
        lambda x, h, c, *maps: np.stack(cr.lstm_cell(x, (h, c), *maps)),
        lambda x, h, c, *maps: torch.stack(torch.lstm_cell(x, (h, c), *maps)),
        (normal(2, 3), normal(2, 2), normal(2, 2), normal(8, 3), normal(8, 2), normal(8), normal(8)),
    ),
    Case("multi_head_attention", _heads(), _torch_heads(), HEADS),
    Case("multi_head_attention with a mask", _heads(attn_mask=MAY_LOOK), _torch_heads(mask=MAY_LOOK), HEADS),
    Case(
        "scaled_dot_product_attention enable_gqa",
        partial(cr.scaled_dot_product_attention, enable_gqa=True),
        partial(F.scaled_dot_product_attention, enable_gqa=True),
        (normal(2, 4, 2, 3), normal(2, 2, 3, 3), normal(2, 2, 3, 2)),
    ),
    Case(
        "scaled_dot_product_attention with dropout",
        lambda q, k, v: cr.scaled_dot_product_attention(q, k, v, dropout_p=0.4, rng=np.random.default_rng(1)),
        lambda q, k, v: (
            (
                torch.softmax(q @ k.mT / math.sqrt(3), -1)
                * tensor(np.random.default_rng(1).random((2, 2, 3)) >= 0.4)
                / 0.6
            )
            @ v
        ),
        (QUERY, KEY, VALUE),
    ),
    Case(
        "scaled_dot_product_attention is_causal",
        partial(cr.scaled_dot_product_attention, is_causal=True, scale=0.3),
        partial(F.scaled_dot_product_attention, is_causal=True, scale=0.3),
        (QUERY, KEY, VALUE),
    ),
    Case(
        "scaled_dot_product_attention with a mask",
        partial(cr.scaled_dot_product_attention, attn_mask=MAY_LOOK),
        partial(F.scaled_dot_product_attention, attn_mask=tensor(MAY_LOOK)),
        (QUERY, KEY, VALUE),
    ),
    Case(
        "scaled_dot_product_attention with numbers that are added",
        cr.scaled_dot_product_attention,
        F.scaled_dot_product_attention,
        (normal(2, 3), normal(3, 3), normal(3, 2), normal(2, 3)),
    ),
]

# Convolution and pooling -------------------------------------------------------------------------------------


def _convolution(name: str, *shapes: tuple[int, ...], **how: Any) -> Case:
    f, g = getattr(cr, name), getattr(F, name)
    text = ", ".join([*map(str, shapes), *(f"{k}={v}" for k, v in how.items())])
    return Case(f"{name}: {text}", partial(f, **how), partial(g, **how), tuple(normal(*s) for s in shapes))


CONVOLUTION = [
    _convolution("conv1d", (2, 2, 5), (3, 2, 2)),
    _convolution("conv1d", (2, 5), (3, 2, 3), (3,), padding=1),
    _convolution("conv1d", (1, 4, 6), (2, 2, 2), stride=2, dilation=2, padding=1, groups=2),
    Case(
        "conv1d padding=same with an even kernel",  # of which PyTorch warns
        partial(cr.conv1d, padding="same"),
        lambda x, w: F.conv1d(F.pad(x, (0, 1)), w),
        (normal(1, 1, 4), normal(1, 1, 2)),
    ),
    _convolution("conv2d", (2, 2, 4, 3), (3, 2, 2, 2), (3,)),
    _convolution("conv2d", (1, 2, 4, 5), (2, 1, 3, 2), (2,), stride=(2, 1), padding=(1, 0), groups=2),
    _convolution("conv2d", (1, 5, 4), (2, 1, 2, 3), dilation=(2, 1), padding="same"),
    _convolution("conv2d", (1, 2, 3, 3), (1, 2, 3, 3), padding="valid"),
    _convolution("conv3d", (1, 2, 3, 2, 3), (2, 2, 2, 1, 2), (2,), stride=(1, 2, 1), padding=(0, 1, 0)),
    _convolution("conv_transpose1d", (2, 2, 3), (2, 3, 2), (3,)),
    _convolution("conv_transpose1d", (1, 4, 3), (4, 1, 3), stride=3, padding=1, output_padding=2, groups=2),
    _convolution("conv_transpose2d", (1, 2, 2, 3), (2, 2, 2, 2), (2,), stride=(2, 1), padding=(1, 0)),
    _convolution("conv_transpose2d", (2, 2, 2), (2, 1, 2, 2), stride=2, dilation=2, groups=2, output_padding=1),
    _convolution("conv_transpose3d", (1, 1, 2, 2, 2), (1, 2, 1, 2, 2), (2,), stride=(1, 1, 2)),
    Case(
        "convolution_kernel",
        partial(convolution_kernel, kernel=(2, 3), stride=(2, 1), padding=((1, 1), (0, 0)), dilation=(1, 1), groups=2),
        lambda x, z: torch.nn.grad.conv2d_weight(x, (2, 1, 2, 3), z, stride=(2, 1), padding=(1, 0), groups=2),
        (normal(2, 2, 3, 4), normal(2, 2, 2, 2)),
    ),
]


def _pooling(name: str, shape: tuple[int, ...], kernel_size: Any, **how: Any) -> Case:
    f, g = getattr(cr, name), getattr(F, name)
    text = ", ".join([str(shape), str(kernel_size), *(f"{k}={v}" for k, v in how.items())])
    domain = apart if name.startswith("max") else normal
    return Case(
        f"{name}: {text}",
        lambda x: f(x, kernel_size, **how),
        lambda x: g(x, kernel_size, **how),
        (domain(*shape),),
    )


def _adaptive(name: str, shape: tuple[int, ...], output_size: Any) -> Case:
    f, g = getattr(cr, name), getattr(F, name)
    return Case(
        f"{name}: {shape}, {output_size}", lambda x: f(x, output_size), lambda x: g(x, output_size), (apart(*shape),)
    )


POOLING = [
    _pooling("max_pool1d", (2, 2, 6), 2),
    _pooling("max_pool1d", (2, 5), 3, stride=1, padding=1),
    _pooling("max_pool2d", (1, 2, 4, 4), 2),
    _pooling("max_pool2d", (2, 5, 4), (3, 2), stride=(1, 2), padding=(1, 0)),
    _pooling("max_pool2d", (1, 1, 5, 5), 2, stride=2, dilation=2, padding=1),
    _pooling("max_pool3d", (1, 2, 2, 4, 3), 2, stride=1),
    _pooling("avg_pool1d", (2, 2, 6), 2),
    _pooling("avg_pool1d", (2, 5), 3, stride=1, padding=1),
    _pooling("avg_pool2d", (1, 2, 4, 4), 2),
    _pooling("avg_pool2d", (2, 5, 4), (3, 2), stride=(1, 2), padding=(1, 0), count_include_pad=False),
    _pooling("avg_pool3d", (1, 2, 2, 4, 3), 2, stride=1),
    _pooling("max_pool2d", (1, 2, 4, 5), 2, ceil_mode=True),
    _pooling("avg_pool1d", (2, 5), 3, stride=2, padding=1, ceil_mode=True),
    _pooling("avg_pool2d", (1, 2, 4, 5), 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
    _pooling("avg_pool2d", (1, 4, 4), 2, divisor_override=3),
    _pooling("avg_pool3d", (1, 2, 2, 2, 3), 2, stride=1, divisor_override=5, ceil_mode=True),
    *(
        Case(
            f"lp_pool{n}d norm_type={p}",
            lambda x, n=n, p=p: getattr(cr, f"lp_pool{n}d")(x, p, 2, stride=1, ceil_mode=True),
            lambda x, n=n, p=p: getattr(F, f"lp_pool{n}d")(x, p, 2, stride=1, ceil_mode=True),
            (domain(1, 2, *(3,) * n),),
        )
        for n, p, domain in ((1, 2, normal), (1, 3.5, positive), (2, 2, normal), (2, math.inf, apart), (3, 2, normal))
    ),
    *(_adaptive("adaptive_avg_pool1d", (2, 2, 5), size) for size in (1, 3, 7)),
    _adaptive("adaptive_avg_pool2d", (1, 2, 4, 5), (3, 2)),
    _adaptive("adaptive_avg_pool2d", (2, 4, 5), (None, 1)),
    _adaptive("adaptive_avg_pool3d", (1, 2, 2, 3, 4), (1, 2, 3)),
    *(_adaptive("adaptive_max_pool1d", (2, 2, 5), size) for size in (1, 3, 7)),
    _adaptive("adaptive_max_pool2d", (1, 2, 4, 5), (3, 2)),
    _adaptive("adaptive_max_pool2d", (2, 4, 5), (None, 1)),
    _adaptive("adaptive_max_pool3d", (1, 2, 2, 3, 4), (1, 2, 3)),
]

# Other sizes and arrangements --------------------------------------------------------------------------------


def _interpolation(shape: tuple[int, ...], **how: Any) -> Case:
    text = ", ".join([str(shape), *(f"{k}={v}" for k, v in how.items())])
    return Case(
        f"interpolate: {text}", partial(cr.interpolate, **how), partial(F.interpolate, **how), (normal(*shape),)
    )


RESAMPLING = [
    Case("unfold", lambda x: cr.unfold(x, 2), lambda x: F.unfold(x, 2), (normal(2, 2, 3, 4),)),
    Case(
        "unfold with all parameters",
        partial(cr.unfold, kernel_size=(2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)),
        partial(F.unfold, kernel_size=(2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)),
        (normal(2, 3, 4),),
    ),
    Case("fold", lambda x: cr.fold(x, (3, 4), 2), lambda x: F.fold(x, (3, 4), 2), (normal(2, 8, 6),)),
    Case(
        "fold with all parameters",
        lambda x: cr.fold(x, (3, 4), (2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)),
        lambda x: F.fold(x, (3, 4), (2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)),
        (normal(12, 8),),
    ),
    *(_interpolation((1, 2, 4), size=size, mode="nearest") for size in (3, 7)),
    _interpolation((1, 2, 4), scale_factor=1.7, mode="nearest-exact"),
    _interpolation((1, 1, 3, 4), size=(5, 2), mode="nearest"),
    *(_interpolation((1, 2, 4), size=size, mode="linear") for size in (3, 7)),
    *(_interpolation((1, 2, 4), size=size, mode="linear", align_corners=True) for size in (1, 7)),
    _interpolation((1, 1, 3, 4), size=(5, 3), mode="bilinear"),
    _interpolation((1, 1, 3, 4), size=(5, 3), mode="bilinear", align_corners=True),
    _interpolation((1, 1, 3, 4), scale_factor=(1.5, 0.8), mode="bilinear"),
    _interpolation((1, 1, 3, 4), scale_factor=(1.5, 0.8), mode="bilinear", recompute_scale_factor=True),
    _interpolation((1, 1, 2, 3, 2), size=(3, 2, 4), mode="trilinear"),
    _interpolation((1, 1, 3, 4), size=(5, 3), mode="bicubic"),
    _interpolation((1, 1, 3, 4), size=(5, 3), mode="bicubic", align_corners=True),
    _interpolation((1, 1, 4, 5), size=(3, 2), mode="area"),
    Case("pixel_shuffle", lambda x: cr.pixel_shuffle(x, 2), lambda x: F.pixel_shuffle(x, 2), (normal(2, 8, 2, 3),)),
    Case("pixel_unshuffle", lambda x: cr.pixel_unshuffle(x, 2), lambda x: F.pixel_unshuffle(x, 2), (normal(2, 4, 6),)),
]

# Losses ------------------------------------------------------------------------------------------------------

LABELS = np.array([2, 0, 1, 2])
CLASS_WEIGHT = np.array([0.5, 2.0, 1.25])
FACTORS = np.array([[0.5, 1.0, 2.0], [1.5, 0.25, 1.0]])
SIGNS = np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])


def _torch_squared_hinge(s: torch.Tensor) -> torch.Tensor:
    """From its definition: PyTorch's multi_margin_loss with p=2 has no second derivative."""
    t = F.relu(s - s.gather(-1, tensor(LABELS)[:, None]) + 1)
    return (t * t).sum(-1) - 1


SEQUENCES = np.array([[0, 1, 2, 2], [1, 0, 0, 2]])
RIGHT = np.array([[1, 3, -1, 0], [0, -1, 2, -1], [-1, 2, 1, 0]])
TARGETS, INPUTS, LENGTHS = np.array([[0, 0, 2], [2, 1, 1], [1, 1, 1]]), np.array([4, 3, 4]), np.array([2, 1, 0])


def _torch_multi_margin(s: torch.Tensor, p: int, reduction: str) -> torch.Tensor:
    """From its definition: PyTorch's own has no second derivative."""
    right = F.one_hot(tensor(LABELS), 3).bool()
    t = F.relu(s - s[right][:, None] + 0.8).masked_fill(right, 0.0) ** p
    losses = t.sum(-1) / 3 * tensor(CLASS_WEIGHT)[tensor(LABELS)]
    return {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]


def _torch_multilabel_margin(s: torch.Tensor, right: np.ndarray) -> torch.Tensor:
    """From its definition: PyTorch's own has no second derivative."""
    losses = []
    for row, labels in zip(s, right, strict=True):
        listed = list(itertools.takewhile(lambda c: c >= 0, labels.tolist()))
        others = [j for j in range(len(row)) if j not in listed]
        losses.append(sum((F.relu(1 - row[c] + row[j]) for c in listed for j in others), row.new_zeros(())) / len(row))
    return torch.stack(losses)


def _log_probability(log_p: torch.Tensor, target: list[int], blank: int) -> torch.Tensor:
    """The log of the probability of a target, from its definition: all sequences of classes that read as it."""
    alignments = []
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        read = [c for c, before in zip(path, (None, *path), strict=False) if c not in (before, blank)]
        if read == target:
            alignments.append(sum(log_p[t, c] for t, c in enumerate(path)))
    return torch.logsumexp(torch.stack(alignments), 0)


def _torch_ctc(log_p: torch.Tensor, reduction: str) -> torch.Tensor:
    """PyTorch's own has no second derivative."""
    losses = torch.stack(
        [
            -_log_probability(log_p[:length, i], target[:count].tolist(), 1)
            for i, (target, length, count) in enumerate(zip(TARGETS, INPUTS, LENGTHS, strict=True))
        ]
    )
    if reduction == "mean":
        return (losses / tensor(np.maximum(LENGTHS, 1))).mean()
    return losses.sum() if reduction == "sum" else losses


def _signed(name: str, *domains: Any, **how: Any) -> Case:
    """A loss whose target is 1 or −1, which PyTorch has under the same name."""
    f, g = getattr(cr, name), getattr(F, name)
    return Case(
        " ".join([name, *(f"{k}={v}" for k, v in how.items())]),
        lambda *xs: f(*xs, SIGNS, **how),
        lambda *xs: g(*xs, tensor(SIGNS).to(xs[0]), **how),
        tuple(domain(2, 3) for domain in domains),
    )


def _two(name: str, *domains: Any, **how: Any) -> Case:
    """A loss of prediction and target, which PyTorch has under the same name."""
    f, g = getattr(cr, name), getattr(F, name)
    text = " ".join(
        [name, *(f"{k}={v}" for k, v in how.items() if np.ndim(v) == 0), *(k for k in how if np.ndim(how[k]))]
    )
    theirs = {k: tensor(v) if np.ndim(v) else v for k, v in how.items()}
    return Case(text, partial(f, **how), partial(g, **theirs), tuple(domain(2, 3) for domain in domains))


LOSSES = [
    *(
        Case(
            f"softmax_cross_entropy of rows: {', '.join(how)}",
            lambda s, how=how: cr.softmax_cross_entropy(s, LABELS, **how),
            lambda s, how=how: F.cross_entropy(
                s,
                tensor(LABELS),
                reduction="none",
                label_smoothing=how.get("label_smoothing", 0.0),
                weight=tensor(how["weight"]).to(s) if "weight" in how else None,
            ),
            (normal(4, 3),),
        )
        for how in (
            {"label_smoothing": 0.1},
            {"weight": CLASS_WEIGHT},
            {"weight": CLASS_WEIGHT, "label_smoothing": 0.3},
        )
    ),
    Case(
        "softmax_cross_entropy: label_smoothing",
        lambda s: cr.softmax_cross_entropy(s, 1, label_smoothing=0.2),
        lambda s: F.cross_entropy(s, torch.tensor(1), label_smoothing=0.2),
        (normal(3),),
    ),
    *(
        Case(
            f"softmax_cross_entropy reduction={reduction}: {', '.join(how)}",
            lambda s, how=how, reduction=reduction: cr.softmax_cross_entropy(
                s, np.array([2, -100, 1, 2]), reduction=reduction, **how
            ),
            lambda s, how=how, reduction=reduction: F.cross_entropy(
                s,
                torch.tensor([2, -100, 1, 2]),
                reduction=reduction,
                label_smoothing=how.get("label_smoothing", 0.0),
                weight=tensor(how["weight"]).to(s) if "weight" in how else None,
            ),
            (normal(4, 3),),
        )
        for reduction in ("mean", "sum", "none")
        for how in ({}, {"weight": CLASS_WEIGHT, "label_smoothing": 0.3})
    ),
    *(
        Case(
            f"softmax_cross_entropy of probabilities reduction={reduction}: {', '.join(how)}",
            partial(cr.softmax_cross_entropy, reduction=reduction, **how),
            lambda s, y, how=how, reduction=reduction: F.cross_entropy(
                s,
                y,
                reduction=reduction,
                label_smoothing=how.get("label_smoothing", 0.0),
                weight=tensor(how["weight"]).to(s) if "weight" in how else None,
            ),
            (normal(4, 3), probabilities(4, 3)),
        )
        for reduction in ("mean", "none")
        for how in ({}, {"weight": CLASS_WEIGHT, "label_smoothing": 0.3})
    ),
    Case(
        "softmax_cross_entropy of sequences",
        lambda s: cr.softmax_cross_entropy(s, SEQUENCES, ignore_index=1, reduction="mean"),
        lambda s: F.cross_entropy(s.movedim(-1, 1), tensor(SEQUENCES), ignore_index=1),
        (normal(2, 4, 3),),
    ),
    Case(
        "nll_loss ignore_index",
        lambda x: cr.nll_loss(x, LABELS, CLASS_WEIGHT, ignore_index=2),
        lambda x: F.nll_loss(x, tensor(LABELS), tensor(CLASS_WEIGHT), ignore_index=2),
        (normal(4, 3),),
    ),
    Case(
        "nll_loss of sequences",
        lambda x: cr.nll_loss(x, SEQUENCES, reduction="none"),
        lambda x: F.nll_loss(x.movedim(-1, 1), tensor(SEQUENCES), reduction="none"),
        (normal(2, 4, 3),),
    ),
    *(
        Case(
            f"multi_margin_loss p={p} reduction={reduction}",
            lambda s, p=p, reduction=reduction: cr.multi_margin_loss(s, LABELS, p, 0.8, CLASS_WEIGHT, reduction),
            lambda s, p=p, reduction=reduction: _torch_multi_margin(s, p, reduction),
            (normal(4, 3),),
        )
        for p, reduction in ((1, "mean"), (1, "none"), (2, "sum"))
    ),
    Case(
        "multilabel_margin_loss",
        lambda s: cr.multilabel_margin_loss(s, RIGHT, reduction="none"),
        lambda s: _torch_multilabel_margin(s, RIGHT),
        (normal(3, 4),),
    ),
    Case(
        "multilabel_margin_loss of one sample",
        lambda s: cr.multilabel_margin_loss(s, RIGHT[0]),
        lambda s: _torch_multilabel_margin(s[None], RIGHT[:1])[0],
        (normal(4),),
    ),
    *(
        Case(
            f"multilabel_soft_margin_loss reduction={reduction}",
            partial(cr.multilabel_soft_margin_loss, weight=CLASS_WEIGHT, reduction=reduction),
            lambda s, y, reduction=reduction: F.multilabel_soft_margin_loss(
                s, y, tensor(CLASS_WEIGHT).to(s), reduction=reduction
            ),
            (normal(2, 3), probabilities(2, 3)),
        )
        for reduction in ("mean", "none")
    ),
    _signed("soft_margin_loss", normal),
    _signed("soft_margin_loss", normal, reduction="none"),
    _signed("hinge_embedding_loss", apart, margin=0.7),
    _signed("margin_ranking_loss", normal, normal, margin=0.3, reduction="none"),
    *(
        Case(
            f"cosine_embedding_loss reduction={reduction}",
            lambda x, y, reduction=reduction: cr.cosine_embedding_loss(x, y, SIGNS[0], -0.5, reduction),
            lambda x, y, reduction=reduction: F.cosine_embedding_loss(
                x, y, tensor(SIGNS[0]), -0.5, reduction=reduction
            ),
            (normal(3, 2), normal(3, 2)),
        )
        for reduction in ("mean", "none")
    ),
    *(
        Case(
            f"{name} weight reduction={reduction}",
            lambda x, y, w, name=name, reduction=reduction: getattr(cr, name)(x, y, reduction, w),
            lambda x, y, w, name=name, reduction=reduction: getattr(F, name)(x, y, reduction=reduction, weight=w),
            (normal(2, 3), normal(2, 3), positive(2, 3)),
        )
        for name in ("mse_loss", "l1_loss")
        for reduction in ("mean", "sum", "none")
    ),
    _two("mse_loss", normal, normal),
    Case(
        "huber_loss weight",
        partial(cr.huber_loss, weight=FACTORS),
        lambda x, y: F.huber_loss(x, y, weight=tensor(FACTORS).to(x)),
        (normal(2, 3), normal(2, 3)),
    ),
    *(
        Case(f"normalize p={p}", partial(cr.normalize, p=p, axis=0), partial(F.normalize, p=p, dim=0), (apart(3, 2),))
        for p in (1, 2, 3.5, math.inf)
    ),
    *(
        Case(
            f"pairwise_distance p={p} keepdims={keep}",
            partial(cr.pairwise_distance, p=p, keepdims=keep),
            partial(F.pairwise_distance, p=p, keepdim=keep),
            (apart(3, 2), normal(2)),
        )
        for p, keep in ((1, False), (2, True), (3.5, False), (math.inf, True))
    ),
    *(
        Case(
            f"cdist p={p}",
            partial(cr.cdist, p=p),
            lambda x, y, p=p: torch.linalg.vector_norm(x[..., :, None, :] - y[..., None, :, :], p, -1),
            (normal(2, 3, 2), normal(2, 2, 2)),
        )
        for p in (1, 2, 3.5, math.inf)
    ),
    *(
        Case(
            f"ctc_loss reduction={reduction}",
            lambda s, reduction=reduction: cr.ctc_loss(cr.log_softmax(s), TARGETS, INPUTS, LENGTHS, 1, reduction),
            lambda s, reduction=reduction: _torch_ctc(torch.log_softmax(s, -1), reduction),
            (normal(4, 3, 3),),
        )
        for reduction in ("mean", "sum", "none")
    ),
    Case(
        "ctc_loss of one sequence, not normalised",
        lambda s: cr.ctc_loss(s, np.array([0]), 3, 1, 2),
        lambda s: -_log_probability(s, [0], 2),
        (normal(3, 3),),
    ),
    Case(
        "triplet_margin_loss p=1",
        partial(cr.triplet_margin_loss, p=1.0),
        partial(F.triplet_margin_loss, p=1.0),
        (normal(4, 3), normal(4, 3), normal(4, 3)),
    ),
    Case(
        "triplet_margin_with_distance_loss",
        lambda *xs: cr.triplet_margin_with_distance_loss(*xs, lambda x, y: np.sum((x - y) ** 2, axis=-1), swap=True),
        lambda *xs: F.triplet_margin_with_distance_loss(
            *xs, distance_function=lambda x, y: ((x - y) ** 2).sum(-1), swap=True
        ),
        (normal(4, 3), normal(4, 3), normal(4, 3)),
    ),
    Case("squared_hinge_loss", lambda s: cr.squared_hinge_loss(s, LABELS), _torch_squared_hinge, (normal(4, 3),)),
    Case(
        "binary_hinge_loss",
        lambda s: cr.binary_hinge_loss(s, SIGNS, reduction="none"),
        lambda s: torch.clamp(1 - s * tensor(SIGNS), min=0),
        (normal(2, 3),),
    ),
    *(_two("l1_loss", normal, normal, reduction=reduction) for reduction in ("mean", "sum", "none")),
    _two("huber_loss", normal, normal),
    _two("huber_loss", normal, normal, delta=0.4, reduction="none"),
    _two("smooth_l1_loss", normal, normal, reduction="sum"),
    _two("smooth_l1_loss", normal, normal, beta=0.4, reduction="none"),
    _two("smooth_l1_loss", normal, normal, beta=0.0),
    _two("binary_cross_entropy", probabilities, probabilities),
    _two("binary_cross_entropy", probabilities, probabilities, weight=FACTORS, reduction="none"),
    _two("binary_cross_entropy_with_logits", normal, probabilities),
    _two("binary_cross_entropy_with_logits", normal, probabilities, weight=FACTORS, reduction="none"),
    _two("binary_cross_entropy_with_logits", normal, probabilities, pos_weight=np.array([0.5, 2.0, 3.0])),
    Case(
        "kl_div",  # PyTorch warns that its mean is not the divergence
        cr.kl_div,
        lambda x, y: F.kl_div(x, y, reduction="none").mean(),
        (normal(2, 3), positive(2, 3)),
    ),
    _two("kl_div", normal, positive, reduction="batchmean"),
    _two("kl_div", normal, normal, log_target=True, reduction="none"),
    _two("poisson_nll_loss", normal, positive, reduction="none"),
    _two("poisson_nll_loss", positive, positive, log_input=False, full=True),
    Case("gaussian_nll_loss", cr.gaussian_nll_loss, F.gaussian_nll_loss, (normal(2, 3), normal(2, 3), positive(2, 3))),
    Case(
        "gaussian_nll_loss full",
        partial(cr.gaussian_nll_loss, full=True, reduction="none"),
        partial(F.gaussian_nll_loss, full=True, reduction="none"),
        (normal(2, 3), normal(2, 3), positive(2, 1)),
    ),
    *(
        Case(
            f"nll_loss reduction={reduction} weight={weight is not None}",
            lambda x, how=(weight, reduction): cr.nll_loss(x, LABELS, *how),
            lambda x, weight=weight, reduction=reduction: F.nll_loss(
                x, tensor(LABELS), None if weight is None else tensor(weight), reduction=reduction
            ),
            (normal(4, 3),),
        )
        for reduction in ("mean", "sum", "none")
        for weight in (None, CLASS_WEIGHT)
    ),
    Case(
        "cosine_similarity",
        cr.cosine_similarity,
        lambda x, y: F.cosine_similarity(x, y, dim=-1),
        (normal(2, 3), normal(2, 3)),
    ),
    Case(
        "cosine_similarity axis=1",
        partial(cr.cosine_similarity, axis=1),
        F.cosine_similarity,
        (normal(2, 3, 2), normal(3, 2)),
    ),
    Case(
        "triplet_margin_loss",
        cr.triplet_margin_loss,
        F.triplet_margin_loss,
        (normal(4, 3), normal(4, 3), normal(4, 3)),
    ),
    Case(
        "triplet_margin_loss swap",
        partial(cr.triplet_margin_loss, swap=True, margin=2.0, reduction="none"),
        partial(F.triplet_margin_loss, swap=True, margin=2.0, reduction="none"),
        (normal(4, 3), normal(4, 3), normal(4, 3)),
    ),
]

NETWORK_CASES = [
    *ACTIVATION_CASES,
    *NORMALISATION,
    *LAYERS,
    *CONVOLUTION,
    *POOLING,
    *RESAMPLING,
    *LOSSES,
]
"""All cases of this file."""

REAL_NETWORKS = [
    *("avg_pool1d:", "avg_pool2d:", "avg_pool3d:", "lp_pool1d", "lp_pool2d", "lp_pool3d", "interpolate:", "bilinear"),
    *("adaptive_avg_pool1d:", "adaptive_avg_pool2d:", "adaptive_avg_pool3d:", "adaptive_max_pool1d:"),
    *("adaptive_max_pool2d:", "adaptive_max_pool3d:", "batch_norm", "instance_norm", "local_response_norm"),
    *("embedding_bag", "mse_loss", "convolution_kernel"),
]
"""What PyTorch has for real numbers only, though it is made of blocks that take complex ones."""
