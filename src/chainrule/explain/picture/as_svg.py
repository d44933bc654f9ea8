"""Pictures as SVG, which browsers show, for light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from chainrule.explain.picture.drawing import CHARACTER, LINE, Drawing, DrawnLine, Rectangle, Words
from chainrule.explain.picture.frames import WHOLE, Frame
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Gradient, Step
from chainrule.explain.terminal import derivation

__all__ = ["captions", "svg_of"]

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
FOLDED = "  .chainrule .folded { stroke-width: 3; stroke-dasharray: 1 2; }\n"
OF_FRAMES = "  .chainrule .later { opacity: 0.25; } .chainrule .now { stroke: #2563eb; stroke-width: 2.5; }\n"
LONGEST = 110
"""The largest number of characters on a line of a caption."""


def svg_of(
    drawing: Drawing, title: str, width: float | None = None, frame: Frame = WHOLE, room: Sequence[str] = ()
) -> str:
    """A standalone SVG file.

    `width` is the width of the picture in pixels, `frame` the part that is visible. `room` has the captions of all
    frames, so that all frames get the same size.
    """
    (left, top), (right, bottom) = drawing.low, drawing.high
    right = max(right, left + max(map(len, room), default=0) * CHARACTER + 2 * LINE)
    bottom += (2 * LINE + LINE / 2) * bool(room)
    wide, high = right - left, bottom - top
    scale = 1 if width is None else min(1, width / wide)
    kinds = {rectangle.kind for rectangle in drawing.rectangles}
    extra = FOLDED * ("folded" in kinds) + OF_FRAMES * (frame is not WHOLE)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chainrule" role="img" '
        f'viewBox="{left:.0f} {top:.0f} {wide:.0f} {high:.0f}"'
        f' width="{wide * scale:.0f}" height="{high * scale:.0f}">',
        f"<title>Computation graph of {escape(title)}</title>",
        "<desc>Boxes are computation blocks. On each wire the value stands above and its gradient below.</desc>",
        f"<style>{STYLE}{extra}</style>",
        '<defs><marker id="chainrule-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z" class="head"/></marker></defs>',
        *(_line(line, frame) for line in drawing.lines),
        *(_rectangle(rectangle, frame) for rectangle in drawing.rectangles),
        *(_words(words, frame) for words in drawing.words if _is_seen(words, frame)),
    ]
    for k, text in enumerate(captions(frame)):
        x, y = left + LINE, bottom - LINE / 2 - (1 - k) * LINE
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" xml:space="preserve">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def captions(frame: Frame) -> list[str]:
    """The caption of a frame: what the step computes, in at most two lines."""
    match frame.told:
        case Step() as step:
            formula = "" if step.formula is None else f" = {unicode(step.formula)}"
            told = [f"{unicode(step.name)}{formula}"]
        case Gradient() as gradient:
            name = unicode(gradient.name)
            sides, _ = derivation(gradient)
            told = [f"{name} = {sides[0]}", *(f"{' ' * len(name)} = {side}" for side in sides[1:2])]
        case text:
            told = [text] if text else []
    return [line if len(line) <= LONGEST else line[: LONGEST - 1] + "…" for line in told]


def _is_seen(words: Words, frame: Frame) -> bool:
    known = {"value": frame.values, "gradient": frame.gradients}.get(words.kind)
    return known is None or words.item in known


def _later(item: int, frame: Frame) -> bool:
    return frame.values is not None and item not in frame.values


def _line(line: DrawnLine, frame: Frame) -> str:
    kind = "wire later" if any(_later(item, frame) for item in line.items) else "wire"
    if line.head:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
        return f'<polyline class="{kind}" points="{points}" marker-end="url(#chainrule-head)"/>'
    (x, y), (to_x, to_y) = line.points
    return f'<path class="{kind}" d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>'


def _rectangle(r: Rectangle, frame: Frame) -> str:
    kind = "box" if r.kind == "step" else f"box {r.kind}"
    kind += " later" if _later(r.item, frame) else " now" if r.item == frame.now else ""
    return (
        f'<rect class="{kind}" x="{r.left:.1f}" y="{r.top:.1f}" width="{r.width:.1f}" height="{r.height:.1f}" rx="6"/>'
    )


def _words(words: Words, frame: Frame) -> str:
    kind = words.kind if words.kind != "title" else ""
    kind = f"{kind} later".strip() if _later(words.item, frame) else kind
    style = f' class="{kind}"' if kind else ""
    place = f'x="{words.x:.1f}" y="{words.y:.1f}" text-anchor="{words.anchor}"'
    return f'<text {place} xml:space="preserve"{style}>{escape(words.text)}</text>'
