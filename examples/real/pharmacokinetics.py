"""Two compartments and an absorbing one: doses from a generator, rates in a dict of functions, Runge–Kutta steps."""

import numpy as np

RATES = {
    "absorb": lambda y, p: p["ka"] * y[0],
    "eliminate": lambda y, p: p["CL"] / p["V1"] * y[1],
    "out": lambda y, p: p["Q"] / p["V1"] * y[1],
    "back": lambda y, p: p["Q"] / p["V2"] * y[2],
}


def doses(every, amount, end):
    t = 0.0
    while t < end:
        yield t, amount
        t += every


def rhs(t, y, p):
    flow = {name: rate(y, p) for name, rate in RATES.items()}
    dy = np.zeros(3)
    dy[0] = -flow["absorb"]
    dy[1] = flow["absorb"] - flow["eliminate"] - flow["out"] + flow["back"]
    dy[2] = flow["out"] - flow["back"]
    return dy


def rk4(f, t, y, h, *args):
    k1 = f(t, y, *args)
    k2 = f(t + h / 2, y + h / 2 * k1, *args)
    k3 = f(t + h / 2, y + h / 2 * k2, *args)
    k4 = f(t + h, y + h * k3, *args)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def misfit(p, end=2.0, h=0.5):
    """Squared relative distance of the concentrations to measured ones, by the parameters in a dict."""
    measured = np.array([0.0, 1.1, 1.6, 1.8])
    y = np.zeros(3)
    schedule = dict(doses(1.0, 10.0, end))
    concentrations = []
    for i in range(int(end / h)):
        t = i * h
        if t in schedule:
            y[0] += schedule[t]
        concentrations.append(y[1] / p["V1"])
        y = rk4(rhs, t, y, h, p)
    return np.sum(((np.array(concentrations) - measured) / (1 + measured)) ** 2)


LOSS, ARGS = misfit, ({"ka": 1.2, "CL": 0.8, "V1": 3.0, "Q": 0.5, "V2": 4.0},)
