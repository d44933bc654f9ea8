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

RENDER = """
const katex = require("katex");
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const wrong = [];
for (const text of texts) {
  try { katex.renderToString(text, {displayMode: true, throwOnError: true, strict: "error"}); }
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


def test_fragments_are_what_the_document_is_made_of(explanations):
    for explanation in explanations.values():
        document = explanation.latex()
        for gradient in explanation.backward:
            assert gradient.latex() in document
        for form in explanation.closed_forms:
            assert form.latex() in document.replace("&= ", "= ")


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
