"""Every block under `cr.compile(f, engine="jax")`: value and gradients are those of NumPy's arrays.

    python -m tests.sweeps.engine_jax            all blocks, some three minutes; prints how each is computed

A sample of it is a test, tests/engine/test_blocks.py.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter

import numpy as np

import chainrule as cr
from chainrule.block import Block
from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import families
from chainrule.check.sample import sample_of

BY_XLA, BY_NUMPY = "XLA", "NumPy"


def blocks() -> list[Block]:
    """The blocks with a gradient."""
    return [entry.block for f in families() for entry in f.entries if entry.sample is not None and entry.sample.places]


def computed_by(block: Block) -> str:
    """Who computes a block and its gradients in a program of XLA's; raises AssertionError if they are not NumPy's."""
    sample = sample_of(block, np.complex128 if BlockEntry(block).family == "complex_numbers" else np.float64)

    def program(dz, *inputs):
        z, pullback = cr.vjp(sample.f, *inputs)
        return z, pullback(dz)

    z = sample.f(*sample.inputs)
    dz = np.asarray(np.random.default_rng(0).normal(size=np.shape(z)), dtype=np.asarray(z).dtype)
    expected = program(dz, *sample.inputs)
    compiled = cr.compile(program, engine="jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compiled(dz, *sample.inputs)
    for x, reference in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        x, reference = np.asarray(x), np.asarray(reference)
        assert x.dtype == reference.dtype or not np.imag(x).any(), (x.dtype, reference.dtype)
        np.testing.assert_allclose(x, reference, rtol=1e-9, atol=1e-11, err_msg=block.name)
    return BY_NUMPY if "callback" in compiled.source() else BY_XLA


def main() -> None:
    counts: Counter[str] = Counter()
    for block in blocks():
        try:
            found = computed_by(block)
        except Exception as error:
            found = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        counts[found if found in (BY_XLA, BY_NUMPY) else "error"] += 1
        if found != BY_XLA and (found != BY_NUMPY or BlockEntry(block).family != "special"):
            print(f"{BlockEntry(block).family}.{block.name}: {found}", flush=True)
    print(dict(counts))
    sys.exit(counts["error"] > 0)


if __name__ == "__main__":
    main()
