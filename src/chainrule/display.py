"""Output for notebooks: HTML that survives a sanitizer.

An untrusted notebook loses scripts, style sheets, SVG, MathML and frames. So only tables, preformatted text, `details`,
and pictures as data are used. Styles are inline: a sanitizer drops the forbidden ones one by one.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Sequence
from html import escape

__all__ = ["chosen", "details", "picture", "pre", "table", "text"]

Bundle = dict[str, str]
"""The same content in several MIME types; a notebook shows the best that it can."""

LEFT = "text-align:left;vertical-align:top;padding:3px 12px"


def chosen(bundle: Bundle, include: Collection[str] | None, exclude: Collection[str] | None) -> Bundle:
    """The part of a bundle that IPython asks for.

    >>> chosen({"text/plain": "x", "text/html": "<b>x</b>"}, None, {"text/html"})
    {'text/plain': 'x'}
    """
    return {
        mime: data
        for mime, data in bundle.items()
        if (not include or mime in include) and (not exclude or mime not in exclude)
    }


def text(x: str) -> str:
    """Text as HTML, with tags escaped."""
    return escape(x, quote=False)


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of HTML cells; without a head, the first cell of each row is its heading.

    >>> table([["shape", "3×2"]])
    '<table><tbody><tr><th style="text-align:left;vertical-align:top;padding:3px 12px">shape</th>\
<td style="text-align:left;vertical-align:top;padding:3px 12px">3×2</td></tr></tbody></table>'
    """
    first = "td" if head else "th"
    body = "".join(
        f"<tr>{''.join(_cell(first if i == 0 else 'td', cell) for i, cell in enumerate(row))}</tr>" for row in rows
    )
    top = f"<thead><tr>{''.join(_cell('th', cell) for cell in head)}</tr></thead>" if head else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _cell(tag: str, content: str) -> str:
    return f'<{tag} style="{LEFT}">{content}</{tag}>'


def pre(lines: Iterable[str]) -> str:
    """Text with its columns aligned; empty if the text is."""
    content = text("\n".join(lines))
    return f'<pre style="margin:0;padding:0;font-size:1em">{content}</pre>' if content else ""


def details(summary: str, content: str, *, opened: bool = False) -> str:
    """A section that opens and closes."""
    return f"<details{' open' if opened else ''}><summary>{text(summary)}</summary>{content}</details>"


def picture(svg: str, description: str) -> str:
    """An SVG file as an image, which sanitizers leave alone; it scrolls where it is wider than the page."""
    data = base64.b64encode(svg.encode()).decode()
    image = f'<img alt="{escape(description)}" style="max-width:none" src="data:image/svg+xml;base64,{data}">'
    return f'<div style="overflow-x:auto">{image}</div>'
