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

    The references are PyTorch and JAX, where they are installed (the recorded graph, run on their arrays under their
    own autodiff, in double precision), and finite differences of f itself on plain NumPy values. An array of up to 200
    entries is differenced entry by entry, a larger one along 10 random directions. Where a gradient is wrong, every
    block's backward rule is checked by itself, from the loss backwards; the first wrong one is named with its line.

    Of complex arrays the real and the imaginary parts are compared: their gradient is ∂L/∂Re x + i ∂L/∂Im x, as in
    PyTorch, and the conjugate of JAX's.

    Parameters
    ----------
    f : a function that returns a scalar, or an array or tree of arrays; or one of PyTorch's tensors, as in `explain`,
        whose own backward pass is a reference too; or a `torch.autograd.Function`, whose `backward` is checked. Those
        that a network uses are checked each on its own: `report.functions`. A result that is not a real scalar is
        reduced to one by fixed random weights. Of a `jax.custom_vjp`, or a primitive of HIPS autograd, the rule is
        checked that its author gave it. A block's rule is also checked for being linear in dz.
    argnums : the position or name of the argument, or a tuple of them; by default all of a floating type. Parameters of
        a PyTorch network have their dotted names.
    against : a gradient written by hand, called as its parameters' names say: `against(*args)`, with the arguments of
        f; `against(dout, cache)` if f returns `out, cache`, or `bwd(res, g)`; `against(dout, *args)`; or a method
        `backward(dout)` beside a method f. Of PyTorch's functions it takes tensors. It returns the gradient of the
        first checked argument, or a tuple with one for each, in the structure of the arguments, or a dict by names, as
        `locals()`. If a gradient is wrong, `report.mistakes` has the first wrong line of it.

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
