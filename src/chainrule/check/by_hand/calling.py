"""How a backward pass written by hand is called, which its parameters tell.

    def gradient(x, w):                 the gradient itself, of what f(x, w) returns
    def backward(dout, cache):          of f(x, w) -> out, cache
    def backward(dh, dc, cache):        of f(x, w) -> h, c, cache
    def backward(cache, dout):          as JAX has it: bwd(res, g)
    def backward(dout, x, w):           of f(x, w) -> out
    def backward(self, dout):           of the method forward(self, x) -> out of the same object
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.check.by_hand.names import is_cotangent, is_saved
from chainrule.check.call import CheckedCall
from chainrule.errors import GradientError
from chainrule.layout import copied_as_it_lies
from chainrule.node import at_line
from chainrule.recording import name_of
from chainrule.trees import flatten

__all__ = ["HandWritten"]

OUTPUTS = frozenset(["ans", "out", "output", "y", "z"])
"""Parameters that stand for what f returned, unless f has an argument of this name."""


@dataclass(frozen=True)
class HandWritten:
    """A gradient written by hand.

    Attributes
    ----------
    function : the user's function.
    call : the call of f, which returns only what L is made of.
    whole : the same call of f as it is, which may also return what the backward pass needs.
    roles : for each parameter what it is given: "cotangent", "saved", "output" or the name of an argument of f. None if
        it takes the arguments of f as they are.
    outputs : how many of the results of f come first and have a gradient; None if f returns nothing else.
    """

    function: Callable[..., Any]
    call: CheckedCall
    whole: CheckedCall
    roles: tuple[str, ...] | None
    outputs: int | None
    network: Any = None

    @classmethod
    def of(cls, function: Callable[..., Any], call: CheckedCall, network: Any = None) -> HandWritten:
        """The gradient of a call of f, by the names of its parameters."""
        own = list(network.argument_names) if network is not None else [a.name for a in call.arguments]
        required, rest = _parameters(function)
        f = call.f
        if getattr(function, "__self__", None) is not None and (
            getattr(function, "__self__", None) is getattr(f, "__self__", ())
        ):
            return cls(function, call, call, ("cotangent",) * len(required), None, network)
        roles: tuple[Any, ...] = tuple(_role(p, own) for p in required)
        if rest and "cotangent" in roles:
            roles = (*roles, "*")
        alike = None in roles and "saved" not in roles and len(required) == len(own)
        if alike or ("cotangent" not in roles and "saved" not in roles):
            return cls(function, call, call, None, None, network)
        if None in roles:
            unknown = ", ".join(p for p, role in zip(required, roles, strict=False) if role is None)
            raise GradientError(
                f"the gradient written by hand takes {', '.join(required)}: what is {unknown}? It may take the "
                f"arguments of {name_of(f)} ({', '.join(own)}); or dout and cache, if {name_of(f)} returns "
                f"out, cache; or dout and arguments of {name_of(f)}" + at_line()
            )
        counted = roles.count("cotangent")
        result = call.run(_copies(call.leaves)) if network is None else network.plain_result()
        saved = "saved" in roles
        if not saved and roles[-1] == "*" and isinstance(result, tuple) and len(result) == counted + 1:
            roles, saved = (*roles[:-1], "*saved"), True
        outputs: int | None = max(counted, 1)
        if saved or counted > 1:
            if not isinstance(result, tuple | list) or len(result) < max(counted, 1) + saved:
                raise GradientError(
                    f"the gradient written by hand takes {', '.join(required)}, so {name_of(f)} must return "
                    f"{max(counted, 1) + saved} values: what has a gradient"
                    + (", and what is saved for the backward pass" if saved else "")
                    + f"; it returns {f'{len(result)} values' if isinstance(result, tuple | list) else 'one'}"
                    + at_line()
                )
        elif not isinstance(result, tuple):
            outputs = None
        if outputs is None:
            return cls(function, call, call, roles, None, network)
        return cls(function, replace(call, f=_first(f, outputs)), call, roles, outputs, network)

    @property
    def takes_cotangents(self) -> bool:
        """Whether ∂L/∂out is an argument, so L may be any sum over the results."""
        return self.roles is not None and "cotangent" in self.roles

    def run(self, leaves: Sequence[Any], seeds: Sequence[Any]) -> Callable[[], Any]:
        """The call of the user's function, ready to be made, for other arguments of f and ∂L/∂out."""
        if self.network is not None:
            return self.network.call_by_hand(self, leaves, seeds)
        args, kwargs = self.whole.trees(_copies(leaves))
        if self.roles is None:
            return lambda: self.function(*args, **kwargs)
        named = dict(zip([a.name for a in self.whole.arguments], [*args, *kwargs.values()], strict=False))
        result = self.whole.f(*self.whole.trees(_copies(leaves))[0], **self.whole.trees(_copies(leaves))[1])
        return self.with_roles(result, list(seeds), named)

    def with_roles(self, result: Any, seeds: list[Any], named: dict[str, Any]) -> Callable[[], Any]:
        """The call with what f returned, ∂L/∂out and the arguments of f in their places."""
        assert self.roles is not None
        several = self.outputs is not None
        out = result[: self.outputs] if several else result
        leaves, rebuild = flatten(out if several and self.roles.count("cotangent") > 1 else out[0] if several else out)
        cotangents = [
            np.array(seed) if np.ndim(leaf) or not isinstance(leaf, float) else float(seed)
            for seed, leaf in zip(seeds, leaves, strict=True)
        ] if self.network is None else seeds
        tree = rebuild(cotangents)
        upstream = list(tree) if self.roles.count("cotangent") > 1 else [tree]
        rest = result[self.outputs :] if several else ()
        saved = rest[0] if len(rest) == 1 else tuple(rest)
        given: list[Any] = []
        for role in self.roles:
            if role == "cotangent":
                given.append(upstream.pop(0))
            elif role == "saved":
                given.append(saved)
            elif role == "*saved":
                given += list(saved) if isinstance(saved, tuple | list) else [saved]
            elif role == "output":
                given.append(out[0] if several else out)
            elif role == "*":
                taken = {r for r in self.roles if r in named}
                given += [x for name, x in named.items() if name not in taken]
            else:
                given.append(named[role])
        return lambda: self.function(*given)


def _first(f: Callable[..., Any], count: int) -> Callable[..., Any]:
    """f, without what it returns for the backward pass."""

    def first(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        return result[0] if count == 1 else tuple(result[:count])

    first.__name__ = name_of(f)
    return first


def _copies(leaves: Sequence[Any]) -> list[Any]:
    return [copied_as_it_lies(x) if isinstance(x, np.ndarray) else value_of(x) for x in leaves]


def _parameters(function: Callable[..., Any]) -> tuple[list[str], bool]:
    """The names of the required positional parameters, and whether there may be more."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [], True
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    return positional, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _role(name: str, own: Sequence[str]) -> str | None:
    if name in own:
        return name
    if is_saved(name):
        return "saved"
    if name in OUTPUTS:
        return "output"
    return "cotangent" if is_cotangent(name) else None
