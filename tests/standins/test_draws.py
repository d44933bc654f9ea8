"""Random draws with recorded parameters: NumPy's value, and the derivative along the draw, against differences."""

import math
import random
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RecordingError

X = np.array([0.3, 0.6, 0.45, 0.7])
DRAWS = {
    "normal": lambda r, x: r.normal(x, 0.1),
    "normal, one number": lambda r, x: r.normal(x[0], x[1]),
    "normal, a size": lambda r, x: r.normal(0, x, size=(3, 4)),
    "normal, by names": lambda r, x: r.normal(size=4, scale=x, loc=x**2),
    "normal, of lists": lambda r, x: r.normal([x[0], x[1]], scale=(1.0, x[2])),
    "uniform": lambda r, x: r.uniform(x, 2 * x + 1),
    "uniform, the upper end": lambda r, x: r.uniform(high=x),
    "laplace": lambda r, x: r.laplace(x, x),
    "logistic": lambda r, x: r.logistic(x, x),
    "gumbel": lambda r, x: r.gumbel(x, x),
    "exponential": lambda r, x: r.exponential(x[0], size=7),
    "rayleigh": lambda r, x: r.rayleigh(x),
    "lognormal": lambda r, x: r.lognormal(x, x),
    "weibull": lambda r, x: r.weibull(x),
    "pareto": lambda r, x: r.pareto(x + 1),
    "gamma, by its scale": lambda r, x: r.gamma(2.5, x, size=(2, 4)),
    "vonmises, by its direction": lambda r, x: r.vonmises(x, 4.0),
    "triangular": lambda r, x: r.triangular(x[0], x[1], x[0] + x[3] + 1, size=9),
    "triangular, by its ends": lambda r, x: r.triangular(left=-x, mode=0.2, right=x + 1),
    "multivariate normal, by its mean": lambda r, x: r.multivariate_normal(x, np.diag([1.0, 2.0, 1.0, 3.0]), size=3),
    "poisson": lambda r, x: r.poisson(x) * x,
    "choice": lambda r, x: r.choice(x, 3),
    "choice, without replacement": lambda r, x: r.choice(x, 3, replace=False),
    "choice, by probabilities": lambda r, x: r.choice(x, 3, p=x / np.sum(x)),
    "choice, of an index": lambda r, x: x[r.choice(4, p=x / np.sum(x))],
    "choice, of a list": lambda r, x: r.choice([x[0], x[1]], 4),
    "permutation": lambda r, x: r.permutation(x),
    "permutation, of rows": lambda r, x: r.permutation(x.reshape(2, 2)),
    "a random walk": lambda r, x: np.exp(np.cumsum(r.normal(x[0] * 0.01, x[1] * 0.1, size=(5, 3)), axis=0)),
    "two draws": lambda r, x: r.normal(x) + r.uniform(0, x),
}


def seeded_module():
    np.random.seed(3)
    return np.random


COVARIANCE = np.array([[2.0, 0.3, 0.1, 0.0], [0.3, 1.5, 0.2, 0.1], [0.1, 0.2, 1.0, 0.0], [0.0, 0.1, 0.0, 0.8]])


def into_an_array(r, x):
    z = np.empty(4)
    r.standard_normal(out=z)
    z *= x
    r.random(out=z[1:3])
    return z + r.standard_gamma(2.0, out=np.zeros(4)) * x


def permuted_into_an_array(r, x):
    z = np.zeros((2, 2))
    return r.permuted(np.outer(x[:2], x[:2]), axis=0, out=z) + z


OF_NEW_GENERATORS = {
    "multivariate normal": lambda r, x: r.multivariate_normal(x, COVARIANCE * x[1], method="cholesky"),
    "multivariate normal, a size": lambda r, x: r.multivariate_normal(
        mean=x**2, cov=COVARIANCE + np.outer(x, x), size=(2, 3), method="cholesky"
    ),
    "permuted": lambda r, x: r.permuted(x),
    "permuted along an axis": lambda r, x: r.permuted(np.outer(x, x), axis=1),
    "permuted into an array": permuted_into_an_array,
    "into an array": into_an_array,
    "children": lambda r, x: sum(child.normal(x) for child in r.spawn(2)),
}

OF_PYTHON = {
    "gauss": lambda x: random.gauss(x[0], x[1]) + random.normalvariate(x[2], x[3]),
    "lognormvariate": lambda x: random.lognormvariate(x[0], x[1]),
    "triangular": lambda x: random.triangular(x[0], x[3] + 1, x[1]),
    "expovariate": lambda x: random.expovariate(x[0]) + random.uniform(x[1], x[2]),
    "weibullvariate": lambda x: random.weibullvariate(x[0], x[1]) * random.paretovariate(x[2]),
    "gammavariate": lambda x: random.gammavariate(2.0, x[0]) + random.vonmisesvariate(x[1], 2.0),
    "a generator": lambda x: random.Random(2).lognormvariate(x[0], x[1]),
    "choices": lambda x: sum(random.choices(list(x), weights=x, k=3)),
    "sample": lambda x: random.sample(list(x), 2)[1] * random.choice(x),
}


@pytest.mark.parametrize("name", OF_PYTHON)
def test_draws_of_pythons_random_have_gradients(name):
    def loss(x):
        random.seed(4)
        return OF_PYTHON[name](x)

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    np.testing.assert_allclose(slopes, differences(loss), rtol=1e-6, atol=1e-7)
    assert random._exp is math.exp


@pytest.mark.parametrize("name", OF_NEW_GENERATORS)
def test_what_only_new_generators_have(name):
    def loss(x):
        drawn = OF_NEW_GENERATORS[name](np.random.default_rng(3), x)
        return np.sum(drawn * np.cos(np.arange(np.size(drawn)).reshape(np.shape(drawn))))

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    np.testing.assert_allclose(slopes, differences(loss), rtol=1e-6, atol=1e-7)


def test_a_covariance_needs_a_cholesky_factor():
    with pytest.raises(RecordingError, match="with method='cholesky'; singular vectors have none"):
        cr.grad(lambda x: np.sum(np.random.multivariate_normal(np.zeros(4), np.diag(x))))(X)


GENERATORS = [lambda: np.random.default_rng(3), lambda: np.random.RandomState(3), seeded_module]


def differences(loss):
    return [(loss(X + h) - loss(X - h)) / 2e-6 for h in np.eye(4) * 1e-6]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("name", DRAWS)
def test_draws_have_right_gradients(name, generator):
    def loss(x):
        drawn = DRAWS[name](generator(), x)
        return np.sum(drawn * np.cos(np.arange(np.size(drawn)).reshape(np.shape(drawn))))

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    np.testing.assert_allclose(slopes, differences(loss), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shuffled", [lambda x: x.copy(), lambda x: x.reshape(2, 2).copy(), lambda x: [*x]])
def test_a_shuffle_of_recorded_entries_has_a_gradient(shuffled):
    def loss(x):
        y = shuffled(x)
        np.random.default_rng(3).shuffle(y)
        y = np.ravel(np.array(y))
        return y @ np.arange(4.0)

    value, slopes = cr.value_and_grad(loss)(X)
    assert value == loss(X)
    np.testing.assert_allclose(slopes, differences(loss), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("gamma has no derivative by its parameter shape", lambda x: np.random.default_rng(0).gamma(x)),
        ("vonmises has no derivative by its parameter kappa", lambda x: np.random.vonmises(x, x)),
        ("chisquare has no derivative by a recorded parameter", lambda x: np.random.chisquare([*x])),
    ],
)
def test_a_draw_without_a_derivative_is_an_error(name, draw):
    message = re.escape(f"a draw of {name}")
    with pytest.raises(RecordingError, match=message):
        cr.grad(lambda x: np.sum(draw(x)))(X)


class Simulation:
    def __init__(self):
        self.rng = np.random.default_rng(5)

    def loss(self, x):
        return np.sum(self.rng.normal(x, 0.1) ** 2)


def test_a_generator_of_an_object_or_an_argument():
    value, slopes = cr.value_and_grad(Simulation().loss)(X)
    z = np.random.default_rng(5).normal(X, 0.1)
    assert value == np.sum(z**2)
    np.testing.assert_array_equal(slopes, 2 * z)
    _, slopes = cr.value_and_grad(lambda x, r: np.sum(r.normal(x, 0.1) ** 2))(X, np.random.default_rng(5))
    np.testing.assert_array_equal(slopes, 2 * z)


def test_the_generator_goes_on_as_without_recording_and_is_put_back():
    simulation, plain = Simulation(), Simulation()
    for _ in range(2):
        cr.grad(simulation.loss)(X)
        plain.loss(X)
    assert type(simulation.rng) is np.random.Generator
    assert simulation.rng.random() == plain.rng.random()
