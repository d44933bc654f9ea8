"""The evidence of a Gaussian process, with gradients for the scale, the length and the noise of its kernel."""

import numpy as np

import chainrule as cr


def evidence(scale, length, noise, X, y):
    D = ((X[:, None] - X[None]) ** 2).sum(-1)
    E = np.exp(-D / (2 * length**2))
    K = scale**2 * E + noise * np.eye(len(X))
    alpha = np.linalg.solve(K, y)
    _, logdet = np.linalg.slogdet(K)
    return 0.5 * y @ alpha + 0.5 * logdet


def evidence_grad(scale, length, noise, X, y):
    n = len(X)
    D = ((X[:, None] - X[None]) ** 2).sum(-1)
    E = np.exp(-D / (2 * length**2))
    K = scale**2 * E + noise * np.eye(n)
    Kinv = np.linalg.inv(K)
    alpha = Kinv @ y
    dK = 0.5 * (Kinv - np.outer(alpha, alpha))
    dE = dK * scale**2
    dscale = 2 * scale * np.sum(dK * E)
    dlength = np.sum(dE * E * D) / length**3
    dnoise = np.trace(dK)
    return dscale, dlength, dnoise


def check():
    rng = np.random.default_rng(21)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    return cr.check(evidence, against=evidence_grad, argnums=(0, 1, 2))(1.3, 0.8, 0.3, X, y)


MISTAKES = [
    ("½ forgotten", "dK = 0.5 * (Kinv - np.outer(alpha, alpha))", "dK = Kinv - np.outer(alpha, alpha)"),
    ("sign", "dK = 0.5 * (Kinv - np.outer(alpha, alpha))", "dK = 0.5 * (Kinv + np.outer(alpha, alpha))"),
    ("y for alpha", "np.outer(alpha, alpha))", "np.outer(alpha, y))"),
    ("no logdet", "0.5 * (Kinv - np.outer", "-0.5 * (np.outer"),
    ("2 forgotten", "dscale = 2 * scale * np", "dscale = scale * np"),
    ("K for E", "np.sum(dK * E)", "np.sum(dK * K)"),
    ("power", "/ length**3", "/ length**2"),
    ("D forgotten", "np.sum(dE * E * D)", "np.sum(dE * E)"),
    ("sum", "np.trace(dK)", "np.sum(dK)"),
    ("scale", "dE = dK * scale**2", "dE = dK * scale"),
]
