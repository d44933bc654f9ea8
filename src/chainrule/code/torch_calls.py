"""Records the PyTorch functions that are called, for instance by array_api_compat for a rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode, resolve_name

from chainrule.code.tape import Tape, TracedValue
from chainrule.errors import RecordingError

__all__ = ["TorchCalls"]

OPERATORS = {
    "add": "+",
    "sub": "-",
    "subtract": "-",
    "mul": "*",
    "multiply": "*",
    "div": "/",
    "divide": "/",
    "true_divide": "/",
    "truediv": "/",
    "floordiv": "//",
    "floor_divide": "//",
    "mod": "%",
    "remainder": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "logical_and": "&",
    "bitwise_and": "&",
    "or": "|",
    "logical_or": "|",
    "bitwise_or": "|",
    "xor": "^",
    "lt": "<",
    "less": "<",
    "le": "<=",
    "less_equal": "<=",
    "gt": ">",
    "greater": ">",
    "ge": ">=",
    "greater_equal": ">=",
    "eq": "==",
    "ne": "!=",
    "not_equal": "!=",
}
SIGNS = {"neg": "-x", "negative": "-x", "invert": "~x", "logical_not": "~x", "bitwise_not": "~x"}


PLAIN = frozenset("__array__ numpy item tolist __int__ __float__ __index__ __complex__".split())
"""Functions that take numbers out of a tensor; the numbers would become constants of the code."""


class TorchCalls(TorchFunctionMode):
    """Context in which every call that returns a tensor is put on the tape."""

    def __init__(self, tape: Tape):
        super().__init__()
        self.tape = tape
        self.values: dict[int, TracedValue] = {}
        self.kept: list[Any] = []  # so that no id is reused by another tensor

    def argument(self, name: str, array: Any) -> Any:
        tensor = torch.tensor(np.array(array))
        self.know(tensor, self.tape.argument(name, tensor.shape, tensor.dtype))
        return tensor

    def know(self, tensor: Any, value: TracedValue) -> None:
        self.values[id(tensor)] = value
        self.kept.append(tensor)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in PLAIN:
            raise RecordingError("its rule takes an array as plain numbers")
        result = func(*args, **kwargs)
        name = resolve_name(func) or f"torch.{func.__name__}"
        if name == "torch.Tensor.__setitem__":
            x, key, new = args
            self.know(x, self.tape.write(self.values[id(x)], "[]=", (self._valued(key), self._valued(new))))
        elif isinstance(result, torch.Tensor):
            if id(result) not in self.values:
                self.know(result, self._called(name, args, kwargs, result))
        elif isinstance(result, tuple) and result and all(isinstance(x, torch.Tensor) for x in result):
            whole = self.tape.call(*self._written(name, args, kwargs), None, None)
            fields = [
                name for name in dir(result) if not name.startswith(("_", "n_")) and name not in ("count", "index")
            ]
            whole.content = sorted(fields, key=lambda name: [getattr(result, name) is x for x in result].index(True))
            for i, x in enumerate(result):
                self.know(x, self.tape.call("[]", (whole, i), {}, x.shape, x.dtype))
        return result

    def _called(self, name: str, args: Any, kwargs: Any, result: Any) -> TracedValue:
        return self.tape.call(*self._written(name, args, kwargs), result.shape, result.dtype)

    def _written(self, name: str, args: Any, kwargs: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """How a call is written: as an operator, a method or a function."""
        args = tuple(self._valued(x) for x in args)
        kwargs = {k: self._valued(x) for k, x in kwargs.items() if k != "device"}  # the device is that of the operands
        *path, last = name.removesuffix(".__get__").split(".")
        bare = last.strip("_") if last.startswith("__") else last
        if bare == "getitem":
            return "[]", args, kwargs
        if len(args) == 2 and not kwargs and bare.startswith("r") and last.startswith("__") and bare[1:] in OPERATORS:
            return OPERATORS[bare[1:]], args[::-1], kwargs
        if len(args) == 2 and not kwargs and bare in OPERATORS:
            return OPERATORS[bare], args, kwargs
        if len(args) == 1 and not kwargs and bare in SIGNS:
            return SIGNS[bare], args, kwargs
        if "Tensor" in path or "TensorBase" in path:
            return f".{bare}" if not name.endswith("__get__") else f".{bare} property", args, kwargs
        return name, args, kwargs

    def _valued(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            if id(x) not in self.values:  # a plain tensor that the rule already had
                self.know(x, self.tape.constant(x.numpy(force=True)))
            return self.values[id(x)]
        if isinstance(x, tuple | list):
            return tuple(self._valued(part) for part in x) if isinstance(x, tuple) else [self._valued(p) for p in x]
        if isinstance(x, slice):
            return slice(self._valued(x.start), self._valued(x.stop), self._valued(x.step))
        return x
