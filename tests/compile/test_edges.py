"""Infinite entries, overflow, zeros with a sign, read-only arrays: compiled as NumPy and as uncompiled."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from compile.interpreted import interpreted

INF, NAN = np.inf, np.nan

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(autouse=True)
def by_python():
    with interpreted(), np.errstate(all="ignore"):
        yield


def compiled(f, *args):
    """What the compiled function returns when it runs what was compiled."""
    g = cr.compile(f)
    g(*args)
    return g(*args)


def assert_same(found, wanted, rtol=1e-14):
    assert np.shape(found) == np.shape(wanted)
    assert np.asarray(found).dtype == np.asarray(wanted).dtype
    np.testing.assert_allclose(found, wanted, rtol=rtol)


# Order statistics ----------------------------------------------------------------------------------------------------

ROWS = [
    *([-INF, 1, 2], [1, 2, INF], [-INF, INF, 3], [INF, INF, 1], [3, 1, 2, INF], [INF, INF, INF, -INF], [INF], [3, 1]),
    *([-INF, INF], [1, NAN, 2, INF], [NAN, NAN], [NAN, INF], [1, 1, 2, 2], [NAN, -INF, INF, 3, 4]),
]
METHODS = "linear lower higher midpoint inverted_cdf averaged_inverted_cdf median_unbiased hazen nearest".split()


@pytest.mark.parametrize("function", [np.quantile, np.nanquantile])
@pytest.mark.parametrize("q", [0, 1, 0.0, 1.0, 0.5, [0, 1], [0.0, 0.3]])
def test_quantiles_of_infinite_entries_are_numpys(function, q):
    for method, row in itertools.product(METHODS, ROWS):
        x = np.array(row, float)
        f = lambda x: function(x, q, method=method)  # noqa: E731, B023
        assert_same(np.asarray(cr.compile(f)(x)), np.asarray(f(x)))


@pytest.mark.parametrize("row", ROWS)
def test_the_median_of_infinite_entries_is_numpys(row):
    for f, x in itertools.product((np.median, np.nanmedian), (np.array(row, float), np.array([row, row[::-1]], float))):
        assert_same(compiled(lambda x: f(x, axis=-1), x), f(x, axis=-1))  # noqa: B023


def test_an_infinite_entry_beside_the_median_has_no_gradient():
    x = np.array([[1.0, INF, 2.0, NAN], [3.0, NAN, NAN, 1.0]])
    f = cr.grad(lambda x: np.nanmedian(x, axis=1) @ np.array([1.0, 10.0]))
    for found in (f(x), compiled(f, x)):
        np.testing.assert_array_equal(found, [[0, 0, 1, 0], [5, 0, 0, 5]])


# Overflow ------------------------------------------------------------------------------------------------------------

OVERFLOWS = {
    "log(2 + exp)": lambda x: np.log(2 + np.exp(x)),
    "log(2 + exp(−x))": lambda x: np.log(2 + np.exp(-x)),
    "log(3 exp)": lambda x: np.log(3 * np.exp(x)),
    "log1p": lambda x: np.log1p(2 * np.exp(x)),
    "log2": lambda x: np.log2(3 + np.exp2(x) + x),
    "sqrt": lambda x: np.sqrt(1 + np.exp(x)),
    "log cosh": lambda x: np.log(np.cosh(x)),
    "log of squares": lambda x: np.log((np.cosh(x) / (x * x)) ** 2),
    "times x": lambda x: x * np.log(2 + np.exp(x)),
    "twice": lambda x: np.log(2 + np.log(3 + np.exp(x))),
}


@pytest.mark.parametrize("f", OVERFLOWS.values(), ids=OVERFLOWS.keys())
def test_a_gradient_that_overflow_hides_is_no_zero(f):
    """Where exp(x) overflows so that 1/exp(x) is 0, their product is unknown, as uncompiled."""
    x = np.array([-1200.0, -800.0, -20.0, 0.5, 300.0, 800.0, 1200.0])
    g = cr.grad(lambda x: np.sum(f(x)))
    wanted = g(x)
    assert np.isnan(wanted).any()
    compiled = cr.compile(g)
    for found in (compiled(x), compiled(x)):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300)


def test_a_gradient_after_overflow_that_is_masked_out_stays_zero():
    f = cr.grad(lambda x: np.sum(np.where(x < 100, np.log(2 + np.exp(x)), 0.0)))
    x = np.array([1.0, 800.0])
    assert_same(compiled(f, x), f(x), rtol=1e-12)
    assert compiled(f, x)[1] == 0


def test_a_bump_is_flat_at_its_end():
    f = cr.grad(lambda x: np.sum(np.exp(-1 / x)))
    np.testing.assert_array_equal(compiled(f, np.array([0.0, 1e-5]))[0], 0.0)


@pytest.mark.parametrize(
    "f", [lambda x: np.sinh(x) / np.cosh(x), lambda x: (np.sinh(x) / np.cosh(x)) ** 2, lambda x: (x / np.cosh(x)) ** 3]
)
def test_simplified_products_do_not_overflow_where_the_plain_ones_do_not(f):
    """sinh² / cosh² is no number at 400, where sinh / cosh · sinh / cosh is 1."""
    x = np.array([-400.0, -300.0, 0.5, 350.0, 400.0])
    g = cr.grad(lambda x: np.sum(f(x)))
    np.testing.assert_allclose(compiled(g, x), g(x), rtol=1e-10, atol=1e-12)


# Single functions ----------------------------------------------------------------------------------------------------


def test_the_angle_of_real_numbers_is_that_of_their_sign():
    x = np.array([2.0, -1.0, -0.0, 0.0, NAN, INF, -INF])
    assert_same(compiled(np.angle, x), np.angle(x))


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_the_sign_of_infinite_complex_numbers_is_numpys(dtype):
    parts = [0.0, -0.0, 1.0, -2.0, INF, -INF, NAN]
    x = np.array([complex(a, b) for a in parts for b in parts]).astype(dtype)
    assert_same(compiled(np.sign, x), np.sign(x), rtol=1e-6)


def test_the_first_power_of_an_infinite_complex_number_is_itself():
    x = np.array([0.2 + 0.7j, complex(-1.4, INF), 0.7 + 1.3j])
    assert_same(compiled(lambda x: np.vander(x, increasing=True), x)[:, :2], np.vander(x, increasing=True)[:, :2])


def test_einsum_multiplies_before_it_adds_where_entries_are_infinite():
    """0 · inf is NaN, also where (0 + 1) · inf is infinite."""
    rng = np.random.default_rng(0)
    for subscripts, shapes in (
        ("i,,->", ((3,), (), ())),
        ("ij,jk->j", ((3, 2), (2, 3))),
        ("ij,kl->", ((2, 2), (2, 2))),
        ("i,ji,kj->ji", ((2,), (3, 2), (2, 3))),
        ("k,i,ij->i", ((2,), (3,), (3, 2))),
    ):
        for _ in range(10):
            xs = [rng.choice([0.0, 1.0, 2.0, INF, -INF, NAN], size=shape) for shape in shapes]
            wanted = np.einsum(subscripts, *xs)
            assert_same(compiled(lambda *xs: np.einsum(subscripts, *xs), *xs), wanted)  # noqa: B023


def test_polydiv_divides_in_the_precision_of_the_divisor():
    u, v = np.array([-1.0, -1.181, -0.552, 0.493]), np.array([-0.232, 1.346, 0.175, -1.643], np.float32)
    for found, wanted in zip(compiled(np.polydiv, u, v), np.polydiv(u, v), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-14)


def test_the_jacobian_of_an_outer_product_compiles():
    """A vector times a stack of matrices."""
    jacobian = cr.jacobian(lambda x: np.outer(x, x))
    x = np.array([1.0, 2.0, 3.0])
    wanted = np.einsum("ik,j->ijk", np.eye(3), x) + np.einsum("i,jk->ijk", x, np.eye(3))
    np.testing.assert_allclose(compiled(jacobian, x), wanted)
    stack = np.arange(24.0).reshape(4, 3, 2)
    np.testing.assert_allclose(compiled(lambda x, y: np.tanh(x) @ y, x, stack), np.tanh(x) @ stack)


# Read-only arrays ----------------------------------------------------------------------------------------------------


def locked(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def _write(x):
    x[0] = 2.0
    return np.sum(x * x)


def _write_in_a_tree(p):
    p["a"] *= 2
    return np.sum(p["a"])


@pytest.mark.parametrize("runs", [0, 1, 2, 3])
def test_a_write_into_a_read_only_array_is_refused_after_any_number_of_calls(runs):
    x = np.ones(3)
    for f, wrapped in ((_write, lambda x: x), (_write_in_a_tree, lambda x: {"a": x})):
        g = cr.compile(f)
        for _ in range(runs):
            assert g(wrapped(x)) == 6
        with pytest.raises(cr.errors.BlockError, match="read-only"):
            g(wrapped(locked(x)))
        assert g(wrapped(x)) == 6


def test_a_branch_on_whether_an_array_is_read_only_is_numpys():
    f = lambda x: x * 2 if x.flags.writeable else x * 3  # noqa: E731
    x = np.ones(3)
    g = cr.compile(f)
    for argument in (x, x, x, locked(x), locked(x), locked(x), x):
        np.testing.assert_array_equal(g(argument), f(argument))
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(x), [2, 2, 2])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(locked(x)), [3, 3, 3])


def test_a_compiled_function_may_have_no_results():
    f = cr.compile(lambda x: np.unstack(x))
    for _ in range(3):
        assert f(np.array([], np.int64)) == ()


def test_a_row_at_a_recorded_index_is_a_view():
    def f(x, v):
        row = x[np.argmax(v)]
        row += 5.0
        part = x[np.argmin(v)][1:]
        part *= 2.0
        return np.sum(x**2)

    compiled = cr.compile(f)
    for v in ([1.0, 3.0, 2.0], [1.0, 3.0, 2.5], [3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [2.5, 2.0, 1.0]):
        x = np.arange(6.0).reshape(3, 2)
        assert compiled(x.copy(), np.array(v)) == f(x.copy(), np.array(v))
        gradient = cr.grad(f)(x.copy(), np.array(v))
        np.testing.assert_array_equal(cr.compile(cr.grad(f))(x.copy(), np.array(v)), gradient)
