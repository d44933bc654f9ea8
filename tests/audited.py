"""Calls every function of the expression language, and prints what any of them asks of the system.

A hook cannot be taken back, so this runs in an interpreter of its own: `python tests/audited.py`. Each function is
called once before the hook listens, since a library may load a part of itself, and then again under the hook.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.expression.language import LIBRARIES, functions_of
from test_coverage import CALLS, X

MODULES = {"cr": "chainrule", "np": "numpy", "special": "scipy.special"}
QUIET = {"sys._getframe", "object.__getattr__", "code.__new__", "function.__new__", "builtins.id", "exec", "compile"}
"""Events that tell of Python itself: `inspect` and decorators make them."""

ARGUMENTS = [
    *([X], [X, X], [X, 1], [X, X, X], [X, X, X, X], [2], [X[0], X[0]], [[X, X]], [1, 2], [(2, 3)], [X > 0]),
    *([X[0], X[0], 1], [2, X[0]], [[2, 3], 4], [X, (2, 2)], [X, 1, 2], [2, 1, 0.5, 0.5], [[X > 0], [X]]),
    *([np.array([3], "u1")], [[[1, 2], [0, 1]], (3, 3)], ["ij->i", X], [X, X > 0], [X, 1.0, 2.0], [1, 1, X]),
]
"""What functions are tried with, until one takes it."""

listening = False
heard: list[str] = []


def listen(event: str, arguments: object) -> None:
    if listening and event not in QUIET:
        heard.append(event)


def a_call(name: str, f: object) -> object:
    """A way to call a function that ends in a value, or None."""
    known = CALLS.get(name)
    tries = [lambda: known(X)] if known else []
    tries += [lambda given=given: f(*given) for given in ARGUMENTS]
    for attempt in tries:
        try:
            attempt()
        except (
            TypeError,
            ValueError,
            IndexError,
            ArithmeticError,
            AttributeError,
            ChainruleError,
            np.linalg.LinAlgError,
        ):
            continue
        return attempt
    return None


def main() -> None:
    global listening
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    sys.addaudithook(listen)
    found: dict[str, list[str]] = {}
    for library in LIBRARIES:
        for name, function in functions_of(library).items():
            attempt = a_call(f"{MODULES.get(library, f'numpy{library[2:]}')}.{name}", function.call)
            heard.clear()
            if attempt is not None:
                listening = True
                attempt()
                listening = False
            found[f"{library}.{name}"] = ["not called"] if attempt is None else sorted(set(heard))
    heard.clear()
    listening = True
    np.savetxt(os.devnull, X)
    listening = False
    json.dump({"functions": found, "savetxt": heard}, sys.stdout)


if __name__ == "__main__":
    main()
