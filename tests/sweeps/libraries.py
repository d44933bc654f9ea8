"""Are blocks right on the arrays of JAX, PyTorch, array-api-strict, and on arrays of a device (as CuPy's)?

Each block is called on its example, as arrays of each library. Its value and its gradients must be those that it has
with NumPy's arrays, and arrays of that library; or there is an error.

    python -m tests.sweeps.libraries
    python -m tests.sweeps.libraries device

The whole takes about a minute.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import array_api_strict
import jax
import numpy as np
import torch
from tests.device_arrays import on_device

import chainrule as cr
from chainrule.block.making import BLOCKS, Block
from chainrule.errors import ChainruleError
from chainrule.libraries import as_numpy

LIBRARIES: dict[str, Callable[[np.ndarray], Any]] = {
    "jax": lambda x: jax.numpy.asarray(x),
    "torch": lambda x: torch.tensor(np.array(x)),
    "strict": lambda x: array_api_strict.asarray(np.array(x)),
    "device": on_device,
}


def outcome(block: Block, library: str) -> str:
    """ "right", "refused: …", or what is wrong."""
    example = block.example
    assert example is not None
    arrays = example.arrays(block.name)
    make = LIBRARIES[library]

    chosen = [i for i, x in enumerate(arrays) if x.dtype.kind in "fc"]

    def of(operands: list[Any]) -> tuple[Callable[..., Any], list[Any]]:
        """The block of those operands that have a gradient, and these operands."""

        def f(*xs: Any) -> Any:
            full = list(operands)
            for i, x in zip(chosen, xs, strict=True):
                full[i] = x
            return block(*full, **example.params)

        return f, [operands[i] for i in chosen]

    f, xs = of(arrays)
    value, pullback = cr.vjp(f, *xs)
    dz = np.cos(np.arange(np.size(value)).reshape(np.shape(value))).astype(value.dtype)
    expected = pullback(dz)
    f, others = of([make(x) for x in arrays])
    try:
        found, pullback = cr.vjp(f, *others)
        gradients = pullback(make(dz))
    except ChainruleError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"refused unclearly: {type(error).__name__}: {error}"
    for what, a, b in [
        ("value", value, found),
        *(("gradient", a, b) for a, b in zip(expected, gradients, strict=True)),
    ]:
        if type(b) is not type(others[0]) or getattr(b, "device", None) != getattr(others[0], "device", None):
            return f"a {what} of {type(b)} on {getattr(b, 'device', None)}"
        if not np.allclose(a, as_numpy(b), rtol=1e-9, atol=1e-9, equal_nan=True):
            return f"{what} {np.ravel(as_numpy(b))[:4]} for {np.ravel(a)[:4]}"
    return "right"


def main() -> int:
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    with jax.enable_x64(True):
        for block in BLOCKS.values():
            if block.example is None or not block.differentiable:
                continue
            for library in sys.argv[1:] or LIBRARIES:
                told = outcome(block, library)
                kind = told.split(":")[0] if told.startswith("refused") else "right" if told == "right" else "wrong"
                counts[f"{library} {kind}"] += 1
                if kind != "right":
                    print(f"{kind.upper()} {block.name}, {library}: {told[:300].splitlines()[0]}")
    print(dict(counts))
    return min(1, sum(n for kind, n in counts.items() if kind.endswith("wrong")))


if __name__ == "__main__":
    sys.exit(main())
