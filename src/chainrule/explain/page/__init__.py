"""The page: an explanation as one HTML file that needs nothing else.

`model` tells the story as one JSON document; the files in `assets` show it. They are joined here, in the order of
`SCRIPTS`, in one scope; a further file adds a section to the page with `chainrule.section(name, title, render)`.
"""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from chainrule.explain.page.model import story
from chainrule.explain.steps import Explained

__all__ = ["asset", "fill", "page", "story"]

SCRIPTS = (
    "page.js",
    "values.js",
    "boxes.js",
    "layout.js",
    "graph.js",
    "panel.js",
    "stepping.js",
    "derivation.js",
    "numpy.js",
    "whatif.js",
    "health.js",
    "start.js",
)
LARGE = 250_000
"""A story of more characters than this is compressed in the page."""


def page(explanation: Explained, check: Any = None) -> str:
    """The page as the text of an HTML file; with what a report of `cr.check` found, if there is one."""
    told = json.dumps(story(explanation, check), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    told = told.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair: JSON may have it, a file may not
    return fill(
        asset("template.html"),
        title=escape(explanation.title),
        style=asset("page.css") + asset("more.css"),
        story=_script_data(told),
        layout=f"/*{_license()}*/\n" + asset("dagre/dagre.min.js"),
        scripts="\n".join(asset(script) for script in SCRIPTS),
    )


def fill(template: str, **parts: str) -> str:
    """The template with `{{name}}` replaced, once through: what is put in is not looked at again."""
    pieces = template.split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        out += [parts[name], rest]
    return "".join(out)


@cache
def asset(name: str) -> str:
    """The text of a file that the page is made of."""
    return files(__package__).joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _license() -> str:
    return asset("dagre/LICENSE.txt").replace("/*", "").replace("*/", "")


def _script_data(text: str) -> str:
    """JSON inside a script element, where `</script>` and `<!--` in a user's string must not end it."""
    if len(text) > LARGE:
        packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        return f'<script id="story" type="application/gzip">{packed}</script>'
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script id="story" type="application/json">{safe}</script>'
