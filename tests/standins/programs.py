"""Programs as people write them: with buffers, in-place updates, Python's math and lists of numbers.

Each takes one array or number and returns a scalar; none is written for chainrule.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from functools import reduce
from math import exp, sqrt

import numpy as np
import numpy as numpy_by_another_name
from numpy import empty, linspace, zeros
from numpy.linalg import norm

X = np.array([0.3, 1.2, -0.7])


def loop_over_entries(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = np.sin(x[i]) * (i + 1)
    return out.sum()


def from_import(x):
    out = zeros((3, 2))
    out[:, 0] = x
    out[:, 1] += x**2
    return np.sum(out**3)


def another_name(x):
    out = numpy_by_another_name.ones(3)
    out *= x
    return np.prod(out)


def matrix_by_entries(x):
    A = empty((3, 3))
    for i in range(3):
        for j in range(3):
            A[i, j] = x[i] * x[j] + (i == j)
    return np.linalg.det(A)


def heat_equation(x):
    u = linspace(0.0, 1.0, 9)
    u[0], u[-1] = x[0], x[1]
    for _ in range(5):
        new = u.copy()
        new[1:-1] = u[1:-1] + 0.2 * x[2] * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = new
    return np.sum(u**2)


def two_buffers(x):
    u, new = np.zeros(8), np.zeros(8)
    u[3:5] = x[0]
    for _ in range(4):
        new[1:-1] = 0.5 * (u[2:] + u[:-2]) + x[1]
        u, new = new, u
    return u @ u


def view_first(x):
    A = np.zeros((3, 4))
    row, column, corner = A[1], A[:, 2], A[1:, 1:]
    row[:] = x[0]
    column += x[1]
    corner *= x[2]
    A.T[0] = 3.0
    return np.sum(A * A) + row.sum() * column.sum() * corner[0, 0]


def reshaped_view(x):
    A = np.zeros(12)
    A.reshape(3, 4)[1] = x[0]
    A.reshape(2, 6)[0, ::2] += x[1]
    A.ravel()[5] *= 3.0
    return np.sum(A**2 * np.arange(12))


def views_by_functions(x):
    A, D = np.zeros(6), np.zeros((3, 3))
    first, second = np.split(A, 2)
    diagonal = np.einsum("ii->i", D)
    first[:] = x
    second += 2 * x
    diagonal[:] = x**2
    return np.sum(A**2) + np.linalg.det(D + 1.0) + second[0] * first[1]


def masks_and_indices(x):
    y = np.linspace(-1, 1, 7)
    y[y > 0.3] = x[0]
    y[[0, 0, 1]] += x[1]
    np.add.at(y, [2, 2, 3], x[2])
    return np.sum(y**2)


def functions_that_write(x):
    A = np.full((3, 3), 0.5)
    np.fill_diagonal(A, x)
    np.copyto(A[0], x[1], where=np.array([False, True, False]))
    np.put(A, [3, 5], x[2] ** 2)
    np.place(A, A == 0.5, [x[0]])
    return np.sum(A**2) + A[2, 2]


def out_arguments(x):
    buffer = np.empty(3)
    np.multiply(x, 2.0, out=buffer)
    np.add(buffer, x, out=buffer)
    np.clip(buffer, -1.0, 2.0, out=buffer)
    total = np.zeros(())
    np.sum(buffer**2, out=total)
    return total + 0.0


def constants_stay_plain(x):
    grid = np.linspace(0, 1, 5)
    weights = np.exp(-(grid**2)) / np.sum(np.exp(-(grid**2)))
    table = np.array([1.0, 2.0, 3.0])
    table[1] = 4.0
    table.sort()
    assert isinstance(grid, np.ndarray)
    assert grid.dtype == float
    assert min(float(weights[0]), np.interp(0.3, grid, weights)) > 0
    return np.sum(np.outer(x, weights) ** 2) + table @ x


def results_of_plain_functions(x):
    y = np.sin(np.arange(3.0))
    y[1] = x[0]
    z = np.concatenate([np.ones(1), np.zeros(2)])
    z[2] += x[1]
    w = np.cumsum(np.ones(3)) * 2
    w -= x
    m, n = np.meshgrid(np.arange(2.0), np.arange(3.0))
    m[0] = x[2]
    s = np.arange(3.0) * 0.5
    s[0] = x[0]
    return np.sum(y * z) + np.sum(w**2) + np.sum(m * n) + np.sum(s**3) + np.sum(m)


def rotation(x):
    a, b = x[0], x[1]
    R = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    v = np.asarray([b, 2.0])
    return np.linalg.norm(R @ v) + np.linalg.det(R) * b + np.mean(np.array([a, b, 1]) ** 2)


def lists_of_numbers(x):
    a, b, c = x
    return (
        np.linalg.norm([a, b]) + norm((a, c)) + np.std([a, b, 1.0]) + np.sum(np.sqrt([b, 2.0])) + np.max([a, c])
        + np.mean([a, [b][0]]) + np.cross([a, b, c], [1, 2, c])[1] + np.dot([a, b], [b, c]) + np.polyval([a, b], c)
        + np.linalg.solve([[2.0, a], [b, 1.0]], [c, 1.0])[0] + np.interp(0.4, [0, 1, 2], [a, b, c])
        + np.sum(np.hypot((a, b), (c, a)))
    )  # fmt: skip


def arrays_of_arrays(x):
    A = np.array([x, x**2, [1, 2, 3]])
    B = np.array(x)
    B[0] = 0.0
    C = np.asarray(x, dtype=np.float32)
    return np.sum(A @ B) + np.sum(C).astype(float) + x[0]


def pythons_math(x):
    a, b, c = x
    return (
        math.sin(a) * math.exp(-b) + sqrt(b) + math.log(b, 2) + math.hypot(a, c) + math.atan2(c, a)
        + math.pow(b, 1.5) + exp(c) + math.pi * math.erf(a) + math.fsum(x) + math.prod([a, b]) + math.gamma(b)
        + math.copysign(a, c) + math.degrees(c) + math.dist([a, b], [c, 1.0])
    )  # fmt: skip


def branches_of_math(x):
    total = 0.0
    for v in x:
        if math.isnan(v) or math.floor(v) < 0:
            total += math.tanh(v)
        elif math.isclose(v, 0.3, abs_tol=0.1):
            total += math.cosh(v)
        else:
            total += v * math.ceil(v)
    return total


class Pendulum:
    """A class with state, which is written to step by step."""

    g = 9.81

    def __init__(self, length):
        self.length = length
        self.state = np.zeros(2)
        self.history = []

    @property
    def frequency(self):
        return math.sqrt(self.g / self.length)

    def step(self, dt):
        derivative = np.empty(2)
        derivative[0] = self.state[1]
        derivative[1] = -(self.frequency**2) * np.sin(self.state[0])
        self.state = self.state + dt * derivative
        self.history.append(self.state[0])


def class_with_state(x):
    pendulum = Pendulum(2.0 + x[0])
    pendulum.state[0] = x[1]
    for _ in range(5):
        pendulum.step(0.1)
    return sum(h**2 for h in pendulum.history)


@dataclass
class Filter:
    gain: float = 0.5
    memory: deque = field(default_factory=lambda: deque(maxlen=2))

    def __call__(self, v):
        window = np.zeros(2)
        for i, old in enumerate(self.memory):
            window[i] = old
        self.memory.append(v)
        return self.gain * window.sum() + v


def callable_object(x):
    smooth = Filter()
    return reduce(lambda total, v: total + smooth(v) ** 2, x, 0.0)


def generator(x):
    def states():
        s = np.zeros(2)
        for v in x:
            s = s.copy()
            s[0], s[1] = s[1], v * s[0] + v
            yield s

    return sum(np.sum(s**2) for s in states())


RULES = {"double": lambda v: fill(v, 2.0), "half": lambda v: fill(v, 0.5)}


def fill(v, factor):
    a = np.zeros(2)
    a[:] = v * factor
    return a


def lambdas_in_a_dict(x):
    return np.sum(RULES["double"](x[0]) * RULES["half"](x[1]))


def recursion(x):
    def legendre(n, t):
        table = np.ones(n + 1)
        if n:
            table[:-1] = legendre(n - 1, t)
            table[n] = t if n == 1 else ((2 * n - 1) * t * table[n - 1] - (n - 1) * table[n - 2]) / n
        return table

    return np.sum(legendre(4, x[0]) * legendre(4, x[1]))


def complex_buffer(x):
    z = np.zeros(3, complex)
    z[0] = x[0] + 1j * x[1]
    z[1:] = z[0] ** 2 * x[2]
    return np.sum(np.abs(z) ** 2)


def single_precision(x):
    s = np.zeros(3, np.float32)
    s[:] = x
    s[1] *= 2
    return float(1) * np.sum(s * s).astype(float)


def flat_and_iteration(x):
    A = np.zeros((2, 2))
    A.flat[::3] = x[0]
    A.flat[1] = x[1]
    total = 0.0
    for row in A:
        for v in row:
            total = total + v**2
    return total + sum(v * i for i, v in enumerate(A.flat)) + max(A[0]) * min(A[:, 0])


def lu_by_hand(x):
    A = np.eye(3) * 2
    A += np.outer(x, x)
    A = A.copy()
    for k in range(2):
        for i in range(k + 1, 3):
            A[i, k] /= A[k, k]
            A[i, k + 1 :] -= A[i, k] * A[k, k + 1 :]
    return np.prod(np.diag(A))


PROGRAMS = [
    f for name, f in list(globals().items()) if callable(f) and getattr(f, "__module__", "") == __name__
    and name.islower() and not isinstance(f, type) and name != "fill"
]  # fmt: skip
