"""What JupyterLab leaves of the HTML of an untrusted notebook.

The rules are those of packages/apputils/src/sanitizer.ts in JupyterLab 4, which hands its lists to the package
sanitize-html: tags and attributes that are not allowed go, their text stays, but for the text of scripts and style
sheets. The lists here hold only what our outputs may use; all of it is in JupyterLab's.
"""

import re
from html import escape
from html.parser import HTMLParser

TAGS = {"b", "br", "details", "div", "img", "p", "pre", "summary", "table", "tbody", "td", "th", "thead", "tr"}
ATTRIBUTES = {"style"}
ATTRIBUTES_OF = {"img": {"alt", "src"}, "details": {"open"}}
STYLES = {
    "font-size": "xx-small|small|medium|large|[+]?[0-9.]+(px|em|rem|%)",
    "margin": "(0|auto|[+-]?[0-9.]+(px|em|%))( (0|auto|[+-]?[0-9.]+(px|em|%)))*",
    "max-width": "none|auto|[0-9.]+(px|em|%)",
    "overflow-x": "visible|hidden|scroll|auto",
    "padding": "((0|[+]?[0-9.]+(px|em|%)) ?){1,4}",
    "text-align": "left|right|center|justify",
    "vertical-align": "baseline|top|middle|bottom",
}
"""Values of styles that are allowed."""
SILENT = {"script", "style", "textarea", "option"}


class Sanitizer(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.out, self.silent = [], 0

    def handle_starttag(self, tag, attrs):
        self.silent += tag in SILENT
        if tag in TAGS:
            kept = [(k, v) for k, v in attrs if k in ATTRIBUTES | ATTRIBUTES_OF.get(tag, set())]
            kept = [(k, styles(v) if k == "style" else v) for k, v in kept]
            text = "".join(f" {k}" if v is None else f' {k}="{escape(v)}"' for k, v in kept if v != "")
            self.out.append(f"<{tag}{text}>")

    def handle_endtag(self, tag):
        self.silent -= tag in SILENT
        if tag in TAGS:
            self.out.append(f"</{tag}>")

    def handle_data(self, data):
        if not self.silent:
            self.out.append(escape(data, quote=False))


def styles(text):
    kept = []
    for rule in filter(None, text.split(";")):
        name, value = (part.strip() for part in rule.split(":", 1))
        if name in STYLES and re.fullmatch(STYLES[name], value):
            kept.append(f"{name}:{value}")
    return ";".join(kept)


def sanitized(html):
    """
    >>> sanitized('<style>b {}</style><svg><b onclick="x()" style="color:red;margin:0">bold</b></svg>')
    '<b style="margin:0">bold</b>'
    """
    parser = Sanitizer()
    parser.feed(html)
    parser.close()
    return "".join(parser.out)
