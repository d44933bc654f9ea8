"""PyTorch's operators in NumPy: one table, of which each file holds a part. Add an operator here.

Each rule has the signature of the ATen operator, with (recorded or plain) arrays for tensors and NumPy's dtypes. A key
is an operator's name, or `name.overload` for one overload. An in-place operator (`add_`, or with `out=`) uses the rule
of the ordinary operator. An operator without a rule is decomposed into simpler ones if PyTorch can.

If a rule returns NotImplemented, the operator is decomposed, too. Among several results, None is one without a
gradient.
"""

from collections.abc import Callable
from typing import Any

from chainrule.pytorch.operators.conventions import NotCovered, chosen_by_pytorch, fixed, without_gradient
from chainrule.pytorch.operators.elementwise import ELEMENTWISE
from chainrule.pytorch.operators.entries import ENTRIES
from chainrule.pytorch.operators.layers import LAYERS
from chainrule.pytorch.operators.losses import LOSSES
from chainrule.pytorch.operators.products import PRODUCTS
from chainrule.pytorch.operators.reductions import REDUCTIONS
from chainrule.pytorch.operators.shapes import SHAPES

__all__ = ["OPERATORS", "NotCovered", "chosen_by_pytorch", "fixed", "without_gradient"]

FORMS: dict[str, Callable[..., Any]] = dict.fromkeys(
    "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty "
    "new_empty_strided bernoulli heaviside isclose".split(),
    without_gradient,
)
"""Operators that only use the shape of an array, or have no gradient."""

OPERATORS = ELEMENTWISE | REDUCTIONS | PRODUCTS | SHAPES | ENTRIES | LAYERS | LOSSES | FORMS
