"""Light in one dimension by Yee's scheme: fields and material are arrays of the module."""

import numpy as np

SIZE = 16
ez = np.zeros(SIZE)
hy = np.zeros(SIZE - 1)
eps = np.ones(SIZE)
imp0 = 377.0


def reset():
    ez[:] = 0
    hy[:] = 0
    eps.fill(1.0)


def update(qtime):
    for mm in range(SIZE - 1):
        hy[mm] = hy[mm] + (ez[mm + 1] - ez[mm]) / imp0
    for mm in range(1, SIZE - 1):
        ez[mm] = ez[mm] + (hy[mm] - hy[mm - 1]) * imp0 / eps[mm]
    ez[3] += np.exp(-((qtime - 4.0) ** 2) / 4.0)


def transmitted(permittivity):
    """Energy that arrives behind a slab, by its permittivity."""
    reset()
    eps[6:9] = permittivity
    total = 0.0
    for t in range(14):
        update(t)
        total += ez[11] ** 2
    return total


LOSS, ARGS = transmitted, (2.5,)
