"""scipy.sparse.linalg: some eigenvalues and singular values, with the derivatives of the exact ones."""

import numpy as np
import scipy.sparse.linalg

from chainrule.array import value_of
from chainrule.blocks.integers import step
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name, fixed
from chainrule.scipy.linalg.eigenvalues import eigh_of, order_of
from chainrule.scipy.sparse.matrices import sparse_of
from chainrule.standins.scipy_functions import plain_values, read_values, twin, with_value

_NEAREST = {"LM": lambda w: -abs(w), "SM": abs, "LA": lambda w: -w, "SA": lambda w: w}
"""For each choice of eigenvalues, a key: the k smallest keys are the chosen eigenvalues."""


def _few(key, k):
    """The places of the values with the k smallest keys, in the order of the values."""
    return lambda w: np.sort(np.argsort(key(w), kind="stable")[:k])


def _with_signs(vectors, found):
    """Vectors with the signs (or phases) of those that SciPy has found."""

    def phases(v):
        inner = np.sum(np.conj(v) * found, axis=0)
        return inner / np.where(inner == 0, 1, abs(inner))

    return step(phases, vectors)


def _generator(rng):
    """A generator with a fixed seed for SciPy's starting vector, on which the result does not depend."""
    return np.random.default_rng(0) if rng is None else rng


def _agrees(name, ours, found, value=value_of):
    """Require that SciPy has found our values. `value` reads them; a read guards a compiled function by the numbers."""
    if np.shape(ours) != np.shape(found) or not np.allclose(value(ours), found, rtol=1e-6, atol=1e-9):
        raise RecordingError(
            f"{name} has found other values than the exact ones; give a smaller tol, or write np.linalg.eigh or "
            "np.linalg.svd of A.toarray()" + at_line()
        )


@twin(scipy.sparse.linalg.eigsh, adopts=False)
def eigsh(
    A,
    k=6,
    M=None,
    sigma=None,
    which="LM",
    v0=None,
    ncv=None,
    maxiter=None,
    tol=0,
    return_eigenvectors=True,
    rng=None,
    **options,
):
    if which not in _NEAREST or any(x not in (None, "normal") for x in options.values()):
        raise RecordingError(
            f"eigsh has a derivative for which={', '.join(_NEAREST)} without Minv=, OPinv= and other modes; write "
            "scipy.linalg.eigh of A.toarray()" + at_line()
        )
    given, sigma = [sparse_of(x) for x in (A, M) if x is not None], fixed(sigma, "sigma")
    plain = [matrix.plain for matrix in given]
    result = scipy.sparse.linalg.eigsh(
        plain[0],
        k,
        plain[1] if M is not None else None,
        sigma,
        which,
        read_values(v0),
        ncv,
        maxiter,
        tol,
        return_eigenvectors,
        rng=_generator(rng),
    )
    found, vectors = result if return_eigenvectors else (result, None)
    every, v = eigh_of([matrix.toarray() for matrix in given], 1)

    def key(w):
        return _NEAREST[which](w if sigma is None else 1 / (w - sigma))

    places = step(_few(key, k), every)
    w = every[places]
    _agrees("eigsh", w, found, value_of if return_eigenvectors else plain_values)  # vectors have SciPy's signs
    if not return_eigenvectors:
        return with_value(w, found)
    v = v[:, places]
    return with_value(w, found), with_value(v * _with_signs(v, vectors), vectors)


@twin(scipy.sparse.linalg.eigs, adopts=False)
def eigs(
    A,
    k=6,
    M=None,
    sigma=None,
    which="LM",
    v0=None,
    ncv=None,
    maxiter=None,
    tol=0,
    return_eigenvectors=True,
    *rest,
    **options,
):
    options = by_name(scipy.sparse.linalg.eigs, 10, rest, options)
    if any(options.get(name) is not None for name in ("Minv", "OPinv", "OPpart")):
        raise RecordingError("eigs has a derivative without Minv=, OPinv= and OPpart=; leave them out" + at_line())
    given = [sparse_of(x) for x in (A, M) if x is not None]
    plain, sigma = [matrix.plain for matrix in given], fixed(sigma, "sigma")
    found, vectors = scipy.sparse.linalg.eigs(
        plain[0], k, plain[1] if M is not None else None, sigma, which, read_values(v0), ncv, maxiter, tol, **options
    )
    a, *b = [matrix.toarray() for matrix in given]
    every, v = np.linalg.eig(np.linalg.solve(b[0], a) if b else a)
    if b:  # vᴴ M v = 1, where np.linalg.eig has vᴴ v = 1
        v = v / np.sqrt(np.real(np.sum(np.conj(v) * (b[0] @ v), axis=0)))
    places = step(lambda w: order_of(w, found), every)
    w = np.astype(every[places], found.dtype)
    _agrees("eigs", w, found)
    if not return_eigenvectors:
        return with_value(w, found)
    v = np.astype(v[:, places], found.dtype)
    return with_value(w, found), with_value(v * _with_signs(v, vectors), vectors)


@twin(scipy.sparse.linalg.svds, adopts=False)
def svds(
    A, k=6, ncv=None, tol=0, which="LM", v0=None, maxiter=None, return_singular_vectors=True, solver="arpack", **options
):
    a = sparse_of(A)
    options["rng"] = _generator(options.get("rng"))
    left, found, right = scipy.sparse.linalg.svds(
        a.plain, k, ncv, tol, which, read_values(v0), maxiter, True, solver, **options
    )
    u, every, vh = np.linalg.svd(a.toarray(), full_matrices=False)
    chosen = np.arange(k)[::-1] if which == "LM" else np.arange(np.shape(every)[0])[: -k - 1 : -1]
    u, s, vh = u[:, chosen], every[chosen], vh[chosen]
    _agrees("svds", s, found)
    s = with_value(s, found)
    if return_singular_vectors is False:
        return s
    sign = _with_signs(u, left)
    u, vh = with_value(u * sign, left), with_value(np.conj(sign)[:, None] * vh, right)
    return (None if return_singular_vectors == "vh" else u), s, (None if return_singular_vectors == "u" else vh)
