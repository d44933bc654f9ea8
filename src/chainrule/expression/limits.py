"""Limits on the size and time of an expression: every operation goes through a `Meter`.

Sizes may be computed (`zeros(n**n)`). So on each run the operands are checked before an operation, and its result
after.
"""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array, holds_recorded
from chainrule.errors import ExpressionError
from chainrule.expression.how_many import in_matmul, of_einsum, of_matmul
from chainrule.expression.language import METHODS, LanguageFunction
from chainrule.expression.measures import indexed, same, size, together
from chainrule.node import user_frame

__all__ = ["LARGEST", "MOST_BITS", "OPERATORS", "Meter", "shortened"]

LARGEST = 20_000_000
"""The largest number of array entries that an expression may make in all."""
MOST_WORK = 2_000_000_000
"""The largest number of multiplications that it may do; they take a few seconds."""
AS_OBJECT = 50
"""The cost of a Python object, as a number of array entries."""
DEEPEST_LIST = 32
MOST_BITS = 1024
"""The largest number of bits of an integer; floats overflow at the same size."""
NUMERIC = "biufc"
WRITING = {"copy", "like", "out", "overwrite_input"}
"""Arguments that make a function write into an array, and `like`, which makes it call methods of an array."""
WORD = re.compile(r"[A-Za-z_]\w{0,30}")

OPERATORS: dict[str, tuple[str, Callable[..., Any]]] = {
    "Add": ("+", operator.add),
    "Sub": ("-", operator.sub),
    "Mult": ("*", operator.mul),
    "Div": ("/", operator.truediv),
    "FloorDiv": ("//", operator.floordiv),
    "Mod": ("%", operator.mod),
    "Pow": ("**", operator.pow),
    "MatMult": ("@", operator.matmul),
    "BitAnd": ("&", operator.and_),
    "BitOr": ("|", operator.or_),
    "USub": ("-", operator.neg),
    "UAdd": ("+", operator.pos),
    "Not": ("not", operator.not_),
    "Invert": ("~", operator.invert),
    "Eq": ("==", operator.eq),
    "NotEq": ("!=", operator.ne),
    "Lt": ("<", operator.lt),
    "LtE": ("<=", operator.le),
    "Gt": (">", operator.gt),
    "GtE": (">=", operator.ge),
}
"""The operators of the language, by their names in `ast`."""


class Meter:
    """Runs the operations of an expression within limits."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start a new run of the expression."""
        self.numbers = LARGEST
        self.work = MOST_WORK

    def operate(self, name: str, *operands: Any) -> Any:
        """Apply an operator, by its name in `OPERATORS`."""
        sign, do = OPERATORS[name]
        return self.done(sign, do, do, operands)

    def update(self, name: str, x: Any, y: Any) -> Any:
        """Apply x += y and the like, which write into an array."""
        sign, do = OPERATORS[name]
        return self.done(f"{sign}=", do, getattr(operator, f"i{do.__name__.strip('_')}"), (x, y))

    def done(self, sign: str, meant: Callable[..., Any], do: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
        for x in operands:
            _check_operand(x, operands)
        if meant is operator.pow:
            _check_power(*operands)
        makes, works = (of_matmul, in_matmul) if meant is operator.matmul else (together, together)
        self.expect(sign, makes(*operands), works(*operands))
        return self.made(sign, do(*operands))

    def compare(self, names: tuple[str, ...], *operands: Any) -> Any:
        """A comparison, or a chain of them: a < b < c."""
        *first, last = zip(names, operands, operands[1:], strict=False)
        for name, a, b in first:
            if not (result := self.operate(name, a, b)):
                return result
        return self.operate(*last)

    def call(self, function: LanguageFunction, *args: Any, **options: Any) -> Any:
        """Call a function of the language."""
        for argument in (*args, *options.values()):
            self.check_argument(function, argument)
        _check_signature(function, args, options)
        self.ask(function.name, function.makes, function.works, args, options)
        return self.made(function.name, function.call(*args, **options))

    def method(self, x: Any, name: str, *args: Any, **options: Any) -> Any:
        """Call a method of an array."""
        _check_array(x, name)
        positions, makes, works = METHODS[name]
        if len(args) > positions or options.keys() & WRITING:
            raise refused(f".{name} takes {positions} arguments by position, and no {' or '.join(sorted(WRITING))}")
        for argument in (*args, *options.values()):
            self.check_argument(None, argument)
        self.ask(f".{name}", makes, works, (x, *args), options)
        return self.made(f".{name}", getattr(x, name)(*args, **options))

    def ask(self, what: str, makes: Any, works: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Refuse a call that would make too much."""
        try:
            numbers, work = makes(*args, **options), works(*args, **options)
        except ExpressionError as error:
            raise refused(f"{what}: {error}") from None
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            reason = re.sub(r"^\S*\(\) ", "", str(error))
            raise refused(f"{what} cannot be called so: {reason}") from None
        if makes is same:  # the result may be far smaller (a sum); it is counted afterwards
            numbers = min(numbers, self.numbers) if numbers <= LARGEST else numbers
        self.expect(what, numbers, work)

    def check_argument(self, function: LanguageFunction | None, x: Any) -> None:
        """Refuse strings other than words and subscripts of einsum, and objects of other types."""
        if isinstance(x, list | tuple):
            self.numbers -= AS_OBJECT * size(x)  # the time to check it
            for entry in x:
                self.check_argument(function, entry)
        elif isinstance(x, str):
            if function is not None and function.makes is of_einsum:
                return
            if not WORD.fullmatch(x) or not _is_numeric(x):
                raise refused(f"{shortened(repr(x))} is no text that a function of the language takes")
        elif not (x is None or x is Ellipsis or _is_number(x)):
            raise refused(f"a {type(x).__name__} is no argument of a function of the language")

    def index(self, x: Any, key: Any) -> Any:
        """Index an array."""
        if isinstance(x, Array | np.ndarray):
            self.expect("[…]", indexed(x, key), 0)
        elif not isinstance(x, list | tuple):
            raise refused(f"a {type(x).__name__} has no entries")
        return self.made("[…]", x[key])

    def attribute(self, x: Any, name: str) -> Any:
        _check_array(x, name)
        return getattr(x, name)

    def listed(self, *entries: Any) -> list[Any]:
        if nesting(entries) > DEEPEST_LIST:
            raise refused(f"lists are nested more than {DEEPEST_LIST} deep")
        cost = AS_OBJECT * size(entries)
        self.expect("a list", cost, 0)
        self.numbers -= cost
        return list(entries)

    def tupled(self, *entries: Any) -> tuple[Any, ...]:
        return tuple(self.listed(*entries))

    def expect(self, what: str, numbers: float, work: float) -> None:
        """Refuse an operation that would make or do too much."""
        if numbers > self.numbers:
            what += f" would make {_count_as_text(numbers)} numbers; an expression may make {LARGEST:,} in all"
        elif work > self.work:
            what += f" would take {_count_as_text(work)} multiplications; an expression may do {MOST_WORK:,} in all"
        else:
            self.work -= int(work)
            return
        raise refused(f"{what}. A function in a file may do more: chainrule explain file.py:function")

    def made(self, what: str, x: Any) -> Any:
        """Count the numbers in a result, and refuse results that are not numbers."""
        made = _numbers(what, x)
        self.expect(what, made, 0)
        self.numbers -= made
        return x


def refused(message: str) -> ExpressionError:
    """The error for a refused operation, with the number of its statement."""
    return ExpressionError(f"statement {user_frame().f_lineno}: {message}")


def shortened(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "…"


def nesting(x: Any) -> int:
    return 1 + max(map(nesting, x), default=0) if isinstance(x, list | tuple) else 0


def _count_as_text(n: float) -> str:
    return f"{int(n):,}" if n < 1e15 else "more than 10¹⁵"


def _is_number(x: Any) -> bool:
    """Whether a value is a number or an array of numbers."""
    return isinstance(x, int | float | complex | Array) or (
        isinstance(x, np.ndarray | np.generic) and (x.dtype.kind in NUMERIC or holds_recorded(x))
    )


def _is_numeric(word: str) -> bool:
    """False for a word that names a dtype of NumPy without numbers: O, S1000000, datetime64."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            dtype = np.dtype(word)
    except TypeError:
        return True
    return dtype.kind in NUMERIC or dtype.itemsize == 0


def _check_array(x: Any, name: str) -> None:
    if not isinstance(x, Array | np.ndarray | np.generic):
        raise refused(f".{name} is for arrays, and this is a {type(x).__name__}")


def _check_operand(x: Any, operands: tuple[Any, ...]) -> None:
    beside_an_array = isinstance(x, list | tuple) and any(isinstance(y, Array | np.ndarray) for y in operands)
    if not beside_an_array and not _is_number(x):
        raise refused(f"a {type(x).__name__} is no operand; write array([…]) for a list of numbers")


def _check_power(base: Any, exponent: Any) -> None:
    """Refuse huge powers of Python's integers: 9**9**9 has 369,693,100 digits."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MOST_BITS:
        raise refused(f"a whole number ** a whole number has more than {MOST_BITS} bits; write one of them as a float")


def _check_signature(function: LanguageFunction, args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Refuse arguments by which a function writes: NumPy's `out`, and the `copy` of `nan_to_num`."""
    given = set(options)
    if isinstance(function.call, np.ufunc):
        if len(args) > function.call.nin:
            raise refused(f"{function.name} takes {function.call.nin} arguments, and {len(args)} were given")
    else:
        given.update(function.positions[: len(args)])
    if given & WRITING:
        raise refused(f"{function.name} has no argument {' or '.join(sorted(given & WRITING))} in an expression")


def _numbers(what: str, x: Any) -> int:
    """How many numbers a value has; an error if it contains other objects."""
    if isinstance(x, list | tuple):
        return sum(_numbers(what, entry) for entry in x) + 1
    if isinstance(x, int):
        if x.bit_length() > MOST_BITS:
            raise refused(f"{what} makes a whole number of more than {MOST_BITS} bits; write a float")
        return 1
    if not _is_number(x):
        kind = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        raise refused(f"{what} makes {kind}, which is no number")
    if isinstance(x, np.ndarray) and x.dtype == object:
        return AS_OBJECT * sum(_numbers(what, entry) for entry in x.flat)
    return size(x)
