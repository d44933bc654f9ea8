"""A Poisson regression by iteratively reweighted least squares, with its standard errors."""

import numpy as np
from scipy import linalg
from scipy.special import expit, gammaln, xlogy


class Family:
    def __init__(self, link, inverse, deriv, variance):
        self.link, self.inverse, self.deriv, self.variance = link, inverse, deriv, variance


FAMILIES = {
    "poisson": Family(np.log, np.exp, lambda mu: 1 / mu, lambda mu: mu),
    "binomial": Family(
        lambda mu: np.log(mu / (1 - mu)), expit, lambda mu: 1 / (mu * (1 - mu)), lambda mu: mu * (1 - mu)
    ),
}


class GLM:
    def __init__(self, family, alpha=0.0, tol=1e-10, max_iter=25):
        self.family = FAMILIES[family]
        self.alpha, self.tol, self.max_iter = alpha, tol, max_iter

    def fit(self, X, y, offset=None):
        n, p = X.shape
        if offset is None:
            offset = np.zeros(n)
        mu = (y + y.mean()) / 2
        eta = self.family.link(mu)
        self.coef_ = np.zeros(p)
        for it in range(self.max_iter):
            g = self.family.deriv(mu)
            z = eta - offset + (y - mu) * g
            w = 1.0 / (g**2 * self.family.variance(mu))
            WX = w[:, None] * X
            A = X.T.dot(WX) + self.alpha * np.eye(p)
            new = linalg.solve(A, WX.T.dot(z), assume_a="pos")
            delta = np.abs(new - self.coef_).max()
            self.coef_ = new
            eta = X.dot(self.coef_) + offset
            mu = self.family.inverse(eta)
            if delta < self.tol:
                break
        else:
            raise RuntimeError("no convergence")
        self.n_iter_ = it + 1
        self.cov_ = linalg.inv(A)
        return self


rng = np.random.default_rng(0)
X = np.c_[np.ones(12), rng.normal(size=(12, 2))]
counts = rng.poisson(np.exp(X @ [0.5, 0.3, -0.4])).astype(float)


def aic(weights):
    alpha, scale = weights
    Z = X.copy()
    Z[:, 1] *= scale
    model = GLM("poisson", alpha=alpha).fit(Z, counts)
    eta = Z @ model.coef_
    loglik = np.sum(xlogy(counts, np.exp(eta)) - np.exp(eta) - gammaln(counts + 1))
    se = np.sqrt(np.diag(model.cov_))
    for name, b, s in zip(["const", "x1", "x2"], model.coef_, se):
        print("{:<6s} {:+.3f} ({:.3f})".format(name, b, s))
    return -2 * loglik + 2 * len(model.coef_) + 0.1 * np.prod(se)


LOSS, ARGS = aic, ([0.3, 1.2],)
