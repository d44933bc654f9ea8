"""Twins of scipy.optimize: the solver runs plain, and the derivative is taken at the solution.

A root has the derivative of the implicit function theorem; a minimum is a root of the gradient, or of the conditions of
Karush, Kuhn and Tucker with the bounds and constraints that are active. Starting points and brackets have none.
"""

from chainrule.scipy.optimize import linear
from chainrule.scipy.optimize.fits import least_squares
from chainrule.scipy.optimize.minima import minimize
from chainrule.scipy.optimize.roots import root

__all__ = ["least_squares", "linear", "minimize", "root"]
