"""Formulas as one line of text."""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.explain.printers.walk import Notation, is_integer, times_sign, written, written_term
from chainrule.formula import Formula

__all__ = ["unicode", "unicode_terms"]

SUPERSCRIPTS = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")


def unicode(f: Formula) -> str:
    """The formula as one line of text.

    >>> from chainrule.formula import name
    >>> W, p = name("W", (3, 2)), name("p", (3,))
    >>> unicode(W.T @ (p - 1))
    'Wᵀ (p − 1)'
    """
    return written(f, UNICODE)


def unicode_terms(terms: Iterable[Formula]) -> list[str]:
    """The terms of a sum."""
    return [written_term(f, UNICODE) for f in terms]


def _product(f: Formula, x: str, y: str) -> str:
    sign = times_sign(f)
    return f"{x}·{y}" if sign == "·" else f"{x} {sign} {y}"


def _power(f: Formula, x: str, n: str) -> str:
    if f.text:  # a power entry by entry
        return f"{x}^∘{n}"
    return x + n.translate(SUPERSCRIPTS) if is_integer(f.parts[1]) else f"{x}^{n}"


def _function(head: Formula) -> str:
    return f"{_function(head.parts[0])}[{head.text}]" if head.kind == "index" else head.text


UNICODE = Notation(
    {
        "name": lambda f: f.text,
        "number": lambda f: f.text,
        "partial": lambda f, x, y: f"∂{x}/∂{y}",
        "local": lambda f, z, x: f"∂[{z}]/∂{x}" + (f"⁽{f.text.translate(SUPERSCRIPTS)}⁾" if f.text else ""),
        "unit": lambda f: f"e{f.text.translate(SUBSCRIPTS)}",
        "add": lambda f, x, y: f"{x} + {y}",
        "sub": lambda f, x, y: f"{x} − {y}",
        "neg": lambda f, x: f"−{x}",
        "mul": _product,
        "div": lambda f, x, y: f"{x}/{y}",
        "pow": _power,
        "matmul": lambda f, x, y: f"{x} {y}",
        "kron": lambda f, x, y: f"{x} ⊗ {y}",
        "transpose": lambda f, x: f"{x}ᵀ",
        "inverse transpose": lambda f, x: f"{x}⁻ᵀ",
        "call": lambda f, *xs: f"{_function(f.parts[0])}({', '.join(xs)})",
        "index": lambda f, x: f"{x}[{f.text}]",
        "sum": lambda f, x: f"Σ[{f.text}] {x}" if f.text else f"Σ {x}",
        "sqrt": lambda f, x: f"√{x}",
        "abs": lambda f, x: f"|{x}|",
        "norm": lambda f, x: f"‖{x}‖",
        "relation": lambda f, x, y: f"{x} {f.text} {y}",
        "indicator": lambda f, x: f"[{x}]",
        "vector": lambda f, *xs: f"[{', '.join(xs)}]",
        "cases": lambda f, condition, x, y: f"{x} where {condition} else {y}",
    },
    parentheses=("(", ")"),
    is_a_line=True,
)
