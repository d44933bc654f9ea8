"""Names of gradients: which value a variable such as `dx`, `grad_x` or `dL_dx` is the gradient of."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["is_cotangent", "is_saved", "named_by", "value_names"]

_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"d_?(?:loss|cost|[lLJEC])_?d_?(.+)",  # dL_dx, dLdx, dloss_dx
        r"d_(.+)",
        r"d(.+)",
        r"[gG]rads?_?(?:of_|wrt_)?(.+)",  # grad_x, gradX
        r"(.+?)_?(?:[gG]rad|gradient|bar|adj)",  # x_grad, x_bar
        r"(?:delta|bar|adj|g)_(.+)",
        r"(?:delta|bar|g)(.+)",  # delta1, gx
    )
)

_SAVED = frozenset(["cache", "caches", "saved", "res", "residuals", "residual", "ctx", "context", "memory", "state"])
_COTANGENTS = frozenset(
    ["g", "grad", "grads", "gradient", "upstream", "delta", "cotangent", "ct", "error", "upstream_grad", "up", "seed"]
)


def value_names(name: str) -> list[str]:
    """The values that a variable may be the gradient of, the likeliest first.

    >>> value_names("dxhat"), value_names("dL_dx")[0], value_names("x_grad")[0]
    (['xhat'], 'x', 'x')
    """
    found = [match[1] for pattern in _PATTERNS if (match := pattern.fullmatch(name))]
    return list(dict.fromkeys(found))


def named_by(name: str, known: Iterable[str]) -> str | None:
    """The known name whose gradient a variable is, by its own name: dx_hat and dXhat belong to xhat, too."""
    known = list(known)
    exact = set(known)
    for value in value_names(name):
        if value in exact:
            return value
    plain: dict[str, list[str]] = {}
    for value in known:
        plain.setdefault(_plain(value), []).append(value)
    for value in value_names(name):
        if len(alike := plain.get(_plain(value), [])) == 1:
            return alike[0]
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def is_cotangent(name: str) -> bool:
    """Whether the name of a parameter of a backward pass means the gradient of the output: dout, grad_output, g."""
    return name in _COTANGENTS or bool(value_names(name))


def is_saved(name: str) -> bool:
    """Whether the name of a parameter of a backward pass means values saved by the forward pass: cache, ctx."""
    return name.lower() in _SAVED
