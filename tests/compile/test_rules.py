"""Each rule of the lowering fires where it should; what it does not compute as NumPy does is left to NumPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import block_named
from chainrule.compile.lowering import ALL_RULES
from compile.interpreted import interpreted
from compile.test_catalogue import assert_same

RNG = np.random.default_rng(0)
X, Y, M = RNG.uniform(0.1, 0.9, 3), RNG.uniform(0.1, 0.9, 3), RNG.uniform(0.1, 0.9, (2, 3))
N = np.array([3, -1, 2])
B = np.array([True, False, True])
LABELS = np.array([2, 0])
S = np.array([[0.0, 2.0], [3.0, 1.0]])
IMAGE = RNG.normal(size=(1, 2, 4, 4))


def block(name: str, *operands: Any, **params: Any) -> Any:
    return block_named(name)(*operands, **params)


def _of(name: str) -> Any:
    """The function by which a block is written."""
    return getattr(np, name, None) or getattr(cr, name, None) or block_named(name)


ONE = "negative square sqrt absolute relu exp expm1 log log1p tanh sigmoid exp2 log2 log10 sin cos tan arcsin arccos "
ONE += "arctan sinh cosh arcsinh arctanh erf cbrt erfc ndtr softplus sign floor ceil trunc rint isnan isfinite isinf"
TWO = "add subtract multiply divide maximum minimum fmax fmin copysign logaddexp arctan2 hypot less less_equal greater"
TWO += " greater_equal equal not_equal power"

FIRES: dict[str, tuple[Any, ...]] = {
    **{name: (_of(name), X) for name in ONE.split()},
    **{name: (_of(name), X, Y) for name in TWO.split()},
    "arccosh": (lambda x: np.arccosh(1 + x), X),
    "product_or_zero": (lambda x, y: block("product_or_zero", x, y), X, Y),
    "logical_and": (lambda x, y: np.logical_and(x > 0.5, y > 0.5), X, Y),
    "logical_or": (lambda x, y: np.logical_or(x > 0.5, y > 0.5), X, Y),
    "logical_not": (lambda x: np.logical_not(x > 0.5), X),
    "bitwise_and": (lambda x, y: (x > 0.5) & (y > 0.5), X, Y),
    "bitwise_or": (lambda x, y: (x > 0.5) | (y > 0.5), X, Y),
    "invert": (lambda x: ~(x > 0.5), X),
    "where": (lambda x, y: np.where(x > 0.5, x, y), X, Y),
    "stop_gradient": (lambda x: cr.stop_gradient(x) * x, X),
    "clip": (lambda x: np.clip(x, 0.3, 0.6), X),
    "cast": (lambda x: x.astype(np.float32), X),
    "cast_to_integer": (lambda n: n.astype(np.int32), N),
    "reshape": (lambda m: np.reshape(np.exp(m), (3, 2)), M),
    "transpose": (lambda m: np.transpose(np.exp(m)), M),
    "broadcast_to": (lambda x: np.broadcast_to(np.exp(x), (2, 3)), X),
    "getitem": (lambda m: np.exp(m)[1:, ::2], M),
    "add_at": (lambda x: block("add_at", x, key=(slice(1, 4),), shape=(5,)), X),
    "add_to_entries": (lambda x, y: block("add_to_entries", x, y[0], key=(1,), shape=(3,)), X, Y),
    "set_at": (lambda x, y: _written(x, y[0]), X, Y),
    "concatenate": (lambda x, y: np.concatenate([x, y]), X, Y),
    "stack": (lambda x, y: np.stack([x, y]), X, Y),
    "sum": (lambda m: np.sum(m, axis=0), M),
    "max": (lambda m: np.max(m, axis=1), M),
    "min": (lambda m: np.min(m, axis=1), M),
    "mean": (lambda m: np.mean(m, axis=1), M),
    "all": (lambda m: np.all(m > 0.5, axis=1), M),
    "any": (lambda m: np.any(m > 0.5, axis=1), M),
    "outer": (np.outer, X, Y),
    "matmul": (lambda m, x: m @ x, M, X),
    "one_hot_rows": (lambda m, labels: cr.grad(lambda m: np.sum(cr.softmax_cross_entropy(m, labels)))(m), M, LABELS),
    "labels_fit": (lambda m, labels: np.sum(cr.cross_entropy_loss(cr.softmax(m), labels)), M, LABELS),
    "columns": (lambda x: cr.conv2d(x, RNG_WEIGHT), IMAGE),
    "from_columns": (lambda x: cr.grad(lambda x: np.sum(cr.conv2d(x, RNG_WEIGHT) ** 2))(x), IMAGE),
    "max_pool": (lambda x: cr.max_pool2d(x, 2), IMAGE),
    "max_pool_transpose": (lambda x: cr.grad(lambda x: np.sum(cr.max_pool2d(x, 2) ** 2))(x), IMAGE),
    "max_pool_tangent": (lambda x, v: cr.jvp(lambda x: cr.max_pool2d(x, 2), (x,), (v,))[1], IMAGE, 1 + IMAGE),
    "reciprocal": (lambda x: of_rare_blocks(x), X),
    "positive": (lambda x: of_rare_blocks(x), X),
    "roll": (lambda m: np.roll(m, (1, -1), (0, 1)), M),
    "flip": (lambda m: np.flip(m, axis=1), M),
    "copy": (lambda m: np.copy(m), M),
    "cumsum": (lambda m: np.cumsum(m, axis=0), M),
    "cumprod": (lambda m: np.cumprod(m, axis=1), M),
    "solve": (np.linalg.solve, S, M[:, :2]),
    "inv": (np.linalg.inv, S),
    "det": (np.linalg.det, S),
    "logabsdet": (lambda s: np.linalg.slogdet(s).logabsdet, S),
    "sign_of_det": (lambda s: np.linalg.slogdet(s).sign, S),
    "of_values": (lambda s: cr.grad(lambda s: np.linalg.slogdet(s).logabsdet)(s), S),
    "cholesky": (lambda s: np.linalg.cholesky(s @ s.T), S),
    "triangular_solve": (lambda s, m: cr.solve_triangular(s + np.eye(2), m, lower=True), S, M[:, :2]),
    "numpy_number": (lambda x: cr.grad(lambda t: t * t * t)(x), 0.5),
}
"""For each rule a function that needs it, and its arguments."""
RNG_WEIGHT = np.random.default_rng(1).normal(size=(3, 2, 2, 2))


@cr.block
def of_rare_blocks(x):
    """What the simplifier would write otherwise; it does not look into blocks."""
    return np.positive(np.reciprocal(x))


AT_LABELS = {
    "getitem": (lambda m, labels: m[np.arange(2), labels], M, LABELS),
    "add_at": (lambda m, labels: cr.grad(lambda m: np.sum(m[np.arange(2), labels] ** 2))(m), M, LABELS),
}

REFUSES: list[tuple[str, tuple[Any, ...]]] = [
    ("maximum", (np.maximum, N, N[::-1].copy())),
    ("add", (lambda x, y: np.add(x > 0.5, y > 0.5), X, Y)),
    ("multiply", (lambda x, y: np.multiply(x > 0.5, y > 0.5), X, Y)),
    ("less", (lambda x, y: (x > 0.5) < (y > 0.5), X, Y)),
    ("less", (lambda n: n < 2**40, N.astype(np.int32))),
    ("logical_and", (np.logical_and, X, Y)),
    ("logical_not", (np.logical_not, X)),
    ("bitwise_and", (lambda n, m: n & m, N, N[::-1].copy())),
    ("invert", (lambda n: ~n, N)),
    ("where", (lambda n, x, y: np.where(n, x, y), N, X, Y)),
    ("softplus", (lambda x: cr.softplus(x, beta=2.0), X)),
    ("power", (lambda n: n**3, N)),
    ("clip", (lambda n: np.clip(n, 0, 2), N)),
    ("cast_to_integer", (lambda x: (100 * x).astype(np.int64), X)),
    ("cast_to_integer", (lambda x: (100 * x).astype(bool), X)),
    ("getitem", (lambda x: x[[2, 0, 0]], X)),
    ("add_at", (lambda x: block("add_at", x, key=(np.array([1, 1, 0]),), shape=(5,)), X)),
    ("set_at", (lambda x: _written(x, 7.0, [0, 2, 1]), X)),
    ("max", (lambda m: np.max(m > 0.5, axis=1), M)),
    ("all", (lambda m: np.all(m, axis=1), M)),
    ("any", (lambda m: np.any(m, axis=1), M)),
    ("outer", (np.outer, N, N)),
    ("matmul", (lambda n, m: n @ m, N, N)),
    ("getitem", (lambda m, labels: m[labels, labels], M, LABELS % 2)),
    ("getitem", (lambda m, labels: m[np.array([1, 0]), labels], M, LABELS)),
    ("getitem", (lambda m, labels: m[np.arange(2), labels], M, -LABELS)),
    ("add_at", (lambda m, labels: cr.grad(lambda m: np.sum(m[labels, labels] ** 2))(m), M, LABELS % 2)),
    ("solve", (np.linalg.solve, np.full((2, 2), np.nan), np.ones((2, 1)))),
    ("solve", (np.linalg.solve, S, np.ones((2, 2, 1)))),
    ("inv", (np.linalg.inv, np.full((2, 2), np.nan))),
    ("of_values", (lambda x: np.where(np.isin(x, np.unique(x)[:1]), x, 0.0), X)),
    ("cholesky", (lambda s: np.linalg.cholesky(np.full((2, 2), np.nan) + s), S)),
    ("max_pool_transpose", (lambda x: cr.jacobian(lambda x: cr.max_pool2d(x, 2))(x), IMAGE)),
]
"""Functions that a rule leaves to NumPy."""


def _written(x: Any, value: Any, where: Any = 1) -> Any:
    z = np.exp(x)
    z[where] = value
    return z * 2


def outcomes(monkeypatch: Any, f: Any, *xs: Any) -> dict[str, set[bool]]:
    """Which rules fired (True) and refused (False) while f was compiled; its values are those of f."""
    found: dict[str, set[bool]] = {}

    def noted(name: str, rule: Any) -> Any:
        def apply(low: Any, node: Any, args: Any) -> Any:
            made = rule(low, node, args)
            found.setdefault(name, set()).add(made is not None)
            return made

        return apply

    with monkeypatch.context() as patched, interpreted(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block, rule in list(ALL_RULES.items()):
            patched.setitem(ALL_RULES, block, noted(block.name, rule))
        compiled = cr.compile(f)
        for _ in range(3):
            assert_same(compiled(*xs), f(*xs), 1e-12)
    return found


def test_every_rule_has_a_case_in_which_it_fires():
    assert {block.name for block in ALL_RULES} == set(FIRES)


@pytest.mark.parametrize("name", FIRES)
def test_a_rule_fires(name, monkeypatch):
    assert True in outcomes(monkeypatch, *FIRES[name]).get(name, set())


@pytest.mark.parametrize("name", AT_LABELS)
def test_a_rule_fires_at_recorded_labels(name, monkeypatch):
    assert True in outcomes(monkeypatch, *AT_LABELS[name]).get(name, set())


@pytest.mark.parametrize(("name", "case"), REFUSES)
def test_a_rule_refuses(name, case, monkeypatch):
    assert outcomes(monkeypatch, *case).get(name) == {False}
