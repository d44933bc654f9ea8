"""Lennard-Jones particles in a periodic box, pair by pair, by the velocity form of Verlet's method."""

import numpy as np


def lj_forces(pos, box, epsilon, sigma):
    n = pos.shape[0]
    forces = np.zeros((n, 2))
    energy = 0.0
    for i in range(n - 1):
        for j in range(i + 1, n):
            rij = pos[i] - pos[j]
            rij -= box * np.round(rij / box)
            r2 = np.sum(rij**2)
            if r2 < (box / 2) ** 2:
                sr6 = (sigma**2 / r2) ** 3
                energy += 4 * epsilon * (sr6**2 - sr6)
                fij = 24 * epsilon * (2 * sr6**2 - sr6) / r2 * rij
                forces[i] += fij
                forces[j] -= fij
    return forces, energy


def temperature(parameters, start, box=4.0, dt=0.01, steps=4):
    """Mean kinetic energy over a run, by the depth and the width of the potential."""
    epsilon, sigma = parameters
    pos = np.copy(start)
    vel = np.zeros_like(pos)
    f, pot = lj_forces(pos, box, epsilon, sigma)
    trace = np.zeros(steps)
    for t in range(steps):
        vel += 0.5 * dt * f
        pos += dt * vel
        pos %= box
        f, pot = lj_forces(pos, box, epsilon, sigma)
        vel += 0.5 * dt * f
        trace[t] = 0.5 * np.sum(vel * vel)
    return trace.mean() * 100 + 0.01 * pot


LOSS = temperature
ARGS = (np.array([1.0, 1.0]), np.array([[0.5, 0.6], [1.7, 0.4], [0.7, 1.8], [1.9, 1.7]]))
