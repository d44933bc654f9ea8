"""A block: its forward rule and its backward rule, and how it is called and pulled back."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import numpy as np

from chainrule.array import Array, joined, node_of
from chainrule.block.bounds import Bounds
from chainrule.block.dependence import Dependence, everything
from chainrule.domains import Example
from chainrule.errors import BlockError, GradientError, RecordingError
from chainrule.escape import printable
from chainrule.hints import keyword_hint
from chainrule.libraries import PLAIN, is_foreign, namespace_of
from chainrule.node import at_line
from chainrule.step import foreign_result, record, record_write
from chainrule.versions import Write

__all__ = ["AdaptedRule", "Block", "axis_from_right", "parameters_of"]

F = TypeVar("F", bound=Callable[..., Any])

FIXED = frozenset([*PLAIN, slice, str, type, np.dtype, type(Ellipsis)])
"""Types of parameters that cannot change."""


def kept(param: Any) -> Any:
    """A parameter for a node to keep: a copy, because the user may write into arrays and lists later."""
    kind = type(param)
    if kind in FIXED or (kind is tuple and FIXED.issuperset(map(type, param))):
        return param
    if isinstance(param, np.ndarray):
        return param.copy()
    if kind in (list, tuple):
        return kind(map(kept, param))
    if kind is dict:
        return {key: kept(part) for key, part in param.items()}
    if kind is not Array and isinstance(param, Array):
        return kept(param.settled())
    return param


NARROW = frozenset([np.float16, np.float32])
_MAY_BE_NARROW = NARROW | {np.ndarray}


def _not_narrow(param: Any) -> Any:
    """A float16 or float32 parameter as a Python float, so that rules compute with it in any precision."""
    number = param[()] if type(param) is np.ndarray and not param.ndim else param
    return float(number) if type(number) in NARROW else param


def _one_array(operand: Any) -> Any:
    """A list of numbers as one array; a buffer as the plain or recorded array that it holds now."""
    if isinstance(operand, Array):
        return operand.settled()
    return joined(operand) if isinstance(operand, (list, tuple, np.ndarray)) else operand


class Block:
    """A computation block: recorded as one node and shown as one box.

    Make one with `cr.block`. Call it like a function: with a recorded array among the operands it records, with plain
    arrays it computes.

    Attributes
    ----------
    name : the name of the forward rule, for people to read. Nothing is looked up by it: a user's block may be called
        softmax and be something else.
    pure : whether it is known to give the same result each time. All blocks of the library do; a user's block may
        draw random numbers.
    bounds : the range of the result, from the ranges of the operands (see `bounds`); None if not known.
    dependence : which entries of the operands each entry of the result depends on (see `dependence`).
    example : operands and parameters on which it is shown and checked.
    operands : names of the arguments that it is differentiated by (those without a default).
    defaults : its parameters (arguments with a default) and their defaults.
    flat_at_infinity : whether its derivative is 0 where the result is infinite, as that of log, of sqrt and of a norm;
        or a function of the operands (nodes or constants) that returns this.
    grows : whether it overflows where its operand is still far from overflow, as exp.
    result : the name of the result in its backward rule.
    """

    pull_through_inside: Callable[..., Sequence[Any]]
    """The gradients of a block without a backward rule; `transforms.py`, a higher layer, sets it."""

    def __init__(
        self,
        rule: Callable[..., Any],
        *,
        notation: Callable[..., Any] | None = None,
        differentiable: bool = True,
        view: bool = False,
        leading_axes: bool = False,
        complex: bool = True,
        example: Example | None = None,
        bounds: Bounds | None = None,
        dependence: Dependence = everything,
    ):
        if not callable(rule):
            raise BlockError(f"a block is made of a function, not of {type(rule).__name__}" + at_line())
        functools.update_wrapper(self, rule, updated=())
        self.rule = rule
        self.name = printable(_name_of(rule))
        self.pure = False
        self.notation = notation
        self.bounds = bounds
        self.dependence = dependence
        self.differentiable = differentiable
        self.view = view  # whether NumPy's own result may share memory with the first operand
        self.needs_numpy = False  # whether its rule computes with NumPy's arrays only
        self.any_dtype = False  # whether its result may be integers or truths, where a gradient ends
        self.draws = False  # whether its own algorithm draws random numbers, on which the result does not depend
        self.may_copy = False  # whether it is a view or a copy depending on the operand's memory layout
        self.free_signs = False  # whether other signs are equally right, as for eigenvectors
        self.complex = complex  # whether the backward rule is right for complex numbers too
        self.example = example
        self.leading_axes = leading_axes  # whether the backward rule is known to accept extra leading axes
        self.flat_at_infinity: bool | Callable[..., bool] = False
        self.grows = False
        self.write: Write | None = None  # how it changes its first operand at `key`, if that is all that it does
        self.picks = False  # whether its backward rule looks for the result among the entries of its operand, as max
        self.by_form = False  # whether its backward rule reads only shapes and dtypes of differentiated operands
        self.pull_in_place: Callable[..., Sequence[Any] | None] | None = (
            None  # a backward rule that adds into the memory of gradients
        )
        self.result = "z"  # the name of the result in the backward rule: p for softmax, most often z
        self._joint: Any = None
        self._by_operand: dict[str, Any] = {}
        self._rules: tuple[Any, ...] = ()
        self._read_signature(rule)

    def _read_signature(self, rule: Callable[..., Any]) -> None:
        """Find the operands and the parameters: arguments without a default and with one."""
        parameters = parameters_of(rule)
        first = parameters[0].name if parameters else ""
        self.takes_self = first if first in ("self", "cls") else ""  # set if a method is not bound to an object yet
        parameters = parameters[bool(self.takes_self) :]
        self.takes_xp = bool(parameters) and parameters[0].name == "xp"
        parameters = parameters[self.takes_xp :]
        self.forward = rule if self.takes_xp and not self.takes_self else AdaptedRule(rule, self.takes_xp)
        kinds = {kind: [p for p in parameters if p.kind is kind] for kind in {p.kind for p in parameters}}
        self.variadic = _Kind.VAR_POSITIONAL in kinds
        self.open = _Kind.VAR_KEYWORD in kinds  # whether it takes parameters of any name
        self.required = tuple(p.name for p in kinds.get(_Kind.KEYWORD_ONLY, ()) if p.default is p.empty)
        positional = [p for p in parameters if p.kind not in (_Kind.KEYWORD_ONLY, _Kind.VAR_KEYWORD)]
        self.operands = tuple(p.name for p in positional if p.default is p.empty)
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        by_position = tuple(p.name for p in positional if p.default is not p.empty)
        if self.variadic and by_position:
            raise BlockError(
                f"block {self.name} has the parameter {by_position[0]} before *{self.operands[-1]}; "
                f"write it after: *{self.operands[-1]}, {by_position[0]}={self.defaults[by_position[0]]!r}" + at_line()
            )
        self._by_position = self.operands + by_position
        self._arity = len(self.operands)
        self._names = (*self.operands, *self.defaults, *self.required)
        self._has_axis = "axis" in self.defaults
        # A call with all operands by position needs no binding, if its axis is already counted from the right.
        self._simple = not (self.variadic or self.required) and (not self._has_axis or self.defaults["axis"] == -1)

    @property
    def does(self) -> Any:
        """A key shared by equal blocks: a user's function may make its block anew on each call."""
        return self if self.pure else getattr(self.rule, "__code__", self)

    def __repr__(self) -> str:
        return f"<Block {self.name}({', '.join(self._names)})>"

    def names_of(self, count: int) -> tuple[str, ...] | None:
        """The names of so many operands, if all have one: those that `*operands` takes have none."""
        names = self.operands[:-1] if self.variadic else self.operands
        return names if len(names) == count else None

    # Calling ----------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._simple and not kwargs and len(args) == self._arity:
            operands, params = args, self.defaults
        else:
            operands, params = self.bind(args, kwargs)
        plain = True
        for operand in operands:
            kind = type(operand)
            if kind is Array:
                return self._recorded(operands, params)
            plain = plain and (kind in PLAIN or (kind is np.ndarray and operand.dtype.kind != "O"))
        if not plain:
            operands = tuple(_one_array(x) for x in operands)
            if any(type(x) is Array for x in operands):
                return self._recorded(operands, params)
            if any(map(is_foreign, operands)) and not hasattr(self, "several"):
                return foreign_result(self, operands, params)
        return self.forward(namespace_of(operands), *operands, **params)

    def _recorded(self, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if params and params is not self.defaults:
            params = {name: kept(param) for name, param in params.items()}
        if self.write is not None and len(operands) == 2:
            return record_write(self, operands, params, params["key"])
        return record(self, operands, params)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split the arguments of a call into operands and parameters, with axes counted from the right."""
        count = len(args)
        complete = count == self._arity or (self.variadic and count >= self._arity - 1)
        if complete and not self.required and kwargs.keys() <= self.defaults.keys():
            operands, params = args, {**self.defaults, **kwargs}
        else:
            operands, params = self._told_apart(args, kwargs)
        for name, param in params.items():
            if type(param) is Array:
                if node_of(param).differentiable:
                    raise RecordingError(
                        f"block {self.name}: {name} has a default, so it is a parameter and has no gradient; "
                        "a recorded array must be an operand (an argument without a default)" + at_line()
                    )
                params[name] = param.value
            elif self.pure and type(param) in _MAY_BE_NARROW:
                params[name] = _not_narrow(param)
        if self._has_axis and operands and not self.variadic:
            params["axis"] = axis_from_right(
                params["axis"], np.ndim(operands[0]) if type(operands[0]) is not Array else operands[0].ndim
            )
        return operands, params

    def _told_apart(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The operands and the parameters among the arguments of a call; an error for those that do not fit."""
        params = dict(self.defaults)
        if self.variadic:
            operands = args
            missing = self.operands[len(args) : -1]
        else:
            if len(args) > len(self._by_position):
                raise BlockError(
                    f"block {self.name} takes {len(self._by_position)} arguments by position, {len(args)} were given"
                    + at_line()
                )
            given = dict(zip(self._by_position, args, strict=False))
            if twice := given.keys() & kwargs.keys():
                raise BlockError(f"block {self.name}: {', '.join(sorted(twice))} is given twice" + at_line())
            kwargs = given | kwargs
            missing = tuple(name for name in self.operands if name not in kwargs)
            operands = tuple(kwargs.pop(name) for name in self.operands if name in kwargs)
        if missing := (*missing, *(name for name in self.required if name not in kwargs)):
            raise BlockError(f"block {self.name} misses its argument {', '.join(missing)}" + at_line())
        unknown = [name for name in kwargs if name not in self.defaults and name not in self.required]
        if unknown and not self.open:
            raise BlockError(
                f"block {self.name} does not cover the argument {', '.join(f'{n}=' for n in unknown)}"
                f" (it knows {', '.join(self._names)}){keyword_hint(unknown[0])}" + at_line()
            )
        params.update(kwargs)
        return operands, params

    # The backward rule ------------------------------------------------------------------------------------

    @overload
    def backward(self, rule: F) -> F: ...
    @overload
    def backward(self, rule: str) -> Callable[[F], F]: ...
    def backward(self, rule: Callable[..., Any] | str) -> Any:
        """Decorator: the backward rule of this block.

        `@f.backward` takes a rule `(xp, dz, z, *operands, **parameters)` that returns the gradient of its operand, or
        a tuple with one for each operand (None if it has none). `@f.backward("x")` takes the rule of operand x
        alone, which then runs only when that gradient is wanted. `xp` may be left out, as in the forward rule.
        """
        if isinstance(rule, str):
            operand = rule
            if operand not in self.operands:
                raise BlockError(f"block {self.name} has no operand {operand!r}; it has {', '.join(self.operands)}")

            def attach(function: Callable[..., Any]) -> Callable[..., Any]:
                self._check_arguments(function)
                self._by_operand[operand] = self._rule(function)
                self._rules = tuple(self._by_operand.get(name) or _no_rule(self, name) for name in self.operands)
                return function

            return attach
        self._check_arguments(rule)
        self._joint = self._rule(rule)
        return rule

    def _rule(self, function: Callable[..., Any]) -> Any:
        """A backward rule that takes a namespace first."""
        first = [p.name for p in parameters_of(function)][bool(self.takes_self) :]
        return function if first[:1] == ["xp"] else AdaptedRule(function, False)

    def _check_arguments(self, rule: Callable[..., Any]) -> None:
        """A backward rule takes dz, z, and the arguments of the forward rule."""
        signature = inspect.signature(rule)
        names = list(signature.parameters)
        own = int(bool(self.takes_self))
        first = own + int(names[own : own + 1] == ["xp"])
        operands = self.operands[:-1] if self.variadic else self.operands
        try:
            signature.bind(*[None] * (first + 2 + len(operands)), **self.defaults, **dict.fromkeys(self.required))
        except TypeError:
            params = [*(f"{n}={v!r}" for n, v in self.defaults.items()), *self.required]
            wanted = ", ".join([*names[:own], "dz", "z", *self.operands, *params])
            raise BlockError(
                f"a backward rule of block {self.name} takes ({wanted}), not ({', '.join(names)})" + at_line()
            ) from None
        if first + 1 < len(names):
            self.result = names[first + 1]

    @property
    def has_rule(self) -> bool:
        """Whether a backward rule was written; if not, it is derived from the inside of the forward rule."""
        return self._joint is not None or bool(self._by_operand)

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        """∂L/∂operand for each wanted operand, from dz = ∂L/∂z; None for the others and for zero gradients."""
        if self._rules:
            return [
                rule(xp, dz, z, *operands, **params) if want else None
                for rule, want in zip(self._rules, wanted, strict=not self.variadic)
            ]
        if self._joint is None:
            return self.pull_through_inside(dz, operands, params, wanted)
        grads = self._joint(xp, dz, z, *operands, **params)
        return grads if isinstance(grads, tuple | list) else (grads,)


class AdaptedRule:
    """A rule as a block calls it: `rule(xp, …)`, although the function may take no namespace, or be a method."""

    __slots__ = ("function", "owner", "takes_xp")

    def __init__(self, function: Callable[..., Any], takes_xp: bool, owner: tuple[Any, ...] = ()):
        self.function = function
        self.takes_xp = takes_xp
        self.owner = owner

    def __call__(self, xp: Any, *args: Any, **params: Any) -> Any:
        if self.takes_xp:
            return self.function(*self.owner, xp, *args, **params)
        return self.function(*self.owner, *args, **params)

    def bound_to(self, owner: Any) -> AdaptedRule:
        return AdaptedRule(self.function, self.takes_xp, (owner,))


def _no_rule(block: Block, operand: str) -> Any:
    def rule(*args: Any, **kwargs: Any) -> Any:
        raise GradientError(f"block {block.name} has no backward rule for its operand {operand}")

    return block._rule(rule)


_Kind = inspect._ParameterKind


def parameters_of(rule: Any) -> list[inspect.Parameter]:
    """The parameters of a rule. A function of NumPy may not declare them; a ufunc declares more than its operands."""
    if isinstance(rule, np.ufunc):
        names = ["x"] if rule.nin == 1 else [f"x{i + 1}" for i in range(rule.nin)]
        return [inspect.Parameter(name, _Kind.POSITIONAL_OR_KEYWORD) for name in names]
    try:
        parameters = list(inspect.signature(rule).parameters.values())
    except ValueError:
        name = getattr(rule, "__name__", "f")
        raise BlockError(
            f"{name} does not say which arguments it takes; write a function that does: def {name}(x): …" + at_line()
        ) from None
    if isinstance(rule, Block):
        return parameters[rule.takes_xp :]
    return [p for p in parameters if not (p.name == "out" and p.default is None)]


def _name_of(rule: Any) -> str:
    while isinstance(rule, functools.partial):
        rule = rule.func
    name = getattr(rule, "__name__", type(rule).__name__).rstrip("_")
    return "lambda" if name == "<lambda>" else name


def axis_from_right(axis: Any, ndim: int) -> Any:
    """An axis, or a tuple of them, as negative numbers; None means all axes and stays a tuple of all.

    >>> axis_from_right((0, -1), 3)
    (-3, -1)
    """
    if axis is None or (ndim == 0 and axis in (0, -1)):  # for a number NumPy reads these two as all axes
        return tuple(range(-ndim, 0))
    if isinstance(axis, tuple | list):
        result = tuple(axis_from_right(a, ndim) for a in axis)
        if len(set(result)) != len(result):
            raise BlockError(f"the axes {tuple(axis)} name one axis twice" + at_line())
        return result
    axis = axis.__index__()
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis - ndim if axis >= 0 else axis
