"""Burgers' equation with viscosity, entry by entry in two loops, with periodic ends."""

import numpy

nx = 11
nt = 4
dx = 2 * numpy.pi / (nx - 1)


def initial(x, nu):
    phi = numpy.exp(-(x**2) / (4 * nu)) + numpy.exp(-((x - 2 * numpy.pi) ** 2) / (4 * nu))
    dphi = -(2 * x) / (4 * nu) * numpy.exp(-(x**2) / (4 * nu)) - (2 * (x - 2 * numpy.pi)) / (4 * nu) * numpy.exp(
        -((x - 2 * numpy.pi) ** 2) / (4 * nu)
    )
    return -2 * nu * (dphi / phi) + 4


def misfit(nu, measured):
    """Squared distance of the computed velocities to measured ones, by the viscosity."""
    dt = 0.05
    u = numpy.asarray([initial(x0, nu) for x0 in numpy.linspace(0, 2 * numpy.pi, nx)])
    un = numpy.empty(nx)
    for n in range(nt):
        un = u.copy()
        for i in range(1, nx - 1):
            u[i] = un[i] - un[i] * dt / dx * (un[i] - un[i - 1]) + nu * dt / dx**2 * (un[i + 1] - 2 * un[i] + un[i - 1])
        u[0] = un[0] - un[0] * dt / dx * (un[0] - un[-2]) + nu * dt / dx**2 * (un[1] - 2 * un[0] + un[-2])
        u[-1] = u[0]
    return ((u - measured) ** 2).mean()


LOSS, ARGS = misfit, (0.5, numpy.linspace(3.0, 5.0, nx))
