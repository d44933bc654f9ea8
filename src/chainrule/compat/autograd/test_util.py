"""Checks of gradients, as HIPS autograd names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import chainrule as cr

__all__ = ["check_grads"]


def check_grads(f: Callable[..., Any], modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> Callable[..., None]:
    """A function of the arguments that raises an AssertionError if a gradient of f is wrong there."""

    def check(*args: Any, **kwargs: Any) -> None:
        report = cr.check(f, tuple(range(len(args))))(*args, **kwargs)
        assert report.ok, str(report)

    return check
