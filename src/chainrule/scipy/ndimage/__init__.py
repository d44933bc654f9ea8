"""Twins of scipy.ndimage: filters, ranks, morphology, interpolation, and measurements of labelled regions."""

from chainrule.scipy.ndimage import filters, generic, interpolation, measurements, morphology, ranks

__all__ = ["filters", "generic", "interpolation", "measurements", "morphology", "ranks"]
