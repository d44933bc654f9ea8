"""The catalogue's cases of neural networks: activations, normalisation, layers, convolution, pooling and losses.

The reference is torch.nn.functional; where only our order of arguments or our per-sample form differs, it says so.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch

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
        cr.batch_norm,
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        (normal(4, 3), normal(3), normal(3)),
    ),
    Case(
        "batch_norm of images",
        partial(cr.batch_norm, eps=0.1),
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
        "instance_norm",
        cr.instance_norm,
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        (normal(2, 3, 4), normal(3), normal(3)),
    ),
]

# Layers ------------------------------------------------------------------------------------------------------

INDICES = np.array([[2, 0, 2], [1, 2, 2]])
KEPT = np.array([[True, False, True], [True, True, False]])
MAY_LOOK = np.array([[True, False, True], [True, True, False]])
QUERY, KEY, VALUE = normal(2, 2, 3), normal(2, 3, 3), normal(2, 3, 2)

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
    Case(
        "scaled_dot_product_attention is_causal",
        partial(cr.scaled_dot_product_attention, is_causal=True, scale=0.3),
        partial(F.scaled_dot_product_attention, is_causal=True, scale=0.3),
        (QUERY, KEY, VALUE),
    ),
    Case(
        "scaled_dot_product_attention with a mask",
        partial(cr.scaled_dot_product_attention, mask=MAY_LOOK),
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

NETWORK_CASES = [*ACTIVATION_CASES, *NORMALISATION, *LAYERS, *CONVOLUTION, *POOLING, *LOSSES]
"""All cases of this file."""
