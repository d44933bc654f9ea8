"""Twins of scipy.integrate: integrals of samples and of functions, and differential equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate

from chainrule.standins.scipy_functions import twin


@twin(scipy.integrate.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    return np.trapezoid(y, x, dx, axis)
