"""Korteweg–de Vries by a pseudospectral method with an integrating factor."""

import numpy as np
from numpy.fft import fft, fftfreq, ifft

N = 32
L = 20.0
x = np.linspace(-L / 2, L / 2, N, endpoint=False)
k = 2 * np.pi * fftfreq(N, d=L / N)
ik3 = 1j * k**3


def rhs(v, t):
    g = np.exp(ik3 * t)
    u = np.real(ifft(v / g))
    return -3j * k * g * fft(u**2)


def rk4(v, t, dt):
    a = dt * rhs(v, t)
    b = dt * rhs(v + a / 2, t + dt / 2)
    c = dt * rhs(v + b / 2, t + dt / 2)
    d = dt * rhs(v + c, t + dt)
    return v + (a + 2 * (b + c) + d) / 6


def soliton(params):
    c, x0 = params
    u = 0.5 * c / np.cosh(np.sqrt(c) / 2 * (x - x0)) ** 2
    v = fft(u)
    t, dt = 0.0, 0.01
    for n in range(15):
        v = rk4(v, t, dt)
        t += dt
    u = np.real(ifft(np.exp(-ik3 * t) * v))
    mass = u.sum() * L / N
    return mass**2 + np.sum(x * u**2)


LOSS, ARGS = soliton, (np.array([1.5, -1.0]),)
