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

__all__ = ["DISTRIBUTIONS", "DISTRIBUTION_WORDS", "GENERATORS", "MAKERS", "DrawingGenerator", "drawn_by"]

GENERATORS = (np.random.Generator, np.random.RandomState)


class DrawingGenerator(Stands):
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


class DrawnDistribution(NamedTuple):
    """How a draw depends on the parameters.

    Attributes
    ----------
    standard : the parameters of the standard distribution, by their names; these are their defaults too. None for a
        parameter that stays what it is, and by which a draw has no derivative.
    moved : computes the draw from a draw of the standard distribution and the parameters.
    source : the method that draws from the standard distribution, without parameters, if it is another one.
    """

    standard: dict[str, float | None]
    moved: Callable[..., Any]
    source: str = ""


def _triangular(u: Any, left: Any, mode: Any, right: Any) -> Any:
    """The inverse of the distribution function."""
    width = right - left
    rising, falling = u * (mode - left) * width, (1 - u) * (right - mode) * width
    return np.where(u <= (mode - left) / width, left + np.sqrt(rising), right - np.sqrt(falling))


_BY_LOCATION = DrawnDistribution({"loc": 0.0, "scale": 1.0}, lambda z, loc, scale: loc + scale * z)
_BY_SCALE = DrawnDistribution({"scale": 1.0}, lambda z, scale: scale * z)
DISTRIBUTIONS = {
    **dict.fromkeys(("normal", "laplace", "logistic", "gumbel"), _BY_LOCATION),
    **dict.fromkeys(("exponential", "rayleigh"), _BY_SCALE),
    "uniform": DrawnDistribution({"low": 0.0, "high": 1.0}, lambda u, low, high: low + (high - low) * u),
    "lognormal": DrawnDistribution(
        {"mean": 0.0, "sigma": 1.0}, lambda z, mean, sigma: np.exp(mean + sigma * np.log(z))
    ),
    "weibull": DrawnDistribution({"a": 1.0}, lambda z, a: z ** (1 / a)),
    "pareto": DrawnDistribution({"a": 1.0}, lambda z, a: np.expm1(np.log1p(z) / a)),
    "power": DrawnDistribution({"a": 1.0}, lambda u, a: u ** (1 / a)),
    "gamma": DrawnDistribution({"shape": None, "scale": 1.0}, lambda z, shape, scale: scale * z),
    "vonmises": DrawnDistribution({"mu": 0.0, "kappa": None}, lambda z, mu, kappa: mu + z),
    "triangular": DrawnDistribution({"left": 0.0, "mode": 0.5, "right": 1.0}, _triangular, "uniform"),
}
"""The distributions with parameters by which a draw has a derivative, by the names of the generators' methods."""


def _moved_normal(
    value: Any, mean: Any, cov: Any, size: Any = None, check_valid: str = "", tol: float = 0.0, *, method: str = "svd"
) -> Any:
    """A draw of a normal distribution of several numbers, which moves with its mean, and with a Cholesky factor."""
    mean, cov = joined(mean), joined(cov)
    offset = value - read_values(mean)
    if type(cov) is Array and node_of(cov).differentiable:
        if method != "cholesky":
            raise RecordingError(
                "a draw of multivariate_normal has a derivative by its covariance with method='cholesky'; singular "
                "vectors have none where singular values are equal. Write rng.multivariate_normal(mean, cov, "
                "method='cholesky'), or mean + np.linalg.cholesky(cov) @ rng.standard_normal(n)" + at_line()
            )
        standard = np.linalg.solve(np.linalg.cholesky(read_values(cov)), offset[..., None])
        offset = (np.linalg.cholesky(cov) @ standard)[..., 0]
    return mean + offset


OF_VALUES: dict[str, Callable[..., Any]] = {"multivariate_normal": _moved_normal}
"""Distributions whose draw is moved by what was drawn and the parameters, by the names of the generators' methods."""


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


def _permuted(generator: Any, x: Any, *, axis: Any = None, out: Any = None) -> Any:
    x = joined(x)
    z = np.take(np.ravel(x), generator.permuted(np.arange(x.size).reshape(x.shape), axis=axis))
    if out is None:
        return z
    out[...] = z
    return out


ARRANGEMENTS: dict[str, Callable[..., Any]] = {
    "permutation": _permutation,
    "permuted": _permuted,
    "shuffle": _shuffle,
    "choice": _choice,
}
"""Methods of generators that draw an order or a choice of the entries of a recorded array, by name."""


DISTRIBUTION_WORDS = frozenset(
    name for kind in GENERATORS for name in vars(kind) if name[0] != "_" and name not in ("power", "random", "bytes")
)
"""Names of methods that draw. Code that contains one of them gets stand-ins for generators."""


def drawn_by(method: Any) -> StandIn:
    """A method of a generator, whose arrays are buffers, and which takes recorded parameters."""

    def draw(*args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("out"), Array) and method.__name__ not in ARRANGEMENTS:
            return _drawn_into(method, args, **kwargs)
        if is_recorded([*args, *kwargs.values()]):
            return _moved_draw(method, args, kwargs)
        drawn = method(*args, **kwargs)
        if type(drawn) is list:  # of spawn
            return [DrawingGenerator(x) if isinstance(x, GENERATORS) else x for x in drawn]
        return buffer(drawn) if BUFFERED.get() else drawn

    return StandIn(method, draw)


def _drawn_into(method: Any, args: tuple[Any, ...], *, out: Any, **kwargs: Any) -> Any:
    """A draw that is written into an array; the size and the dtype are those of the array."""
    out[...] = drawn_by(method)(*args, **kwargs | {"size": out.shape, "dtype": out.dtype})
    return out


def _moved_draw(method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A draw with recorded parameters. Its value is NumPy's own; a copy of the generator draws the standard one."""
    generator, name = method.__self__, method.__name__
    if name in ARRANGEMENTS and args and is_recorded(args[0]):
        return ARRANGEMENTS[name](generator, *args, **kwargs)
    args = tuple([joined_if_recorded(plain_of(x)) for x in args])
    kwargs = {key: joined_if_recorded(plain_of(x)) for key, x in kwargs.items()}
    before = copy.deepcopy(generator)
    value = method(*read_values(args), **read_values(kwargs))
    given = [x for x in (*args, *kwargs.values()) if type(x) is Array and node_of(x).differentiable]
    if not given or np.asarray(value).dtype.kind in "iub":
        return value
    if name in OF_VALUES:
        return with_value(OF_VALUES[name](value, *args, **kwargs), value)
    if name not in DISTRIBUTIONS:
        raise RecordingError(_no_derivative(f"a draw of {name}", "a recorded parameter"))
    names = [*DISTRIBUTIONS[name].standard, "size"]
    chosen = DISTRIBUTIONS[name].standard | dict(zip(names, args, strict=False)) | kwargs
    with np.errstate(all="ignore"):  # NumPy has warned
        return with_value(_moved(name, before, chosen, np.shape(value)), value)


def _moved(name: str, before: Any, chosen: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """The draw that a generator makes with these parameters, recorded."""
    distribution = DISTRIBUTIONS[name]
    kept = {key: chosen[key] for key, x in distribution.standard.items() if x is None}
    for key, x in kept.items():
        if type(x) is Array and node_of(x).differentiable:
            raise RecordingError(_no_derivative(f"a draw of {name}", f"its parameter {key}"))
    if distribution.source:
        standard = getattr(before, distribution.source)(size=shape)
    else:
        standard = getattr(before, name)(*(distribution.standard | read_values(kept)).values(), size=shape)
    return distribution.moved(standard, *[chosen[parameter] for parameter in distribution.standard])


def _no_derivative(what: str, by: str) -> str:
    return (
        f"{what} has no derivative by {by}; give it as cr.stop_gradient(x), or make the draw of others: "
        f"{', '.join((*DISTRIBUTIONS, *OF_VALUES))}" + at_line()
    )


def _making(maker: Any) -> StandIn:
    def make(*args: Any, **kwargs: Any) -> Any:
        if not BUFFERED.get():
            return maker(*args, **kwargs)
        seed = args[0] if args else kwargs.get("seed")
        if maker is np.random.RandomState and seed is not None and not hasattr(seed, "capsule"):
            made = maker(np.random.MT19937(0))  # RandomState(seed) asks the system for a seed first, and forgets it
            made.seed(seed)
            return DrawingGenerator(made)
        return DrawingGenerator(maker(*args, **kwargs))

    return StandIn(maker, make)


MAKERS = {maker: _making(maker) for maker in (np.random.default_rng, *GENERATORS)}
"""The stand-ins for the functions that make a generator."""
