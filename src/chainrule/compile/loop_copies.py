"""Copies the body of a loop, so that its values are separate from those of the surrounding program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.compile import fortran
from chainrule.compile.failures import CannotRoll
from chainrule.compile.operations import COMPUTED
from chainrule.compile.schedule import needed
from chainrule.compile.values import Value, has_loops

__all__ = ["Copied"]


class Copied:
    """Copies of the values of a body, with inputs in place of values that are the same in each step.

    Attributes
    ----------
    made : the copies of the outputs.
    copy : for each value, its copy.
    outside : the values from outside, each with the input that stands for it.
    threads : whether there are products worth several threads; such products are accepted only if `may` is true.
    """

    def __init__(self, outputs: Sequence[Value], varying: set[int], may: bool = False):
        self.threads = False
        self.copy: dict[Value, Value] = {}
        self.outside: list[tuple[Value, Value]] = []
        changes: dict[Value, bool] = {}
        values = needed(outputs)
        for v in values:
            changes[v] = id(v) in varying or any(changes[a] for a in v.args)
        used = {a for v in values if changes[v] for a in v.args}.union(outputs)
        for v in values:
            if not changes[v]:
                if v in used:
                    self._from_outside(v)
                continue
            native = has_loops(v)
            if not native and may and v.op in ("loop", "matmul") and fortran.is_available():
                native = self.threads = True
            if v.op == "call" or v.dtype not in COMPUTED or not native:
                raise CannotRoll(f"{v.params.get('text', v.op)} is not compiled")
            if id(v) in varying:
                self.input(v)
                continue
            if v.op == "loop":
                self._loop(v)
                continue
            if v.op == "loop_result":
                continue
            self._keep(v, Value(v.op, tuple(self.copy[a] for a in v.args), v.params, v.shape, v.dtype, v.weak, v.name))
        self.made = [self.copy[v] for v in outputs]

    def _keep(self, v: Value, copy: Value) -> Value:
        copy.order = len(self.copy)
        self.copy[v] = copy
        return copy

    def _loop(self, v: Value) -> None:
        """Copy a loop with all its results."""
        lowered = v.params["lowered"]
        results: dict[Any, Value] = {}
        whole = self._keep(
            v, Value("loop", tuple(self.copy[a] for a in v.args), {"lowered": replace(lowered, results=results)})
        )
        for kind, x in lowered.results.items():
            results[kind] = self._keep(x, Value(x.op, (whole,), x.params, x.shape, x.dtype, x.weak, x.name))

    def input(self, v: Value) -> Value:
        """The copy of an input."""
        if v in self.copy:
            return self.copy[v]
        return self._keep(v, Value("input", (), {}, v.shape, v.dtype, v.weak, v.name))

    def _from_outside(self, v: Value) -> None:
        if v.op in ("constant", "none"):
            self._keep(v, Value(v.op, (), v.params, v.shape, v.dtype, v.weak, v.name))
            return
        if v.dtype not in COMPUTED:
            raise CannotRoll(f"{v.dtype} is not compiled")
        self.outside.append((v, self.input(v)))
