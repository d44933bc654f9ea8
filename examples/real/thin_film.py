"""Reflection of a stack of thin films by products of 2×2 matrices."""

import numpy as np

n_air, n_glass = 1.0, 1.52


def layer(n, d, wavelength):
    delta = 2 * np.pi * n * d / wavelength
    return np.array([[np.cos(delta), 1j * np.sin(delta) / n], [1j * n * np.sin(delta), np.cos(delta)]])


def reflectance(indices, thicknesses, wavelength):
    M = np.eye(2, dtype=complex)
    for n, d in zip(indices, thicknesses):
        M = np.dot(M, layer(n, d, wavelength))
    B, C = M.dot(np.array([1.0, n_glass]))
    r = (n_air * B - C) / (n_air * B + C)
    return abs(r) ** 2


def mean_reflectance(thicknesses):
    """Mean reflectance over the visible spectrum, by the thicknesses of the films in µm."""
    wavelengths = np.arange(0.40, 0.70, 0.05)
    R = np.zeros(len(wavelengths))
    for i, lam in enumerate(wavelengths):
        R[i] = reflectance([1.38, 2.35, 1.38], thicknesses, lam)
    return R.mean()


LOSS, ARGS = mean_reflectance, (np.array([0.09, 0.05, 0.11]),)
