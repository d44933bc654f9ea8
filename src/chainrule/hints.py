"""What to write instead of features of other libraries: attributes of tensors, functions of a package, keywords."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.errors import GradientError
from chainrule.forks import imported
from chainrule.node import at_line

__all__ = ["MAKE_ARRAYS", "attribute_hint", "function_hint", "keyword_hint", "name_hint", "spelled"]

P = ParamSpec("P")
R = TypeVar("R")

_ATTRIBUTES = {
    "detach": "cr.stop_gradient(x)",
    "data": "x.value, or cr.stop_gradient(x) to keep computing",
    "numpy": "x.value",
    "cpu": "x.value",
    "cuda": "nothing: an array is computed with where it is; for a GPU give arrays of PyTorch, JAX or CuPy",
    "device_buffer": "x.value",
    "addressable_shards": "x.value",
    "sharding": "x.value.sharding",
    "devices": "x.device",
    "is_cuda": "x.device",
    "aval": "x.shape and x.dtype",
    "weak_type": "x.dtype",
    "to": "x.astype(dtype); arrays stay on their device",
    "float": "x.astype(np.float32)",
    "double": "x.astype(np.float64)",
    "half": "x.astype(np.float16)",
    "bfloat16": "x.astype(np.float16)",
    "int": "x.astype(np.int32)",
    "long": "x.astype(np.int64)",
    "bool": "x.astype(bool)",
    "type": "x.astype(dtype)",
    "requires_grad": "argnums, which chooses what is differentiated: cr.grad(f, argnums=(0, 1))",
    "requires_grad_": "x = cr.variable(x), or cr.grad(f)(x)",
    "grad_fn": "cr.explain(f)(x), which shows the graph",
    "is_leaf": "cr.explain(f)(x), which shows the graph",
    "retain_grad": "cr.explain(f)(x), which has the gradient of each value",
    "retains_grad": "cr.explain(f)(x), which has the gradient of each value",
    "retain_graph": "nothing: a recording stays as long as its arrays",
    "no_grad": "cr.stop_gradient(x)",
    "stop_gradient": "cr.stop_gradient(x)",
    "autograd": "cr.grad(f)(x)",
    "val": "x.value",
    "primal": "x.value",
    "_value": "x.value",
    "tangent": "cr.jvp(f, (x,), (v,))",
    "__dlpack__": "x.value.__dlpack__()",
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
    "masked_select": "x[mask]",
    "view_as": "np.reshape(x, y.shape)",
    "t": "x.T",
    "H": "np.conj(x).T",
    "clamp": "np.clip(x, low, high)",
    "narrow": "x[start : start + length]",
    "expand_as": "np.broadcast_to(x, y.shape)",
    "new_zeros": "np.zeros(shape, x.dtype)",
    "new_ones": "np.ones(shape, x.dtype)",
    "new_tensor": "np.array(values, x.dtype)",
    "nelement": "x.size",
    "stride": "x.value.strides",
    "eq": "x == y",
    "ne": "x != y",
    "lt": "x < y",
    "le": "x <= y",
    "gt": "x > y",
    "ge": "x >= y",
    "sub": "x - y",
    "mul": "x * y",
    "div": "x / y",
    "neg": "-x",
    "rsqrt": "1 / np.sqrt(x)",
    "lerp": "x + weight * (y - x)",
    "topk": "np.sort(x)[..., -k:]",
    "erf": "scipy.special.erf(x)",
    "qr": "np.linalg.qr(x)",
    "pinverse": "np.linalg.pinv(x)",
    "addmm": "c + x @ y",
    "unfold": "np.lib.stride_tricks.sliding_window_view(x, size)",
    "gather": "np.take_along_axis(x, i, axis)",
    "index_select": "np.take(x, i, axis)",
    "scatter": "np.put_along_axis(z, i, x, axis)",
    "scatter_add": "np.add.at(z, i, x)",
    "index_add": "np.add.at(z, i, x)",
    "split": "np.split(x, n)",
    "chunk": "np.array_split(x, n)",
    "add_": "x += y",
    "sub_": "x -= y",
    "mul_": "x *= y",
    "div_": "x /= y",
    "zero_": "x[...] = 0",
    "copy_": "x[...] = y",
    "fill_": "x[...] = v",
    "detach_": "x = cr.stop_gradient(x)",
    "normal_": "x[...] = rng.normal(size=x.shape), with a generator rng of NumPy",
    "uniform_": "x[...] = rng.uniform(size=x.shape), with a generator rng of NumPy",
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

_GRAD = "cr.grad(f)"
_OWN_RULE = "@cr.block, with @f.backward, or with JAX's rules: "
_NUMPY = "NumPy itself: import numpy as np"
_NOTHING_RECORDED = "cr.stop_gradient(x); nothing is recorded outside of cr.grad and its like"
_PYTHON = "Python's own loops and branches; cr.scan(f, carry, xs) is a loop as one block"

_NAMES = {
    **dict.fromkeys(("no_grad", "inference_mode", "enable_grad"), _NOTHING_RECORDED),
    **dict.fromkeys(("set_grad_enabled", "is_grad_enabled"), _NOTHING_RECORDED),
    **dict.fromkeys(("jit", "njit", "jit_compile", "script", "trace"), "cr.compile(f)"),
    **dict.fromkeys(("tensor", "Tensor", "Parameter"), "np.array, or cr.variable(x) for x.grad"),
    **dict.fromkeys(("Variable", "Value", "GradientTape", "requires_grad"), "cr.variable(x)"),
    **dict.fromkeys(("value_and_gradient", "grad_and_value"), "cr.value_and_grad(f)"),
    **dict.fromkeys(("gradient", "multigrad", "multigrad_dict", "autograd", "make_grad"), _GRAD),
    **dict.fromkeys(("grad_and_aux", "grad_has_aux"), "cr.grad(f, has_aux=True)"),
    **dict.fromkeys(("make_vjp", "vector_jacobian_product", "tensor_jacobian_product"), "cr.vjp(f, x)"),
    **dict.fromkeys(
        ("make_jvp", "jacobian_vector_product", "dual", "make_dual", "forward_ad"), "cr.jvp(f, (x,), (v,))"
    ),
    **dict.fromkeys(("hessian_vector_product", "hessian_tensor_product", "make_hvp", "vhp", "hessp"), "cr.hvp(f)"),
    **dict.fromkeys(("check_grads", "gradcheck", "gradgradcheck", "checkify"), "cr.check(f)(x)"),
    **dict.fromkeys(("detach", "stop_grad", "getval", "disconnected_grad"), "cr.stop_gradient(x)"),
    **dict.fromkeys(("numpy", "np", "jnp"), _NUMPY),
    **dict.fromkeys(("cond", "while_loop", "fori_loop", "switch", "lax"), _PYTHON),
    **dict.fromkeys(("pmap", "vectorize", "filter_vmap"), "cr.vmap(f)"),
    **dict.fromkeys(("remat", "checkpoint_sequential"), "cr.checkpoint(f)"),
    **dict.fromkeys(("custom_root", "implicit_diff", "custom_linear_solve"), "cr.implicit(solve, residual)"),
    **dict.fromkeys(("pure_callback", "py_function", "numerical_jacobian"), "cr.opaque(f)"),
    **dict.fromkeys(("flatten", "flatten_util", "ravel_pytree", "parameters_to_vector"), "cr.ravel(tree)"),
    **dict.fromkeys(("tree", "tree_map", "tree_util", "tree_flatten"), "optree.tree_map(f, tree), or jax.tree.map"),
    **dict.fromkeys(("random", "manual_seed", "seed", "PRNGKey"), "rng = np.random.default_rng(seed)"),
    **dict.fromkeys(("optim", "SGD", "momentum"), "cr.sgd(rate, momentum=0.9), cr.adam(rate) or cr.adamw(rate)"),
    **dict.fromkeys(("clip_grad_norm", "clip_grad_norm_"), "cr.clip_by_global_norm(gradients, limit)"),
    **dict.fromkeys(("nn", "functional", "func"), "cr.linear, cr.conv2d, cr.relu: the names of torch.nn.functional"),
    **dict.fromkeys(("Module", "Linear", "Sequential", "MLP", "mlp"), "a dataclass of arrays, and functions of it"),
    **dict.fromkeys(("primitive", "Function", "custom_gradient", "defvjp"), _OWN_RULE + "f.defvjp(fwd, bwd)"),
    **dict.fromkeys(("functional_call", "stack_module_state", "functionalize"), "cr.from_torch(f) for PyTorch's code"),
    **dict.fromkeys(("enable_x64", "set_default_dtype"), "nothing: arrays keep their dtype"),
    **dict.fromkeys(("config", "devices"), "nothing: arrays say in what precision and where they are computed with"),
    "make_ggnvp": "(_, t), pull = cr.jvp(f, (x,), (v,)), cr.vjp(f, x)[1]; pull(t)",
    "linear_transpose": "cr.vjp(f, x)[1]",
    "custom_vjp": "@cr.block, with f.defvjp(fwd, bwd) or with @f.backward",
    "custom_jvp": "@cr.block, with @f.defjvp",
    "defjvp": "@cr.block, with @f.defjvp",
    "jit_grad": "cr.compile(cr.grad(f))",
    "derivative": "cr.grad(f), or cr.elementwise_grad(f)",
    "egrad": "cr.elementwise_grad(f)",
    "make_jaxpr": "cr.explain(f)(x)",
    "visualize": "cr.explain(f)(x).open()",
    "Graph": "cr.explain(f)(x)",
    "backward": "x = cr.variable(x), and L.backward() of the loss",
    "mse": "cr.mean_squared_error(y, t)",
    "bce": "cr.binary_cross_entropy(p, y)",
    "cross_entropy": "cr.cross_entropy_loss(logits, labels)",
    "Adam": "cr.adam(rate)",
    "AdamW": "cr.adamw(rate)",
    "odeint": "scipy.integrate.solve_ivp(f, span, y0)",
    "device_put": "arrays of PyTorch, JAX or CuPy on that device; chainrule computes where they are",
    "device_get": "x.value",
    "block_until_ready": "nothing: results are ready",
    "eval_shape": "f(x).shape",
}
"""What to write instead of a name that other packages have."""

_NOT_NEEDED = "is not needed"
KEYWORDS = {
    **dict.fromkeys(("argnum", "argnames", "argname", "wrt", "diff_argnums"), "write argnums=, a position or a name"),
    "allow_int": f"it {_NOT_NEEDED}: integers among the leaves of an argument are passed through",
    "holomorphic": f"it {_NOT_NEEDED}: complex arguments follow PyTorch's convention; cr.jacobian has f′(z)",
    **dict.fromkeys(("compile", "jit"), "write cr.compile(…) of the result"),
    **dict.fromkeys(("dim", "dims"), "write axis="),
    "keepdim": "write keepdims=",
    **dict.fromkeys(("lr", "step_size", "rate"), "write learning_rate="),
    **dict.fromkeys(("backend", "mode", "device"), 'write engine="jax" for XLA; leave it out for machine code of LLVM'),
    **dict.fromkeys(("vectorize", "strategy"), f"it {_NOT_NEEDED}: all rows are pulled at once"),
    "reduce_axes": f"it {_NOT_NEEDED}: give arrays with shardings to cr.compile",
    "in_dims": "write in_axes=",
    "out_dims": "write out_axes=",
    **dict.fromkeys(("axis_size", "chunk_size", "randomness"), f"it {_NOT_NEEDED}: samples are computed one by one"),
    "static_argnums": f"it {_NOT_NEEDED}: integers, strings and functions are compiled in, and values decide branches",
    **dict.fromkeys(("donate_argnums", "donate_argnames"), "write donate=, positions or names"),
    **dict.fromkeys(("fullgraph", "nopython"), f"it {_NOT_NEEDED}: what is recorded is compiled as a whole"),
    **dict.fromkeys(("parallel", "cache"), f"it {_NOT_NEEDED}: it is always so"),
    "dynamic": f"it {_NOT_NEEDED}: each shape is compiled when it first comes",
    **dict.fromkeys(("policy", "use_reentrant", "prevent_cse"), f"it {_NOT_NEEDED}: all steps are computed again"),
    **dict.fromkeys(
        ("retain_graph", "create_graph"), f"it {_NOT_NEEDED}: gradients are differentiable, and nothing is freed"
    ),
    "has_aux": "return a tuple: outputs may be trees",
    "nondiff_argnums": "give such arguments a default: they are parameters then",
}
KEYWORDS["static_argnames"] = KEYWORDS["static_argnums"]
"""What to write instead of a keyword that the functions of other libraries take."""


def keyword_hint(name: str) -> str:
    """What to write instead of a keyword of another library, as the end of a sentence; empty if not known."""
    return f"; {KEYWORDS[name]}" if name in KEYWORDS else ""


def spelled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: a keyword of another library's function of this kind is an error that says what to write."""
    own = inspect.signature(function).parameters

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in own and name in KEYWORDS:
                told = f"{function.__name__} has no argument {name}=; {KEYWORDS[name]}"
                raise GradientError(told + at_line())
        return function(*args, **kwargs)

    return called


_NUMPYS = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}


def _function_of(modules: dict[str, Any], name: str) -> str | None:
    """The function of one of these modules that has this name."""
    for place, module in modules.items():
        found = vars(module).get(name)
        if callable(found) and not isinstance(found, type) and name in module.__all__:
            return f"{place}.{name}"
    return None


def attribute_hint(name: str) -> str:
    """What to write instead of an attribute of a recorded array, as the end of a sentence; empty if not known."""
    if name in _ATTRIBUTES:
        return f"; write {_ATTRIBUTES[name]}"
    if name.endswith("_") and not name.startswith("_"):  # PyTorch's names of what writes in place
        plain = attribute_hint(name[:-1])
        return plain.replace("; write ", "; write x[...] = ")
    function = _function_of(_NUMPYS, name)
    return "" if function is None else f"; write {function}(x)"


_OF_VALUES = ("tensor", "Tensor", "FloatTensor", "DoubleTensor", "as_tensor")
_OF_AN_ARRAY = ("from_numpy", "device_put", "convert_to_tensor")

MAKE_ARRAYS = frozenset(("array", "asarray", *_OF_VALUES, *_OF_AN_ARRAY))
"""Functions of other libraries that make their arrays of any."""

_FUNCTIONS = {
    **dict.fromkeys(_OF_VALUES, "np.array(…)"),
    **dict.fromkeys(_OF_AN_ARRAY, "x itself"),
    **dict.fromkeys(("cat", "concat"), "np.concatenate(…)"),
    **{f"a{name}": f"np.arc{name}(…)" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **dict.fromkeys(("arg", "phase"), "np.angle(…)"),
    "atan2": "np.arctan2(…)",
    "ln": "np.log(…)",
    "Abs": "np.abs(…)",
    "fabs": "np.abs(…)",
    "Max": "np.maximum(…)",
    "Min": "np.minimum(…)",
    "lgamma": "scipy.special.gammaln(…)",
}
"""What to write instead of functions of PyTorch, JAX, SymPy and others that NumPy has under another name."""


def function_hint(name: str) -> str:
    """What to write instead of a function of another library, known by its own name; empty if not known."""
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if function := _function_of(_NUMPYS, name):
        return f"{function}(…)"
    if name in sys.modules["chainrule"].__all__:
        return f"cr.{name}(…)"
    if name in _ATTRIBUTES:
        return _ATTRIBUTES[name]
    if function := _function_of({"scipy.special": imported("scipy.special")}, name):
        return f"{function}(…)"
    return _NAMES.get(name, "")


def name_hint(name: str, names: Iterable[str]) -> str:
    """What to write instead of a name of the package, as the end of a sentence; empty if not known."""
    if name in _NAMES:
        return f"; write {_NAMES[name]}"
    function = _function_of({**_NUMPYS, "scipy.special": imported("scipy.special")}, name)
    if function is not None:
        return f"; write {function}"
    near = imported("difflib").get_close_matches(name, [*names], 1)
    return f"; did you mean {near[0]}?" if near else ""
