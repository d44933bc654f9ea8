"""The target that the user's line writes into, for errors: the variable of `out[i] = x`."""

from __future__ import annotations

import ast
import dis
from typing import Any

from chainrule.node import lines_of, user_frame

__all__ = ["written_into"]


def written_into() -> tuple[str, str] | None:
    """The array that the user's code is now writing into by an index, and a name for a copy of it.

    Both as source text: for `self.out[i] = x` both are self.out. A global array's copy needs another name. None if
    no such line is running.
    """
    frame = user_frame()
    code, at = frame.f_code, frame.f_lasti
    if at < 0 or dis.opname[code.co_code[at]] not in ("STORE_SUBSCR", "STORE_SLICE"):
        return None
    target = _indexed(_text_of(code, [*code.co_positions()][at // 2]))
    if target is None:
        return None
    is_global = target.isidentifier() and target not in {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    return target, "out" if is_global and code.co_name != "<module>" else target


def _text_of(code: Any, position: tuple[int | None, int | None, int | None, int | None]) -> str:
    """The source text of an instruction; empty if unknown."""
    first, last, start, end = position
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [line.encode() for line in lines_of(code.co_filename)[first - 1 : last]]  # columns count bytes
    if len(lines) != last - first + 1:
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode()


def _indexed(text: str) -> str | None:
    """The indexed object in an expression such as `self.out[i]`."""
    try:
        expression: Any = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None
    return ast.unparse(expression.value) if isinstance(expression, ast.Subscript) else None
