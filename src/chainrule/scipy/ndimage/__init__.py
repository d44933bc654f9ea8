"""Twins of scipy.ndimage: filters, ranks, morphology, interpolation, and measurements of labelled regions."""

from chainrule.scipy.ndimage import filters, interpolation, measurements, morphology, ranks

__all__ = ["filters", "interpolation", "measurements", "morphology", "ranks"]
