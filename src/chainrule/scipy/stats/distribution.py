"""The common parts of the twins of distributions: reading arguments, and frozen distributions.

A distribution of SciPy is an object, and so is its twin. SciPy returns NaN for a parameter outside its range. Compiled
code runs the twin, so the twin turns such a parameter into NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import TWINS, twin

__all__ = ["Distribution", "Frozen", "entries", "within"]


def entries(x: Any) -> Any:
    """An argument as an array or a number."""
    return joined(x) if isinstance(x, list | tuple) else x


def within(x: Any, valid: Any) -> Any:
    """x, and NaN where it is not valid."""
    return x if type(valid) in (bool, np.bool_) and valid else np.where(valid, x, np.nan * x)  # NaN has that gradient


class Distribution:
    """The twin of a distribution.

    Attributes
    ----------
    real : SciPy's object.
    formulas : its functions in standard form, by their names.
    """

    def __init__(self, real: Any, formulas: dict[str, Any]):
        self.real, self.formulas = real, formulas

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        return Frozen(self, args, kwds)

    freeze = __call__

    def formula(self, name: str) -> Any:
        found = self.formulas.get(name)
        if found is None:
            full = f"scipy.stats.{self.real.name}.{name}"
            raise RecordingError(
                f"the derivative of {full} is not known; write it with functions that have one, or let it be taken by "
                f"differences: cr.opaque({full})(…)" + at_line()
            )
        return found

    def parsed(self, args: Any, kwds: Any) -> tuple[tuple[Any, ...], Any, Any]:
        """The shapes, loc and scale among the arguments of a method, NaN where they are not valid."""
        shapes, loc, scale = self.real._parse_args(*map(entries, args), **{k: entries(x) for k, x in kwds.items()})
        return self.valid(shapes), loc, within(scale, scale > 0)

    def var(self, *args: Any, **kwds: Any) -> Any:
        raise NotImplementedError

    def std(self, *args: Any, **kwds: Any) -> Any:
        return np.sqrt(self.var(*args, **kwds))

    def valid(self, shapes: tuple[Any, ...]) -> tuple[Any, ...]:
        valid = self.formulas.get("valid")
        return tuple(within(s, s > 0) for s in shapes) if valid is None else valid(*shapes)


class Frozen:
    """The twin of a distribution with its parameters: stats.norm(loc, scale)."""

    def __init__(self, dist: Any, args: Any, kwds: Any):
        self.dist, self.args, self.kwds = dist, args, kwds

    @classmethod
    def of(cls, plain: Any) -> Frozen:
        """The twin of a frozen distribution with plain parameters."""
        name = plain.dist.name
        found = TWINS.get(id(getattr(scipy.stats, name, None)))
        if found is None:
            raise RecordingError(f"the derivatives of scipy.stats.{name} are not known" + at_line())
        return cls(found.made, plain.args, plain.kwds)


def _method(name: str) -> Any:
    def method(self: Frozen, *x: Any, **options: Any) -> Any:
        return getattr(self.dist, name)(*x, *self.args, **self.kwds, **options)

    method.__name__ = name
    return method


for (
    _name
) in "pdf logpdf pmf logpmf cdf logcdf sf logsf ppf isf entropy mean var std median stats moment interval".split():
    setattr(Frozen, _name, _method(_name))


def _rvs(self: Frozen, value: Any, size: Any = None, random_state: Any = None) -> Any:
    return self.dist.rvs(value, *self.args, **self.kwds)


_rvs.takes_value = True  # type: ignore[attr-defined]
Frozen.rvs = _rvs  # type: ignore[attr-defined]

for _kind in (type(scipy.stats.norm()), type(scipy.stats.poisson(1.0))):
    twin(_kind)(Frozen)


def plain_number(x: Any) -> Any:
    """The plain value of an argument that has no gradient by nature."""
    return x.value if type(x) is Array else x
