"""How a backward pass written by hand is called; the names of its parameters decide this.

def gradient(x, w):                 the gradient itself, of what f(x, w) returns
def backward(dout, cache):          of f(x, w) -> out, cache
def backward(dh, dc, cache):        of f(x, w) -> h, c, cache
def backward(cache, dout):          as JAX has it: bwd(res, g)
def backward(dout, x, w):           of f(x, w) -> out
def backward(self, dout):           of the method forward(self, x) -> out of the same object, which may keep self.dW
    f itself                            if it returns L and its gradient
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.argnums import name_of
from chainrule.array import value_of
from chainrule.check.by_hand.names import is_cotangent, is_saved
from chainrule.check.by_hand.objects import attributes_set, kept_gradients, read
from chainrule.check.call import CheckedArgument, CheckedCall
from chainrule.errors import GradientError
from chainrule.layout import copied_as_it_lies
from chainrule.node import at_line
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
    call : the call of f, with only the results that L is computed from.
    whole : the same call of f, with all its results; they may include values saved for the backward pass.
    roles : for each parameter, what is passed to it: "cotangent", "saved", "output", "*" for all further arguments of
        f, "*saved", or the name of an argument of f. None if it takes the arguments of f as they are.
    outputs : the number of leading results of f that have a gradient; None if f returns nothing else.
    network : f itself if it is a network of PyTorch; the user's function then takes tensors.
    """

    function: Callable[..., Any]
    call: CheckedCall
    whole: CheckedCall
    roles: tuple[str, ...] | None = None
    outputs: int | None = None
    network: Any = None

    @classmethod
    def of(
        cls, function: Callable[..., Any], call: CheckedCall, network: Any = None, chosen: bool = False
    ) -> HandWritten:
        """The hand-written gradient of a call of f; `chosen` says whether argnums selects arguments."""
        plain = cls(function, call, call, network=network)
        required, any_more = _parameters(function)
        f = call.f if network is None else network.function
        if function is f:  # it returns L and its gradient
            return replace(plain, function=_rest(f), call=replace(call, f=_first(call.f, 1)))
        if _owner(function) is not None and _owner(function) is _owner(f):
            method = replace(plain, roles=("cotangent",) * len(required))
            return method if network is not None or chosen else method._with_attributes(_owner(f))
        own = list(plain._arguments(call.leaves))
        roles = [_role(p, own) for p in required]
        positional = None in roles and "saved" not in roles and len(required) == len(own)
        if positional or ("cotangent" not in roles and "saved" not in roles):
            return plain
        others = [i for i, role in enumerate(roles) if role not in ("cotangent", "saved", "output")]
        if len(others) in (len(own), plain._count) and all(roles[i] is None for i in others):  # other names for them
            for i, name in zip(others, own, strict=False):
                roles[i] = name
        if None in roles:
            raise GradientError(_unclear(required, roles, own, name_of(call.f)) + at_line())
        return plain._with_roles([role for role in roles if role is not None], required, any_more)

    @property
    def _count(self) -> int:
        """How many arguments f was called with."""
        return len(self.whole.arguments) if self.network is None else self.network.count

    def _with_roles(self, roles: list[str], required: Sequence[str], any_more: bool) -> HandWritten:
        f = name_of(self.call.f)
        counted, saved = max(roles.count("cotangent"), 1), "saved" in roles
        result = self._result(self.call.leaves)
        if any_more:
            in_cache = not saved and isinstance(result, tuple) and len(result) == counted + 1
            roles, saved = [*roles, "*saved" if in_cache else "*"], saved or in_cache
        needed = counted + saved
        if needed > 1 and (not isinstance(result, tuple | list) or len(result) < needed):
            has = f"{len(result)} values" if isinstance(result, tuple | list) else "one value"
            kept = ", the last of them what is saved for the backward pass" if saved else ""
            raise GradientError(
                f"the gradient written by hand takes {', '.join(required)}, so {f} must return {needed} values{kept}; "
                f"it returns {has}" + at_line()
            )
        if needed == 1 and not isinstance(result, tuple):
            return replace(self, roles=tuple(roles))
        call = replace(self.call, f=_first(self.call.f, counted))
        return replace(self, call=call, roles=tuple(roles), outputs=counted)

    def _with_attributes(self, owner: Any) -> HandWritten:
        """With the object's arrays as further arguments, if it stores their gradients, as self.dW for self.W."""
        result = self._result(self.call.leaves)
        ones = [np.ones(np.shape(x)) for x in flatten(result)[0]]
        self.run(self.call.leaves, ones)()
        pairs = kept_gradients(owner)
        for label in list(pairs):  # an attribute that forward itself sets is not an argument
            mine = np.array(read(owner, label))
            with attributes_set(owner, {label: mine}):
                self._result(self.call.leaves)
                if read(owner, label) is not mine:
                    del pairs[label]
        if not pairs:
            return self
        f, own = self.whole.f, self.function

        def with_attributes(*args: Any, **kwargs: Any) -> Any:
            given = {label: kwargs.pop(label) for label in list(kwargs) if label in pairs}
            with attributes_set(owner, given):
                return f(*args, **kwargs)

        def backward(*given: Any) -> Any:
            cotangents, arrays = given[: -len(pairs)], given[-len(pairs) :]
            with attributes_set(owner, dict(zip(pairs, arrays, strict=True))):
                told = own(*cotangents)
                found = [read(owner, pairs[label]) for label in pairs]
            return (*(told if isinstance(told, tuple) else (told,)), *found)

        with_attributes.__name__ = name_of(f)
        further = [_attribute_argument(label, read(owner, label)) for label in pairs]
        call = replace(self.call, f=with_attributes, arguments=(*self.call.arguments, *further))
        assert self.roles is not None
        return replace(self, function=backward, call=call, whole=call, roles=(*self.roles, *pairs))

    @property
    def takes_cotangents(self) -> bool:
        """Whether ∂L/∂out is an argument, so L may be any sum over the results."""
        return self.roles is not None and "cotangent" in self.roles

    # Calling ------------------------------------------------------------------------------------------------------

    def run(self, leaves: Sequence[Any], seeds: Sequence[Any]) -> Callable[[], Any]:
        """The call of the user's function, ready to be made, for other arguments of f and ∂L/∂out."""
        if self.roles is None:
            args, kwargs = self._as_given(leaves, self.function)
            return lambda: self.function(*args, **kwargs)
        result, named = self._result(leaves), self._arguments(leaves)
        out = result if self.outputs is None else result[0] if self.outputs == 1 else tuple(result[: self.outputs])
        upstream = iter(self._cotangents(out, seeds))
        given: list[Any] = []
        for role in self.roles:
            if role == "cotangent":
                given.append(next(upstream))
            elif role == "output":
                given.append(out)
            elif role in ("saved", "*saved"):
                rest = result[self.outputs :]
                saved = rest[0] if len(rest) == 1 else tuple(rest)
                given += saved if role == "*saved" and isinstance(saved, tuple | list) else [saved]
            elif role == "*":
                given += [x for name, x in named.items() if name not in self.roles]
            else:
                given.append(named[role])
        return lambda: self.function(*given)

    def _cotangents(self, out: Any, seeds: Sequence[Any]) -> Sequence[Any]:
        """∂L/∂out in the structure of what f returned, one for each parameter that takes one."""
        leaves, rebuild = flatten(out)
        if self.network is not None:
            made = [self.network.as_tensor(seed, like) for seed, like in zip(seeds, leaves, strict=True)]
        else:
            made = [
                float(seed) if isinstance(like, float) and np.ndim(seed) == 0 else np.array(seed)
                for seed, like in zip(seeds, leaves, strict=True)
            ]
        tree = rebuild(made)
        assert self.roles is not None
        return tree if self.roles.count("cotangent") > 1 else [tree]

    def _result(self, leaves: Sequence[Any]) -> Any:
        """What f returns for plain arguments."""
        f = self.whole.f if self.network is None else self.network.function
        args, kwargs = self._as_given(leaves, f)
        return f(*args, **kwargs)

    def _as_given(self, leaves: Sequence[Any], function: Any) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments of f, for a function that takes the same: f itself or the user's."""
        args, kwargs = self.whole.trees(_copies(leaves))
        return (args, kwargs) if self.network is None else self.network.arguments(args, function)

    def _arguments(self, leaves: Sequence[Any]) -> dict[str, Any]:
        """The arguments of f by name."""
        args, kwargs = self.whole.trees(_copies(leaves))
        if self.network is not None:
            return self.network.named_arguments(args)
        return dict(zip([a.name for a in self.whole.arguments], [*args, *kwargs.values()], strict=True))


def _attribute_argument(label: str, value: Any) -> CheckedArgument:
    return CheckedArgument(label, label, (np.array(value),), (label,), lambda leaves: leaves[0], (0,))


def _rest(f: Callable[..., Any]) -> Callable[..., Any]:
    """What f returns after L: its gradient."""

    def rest(*args: Any, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        return result[1] if len(result) == 2 else tuple(result[1:])

    rest.__wrapped__ = f  # type: ignore[attr-defined]  # the user's function, which `mistakes_of` may change
    return rest


def _owner(function: Any) -> Any:
    """The object of a method; None for a function."""
    owner = getattr(function, "__self__", None)
    return None if inspect.ismodule(owner) else owner


def _unclear(required: Sequence[str], roles: Sequence[str | None], own: Sequence[str], f: str) -> str:
    unknown = ", ".join(p for p, role in zip(required, roles, strict=True) if role is None)
    return (
        f"the gradient written by hand takes {', '.join(required)}: what is {unknown}? It may take the arguments of "
        f"{f} ({', '.join(own)}); or dout and cache, if {f} returns out, cache; or dout and arguments of {f}"
    )


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
