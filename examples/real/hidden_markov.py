"""The forward algorithm of a hidden Markov model, scaled, state by state."""

import numpy as np

observations = [0, 1, 2, 2, 0, 1]


def softmax(row):
    e = np.exp(row - np.max(row))
    return e / e.sum()


def forward(V, a, b, initial):
    alpha = np.zeros((len(V), a.shape[0]))
    scale = np.zeros(len(V))
    alpha[0, :] = initial * b[:, V[0]]
    scale[0] = alpha[0].sum()
    alpha[0] /= scale[0]
    for t in range(1, len(V)):
        for j in range(a.shape[0]):
            alpha[t, j] = alpha[t - 1].dot(a[:, j]) * b[j, V[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    return alpha, scale


def negative_loglikelihood(logits):
    """Of the observations, by the scores of transitions and emissions."""
    A = np.zeros((2, 2))
    B = np.zeros((2, 3))
    for i in range(2):
        A[i] = softmax(logits["transitions"][i])
        B[i] = softmax(logits["emissions"][i])
    _, scale = forward(observations, A, B, np.array([0.6, 0.4]))
    return -np.log(scale).sum()


LOSS = negative_loglikelihood
ARGS = (
    {"transitions": np.array([[0.5, 0.1], [-0.2, 0.3]]), "emissions": np.array([[0.1, 0.4, 0.2], [0.9, -0.3, 0.0]])},
)
