"""An epidemic fitted to counts: the residuals of a model that odeint integrates."""

import numpy as np
from scipy.integrate import odeint

N = 1000
days = np.linspace(0, 20, 11)
data = np.array([3, 5, 10, 17, 31, 52, 84, 128, 176, 212, 224])


def deriv(y, t, N, beta, gamma):
    S, I, R = y
    dSdt = -beta * S * I / N
    dIdt = beta * S * I / N - gamma * I
    dRdt = gamma * I
    return dSdt, dIdt, dRdt


def sse(params):
    beta, gamma = params
    y0 = N - 3, 3, 0
    ret = odeint(deriv, y0, days, args=(N, beta, gamma))
    S, I, R = ret.T
    return np.sum((np.log(I) - np.log(data)) ** 2)


LOSS, ARGS = sse, (np.array([0.45, 0.1]),)
