"""What the playground answers: the story of an expression, or a file of it to save."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ChainruleError, ExpressionError, NoAnswer, asking_others
from chainrule.explain import Explanation, explain
from chainrule.explain.page import page, story
from chainrule.explain.second import Derivative, derivatives_of, second_derivatives_of
from chainrule.expression import ParsedExpression, parse, parse_value
from chainrule.expression.as_python import IMPORTS, python_call, python_function
from chainrule.expression.parser import target_of, tree_of
from chainrule.play.samples import completed, text_of

__all__ = ["SAVED", "answer"]


class Asked(NamedTuple):
    """An expression with values.

    Attributes
    ----------
    text : the expression; where its result was an array, with two more statements that make a loss of it.
    expression : the same, parsed.
    values : of all parameters.
    result : the name of the array that was the result; None if it was a number.
    """

    text: str
    expression: ParsedExpression
    values: dict[str, Any]
    result: str | None


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request.

    A request has `do` ("explain" or "save"), the `text`, and values as texts by name: those `given`, and those
    `offered`, which are left out if the expression cannot be computed with them; to save also `as`, one of `SAVED`.
    The answer has the story and all values, or a file's `name` and `text`, or an `error`.
    """
    parameters: dict[str, Any] = {}
    try:
        parsed = parse(request["text"])
        parameters = dict.fromkeys(parsed.parameters)
        with asking_others():
            asked = _asked(request, parsed)
            parameters = {name: text_of(x) for name, x in asked.values.items()}
            explanation = explain(asked.expression.function)(**asked.expression.arguments(asked.values))
            if request["do"] == "save":
                return SAVED[request["as"]](asked, explanation)
            made = story(explanation, derivatives=_derivatives(asked, explanation))
            return {"story": made, "values": parameters, "result": asked.result}
    except ChainruleError as error:
        return {"error": str(error), "values": parameters}
    except NoAnswer as none:
        if isinstance(none.error, MemoryError | RecursionError):
            raise none.error from None
        plain = isinstance(none.error, ChainruleError)
        return {"error": str(none.error) if plain else _in_words(none.error), "values": parameters}


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _asked(request: dict[str, Any], parsed: ParsedExpression) -> Asked:
    """The expression with values for all parameters, and made to end in a number."""
    given, offered = request["given"], request["offered"]
    try:
        values = completed(parsed, request["text"], _values(offered | given, parsed))
    except (ExpressionError, ValueError, TypeError, IndexError):
        values = completed(parsed, request["text"], _values(given, parsed))
    with np.errstate(all="ignore"):
        result = np.asarray(parsed.function(**parsed.arguments(values)))
    if result.ndim == 0:
        return Asked(request["text"], parsed, values, None)
    text, name, weights = _as_loss(request["text"])
    seed = np.eye(1, result.size).reshape(result.shape)  # the gradient of its first entry
    for known in (offered, given):
        if weights in known and (known is given or np.shape(_value(known[weights])) == result.shape):
            seed = _value(known[weights], weights)
    return Asked(text, parse(text), {**values, weights: seed}, name)


def _as_loss(text: str) -> tuple[str, str, str]:
    """An expression whose result y is an array, made a number: the sum of g ⊙ y, so that ∂L/∂y is g.

    Returns the text, the name of y and that of g.
    """
    tree = tree_of(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    *first, last = (ast.unparse(statement) for statement in tree.body)
    if isinstance(tree.body[-1], ast.Expr):
        result = _unused("y Y result", names)
        last = f"{result} = {last}"
    else:
        result = target_of(tree.body[-1]).id
    weights = _unused("g G weights", names | {result})
    loss = _unused("L loss total", names | {result, weights})
    return "; ".join([*first, last, f"{loss} = sum({weights} * {result})"]), result, weights


def _unused(names: str, used: set[str]) -> str:
    return next((name for name in names.split() if name not in used), f"{names[0]}_{len(used)}")


def _values(texts: dict[str, str], parsed: ParsedExpression) -> dict[str, Any]:
    return {name: _value(texts[name], name) for name in parsed.parameters if texts.get(name, "").strip()}


def _value(text: str, name: str = "") -> Any:
    text = text.strip()
    if text.startswith("@"):
        raise ExpressionError(f"{name} = {text}: the playground reads no files; write the numbers")
    try:
        return parse_value(text)
    except ExpressionError as error:
        raise ExpressionError(f"{name}: {error}".replace(", or @file.npy", "")) from None


def _derivatives(asked: Asked, explanation: Explanation) -> list[Derivative]:
    """The Jacobians of an array, or the second derivatives of a number."""
    return second_derivatives_of(explanation) if asked.result is None else derivatives_of(explanation, asked.result)


# Files ---------------------------------------------------------------------------------------------------------------


def _page(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    return {"name": "backpropagation.html", "text": page(explanation, derivatives=_derivatives(asked, explanation))}


def _latex(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    return {"name": "backpropagation.tex", "text": explanation.latex()}


def _picture(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    return {"name": "graph.svg", "text": explanation.svg()}


def _python(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    imports, definition, call = _program(asked)
    text = f'{imports}\n\n\n{definition}\n\n\nif __name__ == "__main__":\n    print({call})\n'
    return {"name": "backpropagation.py", "text": text}


def _notebook(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    imports, definition, call = _program(asked)
    cells = [
        _cell("markdown", f"# Backpropagation\n\n```\n{asked.text}\n```"),
        _cell("code", f"{imports}\n\n\n{definition}"),
        _cell("code", f"explanation = {call}\nexplanation"),
        _cell("code", "print(explanation)"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return {"name": "backpropagation.ipynb", "text": json.dumps(made, ensure_ascii=False, indent=1) + "\n"}


def _cell(kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _program(asked: Asked) -> tuple[str, str, str]:
    """The imports, the function, and the call that explains it."""
    source = python_function(asked.text)
    needed = {*source.imports, IMPORTS["np"], IMPORTS["cr"]}
    imports = "\n".join(statement for statement in IMPORTS.values() if statement in needed)
    arguments = python_call(asked.expression.arguments(asked.values))
    return imports, source.definition, f"cr.explain(loss)({arguments})"


SAVED: dict[str, Callable[[Asked, Explanation], dict[str, Any]]] = {
    "page": _page,
    "latex": _latex,
    "notebook": _notebook,
    "python": _python,
    "picture": _picture,
}
"""The files that can be saved."""
