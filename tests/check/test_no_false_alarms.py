"""Right gradients at infinite slopes, ties, kinks and free signs are not called wrong; wrong ones there still are."""

import numpy as np
import pytest
import scipy.special

import chainrule as cr
from chainrule.errors import NoDerivative
from sweeps import checks

FOUR_TIES = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 3.0])
MATRIX = np.random.default_rng(0).normal(size=(4, 4))

RIGHT = {
    "median of four ties": (np.median, FOUR_TIES),
    "median of three ties": (np.median, np.array([1.0, 1.0, 1.0, 2.0, 3.0])),
    "median of ties along an axis": (lambda x: np.sum(np.median(x, axis=1)), np.array([FOUR_TIES, FOUR_TIES + 1])),
    "quantile of ties": (lambda x: np.quantile(x, 0.3), np.array([1.0, 1.0, 1.0, 2.0, 3.0])),
    "percentile of four ties": (lambda x: np.percentile(x, 25), np.array([2.0, 2.0, 2.0, 2.0, 5.0])),
    "sqrt at 0": (lambda x: np.sum(np.sqrt(x)), np.array([0.0, 1.0])),
    "power at 0": (lambda x: np.sum(x**0.5), np.array([0.0, 1.0])),
    "cbrt at 0": (lambda x: np.sum(np.cbrt(x)), np.array([0.0, 1.0])),
    "arcsin at 1": (lambda x: np.sum(np.arcsin(x)), np.array([1.0, 0.5])),
    "arccos at -1": (lambda x: np.sum(np.arccos(x)), np.array([-1.0, 0.5])),
    "arccosh at 1": (lambda x: np.sum(np.arccosh(x)), np.array([1.0, 1.5])),
    "x log x at 0": (lambda x: np.sum(x * np.log(x)), np.array([0.0, 1.0])),
    "norm at 0": (np.linalg.norm, np.zeros(3)),
    "eigenvectors": (lambda x: np.sum(np.linalg.eigh(x + x.T)[1]), MATRIX),
    "singular vectors": (lambda x: np.sum(np.linalg.svd(x)[0]), MATRIX),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_is_not_called_wrong(name):
    f, x = RIGHT[name]
    report = cr.check(f)(x)
    assert report.ok, str(report)


NONE = {
    "with respect to v": (lambda v: scipy.special.jv(v, 2.0), 1.5),
    "eigenvectors of a repeated value": (lambda x: np.sum(np.linalg.eigh(np.eye(2) * x)[1]), 1.0),
    "singular matrix": (lambda x: np.linalg.slogdet(np.ones((2, 2)) * x)[1], 1.0),
}


@pytest.mark.parametrize("why", NONE)
def test_where_no_gradient_exists_check_does_not_call_it_wrong(why):
    f, x = NONE[why]
    with pytest.raises(NoDerivative, match=why):
        cr.check(f)(x)


def test_no_gradient_of_the_catalogue_is_called_wrong():
    counts, wrong = checks.sweep(every=19, start=7)
    assert not wrong, "\n".join(wrong)
    assert counts["right"] > 20


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_number_of_pythons_is_one_of_numpys_so_that_one_over_zero_is_infinite(capsys):
    from chainrule.cli import main

    assert cr.check(lambda x: 1 / x)(0.0).ok
    assert main(["check", "L = 1/x", "x=0"]) in (0, None)
    assert "every gradient agrees" in capsys.readouterr().out


def block_of(forward, backward):
    made = cr.block(forward)
    made.backward(backward)
    return made


SHARED = np.array([0.0, 0.25, 0.25, 0.25, 0.25, 0.0])

WRONG = {
    "sqrt at 0": (lambda x: np.sqrt(x), lambda dz, z, x: 0.4 * dz / z, np.array([0.0, 1.0])),
    "cbrt at 0": (lambda x: np.cbrt(x), lambda dz, z, x: dz / np.abs(z), np.array([0.0, 8.0])),
    "shares too large": (lambda x: np.median(x), lambda dz, z, x: 2 * dz * SHARED, FOUR_TIES),
    "shares of both signs": (lambda x: np.median(x), lambda dz, z, x: dz * (9 * SHARED**2 - SHARED), FOUR_TIES),
    "a share of what is no tie": (lambda x: np.median(x), lambda dz, z, x: dz * (SHARED + (x > 2)), FOUR_TIES),
    "a smooth function of ties": (lambda x: np.sum(x**2), lambda dz, z, x: dz * np.sum(x) * SHARED, FOUR_TIES),
    "no function of ties at all": (lambda x: x * x, lambda dz, z, x: dz * x, np.array([1.0, 1.0, 1.0])),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_at_the_same_places_is_blamed(name):
    forward, backward, x = WRONG[name]
    block = block_of(forward, backward)
    report = cr.check(lambda x: np.sum(block(x)))(x)
    assert not report.ok
    assert report.blame.block == "lambda"


def test_a_gradient_that_is_nothing_but_rounding_is_not_wrong():
    """Of x × x, which is 0 everywhere, rounding leaves 1e-16; and no wrong gradient hides behind that."""
    x = np.array([[0.43, 0.64, 0.42], [0.83, 1.8, 0.49], [0.64, -1.13, -1.5]])
    assert cr.check(lambda x: np.sum(np.cross(x, x)))(x).ok

    @cr.block
    def tripled(x):
        return 3 * x

    @tripled.backward
    def tripled_backward(dz, z, x):
        return 2 * dz

    assert not cr.check(lambda x: np.sum(1e-12 * tripled(x) * np.cos(x)))(x).ok
