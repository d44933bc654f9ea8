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


SMALL = mpf("0.001")
K = mpf("3.75")


def _arcsin(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return (mp.asin(s) - s) / (s * z)


def _arctan(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return (mp.atan(s) - s) / (s * z)


def _erf(z: mpf) -> mpf:
    return mp.erf(mp.sqrt(z)) / mp.sqrt(z)


def _erfc(t: mpf) -> mpf:
    x = K * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _exp(r: mpf) -> mpf:
    return (mp.expm1(r) - r) / r**2 if abs(r) > mpf(10) ** -12 else mpf(1) / 2 + r / 6


def _sin(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return (mp.sin(s) - s) / (s * z)


def _cos(z: mpf) -> mpf:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def _sin_of_turns(z: mpf) -> mpf:
    return mp.sin(mp.pi / 2 * mp.sqrt(z)) / mp.sqrt(z)


def _cos_of_turns(z: mpf) -> mpf:
    return (mp.cos(mp.pi / 2 * mp.sqrt(z)) - 1) / z


def _atanh_tail(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return ((mp.atanh(s) / s - 1) / z - mpf(1) / 3) / z


def _log2(z: mpf) -> mpf:
    s = mp.sqrt(z)
    return 2 / mp.log(2) * mp.atanh(s) / s


def _exp2(r: mpf) -> mpf:
    return mpf(2) ** r


RADIUS = mp.log(2) / 2 * mpf("1.001")
EIGHTH = mp.tan(mp.pi / 8) ** 2 * mpf("1.0002")
QUARTER = (mp.pi / 4 * mpf("1.0001")) ** 2
HALF = mpf("0.532") ** 2  # of a quarter turn, and what rounding by the first part alone may leave
ROOT = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.0001")) ** 2
FITS = [
    Fit("exp, float32", _exp, lambda r: r**2 / mp.exp(r), -RADIUS, RADIUS * mpf("1.003"), 3),
    Fit("tanh, float32", _exp, lambda r: r**2 / abs(mp.expm1(r)) if r else r, -RADIUS, RADIUS * mpf("1.0003"), 4),
    Fit("sin", _sin, lambda z: z / (1 + z * _sin(z)), QUARTER * SMALL / 100, QUARTER, 5),
    Fit("cos", _cos, lambda z: z**2, QUARTER * SMALL / 100, QUARTER, 5),
    Fit("sin, float32", _sin_of_turns, lambda z: 1 / _sin_of_turns(z), HALF * SMALL / 100, HALF, 3),
    Fit("cos, float32", _cos_of_turns, lambda z: z, HALF * SMALL / 100, HALF, 3),
    Fit("power, atanh", _atanh_tail, lambda z: z**2, ROOT * SMALL, ROOT, 7),
    Fit("log2, float32", _log2, lambda z: 1 / _log2(z), ROOT * SMALL, ROOT, 5),
    Fit("exp2, float32", _exp2, lambda r: 1 / _exp2(r), mpf("-0.5001"), mpf("0.5001"), 6),
    Fit("arcsin", _arcsin, lambda z: z / (1 + z * _arcsin(z)), mpf("0.0002"), mpf("0.2501"), 12),
    Fit("arctan", _arctan, lambda z: z / (1 + z * _arctan(z)), EIGHTH * SMALL, EIGHTH, 11),
    Fit("erf", _erf, lambda z: 1 / _erf(z), SMALL / 2, mpf(1), 12),
    Fit("erf, float32", _erf, lambda z: 1 / _erf(z), SMALL / 60, mpf(16), 17),
    Fit("erfc, float32", _erfc, lambda t: 1 / _erfc(t), mpf(-1), (mpf("10.1") - K) / (mpf("10.1") + K), 11),
    Fit("erfc", _erfc, lambda t: 1 / _erfc(t), mpf(-1), (mpf("27.3") - K) / (mpf("27.3") + K), 22),
]

if __name__ == "__main__":
    for fit in FITS:
        coefficients, worst = polynomial(fit)
        print(f"{fit.name}: within 2^{float(mp.log(worst, 2)):.1f}")
        print("   ", ", ".join(mp.nstr(c, 18) for c in coefficients))
