"""A bilateral filter of a noisy image, pixel by pixel, and its distance to the clean one."""

import numpy as np


def gaussian(x, sigma):
    return np.exp(-(x**2) / (2 * sigma**2))


def bilateral(image, sigma_space, sigma_range, radius=1):
    padded = np.pad(image, radius, mode="edge")
    result = np.zeros(image.shape)
    rows, cols = image.shape
    for i in range(rows):
        for j in range(cols):
            total, weight = 0, 0
            for k in range(-radius, radius + 1):
                for l in range(-radius, radius + 1):
                    p = padded[i + radius + k, j + radius + l]
                    w = gaussian(np.sqrt(k**2 + l**2), sigma_space) * gaussian(p - image[i, j], sigma_range)
                    total += w * p
                    weight += w
            result[i, j] = total / weight
    return result


clean = np.zeros((3, 4))
clean[:, 2:] = 1.0
noisy = clean + 0.1 * np.random.RandomState(2).randn(*clean.shape)


def error(sigmas):
    """Mean squared error of the filtered image, by the widths in space and in brightness."""
    out = bilateral(noisy, *sigmas)
    return np.mean(np.square(out - clean))


LOSS, ARGS = error, ([1.0, 0.3],)
