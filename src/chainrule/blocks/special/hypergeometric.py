"""Hypergeometric functions by their argument (DLMF, chapters 13, 15 and 16)."""

from chainrule.block import Elementwise, singular
from chainrule.blocks.special.table import special_function, symbol, unknown
from chainrule.domains import exactly, example, inside, normal, positive

# A derivative is the same function with each parameter raised by one. If an upper parameter becomes 0 by that, the series
# is 1; SciPy's functions are NaN there if the lower parameter is 0 or a negative integer. If an upper parameter equals the
# lower one, the two cancel.


def _hyp1f1_by_z(xp, a, b, z):
    """(a/b) ₁F₁(a + 1; b + 1; z), 13.3.15."""
    ends = a == -1
    series = xp.where(ends, 1.0, hyp1f1(xp.where(ends, 1.0, a + 1), b + 1, z))
    return xp.where(a == 0, 0.0, a / b * series)


def _hyp2f1_by_z(xp, a, b, c, z):
    """(ab/c) ₂F₁(a + 1, b + 1; c + 1; z), 15.5.1."""
    pairs = (a == c) | (b == c)
    ends = ((a == -1) | (b == -1)) & ~pairs
    series = xp.where(ends, 1.0, hyp2f1(xp.where(ends, 1.0, a + 1), b + 1, c + 1, z))
    factor = xp.where(a == c, b, xp.where(b == c, a, a * b / c))
    return xp.where((b == 0) | ((a == 0) & (c != 0)), 0.0, factor * series)


def _hyperu_by_x(xp, a, b, x):
    """−a U(a + 1, b + 1, x) (13.3.22); for b < 0 by 13.2.40, since SciPy's result is NaN for b = 0 and some other values."""
    left = b < 0
    first, second = xp.where(left, a - b + 1, a + 1), xp.where(left, 1 - b, b + 1)
    return -a * xp.where(left, x ** xp.where(left, -b, 0.0), 1.0) * hyperu(first, second, x)


# fmt: off

hyp0f1: Elementwise = special_function("hyp0f1", unknown("hyp0f1", "v"), singular(lambda xp, y, v, z: hyp0f1(v + 1, z) / v), notation=symbol("₀F₁"), complex=True, example=example(exactly(2), normal(2, 3)))  # 16.3.1
hyp1f1: Elementwise = special_function("hyp1f1", unknown("hyp1f1", "a"), unknown("hyp1f1", "b"), singular(lambda xp, y, a, b, z: _hyp1f1_by_z(xp, a, b, z)), notation=symbol("₁F₁"), complex=True, example=example(exactly(1), exactly(2), normal(2, 3)))
hyp2f1: Elementwise = special_function("hyp2f1", unknown("hyp2f1", "a"), unknown("hyp2f1", "b"), unknown("hyp2f1", "c"), singular(lambda xp, y, a, b, c, z: _hyp2f1_by_z(xp, a, b, c, z)), notation=symbol("₂F₁"), complex=True, example=example(exactly(1), exactly(2), exactly(3), inside(2, 3)))
hyperu: Elementwise = special_function("hyperu", unknown("hyperu", "a"), unknown("hyperu", "b"), lambda xp, y, a, b, x: _hyperu_by_x(xp, a, b, x), notation=symbol("U"), example=example(exactly(1), exactly(2), positive(2, 3)))
