"""Helpers: trees as vectors, optimizers."""

from chainrule.compat.autograd.misc.flatten import flatten

__all__ = ["flatten"]
