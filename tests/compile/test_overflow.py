"""Where a value overflows, the compiled gradient of log, sqrt, norms and their like is NaN as uncompiled, never 0."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import BLOCKS
from compile.interpreted import interpreted

FLAT = {name: block for name, block in BLOCKS.items() if block.flat_at_infinity}
HUGE = 1e200
WIDE = np.longdouble
"""Its exponents reach further."""
FUNCTIONS = {
    "sqrt of a square": lambda x: np.sqrt(x**2 + 1),
    "log of a power": lambda x: np.log(x**2 + 1),
    "a root as a power": lambda x: (x * x + 1) ** 0.3,
    "a norm": lambda x: np.linalg.norm(np.stack([x, 2 * x]), axis=0),
    "a standard deviation": lambda x: np.std(np.stack([x, -x, 2 * x]), axis=0),
    "distances": lambda x: np.sqrt(np.sum((x[:, None] - x) ** 2 + 1, axis=1)),
    "normalised": lambda x: x / np.sqrt(x * x + 1),
    "masked": lambda x: np.where(x < 1e100, np.log(x * x + 1), x),
    "reshaped": lambda x: np.log(np.reshape(x * x + 1, (-1, 1)))[:, 0],
    "single precision": lambda x: np.log((x * x + 1).astype(np.float32)),
    "complex": lambda x: np.abs(np.sqrt(x * x + 1j)),
    "finite sums": lambda x: np.sqrt(np.maximum(x, 0.0) ** 2 + 1) + np.tanh(x),
}


def after_ordinary_numbers(f, x, **options):
    """What f gives for x, compiled for ordinary numbers; then for these once more."""
    compiled = cr.compile(f, **options)
    ordinary = np.linspace(0.5, 1.5, x.size).reshape(x.shape)
    for _ in range(3):
        compiled(ordinary.copy())
    found = compiled(x.copy())
    np.testing.assert_allclose(compiled(ordinary.copy()), f(ordinary), rtol=1e-12)
    return found


@pytest.mark.filterwarnings("ignore:.*(overflow|invalid value).*:RuntimeWarning")
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_gradient_that_an_overflow_hides_is_that_of_the_uncompiled_function(f):
    x = np.array([1.5, HUGE, -2.0, -HUGE])
    g = cr.grad(lambda x: np.sum(f(x)))
    np.testing.assert_allclose(after_ordinary_numbers(g, x), g(x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", sorted(FLAT))
def test_no_block_has_the_gradient_0_where_its_operand_overflowed(name):
    block = FLAT[name]
    operands = block.example.arrays(name)

    def f(scale):
        z = block(*(x * scale * scale for x in operands), **block.example.params)
        return np.sum(np.real(z))

    g = cr.grad(f)
    wanted = g(np.float64(HUGE))
    compiled = cr.compile(g)
    for _ in range(3):
        compiled(np.float64(1.0))
    assert np.isnan(wanted) or np.isinf(wanted)
    np.testing.assert_equal(compiled(np.float64(HUGE)), wanted)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_gradient_of_a_reduction_is_right_where_its_result_overflowed():
    x = np.array([[HUGE, 1.0], [2.0, 1.0]])
    for f, row in ((np.linalg.norm, [1.0, 1 / HUGE]), (np.std, [0.5, -0.5])):
        for options in ({"axis": 1}, {"axis": -1, "keepdims": True}):
            rows = cr.grad(lambda x, f=f, options=options: np.sum(f(x, **options)))(x)
            np.testing.assert_allclose(rows[0], row, rtol=1e-14)
            assert np.isfinite(rows[1]).all()
        wide = x.astype(np.longdouble)  # its exponents reach further
        np.testing.assert_allclose(cr.grad(f)(x), cr.grad(f)(wide).astype(float), rtol=1e-12, atol=1e-300)
        leading = cr.jacobian(lambda x, f=f: f(x, axis=0))
        np.testing.assert_allclose(leading(x), leading(wide).astype(float), rtol=1e-12, atol=1e-300)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loop_finds_an_overflow_in_any_step():
    def f(x):
        total = 0.0
        for t in range(60):
            total = total + np.sqrt(x[t] * x[t] + 1)
        return total

    g = cr.grad(f)
    x = np.linspace(0.5, 2.0, 60)
    compiled = cr.compile(g)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), g(x))
    x[40] = HUGE
    np.testing.assert_allclose(compiled(x), g(x))
    assert np.isnan(compiled(x)[40])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_donated_argument_keeps_its_values_when_a_run_is_left():
    def step(w, x):
        return w - 0.1 * cr.grad(lambda w: np.sum(np.log((x * w) ** 2 + 1)))(w)

    size = 200_000
    compiled = cr.compile(step, donate=0)
    x = np.linspace(0.5, 1.5, size)
    w = np.ones(size)
    for _ in range(3):
        np.testing.assert_allclose(compiled(w.copy(), x), step(w, x), rtol=1e-12)
    x[5] = HUGE
    np.testing.assert_allclose(compiled(w.copy(), x), step(w, x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflows_make_no_new_versions():
    compiled = cr.compile(cr.grad(lambda x: np.sum(np.log(x * x + 1))))
    for k in range(40):
        compiled(np.array([1.0, HUGE if k % 2 else 2.0]))
    assert "1 version" in repr(compiled)


def test_bounded_and_given_values_are_not_asked():
    for f in (
        lambda x: np.sum(np.log(x)),
        lambda x: np.sum(np.log(cr.softmax(x) + 1e-9)),
        lambda x: np.sum(np.sqrt(np.tanh(x) ** 2 + 1)),
        lambda x: np.sum((np.exp(x) - 1) ** 2),
    ):
        compiled = cr.compile(cr.grad(f))
        for _ in range(2):
            compiled(np.array([0.5, 1.5]))
        assert compiled._latest.expected == []


GROWTH = {
    "itself": lambda e: e,
    "negative": lambda e: -e,
    "more": lambda e: e + 1.0,
    "less": lambda e: 3.0 - e,
    "halved": lambda e: e / 2.0,
    "doubled": lambda e: 2.0 * e,
    "scaled": lambda e: 1e300 * e,
    "divided": lambda e: e / 1e-300,
    "shifted far": lambda e: e + 1.5e308,
    "squared": np.square,
    "a power": lambda e: e**2.5,
    "inverted": lambda e: 1.0 / e,
    "a distance": lambda e: abs(e - 3.0),
    "at least": lambda e: np.maximum(e, 0.1),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", GROWTH)
def test_what_is_made_of_an_exponential_has_no_gradient_0_where_it_overflowed(name):
    o = np.array([[1.5, 2.0, 3.0], [1.1, 1.2, 0.7]])
    for flat in (np.log, np.sqrt, lambda z: abs(z) ** 0.3):
        for shape in ((1,), (2, 3)):

            def f(x, flat=flat):
                return np.sum(flat(o * GROWTH[name](np.exp(x))))

            g = cr.grad(f)
            with interpreted():
                compiled = cr.compile(g)
                for _ in range(2):
                    compiled(np.full(shape, 0.5))
                for point in (100.0, 300.0, 400.0, 709.5, 800.0, -800.0):
                    x = np.full(shape, point)
                    if not np.isnan(f(x.astype(WIDE))):
                        _is_one_of(compiled(x), g(x), g(x.astype(WIDE)).astype(float))


def _is_one_of(found, wanted, wide):
    """Found is the gradient as uncompiled, or that of wider numbers; it is not finite only where the first is not."""
    unknown = ~np.isfinite(found) & ~np.isfinite(wanted)
    right = np.isclose(found, wanted, 1e-10, 0) | np.isclose(found, wide, 1e-10, 0)
    assert (right | unknown).all(), (found, wanted, wide)
