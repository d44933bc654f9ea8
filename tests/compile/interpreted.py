"""Compiled programs run by Python itself: the same source, not compiled, so that hundreds are quick to test."""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special

from chainrule.compile import linear
from chainrule.compile.program import Program
from chainrule.compile.runtime import OtherInputs, dense
from chainrule.compile.threads import shared


def _add_one(turns: np.ndarray, place: int) -> int:
    turns[place] += 1
    return int(turns[place]) - 1


VM = types.SimpleNamespace(
    maximum=np.maximum,
    minimum=np.minimum,
    select=lambda condition, x, y: x if condition else y,
    product_or_zero=lambda dz, slope: dz if dz == 0 else dz * slope,
    exp=np.exp,
    expm1=np.expm1,
    log=np.log,
    log1p=np.log1p,
    tanh=np.tanh,
    sigmoid=scipy.special.expit,
    exp2=np.exp2,
    log2=np.log2,
    log10=np.log10,
    sin=np.sin,
    cos=np.cos,
    tan=np.tan,
    sinh=np.sinh,
    cosh=np.cosh,
    arcsinh=np.arcsinh,
    arccosh=np.arccosh,
    arctanh=np.arctanh,
    arcsin=np.arcsin,
    arccos=np.arccos,
    arctan=np.arctan,
    cbrt=np.cbrt,
    erf=scipy.special.erf,
    erfc=scipy.special.erfc,
    ndtr=scipy.special.ndtr,
    logaddexp=np.logaddexp,
    arctan2=np.arctan2,
    hypot=np.hypot,
    power=np.power,
    softplus=lambda x: np.logaddexp(x, np.zeros_like(x)),
    take=lambda turns: _add_one(turns, 0),
    finish=lambda turns: _add_one(turns, 1),
    piece_of=lambda cuts, piece, n: (int(cuts[piece]), int(cuts[piece + 1]), int(cuts[piece + 1] - cuts[piece])),
    whole=lambda n, block: n - n % block,
)


def _load(program: Program, entries: Any) -> Any:
    scope: dict[str, Any] = {
        "np": np,
        "math": types.SimpleNamespace(sqrt=np.sqrt, copysign=np.copysign, erf=scipy.special.erf, inf=math.inf),
        "vm": VM,
        "la": linear,
        "kernel": _kernel,
        "program": lambda *signature: lambda f: f,
        "body": lambda *signature: lambda f: f,
        "read": lambda dtype, shape: None,
        "written": lambda dtype, shape: None,
        "scratch": lambda dtype, shape: np.full(shape, 7, dtype),
        "dense": dense,
        "OtherInputs": OtherInputs,
        "shared": shared,
        "one_thread": lambda: None,
        "several_threads": lambda: None,
        "all_threads": lambda: None,
    }
    last = "import shared\n"
    body = program.text[program.text.index(last) + len(last) :]
    exec(compile(body, f"<{program.name}>", "exec"), scope)
    scope.update(program.outside)
    function = scope[program.name]

    def quietly(*inputs: Any) -> Any:
        with np.errstate(all="ignore"):
            return _called(program, function, inputs) if program.native else function(*inputs)

    return {program.name: quietly}


def _kernel(*takes: Any) -> Any:
    """A kernel brings its own scratch memory along."""
    own = [a for a in takes if a is not None]
    return lambda f: lambda *arguments: f(*arguments, *(a.copy() for a in own))


def _called(program: Program, function: Any, inputs: Any) -> Any:
    """The results of a native program's function: what it wrote into memory, and the numbers that it returned."""
    results, arguments = {}, []
    for p in program.parameters:
        if p.role == "input":
            arguments.append(inputs[p.place])
        elif p.role == "constant":
            arguments.append(list(program.outside.values())[p.place])
        else:
            arguments.append(np.full(p.shape, 7, p.dtype))  # whatever was in the memory before
            if p.role == "result":
                results[p.place] = arguments[-1]
    numbers = iter(function(*arguments) or ())
    return [results[k].reshape(v.shape) if v.shape else next(numbers) for k, v in enumerate(program.outputs)]


@contextlib.contextmanager
def interpreted() -> Iterator[None]:
    """Within this, what is compiled is run by Python."""
    before = Program.load
    Program.load = _load  # type: ignore[method-assign]
    try:
        yield
    finally:
        Program.load = before  # type: ignore[method-assign]
