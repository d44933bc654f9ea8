"""A wavelet transform by hand: Daubechies filters, periodic steps in place with stride slices, soft thresholds."""

import numpy as np

s3 = np.sqrt(3)
H = np.array([1 + s3, 3 + s3, 3 - s3, 1 - s3]) / (4 * np.sqrt(2))
G = np.array([H[3], -H[2], H[1], -H[0]])


def dwt_step(a):
    n = a.size
    half = n >> 1
    tmp = np.zeros(n)
    i = 0
    for j in range(0, n - 3, 2):
        tmp[i] = a[j] * H[0] + a[j + 1] * H[1] + a[j + 2] * H[2] + a[j + 3] * H[3]
        tmp[i + half] = a[j] * G[0] + a[j + 1] * G[1] + a[j + 2] * G[2] + a[j + 3] * G[3]
        i += 1
    tmp[i] = a[n - 2] * H[0] + a[n - 1] * H[1] + a[0] * H[2] + a[1] * H[3]
    tmp[i + half] = a[n - 2] * G[0] + a[n - 1] * G[1] + a[0] * G[2] + a[1] * G[3]
    a[:] = tmp


def idwt_step(a):
    half = a.size // 2
    out = np.zeros_like(a)
    s, d = a[:half], a[half:]
    for k, (h, g) in enumerate(zip(H, G)):
        out[k % 2 :: 2] += h * np.roll(s, k // 2) + g * np.roll(d, k // 2)
    return out


def transform(x, levels):
    a = np.array(x, dtype=float)
    n = a.size
    for _ in range(levels):
        dwt_step(a[:n])
        n //= 2
    return a


def inverse(a, levels):
    a = a.copy()
    for l in reversed(range(levels)):
        n = a.size >> l
        a[:n] = idwt_step(a[:n])
    return a


def soft(x, lam):
    return np.sign(x) * np.maximum(np.abs(x) - lam, 0)


t = np.linspace(0, 1, 16, endpoint=False)
CLEAN = np.sin(2 * np.pi * t) + (t > 0.5)
NOISY = CLEAN + 0.2 * np.random.RandomState(0).randn(16)


def risk(x, lam):
    c = transform(x, 2)
    sigma = np.median(np.abs(c[8:])) / 0.6745
    c[4:] = soft(c[4:], lam * sigma * np.sqrt(2 * np.log(x.size)))
    back = inverse(c, 2)
    return np.mean((back - CLEAN) ** 2) + 0.01 * np.count_nonzero(c) / c.size + 1e-2 * np.sum(np.abs(c))


LOSS, ARGS = risk, (NOISY, 0.6)
