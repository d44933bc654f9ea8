"""check: compare a gradient with PyTorch, JAX and finite differences, and name the block that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.argnums import Argnums
from chainrule.check.report import Blame, Comparison, Mistake, Report
from chainrule.forks import imported

__all__ = ["Blame", "Comparison", "Mistake", "Report", "check"]


def check(
    f: Callable[..., Any], argnums: Argnums | None = None, against: Callable[..., Any] | None = None
) -> Callable[..., Report]:
    """A function of f's arguments that checks f's value and gradients, and returns a `Report`.

    The references are finite differences of f on plain NumPy values, and PyTorch and JAX if installed: they run the
    recorded graph on their arrays, with their own autodiff, in double precision. An array of up to 200
    entries is differenced entry by entry, a larger one along 10 random directions. If a gradient is wrong, every
    block's backward rule is checked separately, from the loss backwards; the first wrong one is named with its line.

    For complex arrays the real and the imaginary parts are compared. The gradient is ∂L/∂Re x + i ∂L/∂Im x, as in
    PyTorch; it is the conjugate of JAX's.

    Parameters
    ----------
    f : a function that returns a scalar, or an array or tree of arrays. A result that is not a real scalar is reduced
        to one by fixed random weights. It may be a function of PyTorch's tensors, as in `explain`; then PyTorch's own
        backward pass is a reference too. For a `torch.autograd.Function` its `backward` is checked; those that a
        network uses are checked separately (`report.functions`). For a `jax.custom_vjp`, or a primitive of HIPS
        autograd, the hand-written rule is checked. A block's rule is also checked for being linear in dz.
    argnums : the position or name of the argument, or a tuple of them; by default all of a floating type. Parameters of
        a PyTorch network have their dotted names.
    against : a gradient written by hand. The names of its parameters decide how it is called: `against(*args)` with the
        arguments of f; `against(dout, cache)` if f returns `out, cache`, or `bwd(res, g)`; `against(dout, *args)`; or a
        method `backward(dout)` beside a method f. For functions of PyTorch it takes tensors. It returns the gradient of
        the first checked argument, a tuple with one for each, in the structure of the arguments, or a dict by names,
        such as `locals()`. If a gradient is wrong, `report.mistakes` has its first wrong line.

    Raises
    ------
    GradientError : no argument is of a floating type, or there is no such argument.

    >>> import numpy as np, chainrule as cr
    >>> report = cr.check(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.5, 1.0]))
    >>> report.ok
    True
    >>> wrong = cr.check(lambda x: x**2, against=lambda x: x)(3.0)
    >>> wrong.findings[0].split(";")[0]
    'The gradient written by hand is wrong for x: it gives 3, chainrule 6'
    """
    return imported("chainrule.check.checking").checked_function(f, argnums, against)
