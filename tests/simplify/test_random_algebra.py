"""Random sums of products, simplified to compute with and to be read, and chains of matrices."""

import pytest

from sweeps.algebra import KINDS


@pytest.mark.parametrize("first", range(0, 300, 50))
@pytest.mark.parametrize("kind", KINDS)
def test_random_programs_keep_their_value(kind, first):
    assert list(filter(None, map(KINDS[kind], range(first, first + 50)))) == []
