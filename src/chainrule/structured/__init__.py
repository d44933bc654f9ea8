"""The structure of second derivatives: Kronecker products, blocks, low rank plus diagonal."""

from chainrule.structured.hessian import hessian_with_structure
from chainrule.structured.matrix import StructuredMatrix
from chainrule.structured.products import ProductMatrix

__all__ = ["ProductMatrix", "StructuredMatrix", "hessian_with_structure"]
