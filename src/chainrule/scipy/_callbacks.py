"""Functions of the user that SciPy calls (callbacks): their plain values for SciPy, and their derivatives.

SciPy's solver runs on plain numbers. The result of a callback may depend on recorded values from outside: further
arguments, variables of its closure. They are found by running it: its recorded steps start from them.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, constant, form_of, node_of, read
from chainrule.block import Block
from chainrule.buffered import BUFFERED
from chainrule.errors import CannotRecord, GradientError
from chainrule.libraries import is_inexact
from chainrule.node import NO_PARAMS, Node, at_line, now
from chainrule.reach import is_filled
from chainrule.scipy._replayed import Replayed, Solved
from chainrule.solutions import pulled_through_solution
from chainrule.standins.buffer import plain_of
from chainrule.standins.names import standins
from chainrule.standins.numpy_functions import joined
from chainrule.step import record

__all__ = [
    "Again",
    "Callback",
    "as_recorded",
    "frozen",
    "implicit",
    "known_step",
    "pulled_step",
    "solved_step",
    "unwatched",
    "without_derivative",
]


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Context without a watcher: reads of values in it add no guards when a function is compiled."""
    watcher = WATCHER.set(None)
    try:
        yield
    finally:
        WATCHER.reset(watcher)


class Callback:
    """A function of the user's, with the further arguments that SciPy would give it.

    Attributes
    ----------
    outside : the recorded values from outside on which its results have depended, as nodes.
    fixed : those of them that have no derivative, such as labels; they are not in `outside`.
    decisions : the values that its code has read since the last call of `at`, and what was read.
    has_jacobian : whether it returns its derivative too, as the second result.
    """

    def __init__(self, f: Callable[..., Any], args: Any = (), kwargs: Any = None, has_jacobian: bool = False):
        self.f, self.kwargs, self.has_jacobian = f, kwargs or {}, has_jacobian
        self.args = args if isinstance(args, tuple) else (args,)
        self.start = now()
        self.outside: dict[Node, None] = {}
        self.fixed: dict[Node, None] = {}
        self.decisions: dict[Node, str] = {}

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Context in which a read within the callback is no guard of a compiled function, but noted here."""
        outer = WATCHER.get()
        token = WATCHER.set(None if outer is None else self._heard(outer))
        try:
            yield
        finally:
            WATCHER.reset(token)

    def _heard(self, outer: Callable[[Node, str], Any]) -> Callable[[Node, str], Any]:
        def hear(node: Node, how: str) -> Any:
            if node.order < self.start:
                return outer(node, how)
            self._note(node)
            self.decisions.setdefault(node, how)
            return None

        return hear

    def __call__(self, *x: Any) -> Any:
        """The plain result, for SciPy."""
        with self._watched():
            result = self.f(*x, *self.args, **self.kwargs)
            if self.has_jacobian:
                return tuple(self._plain(part) for part in result)
            return self._plain(result)

    def _plain(self, result: Any) -> Any:
        result = _as_array(result)
        if type(result) is not Array:
            return result
        self._note(node_of(result))
        value = node_of(result).value
        return value.copy() if isinstance(value, np.ndarray) else value

    def _note(self, node: Node) -> None:
        """Note the recorded values from outside on which a result depends."""
        seen, stack = {node}, [node]
        while stack:
            node = stack.pop()
            if node.order < self.start:
                (self.outside if node.differentiable else self.fixed)[node] = None
                continue
            for operand in node.inputs:
                if operand.__class__ is Node and operand not in seen:
                    seen.add(operand)
                    stack.append(operand)

    def recorded(self, *x: Any) -> Any:
        """The recorded result."""
        return self._recorded(x)[0]

    def _recorded(self, x: Sequence[Any]) -> list[Any]:
        """The recorded result, and the derivative if it is returned too."""
        with self._watched():
            result = self.f(*x, *self.args, **self.kwargs)
            parts = [_as_array(part) for part in (result if self.has_jacobian else [result])]
        for part in parts:
            if type(part) is Array:
                self._note(node_of(part))
        return parts

    def at(self, *x: Any) -> Replayed:
        """The function near these plain arguments, as a function of them and of the values from outside."""
        nodes = [Node(None, (), NO_PARAMS, constant(part)) for part in x]
        self.decisions = {}
        results = self._recorded([*map(Array, nodes)])
        return Replayed(nodes, [*self.outside], [*self.fixed], results, self.decisions, self.start)

    def operands(self) -> list[Any]:
        """The values from outside. Reading them guards a compiled function: SciPy has used their numbers."""
        self.read()
        return [Array(node) for node in self.outside]

    def read(self, how: str = "value") -> None:
        """Guard a compiled function by the numbers of all values from outside."""
        for node in (*self.outside, *self.fixed):
            read(node, how)


def _as_array(x: Any) -> Any:
    x = plain_of(x)
    return joined(x) if isinstance(x, list | tuple | np.ndarray) else x


# Steps whose value SciPy has computed --------------------------------------------------------------------------------


class Again:
    """How SciPy computes a value again, for other operands. `content` is what two recordings compare of it."""

    def __init__(self, value: Callable[..., Any], content: Any):
        self.value, self.content = _HeldFunction(value), content


def solved_step(
    name: str, value: Any, operands: Sequence[Any], backward: Callable[..., Any], again: Again | None = None
) -> Any:
    """Record a step with a known value; `backward` is its rule. Compiled code computes the value again if it can."""

    def known(xp: Any, *operands: Any) -> Any:
        return value

    def solved(xp: Any, *operands: Any) -> Any:
        assert again is not None
        if any(type(x) is Array for x in operands):
            raise CannotRecord(f"{name} is computed by SciPy")
        return again.value.f(*operands)

    rule = known if again is None else solved
    rule.__name__ = rule.__qualname__ = name
    block = Solved(rule, leading_axes=True)
    block.is_fixed = again is None
    block.backward(backward)
    return record(block, tuple(operands), known=value)


def without_derivative(name: str, value: Any, operands: Sequence[Any], again: Again | None = None) -> Any:
    """A result that depends on recorded values, but whose derivative is not known: using it for one is an error."""
    if not any(type(x) is Array for x in operands):
        return value

    def backward(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        raise GradientError(f"the derivative of {name} is not known; give cr.stop_gradient of it" + at_line())

    return solved_step(name, value, operands, backward, again)


def known_step(name: str, value: Any, operands: Sequence[Any], jacobian: Callable[[], np.ndarray]) -> Any:
    """A step with a known value, whose Jacobian is computed when it is needed: a row for each entry of the result,
    a column for each entry of the operands. It has no second derivatives.
    """
    if not operands:
        return value
    found: list[np.ndarray] = []

    def backward(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        if not found:
            found.append(jacobian())
        slopes = without_derivative(f"the derivative of {name}", found[0], operands)
        lead = tuple(dz.shape[: len(dz.shape) - np.ndim(value)])
        return _shares(xp, xp.reshape(dz, (*lead, np.size(value))) @ slopes, operands)

    return solved_step(name, value, operands, backward)


def _shares(xp: Any, rows: Any, operands: Sequence[Any]) -> list[Any]:
    """The gradients of the operands, cut out of rows that hold the entries of all of them."""
    grads, start = [], 0
    for x in operands:
        size = int(np.prod(np.shape(x), dtype=int))
        grads.append(xp.reshape(rows[..., start : start + size], (*rows.shape[:-1], *np.shape(x))))
        start += size
    return grads


def implicit(
    name: str, residual: Callable[..., Any], solution: Any, operands: Sequence[Any], again: Again | None = None
) -> Any:
    """The solution z of residual(z, *operands) = 0, which SciPy has found, with its derivatives of all orders.

    By the implicit function theorem: where F(z, x) = 0, dz = −(∂F/∂z)⁻¹ ∂F/∂x dx. Operands of integers have none.
    """
    if not operands:
        return solution

    def backward(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        moving = [i for i, x in enumerate(operands) if is_inexact(form_of(x))]

        def of_moving(z: Any, *chosen: Any) -> Any:
            every = list(operands)
            for i, x in zip(moving, chosen, strict=True):
                every[i] = x
            return residual(z, *every)

        found = pulled_through_solution(name, of_moving, xp, dz, z, [operands[i] for i in moving])
        gradients: list[Any] = [None] * len(operands)
        for i, g in zip(moving, found, strict=True):
            gradients[i] = g
        return gradients

    return solved_step(name, solution, operands, backward, again)


def pulled_step(name: str, value: Any, operands: Sequence[Any], pull: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A step with a known value; `pull` gives the gradients of the operands, one after the other, from ∂L/∂z.

    It has no second derivatives.
    """
    if not operands:
        return value

    held = _HeldFunction(pull)

    def pulled(xp: Any, dz: Any, *operands: Any) -> Any:
        lead = tuple(dz.shape[: len(dz.shape) - np.ndim(value)])
        rows = np.reshape(dz, (-1, *np.shape(value)))
        return np.reshape(np.stack([held.f(row) for row in rows]), (*lead, -1))

    def no_second(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        raise GradientError(f"the second derivative of {name} is not known" + at_line())

    pulled.__name__ = pulled.__qualname__ = f"{name}_backward"
    backward_block = Block(pulled, leading_axes=True)
    backward_block.backward(no_second)

    def backward(xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        return _shares(xp, backward_block(dz, *operands), operands)

    return solved_step(name, value, operands, backward)


class _HeldFunction:
    """A function whose closure is not compared when two recordings are compared; the operands are."""

    __slots__ = ("f",)

    def __init__(self, f: Callable[..., Any]):
        self.f = f


# Calling a function of the user's later ------------------------------------------------------------------------------


def frozen(f: Any, known: dict[int, Any] | None = None) -> Any:
    """A copy of a function with the present values of its closure, which a loop may change later."""
    known = {} if known is None else known
    if type(f) is not types.FunctionType or not f.__closure__:
        return f
    if id(f) not in known:
        cells = tuple(types.CellType() for _ in f.__closure__)
        made = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
        made.__kwdefaults__ = f.__kwdefaults__
        known[id(f)] = made
        for new, cell in zip(cells, f.__closure__, strict=True):
            if is_filled(cell):
                new.cell_contents = frozen(cell.cell_contents, known)
    return known[id(f)]


@contextlib.contextmanager
def as_recorded(f: Any) -> Iterator[None]:
    """Context in which names in the code of f have the stand-ins that they have while f is recorded."""
    buffered = BUFFERED.set(True)
    try:
        with standins(f, [], {}), unwatched():
            yield
    finally:
        BUFFERED.reset(buffered)
