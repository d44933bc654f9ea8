"""`cr.check` calls no right gradient wrong: every block's example, and every function whose closed form is tested.

    python -m tests.sweeps.checks [every]    # some 750 reports, about five minutes

Each is right: other tests hold blocks and functions to mathematics. So a report that says otherwise is a false alarm.
`tests/check/test_no_false_alarms.py` runs a sample.
"""

from __future__ import annotations

import collections
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import chainrule as cr
from chainrule.block import BLOCKS
from chainrule.errors import ChainruleError
from explain.functions import FUNCTIONS
from sweeps.generated_code import of_block


def cases() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Each case: what it is, a function, its arguments."""
    for name, block in BLOCKS.items():
        if block.example is not None:
            yield f"block {name}", *of_block(block), {}
    for name, function in FUNCTIONS.items():
        yield name, function.f, (), function.arguments()


def outcome(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """ "right", "refused: …" by an error of chainrule's own, or "WRONG: …"."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            report = cr.check(f)(*args, **kwargs)
        except ChainruleError as error:
            return f"refused: {error}"
        return "right" if report.ok else f"WRONG: {report}"


def sweep(every: int = 1, start: int = 0) -> tuple[collections.Counter[str], list[str]]:
    """How many were right or refused, and what was called wrong."""
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    for name, f, args, kwargs in itertools.islice(cases(), start, None, every):
        found = outcome(f, args, kwargs)
        counts[found.split(":")[0]] += 1
        if found.startswith("WRONG"):
            wrong.append(f"{name}: {found}")
    return counts, wrong


def main() -> int:
    counts, wrong = sweep(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(*wrong, dict(counts), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
