"""Network: the call of a function of PyTorch's tensors as a function of NumPy arrays."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from chainrule.array import Array, node_of, value_of
from chainrule.errors import GradientError, NoAnswer, RecordingError, asking_others
from chainrule.layout import for_pytorch
from chainrule.node import at_line, hide_folder
from chainrule.pytorch.functions import AutogradCall, calls_of_functions
from chainrule.pytorch.guard import GradientGuard
from chainrule.pytorch.modules import CallsOfFunctions, Modules, captured_modules
from chainrule.pytorch.recorder import Recorder, Uncovered
from chainrule.pytorch.tensors import is_floating, plain, tensors_in
from chainrule.trees import flatten, leaf_names
from chainrule.watching.names import variables_of, variables_read

__all__ = ["Network"]

hide_folder(os.path.dirname(torch.__file__))


@dataclass(frozen=True, eq=False)
class TensorLeaf:
    """A tensor with a gradient: a floating argument, or a parameter."""

    name: str
    tensor: torch.Tensor


class Network:
    """The call of a function of tensors, as a function of NumPy arrays: `network(*values)`.

    Its arguments are the floating tensors among the arguments of the call, and all parameters that it reads: those of
    known modules, and every other leaf that requires a gradient. For plain arrays it computes with PyTorch; for
    recorded ones it also records.

    Attributes
    ----------
    names, values : the names and values of its arguments; a parameter is named as in `named_parameters()`.
    named_arrays : the plain arrays of the call by name, such as labels.
    functions : the calls of `torch.autograd.Function` in the last recording.
    variables : the names of the function's variables, which unnamed nodes must not get.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]):
        self._f = f
        self._owner = f if isinstance(f, torch.nn.Module) else getattr(f, "__self__", None)
        self.__name__ = type(f).__name__ if self._owner is f else getattr(f, "__name__", "f")
        read = variables_read(f)
        known = captured_modules(read)
        if isinstance(self._owner, torch.nn.Module):
            known = {"": self._owner}
        self._modules = Modules(known)
        self._given, self._rebuild = flatten((args, tuple(kwargs.values())))  # flatten would sort a dict
        self._keywords = tuple(kwargs)
        self._given = [self._as_tensor(leaf) for leaf in self._given]
        names = _names(self._function, args, kwargs)
        self._inputs = {i: TensorLeaf(names[i], t) for i, t in enumerate(self._given) if is_floating(t)}
        self._parameters = self._parameters_read()
        if not self.leaves:
            raise GradientError(
                f"{self.__name__}: no argument is of a floating type and no parameter requires a gradient; "
                "nothing to explain" + at_line()
            )
        self.variables = variables_of(self._function)
        named = {name: self._given[i] for i, name in enumerate(names) if i not in self._inputs} | read
        self.named_arrays = {name: plain(t).copy() for name, t in named.items() if _is_constant(t)}
        self._recorder: Recorder | None = None
        self.functions: list[AutogradCall] = []

    @property
    def _function(self) -> Callable[..., Any]:
        """The function whose signature names the arguments."""
        return self._f.forward if isinstance(self._f, torch.nn.Module) else self._f

    @property
    def leaves(self) -> list[TensorLeaf]:
        return [*self._inputs.values(), *self._parameters]

    @property
    def names(self) -> list[str]:
        return [leaf.name for leaf in self.leaves]

    @property
    def values(self) -> list[np.ndarray]:
        return [plain(leaf.tensor).copy() for leaf in self.leaves]

    def _as_tensor(self, leaf: Any) -> Any:
        """A leaf, with NumPy's arrays as tensors in the dtype of the network."""
        leaf = value_of(leaf)
        if not isinstance(leaf, np.ndarray):
            return leaf
        made = torch.from_numpy(for_pytorch(leaf).copy())
        own = next((p.dtype for _, p in self._modules.parameters.values() if p.dtype.is_floating_point), None)
        return made.to(own) if own is not None and made.dtype.is_floating_point else made

    def _parameters_read(self) -> list[TensorLeaf]:
        """The parameters in the order of their modules, then those found only while the function runs."""
        finder = _Leaves()
        given = [t.clone() if i in self._inputs else t for i, t in enumerate(self._given)]
        with contextlib.suppress(NoAnswer), asking_others(), self._running(), finder:  # errors are raised on recording
            self._call(given)
        mine = {id(leaf.tensor) for leaf in self._inputs.values()}
        known = {key: p for key, p in self._modules.parameters.items() if p[1].requires_grad and key not in mine}
        others = [t for key, t in finder.found.items() if key not in known and key not in mine]
        return [
            *(TensorLeaf(name, t) for name, t in known.values()),
            *(TensorLeaf(f"tensor{i}", t) for i, t in enumerate(others)),
        ]

    # For a function written by hand -------------------------------------------------------------------------------

    @property
    def function(self) -> Callable[..., Any]:
        """The user's function or module."""
        return self._f

    @property
    def count(self) -> int:
        """How many arguments it was called with."""
        args, values = self._rebuild(list(self._given))
        return len(args) + len(values)

    def arguments(self, arrays: Sequence[Any], other: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the call with other values, as tensors; and the parameters too, if `other` takes as many."""
        args, kwargs = self._given_as(arrays)
        parameters = self._tensors_of(arrays)[len(self._inputs) :]
        try:
            inspect.signature(other).bind(*args, **kwargs)
        except TypeError:
            args = [*args, *parameters]
        except ValueError:
            pass
        return args, kwargs

    def named_arguments(self, arrays: Sequence[Any]) -> dict[str, Any]:
        """The arguments of the call by name, and the parameters, with `_` for the dots in their names."""
        args, kwargs = self._given_as(arrays)
        named = dict(zip(_labels(self._function, len(args)), args, strict=True)) | kwargs
        parameters = self._tensors_of(arrays)[len(self._inputs) :]
        return named | {leaf.name.replace(".", "_"): t for leaf, t in zip(self._parameters, parameters, strict=True)}

    def as_tensor(self, x: Any, like: torch.Tensor) -> torch.Tensor:
        """A new tensor of this value, with the dtype and device of another."""
        return torch.tensor(np.asarray(x), dtype=like.dtype, device=like.device)

    def is_parameter(self, name: str) -> bool:
        """Whether a leaf is a parameter that the function reads, not an argument of the call."""
        return any(leaf.name == name for leaf in self._parameters)

    def _tensors_of(self, arrays: Sequence[Any]) -> list[torch.Tensor]:
        return [self.as_tensor(x, leaf.tensor) for x, leaf in zip(arrays, self.leaves, strict=True)]

    def _given_as(self, arrays: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        given = list(self._given)
        for i, t in zip(self._inputs, self._tensors_of(arrays), strict=False):
            given[i] = t
        args, values = self._rebuild(given)
        return list(args), dict(zip(self._keywords, values, strict=True))

    # Running ------------------------------------------------------------------------------------------------------

    def __call__(self, *arrays: Any) -> Any:
        leaves = self.leaves
        tensors = [_tensor_of(x, leaf.tensor) for x, leaf in zip(arrays, leaves, strict=True)]
        replaced = {id(leaf.tensor): t for leaf, t in zip(leaves, tensors, strict=True)}
        dtypes = {leaf.tensor.dtype: t.dtype for leaf, t in zip(leaves, tensors, strict=True)}
        dtypes = {old: new for old, new in dtypes.items() if old != new}
        given = list(self._given)
        for i, t in zip(self._inputs, tensors, strict=False):
            given[i] = t
        recorder = Recorder(replaced, self._modules.path, dtypes)
        for x, t in zip(arrays, tensors, strict=True):
            if type(x) is Array:
                recorder.put(t, x)
        self._recorder = recorder
        if any(type(x) is Array for x in arrays):
            self.functions = recorder.functions
        try:
            with self._running(), calls_of_functions(recorder.function_called), GradientGuard(recorder), recorder:
                result = self._call(given)
        except Exception as error:
            if recorder.uncovered:  # they may be the cause
                raise RecordingError(_message(recorder.uncovered)) from error
            raise
        finally:
            self._recorder = None
        if recorder.uncovered:
            raise RecordingError(_message(recorder.uncovered))
        outputs, rebuild = flatten(result)
        return rebuild([_output(recorder, out) for out in outputs])

    def _call(self, given: Sequence[Any]) -> Any:
        args, values = self._rebuild(list(given))
        return self._f(*args, **dict(zip(self._keywords, values, strict=True)))

    def gradients(self, seeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """∂L/∂argument by PyTorch's own backward pass, from ∂L/∂output for each output."""
        leaves = self.leaves
        given = list(self._given)
        for i in self._inputs:
            given[i] = given[i].detach().clone().requires_grad_()
        tensors = [*(given[i] for i in self._inputs), *(leaf.tensor for leaf in self._parameters)]
        with _as_the_next_call(), self._modules.watched():
            outputs = flatten(self._call(given))[0]
            pairs = [
                (out, torch.as_tensor(seed, device=out.device))
                for out, seed in zip(outputs, seeds, strict=False)  # more results may follow, without a gradient
                if isinstance(out, torch.Tensor) and out.requires_grad
            ]
            grads: Sequence[torch.Tensor | None] = [None] * len(leaves)
            if pairs:
                outs, cotangents = zip(*pairs, strict=True)
                grads = torch.autograd.grad(outs, tensors, cotangents, allow_unused=True)
        return [
            np.zeros_like(plain(leaf.tensor)) if g is None else plain(g).copy()
            for leaf, g in zip(leaves, grads, strict=True)
        ]

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Run below PyTorch's autograd, with modules watched."""
        with (
            _as_the_next_call(),
            self._modules.watched(root=self._owner),
            torch._C._AutoDispatchBelowAutograd(),
        ):
            yield

    def calls(self, scopes: Any) -> CallsOfFunctions:
        """Callbacks for the calls of user functions, which open and close `scopes`."""
        return CallsOfFunctions(scopes)

    def revealed(self, x: Any) -> Any:
        """The array of a tensor in a local variable, recorded or plain; other values unchanged."""
        if not isinstance(x, torch.Tensor) or self._recorder is None:
            return x
        handle = self._recorder.handle_of(x)
        return handle if handle is not None else plain(x) if _is_constant(x) else x


@contextlib.contextmanager
def _as_the_next_call() -> Iterator[None]:
    """Context that draws the random numbers of the next call, without fused kernels, which hide a layer's steps."""
    fast, onednn = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # its recurrent layers cannot be taken apart
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.enabled = onednn


class _Leaves(TorchDispatchMode):
    """Finds the leaves that require a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, torch.Tensor] = {}

    _should_skip_dynamo = Recorder._should_skip_dynamo

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for t in tensors_in((args, kwargs or {})):
            if t.requires_grad and t.is_leaf:
                self.found.setdefault(id(t), t)
        return func(*args, **(kwargs or {}))


def _is_constant(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and not x.requires_grad and x.layout is torch.strided


def _names(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for each leaf of the arguments."""
    labels = _labels(f, len(args))
    return [name for label, x in [*zip(labels, args, strict=True), *kwargs.items()] for name in leaf_names(x, label)]


def _labels(f: Callable[..., Any], count: int) -> list[str]:
    """The names of `count` positional arguments."""
    try:
        positional = [p for p in inspect.signature(f).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    except ValueError:
        positional = []
    labels = []
    for i in range(count):
        place = min(i, len(positional) - 1)
        if place < 0:
            labels.append(f"x{i}")
        elif positional[place].kind is inspect.Parameter.VAR_POSITIONAL:
            labels.append(f"{positional[place].name}{i - place}")
        else:
            labels.append(positional[place].name)
    return labels


def _tensor_of(x: Any, like: torch.Tensor) -> torch.Tensor:
    value = node_of(x).value if type(x) is Array else x
    return torch.from_numpy(np.array(value)).to(like.device)


def _output(recorder: Recorder, out: Any) -> Any:
    if not isinstance(out, torch.Tensor):
        return out
    handle = recorder.handle_of(out)
    if handle is not None:
        return handle
    return plain(recorder.exchanged(out)).copy()[()]


def _message(uncovered: Sequence[Uncovered]) -> str:
    places: dict[str, list[Uncovered]] = {}
    for u in uncovered:
        places.setdefault(u.operator, []).append(u)
    told = []
    for operator, found in places.items():
        paths = list(dict.fromkeys(f"in {u.module}" if u.module else "outside of all modules" for u in found))
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        told.append(f"  {operator}  {', '.join(paths[:5])}{more}\n    at {found[0].line}")
    return (
        "the network uses operators of PyTorch that chainrule does not cover:\n" + "\n".join(told) + "\n"
        "  write that part with other functions, or explain the network without it"
    )
