"""What PyTorch's operators are in NumPy: one table, of which each file holds a part; here an operator is added.

Each rule takes what the operator of ATen takes, in its order and with its names: tensors come as (recorded or plain)
arrays, dtypes as NumPy's. A key is an operator's name, or `name.overload` where only that is meant. An operator in
place (`add_`, or with `out=`) has the rule of the one that is not. What is missing here is taken apart into operators
that are not, where PyTorch knows how.

A rule may return NotImplemented: then the operator is taken apart too. Of several results, None stands for one that
has no gradient.
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
"""What only looks at the shape of an array, or has no gradient."""

OPERATORS = ELEMENTWISE | REDUCTIONS | PRODUCTS | SHAPES | ENTRIES | LAYERS | LOSSES | FORMS
