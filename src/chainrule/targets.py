"""For errors: the plain array into which a line of the user writes a recorded value, where it was made, and what to
write there instead."""

from __future__ import annotations

import ast
import dis
import re
from typing import Any, NamedTuple

from chainrule.node import Line, at_line, lines_of, user_frame

__all__ = ["Target", "refused_write", "target_of_write"]


class Target(NamedTuple):
    """A plain array that is written into.

    Attributes
    ----------
    text : its name as in the source, such as `self.out`.
    made : the line that made it, or None if that is not found.
    fields : whether it has a structured dtype.
    """

    text: str
    made: Line | None
    fields: bool


def target_of_write() -> Target | None:
    """The array of `out[i] = x` or `out += x`, if the user's code is at such a step; else None."""
    frame = user_frame()
    code, at = frame.f_code, frame.f_lasti
    if at < 0 or dis.opname[code.co_code[at]] not in ("STORE_SUBSCR", "STORE_SLICE", "BINARY_OP"):
        return None
    text = _target(_text_of(code, [*code.co_positions()][at // 2]))
    if text is None:
        return None
    root = text.partition(".")[0].partition("[")[0]
    value = frame.f_locals.get(root, frame.f_globals.get(root))
    fields = getattr(getattr(value, "dtype", None), "names", None) is not None
    return Target(text, _made(text, Line(code.co_filename, frame.f_lineno)), fields)


def refused_write(target: Target) -> str:
    """The message for a recorded value that is written into a plain array."""
    text = target.text
    told = f"{text} is a plain array, so writing a recorded value into it would lose the gradient{at_line()}\n"
    if target.fields:
        return told + (
            "  an array of records cannot hold recorded values; keep an array for each field instead: "
            "mass, position = np.zeros(n), np.zeros((n, 2))"
        )
    if target.made is None:
        return told + (
            f"  in the function, before the write, make a copy that can hold recorded values: {text} = np.array({text})"
            "; if it is a view, copy the array that it is a view of"
        )
    line = target.made.text
    value = line.partition("=")[2].strip()
    return told + (
        f"  it was made where chainrule does not see it, at {target.made.short}: {line}\n"
        f"  write there: {line.partition('=')[0].strip()} = np.array({value})"
        if value and value.count("(") == value.count(")") and ";" not in line
        else f"  it was made at {target.made.short}: {line}\n  write before the write: {text} = np.array({text})"
    )


def _made(text: str, written: Line) -> Line | None:
    """The last line before, else the first one, that gives the array its name."""
    assigns = re.compile(rf"\s*{re.escape(text)}\s*(:[^=]*)?=[^=]")
    numbers = [i + 1 for i, line in enumerate(lines_of(written.file)) if assigns.match(line)]
    before = [number for number in numbers if number < written.number]
    found = before[-1:] or numbers[:1]
    return Line(written.file, found[0]) if found else None


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


def _target(text: str) -> str | None:
    """The array that `self.out[i]` or `self.out[i] += x` writes into: self.out."""
    try:
        statement: Any = ast.parse(text.strip()).body[0]
    except (SyntaxError, IndexError):
        return None
    if isinstance(statement, ast.AugAssign):
        target = statement.target
        return ast.unparse(target.value if isinstance(target, ast.Subscript) else target)
    expression = getattr(statement, "value", None)
    return ast.unparse(expression.value) if isinstance(expression, ast.Subscript) else None
