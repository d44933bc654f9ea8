"""Twins of scipy.interpolate: piecewise polynomials, B-splines, grids, radial functions, and one polynomial.

They are differentiated by the values, by the positions of evaluation, and, where that is sensible, by the places of the
values.
"""

from chainrule.scipy.interpolate import bsplines, grids, interp1d, piecewise, radial

__all__ = ["bsplines", "grids", "interp1d", "piecewise", "radial"]
