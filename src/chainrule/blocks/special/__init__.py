"""Special functions: the ufuncs of `scipy.special` whose derivative is known, one line each.

Derivatives: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, the section named beside each; the
few that are not there name their source.
"""

from chainrule.blocks.special import (
    bessel,
    beta_functions,
    distributions,
    elliptic,
    error_functions,
    gamma_functions,
    hypergeometric,
    information,
    integrals,
    orthogonal,
)

__all__ = [
    "bessel",
    "beta_functions",
    "distributions",
    "elliptic",
    "error_functions",
    "gamma_functions",
    "hypergeometric",
    "information",
    "integrals",
    "orthogonal",
]
