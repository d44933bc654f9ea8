"""A primitive of HIPS autograd, whose rule is two lambdas."""

import numpy as np
from autograd.extend import defvjp, primitive

import chainrule as cr


@primitive
def bilinear(x, W):
    return np.tanh(x @ W)


defvjp(
    bilinear,
    lambda ans, x, W: lambda g: (g * (1 - ans**2)) @ W.T,
    lambda ans, x, W: lambda g: x.T @ (g * (1 - ans**2)),
)


def check():
    r = np.random.default_rng(3)
    return cr.check(bilinear)(r.normal(size=(4, 3)), r.normal(size=(3, 2)))


MISTAKES = [
    ("x", "lambda ans, x, W: lambda g: (g * (1 - ans**2)) @ W.T", "lambda ans, x, W: lambda g: (g * (1 - ans)) @ W.T"),
    ("W", "lambda ans, x, W: lambda g: x.T @ (g * (1 - ans**2))", "lambda ans, x, W: lambda g: x.T @ g"),
    (
        "2",
        "lambda ans, x, W: lambda g: x.T @ (g * (1 - ans**2))",
        "lambda ans, x, W: lambda g: 2 * x.T @ (g * (1 - ans**2))",
    ),
]
