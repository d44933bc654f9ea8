"""Documents and fragments in LaTeX: KaTeX, which is strict, renders all of them; Markdown has what GitHub allows."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain.printers import latex
from chainrule.formula import name
from explain.functions import FUNCTIONS
from explain.tex import typeset

RENDER = """
const katex = require("katex");
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const wrong = [];
for (const text of texts) {
  const macros = {"\\\\fitted": "#1"};  // of the documents' preamble
  try { katex.renderToString(text, {displayMode: true, throwOnError: true, strict: "error", macros}); }
  catch (error) { wrong.push(text + "  :  " + error.message); }
}
console.log(JSON.stringify(wrong));
"""


def rendering_errors(texts):
    """What KaTeX says of each text that it cannot render."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    done = subprocess.run(["node", "-e", RENDER], input=json.dumps(texts), capture_output=True, text=True)
    if "Cannot find module 'katex'" in done.stderr:
        pytest.skip("KaTeX is not installed (npm install katex, and its folder in NODE_PATH)")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def explained(name):
    return cr.explain(FUNCTIONS[name].f)(**FUNCTIONS[name].arguments())


@pytest.fixture(scope="module")
def explanations():
    return {name: explained(name) for name in FUNCTIONS}


def test_katex_renders_every_fragment(explanations):
    texts = [
        fragment.latex()
        for explanation in explanations.values()
        for fragment in (*explanation.forward, *explanation.backward, *explanation.closed_forms)
    ]
    assert len(texts) > 1000
    assert rendering_errors(texts) == []


def test_katex_renders_every_formula_of_the_documents(explanations):
    texts = []
    for explanation in explanations.values():
        document = explanation.latex()
        texts += re.findall(r"\\\[\n(.*?)\n\\\]", document, re.DOTALL)
        texts += re.findall(r"\\begin\{align\*\}.*?\\end\{align\*\}", document, re.DOTALL)
        markdown = explanation.markdown()
        texts += re.findall(r"```math\n(.*?)\n```", markdown, re.DOTALL)
        texts += re.findall(r"\$`(.*?)`\$", markdown)
    assert len(texts) > 3000
    assert rendering_errors(sorted(set(texts))) == []


def test_a_step_a_gradient_and_a_closed_form_are_equations():
    def loss(x, y):
        r = x - y
        return np.sum(r**2)

    explanation = cr.explain(loss)(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    step = next(s for s in explanation.forward if s.name.text == "r")
    assert step.latex() == r"r = x - y = \begin{bmatrix} 1 \\ 1 \end{bmatrix}"
    form = next(c for c in explanation.closed_forms if c.name.parts[1].text == "x")
    assert form.latex() == r"\frac{\partial L}{\partial x} = 2 \cdot r"
    gradient = next(g for g in explanation.backward if g.name.parts[1].text == "x")
    assert gradient.latex().startswith(r"\begin{aligned}")
    assert rf"{latex(gradient.name)} &= " in gradient.latex()


def unbroken(text):
    """A document without the ends of its lines, for reading what was broken into several."""
    for sign in ("\\right.", "\\left.", "\\quad", "\\\\", "&", "\n", " "):
        text = text.replace(sign, "")
    return text


def test_fragments_are_what_the_document_is_made_of(explanations):
    for explanation in explanations.values():
        document = explanation.latex(fold=False)
        plain = unbroken(document)
        for gradient in explanation.backward:
            assert gradient.latex() in document
        for form in explanation.closed_forms:
            assert unbroken(form.latex()) in plain


def test_markdown_has_no_macro_that_github_refuses(explanations):
    for explanation in explanations.values():
        text = explanation.markdown()
        assert "\\operatorname" not in text
        assert not re.search(r"\\(newcommand|def|mathchoice|htmlClass|href)\b", text)


def test_inline_formulas_of_markdown_keep_their_backslashes(explanations):
    """GitHub takes backslashes between dollars for its own; between dollars and backticks it leaves them alone."""
    for explanation in explanations.values():
        outside = re.sub(r"\$`[^`\n]*`\$|```math\n.*?\n```|`[^`\n]*`", "", explanation.markdown(), flags=re.DOTALL)
        assert "$" not in outside
        assert "\\" not in outside


def test_rows_of_markdown_tables_have_as_many_cells_as_their_heads(explanations):
    for explanation in explanations.values():
        rows = [line for line in explanation.markdown().splitlines() if line.startswith("|")]
        assert {line.count("|") for line in rows} == {7}


def test_an_entry_of_an_entry_and_of_a_numbered_name_is_latex():
    W2 = name("W2", (3, 3))
    assert latex(W2.at("0").at("1")) == "{{W_{2}}_{0}}_{1}"


# What a document shows -------------------------------------------------------------------------------------------


def neuron(w, b):
    theta = w * 1.5 + b
    y_hat = 1 / (1 + np.exp(-theta))
    return (y_hat - 1) ** 2


def test_greek_names_and_hats_are_commands():
    document = cr.explain(neuron)(0.712345678912, 0.1).latex()
    assert r"\partial \theta" in document
    assert r"\hat{y}" in document
    assert "theta}" not in document.replace(r"\theta}", "")


def test_a_document_without_symbols_has_numbers_only_and_one_without_numbers_has_symbols_only():
    explanation = cr.explain(neuron)(0.712345678912, 0.1)
    numbers, symbols = explanation.latex(symbols=False), explanation.latex(numbers=False)
    assert r"\cdot" not in numbers.split("Closed forms")[0]
    assert r"\left[" not in numbers
    assert not re.search(r"\d\.\d{3}", symbols)
    assert r"\cdot" in symbols


def test_a_document_has_as_many_digits_as_it_is_asked_for():
    explanation = cr.explain(neuron)(0.712345678912, 0.1)
    theta = explanation["theta"].step.value
    gradient = explanation["b"].gradient.value  # 1 × ∂L/∂theta
    for digits in (2, 4, 9):
        document = explanation.latex(digits=digits)
        assert f"= {theta:.{digits}g}" in document
        assert f"= {gradient:.{digits}g}" in document
        assert rf"1 \times {gradient:.{digits}g}" in document
    assert f"{theta:.9g}" not in explanation.latex()


def test_steps_local_gradients_and_the_title_may_be_left_out():
    explanation = cr.explain(neuron)(0.712345678912, 0.1)
    whole = explanation.latex()
    assert r"\section*{neuron}" in whole
    assert r"\left[" in whole
    assert r"\section*{A neuron}" in explanation.latex(title="A neuron")
    assert r"\section*" not in explanation.latex(title="")
    assert "Backward pass" not in explanation.latex(steps=False)
    assert "Closed forms" in explanation.latex(steps=False)
    assert r"\left[" not in explanation.latex(local_gradients=False)
    for option in ({"steps": False}, {"numbers": False}, {"local_gradients": False}, {"title": ""}):
        assert len(explanation.markdown(**option)) < len(explanation.markdown())


def recurrent(W, b):
    h = np.zeros(2)
    for x in (0.1, 0.2, 0.3, 0.4) * 8:
        h = np.tanh(W @ h + b * x)
    return np.sum(h**2)


def twelve_layers(x, *Ws):
    for W in Ws:
        x = np.maximum(W @ x, 0)
    return np.sum(x**2)


def dense(W, b, x):
    s = W @ x
    t = s + b
    h = np.tanh(t)
    n = h / np.sqrt(np.sum(h**2))
    return n


def three_dense(W1, W2, W3, b, x):
    x = dense(W1, b, x)
    x = dense(W2, b, x)
    x = dense(W3, b, x)
    y = np.exp(x) * x + np.sin(x) * np.cos(x) + x * b
    z = np.exp(y) * y + np.sin(y) * np.cos(y) + y * b
    return np.sum(z * y)


LAYERS = [np.eye(2) + 0.1 * i for i in range(12)]
LONG = {
    "rounds of a loop": (recurrent, (np.eye(2) / 2, np.ones(2)), "30 more rounds of the same steps"),
    "layers": (twelve_layers, (np.ones(2), *LAYERS), "10 inputs of the folded steps"),
    "calls": (three_dense, (*LAYERS[:3], np.ones(2), np.ones(2)), "more steps of dense as before"),
}


@pytest.mark.parametrize("what", LONG)
def test_documents_are_folded_as_the_text_is(what):
    f, args, told = LONG[what]
    explanation = cr.explain(f)(*args)
    for whole, folded in (
        (explanation.latex(fold=False), explanation.latex()),
        (explanation.markdown(fold=False), explanation.markdown()),
        (explanation.text(fold=False), " ".join(explanation.text().split())),
    ):
        assert told in folded
        assert told not in whole
        assert len(folded) < 0.85 * len(whole)


def test_what_folded_calls_return_is_still_shown():
    f, args, _ = LONG["calls"]
    explanation = cr.explain(f)(*args)
    shown = explanation.markdown()
    results = [step for step in explanation.forward if step.name.text in ("n", "n2", "n3")]
    assert len(results) == 3
    assert all(step.latex().split(" = ")[0] in shown for step in results)


# With TeX --------------------------------------------------------------------------------------------------------


def together(documents):
    """Several documents as one."""
    bodies = [document.split(r"\begin{document}")[1].split(r"\end{document}")[0] for document in documents]
    return documents[0].split(r"\begin{document}")[0] + r"\begin{document}" + "\n".join(bodies) + "\\end{document}\n"


def wide(x):
    """Formulas, names and values that are wider than a page."""
    a_rather_long_name_of_a_value = np.exp(x) / (1 + np.exp(x)) * 1234.5678
    another_name_that_is_just_as_long = np.outer(a_rather_long_name_of_a_value, x) * 1.23456e-7
    y = another_name_that_is_just_as_long[0] * x + a_rather_long_name_of_a_value * x - x * x * x + x / 3
    return np.sum(y + a_rather_long_name_of_a_value + y * y + another_name_that_is_just_as_long[1] * y)


def test_tex_sets_every_document_without_an_error_and_nothing_is_wider_than_the_page(tmp_path):
    documents = [explained(name).latex() for name in list(FUNCTIONS)[::4]]
    documents += [cr.explain(f)(*args).latex() for f, args, _ in LONG.values()]
    documents += [cr.explain(wide)(np.linspace(1, 2, 8)).latex(digits=digits) for digits in (2, 4, 12)]
    told = typeset(together(documents), tmp_path)
    assert [line for line in told if line.startswith(("!", "Overfull"))] == []
