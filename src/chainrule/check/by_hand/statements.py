"""The statements of a file, by line: what each assigns, and what it returns."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from chainrule.node import lines_of

__all__ = ["AssignedTarget", "SimpleStatement", "statements_of"]


@dataclass(frozen=True)
class AssignedTarget:
    """What a statement writes to.

    Attributes
    ----------
    text : the source text, without a key into an array: `dx` for `dx[0] += 1`, `grads['W']` for an entry of a dict.
    name : the last name in it: `dx`, `W`.
    owner : code for the object whose attribute or entry it is; None for a variable.
    key : code for the key of an entry; None for an attribute or a variable.
    outer : the container of an entry: the target itself if the container is an array.
    whole : whether it is bound to a new value; False if the old value is changed.
    rebound : whether it is bound to a value that was computed from its old value.
    sure : False if a call may have written into it.
    """

    text: str
    name: str
    owner: CodeType | None = None
    key: CodeType | None = None
    attribute: str = ""
    outer: AssignedTarget | None = None
    whole: bool = True
    rebound: bool = False
    sure: bool = True


@dataclass(frozen=True)
class SimpleStatement:
    """A simple statement.

    Attributes
    ----------
    returned : the texts and lines of the returned values, for a return statement.
    """

    first: int
    last: int
    targets: tuple[AssignedTarget, ...] = ()
    returned: tuple[tuple[str, int], ...] = field(default=())


def statements_of(file: str) -> dict[int, SimpleStatement]:
    """The simple statements of a file by each of their lines; none if there is no source."""
    lines = lines_of(file)
    known = _known.get(file)
    if known is None or known[0] is not lines:
        if len(_known) > 100:
            _known.clear()
        known = _known[file] = (lines, _parsed(lines))
    return known[1]


_known: dict[str, tuple[list[str], dict[int, SimpleStatement]]] = {}
"""The lines of each file when it was read, and its statements."""


def _parsed(lines: list[str]) -> dict[int, SimpleStatement]:
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[int, SimpleStatement] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            statement = _statement(node)
            for line in range(statement.first, statement.last + 1):
                if line not in found or statement.first > found[line].first:
                    found[line] = statement
    return found


def _statement(node: Any) -> SimpleStatement:
    targets: list[AssignedTarget] = []
    returned: tuple[tuple[str, int], ...] = ()
    if isinstance(node, ast.Assign):
        read = _names_read(node.value)
        targets = [t for target in node.targets for t in _targets(target, read)]
    elif isinstance(node, ast.AugAssign):
        targets = _targets(node.target, whole=False)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = _targets(node.target, _names_read(node.value))
    elif isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Call
    ):  # np.add.at(dW, i, dz), np.multiply(…, out=dx)
        given = [*node.value.args, *(k.value for k in node.value.keywords)]
        own = node.value.func.value if isinstance(node.value.func, ast.Attribute) else None
        targets = [
            AssignedTarget(x.id, x.id, whole=False, sure=False) for x in (*given, own) if isinstance(x, ast.Name)
        ]
    elif isinstance(node, ast.Return) and node.value is not None:
        parts = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else [node.value]
        returned = tuple((ast.unparse(part), part.lineno) for part in parts)
    return SimpleStatement(node.lineno, node.end_lineno or node.lineno, tuple(targets), returned)


def _names_read(node: ast.AST) -> set[str]:
    """The variables that an expression reads and whose shape its value may keep: not those in a call's name."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _targets(node: ast.AST, read: set[str] | None = None, whole: bool = True) -> list[AssignedTarget]:
    if isinstance(node, ast.Tuple | ast.List):
        return [t for part in node.elts for t in _targets(part, read, whole)]
    if isinstance(node, ast.Starred):
        return []
    if isinstance(node, ast.Name):
        from_itself = node.id in (read or ())
        return [AssignedTarget(node.id, node.id, whole=whole and not from_itself, rebound=from_itself)]
    if isinstance(node, ast.Attribute) and _is_path(node.value):
        text = ast.unparse(node)
        return [AssignedTarget(text, node.attr, _code(node.value), attribute=node.attr, whole=whole)]
    if isinstance(node, ast.Subscript):
        outer = _targets(node.value, None, False)
        if not outer:
            return []
        if not _is_key(node.slice):
            return outer
        name = node.slice.value if isinstance(node.slice, ast.Constant) else ""
        text = ast.unparse(node)
        return [AssignedTarget(text, str(name), _code(node.value), _code(node.slice), outer=outer[0], whole=whole)]
    return []


def _is_path(node: ast.AST) -> bool:
    """Whether an expression can be evaluated again without side effects: names, attributes and plain keys."""
    if isinstance(node, ast.Attribute):
        return _is_path(node.value)
    if isinstance(node, ast.Subscript):
        return _is_path(node.value) and _is_key(node.slice)
    return isinstance(node, ast.Name)


def _is_key(node: ast.AST) -> bool:
    """Whether a key can be evaluated again without side effects: `'W'`, `name`, `'dW' + str(i)`, `f'dW{i}'`."""
    allowed = (ast.Constant, ast.Name, ast.BinOp, ast.operator, ast.JoinedStr, ast.FormattedValue, ast.expr_context)
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            if not (isinstance(part.func, ast.Name) and part.func.id in ("str", "int")):
                return False
        elif not isinstance(part, allowed):
            return False
    return True


def _code(node: ast.AST) -> CodeType:
    return compile(ast.Expression(node), "<target>", "eval")  # type: ignore[arg-type]
