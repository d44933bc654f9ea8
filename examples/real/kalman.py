"""A Kalman filter as a class: position and speed from noisy positions."""

import numpy as np


class KalmanFilter:
    def __init__(self, F, H, Q, R, x0, P0):
        self.F, self.H, self.Q, self.R = F, H, Q, R
        self.x = x0
        self.P = P0
        self.loglikelihood = 0.0

    def predict(self):
        self.x = self.F.dot(self.x)
        self.P = self.F.dot(self.P).dot(self.F.T) + self.Q

    def update(self, z):
        y = z - self.H.dot(self.x)
        S = self.H.dot(self.P).dot(self.H.T) + self.R
        K = self.P.dot(self.H.T).dot(np.linalg.inv(S))
        self.x = self.x + K.dot(y)
        I = np.eye(self.P.shape[0])
        self.P = (I - K.dot(self.H)).dot(self.P)
        self.loglikelihood += -0.5 * (
            np.log(np.linalg.det(2 * np.pi * S)) + float(np.squeeze(y.T.dot(np.linalg.inv(S)).dot(y)))
        )


measurements = np.sin(np.arange(8) * 0.3) + 0.05 * np.cos(np.arange(8) * 7)


def negative_loglikelihood(noise):
    """Of the measurements, by the variances of the process and of the measurements."""
    dt = 0.1
    F = np.array([[1, dt], [0, 1]])
    H = np.array([[1.0, 0.0]])
    Q = noise[0] * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    kf = KalmanFilter(F, H, Q, np.array([noise[1]]).reshape(1, 1), np.zeros((2, 1)), np.eye(2))
    for z in measurements:
        kf.predict()
        kf.update(z)
    return -kf.loglikelihood


LOSS, ARGS = negative_loglikelihood, (np.array([1.0, 0.1]),)
