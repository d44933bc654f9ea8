"""The catalogue: every block with its formulas, which are printed from its rules, and its example."""

from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import Family, families
from chainrule.catalogue.names import find

__all__ = ["BlockEntry", "Family", "families", "find"]
