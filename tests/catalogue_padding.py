"""Cases of np.pad: PyTorch's pad where it has the mode, else what the mode means, written with torch.cat."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cases import Case, tensor
from chainrule.domains import apart, normal

pad = torch.nn.functional.pad


def _by_place(**options: Any) -> Any:
    """A mode that only repeats entries: each is found by its number."""

    def of(x: torch.Tensor) -> torch.Tensor:
        return x.flatten()[tensor(np.pad(np.arange(x.numel()).reshape(x.shape), **options))]

    return of


def _rows(before: Any, after: Any) -> Any:
    """Padding of the last axis: what comes before a row and after it."""
    return lambda x: torch.cat([*before(x), x, *after(x)], -1)


REPEATING: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "edge": ((2, 3), {"pad_width": ((1, 2), (0, 1))}),
    "reflect": ((3, 4), {"pad_width": 2}),
    "symmetric": ((2, 2), {"pad_width": (3, 1)}),
    "wrap": ((3,), {"pad_width": 4}),
}

PADDING_CASES = [
    Case(
        f"pad {mode}",
        lambda x, mode=mode, options=options: np.pad(x, mode=mode, **options),
        _by_place(mode=mode, **options),
        (normal(*shape),),
    )
    for mode, (shape, options) in REPEATING.items()
]
PADDING_CASES += [
    Case("pad", lambda x: np.pad(x, ((1, 2), (0, 1))), lambda x: pad(x, (0, 1, 1, 2)), (normal(2, 3),)),
    Case("pad by a dict of axes", lambda x: np.pad(x, {-1: (1, 2)}), lambda x: pad(x, (1, 2)), (normal(2, 3),)),
    Case(
        "pad with two constants",
        lambda x: np.pad(x, 1, constant_values=(3.0, 4.0)),
        _rows(lambda x: [x.new_full((1,), 3.0)], lambda x: [x.new_full((1,), 4.0)]),
        (normal(3),),
    ),
    Case(
        "pad with a recorded constant",
        lambda x, c: np.pad(x, ((0, 1), (2, 0)), constant_values=np.real(c)) ** 2,
        lambda x, c: torch.cat([torch.cat([c.real.expand(2, 2), x], 1), c.real.expand(1, 5)]) ** 2,
        (normal(2, 3), normal()),
    ),
    Case(
        "pad empty",
        lambda x: np.pad(x, (1, 2), mode="empty")[1:-2] * x,
        lambda x: x * x,
        (normal(3),),
    ),
    Case(
        "pad linear_ramp",
        lambda x: np.pad(x, ((0, 0), (2, 3)), mode="linear_ramp", end_values=(1.0, -2.0)),
        _rows(
            lambda x: [x[..., :1] * 0 + 1.0, (x[..., :1] + 1.0) / 2],
            lambda x: [x[..., -1:] + share / 3 * (-2.0 - x[..., -1:]) for share in (1, 2, 3)],
        ),
        (normal(2, 3),),
    ),
    Case(
        "pad maximum",
        lambda x: np.pad(x, ((0, 0), (1, 2)), mode="maximum"),
        _rows(lambda x: [x.amax(-1, True)], lambda x: [x.amax(-1, True)] * 2),
        (apart(2, 3),),
    ),
    Case(
        "pad minimum of some",
        lambda x: np.pad(x, ((0, 0), (1, 1)), mode="minimum", stat_length=(2, 1)),
        _rows(lambda x: [x[..., :2].amin(-1, True)], lambda x: [x[..., -1:]]),
        (apart(2, 3),),
    ),
    Case(
        "pad mean of some",
        lambda x: np.pad(x, ((0, 0), (2, 1)), mode="mean", stat_length=2),
        _rows(lambda x: [x[..., :2].mean(-1, True)] * 2, lambda x: [x[..., -2:].mean(-1, True)]),
        (normal(2, 3),),
    ),
    Case(
        "pad mean along two axes",
        lambda x: np.pad(x, 1, mode="mean"),
        lambda x: _rows(lambda y: [y.mean(-1, True)], lambda y: [y.mean(-1, True)])(
            torch.cat([x.mean(0, True), x, x.mean(0, True)])
        ),
        (normal(2, 3),),
    ),
    Case(
        "pad median",
        lambda x: np.pad(x, ((0, 0), (1, 1)), mode="median"),
        _rows(lambda x: [torch.quantile(x, 0.5, -1, True)], lambda x: [torch.quantile(x, 0.5, -1, True)]),
        (apart(2, 4),),
    ),
    Case(
        "pad reflect odd",
        lambda x: np.pad(x, ((0, 0), (2, 1)), mode="reflect", reflect_type="odd"),
        _rows(
            lambda x: [2 * x[..., :1] - x[..., 2:3], 2 * x[..., :1] - x[..., 1:2]],
            lambda x: [2 * x[..., -1:] - x[..., -2:-1]],
        ),
        (normal(2, 4),),
    ),
    Case(
        "pad symmetric odd",
        lambda x: np.pad(x, ((0, 0), (2, 1)), mode="symmetric", reflect_type="odd"),
        _rows(lambda x: [2 * x[..., :1] - x[..., 1:2], x[..., :1]], lambda x: [x[..., -1:]]),
        (normal(2, 4),),
    ),
    Case(
        "pad reflect odd, farther than the array",
        lambda x: np.pad(x, (0, 3), mode="reflect", reflect_type="odd"),
        # A straight line goes on: each further step is the mirrored step before the edge.
        _rows(
            lambda x: [],
            lambda x: [
                2 * x[-1:] - x[-2:-1],
                2 * x[-1:] - x[-3:-2],
                2 * (2 * x[-1:] - x[-3:-2]) - (2 * x[-1:] - x[-2:-1]),
            ],
        ),
        (normal(3),),
    ),
]
"""All cases of np.pad."""
