"""Simplify: rewrite a recorded result into an equal one with fewer blocks."""

from chainrule.simplify.graphs import simplify_graph
from chainrule.simplify.results import simplify

__all__ = ["simplify", "simplify_graph"]
