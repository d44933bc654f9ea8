"""A quantum well: the Schrödinger equation by eigh_tridiagonal, normalised states, a transition moment."""

import numpy as np
from scipy.integrate import simpson
from scipy.linalg import eigh_tridiagonal


def states(potential, x):
    dx = x[1] - x[0]
    d = 1 / dx**2 + potential
    e = -0.5 / dx**2 * np.ones(len(d) - 1)
    w, v = eigh_tridiagonal(d, e, select="i", select_range=(0, 2))
    norm = np.sqrt(simpson(v.T**2, x=x))
    return w, v / norm


def transition(params):
    depth, width, asym = params
    x = np.linspace(-4, 4, 41)
    V = -depth / np.cosh(x / width) ** 2 + asym * x
    w, psi = states(V, x)
    moment = simpson(psi[:, 0] * x * psi[:, 1], x=x)
    return (w[1] - w[0]) * moment**2 + w[0]


LOSS, ARGS = transition, (np.array([5.0, 1.2, 0.05]),)
