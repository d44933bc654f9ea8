"""What PyTorch's operators are in NumPy: the one table in which an operator is added.

Each rule takes what the operator of ATen takes, in its order and with its names: tensors come as (recorded or plain)
arrays, dtypes as NumPy's. A key is an operator's name, or `name.overload` where only that is meant. An operator in
place (`add_`, or with `out=`) has the rule of the one that is not. What is missing here is taken apart into operators
that are not, where PyTorch knows how.

A rule may return NotImplemented: then the operator is taken apart too. Of several results, None stands for one that
has no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special

import chainrule as cr
from chainrule.array import Array, record
from chainrule.block import Block
from chainrule.transforms import stop_gradient

__all__ = ["OPERATORS", "NotCovered", "chosen_by_pytorch", "fixed", "without_gradient"]


class NotCovered(Exception):
    """An operator is covered, but not with these arguments."""


# What a rule is given and gives ----------------------------------------------------------------------------------


def without_gradient(*args: Any, **kwargs: Any) -> None:
    """Stands for operators that only look at shapes, or through which no gradient flows: PyTorch's result is kept."""


def chosen_by_pytorch(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that wants PyTorch's own results first, because it is told by them which entries were chosen."""
    rule.wants_result = True  # type: ignore[attr-defined]
    return rule


def same_node(x: Any) -> Any:
    """A copy: the same value, in memory of its own, so that a write into one leaves the other."""
    return Array(x._node) if type(x) is Array else np.copy(x)


@partial(Block, notation=lambda x: x, differentiable=False)
def fixed(xp, x):
    """A plain array, recorded because something may be written into it."""
    return x


def _axes(dim: Any) -> tuple[int, ...] | int | None:
    """`dim` as `axis`: PyTorch's empty list means all."""
    return dim if isinstance(dim, int) else tuple(dim) if dim else None


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None or x.dtype == dtype else np.astype(x, dtype)


# Elementwise -----------------------------------------------------------------------------------------------------


def add(x, y, alpha=1):
    return x + (y if alpha == 1 else alpha * y)


def subtract(x, y, alpha=1):
    return x - (y if alpha == 1 else alpha * y)


def divide(x, y, rounding_mode=None):
    return x / y if rounding_mode is None else {"floor": np.floor, "trunc": np.trunc}[rounding_mode](x / y)


def elu(x, alpha=1.0, scale=1.0, input_scale=1.0):
    return cr.elu(x, alpha=alpha) if scale == input_scale == 1 else NotImplemented


def softplus(x, beta=1.0, threshold=20.0):
    z = cr.softplus(x, beta=beta)
    linear = beta * np.asarray(x.value if type(x) is Array else x) > threshold  # there PyTorch rounds to x itself
    return np.where(linear, x, z) if linear.any() else z


def clamp(x, min=None, max=None):
    return np.clip(x, min, max)


def clamp_max(x, max):
    return np.clip(x, None, max)


# Reductions ------------------------------------------------------------------------------------------------------


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False, dtype=None: function(_cast(x, dtype), axis=_axes(dim), keepdims=keepdim)


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`var` and `std`, whose second argument may be the axes or whether it divides by n − 1."""

    def rule(x, dim=None, unbiased=True, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = int(unbiased) if correction is None else correction
        return function(x, axis=_axes(dim), ddof=ddof, keepdims=keepdim)

    return rule


variance, deviation = spread(np.var), spread(np.std)


def with_mean(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(x, dim=None, unbiased=True, keepdim=False, correction=None):
        axes = None if isinstance(dim, bool) else _axes(dim)
        return function(x, dim, unbiased, keepdim, correction), np.mean(x, axis=axes, keepdims=keepdim)

    return rule


def _entries(x, indices, dim):
    """The entries of x that PyTorch chose along an axis, so of a tie the same one."""
    if np.ndim(x) == 0:
        return same_node(x), None
    if np.ndim(indices) == np.ndim(x):
        return np.take_along_axis(x, indices, axis=dim), None
    return np.squeeze(np.take_along_axis(x, np.expand_dims(indices, dim), axis=dim), axis=dim), None


@chosen_by_pytorch
def chosen(result, x, dim=-1, *how, **more):
    return _entries(x, result[1], dim)


@chosen_by_pytorch
def ranked(result, x, k, dim=-1, *how, **more):
    return _entries(x, result[1], dim)


def vector_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    return np.linalg.vector_norm(_cast(x, dtype), ord=ord, axis=_axes(dim), keepdims=keepdim)


# Products --------------------------------------------------------------------------------------------------------


def plus_product(product: Callable[..., Any]) -> Callable[..., Any]:
    """`addmm` and its like: beta · x + alpha · product."""

    def rule(x, a, b, beta=1, alpha=1):
        z = product(a, b) if alpha == 1 else alpha * product(a, b)
        return z if beta == 0 else z + (x if beta == 1 else beta * x)

    return rule


def solve(a, b, left=True):
    if not left:
        return NotImplemented
    as_vectors = np.ndim(b) == 1 or np.shape(b) == np.shape(a)[:-1]
    return np.linalg.solve(a, b[..., None])[..., 0] if as_vectors else np.linalg.solve(a, b)


def cholesky(x, upper=False):
    return np.matrix_transpose(np.linalg.cholesky(x)) if upper else np.linalg.cholesky(x)


# Shapes ----------------------------------------------------------------------------------------------------------


def reshape(x, shape):
    if isinstance(shape, np.dtype):
        raise NotCovered("the bytes of an array seen as another dtype")
    return x if tuple(shape) == np.shape(x) else np.reshape(x, tuple(shape))


def flatten(x, start_dim=0, end_dim=-1):
    shape = np.shape(x) or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape) + 1
    return reshape(x, (*shape[:start], math.prod(shape[start:end]), *shape[end:]))


def unflatten(x, dim, sizes):
    dim, shape = dim % np.ndim(x), np.shape(x)
    known = math.prod(n for n in sizes if n != -1)
    return reshape(x, (*shape[:dim], *(shape[dim] // known if n == -1 else n for n in sizes), *shape[dim + 1 :]))


def squeeze(x, dim=None):
    ndim = np.ndim(x)
    dims = range(ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = tuple(d for d in dims if ndim and np.shape(x)[d] == 1)
    return np.squeeze(x, axis=axes) if axes else x


def expand(x, size, implicit=False):
    shape = np.shape(x)
    old = (1,) * (len(size) - len(shape)) + shape
    new = tuple(m if n == -1 else n for m, n in zip(old, size, strict=True))
    return x if new == shape else np.broadcast_to(x, new)


def along(x, dim, part):
    """x[…, part, …], with the part at axis `dim`."""
    return x[(slice(None),) * (dim % np.ndim(x)) + (part,)]


def slice_(x, dim=0, start=None, end=None, step=1):
    part = slice(start, end, step)
    return x if part.indices(np.shape(x)[dim]) == (0, np.shape(x)[dim], 1) else along(x, dim, part)


def narrow(x, dim, start, length):
    start = int(start)
    return along(x, dim, slice(start, start + length if start >= 0 or start + length else None))


def split(x, sizes, dim=0):
    whole = np.shape(x)[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, whole - start) for start in range(0, whole, sizes)] or [0]
    ends = np.cumsum(sizes).tolist()
    return [along(x, dim, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]


def chunk(x, chunks, dim=0):
    return split(x, max(-(-np.shape(x)[dim] // chunks), 1), dim)


def unbind(x, dim=0):
    return [along(x, dim, i) for i in range(np.shape(x)[dim])]


def concatenate(tensors, dim=0):
    """Empty vectors are left out whatever the others' shapes, as PyTorch does for the sake of old programs."""
    kept = [x for x in tensors if np.shape(x) != (0,)]
    return np.concatenate(kept, axis=dim) if len(kept) > 1 else same_node(kept[0])


def unfold(x, dim, size, step):
    if np.ndim(x) == 0:
        return NotImplemented
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows if step == 1 else along(windows, dim % np.ndim(x), slice(None, None, step))


def pad(x, widths, mode="constant", value=None):
    pairs = [(0, 0)] * (np.ndim(x) - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    if mode != "constant":
        if min(widths) < 0:
            raise NotCovered(f"a negative padding with mode {mode!r}")
        name: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
        return np.pad(x, pairs, mode=name)
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, np.shape(x), strict=True)]
    x = x if min(widths, default=0) >= 0 else x[tuple(cut)]
    return np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], constant_values=value or 0)


# Taking and putting ----------------------------------------------------------------------------------------------


def _key(indices):
    return tuple(slice(None) if i is None else np.asarray(i) for i in indices)


def _places(index, dim):
    """The places that an index along one axis names, as PyTorch's `gather` and `scatter` have it."""
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim % index.ndim] = index
    return tuple(grid)


def gather(x, dim, index, sparse_grad=False):
    return x[_places(index, dim)] if np.ndim(x) else x


def masked_select(x, mask):
    shape = np.broadcast_shapes(np.shape(x), mask.shape)
    return expand(x, shape)[np.broadcast_to(mask, shape)]


def _changed(x: Any, change: Callable[[Any], Any]) -> Any:
    """A recorded copy of x after a change in place."""
    made = same_node(x) if type(x) is Array else record(fixed, (x,))
    change(made)
    return made


def index_put(x, indices, values, accumulate=False):
    def change(made):
        if accumulate:
            np.add.at(made, _key(indices), values)
        else:
            made[_key(indices)] = values

    return _changed(x, change)


def scatter(x, dim, index, source, reduce=None):
    if reduce is not None:
        raise NotCovered(f"reduce={reduce!r}")
    key = _places(index, dim)
    source = source if np.ndim(source) == 0 else source[tuple(slice(n) for n in index.shape)]
    return _changed(x, lambda made: made.__setitem__(key, source))


def scatter_add(x, dim, index, source):
    key = _places(index, dim)
    return _changed(x, lambda made: np.add.at(made, key, source[tuple(slice(n) for n in index.shape)]))


def index_add(x, dim, index, source, alpha=1):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: np.add.at(made, key, source if alpha == 1 else alpha * source))


def index_copy(x, dim, index, source):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: made.__setitem__(key, source))


def select_scatter(x, source, dim, index):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: made.__setitem__(key, source))


def slice_scatter(x, source, dim=0, start=None, end=None, step=1):
    return select_scatter(x, source, dim, slice(start, end, step))


def copy_from(x, source, non_blocking=False):
    return expand(_cast(source, x.dtype), np.shape(x))


def fill(x, value):
    return np.broadcast_to(_cast(np.asarray(value) if type(value) is not Array else value, x.dtype), np.shape(x))


# Layers ----------------------------------------------------------------------------------------------------------


def convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    n = len(stride)
    if transposed:
        functions = (cr.conv_transpose1d, cr.conv_transpose2d, cr.conv_transpose3d)
        return functions[n - 1](x, weight, bias, stride, padding, output_padding, groups, dilation)
    return (cr.conv1d, cr.conv2d, cr.conv3d)[n - 1](x, weight, bias, stride, padding, dilation, groups)


def batch_norm(x, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=False):
    """PyTorch itself moves the running statistics, so they are not given to be moved in training."""
    how = {} if training else {"running_mean": running_mean, "running_var": running_var}
    return cr.batch_norm(x, weight=weight, bias=bias, training=training, eps=eps, **how)


def instance_norm(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=False):
    how = {} if use_input_stats else {"running_mean": running_mean, "running_var": running_var}
    return cr.instance_norm(x, weight=weight, bias=bias, use_input_stats=use_input_stats, eps=eps, **how)


def _last(normalized_shape):
    return -1 if len(normalized_shape) == 1 else tuple(range(-len(normalized_shape), 0))


def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    return cr.layer_norm(x, weight=weight, bias=bias, axis=_last(normalized_shape), eps=eps)


def rms_norm(x, normalized_shape, weight=None, eps=None):
    return cr.rms_norm(x, weight=weight, axis=_last(normalized_shape), eps=eps)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    return cr.group_norm(x, num_groups, weight=weight, bias=bias, eps=eps)


def pool(function: Callable[..., Any]) -> Callable[..., Any]:
    """PyTorch says with an empty stride that it is the window's size."""
    return lambda x, kernel, stride=(), *args, **kwargs: function(x, kernel, stride or None, *args, **kwargs)


def with_indices(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operator that also says where each of the largest entries was."""
    return lambda *args, **kwargs: (function(*args, **kwargs), None)


def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    if scale_grad_by_freq:
        raise NotCovered("scale_grad_by_freq=True")
    return cr.embedding(weight, indices, None if padding_idx < 0 else padding_idx)


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
    bags = cr.embedding_bag(weight, indices, offsets, ("sum", "mean", "max")[mode], per_sample_weights, padding_idx)
    return bags, None, None, None


def dropout(x, p, train):
    """Only where it does nothing: else it is taken apart, so that the mask is the one that PyTorch drew."""
    return x if not train or p == 0 else NotImplemented


def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if dropout_p:
        return NotImplemented
    return cr.scaled_dot_product_attention(q, k, v, attn_mask, 0.0, is_causal, scale, enable_gqa)


def resized(mode: str) -> Callable[..., Any]:
    """`F.interpolate` by size or by factors, as the overloads `vec` take them."""

    def rule(x, size, *how):
        align, factors = how if len(how) == 2 else (False, *how)
        given = {"size": tuple(size)} if size is not None else {"scale_factor": tuple(factors)}
        return cr.interpolate(x, mode=mode, align_corners=align, **given)

    return rule


# Losses ----------------------------------------------------------------------------------------------------------

REDUCTIONS = ("none", "mean", "sum")


def loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of two arrays, with PyTorch's numbers for the reductions."""
    return lambda x, y, reduction=1, **how: function(x, y, reduction=REDUCTIONS[reduction], **how)


def _classes_last(x):
    """Scores (N, C, …) with the axis of the classes at the end."""
    return np.moveaxis(x, 1, -1) if np.ndim(x) > 2 else x


def cross_entropy(s, target, weight=None, reduction=1, ignore_index=-100, label_smoothing=0.0):
    target = target if target.dtype.kind in "iu" else _classes_last(target)
    how = {"weight": weight, "label_smoothing": label_smoothing, "ignore_index": ignore_index}
    return cr.softmax_cross_entropy(_classes_last(s), target, reduction=REDUCTIONS[reduction], **how)


def nll_loss(log_p, target, weight=None, reduction=1, ignore_index=-100):
    how = {"weight": weight, "ignore_index": ignore_index}
    return cr.nll_loss(_classes_last(log_p), target, reduction=REDUCTIONS[reduction], **how)


def binary_cross_entropy(p, target, weight=None, reduction=1):
    return cr.binary_cross_entropy(p, target, weight=weight, reduction=REDUCTIONS[reduction])


def binary_cross_entropy_with_logits(s, target, weight=None, pos_weight=None, reduction=1):
    how = {"weight": weight, "pos_weight": pos_weight}
    return cr.binary_cross_entropy_with_logits(s, target, reduction=REDUCTIONS[reduction], **how)


# The table -------------------------------------------------------------------------------------------------------

OPERATORS: dict[str, Callable[..., Any]] = {
    # Elementwise, one operand
    "abs": np.abs,
    "neg": np.negative,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "reciprocal": np.reciprocal,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "lgamma": special.gammaln,
    "digamma": special.psi,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": lambda x, decimals=0: np.round(x, decimals),
    "frac": lambda x: x - np.trunc(x),
    "nan_to_num": lambda x, nan=None, posinf=None, neginf=None: np.nan_to_num(x, True, nan or 0.0, posinf, neginf),
    # Activations
    "relu": cr.relu,
    "relu6": cr.relu6,
    "leaky_relu": lambda x, negative_slope=0.01: cr.leaky_relu(x, negative_slope=negative_slope),
    "prelu": cr.prelu,
    "elu": elu,
    "celu": lambda x, alpha=1.0: cr.celu(x, alpha=alpha),
    "selu": cr.selu,
    "gelu": lambda x, approximate="none": cr.gelu(x, approximate=approximate),
    "silu": cr.silu,
    "mish": cr.mish,
    "sigmoid": cr.sigmoid,
    "log_sigmoid": cr.logsigmoid,
    "softplus": softplus,
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0: cr.hardtanh(x, min_val=min_val, max_val=max_val),
    "hardsigmoid": cr.hardsigmoid,
    "hardswish": cr.hardswish,
    "softshrink": lambda x, lambd=0.5: cr.softshrink(x, lambd=lambd),
    "hardshrink": lambda x, lambd=0.5: cr.hardshrink(x, lambd=lambd),
    "threshold": lambda x, threshold, value: cr.threshold(x, threshold=threshold, value=value),
    "glu": lambda x, dim=-1: cr.glu(x, axis=dim),
    "softmax": lambda x, dim, dtype=None: cr.softmax(_cast(x, dtype), axis=dim),
    "_softmax": lambda x, dim, half_to_float: cr.softmax(x, axis=dim),
    "log_softmax": lambda x, dim, dtype=None: cr.log_softmax(_cast(x, dtype), axis=dim),
    "_log_softmax": lambda x, dim, half_to_float: cr.log_softmax(x, axis=dim),
    # Elementwise, several operands
    "add": add,
    "sub": subtract,
    "rsub": lambda x, y, alpha=1: subtract(y, x, alpha),
    "mul": np.multiply,
    "div": divide,
    "pow": np.power,
    "remainder": np.remainder,
    "fmod": np.fmod,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "xlogy": special.xlogy,
    "special_xlog1py": special.xlog1py,
    "copysign": np.copysign,
    "where": np.where,
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "lerp": lambda x, end, weight: x + weight * (end - x),
    "addcmul": lambda x, a, b, value=1: x + (a * b if value == 1 else value * a * b),
    "addcdiv": lambda x, a, b, value=1: x + (a / b if value == 1 else value * a / b),
    "clamp": clamp,
    "clamp_min": clamp,
    "clamp_max": clamp_max,
    # Reductions
    "sum": reduction(np.sum),
    "mean": reduction(np.mean),
    "prod": reduction(np.prod),
    "amax": reduction(np.max),
    "amin": reduction(np.min),
    "max.default": np.max,
    "min.default": np.min,
    "max.other": np.maximum,
    "min.other": np.minimum,
    "max.dim": chosen,
    "min.dim": chosen,
    "median.dim": chosen,
    "mode": chosen,
    "cummax": chosen,
    "cummin": chosen,
    "sort": chosen,
    "topk": ranked,
    "kthvalue": ranked,
    "var": variance,
    "std": deviation,
    "var_mean": with_mean(variance),
    "std_mean": with_mean(deviation),
    "logsumexp": lambda x, dim, keepdim=False: cr.logsumexp(x, axis=_axes(dim), keepdims=keepdim),
    "linalg_vector_norm": vector_norm,
    "cumsum": lambda x, dim, dtype=None: np.cumsum(_cast(x, dtype), axis=dim),
    "cumprod": lambda x, dim, dtype=None: np.cumprod(_cast(x, dtype), axis=dim),
    # Products and matrices
    "linear": cr.linear,
    "bilinear": cr.bilinear,
    "matmul": np.matmul,
    "mm": np.matmul,
    "bmm": np.matmul,
    "mv": np.matmul,
    "dot": np.matmul,
    "vdot": np.vdot,
    "inner": np.inner,
    "outer": np.outer,
    "kron": np.kron,
    "einsum": lambda equation, tensors, path=None: np.einsum(equation.replace(" ", ""), *tensors),
    "tensordot": lambda x, y, dims_x, dims_y: np.tensordot(x, y, axes=(dims_x, dims_y)),
    "addmm": plus_product(np.matmul),
    "baddbmm": plus_product(np.matmul),
    "addmv": plus_product(np.matmul),
    "addr": plus_product(np.outer),
    "trace": np.trace,
    "linalg_inv": np.linalg.inv,
    "inverse": np.linalg.inv,
    "linalg_det": np.linalg.det,
    "det": np.linalg.det,
    "linalg_slogdet": np.linalg.slogdet,
    "slogdet": np.linalg.slogdet,
    "linalg_solve": solve,
    "linalg_cholesky": cholesky,
    # Shapes
    "view": reshape,
    "_unsafe_view": reshape,
    "reshape": reshape,
    "view_as": lambda x, other: reshape(x, np.shape(other)),
    "reshape_as": lambda x, other: reshape(x, np.shape(other)),
    "flatten": flatten,
    "ravel": flatten,
    "unflatten": unflatten,
    "squeeze": squeeze,
    "unsqueeze": np.expand_dims,
    "permute": np.transpose,
    "transpose": np.swapaxes,
    "swapaxes": np.swapaxes,
    "t": np.transpose,
    "numpy_T": np.transpose,
    "mT": np.matrix_transpose,
    "movedim": np.moveaxis,
    "expand": expand,
    "expand_as": lambda x, other: expand(x, np.shape(other)),
    "broadcast_to": expand,
    "cat": concatenate,
    "concat": concatenate,
    "stack": lambda tensors, dim=0: np.stack(tensors, axis=dim),
    "split": split,
    "split_with_sizes": split,
    "chunk": chunk,
    "unbind": unbind,
    "flip": np.flip,
    "roll": lambda x, shifts, dims=(): np.roll(x, tuple(shifts), tuple(dims) or None),
    "repeat": np.tile,
    "tril": np.tril,
    "triu": np.triu,
    "diagonal": np.diagonal,
    "pad": pad,
    "constant_pad_nd": lambda x, widths, value=0: pad(x, widths, "constant", value),
    "unfold": unfold,
    "clone": lambda x, memory_format=None: same_node(x),
    "contiguous": lambda x, memory_format=None: x,
    "alias": lambda x: x,
    "lift_fresh": lambda x: x,
    "detach": lambda x: stop_gradient(x),
    "_to_copy": lambda x, dtype=None, **_: _cast(same_node(x), dtype),
    # Taking and putting
    "select": along,
    "slice": slice_,
    "narrow": narrow,
    "index": lambda x, indices: x[_key(indices)],
    "index_select": lambda x, dim, index: np.take(x, index, axis=dim),
    "take": lambda x, index: np.ravel(x)[index],
    "gather": gather,
    "masked_select": masked_select,
    "index_put": index_put,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "index_add": index_add,
    "index_copy": index_copy,
    "select_scatter": select_scatter,
    "slice_scatter": slice_scatter,
    "copy": copy_from,
    "fill": fill,
    "zero": lambda x: fill(x, 0.0),
    # Layers
    "conv1d": cr.conv1d,
    "conv2d": cr.conv2d,
    "conv3d": cr.conv3d,
    "conv_transpose1d": cr.conv_transpose1d,
    "conv_transpose2d": cr.conv_transpose2d,
    "conv_transpose3d": cr.conv_transpose3d,
    "convolution": convolution,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "native_layer_norm": lambda *args: (layer_norm(*args), None, None),
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "max_pool1d": pool(cr.max_pool1d),
    "max_pool2d": pool(cr.max_pool2d),
    "max_pool3d": pool(cr.max_pool3d),
    "max_pool1d_with_indices": with_indices(pool(cr.max_pool1d)),
    "max_pool2d_with_indices": with_indices(pool(cr.max_pool2d)),
    "max_pool3d_with_indices": with_indices(pool(cr.max_pool3d)),
    "avg_pool1d": pool(cr.avg_pool1d),
    "avg_pool2d": pool(cr.avg_pool2d),
    "avg_pool3d": pool(cr.avg_pool3d),
    "adaptive_avg_pool1d": cr.adaptive_avg_pool1d,
    "adaptive_avg_pool2d": cr.adaptive_avg_pool2d,
    "adaptive_avg_pool3d": cr.adaptive_avg_pool3d,
    "adaptive_max_pool1d": with_indices(cr.adaptive_max_pool1d),
    "adaptive_max_pool2d": with_indices(cr.adaptive_max_pool2d),
    "adaptive_max_pool3d": with_indices(cr.adaptive_max_pool3d),
    "embedding": embedding,
    "embedding_bag": embedding_bag,
    "dropout": dropout,
    "feature_dropout": dropout,
    "alpha_dropout": dropout,
    "feature_alpha_dropout": dropout,
    "scaled_dot_product_attention": attention,
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
    "pixel_shuffle": cr.pixel_shuffle,
    "pixel_unshuffle": cr.pixel_unshuffle,
    "im2col": cr.unfold,
    "col2im": cr.fold,
    # Losses and distances
    "cross_entropy_loss": cross_entropy,
    "nll_loss": nll_loss,
    "nll_loss_nd": nll_loss,
    "nll_loss2d": nll_loss,
    "mse_loss": loss(cr.mse_loss),
    "l1_loss": loss(cr.l1_loss),
    "smooth_l1_loss": lambda x, y, reduction=1, beta=1.0: loss(cr.smooth_l1_loss)(x, y, reduction, beta=beta),
    "huber_loss": lambda x, y, reduction=1, delta=1.0: loss(cr.huber_loss)(x, y, reduction, delta=delta),
    "kl_div": lambda x, y, reduction=1, log_target=False: loss(cr.kl_div)(x, y, reduction, log_target=log_target),
    "soft_margin_loss": loss(cr.soft_margin_loss),
    "multilabel_margin_loss": loss(cr.multilabel_margin_loss),
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "cosine_similarity": lambda x, y, dim=1, eps=1e-8: cr.cosine_similarity(x, y, axis=dim, eps=eps),
    "pairwise_distance": lambda x, y, p=2.0, eps=1e-6, keepdim=False: cr.pairwise_distance(x, y, p, eps, keepdim),
    "cdist": lambda x, y, p=2.0, compute_mode=None: cr.cdist(x, y, p),
    # What only looks at the shape of an array, or has no gradient
    **dict.fromkeys(
        "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty "
        "new_empty_strided bernoulli heaviside isclose".split(),
        without_gradient,
    ),
}
