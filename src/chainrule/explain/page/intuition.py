"""One sentence on what a block does with the gradient, read off its rule and its local gradient.

No sentence is written for a block: addition hands on because its rule is ∂L/∂z itself, `max` routes because its local
gradient picks an entry. So a user's block is described as well as the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chainrule.explain.effects import Effect, capital, sentence
from chainrule.explain.page.insides import Row
from chainrule.explain.page.local_gradients import LocalGradient
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Factor
from chainrule.formula import Formula

__all__ = ["BY_NUMBERS", "Phrase", "intuition", "phrase", "with_slots"]

BY_NUMBERS = ("slope", "gate", "route", "stop", "mix")
"""The kinds that depend on the numbers of the local gradient; for other numbers another sentence may be true."""
SLOTS = 0xE000
"""Characters from here on (private use, in no name) stand for details that the page fills in."""


class Phrase(NamedTuple):
    """The effect of a block on the gradient for one operand.

    Attributes
    ----------
    kind : same, moved, negated, scaled, swap, slope, gate, route, spread, told, product, mix, stop.
    detail : a number or a name that the sentence mentions, or the sentence itself.
    """

    kind: str
    detail: str = ""


def with_slots(phrases: Sequence[Phrase]) -> list[Phrase]:
    """The phrases, with a slot for each detail that depends on numbers."""
    return [
        p._replace(detail=chr(SLOTS + i) if p.detail else "") if p.kind in BY_NUMBERS else p
        for i, p in enumerate(phrases)
    ]


def phrase(row: Row, operand: Row, factor: Factor, local: LocalGradient | None) -> Phrase:
    """The effect of one block on the gradient for one operand."""
    effect = factor.effect
    if effect is None:
        return _from_matrix(row, local)
    return _simple(row, factor, effect) or _from_pattern(row, operand, local) or _of_effect(factor, effect)


def _simple(row: Row, factor: Factor, effect: Effect) -> Phrase | None:
    """The effect of a rule of at most one action, and of one action on copies."""
    acts = [a for a in effect.actions if a.kind != "copied"]
    scalar = not effect.of_shape
    if not acts and not effect.actions:
        return Phrase("same")
    if len(acts) < len(effect.actions) and not scalar:
        return None
    if not acts:
        return Phrase("spread")
    if len(acts) > 1:
        return None
    (act,) = acts
    if act.kind == "negated" and len(effect.actions) == 1:
        return Phrase("negated")
    if act.by is None or act.kind not in ("times", "over", "left", "right"):
        return None
    by = unicode(act.by)
    inner = act.by.parts[0] if act.by.kind == "neg" else act.by
    if inner.kind == "number" and not inner.text.startswith("["):
        told = by if act.kind == "times" else f"1/{by}"
        return Phrase("spread" if len(effect.actions) > 1 else "scaled", told)
    is_operand = any(part.text == _plain(act.by).text for part in map(_plain, factor.local.parts[0].parts))
    if act.kind != "over" and _plain(act.by).kind == "name" and is_operand and by != unicode(row.name):
        return Phrase("swap", by)
    return None


def _from_pattern(row: Row, operand: Row, local: LocalGradient | None) -> Phrase | None:
    """The effect that the numbers of the local gradient show: a slope, open gates, the chosen entries."""
    if local is None or local.matrix is None or not local.whole or local.matrix.dtype.kind not in "fiub":
        return None
    J, structure, n = local.matrix, local.structure, np.size(operand.node.value)
    if structure == "zero":
        return Phrase("stop")
    if J.size == 1:
        return Phrase("slope", f"{J.flat[0]:.4g}")
    if structure == "diagonal of zeros and ones":
        return Phrase("gate", f"{int(J.sum())} of {n}")
    if structure == "permutation":
        return Phrase("moved")
    if structure in ("picks one entry", "each result is one of the entries"):
        return Phrase("route", f"{np.count_nonzero(J.any(axis=1))} of {n}")
    return None


def _of_effect(factor: Factor, effect: Effect) -> Phrase:
    return Phrase("told", sentence(effect, "the gradient", unicode(factor.local.parts[0])))


def _from_matrix(row: Row, local: LocalGradient | None) -> Phrase:
    """The effect of any other rule: whether every result depends on every entry."""
    if local is None or local.matrix is None or not local.whole or local.matrix.dtype.kind not in "fiub":
        return Phrase("")
    if local.structure == "zero":
        return Phrase("stop")
    if local.matrix.size == 1:
        return Phrase("slope", f"{local.matrix.flat[0]:.4g}")
    every = np.all(local.matrix != 0) and min(local.matrix.shape) > 1
    return Phrase("mix") if every else Phrase("product")


def _plain(f: Formula) -> Formula:
    return f.parts[0] if f.kind == "transpose" else f


def intuition(row: Row, operands: Sequence[Row], phrases: Sequence[Phrase]) -> str:
    """The sentence; "" if there is no simple one."""
    if not phrases or any(p.kind == "" for p in phrases):
        return ""
    names = [unicode(operand.name) for operand in operands]
    kinds = {p.kind for p in phrases}
    if len(names) > 1 and kinds == {"same"}:
        return f"Hands the gradient on to {_all(names)}, unchanged: each gets all of it."
    if len(names) > 1 and kinds == {"swap"}:
        if len(set(names)) == 1 and len({p.detail for p in phrases}) == 1:
            return (
                f"{names[0]} goes in twice, so it gets the gradient twice, each time multiplied by {phrases[0].detail}."
            )
        swaps = [f"the gradient to {n} is multiplied by {p.detail}" for n, p in zip(names, phrases, strict=True)]
        return f"Swaps its operands: {_and(swaps)}."
    told: dict[str, list[str]] = {}
    for name, p in zip(names, phrases, strict=True):
        told.setdefault(_alone(p), []).append(name)
    if len(told) == 1:
        return capital(next(iter(told))) + ("." if len(names) == 1 else f", to each of its {len(names)} operands.")
    return capital("; ".join(f"to {_all(to)}: {what}" for what, to in told.items())) + "."


MOST_NAMES = 4
"""If more operands than this get the same gradient, only the first ones and the last are named."""


def _all(names: Sequence[str]) -> str:
    return _and(names) if len(names) <= MOST_NAMES else f"{', '.join(names[: MOST_NAMES - 2])}, … and {names[-1]}"


def _alone(p: Phrase) -> str:
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
            return f"multiplies the gradient by its slope, here {p.detail}"
        case "gate":
            return f"a gate: lets the gradient through where it is open ({p.detail} entries), stops it elsewhere"
        case "route":
            return f"routes the gradient to what was chosen ({p.detail} entries); the rest gets zero"
        case "spread":
            return "gives every entry the same gradient" + (f", times {p.detail}" if p.detail else "")
        case "told":
            return p.detail
        case "product":
            return "multiplies the gradient by the local gradient, a matrix"
        case "stop":
            return "lets no gradient through here"
    return "every result depends on every entry, so the gradient is mixed by the whole local gradient"


def _and(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
