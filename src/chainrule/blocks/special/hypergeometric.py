"""Hypergeometric functions by their argument (DLMF, chapters 13, 15 and 16)."""

from chainrule.block import Elementwise, singular
from chainrule.blocks.special.table import special_function, symbol, unknown
from chainrule.domains import exactly, example, inside, normal, positive

# fmt: off

hyp0f1: Elementwise = special_function("hyp0f1", unknown("hyp0f1", "v"), singular(lambda xp, y, v, z: hyp0f1(v + 1, z) / v), notation=symbol("₀F₁"), complex=True, example=example(exactly(2), normal(2, 3)))  # 16.3.1
hyp1f1: Elementwise = special_function("hyp1f1", unknown("hyp1f1", "a"), unknown("hyp1f1", "b"), singular(lambda xp, y, a, b, z: a / b * hyp1f1(a + 1, b + 1, z)), notation=symbol("₁F₁"), complex=True, example=example(exactly(1), exactly(2), normal(2, 3)))  # 13.3.15
hyp2f1: Elementwise = special_function("hyp2f1", unknown("hyp2f1", "a"), unknown("hyp2f1", "b"), unknown("hyp2f1", "c"), singular(lambda xp, y, a, b, c, z: a * b / c * hyp2f1(a + 1, b + 1, c + 1, z)), notation=symbol("₂F₁"), complex=True, example=example(exactly(1), exactly(2), exactly(3), inside(2, 3)))  # 15.5.1
hyperu: Elementwise = special_function("hyperu", unknown("hyperu", "a"), unknown("hyperu", "b"), lambda xp, y, a, b, x: -a * hyperu(a + 1, b + 1, x), notation=symbol("U"), example=example(exactly(1), exactly(2), positive(2, 3)))  # 13.3.22
