"""`scipy.special`, with the functions that no protocol reaches: `from chainrule import special`.

SciPy's ufuncs record themselves, so `scipy.special.erf(x)` needs nothing from here. But some functions of
`scipy.special` are written in Python and turn their arguments into plain arrays first; their gradient would be lost, so
they raise an error that points here. This module has those functions with the same arguments, and all others of
`scipy.special` as they are.

>>> import numpy as np, chainrule as cr
>>> from chainrule import special
>>> cr.grad(lambda x: special.polygamma(1, x))(2.0) == special.polygamma(2, 2.0)
np.True_
"""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

import numpy as np

from chainrule.array import Array, form_of, node_of
from chainrule.block import Block
from chainrule.block.elementwise import in_one_precision
from chainrule.blocks import normalisation
from chainrule.blocks.elementwise import log
from chainrule.blocks.normalisation import logsumexp as logsumexp_
from chainrule.blocks.special import bessel, gamma_functions, orthogonal
from chainrule.errors import RecordingError
from chainrule.libraries import is_complex, is_foreign
from chainrule.namespace import RECORDING
from chainrule.node import at_line
from chainrule.transforms import stop_gradient

__all__ = [
    "comb",
    "diric",
    "factorial",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "perm",
    "polygamma",
    "softmax",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
]

RECORDING.special = sys.modules[__name__]  # where SciPy looks, once SCIPY_ARRAY_API is set


def __getattr__(name: str) -> Any:
    """Any other function of SciPy: the plain ufunc, if SciPy wraps it in a function for other libraries."""
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return getattr(importlib.import_module("scipy.special._ufuncs"), name)
    except AttributeError:
        return getattr(importlib.import_module("scipy.special"), name)


def _plain(function: str, x: Any, operand: str) -> Any:
    """An argument that has no gradient: an order, a number of dimensions."""
    if type(x) is Array:
        if node_of(x).differentiable:
            raise RecordingError(
                f"{operand} of special.{function} has no gradient; give it as a plain number" + at_line()
            )
        return x.value
    return x


def _inexact(exact: Any, function: str) -> None:
    if exact:
        raise RecordingError(f"special.{function} with exact=True gives integers, which have no gradient" + at_line())


def _in_one_precision(*operands: Any) -> tuple[Any, ...]:
    """Operands in their common precision, as in SciPy's Python functions, which start with `np.asarray`.

    So a Python integer beside float32 means float64, where for a ufunc it would take the dtype of the array.
    """
    if any(is_foreign(form_of(x)) for x in operands):
        return operands
    return in_one_precision(*(x if hasattr(x, "dtype") else np.asarray(x) for x in operands))


# Gamma functions (DLMF, chapter 5) and counting (26.3) -------------------------------------------------------------


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of ψ(x), 5.15 and 25.11.12, for plain integers n; ψ(x) itself for n = 0."""
    n = np.asarray(_plain("polygamma", n, "n"))
    is_psi = n == 0
    n = np.where(is_psi, 1, n)
    derivative = (-1.0) ** (n + 1) * gamma_functions.gamma(n + 1.0) * gamma_functions.zeta(n + 1.0, x)
    return np.where(is_psi, gamma_functions.digamma(x), derivative) if is_psi.any() else derivative


def multigammaln(a: Any, d: int) -> Any:
    """log Γ_d(a), the multivariate gamma function, 35.3.6."""
    d = _plain("multigammaln", d, "d")
    log_gamma = gamma_functions.gammaln
    return sum((log_gamma(a - 0.5 * j) for j in range(1, d)), log_gamma(a) + d * (d - 1) / 4 * math.log(math.pi))


def factorial(n: Any, exact: bool = False) -> Any:
    """n! = Γ(n + 1), and 0 for a negative n."""
    _inexact(exact, "factorial")
    return np.where(n < 0, 0.0, gamma_functions.gamma(n + 1.0))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """The number of ways to choose k of N, with real numbers instead of factorials; 0 where there are none."""
    _inexact(exact, "comb")
    N, k = _in_one_precision(N, k)
    if repetition:
        N = N + k - 1
    return np.where((k <= N) & (N >= 0) & (k >= 0), gamma_functions.binom(N, k), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """The number of ways to arrange k of N; 0 where there are none."""
    _inexact(exact, "perm")
    N, k = _in_one_precision(N, k)
    return np.where((k <= N) & (N >= 0) & (k >= 0), gamma_functions.poch(N - k + 1, k), 0.0)


# Spherical Bessel functions (10.47(ii)) ----------------------------------------------------------------------------


def _spherical(block: Block) -> Any:
    def function(n: Any, z: Any, derivative: bool = False) -> Any:
        n = _plain(block.name, n, "n")
        return bessel.spherical_by_x(block, n, z) if derivative else block(n, z)

    function.__name__ = function.__qualname__ = block.name
    function.__doc__ = f"As scipy.special.{block.name}: the function of order n, or its derivative."
    return function


spherical_jn = _spherical(bessel.spherical_jn)
spherical_yn = _spherical(bessel.spherical_yn)
spherical_in = _spherical(bessel.spherical_in)
spherical_kn = _spherical(bessel.spherical_kn)


def diric(x: Any, n: Any) -> Any:
    """sin(nx/2) / (n sin(x/2)), the periodic sinc; as U_(n−1)(cos x/2)/n (18.5.2), which has no 0/0."""
    n = _plain("diric", n, "n")
    x, _ = _in_one_precision(x, n)
    return orthogonal.eval_chebyu(n - 1, np.cos(x / 2)) / n


# Exponentials along axes -------------------------------------------------------------------------------------------


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log Σ b e^a; with `return_sign` the logarithm of the size of that sum, and its sign."""
    if b is None:
        z = logsumexp_(a, axis=axis, keepdims=keepdims)
        if not return_sign:
            return z
        return (np.real(z), np.exp(1j * np.imag(z))) if is_complex(form_of(z)) else (z, np.ones_like(z))
    a, b = _in_one_precision(a, b)
    a = np.where(b == 0, -np.inf, a)
    top = np.max(np.real(a), axis=axis, keepdims=True)
    top = stop_gradient(top) if type(top) is Array else top
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.sum(b * np.exp(a - top), axis=axis, keepdims=keepdims)
    top = top if keepdims else np.squeeze(top, axis=axis)
    return (log(abs(total)) + top, np.sign(total)) if return_sign else log(total) + top


def softmax(x: Any, axis: Any = None) -> Any:
    """As `cr.softmax`, over all entries by default."""
    return normalisation.softmax(x, axis=axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """As `cr.log_softmax`, over all entries by default; as SciPy's it is −∞ beside an infinite entry."""
    top: Any = np.max(x, axis=axis, keepdims=True)
    if bool(np.all(np.isfinite(top))):
        return normalisation.log_softmax(x, axis=axis)
    shifted = x - np.where(np.isfinite(top), top, 0.0)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
