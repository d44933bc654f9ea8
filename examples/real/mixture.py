"""A mixture of Gaussians in the plane: densities in a loop, and a step of expectation and maximisation."""

import numpy as np

rng = np.random.RandomState(5)
points = np.vstack([rng.randn(6, 2) + [2, 0], rng.randn(6, 2) * 0.5])


def gaussian(x, mu, sigma):
    d = len(mu)
    diff = x - mu
    inverse = np.linalg.inv(sigma)
    return np.exp(-0.5 * np.sum(diff @ inverse * diff, axis=1)) / np.sqrt((2 * np.pi) ** d * np.linalg.det(sigma))


def responsibilities(x, weights, means, covs):
    r = np.zeros((len(x), len(weights)))
    for k in range(len(weights)):
        r[:, k] = weights[k] * gaussian(x, means[k], covs[k])
    total = r.sum(axis=1)
    return r / total[:, np.newaxis], np.log(total).sum()


def negative_loglikelihood(means):
    """After one step of expectation and maximisation, by the means at the start."""
    k, d = means.shape
    weights = [1 / k] * k
    covs = [np.eye(d) for _ in range(k)]
    r, _ = responsibilities(points, weights, means, covs)
    new_means = []
    for j in range(k):
        nk = r[:, j].sum()
        mu = (r[:, j].reshape(-1, 1) * points).sum(0) / nk
        diff = points - mu
        covs[j] = (r[:, j] * diff.T).dot(diff) / nk + 1e-3 * np.identity(d)
        weights[j] = nk / len(points)
        new_means.append(mu)
    _, loglikelihood = responsibilities(points, weights, new_means, covs)
    return -loglikelihood


LOSS, ARGS = negative_loglikelihood, (np.array([[1.5, 0.2], [-0.3, 0.4]]),)
