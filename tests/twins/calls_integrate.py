"""Calls of scipy.integrate."""

import numpy as np
import scipy.integrate

from . import Call

Y = np.array([[0.3, 1.2, -0.4, 2.0, 0.9], [1.0, 0.5, 0.7, -1.0, 0.2]])
X = np.array([0.0, 0.4, 1.1, 1.3, 2.2])

CALLS = {
    "trapezoid": Call(lambda y, x: scipy.integrate.trapezoid(y, x), (Y, X)),
    "trapezoid, of an axis": Call(lambda y: scipy.integrate.trapezoid(y, dx=0.3, axis=0), (Y,)),
}
"""By the name of the function, and after a comma what is special."""
