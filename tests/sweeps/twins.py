"""Do all calls of the twins of SciPy's functions give SciPy's value, and the right derivatives?

    python -m tests.sweeps.twins [words]

Words choose the calls whose names contain one of them. The whole takes about ten minutes.
"""

from __future__ import annotations

import sys
import warnings

from tests.twins import (
    CALLS,
    check_call,
    check_compiled,
    check_explained,
    check_overwritten,
    check_second_derivatives,
)

from chainrule.errors import NoAnswer, asking_others


def main() -> int:
    warnings.simplefilter("ignore")
    words = sys.argv[1:]
    names = [name for name in CALLS if not words or any(word in name for word in words)]
    failed = 0
    for name in names:
        call = CALLS[name]
        for check in (check_call, check_second_derivatives, check_overwritten, check_compiled, check_explained):
            if check is check_second_derivatives and not call.second:
                continue
            try:
                with asking_others():
                    check(call)
            except NoAnswer as error:
                failed += 1
                print(f"{name}: {check.__name__}: {error.__cause__ or error}")
    print(f"{len(names)} calls, {failed} failures")
    return failed


if __name__ == "__main__":
    sys.exit(main())
