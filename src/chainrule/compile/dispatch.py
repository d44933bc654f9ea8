"""Dispatch: the shortest way from a call to compiled code, for functions of arrays and numbers alone.

It is written as source too, once for each version. Whatever it does not expect it leaves, by an exception, to the way
that looks at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compile.schedule import needed
from chainrule.compile.values import Value

__all__ = ["fast_path", "numbers_path", "takes_leaves"]


def takes_leaves(version: Any) -> bool:
    """Whether each argument of the call is one array or number, and none is overwritten."""
    args, kwargs = version.signature.rebuild(list(range(len(version.signature.leaves))))
    return not version.donated and not kwargs and args == tuple(range(len(args)))


ARITHMETIC = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "square": "{0} * {0}",
    "product_or_zero": "{0} * {1} if {0} else {0}",
    "cast": "{0}",
    "view": "{0}",
}
"""What Python computes with its own numbers as NumPy does: no division, which raises where NumPy gives Inf."""

FEW = 40


def numbers_path(version: Any, inputs: Sequence[Value], outputs: Sequence[Value]) -> Callable[..., Any] | None:
    """A few sums and products of numbers: Python itself is faster than the way into native code."""
    if not takes_leaves(version) or any(type(leaf) is not float for leaf in version.signature.leaves):
        return None
    names = {v: f"x{i}" for i, v in enumerate(inputs)}
    lines = [f"    if {' or '.join(f'type(x{i}) is not float' for i in range(len(inputs)))}: raise TypeError"]
    values = needed(outputs)
    if len(values) > FEW:
        return None
    for v in values:
        if v.shape or v.dtype != np.float64:
            return None
        if v.op == "constant" and np.isfinite(v.params["number"]):
            names[v] = f"({float(v.params['number'])!r})"
        elif v.op in ARITHMETIC:
            names[v] = f"v{v.order}"
            lines.append(f"    v{v.order} = {ARITHMETIC[v.op].format(*(names[a] for a in v.args))}")
        elif v.op != "input":
            return None
    texts = []
    for kind, out in zip(version.kinds, outputs, strict=True):
        if kind is None or kind not in (("number", float), ("number", np.float64)):
            return None
        texts.append(names[out] if kind[1] is float else f"float64({names[out]})")
    result = _structure_text(version.rebuild([_Slot(i) for i in range(len(texts))]), texts)
    if result is None:
        return None
    scope: dict[str, Any] = {}
    header = f"def fast({', '.join(names[v] for v in inputs)}, *, float64=float64, float=float):"
    scope["float64"] = np.float64
    exec("\n".join([header, *lines, f"    return {result}"]), scope)
    return scope["fast"]


def fast_path(version: Any) -> Callable[..., Any] | None:
    """A function of the arguments themselves that runs the program.

    Numba checks the types of the arrays for a program that is native as a whole, and the program itself their shapes,
    so nothing else has to look at them.
    """
    leaves = version.signature.leaves
    names = [f"a{i}" for i in range(len(leaves))]
    checks = []
    given = []
    for i, leaf in enumerate(leaves):
        if type(leaf) is np.ndarray:
            if not leaf.shape or (i not in version.used and version.program.native):
                return None
            if not version.program.native:
                if not leaf.flags.c_contiguous:
                    return None
                a = names[i]
                checks.append(f"type({a}) is not ndarray or {a}.shape != shape{i} or {a}.dtype != dtype{i}")
                checks.append(f"not {a}.flags.c_contiguous")
        else:
            checks.append(f"type({names[i]}) is not kinds[{i}]")
    given = [names[i] for i in version.used]
    structure = version.rebuild([_Slot(i) for i in range(len(version.kinds))])
    count_out = len(version.kinds)
    results = [f"r{i}" for i in range(count_out)] + [f"g{i}" for i in range(len(version.expected))]
    boxed = []
    for i, kind in enumerate(version.kinds):
        if kind is None:
            return None
        boxed.append(f"box{i}(r{i})" if kind[0] == "number" and kind[1] is not float else f"r{i}")
        if kind[0] == "0-d":
            return None
    text = _structure_text(structure, boxed)
    if text is None:
        return None
    scope: dict[str, Any] = {"function": version.function, "kinds": [type(x) for x in leaves], "ndarray": np.ndarray}
    for i, leaf in enumerate(leaves):
        scope |= {f"shape{i}": np.shape(leaf), f"dtype{i}": getattr(leaf, "dtype", None)}
    for i, kind in enumerate(version.kinds):
        if kind is not None:
            scope[f"box{i}"] = kind[1]
    guards = []
    for i, (how, found) in enumerate(version.expected):
        if how == "truth":
            guards.append(f"    if {'not ' if found else ''}g{i}: raise ValueError")
        else:
            return None
    lines = [f"def fast({', '.join(names)}):"]
    if checks:
        lines.append(f"    if {' or '.join(checks)}: raise ValueError")
    lines.append(f"    {', '.join(results)}, = function({', '.join(given)})")
    lines += [*guards, f"    return {text}"]
    exec("\n".join(lines), scope)
    return scope["fast"]


class _Slot(int):
    pass


def _structure_text(structure: Any, parts: list[str]) -> str | None:
    if type(structure) is _Slot:
        return parts[structure]
    if type(structure) in (tuple, list):
        inner = [_structure_text(item, parts) for item in structure]
        if None in inner:
            return None
        joined = ", ".join(inner)  # type: ignore[arg-type]
        return f"[{joined}]" if type(structure) is list else f"({joined}{',' if len(inner) == 1 else ''})"
    return None
