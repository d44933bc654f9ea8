"""Dense operands and results of sparse matrices: arrays, numbers, and a stand-in for np.matrix."""

import numpy as np

from chainrule.array import Array, form_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import plain
from chainrule.standins.buffer import plain_of

__all__ = ["Matrix", "array_of", "is_number", "plain_value"]


def array_of(x):
    """A recorded array, or a plain one."""
    return as_array(plain_of(x))


def plain_value(x):
    """The plain value of an array or a number, for SciPy."""
    x = plain_of(x)
    return plain(x) if type(x) is Array else x


def is_number(x):
    """Whether x is a number, recorded or not."""
    return np.ndim(form_of(x)) == 0


class Matrix:
    """The dense result of csr_matrix and similar classes, like np.matrix: `*` is the matrix product."""

    __array_ufunc__ = None

    def __init__(self, x):
        self.A = x

    A1 = property(lambda self: np.ravel(self.A))
    T = property(lambda self: Matrix(self.A.T))
    shape = property(lambda self: self.A.shape)

    def __array__(self, dtype=None, copy=None):
        raise RecordingError("a sparse matrix gives a np.matrix here; write .toarray(), or use csr_array" + at_line())

    def __add__(self, other):
        return Matrix(self.A + (other.A if isinstance(other, Matrix) else other))

    __radd__ = __add__

    def __neg__(self):
        return Matrix(-self.A)

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        if is_number(other):
            return Matrix(self.A * other)
        return Matrix(self.A @ (other.A if isinstance(other, Matrix) else array_of(other)))

    def __rmul__(self, other):
        return Matrix(other * self.A if is_number(other) else array_of(other) @ self.A)

    __matmul__, __rmatmul__ = __mul__, __rmul__

    def __truediv__(self, other):
        return Matrix(self.A / other)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.__array__()
