"""What can be changed in the library, one place at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["PACKAGE", "ROOT", "Mutant", "mutants"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "chainrule"

COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
COMPARISONS |= {ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in"}
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Pow: "*"}


@dataclass(frozen=True, order=True)
class Mutant:
    """One change: the bytes from `start` to `stop` of a file become `new`.

    Attributes
    ----------
    file : below the package.
    line : where the change is.
    function : the line in which the function that runs it begins; 0 if the import runs it.
    lines : first and last line of the statement, or of the lambda, that it is part of. A test that runs none of them
        does not meet the change.
    """

    file: str
    line: int
    start: int
    stop: int
    old: str
    new: str
    function: int = 0
    lines: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        short = " ".join(self.old.split())
        return f"{self.file}:{self.line}: {short[:70]} → {self.new or 'nothing'}"

    def changed(self, raw: bytes) -> bytes:
        """The file with the change."""
        return raw[: self.start] + self.new.encode() + raw[self.stop :]


def mutants(file: Path) -> Iterator[Mutant]:
    """The changes of one file, from top to bottom."""
    text = file.read_text(encoding="utf-8")
    name = file.relative_to(PACKAGE).as_posix()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = text.encode()

    def change(node: ast.AST, new: str) -> Mutant:
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        start, stop = starts[first - 1] + node.col_offset, starts[last - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return Mutant(name, first, start, stop, raw[start:stop].decode(), new)

    def source(node: ast.AST) -> str:
        return change(node, "").old

    def changes(node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield change(node, f"({source(left)} {COMPARISONS[type(op)]} {source(right)})")
            case ast.BoolOp(op=op, values=values):
                joined = (" or " if isinstance(op, ast.And) else " and ").join(f"({source(v)})" for v in values)
                yield change(node, f"({joined})")
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield change(node, f"({source(operand)})")
            case ast.UnaryOp(op=ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
                yield change(node, f"({source(operand)})")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                if not any(isinstance(side, ast.Constant | ast.JoinedStr) and _is_text(side) for side in (left, right)):
                    yield change(node, f"({source(left)} {OPERATORS[type(op)]} {source(right)})")
            case ast.Constant(value=bool(value)):
                yield change(node, str(not value))
            case ast.Constant(value=int() | float() as value):
                yield change(node, f"({value!r} + 1)")
            case ast.If(test=test) | ast.IfExp(test=test):
                yield change(test, "True")
                yield change(test, "False")
            case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
                yield change(node, "pass")
            case ast.Constant(value=str(value)) if "\n" in value and " = " in value and file.name == "identities.py":
                yield from _identities(change(node, ""))

    for node, function, lines in _nodes(ast.parse(text), 0, (0, 0)):
        for mutant in changes(node):
            yield replace(mutant, function=function, lines=lines)


def _nodes(tree: ast.AST, function: int, lines: tuple[int, int]) -> Iterator[tuple[ast.AST, int, tuple[int, int]]]:
    """All nodes from top to bottom, each with `Mutant.function` and `Mutant.lines`.

    What stands in an f-string is left out: Python 3.11 does not know its place.
    """
    if isinstance(tree, ast.stmt):
        lines = _own_lines(tree)
    yield tree, function, lines
    if isinstance(tree, ast.JoinedStr):
        return
    body: list[ast.AST] = []
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inner = min([tree.lineno, *(d.lineno for d in getattr(tree, "decorator_list", ()))])
        body = tree.body if isinstance(tree.body, list) else [tree.body]
    for child in ast.iter_child_nodes(tree):
        if child not in body:
            yield from _nodes(child, function, lines)
        elif isinstance(tree, ast.Lambda):
            yield from _nodes(child, inner, (tree.lineno, tree.end_lineno or tree.lineno))
        else:
            yield from _nodes(child, inner, lines)


def _own_lines(statement: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement, of one with a body those before its body."""
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    last = statement.end_lineno or statement.lineno
    if body:
        first_inside = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
        last = max(statement.lineno, min(last, first_inside.lineno - 1))
    return statement.lineno, last


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _identities(table: Mutant) -> Iterator[Mutant]:
    """An identity left out, for each line of a table of identities."""
    place = table.start
    for i, line in enumerate(table.old.splitlines(keepends=True)):
        if " = " in line:
            yield Mutant(table.file, table.line + i, place, place + len(line.encode()), line, "")
        place += len(line.encode())
