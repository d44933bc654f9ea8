"""Pictures of the graph: SVG and Graphviz."""

import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main

SVG = "{http://www.w3.org/2000/svg}"
W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
X = np.array([1.0, -1.0])


def loss(W, x):
    s = W @ x
    p = cr.softmax(s)
    return cr.cross_entropy_loss(p, 0)


def texts(svg, kind=None):
    root = ElementTree.fromstring(svg)
    return [t.text for t in root.iter(f"{SVG}text") if kind is None or t.get("class") == kind]


def test_svg_has_a_box_for_each_step_and_its_numbers():
    explanation = cr.explain(loss)(W, X)
    svg = explanation.svg()
    root = ElementTree.fromstring(svg)
    assert len(list(root.iter(f"{SVG}rect"))) == len(explanation.forward)
    assert len(list(root.iter(f"{SVG}polyline"))) == 4
    assert {"W", "x", "s = W x", "p = softmax(s)"} <= set(texts(svg))
    assert "[1 -1]" in texts(svg, "value")
    assert "[2 2]" in texts(svg, "gradient")  # Wᵀ (p − e₀) with p = 1/3 each


def test_every_wire_starts_at_its_box_and_no_two_boxes_overlap():
    def f(x):
        h = np.tanh(x)
        return np.sum(h * h + x * h)

    root = ElementTree.fromstring(cr.explain(f)(X).svg())
    boxes = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iter(f"{SVG}rect")]
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    middles = {round(y + h / 2, 1) for _, y, _, h in boxes}
    for line in root.iter(f"{SVG}polyline"):
        assert round(float(line.get("points").split()[0].split(",")[1]), 1) in middles


def test_names_of_users_stay_text():
    title = '<script>alert("x")</script>'

    def f(x):
        return x * x

    f.__name__ = title
    svg = cr.explain(f)(2.0).svg()
    assert "<script" not in svg
    assert title in ElementTree.fromstring(svg).find(f"{SVG}title").text


@pytest.mark.parametrize("f", [lambda x: np.sum(x), lambda x: x[0] * 1.0, lambda x: np.sum(np.outer(x, x) @ x)])
def test_large_arrays_are_summarised(f):
    svg = cr.explain(f)(np.linspace(0, 1, 500)).svg()
    assert any("mean" in text for text in texts(svg, "value"))
    assert len(svg) < 20_000


def test_dot_names_each_box_once_and_each_wire():
    text = cr.explain(loss)(W, X).dot()
    assert text.startswith("digraph")
    assert text.count("[label=") == 5 + 4
    assert 'n0 -> n2 [label="[1 2]\\n[3 4]\\n[5 6]\\n∂ [-0.6667  0.6667]' in text


def test_the_picture_in_the_readme_is_what_its_command_prints(capsys):
    root = Path(__file__).parents[2]
    line = next(line for line in (root / "README.md").read_text().splitlines() if line.endswith("--svg"))
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out == (root / "docs" / "cross_entropy.svg").read_text()
