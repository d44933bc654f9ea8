"""What an explanation consists of: the rows of the forward and of the backward pass, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from chainrule.explain import values
from chainrule.explain.effects import Effect
from chainrule.explain.printers import (
    BREAK,
    breakable,
    breakable_terms,
    broken,
    latex,
    latex_number,
    latex_rows,
    unicode,
    width,
)
from chainrule.explain.simple_matrices import simple_matrix
from chainrule.explain.style import Style
from chainrule.formula import Formula, partial
from chainrule.node import Line, Node
from chainrule.watching.scopes import Scope

__all__ = [
    "ClosedForm",
    "Explained",
    "ExplainedCall",
    "Factor",
    "Gradient",
    "Jacobian",
    "Quantity",
    "Step",
    "equation",
    "latex_equations",
    "latex_step",
    "latex_value",
    "places_of",
    "where",
]


@dataclass(frozen=True)
class Factor:
    """The share of ∂L/∂x that comes through one block that uses x.

    Attributes
    ----------
    local : the block's local gradient, written ∂[block]/∂x.
    upstream : ∂L/∂z of the block's result z.
    rule : the block's backward rule as a formula over ∂L/∂z and names.
    numbers : the rule with numbers in place of names; None if that is not readable.
    value : this contribution to ∂L/∂x.
    block : the block's name.
    matrix : the local gradient, a row for each entry of x and a column for each of z; None if it is large.
    line : the line of user code where the block was used.
    step : the place of the block's row in the forward pass.
    operand : which of the block's operands it is.
    effect : what the rule does with ∂L/∂z, if one sentence can say it; else None.
    """

    local: Formula
    upstream: Formula
    rule: Formula
    numbers: Formula | None
    value: Any
    block: str
    matrix: np.ndarray | None
    line: Line | None
    step: int = 0
    operand: int = 0
    effect: Effect | None = None


@dataclass(frozen=True)
class Step:
    """One row of the forward pass.

    Attributes
    ----------
    name : of the value.
    formula : the block as a formula over its operands' names; None for an input.
    block : the block's name, or "input".
    value : its value.
    line : the line of user code.
    operands : the rows of its operands, as places in the forward pass.
    scope : the place of its innermost scope in `Explanation.scopes`; None for the explained function.
    """

    name: Formula
    formula: Formula | None
    block: str
    value: Any
    line: Line | None
    operands: tuple[int, ...] = ()
    scope: int | None = None

    def latex(self) -> str:
        """The step as an equation in LaTeX: name = formula = value."""
        return latex_step(self)


@dataclass(frozen=True)
class Gradient:
    """One row of the backward pass: ∂L/∂x, as the sum over the blocks that use x. The loss itself has none.

    Attributes
    ----------
    name : ∂L/∂x.
    factors : the shares of the blocks that use x.
    value : its value.
    given : whether the user gave it, as ∂L/∂y of a result y that is an array.
    """

    name: Formula
    factors: tuple[Factor, ...]
    value: Any
    given: bool = False

    def latex(self) -> str:
        """The chain rule for this gradient in LaTeX, `aligned`: with names, with numbers, and the result."""
        return next(latex_equations(self))


@dataclass(frozen=True)
class ClosedForm:
    """∂L/∂x as one formula over the names of the forward pass."""

    name: Formula
    formula: Formula

    def __str__(self) -> str:
        """The closed form as an equation in Unicode, as `text` prints it."""
        return f"{unicode(self.name)} = {unicode(self.formula)}"

    def latex(self) -> str:
        """The closed form as an equation in LaTeX."""
        return f"{latex(self.name)} = {latex(self.formula)}"

    def _repr_latex_(self) -> str:
        """What a notebook shows."""
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True)
class Jacobian:
    """∂y/∂x of a result y that is an array.

    Attributes
    ----------
    name : ∂y/∂x.
    formula : the matrix as one formula over the names of the forward pass; None if there is no short one.
    value : a row for each entry of x and a column for each entry of y; None if it is large.
    """

    name: Formula
    formula: Formula | None
    value: np.ndarray | None

    def _repr_latex_(self) -> str:
        """What a notebook shows."""
        return f"$\\displaystyle {self.latex()}$"

    def latex(self) -> str:
        """The Jacobian as an equation in LaTeX."""
        parts = [] if self.formula is None else [latex(self.formula)]
        parts += [] if self.value is None else [latex_rows(values.inline(self.value))]
        return " = ".join([latex(self.name), *parts])


class Quantity(NamedTuple):
    """What an explanation says about one value.

    Attributes
    ----------
    step : its row of the forward pass.
    gradient : its row of the backward pass; None if the loss does not depend on it.
    closed_form : the gradient as one formula, if there is a short one.
    """

    step: Step
    gradient: Gradient | None
    closed_form: ClosedForm | None


class ExplainedCall(NamedTuple):
    """A function and what it was called with."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, repr=False)
class Explained:
    """The forward and the backward pass of a function at given inputs; `Explanation` shows them.

    Attributes
    ----------
    title : the name of the function.
    loss : the name of its result.
    forward, backward, closed_forms : the rows and formulas to show.
    scopes : the calls of functions and modules to which the steps belong.
    nodes : the recorded nodes, one for each row of the forward pass.
    plain : the user's plain arrays by name.
    call : the call that was explained.
    result : the name of the result if it is an array y; the loss is then Σ ∂L/∂y ⊙ y, with a given ∂L/∂y.
    jacobians : ∂y/∂x for each input.
    """

    title: str
    loss: Formula
    forward: tuple[Step, ...]
    backward: tuple[Gradient, ...]
    closed_forms: tuple[ClosedForm, ...]
    scopes: tuple[Scope, ...] = ()
    nodes: tuple[Node, ...] = field(default=(), compare=False)
    plain: Mapping[str, Any] = field(default_factory=dict, compare=False)
    call: ExplainedCall | None = field(default=None, compare=False)
    result: Formula | None = None
    jacobians: tuple[Jacobian, ...] = ()

    def __getitem__(self, name: str) -> Quantity:
        """The rows of a value, by its name.

        >>> import chainrule as cr
        >>> def loss(x, y):
        ...     a = x * y
        ...     return a**2
        >>> cr.explain(loss)(2.0, 3.0)["a"].gradient.value
        np.float64(12.0)
        """
        step = next((step for step in self.forward if step.name.text == name), None)
        if step is None:
            known = ", ".join(step.name.text for step in self.forward[:20])
            raise KeyError(f"{self.title} has no value {name!r}; it has {known}")
        by = partial(self.loss, step.name)
        gradient = next((g for g in self.backward if g.name == by), None)
        return Quantity(step, gradient, next((c for c in self.closed_forms if c.name == by), None))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The rows of the user's own forward pass: `forward` without a loss that was added."""
        if self.result is None:
            return self.forward
        added = (self.loss, partial(self.loss, self.result))
        return tuple(step for step in self.forward if step.name not in added)

    @property
    def gradients(self) -> tuple[Gradient, ...]:
        """The rows of the backward pass; it begins with the loss, or with the given gradient of an array."""
        if self.result is None:
            return self.backward
        given = partial(self.loss, self.result)
        rows = (g for g in self.backward if g.name != partial(self.loss, self.loss))
        return tuple(replace(g, factors=(), given=True) if g.name == given else g for g in rows)


def where(line: Line | None) -> str:
    """File name and line number of user code; empty for an expression, which has no file."""
    return "" if line is None or line.file.startswith("<expression") else line.short


def places_of(gradient: Gradient) -> list[str]:
    """The blocks through which a gradient comes, each with its line."""
    return list(dict.fromkeys(f"{f.block}  {where(f.line)}".rstrip() for f in gradient.factors))


# In LaTeX ----------------------------------------------------------------------------------------------------

ROOM = 56.0
"""The largest width of a formula beside its name, in digits, so that a line fits on a page of an article."""
TALLEST = 4
"""A vector of more equal entries than this is described in words."""
MOST_TERMS = 4
"""A sum of more terms shows only the first ones and the last."""


def latex_value(x: Any, digits: int = values.DIGITS) -> str:
    """A value in LaTeX: a number, a matrix, or a summary in words if it is large."""
    x = np.asarray(x)
    if x.ndim and (not values.is_small(x) or _is_tall(x)):
        return values.shape_text(x).replace("×", r" \times ") + r"\text{: }" + _summary(x, digits)
    text = values.inline(x, digits)
    if text.startswith("["):
        return latex_rows(text)
    return f"{'-' * text.startswith('-')}{latex_number(text.removeprefix('-'))}"


def _is_tall(x: np.ndarray) -> bool:
    """Whether it is a vector of one number many times."""
    return x.ndim == 1 and x.size > TALLEST and bool((x == x[0]).all())


def _summary(x: np.ndarray, digits: int) -> str:
    """The range and the mean of a large array: numbers as numbers, words as words."""
    pieces = re.split(r"(?<![\w.])(-?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf)(?!\w))", ", ".join(values.summary(x, digits)))
    words = (piece.replace("…", "to").replace("%", r"\%") for piece in pieces[::2])
    told = [rf"\text{{{word}}}" if word else "" for word in words]
    numbers = [f"{'{-}' * n.startswith('-')}{latex_number(n.removeprefix('-'))}" for n in pieces[1::2]]
    return "".join(word + n for word, n in zip(told, [*numbers, ""], strict=True))


def latex_step(step: Step, style: Style = Style(), lines: bool = False) -> str:
    """One step as an equation: name = formula = value; with a & before each = if it may have several lines."""
    told = [breakable(step.formula)] if step.formula is not None and style.symbols else []
    told += [latex_value(step.value, style.digits)] if style.numbers else []
    return equation(latex(step.name), told, lines)


def equation(name: str, told: list[str], lines: bool) -> str:
    """name = first = second, on one line or on as many as are needed, with a & where they are aligned."""
    if not lines:
        return " = ".join([name, *told]).replace(BREAK, "")
    if not told:
        return f"{name} &"
    room = ROOM - width(name)
    if sum(map(width, told)) + 3 * len(told) <= room:
        return f"{name} &= {' = '.join(told)}".replace(BREAK, "")
    return f"{name} {_rows(told, room)}"


def _rows(told: list[str], room: float) -> str:
    """The sides of an equation one below the other; a side that is too wide for a line is continued on the next."""
    rows = []
    for side in told:
        first, *more = broken(side, room)
        rows += [f"&= {first}", *(rf"&\quad {line}" for line in more)]
    return " \\\\\n".join(rows)


def _aligned(left: str, right: list[str]) -> str:
    return f"\\begin{{aligned}}\n{left} {_rows(right, ROOM - width(left))}\n\\end{{aligned}}"


def latex_equations(gradient: Gradient, style: Style = Style()) -> Iterator[str]:
    """The equations of one gradient: the chain, and the local gradients where they are matrices."""
    factors = gradient.factors
    chain = []
    if factors and style.symbols:
        if style.local_gradients:
            chain.append(_total([rf"{breakable(f.local)} \, {breakable(f.upstream)}" for f in factors]))
        chain.append(_total(_terms([f.rule for f in factors])))
    if factors and style.numbers and all(f.numbers is not None for f in factors):
        chain.append(_total(_terms([f.numbers for f in factors if f.numbers is not None])))
    value = latex_value(gradient.value, style.digits)
    if (style.numbers or not factors) and (not chain or chain[-1] != value):
        chain.append(value)
    yield _aligned(latex(gradient.name), chain)
    if style.local_gradients and style.numbers:
        yield from _matrices(gradient, style)


def _terms(formulas: list[Formula]) -> list[str]:
    return [breakable(formulas[0])] if len(formulas) == 1 else breakable_terms(formulas)


def _total(terms: list[str]) -> str:
    """A sum, shortened if it has many terms: a weight that is used in each round of a loop."""
    if len(terms) > MOST_TERMS + 1:
        left_out = rf"\underset{{\text{{{len(terms) - MOST_TERMS} more terms}}}}{{\cdots}}"
        terms = [*terms[: MOST_TERMS - 1], left_out, terms[-1]]
    return terms[0] + "".join(
        f" {BREAK}- {term.removeprefix('-')}" if term.startswith("-") else f" {BREAK}+ {term}" for term in terms[1:]
    )


def _matrices(gradient: Gradient, style: Style) -> Iterator[str]:
    factors = gradient.factors if len(gradient.factors) <= MOST_TERMS else gradient.factors[:1]
    for factor in factors:
        if factor.matrix is None:
            continue
        simple, small = simple_matrix(factor.matrix, style.digits), values.is_small(factor.matrix)
        if simple is not None and (small or simple.kind != "call"):  # I and 𝟏 are short at any size
            yield _aligned(latex(factor.local), [latex(simple)])
        elif small:
            yield _aligned(latex(factor.local), [latex_rows(values.inline(factor.matrix, style.digits))])
