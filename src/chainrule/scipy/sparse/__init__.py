"""Twins of scipy.sparse and scipy.sparse.linalg: matrices of recorded entries, which stay sparse, and equations."""

from chainrule.scipy.sparse import eigenvalues, entries, equations, made, matrices
from chainrule.scipy.sparse.matrices import Sparse

__all__ = ["Sparse", "eigenvalues", "entries", "equations", "made", "matrices"]
