"""chainrule: backpropagation you can see, for plain NumPy code and the arrays of PyTorch and JAX."""

from typing import TYPE_CHECKING

import chainrule.forks
import chainrule.in_numpy
import chainrule.inplace
import chainrule.objects
import chainrule.operators
import chainrule.python_numbers
import chainrule.scipy
import chainrule.special
from chainrule.array import Array
from chainrule.batching import vmap
from chainrule.block import Block, block
from chainrule.blocks.activations import gelu, glu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanhshrink
from chainrule.blocks.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from chainrule.blocks.attention import multi_head_attention, scaled_dot_product_attention
from chainrule.blocks.binary_classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_hinge_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from chainrule.blocks.classification import (
    cross_entropy_loss,
    hinge_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    nll_loss,
    softmax_cross_entropy,
    squared_hinge_loss,
)
from chainrule.blocks.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from chainrule.blocks.ctc import ctc_loss
from chainrule.blocks.distances import (
    cdist,
    cosine_embedding_loss,
    cosine_similarity,
    hinge_embedding_loss,
    margin_ranking_loss,
    normalize,
    pairwise_distance,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from chainrule.blocks.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from chainrule.blocks.layers import bilinear, embedding, embedding_bag, linear, one_hot
from chainrule.blocks.matrix_functions import (
    block_diag,
    cho_factor,
    cho_solve,
    expm,
    logm,
    solve_sylvester,
    solve_triangular,
    sqrtm,
)
from chainrule.blocks.normalisation import (
    batch_norm,
    group_norm,
    gumbel_softmax,
    instance_norm,
    layer_norm,
    local_response_norm,
    log_softmax,
    logsumexp,
    rms_norm,
    softmax,
    softmin,
)
from chainrule.blocks.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from chainrule.blocks.rectifiers import (
    celu,
    elu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu,
    relu6,
    rrelu,
    selu,
    softshrink,
    threshold,
)
from chainrule.blocks.recurrent import gru_cell, lstm_cell, rnn_cell
from chainrule.blocks.regression import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mean_squared_error,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from chainrule.blocks.resampling import fold, interpolate, pixel_shuffle, pixel_unshuffle, unfold
from chainrule.borrowing import from_jax, from_torch
from chainrule.check import check
from chainrule.checkpointing import checkpoint
from chainrule.compile import compile
from chainrule.explain import explain
from chainrule.hints import name_hint
from chainrule.imperative import variable
from chainrule.jacobians import hessian, hvp, jacfwd, jacobian, jacrev, local_gradient
from chainrule.lifting import to_jax, to_torch
from chainrule.opaque import opaque
from chainrule.optimization import least_squares, minimize, root
from chainrule.optimizers import Optimizer, adam, adamw, clip_by_global_norm, sgd
from chainrule.scanning import scan
from chainrule.solutions import implicit
from chainrule.sparse import SparseMatrix, sparse_hessian, sparse_jacobian
from chainrule.structured import ProductMatrix, StructuredMatrix
from chainrule.transforms import (
    elementwise_grad,
    grad,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
)
from chainrule.trees import ravel
from chainrule.version import __version__

__all__ = [
    "Array",
    "Block",
    "Explanation",
    "Optimizer",
    "ProductMatrix",
    "SparseMatrix",
    "StructuredMatrix",
    "__version__",
    "adam",
    "adamw",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_hinge_loss",
    "block",
    "block_diag",
    "cdist",
    "celu",
    "check",
    "checkpoint",
    "cho_factor",
    "cho_solve",
    "clip_by_global_norm",
    "compile",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy_loss",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elementwise_grad",
    "elu",
    "embedding",
    "embedding_bag",
    "explain",
    "expm",
    "feature_alpha_dropout",
    "fold",
    "from_jax",
    "from_torch",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grad",
    "group_norm",
    "gru_cell",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hessian",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "hvp",
    "implicit",
    "instance_norm",
    "interpolate",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "least_squares",
    "linear",
    "linearize",
    "local_gradient",
    "local_response_norm",
    "log_softmax",
    "logm",
    "logsigmoid",
    "logsumexp",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "lstm_cell",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mean_squared_error",
    "minimize",
    "mish",
    "mse_loss",
    "multi_head_attention",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "opaque",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "ravel",
    "relu",
    "relu6",
    "rms_norm",
    "rnn_cell",
    "root",
    "rrelu",
    "scaled_dot_product_attention",
    "scan",
    "selu",
    "sgd",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmax_cross_entropy",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "solve_sylvester",
    "solve_triangular",
    "sparse_hessian",
    "sparse_jacobian",
    "special",
    "sqrtm",
    "squared_hinge_loss",
    "stop_gradient",
    "tanhshrink",
    "threshold",
    "to_jax",
    "to_torch",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "value_and_grad",
    "variable",
    "vjp",
    "vmap",
]

if TYPE_CHECKING:
    from chainrule.explain import Explanation
else:  # a type checker would take any name for one of ours

    def __getattr__(name):
        if name == "Explanation":
            return chainrule.forks.imported("chainrule.explain").Explanation
        hint = "" if name.startswith("_") else name_hint(name, __all__)  # tools ask for names such as __wrapped__
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}{hint}")
