"""A user's block may be called as one of the library's and be something else: readings go by the block itself."""

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


def test_no_file_compares_the_name_of_a_block():
    """Names are for people to read; `library_name` is None for a user's block."""
    source = Path(cr.__file__).parent
    compares = re.compile(r"\bblock\.name (==|!=|in|not in)\b|\[[\w.]*block\.name\]|get\([\w.]*block\.name\b")
    found = [
        f"{p.name}: {line}"
        for p in source.rglob("*.py")
        for line in p.read_text().splitlines()
        if compares.search(line)
    ]
    assert not found
