"""scipy.sparse.linalg: equations and least squares, their factors, iterative solvers, inverses, norms, exponentials."""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from chainrule.array import value_of
from chainrule.blocks.matrix_functions import expm
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.scipy._callbacks import without_derivative
from chainrule.scipy.arguments import fixed
from chainrule.scipy.products import sparse_solve
from chainrule.scipy.sparse.dense import array_of
from chainrule.scipy.sparse.made import diags, joined, tril, triu
from chainrule.scipy.sparse.matrices import Sparse, is_sparse, sparse_of
from chainrule.standins.scipy_functions import twin, without_gradient


def _solution(name, function, A, b):
    """The solution of A x = b, with the value that a function of SciPy gives for the plain matrix and b."""
    a = sparse_of(A)

    def solution(entries, b):
        return _solved(entries, a.places(), b)

    return answered(solution, name, lambda _, b: function(a.plain, b), (a.entries, array_of(b)), {})


def _solved(entries, places, b):
    z = sparse_solve(entries, b[:, None] if b.ndim == 1 else b, **places.params())
    return z[:, 0] if b.ndim == 1 else z


@twin(scipy.sparse.linalg.spsolve, adopts=False)
def spsolve(A, b, permc_spec=None, use_umfpack=True):
    if is_sparse(b):
        b = sparse_of(b).toarray()
        return sparse_of(_solution("spsolve", scipy.sparse.linalg.spsolve, A, b))
    b = array_of(b)
    b = b[:, 0] if b.ndim == 2 and b.shape[1] == 1 else b
    return _solution("spsolve", lambda A, b: scipy.sparse.linalg.spsolve(A, b, permc_spec, use_umfpack), A, b)


@twin(scipy.sparse.linalg.spsolve_triangular, adopts=False)
def spsolve_triangular(A, b, lower=True, overwrite_A=False, overwrite_b=False, unit_diagonal=False):
    a = (tril if lower else triu)(A)
    if unit_diagonal:
        a = a - diags([a.diagonal()], [0]) + scipy.sparse.eye_array(a.shape[0])
    return _solution(
        "spsolve_triangular", lambda A, b: scipy.sparse.linalg.spsolve_triangular(A.tocsr(), b, lower), a, b
    )


class Factors:
    """A sparse matrix and SciPy's factors of it, for equations with it."""

    def __init__(self, matrix, factors):
        self.matrix, self.factors, self.shape = matrix, factors, matrix.shape

    @classmethod
    def of(cls, lu):
        """Of SciPy's factors: the matrix is their product."""
        return cls(sparse_of((lu.L @ lu.U).tocsr()[lu.perm_r][:, lu.perm_c]), lu)

    @property
    def is_recorded(self):
        return self.matrix.is_recorded

    def solve(self, rhs, trans="N"):
        a = self.matrix

        def solution(entries, b):
            entries = np.conj(entries) if trans == "H" else entries
            return _solved(entries, a.places() if trans == "N" else a.places().turned(), b)

        return answered(solution, "splu", lambda _, b: self.factors.solve(b, trans), (a.entries, array_of(rhs)), {})


twin(scipy.sparse.linalg.SuperLU)(Factors)


@twin(scipy.sparse.linalg.splu, adopts=False)
def splu(A, *options, **more):
    a = sparse_of(A).copy()  # A may be written into before its factors are used
    return Factors(a, scipy.sparse.linalg.splu(a.plain.tocsc(), *options, **more))


@twin(scipy.sparse.linalg.factorized, adopts=False)
def factorized(A):
    return splu(A).solve


def _iterative(name):
    """A solver that comes close to the solution: its value, with the derivatives of the solution."""
    function = getattr(scipy.sparse.linalg, name)

    def solve(A, b, x0=None, **options):
        info = []

        def run(matrix, b):
            x, code = function(matrix, b, value_of(x0), **options)
            info.append(code)
            return x

        if isinstance(A, scipy.sparse.linalg.LinearOperator):
            raise RecordingError(
                f"{name} with a LinearOperator has no derivative; give the matrix, or write cr.opaque(…)" + at_line()
            )
        x = _solution(name, run, A, b)
        return x, info[0] if info else 0

    twin(function, adopts=False)(solve)


for _name in "cg bicg bicgstab cgs gmres lgmres minres qmr gcrotmk tfqmr".split():
    _iterative(_name)


@twin(scipy.sparse.linalg.inv, adopts=False)
def inv(A):
    a = sparse_of(A)
    plain = scipy.sparse.linalg.inv(a.plain)
    z = sparse_of(_solution("inv", lambda A, b: plain.toarray(), a, np.eye(a.shape[0])))
    return Sparse(z.rows, z.columns, z.entries, plain)


@twin(scipy.sparse.linalg.norm, adopts=False)
def norm(x, ord=None, axis=None):
    a = sparse_of(x)

    def of_entries(entries):
        if axis is None and ord in (None, "fro", "f"):
            return np.linalg.norm(entries)
        return np.linalg.norm(a.toarray(), ord, axis)

    return answered(of_entries, "norm", lambda _: scipy.sparse.linalg.norm(a.plain, ord, axis), (a.entries,), {})


@twin(scipy.sparse.linalg.expm_multiply, adopts=False)
def expm_multiply(A, B, start=None, stop=None, num=None, endpoint=None, traceA=None):
    if start is not None or stop is not None:
        raise RecordingError("expm_multiply has a derivative at one time: leave out start and stop" + at_line())
    a = sparse_of(A)

    def run(_, b):
        return scipy.sparse.linalg.expm_multiply(a.plain, b, traceA=traceA)

    return answered(lambda _, b: expm(a.toarray()) @ b, "expm_multiply", run, (a.entries, array_of(B)), {})


def _least_squares(name):
    """The shortest z for which |a z − b| is smallest, with the derivatives of the exact one."""
    function = getattr(scipy.sparse.linalg, name)

    def solve(A, b, damp=0.0, *args, **options):
        a, b = sparse_of(A), array_of(b)
        if fixed(damp, "damp"):
            raise RecordingError(f"{name} has a derivative without damp" + at_line())
        others = []

        def run(_, b):
            z, *rest = function(a.plain, b, damp, *args, **options)
            others.extend(rest)
            return z

        z = answered(lambda _, b: _least_squares_solution(a, b), name, run, (a.entries, b), {})
        known = [
            without_derivative(f"a result of {name}", x, (a.entries, b)) if isinstance(x, float | np.ndarray) else x
            for x in others
        ]
        return z, *known

    twin(function, adopts=False)(solve)


def _least_squares_solution(a, b):
    """By equations that are sparse too: [[1, a], [a*, 0]] [r, z] = [b, 0], or [[1, a*], [a, 0]] [z, l] = [0, b]."""
    m, n = a.shape
    one = scipy.sparse.eye_array(max(m, n))
    tall = m >= n
    both = joined(scipy.sparse.bmat)([[one, a], [a.H, None]] if tall else [[one, a.H], [a, None]])
    z = _solved(both.entries, both.places(), np.concatenate([b, np.zeros(n)] if tall else [np.zeros(n), b]))
    return z[m:] if tall else z[:n]


for _name in ("lsqr", "lsmr"):
    _least_squares(_name)

if hasattr(scipy.sparse.linalg, "is_sptriangular"):  # since SciPy 1.16
    without_gradient(scipy.sparse.linalg, "is_sptriangular spbandwidth")
