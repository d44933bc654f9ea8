"""The catalogue: every block with its example, and with formulas printed from its rules."""

from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import Family, families
from chainrule.catalogue.names import find

__all__ = ["BlockEntry", "Family", "families", "find"]
