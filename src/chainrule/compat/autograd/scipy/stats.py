"""scipy.stats itself. HIPS autograd has a module for each distribution."""

import sys

import scipy.stats
from scipy.stats import *  # noqa: F403

for _name in "norm t beta gamma chi2 poisson multivariate_normal dirichlet".split():
    sys.modules[f"{__name__}.{_name}"] = getattr(scipy.stats, _name)
