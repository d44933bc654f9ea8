"""What decompositions share: factors packed into one array, and where vectors have no derivative.

The vectors of a repeated value are any basis of their space and have no derivative, so a loss that depends on them is
an error. The values alone have a derivative: where the cotangent of the vectors is zero, their part of the rule is
zero, never 0 · ∞. Two values count as repeated where rounding cannot tell them apart (`_nearly_equal`), because the
rule would amplify rounding into a wrong number there.
"""

import math

import numpy as np

from chainrule.array import is_recorded
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity
from chainrule.errors import DependsOnPhase, NoDerivative
from chainrule.libraries import is_complex, is_foreign, is_jax, namespace_of, numpy_dtype
from chainrule.node import at_line

__all__ = [
    "any_entry",
    "diagonal_of",
    "must_not_depend_on_phase",
    "of_triangle",
    "on_diagonal",
    "packed",
    "real_part",
    "reciprocal_gaps",
    "rounding",
    "with_one_triangle",
]

# Packing -------------------------------------------------------------------------------------------------------


def packed(xp, *rows):
    """Factors stacked in rows; those with fewer columns are padded with zeros."""
    width = max(r.shape[-1] for r in rows)
    filled = [
        r
        if r.shape[-1] == width
        else xp.concat([r, xp.zeros((*r.shape[:-1], width - r.shape[-1]), dtype=r.dtype)], axis=-1)
        for r in rows
    ]
    return xp.concat(filled, axis=-2)


def real_part(xp, x):
    return xp.real(x) if is_complex(x) else x


def diagonal_of(x):
    """The diagonals of square matrices."""
    if is_foreign(x) and not is_recorded(x):
        return namespace_of((x,)).linalg.diagonal(x)
    i = np.arange(x.shape[-1])
    return x[..., i, i]


def on_diagonal(d):
    """Matrices with these diagonals."""
    return d[..., None, :] * identity(d.shape[-1], d)


# Where there is no derivative ----------------------------------------------------------------------------------


def rounding(x):
    """The rounding error of an eigenvalue or singular value, relative to the largest one: about ε √n."""
    return 16 * float(np.finfo(numpy_dtype(x.dtype)).eps) * math.sqrt(max(x.shape[-1], 1))


def any_entry(condition):
    return bool(namespace_of((condition,)).any(condition))


def _nearly_equal(values):
    """Which values (in the last axis) are equal up to rounding, as a matrix of booleans."""
    xp = namespace_of((values,))
    scale = xp.max(abs(values), axis=-1, keepdims=True)[..., None] if values.shape[-1] else 0.0
    return abs(values[..., None, :] - values[..., :, None]) <= rounding(values) * scale


def reciprocal_gaps(xp, values, cotangents, what):
    """1 / (λ_j − λ_i), and 0 where the two are equal (as on the diagonal): the loss must not depend on them."""
    near = step(_nearly_equal, values)
    off_diagonal = ~np.eye(values.shape[-1], dtype=bool)
    off_diagonal = namespace_of((near,)).asarray(off_diagonal)
    for cotangent in cotangents:
        if any_entry((cotangent != 0) & near & off_diagonal):
            raise NoDerivative(
                f"the loss (or its gradient, differentiated again) depends on {what} of a repeated value: they are any "
                "basis of their space, and have no derivative. Write the loss with the values alone, or without the "
                "decomposition: a function of a matrix with np.linalg.inv, np.linalg.matrix_power, cr.expm, cr.logm or "
                "cr.sqrtm" + at_line()
            )
    gaps = values[..., None, :] - values[..., :, None]
    return xp.where(near, 0.0, 1 / xp.where(near, 1.0, gaps))


def must_not_depend_on_phase(phase, like, what):
    """Complex vectors are known up to a phase e^{iφ}; the derivative of the loss by φ must be zero."""
    xp = namespace_of((phase,))
    if phase.shape[-1] and any_entry(
        abs(phase) > math.sqrt(rounding(like)) * xp.max(abs(like), axis=(-2, -1))[..., None]
    ):
        raise DependsOnPhase(
            f"the loss depends on the phase of {what}, which is arbitrary: each is known up to a factor e^iφ. "
            "Write a loss that does not, with np.abs(v) or v v* for instance" + at_line()
        )


def _is_hermitian(xp, x):
    """Whether matrices with entries are Hermitian but for rounding, as an array without axes."""
    return xp.all(abs(x - adjoint(xp, x)) <= math.sqrt(rounding(x)) * xp.max(abs(x)))


def of_triangle(xp, dx, x, lower=True):
    """The gradient of a block that reads one triangle of x: Hermitian if x is Hermitian, else that triangle alone."""
    plain = namespace_of((x,))
    if 0 in x.shape or bool(_is_hermitian(plain, x)):
        return dx
    n = x.shape[-1]
    read = np.tril(np.full((n, n), 2.0), -1) + np.eye(n)
    return dx * xp.asarray(read if lower else read.T, dtype=dx.dtype)


def with_one_triangle(xp, x, lower=True):
    """What a block that reads one triangle of x gives to JAX, which takes the mean of both."""
    if not is_jax(x):
        return x
    half = xp.tril(x, -1) if lower else xp.triu(x, 1)
    read = half + adjoint(xp, half) + on_diagonal(diagonal_of(x))
    return xp.where(_is_hermitian(xp, x), x, read)  # of a Hermitian matrix the gradient is Hermitian
