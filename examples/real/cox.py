"""The partial likelihood of Cox' model of survival; the data are a DataFrame."""

import numpy as np
import pandas as pd

df = pd.DataFrame(
    {
        "time": [5.0, 8.0, 2.0, 6.0, 9.0, 4.0],
        "event": [1, 0, 1, 1, 0, 1],
        "age": [0.3, -1.2, 0.9, 0.1, -0.4, 1.5],
        "dose": [1.0, 0.0, 0.5, 0.2, 1.0, 0.7],
    }
).sort_values("time", ascending=False)


def partial_loglikelihood(beta):
    X = df[["age", "dose"]].to_numpy()
    events = df["event"].values
    eta = X.dot(beta)
    risk = np.exp(eta)
    cumulative = np.zeros(len(risk))
    running = 0.0
    for i in range(len(risk)):
        running += risk[i]
        cumulative[i] = running
    loglik = 0.0
    for i, event in enumerate(events):
        if event:
            loglik += eta[i] - np.log(cumulative[i])
    return loglik


def penalized(beta, penalty=0.1):
    """Negative partial log likelihood with a quadratic penalty, by the coefficients."""
    return -partial_loglikelihood(beta) + penalty * beta.dot(beta)


LOSS, ARGS = penalized, (np.array([0.2, -0.4]),)
