"""Cases of the methods of ufuncs: reduce, accumulate, reduceat, outer and at; the references are loops in torch.

With AVX-512 NumPy's own `power.reduce`, `arctan2.reduce` and their `reduceat` are wrong where the reduced axis is
contiguous (seen with NumPy 2.4). So plain arrays are reduced here step by step, as NumPy defines it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import apart, normal, positive

UFUNCS: dict[str, tuple[Any, Callable[..., torch.Tensor], Any]] = {
    "add": (np.add, torch.add, normal),
    "subtract": (np.subtract, torch.sub, normal),
    "multiply": (np.multiply, torch.mul, normal),
    "divide": (np.divide, torch.div, positive),
    "power": (np.power, torch.pow, positive),
    "maximum": (np.maximum, torch.maximum, apart),
    "minimum": (np.minimum, torch.minimum, apart),
    "fmax": (np.fmax, torch.fmax, apart),
    "fmin": (np.fmin, torch.fmin, apart),
    "hypot": (np.hypot, torch.hypot, positive),
    "logaddexp": (np.logaddexp, torch.logaddexp, normal),
    "arctan2": (np.arctan2, torch.arctan2, positive),
}
"""Ufuncs of two operands, PyTorch's, and a domain in which results stay."""


def _folded(g: Any) -> Any:
    return lambda x: reduce(g, x.unbind(0))


def _so_far(g: Any) -> Any:
    return lambda x: torch.stack([reduce(g, x[: i + 1].unbind(0)) for i in range(len(x))])


def _real(case: Case) -> Case:
    return Case(
        case.name,
        lambda *xs: case.f(*(np.real(x) for x in xs)),
        lambda *xs: case.torch(*(x.real for x in xs)),
        case.operands,
        lambda *xs: case.plain(*(np.real(x) for x in xs)),
    )


METHODS = [
    _real(case) if domain is apart or f is np.hypot else case
    for name, (f, g, domain) in UFUNCS.items()
    for case in (
        Case(f"{name}.reduce of rows", lambda x, f=f: f.reduce(x), _folded(g), (domain(3, 2),), partial(reduce, f)),
        Case(
            f"{name}.reduce, keepdims",
            lambda x, f=f: f.reduce(x, axis=-1, keepdims=True),
            lambda x, g=g: _folded(g)(x.T)[:, None],
            (domain(2, 3),),
            lambda x, f=f: reduce(f, x.T)[:, None],
        ),
        Case(
            f"{name}.accumulate of columns",
            lambda x, f=f: f.accumulate(x, axis=1),
            lambda x, g=g: _so_far(g)(x.T).T,
            (domain(2, 3),),
        ),
        Case(
            f"{name}.reduceat",
            lambda x, f=f: f.reduceat(x, [0, 2, 1]),
            lambda x, g=g: torch.stack([g(x[0], x[1]), x[2], reduce(g, x[1:].unbind(0))]),
            (domain(4, 2),),
            lambda x, f=f: np.stack([f(x[0], x[1]), x[2], reduce(f, x[1:])]),
        ),
        Case(
            f"{name}.outer of a vector and a matrix",
            lambda x, y, f=f: f.outer(x, y),
            lambda x, y, g=g: g(x[:, None, None], y + 0 * x.sum()),
            (domain(2), domain(3, 2)),
        ),
        Case(
            f"{name}.at",
            lambda x, y, f=f: _at(f, x, [1, 0, 1], y),
            lambda x, y, g=g: _in_turn(g, x, y.real.to(x.dtype)),
            (domain(3), domain(3)),
        ),
    )
]


def _at(f: Any, x: Any, key: Any, *others: Any) -> Any:
    x = x * 1.0
    f.at(x, key, *(np.real(y) for y in others))
    return x


def _in_turn(g: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.stack([g(x[0], y[1]), g(g(x[1], y[0]), y[2]), x[2]])


HERE = np.array([[True, False, True], [True, True, False]])

METHODS += [
    Case(
        "hypot.reduce of two axes where, with an initial value",
        lambda x: np.hypot.reduce(x, axis=(0, 1), where=HERE, initial=2.0),
        lambda x: torch.sqrt((x[tensor(HERE)] ** 2).sum() + 4),
        (normal(2, 3),),
    ),
    Case(
        "logaddexp.reduce where",
        lambda x: np.logaddexp.reduce(x, axis=None, where=HERE),
        lambda x: torch.logsumexp(x[tensor(HERE)], 0),
        (normal(2, 3),),
    ),
    Case(
        "logaddexp2.reduce of two axes",
        lambda x: np.logaddexp2.reduce(x, axis=(0, 1)),
        lambda x: torch.logsumexp(x.flatten() * np.log(2), 0) / np.log(2),
        (normal(2, 3),),
    ),
    Case(
        "subtract.reduce where, with an initial value",
        lambda x: np.subtract.reduce(x, axis=1, where=HERE, initial=1.0),
        lambda x: 1 - torch.where(tensor(HERE), x, 0.0).sum(1),
        (normal(2, 3),),
    ),
    Case(
        "add.reduce with every keyword",
        lambda x: np.add.reduce(x, axis=(0, 1), dtype=x.dtype, keepdims=True, initial=3.0, where=HERE),
        lambda x: x[tensor(HERE)].sum().reshape(1, 1) + 3,
        (normal(2, 3),),
    ),
    Case(
        "maximum.reduce where",
        lambda x: np.maximum.reduce(x, axis=1, where=HERE, initial=-9.0),
        lambda x: torch.where(tensor(HERE), x, -9.0).amax(1),
        (apart(2, 3),),
    ),
    Case(
        "square.at",
        lambda x: _at(np.square, x, [0, 2, 0]),
        lambda x: torch.stack([x[0] ** 4, x[1], x[2] ** 2]),
        (normal(3),),
    ),
    Case(
        "multiply.at, several axes",
        lambda x, y: _at(np.multiply, x, (slice(None), [0, 0]), y),
        lambda x, y: torch.cat([x[:, :1] * (y.real[:1] * y.real[1:]), x[:, 1:]], 1),
        (normal(2, 3), normal(2)),
    ),
    Case("modf, behind the point", lambda x: np.modf(x)[0] * x, lambda x: torch.frac(x) * x, (apart(2, 3),)),
    Case("modf, before the point", lambda x: np.modf(x)[1] * x, lambda x: torch.trunc(x) * x, (apart(2, 3),)),
    Case("divmod of a number", lambda x: np.divmod(7.0, x)[1], lambda x: 7 - x * torch.floor(7 / x), (positive(2, 3),)),
    Case("frexp", lambda x: np.frexp(x * 9)[0] * x, lambda x: torch.frexp(x * 9)[0] * x, (apart(2, 3),)),
    Case(
        "var with a given mean",
        lambda x, m: np.var(x, axis=1, mean=np.real(m)),
        lambda x, m: (abs(x - m.real) ** 2).mean(1),
        (normal(2, 3), normal(2, 1)),
    ),
    Case(
        "std correction=1 where, with a given mean",
        lambda x: np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True), correction=1, where=HERE, keepdims=True),
        lambda x: torch.sqrt((torch.where(tensor(HERE), abs(x - x.mean(1, True)) ** 2, 0.0)).sum(1, True)),
        (normal(2, 3),),
    ),
    Case("var correction=1", lambda x: np.var(x, correction=1), lambda x: torch.var(x), (normal(2, 3),)),
    Case("sum of no axis", lambda x: np.sum(x, axis=()), lambda x: x * 1, (normal(2, 3),)),
]

UFUNC_METHOD_CASES = METHODS
"""All cases of this family."""
