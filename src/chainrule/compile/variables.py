"""The names of a function while it is translated: their values, and known facts about variables."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from llvmlite import ir

from chainrule.compile.indexing import Indexing
from chainrule.compile.loops import LoopExpression, Name
from chainrule.compile.spans import ANY, Span, joined
from chainrule.compile.typed import KINDS, TypedArray, TypedNumber, Untranslatable

__all__ = ["Variables"]


class Variables(Indexing):
    """Binds names to values.

    Attributes
    ----------
    names, variables : the value of each name; for a variable, its address on the stack.
    straight : whether there are neither loops nor branches, so that names are bound to values directly.
    assigned : the expressions that the function assigns to each variable.
    known : the facts about each variable: its span, and the token of a length.
    refined : the narrower spans that variables have where a condition holds.
    """

    def __init__(self, module: ir.Module, builder: ir.IRBuilder, memory: ir.Block, flags: tuple[str, ...] | None):
        super().__init__(module, builder, memory, flags)
        self.names: dict[str, Any] = {}
        self.variables: dict[str, TypedNumber] = {}
        self.straight = False
        self.assigned: Mapping[str, set[str]] = {}
        self.known: dict[str, TypedNumber] = {}
        self.refined: dict[str, Span] = {}

    def is_bound(self, name: str) -> bool:
        return name in self.variables or name in self.names

    def bound(self, name: str) -> Any:
        """The value of a name; for a variable, its present value."""
        if name not in self.variables:
            return self.names[name]
        place, about = self.variables[name], self.known[name]
        span = self.refined.get(name, about.span)
        return TypedNumber(place.dtype, self.builder.load(place.value), span, about.token)

    def bind(self, name: str, value: Any) -> None:
        """Bind a name to a value directly."""
        self.names[name] = value
        self.variables.pop(name, None)

    def assign(self, name: str, value: Any) -> None:
        """Assign to a variable. A number gets a stack slot, which LLVM turns into registers."""
        if isinstance(value, TypedArray) or self.straight:
            self.bind(name, value)
            return
        if isinstance(value, tuple) and not isinstance(value, TypedNumber):
            raise Untranslatable(f"{name} is several values")
        number = self.number(value)
        known = self.variables.get(name)
        if known is None or known.dtype != number.dtype:
            self.variables[name] = known = TypedNumber(number.dtype, self.variable(KINDS[number.dtype]))
        self.builder.store(number.value, known.value)
        self._learn(name, number)

    def _learn(self, name: str, number: TypedNumber) -> None:
        """Note a variable's span; it is known only if all its assignments assign the same."""
        self.refined.pop(name, None)
        if len(self.assigned[name]) > 1:
            self.known[name] = number._replace(span=ANY, token=None)
        elif name in self.known:
            self.known[name] = number._replace(span=joined(self.known[name].span, number.span), token=None)
        else:
            self.known[name] = number if number.token is not None else number._replace(token=(name, id(self)))

    def refine(
        self, found: dict[str, Span], left: tuple[LoopExpression, Span], right: tuple[LoopExpression, Span], apart: int
    ) -> None:
        """Narrow the spans in `found` by x + apart ≤ y; x and y are given with their spans."""
        (x, low), (y, high) = left, right
        if isinstance(x, Name) and x.text in self.variables:
            known = found.get(x.text, low)
            highs = [n for n in (known.high, None if high.high is None else high.high - apart) if n is not None]
            below = tuple((token, n - apart) for token, n in high.below)
            found[x.text] = known._replace(high=min(highs, default=None), below=known.below + below)
        if isinstance(y, Name) and y.text in self.variables:
            known = found.get(y.text, high)
            lows = [n for n in (known.low, None if low.low is None else low.low + apart) if n is not None]
            found[y.text] = known._replace(low=max(lows, default=None))

    @contextlib.contextmanager
    def within(self, refined: dict[str, Span]) -> Iterator[None]:
        """Context in which variables have these narrower spans, until they are assigned to."""
        before, self.refined = self.refined, self.refined | refined
        yield
        self.refined = before
