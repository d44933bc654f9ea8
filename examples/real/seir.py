"""An epidemic in four compartments, with lists that grow and a lockdown."""

import numpy as np


def seir(beta, sigma, gamma, days=14, N=1000.0):
    S, E, I, R = [N - 5.0], [0.0], [5.0], [0.0]
    for day in range(days):
        contact = beta * (0.4 if day > 7 else 1.0)
        infected = contact * S[-1] * I[-1] / N
        S.append(S[-1] - infected)
        E.append(E[-1] + infected - sigma * E[-1])
        I.append(I[-1] + sigma * E[-2] - gamma * I[-1])
        R.append(R[-1] + gamma * I[-2])
    return np.array([S, E, I, R])


def misfit(rates, cases=np.array([5, 6, 9, 13, 17, 22, 30, 41, 50, 55, 60, 62, 65, 64, 63])):
    """Poisson deviance of the cases, by the three rates."""
    S, E, I, R = seir(*rates)
    expected = np.maximum(I, 1e-6)
    total = 0.0
    for c, m in zip(cases, expected):
        total += 2 * (c * np.log(c / m) - (c - m))
    return total / len(cases)


LOSS, ARGS = misfit, (np.array([0.9, 0.3, 0.2]),)
