"""NumPy's reductions with recorded values in every keyword: where, initial, mean, ddof, correction."""

import numpy as np
import pytest

import chainrule as cr

X = np.array([[1.0, 4.0, 2.0], [3.0, 0.5, 5.0]])
GAPS = np.array([[1.0, 4.0, 2.0], [3.0, np.nan, 5.0]])
MASK = np.array([[True, True, False], [True, True, True]])
START = np.float64(2.5)
AXES = [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}]
JOINING = [np.sum, np.prod, np.max, np.min, np.nansum, np.nanprod, np.nanmax, np.nanmin]
SPREADS = [np.var, np.std, np.nanvar, np.nanstd]


def operand(f):
    return GAPS if "nan" in f.__name__ else X


def differences(f, arguments, k, h=1e-6):
    """∂f/∂argument k by central differences."""
    x = np.asarray(arguments[k])
    found = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        up, down = (f(*arguments[:k], x + s, *arguments[k + 1 :]) for s in (step, -step))
        found[i] = (up - down) / (2 * h)
    return found


def is_numpys(f, *arguments):
    """Value, kind and dtype are NumPy's, and the gradients those of differences; compiled too."""
    wanted, found = f(*arguments), cr.vjp(f, *arguments)[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-14)
    assert type(found) is type(wanted)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype
    loss = lambda *xs: np.sum(f(*xs) * np.arange(1.0, 1 + np.size(wanted)).reshape(np.shape(wanted)))  # noqa: E731
    g = cr.grad(loss, tuple(range(len(arguments))))
    for k, dx in enumerate(g(*arguments)):
        d = differences(loss, arguments, k)
        np.testing.assert_allclose(dx, np.where(np.isnan(d), 0.0, d), rtol=1e-5, atol=1e-7)  # of an entry that is NaN


@pytest.mark.parametrize("options", AXES, ids=str)
@pytest.mark.parametrize("f", JOINING, ids=lambda f: f.__name__)
def test_reductions_take_initial_and_where_as_numpy_does(f, options):
    x = operand(f)
    is_numpys(lambda x, i: f(x, initial=i, **options), x, START)
    is_numpys(lambda x, i: f(x, initial=i, where=MASK, **options), x, START)
    is_numpys(lambda x, i: f(x, initial=i, where=x > 1.5, **options), x, START)


@pytest.mark.parametrize("options", AXES, ids=str)
@pytest.mark.parametrize("f", SPREADS, ids=lambda f: f.__name__)
def test_mean_ddof_and_correction(f, options):
    x = operand(f)
    center = np.nanmean(x, **(options | {"keepdims": True})) + 0.25
    is_numpys(lambda x, m: f(x, mean=m, **options), x, center)
    is_numpys(lambda x, m: f(x, mean=m, where=MASK, ddof=0.5, **options), x, center)
    is_numpys(lambda x, d: f(x, ddof=d, **options), x, np.float64(0.5))
    is_numpys(lambda x, d: f(x, correction=d, where=MASK, **options), x, np.float64(0.25))


def test_a_plain_array_with_a_recorded_initial_value_or_mean():
    is_numpys(lambda i: np.sum(X, axis=1, initial=i), START)
    is_numpys(lambda i: np.max(X, axis=1, initial=i), START)
    is_numpys(lambda i: np.nansum(GAPS, axis=1, initial=i), START)
    is_numpys(lambda i: np.nanprod(GAPS, initial=i), START)
    is_numpys(lambda i: np.nanmax(GAPS, axis=0, initial=i), START)
    is_numpys(lambda i: np.nanmin(GAPS, keepdims=True, initial=i, where=MASK), START)
    center = np.array([[2.0], [3.0]])
    is_numpys(lambda m: np.std(X, axis=1, mean=m), center)
    is_numpys(lambda m: np.nanstd(GAPS, axis=1, mean=m), center)
    is_numpys(lambda m: np.nanvar(GAPS, axis=1, mean=m, where=MASK), center)


@pytest.mark.parametrize("f", SPREADS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("mean", [1.5, 2, np.float32(1.5), [[1.5], [2.0]]], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_a_mean_that_is_not_an_array(f, mean, dtype):
    x = X.astype(dtype)
    for options in ({}, {"where": MASK}):
        wanted = f(x, mean=mean, axis=1, **options)
        found = cr.array.value_of(f(cr.variable(X).astype(dtype), mean=mean, axis=1, **options))
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_recorded_ddof_compiled():
    g = cr.value_and_grad(lambda x, d: np.sum(np.std(x, axis=0, ddof=d)), (0, 1))
    compiled = cr.compile(g)
    for d in (0.25, 0.5, 0.75):
        for a, b in zip(compiled(X, d)[1], g(X, d)[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
