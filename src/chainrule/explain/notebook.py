"""How a notebook shows an explanation."""

from __future__ import annotations

import base64
import gzip
from html import escape

from chainrule.display import Bundle, details, picture, pre, table, text
from chainrule.explain import values
from chainrule.explain.document import markdown_document
from chainrule.explain.page import page
from chainrule.explain.picture import svg
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained, Gradient, Jacobian, Step, places_of, where
from chainrule.explain.style import Style
from chainrule.explain.terminal import derivation, matrix_lines, matrix_rows
from chainrule.explain.terminal import text as as_text

__all__ = ["explanation_bundle"]

MOST = 60
"""Up to this many steps tables and picture are shown in full; more would make notebooks large and unread."""


# Explanation -----------------------------------------------------------------------------------------------------


def explanation_bundle(explanation: Explained) -> Bundle:
    """Text, Markdown and HTML."""
    html = f"<div>{HIDE}{frame(explanation)}{static(explanation)}</div>"
    if len(explanation.forward) > MOST:
        return {"text/plain": _summary(explanation), "text/html": html}
    return {
        "text/plain": as_text(explanation),
        "text/markdown": markdown_document(explanation, Style()),
        "text/html": html,
    }


HIDE = "<style>iframe.chainrule-page + div { display: none }</style>"
"""Hides the picture and the tables below the page if the page is there."""
LARGEST = 1_000_000
"""A page of more compressed characters than this is left out of notebooks."""
HEIGHT = 620
"""The height of the page in a notebook, in pixels; it scrolls, and its lower edge can be dragged."""

# A frame keeps names, styles and keys of several pages apart. Its page is compressed, and unpacked without a request,
# which a notebook may forbid. Links inside the page would lead to the notebook, whose address counts as the frame's.
# The page is light or dark as its surroundings are.
LOADER = """<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="\
default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"><script>(async () => {
const packed = Uint8Array.from(atob("%s"), c => c.charCodeAt(0));
const page = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
document.open(); document.write(page); document.close();
document.addEventListener("click", event => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  event.preventDefault();
  document.querySelector(link.getAttribute("href")).scrollIntoView();
});
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
for (let e = window.frameElement; e; e = e.parentElement) {
  canvas.fillStyle = getComputedStyle(e).backgroundColor;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, opaque] = canvas.getImageData(0, 0, 1, 1).data;
  if (!opaque) continue;
  document.documentElement.dataset.theme = r + g + b < 382 ? "dark" : "light";
  break;
}
})()</script>"""


def frame(explanation: Explained) -> str:
    """The page, for trusted notebooks; sanitizers drop it. Empty if it is too large."""
    packed = base64.b64encode(gzip.compress(page(explanation).encode(), mtime=0)).decode()
    if len(packed) > LARGEST:
        return ""
    return (
        f'<iframe class="chainrule-page" title="Explanation of {escape(explanation.title)}" '
        f'style="width:100%;height:{HEIGHT}px;border:1px solid #8886;border-radius:6px;resize:vertical" '
        f'srcdoc="{escape(LOADER % packed)}"></iframe>'
    )


def _summary(explanation: Explained) -> str:
    return f"Explanation of {explanation.title}: {len(explanation.forward)} steps; print it to see all of them"


def static(explanation: Explained) -> str:
    """Picture and tables that need neither scripts nor styles."""
    steps, gradients, forms = explanation.steps, explanation.gradients, explanation.closed_forms
    loss = unicode(explanation.loss)
    few = len(steps) <= MOST
    told = [
        picture(svg(explanation), f"Computation graph of {explanation.title}")
        if few
        else f"<p>{text(_summary(explanation))}.</p>",
        details(
            f"Forward pass of {explanation.title}",
            table(map(_forward_row, steps[:MOST]), ("name", "formula", "value", "block", "shape", "line")),
        ),
        details(
            f"Backward pass: ∂{loss}/∂x is the gradient of the loss, ∂[…]/∂x the local gradient of one block",
            table(map(_backward_row, gradients[:MOST]), HEAD),
        ),
    ]
    if explanation.jacobians:
        told.insert(2, details("Jacobian", table(map(_jacobian_row, explanation.jacobians))))
    if forms:
        rows = [(pre([unicode(f.name)]), pre([f"= {unicode(f.formula)}"])) for f in forms[:MOST]]
        told.append(details("Closed forms", table(rows)))
    return f"<div>{''.join(told)}</div>"


def _jacobian_row(j: Jacobian) -> tuple[str, ...]:
    return (
        pre([unicode(j.name)]),
        pre([] if j.formula is None else [f"= {unicode(j.formula)}"]),
        pre([] if j.value is None else matrix_rows(j.value)),
    )


HEAD = ("gradient", "step by step", "local gradient", "block and line")


def _forward_row(step: Step) -> tuple[str, ...]:
    return (
        pre([unicode(step.name)]),
        pre([unicode(step.formula)] if step.formula else []),
        pre(values.lines(step.value)),
        text(step.block),
        values.shape_text(step.value),
        text(where(step.line)),
    )


def _backward_row(gradient: Gradient) -> tuple[str, ...]:
    told, more = derivation(gradient)
    matrices = [
        line for f in gradient.factors if f.matrix is not None for line in [f"{unicode(f.local)} =", *matrix_lines(f)]
    ]
    return (
        pre([unicode(gradient.name)]),
        pre([*(f"= {line}" for line in told), *(f"  {line}" for line in more)]),
        pre(matrices),
        pre(places_of(gradient)),
    )
