"""Compile: a recorded function as native code."""

import sys
import types
from typing import Any

from chainrule.compile.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]


class _Callable(types.ModuleType):
    """Makes the package callable: some importers (pytest's) put it in the place of the function `cr.compile`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compile(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
