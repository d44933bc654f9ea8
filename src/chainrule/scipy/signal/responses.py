"""Frequency responses of filters: quotients of polynomials on the unit circle or the imaginary axis."""

import numpy as np
import scipy.signal

from chainrule.array import Array, value_of
from chainrule.blocks.shaping import as_array
from chainrule.standins.scipy_functions import twin


@twin(scipy.signal.freqz)
def freqz(b, a=1, worN=512, whole=False, plot=None, fs=2 * np.pi, include_nyquist=False):
    b, a = (np.atleast_1d(as_array(x)) for x in (b, a))
    if type(worN) is Array and worN.dtype.kind == "f":
        places = np.atleast_1d(worN)
    else:
        places, _ = scipy.signal.freqz([1.0], [1.0], worN, whole, None, fs, include_nyquist)
    z = np.exp(-2j * np.pi / fs * places)
    return places, _polynomial(b, z) / _polynomial(a, z)


def _polynomial(coefficients, z):
    """c[0] + c[1] z + c[2] z² + …"""
    value = 0j * z
    for i in reversed(range(coefficients.shape[0])):
        value = value * z + coefficients[i]
    return value


@twin(scipy.signal.freqs)
def freqs(b, a, worN=200, plot=None):
    places = scipy.signal.freqs(value_of(b), value_of(a), worN)[0]
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    return places, _polynomial(b[::-1], 1j * places) / _polynomial(a[::-1], 1j * places)


def freqz_sos(sos, worN=512, whole=False, fs=2 * np.pi):
    response = 1.0
    for i in range(sos.shape[0]):
        places, one = freqz(sos[i, :3], sos[i, 3:], worN, whole, fs=fs)
        response = response * one
    return places, response


for _name in ("freqz_sos", "sosfreqz"):
    if hasattr(scipy.signal, _name):
        twin(getattr(scipy.signal, _name))(freqz_sos)
