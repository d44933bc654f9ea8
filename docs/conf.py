"""The site of these pages: `sphinx-build -W --keep-going docs site`."""

from chainrule.version import __version__

project = "chainrule"
author = copyright = "The chainrule developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["gallery"]
html_theme = "alabaster"
html_theme_options = {"description": "Backpropagation you can see", "page_width": "70em", "fixed_sidebar": True}
default_role = "code"
myst_heading_anchors = 4
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository, which are no pages
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False


def as_rst(app, what, name, obj, options, lines):
    """Docstrings are Markdown: an indented block after a colon is code, and a star is a star."""
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.endswith(":") and lines[i + 1 : i + 2] == [""] and _is_indented(lines[i + 2 :], indent + 4):
            lines[i] = line + ":"
        elif not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            lines[i] = "`".join(part if k % 2 else part.replace("*", r"\*") for k, part in enumerate(parts))


def _is_indented(lines, by):
    return bool(lines) and lines[0].startswith(" " * by)


def setup(app):
    app.connect("autodoc-process-docstring", as_rst, priority=100)
