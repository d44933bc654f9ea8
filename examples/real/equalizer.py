"""An equaliser of second order and an echo; the loudness from the spectrum in decibels."""

import numpy as np
from scipy import signal

fs = 8000
t = np.arange(256) / fs
dry = np.sin(2 * np.pi * 440 * t) + 0.3 * np.sin(2 * np.pi * 1200 * t)


def peaking(f0, gain_db, Q):
    A = 10 ** (gain_db / 40)
    w0 = 2 * np.pi * f0 / fs
    alpha = np.sin(w0) / (2 * Q)
    b = np.array([1 + alpha * A, -2 * np.cos(w0), 1 - alpha * A])
    a = np.array([1 + alpha / A, -2 * np.cos(w0), 1 - alpha / A])
    return b / a[0], a / a[0]


def echo(x, delay, feedback):
    y = np.copy(x)
    for n in range(delay, len(x)):
        y[n] += feedback * y[n - delay]
    return y


def loudness(p):
    b, a = peaking(p["f0"], p["gain"], p["Q"])
    wet = echo(signal.lfilter(b, a, dry), 100, p["feedback"])
    window = signal.get_window("hann", len(wet))
    spectrum = np.abs(np.fft.rfft(wet * window)) ** 2
    db = 10 * np.log10(spectrum + 1e-6)
    return db[10:60].mean() + 0.1 * np.max(np.abs(wet))


LOSS, ARGS = loudness, ({"f0": 900.0, "gain": 6.0, "Q": 1.4, "feedback": 0.4},)
