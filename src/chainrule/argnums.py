"""Which arguments of a function are differentiated, by position or by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chainrule.block import Block
from chainrule.errors import GradientError
from chainrule.node import at_line

__all__ = ["Argnums", "chosen_arguments", "name_of", "needs_function", "positions_of"]


Argnums = int | str | tuple[int | str, ...] | list[int | str]


def needs_function(f: Any, what: str) -> None:
    """Raise unless f is callable: `what` (grad, check, …) takes the function itself, not its result."""
    if not callable(f):
        hint = f"write cr.{what}(f)(x), not cr.{what}(f(x))"
        if isinstance(f, str):
            hint = f"write a function; a text is read by the command line: chainrule {what} {f!r} x=1"
        raise GradientError(f"the first argument must be a function, not {type(f).__name__}; {hint}" + at_line())


def chosen_arguments(argnums: Argnums, what: str = "grad") -> tuple[int | str, ...]:
    """The arguments that argnums names, as a tuple."""
    chosen = argnums if isinstance(argnums, tuple | list) else (argnums,)
    if not all(isinstance(which, int | str) and not isinstance(which, bool) for which in chosen):
        raise GradientError(
            f"argnums must be positions or names of arguments, not {type(argnums).__name__}; write cr.{what}(f)(x), "
            f"not cr.{what}(f, x)" + at_line()
        )
    return tuple(chosen)


def positions_of(f: Callable[..., Any], argnums: Argnums, what: str = "grad") -> tuple[tuple[int, str], ...]:
    """Each chosen argument as (position, name). `what` is the transform that errors speak of."""
    needs_function(f, what)
    chosen = chosen_arguments(argnums, what)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if isinstance(f, Block) and f.takes_xp:
        parameters = parameters[1:]
    names = [p.name for p in parameters]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found: list[tuple[int, str]] = []
    for which in chosen:
        if isinstance(which, str):
            if which not in names:
                raise GradientError(
                    f"{name_of(f)} has no argument {which!r}; its arguments are {', '.join(names) or 'not known'}"
                    + at_line()
                )
            found.append((positional.index(which) if which in positional else -1, which))
        else:
            if which < 0 and several:
                raise GradientError(
                    f"{name_of(f)} takes any number of arguments, so argument {which} counts from no fixed end; "
                    "count from the start" + at_line()
                )
            index = which + len(positional) if which < 0 else which
            found.append((index, positional[index] if 0 <= index < len(positional) else ""))
    for index, (position, name) in enumerate(found):
        if (position, name) in found[:index]:
            raise GradientError(
                f"argnums {argnums!r} chooses the argument {name or position} of {name_of(f)} twice; "
                "choose each argument once" + at_line()
            )
    return tuple(found)


def name_of(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", None) or repr(f)
