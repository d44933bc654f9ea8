"""The twins of scipy.spatial: distances, rotations, nearest neighbours."""

from chainrule.scipy.spatial import distance, neighbours, transform

__all__ = ["distance", "neighbours", "transform"]
