"""The catalogue: every block with its formulas, which are printed from its rules, its example, and its checks."""

from chainrule.catalogue.checks import BlockReport, check_block
from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import Family, families
from chainrule.catalogue.names import find

__all__ = ["BlockEntry", "BlockReport", "Family", "check_block", "families", "find"]
