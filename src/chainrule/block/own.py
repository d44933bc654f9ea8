"""A user's own block: its rules are called as the user would call them, and checked against the contract of a block.

A rule may be a method, write into its arguments, return several arrays or the wrong shape. So its arguments are
read-only, its results are checked and copied, and an error names the rule's line.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, constant, form_of, node_of
from chainrule.block.base import AdaptedRule, Block, F
from chainrule.block.jax_rules import JvpRule, VjpRule, require_arguments
from chainrule.block.results import Results, results_of
from chainrule.buffered import BUFFERED
from chainrule.domains import Example
from chainrule.errors import BlockError, ChainruleError, GradientError, NoAnswer, RecordingError, asking_others
from chainrule.libraries import NUMPY_NAMESPACE, namespace_of
from chainrule.node import Line, at_line, computed_alike, is_internal
from chainrule.step import record

__all__ = ["OwnBlock"]


class OwnBlock(Block):
    """A block that a user made with `cr.block`.

    A rule whose first argument is called self or cls is a method: accessed on an object, it is a block bound to it.

    Attributes
    ----------
    owner : the object whose method it is; None if it is not a method, or not bound yet.
    results : how several results are packed into one array; None for one result.
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
        of_class: bool = False,
    ):
        super().__init__(
            rule,
            notation=notation,
            differentiable=differentiable,
            view=view,
            leading_axes=leading_axes,
            complex=complex,
            example=example,
        )
        self._has_axis = self._has_axis and leading_axes  # without leading axes, an axis need not count from the right
        self._simple = self._simple and not self.takes_self
        self.any_dtype = True
        self.of_class = of_class
        self.owner: Any = None
        self.results: Results | None = None
        self._run: Any = self.forward
        self.forward = self._forward

    # Methods ----------------------------------------------------------------------------------------------

    def __get__(self, owner: Any, kind: type | None = None) -> OwnBlock:
        """The block bound to an object, as a method is."""
        owner = kind if self.of_class else owner
        return self.bound_to(owner) if self.takes_self and owner is not None else self

    def bound_to(self, owner: Any) -> OwnBlock:
        """This block as a method of an object."""
        if isinstance(owner, Array | np.ndarray | np.generic | float | int | complex):
            raise BlockError(
                f"the first argument of block {self.name} is called {self.takes_self}, so it is a method and is given "
                f"an object, not {type(owner).__name__}; call that argument something else" + at_line()
            )
        made = self._copy()
        made.takes_self, made.owner = "", owner
        made._run = self._run.bound_to(owner)
        made._joint = self._joint and self._joint.bound_to(owner)
        made._by_operand = {name: rule.bound_to(owner) for name, rule in self._by_operand.items()}
        made._rules = tuple(rule.bound_to(owner) for rule in self._rules)
        made.__wrapped__ = functools.partial(self.__wrapped__, owner)  # type: ignore[attr-defined]
        made._simple = not made.variadic and not made.required and not made._has_axis
        return made

    def _copy(self) -> OwnBlock:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.forward = made._forward
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.takes_self:
            if not args:
                raise BlockError(f"block {self.name} misses its argument {self.takes_self}" + at_line())
            owner = type(args[0]) if self.of_class and not isinstance(args[0], type) else args[0]
            return self.bound_to(owner)(*args[1:], **kwargs)
        return super().__call__(*args, **kwargs)

    # The forward rule -------------------------------------------------------------------------------------

    def _forward(self, xp: Any, *operands: Any, **params: Any) -> Any:
        given = _Given(operands)
        changed = {k: p for k, p in params.items() if k not in self.defaults or p is not self.defaults[k]}
        plain = BUFFERED.set(BUFFERED.get() and any(type(x) is Array for x in operands))
        try:
            value = self._run(np if xp is NUMPY_NAMESPACE else xp, *given.handed, **changed)
        except ValueError as error:
            given.refuse_writes(self, "forward", self.rule, error)
            raise
        finally:
            BUFFERED.reset(plain)
        given.refuse_writes(self, "forward", self.rule)
        if self.results is not None:
            return self.results.packed(xp, value)
        if self.view or value is None or isinstance(value, tuple | list | dict):
            return value
        return value if type(value) is Array else constant(value)  # the rule may keep it, and write into it again

    def several(self, value: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Record a call that returned several arrays: one node that holds them all, and each extracted from it."""
        made = self._copy()
        made.results = results_of(self.name, value)
        whole = record(made, operands, params, known=made.results.packed(np, value))
        return made.results.taken_from(whole)

    def _rule(self, function: Callable[..., Any]) -> AdaptedRule:
        return AdaptedRule(function, super()._rule(function) is function)

    # Rules as JAX has them --------------------------------------------------------------------------------

    def defjvp(self, rule: F) -> F:
        """Decorator: the JVP rule of this block, as of `jax.custom_jvp`.

        `rule(primals, tangents)` takes the operands and their tangents, each as a tuple, and returns the result and its
        tangent, which is linear in the tangents. Parameters follow by name. The backward rule is its transpose.

        >>> import numpy as np, chainrule as cr
        >>> @cr.block
        ... def log1pexp(x):
        ...     return np.logaddexp(0.0, x)
        >>> @log1pexp.defjvp
        ... def log1pexp_jvp(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return log1pexp(x), t / (1 + np.exp(-x))
        >>> cr.grad(log1pexp)(0.0), cr.jvp(log1pexp, (0.0,), (2.0,))[1]
        (np.float64(0.5), np.float64(1.0))
        """
        adapted = self._rule(rule)
        own = int(bool(self.takes_self))
        wanted = f"a JVP rule of block {self.name} takes (primals, tangents{self._further()})"
        require_arguments(adapted, wanted, own + 2, [*self.defaults, *self.required])
        self._joint, self.leading_axes = JvpRule(adapted, self._transposed), True
        return rule

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rules of this block, as `jax.custom_vjp` does.

        `fwd` takes the arguments of the block, and returns the result and residuals (anything). `bwd(residuals, dz)`
        returns the gradient of each operand. Both run in the backward pass.

        >>> import numpy as np, chainrule as cr
        >>> @cr.block
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, dz: (np.clip(dz, -1.0, 1.0),))
        >>> cr.grad(lambda x: 5.0 * clipped(x))(2.0)
        np.float64(1.0)
        """
        made = VjpRule(self._rule(fwd), self._rule(bwd))
        own = int(bool(self.takes_self))
        count = own + len(self.operands) - self.variadic
        wanted = f"fwd of block {self.name} takes ({', '.join(self.operands)}{self._further()})"
        require_arguments(made.fwd, wanted, count, [*self.defaults, *self.required])
        require_arguments(made.bwd, f"bwd of block {self.name} takes (residuals, dz)", own + 2, ())
        self._joint = made

    def _further(self) -> str:
        return "".join(f", {name}" for name in (*self.defaults, *self.required))

    @staticmethod
    def _transposed(linear: Callable[..., Any], operands: Sequence[Any], dz: Any) -> Sequence[Any]:
        """The gradients of the operands of a linear function."""
        return OwnBlock(linear).pull_through_inside(dz, operands, {}, [True] * len(operands))

    # The backward rule ------------------------------------------------------------------------------------

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        if not self.has_rule:
            return self.pull_through_inside(dz, operands, params, wanted)
        grads = self._pulled(xp, dz, z, operands, params, wanted)
        if WATCHER.get() is not None and any(type(x) is Array for x in operands):  # it runs again on other numbers
            self._refuse_state(grads, xp, dz, z, operands, params, wanted)
        return grads

    def _refuse_state(
        self, grads: Sequence[Any], xp: Any, dz: Any, z: Any, operands: Any, params: Any, wanted: Any
    ) -> None:
        """Raise if the backward rule uses state that the last forward call has stored (in a global, for example).

        The forward rule is called on other numbers; the backward rule must then do the same as before.
        """
        plain = [form_of(x) for x in operands]
        token = WATCHER.set(lambda node, how: None)
        try:
            with np.errstate(all="ignore"):
                with contextlib.suppress(NoAnswer), asking_others():  # the rule may not support these numbers
                    self.forward(namespace_of(plain), *map(_other_numbers, plain), **params)
                again = self._pulled(xp, dz, z, operands, params, wanted)
                self.forward(namespace_of(plain), *plain, **params)
        finally:
            WATCHER.reset(token)
        if not computed_alike(*([node_of(g) if type(g) is Array else g for g in found] for found in (grads, again))):
            raise RecordingError(
                f"the backward rule of block {self.name} uses what was kept when the block was called last (in a "
                "global or an attribute), so it cannot be compiled or written as code: it would stay as it is; "
                "compute it in the backward rule from its arguments, or let the block return it as a further result"
                + _at(self._joint.function if self._joint else next(iter(self._by_operand.values())).function)
            )

    def _pulled(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        extra = len(dz.shape) - len(z.shape)
        if extra and not self.leading_axes:
            return self._pull_one_by_one(xp, dz, z, operands, params, wanted, extra)
        given = _Given((dz, z, *operands))
        dz, z, *operands = given.handed
        if self.results is not None:
            dz, z = self.results.split(xp, dz), self.results.split(xp, z)
        if self._joint is None:
            grads: Sequence[Any] = [
                self._called(rule, given, xp, dz, z, operands, params) if want else None
                for rule, want in zip(self._rules, wanted, strict=True)
            ]
        else:
            grads = self._as_many(self._called(self._joint, given, xp, dz, z, operands, params), wanted)
        lead = given.plain[0].shape[:extra]
        recorded = any(type(x) is Array for x in given.plain)
        return [
            self._checked(xp, grad, index, operand, lead, recorded) if want and grad is not None else None
            for index, (grad, operand, want) in enumerate(zip(grads, operands, wanted, strict=False))
        ]

    def _called(
        self,
        rule: AdaptedRule,
        given: _Given,
        xp: Any,
        dz: Any,
        z: Any,
        operands: Sequence[Any],
        params: dict[str, Any],
    ) -> Any:
        plain = BUFFERED.set(BUFFERED.get() and any(type(x) is Array for x in given.plain))
        try:
            grads = rule(np if xp is NUMPY_NAMESPACE else xp, dz, z, *operands, **params)
        except ChainruleError:
            raise
        except Exception as error:
            given.refuse_writes(self, "backward", rule.function, error)
            shapes = ", ".join(
                f"{label} of shape {np.shape(x)}"
                for label, x in zip(["dz", self.result, *self._labels(operands)], given.plain, strict=True)
                if hasattr(x, "shape") and self.results is None
            )
            error.add_note(f"in the backward rule of block {self.name}{_at(rule.function)}\n  given {shapes}")
            raise
        finally:
            BUFFERED.reset(plain)
        given.refuse_writes(self, "backward", rule.function)
        return grads

    def _as_many(self, grads: Any, wanted: Sequence[bool]) -> Sequence[Any]:
        """The results of the rule as a sequence with one gradient for each operand."""
        told = f"the backward rule of block {self.name}"
        where = _at(self._joint.function) if self._joint else ""
        if grads is None:
            raise GradientError(
                f"{told} returned None; does it end with return? "
                f"Where a gradient is zero, return it in a tuple: (None,){where}"
            )
        if not isinstance(grads, tuple | list):
            grads = (grads,)
        if len(grads) > len(wanted):
            hint = "; return one array, not a list" if isinstance(grads, list) and len(wanted) == 1 else ""
            raise GradientError(
                f"{told} returns {len(grads)} gradients for {len(wanted)} operand(s): "
                f"{', '.join(self._labels(wanted))}{hint}{where}"
            )
        for index, want in enumerate(wanted):
            if want and index >= len(grads):
                raise GradientError(
                    f"{told} returns {len(grads)} gradient(s), but that of operand {self._labels(wanted)[index]} "
                    f"({index + 1} of {len(wanted)}) is wanted; return one for each operand, "
                    f"None where there is none{where}"
                )
        return grads

    def _labels(self, operands: Sequence[Any]) -> list[str]:
        return list(self.names_of(len(operands)) or ()) or [str(i + 1) for i in range(len(operands))]

    def _checked(self, xp: Any, grad: Any, index: int, operand: Any, lead: tuple[int, ...], recorded: bool) -> Any:
        """A copy of a gradient that a rule returned; its shape must be that of the operand."""
        rule = self._joint or self._rules[index]
        operands = self._labels([None] * max(len(self.operands), index + 1))
        told = f"the backward rule of block {self.name} returned"
        where = _at(rule.function)
        if type(grad) is Array and not recorded:
            raise RecordingError(
                f"{told} a recorded array for operand {operands[index]}: it uses one that is not an operand; "
                f"pass every array that the block needs as an operand{where}"
            )
        if not hasattr(grad, "dtype"):
            grad = xp.asarray(grad)
        dtype = str(getattr(grad, "dtype", ""))
        if dtype.startswith(("object", "<U", "|S", "str", "datetime", "timedelta")):
            raise GradientError(f"{told} an array of dtype {dtype} for operand {operands[index]}{where}")
        if tuple(grad.shape) != lead + tuple(operand.shape):
            leading = f", after leading axes of shape {lead}" if lead else ""
            raise GradientError(
                f"{told} a gradient of shape {tuple(grad.shape)} "
                f"for operand {operands[index]} of shape {tuple(operand.shape)}{leading}{where}"
            )
        return grad if type(grad) is Array else constant(grad)  # the rule may return dz, or an array that it keeps

    def _pull_one_by_one(
        self, xp: Any, dz: Any, z: Any, operands: Any, params: Any, wanted: Any, extra: int
    ) -> Sequence[Any]:
        """A user's rule need not support leading axes: call it for each cotangent and stack the results."""
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


def _other_numbers(x: Any) -> Any:
    """An operand with other numbers, on which a forward rule is likely to behave differently."""
    return 0.5 - x if isinstance(x, np.ndarray | float) and np.asarray(x).dtype.kind == "f" else x


class _Given:
    """The arguments of a rule: writes into them reach no other array, and are detected.

    NumPy's arrays are read-only views. Recorded arrays are handles of their own; one that was written to points at
    another node. PyTorch counts the writes. Other arrays are copies.
    """

    def __init__(self, plain: Sequence[Any]):
        self.plain = plain
        self.handed = [_read_only(x) for x in plain]
        self._before = [_version(x) for x in self.handed]

    def refuse_writes(self, block: Block, which: str, rule: Any, error: Exception | None = None) -> None:
        """Raise if the rule wrote into its arguments."""
        written = [x for x, v in zip(self.handed, self._before, strict=True) if v is not None and _version(x) is not v]
        read_only = error is not None and "read-only" in str(error)
        if not read_only and not any(_version(x) != v for x, v in zip(self.handed, self._before, strict=True)):
            return
        line = _line_of(error) if read_only else written[0]._own.line if type(written[0]) is Array else None
        where = f"\n  at {line}" if line else _at(rule)
        name = "dz" if which == "backward" else block.operands[0] if block.operands else "x"
        raise BlockError(
            f"the {which} rule of block {block.name} writes into an array that it is given, which others use too; "
            f"write into a copy of it: {name} = {name}.copy(){where}"
        ) from error


def _read_only(x: Any) -> Any:
    if type(x) is Array:
        return Array(node_of(x))
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
        return x
    if not hasattr(x, "shape") or isinstance(x, np.generic) or hasattr(x, "_version") or hasattr(x, "at"):
        return x
    return x.__array_namespace__().asarray(x, copy=True) if hasattr(x, "__array_namespace__") else x


def _version(x: Any) -> Any:
    """A value that changes when an array is written to; None if it cannot be."""
    return x._own if type(x) is Array else getattr(x, "_version", None)


def _line_of(error: BaseException | None) -> Line | None:
    """The innermost line of the user's code from which an error came."""
    found = None
    trace = None if error is None else error.__traceback__
    while trace is not None:
        if not is_internal(trace.tb_frame.f_code.co_filename):
            found = Line(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _at(rule: Any) -> str:
    """The end of an error message: the location of a rule."""
    code = getattr(inspect.unwrap(rule), "__code__", None) if callable(rule) else None
    if code is None:
        return ""
    number = code.co_firstlineno
    while linecache.getline(code.co_filename, number).strip().startswith("@"):
        number += 1
    return f"\n  at {Line(code.co_filename, number)}"
