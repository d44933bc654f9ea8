"""Activations: elementwise functions of neural networks, named as in torch.nn.functional and jax.nn."""

from chainrule.block import elementwise
from chainrule.formula import call, name
from chainrule.libraries import is_numpy

relu = elementwise(
    "relu",
    lambda xp, x: xp.where(x > 0, x, 0 * x) if not is_numpy(xp) else xp.maximum(x, 0),
    lambda xp, z, x: x > 0,  # relu'(0) = 0, as in PyTorch
    notation=lambda x: call("max", x, 0),
)
relu.__doc__ = """max(x, 0), entry by entry; the derivative at 0 is 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """

sigmoid = elementwise(
    "sigmoid",
    lambda xp, x: xp.exp(-xp.logaddexp(xp.zeros_like(x), -x)),
    lambda xp, z, x: z * (1 - z),
    notation=lambda x: call("σ", x),
    answers_for=("scipy.special.expit",),
)
sigmoid.__doc__ = """1 / (1 + e^{−x}), entry by entry, without overflow.

    >>> import chainrule as cr
    >>> cr.sigmoid(0.0), cr.sigmoid(-1000.0)
    (np.float64(0.5), np.float64(0.0))
    """

softplus = elementwise(
    "softplus",
    lambda xp, x: xp.logaddexp(xp.zeros_like(x), x),
    lambda xp, z, x: sigmoid(x),
    notation=lambda x: call("log", 1 + name("e") ** x),
)
softplus.__doc__ = """log(1 + e^x), entry by entry, without overflow.

    >>> import chainrule as cr
    >>> cr.softplus(1000.0)
    np.float64(1000.0)
    """
