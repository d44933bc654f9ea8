"""What to write instead of a name that other libraries have: attributes of tensors, functions of a package."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["attribute_hint", "name_hint"]

_ATTRIBUTES = {
    "detach": "cr.stop_gradient(x)",
    "data": "x.value, or cr.stop_gradient(x) to keep computing",
    "numpy": "x.value",
    "cpu": "x.value",
    "to": "x.astype(dtype); arrays stay on their device",
    "float": "x.astype(np.float32)",
    "double": "x.astype(np.float64)",
    "half": "x.astype(np.float16)",
    "long": "x.astype(np.int64)",
    "type": "x.astype(dtype)",
    "requires_grad": "argnums, which chooses what is differentiated: cr.grad(f, argnums=(0, 1))",
    "requires_grad_": "x = cr.variable(x), or cr.grad(f)(x)",
    "grad_fn": "cr.explain(f)(x), which shows the graph",
    "is_leaf": "cr.explain(f)(x), which shows the graph",
    "retain_grad": "cr.explain(f)(x), which has the gradient of each value",
    "register_hook": "cr.explain(f)(x), which has the gradient of each value",
    "zero_grad": "nothing: each call of cr.grad begins anew",
    "at": "x = x.copy(); x[i] = v: arrays can be written into",
    "block_until_ready": "nothing: results are ready",
    "unsqueeze": "np.expand_dims(x, axis), or x[None]",
    "permute": "np.transpose(x, axes)",
    "expand": "np.broadcast_to(x, shape)",
    "clone": "x.copy()",
    "contiguous": "np.ascontiguousarray(x)",
    "masked_fill": "np.where(mask, v, x)",
    "gather": "np.take_along_axis(x, i, axis)",
    "index_select": "np.take(x, i, axis)",
    "scatter_add": "np.add.at(z, i, x)",
    "split": "np.split(x, n)",
    "chunk": "np.array_split(x, n)",
    "add_": "x += y",
    "sub_": "x -= y",
    "mul_": "x *= y",
    "div_": "x /= y",
    "zero_": "x[...] = 0",
    "relu": "cr.relu(x)",
    "sigmoid": "cr.sigmoid(x)",
    "softmax": "cr.softmax(x)",
    "log_softmax": "cr.log_softmax(x)",
    "norm": "np.linalg.norm(x)",
    "det": "np.linalg.det(x)",
    "inverse": "np.linalg.inv(x)",
    "mm": "x @ y",
    "bmm": "x @ y",
    "matmul": "x @ y",
    "mv": "x @ y",
    "pow": "x**n",
    "numel": "x.size",
    "dim": "x.ndim",
    "logsumexp": "cr.logsumexp(x)",
}
"""What to write instead of an attribute or method of PyTorch's tensors and JAX's arrays that NumPy's do not have."""

_NAMES = {
    "no_grad": "cr.stop_gradient(x); nothing is recorded outside of cr.grad and its like",
    "jit": "cr.compile(f)",
    "remat": "cr.checkpoint(f)",
    "checkify": "cr.check(f)(x)",
    "tensor": "np.array, or cr.variable(x) for x.grad",
    "Tensor": "np.array, or cr.variable(x) for x.grad",
    "Variable": "cr.variable(x)",
    "value_and_gradient": "cr.value_and_grad(f)",
    "gradient": "cr.grad(f)",
    "derivative": "cr.grad(f), or cr.elementwise_grad(f)",
    "egrad": "cr.elementwise_grad(f)",
    "hessian_vector_product": "cr.hvp(f)",
    "make_vjp": "cr.vjp(f, x)",
    "make_jvp": "cr.jvp(f, (x,), (v,))",
    "make_hvp": "cr.hvp(f)",
    "check_grads": "cr.check(f)(x)",
    "gradcheck": "cr.check(f)(x)",
    "make_jaxpr": "cr.explain(f)(x)",
    "visualize": "cr.explain(f)(x).open()",
    "custom_vjp": "@cr.block with @f.backward",
    "custom_jvp": "@cr.block with @f.backward: forward mode is derived from it",
    "Function": "@cr.block with @f.backward",
    "primitive": "@cr.block with @f.backward",
    "numpy": "NumPy itself: import numpy as np",
    "detach": "cr.stop_gradient(x)",
    "mse": "cr.mean_squared_error(y, t)",
    "bce": "cr.binary_cross_entropy(p, y)",
    "cross_entropy": "cr.cross_entropy_loss(logits, labels)",
    "matmul": "np.matmul",
    "exp": "np.exp",
    "log": "np.log",
    "tanh": "np.tanh",
}
"""What to write instead of a name that other packages have."""


def attribute_hint(name: str) -> str:
    """What to write instead of an attribute of a recorded array, as the end of a sentence; empty if not known."""
    return f"; write {_ATTRIBUTES[name]}" if name in _ATTRIBUTES else ""


def name_hint(name: str, names: Iterable[str]) -> str:
    """What to write instead of a name of the package, as the end of a sentence; empty if not known."""
    if name in _NAMES:
        return f"; write {_NAMES[name]}"
    near = difflib.get_close_matches(name, [*names], 1)
    return f"; did you mean {near[0]}?" if near else ""
