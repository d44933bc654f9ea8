"""Every case of the catalogue, with its gradient and its second derivatives, is worth the same when simplified."""

import numpy as np
import pytest

import chainrule as cr
from catalogue import CASES
from chainrule.absent import has_absent_zeros
from chainrule.array import value_of
from chainrule.graph import record_graph
from chainrule.libraries import is_inexact
from chainrule.node import Node
from chainrule.simplify import simplify_graph


def scalar(f):
    """Σ sin f, over all results: its derivatives see every entry."""

    def loss(*xs):
        z = f(*xs)
        return sum(np.sum(np.sin(part)) for part in (z if isinstance(z, tuple) else (z,)) if is_inexact(value_of(part)))

    return loss


def runs_alike(graph, inputs, rtol=1e-9, atol=1e-10):
    simple = simplify_graph(graph)
    assert simple.inputs == graph.inputs
    assert len(simple.nodes) <= len(graph.nodes) + 8  # a stable form may take some blocks more
    with np.errstate(all="ignore"):
        pairs = zip(graph.run(np, inputs), simple.run(np, inputs), strict=True)
    for original, found in pairs:
        assert np.shape(found) == np.shape(original)
        assert np.asarray(found).dtype == np.asarray(original).dtype
        np.testing.assert_allclose(found, original, rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_simplified_graphs_run_alike(case):
    xs = case.arrays()
    where = tuple(i for i, x in enumerate(xs) if is_inexact(x))
    f = scalar(case.f)
    gradient = cr.value_and_grad(f, argnums=where)
    inputs = [xs[i] for i in where]
    runs_alike(record_graph(gradient, *xs, argnums=where), inputs)
    second = cr.grad(lambda *xs: sum(np.sum(np.cos(g)) for g in gradient(*xs)[1]), argnums=where)
    runs_alike(record_graph(second, *xs, argnums=where), inputs, rtol=1e-7, atol=1e-8)


def zeros_are_absent(graph):
    """Whether zeros of a constant are absent, as documented: of a label's one-hot rows."""
    return any(has_absent_zeros(x) for node in graph.nodes for x in node.inputs if type(x) is not Node)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nan_and_infinities_stay_where_they_are(case):
    """Numbers are compared where the original is finite; NaN may go only beside absent zeros."""
    if case.name.startswith("values of scipy.special"):
        pytest.skip("some of SciPy's functions (hyp1f1) do not return for infinite operands")
    xs = case.arrays()
    where = tuple(i for i, x in enumerate(xs) if is_inexact(x))
    graph = record_graph(cr.value_and_grad(scalar(case.f), argnums=where), *xs, argnums=where)
    simple = simplify_graph(graph)
    rng = np.random.default_rng(0)
    for special in (np.nan, np.inf, -0.0):
        inputs = [xs[i].copy() for i in where]
        for x in inputs:
            x.flat[rng.integers(x.size)] = special
        with np.errstate(all="ignore"):
            try:
                expected = graph.run(np, inputs)
            except (np.linalg.LinAlgError, ValueError):  # of NaN, in linear algebra
                continue
            found = simple.run(np, inputs)
        for a, b in zip(found, expected, strict=True):
            known = np.isfinite(b) if zeros_are_absent(graph) else np.ones(np.shape(b), bool)
            np.testing.assert_allclose(np.asarray(a)[known], np.asarray(b)[known], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_float32_stays_float32(case):
    xs = case.arrays(np.float32)
    where = tuple(i for i, x in enumerate(xs) if is_inexact(x))
    graph = record_graph(cr.value_and_grad(scalar(case.f), argnums=where), *xs, argnums=where)
    runs_alike(graph, [xs[i] for i in where], rtol=1e-3, atol=1e-4)
