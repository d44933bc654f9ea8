"""Layers of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.blocks import adaptive_pooling, attention, convolution, layers, normalisation, pooling, resampling
from chainrule.pytorch.operators.conventions import NotCovered

__all__ = ["LAYERS"]


def convolved(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    n = len(stride)
    if transposed:
        transposed_ones = (convolution.conv_transpose1d, convolution.conv_transpose2d, convolution.conv_transpose3d)
        return transposed_ones[n - 1](x, weight, bias, stride, padding, output_padding, groups, dilation)
    functions = (convolution.conv1d, convolution.conv2d, convolution.conv3d)
    return functions[n - 1](x, weight, bias, stride, padding, dilation, groups)


def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=False):
    """batch_norm; PyTorch itself updates the running statistics, so they are not passed in training."""
    how = {} if training else {"running_mean": running_mean, "running_var": running_var}
    return normalisation.batch_norm(x, weight=weight, bias=bias, training=training, eps=eps, **how)


def instance_norm(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=False):
    how = {} if use_input_stats else {"running_mean": running_mean, "running_var": running_var}
    return normalisation.instance_norm(x, weight=weight, bias=bias, use_input_stats=use_input_stats, eps=eps, **how)


def _last(normalized_shape):
    return -1 if len(normalized_shape) == 1 else tuple(range(-len(normalized_shape), 0))


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    return normalisation.layer_norm(x, weight=weight, bias=bias, axis=_last(normalized_shape), eps=eps)


def rms_norm(x, normalized_shape, weight=None, eps=None):
    return normalisation.rms_norm(x, weight=weight, axis=_last(normalized_shape), eps=eps)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    return normalisation.group_norm(x, num_groups, weight=weight, bias=bias, eps=eps)


def pool(function: Callable[..., Any]) -> Callable[..., Any]:
    """A pooling rule; in PyTorch an empty stride means the size of the window."""
    return lambda x, kernel, stride=(), *args, **kwargs: function(x, kernel, stride or None, *args, **kwargs)


def with_indices(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operator that also returns the indices of the largest entries."""
    return lambda *args, **kwargs: (function(*args, **kwargs), None)


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    if scale_grad_by_freq:
        raise NotCovered("scale_grad_by_freq=True")
    return layers.embedding(weight, indices, None if padding_idx < 0 else padding_idx)


def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    if scale_grad_by_freq:
        raise NotCovered("scale_grad_by_freq=True")
    offsets = offsets[:-1] if include_last_offset else offsets
    bags = layers.embedding_bag(weight, indices, offsets, ("sum", "mean", "max")[mode], per_sample_weights, padding_idx)
    return bags, None, None, None


def dropout(x, p, train):
    """Dropout that does nothing. Other calls are decomposed, so that the mask is the one that PyTorch drew."""
    return x if not train or p == 0 else NotImplemented


def attended(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if dropout_p:
        return NotImplemented
    return attention.scaled_dot_product_attention(q, k, v, attn_mask, 0.0, is_causal, scale, enable_gqa)


def resized(mode: str) -> Callable[..., Any]:
    """`F.interpolate` by size or by factors, as the overloads `vec` take them."""

    def rule(x, size, *how):
        align, factors = how if len(how) == 2 else (False, *how)
        given = {"size": tuple(size)} if size is not None else {"scale_factor": tuple(factors)}
        return resampling.interpolate(x, mode=mode, align_corners=align, **given)

    return rule


LAYERS: dict[str, Callable[..., Any]] = {
    "conv1d": convolution.conv1d,
    "conv2d": convolution.conv2d,
    "conv3d": convolution.conv3d,
    "conv_transpose1d": convolution.conv_transpose1d,
    "conv_transpose2d": convolution.conv_transpose2d,
    "conv_transpose3d": convolution.conv_transpose3d,
    "convolution": convolved,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "native_layer_norm": lambda *args: (layer_norm(*args), None, None),
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "max_pool1d": pool(pooling.max_pool1d),
    "max_pool2d": pool(pooling.max_pool2d),
    "max_pool3d": pool(pooling.max_pool3d),
    "max_pool1d_with_indices": with_indices(pool(pooling.max_pool1d)),
    "max_pool2d_with_indices": with_indices(pool(pooling.max_pool2d)),
    "max_pool3d_with_indices": with_indices(pool(pooling.max_pool3d)),
    "avg_pool1d": pool(pooling.avg_pool1d),
    "avg_pool2d": pool(pooling.avg_pool2d),
    "avg_pool3d": pool(pooling.avg_pool3d),
    "adaptive_avg_pool1d": adaptive_pooling.adaptive_avg_pool1d,
    "adaptive_avg_pool2d": adaptive_pooling.adaptive_avg_pool2d,
    "adaptive_avg_pool3d": adaptive_pooling.adaptive_avg_pool3d,
    "adaptive_max_pool1d": with_indices(adaptive_pooling.adaptive_max_pool1d),
    "adaptive_max_pool2d": with_indices(adaptive_pooling.adaptive_max_pool2d),
    "adaptive_max_pool3d": with_indices(adaptive_pooling.adaptive_max_pool3d),
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "dropout": dropout,
    "feature_dropout": dropout,
    "alpha_dropout": dropout,
    "feature_alpha_dropout": dropout,
    "scaled_dot_product_attention": attended,
    "upsample_nearest1d.vec": resized("nearest"),
    "upsample_nearest2d.vec": resized("nearest"),
    "upsample_nearest3d.vec": resized("nearest"),
    "_upsample_nearest_exact1d.vec": resized("nearest-exact"),
    "_upsample_nearest_exact2d.vec": resized("nearest-exact"),
    "_upsample_nearest_exact3d.vec": resized("nearest-exact"),
    "upsample_linear1d.vec": resized("linear"),
    "upsample_bilinear2d.vec": resized("bilinear"),
    "upsample_trilinear3d.vec": resized("trilinear"),
    "upsample_bicubic2d.vec": resized("bicubic"),
    "pixel_shuffle": resampling.pixel_shuffle,
    "pixel_unshuffle": resampling.pixel_unshuffle,
    "im2col": resampling.unfold,
    "col2im": resampling.fold,
}
