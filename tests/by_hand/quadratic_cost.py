"""A network of sigmoids with lists nabla_b and nabla_w."""

import itertools

import numpy as np

import chainrule as cr


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def cost(weights, biases, x, y):
    a = x
    for b, w in zip(biases, weights, strict=True):
        a = sigmoid(np.dot(w, a) + b)
    return 0.5 * np.sum((a - y) ** 2)


def backprop(weights, biases, x, y):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights, strict=True):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].T)
    for k in range(2, len(weights) + 1):
        z = zs[-k]
        sp = sigmoid_prime(z)
        delta = np.dot(weights[-k + 1].T, delta) * sp
        nabla_b[-k] = delta
        nabla_w[-k] = np.dot(delta, activations[-k - 1].T)
    return nabla_w, nabla_b


def check():
    r = np.random.default_rng(3)
    sizes = [3, 4, 5, 2]
    ws = [r.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]
    bs = [r.normal(size=(b, 1)) for b in sizes[1:]]
    return cr.check(cost, argnums=(0, 1), against=backprop)(ws, bs, r.normal(size=(3, 1)), r.normal(size=(2, 1)))


MISTAKES = [
    (
        "sign",
        "delta = (activations[-1] - y) * sigmoid_prime(zs[-1])",
        "delta = (y - activations[-1]) * sigmoid_prime(zs[-1])",
    ),
    ("no prime", "delta = (activations[-1] - y) * sigmoid_prime(zs[-1])", "delta = (activations[-1] - y)"),
    ("prime of a", "return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)"),
    ("wrong weights", "delta = np.dot(weights[-k + 1].T, delta) * sp", "delta = np.dot(weights[-k + 1].T, delta)"),
    (
        "activation",
        "nabla_w[-k] = np.dot(delta, activations[-k - 1].T)",
        "nabla_w[-k] = np.dot(delta, sigmoid(activations[-k - 1]).T)",
    ),
    ("nb", "nabla_b[-k] = delta", "nabla_b[-k] = delta * sp"),
    ("z", "        z = zs[-k]\n", "        z = activations[-k]\n"),
]
