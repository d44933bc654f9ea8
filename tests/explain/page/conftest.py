"""A real browser, for the tests that click."""

import pytest

READY = "async () => { while (!globalThis.chainrule?.ready) await new Promise((done) => setTimeout(done, 20)); }"
"""Waits in the page: Playwright's own way evaluates text there, which the page's policy forbids."""


@pytest.fixture
def opened(browser, tmp_path):
    """Opens an explanation's page. What the console says, an error, or a request makes the test fail."""
    contexts, troubles = [], []

    def open_page(explanation, width=1280, height=800, scheme="light", check=None):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(explanation.html(check), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(r.url))
        page.goto(path.as_uri())
        page.evaluate(READY)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
