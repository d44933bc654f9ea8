"""A name stays a name: in every place where one can stand, in every output, whatever it is."""

import ast
import io
import re
import shutil
import subprocess
import tokenize
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from markdown_it import MarkdownIt

import chainrule as cr
from chainrule.errors import ChainruleError

TEX = ["\\input{/etc/passwd}", "\\write18{id}", "\\end{document}", "\\", "\\\\", *"^_~$%#&{}", "$$", "{}"]
CONTROLS = ["a\nb", "a\r", "\t", "\0", "\x07", "\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "\u2028", "\x85", "\u202ecba"]
CONTROLS += ["\u2066", "\u200b", "\ud800"]
MARKDOWN = ["`", "``", "```", "~~~", "`$", "$`", "[x](javascript:alert(1))", "![x](y)", "|", "||", "<br>", "# x", "* x"]
HTML = ["<script>window.pwned=1</script>", "</script>", "<img src=x onerror=window.pwned=1>", "<!--", "-->", "]]>"]
HTML += ['" onload="window.pwned=1', "&lt;", "<b>"]
PYTHON = ['"""', "'''", '"', "'", '""" + str(pwned()) + """', "); pwned(", "=pwned()", "{pwned()}", "${pwned()}"]
PYTHON += ["#\npwned()", "\\u0022", '\\"', *"class lambda None np torch jnp saved ctx L dL 1x".split()]
DOT = ["\\N", "\\l", "n0 -> n1", '"]; evil [label="']
OTHERS = ["", " ", "x y", "-", "a-b", "a;b", "x'y", *"éж名😀ﬁα×∂…=,()[]", "==", "inf", "nan"]
OTHERS += ["θx", "∂L", "Σ_", "x⁺⁺", "x⁺₋", "y′′", "x₀₁", "xᵀ⁻¹", "ℱx"]
PIECES = [*TEX, *CONTROLS, *MARKDOWN, *HTML, *PYTHON, *DOT, *OTHERS]
NAMES = list(dict.fromkeys([*PIECES, *(f"x{piece}" for piece in PIECES[::9])]))
assert len(NAMES) >= 100
FEW = NAMES[::4]


def explained(name):
    """An explanation in which the name is a function's, a block's, a file's, a variable's, a key and an argument."""

    def rule(x):
        return 2 * x

    rule.__name__ = name
    block = cr.block(rule)
    block.backward(lambda dz, z, x: 2 * dz)
    source = "def inner(v):\n    w = v * 3.0\n    return w\n"
    source += "def f(p, **k):\n    return inner(block(p[name])) * k[name]\n"
    space = {"block": block, "name": name}
    exec(compile(source, f"{name}.py".replace("\0", "\\0"), "exec"), space)
    f, inner = space["f"], space["inner"]
    inner.__code__ = inner.__code__.replace(co_name=name, co_varnames=("v", name or "w"))
    f.__name__ = f.__qualname__ = name
    return cr.explain(f)({name: 2.0}, **{name: 5.0})


@pytest.fixture(scope="module")
def explanations():
    return {name: explained(name) for name in NAMES}


def allowed_in_a_terminal(text):
    return all(c.isprintable() or c == "\n" for c in text)


def test_no_output_has_a_character_that_cannot_be_printed(explanations):
    for name, explanation in explanations.items():
        for output in (str, cr.Explanation.latex, cr.Explanation.markdown, cr.Explanation.svg, cr.Explanation.dot):
            assert allowed_in_a_terminal(output(explanation)), (name, output)
        assert allowed_in_a_terminal(str(explanation.health())), name


def test_a_name_makes_no_line_of_its_own(explanations):
    plain = str(explained("x")).count("\n")
    assert str(explanations["a\nb"]).count("\n") == plain


# Code ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_generated_code_has_the_statements_of_a_harmless_name(explanations, library):
    def outline(text):
        tree = ast.parse(text)
        found = {type(n).__name__ for n in ast.walk(tree)}
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        return [type(s).__name__ for s in tree.body if not isinstance(s, ast.Import)], found, len(calls)

    expected = None
    for name in ["x", *(NAMES if library == "numpy" else FEW)]:
        explanation = explanations.get(name) or explained(name)
        code = explanation.code(library)
        statements, kinds, calls = outline(code)
        expected = expected or (statements, calls)
        assert statements == expected[0], name
        assert calls <= expected[1], (name, code)
        assert "pwned(" not in _without_strings(code), name
        assert "Lambda" not in kinds, name
        assert allowed_in_a_terminal(code)


def test_generated_code_of_a_hostile_name_runs(explanations):
    for name in NAMES:
        space = {}
        exec(explanations[name].code("numpy"), space)
        run = next(f for key, f in space.items() if key.endswith("_and_gradient"))
        value, _ = run({name: 2.0}, 5.0)
        assert value == 60, name


def test_a_key_whose_text_is_code_is_refused():
    class Key(str):
        __slots__ = ()

        def __repr__(self):
            return "pwned()"

    with pytest.raises(ChainruleError, match="key"):
        cr.explain(lambda p: p[Key("a")] * 2)({Key("a"): 2.0}).code("numpy")


def _without_strings(code):
    """The words and signs of a program that are no text."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return "".join(token.string for token in tokens if token.type != tokenize.STRING)


# LaTeX ---------------------------------------------------------------------------------------------------------------

COMMANDS = """
    documentclass usepackage setcounter begin end section subsection frac partial left right cdot times odot quad ldots
    text mathrm operatorname top sum backslash wedge sim grave vert textbackslash textasciicircum textasciitilde
    textasciigrave textless textgreater textbar alpha lambda theta Sigma dots infty to ne le ge prime mathcal
    allowdisplaybreaks mathbf land lor hat bar tilde dot ddot
    formula newsavebox newcommand fitted sbox usebox resizebox linewidth displaystyle ifdim wd else fi
""".split()


def test_latex_has_no_command_of_a_users(explanations):
    for name, explanation in explanations.items():
        used = set(re.findall(r"\\([A-Za-z]+)", explanation.latex()))
        assert used <= set(COMMANDS), (name, used - set(COMMANDS))
        assert explanation.latex().isascii() or "\\documentclass" in explanation.latex()


@pytest.mark.skipif(not (shutil.which("pdflatex") or shutil.which("tectonic")), reason="no TeX engine is installed")
def test_latex_compiles(explanations, tmp_path):
    body = re.compile(r"\\begin\{document\}(.*)\\end\{document\}", re.DOTALL)
    parts = [body.search(explanation.latex())[1] for explanation in explanations.values()]
    head = explanations["$"].latex().partition(r"\begin{document}")[0]
    text = head + r"\begin{document}" + "\n".join(parts) + r"\end{document}"
    (tmp_path / "all.tex").write_text(text, encoding="utf-8")
    if engine := shutil.which("pdflatex"):
        command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    else:
        command = ["tectonic", "--untrusted", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


# Markdown, HTML, SVG, DOT ---------------------------------------------------------------------------------------------


def test_markdown_renders_without_html_links_or_torn_tables(explanations):
    render = MarkdownIt("commonmark", {"html": True}).enable("table")
    cells = None
    for name in ["x", *NAMES]:
        tokens = render.parse((explanations.get(name) or explained(name)).markdown())
        flat = [t for token in tokens for t in [token, *(token.children or [])]]
        kinds = {t.type for t in flat}
        assert kinds.isdisjoint({"html_block", "html_inline", "link_open", "image"}), name
        found = sum(t.type in ("td_open", "th_open") for t in flat), sum(t.type == "fence" for t in flat)
        cells = cells or found
        assert found == cells, name


def test_svg_is_xml_of_the_elements_that_are_drawn(explanations):
    known = {"svg", "title", "desc", "style", "defs", "marker", "path", "polyline", "rect", "text"}
    for name, explanation in explanations.items():
        tree = ElementTree.fromstring(explanation.svg())
        assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= known, name
        assert not any(key.startswith("on") for element in tree.iter() for key in element.attrib), name


DOT_LINE = re.compile(r'  n\d+( -> n\d+)? \[label="(?:[^"\\]|\\.)*"\];')


def test_dot_has_only_nodes_edges_and_quoted_labels(explanations, tmp_path):
    for name, explanation in explanations.items():
        first, _, _, _, *rest, last = explanation.dot().strip().split("\n")
        assert (first, last) == ("digraph chainrule {", "}"), name
        assert all(DOT_LINE.fullmatch(line) for line in rest), name
        if shutil.which("dot"):
            subprocess.run(["dot", "-Tplain"], input=explanation.dot().encode(), capture_output=True, check=True)


TAGS = set("div style img details summary table thead tbody tr th td pre p b br".split())


def test_html_of_notebooks_and_mathml_are_well_formed(explanations):
    for name, explanation in explanations.items():
        body = explanation._repr_mimebundle_()["text/html"]
        static = re.sub(r"<iframe.*?</iframe>", "", body, flags=re.S)
        tags = set(re.findall(r"<([a-z]+)", static))
        assert tags <= TAGS, name
        assert "window.pwned=1>" not in static, name


READY = "async () => { while (!globalThis.chainrule?.ready) await new Promise((done) => setTimeout(done, 20)); }"
"""Waits in the page: Playwright's own way evaluates text there, which the page's policy forbids."""


def test_the_page_shows_hostile_names_as_text_under_its_policy(browser, explanations, tmp_path):
    troubles = []
    page = browser.new_page()
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append("a dialog"))
    for i, name in enumerate(FEW):
        path = tmp_path / f"{i}.html"
        path.write_text(explanations[name].html(), encoding="utf-8")
        page.goto(path.as_uri())
        page.evaluate(READY)
        assert page.evaluate("window.pwned") is None, name
        assert page.evaluate("document.querySelectorAll('script').length") == 3, name
    page.close()
    assert troubles == []


ASKING = """async () => {
  const refused = new Set();
  document.addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
  fetch("https://example.org/").catch(() => 0);
  for (const tag of ["script", "img", "iframe"]) {
    const made = document.createElement(tag);
    made.src = "https://example.org/x";
    document.body.append(made);
  }
  for (let i = 0; i < 100 && refused.size < 4; i++) await new Promise((done) => setTimeout(done, 50));
  return [...refused];
}"""


def test_a_script_an_image_and_a_frame_from_elsewhere_and_a_request_are_forbidden(browser, explanations, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(explanations["np"].html(), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert set(page.evaluate(ASKING)) == {"connect-src", "script-src-elem", "img-src", "frame-src"}
    page.close()


# Check, errors ----------------------------------------------------------------------------------------------------


def test_a_report_of_check_is_printable_and_its_markdown_is_one_table():
    render = MarkdownIt("commonmark", {"html": True}).enable("table")
    for name in FEW:

        def f(**k):
            return np.sum(k[name] ** 2)  # noqa: B023

        f.__name__ = name
        report = _checked(f, name)
        assert allowed_in_a_terminal(str(report)), name
        flat = [t for token in render.parse(report._repr_markdown_()) for t in [token, *(token.children or [])]]
        assert {t.type for t in flat}.isdisjoint({"html_block", "html_inline", "link_open", "image"}), name
        assert "<script" not in report._html()


def _checked(f, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cr.check(f)(**{name: np.ones(2)})


def test_a_place_in_a_file_with_a_hostile_name_is_printable():
    from chainrule.node import Line

    for name in NAMES:
        line = Line(f"/tmp/{name}.py", 1)
        assert allowed_in_a_terminal(str(line))
        assert "\n" not in str(line)
        assert line.short.isprintable()
