"""The process that computes for the playground: a request a line on its standard input, an answer a line on its output.

Its memory is bounded, it writes no file, and its parent ends it when it takes too long.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from chainrule.play.answers import answer

__all__ = ["main"]


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
    sys.stdout, sys.stdin = (
        io.StringIO(),
        io.StringIO(),
    )  # anything that user code prints must not be taken for an answer
    answer(
        {"do": "explain", "text": "L = sum(tanh(W @ x))", "given": {}, "offered": {}}
    )  # imports all that the first answer needs
    bound_memory(int(sys.argv[1]))
    _write(answers, {"ready": True})
    for line in requests:
        _write(answers, _answered(answer, json.loads(line)))


def _answered(f: Callable[[Any], dict[str, Any]], request: Any) -> dict[str, Any]:
    """The answer of f, or an error if memory or recursion depth did not suffice."""
    try:
        return f(request)
    except MemoryError:
        return {"error": "there is not enough memory for this"}
    except RecursionError:
        return {"error": "a formula is nested too deep to be written; give parts of it names: a = …"}


def _write(file: Any, x: dict[str, Any]) -> None:
    file.write(json.dumps(x, allow_nan=False, separators=(",", ":")) + "\n")
    file.flush()


def bound_memory(megabytes: int) -> None:
    """Bound the memory of this process, and let it write no file, where the system can (Windows cannot)."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_AS, megabytes << 20), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        _, hard = resource.getrlimit(what)
        if hard == resource.RLIM_INFINITY or most < hard:
            try:
                resource.setrlimit(what, (most, most))
            except (ValueError, OSError):  # macOS refuses some of these; time stays bounded
                continue


if __name__ == "__main__":
    main()
