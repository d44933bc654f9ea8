"""Sample values for inputs without a value: shapes that fit the expression, and numbers of these shapes."""

from __future__ import annotations

import ast
import itertools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from chainrule.errors import ExpressionError
from chainrule.expression import ParsedExpression
from chainrule.expression.language import functions_of, is_elementwise
from chainrule.expression.parser import library_of, tree_of

__all__ = ["completed", "text_of", "with_arrays"]

MATRICES: tuple[tuple[int, ...], ...] = ((3, 2), (3, 3), (2, 2), (2, 3))
VECTORS: tuple[tuple[int, ...], ...] = ((3,), (2,))
NUMBERS: tuple[tuple[int, ...], ...] = ((),)
ARRAY_RESULT, NO_ARRAY = 3, 4
"""Costs: of a result that is an array, and of choosing only numbers for a text that computes with arrays."""
MOST = 3_000
"""At most this many combinations of shapes are tried."""


def completed(expression: ParsedExpression, text: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for all parameters: those given, and for the others samples of shapes with which it can be computed.

    The shapes with the lowest cost are taken: W is a matrix, w a vector, the result a number. If nothing fits, the
    error of the first try is raised.
    """
    missing = [name for name in expression.parameters if name not in given]
    arrays = with_arrays(text)
    best: tuple[float, dict[str, Any]] = (math.inf, {})
    first: Exception | None = None
    entries = _entries(text)
    for surprise, shapes in itertools.islice(_choices(expression, missing, arrays, entries), MOST):
        if surprise >= best[0]:
            break
        samples = {name: sample(expression, name, shape) for name, shape in zip(missing, shapes, strict=True)}
        values = {name: given[name] if name in given else samples[name] for name in expression.parameters}
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(expression.function(**expression.arguments(values)))
        except (ExpressionError, ValueError, TypeError, IndexError, ArithmeticError, np.linalg.LinAlgError) as error:
            first = first or error
            continue
        if not missing:
            return values
        if result.dtype.kind in "biuf" and np.isfinite(result).all():
            surprise += ARRAY_RESULT * (result.ndim > 0)
            surprise += NO_ARRAY * (arrays and not entries and all(np.ndim(x) == 0 for x in values.values()))
            best = min(best, (surprise, values), key=lambda found: found[0])
    if best[1] or first is None:
        return best[1]
    raise first


def _choices(
    expression: ParsedExpression, missing: Sequence[str], arrays: bool, entries: Set[str]
) -> Iterator[tuple[int, tuple[tuple[int, ...], ...]]]:
    """The cost of each choice of shapes, and the shapes of the missing names; the cheapest first."""
    costs = [
        {0: NUMBERS} if name in expression.integers else _costs(name, arrays and name not in entries)
        for name in missing
    ]
    for total in range(sum(max(cost) for cost in costs) + 1):
        for chosen in _with_sum(costs, total):
            yield from ((total, shapes) for shapes in itertools.product(*chosen))


def _with_sum(
    costs: Sequence[Mapping[int, tuple[tuple[int, ...], ...]]], total: int
) -> Iterator[tuple[tuple[tuple[int, ...], ...], ...]]:
    """All ways to choose a group of shapes for each name, whose costs add up to a total."""
    if not costs:
        if total == 0:
            yield ()
        return
    for cost, shapes in costs[0].items():
        if cost <= total:
            yield from ((shapes, *rest) for rest in _with_sum(costs[1:], total - cost))


def _costs(name: str, arrays: bool) -> dict[int, tuple[tuple[int, ...], ...]]:
    """The shapes that a name may have, by cost: a number, a vector or a matrix."""
    if not arrays:
        return {0: NUMBERS, 4: VECTORS, 8: MATRICES}
    if name[0].isupper():
        return {0: MATRICES, 4: VECTORS, 6: NUMBERS}
    return {0: VECTORS, 2: NUMBERS, 6: MATRICES}


def sample(expression: ParsedExpression, name: str, shape: tuple[int, ...]) -> Any:
    """Positive numbers with one decimal: the same on each call, but different for each name."""
    if name in expression.integers:
        return 0
    if not shape:
        return float(expression.parameters.index(name) + 1)
    size = math.prod(shape)
    mixed = np.random.default_rng(zlib.crc32(name.encode())).permutation(np.arange(2, 2 + 3 * size))
    x = np.reshape(mixed[:size] / 10, shape)
    return x + 3 * np.eye(shape[0]) if len(set(shape)) < len(shape) else x  # so that it has an inverse


def with_arrays(text: str) -> bool:
    """Whether an expression computes with arrays: it has a matrix product, an index, or a function of whole arrays.

    >>> with_arrays("(2*x + 3*y)*z"), with_arrays("sum(x**2)"), with_arrays("exp(x)")
    (False, True, False)
    """
    for node in ast.walk(tree_of(text)):
        if isinstance(node, ast.Subscript | ast.List | ast.Attribute | ast.MatMult):
            return True
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and _is_entrywise(node.func.id)):
            return True
    return False


def _entries(text: str) -> frozenset[str]:
    """The names in the lists of array([a, cos(t)]): they are numbers more often than not."""
    calls = (node for node in ast.walk(tree_of(text)) if isinstance(node, ast.Call))
    given = [x for call in calls if getattr(call.func, "id", "") == "array" for x in call.args]
    inside = [node for x in given if isinstance(x, ast.List) for node in ast.walk(x)]
    return frozenset(node.id for node in inside if isinstance(node, ast.Name))


def _is_entrywise(name: str) -> bool:
    return (library := library_of(name)) is not None and is_elementwise(functions_of(library)[name].call)


def text_of(x: Any) -> str:
    """A value as one writes it: whole numbers without a point, all digits of the others.

    >>> import numpy as np
    >>> text_of(np.array([[1.0, 0.5], [-2.0, 1e-30]]))
    '[[1, 0.5], [-2, 1e-30]]'
    """
    if isinstance(x, np.ndarray):
        return f"[{', '.join(text_of(entry) for entry in x)}]" if x.ndim else text_of(x[()])
    text = repr(x.item() if isinstance(x, np.generic) else x)
    return text.removesuffix(".0")
