"""Twins of scipy.cluster: SciPy finds the clusters, from plain values; heights and means have derivatives."""

from chainrule.scipy.cluster import hierarchy, vq

__all__ = ["hierarchy", "vq"]
