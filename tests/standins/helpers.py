"""A module that a function of `everyday` imports when it is called."""

import math

import numpy as np

kept = np.zeros(3)


def filled(x):
    a = np.zeros(3)
    for i in range(3):
        a[i] = math.sin(x[i])
    return a


class Thing:
    def __init__(self, x):
        self.x = x

    def total(self):
        kept[:] = self.x
        b = np.empty(3)
        b[:] = self.x**2
        return (b * kept).sum()
