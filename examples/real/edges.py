"""Edges of an image: blur, Sobel, the ridges of the gradient, a soft threshold; scipy.ndimage."""

import numpy as np
from scipy import ndimage

rng = np.random.default_rng(0)
yy, xx = np.mgrid[0:12, 0:12]
image = ((xx - 6) ** 2 + (yy - 5) ** 2 < 14).astype(float) + 0.05 * rng.normal(size=(12, 12))


def sobel_filters(img):
    Kx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    Ky = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], np.float32)
    Ix = ndimage.convolve(img, Kx)
    Iy = ndimage.convolve(img, Ky)
    G = np.hypot(Ix, Iy)
    G = G / G.max()
    theta = np.arctan2(Iy, Ix)
    return G, theta


def non_max_suppression(img, D):
    M, N = img.shape
    Z = np.zeros((M, N))
    angle = D * 180.0 / np.pi
    angle[angle < 0] += 180
    for i in range(1, M - 1):
        for j in range(1, N - 1):
            q = r = 255
            if 0 <= angle[i, j] < 22.5 or 157.5 <= angle[i, j] <= 180:
                q, r = img[i, j + 1], img[i, j - 1]
            elif 22.5 <= angle[i, j] < 67.5:
                q, r = img[i + 1, j - 1], img[i - 1, j + 1]
            elif 67.5 <= angle[i, j] < 112.5:
                q, r = img[i + 1, j], img[i - 1, j]
            elif 112.5 <= angle[i, j] < 157.5:
                q, r = img[i - 1, j - 1], img[i + 1, j + 1]
            if img[i, j] >= q and img[i, j] >= r:
                Z[i, j] = img[i, j]
            else:
                Z[i, j] = 0
    return Z


def edges(img, sharp=10.0):
    smooth = ndimage.gaussian_filter(img, 1.0)
    G, theta = sobel_filters(smooth)
    Z = non_max_suppression(G, theta)
    strong = 1 / (1 + np.exp(-sharp * (Z - 0.4)))
    return (strong * Z).sum()


LOSS, ARGS = edges, (image,)
