"""Extending signals: by zeros, or at both ends as filters pad them."""

import numpy as np

__all__ = ["extended", "longer"]


def longer(x, n):
    """x, padded with zeros at the end of the last axis to length n."""
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])


def extended(x, padtype, n):
    """x with n entries before and after along the last axis, as filtfilt pads it."""
    if not n or padtype is None:
        return x
    if padtype == "constant":
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n, n)], mode="edge")
    before, after = x[..., n:0:-1], x[..., -2 : -(n + 2) : -1]
    if padtype == "odd":
        before, after = 2 * x[..., :1] - before, 2 * x[..., -1:] - after
    return np.concatenate([before, x, after], axis=-1)
