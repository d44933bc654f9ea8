"""Rules for conjugates, real and imaginary parts. Identities in text are of real numbers only.

They are for formulas to be read: some change the sign of a 0 or, in z + z = 2 z, what infinite parts become.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.blocks.complex_numbers import conj, imag, real
from chainrule.blocks.copies import cast
from chainrule.blocks.elementwise import add, multiply, negative
from chainrule.libraries import is_complex
from chainrule.node import Node, value_of_operand
from chainrule.simplify.builder import Builder
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(conj, of=(conj,))
def conjugate_twice(build: Builder, z: Any) -> Any:
    """The conjugate of the conjugate of z is z."""
    inner = made_by(z, build, conj)
    return None if inner is None else inner.inputs[0]


@rule(real, of=(conj,))
def real_part_of_conjugate(build: Builder, z: Any) -> Any:
    """A number and its conjugate have the same real part."""
    inner = made_by(z, build, conj)
    return None if inner is None else build.call(real, inner.inputs[0])


@rule(imag, of=(conj,))
def imaginary_part_of_conjugate(build: Builder, z: Any) -> Any:
    """That of z with the other sign, but for the sign of 0."""
    inner = made_by(z, build, conj)
    return None if inner is None else build.call(negative, build.call(imag, inner.inputs[0]))


@rule(conj, of=(cast,))
def conjugate_of_a_real_number(build: Builder, z: Any) -> Any:
    """A real number is its own conjugate, but for the sign of its imaginary 0."""
    inner = made_by(z, build, cast)
    return None if inner is None or is_complex(value_of_operand(inner.inputs[0])) else z


@rule(multiply)
def product_with_one(build: Builder, x: Any, y: Any) -> Any:
    """1 z = z, in either order."""
    for one, z in ((x, y), (y, x)):
        if _uniform(one) == 1 and type(z) is Node and is_complex(z.value):
            return z
    return None


@rule(add)
def sum_of_equals(build: Builder, x: Any, y: Any) -> Any:
    """z + z = 2 z."""
    return build.call(multiply, 2.0, x) if x is y and type(x) is Node and is_complex(x.value) else None


@rule(add)
def number_of_its_parts(build: Builder, x: Any, y: Any) -> Any:
    """c Re z + i c Im z = c z, in either order."""
    for one, other in ((x, y), (y, x)):
        product = made_by(one, build, multiply)
        if product is None or [_uniform(v) for v in product.inputs].count(1j) != 1:
            continue
        imaginary = next(v for v in product.inputs if _uniform(v) != 1j)
        (c, u), (d, v) = (_multiple(build, part) for part in (imaginary, other))
        below, left = made_by(u, build, imag), made_by(v, build, real)
        if below is not None and left is not None and c == d and below.inputs[0] is left.inputs[0]:
            z = left.inputs[0]
            return z if c == 1 else build.call(multiply, c, z)
    return None


def _uniform(x: Any) -> complex | None:
    """The number that all entries of a constant equal; None if they differ, and of what is no constant."""
    if type(x) is Node or np.size(x) == 0 or np.asarray(x).dtype.kind not in "fiuc":
        return None
    entries = np.ravel(x)
    return entries[0].item() if (entries == entries[0]).all() else None


def _multiple(build: Builder, x: Any) -> tuple[Any, Any]:
    """x as a number times a value, without casts of it."""
    while (inner := made_by(x, build, cast)) is not None:
        x = inner.inputs[0]
    product = made_by(x, build, multiply)
    if product is None:
        return 1, x
    numbers = [
        (c, v) for v, c in zip(product.inputs[::-1], map(_uniform, product.inputs), strict=True) if c is not None
    ]
    if not numbers:
        return 1, x
    c, rest = numbers[0]
    d, rest = _multiple(build, rest)
    return c * d, rest
