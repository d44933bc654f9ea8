"""Algebra: sums of products, and the identities that hold for them.

`simplify` uses it on graphs to be computed, `explain.closed` on formulas to be read.
"""
