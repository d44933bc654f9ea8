"""chainrule: backpropagation you can see, for plain NumPy code and any array library."""

from chainrule.array import Array
from chainrule.block import Block, block
from chainrule.blocks.activations import relu, sigmoid, softplus
from chainrule.blocks.losses import cross_entropy_loss, hinge_loss, mean_squared_error, softmax_cross_entropy
from chainrule.blocks.normalisation import log_softmax, softmax
from chainrule.blocks.reductions import logsumexp
from chainrule.check import check
from chainrule.explain import Explanation, explain
from chainrule.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    local_gradient,
    stop_gradient,
    value_and_grad,
    variable,
    vjp,
)

__version__ = "0.1.0"
