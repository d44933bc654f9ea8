"""Compiled programs run by Python itself: the same source without Numba, so that hundreds are quick to test."""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special

from chainrule.compile.program import Program
from chainrule.compile.runtime import OtherInputs, dense
from chainrule.compile.threads import shared

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
    softplus=lambda x: np.logaddexp(x, np.zeros_like(x)),
)


def _load(program: Program) -> Any:
    scope: dict[str, Any] = {
        "np": np,
        "math": types.SimpleNamespace(
            sqrt=np.sqrt, sin=np.sin, cos=np.cos, tan=np.tan, erf=scipy.special.erf, inf=math.inf
        ),
        "vm": VM,
        "kernel": lambda *signature: lambda f: f,
        "read": lambda dtype, ndim: None,
        "written": lambda dtype, ndim: None,
        "dense": dense,
        "shared": shared,
        "one_thread": lambda: None,
        "all_threads": lambda: None,
        "OtherInputs": OtherInputs,
    }
    last = "import shared\n"
    body = program.text[program.text.index(last) + len(last) :]
    exec(compile(body, f"<{program.name}>", "exec"), scope)
    scope.update(program.outside)
    function = scope[program.name]

    def quietly(*inputs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*inputs, *(program.outside.values() if program.native else ()))

    return quietly


@contextlib.contextmanager
def interpreted() -> Iterator[None]:
    """Within this, what is compiled is run by Python."""
    before = Program.load
    Program.load = _load  # type: ignore[method-assign]
    try:
        yield
    finally:
        Program.load = before  # type: ignore[method-assign]
