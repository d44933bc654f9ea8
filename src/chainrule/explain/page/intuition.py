"""One sentence on what a block does with the gradient, read off its rule and its local gradient.

No sentence is written for a block: addition hands on because its rule is ∂L/∂z itself, `max` routes because its local
gradient picks an entry. So a user's block is described as well as the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.block import Elementwise
from chainrule.explain.page.insides import Row
from chainrule.explain.page.local_gradients import LocalGradient
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Factor
from chainrule.formula import Formula

__all__ = ["Phrase", "intuition", "phrase"]


class Phrase(NamedTuple):
    """The effect of a block on the gradient for one operand.

    Attributes
    ----------
    kind : same, negated, scaled, swap, slope, slopes, gate, route, spread, sum, mix, stop.
    detail : a number or a name that the sentence mentions.
    """

    kind: str
    detail: str = ""


def phrase(row: Row, operand: Row, factor: Factor, local: LocalGradient | None) -> Phrase:
    """The effect of one block on the gradient for one operand."""
    rule, upstream = _stripped(factor.rule), _stripped(factor.upstream)
    gathered = rule.kind == "sum"
    inner = _stripped(rule.parts[0]) if gathered else rule
    if inner == upstream:
        wide = np.size(operand.node.value) > np.size(row.node.value)
        return Phrase("sum" if gathered else "spread" if wide else "same")
    if inner.kind == "neg" and _stripped(inner.parts[0]) == upstream:
        return Phrase("negated")
    named = [f.text for f in map(_plain, factor.local.parts[0].parts) if f.kind == "name"]
    if operand.name.text in named:
        named.remove(operand.name.text)
    others = set(named)
    if inner.kind == "mul" and _stripped(inner.parts[1]) == upstream:
        by = _stripped(inner.parts[0])
        if by.kind == "number" or (by.kind == "neg" and by.parts[0].kind == "number"):
            return Phrase("scaled", unicode(by))
        if by.kind == "name" and by.text in others and not gathered:
            return Phrase("swap", by.text)
    if inner.kind == "matmul" and any(_plain(part).text in others for part in inner.parts):
        found = next(part for part in inner.parts if _plain(part).text in others)
        return Phrase("swap", unicode(found))
    return _from_matrix(row, operand, local)


def _from_matrix(row: Row, operand: Row, local: LocalGradient | None) -> Phrase:
    if local is None or local.matrix is None:
        return Phrase("")
    J, structure = local.matrix, local.structure
    if J.dtype.kind not in "fiub":
        return Phrase("")
    if not local.whole:
        return Phrase("slope") if local.diagonal else Phrase("")
    if structure == "zero":
        return Phrase("stop")
    if J.size == 1:
        return Phrase("slope", f"{J.flat[0]:.4g}")
    n = np.size(operand.node.value)
    if isinstance(row.node.block, Elementwise) and "identity" in structure:  # all slopes are the same here, by chance
        return Phrase("slope", "1" if structure == "identity" else structure.split(" ")[0])
    if structure == "identity":
        return Phrase("same")
    if structure == "diagonal of zeros and ones":
        return Phrase("gate", f"{int(J.sum())} of {n}")
    if structure == "permutation":
        return Phrase("moved")
    if structure in ("picks one entry", "each result is one of the entries"):
        return Phrase("route", f"{np.count_nonzero(J.any(axis=1))} of {n}")
    if structure.endswith("× identity"):
        return Phrase("scaled", structure.split(" ")[0])
    if structure == "copies":
        return Phrase("sum")
    if structure == "diagonal":
        d = np.diag(J)
        return Phrase("slope", f"{d.min():.4g} … {d.max():.4g}")
    if structure.endswith("everywhere") and n == 1:
        return Phrase("sum" if structure.startswith("1 ") else "negated" if structure.startswith("-1 ") else "")
    if structure.endswith("everywhere"):
        return Phrase("spread", "" if structure.startswith("1 ") else structure.split(" ")[0])
    if np.size(row.node.value) == 1:
        return Phrase("slopes")
    return Phrase("mix" if not structure.endswith("zeros") else "")


def _stripped(f: Formula) -> Formula:
    """A formula without its shape, so that it can be compared."""
    return Formula(f.kind, tuple(_stripped(part) for part in f.parts), f.text)


def _plain(f: Formula) -> Formula:
    return f.parts[0] if f.kind == "transpose" else f


def intuition(row: Row, operands: Sequence[Row], phrases: Sequence[Phrase]) -> str:
    """The sentence; "" if there is no simple one."""
    if not phrases or any(p.kind == "" for p in phrases):
        return ""
    names = [unicode(operand.name) for operand in operands]
    kinds = {p.kind for p in phrases}
    if len(names) > 1 and kinds == {"same"}:
        return f"Hands the gradient on to {_and(names)}, unchanged: each gets all of it."
    if len(names) > 1 and kinds == {"swap"}:
        if len(set(names)) == 1 and len({p.detail for p in phrases}) == 1:
            return (
                f"{names[0]} goes in twice, so it gets the gradient twice, each time multiplied by {phrases[0].detail}."
            )
        swaps = [f"the gradient to {n} is multiplied by {p.detail}" for n, p in zip(names, phrases, strict=True)]
        return f"Swaps its operands: {_and(swaps)}."
    if len(names) == 1:
        return _capital(_alone(names[0], phrases[0])) + "."
    return _capital("; ".join(f"to {n}: {_alone(n, p)}" for n, p in zip(names, phrases, strict=True))) + "."


def _alone(name: str, p: Phrase) -> str:
    match p.kind:
        case "same":
            return "hands the gradient on, unchanged"
        case "moved":
            return "hands the gradient on, each entry back to where it came from"
        case "negated":
            return "hands the gradient on with its sign turned"
        case "scaled":
            return f"multiplies the gradient by {p.detail}"
        case "swap":
            return f"multiplies the gradient by the other operand, {p.detail}"
        case "slope":
            return "multiplies the gradient by its slope" + (f", here {p.detail}" if p.detail else ", entry by entry")
        case "slopes":
            return "multiplies the gradient by the slope along each entry"
        case "gate":
            return f"a gate: lets the gradient through where it is open ({p.detail} entries), stops it elsewhere"
        case "route":
            return f"routes the gradient to what was chosen ({p.detail} entries); the rest gets zero"
        case "spread":
            return "gives every entry the same gradient" + (f", times {p.detail}" if p.detail else "")
        case "sum":
            return f"adds up what comes back from every use of {name}"
        case "stop":
            return "lets no gradient through here"
    return "every result depends on every entry, so the gradient is mixed by the whole local gradient"


def _and(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
