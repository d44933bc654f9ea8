"""Special and elementary functions against mpmath: value, first and second derivatives, over the whole domain.

    python -m tests.sweeps.special                     # everything, prints what is wrong; 15 minutes
    python -m tests.sweeps.special --table             # the same as a table, docs/accuracy.md
    python -m tests.sweeps.special erfcx gammainc      # some functions, with their worst points

The reference is a difference quotient of mpmath's value in many digits. It is taken with two steps in two precisions
and counts only where both agree, so a point where mpmath itself is unsure is left out (and counted).
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import random
import sys
import warnings
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

import chainrule as cr
from chainrule.errors import ChainruleError

from .special_functions import TABLE, Function
from .special_reasons import REASONS

LIMIT = 1e-10
"""The relative error of a derivative above which the table must say why."""

SMALLEST, LARGEST = 1e-280, 1e300
"""Beyond these an error is not relative: the number underflows, or overflows."""

Key = tuple[int, ...]
"""Of what derivative: the operands by which, () for the value."""


# The reference --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Steps:
    """How a difference quotient is taken: in so many digits, with the step 10^−step, times the operand if relative."""

    digits: int
    step: int
    relative: bool = True


PAIRS = [(Steps(80, 18), Steps(110, 26))]
PAIRS_OF_TINY = [(Steps(700, 60), Steps(800, 80)), (Steps(700, 60, False), Steps(800, 80, False))]
"""For numbers near 0, where a function may change over their size (as log) or not at all (as cos)."""


def _differences(exact: Any, point: tuple[float, ...], keys: frozenset[Key], steps: Steps) -> dict[Key, Any]:
    """The value (), the first derivatives (i,) and the second ones (i, j) by central differences.

    NaN where the digits do not reach to see a difference.
    """
    digits, step = steps.digits, steps.step
    with mp.workdps(digits):
        x = [mp.mpf(p) if isinstance(p, float) else mp.mpf(int(p)) for p in point]
        h = [(abs(p) if p and steps.relative else 1) * mp.mpf(10) ** -step for p in x]
        values: dict[Key, Any] = {}

        def at(*moves: int) -> Any:
            if moves not in values:
                values[moves] = exact(*(p + move * d for p, move, d in zip(x, moves, h, strict=True)))
            return values[moves]

        n = len(x)
        zero = (0,) * n

        def moved(**by: int) -> Any:
            return at(*(by.get(f"x{k}", 0) for k in range(n)))

        found = {(): at(*zero)}
        for i in sorted(set().union(*keys)):
            up, down = moved(**{f"x{i}": 1}), moved(**{f"x{i}": -1})
            seen = up != found[()] or down != found[()]
            found[i,] = (up - down) / (2 * h[i]) if seen else mp.nan
            found[i, i] = (up - 2 * found[()] + down) / h[i] ** 2 if seen else mp.nan
        for i, j in (key for key in keys if len({*key}) == 2):
            corners = [moved(**{f"x{i}": a, f"x{j}": b}) for a in (1, -1) for b in (1, -1)]
            cross = corners[0] - corners[1] - corners[2] + corners[3]
            found[i, j] = cross / (4 * h[i] * h[j]) if any(c != corners[0] for c in corners) else mp.nan
        return found


def exact_derivatives(f: Function, point: tuple[float, ...], keys: frozenset[Key]) -> dict[Key, complex]:
    """What two computations of the reference agree on. NaN stands for what they do not."""
    found: dict[Key, complex] = {}
    tiny = any(p and abs(p) < 1e-20 for p in point)
    for coarse, fine in PAIRS_OF_TINY if tiny else PAIRS:
        try:
            one, two = (_differences(f.exact, point, keys, steps) for steps in (coarse, fine))
        except (
            ValueError,
            ZeroDivisionError,
            OverflowError,
            TypeError,
            mpmath.libmp.NoConvergence,
            NotImplementedError,
        ):
            continue
        for key, value in two.items():
            if key not in found or _unknown(found[key]):
                found[key] = (
                    _agreed(one[key], value) if value or 0.0 in point else complex("nan")
                )  # else too few digits
        if not any(map(_unknown, found.values())):
            break
    return found


def _agreed(one: Any, two: Any) -> complex:
    difference, size = abs(one - two), abs(two)
    return complex(two) if difference <= 1e-14 * size or (size < SMALLEST and difference < SMALLEST) else complex("nan")


def _unknown(x: complex) -> bool:
    return x != x


# Ours -----------------------------------------------------------------------------------------------------------------


def our_derivatives(f: Function, points: list[tuple[float, ...]]) -> dict[Key, Any]:
    """The same by chainrule, at all points at once: an array for each, or the error that was raised."""
    columns = [np.array(column) for column in zip(*points, strict=True)]
    n, found = len(columns), {}
    is_complex = np.iscomplexobj(f.ours(*columns))
    active = [k for k in range(n) if columns[k].dtype.kind == "f"]

    def part(read: Any) -> dict[Key, Any]:
        def total(*xs: Any) -> Any:
            return np.sum(read(f.ours(*xs)))

        def slope(i: int) -> Any:
            return lambda *xs: np.sum(cr.grad(total, i)(*xs))

        found: dict[Key, Any] = {(): read(f.ours(*columns))}
        for i in active:
            found[i,] = _or_error(cr.grad(total, i), columns)
        for i, j in itertools.combinations_with_replacement(active, 2):
            found[i, j] = _or_error(cr.grad(slope(i), j), columns)
            if i != j and isinstance(found[i, j], ChainruleError):  # where only the other order is known
                found[i, j] = _or_error(cr.grad(slope(j), i), columns)
        return found

    if not is_complex:
        return part(lambda z: z)
    real, imag = part(np.real), part(np.imag)
    for key in real:
        refused = isinstance(real[key], ChainruleError)
        found[key] = real[key] if refused else real[key] + 1j * imag[key]
    return found


def _or_error(f: Any, xs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy: an overflow shows in the number
        try:
            return np.asarray(cr.stop_gradient(f(*xs)))
        except ChainruleError as error:
            return error


# The comparison -------------------------------------------------------------------------------------------------------


@dataclass
class Report:
    """What was found of one function.

    Attributes
    ----------
    worst : of each order (0, 1, 2) the largest relative error, and where.
    missing : of each order, how many derivatives are NaN or infinite where the function has a finite one.
    refused : the operands by which a derivative raises an error.
    """

    name: str
    points: int
    worst: dict[int, tuple[float, str]] = field(default_factory=dict)
    compared: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(3), 0))
    missing: dict[int, list[str]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    unsure: int = 0
    refused: set[int] = field(default_factory=set)
    errors: list[tuple[float, int, str]] = field(default_factory=list)


def points_of(f: Function, most: int | None = None, seed: int = 0) -> list[tuple[float, ...]]:
    every = [p for p in itertools.product(*f.points) if f.keep(*p)]
    most = most or f.most
    return every if len(every) <= most else random.Random(f"{f.name} {seed}").sample(every, most)


def compare(f: Function, points: list[tuple[float, ...]]) -> Report:
    report = Report(f.name, len(points))
    with np.errstate(all="ignore"):
        ours = our_derivatives(f, points)
    refused = {key for key, found in ours.items() if isinstance(found, ChainruleError)}
    report.refused = {key[0] for key in refused if len(key) == 1}
    keys = frozenset(ours.keys() - refused)
    for k, point in enumerate(points):
        for key, right in exact_derivatives(f, point, keys).items():
            if key not in keys:
                continue
            _note(report, key, point, complex(ours[key][k]), right)
    report.errors.sort(reverse=True)
    return report


def _note(report: Report, key: Key, point: tuple[float, ...], got: complex, right: complex) -> None:
    order = len(key)
    if _unknown(right):
        report.unsure += 1
        return
    where = (
        f"{'value' if not order else 'by ' + ', '.join(map(str, key))} at {point}: {_short(got)}, right {_short(right)}"
    )
    report.compared[order] += 1
    if not math.isfinite(abs(right)) or abs(right) > LARGEST:
        error = 0.0 if abs(got) > LARGEST or _unknown(got) else math.inf
    elif not math.isfinite(abs(got)):
        report.missing[order].append(where)
        return
    else:
        error = abs(got - right) / max(abs(right), SMALLEST)
    report.errors.append((error, order, where))
    report.worst[order] = max(report.worst.get(order, (0.0, "")), (error, where))


def _short(z: complex) -> str:
    return repr(z.real) if z.imag == 0 else repr(z)


def is_explained(report: Report) -> bool:
    wrong = any(report.worst.get(order, (0.0, ""))[0] > LIMIT for order in (1, 2))
    return report.name in REASONS or not (wrong or report.missing[1] or report.missing[2])


# The table ------------------------------------------------------------------------------------------------------------

HEAD = """# Accuracy of special and elementary functions

The largest relative error of the value (NumPy's and SciPy's own, which chainrule gives to the bit), and of the first
and second derivatives by every operand that has one, against mpmath in 80 digits and more, over the whole domain:
tails, poles, boundaries, coinciding arguments, tiny and huge parameters. Made by
`python -m tests.sweeps.special --table`; the points are in `tests/sweeps/special_functions.py`.

An error above 1e-10, or a NaN where the function has a derivative, has its reason beside it. A derivative that is
computed with SciPy's functions has no more digits than they have. *Refused*: the operands (counted from 0) by which a
derivative is an error, with what to do instead.

| function | points | value | first | second | NaN | refused | why |
|---|---|---|---|---|---|---|---|"""


def row(report: Report) -> str:
    def worst(order: int) -> str:
        return f"{report.worst[order][0]:.0e}" if order in report.worst else ""

    nans = len(report.missing[1]) + len(report.missing[2])
    refused = ", ".join(map(str, sorted(report.refused)))
    cells = [
        f"`{report.name}`",
        report.points,
        worst(0),
        worst(1),
        worst(2),
        nans or "",
        refused,
        REASONS.get(report.name, ""),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _report(name: str) -> Report:
    return compare(TABLE[name], points_of(TABLE[name]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions; all if none is given")
    parser.add_argument("--table", action="store_true", help="print docs/accuracy.md")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    options = parser.parse_args()
    names = options.names or list(TABLE)
    if options.table:
        print(HEAD)
    failures = 0
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for report in pool.imap(_report, names):
            failures += not is_explained(report)
            if options.table:
                print(row(report), flush=True)
            elif options.names or not is_explained(report):
                _print(report)
    print(f"{len(names)} functions, {failures} with an error that nothing explains", file=sys.stderr)
    return bool(failures)


def _print(report: Report) -> None:
    errors = [f"{report.worst[order][0]:.0e}" for order in sorted(report.worst)]
    print(
        f"{report.name}: {report.points} points, {', '.join(errors)}; {report.unsure} unsure, refused {report.refused}"
    )
    for error, order, where in [e for e in report.errors if e[0] > LIMIT][:8]:
        print(f"    {error:.0e} order {order} {where}")
    for where in (report.missing[1] + report.missing[2])[:6]:
        print(f"    {where}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
