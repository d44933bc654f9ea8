"""From a tape to the text of functions: which values are needed, which get a name, which are written inline."""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.code.expressions import Dialect, expression, index, literal, written
from chainrule.code.tape import CONSTANT, WRITE, TracedValue, values_in
from chainrule.code.tidy.calls import short_key

__all__ = ["LIMIT", "FunctionBody", "as_numpy_numbers", "assignment", "closure", "free_name", "is_name"]

LIMIT = 80
"""A longer line is split: parts of it get lines of their own."""

LONGEST_INSIDE = 1600
"""The longest inline expression; without a limit, a sum of thousands of terms would be rewritten for each term."""


def closure(outputs: Iterable[Any], stop: Iterable[TracedValue] = ()) -> list[TracedValue]:
    """The values that the outputs are computed from, themselves included, in the order of the tape."""
    seen: set[TracedValue] = set(stop)
    found = []
    stack = [x for x in outputs if isinstance(x, TracedValue)]
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        found.append(value)
        stack.extend(value.operands)
    return sorted(found, key=lambda v: v.order)


def as_numpy_numbers(arguments: Mapping[str, TracedValue], values: Sequence[TracedValue]) -> list[str]:
    """Lines that make NumPy's numbers of arguments without axes, if methods are called on numbers: Python's have none.

    Beside an array of float32 there are none, because a number of Python's does not decide the dtype.
    """
    arrays = [*arguments.values(), *(v for v in values if v.function == CONSTANT)]
    dtypes = {np.dtype(v.dtype) for v in arrays}
    asks = any(v.function.startswith(".") and v.args[0].shape == () for v in values)
    if not asks or any(dtype.kind == "f" and dtype != np.float64 for dtype in dtypes):
        return []
    return [f"{name} = np.float64({name})" for name, x in arguments.items() if x.shape == () and x.dtype == np.float64]


def is_name(text: str) -> bool:
    """Whether a text is a valid name that Python does not normalise (it reads ℱ as F)."""
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.is_normalized("NFKC", text)


def free_name(wanted: str, taken: set[str]) -> str:
    """The name, with a number if it is taken; it is then taken."""
    wanted = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wanted))
    if not wanted.isidentifier():  # it starts with a digit, or is empty
        wanted = f"_{wanted}"
    if keyword.iskeyword(wanted):
        wanted = f"{wanted}_"
    name, n = wanted, 2
    while name in taken:
        name, n = f"{wanted}{'' if not wanted[-1].isdigit() else '_'}{n}", n + 1
    taken.add(name)
    return name


def assignment(name: str, made: ast.expr) -> list[str]:
    """`name = made`, over several lines if a list of numbers is long."""
    line = f"{name} = {written(made)}"
    if len(line) <= 110 or not isinstance(made, ast.Call):
        return [line]
    opening, rest = line.split("(", 1)
    inside = textwrap.wrap(rest[:-1], 100, break_long_words=False)
    return [f"{opening}(", *(f"    {part}" for part in inside), ")"]


class FunctionBody:
    """The statements of one function.

    Parameters
    ----------
    values : the values it computes, in order.
    names : the names of the given values; those of computed values are added.
    kept : values that get their own variable because they are returned.
    """

    def __init__(
        self,
        values: list[TracedValue],
        names: dict[TracedValue, str],
        kept: set[TracedValue],
        taken: set[str],
        dialect: Dialect,
    ):
        self.values, self.names, self.kept, self.taken, self.dialect = values, names, kept, taken, dialect
        self.lines: list[str] = []
        self.alike: list[tuple[int, ...]] = []
        self.inline: dict[TracedValue, ast.expr] = {}
        self.uses = Counter(x for v in values for x in v.operands)
        self.written_into = Counter(v.args[0] for v in values if v.function == WRITE)
        for value in values:
            if value not in self.names:
                self._statement(value)

    def show(self, value: TracedValue) -> ast.expr:
        return ast.Name(self.names[value]) if value in self.names else self.inline[value]

    def _statement(self, value: TracedValue) -> None:
        if value.function == WRITE:
            self._write(value)
            return
        if value.shape is None and self._parts(value) > 1:
            self._unpacked(value)
            return
        made = self._made_like(value) or expression(value, self.show, self.dialect)
        if self._has_line(value, made):
            made = self._shorter(value, made)
            name = free_name(value.name or value.hint or self._temporary(value), self.taken)
            self.names[value] = name
            self.lines += assignment(name, made)
        else:
            self.inline[value] = self._shorter(value, made) if len(written(made)) > LONGEST_INSIDE else made

    def _parts(self, value: TracedValue) -> int:
        return len({x.args[1] for x in self.values if x.function == "[]" and x.args[0] is value})

    def _unpacked(self, value: TracedValue) -> None:
        """U, S, Vh = np.linalg.svd(X)."""
        parts = {x.args[1]: x for x in self.values if x.function == "[]" and x.args[0] is value}
        names = []
        for i, field in enumerate(value.content):
            if i in parts:
                field = self.names[parts[i]] = free_name(parts[i].name or field, self.taken)
            names.append(field if i in parts else "_")
        self.lines.append(f"{', '.join(names)} = {written(expression(value, self.show, self.dialect))}")

    def _has_line(self, value: TracedValue, made: ast.expr) -> bool:
        if value in self.kept or value.name:
            return True
        if value.function == CONSTANT:
            return len(written(made)) > 40 or (self.uses[value] > 1 and len(written(made)) > 16)
        if self.uses[value] == self.written_into[value]:
            return False
        if self.uses[value] > 1:
            return not (value.function == ".T property" and isinstance(made.value, ast.Name))  # type: ignore[attr-defined]
        return any(x.function == WRITE for x in value.operands)

    def _shorter(self, value: TracedValue, made: ast.expr) -> ast.expr:
        """The expression, after its longest parts got lines of their own until it fits."""
        while (length := len(written(made))) > LIMIT and (parts := self._long_parts(value.operands)):
            for part, size in parts:
                self._give_line(part)
                length -= (size + 2) * list(value.operands).count(part)  # its parentheses go too
                if length <= LIMIT:
                    break
            made = expression(value, self.show, self.dialect)
        return made

    def _long_parts(self, parts: Iterable[TracedValue]) -> list[tuple[TracedValue, int]]:
        """The inline parts that are worth a line of their own, with their lengths, the longest first."""
        sizes = {x: len(written(self.inline[x])) for x in parts if x in self.inline}
        return sorted(((x, size) for x, size in sizes.items() if size > 12), key=lambda part: -part[1])

    def _give_line(self, value: TracedValue) -> None:
        made = self._shorter(value, expression(value, self.show, self.dialect))
        name = free_name(value.hint or self._temporary(value), self.taken)
        del self.inline[value]
        self.names[value] = name
        self.lines += assignment(name, made)

    def _write(self, value: TracedValue) -> None:
        """A write into an array that is new or no longer used."""
        old, template, key, new = value.args
        if old.function == WRITE and self.uses[old] == 1:
            name = self.names[old]
        else:
            name = free_name(value.name or value.hint or self._temporary(value), self.taken)
            fresh = self._fresh(old)
            self.lines.append(
                f"{name} = {written(self.show(old))}.copy()" if old.function == WRITE else f"{name} = {written(fresh)}"
            )
        self.names[value] = name
        key = short_key(key, len(old.shape or ()))

        def line() -> str:
            entries = literal(new, self.show, self.dialect)
            if template in ("[]=", "[]+="):
                place = index(key, self.show, self.dialect)
                return f"{written(ast.Subscript(ast.Name(name), place))} {template[2:]} {written(entries)}"
            place = literal(key, self.show, self.dialect)
            return written(ast.Call(ast.Name(template), [ast.Name(name), place, entries], []))

        while len(line()) > LIMIT and (parts := self._long_parts(values_in((key, new)))):
            self._give_line(parts[0][0])
        self.lines.append(line())

    def _fresh(self, old: TracedValue) -> ast.expr:
        """The array to write into: a new one, or a copy if the old one is still needed."""
        if old.function == WRITE:
            return ast.Call(
                ast.Attribute(self.show(old), "clone" if self.dialect.prefix == "torch" else "copy"), [], []
            )
        return self._made_like(old) or expression(old, self.show, self.dialect)

    def _made_like(self, value: TracedValue) -> ast.expr | None:
        """zeros_like(x) for zeros of the shape of a named array x."""
        prefix, _, name = value.function.rpartition(".")
        if name not in ("zeros", "ones") or not value.shape:
            return None
        like = next((v for v in self.names if v.shape == value.shape and v.dtype == value.dtype), None)
        if like is None:
            return None
        self.alike.append(tuple(value.shape))
        return ast.Call(ast.Name(f"{prefix}.{name}_like"), [self.show(like)], [])

    def _temporary(self, value: TracedValue) -> str:
        """A name for an unnamed value, from the function and its operands."""
        if value.gradient_of is not None and value.gradient_of in self.names:
            return f"d{self.names[value.gradient_of]}"
        operands = [self.names[x] for x in value.operands if x in self.names]
        function = value.function.split()[0].split(".")[-1]
        if value.function == "@" and sum(map(len, operands)) <= 4:
            return "".join(operands)
        word = WORDS.get(value.function, function)
        if not word.isidentifier():
            word = "t"
        if value.function in WORDS or not operands or len(operands[0]) > 8:
            return word
        return f"{word}_{operands[0]}"


WORDS = {
    "+": "total",
    "-": "difference",
    "*": "product",
    "/": "ratio",
    "@": "product",
    "**": "power",
    "[]": "part",
    "-x": "negative",
    WRITE: "scattered",
    CONSTANT: "constant",
    ".T property": "transposed",
    ".reshape": "reshaped",
}
"""Names of temporaries without a mathematical name."""
