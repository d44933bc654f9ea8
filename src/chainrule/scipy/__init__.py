"""The twins of SciPy's functions: what is called instead while a function records, so that they have gradients.

There is one file for each of SciPy's modules and its submodules. It is imported when the user's code has that module,
so it costs nothing elsewhere. `chainrule.standins.scipy_functions` says how to write a twin; its calls belong into
`tests/twins/calls_….py`, and its module into `TWINNED` of `coverage.py`.
"""

import os
from typing import Any

from chainrule.forks import imported
from chainrule.operands import plain_array, with_sparse
from chainrule.standins.scipy_functions import load_twins

__all__: list[str] = []

_FILES = frozenset(file.partition(".")[0] for file in os.listdir(os.path.dirname(__file__)))


@with_sparse.is_
def _with_sparse(operator: str, x: Any, other: Any) -> Any:
    """The operator of a sparse matrix of SciPy's, such as `__rmul__`, with a recorded array."""
    sparse = imported("chainrule.scipy.sparse").Sparse
    return getattr(sparse.of(other), operator)(x) if operator in vars(sparse) else plain_array(other)


@load_twins.is_
def _load(module: str) -> None:
    name = module.partition(".")[2].partition(".")[0]
    if name in _FILES:
        imported(f"chainrule.scipy.{name}")
