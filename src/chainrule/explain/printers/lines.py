r"""Breaking formulas in LaTeX into lines of a page, by an estimate of their width.

TeX does not break displayed formulas, and the package that does (breqn) is not always installed. So the printer marks
where a line may end (before + − · ⊙ ⊗ and after a comma), and this file chooses among the marks: outermost ones first.
Breaks inside parentheses need `\right.` and `\left.`, which are invisible.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from chainrule.explain.printers.as_latex import BREAK

__all__ = ["broken", "width"]

TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[\s\S]")
SMALL = 0.72
"""The size of an index or an exponent."""
WIDE = {r"\quad": 2.0, r"\,": 0.3, r"\text": 0.0, r"\mathrm": 0.0, r"\operatorname": 0.0, r"\mathbf": 0.0, r"\hat": 0.0}
WIDE |= {r"\bar": 0.0, r"\tilde": 0.0, r"\dot": 0.0, r"\ddot": 0.0, r"\partial": 1.1, r"\left": 0.0, r"\right": 0.0}
WIDE |= {
    r"\cdot": 1.6,
    r"\odot": 2.6,
    r"\otimes": 2.6,
    r"\times": 2.6,
    r"\sum": 2.8,
    r"\sqrt": 1.6,
    r"\frac": 0.4,
    r"\infty": 2.0,
}
WIDE |= {r"\land": 2.3, r"\lor": 2.3, r"\le": 2.8, r"\ge": 2.8, r"\ne": 2.8, r"\|": 1.0, "+": 2.7, "=": 2.8, "-": 2.4}
WIDE |= dict.fromkeys(" {}^_&\n" + BREAK, 0.0) | {",": 1.0, "<": 2.8, ">": 2.8, ".": 0.6, "m": 1.7, "w": 1.4, "W": 2.0}
WIDE |= dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVXYZ", 1.5)
"""Widths in digits; a letter has 1.1, a function's name that of its letters."""
NAMED = frozenset("log exp sin cos tan sinh cosh tanh arcsin arccos arctan max min det".split())


def width(text: str) -> float:
    r"""About how wide a formula in LaTeX is, in digits.

    >>> width("12"), width(r"\frac{1}{1234}") < width("12345")
    (2.0, True)
    """
    return _Reader(text).until("")


class _Reader:
    """Reads a formula from left to right, and adds up widths."""

    def __init__(self, text: str):
        self.tokens: list[str] = TOKEN.findall(text)
        self.at = 0

    def until(self, end: str) -> float:
        """The width of the text up to a token; the token is read too."""
        total = widest = 0.0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token == end:
                break
            if token == r"\\":
                total, widest = 0.0, max(total, widest)
            elif token == r"\begin":
                total += self._rows()
            elif token in ("^", "_"):
                total += SMALL * self._argument()
            elif token == r"\frac":
                total += WIDE[token] + max(self._argument(), self._argument())
            elif token == "{":
                total += self.until("}")
            else:
                total += self._sign(token)
        return max(total, widest)

    def _sign(self, token: str) -> float:
        if token.startswith("\\") and token[1:] in NAMED:
            return 1.1 * len(token)
        return WIDE.get(token, 1.0 if token.isdigit() else 1.1)

    def _argument(self) -> float:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        if self.at >= len(self.tokens):
            return 0.0
        token = self.tokens[self.at]
        self.at += 1
        return self.until("}") if token == "{" else self._sign(token)

    def _rows(self) -> float:
        """The width of a matrix, whose columns are as wide as their widest entries."""
        is_matrix = self._word() != "aligned"
        columns, column, cell, depth = [0.0], 0, "", 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            depth += (token == r"\begin") - (token == r"\end")
            if depth < 0:
                self._word()
            if depth < 0 or (not depth and token in ("&", r"\\")):
                columns[column] = max(columns[column], width(cell))
                column, cell = (column + 1, "") if token == "&" else (0, "")
                columns += [0.0] * (column == len(columns))
            else:
                cell += token
            if depth < 0:
                break
        return sum(columns) + (2.0 * len(columns) + 1.5 if is_matrix else 0.0)

    def _word(self) -> str:
        """The word in the next braces."""
        end = self.tokens.index("}", self.at)
        word = "".join(self.tokens[self.at + 1 : end])
        self.at = end + 1
        return word


class _LineEnd(NamedTuple):
    """A place where a line may end: its position, the number of open parentheses, and the width before it."""

    position: int
    depth: int
    width: float


def broken(text: str, room: float) -> list[str]:
    r"""A formula with marks, as lines of at most this width where that is possible.

    >>> broken("a \x01+ b \x01+ c", 7.0), broken("a \x01+ b", 9.0)
    (['a + b', '+ c'], ['a + b'])
    >>> broken("x \\left(a \x01+ b\\right)", 5.0)
    ['x \\left(a \\right.', '\\left.+ b\\right)']
    """
    places, whole = _places(text)
    lines = []
    last = _LineEnd(0, 0, 0.0)
    while whole - last.width > room and (places := [p for p in places if p.position > last.position]):
        fitting = [p for p in places if p.width - last.width <= room]
        least = min((p.depth for p in fitting), default=0)
        place = next((p for p in reversed(fitting) if p.depth == least), places[0])
        lines.append(_line(text[last.position : place.position], last.depth, place.depth))
        last = place
    return [*lines, _line(text[last.position :], last.depth, 0)]


def _line(text: str, before: int, after: int) -> str:
    """A part of a formula; parentheses that are open at its ends have invisible partners."""
    return r"\left." * before + text.replace(BREAK, "").strip() + (" " + r"\right." * after if after else "")


def _places(text: str) -> tuple[list[_LineEnd], float]:
    """The marks outside of braces and matrices, and the width of the whole formula."""
    found = []
    braces = depth = at = start = 0
    so_far = 0.0
    for token in TOKEN.findall(text):
        if token == BREAK and not braces:
            so_far += width(text[start:at])
            found.append(_LineEnd(at, depth, so_far))
            start = at
        braces += (token in ("{", r"\begin")) - (token in ("}", r"\end"))
        depth += (token == r"\left") - (token == r"\right")
        at += len(token)
    return found, so_far + width(text[start:])
