"""Functions of matrices: exponential, logarithm, powers, trigonometric ones, polar factors."""

import numpy as np
import scipy.linalg

from chainrule.array import form_of, is_recorded, value_of
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.matrix_functions import expm, logm, sqrtm
from chainrule.errors import BlockError
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback
from chainrule.scipy.accepted import accepts
from chainrule.scipy.linalg.arrays import one_by_one, twin_of_arrays
from chainrule.standins.scipy_functions import with_value

twin_of_arrays(scipy.linalg.expm)(expm)


@twin_of_arrays(scipy.linalg.logm)
def _logm(A, disp=True, *_, **__):
    _without_an_estimate("logm", disp)
    accepts(_has_real_powers, A)
    return logm(A)


@twin_of_arrays(scipy.linalg.sqrtm)
def _sqrtm(A, disp=True, *_, **__):
    _without_an_estimate("sqrtm", disp)
    accepts(_has_real_powers, A)
    return sqrtm(A)


def _has_real_powers(a):
    """Whether the logarithm of real matrices is real: none of their eigenvalues is negative."""
    if np.iscomplexobj(a) or not np.all(np.isfinite(a)):
        return False
    values = np.linalg.eigvals(a)
    return not np.any((np.imag(values) == 0) & (np.real(values) < 0))


def _without_an_estimate(name, disp):
    if not disp:
        raise BlockError(
            f"{name} with disp=False estimates an error too, which has no derivative; leave it out" + at_line()
        )


@twin_of_arrays(scipy.linalg.cosm)
def cosm(A):
    z = expm(1j * A) + expm(-1j * A)
    return z / 2 if is_complex(form_of(A)) else np.real(z) / 2


@twin_of_arrays(scipy.linalg.sinm)
def sinm(A):
    z = (expm(1j * A) - expm(-1j * A)) / 2j
    return z if is_complex(form_of(A)) else np.real(z)


@twin_of_arrays(scipy.linalg.tanm)
def tanm(A):
    return np.linalg.solve(cosm(A), sinm(A))


@twin_of_arrays(scipy.linalg.coshm)
def coshm(A):
    return (expm(A) + expm(-A)) / 2


@twin_of_arrays(scipy.linalg.sinhm)
def sinhm(A):
    return (expm(A) - expm(-A)) / 2


@twin_of_arrays(scipy.linalg.tanhm)
def tanhm(A):
    return np.linalg.solve(coshm(A), sinhm(A))


@twin_of_arrays(scipy.linalg.signm)
def signm(A, disp=True):
    _without_an_estimate("signm", disp)
    return A @ np.linalg.inv(sqrtm(A @ A))


@twin_of_arrays(scipy.linalg.fractional_matrix_power)
def fractional_matrix_power(A, t):
    if not is_recorded(t) and t == int(t):
        return np.linalg.matrix_power(A, int(t))
    accepts(_has_real_powers, A)
    return expm(t * logm(A))


@twin_of_arrays(scipy.linalg.expm_frechet)
def expm_frechet(A, E, method=None, compute_expm=True, check_finite=True):
    n = A.shape[-1]
    z = expm(np.block([[A, E], [np.zeros(A.shape), A]]))
    return (z[..., :n, :n], z[..., :n, n:]) if compute_expm else z[..., :n, n:]


@twin_of_arrays(scipy.linalg.polar)
def polar(a, side="right"):
    """By the square root of a* a or a a*, whichever is smaller; the other one is singular."""
    a_h = adjoint(np, a)
    if a.shape[-2] >= a.shape[-1]:
        p = sqrtm(a_h @ a)
        u = a @ np.linalg.inv(p)
        return u, (p if side == "right" else a @ adjoint(np, u))
    p = sqrtm(a @ a_h)
    u = np.linalg.solve(p, a)
    return u, (p if side == "left" else adjoint(np, u) @ a)


@twin_of_arrays(scipy.linalg.orthogonal_procrustes)
@one_by_one(2, 2)
def orthogonal_procrustes(A, B, check_finite=True):
    u, p = polar(adjoint(np, A) @ B)
    return u, np.real(np.trace(p))


@twin_of_arrays(scipy.linalg.funm)
def funm(A, func, disp=True):
    """V f(Λ) V⁻¹, of the eigenvalues Λ and their vectors V; func takes the eigenvalues as an array."""
    _without_an_estimate("funm", disp)
    f = Callback(func)
    value = scipy.linalg.funm(value_of(A), f)
    values, vectors = np.linalg.eig(A)
    z = (vectors * f.recorded(values)) @ np.linalg.inv(vectors)
    f.operands()
    return with_value(z if is_complex(value) or not is_complex(form_of(z)) else np.real(z), value)
