"""Calls of scipy.integrate."""

import numpy as np
import scipy.integrate
from scipy import integrate
from scipy.integrate import odeint, quad, solve_ivp

from . import Call

Y = np.array([[0.3, 1.2, -0.4, 2.0, 0.9], [1.0, 0.5, 0.7, -1.0, 0.2]])
X = np.array([0.0, 0.4, 1.1, 1.3, 2.2])
Z = np.sin(np.arange(9.0))
TIGHT = {"rtol": 1e-11, "atol": 1e-12}
U = np.array([1.0, 0.4])
T = np.linspace(0.0, 2.0, 5)


def lotka(t, u, a, b):
    out = np.zeros(2)
    out[0] = a * u[0] - b * u[0] * u[1]
    out[1] = b * u[0] * u[1] - u[1]
    return out


def falls(a):
    def ground(t, u):
        return u[0] - 0.1 * a

    ground.terminal = True
    return ground


def bounced(a, v):
    found = solve_ivp(lambda t, u: [u[1], -9.81 + a * u[1] ** 2], (0.0, 9.0), [1.0, v], events=falls(a), **TIGHT)
    return found.t_events[0], found.y_events[0], found.t[-1], found.y[:, -1]


def bratu(a, b):
    """A nonlinear equation, with values at both ends."""
    found = integrate.solve_bvp(
        lambda x, y: np.vstack([y[1], -a * np.exp(y[0])]),
        lambda left, right: np.array([left[0], right[0] - b]),
        np.linspace(0, 1, 5),
        np.zeros((2, 5)),
        tol=1e-8,
    )
    return found.y[1, 0], found.sol(0.3)[0], found.sol([0.2, 0.7], 1)


def string(a):
    """The frequency of a string whose density grows."""
    x = np.linspace(0, 1, 9)
    found = integrate.solve_bvp(
        lambda x, y, p: [y[1], -(p[0] ** 2) * (1 + a * x) * y[0]],
        lambda left, right, p: np.array([left[0], left[1] - 1, right[0]]),
        x,
        [np.sin(np.pi * x), np.cos(np.pi * x)],
        p=[3.0],
        tol=1e-9,
    )
    return found.p[0]


def net(t, u, w):
    return np.tanh(w[:2, :] @ np.append(u, t)) - u * w[2, 0]


def looped(a):
    total = 0.0
    for k in (1.0, 2.0):
        c = a * k
        total = total + odeint(lambda y, t: -c * y, 1.0, [0.0, 0.7], rtol=1e-11, atol=1e-12)[-1, 0]  # noqa: B023
    return total


ODE = {"rtol": 1e-6, "h": 1e-2, "second": False, "compiles": False, "slow": True}
CALLS = {
    "trapezoid": Call(lambda y, x: scipy.integrate.trapezoid(y, x), (Y, X)),
    "trapezoid, of an axis": Call(lambda y: scipy.integrate.trapezoid(y, dx=0.3, axis=0), (Y,)),
    "cumulative_trapezoid": Call(lambda y, x: integrate.cumulative_trapezoid(y, x, initial=0), (Y, X)),
    "simpson": Call(lambda y, x: integrate.simpson(y, x=x), (Y, X)),
    "simpson, of an even number": Call(lambda y, x: integrate.simpson(y[:, :4], x=x[:4]), (Y, X)),
    "simpson, equally far": Call(lambda y, h: integrate.simpson(y, dx=h, axis=0) + integrate.simpson(y[:, :3].T, axis=0)[0], (Y, 0.3)),
    "romb": Call(lambda y, h: integrate.romb(y, dx=h), (Z, 0.3)),
    "cumulative_simpson": Call(lambda y: integrate.cumulative_simpson(y, x=X, initial=0), (Y,)),
    "quad": Call(lambda a, b: quad(lambda x: np.exp(-a * x) * np.sin(b * x), 0.0, 2.0)[0], (0.7, 1.3), rtol=1e-7, h=1e-2, compiles=False),
    "quad, limits": Call(lambda a, b: quad(lambda x, c: np.cos(c * x) * x, a, b, args=(b,))[0], (0.2, 1.3), rtol=1e-7, h=1e-2, compiles=False),
    "quad, to infinity": Call(lambda a: quad(lambda x: np.exp(-a * x * x), 0.0, np.inf)[0], (0.7,), rtol=1e-7, h=1e-2, compiles=False),
    "quad, over the line": Call(lambda a: quad(lambda x: np.exp(-((x - a) ** 2)) * x, -np.inf, np.inf)[0], (0.7,), rtol=1e-7, h=1e-2, compiles=False, slow=True),
    "quad, of a singular function": Call(lambda a: quad(lambda x: x ** (a - 1) * np.exp(-x), 0.0, 1.0)[0], (0.6,), rtol=1e-6, h=1e-2, compiles=False, slow=True),
    "quad, of two branches": Call(lambda a: quad(lambda x: a * x if x < 0.5 else a**2, 0.0, 1.0, points=[0.5])[0], (0.7,), compiles=False),
    "quad_vec": Call(lambda b: integrate.quad_vec(lambda x: np.sin(b * x), 0.0, 1.0)[0], (U,), h=1e-2, compiles=False),
    "solve_bvp": Call(bratu, (1.1, 0.2), rtol=1e-6, h=1e-2, compiles=False),
    "solve_bvp, of a parameter": Call(string, (0.4,), rtol=1e-6, h=1e-2, compiles=False),
    "quad, downwards": Call(lambda a, b: quad(lambda x: np.exp(-a * x), 1.5, b)[0], (0.7, 0.4), rtol=1e-7, h=1e-2, compiles=False),
    "dblquad, of limits that cross": Call(lambda a, b: integrate.dblquad(lambda y, x: b * np.exp(a * x * y), 0.0, 1.0, lambda x: a * x, 1.0)[0], (1.2, 0.7), h=1e-2, compiles=False, slow=True),
    "tplquad": Call(lambda a: integrate.tplquad(lambda z, y, x: a * x * z, 0.0, a, 0.0, lambda x: x, 0.1, lambda x, y: x + 2 * y)[0], (0.7,), h=1e-2, compiles=False, slow=True),
    "nquad": Call(lambda a, b: integrate.nquad(lambda x, y, c: np.exp(-c * x * y), [lambda y, c: (0.0, y * c), [0.1, b]], args=(a,))[0], (0.7, 1.1), h=1e-2, compiles=False, slow=True),
    "dblquad": Call(lambda a: integrate.dblquad(lambda y, x: np.exp(-a * x * y), 0.0, 1.0, 0.0, lambda x: a * x)[0], (0.7,), h=1e-2, compiles=False, slow=True),
    "solve_ivp": Call(lambda y, a, b: solve_ivp(lotka, (0.0, 2.0), y, t_eval=T, args=(a, b), **TIGHT).y, (U, 1.1, 0.7), **ODE),
    "solve_ivp, closure": Call(lambda a: solve_ivp(lambda t, y: -a * y + np.sin(t), [0, 1], [1.0], **TIGHT).y[:, -1], (1.1,), **ODE),
    "solve_ivp, stiff": Call(lambda y, a: solve_ivp(lambda t, u: [-a * u[0] + u[1], u[0] - u[1]], (0.0, 2.0), y, method="LSODA", t_eval=T, **TIGHT).y, (U, 20.0), **ODE),
    "solve_ivp, times": Call(lambda s, e: solve_ivp(lotka, (s, e), U, args=(1.1, 0.7), **TIGHT).y[:, -1], (0.1, 1.4), **ODE),
    "solve_ivp, its times": Call(lambda t: solve_ivp(lotka, (0.0, 3.0), U, t_eval=t, args=(1.1, 0.7), **TIGHT).y, (T + 0.1,), **ODE),
    "solve_ivp, dense": Call(lambda a: solve_ivp(lotka, (0.0, 2.0), U, args=(a, 0.7), dense_output=True, **TIGHT).sol(T[1:3]), (1.1,), **ODE),
    "solve_ivp, events": Call(bounced, (0.1, 3.0), **ODE),
    "solve_ivp, many parameters": Call(lambda w, y: solve_ivp(net, (0.0, 1.0), y, args=(w,), t_eval=[0.0, 0.5, 1.0], **TIGHT).y, (np.cos(np.arange(27.0)).reshape(9, 3), U), **ODE),
    "odeint": Call(lambda y, a: odeint(lambda u, t, a: [u[1], -a * u[0]], y, T, args=(a,), rtol=1e-11, atol=1e-12), (U, 1.7), **ODE),
    "odeint, in a loop": Call(looped, (0.8,), **ODE),
    "odeint, times": Call(lambda t: odeint(lambda u, t: -u * t, U, t, rtol=1e-11, atol=1e-12), (T + 0.2,), **ODE),
}  # fmt: skip
