"""Twins of scipy.integrate: integrals of samples and of functions, and differential equations."""

from chainrule.scipy.integrate import equations, functions, samples

__all__ = ["equations", "functions", "samples"]
