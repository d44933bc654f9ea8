"""Activations: smooth elementwise functions of neural networks, named as in torch.nn.functional and jax.nn."""

import math

import numpy as np

from chainrule.block import as_floats, elementwise, library_block, singular
from chainrule.block.bounds import anything, rising
from chainrule.domains import example, far_from_zero, normal
from chainrule.errors import BlockError
from chainrule.formula import call, name
from chainrule.libraries import is_complex, is_numpy, special_functions_of
from chainrule.node import at_line


def _softplus(xp, x):
    """log(1 + e^x) without overflow; NumPy's logaddexp is several times slower than its other functions."""
    x = as_floats(x)
    if is_numpy(xp):
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-abs(x)))
    return xp.logaddexp(xp.zeros_like(x), x)


def _sigmoid(xp, x):
    x = as_floats(x)
    if is_complex(x):
        return 1 / (1 + xp.exp(-x))
    if is_numpy(xp):
        e = xp.exp(-abs(x))
        return where_of_numbers(xp, x >= 0, 1.0, e) / (1 + e)
    return xp.exp(-_softplus(xp, -x))


def where_of_numbers(xp, condition, x, y):
    """xp.where, but a number where NumPy gives a number."""
    z = xp.where(condition, x, y)
    return z[()] if is_numpy(xp) and not z.ndim else z


sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    lambda xp, z, x: z * (1 - z),
    notation=lambda x: call("σ", x),
    bounds=rising(lambda end: 1 / (1 + np.exp(-end))),
    answers_for=("scipy.special.expit",),
    complex=True,
)
sigmoid.__doc__ = """1 / (1 + e^{−x}), entry by entry, without overflow.

    >>> import chainrule as cr
    >>> cr.sigmoid(0.0), cr.sigmoid(-1000.0)
    (np.float64(0.5), np.float64(0.0))
    """

softplus = elementwise(
    "softplus",
    lambda xp, x, beta=1.0: _softplus(xp, x) if beta == 1 else _softplus(xp, beta * x) / beta,
    lambda xp, z, x, beta: sigmoid(x if beta == 1 else beta * x),
    bounds=anything,
    notation=lambda x, beta: call("log", 1 + name("e") ** (beta * x)) / beta,
)
softplus.__doc__ = """log(1 + e^{beta x}) / beta, entry by entry, without overflow: relu without its kink.

    Parameters
    ----------
    x : an array of any shape.
    beta : how sharp the bend at 0 is; for large beta it approaches relu.

    PyTorch's has a threshold of beta x = 20, above which it returns x; this one is exact, so it needs none.

    >>> import chainrule as cr
    >>> cr.softplus(1000.0)
    np.float64(1000.0)
    """

# The weight of each term comes from x − y: from x − z it would be NaN if z is infinite, and inexact if x is large.

logaddexp = elementwise(
    "logaddexp",
    lambda xp, x, y: xp.logaddexp(x, y),
    singular(lambda xp, z, x, y: sigmoid(x - y)),
    singular(lambda xp, z, x, y: sigmoid(y - x)),
    notation=lambda x, y: call("log", name("e") ** x + name("e") ** y),
    answers_for=(np.logaddexp,),
)
logaddexp2 = elementwise(
    "logaddexp2",
    lambda xp, x, y: xp.logaddexp2(x, y),
    singular(lambda xp, z, x, y: sigmoid(math.log(2) * (x - y))),
    singular(lambda xp, z, x, y: sigmoid(math.log(2) * (y - x))),
    notation=lambda x, y: call("log₂", 2**x + 2**y),
    answers_for=(np.logaddexp2,),
)

logsigmoid = elementwise("logsigmoid", lambda xp, x: -_softplus(xp, -as_floats(x)), lambda xp, z, x: sigmoid(-x))
logsigmoid.__doc__ = """log(1 / (1 + e^{−x})), without overflow.

    >>> import chainrule as cr
    >>> cr.logsigmoid(-1000.0)
    np.float64(-1000.0)
    """


def _silu_slope(xp, z, x):
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


silu = elementwise(
    "silu",
    lambda xp, x: x * sigmoid(x),
    _silu_slope,
    notation=lambda x: x * call("σ", x),
)
silu.__doc__ = """x · sigmoid(x), also called swish.

    Source: S. Elfwing, E. Uchibe and K. Doya, Sigmoid-weighted linear units (2018).

    >>> import chainrule as cr
    >>> cr.silu(0.0), cr.silu(1000.0)
    (np.float64(0.0), np.float64(1000.0))
    """

ndtr = elementwise(
    "ndtr",
    lambda xp, x: special_functions_of(xp).ndtr(x),
    lambda xp, z, x: xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi),
    notation=lambda x: call("Φ", x),
    answers_for=("scipy.special.ndtr",),
)
ndtr.__doc__ = """Φ(x): the probability that a standard normal variable is less than x.

    >>> from chainrule.blocks.activations import ndtr
    >>> ndtr(0.0)
    np.float64(0.5)
    """


def _gelu(xp, x, approximate="none"):
    if approximate == "none":
        return x * ndtr(x)
    return 0.5 * x * (1 + xp.tanh(_gelu_inner(x, approximate)))


def _gelu_inner(x, approximate):
    if approximate != "tanh":
        raise BlockError(f'gelu: approximate is "none" or "tanh", not {approximate!r}' + at_line())
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)


def _gelu_slope(xp, z, x, approximate):
    if approximate == "none":
        return ndtr(x) + x * xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    t = xp.tanh(_gelu_inner(x, approximate))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x))


gelu = elementwise("gelu", _gelu, _gelu_slope)
gelu.__doc__ = """x · Φ(x), where Φ is the distribution function of the standard normal distribution.

    Parameters
    ----------
    x : an array of any shape.
    approximate : "none", or "tanh" for 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), as GPT-2 has it.

    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units (2016).

    >>> import chainrule as cr
    >>> round(float(cr.gelu(1.0)), 4), round(float(cr.gelu(1.0, approximate="tanh")), 4)
    (0.8413, 0.8412)
    """


def _mish_slope(xp, z, x):
    t = xp.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


mish = elementwise("mish", lambda xp, x: x * xp.tanh(softplus(x)), _mish_slope)
mish.__doc__ = """x · tanh(softplus(x)).

    Source: D. Misra, Mish: a self regularized non-monotonic activation function (2019).

    >>> import chainrule as cr
    >>> cr.mish(0.0), cr.mish(1000.0)
    (np.float64(0.0), np.float64(1000.0))
    """

softsign = elementwise(
    "softsign",
    lambda xp, x: x / (1 + abs(x)),
    lambda xp, z, x: (1 / (1 + abs(x))) ** 2,
    notation=lambda x: x / (1 + abs(x)),
    example=example(far_from_zero(2, 3)),
)
softsign.__doc__ = """x / (1 + |x|).

    >>> import chainrule as cr
    >>> cr.softsign(3.0)
    0.75
    """

tanhshrink = elementwise(
    "tanhshrink",
    lambda xp, x: x - xp.tanh(as_floats(x)),
    lambda xp, z, x: xp.tanh(x) ** 2,
    notation=lambda x: x - call("tanh", x),
    complex=True,
)
tanhshrink.__doc__ = """x − tanh(x).

    >>> import chainrule as cr
    >>> cr.tanhshrink(0.0)
    np.float64(0.0)
    """


@library_block(notation=lambda x, axis: call("glu", x), example=example(normal(4)))
def glu(xp, x, axis=-1):
    """a · sigmoid(b), where a and b are the first and the second half of x along the axis.

    Parameters
    ----------
    x : an array whose axis has an even length 2n; the result has length n there.
    axis : the axis of the halves.

    Source: Y. N. Dauphin et al., Language modeling with gated convolutional networks (2017).

    >>> import numpy as np, chainrule as cr
    >>> cr.glu(np.array([1.0, 2.0, 0.0, 0.0]))
    array([0.5, 1. ])
    """
    a, b = _halves(x, axis)
    return a * sigmoid(b)


def _halves(x, axis):
    n = x.shape[axis]
    if n % 2:
        raise BlockError(f"glu halves an axis, so its length must be even; axis {axis} has {n} entries" + at_line())
    after = (slice(None),) * (-1 - axis)
    return x[(..., slice(0, n // 2), *after)], x[(..., slice(n // 2, n), *after)]


@glu.backward
def glu_backward(xp, dz, z, x, axis=-1):
    a, b = _halves(x, axis)
    gate = sigmoid(b)
    return xp.concat([dz * gate, dz * a * gate * sigmoid(-b)], axis=axis)
