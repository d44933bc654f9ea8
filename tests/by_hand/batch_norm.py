"""Batch normalisation in small steps, with a cache."""

import numpy as np

import chainrule as cr


def batchnorm_forward(x, gamma, beta, eps):
    N = x.shape[0]
    mu = np.sum(x, axis=0) / N
    xmu = x - mu
    sq = xmu**2
    var = np.sum(sq, axis=0) / N
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar
    gammax = gamma * xhat
    out = gammax + beta
    cache = (xhat, gamma, xmu, ivar, sqrtvar)
    return out, cache


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgammax = dout
    dgamma = np.sum(dgammax * xhat, axis=0)
    dxhat = dgammax * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1.0 / sqrtvar**2 * divar
    dvar = 0.5 / sqrtvar * dsqrtvar
    dsq = np.ones((N, D)) / N * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = np.ones((N, D)) / N * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def check():
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3)
    return cr.check(batchnorm_forward, against=batchnorm_backward)(x, gamma, beta, 1e-5)


MISTAKES = [
    ("1/N forgotten", "dsq = np.ones((N, D)) / N * dvar", "dsq = np.ones((N, D)) * dvar"),
    ("sign", "dsqrtvar = -1.0 / sqrtvar**2 * divar", "dsqrtvar = 1.0 / sqrtvar**2 * divar"),
    ("½ forgotten", "dvar = 0.5 / sqrtvar * dsqrtvar", "dvar = 1.0 / sqrtvar * dsqrtvar"),
    ("2 forgotten", "dxmu2 = 2 * xmu * dsq", "dxmu2 = xmu * dsq"),
    ("not multiplied by gamma", "dxhat = dgammax * gamma", "dxhat = dgammax"),
    ("no sum over the batch", "dgamma = np.sum(dgammax * xhat, axis=0)", "dgamma = dgammax * xhat"),
    ("mean instead of sum", "dbeta = np.sum(dout, axis=0)", "dbeta = np.mean(dout, axis=0)"),
    ("mu forgotten", "dx = dx1 + dx2", "dx = dx1"),
    ("var forgotten in mu", "dmu = -np.sum(dxmu1 + dxmu2, axis=0)", "dmu = -np.sum(dxmu2, axis=0)"),
    ("another factor", "divar = np.sum(dxhat * xmu, axis=0)", "divar = np.sum(dxhat * xhat, axis=0)"),
    ("dx and dgamma swapped", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma"),
    ("cache in another order", "xhat, gamma, xmu, ivar, sqrtvar = cache", "xmu, gamma, xhat, ivar, sqrtvar = cache"),
]
