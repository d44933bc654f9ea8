"""Attention, composed of other blocks.

Source: A. Vaswani et al., Attention is all you need (2017).
"""

import math
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.blocks.dropout import dropout
from chainrule.blocks.elementwise import where
from chainrule.blocks.layers import linear
from chainrule.blocks.linalg import matmul
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.shaping import broadcast_to, reshape, swapped, transpose
from chainrule.errors import BlockError
from chainrule.node import at_line


def scaled_dot_product_attention(
    q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False, rng=None
):
    """softmax(q kᵀ · scale + mask) v: each query gets a mean of the values, weighted by the match of their keys.

    Parameters
    ----------
    q : queries, shape (…, L, E).
    k : keys, shape (…, S, E).
    v : values, shape (…, S, D).
    attn_mask : broadcastable to (…, L, S): booleans, True where a query may attend to a key; or numbers that are added
        to the scores, −∞ where it may not. Numbers have a gradient.
    dropout_p : the probability with which a weight is dropped (see `dropout`).
    is_causal : True to let query i attend to the keys 0 … i only, besides what the mask allows. (PyTorch takes one or
        the other.)
    scale : 1/√E by default.
    enable_gqa : True to let several heads of queries share one of keys and values: heads are the third axis from the
        right, and q has a multiple of those of k and of v.
    rng : the `numpy.random.Generator` of the dropout.

    Returns shape (…, L, D). A query that may attend to no key gets 0. Raises BlockError if the shapes do not fit.

    Source of shared heads: J. Ainslie et al., GQA: training generalized multi-query transformer models (2023).

    >>> import numpy as np, chainrule as cr
    >>> q, k, v = np.zeros((1, 2)), np.ones((2, 2)), np.array([[1.0], [3.0]])
    >>> cr.scaled_dot_product_attention(q, k, v)
    array([[2.]])
    """
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise BlockError(f"attention over q, k, v of shapes {shapes}; give (…, L, E), (…, S, E), (…, S, D)" + at_line())
    if enable_gqa:
        k, v = (_for_each_query_head(x, q) for x in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = matmul(q * scale, swapped(k))
    allowed: Any = None
    if attn_mask is not None:
        allowed = attn_mask if type(attn_mask) is Array else np.asarray(attn_mask)
        if allowed.dtype != bool:
            allowed = allowed != -np.inf
            scores = scores + where(allowed, attn_mask, 0.0)
    if is_causal:
        causal = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        allowed = causal if allowed is None else allowed & causal
    if allowed is None or allowed.all():
        weights = softmax(scores)
    else:
        some = allowed.any(axis=-1, keepdims=True)  # the softmax of a row of −∞ only (no key allowed) would be NaN
        weights = softmax(where(allowed | ~some, scores, -math.inf))
        weights = weights if some.all() else where(some, weights, 0.0)
    return matmul(dropout(weights, dropout_p, rng=rng) if dropout_p else weights, v)


def _for_each_query_head(x, q):
    """Keys or values, with each head repeated for every query head that uses it."""
    if min(x.ndim, q.ndim) < 3 or q.shape[-3] % x.shape[-3]:
        raise BlockError(
            f"attention with enable_gqa: the heads of q {tuple(q.shape)} should be a multiple of those of "
            f"{tuple(x.shape)}; they are the third axis from the right" + at_line()
        )
    *lead, heads, length, width = x.shape
    times = q.shape[-3] // heads
    x = reshape(x, shape=(*lead, heads, 1, length, width))
    x = broadcast_to(x, shape=(*lead, heads, times, length, width))
    return reshape(x, shape=(*lead, heads * times, length, width))


def multi_head_attention(
    q,
    k,
    v,
    num_heads,
    in_proj_weight,
    out_proj_weight,
    in_proj_bias=None,
    out_proj_bias=None,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    rng=None,
):
    """Attention by several heads, each with its own linear maps of q, k and v; then a linear map of all heads.

    Parameters
    ----------
    q, k, v : shapes (…, L, E), (…, S, E), (…, S, E).
    num_heads : H, a divisor of E.
    in_proj_weight, in_proj_bias : shapes (3E, E) and (3E,): the maps of q, k and v stacked in rows, as in PyTorch.
    out_proj_weight, out_proj_bias : shapes (E, E) and (E,). A bias may be None.
    attn_mask, dropout_p, is_causal, rng : as in `scaled_dot_product_attention`; a mask broadcasts to (…, H, L, S).

    Returns shape (…, L, E). In PyTorch's `multi_head_attention_forward` the batch is the second axis and a boolean mask
    is True where attention is *not* allowed. Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> x = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> cr.multi_head_attention(x, x, x, 2, np.tile(np.eye(2), (3, 1)), np.eye(2))
    array([[1., 0.],
           [1., 0.]])
    """
    width = q.shape[-1]
    if num_heads < 1 or width % num_heads or tuple(in_proj_weight.shape) != (3 * width, width):
        raise BlockError(
            f"multi_head_attention: {num_heads} heads of q {tuple(q.shape)} with an in_proj_weight "
            f"{tuple(in_proj_weight.shape)}; it should be (3E, E), and E a multiple of the heads" + at_line()
        )

    def heads(i, x):
        part = slice(i * width, (i + 1) * width)
        x = linear(x, in_proj_weight[part], None if in_proj_bias is None else in_proj_bias[part])
        return _exchanged(reshape(x, shape=(*x.shape[:-1], num_heads, width // num_heads)))

    z = scaled_dot_product_attention(heads(0, q), heads(1, k), heads(2, v), attn_mask, dropout_p, is_causal, rng=rng)
    z = _exchanged(z)
    return linear(reshape(z, shape=(*z.shape[:-2], width)), out_proj_weight, out_proj_bias)


def _exchanged(x):
    """(…, L, H, D) as (…, H, L, D), and back."""
    return transpose(x, axes=(*range(-x.ndim, -3), -2, -3, -1))
