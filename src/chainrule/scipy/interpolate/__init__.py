"""Twins of scipy.interpolate: piecewise polynomials, B-splines, grids, radial functions, and one polynomial.

By the values, by the positions where they are evaluated, and by the places of the values where that is sensible.
"""

from chainrule.scipy.interpolate import bsplines, grids, interp1d, piecewise, radial

__all__ = ["bsplines", "grids", "interp1d", "piecewise", "radial"]
