"""Finite volumes for the Euler equations of gas: a shock tube with limited slopes and HLL fluxes."""

from numpy import *

gamma = 1.4


def prim2cons(W):
    U = zeros_like(W)
    U[0] = W[0]
    U[1] = W[0] * W[1]
    U[2] = W[2] / (gamma - 1) + 0.5 * W[0] * W[1] ** 2
    return U


def cons2prim(U):
    W = empty_like(U)
    W[0] = U[0]
    W[1] = U[1] / U[0]
    W[2] = (gamma - 1) * (U[2] - 0.5 * U[0] * W[1] ** 2)
    return W


def minmod(a, b):
    return where(a * b > 0, where(abs(a) < abs(b), a, b), 0.0)


def slopes(W):
    dW = zeros(W.shape)
    for k in range(3):
        dW[k, 1:-1] = minmod(W[k, 1:-1] - W[k, :-2], W[k, 2:] - W[k, 1:-1])
    return dW


def flux(W):
    F = zeros_like(W)
    F[0] = W[0] * W[1]
    F[1] = W[0] * W[1] ** 2 + W[2]
    F[2] = W[1] * (W[2] * gamma / (gamma - 1) + 0.5 * W[0] * W[1] ** 2)
    return F


def hll(WL, WR):
    cL, cR = sqrt(gamma * WL[2] / WL[0]), sqrt(gamma * WR[2] / WR[0])
    sL = minimum(WL[1] - cL, WR[1] - cR)
    sR = maximum(WL[1] + cL, WR[1] + cR)
    FL, FR = flux(WL), flux(WR)
    F = (sR * FL - sL * FR + sL * sR * (prim2cons(WR) - prim2cons(WL))) / (sR - sL)
    right, left = sL > 0, sR < 0
    F[:, right] = FL[:, right]
    F[:, left] = FR[:, left]
    return F


def impulse(left):
    """Momentum in the tube after a few steps, by density and pressure of the gas on the left."""
    n = 14
    W = zeros((3, n))
    W[0, : n // 2], W[0, n // 2 :] = left[0], 0.125
    W[2, : n // 2], W[2, n // 2 :] = left[1], 0.1
    U = prim2cons(W)
    dx, dt = 1.0 / n, 0.01
    for step in range(3):
        W = cons2prim(U)
        dW = slopes(W)
        F = hll(W[:, :-1] + 0.5 * dW[:, :-1], W[:, 1:] - 0.5 * dW[:, 1:])
        U[:, 1:-1] -= dt / dx * (F[:, 1:] - F[:, :-1])
    assert all(isfinite(U))
    return sum(U[1]) * dx


LOSS, ARGS = impulse, (array([1.0, 1.0]),)
