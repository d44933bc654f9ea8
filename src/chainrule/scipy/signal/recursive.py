"""Recursive filters: a convolution and one block, the recursion y[n] = u[n] − Σ a[k] y[n − k].

The transpose of the recursion is the same recursion backwards.
"""

import numpy as np
import scipy.signal

from chainrule.array import value_of
from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, starts_without_zero
from chainrule.scipy.convolved import convolved, flipped
from chainrule.scipy.signal.lengths import extended, longer
from chainrule.standins.scipy_functions import twin

__all__ = ["lfilter", "sosfilt", "sosfiltfilt"]


@twin(scipy.signal.deconvolve)
def deconvolve(signal, divisor):
    signal, divisor = as_array(signal), as_array(divisor)
    count = signal.size - divisor.size + 1
    if count < 1:
        return np.zeros(1), +signal
    quotient = lfilter(signal, divisor, np.eye(1, count)[0])
    return quotient, signal - convolved(divisor, quotient)


@unlisted_block(notation=lambda a, u: call("recursion", a, u), complex=True)
def recursion(xp, a, u):
    """z with a[0] z[n] + a[1] z[n − 1] + … = u[n], along the last axis."""
    if a.ndim == 1:
        return scipy.signal.lfilter(np.ones(1, a.dtype), a, u)
    lead = np.broadcast_shapes(a.shape[:-1], u.shape[:-1])
    a, u = (np.broadcast_to(x, lead + x.shape[-1:]) for x in (a, u))
    z = [scipy.signal.lfilter(np.ones(1, a.dtype), a[at], u[at]) for at in np.ndindex(lead)]
    return np.reshape(z, u.shape)


@recursion.backward
def recursion_backward(xp, dz, z, a, u):
    du = flipped(recursion(conjugate(xp, a), flipped(dz, 1)), 1)
    k, n = a.shape[-1], z.shape[-1]
    products = convolved(du, flipped(conjugate(xp, z), 1))[..., n - 1 : n - 1 + k]  # Σ du[n + k] z[n]*
    if k > n:
        products = xp.concat([products, np.zeros((*products.shape[:-1], k - n))], axis=-1)
    lead = z.shape[:-1]
    return sum_to(xp, -products, tuple(a.shape), (*lead, k)), sum_to(xp, du, tuple(u.shape), tuple(z.shape))


@twin(scipy.signal.lfilter)
def lfilter(b, a, x, axis=-1, zi=None):
    """A convolution with b, then the recursion with a. The initial state zi is added to the first entries."""
    b, a, x = as_array(b), as_array(a), as_array(x)
    accepts(starts_without_zero, np.reshape(a, (-1,)))
    b, a = np.reshape(b, (-1,)) / np.ravel(a)[0], np.reshape(a, (-1,)) / np.ravel(a)[0]
    x = np.moveaxis(x, axis, -1)
    n, states = x.shape[-1], max(b.size, a.size) - 1
    u = longer(convolved(x, b), n + states)
    if zi is not None:
        u = u + longer(np.moveaxis(as_array(zi), axis, -1), n + states)
    y = recursion(a, u[..., :n])
    if zi is None:
        return np.moveaxis(y, -1, axis)
    end = u[..., n:] - longer(convolved(y, a), n + states)[..., n:]
    return np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)


@twin(scipy.signal.lfilter_zi)
def lfilter_zi(b, a):
    """The state of a filter whose input has always been 1, so that its output is constant."""
    b, a = as_array(b), as_array(a)
    accepts(starts_without_zero, a)
    n = max(b.size, a.size)
    b, a = longer(b, n) / a[0], longer(a, n) / a[0]
    change = b[1:] - a[1:] * b[0]
    first = np.sum(change) / np.sum(a)
    return first * np.cumsum(a)[:-1] - np.concatenate([np.zeros(1), np.cumsum(change)[:-1]])


def _both_ways(run, x, axis, padtype, n):
    """Filter forwards, then backwards. run(x, first) starts with the state of a constant input `first`."""
    y = extended(np.moveaxis(x, axis, -1), padtype, n)
    for _ in range(2):
        y = run(y, y[..., :1])[..., ::-1]
    return np.moveaxis(y[..., n : y.shape[-1] - n] if n else y, -1, axis)


def _padlen(padlen, default, padtype):
    return 0 if padtype is None else default if padlen is None else padlen


@twin(scipy.signal.filtfilt)
def filtfilt(b, a, x, axis=-1, padtype="odd", padlen=None, method="pad", irlen=None):
    if method != "pad":
        raise BlockError("filtfilt has a derivative with method='pad', not with Gustafsson's" + at_line())
    b, a = np.ravel(as_array(b)), np.ravel(as_array(a))
    zi = lfilter_zi(b, a)

    def run(x, first):
        return lfilter(b, a, x, zi=zi * first)[0]

    return _both_ways(run, as_array(x), axis, padtype, _padlen(padlen, 3 * max(a.size, b.size), padtype))


@twin(scipy.signal.sosfilt)
def sosfilt(sos, x, axis=-1, zi=None):
    sos, x = as_array(sos), as_array(x)
    ends = []
    for i in range(sos.shape[0]):
        if zi is None:
            x = lfilter(sos[i, :3], sos[i, 3:], x, axis)
        else:
            x, end = lfilter(sos[i, :3], sos[i, 3:], x, axis, zi[i])
            ends.append(end)
    return x if zi is None else (x, np.stack(ends))


@twin(scipy.signal.sosfilt_zi)
def sosfilt_zi(sos):
    """The states of the sections; the input of each is the output of the previous ones for a constant input 1."""
    states, scale = [], 1.0
    for i in range(sos.shape[0]):
        b, a = sos[i, :3], sos[i, 3:]
        states.append(scale * lfilter_zi(b, a))
        scale = scale * np.sum(b) / np.sum(a)
    return np.stack(states)


@twin(scipy.signal.sosfiltfilt)
def sosfiltfilt(sos, x, axis=-1, padtype="odd", padlen=None):
    sos, x = as_array(sos), as_array(x)
    zi = sosfilt_zi(sos)
    plain = value_of(sos)
    sections = 2 * len(plain) + 1 - min(np.sum(plain[:, 2] == 0), np.sum(plain[:, 5] == 0))

    def run(x, first):
        states = np.reshape(zi, (zi.shape[0], *(1,) * (x.ndim - 1), 2))
        return sosfilt(sos, x, zi=states * first)[0]

    return _both_ways(run, x, axis, padtype, _padlen(padlen, int(3 * sections), padtype))
