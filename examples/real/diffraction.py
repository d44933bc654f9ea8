"""Light behind two slits: the angular spectrum method."""

import numpy as np
from numpy.fft import fft, fftfreq, ifft


def double_slit(x, width, distance):
    edge = 0.02
    left = 1 / (1 + np.exp(-(width / 2 - np.abs(x - distance / 2)) / edge))
    right = 1 / (1 + np.exp(-(width / 2 - np.abs(x + distance / 2)) / edge))
    return left + right


def propagate(field, dx, wavelength, z):
    k = 2 * np.pi / wavelength
    kx = 2 * np.pi * fftfreq(len(field), dx)
    kz = np.zeros(len(field), dtype=complex)
    inside = np.abs(kx) < k
    kz[inside] = np.sqrt(k**2 - kx[inside] ** 2)
    kz[~inside] = 1j * np.sqrt(kx[~inside] ** 2 - k**2)
    return ifft(fft(field) * np.exp(1j * kz * z))


def contrast(slits):
    """Contrast of the stripes on a screen, by the width and the distance of the slits."""
    width, distance = slits
    x = np.linspace(-2, 2, 64, endpoint=False)
    field = np.zeros(x.shape, dtype=np.complex128)
    field += double_slit(x, width, distance)
    intensity = np.abs(propagate(field, x[1] - x[0], 0.15, 1.5)) ** 2
    intensity /= intensity.max()
    middle = intensity[24:40]
    return (middle.max() - middle.min()) / (middle.max() + middle.min()) + np.mean(intensity)


LOSS, ARGS = contrast, (np.array([0.3, 1.0]),)
