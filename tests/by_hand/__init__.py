"""Backward passes as people write them by hand, all right, each with typical mistakes that can be planted in it.

Each file has `check`, which calls `cr.check` as its author would, and `MISTAKES`: what is wrong, the right line and the
wrong one.
"""
