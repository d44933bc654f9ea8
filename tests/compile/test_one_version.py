"""What a block looks at is computed on each run, so ten different inputs compile one version."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from catalogue import CASES
from chainrule import special
from chainrule.domains import Example
from compile.interpreted import interpreted
from compile.test_catalogue import DRAWS, assert_same, of_value_and_gradients
from compile.test_compile import versions

RNG = np.random.default_rng(0)
PLACES, VALUES = np.array([-2.0, -0.5, 0.3, 2.0]), np.array([1.0, -1.0, 0.5, 2.0])
HOLES = np.array([[0.0, np.nan, 0.0, 0.0, 0.0], [np.nan, 0.0, np.nan, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
WEIGHTS = np.array([1.0, 0.0, 2.0, 1.0, 1.0])

FUNCTIONS = {
    "median": lambda x: np.median(x, axis=1),
    "median of all": np.median,
    "percentile": lambda x: np.percentile(x, 30, axis=0),
    "quantiles": lambda x: np.quantile(x, [0.1, 0.5, 0.8], axis=1),
    "nanmedian": lambda x: np.nanmedian(x + HOLES, axis=1),
    "nanquantile": lambda x: np.nanquantile(x + HOLES, [0.3, 0.8], axis=1, keepdims=True),
    "nanquantile without NaN": lambda x: np.nanquantile(x, 0.3, axis=1),
    "weighted quantile": lambda x: np.quantile(x, 0.5, axis=1, method="inverted_cdf", weights=WEIGHTS),
    "sort": lambda x: np.sort(x, axis=0),
    "argsort": lambda x: np.take_along_axis(x**2, np.argsort(x, axis=1), axis=1),
    "partition": lambda x: np.partition(x, 2, axis=1)[:, 2],
    "largest": lambda x: x[np.arange(3), np.argmax(x, axis=1)],
    "unique": lambda x: np.unique(x) ** 2,
    "running maximum": lambda x: np.maximum.accumulate(x, axis=1),
    "interp": lambda x: np.interp(x, PLACES, VALUES),
    "interp with a period": lambda x: np.interp(x, [0.0, 0.5, 1.0], [1.0, 2.0, 4.0], period=1.5),
    "histogram": lambda x: np.histogram(x, 4, density=True)[0] * 1.0,
    "histogram of weights": lambda x: np.histogram(x, 4, range=(-3.0, 3.0), weights=np.exp(x))[0],
    "histogram2d": lambda x: np.histogram2d(x[0], x[1], 3, [[-3.0, 3.0]] * 2, weights=x[2] ** 2)[0],
    "bincount": lambda x: np.bincount(np.array([0, 2, 1, 2, 0]), x[0]),
    "unwrap": lambda x: np.unwrap(4 * x) * x,
    "frexp": lambda x: np.frexp(x)[0] * x,
    "nan_to_num": lambda x: np.nan_to_num(x + HOLES, nan=0.5) * x,
    "emath": lambda x: np.emath.sqrt(abs(x)),
    "batch_norm": lambda x: cr.batch_norm(x),
    "instance_norm": lambda x: cr.instance_norm(x[None]),
    "adaptive_max_pool1d": lambda x: cr.adaptive_max_pool1d(x[None], 2),
    "lstsq": lambda x: np.linalg.lstsq(x.T, x[0] ** 2)[0],
    "pinv": lambda x: np.linalg.pinv(x @ x.T, hermitian=True),
    "cond": lambda x: np.linalg.cond(x @ x.T, "fro"),
    "cond by singular values": lambda x: np.linalg.cond(x),
    "sqrtm": lambda x: cr.sqrtm(x @ x.T + np.eye(3)),
    "svd of a Hermitian matrix": lambda x: np.linalg.svd(x @ x.T, hermitian=True)[1],
    "norms of matrices": lambda x: np.linalg.norm(x, 2) + np.linalg.norm(x, "nuc"),
    "polymul": lambda x: np.polymul(x[0], x[1]),
    "polyfit": lambda x: np.polyfit(x[0], x[1], 1),
    "covariance of a fit": lambda x: np.polyfit(x[0], x[1], 1, cov=True)[1],
    "logsumexp with weights": lambda x: special.logsumexp(x, axis=1, b=WEIGHTS),
    "hinge embedding": lambda x: cr.hinge_embedding_loss(x[0], np.array([1, -1, 1, 1, -1])),
}


@pytest.fixture(autouse=True)
def _by_python():
    with interpreted(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_ten_inputs_compile_one_version(f):
    def loss(x):
        z = f(x)
        return np.sum(z * np.cos(np.arange(z.size)).reshape(z.shape))

    compiled = cr.compile(cr.value_and_grad(loss))
    for _ in range(10):
        x = RNG.normal(size=(3, 5))
        assert_same(compiled(x), cr.value_and_grad(loss)(x), 1e-8)
    assert versions(compiled) == 1


PATHS = ("piecewise", "eigvals", "quantile at a recorded q", "percentile at a recorded q", "scipy.special.gdtrib")
"""Here the number of steps, or which function is called, depends on values."""


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.name not in DRAWS and not any(p in c.name for p in PATHS)],
    ids=lambda case: case.name,
)
def test_other_values_are_no_other_path(case):
    compiled = cr.compile(of_value_and_gradients(case))
    for k in range(3):
        compiled(*Example(case.operands).arrays(f"{case.name} {k}", np.float64))
    assert versions(compiled) == 1


def written(x, y, mask, label):
    """Writes at places that are known only at run time."""
    where, put, copied, largest = x * 1, x * 1, x * 1, x * 1
    where[mask] = 0.5
    np.put(put, label, y[:3])
    np.copyto(copied, y, where=mask)
    np.putmask(largest, x > y, y)
    return where * x, put * x, copied * x, largest * x


def test_operands_without_a_gradient_may_change():
    def losses(x, y, target, weight, label):
        return (
            cr.hinge_embedding_loss(x[0], target),
            cr.cosine_embedding_loss(x, y, target[:3]),
            np.choose(label, [x[0, :3], x[1, :3], x[2, :3]]),
            np.bincount(label, x[0, :3], minlength=4),
            np.interp(x[0], np.sort(y[0]), y[1]),
            cr.nll_loss(cr.log_softmax(x), label, weight=weight),
            cr.multi_margin_loss(x, label, weight=weight),
            cr.multilabel_margin_loss(x[0], np.append(label, [-1, 2])),
            np.take(x, label - 2, axis=1, mode="wrap"),
            *written(x[0], y[0], target > 0, label),
        )

    compiled = cr.compile(losses)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 3, 5))
        args = x, y, rng.choice([-1, 1], 5), rng.uniform(size=5), np.append(rng.integers(0, 3, 2), 2)
        assert_same(compiled(*args), losses(*args), 1e-12)
    assert versions(compiled) == 1


def test_running_statistics_that_are_arguments_are_moved():
    """A compiled function changes no argument, so it returns them."""

    def step(w, mean, var, x):
        def loss(w):
            z = cr.batch_norm(x @ w, running_mean=mean, running_var=var)
            return np.sum(cr.relu(z) ** 3)

        return cr.grad(loss)(w), mean, var

    compiled = cr.compile(step)
    w, mean, var = RNG.normal(size=(3, 2)), np.zeros(2), np.ones(2)
    expected_mean, expected_var = mean.copy(), var.copy()
    for _ in range(4):
        x = RNG.normal(size=(6, 3)) + 1
        gradient, mean, var = compiled(w, mean, var, x)
        expected, *_ = step(w, expected_mean, expected_var, x)  # moves them in place
        assert_same([gradient, mean, var], [expected, expected_mean, expected_var], 1e-12)
    assert versions(compiled) == 1


def test_running_statistics_from_outside_are_moved_on_every_call():
    mean, expected = np.zeros(2), np.zeros(2)
    compiled = cr.compile(lambda x: cr.batch_norm(x, running_mean=mean))
    for _ in range(3):
        x = RNG.normal(size=(6, 2))
        compiled(x)
        cr.batch_norm(x, running_mean=expected)
        np.testing.assert_allclose(mean, expected, rtol=1e-14)
