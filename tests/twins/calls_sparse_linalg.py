"""Calls of scipy.sparse.linalg."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as linalg

from . import Call
from .calls_sparse import LU, SOLVE, SQUARE, TEN, V, X, _square

SPD = sp.csr_matrix(SQUARE @ SQUARE.T)


def _positive(e: Any) -> Any:
    a = _square(e)
    return a @ a.T


def _tight(name: str) -> Call:
    solver = getattr(linalg, name)
    more = {"show": False} if name == "minres" else {"atol": 1e-14}
    return Call(lambda e, b: solver(_positive(e), b, rtol=1e-14, **more)[0], (TEN, V), rtol=1e-6)


CALLS: dict[str, Call] = {
    "spsolve": Call(lambda e, b: linalg.spsolve(_square(e), b), (TEN, V)),
    "spsolve, constant": Call(lambda b: linalg.spsolve(SQUARE, b), (V,)),
    "spsolve, of a table": Call(lambda e, b: linalg.spsolve(_square(e).tocsc(), b), (TEN, X)),
    "spsolve, complex": Call(lambda e, b: linalg.spsolve(_square(e + 0.3j * e[::-1]).tocsc(), b), (TEN, V)),
    "spsolve_triangular": Call(
        lambda e, b: linalg.spsolve_triangular(sp.triu(_square(e)).tocsr(), b, lower=False), (TEN, V)
    ),
    "splu": Call(lambda e, b: (linalg.splu(_square(e).tocsc()).solve(b), linalg.splu(SQUARE).solve(b, "T")), (TEN, V)),
    "splu, made before": Call(lambda b: (LU.solve(b), LU.solve(b * 2, trans="T")), (X,)),
    "factorized": Call(lambda e, b: linalg.factorized(_square(e).tocsc())(b), (TEN, V)),
    "factorized, made before": Call(lambda b: (SOLVE(b), linalg.factorized(SQUARE)(b * 3)), (V,)),
    **{name: _tight(name) for name in "cg bicg bicgstab cgs gmres lgmres qmr gcrotmk tfqmr".split()},
    "minres": Call(lambda e, b: linalg.minres(_positive(e), b, rtol=1e-14)[0], (TEN, V), rtol=1e-6),
    "cg, constant": Call(lambda b: linalg.cg(SPD, b, rtol=1e-14)[0], (V,), rtol=1e-6),
    "lsqr": Call(lambda x, b: linalg.lsqr(sp.csr_matrix(x), b, atol=1e-15, btol=1e-15)[0], (X, V), rtol=1e-6),
    "lsmr": Call(lambda x, b: linalg.lsmr(sp.csr_matrix(x), b, atol=1e-15, btol=1e-15)[0], (X, V), rtol=1e-6),
    "eigsh": Call(lambda e: linalg.eigsh(_positive(e), 2, v0=V[:5])[0], (TEN,), rtol=1e-6, compiles=False),
    "eigsh, about a number": Call(
        lambda e: linalg.eigsh(_positive(e), 2, sigma=3.0, v0=V[:5], return_eigenvectors=False),
        (TEN,),
        rtol=1e-6,
        compiles=False,
    ),
    "eigsh, of a pair": Call(
        lambda e: abs(linalg.eigsh(_positive(e), 2, SPD, sigma=0.5, v0=V[:5])[1]), (TEN,), rtol=1e-6, compiles=False
    ),
    "eigs": Call(lambda e: linalg.eigs(_square(e), 2, which="LR", v0=V[:5])[0], (TEN,), rtol=1e-6, compiles=False),
    "eigs, about a number": Call(
        lambda e: abs(linalg.eigs(_square(e), 2, sigma=1.0, v0=V[:5])[1]), (TEN,), rtol=1e-6, compiles=False
    ),
    "eigs, of a pair": Call(
        lambda e: abs(linalg.eigs(_square(e), 2, SPD.tocsc(), v0=V[:5])[1]), (TEN,), rtol=1e-6, compiles=False
    ),
    "svds": Call(
        lambda x: linalg.svds(x, 1, v0=np.ones(min(x.shape)))[1], (X,), rtol=1e-6, compiles=False, repeats=False
    ),
    "inv": Call(lambda e: linalg.inv(_square(e).tocsc()).toarray(), (TEN,)),
    "norm": Call(lambda e: linalg.norm(_square(e)), (TEN,)),
    "norm, of columns": Call(lambda e: linalg.norm(_square(e), 1), (TEN,)),
    "expm_multiply": Call(lambda e, b: linalg.expm_multiply(_square(e / 4), b), (TEN, V), rtol=1e-6),
    "expm_multiply, constant": Call(lambda b: linalg.expm_multiply(SQUARE / 4, b), (X,)),
    "SuperLU": Call(lambda b: LU.solve(b), (V,)),
}
