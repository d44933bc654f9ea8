"""Pictures in Graphviz's language."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.escape import dot as dot_line
from chainrule.explain.picture.drawing import title_of
from chainrule.explain.picture.items import Items

__all__ = ["dot_of"]

RANKS = {"right": "LR", "down": "TB"}
PIXELS = 96
"""The pixels of an inch."""


def dot_of(items: Items, direction: str, width: float | None) -> str:
    """The graph in Graphviz's language: values and gradients are labels of the edges."""
    out = ["digraph chainrule {", f"  rankdir={RANKS[direction]};"]
    if width is not None:
        out.append(f'  size="{width / PIXELS:.2f},1000";')
    out += ['  node [shape=box, style=rounded, fontname="monospace"];', '  edge [fontname="monospace"];']
    for i, item in enumerate(items.items):
        value = ["= " + " ".join(item.above)] if item.kind == "loss" else []
        out.append(f"  n{i} [label={_quoted([title_of(item), item.subtitle, *value])}];")
    for source, target in items.wires:
        item = items.items[source]
        label = _quoted([*item.above, *(f"∂ {line}" for line in item.below)])
        out.append(f"  n{source} -> n{target} [label={label}];")
    return "\n".join([*out, "}", ""])


def _quoted(lines: Sequence[str]) -> str:
    text = "\\n".join(dot_line(line) for line in lines if line)
    return f'"{text}"'
