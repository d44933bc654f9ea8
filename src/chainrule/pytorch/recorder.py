"""Records what PyTorch computes: each operator that it runs is also run on recorded arrays, by its rule in `operators`.

A dispatch mode is called for every operator, below PyTorch's own autograd, where `linear` and `layer_norm` are whole.
PyTorch computes too: it decides branches on values and random numbers, and each result of a rule is compared with its
result.

A tensor that depends on an input has a *handle*, the recorded array that stands for it; all others are constants. As in
PyTorch, no gradient flows through values computed under `no_grad`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from chainrule.array import Array, node_of
from chainrule.node import NO_PARAMS, Line, Node, user_frame
from chainrule.pytorch.agreement import agrees, agrees_in_double, report_difference
from chainrule.pytorch.functions import AutogradCall
from chainrule.pytorch.operators import NotCovered, fixed, without_gradient
from chainrule.pytorch.rules import call_rule, rule_for
from chainrule.pytorch.tensors import as_list, is_inexact, mapped, numpy_dtype, plain, same_memory, tensors_in
from chainrule.step import record
from chainrule.transforms import stop_gradient
from chainrule.views import view_of

__all__ = ["Recorder", "Uncovered"]


@dataclass(frozen=True)
class Uncovered:
    """An operator without a rule.

    Attributes
    ----------
    operator : its name, and the part of the call that is not covered.
    module : the dotted path of the module that used it; "" outside of all.
    line : the line of user code.
    """

    operator: str
    module: str
    line: Line


class Recorder(TorchDispatchMode):
    """Records the operators that PyTorch runs.

    Parameters
    ----------
    replaced : the replacement of a tensor (most often a parameter), by its `id`.
    module_path : gives the path of the running module.
    dtypes : replacements of dtypes, as float32 by float64 to compute in double precision.
    """

    def __init__(
        self,
        replaced: dict[int, torch.Tensor],
        module_path: Callable[[], str],
        dtypes: dict[torch.dtype, torch.dtype],
    ):
        super().__init__()
        self.uncovered: list[Uncovered] = []
        self._replaced = replaced
        self._module_path = module_path
        self._dtypes = dtypes
        self._handles: Any = WeakTensorKeyDictionary()
        self._constant_roots: dict[int, Array] = {}  # handles of constants, until a recorded value is written
        self._loose: dict[int, torch.Tensor] = {}  # tensors that share memory without being views
        self._recording = False
        self._inside_function = False
        self.functions: list[AutogradCall] = []
        self._taken_apart: list[str] = []  # the operators being decomposed, outermost first

    # Handles ------------------------------------------------------------------------------------------------------

    def put(self, t: torch.Tensor, handle: Array) -> None:
        """Set the handle of a tensor."""
        self._handles[t] = handle
        self._recording = True

    def handle_of(self, t: Any) -> Array | None:
        """The recorded array that stands for a tensor; None for a constant."""
        handle = self._handles.get(self.exchanged(t)) if isinstance(t, torch.Tensor) else None
        return None if handle is None or id(_root(handle)) in self._constant_roots else handle

    def exchanged(self, t: torch.Tensor) -> torch.Tensor:
        """The replacement of a tensor in this run, or the tensor itself."""
        return self._replaced.get(id(t), t)

    def _handle_to_write(self, t: torch.Tensor) -> Array:
        """The handle of a tensor into which a recorded value is written; a constant gets a new one."""
        handle = self._handles.get(t)
        if handle is None:
            handle = self._handles[t] = record(fixed, (plain(t).copy(),))
        self._constant_roots.pop(id(_root(handle)), None)
        return handle

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # asking dynamo would import it, which takes a second

    # Each operator ------------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        written = _written(func, args, kwargs or {})
        args, kwargs = self._exchanged(args, written), self._exchanged(kwargs or {}, written)
        if not self._recording or self._inside_function:
            return func(*args, **kwargs)
        if all(self.handle_of(t) is None for t in tensors_in((args, kwargs))):
            return self._of_constants(func, args, kwargs, written)
        if not torch.is_grad_enabled():
            return self._under_no_grad(func, args, kwargs, written)
        rule = rule_for(func)
        if rule is without_gradient:
            return self._of_constants(func, args, kwargs, written)
        if rule is None:
            return self._without_rule(func, args, kwargs, written)
        return self._by_rule(rule, func, args, kwargs, written)

    def _exchanged(self, args: Any, written: Sequence[torch.Tensor]) -> Any:
        """The arguments, with parameters replaced by their values of this run."""
        if not self._replaced and not self._dtypes:
            return args

        def exchange(x: Any) -> Any:
            if isinstance(x, torch.dtype):
                return self._dtypes.get(x, x)
            if not isinstance(x, torch.Tensor):
                return x
            x = self.exchanged(x)
            dtype = self._dtypes.get(x.dtype)
            return x if dtype is None or any(x is w for w in written) else x.to(dtype)

        return mapped(exchange, args)

    def _by_rule(self, rule: Any, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        wants_result = hasattr(rule, "wants_result")
        theirs = func(*args, **kwargs) if wants_result else None
        try:
            ours = call_rule(rule, self._lowered, args, kwargs, theirs)
        except NotCovered as why:
            return self._not_covered(f"{func} with {why}", func, args, kwargs, written)
        if ours is NotImplemented:
            return self._without_rule(func, args, kwargs, written)
        if not wants_result:
            theirs = func(*args, **kwargs)
        if torch.Tag.inplace_view in func.tags:  # transpose_ and the like change no number
            self._handles[written[0]] = ours
            return theirs
        if written:
            return self._write(func, written, ours, theirs)
        sources = [t for t in tensors_in((args, kwargs)) if self.handle_of(t) is not None]
        pairs = [(t, made) for t, made in zip(as_list(theirs), as_list(ours), strict=True) if type(made) is Array]
        if not all(agrees(made, t) for t, made in pairs) and not agrees_in_double(rule, func, args, kwargs):
            report_difference(func, pairs)
        for t, made in pairs:
            if is_inexact(t) and not any(t is s for s in sources):
                self.put(t, self._fitted(made, t, sources))
        return theirs

    def _lowered(self, x: Any) -> Any:
        """An argument for a rule: tensors as arrays, dtypes as NumPy's."""
        if isinstance(x, torch.Tensor):
            handle = self.handle_of(x)
            return plain(x) if handle is None else handle
        return numpy_dtype(x) if isinstance(x, torch.dtype) else x

    def _fitted(self, made: Array, t: torch.Tensor, sources: Sequence[torch.Tensor]) -> Array:
        """A rule's result as the handle of PyTorch's result: with the same dtype, and as a view if that is one."""
        if made.dtype != (dtype := numpy_dtype(t.dtype)):
            made = np.astype(made, dtype)  # type: ignore[call-overload]
        shared = next((s for s in sources if same_memory(s, t)), None)
        handles = [self.handle_of(s) for s in sources]
        if shared is None:
            return Array(node_of(made)) if made._view is not None or any(made is h for h in handles) else made
        made._unsure = False  # PyTorch knows what is a view
        if made._view is None and not any(made is h for h in handles):
            node, source = made._own, self.handle_of(shared)
            if source is not None and node.block is not None and node.block.view and node.inputs[0] is node_of(source):
                made._view = view_of(source, partial(node.block, **node.params))
            else:
                self._loose[t.untyped_storage().data_ptr()] = t
        return made

    def _write(self, func: Any, written: Sequence[torch.Tensor], ours: Any, theirs: Any) -> Any:
        """An operator in place: update the handle of the tensor that is written into."""
        (target,) = written
        if target.untyped_storage().data_ptr() in self._loose:
            self._note(f"{func} into memory that is shared by other than a view")
            return theirs
        handle = self._handle_to_write(target)
        if handle._view is not None and stop_gradient in (handle._view.steps or ()):
            self._note(f"{func} into the result of detach, which changes what it was taken of unseen by autograd")
            return theirs
        if type(ours) is Array and ours.shape == handle.shape:
            handle._write(ours)
        else:
            handle[...] = ours
        if not agrees(handle, target) and target.dtype is torch.float64:
            report_difference(func, [(target, handle)])
        return theirs

    # A Function with a backward pass of its own -------------------------------------------------------------------

    def function_called(self, function: Any, args: Sequence[Any], run: Callable[[], Any]) -> Any:
        """Record the call of a `torch.autograd.Function` as a block. `run` runs its forward pass."""
        if self._inside_function or all(self.handle_of(t) is None for t in tensors_in(args)):
            return self._without_recording(run)
        given = [self.exchanged(x) if isinstance(x, torch.Tensor) else x for x in args]
        call = replace(AutogradCall.of(function, given, lambda x: self.handle_of(x) is not None), line=_user_line())
        before = [t._version for t in tensors_in(args)]
        result = self._without_recording(run)
        if before != [t._version for t in tensors_in(args)]:
            self._note(f"{call.name}.apply, which writes into its argument")
            return result
        results = [
            t.clone() if any(t is x for x in args) else t for t in (result if isinstance(result, tuple) else (result,))
        ]
        floating = [t for t in results if isinstance(t, torch.Tensor) and is_inexact(t)]
        handles = [self.handle_of(x) for x in given]
        operands = tuple(h for h in handles if h is not None)
        block, values = call.block(), tuple(plain(t).copy() for t in floating)
        if len(values) == 1:
            made: Any = [record(block, operands, {}, known=values[0][()])]
        elif values:
            made = block.several(values, operands, {})
        else:
            made = []
        for t, handle in zip(floating, made, strict=True):
            self.put(t, handle)
        self.functions.append(call)
        return tuple(results) if isinstance(result, tuple) else results[0]

    def _without_recording(self, run: Callable[[], Any]) -> Any:
        before, self._inside_function = self._inside_function, True
        try:
            return run()
        finally:
            self._inside_function = before

    # What is not recorded -----------------------------------------------------------------------------------------

    def _of_constants(self, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        """PyTorch's own result, a constant. A view gets a handle, since a recorded value may be written into it."""
        result = func(*args, **kwargs)
        for t in written:
            if (handle := self._handles.get(t)) is not None:
                handle[...] = plain(t).copy()
        if not written and args and isinstance(args[0], torch.Tensor) and _is_view(func) and is_inexact(args[0]):
            self._follow_view(func, args, kwargs, result)
        return result

    def _follow_view(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        rule = rule_for(func)
        if rule is None or rule is without_gradient:
            return
        source = self._handles.get(args[0])
        if source is None:
            source = record(fixed, (plain(args[0]).copy(),))
            self._handles[args[0]] = self._constant_roots[id(source)] = source
        made = rule(source, *mapped(self._lowered, args[1:]), **mapped(self._lowered, kwargs))
        for t, handle in zip(as_list(result), as_list(made), strict=True):
            if t is not args[0] and type(handle) is Array and handle._view is not None:
                self._handles[t] = handle

    def _under_no_grad(self, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        function = _custom_function()
        if function is not None:
            if not function.__module__.startswith("torch."):  # its setup_context: the call is recorded already
                return func(*args, **kwargs)
            what = f"{function.__name__}.apply, which has a backward pass of its own"
            return self._not_covered(what, func, args, kwargs, written)
        if any(self.handle_of(t) is not None for t in written):
            return self._not_covered(f"{func} under no_grad", func, args, kwargs, written)
        return self._of_constants(func, args, kwargs, written)

    def _without_rule(self, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        """Decompose an operator into simpler ones; if PyTorch has no decomposition, it is not covered."""
        if not written and torch.Tag.nondeterministic_seeded not in func.tags:
            with torch.random.fork_rng(devices=[]):
                result = func(*args, **kwargs)
            if not any(is_inexact(t) for t in tensors_in(result)):
                return result  # a comparison or an index has no gradient
        simpler = _simpler(func)
        if simpler is None:
            return self._not_covered(str(func), func, args, kwargs, written)
        self._taken_apart.append(str(func))
        try:
            with self:
                return simpler(*args, **kwargs)
        finally:
            self._taken_apart.pop()

    def _not_covered(self, what: str, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        """Note an uncovered operator and continue with PyTorch's result, so that all of them are found."""
        self._note(what)
        result = func(*args, **kwargs)
        known = [t for t in tensors_in((args, kwargs)) if not any(t is w for w in written)]
        for t in tensors_in(result):
            if is_inexact(t) and not any(t is k for k in known):
                self.put(t, Array(Node(None, (), NO_PARAMS, plain(t))))
        return result

    def _note(self, what: str) -> None:
        if self._taken_apart:
            what = f"{self._taken_apart[0]} (it takes {what})"
        self.uncovered.append(Uncovered(what, self._module_path(), _user_line()))


def _simpler(func: Any) -> Callable[..., Any] | None:
    """A function that computes an operator by simpler ones: PyTorch's own decomposition, else that for exporting."""
    composite = torch._C.DispatchKey.CompositeImplicitAutograd
    if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), composite):
        return partial(func._op_dk, composite)
    return torch._decomp.decomposition_table.get(func)


def _written(func: Any, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The arguments into which an operator writes."""
    schema = func._schema
    if not schema.is_mutable:
        return []
    names = [a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    given = dict(zip([a.name for a in schema.arguments], args, strict=False)) | kwargs
    return list(tensors_in([given.get(name) for name in names]))


def _is_view(func: Any) -> bool:
    return any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)


def _root(handle: Array) -> Array:
    return handle if handle._view is None else handle._view.root


def _user_line() -> Line:
    frame = user_frame()
    return Line(frame.f_code.co_filename, frame.f_lineno)


def _custom_function() -> Any:
    """The `torch.autograd.Function` whose forward is running, or None."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "apply" and frame.f_code.co_filename.endswith("autograd/function.py"):
            return frame.f_locals["cls"]
        frame = frame.f_back
    return None
