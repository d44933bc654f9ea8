"""The price of an option in Heston's model, by simulation from a seed."""

import numpy as np

S0, K, r, T = 100.0, 100.0, 0.02, 1.0


def simulate(v0, kappa, theta, xi, rho, n_paths=16, n_steps=6):
    np.random.seed(42)
    dt = T / n_steps
    S = np.zeros((n_paths, n_steps + 1))
    v = np.zeros_like(S)
    S[:, 0] = S0
    v[:, 0] = v0
    cov = np.sqrt(1 - rho**2)
    for t in range(1, n_steps + 1):
        z1 = np.random.standard_normal(n_paths)
        z2 = rho * z1 + cov * np.random.standard_normal(n_paths)
        v[:, t] = np.maximum(
            v[:, t - 1] + kappa * (theta - v[:, t - 1]) * dt + xi * np.sqrt(v[:, t - 1] * dt) * z2, 1e-4
        )
        S[:, t] = S[:, t - 1] * np.exp((r - 0.5 * v[:, t - 1]) * dt + np.sqrt(v[:, t - 1] * dt) * z1)
    return S


def price(parameters):
    """Mean discounted payoff, by v₀, κ, θ, ξ and ρ."""
    S = simulate(*parameters)
    payoff = np.maximum(S[:, -1] - K, 0)
    return np.exp(-r * T) * np.mean(payoff)


LOSS, ARGS = price, (np.array([0.05, 1.5, 0.04, 0.3, -0.6]),)
