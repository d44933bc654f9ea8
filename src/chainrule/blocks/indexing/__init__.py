"""Indexing: reading and writing selected entries.

Importing this package registers its blocks and its answers.
"""

from chainrule.blocks.indexing import in_place, keys
from chainrule.blocks.indexing.entries import Slot, add_at, add_to_entries, getitem, is_whole, key_of, set_at

__all__ = ["Slot", "add_at", "add_to_entries", "getitem", "in_place", "is_whole", "key_of", "keys", "set_at"]
