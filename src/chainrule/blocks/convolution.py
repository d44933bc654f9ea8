"""Convolution over one, two or three axes of positions, as in torch.nn.functional.

A convolution z = conv(x, w) is linear in x and in w, so three bilinear maps are enough for derivatives of all orders;
the backward rules of each are the other two:

    convolution            x, w  ↦ z
    convolution_transpose  z, w  ↦ x     (the transpose with respect to x; what conv_transpose computes)
    convolution_kernel     x, z  ↦ w     (the transpose with respect to w)

All three are one matrix product over the *columns* of x: the entries under the kernel at each position (im2col).
Operands may have extra leading axes, which broadcast against each other as in matmul.

Source: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document processing
(2006); V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning (2016).
"""

import math

from chainrule.block import library_block, sum_to
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.integers import counted
from chainrule.blocks.shaping import reshape
from chainrule.blocks.windows import (
    columns,
    each,
    exchange,
    from_columns,
    pairs,
    positions_of,
    with_batch,
)
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line

# The three maps --------------------------------------------------------------------------------------------------


def _by_group(xp, w, n, groups):
    """A kernel (…, O, C/groups, *kernel) as matrices (…, groups, O/groups, kernel · C/groups)."""
    lead, outputs = w.shape[: -n - 2], w.shape[-n - 2]
    w = xp.permute_dims(w, (*range(len(lead) + 1), *range(w.ndim - n, w.ndim), w.ndim - n - 1))
    return xp.reshape(w, (*lead, groups, outputs // groups, math.prod(w.shape[-n - 1 :])))


def _from_group(xp, w, n, kernel):
    """Undo `_by_group`."""
    lead, (groups, outputs, rows) = w.shape[:-3], w.shape[-3:]
    w = xp.reshape(w, (*lead, groups * outputs, *kernel, rows // math.prod(kernel)))
    return xp.permute_dims(w, (*range(len(lead) + 1), w.ndim - 1, *range(w.ndim - n - 1, w.ndim - 1)))


def _z_by_group(xp, z, n, groups):
    """z of shape (…, N, O, *positions) as matrices (…, groups, O/groups, N · positions)."""
    lead, (batch, outputs) = z.shape[: -n - 2], z.shape[-n - 2 : -n]
    rows = (*lead, groups, outputs // groups, batch * math.prod(z.shape[-n:]))
    return xp.reshape(exchange(xp, z, n), rows)


def _is_xlas(xp, n, *operands):
    """Whether JAX computes a map, by the convolution of its compiler XLA, which has no extra leading axes."""
    return xp.__name__.startswith("jax") and all(x.ndim == n + 2 for x in operands)


def _by_xla(x, w, stride, padding, dilation, groups):
    import jax

    dtype = jax.numpy.result_type(x, w)
    return jax.lax.conv_general_dilated(
        x.astype(dtype), w.astype(dtype), stride, padding, rhs_dilation=dilation, feature_group_count=groups
    )


def _transposed(linear, shape, z, other):
    """The transpose of a function that is linear in an array of this shape, at z; `other` is its other operand."""
    import jax

    dtype = jax.numpy.result_type(z, other)
    return jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, dtype))(z.astype(dtype))[0]


_PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}


@library_block(
    notation=lambda x, w, **_: call("conv", x, w),
    complex=True,
    example=example(normal(1, 1, 3, 3), normal(1, 1, 2, 2), **_PLAIN),
)
def convolution(xp, x, w, stride=(), padding=(), dilation=(), groups=1):
    """z[n, o, t] = Σ x[n, c, t · stride + k · dilation − padding] w[o, c, k], over the channels c of o's group and k.

    Parameters
    ----------
    x : shape (N, C, *size).
    w : the kernel, shape (O, C/groups, *kernel).
    stride, padding, dilation : one for each axis of positions; a padding is a pair (before, after).
    """
    n = len(stride)
    if _is_xlas(xp, n, x, w):
        return _by_xla(x, w, stride, padding, dilation, groups)
    kernel = tuple(w.shape[-n:])
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    z = _by_group(xp, w, n, groups) @ columns.forward(xp, x, groups=groups, **how)
    positions = positions_of(x.shape[-n:], **how)
    z = xp.reshape(z, (*z.shape[:-3], w.shape[-n - 2], x.shape[-n - 2], *positions))
    return exchange(xp, z, n)


@library_block(
    notation=lambda z, w, **_: call("convᵀ", z, w),
    complex=True,
    example=example(normal(1, 1, 2, 2), normal(1, 1, 2, 2), size=(3, 3), **_PLAIN),
)
def convolution_transpose(xp, z, w, size=(), stride=(), padding=(), dilation=(), groups=1):
    """The transpose of `convolution` with respect to x, for an x with `size` entries along each axis of positions."""
    n = len(stride)
    if _is_xlas(xp, n, z, w):
        shape = (z.shape[0], w.shape[1] * groups, *size)
        return _transposed(lambda x: _by_xla(x, w, stride, padding, dilation, groups), shape, z, w)
    x = xp.matrix_transpose(_by_group(xp, w, n, groups)) @ _z_by_group(xp, z, n, groups)
    how = {"kernel": tuple(w.shape[-n:]), "stride": stride, "padding": padding, "dilation": dilation}
    return from_columns.forward(xp, x, batch=z.shape[-n - 2], size=size, **how)


@library_block(
    notation=lambda x, z, **_: call("conv", x, z),
    complex=True,
    example=example(normal(1, 1, 3, 3), normal(1, 1, 2, 2), kernel=(2, 2), **_PLAIN),
)
def convolution_kernel(xp, x, z, kernel=(), stride=(), padding=(), dilation=(), groups=1):
    """The transpose of `convolution` with respect to w, for a w with `kernel` entries along each axis of positions."""
    n = len(stride)
    if _is_xlas(xp, n, x, z):
        shape = (z.shape[1], x.shape[1] // groups, *kernel)
        return _transposed(lambda w: _by_xla(x, w, stride, padding, dilation, groups), shape, z, x)
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    met = columns.forward(xp, x, groups=groups, **how)
    return _from_group(xp, _z_by_group(xp, z, n, groups) @ xp.matrix_transpose(met), n, kernel)


def _summed(xp, dx, x, z, n):
    """Undo the broadcasting of leading axes: z has those of both operands, x has only its own."""
    core = x.ndim - n - 2
    return sum_to(xp, dx, tuple(x.shape), tuple(z.shape[: -n - 2]) + tuple(x.shape[core:]))


@convolution.backward("x")
def convolution_dx(xp, dz, z, x, w, **how):
    n = len(how["stride"])
    return _summed(xp, convolution_transpose(dz, conjugate(xp, w), size=tuple(x.shape[-n:]), **how), x, z, n)


@convolution.backward("w")
def convolution_dw(xp, dz, z, x, w, **how):
    n = len(how["stride"])
    return _summed(xp, convolution_kernel(conjugate(xp, x), dz, kernel=tuple(w.shape[-n:]), **how), w, z, n)


@convolution_transpose.backward("z")
def convolution_transpose_dz(xp, dx, x, z, w, size=(), **how):
    return _summed(xp, convolution(dx, conjugate(xp, w), **how), z, x, len(how["stride"]))


@convolution_transpose.backward("w")
def convolution_transpose_dw(xp, dx, x, z, w, size=(), **how):
    n = len(how["stride"])
    return _summed(xp, convolution_kernel(dx, conjugate(xp, z), kernel=tuple(w.shape[-n:]), **how), w, x, n)


@convolution_kernel.backward("x")
def convolution_kernel_dx(xp, dw, w, x, z, kernel=(), **how):
    n = len(how["stride"])
    return _summed(xp, convolution_transpose(conjugate(xp, z), dw, size=tuple(x.shape[-n:]), **how), x, w, n)


@convolution_kernel.backward("z")
def convolution_kernel_dz(xp, dw, w, x, z, kernel=(), **how):
    return _summed(xp, convolution(conjugate(xp, x), dw, **how), z, w, len(how["stride"]))


# Public functions ------------------------------------------------------------------------------------------------


def _finish(z, bias, alone, n, name):
    """Add the bias of each channel; remove the sample axis if it was added."""
    channels = z.shape[1]
    if bias is not None:
        if tuple(bias.shape) != (channels,):
            raise BlockError(f"{name}: the bias has shape {tuple(bias.shape)}, it should be ({channels},)" + at_line())
        z = z + reshape(bias, shape=(channels, *(1,) * n))
    return reshape(z, shape=tuple(z.shape[1:])) if alone else z


def _check_kernel(x, weight, channels, groups, n, name):
    if weight.ndim != n + 2:
        raise BlockError(f"{name}: the weight needs {n + 2} axes, it has shape {tuple(weight.shape)}" + at_line())
    if groups < 1 or weight.shape[0] % groups or x.shape[1] != channels:
        raise BlockError(
            f"{name}: x of shape {tuple(x.shape)} does not fit a weight of shape {tuple(weight.shape)} with "
            f"groups={groups}" + at_line()
        )


def _conv(n, x, weight, bias, stride, padding, dilation, groups):
    name = f"conv{n}d"
    x, alone = with_batch(counted(x), n, name)
    _check_kernel(x, weight, weight.shape[1] * groups, groups, n, name)
    stride, dilation = each(stride, n, name, "stride"), each(dilation, n, name, "dilation")
    size, kernel = tuple(x.shape[-n:]), tuple(weight.shape[-n:])
    if padding == "same":
        if stride != (1,) * n:
            raise BlockError(f'{name}: padding="same" needs stride 1, not {stride}' + at_line())
        around = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        padding = tuple((a // 2, a - a // 2) for a in around)
    elif padding == "valid":
        padding = ((0, 0),) * n
    elif isinstance(padding, str):
        raise BlockError(f'{name}: padding is an integer, "same" or "valid", not {padding!r}' + at_line())
    else:
        padding = pairs(padding, n, name)
    if min(kernel) < 1 or min(positions_of(size, kernel, stride, padding, dilation)) < 1:
        raise BlockError(
            f"{name}: a kernel of {kernel} does not fit into {size} entries with their padding" + at_line()
        )
    z = convolution(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return _finish(z, bias, alone, n, name)


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel along sequences: as `conv2d`, with x of shape (N, C, L) and a weight (O, C/groups, K).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2., 4.]])
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel over images (cross-correlation, as in all deep learning libraries).

    Parameters
    ----------
    x : shape (N, C, H, W), or (C, H, W) for a single one.
    weight : the kernel, shape (O, C/groups, KH, KW).
    bias : shape (O,), or None.
    stride : by how many entries the kernel moves; an integer, or one for each axis.
    padding : the number of zeros around x; an integer, one for each axis, "valid" for none, or "same" for as many as
        keep the size (with stride 1).
    dilation : the distance between the entries under the kernel.
    groups : the number of groups of channels; each output uses only its own group.

    Returns shape (N, O, H', W') with H' = ⌊(H + 2 padding − dilation (KH − 1) − 1) / stride⌋ + 1.
    Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.conv2d(np.arange(9.0).reshape(1, 3, 3), np.ones((1, 1, 2, 2)))
    array([[[ 8., 12.],
            [20., 24.]]])
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel over volumes: as `conv2d`, with x of shape (N, C, D, H, W) and a weight (O, C/groups, KD, KH, KW).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2)))
    array([[[[8.]]]])
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{n}d"
    x, alone = with_batch(counted(x), n, name)
    _check_kernel(x, weight, weight.shape[0], groups, n, name)
    stride, dilation = each(stride, n, name, "stride"), each(dilation, n, name, "dilation")
    padding, more = pairs(padding, n, name), each(output_padding, n, name, "output_padding")
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
        raise BlockError(
            f"{name}: output_padding {more} must be less than the stride {stride} or the dilation {dilation}"
            + at_line()
        )
    # A strided convolution comes from s sizes. A larger one takes back some of the padding, and then adds zeros.
    back = [0 if m < s else min(m, p) for m, s, (p, _) in zip(more, stride, padding, strict=True)]
    zeros = [0 if m < s else m - b for m, s, b in zip(more, stride, back, strict=True)]
    size = tuple(
        (t - 1) * s - 2 * p + d * (k - 1) + 1 + m - nothing
        for t, s, (p, _), d, k, m, nothing in zip(
            x.shape[-n:], stride, padding, dilation, weight.shape[-n:], more, zeros, strict=True
        )
    )
    if min(a + b for a, b in zip(size, zeros, strict=True)) < 1:
        raise BlockError(f"{name}: the result would have {size} entries; the padding is too large" + at_line())
    padding = tuple((low, high - b) for (low, high), b in zip(padding, back, strict=True))
    z = convolution_transpose(x, weight, size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    if any(zeros):
        whole = tuple(a + b for a, b in zip(size, zeros, strict=True))
        z = add_at(z, key=tuple(slice(0, a) for a in size), shape=whole)
    return _finish(z, bias, alone, n, name)


def conv_transpose1d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv1d`: as `conv_transpose2d`, with x of shape (N, C, L) and a weight (C, O/groups, K).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose1d(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0]]]), stride=2)
    array([[ 1.,  2., 10., 20.]])
    """
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv2d` (its gradient with respect to x, as a layer): each entry of x puts down a kernel.

    Parameters
    ----------
    x : shape (N, C, H, W), or (C, H, W) for a single one.
    weight : the kernel, shape (C, O/groups, KH, KW).
    bias : shape (O,), or None.
    stride : how far apart the kernels are put down.
    padding : the number of entries cut off around the result.
    output_padding : the number of entries added at the end of each axis: a strided convolution comes from several
        sizes. Less than the stride or the dilation.
    groups, dilation : as in `conv2d`.

    Returns shape (N, O, H', W') with H' = (H − 1) stride − 2 padding + dilation (KH − 1) + output_padding + 1.
    Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose2d(np.array([[[1.0, 10.0]]]), np.ones((1, 1, 1, 2)))
    array([[[ 1., 11., 10.]]])
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv3d`: as `conv_transpose2d`, with x of shape (N, C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose3d(np.full((1, 1, 1, 1), 3.0), np.ones((1, 1, 1, 1, 2)))
    array([[[[3., 3.]]]])
    """
    return _conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)
