"""Makes the gallery: `python -m docs.gallery`.

Writes a page for each section of the notes and for each of the cases, `index.html`, and where Playwright and Chromium
are installed their pictures. Only the pictures and README.md are kept in the repository; the pages are made anew.
"""

from __future__ import annotations

import functools
import inspect
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from docs.gallery.cases import CASES
from examples import notes

import chainrule as cr
from chainrule.node import hide_file

FOLDER = Path(__file__).parent
SIZE = {"width": 1200, "height": 720}
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()

hide_file(__file__)  # what is explained is what the functions here call


@dataclass(frozen=True)
class Exhibit:
    """What is shown: the name of its files, what the index says, and the explained call."""

    name: str
    title: str
    text: str
    f: Callable[..., Any]
    args: tuple[Any, ...]


def exhibits() -> tuple[list[Exhibit], list[Exhibit]]:
    """The sections of the notes, and the cases."""
    return [of_section(section) for section in notes.sections()], [of_case(case) for case in CASES]


def of_section(section: notes.Section) -> Exhibit:
    @functools.wraps(section.f)
    def loss(*args: Any) -> Any:
        return section.f(*args)["L"]

    cell = "derived by hand" if section.cell is None else f"code cell {section.cell}"
    args = tuple(np.asarray(x) for x in section.inputs.values())
    return Exhibit(section.f.__name__, section.title, f"Of the notes: {cell}.", loss, args)


def of_case(case: Callable[[], tuple[Callable[..., Any], tuple[Any, ...]]]) -> Exhibit:
    title, _, text = inspect.cleandoc(case.__doc__ or "").partition("\n\n")
    return Exhibit(case.__name__, title, " ".join(text.split()), *case())


# Pages -----------------------------------------------------------------------------------------------------------


def write_pages(folder: Path, rooms: tuple[list[Exhibit], list[Exhibit]]) -> None:
    """A page for each exhibit, and the index."""
    folder.mkdir(parents=True, exist_ok=True)
    for exhibit in (*rooms[0], *rooms[1]):
        page = cr.explain(exhibit.f)(*exhibit.args).html()
        (folder / f"{exhibit.name}.html").write_text(page, encoding="utf-8")
    (folder / "index.html").write_text(index(rooms), encoding="utf-8")


STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 1200px; padding: 16px; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 20px; padding: 0; }
li { list-style: none; } img { width: 100%; height: auto; border: 1px solid #8886; border-radius: 6px; }
p { margin: 4px 0; }
"""
TITLES = ("The notes, section by section", "What people compute gradients of")


def index(rooms: tuple[list[Exhibit], list[Exhibit]]) -> str:
    """The index as an HTML page. It looks for the pictures beside the folder of the pages."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>chainrule: gallery</title><style>{STYLE}</style><h1>Gallery</h1>",
            *(line for title, room in zip(TITLES, rooms, strict=True) for line in _list(title, room)),
            "</html>",
        ]
    )


def _list(title: str, room: list[Exhibit]) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2><ul>"
    for e in room:
        image = f'<img src="../pictures/{e.name}.png" alt="" loading="lazy" width="1200" height="720">'
        name = f"<b>{escape(e.title)}</b>"
        text = re.sub("`(.*?)`", r"<code>\1</code>", escape(e.text))
        yield f'<li><a href="{e.name}.html">{image}{name}</a><p>{text}</p></li>'
    yield "</ul>"


def readme(rooms: tuple[list[Exhibit], list[Exhibit]]) -> str:
    """The index as README.md, which GitHub shows."""
    out = [
        "# Gallery",
        "The pages that `chainrule explain … --html` and `cr.explain(f)(…).html()` make, for each section of the notes "
        "and for some real cases. `python -m docs.gallery` makes this file, the pictures, and the pages themselves, "
        "with an index, in `docs/gallery/pages`.",
    ]
    for title, room in zip(TITLES, rooms, strict=True):
        out.append(f"## {title}")
        out += [f"### {e.title}\n\n{e.text}\n\n![The page of {e.name}](pictures/{e.name}.png)" for e in room]
    return "\n\n".join(out) + "\n"


# Pictures --------------------------------------------------------------------------------------------------------


def take_pictures(pages: Path, folder: Path, names: list[str]) -> None:
    """A picture of each page, a few steps into the backward pass."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        page = browser.new_page(viewport=SIZE)
        for name in names:
            page.goto((pages / f"{name}.html").as_uri())
            page.wait_for_selector("#world *")
            page.keyboard.press("End")
            page.keyboard.press("ArrowLeft")
            page.wait_for_timeout(800)  # until it has moved
            page.screenshot(path=folder / f"{name}.png")
        browser.close()


def main() -> None:
    rooms = exhibits()
    pages = FOLDER / "pages"
    write_pages(pages, rooms)
    (FOLDER / "README.md").write_text(readme(rooms), encoding="utf-8")
    print(pages / "index.html")
    try:
        take_pictures(pages, FOLDER / "pictures", [e.name for room in rooms for e in room])
    except ImportError:
        print("no pictures: Playwright is not installed")


if __name__ == "__main__":
    main()
