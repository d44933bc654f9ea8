"""Lines that act on each entry: operators, ufuncs, activations, special functions, complex numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .writer import BOUND, MARGIN, broadcasts, real, rule

# Domains ------------------------------------------------------------------------------------------------------


def anywhere(*xs: Any) -> bool:
    return True


def within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda x: bool(np.all((x >= low) & (x <= high)))


def nonzero(x: Any) -> bool:
    return bool(np.all(np.abs(x) >= 0.2))


def no_integer(x: Any) -> bool:
    return bool(np.all(np.abs(x - np.round(x)) >= MARGIN))


def apart(x: Any, *others: Any) -> bool:
    return all(bool(np.all(np.abs(x - y) >= MARGIN)) for y in others)


def away_from(*kinks: float) -> Callable[[Any], bool]:
    return lambda x: apart(x, *kinks)


def no_ties(x: Any, axis: Any = None) -> bool:
    """Whether no two entries along an axis (or among all) are near each other."""
    return x.size < 2 or bool(np.all(np.diff(np.sort(x, axis=axis), axis=-1 if axis is None else axis) >= MARGIN))


positive = within(0.2, BOUND)

UNARY = {
    anywhere: "np.sin np.negative np.positive np.square np.cos np.tanh np.arctan np.arcsinh np.deg2rad np.degrees "
    "np.copy np.conj np.real cr.sigmoid cr.softplus cr.stop_gradient "
    "cr.silu cr.gelu cr.mish cr.logsigmoid cr.tanhshrink "
    "sp.erf sp.erfc sp.expit sp.log_expit sp.ndtr",
    within(-5, 3): "np.exp np.exp2 np.expm1 np.sinh np.cosh",
    positive: "np.log np.log2 np.log10 np.sqrt sp.entr",
    within(0.5, 6): "sp.gammaln sp.psi",
    within(-5, 5): "sp.i0e sp.i1e",
    within(-0.8, BOUND): "np.log1p",
    within(-1.2, 1.2): "np.tan",
    within(-0.9, 0.9): "np.arcsin np.arccos np.arctanh sp.erfinv",
    within(0.1, 0.9): "sp.logit sp.ndtri",
    within(1.2, BOUND): "np.arccosh",
    nonzero: "np.reciprocal np.cbrt np.sinc np.abs np.fabs cr.relu cr.elu cr.leaky_relu cr.softsign np.sign",
    no_integer: "np.floor np.ceil np.trunc",
    away_from(0, 6): "cr.relu6",
    away_from(-1, 1): "cr.hardtanh",
    away_from(-3, 3): "cr.hardswish cr.hardsigmoid",
}
FUNCTIONS = {name: fits for fits, names in UNARY.items() for name in names.split()}

BINARY = {
    "{} + {}": anywhere,
    "{} - {}": anywhere,
    "{} * {}": anywhere,
    "{} / {}": lambda x, y: nonzero(y),
    "np.maximum({}, {})": apart,
    "np.minimum({}, {})": apart,
    "np.fmax({}, {})": apart,
    "np.where({0} > {1}, {0}, np.sin({1}))": apart,
    "np.hypot({}, {})": lambda x, y: nonzero(np.hypot(x, y)),
    "np.arctan2({}, {})": lambda x, y: nonzero(np.hypot(x, y)) and nonzero(x),  # there is a cut along x = 0, y < 0
    "np.logaddexp({}, {})": anywhere,
    "np.logaddexp2({}, {})": anywhere,
    "np.copysign({}, {})": lambda x, y: nonzero(x) and nonzero(y),
    "{} ** {}": lambda x, y: positive(x) and within(-3, 3)(y),
    "np.float_power({}, {})": lambda x, y: positive(x) and within(-3, 3)(y),
    "np.remainder({}, {})": lambda x, y: nonzero(y) and no_integer(x / y),
    "np.fmod({}, {})": lambda x, y: nonzero(y) and no_integer(x / y),
    "{} % np.abs({})": lambda x, y: nonzero(y) and no_integer(x / y),
    "sp.xlogy({}, {})": lambda x, y: positive(y),
    "sp.xlog1py({}, {})": lambda x, y: positive(y),
    "sp.rel_entr({}, {})": lambda x, y: positive(x) and positive(y),
    "sp.betaln({}, {})": lambda x, y: within(0.5, 6)(x) and within(0.5, 6)(y),
    "cr.mean_squared_error({}, {})": lambda x, y: x.shape == y.shape,
    "gate({}, {})": anywhere,
    "cr.grad(lambda other: np.sum(np.sin(other) * {}))({})": lambda x, y: (
        np.broadcast_shapes(x.shape, y.shape) == y.shape
    ),
}
SCALARS = {
    "2.0 * {}": anywhere,
    "{} * 0.5": anywhere,
    "1 + {}": anywhere,
    "{} - 1": anywhere,
    "0.5 - {}": anywhere,
    "{} / 2": anywhere,
    "1 / {}": nonzero,
    "{} ** 2": anywhere,
    "{} ** 3": anywhere,
    "{} ** 0.5": positive,
    "{} ** -1": nonzero,
    "2 ** {}": within(-5, 4),
    "np.clip({}, -1, 1.5)": away_from(-1, 1.5),
    "np.clip({}, None, 1)": away_from(1),
    "np.maximum({}, 0.5)": away_from(0.5),
    "np.minimum(1, {})": away_from(1),
    "np.where({0} > 0, {0}, 0.1 * {0})": nonzero,
    "np.where({0} > 0, np.sqrt(np.abs({0})), 0)": nonzero,
    "np.select([{0} > 1, {0} > 0], [{0} ** 2, 3 * {0}], 0.5)": away_from(0, 1),
    "np.nan_to_num({})": anywhere,
    "{} * np.array([0.5, -1.0, 2.0])": lambda x: broadcasts(x.shape, (3,)),
    "np.ones((2, 1)) - {}": lambda x: broadcasts(x.shape, (2, 1)),
}
METHODS = {
    "{}.sum()": "np.sum({})",
    "{}.mean()": "np.mean({})",
    "{}.T": "np.transpose({})",
    "{}.copy()": "np.copy({})",
    "{}.ravel()": "np.ravel({})",
    "{}.flatten()": "np.ravel({})",
    "{}.reshape(-1)": "np.ravel({})",
    "{}.squeeze()": "np.squeeze({})",
    "+{}": "np.positive({})",
    "-{}": "np.negative({})",
    "{}.cumsum()": "np.cumsum({})",
    "{}.conj()": "np.conj({})",
    "{}.reshape(1, -1)": "np.reshape({}, (1, -1))",
}
"""Methods and operators, and the functions that mean the same."""


def complex_number(x: Any) -> bool:
    return x.dtype.kind == "c"


def either(x: Any) -> bool:
    return True


def no_cut(z: Any) -> bool:
    """Whether each entry is away from 0 and from the negative half of the real axis, where log and sqrt jump."""
    return nonzero(z) and bool(np.all((z.real > 0) | (np.abs(z.imag) >= MARGIN)))


def modest(z: Any) -> bool:
    return bool(np.all(np.abs(z) <= 3))


OF_COMPLEX = {
    "np.conj({})": either,
    "{}.conj()": either,
    "np.real({})": either,
    "np.imag({})": either,
    "{}.real": either,
    "{}.imag": either,
    "np.abs({})": nonzero,
    "abs({}) ** 2": nonzero,
    "np.angle({})": no_cut,
    "np.exp({})": modest,
    "np.sin({})": modest,
    "np.cos({})": modest,
    "np.tanh({})": lambda z: modest(z) and bool(np.all(np.abs(z.imag) <= 1.2)),
    "np.sqrt({})": no_cut,
    "np.log({})": no_cut,
    "1 / {}": nonzero,
    "{} ** 2": either,
    "{} ** 3": either,
    "np.square({})": either,
    "{} * 1j": either,
    "(1 + 2j) * {}": either,
    "{} - 1j": either,
    "{0} * np.conj({0})": either,
    "np.reciprocal({})": nonzero,
}

# Lines --------------------------------------------------------------------------------------------------------


@rule
def unary(w):
    function = w.choose(FUNCTIONS)
    w.let(f"{function}({w.pick(FUNCTIONS[function])})")


@rule
def unary_again(w):
    unary(w)


@rule
def scalar(w):
    text = w.choose(SCALARS)
    w.let(text.format(w.pick(SCALARS[text])))


@rule
def binary(w):
    text = w.choose(BINARY)
    x = w.pick()
    y = w.partner(x, BINARY[text])
    w.let(text.format(x, y))


@rule
def method(w):
    text = w.choose(METHODS)
    x = w.pick(kind=either)
    w.let(text.format(x), METHODS[text].format(x))


@rule
def alias(w):
    w.let(w.pick(kind=either))


@rule
def branch(w):
    """A branch on a value; the functional form has what was chosen."""
    x = w.pick(lambda x: abs(np.sum(x)) >= MARGIN)
    y = w.partner(x)
    w.let(f"{x} * {y} if np.sum({x}) > 0 else {x} - {y}", f"{x} * {y}" if np.sum(w.values[x]) > 0 else f"{x} - {y}")


@rule
def while_loop(w):
    """Halved until it is small."""
    x = w.pick(lambda x: apart(np.max(np.abs(x)), 1, 2, 4))
    halves = max(0, int(np.ceil(np.log2(max(1.0, np.max(np.abs(w.values[x])))))))
    text = f"(lambda f: f(f, {x}))(lambda f, v: f(f, v / 2) if np.max(np.abs(v)) > 1 else v)"
    w.let(text, f"{x} / {2**halves}")


@rule
def make_complex(w):
    x = w.pick()
    text = w.choose(["{} + 1j * {}", "1j * {} - {}", "{} * np.exp(1j * {})"])
    w.let(text.format(x, w.partner(x)))


@rule
def of_complex(w):
    text = w.choose(OF_COMPLEX)
    w.let(text.format(w.pick(OF_COMPLEX[text], kind=complex_number)))


@rule
def with_complex(w):
    z = w.pick(kind=complex_number)
    text = w.choose(["{} + {}", "{} * {}", "{} - {}", "{} / {}", "np.where(np.real({0}) > np.real({1}), {0}, {1})"])
    fits = {"{} / {}": lambda z, y: nonzero(y)}.get(text, lambda z, y: "where" not in text or apart(z.real, y.real))
    y = w.partner(z, fits, kind=either)
    w.let(text.format(z, y))


@rule
def cast(w):
    x = w.pick()
    w.let(f"{x}.astype({w.pick(kind=real)}.dtype)", f"np.copy({x})")
