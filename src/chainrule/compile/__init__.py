"""Compile: a recorded function as native code."""

from chainrule.compile.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
