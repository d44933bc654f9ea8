"""Pictures in TikZ, for documents in LaTeX."""

from __future__ import annotations

from chainrule.escape import latex_text
from chainrule.explain.picture.drawing import Drawing, DrawnLine, Rectangle, Words
from chainrule.explain.picture.frames import WHOLE, Frame
from chainrule.explain.picture.items import LONGEST, Item
from chainrule.explain.printers import latex, unicode, width
from chainrule.explain.steps import Gradient, Step, latex_equations, latex_step
from chainrule.explain.style import Style

__all__ = ["TEXT_WIDTH", "tikz_of"]

POINTS = 0.75
"""The points of a pixel."""
DIGIT = 5.5
"""A little more than the width of a digit, in points."""
TEXT_WIDTH, TEXT_HEIGHT = 460.0, 700.0
"""The size of the text of an article, in pixels. A picture is not larger unless a width is given."""
COLORS = {"chainvalue": "0A6B3D", "chaingradient": "B3261E", "chainwire": "8A94A6", "chaininput": "EEF2F8"}
COLORS |= {"chainblock": "6B7485", "chainnow": "2563EB"}
ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
FONTS = {
    "title": r"\small",
    "block": r"\ttfamily\tiny\color{chainblock}",
    "value": r"\ttfamily\scriptsize\color{chainvalue}",
    "gradient": r"\ttfamily\scriptsize\color{chaingradient}",
}
BOXES = {
    "input": "draw=chainwire, fill=chaininput",
    "step": "draw=chainwire, fill=white",
    "loss": "draw=black, thick, fill=white",
    "folded": "draw=chainwire, very thick, densely dotted, fill=white",
}
SYMBOLS_ONLY = Style(numbers=False)


def tikz_of(drawing: Drawing, title: str, wide: float | None = None, frame: Frame = WHOLE) -> str:
    r"""A `tikzpicture`, for documents that load tikz and amsmath; `wide` is its width in pixels.

    It is scaled as a whole, letters too.
    """
    scale = min(1.0, (wide or TEXT_WIDTH) / drawing.width, TEXT_HEIGHT / drawing.height if wide is None else 1.0)
    parts = [
        rf"% The computation graph of {latex_text(title)}. It needs \usepackage{{tikz}} and \usepackage{{amsmath}}.",
        *(rf"\definecolor{{{name}}}{{HTML}}{{{color}}}%" for name, color in COLORS.items()),
        rf"\begin{{tikzpicture}}[x={POINTS}pt, y=-{POINTS}pt, scale={scale:.4f}, transform shape, inner sep=0pt]",
        rf"\path ({drawing.low[0]:.1f},{drawing.low[1]:.1f}) rectangle ({drawing.high[0]:.1f},{drawing.high[1]:.1f});",
        *(_line(line, frame) for line in drawing.lines),
        *(_rectangle(rectangle, frame) for rectangle in drawing.rectangles),
        *(_words(words, drawing.items.items[words.item], frame) for words in drawing.words if _is_seen(words, frame)),
        *_caption(drawing, frame, scale),
    ]
    return "\n".join([*parts, r"\end{tikzpicture}", ""])


def _is_seen(words: Words, frame: Frame) -> bool:
    known = {"value": frame.values, "gradient": frame.gradients}.get(words.kind)
    return known is None or words.item in known


def _later(item: int, frame: Frame) -> str:
    return ", opacity=0.25" if frame.values is not None and item not in frame.values else ""


def _line(line: DrawnLine, frame: Frame) -> str:
    later = max(_later(item, frame) for item in line.items)
    points = " -- ".join(f"({x:.1f},{y:.1f})" for x, y in line.points)
    return rf"\draw[chainwire{', -stealth' if line.head else ''}{later}] {points};"


def _rectangle(r: Rectangle, frame: Frame) -> str:
    style = "draw=chainnow, very thick, fill=white" if r.item == frame.now else BOXES[r.kind]
    corners = f"({r.left:.1f},{r.top:.1f}) rectangle ({r.left + r.width:.1f},{r.top + r.height:.1f})"
    return rf"\draw[{style}, rounded corners=3pt{_later(r.item, frame)}] {corners};"


def _words(words: Words, item: Item, frame: Frame) -> str:
    shown = _title(item) if words.kind == "title" else latex_text(words.text).replace(" ", "~")
    style = f"overlay, anchor={ANCHORS[words.anchor]}, font={FONTS[words.kind]}{_later(words.item, frame)}"
    return rf"\node[{style}] at ({words.x:.1f},{words.y:.1f}) {{{shown}}};"


def _title(item: Item) -> str:
    """The title of a box: a formula, or the name of a folded function."""
    if item.kind == "folded":
        return latex_text(item.words)
    if item.formula is None:
        return f"${latex(item.name)}$"
    formula = latex(item.formula) if len(unicode(item.formula)) <= LONGEST else r"\dots"
    return f"${latex(item.name)} = {formula}$"


def _caption(drawing: Drawing, frame: Frame, scale: float) -> list[str]:
    match frame.told:
        case Step() as step:
            told = f"${latex_step(step, SYMBOLS_ONLY)}$"
        case Gradient() as gradient:
            told = f"$\\displaystyle {next(latex_equations(gradient, SYMBOLS_ONLY))}$".replace("\n", " ")
        case text:
            told = latex_text(text)
    if not told:
        return []
    x, y = (drawing.low[0] + drawing.high[0]) / 2, drawing.high[1]
    size = min(1 / scale, POINTS * drawing.width / (DIGIT * width(told)))
    return [rf"\node[anchor=north, scale={size:.4f}] at ({x:.1f},{y:.1f}) {{{told}}};"]
