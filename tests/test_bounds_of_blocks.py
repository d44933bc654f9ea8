"""What a block declares of its results holds: their range, and where they are NaN."""

import itertools
import math

import numpy as np
import pytest

from chainrule.block import BLOCKS, Elementwise
from chainrule.block.bounds import Range
from chainrule.block.making import UNLISTED

ENDS = (-math.inf, -3.0, -1.0, 0.0, 0.25, 1.0, 2.0, math.inf)
RANGES = [(low, high) for low, high in itertools.product(ENDS, ENDS) if low <= high and (low != high or abs(low) < 9)]
DECLARED = [block for block in (BLOCKS | UNLISTED).values() if block.bounds is not None]
ENTRY_BY_ENTRY = [block for block in DECLARED if isinstance(block, Elementwise)]
ALONG_AN_AXIS = [block for block in DECLARED if not isinstance(block, Elementwise) and "axis" in block.defaults]


def points(low, high):
    """Numbers from low to high: its ends and some between."""
    near, far = max(low, -40.0), min(high, 40.0)
    return np.unique(np.concatenate([np.linspace(near, far, 9), [low, high, *(e for e in ENDS if low <= e <= high)]]))


def assert_within(z, bounds, what):
    if not bounds.nan:
        assert not np.isnan(z).any(), what
    z = z[~np.isnan(z)]
    rounding = 1e-12 * np.abs(z, where=np.isfinite(z), out=np.zeros_like(z))
    assert (z >= bounds.low - rounding).all(), what
    assert (z <= bounds.high + rounding).all(), what


def test_blocks_of_each_kind_declare_bounds():
    assert len(ENTRY_BY_ENTRY) > 20
    assert len(ALONG_AN_AXIS) > 5


@pytest.mark.parametrize("block", ENTRY_BY_ENTRY, ids=lambda block: block.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_results_of_a_block_lie_within_its_bounds(block):
    for ranges in itertools.product(RANGES, repeat=len(block.operands)):
        bounds = block.bounds(*(Range(*r) for r in ranges))
        operands = np.meshgrid(*(points(*r) for r in ranges))
        assert_within(np.asarray(block(*operands)), bounds, ranges)


@pytest.mark.parametrize("block", ALONG_AN_AXIS, ids=lambda block: block.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_results_of_a_reduction_lie_within_its_bounds(block):
    rng = np.random.default_rng(0)
    for r in RANGES:
        x = rng.choice(points(*r), (200, 3))
        assert_within(np.asarray(block(x, axis=-1)), block.bounds(Range(*r)), r)


@pytest.mark.parametrize("block", ENTRY_BY_ENTRY + ALONG_AN_AXIS, ids=lambda block: block.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_block_with_bounds_is_nan_where_an_operand_is(block):
    params = {"axis": -1} if block in ALONG_AN_AXIS else {}
    x = np.array([[np.nan, np.nan, np.nan]])
    others = [np.array([[v, v, v]]) for v in (0.0, 1.0, -2.0, math.inf, -math.inf, np.nan)]
    for place in range(len(block.operands)):
        for rest in itertools.product(others, repeat=len(block.operands) - 1):
            operands = (*rest[:place], x, *rest[place:])
            assert np.isnan(block(*operands, **params)).all(), operands


@pytest.mark.parametrize("block", ENTRY_BY_ENTRY, ids=lambda block: block.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_open_end_is_reached_by_rounding_alone(block):
    """In the middle of the operands' ranges, where nothing rounds to an end, no open end is reached."""
    for ranges in itertools.product([(-2.0, 2.0), (0.25, 1.0), (-1.0, -0.25)], repeat=len(block.operands)):
        bounds = block.bounds(*(Range(*r, open=(True, True)) for r in ranges))
        inside = np.meshgrid(*(np.linspace(*r, 9)[1:-1] for r in ranges))
        z = np.asarray(block(*inside))
        z = z[np.isfinite(z)]
        assert not bounds.open[0] or (z > bounds.low).all(), ranges
        assert not bounds.open[1] or (z < bounds.high).all(), ranges
