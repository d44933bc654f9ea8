"""The answers of the playground: the explanation ("story") of an expression, or a file to save."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import ChainruleError, ExpressionError, NoAnswer, asking_others
from chainrule.explain import Explanation, explain
from chainrule.explain.page import page, story
from chainrule.explain.second import Second, second_derivatives
from chainrule.expression import ParsedExpression, parse, parse_value
from chainrule.expression.as_python import IMPORTS, python_call, python_function
from chainrule.play.samples import completed, text_of

__all__ = ["SAVED", "answer"]


GRADIENT = "∂"
"""The key of ∂L/∂y in a request, if the result y is an array; no variable can have this name."""


class Asked(NamedTuple):
    """An expression with values.

    Attributes
    ----------
    text : the expression.
    arguments : the values of all parameters.
    gradient : ∂L/∂y if the result y is an array, else None.
    """

    text: str
    arguments: dict[str, Any]
    gradient: np.ndarray | None


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request.

    A request has `do` ("explain" or "save"), the `text`, and values as texts by name: those `given`, and those
    `offered`, which are left out if the expression cannot be computed with them; to save also `as`, one of `SAVED`.
    The answer has the story and all values, or a file's `name` and `text`, or an `error`.
    """
    values: dict[str, Any] = {}
    try:
        parsed = parse(request["text"])
        values = dict.fromkeys(parsed.parameters)
        with asking_others():
            asked = _asked(request, parsed)
            values = {name: text_of(x) for name, x in asked.arguments.items()}
            if asked.gradient is not None:
                values[GRADIENT] = text_of(asked.gradient)
            explanation = explain(parsed.function, gradient=asked.gradient)(**asked.arguments)
            if request["do"] == "save":
                return SAVED[request["as"]](asked, explanation)
            return {"story": story(explanation, second=_second(explanation)), "values": values}
    except ChainruleError as error:
        return {"error": str(error), "values": values}
    except NoAnswer as none:
        if isinstance(none.error, MemoryError | RecursionError):
            raise none.error from None
        plain = isinstance(none.error, ChainruleError)
        return {"error": str(none.error) if plain else _in_words(none.error), "values": values}


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _second(explanation: Explanation) -> list[Second]:
    """The second derivatives of a number."""
    return [] if explanation.result is not None else list(second_derivatives(explanation))


def _asked(request: dict[str, Any], parsed: ParsedExpression) -> Asked:
    """The expression with values for all parameters."""
    text, given, offered = request["text"], request["given"], request["offered"]
    try:
        values = completed(parsed, text, _values(offered | given, parsed))
    except (ExpressionError, ValueError, TypeError, IndexError):
        values = completed(parsed, text, _values(given, parsed))
    arguments = parsed.arguments(values)
    with np.errstate(all="ignore"):
        shape = np.shape(parsed.function(**arguments))
    return Asked(text, arguments, _gradient(request, shape) if shape else None)


def _gradient(request: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """∂L/∂y: the given one, else 1 for the first entry and 0 for the others, so that the first entry is explained."""
    if GRADIENT in request["given"]:
        return np.asarray(_value(request["given"][GRADIENT], "∂L/∂y"), dtype=float)
    if GRADIENT in request["offered"]:
        offered = np.asarray(_value(request["offered"][GRADIENT], "∂L/∂y"), dtype=float)
        if offered.shape == shape:
            return offered
    first = np.zeros(shape)
    first.flat[:1] = 1
    return first


def _values(texts: dict[str, str], parsed: ParsedExpression) -> dict[str, Any]:
    return {name: _value(texts[name], name) for name in parsed.parameters if texts.get(name, "").strip()}


def _value(text: str, name: str) -> Any:
    text = text.strip()
    if text.startswith("@"):
        raise ExpressionError(f"{name} = {text}: the playground reads no files; write the numbers")
    try:
        return parse_value(text)
    except ExpressionError as error:
        raise ExpressionError(f"{name}: {error}".replace(", or @file.npy", "")) from None


# Files ---------------------------------------------------------------------------------------------------------------


def _page(asked: Asked, explanation: Explanation) -> dict[str, Any]:
    return {"name": "backpropagation.html", "text": page(explanation, second=_second(explanation))}


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
    of = "loss" if asked.gradient is None else f"loss, {python_call({'gradient': asked.gradient})}"
    return imports, source.definition, f"cr.explain({of})({python_call(asked.arguments)})"


SAVED: dict[str, Callable[[Asked, Explanation], dict[str, Any]]] = {
    "page": _page,
    "latex": _latex,
    "notebook": _notebook,
    "python": _python,
    "picture": _picture,
}
"""The files that can be saved."""
