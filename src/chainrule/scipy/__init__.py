"""The twins of SciPy's functions: they are called instead while a function is recorded, so that it has gradients.

There is one file for each of SciPy's modules and its submodules. It is imported only when the user's code has
imported that module. `chainrule.standins.scipy_functions` explains how to write a twin. Add its calls to
`tests/twins/calls_….py`, and its module to `TWINNED` of `coverage.py`.
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
    """The result of an operator of a SciPy sparse matrix, such as `__rmul__`, with a recorded array."""
    sparse = imported("chainrule.scipy.sparse").Sparse
    return getattr(sparse.of(other), operator)(x) if operator in vars(sparse) else plain_array(other)


@load_twins.is_
def _load(module: str) -> None:
    name = module.partition(".")[2].partition(".")[0]
    if name in _FILES:
        imported(f"chainrule.scipy.{name}")
