"""Step functions: signs, rounding, comparisons, logic and bits.

Their derivative is zero wherever it exists, so a gradient ends here.
"""

import builtins

import numpy as np

from chainrule.block import answers, elementwise, library_block, unlisted_block
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import Formula, call, relation
from chainrule.node import at_line

_STANDARD = {np.rint: "round", np.invert: "bitwise_invert"}  # the Array API's name where a library has only that


def _step(function, notation=None):
    """A ufunc without a derivative."""
    name = function.__name__
    return elementwise(
        name,
        lambda xp, *xs: getattr(xp, name if hasattr(xp, name) else _STANDARD[function])(*xs),
        notation=notation,
        answers_for=(function,),
        differentiable=False,
    )


def _comparison(function, symbol):
    return _step(function, lambda x, y: relation(symbol, x, y))


_TRUTHS = {"True": True, "1": True, "False": False, "0": False}


def _connective(function, symbol):
    """and, or: a symbol between conditions, the name between integers; a repeated condition is written once."""

    def notation(x, y):
        x, y = (f.parts[0] if f.kind == "indicator" else f for f in (x, y))
        for condition, known in ((x, y), (y, x)):
            # as in x = z and low < high
            if condition.kind == "relation" and known.kind == "number" and known.text in _TRUTHS:
                return condition if _TRUTHS[known.text] == (symbol == "∧") else known
        if x.kind != "relation" or y.kind != "relation":
            return call(function.__name__, x, y)
        return x if x == y else Formula("relation", (x, y), symbol, x.shape if x.ndim >= y.ndim else y.shape)

    return _step(function, notation)


sign, floor, ceil, trunc, rint = map(_step, (np.sign, np.floor, np.ceil, np.trunc, np.rint))
floor_divide = _step(np.floor_divide)
isfinite, isinf, isnan, signbit = map(_step, (np.isfinite, np.isinf, np.isnan, np.signbit))
logical_not, logical_xor = map(_step, (np.logical_not, np.logical_xor))
logical_and, logical_or = _connective(np.logical_and, "∧"), _connective(np.logical_or, "∨")
bitwise_and, bitwise_or = _connective(np.bitwise_and, "∧"), _connective(np.bitwise_or, "∨")
bitwise_xor, invert = map(_step, (np.bitwise_xor, np.invert))
left_shift, right_shift, spacing = map(_step, (np.left_shift, np.right_shift, np.spacing))
gcd, lcm, bitwise_count = map(_step, (np.gcd, np.lcm, np.bitwise_count))
less, less_equal = _comparison(np.less, "<"), _comparison(np.less_equal, "≤")
greater, greater_equal = _comparison(np.greater, ">"), _comparison(np.greater_equal, "≥")
equal, not_equal = _comparison(np.equal, "="), _comparison(np.not_equal, "≠")


answers(np.fix)(trunc)


@library_block(differentiable=False, example=example(normal(2, 3), decimals=1))
def round(xp, x, decimals=0):
    """The nearest number with the given number of decimals."""
    return xp.round(x, decimals=decimals)


@unlisted_block(differentiable=False, notation=lambda x, ndigits: call("round", x))
def python_round(xp, x, ndigits=0):
    """Python's round(x, n) of a Python number. It rounds the decimal digits; NumPy's multiplies by 10^n first."""
    return builtins.round(x.item() if isinstance(x, np.generic) else x, ndigits)


answers(builtins.round)(python_round)


@answers(np.round, np.around)
def numpy_round(a, decimals=0, out=None):
    if out is not None:
        raise BlockError("numpy.round(out=…) with a recorded array: use the returned array" + at_line())
    return round(a, decimals=decimals)
