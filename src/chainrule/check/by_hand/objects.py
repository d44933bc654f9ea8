"""Objects with forward and backward methods: their own arrays, and the gradients that they store for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.check.by_hand.names import named_by

__all__ = ["attributes_set", "kept_gradients", "read"]


def kept_gradients(owner: Any) -> dict[str, str]:
    """The arrays of an object whose gradients it stores, each with the place of its gradient: self.W and self.dW.

    Entries of dicts count too: self.params['W'], and self.grads['W'] or self.grads['dW'].
    """
    places = [place for place in _places(owner) if _is_floating(read(owner, place))]
    found: dict[str, str] = {}
    for own in places:
        for place in places:
            if place != own and np.shape(read(owner, own)) == np.shape(read(owner, place)) and _is_gradient(place, own):
                found.setdefault(own, place)
    return {own: place for own, place in found.items() if own not in found.values()}


def _is_gradient(place: str, own: str) -> bool:
    """Whether one place is named as the gradient of another."""
    if named_by(_last(place), [_last(own)]) is not None:
        return True
    return (
        _last(place) == _last(own) and _holder(place) != _holder(own) and _holder(place).startswith(("grad", "dparam"))
    )


def _places(owner: Any) -> Iterator[str]:
    for name, value in vars(owner).items() if hasattr(owner, "__dict__") else ():
        yield f"self.{name}"
        if isinstance(value, dict):
            yield from (f"self.{name}[{key!r}]" for key in value if isinstance(key, str))


def _last(place: str) -> str:
    return place.rpartition("[")[2].strip("]'") if "[" in place else _holder(place)


def _holder(place: str) -> str:
    return place.partition("[")[0].removeprefix("self.")


def _is_floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def read(owner: Any, place: str) -> Any:
    """The value at a place of an object: self.W, self.params['W']."""
    container, key = _container(owner, place)
    return container.get(key)


def _container(owner: Any, place: str) -> tuple[dict[str, Any], str]:
    return (vars(owner)[_holder(place)] if "[" in place else vars(owner)), _last(place)


@contextlib.contextmanager
def attributes_set(owner: Any, values: dict[str, Any]) -> Iterator[None]:
    """Context in which some places of an object hold other values."""
    before = {place: read(owner, place) for place in values}
    try:
        for place, value in values.items():
            container, key = _container(owner, place)
            container[key] = value
        yield
    finally:
        for place, value in before.items():
            container, key = _container(owner, place)
            container[key] = value
