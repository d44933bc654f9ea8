"""Small changes of a statement that correct common mistakes: a wrong sign, axis or variable, a missing factor."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["ADDED", "NamesInScope", "edits_of", "statements_in"]

OPERATOR, NUMBER, NAME, LESS, MORE, ADDED = range(6)
"""The kinds of changes, smallest first: another operator or function; another number, axis or transpose; another
variable; a part left out or transposed; a part added inside the expression; a factor or term added to all of it."""

Edit = tuple[int, Any]
"""The kind of a change, and the changed node."""


@dataclass
class NamesInScope:
    """The variables, lengths and functions that a statement may use.

    Attributes
    ----------
    kinds : for each variable, as it is written (`x`, `self.W`), its shape, or `("list",)` for a list or a tuple.
        Variables of the same shape may be exchanged.
    lengths : expressions in the function that are numbers: `len(X)`, `X.shape[0]`.
    functions : the names of functions of one argument that it calls: `sigmoid`, `np.tanh`.
    """

    kinds: dict[str, tuple[int | str, ...]]
    lengths: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)

    def of_function(self, function: ast.AST, file: ast.AST, ran: Collection[str]) -> NamesInScope:
        """Add the lengths in a function, and the functions that a change may call; returns self.

        Only functions that have no side effects are used: the user's functions that ran anyway (their names are `ran`),
        and ufuncs of NumPy that occur in the file.
        """
        for node in ast.walk(function):
            text = ast.unparse(node) if isinstance(node, ast.Call | ast.Subscript) else ""
            if text.startswith("len(") or (isinstance(node, ast.Subscript) and ".shape[" in text):
                self.lengths.append(text)
        self.lengths += [f"len({name})" for name in sorted(self.arrays, key=lambda name: "." in name)]
        for node in ast.walk(file):
            if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
                name = ast.unparse(node.func)
                if name in ran or (name.startswith(("np.", "numpy.")) and _is_ufunc(name)):
                    self.functions.append(name)
        self.lengths, self.functions = list(dict.fromkeys(self.lengths)), list(dict.fromkeys(self.functions))
        return self

    @property
    def arrays(self) -> list[str]:
        """The variables that are arrays, not numbers or lists."""
        return [name for name, shape in self.kinds.items() if shape and shape != ("list",)]

    def alike(self, name: str) -> list[str]:
        """The other variables of the same shape."""
        if name not in self.kinds:
            return []
        return [other for other, shape in self.kinds.items() if shape == self.kinds[name] and other != name]


def _is_ufunc(name: str) -> bool:
    return isinstance(getattr(np, name.partition(".")[2], None), np.ufunc)


def edits_of(statement: Any, scope: NamesInScope) -> Iterator[Edit]:
    """The changes of a statement: copies of it, each changed in one place."""
    if isinstance(statement, ast.AugAssign | ast.Expr):
        yield OPERATOR if isinstance(statement, ast.Expr) else LESS, ast.Pass()
    if isinstance(statement, ast.AugAssign):
        yield from _of_augmented(statement)
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
            yield OPERATOR, ast.AugAssign(copy.deepcopy(target), ast.Add(), statement.value)
    if isinstance(statement, ast.For):
        yield from _reversed(statement)
        yield from _in_field(statement, "iter", scope)
        return
    if isinstance(statement, ast.If):
        yield from _in_field(statement, "test", scope)
        return
    value = getattr(statement, "value", None)
    wholes: list[tuple[Any, str, int | None, Any]] = []
    if isinstance(value, ast.Tuple):
        wholes = [(value, "elts", i, part) for i, part in enumerate(value.elts)]
    elif value is not None and not isinstance(statement, ast.Expr):
        wholes = [(statement, "value", None, value)]
    for owner, field_name, place, part in wholes:
        for far, new in _whole(part, scope):
            changed = _with(owner, field_name, place, new)
            yield far, changed if owner is statement else _with(statement, "value", None, changed)
    for name in statement._fields:
        yield from _in_field(statement, name, scope)
    yield from _everywhere(statement, scope)


def _of_augmented(statement: ast.AugAssign) -> Iterator[Edit]:
    if type(statement.op) in _TURNED:
        yield OPERATOR, _with(statement, "op", None, _TURNED[type(statement.op)]())
    yield OPERATOR, ast.Assign([copy.deepcopy(statement.target)], statement.value)


def _reversed(statement: ast.For) -> Iterator[Edit]:
    it = statement.iter
    if isinstance(it, ast.Call) and isinstance(it.func, ast.Name) and it.func.id in ("range", "reversed"):
        new = it.args[0] if it.func.id == "reversed" else _call("reversed", it)
        yield OPERATOR, _with(statement, "iter", None, new)


def _whole(value: Any, scope: NamesInScope) -> Iterator[Edit]:
    """Changes of everything that a statement assigns."""
    yield LESS, ast.UnaryOp(ast.USub(), value)
    read = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    lengths = sorted(
        scope.lengths, key=lambda text: read.isdisjoint(_names_in(text))
    )  # lengths of variables that the statement reads come first
    for text in ("2", *lengths, *scope.kinds):
        for op in (ast.Mult(), ast.Div(), ast.Add(), ast.Sub()):
            if text in scope.arrays or not isinstance(op, ast.Add | ast.Sub):
                yield ADDED, ast.BinOp(value, op, _parsed(text))
    for text in scope.arrays:  # as in the derivatives of sigmoid and tanh
        for less in (_parsed(text), ast.BinOp(_parsed(text), ast.Pow(), ast.Constant(2))):
            yield ADDED, ast.BinOp(value, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), less))
    for name in scope.functions:
        yield ADDED, _call(name, value)


def _everywhere(statement: Any, scope: NamesInScope) -> Iterator[Edit]:
    """A variable that occurs several times, replaced in all places at once."""
    value = getattr(statement, "value", None)
    if value is None:
        return
    texts = [ast.unparse(n) for n in ast.walk(value) if isinstance(n, ast.Name | ast.Attribute)]
    for text in dict.fromkeys(t for t in texts if texts.count(t) > 1 and t in scope.kinds):
        for other in scope.alike(text):
            yield NAME, _with(statement, "value", None, _Exchange(text, _parsed(other)).visit(copy.deepcopy(value)))
        for name in scope.functions:
            new = _call(name, _parsed(text))
            yield MORE, _with(statement, "value", None, _Exchange(text, new).visit(copy.deepcopy(value)))


class _Exchange(ast.NodeTransformer):
    """Puts an expression in the place of a variable."""

    def __init__(self, text: str, new: Any):
        self.text, self.new = text, new

    def generic_visit(self, node: Any) -> Any:
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == self.text:
            return self.new
        return super().generic_visit(node)


# Anywhere in an expression --------------------------------------------------------------------------------------------


def _in_field(node: Any, name: str, scope: NamesInScope) -> Iterator[Edit]:
    value = getattr(node, name, None)
    is_factor = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div | ast.Pow)
    if isinstance(value, list):
        for i, part in enumerate(value):
            if isinstance(part, ast.expr) or (isinstance(part, ast.keyword) and part.arg != "out"):
                for far, new in _anywhere(part, scope):
                    yield far, _with(node, name, i, new)
    elif isinstance(value, ast.expr):
        for far, new in _anywhere(value, scope):
            if not (
                is_factor and isinstance(new, ast.Constant) and new.value == 1
            ):  # a factor 1 is tried by leaving the factor out
                yield far, _with(node, name, None, new)


def _anywhere(node: Any, scope: NamesInScope) -> Iterator[Edit]:
    """An expression changed in one place."""
    if isinstance(getattr(node, "ctx", None), ast.Store):
        if isinstance(node, ast.Subscript):
            yield from _in_field(node, "slice", scope)
        return
    yield from _here(node, scope)
    for name in node._fields:
        if not (isinstance(node, ast.Call) and name == "func" and isinstance(node.func, ast.Name)):
            yield from _in_field(node, name, scope)


def _here(node: Any, scope: NamesInScope) -> Iterator[Edit]:
    """Changes of a node itself."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield from ((NUMBER, ast.Constant(n)) for n in _other_numbers(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield OPERATOR, node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from ((OPERATOR, _with(node, "ops", 0, op())) for op in _COMPARISONS.get(type(node.ops[0]), ()))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    if isinstance(node, ast.Attribute):
        if node.attr == "T":
            yield NUMBER, node.value
        yield from ((OPERATOR, _with(node, "attr", None, name)) for name in _FUNCTIONS.get(node.attr, ()))
    if isinstance(node, ast.Name | ast.Attribute):
        yield from _of_variable(node, scope)


def _of_variable(node: Any, scope: NamesInScope) -> Iterator[Edit]:
    text = ast.unparse(node)
    shape = scope.kinds.get(text)
    yield from ((NAME, _parsed(other)) for other in scope.alike(text))
    if shape is None or shape == ("list",):
        return
    if shape:
        yield from ((LESS, _parsed(other)) for other in scope.arrays if scope.kinds[other] != shape)
        yield from ((MORE, _call(name, node)) for name in scope.functions)
    else:
        yield MORE, ast.BinOp(node, ast.Sub(), ast.Constant(1))
    yield LESS, ast.UnaryOp(ast.USub(), node)
    if len(shape) == 2:
        yield NUMBER, ast.Attribute(node, "T", ast.Load())
    yield MORE, ast.BinOp(node, ast.Pow(), ast.Constant(2))
    yield MORE, ast.BinOp(ast.Constant(1), ast.Sub(), node)


def _of_call(node: ast.Call) -> Iterator[Edit]:
    if len(node.args) == 1 and not node.keywords and ast.unparse(node.func).split(".")[-1] not in _COPIES:
        yield LESS, node.args[0]
    if not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr in ("dot", "matmul") and len(node.args) == 2:
        yield NUMBER, _with(node, "args", None, node.args[::-1])
    if node.func.attr in ("sum", "mean", "max", "min"):
        yield from _along(node)


def _along(node: ast.Call) -> Iterator[Edit]:
    """A sum or a mean over all entries, changed to one along an axis."""
    if len(node.args) < 2 and not any(k.arg == "axis" for k in node.keywords):
        for axis in (0, 1, -1):
            for keep in (False, True):
                further = [ast.keyword("axis", ast.Constant(axis))]
                further += [ast.keyword("keepdims", ast.Constant(True))] * keep
                yield MORE, _with(node, "keywords", None, [*node.keywords, *further])


def _of_operation(node: ast.BinOp) -> Iterator[Edit]:
    left, right, op = node.left, node.right, type(node.op)
    if op in (ast.Add, ast.Sub):
        yield OPERATOR, _with(node, "op", None, _TURNED[op]())
    if op is ast.Sub:
        yield OPERATOR, ast.BinOp(right, node.op, left)
    if op in (ast.MatMult, ast.Div):
        yield NUMBER, ast.BinOp(right, node.op, left)
    if op in (ast.Mult, ast.Div, ast.Add, ast.Sub, ast.Pow):
        yield LESS, left
    if op in (ast.Mult, ast.Add):
        yield LESS, right
    elif op is ast.Sub:
        yield LESS, right
        yield LESS, ast.UnaryOp(ast.USub(), right)
    factors = _factors(node)
    if 2 < len(factors) <= 4:
        yield from ((LESS, factor) for factor in factors)
    if op in (ast.Mult, ast.Div):
        yield LESS, _with(node, "op", None, _TURNED[op]())
    if op in (ast.Mult, ast.Div) and isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add | ast.Sub):
        for a, b in (
            (left.left, ast.BinOp(left.right, node.op, right)),
            (ast.BinOp(left.left, node.op, right), left.right),
        ):
            yield NUMBER, ast.BinOp(a, left.op, b)  # (a + b) / c as a + b / c
    if op in (ast.Add, ast.Sub):  # a / c + b as (a + b) / c
        for side, other in ((left, right), (right, left)):
            if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Mult | ast.Div):
                pair = (side.left, other) if side is left else (other, side.left)
                yield NUMBER, ast.BinOp(ast.BinOp(pair[0], node.op, pair[1]), side.op, side.right)


def _factors(node: Any) -> list[Any]:
    """The factors of a product of several."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


_TURNED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_COPIES = ("copy", "array", "asarray", "deepcopy", "list")
_COMPARISONS = {
    ast.Gt: (ast.Lt, ast.GtE, ast.LtE),
    ast.GtE: (ast.LtE, ast.Gt, ast.Lt),
    ast.Lt: (ast.Gt, ast.LtE, ast.GtE),
    ast.LtE: (ast.GtE, ast.Lt, ast.Gt, ast.Eq),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
_PAIRS = (
    "argmax argmin",
    "max min",
    "sum mean",
    "exp log",
    "sin cos",
    "zeros ones",
    "zeros_like ones_like",
    "tanh cosh",
)
_FUNCTIONS = {a: (b,) for pair in _PAIRS for a, b in (pair.split(), pair.split()[::-1])}


def _other_numbers(n: Any) -> list[Any]:
    if isinstance(n, int):
        near = [n - 1, n + 1, 0, 1, 2] if abs(n) < 10 else [0, 1]
        return [k for k in dict.fromkeys(near) if k != n]
    return [v for v in dict.fromkeys([2 * n, n / 2, 1.0]) if v != n]


# Nodes ----------------------------------------------------------------------------------------------------------------


def _with(node: Any, name: str, i: int | None, new: Any) -> Any:
    """A copy of a node with another field, or another part of a field that is a list."""
    made = copy.copy(node)
    if i is not None:
        parts = list(getattr(node, name))
        parts[i] = new
        new = parts
    setattr(made, name, new)
    return made


def _call(name: str, argument: Any) -> ast.Call:
    return ast.Call(_parsed(name), [argument], [])


def _parsed(text: str) -> Any:
    return ast.parse(text, mode="eval").body


def _names_in(text: str) -> set[str]:
    return {node.id for node in ast.walk(_parsed(text)) if isinstance(node, ast.Name)}


def statements_in(function: Any) -> Sequence[Any]:
    """The statements that may be changed: none inside a `while`, which might then never end."""
    found: list[Any] = []
    for node in function.body:
        _collect(node, found)
    return found


def _collect(node: Any, found: list[Any]) -> None:
    if isinstance(node, ast.While):
        return
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr | ast.For | ast.If):
        found.append(node)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody", "handlers"):
        for part in getattr(node, name, None) or ():
            _collect(part, found)
