"""Closed forms: a gradient as one formula over the names of the forward pass, as mathematicians write it."""

from chainrule.explain.closed.forms import ClosedForms, pieces

__all__ = ["ClosedForms", "pieces"]
