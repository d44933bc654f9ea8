"""A cloth of masses and springs: particles with slots, named tuples, Verlet steps."""

import itertools
from collections import namedtuple

import numpy as np

Spring = namedtuple("Spring", "i j rest k")


class Particle:
    __slots__ = ("pos", "old", "force", "fixed", "mass")

    def __init__(self, pos, fixed=False, mass=1.0):
        self.pos = np.array(pos, dtype=np.float64)
        self.old = self.pos.copy()
        self.force = np.zeros(3)
        self.fixed = fixed
        self.mass = mass

    def apply(self, f):
        self.force += f

    def integrate(self, dt, damping):
        if self.fixed:
            return
        v = self.pos - self.old
        new = self.pos + v * (1 - damping) + self.force / self.mass * dt * dt
        self.old[:] = self.pos
        self.pos[:] = new
        self.force.fill(0)


class Cloth:
    def __init__(self, w, h, k):
        self.w, self.h = w, h
        self.particles = [
            Particle((x, 0, y), fixed=(y == 0 and x in (0, w - 1))) for y, x in itertools.product(range(h), range(w))
        ]
        self.springs = []
        for y, x in itertools.product(range(h), range(w)):
            for dx, dy, stiff in ((1, 0, k), (0, 1, k), (1, 1, 0.5 * k)):
                if x + dx < w and y + dy < h:
                    a, b = y * w + x, (y + dy) * w + x + dx
                    rest = np.linalg.norm(self.particles[a].pos - self.particles[b].pos)
                    self.springs.append(Spring(a, b, rest, stiff))

    def step(self, dt, wind):
        for p in self.particles:
            p.apply(np.array([0, -9.81, 0]) * p.mass)
            p.apply(wind)
        for s in self.springs:
            a, b = self.particles[s.i], self.particles[s.j]
            d = b.pos - a.pos
            length = np.linalg.norm(d)
            f = s.k * (length - s.rest) * d / length
            a.apply(f)
            b.apply(-f)
        for p in self.particles:
            p.integrate(dt, 0.01)


def sag(theta):
    cloth = Cloth(3, 3, theta[0])
    wind = np.array([theta[1], 0.0, theta[2]])
    for _ in range(4):
        cloth.step(0.05, wind)
    lowest = min(p.pos[1] for p in cloth.particles)
    centre = np.mean([p.pos for p in cloth.particles], axis=0)
    return -lowest + np.dot(centre, centre)


LOSS, ARGS = sag, (np.array([40.0, 0.5, -0.3]),)
