"""The story: the document that the page shows, and the text of the page around it."""

import base64
import gzip
import json
import re
import sys
import webbrowser
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.explain.page import page, story
from chainrule.explain.page.local_gradients import structure
from chainrule.explain.printers import mathml, unicode
from chainrule.formula import call, cases, indicator, name, number, partial, relation, sqrt, total, unit

W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
X = np.array([1.0, -1.0])


def cross_entropy(W, x):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, 0)


def affine(W, x):
    return W @ x + 1.0


def sentence(f, *args):
    told = story(cr.explain(f)(*args))
    return told["steps"][told["loss"]]["intuition"]


def boxes(box):
    """All boxes, the outer ones first."""
    yield box
    for item in box["items"]:
        if isinstance(item, dict):
            yield from boxes(item)


def test_values_and_gradients_are_those_of_the_explanation():
    explanation = cr.explain(cross_entropy)(W, X)
    steps = story(explanation)["steps"]
    gradients = {unicode(g.name.parts[1]): g.value for g in explanation.backward}
    for step, told in zip(explanation.forward, steps, strict=False):
        assert told["value"]["numbers"] == np.ravel(step.value).tolist()
        assert told["gradient"]["numbers"] == np.ravel(gradients[unicode(step.name)]).tolist()


def test_contributions_add_up_to_the_gradient_through_composite_blocks_and_through_their_inside():
    told = story(cr.explain(lambda W, x: cross_entropy(W, x) + np.sum(np.tanh(W @ x) * x[0]))(W, X))
    for step in told["steps"][: told["count"]]:
        for inside in (False, True):
            ways = [w for w in step["ways"] if _is_taken(told["steps"], w["step"], inside)]
            if ways and "gradient" in step:
                total = sum(np.array(way["value"]["numbers"]) for way in ways)
                np.testing.assert_allclose(total, step["gradient"]["numbers"], rtol=1e-12, atol=1e-15)


def _is_taken(steps, place, inside):
    """Whether a way goes through this step if all composite blocks are closed, or open."""
    return "out" not in steps[place] if inside else "within" not in steps[place]


def test_inside_of_a_composite_block_ends_in_its_value():
    told = story(cr.explain(cross_entropy)(W, X))
    softmax = next(step for step in told["steps"] if step["block"] == "softmax")
    assert told["steps"][softmax["out"]]["value"]["numbers"] == pytest.approx(softmax["value"]["numbers"])
    within = [s["block"] for s in told["steps"] if s.get("within") == told["steps"].index(softmax)]
    assert within == ["max", "subtract", "exp", "sum", "divide"]


def stacked(*xs):
    y = np.sin(xs[0])
    s = np.stack([*xs, y])
    return np.sum(s**2)


@pytest.mark.parametrize(
    ("f", "args", "told"),
    [
        (lambda x, y: x + y, (1.0, 2.0), "Hands the gradient on to x and y, unchanged: each gets all of it."),
        (lambda x, y: x - y, (1.0, 2.0), "To x: hands the gradient on, unchanged; to y: hands the gradient on with"),
        (lambda x, y: x * y, (1.0, 2.0), "Swaps its operands: the gradient to x is multiplied by y and"),
        (lambda x: 3 * x, (2.0,), "Multiplies the gradient by 3."),
        (lambda x: np.exp(x), (0.0,), "Multiplies the gradient by its slope, here 1."),
        (lambda x: np.max(x), (np.array([1.0, 3.0]),), "Routes the gradient to what was chosen (1 of 2 entries)"),
        (lambda x: x[1], (np.array([1.0, 3.0]),), "Routes the gradient to what was chosen (1 of 2 entries)"),
        (lambda x: np.sum(x), (X,), "Gives every entry the same gradient."),
        (lambda x: np.mean(x), (X,), "Gives every entry the same gradient, times 1/2."),
        (lambda x: x @ x, (X,), "x goes in twice, so it gets the gradient twice, each time multiplied by x"),
        (lambda x: x * x, (3.0,), "x goes in twice, so it gets the gradient twice, each time multiplied by x"),
    ],
)
def test_intuition_is_read_off_the_rule(f, args, told):
    assert sentence(f, *args).startswith(told)


def test_a_gradient_with_its_sign_turned_is_told_in_words():
    def centred(x, mean):
        r = x - mean
        return np.sum(r**2)

    step = next(s for s in story(cr.explain(centred)(np.ones((3, 2)), X))["steps"] if s["name"]["t"] == "r")
    assert step["intuition"].endswith("to mean: each entry gets minus the sum of its column of the gradient.")
    step = story(cr.explain(lambda x: np.sum(np.mean(x, axis=0) ** 2))(np.ones((4, 3))))["steps"][1]
    assert step["intuition"] == "Each entry gets its column's gradient / 4."


def test_what_many_operands_get_alike_is_said_once():
    step = next(s for s in story(cr.explain(stacked)(1.0, 2.0, 3.0, 4.0, 5.0))["steps"] if s["block"] == "stack")
    assert step["intuition"].endswith(", to each of its 6 operands.")
    assert len(step["intuition"]) < 120


def test_intuition_of_a_users_block_is_read_off_its_rule():
    @cr.block
    def doubled(x):
        return 2 * x

    @doubled.backward
    def doubled_backward(dz, z, x):
        return 2 * dz

    assert sentence(doubled, 1.0) == "Multiplies the gradient by 2."


def test_relu_is_a_gate():
    told = story(cr.explain(lambda x: np.sum(cr.relu(x)))(np.array([1.0, -1.0, 2.0])))
    relu = next(step for step in told["steps"] if step["block"] == "relu")
    assert relu["intuition"].startswith("A gate: lets the gradient through where it is open (2 of 3 entries)")


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (np.eye(3), "identity"),
        (-2 * np.eye(3), "-2 × identity"),
        (np.diag([1.0, 0.0]), "diagonal of zeros and ones"),
        (np.zeros((2, 3)), "zero"),
        (np.eye(3)[[1, 2, 0]], "permutation"),
        (np.array([[2.0, 1.0], [1.0, 3.0]]), "symmetric"),
        (np.array([[2.0, 1.0], [0.0, 3.0]]), "triangular"),
        (np.kron(W, np.eye(2)), "blocks that are multiples of the 2×2 identity"),
        (np.array([[0.0], [1.0], [0.0]]), "picks one entry"),
        (np.full((2, 2), 0.5), "0.5 everywhere"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), ""),
    ],
)
def test_structure_is_named(matrix, told):
    assert structure(matrix) == told


def test_a_loop_folds_and_each_function_is_a_box():
    def f(W, x):
        for _ in range(30):
            x = np.tanh(affine(W, x))
        return np.sum(x)

    found = list(boxes(story(cr.explain(f)(np.eye(2), X))["box"]))
    (loop,) = [box for box in found if box["kind"] == "repeat"]
    assert loop["name"] == "×30"
    assert len(loop["items"]) == 30
    assert [box["name"] for box in found if box["kind"] == "function"] == ["f"] + ["affine"] * 30


def test_own_blocks_of_the_same_name_fold_only_where_they_do_the_same():
    def doubled():
        @cr.block
        def layer(x):
            return 2 * x

        return layer

    def sine():
        @cr.block
        def layer(x):
            return np.sin(x)

        return layer

    def f(x):
        for make in [doubled, sine] * 4:
            x = make()(x)
        return np.sum(x)

    found = list(boxes(story(cr.explain(f)(X))["box"]))
    assert [box["name"] for box in found if box["kind"] == "repeat"] == ["×4"]


def test_no_box_has_more_items_than_can_be_laid_out():
    def f(x):
        for i in range(300):
            x = np.sin(x) if i % 7 < i % 5 else x * 0.9
        return x

    found = list(boxes(story(cr.explain(f)(1.0))["box"]))
    assert max(len(box["items"]) for box in found) <= 40
    steps = [item for box in found for item in box["items"] if isinstance(item, int)]
    assert sorted(steps) == list(range(302 - 1))


def test_text_of_users_cannot_end_the_script_nor_start_an_element():
    title = '</script><img src=x onerror="alert(1)"><!--'

    def f(x):
        return x * x

    f.__name__ = title
    text = page(cr.explain(f)(2.0))
    assert title not in text
    assert len(re.findall(r"<script", text)) == len(re.findall(r"</script>", text)) == 3
    (told,) = re.findall(r'<script id="story" type="application/json">(.*?)</script>', text)
    assert json.loads(told)["title"] == title


def test_page_names_no_path_of_the_disk():
    assert str(__file__).rpartition("/")[0] not in page(cr.explain(cross_entropy)(W, X))


def test_nan_and_infinity_are_words():
    with np.errstate(divide="ignore"):
        told = story(cr.explain(lambda x: np.sum(np.log(x)))(np.array([0.0, 1.0])))
    log = next(step for step in told["steps"] if step["block"] == "log")
    assert log["value"]["numbers"] == ["-Infinity", 0.0]
    json.dumps(told, allow_nan=False)


def test_page_of_a_small_graph_is_small():
    assert len(page(cr.explain(cross_entropy)(W, X)).encode()) < 300_000


def test_the_story_has_the_results_of_a_check():
    explanation = cr.explain(cross_entropy)(W, X)
    told = story(explanation, cr.check(cross_entropy)(W, X))["check"]
    assert told["ok"] is True
    assert {"W", "x"} <= told["of"].keys()
    assert story(explanation)["check"] is None


a, b = name("a"), name("W_2", (2, 2))


@pytest.mark.parametrize(
    "formula",
    [
        a + b - 1,
        -(a * b) / (a - b),
        a**2 @ b.T,
        partial(name("L"), a),
        call("max", a, index="i"),
        total(a * b, "i"),
        sqrt(a),
        abs(a),
        indicator(relation("≤", a, 0)),
        cases(relation("<", a, 0), a, b),
        unit("0", 3),
        number("[[1 -2] [3e-05 inf]]"),
        name("<b>&"),
        b.at("<0>"),
    ],
)
def test_mathml_is_well_formed_with_the_right_number_of_parts(formula):
    root = ElementTree.fromstring(f"<math>{mathml(formula)}</math>")
    for element in root.iter():
        wanted = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2}.get(element.tag)
        assert wanted is None or len(element) == wanted, element.tag
    text = "".join(root.itertext())
    assert "None" not in text


def test_mathml_writes_greek_letters_indices_and_signs():
    text = "".join(ElementTree.fromstring(f"<math>{mathml(name('theta_1') - number('-2'))}</math>").itertext())
    assert text in ("θ1+2", "θ1−−2")


def test_command_writes_the_page_and_opens_it(tmp_path, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    path = tmp_path / "page.html"
    assert main(["explain", "x*x", "x=3", "--html", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert shown == []
    assert main(["explain", "x*x", "x=3", "--html", str(path), "--open"]) == 0
    assert shown == [path.as_uri()]


def test_large_stories_are_compressed(monkeypatch):
    monkeypatch.setattr(sys.modules[page.__module__], "LARGE", 0)
    explanation = cr.explain(cross_entropy)(W, X)
    (packed,) = re.findall(r'<script id="story" type="application/gzip">(.*?)</script>', page(explanation))
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == story(explanation)


def test_a_transpose_hands_every_entry_back():
    told = story(cr.explain(lambda A: np.sum(A.T * np.arange(2.0)))(np.ones((2, 3))))
    (transpose,) = [step for step in told["steps"] if step["block"] == "transpose"]
    assert "back to where it came from" in transpose["intuition"]
