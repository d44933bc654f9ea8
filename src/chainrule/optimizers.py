"""Optimizers as pure functions: parameters, gradients and state in, new parameters and state out.

They take parameters in any tree, and are plain NumPy code, so a whole training step compiles as one program, and can
itself be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.hints import spelled
from chainrule.trees import Tree

__all__ = ["Optimizer", "adam", "adamw", "clip_by_global_norm", "sgd"]

Rate = float | Callable[[Any], Any]
"""A learning rate, or a function from the number of previous steps to the learning rate."""


class Optimizer(NamedTuple):
    """An optimizer, as made by `sgd`, `adam` and `adamw`; see `sgd` for an example.

    Attributes
    ----------
    init : `init(params)`, the state before the first step: a dict of the number of steps and of trees like params.
    step : `step(params, gradients, state)`, the new parameters and the new state.
    """

    init: Callable[[Any], dict[str, Any]]
    step: Callable[[Any, Any, dict[str, Any]], tuple[Any, dict[str, Any]]]


Moved = tuple[Any, ...]
"""The new leaf of the parameters after a step, followed by the new leaves of the state."""


def _optimizer(names: Sequence[str], moved: Callable[..., Moved]) -> Optimizer:
    """An optimizer that updates leaf by leaf; its initial state is a tree of zeros for each of these names.

    `moved(p, g, t, *state)` gives the new leaf p for its gradient g, and new leaves of the state; t counts from 1.
    """

    def init(params: Any) -> dict[str, Any]:
        tree = Tree(params)
        return {"t": 0.0} | {name: tree.gradient([np.zeros_like(p) for p in tree.leaves]) for name in names}

    def step(params: Any, gradients: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        tree = Tree(params)
        t = state["t"] + 1
        columns = [tree.of_tangents(part) for part in (gradients, *(state[name] for name in names))]
        rows = [moved(p, g, t, *rest) for p, g, *rest in zip(tree.leaves, *columns, strict=True)]
        first, *others = [*zip(*rows, strict=True)]
        found = {name: tree.gradient(leaves) for name, leaves in zip(names, others, strict=True)}
        return tree.argument(first), {"t": t} | found

    return Optimizer(init, step)


def _rate(learning_rate: Rate, t: Any) -> Any:
    return learning_rate(t - 1) if callable(learning_rate) else learning_rate


@spelled
def sgd(learning_rate: Rate, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Gradient descent: p ← p − η b, where b ← momentum · b + g.

    Parameters
    ----------
    learning_rate : η, a number or a function of the number of steps before this one.
    momentum : the fraction of the last direction b that is kept.
    nesterov : whether p moves by g + momentum · b instead.

    >>> import numpy as np, chainrule as cr
    >>> optimizer = cr.sgd(0.1)
    >>> w = np.array([1.0, 2.0])
    >>> w, state = optimizer.step(w, cr.grad(lambda w: np.sum(w**2))(w), optimizer.init(w))
    >>> w
    array([0.8, 1.6])

    References: `torch.optim.SGD`, whose convention this is.
    """

    def moved(p: Any, g: Any, t: Any, b: Any = None) -> Moved:
        if b is None:
            return (p - _rate(learning_rate, t) * g,)
        b = momentum * b + g
        return p - _rate(learning_rate, t) * (g + momentum * b if nesterov else b), b

    return _optimizer(["b"] if momentum else [], moved)


@spelled
def adam(learning_rate: Rate = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam: p ← p − η m̂ / (√v̂ + eps), with running means m of g and v of g², each divided by 1 − bᵗ.

    Parameters
    ----------
    learning_rate : η, a number or a function of the number of steps before this one.
    b1, b2 : the fractions of m and of v that are kept at each step.
    eps : keeps the denominator from 0.

    >>> import numpy as np, chainrule as cr
    >>> optimizer = cr.adam(0.1)
    >>> def loss(w):
    ...     return np.sum((w - 3.0) ** 2)
    >>> @cr.compile
    ... def step(w, state):
    ...     return optimizer.step(w, cr.grad(loss)(w), state)
    >>> w = np.zeros(2)
    >>> state = optimizer.init(w)
    >>> for _ in range(200):
    ...     w, state = step(w, state)
    >>> np.round(w, 2)
    array([3., 3.])

    References: Kingma and Ba, Adam: a method for stochastic optimization, 2015; `torch.optim.Adam`.
    """
    return adamw(learning_rate, b1, b2, eps, weight_decay=0.0)


@spelled
def adamw(
    learning_rate: Rate = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, weight_decay: float = 1e-2
) -> Optimizer:
    """Adam that also shrinks each parameter: p ← p − η · weight_decay · p before the step.

    Parameters
    ----------
    learning_rate, b1, b2, eps : as in `adam`.
    weight_decay : the fraction of each parameter, times η, that is subtracted at each step.

    >>> import numpy as np, chainrule as cr
    >>> optimizer = cr.adamw(0.1, weight_decay=0.5)
    >>> optimizer.step(np.ones(2), np.zeros(2), optimizer.init(np.ones(2)))[0]
    array([0.95, 0.95])

    References: Loshchilov and Hutter, Decoupled weight decay regularization, 2019; `torch.optim.AdamW`.
    """

    def moved(p: Any, g: Any, t: Any, m: Any, v: Any) -> Moved:
        rate = _rate(learning_rate, t)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        if weight_decay:
            p = p - rate * weight_decay * p
        return p - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps), m, v

    return _optimizer(["m", "v"], moved)


def clip_by_global_norm(gradients: Any, max_norm: float) -> Any:
    """Gradients scaled down so that the 2-norm of all their numbers together is at most `max_norm`.

    Parameters
    ----------
    gradients : a tree of arrays.
    max_norm : the largest norm; smaller gradients are returned unchanged.

    >>> import numpy as np, chainrule as cr
    >>> cr.clip_by_global_norm({"w": np.array([3.0, 0.0]), "b": 4.0}, 1.0)["w"].round(3)
    array([0.6, 0. ])

    References: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013.
    """
    tree = Tree(gradients)
    norm = np.sqrt(sum(np.sum(np.abs(g) ** 2) for g in tree.leaves))
    scale = max_norm / np.maximum(norm, max_norm)
    return tree.argument([g * scale for g in tree.leaves])
