"""Cars on a ring road by the intelligent driver model: dataclasses in a list, a log of the mean speed."""

import dataclasses
from math import sqrt

import numpy as np


@dataclasses.dataclass
class Car:
    x: float
    v: float
    a: float = 0.0


@dataclasses.dataclass
class Road:
    length: float
    cars: list = dataclasses.field(default_factory=list)

    def gap(self, i):
        ahead = self.cars[(i + 1) % len(self.cars)]
        return (ahead.x - self.cars[i].x) % self.length - 4.0, ahead.v


def idm(v, v_ahead, gap, desired, headway, a=1.0, b=1.5, s0=2.0):
    s = s0 + max(0, v * headway + v * (v - v_ahead) / (2 * sqrt(a * b)))
    return a * (1 - (v / desired) ** 4 - (s / gap) ** 2)


def mean_speed(parameters, steps=3, dt=0.5):
    """Negative mean speed plus discomfort, by the desired speed and the time headway."""
    desired, headway = parameters
    road = Road(100.0, [Car(x, 5.0 + i) for i, x in enumerate(np.linspace(0, 80, 5))])
    log = []
    discomfort = 0.0
    for _ in range(steps):
        for i, car in enumerate(road.cars):
            gap, v_ahead = road.gap(i)
            car.a = idm(car.v, v_ahead, gap, desired, headway)
        for car in road.cars:
            car.v = max(car.v + car.a * dt, 0.0)
            car.x = (car.x + car.v * dt) % road.length
            discomfort += car.a**2
        log.append(np.mean([car.v for car in road.cars]))
    return -np.mean(log) + 0.01 * discomfort


LOSS, ARGS = mean_speed, ((15.0, 1.2),)
