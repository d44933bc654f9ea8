"""Indexing: reading and writing selected entries.

Importing this package registers its blocks and its answers.
"""

from chainrule.blocks.indexing import in_place, keys
from chainrule.blocks.indexing.entries import add_at, getitem, set_at

__all__ = ["add_at", "getitem", "in_place", "keys", "set_at"]
