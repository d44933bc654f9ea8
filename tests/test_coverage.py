"""The table of what is covered is complete, current, and true: what it calls differentiable has a gradient."""

from __future__ import annotations

import importlib
import io
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy

import chainrule as cr
from chainrule import coverage, special
from chainrule.answers import answer
from chainrule.array import Array
from chainrule.block import Block
from chainrule.libraries import is_inexact
from chainrule.trees import flatten

ENTRIES = coverage.coverage()
CALLED = [entry for entry in ENTRIES if entry.module not in coverage.TWINNED]  # those are called in tests/scipy
DIFFERENTIABLE = [entry for entry in CALLED if entry.state == "differentiable"]
WITHOUT = [entry for entry in CALLED if entry.state == "no gradient"]
DOCUMENT = Path(__file__).parents[1] / "docs" / "coverage.md"


def full(entry: coverage.PublicName) -> str:
    return f"{entry.module}.{entry.name}"


# Complete and current ------------------------------------------------------------------------------------------------


def test_every_public_name_has_a_state():
    assert [full(entry) for entry in ENTRIES if entry.state not in coverage.STATES] == []


def test_no_reason_is_stale():
    assert coverage.stale_reasons() == []


def test_at_least_350_functions_are_differentiable():
    assert len(DIFFERENTIABLE) >= 350


def test_the_document_is_current():
    """Made anew by `python -m chainrule.coverage > docs/coverage.md`."""
    written = DOCUMENT.read_text(encoding="utf-8")
    if f"NumPy {np.__version__}, SciPy {scipy.__version__}'s" not in written:
        pytest.skip("it tells of other versions of NumPy and SciPy, which have other functions")
    assert written == coverage.coverage_markdown()


# True ----------------------------------------------------------------------------------------------------------------

X = np.array([[0.9, 0.2, 0.3], [0.2, 0.8, 0.15], [0.3, 0.15, 0.7]])
"""Positive definite, with entries between 0 and 1: in the domain of most functions."""


def _every(module: str, names: str, call: Any) -> dict[str, Any]:
    """One way to call several functions, those that the module has."""
    owner = importlib.import_module(module)
    found = [(name, getattr(owner, name)) for name in names.split() if hasattr(owner, name)]
    return {f"{module.replace('chainrule.special', 'scipy.special')}.{n}": partial(call, f) for n, f in found}


def _signal(x: Any, axes: int) -> Any:
    """A batch of one, with four channels and so many axes of length 4."""
    return np.resize(x, (1, 4) + (4,) * axes)


def _written(write: Any, x: Any) -> Any:
    """What a function that writes into its first argument leaves there."""
    z = x * 2
    write(z)
    return z


def _row_stack(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.row_stack([x, x])


KEEP = np.array([[True, False, True], [True, True, False], [False, False, True]])
LABELS = np.array([0, 2, 1])
SIGNS = np.array([1.0, -1.0, 1.0])
NETWORK = "chainrule"
CALLS: dict[str, Any] = {
    **_every("numpy", "append dot inner outer kron vdot vecdot matvec vecmat float_power cross tensordot", lambda f, x: f(x, X)),
    **_every("numpy.linalg", "outer tensordot vecdot solve cross", lambda f, x: f(x[0] if f is np.linalg.outer else x, X[0] if f is np.linalg.outer else X)),
    **_every("numpy", "convolve correlate polyadd polysub polymul polydiv", lambda f, x: f(x[0], X[1])),
    **_every("numpy", "union1d setdiff1d setxor1d", lambda f, x: f(x[0], X[1])),
    **_every("numpy", "array_split repeat roll tile take expand_dims partition delete rollaxis", lambda f, x: f(x, 1)),
    **_every("numpy", "hsplit vsplit split", lambda f, x: f(x, 3)),
    **_every("numpy", "quantile nanquantile", lambda f, x: f(x, 0.3)),
    **_every("numpy", "percentile nanpercentile", lambda f, x: f(x, 30.0)),
    **_every("numpy", "moveaxis swapaxes", lambda f, x: f(x, 0, 1)),
    **_every("numpy", "polyder polyint roots ix_ vander", lambda f, x: f(x[0])),
    **_every("numpy", "cumulative_prod cumulative_sum", lambda f, x: f(x, axis=0)),
    **_every("numpy", "linspace logspace geomspace", lambda f, x: f(x[0, 0], 2.0, 4)),
    **_every("numpy", "compress", lambda f, x: f([True, False, True], x)),
    **_every("numpy", "extract", lambda f, x: f(KEEP, x)),
    **_every("numpy", "reshape", lambda f, x: f(x, (9,))),
    **_every("numpy", "resize broadcast_to", lambda f, x: f(x, (2, 3, 3))),
    "chainrule.cho_solve": lambda x: cr.cho_solve(cr.cho_factor(x), X),
    "chainrule.solve_triangular": lambda x: cr.solve_triangular(x, X),
    "numpy.angle": lambda x: np.angle(x + 1j),
    "numpy.apply_along_axis": lambda x: np.apply_along_axis(np.sum, 0, x),
    "numpy.apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, 0),
    "numpy.astype": lambda x: np.astype(x, np.float32),
    "numpy.bincount": lambda x: np.bincount(LABELS, x[0]),
    "numpy.choose": lambda x: np.choose(LABELS, list(x)),
    "numpy.copyto": lambda x: _written(lambda z: np.copyto(z, x), x),
    "numpy.divmod": lambda x: np.divmod(x, 0.4),
    "numpy.dsplit": lambda x: np.dsplit(x[:, :, None], 1),
    "numpy.einsum": lambda x: np.einsum("ij->j", x),
    "numpy.fill_diagonal": lambda x: _written(lambda z: np.fill_diagonal(z, x[0]), x),
    "numpy.full": lambda x: np.full((2,), x[0, 0], like=x),
    "numpy.full_like": lambda x: np.full_like(x, x[0, 0]),
    "numpy.heaviside": lambda x: np.heaviside(np.zeros(3), x),
    "numpy.histogram": lambda x: np.histogram(X, weights=x),
    "numpy.histogram2d": lambda x: np.histogram2d(X[0], X[1], weights=x[0]),
    "numpy.histogramdd": lambda x: np.histogramdd(X, weights=x[0]),
    "numpy.imag": lambda x: np.imag(x * 1j),
    "numpy.insert": lambda x: np.insert(x, 1, 2.0),
    "numpy.interp": lambda x: np.interp(0.5, [0.0, 1.0, 2.0], x[0]),
    "numpy.intersect1d": lambda x: np.intersect1d(x[0], X[0]),
    "numpy.pad": lambda x: np.pad(x, 1, mode="edge"),
    "numpy.piecewise": lambda x: np.piecewise(x, [KEEP], [lambda t: t**2, 0.0]),
    "numpy.place": lambda x: _written(lambda z: np.place(z, KEEP, x[0]), x),
    "numpy.polyfit": lambda x: np.polyfit(X[0], x[0], 1),
    "numpy.polyval": lambda x: np.polyval(x[0], 2.0),
    "numpy.put": lambda x: _written(lambda z: np.put(z, [0, 2], x[0, 1]), x),
    "numpy.put_along_axis": lambda x: _written(lambda z: np.put_along_axis(z, LABELS[None], x[:1], 0), x),
    "numpy.putmask": lambda x: _written(lambda z: np.putmask(z, KEEP, x), x),
    "numpy.row_stack": _row_stack,
    "numpy.select": lambda x: np.select([KEEP], [x**2]),
    "numpy.take_along_axis": lambda x: np.take_along_axis(x, LABELS[None], 0),
    "numpy.where": lambda x: np.where(KEEP, x, 0.0),
    "numpy.linalg.cond": lambda x: np.linalg.cond(x, 1),
    "numpy.linalg.lstsq": lambda x: np.linalg.lstsq(x, X[0], rcond=None)[0],
    "numpy.linalg.matrix_power": lambda x: np.linalg.matrix_power(x, 3),
    "numpy.linalg.multi_dot": lambda x: np.linalg.multi_dot([x, X, x]),
    "numpy.linalg.tensorinv": lambda x: np.linalg.tensorinv(x, 1),
    "numpy.linalg.tensorsolve": lambda x: np.linalg.tensorsolve(x, X[0]),
    "numpy.linalg.slogdet": lambda x: np.linalg.slogdet(x)[1],
    # scipy.special
    **_every("scipy.special", "jvp yvp ivp kvp h1vp h2vp pbdv pbvv pbwa", lambda f, x: f(1, x)),
    **_every("scipy.special", "mathieu_cem mathieu_sem", lambda f, x: f(2, 1.0, x)),
    **_every("scipy.special", "mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2", lambda f, x: f(2, 1.0, x)),
    **_every("chainrule.special", "polygamma spherical_jn spherical_yn spherical_in spherical_kn", lambda f, x: f(1, x)),
    **_every("chainrule.special", "comb perm diric multigammaln", lambda f, x: f(x + 2, 2)),
    "scipy.special.assoc_laguerre": lambda x: special.assoc_laguerre(x, 3, 1),
    "scipy.special.ellipj": lambda x: special.ellipj(x, X),
    "scipy.special.nrdtrimn": lambda x: special.nrdtrimn(x, X, 0.5),
    "scipy.special.nrdtrisd": lambda x: special.nrdtrisd(0.5, x, X),
    # Neural networks
    **{
        key: call
        for axes in (1, 2, 3)
        for key, call in {
            **_every(NETWORK, f"avg_pool{axes}d max_pool{axes}d adaptive_avg_pool{axes}d adaptive_max_pool{axes}d", lambda f, x, n=axes: f(_signal(x, n), 2)),
            **_every(NETWORK, f"conv{axes}d conv_transpose{axes}d", lambda f, x, n=axes: f(_signal(x, n), np.resize(X, (4, 4) + (2,) * n))),
            **_every(NETWORK, f"lp_pool{axes}d", lambda f, x, n=axes: f(_signal(x, n), 2.0, 2)),
            **_every(NETWORK, f"dropout{axes}d", lambda f, x, n=axes: f(_signal(x, n), 0.5, np.random.default_rng(0))),
        }.items()
    },
    **_every(NETWORK, "group_norm pixel_shuffle pixel_unshuffle local_response_norm unfold", lambda f, x: f(_signal(x, 2), 2)),
    **_every(NETWORK, "instance_norm interpolate", lambda f, x: f(_signal(x, 2), **({"scale_factor": 2} if f.__name__ == "interpolate" else {}))),
    **_every(NETWORK, "dropout alpha_dropout feature_alpha_dropout", lambda f, x: f(x, 0.5, np.random.default_rng(0))),
    **_every(NETWORK, "huber_loss smooth_l1_loss l1_loss mse_loss mean_squared_error poisson_nll_loss kl_div cosine_similarity", lambda f, x: f(x, X.T + 0.1)),
    **_every(NETWORK, "binary_cross_entropy binary_cross_entropy_with_logits multilabel_soft_margin_loss", lambda f, x: f(x, KEEP * 1.0)),
    **_every(NETWORK, "soft_margin_loss binary_hinge_loss hinge_embedding_loss", lambda f, x: f(x, SIGNS * np.ones((3, 3)))),
    **_every(NETWORK, "nll_loss softmax_cross_entropy multi_margin_loss hinge_loss squared_hinge_loss cross_entropy_loss", lambda f, x: f(x, LABELS)),
    **_every(NETWORK, "cdist pairwise_distance linear", lambda f, x: f(x, X[::-1].copy())),
    **_every(NETWORK, "triplet_margin_loss triplet_margin_with_distance_loss", lambda f, x: f(x, X[::-1].copy(), X + 0.1)),
    **_every(NETWORK, "margin_ranking_loss", lambda f, x: f(x[0], X[1], -SIGNS)),
    **_every(NETWORK, "cosine_embedding_loss", lambda f, x: f(x, X.T, SIGNS)),
    **_every(NETWORK, "rnn_cell", lambda f, x: f(x, X, X, X)),
    **_every(NETWORK, "gru_cell", lambda f, x: f(x, X, np.resize(X, (9, 3)), np.resize(X, (9, 3)))),
    **_every(NETWORK, "lstm_cell", lambda f, x: f(x, (X, X), np.resize(X, (12, 3)), np.resize(X, (12, 3)))),
    **_every(NETWORK, "scaled_dot_product_attention", lambda f, x: f(x, X, x)),
    **_every(NETWORK, "multi_head_attention", lambda f, x: f(x, X, X, 1, np.resize(X, (9, 3)), X)),
    **_every(NETWORK, "bilinear", lambda f, x: f(x, X, np.resize(X, (2, 3, 3)))),
    **_every(NETWORK, "embedding embedding_bag", lambda f, x: f(x, LABELS[None])),
    **_every(NETWORK, "fold", lambda f, x: f(np.resize(x, (1, 4, 4)), 3, 2)),
    **_every(NETWORK, "gaussian_nll_loss", lambda f, x: f(x, X.T + 0.1, X)),
    **_every(NETWORK, "gumbel_softmax rrelu", lambda f, x: f(x, rng=np.random.default_rng(0))),
    **_every(NETWORK, "multilabel_margin_loss", lambda f, x: f(x, np.array([[0, -1, 0], [1, 2, -1], [2, -1, 0]]))),
    **_every(NETWORK, "ctc_loss", lambda f, x: f(x[:, None], np.array([[1, 2]]), np.array([3]), np.array([2]))),
    **_every(NETWORK, "batch_norm layer_norm rms_norm", lambda f, x: f(x**2)),
    **_every(NETWORK, "glu", lambda f, x: f(x[:, :2])),
    **_every(NETWORK, "prelu", lambda f, x: f(-x, 0.2)),
}  # fmt: skip
"""How to call what is not `f(x)`, with x as the array to differentiate by."""


def called(entry: coverage.PublicName) -> tuple[Any, tuple[np.ndarray, ...]]:
    """A call of a function, and its operands: those of the table above, of its block's example, or X alone."""
    if full(entry) in CALLS:
        return CALLS[full(entry)], (X,)
    owner = special if entry.name in special.__all__ else importlib.import_module(entry.module)
    function = getattr(owner, entry.name)
    made_of = function if entry.module == "chainrule" else answer(function)
    if isinstance(made_of, Block) and made_of.example is not None and not made_of.example.params:
        arrays = made_of.example.arrays(entry.name)
        floats = tuple(x for x in arrays if is_inexact(x))

        def of_floats(*xs: Any) -> Any:
            given = iter(xs)
            return function(*(next(given) if is_inexact(x) else int(x) if x.ndim == 0 else x for x in arrays))

        return of_floats, floats
    return function, (X,)


def total(output: Any) -> Any:
    """Every floating entry of what a function returned, summed with weights that tell them apart."""
    loss = 0.0
    for leaf in flatten(output)[0]:
        if type(leaf) is Array and is_inexact(leaf.value):
            for part in (np.real(leaf), np.imag(leaf)):
                loss = loss + np.sum(part * np.linspace(0.7, 1.4, max(part.size, 1)).reshape(part.shape))
    return loss


@pytest.mark.parametrize("entry", DIFFERENTIABLE, ids=full)
def test_what_is_called_differentiable_has_a_gradient(entry):
    f, xs = called(entry)
    grads = cr.grad(lambda *xs: total(f(*xs)), tuple(range(len(xs))))(*xs)
    assert all(np.all(np.isfinite(g)) for g in grads)
    assert any(np.any(g != 0) for g in grads)


def test_every_call_of_the_table_is_of_a_name_of_the_table():
    assert set(CALLS) <= {full(entry) for entry in ENTRIES}


PLAIN_CALLS: dict[str, Any] = {
    **_every("numpy", "isin digitize searchsorted", lambda f, x: f(x[0], np.sort(X[1]))),
    **_every("numpy", "isclose allclose array_equal array_equiv shares_memory may_share_memory", lambda f, x: f(x, X)),
    **_every("numpy", "argpartition", lambda f, x: f(x, 1)),
    **_every("numpy", "can_cast", lambda f, x: f(x.dtype, np.float64)),
    **_every("numpy", "empty zeros ones", lambda f, x: f((2,), like=x)),
    **_every("numpy", "bitwise_count bitwise_invert bitwise_not invert logical_not", lambda f, x: f(x > 0.5) if f is not np.bitwise_count else f(np.astype(x, int))),
    **_every("numpy", "bitwise_and bitwise_or bitwise_xor", lambda f, x: f(x > 0.5, KEEP)),
    **_every("numpy", "bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm", lambda f, x: f(np.astype(9 * x, int), 2)),
    **_every("numpy", "packbits unpackbits", lambda f, x: f(np.astype(9 * x, np.uint8))),
    **_every("numpy", "ravel_multi_index unravel_index", lambda f, x: f((1, 2), (3, 3)) if f is np.ravel_multi_index else f(np.astype(x, int), (3, 3))),
    **_every("numpy", "einsum_path", lambda f, x: f("ij->j", x)),
    **_every("numpy", "save savetxt savez savez_compressed", lambda f, x: f(io.BytesIO(), x)),
    **_every("numpy", "lexsort", lambda f, x: f(x)),
    **_every("chainrule", "one_hot", lambda f, x: f(LABELS, 3)),
}  # fmt: skip
"""How to call what has no gradient and is not `f(x)`, `f(x, X)` or `f(x, x)`."""


@pytest.mark.parametrize("entry", WITHOUT, ids=full)
def test_what_is_called_without_a_gradient_works_and_its_gradient_is_zero(entry):
    function = getattr(importlib.import_module(entry.module), entry.name)
    if full(entry) in PLAIN_CALLS:
        f = PLAIN_CALLS[full(entry)]
    else:
        f = partial(_times, function, function.nin if isinstance(function, np.ufunc) else 1)
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x) + total(f(x)))(X), np.ones_like(X))


def _times(function: Any, count: int, x: Any) -> Any:
    return function(*[x] * count)
