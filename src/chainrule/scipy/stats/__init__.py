"""Twins of scipy.stats: distributions, descriptive statistics, correlation and tests, empirical distributions."""

from chainrule.scipy.stats import continuous, descriptive, discrete, empirical, multivariate, student_tests

__all__ = ["continuous", "descriptive", "discrete", "empirical", "multivariate", "student_tests"]
