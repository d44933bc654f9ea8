"""Stars in their own gravity: objects in a list, leapfrog steps, the energy recorded."""

import numpy as np


class Body:
    def __init__(self, mass, pos, vel):
        self.mass = mass
        self.pos = np.array(pos, dtype=float)
        self.vel = np.array(vel, dtype=float)
        self.acc = np.zeros(2)

    def pull_of(self, other, softening=0.1):
        d = other.pos - self.pos
        r = np.sqrt(d.dot(d) + softening**2)
        return other.mass * d / r**3

    def kinetic(self):
        return 0.5 * self.mass * np.dot(self.vel, self.vel)


class System:
    def __init__(self, bodies, G=1.0):
        self.bodies = bodies
        self.G = G
        self.energies = []

    def accelerate(self):
        for body in self.bodies:
            body.acc = np.zeros(2)
            for other in self.bodies:
                if other is not body:
                    body.acc += self.G * body.pull_of(other)

    def step(self, dt):
        for body in self.bodies:
            body.vel += 0.5 * dt * body.acc
            body.pos += dt * body.vel
        self.accelerate()
        for body in self.bodies:
            body.vel += 0.5 * dt * body.acc
        self.energies.append(sum(body.kinetic() for body in self.bodies))


def spread(G, masses):
    """Distance of two stars plus the variance of the kinetic energy, by the strength of gravity and the masses."""
    system = System(
        [
            Body(masses[0], [0, 0], [0, 0.1]),
            Body(masses[1], (1, 0), (0, 1)),
            Body(masses[2], [0, 1.5], [-0.8, 0]),
        ],
        G,
    )
    system.accelerate()
    for _ in range(6):
        system.step(0.05)
    return np.linalg.norm(system.bodies[1].pos - system.bodies[2].pos) + np.var(system.energies)


LOSS, ARGS = spread, (1.2, [1.0, 0.5, 0.2])
