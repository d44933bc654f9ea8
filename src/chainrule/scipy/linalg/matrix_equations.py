"""Equations for matrices: those of Sylvester, Lyapunov and Riccati."""

import numpy as np
import scipy.linalg

from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.matrix_functions import solve_sylvester
from chainrule.blocks.shaping import as_array
from chainrule.formula import call
from chainrule.scipy.linalg.arrays import twin_of_arrays


@twin_of_arrays(scipy.linalg.solve_sylvester)
def _solve_sylvester(a, b, q):
    return solve_sylvester(a, b, q)


@twin_of_arrays(scipy.linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a, q):
    a = as_array(a)
    return solve_sylvester(a, np.conj(np.matrix_transpose(a)), as_array(q))


@unlisted_block(notation=lambda a, q: call("lyapunov", a, q), complex=True)
def discrete_lyapunov(xp, a, q):
    """The z for which a z a* − z + q = 0."""
    lead = np.broadcast_shapes(a.shape[:-2], q.shape[:-2])
    if not lead:
        return scipy.linalg.solve_discrete_lyapunov(a, q)
    a, q = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (a, q))
    z = [scipy.linalg.solve_discrete_lyapunov(a[at], q[at]) for at in np.ndindex(lead)]
    return np.reshape(z, q.shape)


@discrete_lyapunov.backward
def discrete_lyapunov_backward(xp, dz, z, a, q):
    dq = discrete_lyapunov(adjoint(xp, a), dz)
    da = dq @ a @ adjoint(xp, z) + adjoint(xp, dq) @ a @ z
    lead = z.shape[:-2]
    return sum_to(xp, da, a.shape, lead + a.shape[-2:]), sum_to(xp, dq, q.shape, z.shape)


@twin_of_arrays(scipy.linalg.solve_discrete_lyapunov)
def solve_discrete_lyapunov(a, q, method=None):
    return discrete_lyapunov(as_array(a), as_array(q))


def _riccati(x, given, solve_lyapunov, gain):
    """The derivatives of the solution x of a Riccati equation, by two of Newton's steps from x itself.

    Each step solves a Lyapunov equation. The first step is right to the first order in a, b, q and r, and Newton's
    steps double the order.
    D. L. Kleinman, On an iterative technique for Riccati equation computations (1968).
    """
    a, b, q, r, e, s = given
    for _ in range(2):
        k = gain(x, a, b, r, e, s)
        closed = np.linalg.solve(e, a - b @ k)
        sk = s @ k
        w = q + adjoint(np, k) @ r @ k - sk - adjoint(np, sk)
        y = np.linalg.solve(adjoint(np, e), solve_lyapunov(adjoint(np, closed), w))
        x = adjoint(np, np.linalg.solve(adjoint(np, e), adjoint(np, y)))
    return x


@twin_of_arrays(scipy.linalg.solve_continuous_are)
def solve_continuous_are(a, b, q, r, e=None, s=None, balanced=True):
    def gain(x, a, b, r, e, s):
        return np.linalg.solve(r, adjoint(np, b) @ x @ e + adjoint(np, s))

    given = _given(a, b, q, r, e, s)
    x = step(_plain(scipy.linalg.solve_continuous_are, balanced), *given)
    return _riccati(x, given, lambda a, w: solve_continuous_lyapunov(a, -w), gain)


@twin_of_arrays(scipy.linalg.solve_discrete_are)
def solve_discrete_are(a, b, q, r, e=None, s=None, balanced=True):
    def gain(x, a, b, r, e, s):
        return np.linalg.solve(r + adjoint(np, b) @ x @ b, adjoint(np, b) @ x @ a + adjoint(np, s))

    given = _given(a, b, q, r, e, s)
    x = step(_plain(scipy.linalg.solve_discrete_are, balanced), *given)
    return _riccati(x, given, discrete_lyapunov, gain)


def _given(a, b, q, r, e, s):
    """The matrices of a Riccati equation, in a form without None."""
    a, b, q, r = map(as_array, (a, b, q, r))
    e = np.eye(a.shape[-1]) if e is None else as_array(e)
    s = np.zeros(b.shape) if s is None else as_array(s)
    return a, b, q, r, e, s


def _plain(function, balanced):
    return lambda *matrices: function(*matrices, balanced=balanced)
