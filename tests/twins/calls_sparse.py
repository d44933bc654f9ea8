"""Calls of scipy.sparse: constant matrices, and matrices made of recorded entries."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from scipy.sparse import coo_matrix, csr_matrix, diags, lil_matrix

from . import Call

RNG = np.random.default_rng(0)
A = sp.random(4, 5, density=0.6, random_state=1, format="csr")
SQUARE = sp.csc_matrix(sp.random(5, 5, density=0.4, random_state=2) + 3 * sp.eye(5))
HELD = {"A": A, "array": sp.csr_array(A), "coo": A.tocoo()}
LU = scipy.sparse.linalg.splu(SQUARE)
SOLVE = scipy.sparse.linalg.factorized(SQUARE)
V, W, X = RNG.normal(size=5), RNG.normal(size=4), RNG.normal(size=(5, 2))
I, J = np.array([0, 2, 1, 3, 2, 0]), np.array([1, 4, 0, 3, 4, 1])
ENTRIES = RNG.normal(size=6)
RING = np.arange(5)


def _square(entries: Any) -> Any:
    """A regular matrix made of 10 entries."""
    rows, columns = np.r_[RING, RING], np.r_[RING, (RING + 2) % 5]
    return csr_matrix((entries, (rows, columns)), shape=(5, 5))


TEN = np.r_[RNG.normal(size=5) + 4, RNG.normal(size=5)]


def _assembled(stiffness: Any) -> Any:
    """Finite elements on a line: the entries of each are added in place."""
    k = lil_matrix((5, 5))
    for e in range(4):
        k[e, e] += stiffness[e]
        k[e + 1, e + 1] += stiffness[e]
        k[e, e + 1] -= stiffness[e]
        k[e + 1, e] -= stiffness[e]
    k[0, 0] += 1.0
    return k.tocsr()


def _in_blocks(stiffness: Any) -> Any:
    k = sp.lil_array((5, 5))
    element = np.array([[1.0, -1.0], [-1.0, 1.0]])
    for e in range(4):
        nodes = np.array([e, e + 1])
        k[np.ix_(nodes, nodes)] += stiffness[e] * element
    free = [1, 2, 3, 4]
    return k.tocsr()[free][:, free]


CALLS: dict[str, Call] = {
    # Constant matrices: by name, in a dict (which no name reaches), transposed, from the right
    "csr_matrix, constant": Call(lambda x: A @ x, (V,)),
    **{f"{name}, held": Call(lambda x, name=name: HELD[name] @ x, (V,)) for name in HELD},
    "csr_matrix, a table": Call(lambda x: (A @ x, HELD["A"].dot(x), A * x, HELD["A"] * x), (X,)),
    "csr_matrix, transposed": Call(lambda x: (A.T @ x, HELD["A"].T.dot(x), HELD["coo"].T @ x), (W,)),
    "csr_matrix, from the right": Call(lambda x: (x @ A, x @ HELD["array"], x @ HELD["A"]), (W,)),
    "csr_matrix, scaled": Call(
        lambda s, x: ((s * A) @ x, (HELD["A"] * s) @ x, (HELD["array"] * s) @ x, (A / s) @ x), (1.3, V)
    ),
    "csr_matrix, beside a dense one": Call(
        lambda x: (sp.csr_array(A) + x, x - HELD["array"], (A + x).A1, (x - HELD["A"]).A1),
        (RNG.normal(size=(4, 5)),),
    ),
    "csr_matrix, complex": Call(lambda x: (1j * A) @ (x + 2j * x[::-1]), (V,)),
    # Matrices made of recorded entries
    "coo_matrix": Call(lambda e, x: coo_matrix((e, (I, J)), shape=(4, 5)) @ x, (ENTRIES, V)),
    "coo_array": Call(lambda e: sp.coo_array((e, (I, J))).toarray(), (ENTRIES,)),
    "csr_matrix": Call(lambda e, x: csr_matrix((e, (I, J)), shape=(4, 5)).dot(x), (ENTRIES, X)),
    "csr_array": Call(lambda e: sp.csr_array((e, [1, 0, 2], [0, 2, 2, 3]), shape=(3, 4)).T.toarray(), (ENTRIES[:3],)),
    "csc_matrix": Call(lambda e: sp.csc_matrix((e, [1, 0, 2], [0, 2, 2, 3]), shape=(4, 3)).data ** 2, (ENTRIES[:3],)),
    "csc_array": Call(lambda e: (sp.csc_array((e, (I, J))).T @ np.eye(4)).T, (ENTRIES,)),
    "bsr_matrix": Call(lambda x: sp.bsr_matrix(x).toarray(), (X,)),
    "bsr_array": Call(lambda x: (sp.bsr_array(x) * 2).todense(), (X,)),
    "dia_matrix": Call(lambda d: sp.dia_matrix((d, [0, -1]), shape=(5, 5)).toarray(), (X.T.copy(),)),
    "dia_array": Call(lambda d: sp.dia_array((d, [1, 0]), shape=(5, 5)) @ V, (X.T.copy(),)),
    "lil_matrix": Call(lambda k, b: scipy.sparse.linalg.spsolve(_assembled(k), b), (W**2 + 1, V)),
    "lil_array": Call(lambda k, b: scipy.sparse.linalg.spsolve(_in_blocks(k).tocsc(), b), (W**2 + 1, W)),
    "dok_matrix": Call(lambda x: sp.dok_matrix(x).tocsr().sum(axis=0).A1, (X,)),
    "dok_array": Call(lambda x: sp.dok_array(x).sum(axis=1), (X,)),
    "diags": Call(lambda a, b: diags([a, b, 2.0], [0, 1, -1], shape=(5, 5)) @ V, (V, W)),
    "diags, one": Call(lambda a: diags(a).tocsr() @ X, (V,)),
    "diags_array": Call(lambda a, b: sp.diags_array([a, b], offsets=[0, -1]).toarray(), (V, W)),
    "spdiags": Call(lambda d: sp.spdiags(d, [0, 2], 5, 5).toarray(), (X.T.copy(),)),
    "find": Call(lambda e: sp.find(csr_matrix((e, (I, J))))[2], (ENTRIES,)),
    "issparse": Call(lambda e: e * float(sp.issparse(csr_matrix((e, (I, J))))), (ENTRIES,)),
    "hstack": Call(lambda e: sp.hstack([csr_matrix((e, (I, J)), shape=(4, 5)), A]).toarray(), (ENTRIES,)),
    "vstack": Call(lambda e: sp.vstack([A, csr_matrix((e, (I, J)), shape=(4, 5))]) @ V, (ENTRIES,)),
    "bmat": Call(lambda e: sp.bmat([[_square(e), None], [A, sp.eye(4)]]).toarray(), (TEN,)),
    "block_array": Call(lambda e: sp.block_array([[_square(e), A.T], [A, None]]).toarray(), (TEN,)),
    "block_diag": Call(lambda e: sp.block_diag([_square(e), A]) @ np.ones(10), (TEN,)),
    "kron": Call(lambda e: sp.kron(_square(e), A).toarray() @ np.cos(np.arange(25)), (TEN,)),
    "kronsum": Call(lambda e: sp.kronsum(_square(e), SQUARE) @ np.cos(np.arange(25)), (TEN,)),
    "tril": Call(lambda e: sp.tril(_square(e)).toarray(), (TEN,)),
    "triu": Call(lambda e: sp.triu(_square(e), 1).toarray(), (TEN,)),
    "csr_matrix, arithmetic": Call(
        lambda e: [
            (2.0 * _square(e) + SQUARE - _square(e).T / 3).toarray(),
            (-_square(e).multiply(SQUARE)).toarray(),
            (_square(e) @ SQUARE @ _square(e)).toarray(),
            _square(e).power(2).multiply(V).toarray(),
            (SQUARE @ _square(e)).toarray(),
            (SQUARE + _square(e)).toarray(),
        ],
        (TEN,),
    ),
    "csr_matrix, parts": Call(
        lambda e: [
            _square(e)[1:4, [0, 2]].toarray(),
            _square(e)[2, 4] * V,
            _square(e)[3].toarray(),
            _square(e).diagonal(),
            _square(e).diagonal(2) * 2,
            _square(e).sum() * V,
            _square(e).mean(axis=0).A1,
            _square(e).trace() * V,
            abs(_square(e)).toarray(),
            _square(e).tocsc().data,
        ],
        (TEN,),
    ),
}
