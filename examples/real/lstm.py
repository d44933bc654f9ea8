"""An LSTM as a class, its gates cut out of one matrix product."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class LSTM:
    def __init__(self, input_size, hidden_size, W, b):
        self.H, self.D = hidden_size, input_size
        self.W, self.b = W, b
        self.reset()

    def reset(self):
        self.h = np.zeros(self.H)
        self.c = np.zeros(self.H)
        self.cache = []

    def forward(self, x):
        H = self.H
        z = np.hstack((self.h, x))
        a = z.dot(self.W) + self.b
        gates = np.empty(4 * H)
        gates[: 3 * H] = sigmoid(a[: 3 * H])
        gates[3 * H :] = np.tanh(a[3 * H :])
        i, f, o, g = np.split(gates, 4)
        self.c = f * self.c + i * g
        self.h = o * np.tanh(self.c)
        self.cache.append((z, gates, self.c))
        return self.h

    def __call__(self, sequence):
        self.reset()
        outputs = np.zeros((len(sequence), self.H))
        for t, x in enumerate(sequence):
            outputs[t, :] = self.forward(x)
        return outputs


rng = np.random.default_rng(1)
sequence = rng.normal(size=(4, 3))
target = rng.normal(size=(4, 2))


def loss(W, b):
    """Mean squared error of the outputs, by the weights and biases."""
    lstm = LSTM(3, 2, W, b)
    return np.mean((lstm(sequence) - target) ** 2)


LOSS, ARGS = loss, (rng.normal(size=(5, 8)) * 0.5, np.zeros(8))
