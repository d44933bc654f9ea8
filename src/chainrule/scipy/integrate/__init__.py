"""Twins of scipy.integrate: integrals of samples and of functions, and differential equations."""

from chainrule.scipy.integrate import boundary, equations, functions, samples

__all__ = ["boundary", "equations", "functions", "samples"]
