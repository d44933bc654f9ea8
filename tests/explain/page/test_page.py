"""The page in a real browser: clicks, keys, stepping, boxes, search."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.values import short

W = np.array([[-1.46786, 0.52126], [0.99545, -0.34773], [0.47242, -0.17353]])
X = np.array([1.03054, -0.25443])


def cross_entropy(W, x):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, 0)


def circuit(x, y, z):
    a = 2 * x
    b = 3 * y
    c = a + b
    L = c * z
    return L


def affine(W, x):
    return W @ x + 1.0


def twice(x):
    h = np.tanh(x)
    return np.sum(h * h + x * h)


@pytest.fixture(scope="module")
def explanation():
    return cr.explain(cross_entropy)(W, X)


def narration(page):
    return page.inner_text("#narration")


def test_first_screen_tells_the_story(opened, explanation):
    page = opened(explanation)
    assert page.title() == "cross_entropy · backpropagation"
    assert page.inner_text("h1") == "cross_entropy"
    assert page.locator(".item").count() == 5
    assert "s = W @ x" in page.inner_text("#source")
    assert "closed" in page.inner_html("#narration")
    assert page.locator("#derivation li").count() == 5
    assert page.locator("#closed-forms li").count() == 4


def test_numbers_on_the_wires_are_those_of_the_explanation(opened):
    explanation = cr.explain(circuit)(1.25, -2.0, 1e-7)
    page = opened(explanation)
    shown = page.eval_on_selector_all(
        ".item", "all => all.map(e => [e.querySelector('.value').innerText, e.querySelector('.gradient').innerText])"
    )
    gradients = {g.name.parts[1]: g.value for g in explanation.backward}
    assert shown == [[short(s.value), short(gradients[s.name])] for s in explanation.forward]


def test_numbers_are_written_as_python_writes_them(opened):
    numbers = [0.0, -0.0, 1.0, 123456.0, 1234567.0, 0.00012345, 1e-5, -9999.5, 1e300, 0.1 + 0.2, 99.995, np.inf]
    page = opened(cr.explain(lambda numbers: numbers[2] * 1.0)(numbers))
    shown = page.eval_on_selector_all(".item.input .value", "all => all.map(e => e.innerText)")
    assert shown == [short(x) for x in numbers]


def test_stepping_goes_forward_then_backward(opened, explanation):
    page = opened(explanation)
    phases = []
    for _ in range(8):
        page.click("#next")
        phases.append(page.inner_text("#narration h2 .phase").lower())
    assert phases == ["forward"] * 4 + ["backward"] * 4
    assert page.inner_text("#at") == "backward 4 / 4"
    assert page.locator(".item.current").count() == 1
    page.click("#next")
    assert page.inner_text("#at") == "backward 4 / 4"
    page.click("#previous")
    assert page.inner_text("#at") == "backward 3 / 4"
    assert "softmax" in narration(page)
    page.click("#first")
    assert page.locator(".item.current").count() == 0


def test_gradients_appear_when_they_are_computed(opened):
    page = opened(cr.explain(circuit)(1.0, 2.0, 3.0))
    visible = "all => all.filter(e => getComputedStyle(e).visibility === 'visible').length"
    assert page.eval_on_selector_all(".label .gradient", visible) == 7
    page.keyboard.press("ArrowRight")
    assert page.eval_on_selector_all(".label .gradient", visible) == 0
    assert page.eval_on_selector_all(".label .value", visible) == 3
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.eval_on_selector_all(".label .value", visible) == 7
    assert page.eval_on_selector_all(".label .gradient", visible) == 1
    page.keyboard.press("End")
    assert page.eval_on_selector_all(".label .gradient", visible) == 7


def test_keyboard_steps_and_plays(opened, explanation):
    page = opened(explanation)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#at") == "forward 2 / 4"
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#at") == "forward 1 / 4"
    page.keyboard.press("End")
    assert page.inner_text("#at") == "backward 4 / 4"
    page.keyboard.press("Home")
    assert page.inner_text("#at") == ""
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Play"


def test_equation_of_a_step_shows_symbols_numbers_and_result(opened):
    page = opened(cr.explain(circuit)(1.0, 2.0, 3.0))
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    terms = page.eval_on_selector_all("#narration .term", "all => all.map(e => e.textContent.replace(/\\s/g, ''))")
    to_c, to_z = ["=z·∂L∂L", "=3·1", "=3"], ["=c·∂L∂L", "=8·1", "=8"]
    assert (terms[2:5], terms[7:10]) == (to_c, to_z)


def test_click_on_a_block_shows_its_rules(opened, explanation):
    page = opened(explanation)
    page.click(".item:has-text('softmax') .face")
    panel = page.inner_text("#panel")
    for part in ("softmax", "Forward", "Gradient that comes in", "Backward to", "symmetric · 3×3"):
        assert part in panel
    assert page.locator("#panel table.numbers td").count() == 3 + 3 + 9
    assert page.inner_text("#source .marked").strip() == "p = cr.softmax(s)"


def test_click_on_a_wire_shows_the_sum_over_its_consumers(opened):
    page = opened(cr.explain(twice)(X))
    page.click(".item:has(button[aria-label^='h = ']) .label")
    panel = page.inner_text("#panel")
    assert "It is the sum over 3 ways" in panel
    assert page.locator("#panel table.sum tbody tr").count() == 3
    assert page.locator(".line.selected").count() >= 3


def test_composite_blocks_open_and_close(opened, explanation):
    page = opened(explanation)
    page.click(".item:has-text('softmax') .open")
    assert page.locator(".frame").count() == 1
    assert page.locator(".item").count() == 4 + 5
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.click(".frame .title")
    assert page.locator(".item").count() == 5


def test_functions_open_and_a_loop_folds(opened):
    def f(W, x):
        for _ in range(30):
            x = np.tanh(affine(W, x))
        return np.sum(x)

    page = opened(cr.explain(f)(np.eye(2), X))
    assert page.locator(".item").count() == 4
    assert "×30" in page.inner_text(".item.repeat")
    page.click(".item.repeat .face")
    assert page.locator(".item.turn").count() == 30
    page.click(".item.turn .face >> nth=0")
    page.click(".item.function .face >> nth=0")
    assert page.locator(".frame").count() == 3
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "matmul" in narration(page)


def test_hovering_a_symbol_lights_it_up_in_graph_formula_and_source(opened, explanation):
    page = opened(explanation)
    page.hover("#source [data-name=s] >> nth=0")
    assert page.locator(".item.lit").count() == 1
    assert page.locator("#world .face [data-name=s].lit").count() == 2
    assert page.locator(".line.lit").count() >= 1
    page.hover("#title")
    assert page.locator(".lit").count() == 0


def test_search_finds_blocks_and_opens_their_boxes(opened):
    def f(W, x):
        for _ in range(30):
            x = np.tanh(affine(W, x))
        return np.sum(x)

    page = opened(cr.explain(f)(np.eye(2), X))
    page.fill("#search", "x17")
    assert page.locator("#found [role=option]").count() == 1
    page.keyboard.press("Enter")
    assert page.locator(".item.selected").count() == 1
    assert page.locator(".frame.repeat").count() == 1
    page.fill("#search", "nothing has this name")
    assert "nothing found" in page.inner_text("#found")


def test_hostile_names_stay_text(opened):
    name = '<img src=x onerror="document.title=1">'

    def f(x):
        return x["<b>bold</b>"] * 2.0

    f.__name__ = name
    page = opened(cr.explain(f)({"<b>bold</b>": 1.0}))
    assert page.inner_text("h1") == name
    assert page.locator("img, b:not(#found b)").count() == 0
    assert page.title().startswith(name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_width_does_not_overflow(opened, explanation, scheme):
    page = opened(explanation, width=390, height=844, scheme=scheme)
    for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_dark_is_dark_and_can_be_switched(opened, explanation):
    page = opened(explanation, scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(paper) < 60
    page.click("#theme")
    assert page.evaluate(paper) > 200


def test_mathml_is_known_to_the_browser(opened, explanation):
    page = opened(explanation)
    core = "math mrow mi mn mo mtext mspace mfrac msub msup msubsup munder msqrt mtable mtr mtd".split()
    used = page.evaluate("[...new Set([...document.querySelectorAll('math, math *')].map(e => e.localName))]")
    assert set(used) <= set(core)
    wrong = page.evaluate(
        "[...document.querySelectorAll('mfrac, msub, msup, munder')].filter(e => e.children.length !== 2).length"
    )
    assert wrong == 0


def test_everything_can_be_reached_and_is_named(opened, explanation):
    page = opened(explanation)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, a')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.innerText.trim())).length"
    )
    assert unnamed == 0
    assert page.locator("main, header, nav, aside").count() == 4
    assert page.get_attribute("#narration", "aria-live") == "polite"
    page.focus(".item .face >> nth=0")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2")


def test_the_copy_button_copies_latex(opened, explanation):
    page = opened(explanation)
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click("#derivation li:nth-child(3) .copy")
    copied = page.evaluate("window.copied")
    assert copied.startswith("\\[\n\\begin{aligned}\n\\frac{\\partial L}{\\partial s} &=")
    assert "\\begin{bmatrix}" in copied


def test_derivation_starts_at_the_loss_and_ends_at_the_inputs(opened, explanation):
    page = opened(explanation)
    rows = page.eval_on_selector_all("#derivation li", "all => all.map(e => Number(e.dataset.step))")
    assert rows == [4, 3, 2, 0, 1]


def test_the_page_shows_the_results_of_a_check(opened, explanation):
    page = opened(explanation, check=cr.check(cross_entropy)(W, X))
    assert "every gradient agrees" in page.inner_text("#summary")
    page.click(".item:has-text('input') .face >> nth=0")
    assert page.locator("#panel .check.right").count() >= 1


def test_three_thousand_blocks_can_be_looked_at(opened):
    def layer(p, x):
        h = np.tanh(p["W"] @ x + p["b"])
        return h * p["g"] + x

    def network(params, x):
        for p in params:
            x = layer(p, x)
        return np.sum(x * x)

    rng = np.random.default_rng(0)
    params = [{"W": rng.normal(size=(2, 2)), "b": rng.normal(size=2), "g": rng.normal(size=2)} for _ in range(600)]
    explanation = cr.explain(network)(params, rng.normal(size=2))
    assert len([s for s in explanation.forward if s.formula]) > 3000
    page = opened(explanation)
    assert page.locator(".item").count() == 3
    page.click(".item.repeat .face")
    page.click(".item.group .face >> nth=0")
    page.click(".item.function .face >> nth=0")
    assert page.locator(".frame").count() == 3
    page.keyboard.press("End")
    page.fill("#search", "tanh")
    page.keyboard.press("Enter")
    assert "tanh" in page.inner_text("#panel")


def dense(X, W, b):
    a = X @ W + b
    L = np.sum(a**2)
    return L


def test_brackets_of_matrices_are_whole(opened):
    page = opened(cr.explain(dense)(np.ones((4, 3)), np.ones((3, 2)), X))
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        cut = "[...document.querySelectorAll('.term')].filter(e => e.scrollHeight > e.clientHeight).length"
        assert page.evaluate(cut) == 0


def test_a_vector_that_is_added_to_a_matrix_is_drawn_as_a_row(opened):
    page = opened(cr.explain(dense)(np.ones((4, 3)), np.ones((3, 2)), np.array([5.0, 7.0])))
    page.evaluate("chainrule.select({ step: chainrule.byName.get('a') })")
    tables = page.locator("#panel .equation >> nth=0").locator("mtable")
    rows = tables.evaluate_all("all => all.map(t => [t.children.length, t.children[0].children.length, t.textContent])")
    assert [1, 2, "57"] in rows


def squares(X, w, y):
    r = X @ w - y
    L = np.sum(r**2)
    return L


@pytest.mark.parametrize(
    ("f", "args", "names"),
    [
        (circuit, (1.0, 2.0, 3.0), ["x", "y", "z"]),
        (cross_entropy, (W, X), ["W", "x"]),
        (squares, (W, X, W[:, 0]), ["X", "w", "y"]),
    ],
)
def test_inputs_stand_in_the_order_of_the_text(opened, f, args, names):
    page = opened(cr.explain(f)(*args))
    heights = page.locator(".item.input").evaluate_all(
        "all => all.map(e => [e.getBoundingClientRect().top, e.querySelector('math').textContent])"
    )
    assert [name for _, name in sorted(heights)] == names


def test_a_closed_box_names_the_inputs_in_it(opened):
    def layer(p, x):
        return np.tanh(p["W"] @ x + p["b"])

    def network(params, x):
        for p in params:
            x = layer(p, x)
        return np.sum(x * x)

    params = [{"W": np.eye(2), "b": np.ones(2)} for _ in range(8)]
    page = opened(cr.explain(network)(params, X))
    box = page.locator(".item.closed .face", has_text="×8")
    assert "and 14 more" in box.inner_text()
    assert len(box.locator(".holds").get_attribute("title").split(", ")) == 17


def test_the_paths_behind_a_sum_are_a_tree(opened):
    page = opened(cr.explain(twice)(X))
    page.evaluate("chainrule.select({ wire: chainrule.byName.get('x') })")
    tree = page.locator("#panel ul.ways").first
    assert tree.locator("> li").count() == 2
    closed = tree.locator("> li > details > summary")
    for place in range(closed.count()):
        closed.nth(place).click()
    tree.locator("> li > details > ul.ways").nth(1).wait_for()
    assert "hands back" in tree.inner_text()


def test_each_block_of_a_gradient_stands_on_a_line_with_its_place(opened):
    page = opened(cr.explain(twice)(X))
    told = page.locator("#derivation li .aside .kind").all_inner_texts()
    line = twice.__code__.co_firstlineno
    assert f"multiply test_page.py:{line + 2}\ntanh test_page.py:{line + 1}" in told or (
        f"tanh test_page.py:{line + 1}\nmultiply test_page.py:{line + 2}" in told
    )
