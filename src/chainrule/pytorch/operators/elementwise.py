"""Operators that work on each entry, activations among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from chainrule.array import Array
from chainrule.blocks import activations, normalisation, rectifiers
from chainrule.pytorch.operators.conventions import cast

__all__ = ["ELEMENTWISE"]


def add(x, y, alpha=1):
    return x + (y if alpha == 1 else alpha * y)


def subtract(x, y, alpha=1):
    return x - (y if alpha == 1 else alpha * y)


def divide(x, y, rounding_mode=None):
    return x / y if rounding_mode is None else {"floor": np.floor, "trunc": np.trunc}[rounding_mode](x / y)


def elu(x, alpha=1.0, scale=1.0, input_scale=1.0):
    return rectifiers.elu(x, alpha=alpha) if scale == input_scale == 1 else NotImplemented


def softplus(x, beta=1.0, threshold=20.0):
    z = activations.softplus(x, beta=beta)
    linear = beta * np.asarray(x.value if type(x) is Array else x) > threshold  # there PyTorch rounds to x itself
    return np.where(linear, x, z) if linear.any() else z


def clamp(x, min=None, max=None):
    return np.clip(x, min, max)


def clamp_max(x, max):
    return np.clip(x, None, max)


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    # Elementwise, one operand
    "abs": np.abs,
    "neg": np.negative,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "reciprocal": np.reciprocal,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "lgamma": special.gammaln,
    "digamma": special.psi,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": lambda x, decimals=0: np.round(x, decimals),
    "frac": lambda x: x - np.trunc(x),
    "nan_to_num": lambda x, nan=None, posinf=None, neginf=None: np.nan_to_num(x, True, nan or 0.0, posinf, neginf),
    # Activations
    "relu": rectifiers.relu,
    "relu6": rectifiers.relu6,
    "leaky_relu": lambda x, negative_slope=0.01: rectifiers.leaky_relu(x, negative_slope=negative_slope),
    "prelu": rectifiers.prelu,
    "elu": elu,
    "celu": lambda x, alpha=1.0: rectifiers.celu(x, alpha=alpha),
    "selu": rectifiers.selu,
    "gelu": lambda x, approximate="none": activations.gelu(x, approximate=approximate),
    "silu": activations.silu,
    "mish": activations.mish,
    "sigmoid": activations.sigmoid,
    "log_sigmoid": activations.logsigmoid,
    "softplus": softplus,
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0: rectifiers.hardtanh(x, min_val=min_val, max_val=max_val),
    "hardsigmoid": rectifiers.hardsigmoid,
    "hardswish": rectifiers.hardswish,
    "softshrink": lambda x, lambd=0.5: rectifiers.softshrink(x, lambd=lambd),
    "hardshrink": lambda x, lambd=0.5: rectifiers.hardshrink(x, lambd=lambd),
    "threshold": lambda x, threshold, value: rectifiers.threshold(x, threshold=threshold, value=value),
    "glu": lambda x, dim=-1: activations.glu(x, axis=dim),
    "softmax": lambda x, dim, dtype=None: normalisation.softmax(cast(x, dtype), axis=dim),
    "_softmax": lambda x, dim, half_to_float: normalisation.softmax(x, axis=dim),
    "log_softmax": lambda x, dim, dtype=None: normalisation.log_softmax(cast(x, dtype), axis=dim),
    "_log_softmax": lambda x, dim, half_to_float: normalisation.log_softmax(x, axis=dim),
    # Elementwise, several operands
    "add": add,
    "sub": subtract,
    "rsub": lambda x, y, alpha=1: subtract(y, x, alpha),
    "mul": np.multiply,
    "div": divide,
    "pow": np.power,
    "remainder": np.remainder,
    "fmod": np.fmod,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "xlogy": special.xlogy,
    "special_xlog1py": special.xlog1py,
    "copysign": np.copysign,
    "where": np.where,
    "masked_fill": lambda x, mask, value: np.where(mask, value, x),
    "lerp": lambda x, end, weight: x + weight * (end - x),
    "addcmul": lambda x, a, b, value=1: x + (a * b if value == 1 else value * a * b),
    "addcdiv": lambda x, a, b, value=1: x + (a / b if value == 1 else value * a / b),
    "clamp": clamp,
    "clamp_min": clamp,
    "clamp_max": clamp_max,
}
