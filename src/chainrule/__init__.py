"""chainrule: backpropagation you can see, for plain NumPy code and any array library."""

from chainrule.array import Array
from chainrule.block import Block, block
from chainrule.blocks.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from chainrule.blocks.convolution import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from chainrule.blocks.layers import dropout, embedding, linear, one_hot, scaled_dot_product_attention
from chainrule.blocks.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_hinge_loss,
    cosine_similarity,
    cross_entropy_loss,
    gaussian_nll_loss,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mean_squared_error,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    softmax_cross_entropy,
    squared_hinge_loss,
    triplet_margin_loss,
)
from chainrule.blocks.normalisation import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    log_softmax,
    rms_norm,
    softmax,
)
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
