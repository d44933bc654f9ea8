"""Each rule that is a Python function fires where it should, and its guard refuses where the identity does not hold.

Both graphs, the original and the simplified one, are run on values that tell a wrong rule from a right one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.absent import with_absent_zeros
from chainrule.block import block_named
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph
from chainrule.simplify.builder import Builder
from chainrule.simplify.rules import STRUCTURAL
from chainrule.simplify.rules.rule import Rewrite

RNG = np.random.default_rng(0)
V, W3, M, N23 = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(3, 3)), RNG.normal(size=(2, 3))
EYE = with_absent_zeros(np.eye(3))
ONE_HOT = with_absent_zeros(np.eye(3)[[2, 0, 0, 1]])
COLUMN, FULL = RNG.normal(size=(4, 1)), RNG.normal(size=(4, 3))
SEED = with_absent_zeros(np.eye(4).reshape(2, 2, 2, 2))
X0 = np.array([0.0, 1.0, 2.0])
INF = np.array([np.inf, 1.0, 2.0])
T, CUBE = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 2, 2))


def block(name: str, *operands: Any, **params: Any) -> Any:
    """A block of the library, called by its name."""
    return block_named(name)(*operands, **params)


def masked(dz: Any, s: Any) -> Any:
    return np.where((dz == 0) & ~np.isfinite(s), 0.0, dz * s)


def complements(x: Any, y: Any) -> Any:
    s = cr.sigmoid(x)
    return (1 - s) * np.exp(s) + cr.sigmoid(-y)


def repeated(f: Any, x: Any, times: int) -> Any:
    for _ in range(times):
        x = f(x)
    return x


FIRES: dict[str, list[tuple[Any, ...]]] = {
    "to_the_same_shape": [(lambda x: block("reshape", x, shape=(3,)) * 2, V)],
    "reshape_twice": [(lambda x: np.reshape(np.reshape(x, (3, 2)), (6,)), N23)],
    "broadcast_twice": [(lambda x: np.broadcast_to(np.broadcast_to(x, (2, 3)), (4, 2, 3)), V)],
    "kept_axes": [
        (lambda x: np.sum(x, axis=1)[:, None], M),
        (lambda x: np.sum(x, axis=(1, 2))[:, None, None], T),
        (lambda x: np.max(x, axis=2)[:, :, None], T),
        (lambda x: np.reshape(np.mean(x, axis=1), (2, 1, 4)), T),
    ],
    "put_back_axes": [(lambda x: block("add_at", x, key=(slice(None), None), shape=(3,)), M[:, :1])],
    "to_the_same_dtype": [(lambda x: block("cast", x, dtype=np.dtype(float)) * 2, V)],
    "absolute_of_square": [(lambda x: np.abs(np.square(x)), np.array([-2.0, -0.0, np.nan]))],
    "transpose_twice": [
        (lambda x: np.transpose(np.transpose(x)) * 2, N23),
        (lambda x: np.transpose(x, (0, 1)) * 2, N23),
        (lambda x: np.transpose(np.transpose(x, (1, 2, 0)), (1, 2, 0)), CUBE),
    ],
    "where_of_equals": [(lambda x, c: np.where(c > 0, x, x), V, W3)],
    "complement_that_is_there": [
        (lambda x: complements(x, x), V),
        (lambda x: complements(np.sin(x), np.sin(x)), V),
    ],
    "limit_that_is_not_differentiated": [(lambda x, y: block("with_limit", x, y, X0 == 0) * 2, X0, X0)],
    "product_that_is_never_masked": [
        (lambda x: block("product_or_zero", x, W3), X0),
        (lambda y: block("product_or_zero", np.array([1.0, -2.0, np.nan]), y), INF),
    ],
    "mask_that_is_never_needed": [
        (lambda x: block("unless_masked", x * W3, np.tanh(x), 1 - np.tanh(x) ** 2), V),
        (lambda x, y: block("unless_masked", x, np.array([1.0, -2.0, 3.0]), y), V, INF),
        (lambda x, y: block("unless_masked", x, 0.5 + np.exp(y), y), V, INF),
        (lambda x, y: block("unless_masked", x, -(0.5 + np.exp(y)), y), V, INF),
        (lambda x, y: block("unless_masked", x, y, repeated(np.tanh, y, 20)), V, W3),
    ],
    "mask_that_is_multiplied_anyway": [(lambda x, y: block("unless_masked", x, X0, np.exp(y)) * X0, V, 1000 * W3)],
    "mask_of_another_form": [
        (lambda x, y: block("unless_masked", y * W3, np.exp(x), cr.sigmoid(-x)), V, W3),
        (lambda x, y: block("unless_masked", y * W3, np.sin(y) * np.exp(x), cr.sigmoid(-x)), V, W3),
    ],
    "power_zero": [(lambda x: np.power(x, 0.0), np.array([np.nan, 0.0, np.inf]))],
    "sum_of_repeated": [
        (lambda x: np.sum(np.broadcast_to(x, (4, 3)), axis=0), V),
        (lambda x: np.sum(np.broadcast_to(x, (2, 3)), axis=0), V),
        (lambda x: np.sum(np.broadcast_to(x, (4, 2))), V[:2]),
        (lambda x: np.sum(np.broadcast_to(x, (4, 3)), axis=0, keepdims=True), V),
        (lambda x: np.sum(np.broadcast_to(x, (4, 3)), keepdims=True), V),
        (lambda x: np.sum(np.broadcast_to(x, (4, 3, 5)), axis=0), V[:, None]),
        (lambda x: np.sum(np.broadcast_to(x, (4, 3, 5)), axis=0), V[None, :, None]),
        (lambda x: np.sum(np.broadcast_to(x, (3, 4, 5)), axis=1, keepdims=True), V[:, None, None]),
    ],
    "mean_of_repeated": [
        (lambda x: np.mean(np.broadcast_to(x, (4, 3)), axis=0), V),
        (lambda x: np.mean(np.broadcast_to(x, (4, 3)), keepdims=True), V),
        (lambda x: np.mean(np.broadcast_to(x, (4, 3, 5)), axis=(1, 2)), V[:, None]),
    ],
    "rule_for_one_block": [
        (lambda x, y: np.broadcast_to(x, (2, 3)) + y, V, N23),
        (lambda x: x * np.full(3, 2.0), V),
        (lambda x: x - np.full((3, 3), 2.0), M),
        (lambda x: np.where(x > 0, np.full(3, 2.0), x), V),
        (lambda x, y: np.where(np.broadcast_to(x > 0, (2, 3)), y, 1.0), V, N23),
    ],
    "rows_of_identity": [(lambda x: EYE @ x, M)],
    "rows_of_one_hot": [
        (lambda x: ONE_HOT @ x, M),
        (lambda x: ONE_HOT @ x, V),
        (lambda x: with_absent_zeros(2 * ONE_HOT) @ x, M),
    ],
    "product_with_the_identity": [(lambda x: x @ EYE, N23)],
    "seeds_of_matrices": [(lambda x: SEED @ x, M[:2, :2])],
    "diagonal_times_matrix": [
        (lambda v, x: (EYE * v) @ x, V, M),
        (lambda v, x: (EYE * v) @ x, V, W3),
        (lambda v, x: (v * EYE) @ x, V[:, None], M),
        (lambda v, x: (EYE * v) @ x, V[:1], W3),
        (lambda v, x: (with_absent_zeros(np.eye(3, dtype="f4")) * v) @ x, 2.0, M.astype("f4")),
    ],
    "matrix_times_diagonal": [
        (lambda v, x: x @ (v[:, None] * EYE), V, M),
        (lambda v, x: x @ (EYE * v), V, W3),
        (lambda v, x: x @ (EYE * v), V[:1], M),
    ],
    "rank_one_times_vector": [(lambda u, v: np.outer(u, v) @ W3, V, W3)],
    "matrix_times_seed": [(lambda x: x @ SEED, N23[:, :2]), (lambda x: x @ SEED, V[:2])],
    "in_the_cheapest_order": [
        (lambda c, r, s: (c * r) * s, COLUMN, V, W3),
        (lambda c, r, s: (c * r) * (s * c), COLUMN, V, W3),
    ],
    "of_sum": [(lambda c, r, s: c * r - s * c, COLUMN, V, W3), (lambda c, r, s: c * r + c * s, COLUMN, V, W3)],
    "of_negative": [(lambda c, r: -(c * r), COLUMN, V)],
    "of_total": [
        (lambda c, r: np.sum(c * r, axis=1), COLUMN, V),
        (lambda c, r: np.sum(c * r, axis=0, keepdims=True), COLUMN, V),
    ],
    "of_matrix_product": [
        (lambda c, r, x: (c * r) @ x, COLUMN, V, M),
        (lambda c, r, x: (c * r) @ x, COLUMN, V, W3),
        (lambda c, r, x: x @ (c * r), COLUMN, V, FULL.T),
        (lambda c, r, x: x @ (c * r), COLUMN, V, FULL[:, 0]),
    ],
    "stack_as_columns": [
        (lambda f, c, x: (f * np.reshape(c, (4, 1, 3))) @ x, M, FULL, M[:, :1]),
        (lambda f, c, x: (f * np.reshape(c, (2, 2, 1, 3))) @ x, M, FULL, M[:, :1]),
    ],
    "of_outer_product": [(lambda c, r, x: block("outer", c * r, x), COLUMN, V, W3)],
    "of_transpose": [(lambda c, r: np.transpose(c * r), COLUMN, V)],
    "sums_of_one_dtype": [(lambda x: x * np.array([1, 2, 3]), V)],
}
"""For each rule functions where it fires, and their arguments."""

REFUSES: dict[str, list[tuple[Any, ...]]] = {
    "to_the_same_shape": [(lambda x: np.reshape(x, (3, 2)), N23), (lambda x: np.broadcast_to(x, (2, 3)), V)],
    "kept_axes": [
        (lambda x: np.sum(x, axis=1)[None, :], M),
        (lambda x: np.sum(x, axis=1)[:2], M),
        (lambda x: np.reshape(np.sum(x, axis=0), (2, 2)), RNG.normal(size=(3, 4))),
        (lambda x: np.sum(x, axis=1)[::-1, None], M),
        (lambda x: (lambda s: s[:, None] + s)(np.sum(x, axis=1)), M),
    ],
    "put_back_axes": [
        (lambda x: block("add_at", x, key=(slice(1, 3),), shape=(3,)), V[:2]),
        (lambda x: block("add_at", x, key=(slice(None, None, -1),), shape=(3,)), V),
        (lambda x: block("add_at", x, key=(), shape=(3,)), N23),
    ],
    "to_the_same_dtype": [(lambda x: block("cast", x, dtype=np.dtype("f4")), V)],
    "absolute_of_square": [(lambda x: np.abs(np.square(x.astype(np.int32))) * x, np.array([46341.0, 50000.0]))],
    "transpose_twice": [
        (lambda x: np.transpose(x), N23),
        (lambda x: np.transpose(np.exp(np.transpose(x))), N23),
    ],
    "where_of_equals": [
        (lambda x, y: np.where(x > 0, x, y), V, W3),
        (lambda x, c: np.where(c > 0, x, x), V, N23),
    ],
    "complement_that_is_there": [
        (lambda x: (2 - cr.sigmoid(x)) * np.exp(cr.sigmoid(-x)), V),
        (complements, V, W3),
        (lambda x: complements(x, np.ones(3)) + np.exp(-x), V),
    ],
    "limit_that_is_not_differentiated": [(lambda y: block("with_limit", X0, y, X0 == 0) * 2, X0)],
    "product_that_is_never_masked": [
        (lambda x: block("product_or_zero", x, INF), X0),
        (lambda y: block("product_or_zero", X0, y), INF),
    ],
    "mask_that_is_never_needed": [
        (lambda x, y: block("unless_masked", y, x, np.exp(y)), X0, INF),  # not bounded
        (lambda x, y: block("unless_masked", y, x, np.tanh(y)), X0, np.array([np.nan, 1.0, 2.0])),
        (lambda x, y: block("unless_masked", y, x, np.tanh(np.sin(y))), X0, INF),  # NaN at ∞
        (lambda x: block("unless_masked", x, np.exp(-x), np.tanh(np.sin(x))), INF),
        (lambda x: block("unless_masked", x, X0, np.tanh(x)), np.array([np.nan, 1.0, 2.0])),
        (lambda x, y: block("unless_masked", y, np.square(x), y), X0, INF),  # 0 is reached
        (lambda x, y, z: block("unless_masked", x, -np.exp(y), z), V, -1000 - abs(V), INF),
        (lambda x, y: block("unless_masked", y, x, np.maximum(np.minimum(np.tanh(x), INF * 0), -1)), X0, V),
        (lambda x, y: block("unless_masked", x, y, repeated(np.tanh, y, 30)), V, W3),  # it looks at 24 values,
    ],
    "mask_that_is_multiplied_anyway": [
        (lambda x, y: block("unless_masked", x, X0, y) * np.array([1.0, 2.0, 0.0]), V, INF),
        (lambda x, y: block("unless_masked", y, x, y) * x, X0, INF),
        (lambda x, y: block("unless_masked", x, INF - INF, y) * (INF - INF), V, INF),
        (lambda y: block("unless_masked", INF, X0, y) * X0, V),
    ],
    "mask_of_another_form": [(lambda x, y: block("unless_masked", x * 2, x, y), X0, INF)],
    "power_zero": [(lambda x: np.power(x, 3.0), V), (lambda x: np.power(x, np.array([0.0, 1.0, 0.0])), V)],
    "sum_of_repeated": [
        (lambda x: np.sum(np.broadcast_to(x, (4, 3)), axis=1), V),
    ],
    "mean_of_repeated": [(lambda x: np.mean(np.broadcast_to(x, (4, 3)), axis=1), V)],
    "rule_for_one_block": [
        (lambda x: np.broadcast_to(np.exp(x), (2, 3)) * 3.0, V),
        (lambda x: x * W3, V),
        (lambda x: x * np.full((2, 3), 2.0), V),
    ],
    "rows_of_identity": [
        (lambda x: np.eye(3) @ x, M),
        (lambda x: with_absent_zeros(np.eye(2, 3)) @ x, M),
        (lambda x: EYE[::-1] @ x, M),
        (lambda x: with_absent_zeros(2 * np.eye(3)) @ x, M),
        (lambda x: with_absent_zeros(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 2]])) @ x, M),
    ],
    "rows_of_one_hot": [
        (lambda x: np.eye(3)[[2, 0, 0, 1]] @ x, M),
        (lambda x: with_absent_zeros(np.array([[1.0, 1, 0], [0, 0, 1]])) @ x, M),
        (lambda x: with_absent_zeros(np.array([[1.0, 0, 0], [0, 0, 0]])) @ x, M),
        (lambda x: with_absent_zeros(np.array([[1.0, 0, 0], [0, 0, 3]])) @ x, M),
        (lambda x: ONE_HOT @ x, T),
        (lambda x: with_absent_zeros(np.array([0.0, 1, 0])) @ x, M),
    ],
    "product_with_the_identity": [
        (lambda x: x @ np.eye(3), N23),
        (lambda x: x @ with_absent_zeros(np.eye(3, 2)), N23),
        (lambda x: x @ EYE[::-1], N23),
    ],
    "seeds_of_matrices": [
        (lambda x: np.eye(4).reshape(2, 2, 2, 2) @ x, M[:2, :2]),
        (lambda x: with_absent_zeros(np.eye(4)[::-1].reshape(2, 2, 2, 2)) @ x, M[:2, :2]),
        (lambda x: with_absent_zeros((2 * np.eye(4)).reshape(2, 2, 2, 2)) @ x, M[:2, :2]),
    ],
    "diagonal_times_matrix": [
        (lambda v, x: (np.eye(3) * v) @ x, V, M),
        (lambda v, x: (EYE * v) @ x, M, M),
        (lambda v, x: (EYE[::-1] * v) @ x, V, M),
    ],
    "matrix_times_diagonal": [
        (lambda v, x: x @ (v[:, None] * np.eye(3)), V, M),
        (lambda v, x: x @ (EYE * v), M, M),
    ],
    "rank_one_times_vector": [(lambda u, v, x: np.outer(u, v) @ x, V, W3, M)],
    "matrix_times_seed": [
        (lambda x: x @ np.eye(4).reshape(2, 2, 2, 2), M[:2, :2]),
        (lambda x: x @ with_absent_zeros(np.eye(4)[::-1].reshape(2, 2, 2, 2)), M[:2, :2]),
        (lambda x: x @ with_absent_zeros((2 * np.eye(4)).reshape(2, 2, 2, 2)), M[:2, :2]),
    ],
    "in_the_cheapest_order": [
        (lambda x, y: (x * y) * np.exp(x), V, W3),
        (lambda c, r, x: (c * r) * x, COLUMN, V, FULL),
        (lambda c, r, s: (c * r) * s, COLUMN, V.astype("f4"), W3.astype("f4")),  # r s has fewer digits
    ],
    "of_sum": [
        (lambda c, r, s: c * r + np.exp(c) * s, COLUMN, V, W3),
        (lambda x, y, z: x * y + x * z, V, W3, np.exp(V)),
        (lambda c, x, y: c * x + c * y, COLUMN, FULL, np.exp(FULL)),
    ],
    "of_negative": [(lambda x, y: -(x * y), V, W3), (lambda c, x: -(c * x), COLUMN, FULL)],
    "of_total": [
        (lambda x, y: np.sum(x * y, axis=0), V, W3),
        (lambda c, r, x: np.sum(c * r * x, axis=1), COLUMN, V, FULL),
        (lambda c, r: np.sum(c * r * r[0], axis=(0, 1)), COLUMN, V),
    ],
    "of_matrix_product": [
        (lambda x, y: (x * y) @ M, M, np.exp(M)),
        (lambda c, r, x: (c * r * x) @ M, COLUMN, V, FULL),
    ],
    "stack_as_columns": [
        (lambda f, c, x: (f * np.reshape(c, (4, 1, 3))) @ x, M, FULL, M),  # the columns are as many as the rows
        (lambda f, c, x: (f * np.reshape(c, (4, 1, 3))) @ x, np.stack([M] * 4), FULL, M[:, :1]),
        (lambda f, c, x: (f * np.reshape(c, (4, 1, 3))) @ x, *(v.astype("f4") for v in (M, FULL)), M[:, :1]),
    ],
    "of_outer_product": [(lambda x, y: block("outer", x * y, y), V, W3)],
    "of_transpose": [
        (lambda x, y: np.transpose(x * y), M, np.exp(M)),
        (lambda c, x: np.transpose(c * x), COLUMN, FULL),
    ],
    "sums_of_one_dtype": [(lambda x: x * W3, V), (lambda x: x.astype(np.int32) * np.array([1, 2, 3]) * x, V)],
}
"""For each rule functions where it is asked and must not fire."""

UNCONDITIONAL = {"reshape_twice", "broadcast_twice"}
"""Rules that hold for all results of the blocks that they ask for."""

NAMES = {rule.function.__name__ for rule in STRUCTURAL}


def asked_and_used(monkeypatch, f, *xs):
    """The names of the rules that were asked while f was simplified, and of those whose results were used.

    Its values stay.
    """
    asked, used, last = set(), set(), [(None, None)]
    apply, replaced = Rewrite.apply, Builder._replaced

    def noted(self, build, operands, params):
        asked.add(self.function.__name__)
        made = apply(self, build, operands, params)
        last[0] = self.function.__name__, made
        return made

    def noted_use(self, original, found):
        if last[0][1] is found:
            used.add(last[0][0])
        replaced(self, original, found)

    with monkeypatch.context() as patched, np.errstate(all="ignore"):
        graph = record_graph(f, *xs)
        patched.setattr(Rewrite, "apply", noted)
        patched.setattr(Builder, "_replaced", noted_use)
        simple = simplify_graph(graph)
        for a, b in zip(simple.run(np, xs), graph.run(np, xs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
            assert np.shape(a) == np.shape(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
    return asked, used


def test_every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_refuses():
    assert set(FIRES) == NAMES
    assert set(REFUSES) == NAMES - UNCONDITIONAL
    assert all(FIRES.values())
    assert all(REFUSES.values())


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in FIRES.items() for case in cases])
def test_a_rule_fires_where_its_identity_holds(name, case, monkeypatch):
    _, used = asked_and_used(monkeypatch, *case)
    assert name in used


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in REFUSES.items() for case in cases])
def test_a_rule_refuses_where_its_identity_does_not_hold(name, case, monkeypatch):
    asked, used = asked_and_used(monkeypatch, *case)
    assert name in asked
    assert name not in used


def test_a_mask_stays_where_only_a_factor_has_a_stable_form():
    dz, x = np.zeros(2), np.array([1000.0, 2000.0])
    with np.errstate(all="ignore"):
        graph = simplify_graph(record_graph(lambda dz, x: masked(dz, np.log(1 + np.exp(x))), dz, x))
        assert "softplus" in {node.block.name for node in graph.nodes}
        np.testing.assert_array_equal(graph.run(np, [dz, np.array([np.inf, 1.0])])[0], dz)
