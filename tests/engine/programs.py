"""Programs that XLA compiles as they are written, with arguments: networks, filters, likelihoods, linear algebra."""

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def softmax_classifier(W, b, X, label):
    return np.mean(cr.softmax_cross_entropy(X @ W.T + b, label))


def hinge(W, b, X, label):
    return np.mean(cr.hinge_loss(X @ W.T + b, label))


def perceptron(params, X, y):
    h = np.tanh(X @ params["W1"] + params["b1"])
    return np.mean((h @ params["W2"] - y) ** 2)


def convolutional(w, v, X):
    h = cr.relu(cr.conv2d(X, w, padding=1))
    return np.mean(cr.max_pool2d(cr.conv2d(h, v, stride=2), 2) ** 2)


def attention(Wq, Wk, Wv, X):
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    return np.sum(cr.softmax(q @ np.swapaxes(k, -1, -2) / 2.0) @ v * v)


def kalman(F, q, ys):
    """Minus the log-likelihood of observations of a state that moves by F."""
    x, P, total = np.zeros(2), np.eye(2), 0.0
    for y in ys:
        x, P = F @ x, F @ P @ F.T + q * np.eye(2)
        S, r = P[0, 0] + 0.5, y - x[0]
        K = P[:, 0] / S
        x, P = x + K * r, P - np.outer(K, P[0])
        total = total + 0.5 * (r * r / S + np.log(S))
    return total


def gaussian_process(log_scale, noise, X, y):
    K = np.exp(-(((X[:, None] - X[None]) / np.exp(log_scale)) ** 2)) + noise * np.eye(len(X))
    L = np.linalg.cholesky(K)
    a = cr.solve_triangular(L, y, lower=True)
    return 0.5 * a @ a + np.sum(np.log(np.diagonal(L)))


def recurrent(W, U, X):
    h, ys = cr.scan(lambda h, x: (np.tanh(W @ h + U @ x), h), np.zeros(3), X)
    return np.sum(h**2) + np.sum(ys)


def heat(k, u0):
    u = u0.copy()
    for _ in range(4):
        u[1:-1] += k * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u @ u


def written(x):
    out = np.zeros((3, 2))
    for i in range(3):
        out[i] = np.tanh(x[i, :2])
        out[i, 0] = i * x[i, 0]
    return np.sum(out**2)


def normalised(x, g):
    z = (x - np.mean(x, axis=-1, keepdims=True)) / np.sqrt(np.var(x, axis=-1, keepdims=True) + 1e-5)
    return np.sum(np.maximum(z * g, 0.1 * z) ** 3)


def spectrum(x):
    return np.sum(np.linalg.eigvalsh(x @ x.T) ** 1.5) + np.linalg.svdvals(x)[0]


def determinants(x):
    return np.linalg.det(x[:, :3]) + np.linalg.slogdet(x @ x.T)[1]


def orthogonal(x):
    q, r = np.linalg.qr(x.T)
    return np.sum(q[:, 0] ** 3) + np.sum(np.abs(r))


def fourier(x):
    return np.sum(np.abs(np.fft.rfft(x, axis=-1)) ** 2 * np.arange(3))


def norms(x):
    return np.linalg.norm(x) + np.std(x) * np.prod(x[0])


LABEL = np.array([1, 0, 3, 2, 2])
PARAMS = {"W1": normal(6, 4), "b1": normal(4), "W2": normal(4, 2)}
X = normal(3, 4)

PROGRAMS = {  # with the arguments, and those by which it is differentiated
    softmax_classifier: ((normal(4, 6), normal(4), normal(5, 6), LABEL), ("W", "b")),
    hinge: ((normal(4, 6), normal(4), normal(5, 6), LABEL), ("W", "b")),
    perceptron: ((PARAMS, normal(5, 6), normal(5, 2)), ("params",)),
    convolutional: ((normal(3, 2, 3, 3), normal(2, 3, 2, 2), normal(2, 2, 8, 8)), ("w", "v")),
    attention: ((normal(4, 4), normal(4, 4), normal(4, 4), normal(5, 4)), ("Wq", "Wk", "Wv")),
    kalman: ((0.4 * normal(2, 2), 0.3, normal(5)), ("F", "q")),
    gaussian_process: ((0.1, 0.2, np.linspace(0, 2, 6), normal(6)), ("log_scale", "noise")),
    recurrent: ((normal(3, 3) / 2, normal(3, 2), normal(6, 2)), ("W", "U")),
    heat: ((0.1, normal(7)), ("k", "u0")),
    written: ((X,), ("x",)),
    normalised: ((X, normal(4)), ("x", "g")),
    spectrum: ((X,), ("x",)),
    determinants: ((X,), ("x",)),
    orthogonal: ((X,), ("x",)),
    fourier: ((X,), ("x",)),
    norms: ((X,), ("x",)),
}
