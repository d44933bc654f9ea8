"""The functions that others are tested with are right themselves, whatever their sizes."""

import pytest

import chainrule as cr
from explain.functions import FUNCTIONS


@pytest.mark.parametrize("sizes", [{}, {"n": 3, "d": 2, "m": 4, "k": 5, "h": 3}], ids=["usual", "other"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_agree_with_pytorch_jax_and_differences(name, sizes):
    function = FUNCTIONS[name]
    cr.check(function.f)(**function.arguments(**sizes)).raise_if_wrong()


def test_there_are_sixty_or_more():
    assert len(FUNCTIONS) >= 60
