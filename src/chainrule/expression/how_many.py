"""The number of numbers that a call makes, for each function that may make more than its arguments hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.errors import ExpressionError
from chainrule.expression.measures import largest, over, product, same, shape_of, side, size, together, whole

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
    """The length of each letter of an einsum, and the letters of its result and operands; "…" is further axes."""
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
    return float(np.real(node_of(x).value if type(x) is Array else x))


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
"""The extra cost of each array in a list of results, counted in numbers."""


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
    """A size for each axis; 3 means 3 for all."""
    found = whole(n) or [1]
    return (found * axes)[:axes] if len(found) == 1 else found


def windows(axes: int, x: Any, kernel: Any, stride: Any = None, padding: Any = 0) -> int:
    """The number of entries in all windows over the last axes."""
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
"""For functions that may make more numbers than their arguments hold, a bound from the arguments."""
