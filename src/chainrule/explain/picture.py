"""The picture of a computation graph: a box for each block; on each wire the value above and its gradient below.

Only the forward graph is drawn; the results of the backward pass stand below the wires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from chainrule.escape import dot as dot_line
from chainrule.explain import values
from chainrule.explain.placement import placed
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained, Step

__all__ = ["dot", "svg"]

CHARACTER, LINE = 7.3, 15.0
"""The width of a character and the height of a line, in pixels, of the typeface that `STYLE` sets."""
PAD, STUB, MARGIN = 9.0, 14.0, 20.0
LONGEST = 30
"""How many characters of a formula fit in a box."""
ROWS = 4
"""How many lines of a value fit above a wire."""

STYLE = """
  .chainrule text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1c2430; }
  .chainrule .box { fill: #ffffff; stroke: #8a94a6; } .chainrule .input { fill: #eef2f8; }
  .chainrule .loss { stroke: #1c2430; stroke-width: 2; }
  .chainrule .wire { fill: none; stroke: #8a94a6; stroke-width: 1.3; } .chainrule .head { fill: #8a94a6; }
  .chainrule .block { fill: #6b7485; font-size: 10px; }
  .chainrule .value { fill: #0a6b3d; } .chainrule .gradient { fill: #b3261e; }
  @media (prefers-color-scheme: dark) {
    .chainrule { background: #12161e; } .chainrule text { fill: #e6e9ef; }
    .chainrule .box { fill: #1b212c; stroke: #7d8798; } .chainrule .input { fill: #252d3b; }
    .chainrule .loss { stroke: #e6e9ef; } .chainrule .block { fill: #9aa3b2; }
    .chainrule .value { fill: #63d29b; } .chainrule .gradient { fill: #ff8a80; }
  }
"""


@dataclass(frozen=True)
class DrawnStep:
    """One step as it is drawn.

    Attributes
    ----------
    title, subtitle : what stands in the box.
    above, below : the lines on its wire: the value, and its gradient.
    """

    title: str
    subtitle: str
    above: list[str]
    below: list[str]

    @property
    def width(self) -> float:
        return max(len(self.title) * CHARACTER, len(self.subtitle) * CHARACTER * 0.85) + 2 * PAD

    @property
    def height(self) -> float:
        return LINE * (2 if self.subtitle else 1) + 2 * PAD

    @property
    def label_width(self) -> float:
        return max(len(line) for line in [*self.above, *self.below, ""]) * CHARACTER + 2 * STUB

    @property
    def full_height(self) -> float:
        return max(self.height, 2 * max(len(self.above), len(self.below)) * LINE + PAD)


def _boxes(explanation: Explained) -> list[DrawnStep]:
    gradients = {gradient.name.parts[1]: gradient.value for gradient in explanation.backward}
    return [_box(step, gradients.get(step.name)) for step in explanation.forward]


def _box(step: Step, gradient: Any) -> DrawnStep:
    name = unicode(step.name)
    title = name if step.formula is None else f"{name} = {_shortened(unicode(step.formula))}"
    shape = values.shape_text(step.value)
    subtitle = " · ".join(filter(None, [step.block if step.formula else "", shape]))
    return DrawnStep(title, subtitle, _lines(step.value), [] if gradient is None else _lines(gradient))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _lines(x: Any) -> list[str]:
    told = values.lines(x)
    if len(told) > ROWS:
        told = [*told[: ROWS - 1], "⋮"]
    return [line if len(line) <= 2 * LONGEST else line[: 2 * LONGEST - 1] + "…" for line in told]


def _edges(steps: Sequence[Step]) -> list[tuple[int, int]]:
    return [(source, target) for target, step in enumerate(steps) for source in dict.fromkeys(step.operands)]


# SVG -------------------------------------------------------------------------------------------------------------


def svg(explanation: Explained) -> str:
    """The graph as a standalone SVG file, for light and dark backgrounds."""
    boxes, edges = _boxes(explanation), _edges(explanation.forward)
    sizes = [(box.width + (box.label_width if box.above else 0.0), box.full_height) for box in boxes]
    centers, wires, low, high = placed(sizes, edges)
    left, top = low[0] - MARGIN, low[1] - MARGIN
    width, height = high[0] - left + MARGIN, high[1] - top + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chainrule" role="img" '
        f'viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}">',
        f"<title>Computation graph of {escape(explanation.title)}</title>",
        "<desc>Boxes are computation blocks. On each wire the value stands above and its gradient below.</desc>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="chainrule-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" class="head"/></marker></defs>',
    ]
    for (source, _), wire in zip(edges, wires, strict=True):
        # It starts in the middle, where the value's own wire ends, not at the port that the layout may have chosen.
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(wire[0][0], centers[source][1]), *wire])
        parts.append(f'<polyline class="wire" points="{points}" marker-end="url(#chainrule-head)"/>')
    for step, box, (x, y), (wide, _) in zip(explanation.forward, boxes, centers, sizes, strict=True):
        kind = "box input" if step.formula is None else "box loss" if step.name == explanation.loss else "box"
        left = round(x - wide / 2, 3) + 0.0  # no −0.0
        parts.append(_drawn(box, kind, left, y, left + wide))
    return "\n".join([*parts, "</svg>", ""])


def _drawn(box: DrawnStep, kind: str, left: float, middle: float, right: float) -> str:
    top = middle - box.height / 2
    center = left + box.width / 2
    out = [
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>',
        _text(box.title, center, top + PAD + LINE - 4, "middle", ""),
    ]
    if box.subtitle:
        out.append(_text(box.subtitle, center, top + PAD + 2 * LINE - 4, "middle", "block"))
    if box.above:
        start = left + box.width
        out.append(f'<path class="wire" d="M{start:.1f} {middle:.1f}H{right:.1f}"/>')
        for i, line in enumerate(reversed(box.above)):
            out.append(_text(line, start + STUB, middle - 5 - i * LINE, "start", "value"))
        for i, line in enumerate(box.below):
            out.append(_text(line, start + STUB, middle + LINE - 1 + i * LINE, "start", "gradient"))
    return "\n".join(out)


def _text(text: str, x: float, y: float, anchor: str, kind: str) -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" xml:space="preserve"{style}>{escape(text)}</text>'


# Graphviz --------------------------------------------------------------------------------------------------------


def dot(explanation: Explained) -> str:
    """The graph in Graphviz's language: values and gradients are labels of the edges."""
    boxes = _boxes(explanation)
    out = ["digraph chainrule {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="monospace"];']
    out.append('  edge [fontname="monospace"];')
    for i, box in enumerate(boxes):
        last = explanation.forward[i].name == explanation.loss
        told = [box.title, box.subtitle, *(["= " + " ".join(box.above)] if last else [])]
        out.append(f"  n{i} [label={_quoted(told)}];")
    for source, target in _edges(explanation.forward):
        box = boxes[source]
        label = _quoted([*box.above, *(f"∂ {line}" for line in box.below)])
        out.append(f"  n{source} -> n{target} [label={label}];")
    return "\n".join([*out, "}", ""])


def _quoted(lines: list[str]) -> str:
    text = "\\n".join(dot_line(line) for line in lines if line)
    return f'"{text}"'
