"""Functions in Python's everyday style: imports inside functions, numbers, decorators, generators, records of values.

Each takes a vector of three numbers and returns a scalar; none is written for chainrule.
"""

import collections
import copy
import functools
import itertools
import math
import operator

import numpy as np

table = np.arange(12.0).reshape(4, 3) / 10
counts = np.arange(12).reshape(4, 3)


def import_inside(x):
    from math import exp as e
    from math import sin

    import numpy as n

    a = n.zeros(3)
    a[0], a[1:] = x[0], x[1:] ** 2
    return a.sum() * sin(x[0]) + e(x[1])


def import_of_names_inside(x):
    from numpy import linalg
    from numpy import zeros as z

    a = z((2, 2))
    a[0], a[1, 1] = x[:2], x[2]
    return linalg.det(a) + linalg.norm(a)


def import_of_a_module_inside(x):
    from . import helpers

    return helpers.filled(x).sum() + helpers.Thing(x).total()


def numbers_of_python(x):
    a = [float(v) for v in x]
    b = list(map(float, x))
    z = complex(x[0], x[1])
    return sum(u * v for u, v in zip(a, b, strict=True)) + abs(z * complex(x[2])) + int(x[2]) * float(x.sum())


def items_and_lists(x):
    return x[0].item() * x.sum().item() + x.item(1) * x.tolist()[2] + np.float64(x[0]) * max(x) * min(x[:2])


def texts(x):
    told = "%.3f %d %5.1f" % (x[0], x[1], x[2]) + f"{x[0]:.2e}" + "{:5.2f}".format(x[1])  # noqa: UP031, UP032
    return x.sum() * len(told)


def methods_of_plain_arrays(x):
    return table.dot(x).sum() + table[:, 0].dot(table).dot(x) + (counts.dot(x) ** 2).sum()


def vectorized(x):
    f = np.vectorize(lambda v: v**2 if v > 1 else v)
    g = np.vectorize(lambda v: (v**2, math.exp(v)), otypes=[float, float])
    a, b = g(x)
    return f(x).sum() + (a * b).sum() + np.sum(product(x, table))


product = np.vectorize(lambda v, w: math.sin(v) * w)


def functions_of_numbers(x):
    g = np.frompyfunc(lambda a: a * a, 1, 1)
    return np.float64(g(x).sum()) + np.fromiter((v for v in x), float).sum() * np.float64(scaled(x, 2.0).sum())


scaled = np.frompyfunc(lambda a, b: a * b + 1, 2, 1)


def copies(x):
    a = np.zeros(3)
    a[:] = x
    b, c, d = copy.deepcopy(a), copy.copy(x), copy.deepcopy({"a": x})
    b[0] *= 2
    c[1] = 0
    return (a * b * c).sum() + d["a"][0]


def assertions(x):
    assert np.all(x > 0)
    assert np.allclose(x, x)
    assert not np.any(np.isnan(x))
    np.testing.assert_allclose(x, x)
    return x.sum()


def lists_of_numbers(x):
    a = [x[0], x[1] * 2, 3.0]
    last = collections.deque(maxlen=2)
    for v in x:
        last.append(v)
    return (
        np.mean(a) + np.median(a) + np.interp(0.5, [0, 1, 2], a) + np.isnan(a).sum() + np.trapezoid(a) + np.mean(last)
    )


def objects(x):
    o = np.empty(3, dtype=object)
    for i in range(3):
        o[i] = x[i] * 2
    return np.mean(o) + np.dot(o, o) + np.linalg.norm(o) + np.std(o) + o.sum() + (o * 2).max()


def random_arrays(x):
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(3, 3)), np.random.RandomState(1).rand(3)
    W[0] = x
    b *= x
    np.random.seed(0)
    noise = np.random.randn(3)
    noise += x
    return (W.dot(x) * b).sum() + noise.prod()


@functools.cache
def cached(a, b):
    return a * b


def doubled(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) * 2

    return wrapper


@doubled
def filled(x):
    a = np.zeros(3)
    a[:] = x
    return a.sum()


partial = functools.partial(filled)


def defaults(x, zeros=np.zeros, memory=np.zeros(3)):
    b = zeros(3)
    b[0] = x[0]
    memory[:] = b
    return memory.sum() + b.sum()


def decorated(x):
    return (
        filled(x) + partial(x) * functools.reduce(operator.mul, x) + cached(x[0], 2.0) * cached(x[1], 3.0) + defaults(x)
    )


def iterators(x):
    total = 0
    for (i,), v in np.ndenumerate(x):
        total += v * i
    for a, b in np.nditer([table[0], table[1]]):
        total += float(a) * float(b) * x[0]
    buffer = np.zeros(3)
    it = np.nditer(buffer, flags=["multi_index"], op_flags=["readwrite"])
    while not it.finished:
        i = it.multi_index
        it[0] = x[i] ** 2
        it.iternext()
    with np.nditer(buffer, op_flags=["readwrite"]) as entries:
        for v in entries:
            v[...] = v * x[0]
    return total + buffer.sum() + sum(a * b for a, b in itertools.combinations(x, 2)) + sorted(x)[0]


def dicts(x):
    sums, arrays = collections.defaultdict(float), collections.defaultdict(lambda: np.zeros(2))
    for i, v in enumerate(x):
        sums[i % 2] += v
        arrays[i % 2][0] += v
    return sums[0] * sums[1] + arrays[0][0]


FUNCTIONS = [
    *(import_inside, import_of_names_inside, import_of_a_module_inside, numbers_of_python),
    *(items_and_lists, texts, methods_of_plain_arrays, vectorized, functions_of_numbers, copies, assertions),
    *(lists_of_numbers, objects, random_arrays, decorated, iterators, dicts),
]
