"""A name of the user's code that is replaced while a function is recorded."""

from __future__ import annotations

import types
import weakref
from typing import Any

from chainrule.reach import Place

__all__ = ["ReplacedName", "name_in"]


class ReplacedName:
    """A name in a module's globals, or a variable of a closure, that is replaced for a while.

    Recordings may be nested. The name has the stand-in of the last one that began and has not ended.
    """

    def __init__(self, scope: dict[str, Any] | types.CellType | types.FunctionType, name: str):
        self.place = Place(scope, name, None)
        self.found: Any = None
        self.users: dict[int, Any] = {}
        self.standins: list[Any] = []

    def stand_for(self, found: Any, standin: Any) -> None:
        """Note the present value of the name, and its stand-in."""
        if not self.users and not self._is_ours(found):  # another thread's recording may have just ended
            self.found = found
        if not any(standin is known for known in self.standins):
            self.standins.append(standin)

    def show(self) -> None:
        """Bind the name to what its users want, unless the user's code gave it a value of its own."""
        wanted = [*self.users.values()][-1] if self.users else self.found
        if not self._is_ours(self.place.now()):
            return
        if wanted is None:  # a name of Python's builtins
            self.place.holder.pop(self.place.key, None)
        else:
            self.place.put(wanted)

    def _is_ours(self, value: Any) -> bool:
        return value is self.found or any(value is standin for standin in self.standins)


_names: weakref.WeakValueDictionary[tuple[int, str], ReplacedName] = weakref.WeakValueDictionary()
"""The names that are replaced or may be again, by the id of their scope, which a name keeps alive."""


def name_in(scope: dict[str, Any] | types.CellType | types.FunctionType, name: str) -> ReplacedName:
    """The name in a scope, the same object while it is replaced."""
    return _names.setdefault((id(scope), name), ReplacedName(scope, name))
