"""A network trained by backpropagation written out: the loss after training, by the data and the learning rate."""

import numpy as np

X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
y = np.array([[0], [1], [1], [0]])


def nonlin(x, deriv=False):
    if deriv == True:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


class Network:
    def __init__(self, hidden=4):
        np.random.seed(1)
        self.syn0 = 2 * np.random.random((3, hidden)) - 1
        self.syn1 = 2 * np.random.random((hidden, 1)) - 1

    def train(self, rate, epochs=3):
        for _ in range(epochs):
            l1 = nonlin(X.dot(self.syn0))
            l2 = nonlin(l1.dot(self.syn1))
            l2_delta = (y - l2) * nonlin(l2, deriv=True)
            l1_delta = l2_delta.dot(self.syn1.T) * nonlin(l1, deriv=True)
            self.syn1 += rate * l1.T.dot(l2_delta)
            self.syn0 += rate * X.T.dot(l1_delta)
        return np.mean((y - l2) ** 2)


def final_error(rate):
    """Mean squared error in the last epoch, by the learning rate."""
    return Network().train(rate)


LOSS, ARGS = final_error, (0.8,)
