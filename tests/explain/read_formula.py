"""Reads a formula as it is printed in Unicode, and computes it with NumPy: an independent way from text to number.

A mathematician's reading: what stands beside each other is a product of matrices, vectors are columns, xᵀ is a row, A²
of a matrix is A A and A⁻¹ its inverse, ⊙ and / go entry by entry (a vector beside a matrix stands for each row), 𝟏 is a
vector of ones of the length that fits, I the identity of the size that fits.
Pratt's parser: V. R. Pratt, Top down operator precedence (1973).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.special

__all__ = ["UnknownNotationError", "value_of_formula"]

TOKEN = re.compile(
    r"(?P<space>\s*)(?:(?P<number>[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)"
    r"|(?P<unit>e[₀-₉]+)"
    r"|(?P<up>[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ]+)"
    r"|(?P<name>log\|det\||log Φ|sign det|[^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ₀₁₂₃₄₅₆₇₈₉][^\W⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ₀₁₂₃₄₅₆₇₈₉]*′*[₀-₉]*|𝟏)"
    r"|(?P<sign>\^∘|[-+−·×⊙/^()\[\],√Σ‖|<>≤≥=≠:…]))"
)
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉", "0123456789+-0123456789")

CONDITION, SUM, PRODUCT, POWER = 0, 1, 2, 4


class UnknownNotationError(Exception):
    """The text holds something that cannot be computed from it, as an index that is only summarised."""


class Row:
    """A vector on its side."""

    def __init__(self, x: Any):
        self.x = x


class Ones:
    """A multiple of 𝟏, of the length that fits; a row if turned."""

    def __init__(self, turned: bool = False, number: Any = 1.0):
        self.turned, self.number = turned, number


class AllOnes:
    """𝟏 𝟏ᵀ, of the size that fits."""

    def __init__(self, number: Any):
        self.number = number


class Identity:
    """I, of the size that fits."""


class Unit:
    """e_c, of the length that fits."""

    def __init__(self, place: int, turned: bool = False):
        self.place, self.turned = place, turned


def value_of_formula(text: str, names: Mapping[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """The value of a formula over named values, as an array of a shape.

    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> value_of_formula("(A + Aᵀ) x", {"A": A, "x": np.array([1.0, 0.0])}, (2,))
    array([2., 5.])
    """
    found = Parser(text, names).parse()
    x = plain(found, shape)
    lies = isinstance(found, Row) or (np.ndim(x) == 2 and np.shape(x)[0] == 1 < np.size(x))
    if np.size(x) == int(np.prod(shape)) and lies != (len(shape) == 2 and shape[0] == 1 < shape[1]):
        raise AssertionError(f"{text} {'lies' if lies else 'stands'}, and its shape is {shape}")
    if np.size(x) == int(np.prod(shape)):
        return np.reshape(x, shape)
    return np.broadcast_to(x, shape)


def plain(x: Any, shape: tuple[int, ...] = ()) -> Any:
    match x:
        case Row():
            return x.x
        case Ones():
            return np.ones(()) * x.number
        case AllOnes():
            return np.ones((1, 1)) * x.number
        case Identity():
            return np.eye(*shape)
        case Unit():
            return np.eye(shape[0])[x.place]
        case ScaledUnit():
            return x.number * np.eye(shape[0])[x.place]
        case OneHot():
            return x.beside(np.zeros(shape))
    return x


class Parser:
    """Reads one formula from left to right."""

    def __init__(self, text: str, names: Mapping[str, Any]):
        self.names = names
        self.text = text
        self.at = 0

    def parse(self) -> Any:
        x = self.expression(CONDITION)
        if self.text[self.at :].strip():
            raise UnknownNotationError(f"{self.text[self.at :]!r} is left of {self.text!r}")
        return x

    def peek(self) -> tuple[str, str, bool]:
        found = TOKEN.match(self.text, self.at)
        if found is None:
            return "end", "", False
        return str(found.lastgroup), found[found.lastgroup], bool(found["space"])  # type: ignore[index]

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        found = TOKEN.match(self.text, self.at)
        if found is None or (wanted is not None and found[found.lastgroup] != wanted):  # type: ignore[index]
            raise UnknownNotationError(f"{wanted!r} expected at {self.text[self.at :]!r} of {self.text!r}")
        self.at = found.end()
        return str(found.lastgroup), found[found.lastgroup]  # type: ignore[index]

    # Operators -----------------------------------------------------------------------------------------------

    def expression(self, binding: int) -> Any:
        x = self.operand()
        while True:
            kind, token, spaced = self.peek()
            if token in ("+", "−", "-") and spaced and binding <= SUM:
                self.take()
                y = self.expression(SUM + 1)
                x = added(x, y if token == "+" else negative(y))
            elif token in ("·", "×", "⊙", "/") and binding <= PRODUCT:
                self.take()
                y = self.expression(PRODUCT + 1)
                x = divided(x, y) if token == "/" else multiplied(x, y)
            elif token in RELATIONS and binding <= CONDITION:
                self.take()
                x = RELATIONS[token](plain_like(x), plain_like(self.expression(SUM)))
            elif token == "where" and binding <= CONDITION:
                self.take()
                condition = self.expression(CONDITION)
                self.take("else")
                x = np.where(condition, x, self.expression(SUM))
            elif spaced and binding <= PRODUCT and self.begins_operand(kind, token):
                x = product(x, self.expression(PRODUCT + 1))
            else:
                return x

    def begins_operand(self, kind: str, token: str) -> bool:
        if token in ("where", "else"):
            return False
        return kind in ("name", "unit", "number") or token in ("(", "√", "[")

    def operand(self) -> Any:
        kind, token = self.take()
        if token in ("−", "-"):
            return negative(self.expression(PRODUCT))
        if token == "(":
            x = self.expression(CONDITION)
            self.take(")")
        elif token == "√":
            x = np.sqrt(plain(self.operand()))
            return x
        elif token == "‖":
            x = np.sqrt(np.sum(np.square(plain(self.expression(CONDITION)))))
            self.take("‖")
        elif token == "|":
            x = np.abs(plain(self.expression(CONDITION)))
            self.take("|")
        elif token == "Σ":
            axes = self.axes()
            inner = plain(self.expression(PRODUCT))
            return np.sum(inner) if axes is None else np.sum(inner, axis=axes, keepdims=True)
        elif token == "[":
            x = self.bracket()
        elif kind == "number":
            x = float(token)
        elif kind == "unit":
            x = Unit(int(token[1:].translate(DIGITS)))
        elif kind == "name":
            x = self.name(token)
        else:
            raise UnknownNotationError(f"{token!r} in {self.text!r}")
        return self.suffixed(x)

    def suffixed(self, x: Any) -> Any:
        """What stands behind an operand without a space: exponents, ᵀ, an index."""
        while True:
            kind, token, spaced = self.peek()
            if spaced:
                return x
            if kind == "up":
                self.take()
                x = raised(x, token)
            elif token == "^∘":
                self.take()
                x = np.power(plain(x), self.operand())
            elif token == "^":
                self.take()
                x = np.power(plain(x), plain(self.operand()))
            elif token == "[":
                x = plain(x)[self.index()]
            else:
                return x

    # Names, calls, brackets ------------------------------------------------------------------------------------

    def name(self, token: str) -> Any:
        _, following, spaced = self.peek()
        if token in self.names and following != "(":
            return np.asarray(self.names[token])
        if following in ("(", "[") and not spaced and token not in self.names:
            axes = self.axes()
            return self.call(token, axes)
        if token in self.names:  # beside brackets, with a space between
            return np.asarray(self.names[token])
        constants: dict[str, Any] = {"𝟏": Ones(), "I": Identity(), "e": np.e, "π": np.pi}
        if token in constants:
            return constants[token]
        raise UnknownNotationError(f"{token!r} in {self.text!r}")

    def axes(self) -> tuple[int, ...] | None:
        found = re.compile(r"\[([\d,]+)\]").match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return tuple(int(a) for a in found[1].split(","))

    def call(self, function: str, axes: tuple[int, ...] | None) -> Any:
        self.take("(")
        args = [self.expression(CONDITION)]
        while self.peek()[1] == ",":
            self.take()
            args.append(self.expression(CONDITION))
        self.take(")")
        if axes is not None:
            if function not in ALONG:
                raise UnknownNotationError(f"{function}[…] in {self.text!r}")
            return ALONG[function](plain(args[0]), axis=axes, keepdims=True)
        if function == "onehot":
            labels = np.asarray(args[0]).astype(int)
            return OneHot(labels)
        if function not in FUNCTIONS:
            raise UnknownNotationError(f"{function}(…) in {self.text!r}")
        return FUNCTIONS[function](*(plain(a) for a in args))

    def bracket(self) -> Any:
        """[condition], the numbers of an array, or a vector [a, b]."""
        found = re.compile(r"\[?(?:[-−\d.e+\s]|\]\s*\[)+\]\]?").match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            rows = [row.replace("−", "-").split() for row in re.findall(r"[^\[\]]+", found[0]) if row.strip()]
            numbers = np.array(rows, float)
            return numbers if found[0].startswith("[") else numbers[0]
        x = self.expression(CONDITION)
        if self.peek()[1] == ",":
            entries = [x]
            while self.peek()[1] == ",":
                self.take()
                entries.append(self.expression(CONDITION))
            x = np.array([*map(plain, entries)])
        self.take("]")
        return np.asarray(x, float)

    def index(self) -> Any:
        """[0], [1:3, :], [[0 … 3], y]."""
        found = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]").match(self.text, self.at)
        if found is None:
            raise UnknownNotationError(f"an index in {self.text!r}")
        self.at = found.end()
        return tuple(map(self.place, found[1].split(", ")))

    def place(self, part: str) -> Any:
        if re.fullmatch(r"-?\d*:-?\d*(:-?\d*)?", part):
            return slice(*(int(p) if p else None for p in part.split(":")))
        if re.fullmatch(r"-?\d+", part):
            return int(part)
        if run := re.fullmatch(r"\[(\d+) … (\d+)\]", part):
            return np.arange(int(run[1]), int(run[2]) + 1)
        if re.fullmatch(r"\[[\d ]+\]", part):
            return np.array(part[1:-1].split(), int)
        if part in self.names:
            return np.asarray(self.names[part])
        raise UnknownNotationError(f"index {part!r} in {self.text!r}")


class OneHot:
    """One-hot rows, as wide as what they stand beside."""

    def __init__(self, labels: np.ndarray):
        self.labels = labels

    def beside(self, x: Any) -> np.ndarray:
        return np.eye(np.shape(x)[-1])[self.labels]


class Waiting(OneHot):
    """What is made of one-hot rows, once it is known what they stand beside."""

    def __init__(self, made: Callable[[Any], np.ndarray]):
        self.made = made

    def beside(self, x: Any) -> np.ndarray:
        return self.made(x)


RELATIONS: dict[str, Callable[..., Any]] = {
    "<": np.less,
    ">": np.greater,
    "≤": np.less_equal,
    "≥": np.greater_equal,
    "=": np.equal,
    "≠": np.not_equal,
}
ALONG: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "var": np.var,
    "std": np.std,
    "prod": np.prod,
    "logsumexp": scipy.special.logsumexp,
    "norm": lambda x, axis, keepdims: np.sqrt(np.sum(x**2, axis=axis, keepdims=keepdims)),
}


def standardize(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def axis_of_classes(x: Any) -> int:
    """The axis of a softmax: that of a vector, even of shape (n, 1), or of the rows of a matrix."""
    return 0 if np.ndim(x) == 2 and np.shape(x)[1] == 1 else -1


def largest(*xs: Any) -> Any:
    return np.max(xs[0]) if len(xs) == 1 else np.maximum(*xs)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "softmax": lambda s: scipy.special.softmax(s, axis=axis_of_classes(s)),
    "log_softmax": lambda s: scipy.special.log_softmax(s, axis=axis_of_classes(s)),
    "logsumexp": scipy.special.logsumexp,
    "σ": scipy.special.expit,
    "Φ": scipy.special.ndtr,
    "log Φ": scipy.special.log_ndtr,
    "ψ": scipy.special.digamma,
    "erf": scipy.special.erf,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sign": np.sign,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "standardize": standardize,
    "det": np.linalg.det,
    "tr": np.trace,
    "diag": lambda x: np.diag(np.ravel(x)) if np.ndim(x) < 2 or 1 in np.shape(x) else np.diag(x),
    "max": largest,
    "min": lambda *xs: np.min(xs[0]) if len(xs) == 1 else np.minimum(*xs),
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "prod": np.prod,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "convolve": np.convolve,
    "clip": np.clip,
    "chol": np.linalg.cholesky,
    "pinv": np.linalg.pinv,
    "U": lambda x: np.linalg.svd(x, full_matrices=False)[0],
    "V": lambda x: np.linalg.svd(x, full_matrices=False)[2].T,
}


# Arithmetic of what fits -----------------------------------------------------------------------------------------


def plain_like(x: Any) -> Any:
    return plain(x)


def fitted(x: Any, y: Any) -> tuple[Any, Any]:
    """Two values side by side, of the shapes that fit."""
    for a, b in ((x, y), (y, x)):
        if isinstance(b, Identity | Unit | OneHot | ScaledUnit):
            continue
        other = plain(b)
        if isinstance(a, Identity):
            n = max(np.shape(other), default=1)
            return (np.eye(n), other) if a is x else (other, np.eye(n))
        if isinstance(a, Unit):
            e = np.eye(np.shape(other)[-1] if np.ndim(other) else UNKNOWN)[a.place]
            return (e, other) if a is x else (other, e)
        if isinstance(a, OneHot):
            e = a.beside(other)
            return (e, other) if a is x else (other, e)
    if isinstance(x, Identity | Unit | OneHot) or isinstance(y, Identity | Unit | OneHot):
        raise UnknownNotationError("of unknown size")
    x, y = plain(x), plain(y)
    for a, b in ((x, y), (y, x)):  # a column of numbers beside a vector is a vector
        if np.ndim(a) == 1 and np.shape(b) == (np.size(a), 1) and np.size(a) > 1:
            return np.ravel(x), np.ravel(y)
    return x, y


UNKNOWN = 1


def turned(x: Any) -> bool:
    return isinstance(x, Row) or (isinstance(x, Ones | Unit) and x.turned)


def added(x: Any, y: Any) -> Any:
    if isinstance(x, ScaledUnit) or isinstance(y, ScaledUnit):
        return _with_unit(x, y)
    for a, b in ((x, y), (y, x)):
        if isinstance(a, OneHot) and not isinstance(b, OneHot | Ones) and np.ndim(plain(b)) == 0:
            return Waiting(lambda other, a=a, b=b: plain(b) + a.beside(other))
    row = turned(x) and turned(y)
    a, b = fitted(x, y)
    return Row(a + b) if row else a + b


class ScaledUnit:
    """c e_k beside something whose length says how long it is."""

    def __init__(self, number: Any, place: int):
        self.number, self.place = number, place


def _with_unit(x: Any, y: Any) -> Any:
    for a, b in ((x, y), (y, x)):
        if isinstance(a, ScaledUnit):
            if isinstance(b, ScaledUnit | Unit):
                raise UnknownNotationError("a sum of unit vectors of unknown length")
            b = plain(b)
            return b + a.number * np.eye(len(b))[a.place]
    raise AssertionError


def negative(x: Any) -> Any:
    if isinstance(x, Row):
        return Row(-x.x)
    if isinstance(x, Unit):
        return ScaledUnit(-1.0, x.place)
    if isinstance(x, ScaledUnit):
        return ScaledUnit(-x.number, x.place)
    if isinstance(x, Identity | OneHot):
        return Scaled(-1.0, x)
    return -plain(x)


class Scaled(OneHot):
    """A number times I or one-hot rows."""

    def __init__(self, number: float, x: Any):
        self.number, self.x = number, x

    def beside(self, other: Any) -> np.ndarray:
        made = self.x.beside(other) if isinstance(self.x, OneHot) else np.eye(np.shape(other)[-1])
        return self.number * made


def multiplied(x: Any, y: Any) -> Any:
    for a, b in ((x, y), (y, x)):
        if not isinstance(b, Ones | Identity | Unit | OneHot | ScaledUnit) and np.ndim(plain(b)) == 0:
            if isinstance(a, Row):
                return Row(a.x * b)
            if isinstance(a, Ones):
                return Ones(a.turned, a.number * b)
            if isinstance(a, Unit):
                return ScaledUnit(b, a.place)
            if isinstance(a, ScaledUnit):
                return ScaledUnit(a.number * b, a.place)
            if isinstance(a, OneHot | Identity):
                return Scaled(float(b), a)
    a, b = fitted(x, y)
    return a * b


def divided(x: Any, y: Any) -> Any:
    if isinstance(x, Row | Unit | OneHot | Identity | ScaledUnit):
        return multiplied(x, 1 / plain(y))
    a, b = fitted(x, y)
    return a / b


def raised(x: Any, exponent: str) -> Any:
    """x², A⁻¹, xᵀ, A⁻ᵀ."""
    if exponent.endswith("ᵀ"):
        x = x if exponent == "ᵀ" else raised(x, exponent[:-1] + "¹")
        if isinstance(x, Row):
            return x.x
        if isinstance(x, Ones):
            return Ones(not x.turned, x.number)
        if isinstance(x, Unit):
            return Unit(x.place, not x.turned)
        if isinstance(x, OneHot):
            return TurnedOneHot(x)
        return Row(x) if np.ndim(x) == 1 else np.transpose(plain(x))
    power = int(exponent.translate(DIGITS))
    is_matrix = np.ndim(plain(x)) == 2 and 1 not in np.shape(plain(x))
    return np.linalg.matrix_power(x, power) if is_matrix else np.power(np.asarray(plain(x), float), power)


class TurnedOneHot(OneHot):
    def __init__(self, x: OneHot):
        self.x = x

    def beside(self, other: Any) -> np.ndarray:
        return self.x.beside(np.transpose(other)).T


def product(x: Any, y: Any) -> Any:
    """The product of matrices, with vectors as columns."""
    if isinstance(x, Identity):
        return y
    if isinstance(y, Identity):
        return x
    if isinstance(x, Ones) and isinstance(y, Ones):
        return AllOnes(x.number * y.number)
    if isinstance(x, AllOnes):
        return np.reshape(x.number * np.sum(plain(y), axis=0), (1, -1))
    if isinstance(x, Ones):
        if x.turned:
            y = x.number * plain(y)
            return np.sum(y) if np.ndim(y) == 1 or np.shape(y)[1] == 1 else Row(np.sum(y, axis=0))
        return np.reshape(x.number * plain(y), (1, -1))
    if isinstance(y, Ones):
        x = x if isinstance(x, Row) else plain(x)
        if y.turned:
            return np.reshape(y.number * plain(x), (-1, 1))
        return y.number * (np.sum(x.x) if isinstance(x, Row) else np.sum(x, axis=1))
    if isinstance(y, OneHot) and isinstance(x, np.ndarray):
        return Waiting(lambda other: x @ y.beside(other))
    if isinstance(x, Unit | OneHot) or isinstance(y, Unit | OneHot):
        return _product_with_unit(x, y)
    if isinstance(x, Row):
        made = x.x @ plain(y)
        return made if np.ndim(plain(y)) == 1 else _number(made) if np.size(made) == 1 else Row(made)
    if isinstance(y, Row):
        return np.outer(np.ravel(x), y.x)
    if np.ndim(x) == 1 and np.ndim(y) == 2 and len(y) == 1:
        return np.outer(x, y)
    return _number(np.asarray(x) @ np.asarray(y))


def _number(x: Any) -> Any:
    """A matrix of one entry as a number."""
    return np.reshape(x, ()) if np.size(x) == 1 else x


def _product_with_unit(x: Any, y: Any) -> Any:
    if isinstance(y, Unit):
        return x[:, y.place] if not y.turned else UnknownNotationError
    if isinstance(x, Unit) and x.turned:
        return plain(y)[x.place]
    raise UnknownNotationError("a unit vector of unknown length in a product")
