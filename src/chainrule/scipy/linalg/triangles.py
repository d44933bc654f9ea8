"""Symmetric and Hermitian matrices, of which SciPy reads one triangle."""

from chainrule.block import unlisted_block
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.factors import of_triangle
from chainrule.blocks.matrices import identity


@unlisted_block(notation=lambda x, lower: x, complex=True)
def hermitian_of(xp, x, lower=False):
    """The Hermitian matrix that one triangle of x defines."""
    half = xp.tril(x, k=-1) if lower else xp.triu(x, k=1)
    return half + adjoint(xp, half) + xp.real(x) * identity(x.shape[-1], x)


@hermitian_of.backward
def hermitian_of_backward(xp, dz, z, x, lower=False):
    return of_triangle(xp, (dz + adjoint(xp, dz)) / 2, x, lower)


@unlisted_block(notation=lambda x, lower: x, complex=True)
def symmetric_of(xp, x, lower=False):
    """The symmetric matrix (real or complex) that one triangle of x defines."""
    half = xp.tril(x, k=-1) if lower else xp.triu(x, k=1)
    return half + xp.matrix_transpose(half) + x * identity(x.shape[-1], x)


@symmetric_of.backward
def symmetric_of_backward(xp, dz, z, x, lower=False):
    both = dz + xp.matrix_transpose(dz)
    return (xp.tril(both, k=-1) if lower else xp.triu(both, k=1)) + dz * identity(dz.shape[-1], dz)
