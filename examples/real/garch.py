"""The likelihood of a GARCH(1, 1) model of returns."""

import numpy as np

returns = np.array([0.5, -1.2, 0.3, 0.8, -0.6, 1.9, -2.2, 0.4, 0.1, -0.3])


def garch_variance(omega, alpha, beta, r):
    T = len(r)
    sigma2 = np.zeros(T)
    sigma2[0] = np.var(r)
    for t in range(1, T):
        sigma2[t] = omega + alpha * r[t - 1] ** 2 + beta * sigma2[t - 1]
    return sigma2


def negative_loglikelihood(params, r=returns):
    """Of the returns, by ω, α and β."""
    omega, alpha, beta = params
    if omega <= 0 or alpha < 0 or beta < 0 or alpha + beta >= 1:
        return 1e10
    sigma2 = garch_variance(omega, alpha, beta, r)
    return 0.5 * sum(np.log(2 * np.pi * s) + x**2 / s for s, x in zip(sigma2, r))


LOSS, ARGS = negative_loglikelihood, (np.array([0.1, 0.2, 0.6]),)
