"""A block: its forward rule and its backward rule, and what calling and pulling back do with them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.array import Array, joined, record
from chainrule.domains import Example
from chainrule.errors import BlockError, GradientError, RecordingError
from chainrule.libraries import NUMPY_NAMESPACE, namespace_of
from chainrule.node import at_line

__all__ = ["Block", "axis_from_right"]


class Block:
    """A computation block: what is recorded as one node and shown as one box.

    Make one with `cr.block`. Call it like a function: with a recorded array among the operands it records, with plain
    arrays it computes.

    Attributes
    ----------
    name : the name of the forward rule, for people to read.
    library_name : the name of one of the library's own blocks, None for a user's. What is known of a block is looked up
        by it: a user's block may be called softmax and be something else.
    example : operands and parameters on which it is shown and checked.
    operands : names of what it is differentiated by (arguments without a default).
    defaults : its parameters (arguments with a default) and their defaults.
    result : what its backward rule calls the result.
    """

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
    ):
        functools.update_wrapper(self, rule)
        self.name = rule.__name__.rstrip("_")
        self.library_name: str | None = None
        self.notation = notation
        self.differentiable = differentiable
        self.view = view  # whether NumPy's own result may share memory with the first operand
        self.complex = complex  # whether the backward rule is right for complex numbers too
        self.example = example
        self.draws = False  # whether its own algorithm draws random numbers, on which the result does not depend
        self.leading_axes = leading_axes  # whether the backward rule is known to keep the contract above
        parameters = list(inspect.signature(rule).parameters.values())
        self.takes_xp = bool(parameters) and parameters[0].name == "xp"
        if self.takes_xp:
            parameters = parameters[1:]
        self.forward = (rule if leading_axes else _with_real_numpy(rule)) if self.takes_xp else _without_xp(rule)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.operands = tuple(p.name for p in parameters if p.default is p.empty and p.kind is not p.KEYWORD_ONLY)
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self._arity = len(self.operands)
        self._names = self.operands + tuple(self.defaults)
        self._has_axis = "axis" in self.defaults
        # A call with all operands by position needs no binding, if its axis is already counted from the right.
        self._simple = not self.variadic and (not self._has_axis or self.defaults["axis"] == -1)
        self.result = "z"  # what the backward rule calls the result: p for softmax, most often z
        self._joint: Callable[..., Any] | None = None
        self._by_operand: dict[str, Callable[..., Any]] = {}
        self._rules: tuple[Callable[..., Any], ...] = ()

    def __repr__(self) -> str:
        return f"<Block {self.name}({', '.join(self._names)})>"

    # Calling ----------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._simple and not kwargs and len(args) == self._arity:
            operands, params = args, self.defaults
        else:
            operands, params = self.bind(args, kwargs)
        for operand in operands:
            if type(operand) is Array:
                return record(self, operands, params)
        operands = tuple(joined(x) if isinstance(x, (list, tuple, np.ndarray)) else x for x in operands)
        if any(type(x) is Array for x in operands):
            return record(self, operands, params)
        return self.forward(namespace_of(operands), *operands, **params)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split the arguments of a call into operands and parameters, with axes counted from the right."""
        params = dict(self.defaults)
        if self.variadic:
            operands = args
        else:
            if len(args) > len(self._names):
                raise BlockError(
                    f"block {self.name} takes {len(self._names)} arguments, {len(args)} were given" + at_line()
                )
            given = dict(zip(self._names, args, strict=False))
            if twice := given.keys() & kwargs.keys():
                raise BlockError(f"block {self.name}: {', '.join(sorted(twice))} is given twice" + at_line())
            kwargs = given | kwargs
            missing = [name for name in self.operands if name not in kwargs]
            if missing:
                raise BlockError(f"block {self.name} misses its argument {', '.join(missing)}" + at_line())
            operands = tuple(kwargs.pop(name) for name in self.operands)
        unknown = [name for name in kwargs if name not in self.defaults]
        if unknown:
            raise BlockError(
                f"block {self.name} does not cover the argument {', '.join(f'{n}=' for n in unknown)}"
                f" (it knows {', '.join(self._names)})" + at_line()
            )
        params.update(kwargs)
        for name, param in params.items():
            if type(param) is Array:
                if param._node.differentiable:
                    raise RecordingError(
                        f"block {self.name}: {name} has a default, so it is a parameter and has no gradient; "
                        "a recorded array must be an operand (an argument without a default)" + at_line()
                    )
                params[name] = param.value
        if self._has_axis and operands and not self.variadic:
            params["axis"] = axis_from_right(
                params["axis"], np.ndim(operands[0]) if type(operands[0]) is not Array else operands[0].ndim
            )
        return operands, params

    # The backward rule ------------------------------------------------------------------------------------

    def backward(self, rule: Callable[..., Any] | str) -> Any:
        """Decorator: the backward rule of this block.

        `@f.backward` takes a rule `(xp, dz, z, *operands, **parameters)` that returns the gradient of its operand, or
        a tuple with one for each operand (None where there is none). `@f.backward("x")` takes the rule of operand x
        alone, which then runs only when that gradient is wanted. `xp` may be left out, as in the forward rule.
        """
        if isinstance(rule, str):
            operand = rule
            if operand not in self.operands:
                raise BlockError(f"block {self.name} has no operand {operand!r}; it has {', '.join(self.operands)}")

            def attach(function: Callable[..., Any]) -> Callable[..., Any]:
                self._check_arguments(function)
                self._by_operand[operand] = _with_xp(function)
                self._rules = tuple(self._by_operand.get(name) or _no_rule(self, name) for name in self.operands)
                return function

            return attach
        self._check_arguments(rule)
        self._joint = _with_xp(rule)
        return rule

    def _check_arguments(self, rule: Callable[..., Any]) -> None:
        """A backward rule takes dz, z, and what the forward rule takes."""
        signature = inspect.signature(rule)
        names = list(signature.parameters)
        first = int(names[:1] == ["xp"])
        count = first + 2 + len(self.operands)
        try:
            signature.bind(*[None] * count, **self.defaults)
        except TypeError:
            wanted = ", ".join(["dz", "z", *self.operands, *(f"{n}={v!r}" for n, v in self.defaults.items())])
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
        """∂L/∂operand for each wanted operand, from dz = ∂L/∂z; None for the others and where it is zero."""
        if self.leading_axes and self._rules:
            return [
                rule(xp, dz, z, *operands, **params) if want else None
                for rule, want in zip(self._rules, wanted, strict=True)
            ]
        if not self.has_rule:
            return self.pull_through_inside(dz, operands, params, wanted)
        if self.leading_axes:
            return self._apply_rules(xp, dz, z, operands, params, wanted)
        extra = len(dz.shape) - len(z.shape)
        if extra:
            return self._pull_one_by_one(xp, dz, z, operands, params, wanted, extra)
        grads = self._apply_rules(xp, dz, z, operands, params, wanted)
        return [
            _checked(self, xp, grad, operand) if want and grad is not None else None
            for grad, operand, want in zip(grads, operands, wanted, strict=False)
        ]

    def _apply_rules(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        if self._joint is None:
            return [
                rule(xp, dz, z, *operands, **params) if want else None
                for rule, want in zip(self._rules, wanted, strict=True)
            ]
        grads = self._joint(xp, dz, z, *operands, **params)
        if grads is None:
            raise GradientError(
                f"the backward rule of block {self.name} returned None; does it end with return? "
                "Where a gradient is zero, return it in a tuple: (None,)"
            )
        if not isinstance(grads, (tuple, list)):
            grads = (grads,)
        for index, want in enumerate(wanted):
            if want and index >= len(grads):
                raise GradientError(
                    f"the backward rule of block {self.name} returns {len(grads)} gradient(s), but that of operand "
                    f"{index + 1} of {len(operands)} is wanted; return one for each operand (None where there is none)"
                )
        return grads

    def pull_through_inside(
        self, dz: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        """The gradients where no backward rule was written: by the chain rule over the inside of the forward rule."""
        from chainrule.namespace import RECORDING
        from chainrule.transforms import vjp

        chosen = [i for i, want in enumerate(wanted) if want]

        def inside(*active: Any) -> Any:
            full = list(operands)
            for i, a in zip(chosen, active, strict=True):
                full[i] = a
            return self.forward(RECORDING, *full, **params)

        _, pullback = vjp(inside, *(operands[i] for i in chosen))
        grads: list[Any] = [None] * len(operands)
        for i, g in zip(chosen, pullback(dz), strict=True):
            grads[i] = g
        return grads

    def _pull_one_by_one(
        self, xp: Any, dz: Any, z: Any, operands: Any, params: Any, wanted: Any, extra: int
    ) -> Sequence[Any]:
        """A user's rule need not know of leading axes: call it for each cotangent and stack what it returns."""
        lead, shape = dz.shape[:extra], dz.shape[extra:]
        rows = xp.reshape(dz, (-1, *shape)) if 0 not in dz.shape else xp.zeros((int(np.prod(lead)), *shape))
        many = [self.pull(xp, rows[i], z, operands, params, wanted) for i in range(rows.shape[0])]
        grads: list[Any] = []
        for index, (operand, want) in enumerate(zip(operands, wanted, strict=True)):
            mine = [g[index] for g in many] if want else []
            if not any(g is not None for g in mine):
                grads.append(None)
                continue
            mine = [xp.zeros(operand.shape, dtype=operand.dtype) if g is None else g for g in mine]
            grads.append(xp.reshape(xp.stack(mine), lead + operand.shape))
        return grads


def _no_rule(block: Block, operand: str) -> Callable[..., Any]:
    def rule(*args: Any, **kwargs: Any) -> Any:
        raise GradientError(f"block {block.name} has no backward rule for its operand {operand}")

    return rule


def _checked(block: Block, xp: Any, grad: Any, operand: Any) -> Any:
    """A gradient that a user's rule returned, as an array; its shape must be that of the operand."""
    if not hasattr(grad, "dtype"):
        grad = xp.asarray(grad)
    if tuple(grad.shape) != tuple(operand.shape):
        raise GradientError(
            f"the backward rule of block {block.name} returned a gradient of shape {tuple(grad.shape)} "
            f"for an operand of shape {tuple(operand.shape)}"
        )
    return grad


def _without_xp(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xp, *args, **kwargs: rule(*args, **kwargs)


def _with_real_numpy(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A user's rule may ask `xp is np`; the library's own use a NumPy with shorter ways."""
    return lambda xp, *args, **kwargs: rule(np if xp is NUMPY_NAMESPACE else xp, *args, **kwargs)


def _with_xp(rule: Callable[..., Any]) -> Callable[..., Any]:
    parameters = list(inspect.signature(rule).parameters)
    return rule if parameters and parameters[0] == "xp" else _without_xp(rule)


def axis_from_right(axis: Any, ndim: int) -> Any:
    """An axis, or a tuple of them, as negative numbers; None means all axes and stays a tuple of all.

    >>> axis_from_right((0, -1), 3)
    (-3, -1)
    """
    if axis is None:
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
