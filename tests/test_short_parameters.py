"""A parameter that is a short float: rules compute with it in double precision."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.block.making import BLOCKS
from chainrule.errors import BlockError

X = np.array([1.5, -2.0, 2.3, 0.7])


def cases():
    """Each number that is a parameter of a block, as short floats and as a number of Python's."""
    for name, block in BLOCKS.items():
        if block.example is None or block.write is not None:
            continue
        params = {**block.defaults, **block.example.params}
        for key, value in params.items():
            if (type(value) is float and 0 < abs(value) < 100) or key in ("ddof", "label_smoothing"):
                yield pytest.param(block, params, key, id=f"{name}, {key}")


@pytest.mark.parametrize(("block", "params", "key"), [*cases()])
def test_a_short_float_does_not_round_what_a_block_computes(block, params, key):
    xs = block.example.arrays(block.name)
    by = tuple(i for i, x in enumerate(xs) if x.dtype.kind == "f")

    def loss(param):
        return lambda *xs: np.sum(np.abs(block(*xs, **{**params, key: param})) ** 2)

    for short in (np.float16(params[key] + 0.1), np.float32(params[key] + 0.1), np.array(params[key] + 0.1, "f2")):
        wanted, wanted_slopes = cr.value_and_grad(loss(float(short)), by)(*xs)
        found, slopes = cr.value_and_grad(loss(short), by)(*xs)
        np.testing.assert_allclose(found, wanted, rtol=1e-14)
        for slope, other in zip(slopes, wanted_slopes, strict=True):
            np.testing.assert_allclose(slope, other, rtol=1e-13, atol=1e-15)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
@pytest.mark.parametrize("key", ["ddof", "correction"])
def test_the_degrees_of_freedom_may_be_a_short_float_but_no_array(name, key):
    f = getattr(np, name)
    for ddof in (np.float16(-0.82), np.array(0.5, "f2"), np.float32(0.3)):
        deviations = (X - X.mean()) / (4 - float(ddof))
        expected = 2 * deviations if "var" in name else deviations / np.sqrt(np.sum((X - X.mean()) * deviations))
        np.testing.assert_allclose(cr.grad(lambda x: f(x, **{key: ddof}))(X), expected, rtol=1e-13)  # noqa: B023
    with pytest.raises(BlockError, match="an array as ddof; give one real number"):
        cr.grad(lambda x: np.sum(f(x, **{key: np.array([0.5])})))(X)
    with pytest.raises(BlockError, match="a complex number as ddof"):
        cr.grad(lambda x: np.real(f(x, **{key: np.complex64(0.5 + 1j)})))(X)
