"""Estimates of the time of a call, in multiplications, for functions that take much longer than writing the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.expression.how_many import in_dot, in_einsum, in_matmul, in_tensordot, of_conv
from chainrule.expression.measures import largest, over, same, shape_of, side, size


def cubic(a: Any, *rest: Any, **options: Any) -> int:
    """A decomposition: thirty times the number of entries times the longer side."""
    return 30 * (size(a) + same(*rest)) * side(a)


def product_of_sizes(a: Any, b: Any, *rest: Any, **options: Any) -> int:
    return size(a) * size(b)


A_STEP = 1_000_000
"""The cost of each operation that a function records in a loop, since each operation is explained."""


def repeated(x: Any, n: Any = 1, *rest: Any, **options: Any) -> int:
    """A function that repeats its work n times."""
    return (largest(n) + largest(options.get("m", 0))) * (size(x) + A_STEP)


def in_polyval(p: Any, x: Any) -> int:
    return size(p) * (size(x) + A_STEP)


def in_polydiv(u: Any, v: Any) -> int:
    return max(size(u) - size(v) + 1, 0) * (size(u) + A_STEP)


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
        "poly": lambda seq_of_zeros: size(seq_of_zeros) * (size(seq_of_zeros) * 30 + A_STEP),
        "polyder": repeated,
        "polydiv": in_polydiv,
        "polyfit": lambda x, y, deg, *rest, **options: 30 * size(x) * (largest(deg) + 1) ** 2,
        "polyint": repeated,
        "polymul": product_of_sizes,
        "polyval": in_polyval,
        "roots": lambda p: 30 * size(p) ** 3,
        "tensordot": in_tensordot,
        "vander": lambda x, N=None, *rest, **options: (size(x) if N is None else largest(N)) * (size(x) + A_STEP),
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
"""For functions that take much longer than writing the result, about how many multiplications they do."""
