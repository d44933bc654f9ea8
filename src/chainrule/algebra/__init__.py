"""Algebra: sums of products, and the identities that hold for them.

`simplify` has it for numbers that are computed, `explain.closed` for formulas that are read.
"""
