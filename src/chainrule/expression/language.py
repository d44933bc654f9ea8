"""What the expression language may call: functions without side effects, each with a bound on what it makes.

Ufuncs and elementwise blocks are in the language as they are: they compute one number for each entry. Every other
function is in a table below, or is not in the language. So a function that writes a file, changes an array, calls
another function or returns text is not in it, and neither is one that gets a block tomorrow, before somebody has put it
into a table.

A table says how many numbers a call makes, so that the call can be refused before it is made. `SAME` makes about as
many as it is given. The others have a function with their own signature.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.answers import answer
from chainrule.array import Array
from chainrule.block import Block
from chainrule.block.elementwise import Elementwise
from chainrule.errors import ExpressionError

__all__ = ["ATTRIBUTES", "LIBRARIES", "METHODS", "Function", "functions_of"]

LIBRARIES = ("cr", "np", "np.linalg", "np.fft", "special")
"""What may stand before a function's name."""

ATTRIBUTES = ("T", "mT")

SAME = {
    "np": """
        all allclose amax amin angle any append argmax argmin argpartition argsort argwhere around array array_equal
        array_equiv astype atleast_1d atleast_2d atleast_3d average block clip column_stack compress concat
        concatenate copy count_nonzero cross cumprod cumsum cumulative_prod cumulative_sum delete diag_indices_from
        diagonal diff digitize dsplit dstack ediff1d expand_dims extract fix flatnonzero flip fliplr flipud gradient
        hstack i0 imag interp intersect1d isclose iscomplex iscomplexobj isneginf isposinf isreal isrealobj ix_
        lexsort matrix_transpose max mean median min moveaxis nan_to_num nanargmax nanargmin nancumprod nancumsum
        nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar ndim nonzero packbits partition permute_dims
        polyadd polyder polydiv polymul polysub polyval prod ptp ravel ravel_multi_index real real_if_close reshape
        roll rollaxis rot90 round searchsorted select setdiff1d setxor1d shape sinc size sort sort_complex squeeze
        stack std sum swapaxes take_along_axis trace transpose trapezoid tril tril_indices_from trim_zeros triu
        triu_indices_from union1d unique unique_all unique_counts unique_inverse unique_values unravel_index unwrap
        var vstack where choose convolve correlate
    """,
    "np.linalg": """
        cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matrix_norm matrix_power matrix_rank
        matrix_transpose norm pinv slogdet solve svdvals tensorinv tensorsolve trace vector_norm
    """,
    "np.fft": "fftshift ifftshift",
    "cr": """
        alpha_dropout batch_norm binary_cross_entropy binary_cross_entropy_with_logits binary_hinge_loss cho_factor
        cho_solve cosine_embedding_loss cosine_similarity cross_entropy_loss dropout dropout1d dropout2d dropout3d expm
        feature_alpha_dropout gaussian_nll_loss glu group_norm hinge_embedding_loss hinge_loss huber_loss instance_norm
        kl_div l1_loss layer_norm log_softmax logm logsumexp margin_ranking_loss mean_squared_error mse_loss
        multi_margin_loss multilabel_soft_margin_loss nll_loss normalize pairwise_distance pixel_shuffle
        pixel_unshuffle poisson_nll_loss prelu rms_norm smooth_l1_loss soft_margin_loss softmax softmax_cross_entropy
        softmin solve_sylvester solve_triangular sqrtm squared_hinge_loss stop_gradient triplet_margin_loss
    """,
    "special": "sinc",
}
"""Functions whose results have about as many numbers as their arguments, whatever the arguments are."""


# How many numbers there are ------------------------------------------------------------------------------------------


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array or number, or of the array that a list would be."""
    shape = getattr(x, "shape", None)
    if isinstance(shape, tuple):
        return shape
    found: list[int] = []
    while isinstance(x, list | tuple):
        found.append(len(x))
        if not x:
            break
        x = x[0]
    return (*found, *getattr(x, "shape", ()))


def size(x: Any) -> int:
    """How many numbers an argument has."""
    if isinstance(x, list | tuple):
        return max(1, sum(map(size, x)))
    return math.prod(shape_of(x))


def whole(x: Any) -> list[int]:
    """The whole numbers in an argument that says how long or how many: 3, (3, 4), an array of repeats."""
    if x is None:
        return []
    if isinstance(x, list | tuple):
        return [n for entry in x for n in whole(entry)]
    value = x._node.value if type(x) is Array else x
    return [abs(int(n)) for n in np.ravel(value).tolist()]


def largest(x: Any) -> int:
    return max(whole(x), default=0)


def product(x: Any) -> int:
    """How many entries an array of this shape has; an axis of length 0 counts as 1, for NumPy makes the others too."""
    return math.prod(max(1, n) for n in whole(x))


def together(*given: Any) -> int:
    """The entries of all arguments, or those of the array to which they broadcast."""
    shapes = [shape_of(x) for x in given]
    axes = max(map(len, shapes), default=0)
    longest = [max((shape[-i] for shape in shapes if len(shape) >= i), default=1) for i in range(1, axes + 1)]
    return max(math.prod(longest), sum(map(size, given)))


def same(*given: Any, **options: Any) -> int:
    return together(*given, *options.values())


def indexed(x: Any, key: Any) -> int:
    """The entries of x[key]."""
    keys = key if isinstance(key, tuple) else (key,)
    shape = shape_of(x)
    arrays = [k for k in keys if isinstance(k, list) or shape_of(k)]
    if not arrays:
        return size(x)
    taken: set[int] = set()
    axis = 0
    for i, k in enumerate(keys):
        axes = len(shape) - axis - sum(map(_axes_of, keys[i + 1 :])) if k is Ellipsis else _axes_of(k)
        if any(k is array for array in arrays):
            taken.update(range(axis, axis + axes))
        axis += axes
    points = together(*(np.broadcast_to(0, size(k) if _is_mask(k) else shape_of(k)) for k in arrays))
    return points * math.prod(n for i, n in enumerate(shape) if i not in taken)


def _axes_of(key: Any) -> int:
    """How many axes an entry of an index stands for."""
    return 0 if key is None or key is Ellipsis else max(1, len(shape_of(key))) if _is_mask(key) else 1


def _is_mask(key: Any) -> bool:
    while isinstance(key, list) and key:
        key = key[0]
    return isinstance(key, bool) or getattr(getattr(key, "dtype", None), "kind", "") == "b"


def over(x: Any, axis: Any = -1) -> int:
    """The entries of x for each place along an axis, or along several."""
    shape = shape_of(x)
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    along = {i + len(shape) if i < 0 else i for i in axes}
    return math.prod(n for i, n in enumerate(shape) if i not in along)


def side(x: Any) -> int:
    """The longer side of a matrix, or of the matrices of a batch."""
    return max(shape_of(x)[-2:], default=1)


# Products ------------------------------------------------------------------------------------------------------------


def of_matmul(a: Any, b: Any, *rest: Any, **options: Any) -> int:
    p, q = shape_of(a), shape_of(b)
    batch = together(np.broadcast_to(0, p[:-2]), np.broadcast_to(0, q[:-2])) if len(p) > 2 or len(q) > 2 else 1
    return batch * math.prod(p[-2:-1]) * (q[-1] if len(q) > 1 else 1)


def in_matmul(a: Any, b: Any, *rest: Any, **options: Any) -> int:
    return of_matmul(a, b) * (*shape_of(a), 1)[-1]


def of_dot(a: Any, b: Any) -> int:
    return over(a) * over(b, -2 if len(shape_of(b)) > 1 else -1) if shape_of(a) and shape_of(b) else together(a, b)


def in_dot(a: Any, b: Any) -> int:
    return of_dot(a, b) * (*shape_of(a), 1)[-1]


def of_inner(a: Any, b: Any) -> int:
    return over(a) * over(b) if shape_of(a) and shape_of(b) else together(a, b)


def of_tensordot(a: Any, b: Any, axes: Any = 2) -> int:
    if isinstance(axes, list | tuple):
        return over(a, axes[0]) * over(b, axes[1])
    n = largest(axes)
    if n > len(shape_of(a)):
        raise ExpressionError(f"{n} axes are to be summed, and the first array has {len(shape_of(a))}")
    return over(a, range(-n, 0)) * over(b, range(n))


def in_tensordot(a: Any, b: Any, axes: Any = 2) -> int:
    return size(a) * (over(b, axes[1]) if isinstance(axes, list | tuple) else over(b, range(min(largest(axes), 64))))


def _letters(operands: tuple[Any, ...]) -> tuple[dict[str, int], str, list[str]]:
    """The length of each letter of an einsum, its result's letters, and those of its operands; "…" is any more axes."""
    text, *arrays = operands
    if not isinstance(text, str):
        raise ExpressionError('write the subscripts of einsum as a text: einsum("ij,j->i", A, x)')
    left, arrow, right = text.replace(" ", "").replace("...", "…").partition("->")
    terms = left.split(",")
    lengths: dict[str, int] = {}
    for term, array in zip(terms, arrays, strict=False):
        shape = shape_of(array)
        before, dots, after = term.partition("…")
        n = len(shape) - len(before) - len(after)
        if dots and n >= 0:
            lengths["…"] = max(lengths.get("…", 1), math.prod(shape[len(before) : len(before) + n]))
            shape = shape[: len(before)] + shape[len(before) + n :]
        for letter, length in zip(before + after, shape, strict=False):
            lengths[letter] = max(lengths.get(letter, 1), length)
    if not arrow:
        right = "".join(letter for letter in lengths if left.count(letter) == 1 or letter == "…")
    return lengths, right, terms


def of_einsum(*operands: Any, **options: Any) -> int:
    lengths, right, _ = _letters(operands)
    return math.prod(lengths.get(letter, 1) for letter in right)


def in_einsum(*operands: Any, **options: Any) -> int:
    return math.prod(_letters(operands)[0].values()) * len(operands)


# Other functions that make more than they are given ------------------------------------------------------------------


def of_steps(start: Any, stop: Any = None, step: Any = 1, **options: Any) -> float:
    first, last = (0, start) if stop is None else (start, stop)
    length = abs((number(last) - number(first)) / number(step)) if number(step) else math.inf
    return length + 1 if length == length else math.inf


def number(x: Any) -> float:
    return float(np.real(x._node.value if type(x) is Array else x))


def of_samples(start: Any, stop: Any, num: Any = 50, *rest: Any, **options: Any) -> int:
    return together(start, stop) * (largest(num) + 1)


def of_shape(shape: Any, *rest: Any, **options: Any) -> int:
    return product(shape)


def like(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None, **options: Any) -> int:
    return size(a) if shape is None else product(shape)


def of_diag(v: Any, k: Any = 0) -> int:
    return (size(v) + largest(k)) ** 2 if len(shape_of(v)) < 2 else size(v)


def of_padding(array: Any, pad_width: Any, *rest: Any, **options: Any) -> int:
    return math.prod(n + 2 * largest(pad_width) for n in shape_of(array))


PART = 200
"""How many numbers an array of a list counts as, beside its own."""


def of_parts(ary: Any, indices_or_sections: Any, axis: Any = 0) -> int:
    sections = indices_or_sections
    return size(ary) + PART * (size(sections) if shape_of(sections) else largest(sections))


def bins_of(bins: Any) -> int:
    if isinstance(bins, str):
        raise ExpressionError(f"give bins as a number or as edges, not {bins!r}: their count would depend on the data")
    return max(largest(n) if np.ndim(n) == 0 else size(n) for n in (bins if isinstance(bins, list | tuple) else [bins]))


def of_histogram(a: Any, bins: Any = 10, *rest: Any, **options: Any) -> int:
    return size(a) + bins_of(bins)


def of_histogramdd(sample: Any, bins: Any = 10, *rest: Any, **options: Any) -> int:
    axes = len(sample) if isinstance(sample, list | tuple) else (*shape_of(sample), 1)[1]
    return size(sample) + (bins_of(bins) + 1) ** axes


def of_covariance(m: Any, y: Any = None, rowvar: Any = True, *rest: Any, **options: Any) -> int:
    rows = sum(1 if len(s) < 2 else s[0 if rowvar else 1] for s in (shape_of(x) for x in (m, y) if x is not None))
    return rows**2 + same(m, y)


def of_take(a: Any, indices: Any, axis: Any = None, *rest: Any, **options: Any) -> int:
    return over(a, axis) * size(indices)


def of_insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> int:
    return size(arr) + size(obj) * max(size(values), 1 if axis is None else over(arr, axis))


def of_isin(element: Any, test_elements: Any, assume_unique: Any = False, invert: Any = False) -> int:
    return same(element, test_elements)


def of_svd(a: Any, full_matrices: Any = True, *rest: Any, **options: Any) -> int:
    return size(a) * (2 if not full_matrices else 1) + over(a, (-2, -1)) * 2 * side(a) ** 2 * bool(full_matrices)


def of_qr(a: Any, mode: Any = "reduced") -> int:
    return 2 * size(a) + (over(a, (-2, -1)) * 2 * side(a) ** 2 if mode == "complete" else 0)


def of_chain(arrays: Any, **options: Any) -> int:
    *_, second, first = sorted([1, 1, *(n for a in arrays for n in shape_of(a))])
    return first * second


def of_fft(a: Any, n: Any = None, axis: Any = -1, *rest: Any, **options: Any) -> int:
    return 2 * size(a) if n is None else over(a, axis) * 2 * largest(n)


def of_ffts(a: Any, s: Any = None, axes: Any = None, *rest: Any, **options: Any) -> int:
    if s is None:
        return 2 * size(a)
    return over(a, range(-len(s), 0) if axes is None else axes) * 2 * product(s)


def of_fft2(a: Any, s: Any = None, axes: Any = (-2, -1), *rest: Any, **options: Any) -> int:
    return of_ffts(a, s, axes)


# Networks ------------------------------------------------------------------------------------------------------------


def each(n: Any, axes: int) -> list[int]:
    """A size for each axis: 3 is 3 for all of them."""
    found = whole(n) or [1]
    return (found * axes)[:axes] if len(found) == 1 else found


def windows(axes: int, x: Any, kernel: Any, stride: Any = None, padding: Any = 0) -> int:
    """The entries of all windows over the last axes."""
    shape = shape_of(x)
    count = math.prod(shape[: len(shape) - axes])
    steps = each(kernel if stride is None else stride, axes)
    for n, k, s, p in zip(shape[len(shape) - axes :], each(kernel, axes), steps, each(padding, axes), strict=False):
        count *= ((n + 2 * p) // max(1, s) + 1) * max(1, k) + n + 2 * p
    return count


def of_pool(axes: int) -> Callable[..., int]:
    return lambda x, kernel_size, stride=None, padding=0, *rest, **options: windows(
        axes, x, kernel_size, stride, padding
    )


def of_lp_pool(axes: int) -> Callable[..., int]:
    return lambda x, norm_type, kernel_size, stride=None, ceil_mode=False: windows(axes, x, kernel_size, stride)


def of_adaptive_pool(axes: int) -> Callable[..., int]:
    return lambda x, output_size, *rest, **options: (
        over(x, range(-axes, 0)) * math.prod(each(output_size, axes)) * 2**axes + size(x) * 2**axes
    )


def of_conv(axes: int) -> Callable[..., int]:
    def made(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):  # type: ignore[no-untyped-def]
        padded = 0 if isinstance(padding, str) else padding
        if isinstance(padding, str):
            padded = largest(shape_of(weight)[2:]) * largest(dilation)
        columns = windows(axes, x, shape_of(weight)[2:], stride, padded)
        return columns + columns * shape_of(weight)[0] // max(1, size(weight) // max(1, shape_of(weight)[0]))

    return made


def of_conv_transpose(axes: int) -> Callable[..., int]:
    def made(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):  # type: ignore[no-untyped-def]
        *rest, out = (*shape_of(x)[:-axes], *shape_of(weight)[1:2])
        count = math.prod(rest) * out * largest(groups)
        for n, k, s, d, p in zip(
            shape_of(x)[-axes:],
            shape_of(weight)[2:],
            each(stride, axes),
            each(dilation, axes),
            each(output_padding, axes) if whole(output_padding) else [0] * axes,
            strict=False,
        ):
            count *= n * s + d * k + p
        return count + size(x) * size(weight) // max(1, shape_of(weight)[0])

    return made


def of_unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> int:
    return windows(2, x, kernel_size, stride, padding)


def of_fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> int:
    padded = [n + 2 * p for n, p in zip(each(output_size, 2), each(padding, 2), strict=False)]
    return size(x) + math.prod(shape_of(x)[:-1]) * math.prod(padded)


def of_interpolate(x: Any, size: Any = None, scale_factor: Any = None, *rest: Any, **options: Any) -> float:
    axes = max(1, len(shape_of(x)) - 2)
    if size is not None:
        return over(x, range(-axes, 0)) * math.prod(each(size, axes)) * 2**axes
    factors = [
        abs(number(f)) for f in (scale_factor if isinstance(scale_factor, list | tuple) else [scale_factor] * axes)
    ]
    return math.prod(shape_of(x)) * math.prod(max(1.0, f) for f in factors) * 2**axes


def of_one_hot(labels: Any, num_classes: Any = None, *rest: Any, **options: Any) -> int:
    return size(labels) * (largest(labels) + 1 if num_classes is None else largest(num_classes))


def of_linear(x: Any, weight: Any, *rest: Any, **options: Any) -> int:
    return over(x) * (*shape_of(weight), 1)[0] + size(x) + size(weight)


def of_cell(x: Any, h: Any, w_ih: Any, *rest: Any, **options: Any) -> int:
    return over(x) * (*shape_of(w_ih), 1)[0] + same(x, h, w_ih)


def of_bilinear(x: Any, y: Any, weight: Any, bias: Any = None) -> int:
    return size(x) * size(weight) // max(1, (*shape_of(x), 1)[-1]) + size(y)


def of_attention(q: Any, k: Any, v: Any, *rest: Any, **options: Any) -> int:
    keys = (1, 1, *shape_of(k))[-2]
    return over(q) * keys + over(q) * (*shape_of(v), 1)[-1] + same(q, k, v)


def of_heads(q: Any, k: Any, v: Any, num_heads: Any, in_proj_weight: Any, *rest: Any, **options: Any) -> int:
    width = (*shape_of(in_proj_weight), 1)[0]
    return of_attention(q, k, v) * max(1, largest(num_heads)) + (over(q) + over(k) + over(v)) * width


def of_ctc(log_p: Any, targets: Any, *rest: Any, **options: Any) -> int:
    return size(log_p) + shape_of(log_p)[0] * (2 * size(targets) + 1)


MORE: dict[str, dict[str, Callable[..., float]]] = {
    "np": {
        "arange": of_steps,
        "bincount": lambda x, weights=None, minlength=0: size(x) + max(largest(x) + 1, largest(minlength)),
        "broadcast_arrays": lambda *x: together(*x) * len(x),
        "broadcast_to": lambda array, shape: product(shape),
        "corrcoef": of_covariance,
        "cov": of_covariance,
        "diag": of_diag,
        "diagflat": lambda v, k=0: (size(v) + largest(k)) ** 2,
        "dot": of_dot,
        "einsum": of_einsum,
        "empty": of_shape,
        "empty_like": like,
        "eye": lambda N, M=None, k=0, *rest, **options: largest(N) * largest(N if M is None else M),
        "full": of_shape,
        "full_like": lambda a, fill_value, *rest, **options: like(a, *rest, **options),
        "geomspace": of_samples,
        "histogram": of_histogram,
        "histogram_bin_edges": of_histogram,
        "histogram2d": lambda x, y, bins=10, *rest, **options: size(x) + (bins_of(bins) + 1) ** 2,
        "histogramdd": of_histogramdd,
        "array_split": of_parts,
        "hsplit": of_parts,
        "vsplit": of_parts,
        "dsplit": of_parts,
        "split": of_parts,
        "inner": of_inner,
        "insert": of_insert,
        "isin": of_isin,
        "kron": lambda a, b: size(a) * size(b),
        "linspace": of_samples,
        "logspace": of_samples,
        "matmul": of_matmul,
        "matvec": lambda a, b: over(a) * over(b),
        "meshgrid": lambda *xi, **options: math.prod(map(size, xi)) * len(xi),
        "nanpercentile": lambda a, q, *rest, **options: size(a) * size(q),
        "nanquantile": lambda a, q, *rest, **options: size(a) * size(q),
        "ones": of_shape,
        "ones_like": like,
        "outer": lambda a, b: size(a) * size(b),
        "pad": of_padding,
        "percentile": lambda a, q, *rest, **options: size(a) * size(q),
        "piecewise": lambda x, condlist, funclist: same(x, condlist, funclist),
        "poly": lambda seq_of_zeros: size(seq_of_zeros) + 1,
        "polyfit": lambda x, y, deg, *rest, **options: size(x) * (largest(deg) + 1) + size(y) + largest(deg) ** 2,
        "polyint": lambda p, m=1, k=None: size(p) + largest(m),
        "quantile": lambda a, q, *rest, **options: size(a) * size(q),
        "repeat": lambda a, repeats, axis=None: size(a) * largest(repeats),
        "roots": lambda p: size(p) ** 2,
        "resize": lambda a, new_shape: product(new_shape),
        "take": of_take,
        "tensordot": of_tensordot,
        "tile": lambda A, reps: size(A) * product(reps),
        "unpackbits": lambda a, axis=None, count=None, *rest, **options: size(a) * (8 + largest(count)),
        "unstack": lambda x, axis=0: size(x) + PART * (shape_of(x) or (1,))[axis],
        "vander": lambda x, N=None, *rest, **options: size(x) * (size(x) if N is None else largest(N)),
        "vdot": lambda a, b: size(a) + size(b),
        "vecdot": same,
        "vecmat": lambda a, b: over(a) * over(b, -2),
        "zeros": of_shape,
        "zeros_like": like,
    },
    "np.linalg": {
        "matmul": of_matmul,
        "multi_dot": of_chain,
        "outer": lambda a, b: size(a) * size(b),
        "qr": of_qr,
        "svd": of_svd,
        "tensordot": of_tensordot,
        "vecdot": same,
    },
    "np.fft": {
        **dict.fromkeys("fft ifft rfft irfft hfft ihfft".split(), of_fft),
        **dict.fromkeys("fft2 ifft2 rfft2 irfft2".split(), of_fft2),
        **dict.fromkeys("fftn ifftn rfftn irfftn".split(), of_ffts),
    },
    "cr": {
        "bilinear": of_bilinear,
        "block_diag": lambda *arrs: math.prod(sum((1, 1, *shape_of(a))[i] for a in arrs) for i in (-2, -1)),
        "cdist": lambda x, y, p=2.0: over(x) * size(y) + size(x),
        "ctc_loss": of_ctc,
        "embedding": lambda weight, indices, padding_idx=None: of_take(weight, indices, 0) + size(weight),
        "embedding_bag": lambda weight, indices, *rest, **options: of_take(weight, indices, 0) + size(weight),
        "fold": of_fold,
        "gru_cell": of_cell,
        "interpolate": of_interpolate,
        "linear": of_linear,
        "local_response_norm": lambda x, size, *rest, **options: math.prod(shape_of(x)) * (largest(size) + 1),
        "lstm_cell": of_cell,
        "multi_head_attention": of_heads,
        "multilabel_margin_loss": lambda s, label, reduction="mean": size(s) * (*shape_of(s), 1)[-1],
        "one_hot": of_one_hot,
        "rnn_cell": of_cell,
        "scaled_dot_product_attention": of_attention,
        "unfold": of_unfold,
        **{
            name: made(axes)
            for axes in (1, 2, 3)
            for name, made in {
                f"adaptive_avg_pool{axes}d": of_adaptive_pool,
                f"adaptive_max_pool{axes}d": of_adaptive_pool,
                f"avg_pool{axes}d": of_pool,
                f"max_pool{axes}d": of_pool,
                f"lp_pool{axes}d": of_lp_pool,
                f"conv{axes}d": of_conv,
                f"conv_transpose{axes}d": of_conv_transpose,
            }.items()
        },
    },
    "special": {},
}
"""Functions that may make more numbers than they are given: how many, from what they are called with."""


# How long it takes ---------------------------------------------------------------------------------------------------


def cubic(a: Any, *rest: Any, **options: Any) -> int:
    """A decomposition: some thirty times the entries times the longer side."""
    return 30 * (size(a) + same(*rest)) * side(a)


def product_of_sizes(a: Any, b: Any, *rest: Any, **options: Any) -> int:
    return size(a) * size(b)


def repeated(x: Any, n: Any = 1, *rest: Any, **options: Any) -> int:
    """What is done n times over: a step is a recorded operation."""
    return (largest(n) + largest(options.get("m", 0))) * (size(x) + 100_000)


def in_chain(arrays: Any, **options: Any) -> int:
    *_, third, second, first = sorted([1, 1, 1, *(n for a in arrays for n in shape_of(a))])
    return first * second * third * len(arrays)


def in_conv(axes: int) -> Callable[..., int]:
    return lambda x, weight, *rest, **options: of_conv(axes)(x, weight, *rest, **options) * shape_of(weight)[0]


def in_conv_transpose(axes: int) -> Callable[..., int]:
    return lambda x, weight, *rest, **options: size(x) * size(weight)


def in_cell(x: Any, h: Any, w_ih: Any, *rest: Any, **options: Any) -> int:
    return (size(x) + same(h)) * (*shape_of(w_ih), 1)[0]


WORK: dict[str, dict[str, Callable[..., int]]] = {
    "np": {
        "convolve": product_of_sizes,
        "correlate": product_of_sizes,
        "diff": repeated,
        "dot": in_dot,
        "einsum": in_einsum,
        "inner": lambda a, b: size(a) * over(b),
        "matmul": in_matmul,
        "poly": lambda seq_of_zeros: size(seq_of_zeros) ** 2 * 30,
        "polyder": repeated,
        "polydiv": product_of_sizes,
        "polyfit": lambda x, y, deg, *rest, **options: 30 * size(x) * (largest(deg) + 1) ** 2,
        "polyint": repeated,
        "polymul": product_of_sizes,
        "polyval": product_of_sizes,
        "roots": lambda p: 30 * size(p) ** 3,
        "tensordot": in_tensordot,
    },
    "np.linalg": {
        **dict.fromkeys("cholesky cond det eig eigh eigvals eigvalsh inv lstsq matrix_norm".split(), cubic),
        **dict.fromkeys("matrix_power matrix_rank norm pinv qr slogdet solve svd svdvals".split(), cubic),
        "matmul": in_matmul,
        "multi_dot": in_chain,
        "tensordot": in_tensordot,
        "tensorinv": lambda a, *rest, **options: 30 * size(a) ** 2,
        "tensorsolve": lambda a, *rest, **options: 30 * size(a) ** 2,
    },
    "cr": {
        **dict.fromkeys("cho_factor cho_solve expm logm solve_sylvester solve_triangular sqrtm".split(), cubic),
        **dict.fromkeys("gru_cell lstm_cell rnn_cell".split(), in_cell),
        "bilinear": lambda x, y, weight, bias=None: over(x) * size(weight),
        "linear": lambda x, weight, *rest, **options: size(x) * (*shape_of(weight), 1)[0],
        **{f"conv{axes}d": in_conv(axes) for axes in (1, 2, 3)},
        **{f"conv_transpose{axes}d": in_conv_transpose(axes) for axes in (1, 2, 3)},
    },
}
"""Functions that take much longer than to write their result: about how many multiplications they do."""


METHODS: dict[str, tuple[int, Callable[..., float], Callable[..., int]]] = {
    **dict.fromkeys("sum mean prod max min std var ravel squeeze cumsum".split(), (1, same, same)),
    "clip": (2, same, same),
    "dot": (1, of_dot, in_dot),
    **dict.fromkeys(("reshape", "transpose"), (64, same, same)),
}
"""The methods of arrays: how many arguments are given by position, how many numbers it makes, how long it takes."""


# What is in the language ---------------------------------------------------------------------------------------------


class Function:
    """A function of the language, and what a call of it costs.

    Attributes
    ----------
    name : as the user writes it, for messages.
    call : the function itself.
    makes : how many numbers a call makes at most, from its arguments.
    works : about how many multiplications it does.
    """

    def __init__(self, name: str, call: Callable[..., Any], makes: Callable[..., float], works: Callable[..., float]):
        self.name = name
        self.call = call
        self.makes = makes
        self.works = works

    @functools.cached_property
    def positions(self) -> tuple[str, ...]:
        """The names of the parameters that are given by position; none for a block, which writes nowhere."""
        if isinstance(self.call, Block):
            return ()
        parameters = inspect.signature(self.call).parameters.values()
        return tuple(p.name for p in itertools.takewhile(lambda p: p.kind is not p.VAR_POSITIONAL, parameters))


@functools.cache
def functions_of(library: str) -> dict[str, Function]:
    """The functions of a library that are in the language, by their names."""
    path = {"cr": "chainrule", "np": "numpy", "special": "scipy.special"}.get(library, f"numpy{library[2:]}")
    module = importlib.import_module(path)
    makes: dict[str, Callable[..., float]] = {
        **dict.fromkeys(SAME.get(library, "").split(), same),
        **MORE.get(library, {}),
    }
    found = {}
    for name, f in vars(module).items():
        if name in makes:
            found[name] = Function(name, f, makes[name], WORK.get(library, {}).get(name, same))
        elif _is_elementwise(f) and not name.startswith("_"):
            works = same if library != "special" else _by_order if name in RECURSIONS else _slowly
            found[name] = Function(name, f, same, works)
    return found


def _is_elementwise(f: Any) -> bool:
    return isinstance(f, Elementwise) or (isinstance(f, np.ufunc) and f.signature is None and answer(f) is not None)


def _slowly(*given: Any) -> int:
    """Special functions are series: some take 10 µs for an entry."""
    return 1_000 * together(*given)


def _by_order(*given: Any) -> float:
    """And some are recursions, of as many steps as the largest of their arguments says."""
    steps = max(abs(number(n)) for x in given for n in np.ravel(x._node.value if type(x) is Array else x))
    return together(*given) * (1_000 + 10 * (steps if math.isfinite(steps) else 0))


RECURSIONS = frozenset(
    """
    chndtr chndtrinc chndtrix eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre
    eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi
    eval_sh_legendre hyp1f1 hyperu lpmv mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2
    mathieu_sem modstruve smirnov smirnovi struve
    yn
    """.split()
)
"""Special functions whose time grows with their arguments."""
