"""The page: an explanation as one HTML file that needs nothing else.

`model` tells the story as one JSON document; the files in `assets` show it. They are joined here, in the order of
`SCRIPTS`, in one scope; a further file adds a section to the page with `chainrule.section(name, title, render)`.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from chainrule.explain.page.model import story
from chainrule.explain.second import Second
from chainrule.explain.steps import Explained

__all__ = ["asset", "fill", "page", "page_of", "story"]

SCRIPTS = (
    "page.js",
    "values.js",
    "boxes.js",
    "layout.js",
    "graph.js",
    "panel.js",
    "stepping.js",
    "derivation.js",
    "second.js",
    "numpy.js",
    "whatif.js",
    "health.js",
    "start.js",
)
LARGE = 250_000
"""Stories of more characters than this are compressed."""


def page(explanation: Explained, check: Any = None, second: Sequence[Second] = ()) -> str:
    """The text of the HTML file; with the results of a report of `cr.check`, and with second derivatives, if given."""
    told = json.dumps(story(explanation, check, second), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    told = told.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair: valid in JSON, not in a file
    return page_of(escape(explanation.title), _script_data(told))


def page_of(title: str, story: str, editor: str = "", requests: str = "", style: str = "", script: str = "") -> str:
    """The page around a story, which may be empty: it is then given later, to `load` in the scripts.

    Parameters
    ----------
    title, story, editor : HTML; the editor is shown above the graph.
    requests : what the page may ask of a server, in the words of its policy.
    style, script : added to those of the page.
    """
    return fill(
        asset("template.html"),
        title=title,
        requests=requests,
        style=asset("page.css") + asset("more.css") + style,
        editor=editor,
        story=story,
        layout=f"/*{_license()}*/\n" + asset("dagre/dagre.min.js"),
        scripts="\n".join([*(asset(name) for name in SCRIPTS), script]),
    )


def fill(template: str, **parts: str) -> str:
    """The template with each `{{name}}` replaced, in one pass: inserted text is not searched again."""
    pieces = template.split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        out += [parts[name], rest]
    return "".join(out)


@cache
def asset(name: str) -> str:
    """The text of a file in `assets`."""
    return files(__package__).joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


def _license() -> str:
    return asset("dagre/LICENSE.txt").replace("/*", "").replace("*/", "")


def _script_data(text: str) -> str:
    """JSON inside a script element, escaped so that `</script>` or `<!--` in a user's string does not end it."""
    if len(text) > LARGE:
        packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        return f'<script id="story" type="application/gzip">{packed}</script>'
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script id="story" type="application/json">{safe}</script>'
