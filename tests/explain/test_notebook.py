"""What notebooks show of explanations, arrays and reports."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr

# What JupyterLab leaves of the output of an untrusted notebook (packages/apputils/src/sanitizer.ts there); of its long
# lists only what we use.
TAGS = {"b", "details", "div", "img", "p", "pre", "summary", "table", "tbody", "td", "th", "thead", "tr"}
ATTRIBUTES = {"style", "alt", "src", "open"}


class Tags(HTMLParser):
    """Collects the tags and attributes of a text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

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


@pytest.mark.parametrize("name", ["explanation", "input", "array", "report", "wrong report"])
def test_html_without_scripts_and_styles_is_what_sanitizers_leave_alone(shown, name):
    found = Tags(re.sub("<(style|iframe).*?</\\1>", "", shown[name]["text/html"], flags=re.DOTALL))
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES


def test_plain_text_is_what_print_writes():
    for thing in things().values():
        assert thing._repr_mimebundle_()["text/plain"] == repr(thing)


def test_marimo_gets_the_html(shown):
    mime, html = cr.explain(loss)(W, x)._mime_()
    assert mime == "text/html"
    assert html == shown["explanation"]["text/html"]


def test_only_what_is_asked_for_is_returned():
    assert cr.variable(1.0)._repr_mimebundle_(include={"text/html"}).keys() == {"text/html"}
    assert cr.variable(1.0)._repr_mimebundle_(exclude={"text/html"}).keys() == {"text/plain"}


def test_the_graph_is_an_image_of_data(shown):
    (data,) = re.findall('<img [^>]*src="data:image/svg[+]xml;base64,([^"]*)"', shown["explanation"]["text/html"])
    assert base64.b64decode(data).decode() == cr.explain(loss)(W, x).svg()


def test_tables_have_formulas_values_and_closed_forms(shown):
    text = "\n".join(Tags(shown["explanation"]["text/html"]).texts)
    for told in ("W x", "logsumexp(s) − s[0]", "(softmax(s) − e₀)·∂L/∂L", "= (softmax(s) − e₀) xᵀ", "[1 3 5]"):
        assert told in text


def test_an_array_tells_its_value_where_it_comes_from_and_its_gradient():
    x = cr.variable([1.0, 2.0], name="x")
    y = 3 * x
    np.sum(y * y).backward()
    texts = Tags(y._repr_mimebundle_()["text/html"]).texts
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
    assert len(bundle["text/html"]) < 100_000
