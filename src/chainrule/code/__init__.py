"""Code: the forward and the backward pass of a function as readable functions of NumPy, PyTorch or JAX.

The same recording that is run and explained is simplified and written out. What a block does is written in the calls
that its own rules make, so there is no second table of formulas.
"""

from chainrule.code.tracing import CodeError
from chainrule.code.writer import code_of

__all__ = ["CodeError", "code_of"]
