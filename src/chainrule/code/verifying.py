"""Checks code before it is returned: runs it once and compares the results with the recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.code.libraries import Library, Parts, function
from chainrule.code.program import RecordedProgram
from chainrule.code.tracing import CodeError
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import Node
from chainrule.trees import flatten

__all__ = ["verify"]


def verify(
    parts: Parts, preamble: str, program: RecordedProgram, arguments: Mapping[str, Any], library: Library
) -> None:
    """Raise CodeError unless the code computes the recorded value and gradients from the recorded arguments.

    Parameters
    ----------
    preamble : imports and helpers that the statements call.
    arguments : the function's arguments by name, and the outside arrays that it uses.
    """
    inputs = {leaf.place: leaf for leaf in parts.leaves if leaf.place is not None}
    gradients = [str(inputs[place].gradient) for place in sorted(inputs)]
    text = preamble + function(
        "run",
        [*parts.parameters, parts.cotangent],
        [],
        [*parts.unpacking, *parts.forward, *parts.backward, f"return {parts.loss}, [{', '.join(gradients)}]"],
    )
    made: dict[str, Any] = {}
    with library.running() as (array, call), np.errstate(all="ignore"):
        given = [_arrays_in(arguments[label], array) for label in parts.parameters]
        seed = 1.0 if library.keeps_numpys_dtypes else array(program.graph.inputs[-1].value)
        try:
            with asking_others():
                exec(compile(text, "<the code>", "exec"), made)
                value, found = call(made["run"], [*given, seed])
        except NoAnswer as none:
            raise CodeError(f"the code that was written for {library.name} fails: {none}") from none.error
        results = [_plain(value), *map(_plain, found)]
    recorded = [_value(out) for out in program.graph.outputs[: 1 + len(program.inputs)]]
    scale = max(_size(np.asarray(x)) for x in [*recorded, *(_value(node) for node in program.inputs)])
    for label, ours, wanted in zip(
        ["the value", *(node.name for node in program.inputs)], results, recorded, strict=True
    ):
        if library.keeps_numpys_dtypes and ours.dtype != wanted.dtype:
            raise CodeError(f"the code that was written computes {label} in {ours.dtype}, not in {wanted.dtype}")
        if ours.shape != wanted.shape or not _close(ours, wanted, scale):
            raise CodeError(
                f"the code that was written for {library.name} computes another number for {label}: "
                f"{_in_words(ours)} for {_in_words(wanted)}"
            )


def _arrays_in(tree: Any, array: Callable[[Any], Any]) -> Any:
    leaves, rebuild = flatten(tree)
    return rebuild([array(x) if isinstance(x, np.ndarray | np.generic | float | complex) else x for x in leaves])


def _plain(x: Any) -> np.ndarray:
    return np.asarray(x.numpy(force=True) if hasattr(x, "numpy") else x)


def _value(out: Any) -> np.ndarray:
    return np.asarray(out.value if type(out) is Node else out)


def _close(ours: np.ndarray, wanted: np.ndarray, scale: float) -> bool:
    """Whether two arrays agree up to rounding errors of the coarser dtype, for terms as large as `scale`."""
    kinds = [x.dtype for x in (ours, wanted) if x.dtype.kind in "fc"]
    eps = max([float(np.finfo(dtype).eps) for dtype in kinds], default=0.0)
    tolerance = eps**0.4
    room = max(tolerance * _size(wanted), 1e4 * eps * scale)
    return bool(np.allclose(ours, wanted, rtol=tolerance, atol=room, equal_nan=True))


def _size(x: np.ndarray) -> float:
    """The largest finite entry."""
    return float(np.max(np.abs(x[np.isfinite(x)]), initial=0.0)) if x.dtype.kind in "fc" else 0.0


def _in_words(x: np.ndarray) -> str:
    return f"an array of shape {x.shape}" if x.ndim else f"{x:.6g}"
