"""Blame: the block whose rule is wrong is named, with its operand and the line that called it."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.block import Block
from chainrule.check import check

pytest.importorskip("torch")
pytest.importorskip("jax")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3))
Y = RNG.standard_normal(3)


def scaled_sine(rule, **options):
    """The block z = sin(x) y with a given backward rule."""

    @cr.block(**options)
    def scaled_sine(x, y):
        return np.sin(x) * y

    scaled_sine.backward(rule)
    return scaled_sine


def dx(dz, x, y):
    return dz * np.cos(x) * y


def dy(dz, x):
    return (dz * np.sin(x)).sum(0)


def one_wrong_entry(dz, z, x, y):
    g = dx(dz, x, y)
    g[2, 1] *= 1.5
    return g, dy(dz, x)


WRONG = {
    "a factor of two": (lambda dz, z, x, y: (2 * dx(dz, x, y), dy(dz, x)), "x"),
    "the sign": (lambda dz, z, x, y: (-dx(dz, x, y), dy(dz, x)), "x"),
    "one operand": (lambda dz, z, x, y: (dx(dz, x, y), dy(dz, x) + 0.1), "y"),
    "one entry": (one_wrong_entry, "x"),
    "no gradient for an operand": (lambda dz, z, x, y: (dx(dz, x, y), None), "y"),
    "NaN": (lambda dz, z, x, y: (dx(dz, x, y) * np.nan, dy(dz, x)), "x"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_rule_is_blamed_with_its_operand_and_line(mistake):
    rule, operand = WRONG[mistake]
    block = scaled_sine(rule)

    def loss(x, y):
        a = np.exp(x / 2)
        b = block(a, y)  # the line to blame
        return np.sum(cr.softmax(b) ** 2)

    report = check(loss)(X, Y)
    assert not report.ok
    assert (report.blame.block, report.blame.operand) == ("scaled_sine", operand)
    start = loss.__code__.co_firstlineno
    assert report.blame.line.number == start + 2
    assert "b = block(a, y)" in str(report)


def test_the_entry_to_blame_is_named():
    report = check(scaled_sine(one_wrong_entry))(X, Y)
    assert "at [2, 1]: for a random dz it gives" in report.blame.reason
    assert {c.index for c in report.comparisons if not c.ok} == {(2, 1)}


def test_a_missing_sum_over_a_broadcast_axis_is_blamed():
    block = scaled_sine(lambda dz, z, x, y: (dx(dz, x, y), dz * np.sin(x)))
    report = check(lambda x, y: np.sum(block(x, y) ** 2))(X, Y)
    assert not report.ok
    assert report.blame.block == "scaled_sine"
    assert "returned a gradient of shape (4, 3) for operand y of shape (3,)" in report.blame.reason


def test_a_rule_that_raises_is_blamed():
    def rule(dz, z, x, y):
        raise IndexError("no rule yet")

    report = check(lambda x, y: np.sum(scaled_sine(rule)(x, y)))(X, Y)
    assert report.blame.block == "scaled_sine"
    assert "no rule yet" in report.blame.reason


def test_the_first_wrong_block_from_the_loss_is_blamed():
    wrong = scaled_sine(WRONG["the sign"][0])

    @cr.block
    def later(x):
        return x**2

    later.backward(lambda dz, z, x: dz * x)
    report = check(lambda x, y: np.sum(later(wrong(x, y))))(X, Y)
    assert report.blame.block == "later"


def test_two_mistakes_that_cancel_are_still_found():
    half = scaled_sine(lambda dz, z, x, y: (dx(dz, x, y) / 2, dy(dz, x)))

    @cr.block
    def double(x):
        return x + 1

    double.backward(lambda dz, z, x: 2 * dz)
    report = check(lambda x: np.sum(half(double(x), Y)))(X)
    assert all(c.ok for c in report.comparisons)
    assert report.blame.block == "scaled_sine"
    assert not report.ok


def test_a_wrong_block_of_the_library_is_blamed(monkeypatch):
    monkeypatch.setattr(cr.softmax, "_joint", lambda xp, dp, p, s, axis=-1: p * dp)
    report = check(lambda s: np.sum(cr.softmax(s * 2) ** 2))(X)
    assert (report.blame.block, report.blame.operand) == ("softmax", "s")


def test_a_wrong_block_inside_another_is_blamed():
    wrong = scaled_sine(WRONG["one operand"][0])

    @cr.block
    def composite(x, y):
        return np.exp(wrong(x, y))

    report = check(lambda x, y: np.sum(composite(x, y)))(X, Y)
    assert (report.blame.block, report.blame.operand) == ("scaled_sine", "y")


@pytest.mark.parametrize("f", [lambda block: block, lambda block: lambda x: np.sum(block(x))])
@pytest.mark.parametrize(
    "rule",
    [
        lambda dz, z, x: 3 * x**2,  # dz is forgotten: right as long as dz is 1
        lambda dz, z, x: np.clip(dz, -1, 1) * 3 * x**2,
        lambda dz, z, x: dz**2 * 3 * x**2,
    ],
)
def test_a_rule_that_is_not_linear_is_blamed(f, rule):
    @cr.block
    def cube(x):
        return x**3

    cube.backward(rule)
    report = check(f(cube))(Y)
    assert not report.ok
    assert report.blame.block == "cube"
    assert "not linear in dz" in report.blame.reason


def test_a_right_block_is_not_blamed():
    report = check(scaled_sine(lambda dz, z, x, y: (dx(dz, x, y), dy(dz, x))))(X, Y)
    assert report.ok, report
    assert report.blame is None


def test_a_right_block_is_not_blamed_for_another():
    right = scaled_sine(lambda dz, z, x, y: (dx(dz, x, y), dy(dz, x)))
    wrong = Block(lambda x: x * 3)
    wrong.name = "triple"
    wrong.backward(lambda dz, z, x: dz)
    report = check(lambda x: np.sum(right(wrong(x), Y)))(X)
    assert report.blame.block == "triple"


def test_a_rule_in_float32_is_held_to_float32():
    right = scaled_sine(lambda dz, z, x, y: (dx(dz, x, y), dy(dz, x)))
    assert check(right)(X.astype(np.float32), Y.astype(np.float32)).ok


def test_a_wrong_entry_of_a_large_array_is_found():
    @cr.block
    def square(x):
        return x * x

    @square.backward
    def square_backward(dz, z, x):
        g = 2 * dz * x
        g[17, 23] *= 3
        return g

    report = check(lambda x: np.sum(square(x)))(RNG.standard_normal((40, 30)))
    assert {c.index for c in report.comparisons if not c.ok} == {(17, 23)}
    assert "at [17, 23]" in report.blame.reason


def test_a_forward_rule_that_differs_on_another_library_is_blamed():
    @cr.block
    def shifted(xp, x):
        return x + (0 if xp.__name__ == "numpy" else 1)

    shifted.backward(lambda xp, dz, z, x: dz)
    report = check(lambda x: np.sum(shifted(np.exp(x))))(Y)
    assert not report.ok
    assert report.blame.block == "shifted"
    assert "its forward rule gives another value on PyTorch" in report.blame.reason
