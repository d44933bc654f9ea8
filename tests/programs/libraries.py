"""What the names in a functional program mean in NumPy, PyTorch and JAX."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import scipy.special as sp
import torch
from jax import numpy as jnp

import chainrule as cr

__all__ = ["JAX_NAMES", "NUMPY_NAMES", "TORCH_NAMES"]

F = torch.nn.functional

# NumPy's functions in PyTorch -----------------------------------------------------------------------------------


def _axes(x: torch.Tensor, axis: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def _tensor(x: Any) -> torch.Tensor:
    if isinstance(x, torch.Tensor):
        return x
    x = np.asarray(x)
    return torch.tensor(x.astype(np.float64) if x.dtype.kind in "iu" else x)


def _promoted(xs: Any) -> list[torch.Tensor]:
    """PyTorch does not mix real and complex numbers everywhere."""
    xs = [_tensor(x) for x in xs]
    dtype = torch.complex128 if any(x.is_complex() for x in xs) else torch.float64
    return [x if x.dtype == torch.bool else x.to(dtype) for x in xs]


def _together(function: Callable[..., Any]) -> Callable[..., Any]:
    """Takes tensors, NumPy's arrays and numbers, and gives them one dtype."""
    return lambda *xs, **others: function(*_promoted(xs), **others)


def _joined(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xs, axis=0: function(_promoted(xs), dim=axis)


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None, keepdims=False, **others: function(x, _axes(x, axis), keepdim=keepdims, **others)


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    reduction = _reduction(function)
    return lambda x, ddof=0, **others: reduction(x, correction=ddof, **others)


def _prod(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    for a in sorted((a % x.ndim for a in _axes(x, axis)), reverse=True):
        x = torch.prod(x, dim=a, keepdim=keepdims)
    return x


def _median(x: torch.Tensor, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    """The mean of the two in the middle; PyTorch's own takes the lower one."""
    axes = [a % x.ndim for a in _axes(x, axis)]
    rest = [a for a in range(x.ndim) if a not in axes]
    rows = torch.permute(x, (*rest, *axes)).reshape((*(x.shape[a] for a in rest), -1))
    middle = torch.quantile(rows, 0.5, dim=-1)
    return middle.reshape([1 if a in axes else n for a, n in enumerate(x.shape)]) if keepdims else middle


def _transpose(x: torch.Tensor, axes: Any = None) -> torch.Tensor:
    return torch.permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def _dot(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    return torch.tensordot(x, y, dims=([x.ndim - 1], [max(y.ndim - 2, 0)]))


def _take(x: torch.Tensor, indices: Any, axis: int) -> torch.Tensor:
    found = torch.index_select(x, axis, torch.as_tensor(np.atleast_1d(indices) % x.shape[axis]))
    return found if np.ndim(indices) else found.squeeze(axis)


def _repeat(x: torch.Tensor, n: int, axis: int) -> torch.Tensor:
    return torch.repeat_interleave(x, n, dim=axis)


def _squeeze(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return torch.squeeze(x) if axis is None else torch.squeeze(x, axis)


def _cumsum(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return torch.cumsum(x.reshape(-1), 0) if axis is None else torch.cumsum(x, axis)


def _flip(x: torch.Tensor, axis: Any = None) -> torch.Tensor:
    return torch.flip(x, _axes(x, axis))


def _at_least(n: int) -> Callable[..., Any]:
    return lambda x: x.reshape((1,) * (n - x.ndim) + x.shape)


def _pad(x: torch.Tensor, widths: Any, constant_values: float) -> torch.Tensor:
    return F.pad(x, [n for pair in reversed(widths) for n in pair], value=constant_values)


def _convolve(x: torch.Tensor, y: torch.Tensor, mode: str) -> torch.Tensor:
    if len(y) > len(x):
        x, y = y, x
    padding = len(y) - 1 if mode == "full" else 0
    return F.conv1d(x[None, None], torch.flip(y, (0,))[None, None], padding=padding)[0, 0]


def _select(conditions: Any, choices: Any, default: float) -> torch.Tensor:
    result = torch.full_like(choices[0], default)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = torch.where(condition, choice, result)
    return result


def _norm(x: torch.Tensor, ord: Any = None, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    if axis is None and ord in (None, "fro"):
        return torch.sqrt(torch.sum(x * x))
    return torch.linalg.vector_norm(x, 2 if ord is None else ord, axis, keepdim=keepdims)


def _in_order(x: torch.Tensor) -> torch.Tensor:
    """A copy with the usual strides: `torch.kron` refuses some that `contiguous` lets through."""
    return x.clone(memory_format=torch.contiguous_format)


def _solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """NumPy's choice: b is a vector if it has one axis, else matrices. PyTorch also sees a stack of vectors in it."""
    if b.ndim == 1:
        return _solve(a, b[:, None])[..., 0]
    return torch.linalg.solve(a, b.expand(*a.shape[: max(a.ndim - b.ndim, 0)], *b.shape))


def _grad(f: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(x: torch.Tensor) -> torch.Tensor:
        x = x.clone() if x.requires_grad else x.detach().requires_grad_()
        return torch.autograd.grad(f(x), x, create_graph=True)[0]

    return gradient


_SAME = (
    "sin negative positive square cos tanh arctan arcsinh deg2rad exp exp2 expm1 sinh cosh log log2 log10 log1p sqrt "
    "tan arcsin arccos arctanh arccosh reciprocal sinc sign floor ceil trunc abs imag tril triu moveaxis swapaxes "
    "broadcast_to ravel reshape zeros_like ones_like"
)
_SAME_OF_SEVERAL = "hypot arctan2 logaddexp logaddexp2 remainder fmod copysign fmax maximum minimum matmul float_power"

TORCH = types.SimpleNamespace(
    **{name: getattr(torch, name) for name in _SAME.split()},
    **{name: _together(getattr(torch, name)) for name in _SAME_OF_SEVERAL.split()},
    array=lambda x: torch.tensor(x, dtype=torch.float64),
    asarray=np.asarray,
    ones=lambda shape: torch.ones(shape, dtype=torch.float64),
    eye=lambda n: torch.eye(n, dtype=torch.float64),
    inf=np.inf,
    fabs=torch.abs,
    degrees=torch.rad2deg,
    cbrt=lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
    copy=torch.clone,
    nan_to_num=torch.clone,
    conj=lambda x: torch.conj(x).resolve_conj(),
    real=lambda x: torch.real(x) if x.is_complex() else x,
    angle=torch.angle,
    sum=_reduction(torch.sum),
    nansum=_reduction(torch.nansum),
    mean=_reduction(torch.mean),
    max=_reduction(torch.amax),
    amax=_reduction(torch.amax),
    min=_reduction(torch.amin),
    ptp=lambda x, **axis: TORCH.max(x, **axis) - TORCH.min(x, **axis),
    median=_median,
    var=_spread(torch.var),
    std=_spread(torch.std),
    prod=_prod,
    cumsum=_cumsum,
    cumprod=lambda x, axis: torch.cumprod(x, axis),
    diff=lambda x, axis: torch.diff(x, dim=axis),
    trapezoid=lambda x, axis: torch.trapezoid(x, dim=axis),
    where=lambda c, x, y: torch.where(c, *_promoted([x, y])),
    select=_select,
    clip=torch.clamp,
    flip=_flip,
    roll=lambda x, shift, axis: torch.roll(x, shift, axis),
    rot90=lambda x, n: torch.rot90(x, n),
    pad=_pad,
    repeat=_repeat,
    expand_dims=torch.unsqueeze,
    squeeze=_squeeze,
    take=_take,
    delete=lambda x, i, axis: torch.narrow(x, axis, 1, x.shape[axis] - 1),
    split=lambda x, stops, axis: torch.tensor_split(x, stops, dim=axis),
    array_split=lambda x, n, axis: torch.tensor_split(x, n, dim=axis),
    transpose=_transpose,
    kron=_together(lambda x, y: torch.kron(_in_order(x), _in_order(y))),
    matrix_transpose=lambda x: x.mT,
    tile=lambda x, n: torch.tile(x, n if isinstance(n, tuple) else (n,)),
    atleast_1d=_at_least(1),
    atleast_2d=_at_least(2),
    concatenate=_joined(torch.cat),
    stack=_joined(torch.stack),
    append=lambda x, y, axis: _joined(torch.cat)([x, y], axis),
    vstack=lambda xs: torch.vstack(_promoted(xs)),
    hstack=lambda xs: torch.hstack(_promoted(xs)),
    dot=_together(_dot),
    inner=_together(lambda x, y: x * y if 0 in (x.ndim, y.ndim) else torch.inner(x, y)),
    outer=_together(lambda x, y: torch.outer(x.reshape(-1), y.reshape(-1))),
    vdot=_together(lambda x, y: torch.sum(torch.conj(x) * y)),
    cross=lambda x, y: torch.linalg.cross(*torch.broadcast_tensors(x, y)),
    tensordot=_together(lambda x, y, axes: torch.tensordot(x, y, dims=axes)),
    einsum=lambda text, *xs: torch.einsum(text, *_promoted(xs)),
    convolve=_convolve,
    diagonal=lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
    trace=lambda x: torch.sum(torch.diagonal(x, 0, 0, 1), -1),
    linalg=types.SimpleNamespace(
        inv=torch.linalg.inv,
        det=torch.linalg.det,
        slogdet=torch.linalg.slogdet,
        matrix_power=torch.linalg.matrix_power,
        solve=_solve,
        cholesky=torch.linalg.cholesky,
        norm=_norm,
        vector_norm=lambda x, axis: torch.linalg.vector_norm(x, 2, axis),
        vecdot=_together(lambda x, y: torch.sum(torch.conj(x) * y, -1)),
    ),
)
TORCH_SPECIAL = types.SimpleNamespace(
    **{n: getattr(torch.special, n) for n in "erf erfc erfinv expit logit ndtr ndtri gammaln psi entr i0e i1e".split()},
    xlogy=torch.special.xlogy,
    xlog1py=torch.special.xlog1py,
    log_expit=F.logsigmoid,
    rel_entr=lambda x, y: torch.special.xlogy(x, x / y),
    betaln=lambda x, y: torch.lgamma(x) + torch.lgamma(y) - torch.lgamma(x + y),
)
TORCH_BLOCKS = types.SimpleNamespace(
    **{name: getattr(F, name) for name in "silu gelu mish logsigmoid tanhshrink elu leaky_relu softsign relu6".split()},
    **{name: getattr(F, name) for name in "hardtanh relu".split()},
    layer_norm=lambda x: F.layer_norm(x, x.shape[-1:]),
    rms_norm=lambda x, eps: F.rms_norm(x, x.shape[-1:], eps=eps),
    hardsigmoid=lambda x: F.relu6(x + 3) / 6,  # PyTorch's own have no second derivative
    hardswish=lambda x: x * F.relu6(x + 3) / 6,
    sigmoid=torch.sigmoid,
    softplus=lambda x: F.softplus(x, threshold=1000),  # never the line
    stop_gradient=torch.detach,
    softmax=torch.softmax,
    log_softmax=torch.log_softmax,
    logsumexp=_reduction(torch.logsumexp),
    grad=_grad,
)

# JAX ------------------------------------------------------------------------------------------------------------


def _layer_norm(x: Any, eps: float = 1e-5) -> Any:
    return (x - jnp.mean(x, -1, keepdims=True)) / jnp.sqrt(jnp.var(x, -1, keepdims=True) + eps)


def _rms_norm(x: Any, eps: float) -> Any:
    return x / jnp.sqrt(jnp.mean(x**2, -1, keepdims=True) + eps)


def _median_of_jax(x: jax.Array, axis: Any = None, keepdims: bool = False) -> jax.Array:
    """As NumPy's: JAX's gives an axis to the median of a number, with keepdims."""
    return jnp.median(x, axis=axis, keepdims=keepdims and x.ndim > 0)


def _hypot_of_jax(x: jax.Array, y: jax.Array) -> jax.Array:
    """JAX's own is made of max and min, so its second derivative is wrong where |x| = |y|."""
    return jnp.sqrt(x * x + y * y)


def _betaln_of_jax(x: jax.Array, y: jax.Array) -> jax.Array:
    """JAX's own is made of max and min too."""
    return jax.scipy.special.gammaln(x) + jax.scipy.special.gammaln(y) - jax.scipy.special.gammaln(x + y)


JAX = types.SimpleNamespace(
    **{name: getattr(jnp, name) for name in dir(jnp) if not name.startswith("__")}
    | {"asarray": np.asarray, "median": _median_of_jax, "hypot": _hypot_of_jax}
)
JAX_BLOCKS = types.SimpleNamespace(
    **{
        name: getattr(jax.nn, name)
        for name in "sigmoid softplus relu softmax log_softmax logsumexp silu mish elu".split()
    },
    leaky_relu=jax.nn.leaky_relu,
    softsign=jax.nn.soft_sign,
    relu6=jax.nn.relu6,
    hardtanh=jax.nn.hard_tanh,
    hardswish=jax.nn.hard_swish,
    hardsigmoid=jax.nn.hard_sigmoid,
    logsigmoid=jax.nn.log_sigmoid,
    gelu=lambda x: jax.nn.gelu(x, approximate=False),
    tanhshrink=lambda x: x - jnp.tanh(x),
    layer_norm=_layer_norm,
    rms_norm=_rms_norm,
    stop_gradient=jax.lax.stop_gradient,
    grad=jax.grad,
)
JAX_SPECIAL = types.SimpleNamespace(
    **{n: getattr(jax.scipy.special, n) for n in dir(jax.scipy.special) if not n.startswith("_")}
    | {"psi": jax.scipy.special.digamma, "log_expit": jax.nn.log_sigmoid, "betaln": _betaln_of_jax}
)

# What all share -------------------------------------------------------------------------------------------------


def _names(xp: Any, special: Any, blocks: Any, pick: Any, joined: Any, mask: Any) -> dict[str, Any]:
    """`pick(flat, positions)` are entries of a flat array."""

    def take(x: Any, at: Any) -> Any:
        at = np.asarray(at)
        return xp.reshape(pick(xp.reshape(x, (-1,)), at.reshape(-1)), at.shape)

    def flat_values(v: Any, shape: tuple[int, ...], like: Any) -> Any:
        v = v + xp.zeros_like(xp.sum(like)) if isinstance(v, float | int) else v
        return xp.reshape(xp.broadcast_to(v, shape), (-1,))

    def put(x: Any, at: Any, v: Any) -> Any:
        """x with v at these positions: each entry comes from x or from v, from the last that was written to it."""
        at = np.asarray(at)
        source = np.arange(int(np.prod(x.shape)))
        source[at.reshape(-1)] = source.size + np.arange(at.size)
        both = joined([xp.reshape(x, (-1,)), flat_values(v, at.shape, x)])
        return xp.reshape(pick(both, source), tuple(x.shape))

    def add_at(x: Any, at: Any, v: Any) -> Any:
        at = np.asarray(at)
        for n, place in enumerate(at.reshape(-1)):
            values = flat_values(v, at.shape, x)
            x = put(x, place, take(x, place) + take(values, n))
        return x

    def chosen(x: Any, label: Any) -> Any:
        flat = np.arange(int(np.prod(x.shape))).reshape(tuple(x.shape))
        return take(x, flat[label] if x.ndim == 1 else flat[np.arange(x.shape[0]), label])

    def hinge_loss(s: Any, label: Any) -> Any:
        t = s - chosen(s, label)[..., None] + 1.0
        return xp.sum(xp.where(t > 0, t, 0.0 * t), axis=-1) - 1.0

    own = types.SimpleNamespace(
        mean_squared_error=lambda x, y: xp.mean((x - y) ** 2),
        softmax_cross_entropy=lambda s, label: -chosen(blocks.log_softmax(s, -1), label),
        cross_entropy_loss=lambda p, label: -xp.log(chosen(p, label)),
        hinge_loss=hinge_loss,
        **{name: f for name, f in vars(blocks).items() if name not in ("softmax", "log_softmax")},
        softmax=lambda s, axis=-1: blocks.softmax(s, axis),
        log_softmax=lambda s, axis=-1: blocks.log_softmax(s, axis),
    )
    return {
        "np": xp,
        "sp": special,
        "cr": own,
        "take": take,
        "put": put,
        "add_at": add_at,
        "mask": mask,
        "gate": lambda x, y: x * xp.tanh(y),
    }


NUMPY_NAMES = _names(np, sp, types.SimpleNamespace(), lambda flat, at: flat[at], np.concatenate, np.array)
NUMPY_NAMES |= {"cr": cr}
TORCH_NAMES = _names(
    TORCH, TORCH_SPECIAL, TORCH_BLOCKS, lambda flat, at: flat[torch.as_tensor(at)], TORCH.concatenate, torch.tensor
)
JAX_NAMES = _names(
    JAX, JAX_SPECIAL, JAX_BLOCKS, lambda flat, at: np.eye(flat.shape[0])[at] @ flat, jnp.concatenate, jnp.array
)
"""Here entries are picked by a product with rows of the unit matrix, for a gather would have to be compiled."""
