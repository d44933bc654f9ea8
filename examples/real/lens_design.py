"""A lens: rays through its surfaces, classes of surfaces and a vector with operators; the size of the spot."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Vec:
    x: float
    y: float

    def __add__(self, o):
        return Vec(self.x + o.x, self.y + o.y)

    def __sub__(self, o):
        return Vec(self.x - o.x, self.y - o.y)

    def __mul__(self, s):
        return Vec(self.x * s, self.y * s)

    __rmul__ = __mul__

    def dot(self, o):
        return self.x * o.x + self.y * o.y

    def __abs__(self):
        return math.hypot(self.x, self.y)

    def unit(self):
        return self * (1 / abs(self))


class Surface(abc.ABC):
    def __init__(self, n1, n2):
        self.n1, self.n2 = n1, n2

    @abc.abstractmethod
    def hit(self, p, d): ...

    @abc.abstractmethod
    def normal(self, q): ...

    def refract(self, d, n):
        eta = self.n1 / self.n2
        c1 = -d.dot(n)
        s2 = eta**2 * (1 - c1**2)
        if s2 > 1:
            return None
        return eta * d + (eta * c1 - math.sqrt(1 - s2)) * n


class Sphere(Surface):
    def __init__(self, c, r, n1, n2):
        super().__init__(n1, n2)
        self.c, self.r = c, r

    def hit(self, p, d):
        oc = p - Vec(self.c, 0)
        b = oc.dot(d)
        disc = b * b - (oc.dot(oc) - self.r**2)
        if disc < 0:
            return None
        return -b - math.copysign(1, self.r) * math.sqrt(disc)

    def normal(self, q):
        return (1 / self.r) * (q - Vec(self.c, 0))


class Plane(Surface):
    def __init__(self, x, n1, n2):
        super().__init__(n1, n2)
        self.x = x

    def hit(self, p, d):
        return (self.x - p.x) / d.x

    def normal(self, q):
        return Vec(-1.0, 0.0)


@dataclass
class System:
    surfaces: list = field(default_factory=list)

    def trace(self, p, d):
        for s in self.surfaces:
            t = s.hit(p, d)
            if t is None:
                return None
            p = p + t * d
            n = s.normal(p)
            d = s.refract(d, n).unit()
        return p, d


def spot_size(radius, index=1.5):
    system = System()
    system.surfaces.append(Sphere(radius, radius, 1.0, index))
    system.surfaces.append(Plane(1.0, index, 1.0))
    heights = np.linspace(-0.8, 0.8, 5)
    ys = []
    for h in heights:
        out = system.trace(Vec(-1.0, h), Vec(1.0, 0.0))
        if out is None:
            continue
        p, d = out
        ys.append(p.y + (8.0 - p.x) * d.y / d.x)
    ys = np.array(ys)
    return np.sqrt(np.mean(ys**2)) + np.ptp(ys) ** 2


LOSS, ARGS = spot_size, (4.0,)
