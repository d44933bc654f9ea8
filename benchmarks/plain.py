"""Programs as someone writes them in NumPy, with plain loops, and lax.scan's version of the loops.

Each is a loss of several arrays. `in_library` gives the same program to another library that has NumPy's names.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["PROGRAMS", "Problem", "in_library"]


class Problem(NamedTuple):
    """A program with its data.

    Attributes
    ----------
    loss : what it computes.
    arrays : its arguments.
    which : those by which it is differentiated.
    scan : given `jax`, the same loss with its loop as lax.scan.
    jacobian : whether the result is an array, whose Jacobian is meant, not a loss.
    """

    loss: Callable[..., Any]
    arrays: tuple[Any, ...]
    which: tuple[int, ...]
    scan: Callable[[Any], Callable[..., Any]] | None = None
    jacobian: bool = False


def in_library(function: Callable[..., Any], library: Any) -> Callable[..., Any]:
    """The function, and those of this file that it calls, with another library where it says `np`."""
    known: dict[str, Any] = {}
    names = function.__globals__ | {"np": library}
    for name, thing in function.__globals__.items():
        if isinstance(thing, types.FunctionType) and thing.__module__ == __name__:
            known[name] = types.FunctionType(thing.__code__, names, thing.__name__, thing.__defaults__)
    names |= known
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


# Recurrent networks ------------------------------------------------------------------------------------------------


def rnn_loss(W, U, b, xs):
    h = 0 * b
    for x in xs:
        h = np.tanh(W @ h + U @ x + b)
    return np.sum(h**2)


def rnn(steps: int = 200, hidden: int = 64, inputs: int = 16) -> Problem:
    rng = np.random.default_rng(0)
    W, U = rng.normal(size=(hidden, hidden)) / math.sqrt(hidden), rng.normal(size=(hidden, inputs)) / 4
    arrays = W, U, rng.normal(size=hidden), rng.normal(size=(steps, inputs))

    def scan(jax):
        def loss(W, U, b, xs):
            step = lambda h, x: (jax.numpy.tanh(W @ h + U @ x + b), None)  # noqa: E731
            return jax.numpy.sum(jax.lax.scan(step, 0 * b, xs)[0] ** 2)

        return loss

    return Problem(rnn_loss, arrays, (0, 1, 2), scan)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_cell(W, b, h, c, x):
    n = h.shape[0]
    z = W @ np.concatenate((x, h)) + b
    i, f, o = sigmoid(z[:n]), sigmoid(z[n : 2 * n]), sigmoid(z[2 * n : 3 * n])
    c = f * c + i * np.tanh(z[3 * n :])
    return o * np.tanh(c), c


def lstm_loss(W1, b1, W2, b2, V, letters):
    h1 = h2 = c1 = c2 = 0 * b1[: b1.shape[0] // 4]
    total = 0.0
    for t in range(letters.shape[0] - 1):
        h1, c1 = lstm_cell(W1, b1, h1, c1, letters[t])
        h2, c2 = lstm_cell(W2, b2, h2, c2, h1)
        scores = V @ h2
        total = total + np.log(np.sum(np.exp(scores))) - np.sum(scores * letters[t + 1])
    return total


def lstm(characters: int = 64, hidden: int = 32, alphabet: int = 27) -> Problem:
    rng = np.random.default_rng(1)
    W1, W2 = rng.normal(size=(4 * hidden, alphabet + hidden)) / 8, rng.normal(size=(4 * hidden, 2 * hidden)) / 8
    b1, b2, V = rng.normal(size=4 * hidden), rng.normal(size=4 * hidden), rng.normal(size=(alphabet, hidden)) / 8
    letters = np.eye(alphabet)[rng.integers(0, alphabet, characters)]

    def scan(jax):
        cell = in_library(lstm_cell, jax.numpy)

        def loss(W1, b1, W2, b2, V, letters):
            def step(carry, pair):
                h1, c1, h2, c2 = carry
                h1, c1 = cell(W1, b1, h1, c1, pair[0])
                h2, c2 = cell(W2, b2, h2, c2, h1)
                scores = V @ h2
                return (h1, c1, h2, c2), jax.numpy.log(jax.numpy.sum(jax.numpy.exp(scores))) - scores @ pair[1]

            zero = 0 * b1[: b1.shape[0] // 4]
            return jax.numpy.sum(jax.lax.scan(step, (zero,) * 4, (letters[:-1], letters[1:]))[1])

        return loss

    return Problem(lstm_loss, (W1, b1, W2, b2, V, letters), (0, 1, 2, 3, 4), scan)


# Simulations -------------------------------------------------------------------------------------------------------


def heat_step(u, k):
    return u + k * (np.roll(u, 1) - 2 * u + np.roll(u, -1))


def heat_loss(u, k, steps):
    for _ in range(steps.shape[0]):
        u = heat_step(u, k)
    return np.sum(u**2)


def heat(steps: int = 500, points: int = 1000) -> Problem:
    u = np.random.default_rng(2).normal(size=points)

    def scan(jax):
        step = in_library(heat_step, jax.numpy)
        return lambda u, k, steps: jax.numpy.sum(
            jax.lax.scan(lambda u, _: (step(u, k), None), u, None, length=len(steps))[0] ** 2
        )

    return Problem(heat_loss, (u, 0.2, np.zeros(steps)), (0, 1), scan)


def lorenz(s):
    x, y, z = s[0], s[1], s[2]
    return np.stack((10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z))


def rk4_step(s, dt):
    k1 = lorenz(s)
    k2 = lorenz(s + dt / 2 * k1)
    k3 = lorenz(s + dt / 2 * k2)
    k4 = lorenz(s + dt * k3)
    return s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def rk4_loss(s, times):
    for _ in range(len(times)):
        s = rk4_step(s, 0.01)
    return np.sum(s)


def rk4(steps: int = 20) -> Problem:
    def scan(jax):
        step = in_library(rk4_step, jax.numpy)
        return lambda s, times: jax.numpy.sum(
            jax.lax.scan(lambda s, _: (step(s, 0.01), None), s, None, length=len(times))[0]
        )

    return Problem(rk4_loss, (np.array([1.0, 2.0, 20.0]), np.zeros(steps)), (0,), scan)


def euler_loss(s, times):
    for _ in range(len(times)):
        s = s + 0.001 * lorenz(s)
    return np.sum(s)


def euler(steps: int = 10_000) -> Problem:
    def scan(jax):
        slope = in_library(lorenz, jax.numpy)
        return lambda s, times: jax.numpy.sum(
            jax.lax.scan(lambda s, _: (s + 0.001 * slope(s), None), s, None, length=len(times))[0]
        )

    return Problem(euler_loss, (np.array([1.0, 2.0, 20.0]), np.zeros(steps)), (0,), scan)


def lotka_loss(x, y, a, b, c, d, times):
    for _ in range(len(times)):
        x, y = x + 0.01 * x * (a - b * y), y + 0.01 * y * (c * x - d)
    return x * y


def lotka(steps: int = 160) -> Problem:
    def scan(jax):
        def loss(x, y, a, b, c, d, times):
            def step(s, _):
                x, y = s
                return (x + 0.01 * x * (a - b * y), y + 0.01 * y * (c * x - d)), None

            x, y = jax.lax.scan(step, (x, y), None, length=len(times))[0]
            return x * y

        return loss

    return Problem(lotka_loss, (10.0, 5.0, 1.1, 0.4, 0.1, 0.4, np.zeros(steps)), (0, 1, 2, 3, 4, 5), scan)


def burgers_loss(u, times):
    n = u.shape[0]
    for _ in range(len(times)):
        new = [u[0]]
        for i in range(1, n - 1):
            new.append(u[i] - 0.1 * u[i] * (u[i] - u[i - 1]) + 0.05 * (u[i + 1] - 2 * u[i] + u[i - 1]))
        new.append(u[n - 1])
        u = np.stack(new)
    return np.sum(u**2)


def burgers(entries: int = 400, steps: int = 1) -> Problem:
    u = np.random.default_rng(3).uniform(size=entries)
    return Problem(burgers_loss, (u, np.zeros(steps)), (0,))


def nbody_loss(x, v, m, times):
    for _ in range(len(times)):
        apart = x[None, :, :] - x[:, None, :]
        far = (np.sum(apart**2, axis=2) + 0.01) ** -1.5
        v = v + 0.001 * np.sum(apart * (far * m)[:, :, None], axis=1)
        x = x + 0.001 * v
    return np.sum(x**2) + np.sum(v**2)


def nbody(steps: int = 50, bodies: int = 32) -> Problem:
    rng = np.random.default_rng(4)
    arrays = rng.normal(size=(bodies, 3)), rng.normal(size=(bodies, 3)), rng.uniform(size=bodies), np.zeros(steps)

    def scan(jax):
        np = jax.numpy

        def loss(x, v, m, times):
            def step(carry, _):
                x, v = carry
                apart = x[None, :, :] - x[:, None, :]
                far = (np.sum(apart**2, axis=2) + 0.01) ** -1.5
                v = v + 0.001 * np.sum(apart * (far * m)[:, :, None], axis=1)
                return (x + 0.001 * v, v), None

            x, v = jax.lax.scan(step, (x, v), None, length=len(times))[0]
            return np.sum(x**2) + np.sum(v**2)

        return loss

    return Problem(nbody_loss, arrays, (0, 1, 2), scan)


# Statistics --------------------------------------------------------------------------------------------------------


def kalman_step(A, C, Q, R, m, P, y):
    m, P = A @ m, A @ P @ A.T + Q
    S = C @ P @ C.T + R
    e = y - C @ m
    K = np.linalg.solve(S, C @ P).T
    more = np.log(np.linalg.det(S)) + e @ np.linalg.solve(S, e)
    return m + K @ e, P - K @ C @ P, more


def kalman_loss(A, C, Q, R, ys):
    m, P, total = 0 * A[0], 1 * Q, 0.0
    for t in range(ys.shape[0]):
        m, P, more = kalman_step(A, C, Q, R, m, P, ys[t])
        total = total + more
    return total


def kalman(steps: int = 100, states: int = 4, seen: int = 2) -> Problem:
    rng = np.random.default_rng(5)
    A, C = 0.9 * np.eye(states) + 0.05 * rng.normal(size=(states, states)), rng.normal(size=(seen, states))
    arrays = A, C, 0.1 * np.eye(states), 0.5 * np.eye(seen), rng.normal(size=(steps, seen))

    def scan(jax):
        filtered = in_library(kalman_step, jax.numpy)

        def loss(A, C, Q, R, ys):
            def step(carry, y):
                m, P, more = filtered(A, C, Q, R, *carry, y)
                return (m, P), more

            return jax.numpy.sum(jax.lax.scan(step, (0 * A[0], 1 * Q), ys)[1])

        return loss

    return Problem(kalman_loss, arrays, (0, 1, 2, 3), scan)


def garch_loss(w, a, b, y):
    h, total = w / (1 - a - b), 0.0
    for t in range(1, y.shape[0]):
        h = w + a * y[t - 1] ** 2 + b * h
        total = total + np.log(h) + y[t] ** 2 / h
    return total


def garch(days: int = 500) -> Problem:
    y = np.random.default_rng(6).normal(size=days)

    def scan(jax):
        def loss(w, a, b, y):
            def step(h, pair):
                h = w + a * pair[0] ** 2 + b * h
                return h, jax.numpy.log(h) + pair[1] ** 2 / h

            return jax.numpy.sum(jax.lax.scan(step, w / (1 - a - b), (y[:-1], y[1:]))[1])

        return loss

    return Problem(garch_loss, (0.1, 0.2, 0.7, y), (0, 1, 2), scan)


def mixture_loss(weights, means, scales, x):
    parts = []
    for k in range(means.shape[0]):
        apart = (x - means[k]) / scales[k]
        parts.append(weights[k] - np.sum(apart**2, axis=1) / 2 - np.sum(np.log(scales[k])))
    parts = np.stack(parts)
    top = np.amax(parts, axis=0)
    return -np.sum(top + np.log(np.sum(np.exp(parts - top), axis=0))) + 1000 * np.log(np.sum(np.exp(weights)))


def mixture(points: int = 1000, components: int = 5, axes: int = 2) -> Problem:
    rng = np.random.default_rng(7)
    arrays = rng.normal(size=components), rng.normal(size=(components, axes)), np.ones((components, axes))
    return Problem(mixture_loss, (*arrays, rng.normal(size=(points, axes))), (0, 1, 2))


def likelihood(length, height, noise, x, y):
    K = height * np.exp(-((x[:, None] - x[None, :]) ** 2) / (2 * length**2)) + noise * np.eye(x.shape[0])
    L = np.linalg.cholesky(K)
    return y @ np.linalg.solve(K, y) / 2 + np.sum(np.log(np.diagonal(L)))


def gaussian_process(points: int = 300) -> Problem:
    rng = np.random.default_rng(8)
    return Problem(likelihood, (0.3, 1.0, 0.1, rng.uniform(size=points), rng.normal(size=points)), (0, 1, 2))


def black_scholes_value(spot, strike, time):
    root = 0.2 * np.sqrt(time)
    d1 = (np.log(spot / strike) + 0.03 * time) / root
    tail = lambda d: 1 / (1 + np.exp(-1.5976 * d - 0.070565992 * d**3))  # noqa: E731
    return np.sum(spot * tail(d1) - strike * np.exp(-0.01 * time) * tail(d1 - root))


def black_scholes(options: int = 1_000_000) -> Problem:
    rng = np.random.default_rng(9)
    return Problem(black_scholes_value, tuple(rng.uniform(1.0, 2.0, options) for _ in range(3)), (0, 1, 2))


# Geometry ----------------------------------------------------------------------------------------------------------


def arm_loss(angles):
    x = y = 0.0
    for a in range(angles.shape[0]):
        c, s = np.cos(angles[a]), np.sin(angles[a])
        x, y = x * c - y * s + 0.3, x * s + y * c
    return (x - 1.0) ** 2 + (y - 0.5) ** 2


def arm(joints: int = 30) -> Problem:
    return Problem(arm_loss, (np.linspace(0.1, 1.0, joints),), (0,))


def projected(cameras, points, weights):
    """Points as cameras see them: turned by a Rodrigues vector, moved, projected, distorted."""
    turn, centre, focus, radial = cameras[:, :3], cameras[:, 3:6], cameras[:, 6:9], cameras[:, 9:11]
    angle = np.sqrt(np.sum(turn**2, axis=1) + 1e-12)[:, None]
    axis, x = turn / angle, points - centre
    cross = np.stack(
        (
            axis[:, 1] * x[:, 2] - axis[:, 2] * x[:, 1],
            axis[:, 2] * x[:, 0] - axis[:, 0] * x[:, 2],
            axis[:, 0] * x[:, 1] - axis[:, 1] * x[:, 0],
        ),
        1,
    )
    along = np.sum(axis * x, axis=1)[:, None]
    x = x * np.cos(angle) + cross * np.sin(angle) + axis * along * (1 - np.cos(angle))
    flat = x[:, :2] / x[:, 2:]
    far = np.sum(flat**2, axis=1)[:, None]
    flat = flat * (1 + radial[:, :1] * far + radial[:, 1:] * far**2)
    return weights[:, None] * (focus[:, :1] * flat + focus[:, 1:])


def bundle_loss(cameras, points, weights, seen):
    """The gradient of one component after the other gives the rows of the 2×15 Jacobian blocks of all observations."""
    return np.sum(projected(cameras, points, weights)[:, 0] * seen)


def bundle(observations: int = 2000) -> Problem:
    rng = np.random.default_rng(10)
    cameras = rng.normal(size=(observations, 11)) / 10 + np.array([0, 0, 0, 0, 0, -5.0, 1, 0, 0, 0, 0])
    arrays = cameras, rng.normal(size=(observations, 3)), rng.uniform(size=observations), np.ones(observations)
    return Problem(bundle_loss, arrays, (0, 1, 2))


def hand_loss(angles, bones, roots, weights, rest, seen):
    """The skin of a hand follows its joints; each joint of a finger turns all that come after it."""
    skin = 0.0
    for finger in range(angles.shape[0]):
        turn, place = np.eye(3), roots[finger]
        for joint in range(angles.shape[1]):
            c, s = np.cos(angles[finger, joint]), np.sin(angles[finger, joint])
            turn = turn @ np.stack((np.stack((c, -s, 0 * c)), np.stack((s, c, 0 * c)), np.stack((0 * c, 0 * c, c / c))))
            skin = skin + weights[finger, joint][:, None] * (rest @ turn.T + place)
            place = place + turn @ bones[finger, joint]
    return np.sum((skin - seen) ** 2)


def hand(fingers: int = 5, joints: int = 3, points: int = 500) -> Problem:
    rng = np.random.default_rng(11)
    weights = rng.dirichlet(np.ones(fingers * joints), points).T.reshape(fingers, joints, points)
    angles, bones, roots = (rng.normal(size=(fingers, *shape)) for shape in ((joints,), (joints, 3), (3,)))
    return Problem(hand_loss, (angles, bones, roots, weights, *rng.normal(size=(2, points, 3))), (0, 1))


def observation(p):
    seen = projected(p[None, :11], p[None, 11:14], p[14:])
    return np.concatenate((seen[0], 1 - p[14:] ** 2))


def one_observation() -> Problem:
    p = np.concatenate((np.array([0.1, 0.2, 0.3, 0, 0, -5.0, 1, 0, 0, 0.1, 0.1]), np.array([0.3, 0.2, 0.1, 0.7])))
    return Problem(observation, (p,), (0,), jacobian=True)


# Arrays ------------------------------------------------------------------------------------------------------------


def contraction(x, y, z):
    return np.sum(np.einsum("ijk,kl,lj->i", x, y, z) ** 2)


def einsum(i: int = 30, j: int = 40, k: int = 20, n: int = 50) -> Problem:
    rng = np.random.default_rng(11)
    arrays = rng.normal(size=(i, j, k)), rng.normal(size=(k, n)), rng.normal(size=(n, j))
    return Problem(contraction, arrays, (0, 1, 2))


def attention_loss(q, k, v):
    scores = q @ np.swapaxes(k, 1, 2) / 8
    weights = np.exp(scores - np.amax(scores, axis=2)[:, :, None])
    weights = weights / np.sum(weights, axis=2)[:, :, None]
    return np.sum((weights @ v) ** 2)


def attention(heads: int = 8, tokens: int = 256, size: int = 64) -> Problem:
    rng = np.random.default_rng(12)
    q, k, v = rng.normal(size=(3, heads, tokens, size)).astype(np.float32)
    return Problem(attention_loss, (q, k, v), (0, 1, 2))


def normalised_gelu(x, gain, shift):
    centred = x - np.mean(x, axis=1)[:, None]
    x = centred / np.sqrt(np.mean(centred**2, axis=1)[:, None] + 1e-5) * gain + shift
    return np.sum(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


def layer_norm(rows: int = 512, columns: int = 256) -> Problem:
    rng = np.random.default_rng(13)
    arrays = rng.normal(size=(rows, columns)), rng.normal(size=columns), rng.normal(size=columns)
    return Problem(normalised_gelu, arrays, (0, 1, 2))


def of_arguments(*numbers):
    total = 0.0
    for k, x in enumerate(numbers):
        total = total + x * x / (k + 1)
    return total


def arguments(count: int = 1000) -> Problem:
    return Problem(of_arguments, tuple(np.linspace(0.0, 1.0, count).tolist()), tuple(range(count)))


PROGRAMS: dict[str, Callable[[], Problem]] = {
    "tanh RNN 200×64": rnn,
    "heat equation 500×1000": heat,
    "Kalman filter 100×4": kalman,
    "LSTM, 64 characters": lstm,
    "RK4, 20 steps": rk4,
    "Lotka–Volterra 80": lambda: lotka(80),
    "Lotka–Volterra 160": lotka,
    "GARCH 500": garch,
    "N-body 50×32": nbody,
    "GARCH 5000": lambda: garch(5000),
    "Euler 10000×3": euler,
    "RNN 2000×256": lambda: rnn(2000, 256),
    "Burgers 400": burgers,
    "arm, 30 joints": arm,
    "1000 arguments": arguments,
    "mixture 1000×5": mixture,
    "bundle adjustment 2000": bundle,
    "hand tracking 5×3": hand,
    "one observation 3×15": one_observation,
    "einsum ijk,kl,lj": einsum,
    "Gaussian process 300": gaussian_process,
    "attention 8×256×64": attention,
    "layer norm, GELU 512×256": layer_norm,
    "Black–Scholes 10⁶": black_scholes,
}
"""The programs by name, loops first."""
