"""Simplifying takes work in proportion to the number of blocks, for every kind of sums of products of sums.

Work is counted in calls of functions of this library, not in time.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import algebra, simplify
from chainrule.graph import record_graph
from chainrule.simplify import simplify_graph

ROOMS = tuple(str(Path(room.__file__).parent) for room in (algebra, simplify))
SMALL, LARGE = 6, 24

FOR_EACH_BLOCK = 4000
"""Calls; the programs below need about 1,000 for each block."""


class TooMuchWork(Exception):
    pass


def arm(a):
    """The end of a planar arm of n joints."""
    x, y = 1.0, 0.0
    for i in range(len(a)):
        c, s = np.cos(a[i]), np.sin(a[i])
        x, y = x * c - y * s + 0.3, x * s + y * c
    return (x - 1.0) ** 2 + (y - 0.5) ** 2


def exponentials(a):
    x = 1.0
    for i in range(len(a)):
        x = np.exp(a[i]) * (x + a[i]) + 0.3
    return x


def sums_times_softmax(a):
    x = a
    for _ in range(len(a)):
        x = x * cr.softmax(x) + 0.3 * np.exp(x - 2) * cr.softmax(-x)
    return np.sum(x)


def entries(a):
    x = a
    for i in range(len(a)):
        x = x * x[0] + x * 0.1 + x[i] * a
    return np.sum(x)


def horner(a):
    p = 0.0
    for c in a:
        p = p * a[0] + c
    return p


def continued_fraction(a):
    x = 1.0
    for c in a:
        x = c + 1 / x
    return x


def steps_of_lorenz(a):
    x, y, z = a[0], a[1], a[2]
    for _ in range(len(a)):
        x, y, z = x + 0.1 * (y - x), y + 0.01 * (x * (28 - z) - y), z + 0.01 * (x * y - 8 / 3 * z)
    return x + y + z


def steps_of_replicators(a):
    x = a
    for _ in range(len(a)):
        x = x + 0.01 * (x * (1 - x) - x * np.mean(x))
    return np.sum(x)


def matrices_entry_by_entry(a):
    m = [[1.0, 0.0], [0.0, 1.0]]
    for t in a:
        r = [[np.cos(t), np.exp(t)], [-np.exp(t), np.cos(t)]]
        m = [[m[i][0] * r[0][j] + m[i][1] * r[1][j] for j in range(2)] for i in range(2)]
    return m[0][0] + m[1][1]


def squares_of_sums(a):
    p = a[0]
    for t in a:
        p = 0.3 * (p + t) ** 2 + (p - t) * (p + t)
    return p


def product_of_sums(a):
    p = 1.0
    for i in range(len(a)):
        p = p * (a[i] + a[i - 1])
    return p


def logistic_steps(a):
    x = a
    for _ in range(len(a)):
        p = 1 / (1 + np.exp(-x))
        x = x * (1 - p) * p * (p - a) + p * np.log(p)
    return np.sum(x)


KINDS = [
    arm,
    exponentials,
    sums_times_softmax,
    entries,
    horner,
    continued_fraction,
    steps_of_lorenz,
    steps_of_replicators,
    matrices_entry_by_entry,
    squares_of_sums,
    product_of_sums,
    logistic_steps,
]


def calls_for_each_block(graph):
    """How many functions of the rooms are called for each block of a graph."""
    count, most = 0, FOR_EACH_BLOCK * len(graph.nodes)

    def notice(frame, event, arg):
        nonlocal count
        if event == "call" and frame.f_code.co_filename.startswith(ROOMS):
            count += 1
            if count > most:
                raise TooMuchWork

    sys.setprofile(notice)
    try:
        simplify_graph(graph)
    finally:
        sys.setprofile(None)
    return count / len(graph.nodes)


@pytest.mark.parametrize("f", KINDS, ids=lambda f: f.__name__)
def test_work_for_each_block_does_not_grow_with_their_number(f):
    def work(n):
        return calls_for_each_block(record_graph(cr.value_and_grad(f), np.linspace(0.1, 1, n)))

    assert work(LARGE) < 2.5 * work(SMALL)
