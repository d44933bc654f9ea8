"""Pictures of the graph: SVG and Graphviz."""

import shlex
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain import values
from explain.command import run
from explain.tex import typeset
from work_done import calls_of

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


def few_steps(x):
    h = np.tanh(x)
    return np.sum(h * h + x * h)


def long_sum(x):
    """Each term is added to the sum of those before it, so wires from x cross as many columns as there are terms."""
    total = 0.0
    for i in range(150):
        total = total + np.sin(x[0] * i)
    return total


def wide_sum(x):
    """All terms stand below each other."""
    return np.sum(np.stack([np.sin(x * i) for i in range(120)]))


def chain(x):
    for _ in range(600):
        x = np.tanh(x)
    return np.sum(x)


@pytest.mark.parametrize("f", [few_steps, long_sum, wide_sum, chain])
def test_every_wire_joins_its_boxes_from_left_to_right_and_no_two_boxes_overlap(f):
    explanation = cr.explain(f)(X)
    root = ElementTree.fromstring(explanation.svg(fold=False))
    boxes = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iter(f"{SVG}rect")]
    assert len(boxes) == len(explanation.forward)
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    left, top, width, height = map(float, root.get("viewBox").split())
    assert min(x for x, *_ in boxes) == pytest.approx(left + 20, abs=0.6)
    assert all(top <= y and y + h <= top + height and x + w <= left + width for x, y, w, h in boxes)
    edges = [(source, i) for i, step in enumerate(explanation.forward) for source in dict.fromkeys(step.operands)]
    for (source, target), line in zip(edges, root.iter(f"{SVG}polyline"), strict=True):
        points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        (x, y, w, h), (x2, y2, _, h2) = boxes[source], boxes[target]
        assert points[0][1] == pytest.approx(y + h / 2, abs=0.2)
        assert points[0][0] >= x + w
        assert points[-1][0] == pytest.approx(x2, abs=0.2)
        assert y2 <= points[-1][1] <= y2 + h2


def unnamed_terms(count):
    """A function of so many terms without a name, fifty in a pair of parentheses."""
    terms = [f"np.sin(x * {i}.5)" for i in range(count)]
    while len(terms) > 1:
        terms = [f"({' + '.join(terms[i : i + 50])})" for i in range(0, len(terms), 50)]
    scope = {"np": np}
    exec(compile(f"def f(x):\n    return {terms[0]}", "<terms>", "exec"), scope)
    return scope["f"]


@pytest.mark.parametrize("output", ["svg", "dot", "code"])
def test_a_sum_of_many_unnamed_terms_is_written_in_linear_time(output):
    def calls(count):
        explanation = cr.explain(unnamed_terms(count))(1.0)
        return calls_of(lambda: getattr(explanation, output)(*["numpy"] * (output == "code")))

    assert calls(80) < 8 * calls(20)  # 16 times, if it were quadratic


def test_code_of_a_long_sum_has_short_lines_and_its_value():
    f = unnamed_terms(200)
    code = cr.explain(f)(1.0).code("numpy")
    assert max(map(len, code.splitlines())) < 120
    scope = {}
    exec(code, scope)
    value, gradient = scope["f_and_gradient"](0.7)
    assert value == pytest.approx(f(0.7), rel=1e-12)
    assert gradient == pytest.approx(sum((i + 0.5) * np.cos(0.7 * (i + 0.5)) for i in range(200)), rel=1e-12)


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
    assert run(*shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out == (root / "docs" / "cross_entropy.svg").read_text()


# Folded, downwards, as wide as asked for ------------------------------------------------------------------------------


def layer(W, x):
    s = W @ x
    h = np.tanh(s)
    n = h / np.sqrt(np.sum(h * h))
    return n + x


def network(W1, W2, W3, W4, x):
    for W in (W1, W2, W3, W4):
        x = layer(W, x)
    y = layer(W1, np.exp(x))
    return np.sum(y * x) + np.sum(np.exp(y) * x) + np.sum(np.sin(x))


def rounds(W, b):
    h = np.zeros(2)
    for x in np.linspace(0, 1, 30):
        h = np.tanh(W @ h + b * x)
    return np.sum(h**2)


LONG = {
    "network": (network, (*(np.eye(2) + 0.1 * i for i in range(4)), X)),
    "rounds": (rounds, (np.eye(2) / 2, X)),
    "chain": (chain, (X,)),
}


def drawn(svg):
    """Width and height, the boxes, and the ends of the wires."""
    root = ElementTree.fromstring(svg)
    boxes = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.iter(f"{SVG}rect")]
    lines = [
        [tuple(map(float, p.split(","))) for p in line.get("points").split()] for line in root.iter(f"{SVG}polyline")
    ]
    return float(root.get("width")), float(root.get("height")), boxes, lines


@pytest.mark.parametrize("name", LONG)
def test_a_long_function_is_folded_to_few_boxes(name):
    f, args = LONG[name]
    explanation = cr.explain(f)(*args)
    _, _, boxes, _ = drawn(explanation.svg())
    _, _, every, _ = drawn(explanation.svg(fold=False))
    assert len(boxes) <= 30 < len(every) == len(explanation.forward)
    assert explanation.dot().count(" [label=") < explanation.dot(fold=False).count(" [label=")


def test_folded_boxes_are_functions_and_rounds_with_the_numbers_of_their_results():
    f, args = LONG["network"]
    explanation = cr.explain(f)(*args)
    assert "layer" in texts(explanation.svg(width=700))
    f, args = LONG["rounds"]
    told = texts(cr.explain(f)(*args).svg())
    assert "28 more rounds" in told
    explanation = cr.explain(f)(*args)
    h29 = explanation["h29"]
    (value,) = values.lines(h29.step.value)
    (gradient,) = values.lines(h29.gradient.value)
    assert value in told
    assert gradient in told


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("width", [360, 800, 3000])
def test_a_picture_is_not_wider_than_asked_for(name, width):
    f, args = LONG[name]
    explanation = cr.explain(f)(*args)
    assert drawn(explanation.svg(width=width))[0] <= width
    assert f'size="{width / 96:.2f},1000"' in explanation.dot(width=width)


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("direction", ["right", "down"])
def test_every_wire_ends_at_a_box_that_stands_in_its_direction(name, direction):
    f, args = LONG[name]
    explanation = cr.explain(f)(*args)
    _, _, boxes, lines = drawn(explanation.svg(direction=direction))
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    for points in lines:
        x, y = points[-1]
        if direction == "right":
            assert any(abs(x - left) < 0.2 and top <= y <= top + h for left, top, _, h in boxes)
            assert points[0][0] < x
        else:
            assert any(abs(y - top) < 0.2 and left <= x <= left + w for left, top, w, _ in boxes)
            assert points[0][1] < y
    assert len(lines) >= len(boxes) - 1 - len(args)


def test_a_direction_that_is_none_is_refused():
    with pytest.raises(ValueError, match="direction must be 'right' or 'down', not 'up'"):
        cr.explain(loss)(W, X).svg(direction="up")


# Frames --------------------------------------------------------------------------------------------------------------


def test_frames_show_one_more_value_or_gradient_each_and_have_one_size():
    explanation = cr.explain(loss)(W, X)
    frames = explanation.frames()
    assert len(frames) == 1 + 3 + 5
    counts = [(len(texts(frame, "value")), len(texts(frame, "gradient"))) for frame in frames]
    assert counts == sorted(counts)
    assert counts[0][1] == counts[3][1] == 0
    assert counts[3][0] == counts[-1][0] == len(texts(explanation.svg(), "value"))
    assert counts[-1][1] == len(texts(explanation.svg(), "gradient"))
    assert len({drawn(frame)[:2] for frame in frames}) == 1
    for frame, told in zip(
        frames, ["The inputs", "s = W x", "p = softmax(s)", "L = −log(p[0])", "∂L/∂L = 1"], strict=False
    ):
        assert told in texts(frame)
    assert "∂L/∂p = ∂[−log(p[0])]/∂p · ∂L/∂L" in texts(frames[5])


def test_the_command_writes_a_numbered_file_for_each_step(capsys, tmp_path):
    command = ["explain", "s = W @ x; p = softmax(s); L = sum(p**2)", "W=[[1,2],[3,4]]", "x=[1,-1]"]
    assert run(*command, "--frames", str(tmp_path / "slides")) == 0
    names = sorted(path.name for path in (tmp_path / "slides").iterdir())
    assert names == [f"{i:02}.svg" for i in range(1, len(names) + 1)]
    assert capsys.readouterr().out.split() == [str(tmp_path / "slides" / name) for name in names]
    assert run(*command, "--tikz", "--frames", str(tmp_path / "tex"), "--direction", "down") == 0
    assert all(path.read_text().startswith("% The computation graph") for path in (tmp_path / "tex").iterdir())
    capsys.readouterr()
    assert run(*command, "--latex", "--frames", str(tmp_path / "no")) == 2
    assert run(*command, "--width", "300") == 2
    assert capsys.readouterr().err.splitlines()[-1] == "chainrule: --width goes with --svg, --dot, --tikz or --frames"
    assert not (tmp_path / "no").exists()


# TikZ ----------------------------------------------------------------------------------------------------------------


def test_tikz_has_a_box_for_each_step_and_is_set_by_tex(tmp_path):
    explanations = [cr.explain(loss)(W, X), *(cr.explain(f)(*args) for f, args in LONG.values())]
    assert explanations[0].tikz().count("rounded corners") == len(explanations[0].forward)
    pictures = [e.tikz(direction=way) for e in explanations for way in ("right", "down")]
    pictures += [*explanations[0].frames("tikz"), hostile().tikz()]
    body = "\n\n\\noindent\n".join(pictures)
    told = typeset(
        "\\documentclass{article}\\usepackage{tikz,amsmath}\\begin{document}\\noindent\n" + body + "\\end{document}\n",
        tmp_path,
    )
    assert [line for line in told if line.startswith(("!", "Overfull"))] == []


def hostile():
    """A function and values with names that mean something to TeX."""
    title = "50% of_{x} & \\input{y} #1 $z$ ~^"

    def f(**parameters):
        return np.sum(parameters["a_b%$\\end{document}"] ** 2)

    f.__name__ = title
    return cr.explain(f)(**{"a_b%$\\end{document}": X})
