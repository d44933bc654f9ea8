"""Cases of functions that write into their argument or choose entries: put, place, insert, unique, take, apply along.

The references index, or write into a clone, in torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import apart, far_from_zero, normal

MASK = np.array([[True, False, True], [False, True, False]])


def _written(write: Any) -> Any:
    """What a function makes of a copy of its first operand."""

    def of(x: Any, *others: Any) -> Any:
        x = x * 1.0
        write(x, *others)
        return x

    return of


def _torch_written(key: Any) -> Any:
    """x with x[key] = v done."""

    def of(x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[tuple(tensor(part) for part in key) if isinstance(key, tuple) else tensor(key)] = v
        return x

    return of


def _real_values(case: Case) -> Case:
    """A case in which the values written are real, so that real arrays hold them."""
    return Case(
        case.name,
        lambda x, v, f=case.f: f(x, np.real(v)),
        lambda x, v, g=case.torch: g(x, v.real.to(x.dtype)),
        case.operands,
    )


WRITING = [
    Case(
        "put",
        _written(lambda x, v: np.put(x, [4, 0], v)),
        _torch_written((np.array([1, 0]), np.array([1, 0]))),
        (normal(2, 3), normal(2)),
    ),
    Case(
        "put, places named twice, beyond the end",
        _written(lambda x, v: np.put(x, [1, 9, 1], v, mode="clip")),
        lambda x, v: torch.stack([x[0, 0], v[2], x[0, 2], x[1, 0], x[1, 1], v[1]]).reshape(2, 3),
        (normal(2, 3), normal(3)),
    ),
    Case(
        "place",
        _written(lambda x, v: np.place(x, MASK, v)),
        lambda x, v: _torch_written((np.array([0, 0, 1]), np.array([0, 2, 1])))(x, torch.cat([v, v[:1]])),
        (normal(2, 3), normal(2)),
    ),
    Case(
        "putmask",
        _written(lambda x, v: np.putmask(x, MASK, v)),
        lambda x, v: torch.where(tensor(MASK), v, x),
        (normal(2, 3), normal(2, 3)),
    ),
    Case("copyto", _written(lambda x, v: np.copyto(x, v)), lambda x, v: v.expand(2, 3) + 0, (normal(2, 3), normal(3))),
    Case(
        "copyto where",
        _written(lambda x, v: np.copyto(x, v, where=MASK)),
        lambda x, v: torch.where(tensor(MASK), v, x),
        (normal(2, 3), normal(3)),
    ),
    Case(
        "put_along_axis",
        _written(lambda x, v: np.put_along_axis(x, np.array([[2], [0]]), v, axis=1)),
        _torch_written((np.array([[0], [1]]), np.array([[2], [0]]))),
        (normal(2, 3), normal(2, 1)),
    ),
    Case(
        "fill_diagonal",
        _written(lambda x, v: np.fill_diagonal(x, v)),
        _torch_written((np.arange(3), np.arange(3))),
        (normal(4, 3), normal(3)),
    ),
    Case(
        "fill_diagonal wrap",
        _written(lambda x, v: np.fill_diagonal(x, v, wrap=True)),
        _torch_written((np.array([0, 1, 3, 4]), np.array([0, 1, 0, 1]))),
        (normal(5, 2), normal()),
    ),
    Case("fill", _written(lambda x, v: x.fill(v)), lambda x, v: v.expand(2, 3) + 0, (normal(2, 3), normal())),
    Case(
        "put method",
        _written(lambda x, v: x.put([0], v)),
        _torch_written((np.array([0]), np.array([0]))),
        (normal(2, 3), normal()),
    ),
]
WRITING = [_real_values(case) for case in WRITING]
WRITING += [
    Case(
        "insert",
        lambda x, v: np.insert(x, 1, np.real(v), axis=1),
        lambda x, v: torch.cat([x[:, :1], v.real.to(x.dtype)[:, None], x[:, 1:]], 1),
        (normal(2, 3), normal(2)),
    ),
    Case(
        "insert at several places",
        lambda x, v: np.insert(x, [0, 2, 2], np.real(v)),
        lambda x, v: torch.cat([v.real.to(x.dtype)[:1], x[:2], v.real.to(x.dtype)[1:], x[2:]]),
        (normal(3), normal(3)),
    ),
    Case(
        "resize method",
        _written(lambda x: x.resize((2, 4), refcheck=False)),
        lambda x: torch.cat([x.flatten(), x.new_zeros(2)]).reshape(2, 4),
        (normal(2, 3),),
    ),
]

# Chosen ------------------------------------------------------------------------------------------------------


CHOSEN = [
    Case(
        "sort method",
        lambda x: _written(lambda y: y.sort(axis=0))(np.real(x)),
        lambda x: torch.sort(x.real, 0).values,
        (apart(3, 2),),
    ),
    Case(
        "partition method",
        lambda x: _written(lambda y: y.partition(0))(np.real(x)),
        lambda x: torch.sort(x.real).values,
        (apart(2),),
    ),
    Case("compress method", lambda x: x.compress([False, True], axis=1), lambda x: x[:, 1:2], (normal(2, 3),)),
    Case("cumprod method", lambda x: x.cumprod(axis=1), lambda x: torch.cumprod(x, 1), (normal(2, 3),)),
    Case("view method", lambda x: x.view() * x, torch.square, (normal(2, 3),)),
    Case("take mode=wrap", lambda x: np.take(x, [-1, 4], 1, mode="wrap"), lambda x: x[:, [2, 1]], (normal(2, 3),)),
    Case("take mode=clip", lambda x: np.take(x, [-1, 4], mode="clip"), lambda x: x.flatten()[[0, 4]], (normal(2, 3),)),
    Case(
        "choose mode=wrap",
        lambda x, y: np.choose([[3, -2, 4], [0, 1, 2]], [x, y], mode="wrap"),
        lambda x, y: torch.where(torch.tensor([[True, False, False], [False, True, False]]), y, x),
        (normal(2, 3), normal(3)),
    ),
    Case("unique", lambda x: np.unique(np.real(x)), lambda x: torch.sort(x.real.flatten()).values, (apart(2, 2),)),
    Case("trim_zeros", lambda x: np.trim_zeros(np.pad(x, 2)), lambda x: x * 1, (far_from_zero(2, 3),)),
    Case(
        "trim_zeros at the front",
        lambda x: np.trim_zeros(np.pad(x, 1), "f"),
        lambda x: torch.cat([x, x.new_zeros(1)]),
        (far_from_zero(3),),
    ),
    Case("ix_", lambda x, y: np.multiply(*np.ix_(x, y)), torch.outer, (normal(2), normal(3))),
    Case(
        "apply_along_axis",
        lambda x: np.apply_along_axis(lambda row: np.outer(row, row[:1]), 0, x),
        lambda x: (x * x[0])[:, None],
        (normal(3, 2),),
    ),
    Case(
        "apply_along_axis to numbers",
        lambda x: np.apply_along_axis(np.sum, 1, x),
        lambda x: x.sum(1),
        (normal(2, 3, 2),),
    ),
    Case(
        "apply_over_axes",
        lambda x: np.apply_over_axes(np.sum, x, [0, -1]),
        lambda x: x.sum((0, 2), keepdim=True),
        (normal(2, 3, 2),),
    ),
    Case(
        "unwrap",
        lambda x: np.unwrap(np.real(x) * 6) * x,
        lambda x: (
            torch.cat([(6 * x.real)[:1], (6 * x.real)[:1] + torch.cumsum(_shortest(torch.diff(6 * x.real)), 0)]) * x
        ),
        (normal(5),),
    ),
]


def _shortest(step: torch.Tensor) -> torch.Tensor:
    """A step between −π and π that ends at the same angle."""
    return step - 2 * np.pi * torch.round(step.detach() / (2 * np.pi))


WRITING_CASES = [*WRITING, *CHOSEN]
"""All cases of this family."""
