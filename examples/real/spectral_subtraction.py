"""Noise taken out of a signal: stft, spectral subtraction, a band pass; the ratio in decibels."""

import numpy as np
from scipy import signal
from scipy.signal import butter, filtfilt, get_window

fs = 100.0
t = np.arange(64) / fs
clean = np.sin(2 * np.pi * 8 * t) * np.hanning(64)
noisy = clean + 0.3 * np.random.default_rng(2).normal(size=64)


def snr_db(ref, est):
    return 10 * np.log10(np.sum(ref**2) / np.sum((ref - est) ** 2))


def denoise(x, over, floor, nper=16):
    f, tt, Z = signal.stft(x, fs=fs, nperseg=nper, noverlap=nper // 2, window="hann")
    mag, phase = np.abs(Z), np.angle(Z)
    noise = np.mean(np.sort(mag, axis=1)[:, :3], axis=1, keepdims=True)
    sub = mag - over * noise
    sub = np.where(sub < floor * mag, floor * mag, sub)
    Zc = sub * np.exp(1j * phase)
    _, y = signal.istft(Zc, fs=fs, nperseg=nper, noverlap=nper // 2, window="hann")
    y = y[: len(x)]
    b, a = butter(2, [4 / (fs / 2), 16 / (fs / 2)], btype="band")
    y = filtfilt(b, a, y, padlen=10)
    env = np.abs(signal.hilbert(y))
    w = get_window("hamming", 5)
    env = np.convolve(env, w / w.sum(), mode="same")
    return y, env


def objective(p):
    y, env = denoise(noisy, p[0], p[1])
    f, P = signal.welch(y, fs, nperseg=32)
    peak = f[np.argmax(P)]
    print(f"peak at {peak:.1f} Hz, SNR {snr_db(clean, y):.2f} dB")
    return -snr_db(clean, y) + 0.1 * env.max() + P.sum()


LOSS, ARGS = objective, (np.array([1.2, 0.1]),)
