"""Code: the forward and the backward pass of a function as readable functions of NumPy, PyTorch or JAX.

The recording is simplified and written out. A block is written as the library calls that its own rules make, so there
is no second table of formulas.
"""

from chainrule.code.tracing import CodeError
from chainrule.code.writer import code_of

__all__ = ["CodeError", "code_of"]
