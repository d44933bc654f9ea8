"""NumPy's functions over arrays of dtype object with recorded numbers: `python -m tests.sweeps.object_arrays` (10 s).

`np.array([x[0], 1.0])` makes such an array. Each function must give NumPy's value and the gradient by differences, or
an error that says to join the numbers with np.stack.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError

X = np.array([0.3, 0.7, 0.45])
B = np.array([0.27, 0.93, 0.41])

ARRAYS = {
    "recorded": lambda x: np.array([x[0] * x[1], x[1], x[2] + x[0]]),
    "mixed": lambda x: np.array([x[0] * x[1], 1.5, x[2]]),
    "asarray": lambda x: np.asarray(x * 1.0),
    "list": lambda x: [x[0] * x[1], x[1], 1.5],
    "complex": lambda x: np.array([np.exp(1j * x[0]), 2j * x[1], x[2] + 0.5]),
    "two axes": lambda x: np.array([[x[0], x[1], 3.0], [x[1] * x[2], 2.0, x[0]], [1.0, x[2], x[1]]]),
}

CALLS = {
    "f(a)": lambda f, a: f(a),
    "f(a, b)": lambda f, a: f(a, B),
    "f(b, a)": lambda f, a: f(B, a),
    "f(a, a)": lambda f, a: f(a, a),
    "f(a, 1)": lambda f, a: f(a, 1),
    "f([a, a])": lambda f, a: f([a, a]),
}

METHODS = (
    "sum mean prod max min std var cumsum cumprod conj copy flatten transpose trace real imag T squeeze argmax sort"
)

LEFT_OUT = {
    *("save savez savez_compressed savetxt load loadtxt fromfile genfromtxt fromregex info show_config".split()),
    *("show_runtime test get_include vectorize frompyfunc nditer frombuffer fromiter array2string".split()),
    *("array_repr array_str".split()),
    *("around round histogram histogram_bin_edges from_dlpack asfortranarray empty_like copyto".split()),
    # They return one of their operands where these are objects, as Python's `and` and `or` do.
    *("logical_and logical_or".split()),
    # They jump at the places at which they are tried.
    *("intersect1d mod remainder greater greater_equal less less_equal".split()),
}


def functions():
    """NumPy's functions by name, and methods of arrays."""
    spaces = {"": np, "linalg.": np.linalg, "fft.": np.fft}
    for prefix, space in spaces.items():
        for name in dir(space):
            f = getattr(space, name)
            if name[0] != "_" and name not in LEFT_OUT and callable(f) and not isinstance(f, type):
                yield prefix + name, f
    for name in METHODS.split():
        yield f".{name}", _method(name)


def _method(name):
    def call(a):
        found = getattr(a, name)
        return found() if callable(found) else found

    return call


def _total(result):
    """A number that depends on every entry of a result."""
    if isinstance(result, tuple | list):
        return sum(_total(part) for part in result)
    z = result * np.cos(np.arange(1, 1 + np.size(result)).reshape(np.shape(result)))
    return np.sum(np.real(z)) + 2 * np.sum(np.imag(z))


def trial(f, call, make):
    """What is wrong with a call; "" if nothing is."""

    def loss(x):
        return _total(call(f, make(x)))

    try:
        expected = float(loss(X.copy()))
        slopes = [(float(loss(X + 1e-6 * e)) - float(loss(X - 1e-6 * e))) / 2e-6 for e in np.eye(3)]
    except Exception:  # NumPy has no such call
        return ""
    if not np.all(np.isfinite([expected, *slopes])):
        return ""
    try:
        value, gradient = cr.value_and_grad(loss)(X)
    except ChainruleError:
        return ""
    except Exception as error:
        told = str(error) + "".join(getattr(error, "__notes__", ()))
        known = "np.stack" in told or "read-only" in told  # the second operand was taken for out=
        return "" if known else f"unclear {type(error).__name__}: {error}"
    if abs(value - expected) > 1e-9 * (1 + abs(expected)):
        return f"value {value}, not {expected}"
    return "" if np.allclose(gradient, slopes, rtol=1e-4, atol=1e-5) else f"gradient {gradient}, not {slopes}"


def sweep(arrays=ARRAYS, calls=CALLS, every=1):
    """What is wrong, by function, call and array, and how many were tried."""
    wrong, count = {}, 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, f in list(functions())[::every]:
            for text, call in calls.items() if name[0] != "." else [("f(a)", lambda f, a: f(a))]:
                for kind, make in arrays.items():
                    count += 1
                    if told := trial(f, call, make):
                        wrong[f"{name}, {text}, {kind}"] = told
    return wrong, count


def main():
    wrong, count = sweep()
    for what, told in wrong.items():
        print(f"{what}: {told}")
    print(f"{count} tried, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
