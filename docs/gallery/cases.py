"""The cases of the gallery that are not sections of the notes: what people compute gradients of.

Each case is a function that returns what is explained and the arguments at which it is. The first line of its docstring
is the title of the case, the rest is what the index says about it.
"""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import numpy as np

import chainrule as cr

__all__ = ["CASES"]


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def example():
    """What examples/digits.py defines: a scan of a digit, and a linear classifier."""
    return run_path(str(Path(__file__).parents[2] / "examples" / "digits.py"))


def digits():
    """A linear classifier of digits

    One step of `examples/digits.py`: 64 pixels, 10 classes. The gradient of the scores is softmax(s) − e₃.
    """
    known = example()
    return known["loss"], (known["W_STEP"], known["B_STEP"], known["X_STEP"], known["LABEL_STEP"])


def mean_squared_error():
    """Mean squared error

    A plane through five points. The errors, times 2/5, go back to w by Xᵀ, and to b by a sum.
    """
    X = np.array([[1.0, 0.5], [2.0, -1.0], [3.0, 0.0], [4.0, 1.5], [5.0, 1.0]])
    y = np.array([2.0, 2.5, 4.0, 6.5, 7.0])

    def mean_squared_error(w, b):
        p = X @ w + b
        L = np.mean((p - y) ** 2)
        return L

    return mean_squared_error, (np.array([1.0, 0.5]), 0.5)


def logistic_regression():
    """Logistic regression

    With a penalty on large weights. The gradient is a product with Xᵀ and the errors σ(s) − y.
    """
    X = random(6, 3)
    y = (X @ [2.0, -1.0, 0.5] > 0).astype(float)

    def logistic_regression(w, b):
        s = X @ w + b
        errors = cr.softplus(s) - y * s  # −log of the probability of y
        L = np.sum(errors) + 0.05 * (w @ w)
        return L

    return logistic_regression, (np.array([0.5, 0.0, -0.5]), 0.1)


def attention():
    """Attention

    One head over four words. Softmax stands in the middle, and the words reach the loss along three ways, whose
    gradients add up.
    """
    target = random(4, 2, seed=4)

    def attention(X, Wq, Wk, Wv):
        Q, K, V = X @ Wq, X @ Wk, X @ Wv
        scores = Q @ K.T / np.sqrt(2)
        A = cr.softmax(scores)
        Y = A @ V
        L = np.mean((Y - target) ** 2)
        return L

    return attention, (random(4, 3), *(random(3, 2, seed=seed) for seed in (1, 2, 3)))


def convolutional_network():
    """A convolutional network

    Two kernels on a scan of the digit 3, the largest of each 2×2 pixels, and a linear classifier.
    """
    image = example()["SCAN"][None, None] / 16

    def convolutional_network(kernels, W, b):
        h = cr.relu(cr.conv2d(image, kernels))
        pooled = cr.max_pool2d(h, 2)
        s = W @ np.ravel(pooled) + b
        L = cr.softmax_cross_entropy(s, 3)
        return L

    return convolutional_network, (random(2, 1, 3, 3), 0.3 * random(10, 18, seed=1), np.zeros(10))


def recurrent_network():
    """A recurrent network

    Eight steps with the same weights, so their gradients are sums over the steps. The loop is folded to one box.
    """
    inputs, targets = random(8, 2, seed=3), random(8, seed=4)

    def cell(W, U, h, x):
        return np.tanh(W @ h + U @ x)

    def recurrent_network(W, U, v):
        h = np.zeros(3)
        outputs = []
        for x in inputs:
            h = cell(W, U, h, x)
            outputs.append(v @ h)
        L = np.mean((np.stack(outputs) - targets) ** 2)
        return L

    return recurrent_network, (random(3, 3) / 2, random(3, 2, seed=1), random(3, seed=2))


def pendulum():
    """A pendulum fitted to what was measured

    Twenty time steps of a simulation, differentiated by length and friction.
    """

    def swing(angle, speed, length, friction):
        speed = speed - 0.05 * (9.81 / length * np.sin(angle) + friction * speed)
        angle = angle + 0.05 * speed
        return angle, speed

    def simulated(length, friction):
        angle, speed = 1.2, 0.0
        angles = []
        for _ in range(20):
            angle, speed = swing(angle, speed, length, friction)
            angles.append(angle)
        return np.stack(angles)

    measured = simulated(1.0, 0.3)

    def pendulum(length, friction):
        angles = simulated(length, friction)
        L = np.sum((angles - measured) ** 2)
        return L

    return pendulum, (1.1, 0.1)


def gaussian():
    """The likelihood of a Gaussian

    The negative logarithm, for the mean and the Cholesky factor C of the covariance C Cᵀ.
    """
    X = random(5, 2)

    def gaussian(mean, C):
        z = np.linalg.solve(C, (X - mean).T)
        distance = np.sum(z**2) / 2
        volume = 5 * np.sum(np.log(np.diag(C)))
        L = distance + volume
        return L

    return gaussian, (np.array([0.5, -0.5]), np.array([[1.0, 0.0], [0.5, 2.0]]))


def pytorch_module():
    """A module of PyTorch

    `cr.explain` takes networks of PyTorch too; each module is a box with its name.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3))
    labels = torch.tensor([0, 2])

    def classified(x):
        return nn.functional.cross_entropy(model(x), labels)

    return classified, (torch.randn(2, 4),)


def neuron():
    """A neuron

    One output, a sigmoid and a squared error: the chain rule with three factors.
    """

    def neuron(w, x, b):
        s = w @ x + b
        p = 1 / (1 + np.exp(-s))
        L = (p - 1) ** 2
        return L

    return neuron, (np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, 0.5]), 0.1)


def two_layers():
    """Two layers on a batch

    Five samples, biases that are added to every row, and a softmax by hand.
    """
    labels = np.array([0, 1, 1, 0, 1])

    def two_layers(X, W1, b1, W2, b2):
        h = np.maximum(X @ W1 + b1, 0)
        s = h @ W2 + b2
        e = np.exp(s - s.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        L = -np.mean(np.log(p[np.arange(5), labels]))
        return L

    return two_layers, (random(5, 3), random(3, 4, seed=1), random(4, seed=2), random(4, 2, seed=3), random(2, seed=4))


def batch_norm():
    """Batch norm by hand

    The mean and the variance depend on every sample, so the gradient of the input has three ways.
    """

    def batch_norm(x, gamma, beta):
        mu = np.mean(x, axis=0)
        xc = x - mu
        var = np.mean(xc**2, axis=0)
        std = np.sqrt(var + 1e-5)
        xhat = xc / std
        y = gamma * xhat + beta
        L = np.sum(y**3)
        return L

    return batch_norm, (random(4, 3), random(3, seed=1), random(3, seed=2))


def perceptron():
    """A perceptron of twelve layers

    Equal layers in a row are folded to one box; so are their weights.
    """

    def perceptron(x, *weights):
        h = x
        for W in weights:
            h = np.maximum(W @ h, 0)
        L = np.sum(h**2)
        return L

    return perceptron, (np.ones(4), *(np.abs(random(4, 4, seed=i)) / 3 for i in range(12)))


def transformer():
    """A small transformer

    Two encoder layers of PyTorch over four words, and a classifier of each word.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    encoder, classifier = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 5)
    model = nn.Sequential(encoder, classifier)
    labels = torch.tensor([0, 1, 2, 3])

    def tagged(x):
        return nn.functional.cross_entropy(model(x)[0], labels)

    return tagged, (torch.randn(1, 4, 8),)


CASES = (
    neuron,
    mean_squared_error,
    two_layers,
    batch_norm,
    digits,
    logistic_regression,
    attention,
    convolutional_network,
    recurrent_network,
    perceptron,
    pendulum,
    gaussian,
    pytorch_module,
    transformer,
)
