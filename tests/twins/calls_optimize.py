"""Calls of scipy.optimize."""

import numpy as np
import scipy.optimize
from scipy import optimize
from scipy.optimize import brentq, minimize

from . import Call

A, B = 1.7, np.array([0.4, 1.3])
M = np.array([[2.0, 0.3], [0.3, 1.5]])
T = np.linspace(0.0, 2.0, 7)
Y = 1.4 * np.exp(-0.8 * T) + 0.05 * np.cos(7 * T)


def cubic(x, a):
    return x**3 + a * x - 2


def system(u, a):
    return [u[0] ** 2 + a[0] * u[1] - 1, np.exp(u[1]) - a[1] - u[0]]


def bowl(u, a):
    return np.sum((u - a) ** 2) + 0.1 * np.sum(u**4) + 0.3 * u[0] * u[1] * a[0]


def decay(t, a, b):
    return a * np.exp(-b * t)


def held(a):
    def f(x):
        if x > 100:
            return x
        return cubic(x, a)

    return brentq(f, 0.0, 2.0)


def summed(b):
    return sum(brentq(lambda x: x**3 + c * x - 2, 0.0, 2.0) * (i + 1) for i, c in enumerate([b[0], b[1]]))  # noqa: B023


TIGHT = {"gtol": 1e-11}
CALLS = {
    "brentq": Call(lambda a: brentq(cubic, 0.0, 2.0, args=(a,)), (A,), compiles=False),
    "brentq, held in a closure": Call(held, (A,), compiles=False),
    "brentq, in a loop": Call(summed, (B,), compiles=False),
    "brentq, with full output": Call(lambda a: optimize.brentq(cubic, 0.0, 2.0, (a,), full_output=True)[1].root, (A,), compiles=False),
    "brenth": Call(lambda a: scipy.optimize.brenth(cubic, 0.0, 2.0, args=(a,)), (A,), compiles=False),
    "bisect": Call(lambda a: scipy.optimize.bisect(cubic, 0.0, 2.0, args=(a,), xtol=1e-14), (A,), compiles=False),
    "ridder": Call(lambda a: scipy.optimize.ridder(cubic, 0.0, 2.0, args=(a,)), (A,), compiles=False),
    "toms748": Call(lambda a: scipy.optimize.toms748(cubic, 0.0, 2.0, args=(a,)), (A,), compiles=False),
    "newton": Call(lambda a: optimize.newton(cubic, 1.0, args=(a,), tol=1e-13), (A,), compiles=False),
    "newton, of an array": Call(lambda b: optimize.newton(lambda x: x**3 + b * x - 2, np.ones(2), fprime=lambda x: 3 * x**2 + b, tol=1e-13), (B,), compiles=False),
    "root_scalar": Call(lambda a: optimize.root_scalar(cubic, args=(a,), bracket=[0, 2], method="brentq").root, (A,), compiles=False),
    "fsolve": Call(lambda b: optimize.fsolve(system, [1.0, 0.5], args=(b,), xtol=1e-13), (B,), compiles=False),
    "root": Call(lambda b: optimize.root(system, [1.0, 0.5], args=(b,), tol=1e-13).x, (B,), compiles=False),
    "root, levenberg": Call(lambda b: optimize.root(lambda u: system(u, b), np.ones(2), method="lm", tol=1e-13).x, (B,), compiles=False),
    "fixed_point": Call(lambda a: optimize.fixed_point(lambda x: np.cos(a * x), 0.5, xtol=1e-13), (0.8,), compiles=False),
    "minimize": Call(lambda b: minimize(bowl, np.zeros(2), args=(b,), options=TIGHT).x, (B,), rtol=2e-5, h=1e-2, compiles=False),
    "minimize, its value": Call(lambda b: minimize(lambda u: bowl(u, b), np.zeros(2), method="BFGS").fun, (B,), rtol=1e-6, h=1e-2, compiles=False),
    "minimize, with a gradient": Call(lambda b: minimize(lambda u: 0.5 * u @ M @ u - b @ u, np.zeros(2), jac=lambda u: M @ u - b, method="CG", options=TIGHT).x, (B,), rtol=1e-6, h=1e-2, second=False, compiles=False),
    "minimize, in bounds": Call(lambda b: minimize(bowl, np.ones(2), args=(b,), bounds=[(0.6, None), (None, 3.0)], method="L-BFGS-B", options={"gtol": 1e-12, "ftol": 1e-15}).x, (B,), rtol=2e-5, h=1e-2, compiles=False),
    "minimize, constrained": Call(lambda b: minimize(bowl, np.ones(2), args=(b,), constraints={"type": "eq", "fun": lambda u: u[0] + u[1] - b[1]}, options={"ftol": 1e-14}).x, (B,), rtol=1e-4, h=3e-2, compiles=False),
    "minimize, between limits": Call(lambda b: minimize(bowl, np.ones(2), args=(b,), method="SLSQP", constraints=[optimize.LinearConstraint([[1.0, 1.0]], b[1], b[1]), optimize.NonlinearConstraint(lambda u: u[0] * b[0], -9.0, 9.0)], options={"ftol": 1e-14}).x, (B,), rtol=1e-4, h=3e-2, compiles=False),
    "minimize_scalar": Call(lambda a: optimize.minimize_scalar(lambda x: (x - a) ** 2 + x**4, tol=1e-12).x, (A,), rtol=1e-5, h=3e-2, compiles=False),
    "minimize_scalar, bounded": Call(lambda a: optimize.minimize_scalar(lambda x: (x - a) ** 2 + x**4, bounds=(0, 3), method="bounded", options={"xatol": 1e-12}).x, (A,), rtol=1e-5, h=3e-2, compiles=False),
    "least_squares": Call(lambda y: optimize.least_squares(lambda p: decay(T, p[0], p[1]) - y, [1.0, 1.0], xtol=1e-14, ftol=1e-14, gtol=1e-14).x, (Y,), rtol=2e-5, h=1e-2, compiles=False),
    "least_squares, robust": Call(lambda y: optimize.least_squares(lambda p, y: decay(T, *p) - y, [1.0, 1.0], loss="soft_l1", f_scale=0.1, xtol=1e-14, ftol=1e-14, gtol=1e-14, args=(y,)).cost, (Y,), rtol=1e-5, h=1e-2, compiles=False),
    "leastsq": Call(lambda y: optimize.leastsq(lambda p: decay(T, p[0], p[1]) - y, [1.0, 1.0], xtol=1e-14, ftol=1e-14)[0], (Y,), rtol=2e-5, h=1e-2, compiles=False),
    "curve_fit": Call(lambda y: optimize.curve_fit(decay, T, y, p0=[1.0, 1.0], xtol=1e-14, ftol=1e-14)[0], (Y,), rtol=2e-5, h=1e-2, compiles=False),
    "curve_fit, covariance": Call(lambda t, y, s: optimize.curve_fit(decay, t, y, sigma=s, xtol=1e-14, ftol=1e-14, gtol=1e-14)[1], (T, Y, 1 + 0.1 * T), rtol=2e-4, h=1e-2, second=False, compiles=False),
    "linprog": Call(lambda c, A, b: tuple(optimize.linprog(c, A, b)[k] for k in ("x", "fun")), (np.array([-1.0, -2.0]), np.array([[1.0, 1.0], [1.0, 3.0]]), np.array([4.0, 6.0])), compiles=False),
    "nnls": Call(lambda A, b: optimize.nnls(A, b), (np.array([[1.0, 2.0, 0.3], [0.4, 0.2, 1.0], [1.0, 0.1, 0.6], [0.5, 0.2, 0.2]]), np.array([1.0, 0.3, 1.2, -0.4])), compiles=False),
}  # fmt: skip
