"""The playground in a real browser: typing, inputs, what if, links, files, and what goes wrong."""

import ast
import json
import re

import numpy as np
import pytest

from chainrule.explain.values import short
from chainrule.play.examples import EXAMPLES

SLOW = "a0 = tanh(x)\n" + "\n".join(f"a{i + 1} = tanh(a{i}*w + a{i // 2})" for i in range(2500)) + "\nL = a2500"


def closed_forms(page):
    return page.locator("#closed-forms li .equation").evaluate_all("all => all.map(e => e.textContent)")


def header(page, text):
    """Waits until the value of the loss in the head has a text."""
    page.locator("#summary", has_text=text).wait_for()


def settled(page):
    """Waits until nothing is asked of the server."""
    page.locator("body:not(.computing)").wait_for()
    return page


def test_the_page_opens_with_the_first_example(playground):
    page = playground()
    header(page, "24")
    assert page.locator("#world .item").count() == 7
    assert page.locator("#inputs input").evaluate_all("all => all.map(e => [e.dataset.name, e.value])") == [
        ["x", "1"],
        ["y", "2"],
        ["z", "3"],
    ]
    assert "token" not in page.url


def test_graph_derivation_and_closed_forms_follow_as_one_types(playground):
    page = playground()
    header(page, "24")
    page.fill("#text", "")
    page.type("#text", "r = X @ w - y\nL = sum(r**2)", delay=15)
    page.locator("#world .item", has_text="matmul").wait_for()
    page.locator("#source", has_text="L = sum(r ** 2)").wait_for()
    values = {
        name: np.array(json.loads(text))
        for name, text in page.locator("#inputs input").evaluate_all("all => all.map(e => [e.dataset.name, e.value])")
    }
    assert {name: x.ndim for name, x in values.items()} == {"X": 2, "w": 1, "y": 1}
    header(page, short(np.sum((values["X"] @ values["w"] - values["y"]) ** 2)))
    assert page.locator("#derivation li").count() == 7
    assert any("2" in form and "X" in form for form in closed_forms(page))
    assert page.locator("#inputs .sample").count() == 3


def test_an_input_that_is_typed_is_used_and_stays(playground):
    page = playground("#L%20=%20x**2%20+%20k&x=3&k=1")
    header(page, "10")
    page.get_by_label("x", exact=True).first.fill("5")
    header(page, "26")
    page.fill("#text", "L = x**2 + k + 1")
    header(page, "27")


def test_an_error_is_text_and_the_last_picture_stays(playground):
    page = playground()
    header(page, "24")
    page.fill("#text", "a = 2*x\nL = a +")
    page.locator("#error.wrong", has_text="cannot read the expression").wait_for()
    assert page.locator("#world .item").count() == 7
    assert page.locator("body.behind").count() == 1
    page.fill("#text", "__import__('os').system('true')")
    page.locator("#error.wrong", has_text="not in the expression language").wait_for()
    page.fill("#text", "a = 2*x\nL = a + <b>x</b>")
    page.locator("#error.wrong").wait_for()
    assert page.locator("#error b").count() == 0
    page.fill("#text", "a = 2*x\nL = a + 1")
    header(page, "3")
    assert page.inner_text("#error") == ""
    assert page.locator("body.behind").count() == 0


def test_an_array_has_its_jacobian_and_a_gradient_of_ones_own(playground):
    page = playground("#softmax(x)&x=[1,0,-1]&%E2%88%82=[0,1,0]")
    settled(page)
    p = np.exp([1, 0, -1]) / np.sum(np.exp([1, 0, -1]))
    jacobian = np.diag(p) - np.outer(p, p)
    shown = page.locator("#jacobians mtd").evaluate_all("all => all.map(e => e.textContent)")
    assert [float(x.replace("−", "-")) for x in shown] == pytest.approx(jacobian.ravel(), abs=1e-4)
    x = page.evaluate("chainrule.steps[chainrule.byName.get('x')].gradient.numbers")
    assert x == pytest.approx(jacobian[1])


def test_a_number_has_its_hessian_with_a_formula(playground):
    page = playground("#L%20=%20x.T%20@%20A%20@%20x&A=[[2,1],[0,3]]&x=[1,-1]")
    settled(page)
    told = re.sub(r"\s", "", page.locator("#second-derivatives li").first.evaluate("e => e.textContent"))
    assert "=A+A⊤=" in told or "=A⊤+A=" in told
    assert told.endswith("[4116]")


def test_what_if_goes_on_and_its_numbers_can_be_taken(playground):
    page = playground()
    header(page, "24")
    assert not page.locator("#take").is_visible()
    page.locator("#what-if").get_by_label("z", exact=True).fill("5")
    header(page, "40")
    page.click("#take")
    settled(page)
    header(page, "40")
    assert page.locator("#inputs input[data-name=z]").input_value() == "5"


def test_a_link_holds_text_and_values_but_no_token(playground):
    page = playground()
    header(page, "24")
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.fill("#text", "α = 2*x\nL = α**2 + 50%7")
    page.get_by_label("x", exact=True).first.fill("4")
    header(page, "65")
    page.click("#share")
    page.locator("#share", has_text="Copied").wait_for()
    link = page.evaluate("window.copied")
    assert "token" not in link
    other = playground(f"#{link.partition('#')[2]}")
    header(other, "65")
    assert other.input_value("#text") == "α = 2*x\nL = α**2 + 50%7"
    page.reload()  # the token is kept by the browser
    header(page, "65")


@pytest.mark.parametrize("kind", ["page", "latex", "notebook", "python", "picture"])
def test_the_playground_saves_files(playground, browser, tmp_path, kind):
    page = playground("#r%20=%20X%20@%20w%20-%20y;%20L%20=%20sum(r**2)&X=[[1,2],[3,4],[5,6]]&w=[1,-1]&y=[0,1,1]")
    header(page, "9")
    with page.expect_download() as download:
        page.select_option("#save", kind)
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    text = path.read_text("utf-8")
    if kind == "page":
        offline = browser.new_page()
        offline.goto(path.as_uri())
        offline.locator("#summary", has_text="9").wait_for()
        assert offline.locator("#second-derivatives li").count() == 3
        offline.close()
    elif kind == "latex":
        assert "\\documentclass" in text
        assert "X" in text
    elif kind == "notebook":
        cells = json.loads(text)["cells"]
        explained({}, ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"][:2])
    elif kind == "python":
        explained(
            {"__name__": "loss"}, [text, "explanation = cr.explain(loss)(np.ones((3, 2)), np.ones(2), np.ones(3))"]
        )
    else:
        assert text.startswith("<svg")
        assert "matmul" in text


def explained(space, sources):
    """Runs the sources; they must explain the loss of the test."""
    for source in sources:
        exec(compile(ast.parse(source), "saved", "exec"), space)
    assert [str(form.formula.kind) for form in space["explanation"].closed_forms]
    assert space["loss"](np.array([[1.0, 2.0]]), np.array([1.0, 1.0]), np.array([1.0])) == 4.0


def test_every_example_can_be_chosen(playground):
    page = playground()
    for place, example in enumerate(EXAMPLES):
        page.select_option("#example", str(place))
        settled(page)
        assert page.locator("#error.wrong").count() == 0, example["title"]
        shown = dict(page.locator("#inputs input").evaluate_all("all => all.map(e => [e.dataset.name, e.value])"))
        shown.pop("∂", None)
        assert {name: json.loads(x) for name, x in shown.items()} == {
            name: json.loads(x) for name, x in example["values"].items()
        }


def test_what_takes_too_long_is_cut_and_the_page_goes_on(playground):
    page = playground()
    header(page, "24")
    page.locator("#text").evaluate(
        "(area, text) => { area.value = text; area.dispatchEvent(new Event('input')); }", SLOW
    )  # as if it were pasted; Playwright types such a text for long
    page.locator("#error", has_text="computing").wait_for()
    page.locator("#error.wrong", has_text="takes more than 5 seconds").wait_for(timeout=20_000)
    page.fill("#text", "L = 3*x")
    page.locator("#source", has_text="L = 3 * x").wait_for(timeout=60_000)
    assert page.locator("#error.wrong").count() == 0


def test_without_the_token_nothing_is_computed(playground):
    page = playground(token="")
    page.locator("#error.wrong", has_text="open the address that chainrule play prints").wait_for()
    assert page.locator("#world .item").count() == 0
    assert len(page.troubles) == 1
    assert "403" in page.troubles.pop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width_does_not_overflow(playground, scheme):
    page = playground(width=390, height=844, scheme=scheme)
    for text in ("L = (2*x + 3*y)*z", "s = W @ x\nsoftmax(s)", "L = (x +"):
        page.fill("#text", text)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_every_control_has_an_accessible_name(playground):
    page = playground()
    header(page, "24")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, a, select, textarea')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.innerText.trim())).length"
    )
    assert unnamed == 0


def test_hostile_names_stay_text(playground):
    page = playground("#L%20=%20x**2&x=2&%3Cimg%20src=x%20onerror=alert(1)%3E=1")
    header(page, "4")
    assert page.locator("img").count() == 0


def test_the_notes_numbers_come_out(playground):
    page = playground()
    notes = {e["title"]: i for i, e in enumerate(EXAMPLES)}
    page.select_option("#example", str(notes["Notes: cross-entropy loss"]))
    header(page, short(3.2429))
    shown = page.evaluate("chainrule.steps[chainrule.byName.get('W')].gradient.numbers")
    np.testing.assert_allclose(shown, [-0.9903, 0.2445, 0.6356, -0.1569, 0.3547, -0.0876], atol=6e-5)
