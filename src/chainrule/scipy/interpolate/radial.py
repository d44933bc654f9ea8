"""Twins of interpolation by radial functions, and by one polynomial."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.interpolate

from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.interpolate.piecewise import entries
from chainrule.standins.scipy_functions import twin

__all__: list[str] = []


def _power(n: int, sign: int = 1) -> Any:
    """rⁿ as a function of r²; the derivative is 0 at r = 0."""

    def power(square: Any) -> Any:
        apart = square > 0
        return np.where(apart, sign * np.where(apart, square, 1.0) ** (n / 2), 0.0)

    return power


def _thin_plate(square: Any) -> Any:
    return np.where(square > 0, square * np.log(np.where(square > 0, square, 1.0)) / 2, 0.0)


_KERNELS = {
    "linear": _power(1, -1),
    "thin_plate_spline": _thin_plate,
    "cubic": _power(3),
    "quintic": _power(5, -1),
    "multiquadric": lambda square: -np.sqrt(square + 1),
    "inverse_multiquadric": lambda square: 1 / np.sqrt(square + 1),
    "inverse_quadratic": lambda square: 1 / (square + 1),
    "gaussian": lambda square: np.exp(-square),
}
"""Functions of the squared distance."""
_DEGREES = {"multiquadric": 0, "linear": 0, "thin_plate_spline": 1, "cubic": 1, "quintic": 2}


@twin(scipy.interpolate.RBFInterpolator)
class RBFInterpolator:
    """A sum of radial functions and a polynomial, differentiable by the values, the places and the width."""

    def __init__(
        self,
        y: Any,
        d: Any,
        neighbors: Any = None,
        smoothing: Any = 0.0,
        kernel: str = "thin_plate_spline",
        epsilon: Any = None,
        degree: Any = None,
    ):
        if neighbors is not None:
            raise RecordingError("RBFInterpolator has a derivative without neighbors; leave them out" + at_line())
        self.y, d = entries(y), entries(d)
        self.kernel, self.epsilon = _KERNELS[kernel], 1.0 if epsilon is None else epsilon
        self.degree = max(_DEGREES.get(kernel, -1), 0) if degree is None else degree
        self.tail = np.shape(d)[1:]
        n = len(self.y)
        corner = self._polynomials(self.y)
        none = np.zeros((corner.shape[1], corner.shape[1]))
        matrix = np.block([[self._kernels(self.y) + np.eye(n) * smoothing, corner], [corner.T, none]])
        values = np.reshape(d, (n, -1))
        values = np.concatenate([values, np.zeros((corner.shape[1], values.shape[1]))])
        self.coefficients = np.linalg.solve(matrix, values)

    @classmethod
    def of(cls, plain: Any) -> RBFInterpolator:
        d = plain.d.view(plain.d_dtype).reshape((-1, *plain.d_shape))
        kernel, degree = plain.kernel, int(plain.powers.sum(axis=1).max()) if len(plain.powers) else -1
        return cls(plain.y, d, plain.neighbors, plain.smoothing, kernel, plain.epsilon, degree)

    def _kernels(self, x: Any) -> Any:
        return self.kernel(np.sum((x[:, None, :] - self.y) ** 2, axis=-1) * self.epsilon**2)

    def _polynomials(self, x: Any) -> Any:
        """The monomials up to the degree, one column each; places are scaled to the unit interval for accuracy."""
        low, high = np.min(self.y, axis=0), np.max(self.y, axis=0)
        x = (x - (low + high) / 2) / np.where(high > low, (high - low) / 2, 1.0)
        powers = [p for p in itertools.product(range(self.degree + 1), repeat=x.shape[1]) if sum(p) <= self.degree]
        if not powers:
            return np.zeros((len(x), 0))
        return np.stack([np.prod(x ** np.array(p), axis=1) for p in powers], axis=1)

    def __call__(self, x: Any) -> Any:
        x = entries(x)
        columns = np.concatenate([self._kernels(x), self._polynomials(x)], axis=1)
        return np.reshape(columns @ self.coefficients, (len(x), *self.tail))


# One polynomial ---------------------------------------------------------------------------------------------------


class _Polynomial:
    """The polynomial through points, as a sum of Lagrange polynomials, which are defined at the points too."""

    def __init__(self, xi: Any, yi: Any, axis: int = 0):
        self.xi, self.yi = entries(xi), np.moveaxis(entries(yi), axis, 0)
        self.axis = axis % np.ndim(yi)

    def __call__(self, x: Any) -> Any:
        x = entries(x)
        above = np.prod(_apart((np.reshape(x, (-1, 1)) - self.xi)[:, None, :]), axis=-1)
        below = np.prod(_apart(self.xi[:, None] - self.xi), axis=-1)
        tail = self.yi.shape[1:]
        values = (above / below) @ np.reshape(self.yi, (len(self.xi), -1))
        values = np.reshape(values, (*x.shape, *tail))
        places = range(self.axis, self.axis + x.ndim)
        return np.moveaxis(values, range(x.ndim), places)


def _apart(differences: Any) -> Any:
    """The differences, one row for each point, with 1 on the diagonal."""
    own = np.eye(differences.shape[-1], dtype=bool)
    return np.where(own, 1.0, differences)


@twin(scipy.interpolate.BarycentricInterpolator)
class BarycentricInterpolator(_Polynomial):
    def __init__(
        self, xi: Any, yi: Any = None, axis: int = 0, *, wi: Any = None, rng: Any = None, random_state: Any = None
    ):
        if yi is None or wi is not None:
            raise RecordingError(
                "BarycentricInterpolator has a derivative with its values and its own weights; give it yi, and leave "
                "out wi" + at_line()
            )
        super().__init__(xi, yi, axis)

    @classmethod
    def of(cls, plain: Any) -> BarycentricInterpolator:
        ratio = plain.wi * np.prod(_apart(plain.xi[:, None] - plain.xi), axis=-1)
        if plain.yi is None or not np.allclose(ratio, ratio[0]):
            return cls(plain.xi, wi=plain.wi)  # the error
        return cls(plain.xi, np.reshape(plain.yi, (plain.n, *plain._y_extra_shape)))._along(plain._y_axis)

    def _along(self, axis: int) -> BarycentricInterpolator:
        """The same polynomial, with its values along another axis."""
        self.axis = axis
        return self


@twin(scipy.interpolate.barycentric_interpolate)
def barycentric_interpolate(xi: Any, yi: Any, x: Any, axis: int = 0, *, der: Any = 0, rng: Any = None) -> Any:
    if not isinstance(der, int) or der != 0:
        raise RecordingError(
            "barycentric_interpolate has a derivative with der=0; cr.grad gives the others" + at_line()
        )
    return _Polynomial(xi, yi, axis)(x)
