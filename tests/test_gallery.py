"""The gallery is made anew, and every page of it opens in a browser."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

gallery = pytest.importorskip("docs.gallery.__main__")
pytest.importorskip("torch")
NAMES = [exhibit.name for room in gallery.exhibits() for exhibit in room]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery") / "pages"
    gallery.write_pages(folder, gallery.exhibits())
    return folder


def test_every_section_of_the_notes_and_at_least_six_cases_are_shown():
    sections, cases = gallery.exhibits()
    assert len(sections) == len(gallery.notes.sections())
    assert len(cases) >= 6
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_without_a_word_on_the_console(browser, pages, name):
    page = browser.new_page()
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto((pages / f"{name}.html").as_uri())
    page.wait_for_selector("#world *")
    page.keyboard.press("End")
    page.locator("#at", has_text="backward").wait_for()
    page.close()
    assert messages == []


def test_the_index_links_to_every_page(pages):
    assert re.findall('href="([^"]*[.]html)"', (pages / "index.html").read_text()) == [f"{name}.html" for name in NAMES]


def test_the_readme_is_the_one_that_is_generated():
    assert (gallery.FOLDER / "README.md").read_text() == gallery.readme(gallery.exhibits())


def test_there_is_a_picture_of_every_page_and_no_other():
    pictures = {path.stem: path.stat().st_size for path in (gallery.FOLDER / "pictures").glob("*.png")}
    assert pictures.keys() == set(NAMES)
    assert sum(pictures.values()) < 4_000_000


def test_the_notes_are_explained_with_their_own_names_and_lines():
    hinge = next(e for e in gallery.exhibits()[0] if e.name == "hinge")
    explanation = gallery.cr.explain(hinge.f)(*hinge.args)
    assert {"W", "x", "s", "t", "z", "L"} <= {step.name.text for step in explanation.forward}
    assert {step.line.short.split(":")[0] for step in explanation.forward if step.line} == {"notes.py"}
    assert [scope.name for scope in explanation.scopes] == ["margins"]
