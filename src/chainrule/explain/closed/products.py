"""Formulas of matrix products (each a row of factors that may be transposed), and of their sums and multiples."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from chainrule.formula import Formula, call, name, number

__all__ = ["Link", "added", "chain", "matmul", "scaled", "signed", "sum_of_chains", "trace", "turned"]

Link = tuple[Formula, bool | None]
"""A factor of a matrix product, and whether it is transposed; None if that makes no difference."""


def turned(links: tuple[Link, ...]) -> tuple[Link, ...]:
    """(A B)ᵀ = Bᵀ Aᵀ."""
    return tuple((f, None if t is None else not t) for f, t in reversed(links))


def chain(links: tuple[Link, ...]) -> Formula:
    """A product of matrices; equal neighbours become a power."""
    made: Formula | None = None
    n = 0
    while n < len(links):
        run = 1
        while n + run < len(links) and links[n + run] == links[n] and _is_square_matrix(links[n][0]):
            run += 1
        f, transposed = links[n]
        if run > 1:
            f = Formula("pow", (f, number(run)), shape=f.shape)
        f = f.T if transposed else f
        made = f if made is None else matmul(made, f)
        n += run
    assert made is not None
    return made


def _is_square_matrix(f: Formula) -> bool:
    return f.ndim == 2 and f.shape[0] == f.shape[1]


def matmul(x: Formula, y: Formula) -> Formula:
    """x y; several factors associate from the left, so that no brackets are needed."""
    if y.kind == "matmul":
        return matmul(matmul(x, y.parts[0]), y.parts[1])
    shape = (*x.shape[:1], *y.shape[1:]) if x.ndim and y.ndim else ()
    return (x @ y).of_shape(shape)


def trace(links: tuple[Link, ...]) -> Formula:
    if _turns(links) > len(links) / 2:
        links = turned(links)
    return call("tr", chain(links)).of_shape(())


def _turns(links: tuple[Link, ...]) -> int:
    return sum(bool(t) for _, t in links)


# Sums of products ------------------------------------------------------------------------------------------------


Row = tuple[Any, tuple[Formula, ...], tuple[Formula, ...], tuple[Link, ...]]
"""number · over / under · product of links."""


def sum_of_chains(rows: list[Row]) -> list[tuple[Any, Formula]]:
    """Products of matrices as the terms of a sum, with common factors at one end taken out."""
    terms: list[tuple[Any, Formula]] = []
    rows = sorted(rows, key=lambda row: (row[0] < 0, len(row[3]) == 1, _turns(row[3])))
    while rows:
        group, last = _shared_end(rows)
        if len(group) < 2:
            number_, over, under, links = rows.pop(0)
            terms.append((number_, scaled(abs(number_), over, under, chain(links))))
            continue
        shared = group[0][3][-1 if last else 0]
        rows = [row for row in rows if not any(row is g for g in group)]
        c = _common_number([row[0] for row in group])
        inner = [(row[0] / c, row[1], row[2], row[3][:-1] if last else row[3][1:]) for row in group]
        n = shared[0].shape
        one = name("I", (n[0 if last else -1],) * 2)
        made = _sum_of_rows([row if row[3] else (*row[:3], ((one, None),)) for row in inner])
        product = matmul(made, _turn(shared)) if last else matmul(_turn(shared), made)
        terms.append((c, scaled(abs(c), (), (), product)))
    return terms


def _sum_of_rows(rows: list[Row]) -> Formula:
    """The same as one formula; (A + B)ᵀ if all would be transposed."""
    back = [(*row[:3], turned(row[3])) for row in rows]
    if sum(_turns(row[3]) for row in back) == 0 < min(_turns(row[3]) for row in rows):
        return added(sum_of_chains(back)).T
    return added(sum_of_chains(rows))


def _turn(link: Link) -> Formula:
    f, transposed = link
    return f.T if transposed else f


def _shared_end(rows: list[Row]) -> tuple[list[Row], bool]:
    """The largest group of products that share their last or first factor, and whether that is the last."""
    best: list[Row] = []
    at_end = True
    for last in (True, False):
        groups: dict[Link, list[Row]] = {}
        for row in rows:
            groups.setdefault(row[3][-1 if last else 0], []).append(row)
        for link, group in groups.items():
            alone = any(len(row[3]) == 1 for row in group)
            if alone and (_is_simple(link[0]) or all(len(row[3]) == 1 for row in group)):
                group = [row for row in group if len(row[3]) > 1]
            if len(group) > len(best):
                best, at_end = group, last
    return best, at_end


def _is_simple(f: Formula) -> bool:
    """Whether a factor is too simple to be taken out: A + A B stays, (A − B) + (A − B) C is (A − B) (I + C)."""
    return f.ndim != 2 or f.kind not in ("add", "sub")


def _common_number(numbers: list[Any]) -> Any:
    sign = -1 if all(n < 0 for n in numbers) else 1
    first = abs(numbers[0])
    return sign * first if all(abs(n) == first for n in numbers) else Fraction(sign)


def added(terms: list[tuple[Any, Formula]]) -> Formula:
    """The sum of the terms with their signs: positive ones first."""
    made: Formula | None = None
    for sign, f in sorted(terms, key=lambda t: t[0] < 0):
        made = (-f if sign < 0 else f) if made is None else made - f if sign < 0 else made + f
    assert made is not None
    return made.of_shape(terms[0][1].shape)


# Multiples ------------------------------------------------------------------------------------------------------


def _number(c: Any) -> Formula:
    if isinstance(c, Fraction):
        if c.denominator == 1:
            return number(str(c.numerator))
        if 1000 % c.denominator:
            return Formula("div", (number(str(c.numerator)), number(str(c.denominator))))
    return number(f"{float(c):.6g}" if isinstance(c, Fraction) else f"{c:.4g}")


def signed(c: Any, f: Formula) -> Formula:
    return -f if c < 0 else f


def scaled(c: Any, over: Any, under: Any, body: Formula | None) -> Formula:
    """c · over / under · body: numbers come first; the divisor of a single factor comes after it."""
    top: list[Formula] = []
    below: list[Formula] = list(under)
    if body is None and not over and not under:
        return _number(c)
    if isinstance(c, Fraction):
        if c.numerator != 1:
            top.append(number(str(c.numerator)))
        if c.denominator != 1:
            below.insert(0, number(str(c.denominator)))
    elif c != 1:
        top.append(_number(c))
    top.extend(over)
    shape = body.shape if body is not None else ()
    bottom = math.prod(below[1:], start=below[0]) if below else None
    short = body is not None and body.kind not in ("matmul", "mul", "div", "neg")
    if body is not None and not top and bottom is not None and (short or bottom.kind != "number"):
        return (body / bottom).of_shape(shape)
    front = math.prod(top[1:], start=top[0]) if top else None
    if bottom is not None:
        front = (number(1) if front is None else front) / bottom
    if front is not None and body is not None and body.kind == "div" and body.parts[0] == number(1):
        return (front.of_shape(()) / body.parts[1]).of_shape(shape)
    if front is None:
        assert body is not None or not top
        return body if body is not None else number(1)
    return front if body is None else (front.of_shape(()) * body).of_shape(shape)
