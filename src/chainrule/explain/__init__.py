"""Explain: the forward pass and the backward pass of a function at given inputs, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from chainrule.argnums import Argnums
from chainrule.array import Array
from chainrule.forks import imported

if TYPE_CHECKING:
    from chainrule.explain.explanation import Explanation
else:

    def __getattr__(name):
        if name == "Explanation":  # imported on first use, with all that explains
            return imported("chainrule.explain.explanation").Explanation
        raise AttributeError(f"module 'chainrule.explain' has no attribute {name!r}")


__all__ = ["Explanation", "explain"]


@overload
def explain(f: Array, *, gradient: Any = None) -> Explanation: ...


@overload
def explain(
    f: Callable[..., Any], argnums: Argnums | None = None, *, gradient: Any = None
) -> Callable[..., Explanation]: ...


def explain(f: Any, argnums: Argnums | None = None, *, gradient: Any = None) -> Any:
    """A function that runs f and explains it: the forward pass, the backward pass, and closed forms.

    Parameters
    ----------
    f : a function that returns a scalar (the loss) or an array y. Names come from its local variables. It may also be
        a result computed from `cr.variable`s: then `cr.explain(L)` returns the explanation itself.
    argnums : the arguments to differentiate by, as positions or names; by default all of a floating type. Others are
        data.
    gradient : ∂L/∂y, if f returns an array y; of the shape of y; ones by default.

    Raises
    ------
    GradientError : the result is not real, or no argument is of a floating type.

    >>> import chainrule as cr
    >>> def loss(x, y):
    ...     L = x * y
    ...     return L
    >>> explanation = cr.explain(loss)(2.0, 3.0)
    >>> [str(step.value) for step in explanation.forward]
    ['2.0', '3.0', '6.0']
    >>> x = cr.variable(3.0)
    >>> L = x * x
    >>> print(cr.explain(L).closed_forms[0].latex())
    \\frac{\\partial L}{\\partial x} = 2 \\cdot x
    """
    return imported("chainrule.explain.explanation").explained_function(f, argnums, gradient)


def mime_bundle(self: Array, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """What a notebook shows of a recorded array, in the form that IPython asks for."""
    bundle: dict[str, str] = imported("chainrule.explain.arrays").mime_bundle(self, include, exclude)
    return bundle


Array._repr_mimebundle_ = mime_bundle
