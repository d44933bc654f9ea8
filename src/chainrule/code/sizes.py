"""Sizes in code: finds which numbers are lengths of axes by comparing the code for two sets of sizes.

A recording has numbers, not their origin: the mean over four rows divides by 4. Written again for five rows it divides
by 5, so this number is the number of rows of some array.
"""

from __future__ import annotations

import ast
import cmath
import itertools
import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Sizes", "in_lines", "required"]

Shapes = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]


class NotASize(Exception):
    """Two numbers differ, and are not lengths of an axis."""


class Sizes:
    """Merges the lines of code for two sets of sizes.

    Parameters
    ----------
    arguments : the shapes of the arguments, by name, for both.
    """

    def __init__(self, arguments: Shapes):
        self.arguments = arguments
        self.used: list[tuple[int, int]] = []

    def lines(self, first: list[str], second: list[str], shapes: Shapes) -> list[str] | None:
        """The lines with lengths of arrays in `shapes` in place of numbers that differ; None if that fails."""
        if len(first) != len(second):
            return None
        try:
            return [x if x == y else self._line(x, y, shapes) for x, y in zip(first, second, strict=True)]
        except (NotASize, SyntaxError):
            return None

    def checks(self) -> list[str]:
        """Lines that check that axes of the arguments which had equal lengths still do, where the code relies on it."""
        found = []
        for pair in dict.fromkeys(self.used):
            axes = [
                f"{name}.shape[{i}]"
                for name, (first, second) in self.arguments.items()
                for i, lengths in enumerate(zip(first, second, strict=True))
                if lengths == pair
            ]
            if len(axes) > 1:
                found.append(required(" == ".join(axes), "these axes must be as long as one another"))
        return found

    def _line(self, first: str, second: str, shapes: Shapes) -> str:
        made = self._same(ast.parse(first), ast.parse(second), shapes)
        return ast.unparse(ast.fix_missing_locations(made))

    def _same(self, x: Any, y: Any, shapes: Shapes) -> Any:
        if isinstance(x, ast.Constant) and isinstance(y, ast.Constant):
            return x if x.value == y.value else self._size(x.value, y.value, shapes)
        if type(x) is not type(y):
            raise NotASize
        if isinstance(x, list):
            if len(x) != len(y):
                raise NotASize
            return [self._same(a, b, shapes) for a, b in zip(x, y, strict=True)]
        if not isinstance(x, ast.AST):
            if x != y:
                raise NotASize
            return x
        for name in x._fields:
            setattr(x, name, self._same(getattr(x, name), getattr(y, name), shapes))
        return _as_quotient(x)

    def _size(self, a: Any, b: Any, shapes: Shapes) -> ast.expr:
        if isinstance(a, str) or isinstance(b, str):  # the digits of a longdouble
            raise NotASize
        for length, (m, n), text in _lengths(shapes):
            if isinstance(a, int) and isinstance(b, int):
                found = (a, b) == (m, n)
                made = text
            elif cmath.isclose(a * m, b * n, rel_tol=1e-12):
                found, made = True, f"{_digits(a * m)} / {text}"
            else:
                found = cmath.isclose(a / m, b / n, rel_tol=1e-12)
                made = text if a == m else f"{_digits(a / m)} * {text}"
            if found:
                self.used += length
                return ast.parse(made, mode="eval").body
        raise NotASize


def _digits(x: complex) -> str:
    return f"({x:.12g})" if isinstance(x, complex) else f"{x:.12g}"


def required(condition: str, otherwise: str) -> str:
    """A line of code that raises unless a condition holds. `python -O` would drop an `assert`."""
    line = f'require({condition}, "{otherwise}")'
    return line if len(line) <= 100 else f'require(\n        {in_lines(condition)},\n        "{otherwise}",\n    )'


def in_lines(text: str) -> str:
    """An expression within parentheses, on several lines if it is long. One with texts in it stays on one line."""
    if "'" in text or '"' in text:
        return text
    return "\n        ".join(textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False))


def _lengths(shapes: Shapes) -> Iterator[tuple[list[tuple[int, int]], tuple[int, int], str]]:
    """Every length of an axis, then every product of two lengths of one array: axes, numbers, expression."""
    for count in (1, 2):
        for name, (first, second) in shapes.items():
            pairs = list(enumerate(zip(first, second, strict=False)))
            for some in itertools.combinations(pairs, count):
                axes = [pair for _, pair in some if pair[0] != pair[1]]
                if len(axes) == count:
                    text = " * ".join(f"{name}.shape[{i}]" for i, _ in some)
                    numbers = math.prod(m for m, _ in axes), math.prod(n for _, n in axes)
                    yield axes, numbers, f"({text})" if count > 1 else text


def _as_quotient(x: ast.AST) -> ast.AST:
    """x * (1 / n) as x / n."""
    if not (isinstance(x, ast.BinOp) and isinstance(x.op, ast.Mult)):
        return x
    quotient, factor = x.right, x.left
    if isinstance(quotient, ast.BinOp) and isinstance(quotient.op, ast.Div) and _is_one(quotient.left):
        return ast.BinOp(factor, ast.Div(), quotient.right)
    return x


def _is_one(x: ast.AST) -> bool:
    return isinstance(x, ast.Constant) and x.value == 1
