"""A sample of the blocks under cr.compile(f, engine="jax"); `python -m tests.sweeps.engine_jax` runs all."""

import pytest
from tests.sweeps.engine_jax import BY_NUMPY, BY_XLA, blocks, computed_by

pytest.importorskip("jax")
BLOCKS = {block.name: block for block in blocks()}


@pytest.mark.parametrize("name", ["cholesky", "ctc", "deg2rad", "eig", "expm", "std"])
def test_xla_computes_a_block_whose_rule_asks_about_values(name):
    assert computed_by(BLOCKS[name]) == BY_XLA


def test_numpy_computes_what_jax_lacks():
    assert computed_by(BLOCKS["itj0y0_∫J₀"]) == BY_NUMPY
