"""scipy.cluster.vq: SciPy finds the nearest codes, from plain values; distances and means have derivatives."""

from typing import Any

import numpy as np
import scipy.cluster.vq as scipys

from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.scipy._callbacks import without_derivative
from chainrule.scipy.arguments import by_name
from chainrule.standins.scipy_functions import read_values, twin


@twin(scipys.whiten)
def whiten(obs, check_finite=True):
    obs = as_array(obs)
    deviation = np.std(obs, axis=0)
    return obs / np.where(deviation == 0, 1.0, deviation)


@twin(scipys.vq, adopts=False)
def vq(obs, code_book, check_finite=True):
    obs, code_book = as_array(obs), as_array(code_book)
    code = step(lambda obs, book: scipys.vq(obs, book)[0], obs, code_book)
    d = obs - code_book[code]
    return code, abs(d) if obs.ndim == 1 else np.linalg.norm(d, axis=-1)


@twin(scipys.kmeans2, adopts=False)
def kmeans2(data: Any, k: Any, *rest: Any, **options: Any) -> Any:
    """The means of the clusters that SciPy finds. A cluster without points stays at its starting position."""
    options = by_name(scipys.kmeans2, 2, rest, options)
    start, label = scipys.kmeans2(read_values(data), read_values(k), **read_values(options))
    return _means(as_array(data), label, start), label


@twin(scipys.kmeans, adopts=False)
def kmeans(obs: Any, k_or_guess: Any, *rest: Any, **options: Any) -> Any:
    """The means of the clusters that SciPy finds, and the mean distance to the nearest of them."""
    options, plain = by_name(scipys.kmeans, 2, rest, options), read_values(obs)
    book, distortion = scipys.kmeans(plain, read_values(k_or_guess), **read_values(options))
    data, label = as_array(obs), scipys.vq(plain, book)[0]
    made = _means(data, label, book)
    if not np.allclose(read_values(made), book, rtol=1e-12, atol=1e-12):  # it stopped before the labels converged
        return tuple(without_derivative("kmeans", value, [data]) for value in (book, distortion))
    return made, np.mean(vq(data, made)[1])


def _means(data, label, otherwise):
    members = [np.flatnonzero(label == j) for j in range(len(otherwise))]
    return np.stack([np.mean(data[i], axis=0) if i.size else x for i, x in zip(members, otherwise, strict=True)])
