"""An expression as a function in plain Python, for a file or a notebook."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.expression.parser import CHOOSING, CONSTANTS, library_of, parse, target_of, tree_of

__all__ = ["IMPORTS", "PythonFunction", "python_call", "python_function"]

IMPORTS = {"np": "import numpy as np", "special": "from scipy import special", "cr": "import chainrule as cr"}
"""The statements that import the libraries of the language, in the order in which they are written."""


class PythonFunction(NamedTuple):
    """The source of a function, and the imports that it needs."""

    imports: tuple[str, ...]
    definition: str


def python_function(text: str, name: str = "loss") -> PythonFunction:
    """An expression as a function, in which each called function has its library as a prefix.

    >>> source = python_function("r = X @ w; sum(r**2)")
    >>> source.imports
    ('import numpy as np',)
    >>> print(source.definition)
    def loss(X, w):
        r = X @ w
        return np.sum(r ** 2)
    """
    tree = tree_of(text)
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    tree = _Qualified(stored).visit(tree)
    *first, last = tree.body
    lines = [ast.unparse(statement) for statement in first]
    if isinstance(last, ast.Expr):
        lines.append(f"return {ast.unparse(last)}")
    else:
        lines += [ast.unparse(last), f"return {target_of(last).id}"]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imports = tuple(statement for library, statement in IMPORTS.items() if library in used)
    head = f"def {name}({', '.join(parse(text).parameters)}):\n"
    return PythonFunction(imports, head + "\n".join(f"    {line}" for line in lines))


def python_call(values: Mapping[str, Any]) -> str:
    """The arguments of a call, by their names.

    >>> import numpy as np
    >>> python_call({"W": np.array([[1.0, 2.0]]), "label": 0})
    'W=np.array([[1.0, 2.0]]), label=0'
    """
    return ", ".join(f"{name}={_written(x)}" for name, x in values.items())


def _written(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"np.array({_written(x.tolist())})"
    if isinstance(x, list):
        return f"[{', '.join(map(_written, x))}]"
    text = repr(x.item() if isinstance(x, np.generic) else x)
    return f"float({text!r})" if isinstance(x, float) and not np.isfinite(x) else text


class _Qualified(ast.NodeTransformer):
    """Writes each function and constant with its library as a prefix; names that the text assigns do not change."""

    def __init__(self, stored: set[str]):
        self.stored = stored

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in CHOOSING and len(node.args) > 1 and not node.keywords:
            *first, last = node.args
            rest = first[0] if len(first) == 1 else ast.Call(node.func, first, [])
            return self.visit(ast.Call(ast.Name(CHOOSING[node.func.id]), [rest, last], []))
        if isinstance(node.func, ast.Name):
            *libraries, name = f"{library_of(node.func.id)}.{node.func.id}".split(".")
            found: ast.expr = ast.Name(libraries[0], ast.Load())
            for part in [*libraries[1:], name]:
                found = ast.Attribute(found, part, ast.Load())
            args = [self.visit(x) for x in node.args]
            return ast.Call(found, args, [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords])
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in CONSTANTS and node.id not in self.stored:
            return ast.Attribute(ast.Name("np", ast.Load()), node.id, ast.Load())
        return node
