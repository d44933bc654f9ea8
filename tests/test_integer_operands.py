"""The library's own functions, of which NumPy has none, compute with real numbers whatever the dtype of their operands.

A loss of labels that are bytes, a softmax of an image: differences of unsigned integers would wrap.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import BLOCKS

DTYPES = ["?", "i1", "u1", "i4", "u4", "i8", "u8"]


def _operands(name: str) -> tuple[list[Any], dict[str, Any]] | None:
    """Operands of a public function: those of its example, or as many arrays as it needs; None if it is no function."""
    f = getattr(cr, name)
    if not callable(f) or inspect.isclass(f):
        return None
    rng = np.random.default_rng(0)
    made = getattr(f, "example", None) or getattr(BLOCKS.get(name), "example", None)
    if made:
        return [o.sample(rng, o.shape) for o in made.operands], dict(made.params)
    try:
        parameters = inspect.signature(f).parameters.values()
    except ValueError:
        return None
    needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return [rng.normal(size=(2, 3)) for _ in needed], {}


def _as(x: Any, dtype: str) -> Any:
    """A floating operand rounded to numbers that the dtype has; labels stay."""
    if np.asarray(x).dtype.kind != "f":
        return x
    x = np.rint(2 * np.asarray(x))
    return x > 0 if dtype == "?" else (abs(x) if dtype[0] == "u" else x).astype(dtype)


def _float(x: Any, like: Any) -> Any:
    return np.asarray(x, dtype=float) if np.asarray(like).dtype.kind == "f" else x


def _result(f: Callable[..., Any], operands: list[Any], params: dict[str, Any]) -> Any:
    """The numbers of f, or None where these operands are not for it."""
    with np.errstate(all="ignore"):
        try:
            z = f(*operands, **params)
        except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError, np.linalg.LinAlgError):
            return None
        except cr.errors.ChainruleError:
            return None
    return z if isinstance(z, np.ndarray | np.generic) else None


def _assert_close(found: Any, wanted: Any, what: str) -> None:
    """Equal but for rounding; SciPy's solvers give bytes single precision."""
    assert found.dtype != np.float16, what
    rounding = 1e-6 if found.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding, err_msg=what)


NAMES = [name for name in dir(cr) if name[0] != "_" and name != "variable" and _operands(name) is not None]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_a_function_of_integers_has_the_value_of_the_same_real_numbers(name):
    f, (operands, params) = getattr(cr, name), _operands(name)
    for dtype in DTYPES:
        whole = [_as(x, dtype) for x in operands]
        wanted = _result(f, [_float(y, x) for y, x in zip(whole, operands, strict=True)], params)
        if wanted is None:
            continue
        _assert_close(f(*whole, **params), wanted, dtype)
        for k in range(len(operands)):  # one of integers beside others
            mixed = [whole[i] if i == k else _float(y, operands[i]) for i, y in enumerate(whole)]
            _assert_close(f(*mixed, **params), wanted, f"{dtype} {k}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_beside_labels_of_any_dtype(dtype):
    s, y = np.array([0.3, -1.2, 2.0]), np.array([1, 0, 1])
    for loss in (cr.binary_cross_entropy_with_logits, cr.multilabel_soft_margin_loss, cr.soft_margin_loss, cr.mse_loss):
        expected = cr.grad(lambda s: loss(s, y.astype(float)))(s)  # noqa: B023
        np.testing.assert_allclose(cr.grad(lambda s: loss(s, y.astype(dtype)))(s), expected, rtol=1e-14)  # noqa: B023


FRACTIONS = np.array([0.3, 0.7, 1.5, 0.2])
LABELS = np.array([0, 2, 3])

WITH_FRACTIONS: dict[str, Callable[[Any], Any]] = {
    "prelu": lambda x: cr.prelu(x, 0.25),
    "rrelu": lambda x: cr.rrelu(x, rng=np.random.default_rng(0)),
    "gumbel_softmax": lambda x: cr.gumbel_softmax(x, rng=np.random.default_rng(0)),
    "softmax_cross_entropy": lambda x: cr.softmax_cross_entropy(x, LABELS, weight=FRACTIONS),
    "softmax_cross_entropy, mean": lambda x: cr.softmax_cross_entropy(x, LABELS, weight=FRACTIONS, reduction="mean"),
    "nll_loss": lambda x: cr.nll_loss(x, LABELS, weight=FRACTIONS),
    "nll_loss without weights": lambda x: cr.nll_loss(x, LABELS),
    "multi_margin_loss": lambda x: cr.multi_margin_loss(x, LABELS, weight=FRACTIONS),
    "binary_cross_entropy_with_logits": lambda x: cr.binary_cross_entropy_with_logits(x, x > 1, pos_weight=FRACTIONS),
    "adaptive_avg_pool1d": lambda x: cr.adaptive_avg_pool1d(x, 3),
    "interpolate": lambda x: cr.interpolate(x[None], size=7, mode="linear"),
    "interpolate by areas": lambda x: cr.interpolate(x[None], size=3, mode="area"),
    "max_pool1d": lambda x: cr.max_pool1d(x, 2, padding=1),
    "avg_pool1d": lambda x: cr.avg_pool1d(x, 2),
    "lp_pool1d": lambda x: cr.lp_pool1d(x, 2, 2),
    "local_response_norm": lambda x: cr.local_response_norm(x[None], 2, alpha=1.0),
    "batch_norm": lambda x: cr.batch_norm(x, training=False, running_mean=FRACTIONS, running_var=FRACTIONS),
    "triplet_margin_with_distance_loss": lambda x: cr.triplet_margin_with_distance_loss(x, x[::-1], x[[1, 2, 0]]),
    "triplet of a distance": lambda x: cr.triplet_margin_with_distance_loss(
        x, x[::-1], x[[1, 2, 0]], lambda a, b: np.sum((a - b) ** 2, axis=-1)
    ),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WITH_FRACTIONS)
def test_weights_and_fill_numbers_are_not_rounded_to_the_integers_they_are_used_with(name, dtype):
    f = WITH_FRACTIONS[name]
    x = _as(np.array([[-1.5, 1.0, 6.5, -4.0], [0.0, 2.5, -0.5, 3.0], [20.0, -8.0, 1.5, -2.0]]), dtype)
    _assert_close(f(x), f(x.astype(float)), name)


SUMS_OF_PRODUCTS = {
    "linear": [(2, 3), (4, 3), (4,)],
    "bilinear": [(2, 3), (2, 4), (5, 3, 4)],
    "conv1d": [(1, 2, 6), (3, 2, 2)],
    "conv2d": [(1, 2, 6, 6), (3, 2, 2, 2)],
    "conv3d": [(1, 1, 4, 4, 4), (1, 1, 2, 2, 2)],
    "conv_transpose1d": [(1, 2, 6), (2, 3, 2)],
    "conv_transpose2d": [(1, 2, 4, 4), (2, 3, 2, 2)],
    "conv_transpose3d": [(1, 2, 3, 3, 3), (2, 2, 2, 2, 2)],
    "rnn_cell": [(2, 3), (2, 4), (4, 3), (4, 4), (4,), (4,)],
    "scaled_dot_product_attention": [(2, 3), (2, 3), (2, 3)],
    "fold": [(1, 4, 4)],
}


@pytest.mark.parametrize("name", SUMS_OF_PRODUCTS)
def test_sums_of_products_of_truths_count(name):
    """Of arrays of booleans NumPy's product is an `or`."""
    rng = np.random.default_rng(0)
    truths = [rng.random(shape) > 0.3 for shape in SUMS_OF_PRODUCTS[name]]
    others = ((3, 3), 2) if name == "fold" else ()
    f = getattr(cr, name)
    np.testing.assert_allclose(f(*truths, *others), f(*(x.astype(float) for x in truths), *others), rtol=1e-6)
