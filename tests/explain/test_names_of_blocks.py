"""A user's block may be called as one of the library's and be something else: readings go by the block itself."""

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import BLOCKS
from chainrule.block.making import UNLISTED
from chainrule.explain.printers import unicode
from explain import read_formula
from explain.read_formula import UnknownNotationError, value_of_formula

NAMES = sorted(BLOCKS | UNLISTED)
X = np.array([0.5, -1.25, 2.0])


def own_block(name, factor, with_rule=True):
    """A block of this name that is factor·x + x³ in truth."""

    def rule(x):
        return factor * x + x * x * x

    rule.__name__ = rule.__qualname__ = name
    made = cr.block(rule)
    if with_rule:

        @made.backward
        def backward(dz, z, x):
            return dz * (factor + 3 * x * x)

    return made, rule


def own_block_of_two(name, factor):
    def rule(x, y):
        return factor * x * y * y

    rule.__name__ = rule.__qualname__ = name
    made = cr.block(rule)

    @made.backward
    def backward(dz, z, x, y):
        return dz * factor * y * y, 2 * factor * dz * x * y

    return made, rule


@pytest.mark.parametrize("part", range(4))
def test_closed_forms_of_an_own_block_are_its_own(part, monkeypatch):
    read = 0
    for i, name in enumerate(NAMES[part::4]):
        own, rule = own_block(name, 2.5, with_rule=i % 2 == 0)
        monkeypatch.setitem(read_formula.FUNCTIONS, name, rule)
        explanation = cr.explain(lambda w, x: w * np.sum(own(x)))(1.5, X)  # noqa: B023
        wanted = {"∂L/∂w": np.sum(rule(X)), "∂L/∂x": 1.5 * (2.5 + 3 * X**2)}
        gradients = {unicode(g.name): g.value for g in explanation.backward}
        for label, value in wanted.items():
            np.testing.assert_allclose(gradients[label], value, rtol=1e-12, err_msg=name)
        names = {unicode(step.name): step.value for step in explanation.forward} | dict(explanation.plain)
        for form in explanation.closed_forms:
            label = unicode(form.name)
            try:
                value = value_of_formula(unicode(form.formula), names, np.shape(wanted[label]))
            except UnknownNotationError:
                continue
            read += 1
            np.testing.assert_allclose(value, wanted[label], rtol=1e-5, err_msg=f"{name}: {unicode(form.formula)}")
        str(explanation)
    assert read > len(NAMES) / 8


def test_compiled_and_written_code_compute_what_own_blocks_compute():
    """All names at once, each with numbers of its own: a mistaken one would show in the sum."""
    ones = [own_block(name, 1 + i / 7, with_rule=i % 2 == 0) for i, name in enumerate(NAMES)]
    twos = [own_block_of_two(name, 1 + i / 5) for i, name in enumerate(NAMES)]
    chosen = ones[::9] + twos[::9]

    def loss(x, blocks=None):
        total = 0.0
        for i, (made, rule) in enumerate(chosen):
            f = rule if blocks == "plain" else made
            total = total + np.sum(f(x) if i < len(ones[::9]) else f(x, x + 1))
        return total

    value, gradient = cr.value_and_grad(lambda x: loss(x, "plain"))(X)
    compiled = cr.compile(cr.value_and_grad(loss))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            compiled_value, compiled_gradient = compiled(X)
    np.testing.assert_allclose(compiled_value, value, rtol=1e-10)
    np.testing.assert_allclose(compiled_gradient, gradient, rtol=1e-10)
    for library in ("numpy", "jax"):
        if library == "jax":
            pytest.importorskip("jax")
        exec(cr.explain(loss)(X).code(library), made := {})
        if library == "numpy":
            coded_value, coded_gradient = made["loss_and_gradient"](X)
            np.testing.assert_allclose(coded_gradient, gradient, rtol=1e-10)
        else:
            coded_value = made["loss"](X)
        np.testing.assert_allclose(coded_value, value, rtol=1e-5)


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "getitem", "add", "where"])
def test_simplify_health_and_check_do_not_take_an_own_block_for_the_librarys(name):
    own, rule = own_block(name, 2.5)
    loss = lambda x: np.sum(np.log(own(x) ** 2 + 1) + own(x) / own(x))  # noqa: E731
    report = cr.check(loss)(X)
    assert report.ok, str(report)
    np.testing.assert_allclose(cr.grad(loss)(X), cr.grad(lambda x: np.sum(np.log(rule(x) ** 2 + 1)))(X), rtol=1e-10)
    assert cr.explain(loss)(X).html()
    str(cr.explain(loss)(X).health())


# The source -----------------------------------------------------------------------------------------------------

SOURCE = Path(cr.__file__).parent
OTHER_NAMES = {
    "blocks": "where blocks are defined; modes and reductions that a user asks for",
    "code": "functions of NumPy, PyTorch and JAX, as they are written in code",
    "expression": "functions that a user may write in an expression",
    "pytorch": "PyTorch's operators",
    "standins": "functions of NumPy and of math, as the user's code calls them",
    "scipy": "functions of SciPy, and their options",
    "compat": "functions of other libraries",
    "hints.py": "names of other libraries",
    "explain/printers": "kinds of formulas, and functions of LaTeX",
    "libraries.py": "functions of the Array API",
}
"""Rooms that read names of another language, some of which are spelled as blocks are."""
OTHER_NAMES |= {
    f"compile/{file.name}": "operations of kernels, and functions in generated code"
    for file in (SOURCE / "compile").iterdir()
    if file.is_dir() or "chainrule.node import" not in file.read_text()
}
"""Of the compiler, what reads no recorded step reads no block."""
OTHER_WORDS = {
    "array.py": {"imag", "real"},  # attributes
    "operators.py": {"add", "conj", "invert", "matmul"},  # Python's names of operators
    "check/notes.py": {"sum"},
    "check/by_hand/edits.py": {"matmul", "max", "mean", "min", "sum"},  # functions that the user's source calls
    "compile/values.py": {"all", "any", "max", "min", "sum", "transpose"},  # operations of kernels
    "protocols.py": {"where"},
    "coverage.py": {"all"},
    "escape.py": {"beta", "gamma", "psi", "zeta"},
    "explain/page/numbers.py": {"columns"},
    "explain/picture/placement.py": {"spacing"},
}
"""Words that are no block there: arguments of functions, Greek letters, keys of JSON."""
KINDS = {"kind", "op"}
"""What has words of its own: a formula or an atom of kind sum, a value made by the operation sum."""


def texts_in(tree):
    """The texts that an expression is, or has as its entries: "exp", ("exp", "log"), "exp log".split()."""
    match tree:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return set().union(*map(texts_in, parts))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split")):
            return set(text.split())
        case ast.Call(func=ast.Name(id="frozenset" | "set"), args=[inner]):
            return texts_in(inner)
    return set()


def lookups(tree):
    """What is compared, matched or looked up: the texts, and the attribute that is asked."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                sides = [node.left, *node.comparators]
                asked = {getattr(side, "attr", getattr(side, "id", "")) for side in sides}
                yield set().union(*map(texts_in, sides)), asked
            case ast.Dict():
                yield set().union(*(texts_in(key) for key in node.keys if key)), set()
            case ast.Match(subject=subject):
                patterns = [c for case in node.cases for c in ast.walk(case.pattern) if isinstance(c, ast.Constant)]
                asked = {subject.attr} if isinstance(subject, ast.Attribute) else set()
                yield {c.value for c in patterns}, asked
            case ast.Set() | ast.Call():
                yield texts_in(node), set()


def names_asked_in(text):
    """The names of blocks for which a source asks."""
    found = [texts for texts, asked in lookups(ast.parse(text)) if not asked & KINDS]
    return set().union(*found) & set(NAMES)


@pytest.mark.parametrize(
    "text",
    [
        'node.block.name == "exp"',
        'name in ("exp", "log")',
        'READ = {"reshape": 1}',
        'KEEP = frozenset("reshape transpose".split())',
        'match name:\n    case "softmax":\n        pass',
    ],
)
def test_asking_for_a_block_by_its_name_is_found(text):
    assert names_asked_in(text)


def test_no_reader_asks_for_a_block_by_its_name():
    """Facts are declared with the block or registered for it, so an own block of the same name has none of them."""
    found = {}
    for file in SOURCE.rglob("*.py"):
        place = file.relative_to(SOURCE)
        if not OTHER_NAMES.keys() & {place.parts[0], "/".join(place.parts[:2])}:
            found[place.as_posix()] = names_asked_in(file.read_text()) - OTHER_WORDS.get(place.as_posix(), set())
    assert len(found) > 100
    assert not {place: names for place, names in found.items() if names}


def test_no_file_looks_anything_up_by_the_name_of_a_block():
    by_name = re.compile(
        r"\bblock\.name (==|!=|in|not in) |\[[\w.]*block\.name\]|get\([\w.]*block\.name\b"
        "|library_name"
    )
    found = [
        f"{file.name}: {line}"
        for file in SOURCE.rglob("*.py")
        for line in file.read_text().splitlines()
        if by_name.search(line)
    ]
    assert not found
