"""A robot arm: Denavit–Hartenberg matrices with Python's math, and the distance of its hand to a target."""

from math import cos, pi, sin

import numpy as np

DH = [(0.0, 0.4, pi / 2), (0.5, 0.0, 0.0), (0.3, 0.1, -pi / 2)]


def transform(theta, d, a, alpha):
    ct, st = cos(theta), sin(theta)
    ca, sa = cos(alpha), sin(alpha)
    return np.array(
        [
            [ct, -st * ca, st * sa, a * ct],
            [st, ct * ca, -ct * sa, a * st],
            [0, sa, ca, d],
            [0, 0, 0, 1],
        ]
    )


class Arm:
    def __init__(self, table):
        self.table = table
        self.joints = []

    def forward(self, angles):
        T = np.identity(4)
        self.joints = [T[:3, 3]]
        for theta, (a, d, alpha) in zip(angles, self.table):
            T = T @ transform(theta, d, a, alpha)
            self.joints.append(T[:3, 3])
        return T


def cost(angles, target=np.array([0.3, 0.4, 0.5])):
    """Squared distance to the target, bending, and a penalty for joints below the table."""
    arm = Arm(DH)
    T = arm.forward(angles)
    penalty = 0.0
    for joint in arm.joints:
        if joint[2] < 0:
            penalty += joint[2] ** 2
    roll = np.arctan2(T[1, 0], T[0, 0])
    return np.sum((T[:3, 3] - target) ** 2) + 0.01 * sum(a**2 for a in angles) + penalty + 0.05 * roll


LOSS, ARGS = cost, (np.array([0.4, -0.7, 1.1]),)
