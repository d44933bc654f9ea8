"""Twins of scipy.optimize: the solver runs on plain values, and the derivative is taken at the solution.

The derivative of a root follows from the implicit function theorem. A minimum is a root of the gradient, or of the
Karush-Kuhn-Tucker conditions for the active bounds and constraints. Starting points and brackets have no derivative.
"""

from chainrule.scipy.optimize import linear
from chainrule.scipy.optimize.fits import least_squares
from chainrule.scipy.optimize.minima import minimize
from chainrule.scipy.optimize.roots import root

__all__ = ["least_squares", "linear", "minimize", "root"]
