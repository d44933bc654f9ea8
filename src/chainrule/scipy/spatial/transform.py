"""scipy.spatial.transform: a rotation is a recorded quaternion, (x, y, z, w); SciPy's own rotation gives the values."""

from typing import Any

import numpy as np
import scipy.spatial.transform

from chainrule.array import form_of, value_of
from chainrule.blocks.elementwise import where
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_between, is_increasing
from chainrule.standins.scipy_functions import Instance, twin

_SMALL = 1e-6
"""The square of an angle below which series are used."""


def _product(p, q):
    """The product of two quaternions: the rotation q, followed by p."""
    a, b = p[..., 3:], q[..., 3:]
    u, v = p[..., :3], q[..., :3]
    return np.concatenate([a * v + b * u + _cross(u, v), a * b - np.sum(u * v, axis=-1, keepdims=True)], axis=-1)


def _cross(u, v):
    u, v = np.broadcast_arrays(u, v)
    x, y = [u[..., i] for i in range(3)], [v[..., i] for i in range(3)]
    return np.stack([x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)], axis=-1)


def _unit(q):
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def _by_series(square, series, function):
    """A function of an angle, given the angle's square; near 0 by its series."""
    small = square <= _SMALL
    return where(small, series(square), function(np.sqrt(where(small, 1.0, square))))


def _in_radians(angles, degrees):
    return angles * (np.pi / 180) if degrees else angles


def _in_units(angles, degrees):
    return angles * (180 / np.pi) if degrees else angles


def _wrapped(angle):
    return angle - 2 * np.pi * step(lambda a: np.rint(a / (2 * np.pi)), angle)


class Rotation:
    """The twin of SciPy's Rotation.

    Attributes
    ----------
    q : its quaternions, of length 1.
    """

    def __init__(self, quat, normalize=True, copy=True, scalar_first=False):
        q = as_array(quat)
        accepts(_has_lengths, q)
        self.q = _unit(q[..., [1, 2, 3, 0]] if scalar_first else q)

    @classmethod
    def _of(cls, q):
        made = cls.__new__(cls)
        made.q = q
        return made

    @classmethod
    def of(cls, plain):
        """SciPy's own."""
        return cls._of(plain.as_quat())

    # Made of --------------------------------------------------------------------------------------------------

    @classmethod
    def from_quat(cls, quat, *, scalar_first=False):
        return cls(quat, scalar_first=scalar_first)

    @classmethod
    def from_rotvec(cls, rotvec, degrees=False):
        v = _in_radians(as_array(rotvec), degrees)
        square = np.sum(v * v, axis=-1, keepdims=True)
        sine = _by_series(square, lambda s: 0.5 - s / 48 + s * s / 3840, lambda a: np.sin(a / 2) / a)
        cosine = _by_series(square, lambda s: 1 - s / 8 + s * s / 384, lambda a: np.cos(a / 2))
        return cls._of(np.concatenate([sine * v, cosine], axis=-1))

    @classmethod
    def from_mrp(cls, mrp):
        v = as_array(mrp)
        square = np.sum(v * v, axis=-1, keepdims=True)
        return cls._of(np.concatenate([2 * v, 1 - square], axis=-1) / (1 + square))

    @classmethod
    def from_matrix(cls, matrix, *, assume_valid=False):
        """The rotation of the nearest orthogonal matrix, by Newton's method: each step doubles the right order."""
        m = as_array(matrix)
        accepts(_is_right_handed, m)
        for _ in range(50):
            far = np.max(abs(step(lambda m: m @ np.swapaxes(m, -1, -2) - np.eye(3), m)))
            m = (m + np.swapaxes(np.linalg.inv(m), -1, -2)) / 2
            if bool(far < 1e-7):
                break
        m = (m + np.swapaxes(np.linalg.inv(m), -1, -2)) / 2
        d = [m[..., i, i] for i in range(3)]
        trace = d[0] + d[1] + d[2]
        rows: list[Any] = []
        for i in range(3):  # the quaternion times four times one of its entries: the largest one
            j, k = (i + 1) % 3, (i + 2) % 3
            row: list[Any] = [None] * 4
            row[i] = 1 - trace + 2 * d[i]
            row[j], row[k] = m[..., j, i] + m[..., i, j], m[..., k, i] + m[..., i, k]
            row[3] = m[..., k, j] - m[..., j, k]
            rows.append(np.stack(row, axis=-1))
        differences = [m[..., (i + 2) % 3, (i + 1) % 3] - m[..., (i + 1) % 3, (i + 2) % 3] for i in range(3)]
        rows.append(np.stack([*differences, 1 + trace], axis=-1))
        largest = step(lambda *d: np.argmax(np.stack(d, axis=-1), axis=-1)[..., None], *d, trace)
        q = rows[3]
        for i in range(3):
            q = where(largest == i, rows[i], q)
        return cls._of(_unit(q))

    @classmethod
    def from_euler(cls, seq, angles, degrees=False):
        shape = scipy.spatial.transform.Rotation.from_euler(seq, np.zeros(np.shape(form_of(angles)))).as_quat().shape
        axes = [np.eye(3)["xyz".index(a)] for a in seq.lower()]
        angles = np.reshape(_in_radians(as_array(angles), degrees), (*shape[:-1], len(seq)))
        return cls._of(_elementary(axes, angles, seq.isupper()))

    @classmethod
    def from_davenport(cls, axes, order, angles, degrees=False):
        axes = np.atleast_2d(as_array(axes))
        axes = axes / np.linalg.norm(axes, axis=-1, keepdims=True)
        angles = _in_radians(as_array(angles), degrees)
        angles = angles[..., None] if angles.ndim == 0 or (axes.shape[0] == 1 and angles.shape[-1:] != (1,)) else angles
        return cls._of(_elementary([axes[i] for i in range(axes.shape[0])], angles, order in ("i", "intrinsic")))

    @classmethod
    def concatenate(cls, rotations):
        return cls._of(np.concatenate([np.reshape(_turn(r).q, (-1, 4)) for r in rotations]))

    # Turned into ----------------------------------------------------------------------------------------------

    def as_quat(self, canonical=False, *, scalar_first=False):
        q = self._canonical() if canonical else self.q
        return q[..., [3, 0, 1, 2]] if scalar_first else +q

    def _canonical(self):
        """Of the two quaternions, the one whose last entry is positive (or the first nonzero entry, if that is 0)."""

        def sign(q):
            signs = np.sign(q[..., [3, 0, 1, 2]])
            return np.take_along_axis(signs, np.argmax(signs != 0, axis=-1)[..., None], -1)

        return self.q * step(sign, self.q)

    def as_matrix(self):
        q = self.q
        x, y, z, w = (q[..., i] for i in range(4))
        rows = [
            [x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), y * y - x * x - z * z + w * w, 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), z * z - x * x - y * y + w * w],
        ]
        return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)

    def as_rotvec(self, degrees=False):
        q = self._canonical()
        v, w = q[..., :3], q[..., 3:]
        square = np.sum(v * v, axis=-1, keepdims=True) / (w * w + np.sum(v * v, axis=-1, keepdims=True))
        small = square <= _SMALL
        sine = np.sqrt(where(small, 0.5, square))
        scale = where(small, 2 + square / 3 + 3 * square**2 / 20, 2 * np.arctan2(sine, where(small, 1.0, w)) / sine)
        return _in_units(v * scale, degrees)

    def as_mrp(self):
        q = self._canonical()
        return q[..., :3] / (1 + q[..., 3:])

    def as_euler(self, seq, degrees=False, *, suppress_warnings=False):
        """Half the sum and half the difference of the outer angles are angles in two planes of the quaternion.

        E. Bernardes and S. Viollet, Quaternion to Euler angles conversion (2022).
        """
        intrinsic = seq.isupper()
        order = ["xyz".index(a) for a in (seq[::-1] if intrinsic else seq).lower()]
        i, j, k = order
        symmetric = i == k
        if symmetric:
            k = 3 - i - j
        sign = (i - j) * (j - k) * (k - i) / 2
        q = self.q
        a, b, c, d = q[..., 3], q[..., i], q[..., j], q[..., k] * sign
        if not symmetric:
            a, b, c, d = a - c, b + d, c + a, d - b
        size, other = a * a + b * b, c * c + d * d
        self._must_be_regular(size, other, seq)
        middle = 2 * np.arctan2(np.sqrt(other), np.sqrt(size))
        half, less = np.arctan2(b, a), np.arctan2(d, c)
        first, last = half - less, half + less
        if not symmetric:
            last, middle = last * sign, middle - np.pi / 2
        angles = [last, middle, first] if intrinsic else [first, middle, last]
        return _in_units(np.stack([_wrapped(angle) for angle in angles], axis=-1), degrees)

    def _must_be_regular(self, size, other, seq):
        if bool(np.any(step(lambda a, b: np.minimum(a, b) <= 1e-14 * (a + b), size, other))):
            raise BlockError(f"as_euler({seq!r}) has no derivative at gimbal lock; write as_matrix()" + at_line())

    # Computed with --------------------------------------------------------------------------------------------

    def apply(self, vectors, inverse=False):
        m = self.as_matrix()
        m = np.swapaxes(m, -1, -2) if inverse else m
        return np.sum(m * as_array(vectors)[..., None, :], axis=-1)

    def __mul__(self, other):
        return Rotation._of(_product(self.q, _turn(other).q))

    def inv(self):
        return Rotation._of(self.q * np.array([-1.0, -1.0, -1.0, 1.0]))

    def __pow__(self, n, modulus=None):
        return Rotation.from_rotvec(n * self.as_rotvec())

    def magnitude(self):
        v = self.q[..., :3]
        return 2 * np.arctan2(np.sqrt(np.sum(v * v, axis=-1)), abs(self.q[..., 3]))

    def __getitem__(self, key):
        return Rotation._of(self.q[key])

    def __len__(self):
        return self.q.shape[0]

    @property
    def single(self):
        return self.q.ndim == 1

    def mean(self, weights=None, axis=None):
        """The eigenvector of Σ w q qᵀ with the greatest eigenvalue, with SciPy's sign."""
        q = np.reshape(self.q, (-1, 4))
        weighted = q if weights is None else q * np.reshape(as_array(weights), (-1, 1))
        v = np.linalg.eigh(weighted.T @ q)[1][:, -1]
        own = scipy.spatial.transform.Rotation.from_quat(value_of(self.q)).mean(value_of(weights)).as_quat()
        return Rotation._of(v * step(lambda v: np.sign(np.sum(v * own)), v))

    @classmethod
    def align_vectors(cls, a, b, weights=None, return_sensitivity=False):
        """The rotation that takes b nearest to a: the orthogonal factor of Σ w a bᵀ, without a reflection."""
        if return_sensitivity:
            raise BlockError("align_vectors has no derivative of the sensitivity" + at_line())
        a, b = as_array(a), as_array(b)
        if a.ndim == 1:
            raise BlockError("align_vectors has a derivative for two vectors and more" + at_line())
        w = np.ones(a.shape[0]) if weights is None else as_array(weights)
        u, _, vt = np.linalg.svd((a * w[:, None]).T @ b)
        m = (u * step(lambda u, vt: np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]), u, vt)) @ vt
        apart = a - b @ m.T
        return cls.from_matrix(m), np.sqrt(np.sum(w * np.sum(apart * apart, axis=-1)))


def _has_lengths(quaternions):
    """Whether quaternions have a finite length, and not 0."""
    return np.all(np.any(quaternions != 0, axis=-1) & np.all(np.isfinite(quaternions), axis=-1))


def _is_right_handed(matrices):
    return np.all(np.linalg.det(matrices) > 0)


def _elementary(axes, angles, intrinsic):
    """The product of turns about axes, given one after the other along the last axis of `angles`."""
    q = None
    for i, axis in enumerate(axes):
        half = angles[..., i] / 2
        own = np.concatenate([np.sin(half)[..., None] * axis, np.cos(half)[..., None]], axis=-1)
        q = own if q is None else _product(q, own) if intrinsic else _product(own, q)
    return q


def _turn(r):
    return r._made() if type(r) is Instance else r if isinstance(r, Rotation) else Rotation.of(r)


twin(scipy.spatial.transform.Rotation)(Rotation)


@twin(scipy.spatial.transform.Slerp)
class Slerp:
    """Spherical linear interpolation: a constant angular velocity between each two rotations."""

    def __init__(self, times, rotations):
        self.times, self.rotations = as_array(times), _turn(rotations)
        accepts(is_increasing, self.times)

    @classmethod
    def of(cls, plain):
        return cls(plain.times, Rotation._of(np.concatenate([plain.rotations.as_quat(), _last(plain)])))

    def __call__(self, times):
        t, own = as_array(times), self.times
        accepts(is_between, t, own[0], own[-1])
        i = step(lambda t, own: np.clip(np.searchsorted(own, t) - 1, 0, len(own) - 2), t, own)
        i = value_of(i)
        share = (t - own[i]) / (own[i + 1] - own[i])
        start = self.rotations[i]
        way = (start.inv() * self.rotations[i + 1]).as_rotvec()
        return start * Rotation.from_rotvec(share[..., None] * way)


def _last(slerp):
    """The last rotation, which SciPy does not keep: it keeps the rotations between neighbours."""
    end = slerp.rotations[-1] * scipy.spatial.transform.Rotation.from_rotvec(slerp.rotvecs[-1])
    return np.reshape(end.as_quat(), (1, 4))
