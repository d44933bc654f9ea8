"""What notebooks show of explanations, arrays and reports."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.notebook import static
from notebooks.sanitizer import sanitized


class Texts(HTMLParser):
    """Collects the texts between the tags."""

    def __init__(self, html):
        super().__init__()
        self.texts = []
        self.feed(html)

    def handle_data(self, data):
        self.texts.append(data)


def loss(W, x):
    s = W @ x
    L = cr.softmax_cross_entropy(s, 0)
    return L


W, x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0.5, -0.5])


@cr.block
def doubled(x):
    return 2 * x


@doubled.backward
def doubled_backward(dz, z, x):
    return 3 * dz


def things():
    v = cr.variable([1.0, 2.0], name="v")
    L = np.sum(v * v)
    L.backward()
    return {
        "explanation": cr.explain(loss)(W, x),
        "input": v,
        "array": L,
        "report": cr.check(loss)(W, x),
        "wrong report": cr.check(lambda x: np.sum(doubled(x)))(x),
    }


@pytest.fixture(scope="module")
def shown():
    return {name: thing._repr_mimebundle_() for name, thing in things().items()}


@pytest.mark.parametrize("name", ["input", "array", "report", "wrong report"])
def test_a_sanitizer_leaves_the_html_alone(shown, name):
    assert sanitized(shown[name]["text/html"]) == shown[name]["text/html"]


def test_a_sanitizer_leaves_picture_and_tables_of_an_explanation(shown):
    assert sanitized(shown["explanation"]["text/html"]) == f"<div>{static(cr.explain(loss)(W, x))}</div>"


def test_plain_text_is_what_print_writes():
    for thing in things().values():
        assert thing._repr_mimebundle_()["text/plain"] == repr(thing)


@pytest.mark.parametrize("name", ["input", "array", "report", "wrong report"])
def test_marimo_gets_the_html(shown, name):
    assert things()[name]._mime_() == ("text/html", shown[name]["text/html"])


def test_marimo_gets_the_page_alone():
    mime, html = cr.explain(loss)(W, x)._mime_()
    assert mime == "text/html"
    assert re.fullmatch("<iframe [^>]*></iframe>", html)


def test_only_what_is_asked_for_is_returned():
    assert cr.variable(1.0)._repr_mimebundle_(include={"text/html"}).keys() == {"text/html"}
    assert cr.variable(1.0)._repr_mimebundle_(exclude={"text/html"}).keys() == {"text/plain"}


def test_the_graph_is_an_image_of_data(shown):
    (data,) = re.findall('<img [^>]*src="data:image/svg[+]xml;base64,([^"]*)"', shown["explanation"]["text/html"])
    assert base64.b64decode(data).decode() == cr.explain(loss)(W, x).svg()


def test_tables_have_formulas_values_and_closed_forms(shown):
    text = "\n".join(Texts(shown["explanation"]["text/html"]).texts)
    for told in ("W x", "logsumexp(s) − s[0]", "(softmax(s) − e₀)·∂L/∂L", "= (softmax(s) − e₀) xᵀ", "[1 3 5]"):
        assert told in text


def test_an_array_tells_its_value_where_it_comes_from_and_its_gradient():
    x = cr.variable([1.0, 2.0], name="x")
    y = 3 * x
    np.sum(y * y).backward()
    texts = Texts(y._repr_mimebundle_()["text/html"]).texts
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "value": "[3 6]",
        "shape": "2",
        "dtype": "float64",
        "formula": "3·x",
        "block": "multiply",
        "line": f"{y._node.line.short}  y = 3 * x",
        "gradient": "[6 12]",
    }


def test_the_formula_of_an_array_with_a_long_history_goes_back_a_few_steps_only():
    x = cr.variable(1.0)
    for _ in range(5000):
        x = np.sin(x * x + x)
    assert ">sin(sin(…)·sin(…) + sin(… + …))</pre>" in x._repr_mimebundle_()["text/html"]


def test_a_report_has_a_row_for_each_comparison_and_names_the_block_to_blame():
    report = cr.check(lambda x: np.sum(doubled(x)))(x)
    html = report._repr_mimebundle_()["text/html"]
    assert html.count("<tr>") == 1 + len(report.comparisons)
    assert "WRONG" in html
    assert "block doubled" in html


def test_names_with_html_in_them_stay_text():
    def evil(x):
        return np.sum(x**2)

    evil.__name__ = "<script>alert(1)</script>"
    v = cr.variable(1.0, name="<b>x</b>")
    for thing in (cr.explain(evil)(x), cr.check(evil)(x), v, 2 * v):
        html = thing._repr_mimebundle_()["text/html"]
        assert "<script>alert" not in html
        assert "<b>x" not in html


def test_a_long_explanation_stays_small():
    def chain(x):
        for _ in range(1000):
            x = np.sin(x)
        return x

    bundle = cr.explain(chain)(1.0)._repr_mimebundle_()
    assert "1001 steps" in bundle["text/plain"]
    assert len(bundle["text/html"]) < 500_000


def test_a_small_explanation_is_smaller_still(shown):
    assert len(shown["explanation"]["text/html"]) < 150_000


# In a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shows(browser):
    """Shows HTML in a browser and returns the page; a message on its console fails the test."""
    page = browser.new_page(viewport={"width": 900, "height": 1500})
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))

    def show(html, background="white"):
        page.set_content(f'<body style="background:{background}">{html}')
        page.wait_for_function("[...document.images].every(image => image.complete)")
        return page

    yield show
    page.close()
    assert messages == []


def frames(page, count):
    assert page.locator("iframe").count() == count
    for frame in page.frames[1:]:
        frame.wait_for_selector("#graph")
    return page.frames[1:]


def test_pages_of_a_trusted_notebook_stand_side_by_side(shows, shown):
    html = shown["explanation"]["text/html"]
    page = shows(html + shown["array"]["text/html"] + html)
    first, second = frames(page, 2)
    first.click("#next")
    assert first.text_content("#at").startswith("forward 1")
    assert second.text_content("#at") == ""
    assert page.locator("img").evaluate_all("all => all.filter(image => image.checkVisibility()).length") == 0


def test_links_inside_the_page_stay_in_it(shows, shown):
    page = shows(shown["explanation"]["text/html"])
    (frame,) = frames(page, 1)
    frame.click("#sections a")
    frame.evaluate("async () => { while (scrollY === 0) await new Promise((done) => setTimeout(done, 20)); }")
    assert frame.url == "about:srcdoc"


@pytest.mark.parametrize(("background", "theme"), [("white", "light"), ("#111", "dark"), ("oklch(0.98 0 0)", "light")])
def test_the_page_is_as_light_or_dark_as_the_notebook(shows, shown, background, theme):
    (frame,) = frames(shows(shown["explanation"]["text/html"], background), 1)
    frame.locator(f"html[data-theme={theme}]").wait_for(state="attached")


def test_an_untrusted_notebook_shows_picture_and_tables(shows, shown):
    page = shows(sanitized(shown["explanation"]["text/html"]))
    assert len(page.frames) == 1
    assert page.locator("img").evaluate("image => image.naturalWidth") > 300
    page.get_by_text("Closed forms").click()
    assert page.get_by_text("= (softmax(s) − e₀) xᵀ").is_visible()


@pytest.mark.parametrize("name", ["array", "report"])
def test_a_notebook_shows_tables(shows, shown, name):
    assert shows(shown[name]["text/html"]).locator("table").is_visible()
