"""The pages of the design name files that exist, and link to pages that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "docs" / "design.md",
    ROOT / "docs" / "walkthrough.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs" / "design").glob("*.md"),
]
FOLDERS = ("src", "tests", "docs", "tools", "notebooks", "examples", "benchmarks")
FILES = [path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")]


def _exists(name: str) -> bool:
    """Whether some file or folder of the project ends with this path."""
    end = "/" + name.rstrip("/")
    return any(("/" + path).endswith(end) for path in FILES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_design_page_names_files_that_exist(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+(?:\.py|\.js|\.json|\.md|/))`", text))
    assert named, "the pattern finds nothing"
    assert not {name for name in named if not _exists(name)}


def test_design_pages_link_to_pages_that_exist():
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > 10
    assert not [(page.name, link) for page, link in links if not (page.parent / link).exists()]


def test_design_pages_name_what_stands_in_the_file_beside_it():
    """As in «`record` (`step.py`)»."""
    texts = {path: (ROOT / path).read_text("utf-8") for path in FILES if path.endswith(".py")}
    pairs = {
        (page.name, name.rpartition(".")[2], file)
        for page in PAGES
        for name, file in re.findall(r"`([\w.]+)`\s+\(`([\w/]+\.py)`", page.read_text("utf-8"))
        if not name.endswith(".py")
    }
    assert len(pairs) > 30

    def is_there(name: str, file: str) -> bool:
        return any(re.search(rf"\b{name}\b", text) for path, text in texts.items() if f"/{path}".endswith(f"/{file}"))

    assert not {(page, name, file) for page, name, file in pairs if not is_there(name, file)}
