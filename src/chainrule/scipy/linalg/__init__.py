"""Twins of scipy.linalg: its functions that have a derivative, under their own names and with their own arguments.

The values are SciPy's own; what is written here says how to differentiate.
"""

from chainrule.scipy.linalg import (
    banded,
    decompositions,
    eigenvalues,
    equations,
    functions,
    matrix_equations,
    special_matrices,
    toeplitz,
    triangles,
)

__all__ = [
    "banded",
    "decompositions",
    "eigenvalues",
    "equations",
    "functions",
    "matrix_equations",
    "special_matrices",
    "toeplitz",
    "triangles",
]
