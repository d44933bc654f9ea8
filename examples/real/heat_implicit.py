"""Heat in a rod by Crank–Nicolson, with Thomas' algorithm written out."""

import numpy as np


def thomas(a, b, c, d):
    n = len(d)
    ac, bc, cc, dc = map(np.array, (a, b, c, d))
    for i in range(1, n):
        w = ac[i - 1] / bc[i - 1]
        bc[i] = bc[i] - w * cc[i - 1]
        dc[i] = dc[i] - w * dc[i - 1]
    x = bc
    x[-1] = dc[-1] / bc[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (dc[i] - cc[i] * x[i + 1]) / bc[i]
    return x


def temperature(alpha, T0, steps=2):
    """Mean square of the temperature after some steps, by the diffusivity."""
    n = T0.size
    T = T0.copy()
    r = alpha * 0.01 / (1.0 / (n - 1)) ** 2
    lower = -0.5 * r * np.ones(n - 1)
    upper = -0.5 * r * np.ones(n - 1)
    main = (1 + r) * np.ones(n)
    main[0] = main[-1] = 1.0
    upper[0] = lower[-1] = 0.0
    for _ in range(steps):
        rhs = T.copy()
        rhs[1:-1] += 0.5 * r * (T[2:] - 2 * T[1:-1] + T[:-2])
        T = thomas(lower, main, upper, rhs)
    print(f"hottest {T.max():.3f}, coldest {T.min():.3f}")
    return np.mean(T**2)


LOSS, ARGS = temperature, (0.7, np.sin(np.pi * np.linspace(0, 1, 7)))
