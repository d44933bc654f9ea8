"""Rules in the form of JAX: a JVP, whose transpose is the backward rule; or a forward pass with residuals."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.array import form_of
from chainrule.block.base import AdaptedRule
from chainrule.errors import BlockError, GradientError
from chainrule.libraries import as_numpy, dtype_of, is_inexact, namespace_of
from chainrule.node import at_line
from chainrule.trees import flatten

__all__ = ["JvpRule", "VjpRule", "require_arguments"]


class JvpRule:
    """A backward rule made of a JVP rule, `rule(primals, tangents) -> (result, its tangent)`: the transpose of that.

    Attributes
    ----------
    rule : the JVP rule.
    transpose : gives the gradients of the operands of a linear function: `(function, operands, dz) -> gradients`.
    """

    def __init__(self, rule: AdaptedRule, transpose: Callable[..., Any]):
        self.rule, self.transpose = rule, transpose

    @property
    def function(self) -> Callable[..., Any]:
        return self.rule.function

    def bound_to(self, owner: Any) -> JvpRule:
        return JvpRule(self.rule.bound_to(owner), self.transpose)

    def __call__(self, xp: Any, dz: Any, z: Any, *operands: Any, **params: Any) -> Any:
        places = [i for i, x in enumerate(operands) if is_inexact(form_of(x))]
        none = [np.zeros(np.shape(form_of(x))) for x in operands]

        def tangent(xp: Any, *tangents: Any) -> Any:
            given = list(none)
            for i, t in zip(places, tangents, strict=True):
                given[i] = t
            return self._tangent(self.rule(xp, operands, tuple(given), **params), z)

        # It is linear, so it may be transposed at any tangents except zeros, which mean masked entries.
        ones = [namespace_of((x := form_of(operands[i]),)).ones(np.shape(x), dtype=dtype_of(x)) for i in places]
        pulled = self.transpose(tangent, ones, dz)
        self._require_linear(tangent(xp, *ones), ones, dz, pulled)
        gradients: list[Any] = [None] * len(operands)
        for i, g in zip(places, pulled, strict=True):
            gradients[i] = g
        return gradients

    def _tangent(self, returned: Any, z: Any) -> Any:
        """The tangent that the rule returned, checked against the result."""
        name = self.function.__name__
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise GradientError(
                f"a JVP rule returns (result, tangent of the result); {name} returned {type(returned).__name__}"
                + at_line()
            )
        shapes, wanted = ([tuple(np.shape(form_of(x))) for x in flatten(tree)[0]] for tree in (returned[1], z))
        if shapes != wanted:
            raise GradientError(
                f"the JVP rule {name} returned a tangent of shape {', '.join(map(str, shapes))} for a result of shape "
                f"{', '.join(map(str, wanted))}" + at_line()
            )
        return returned[1]

    def _require_linear(self, tangent: Any, ones: Sequence[Any], dz: Any, pulled: Sequence[Any]) -> None:
        """Raise unless ⟨dz, J t⟩ = ⟨Jᵀ dz, t⟩, as for every linear function."""
        there = [(_plain(a), _plain(b)) for a, b in zip(flatten(dz)[0], flatten(tangent)[0], strict=True)]
        here = [(_plain(a), _plain(b)) for a, b in zip(pulled, ones, strict=True) if a is not None]
        one, other = (sum(np.real(np.sum(np.conj(a) * b)) for a, b in pairs) for pairs in (there, here))
        size = sum(np.sum(np.abs(a) * np.abs(b)) for a, b in [*there, *here])
        precision = max((np.finfo(a.dtype).eps for a, _ in there if a.dtype.kind in "fc"), default=1.0)
        if np.isfinite(size) and abs(one - other) > 1e3 * precision * size:
            raise GradientError(
                f"the JVP rule {self.function.__name__} is not linear in the tangents: zeros must give zeros, and "
                "twice the tangents twice the result" + at_line()
            )


def _plain(x: Any) -> np.ndarray:
    return np.asarray(as_numpy(form_of(x)))


class VjpRule:
    """A backward rule of two functions: `fwd(*operands) -> (result, residuals)`, `bwd(residuals, dz) -> gradients`.

    The backward pass calls both, so the residuals are not kept between the passes.
    """

    def __init__(self, fwd: AdaptedRule, bwd: AdaptedRule):
        self.fwd, self.bwd = fwd, bwd

    @property
    def function(self) -> Callable[..., Any]:
        return self.bwd.function

    def bound_to(self, owner: Any) -> VjpRule:
        return VjpRule(self.fwd.bound_to(owner), self.bwd.bound_to(owner))

    def __call__(self, xp: Any, dz: Any, z: Any, *operands: Any, **params: Any) -> Any:
        returned = self.fwd(xp, *operands, **params)
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise GradientError(
                f"fwd returns (result, residuals); {self.fwd.function.__name__} returned {type(returned).__name__}"
                + at_line()
            )
        return self.bwd(xp, returned[1], dz)


def require_arguments(rule: AdaptedRule, wanted: str, given: int, params: Iterable[str]) -> None:
    """Raise unless a rule takes `given` arguments by position, and these parameters by name."""
    signature = inspect.signature(rule.function)
    try:
        signature.bind(*[None] * (given + rule.takes_xp), **dict.fromkeys(params))
    except TypeError:
        raise BlockError(f"{wanted}, not ({', '.join(signature.parameters)})" + at_line()) from None
