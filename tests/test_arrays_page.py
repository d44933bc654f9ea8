"""docs/arrays.md is complete and current, and other libraries' values and gradients are NumPy's."""

from pathlib import Path

import pytest

from chainrule.catalogue import arrays
from chainrule.catalogue.arrays import BY_ITSELF, BY_NUMPY, LIBRARIES, read, state
from chainrule.catalogue.families import families

PAGE = read((Path(__file__).parents[1] / "docs" / "arrays.md").read_text())
BLOCKS = {block.name: block for block in arrays._blocks()}
SLOW = ("JAX", "Dask")
"""Of these a few blocks only; `python -m chainrule.catalogue.arrays` looks at all."""


def test_the_page_has_every_block_and_library():
    assert PAGE.keys() == {(block, name) for block in BLOCKS for name in LIBRARIES}
    assert len(BLOCKS) > 350
    assert len(families()) > 20


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_page_says_what_each_library_does(name):
    if not LIBRARIES[name].installed:
        pytest.skip(f"{name} is not installed")
    chosen = [*BLOCKS][7::46] if name in SLOW else [*BLOCKS]
    found = {block: state(BLOCKS[block], name) for block in chosen}
    assert found == {block: PAGE[block, name] for block in chosen}


def test_pytorch_and_jax_compute_with_every_block():
    for name in ("PyTorch", "JAX"):
        assert {PAGE[block, name] for block in BLOCKS} == {BY_ITSELF, BY_NUMPY}


def test_a_difference_is_found(monkeypatch):
    wrong = LIBRARIES["PyTorch"]._replace(back=lambda x: x.numpy() + 1)
    monkeypatch.setitem(LIBRARIES, "PyTorch", wrong)
    with pytest.raises(arrays.Differs, match="exp with arrays of PyTorch"):
        state(BLOCKS["exp"], "PyTorch")
