"""Minimax polynomials by the Remez exchange: where the coefficients of `chainrule.compile.vecmath` come from.

`python tools/minimax.py` prints each polynomial of the table below and the largest error of it on its interval, as a
power of two. It needs mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mpmath import mp, mpf

mp.dps = 60
Function = Callable[[mpf], mpf]


class Fit(NamedTuple):
    """Approximate f on [first, last] by a polynomial of a degree, so that weight · (polynomial − f) is smallest."""

    name: str
    f: Function
    weight: Function
    first: mpf
    last: mpf
    degree: int
    denominator: int = 0


def remez(basis: list[Function], f: Function, weight: Function, first: mpf, last: mpf) -> tuple[list[mpf], mpf]:
    """The combination of the basis nearest to f, and its largest weighted error, by exchanging reference points."""
    n = len(basis)
    middle, half = (first + last) / 2, (last - first) / 2
    points = [middle - half * mp.cos(mp.pi * mpf(i) / n) for i in range(n + 1)]
    grid = [middle - half * mp.cos(mp.pi * mpf(i) / (24 * n)) for i in range(24 * n + 1)]
    table = [([b(x) for b in basis], f(x), weight(x)) for x in grid]
    for _ in range(40):
        matrix = mp.matrix(n + 1, n + 1)
        right = mp.matrix(n + 1, 1)
        for i, x in enumerate(points):
            w = weight(x)
            for j, b in enumerate(basis):
                matrix[i, j] = w * b(x)
            matrix[i, n] = (-1) ** i
            right[i] = w * f(x)
        solution = mp.lu_solve(matrix, right)
        coefficients, level = [solution[j] for j in range(n)], abs(solution[n])
        errors = [w * (mp.fdot(coefficients, bs) - y) for bs, y, w in table]
        worst = max(map(abs, errors))
        if worst < level * mpf("1.01"):
            break
        points = _alternating(grid, errors, n + 1)
    return coefficients, worst


def _alternating(grid: list[mpf], errors: list[mpf], count: int) -> list[mpf]:
    """The grid points with the largest errors of alternating sign."""
    runs: list[int] = []
    for i, e in enumerate(errors):
        if runs and (e >= 0) == (errors[runs[-1]] >= 0):
            runs[-1] = max(runs[-1], i, key=lambda k: abs(errors[k]))
        else:
            runs.append(i)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    return [grid[i] for i in runs]


def polynomial(fit: Fit) -> tuple[list[mpf], mpf]:
    basis = [lambda x, i=i: x**i for i in range(fit.degree + 1)]
    return remez(basis, fit.f, fit.weight, fit.first, fit.last)


def quotient(fit: Fit) -> tuple[list[mpf], list[mpf], mpf]:
    """A quotient p/q with q(0) = 1: p − (q − 1) f is fitted to f, weighted by the last q, until that stays."""
    q = [mpf(1)]
    for _ in range(12):
        basis = [lambda x, i=i: x**i for i in range(fit.degree + 1)]
        basis += [lambda x, i=i: -(x**i) * fit.f(x) for i in range(1, fit.denominator + 1)]
        weight = lambda x, q=tuple(q): fit.weight(x) / mp.polyval(q[::-1], x)  # noqa: E731
        found, worst = remez(basis, fit.f, weight, fit.first, fit.last)
        p, q = found[: fit.degree + 1], [mpf(1), *found[fit.degree + 1 :]]
    return p, q, worst
