"""Explain: the forward pass and the backward pass of a function at given inputs, step by step."""

from chainrule.explain import arrays
from chainrule.explain.explanation import Explanation, explain

__all__ = ["Explanation", "arrays", "explain"]
