"""Twins of scipy.stats: distributions, and descriptive statistics."""

from chainrule.scipy.stats import continuous, descriptive, discrete, multivariate

__all__ = ["continuous", "descriptive", "discrete", "multivariate"]
