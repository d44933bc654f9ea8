"""Stand-ins for random generators while a function is recorded: the arrays that they draw are buffers.

A draw has a derivative by a recorded parameter of its distribution: the draw of the standard distribution is held
fixed, and the result changes with the parameter (the reparametrisation of Kingma and Welling, 2014, sections 2.3 and
2.4).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of
from chainrule.buffered import BUFFERED
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.standins.buffer import buffer, is_recorded, plain_of
from chainrule.standins.function import StandIn, Stands
from chainrule.standins.numpy_functions import joined, joined_if_recorded
from chainrule.standins.scipy_values import read_values, with_value

__all__ = ["DISTRIBUTIONS", "DISTRIBUTION_WORDS", "GENERATORS", "MAKERS", "Drawing", "drawn_by"]

GENERATORS = (np.random.Generator, np.random.RandomState)


class Drawing(Stands):
    """A stand-in for a generator; its methods return buffers."""

    def __init__(self, generator: Any):
        self._generator = generator

    @property
    def _meant(self) -> Any:
        return self._generator

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._generator)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__dict__["_generator"], name)
        return drawn_by(found) if callable(found) and not name.startswith("_") else found

    def __repr__(self) -> str:
        return repr(self._generator)

    def __reduce__(self) -> Any:
        return self._generator.__reduce__()


class Distribution(NamedTuple):
    """How a draw depends on the parameters.

    Attributes
    ----------
    standard : the parameters of the standard distribution, by their names; these are their defaults too.
    moved : computes the draw from a draw of the standard distribution and the parameters.
    """

    standard: dict[str, float]
    moved: Callable[..., Any]


_BY_LOCATION = Distribution({"loc": 0.0, "scale": 1.0}, lambda z, loc, scale: loc + scale * z)
_BY_SCALE = Distribution({"scale": 1.0}, lambda z, scale: scale * z)
DISTRIBUTIONS = {
    **dict.fromkeys(("normal", "laplace", "logistic", "gumbel"), _BY_LOCATION),
    **dict.fromkeys(("exponential", "rayleigh"), _BY_SCALE),
    "uniform": Distribution({"low": 0.0, "high": 1.0}, lambda u, low, high: low + (high - low) * u),
    "lognormal": Distribution({"mean": 0.0, "sigma": 1.0}, lambda z, mean, sigma: np.exp(mean + sigma * np.log(z))),
    "weibull": Distribution({"a": 1.0}, lambda z, a: z ** (1 / a)),
    "pareto": Distribution({"a": 1.0}, lambda z, a: np.expm1(np.log1p(z) / a)),
    "power": Distribution({"a": 1.0}, lambda u, a: u ** (1 / a)),
}
"""The distributions with parameters by which a draw has a derivative, by the names of the generators' methods."""


def _permutation(generator: Any, x: Any, axis: int = 0) -> Any:
    x = joined(x)
    return np.take(x, generator.permutation(x.shape[axis]), axis)


def _shuffle(generator: Any, x: Any, axis: int = 0) -> None:
    if isinstance(x, list):
        generator.shuffle(x)
    else:
        x[...] = _permutation(generator, x, axis)


def _choice(
    generator: Any, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0, **options: Any
) -> Any:
    a = joined(a)
    return np.take(a, generator.choice(a.shape[axis], size, replace, read_values(p), **options), axis)


ARRANGEMENTS: dict[str, Callable[..., Any]] = {"permutation": _permutation, "shuffle": _shuffle, "choice": _choice}
"""Methods of generators that draw an order or a choice of the entries of a recorded array, by name."""


DISTRIBUTION_WORDS = frozenset(
    name for kind in GENERATORS for name in vars(kind) if name[0] != "_" and name not in ("power", "random", "bytes")
)
"""Names of methods that draw. Code that contains one of them gets stand-ins for generators."""


def drawn_by(method: Any) -> StandIn:
    """A method of a generator, whose arrays are buffers, and which takes recorded parameters."""

    def draw(*args: Any, **kwargs: Any) -> Any:
        if is_recorded([*args, *kwargs.values()]):
            return _moved_draw(method, args, kwargs)
        drawn = method(*args, **kwargs)
        return buffer(drawn) if BUFFERED.get() else drawn

    return StandIn(method, draw)


def _moved_draw(method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A draw with recorded parameters. Its value is NumPy's own; a copy of the generator draws the standard one."""
    generator, name = method.__self__, method.__name__
    if name in ARRANGEMENTS and args and is_recorded(args[0]):
        return ARRANGEMENTS[name](generator, *args, **kwargs)
    args = tuple([joined_if_recorded(plain_of(x)) for x in args])
    kwargs = {key: joined_if_recorded(plain_of(x)) for key, x in kwargs.items()}
    before = copy.deepcopy(generator)
    value = method(*read_values(args), **read_values(kwargs))
    distribution = DISTRIBUTIONS.get(name)
    given = [x for x in (*args, *kwargs.values()) if type(x) is Array and node_of(x).differentiable]
    if not given or np.asarray(value).dtype.kind in "iub":
        return value
    if distribution is None:
        raise RecordingError(
            f"a draw of {name} has no derivative by a recorded parameter; give it as cr.stop_gradient(x), or make the "
            f"draw of others: {', '.join(DISTRIBUTIONS)}" + at_line()
        )
    names = [*distribution.standard, "size"]
    chosen = distribution.standard | dict(zip(names, args, strict=False)) | kwargs
    standard = getattr(before, name)(*distribution.standard.values(), size=np.shape(value))
    with np.errstate(all="ignore"):  # NumPy has warned
        moved = distribution.moved(standard, *[chosen[parameter] for parameter in distribution.standard])
    return with_value(moved, value)


def _making(maker: Any) -> StandIn:
    def make(*args: Any, **kwargs: Any) -> Any:
        if not BUFFERED.get():
            return maker(*args, **kwargs)
        seed = args[0] if args else kwargs.get("seed")
        if maker is np.random.RandomState and seed is not None and not hasattr(seed, "capsule"):
            made = maker(np.random.MT19937(0))  # RandomState(seed) asks the system for a seed first, and forgets it
            made.seed(seed)
            return Drawing(made)
        return Drawing(maker(*args, **kwargs))

    return StandIn(maker, make)


MAKERS = {maker: _making(maker) for maker in (np.random.default_rng, *GENERATORS)}
"""The stand-ins for the functions that make a generator."""
