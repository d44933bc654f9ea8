"""A chain of labels: the partition function by the forward recursion, and the best path (Viterbi) beside it."""

import numpy as np


def logsumexp(a):
    m = np.max(a)
    return m + np.log(np.sum(np.exp(a - m)))


def log_partition(emissions, transitions):
    T, L = emissions.shape
    alpha = np.empty((T, L))
    alpha[0] = emissions[0]
    for t in range(1, T):
        for j in range(L):
            alpha[t, j] = emissions[t, j] + logsumexp([alpha[t - 1, i] + transitions[i, j] for i in range(L)])
    return logsumexp(alpha[-1])


def viterbi(emissions, transitions):
    T, L = emissions.shape
    score = np.zeros((T, L))
    back = np.zeros((T, L), dtype=int)
    score[0] = emissions[0]
    for t in range(1, T):
        for j in range(L):
            candidates = score[t - 1] + transitions[:, j]
            back[t, j] = np.argmax(candidates)
            score[t, j] = emissions[t, j] + np.max(candidates)
    path = [int(np.argmax(score[-1]))]
    for t in range(T - 1, 0, -1):
        path.insert(0, back[t, path[0]])
    return path, score[-1].max()


def loss(weights, features, labels):
    """Negative log likelihood of the labels plus a margin to the best path, by weights and transitions."""
    emissions = features.dot(weights["W"])
    transitions = weights["T"]
    gold = 0.0
    for t, y in enumerate(labels):
        gold += emissions[t, y]
        if t > 0:
            gold += transitions[labels[t - 1], y]
    path, best = viterbi(emissions, transitions)
    wrong = sum(p != y for p, y in zip(path, labels))
    return log_partition(emissions, transitions) - gold + 0.1 * wrong * (best - gold)


LOSS = loss
ARGS = (
    {
        "W": np.array([[0.5, -0.2, 0.1], [0.3, 0.8, -0.5]]),
        "T": np.array([[0.1, 0.2, 0.0], [-0.3, 0.4, 0.1], [0.0, 0.1, 0.2]]),
    },
    np.array([[1.0, 0.5], [-0.3, 0.8], [0.6, -1.0], [0.2, 0.4]]),
    [0, 1, 0, 2],
)
