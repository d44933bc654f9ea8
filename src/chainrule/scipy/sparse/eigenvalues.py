"""scipy.sparse.linalg: some eigenvalues and singular values, with the derivatives of the exact ones."""

import numpy as np
import scipy.sparse.linalg

from chainrule.array import value_of
from chainrule.blocks.integers import step
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.arguments import fixed
from chainrule.scipy.sparse.matrices import sparse_of
from chainrule.standins.scipy_functions import read_values, twin, with_value

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


def _agrees(name, ours, found):
    if np.shape(ours) != np.shape(found) or not np.allclose(value_of(ours), found, rtol=1e-6, atol=1e-9):
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
    if M is not None or which not in _NEAREST or any(x is not None for x in options.values()):
        raise RecordingError(
            f"eigsh has a derivative for which={', '.join(_NEAREST)} without M= and the like; write scipy.linalg.eigh "
            "of A.toarray()" + at_line()
        )
    a, sigma = sparse_of(A), fixed(sigma, "sigma")
    result = scipy.sparse.linalg.eigsh(
        a.plain, k, None, sigma, which, read_values(v0), ncv, maxiter, tol, return_eigenvectors, rng=_generator(rng)
    )
    found, vectors = result if return_eigenvectors else (result, None)
    every, v = np.linalg.eigh(a.toarray())

    def key(w):
        return _NEAREST[which](w if sigma is None else 1 / (w - sigma))

    places = step(_few(key, k), every)
    w = every[places]
    _agrees("eigsh", w, found)
    if not return_eigenvectors:
        return with_value(w, found)
    v = v[:, places]
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
