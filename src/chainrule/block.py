"""Block: a forward rule, a backward rule, and how it is written in mathematics.

Both rules are written against an array namespace `xp`. Given plain arrays they compute; given recorded arrays they
record. So one text is run, differentiated again, and printed.

The contract of a backward rule: it is linear in its cotangent `dz`, and accepts a `dz` with extra *leading* axes
(shape K + z.shape), giving gradients of shape K + x.shape. Axes are therefore counted from the right.
"""

from __future__ import annotations

import cmath
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.array import WATCHER, Array, joined, record
from chainrule.domains import Example, normal
from chainrule.errors import BlockError, GradientError, RecordingError
from chainrule.libraries import NUMPY, NUMPY_NAMESPACE, is_complex, is_numpy, namespace_of
from chainrule.node import at_line

__all__ = ["BLOCKS", "Block", "answers", "block", "elementwise", "library_block", "singular", "sum_to"]

BLOCKS: dict[str, Block] = {}
"""The library's blocks by name, in the order of their definition."""


class Block:
    """A computation block: what is recorded as one node and shown as one box.

    Make one with `cr.block`. Call it like a function: with a recorded array among the operands it records, with plain
    arrays it computes.

    Attributes
    ----------
    name : the name of the forward rule.
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
        self.notation = notation
        self.differentiable = differentiable
        self.view = view  # whether NumPy's own result may share memory with the first operand
        self.complex = complex  # whether the backward rule is right for complex numbers too
        self.example = example
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
        from chainrule.transforms import vjp

        chosen = [i for i, want in enumerate(wanted) if want]

        def inside(*active: Any) -> Any:
            full = list(operands)
            for i, a in zip(chosen, active, strict=True):
                full[i] = a
            return self.forward(_RECORDING(), *full, **params)

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


def _RECORDING() -> Any:  # noqa: N802
    from chainrule.namespace import RECORDING

    return RECORDING


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


# Making blocks ---------------------------------------------------------------------------------------------


def answers(*functions: Any) -> Callable[[Any], Any]:
    """Decorator: what is called when one of these functions of NumPy or SciPy meets a recorded array."""

    def register(handler: Any) -> Any:
        for function in functions:
            ANSWERS[function] = handler
        return handler

    return register


def block(
    rule: Callable[..., Any] | None = None,
    *,
    notation: Callable[..., Any] | None = None,
    differentiable: bool = True,
    view: bool = False,
    leading_axes: bool = False,
    complex: bool = True,
    example: Example | None = None,
) -> Any:
    """Make a block of a function: recorded as one node, shown as one box.

    Arguments without a default are operands (arrays with a gradient), arguments with a default are parameters. If the
    first argument is called `xp` the rule gets the array namespace, so that it runs on any array library.
    Without a backward rule the gradient is derived from what the function does inside.

    Parameters
    ----------
    rule : the forward rule.
    notation : how it is written: a function of the operands' formulas (see `chainrule.formula`). Default `name(x, y)`.
    differentiable : False for a block whose gradient is zero everywhere (as `np.sign`).
    view : True if the result may be a view of the first operand.
    leading_axes : True promises that the backward rule accepts cotangents with extra leading axes. Without it
        Jacobians call the rule once for each row.
    complex : False refuses gradients of complex numbers. A rule that takes them follows PyTorch's convention: the
        gradient of a real loss is ∂L/∂Re x + i ∂L/∂Im x, so a holomorphic f multiplies by the conjugate of f′.
    example : operands and parameters to show and check the block with (see `chainrule.domains`).

    >>> import numpy as np, chainrule as cr
    >>> @cr.block
    ... def cube(x):
    ...     return x**3
    >>> @cube.backward
    ... def cube_backward(dz, z, x):
    ...     return dz * 3 * x**2
    >>> cr.grad(cube)(2.0)
    np.float64(12.0)
    """

    def make(rule: Callable[..., Any]) -> Block:
        return Block(
            rule,
            notation=notation,
            differentiable=differentiable,
            view=view,
            leading_axes=leading_axes,
            complex=complex,
            example=example,
        )

    return make if rule is None else make(rule)


def library_block(*functions: Any, complex: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Block]:
    """Decorator: a block of the library, which answers for these functions of NumPy or SciPy.

    A property test holds each to the contract of leading axes. `complex=True` says that its rules are right for complex
    numbers; without it their gradient is an error.
    """

    def make(rule: Callable[..., Any]) -> Block:
        made = Block(rule, leading_axes=True, complex=complex, **options)
        BLOCKS[made.name] = made
        answers(*functions)(made)
        return made

    return make


class Elementwise(Block):
    """A block that acts on each entry alone; its backward rule follows from one local derivative for each operand.

    For complex numbers the cotangent is multiplied by the conjugate of the derivative (PyTorch's convention).
    Where ∂L/∂z is exactly 0 so is ∂L/∂x, though ∂z/∂x be infinite or NaN there: the entry was masked out, or something
    as small multiplies it (x √x at 0).
    """

    def __init__(self, rule: Callable[..., Any], derivatives: tuple[Any, ...], **options: Any):
        super().__init__(rule, leading_axes=True, **options)
        self.derivatives = derivatives

    @property
    def has_rule(self) -> bool:
        return True

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        grads: list[Any] = []
        for operand, derivative, want in zip(operands, self.derivatives, wanted):  # noqa: B905, it costs
            grad = None
            if want and derivative is not None:
                if derivative is one:
                    grad = dz
                elif derivative is minus_one:
                    grad = -dz
                else:
                    slope = derivative(xp, z, *operands, **params)
                    if is_complex(slope):
                        slope = xp.conj(slope)
                    if WATCHER.get() is not None:
                        grad = _product_for_any(xp, dz, slope)
                    else:
                        grad = dz * slope if _is_finite(slope) else _masked(xp, dz, slope)
                shape = z.shape
                if operand.shape != shape or grad.shape != dz.shape:
                    grad = sum_to(xp, grad, operand.shape, shape)
            grads.append(grad)
        return grads


def one(xp: Any, z: Any, *operands: Any) -> Any:
    """The local derivative 1: the cotangent passes unchanged."""
    return xp.ones_like(z)


def minus_one(xp: Any, z: Any, *operands: Any) -> Any:
    """The local derivative −1."""
    return -xp.ones_like(z)


def elementwise(
    name: str,
    forward: Callable[..., Any],
    *derivatives: Callable[..., Any] | None,
    notation: Callable[..., Any] | None = None,
    answers_for: tuple[Any, ...] = (),
    differentiable: bool = True,
    complex: bool = False,
    example: Example | None = None,
) -> Elementwise:
    """One line of the table of elementwise blocks.

    Parameters
    ----------
    forward : the rule `(xp, x, …)`.
    derivatives : for each operand the local derivative ∂z/∂x as a rule `(xp, z, x, …)`, entry by entry; None for zero.
        One with poles is wrapped in `singular`.
    complex : whether it takes complex numbers. ∂z/∂x is then the complex derivative; its conjugate is taken for you.
    example : operands to show and check it with; by default any numbers.
    Arguments of `forward` with a default are parameters, and the derivatives take them too.
    """
    example = example or Example((normal(2, 3),) * len(derivatives))
    made = Elementwise(
        forward, derivatives, notation=notation, differentiable=differentiable, complex=complex, example=example
    )
    made.name = name
    vars(made).update(__name__=name, __qualname__=name)
    if differentiable:
        BLOCKS[name] = made
    answers(*answers_for)(made)
    return made


def _is_finite(slope: Any) -> bool:
    """Whether a local derivative is known to have no infinite and no NaN entry. It must cost next to nothing."""
    value = slope._node.value if type(slope) is Array else slope
    if type(value) is np.ndarray:
        return np.count_nonzero(np.isfinite(value)) == value.size  # half the time of `.all()`
    return type(value) in NUMPY and cmath.isfinite(value)


def _masked(xp: Any, dz: Any, slope: Any) -> Any:
    """dz times a local derivative, and 0 where dz is 0 though the derivative be infinite or NaN there.

    A derivative of this selects too, so what was masked out stays zero in every order.
    """
    with np.errstate(invalid="ignore"):
        dx = xp.where((dz == 0) & ~xp.isfinite(slope), 0.0, dz * slope)
    return dx[()] if is_numpy(xp) else dx


def _product_for_any(xp: Any, dz: Any, slope: Any) -> Any:
    """The same for values that come only at run time."""
    if type(slope) is not Array:
        return dz * slope if _is_finite(slope) else _masked(xp, dz, slope)
    if slope.dtype.kind in "biu" or (type(dz) is not Array and np.all(dz != 0)):
        return dz * slope
    return product_or_zero(dz, slope)


@functools.partial(Block, leading_axes=True, notation=lambda dz, slope: dz * slope)
def product_or_zero(xp: Any, dz: Any, slope: Any) -> Any:
    """dz times a local derivative; 0 where dz is 0, though the derivative be infinite or NaN there."""
    return _masked(xp, dz, slope)


def singular(derivative: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a local derivative with poles. Whether one matters shows in the gradient, so it does not warn."""

    @functools.wraps(derivative)
    def quietly(*args: Any, **params: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return derivative(*args, **params)

    return quietly


def sum_to(xp: Any, dz: Any, shape: tuple[int, ...], z_shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum a cotangent of shape K + z_shape over the axes along which `shape` was repeated."""
    if not shape and dz.shape == z_shape:
        return xp.sum(dz)
    if dz.ndim < len(z_shape) or dz.shape[dz.ndim - len(z_shape) :] != z_shape:
        # A rule may return fewer axes than z has where it did not need them all.
        dz = xp.broadcast_to(dz, np.broadcast_shapes(dz.shape, z_shape))
    lead = dz.shape[: dz.ndim - len(z_shape)]
    missing = len(z_shape) - len(shape)
    axes = tuple(i - len(z_shape) for i, n in enumerate(z_shape) if i < missing or (shape[i - missing] == 1 and n != 1))
    if axes:
        dz = xp.sum(dz, axis=axes, keepdims=not missing)
    return dz if dz.shape == lead + shape else xp.reshape(dz, lead + shape)
