"""scipy.cluster: SciPy finds who is joined with whom, from plain values; heights and means have derivatives."""

from chainrule.scipy.cluster import hierarchy, vq

__all__ = ["hierarchy", "vq"]
