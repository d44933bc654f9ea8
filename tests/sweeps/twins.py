"""Do all calls of the twins of SciPy's functions give SciPy's value, and the right derivatives?

    python -m tests.sweeps.twins [words]

Words choose the calls whose names contain one of them, and the checks of that name. The whole takes about 20 minutes.
"""

from __future__ import annotations

import sys
import warnings

from tests.twins import (
    CALLS,
    check_call,
    check_compiled,
    check_compiled_elsewhere,
    check_explained,
    check_overwritten,
    check_second_derivatives,
)

from chainrule.errors import NoAnswer, asking_others

CHECKS = (
    check_call,
    check_second_derivatives,
    check_overwritten,
    check_compiled,
    check_compiled_elsewhere,
    check_explained,
)


def main() -> int:
    warnings.simplefilter("ignore")
    checks = [check for check in CHECKS if check.__name__ in sys.argv] or CHECKS
    words = [word for word in sys.argv[1:] if not word.startswith("check_")]
    names = [name for name in CALLS if not words or any(word in name for word in words)]
    failed = 0
    for name in names:
        call = CALLS[name]
        for check in checks:
            if check is check_second_derivatives and not call.second:
                continue
            if check is check_compiled_elsewhere and not call.compiles:
                continue
            try:
                with asking_others():
                    check(call)
            except NoAnswer as error:
                failed += 1
                print(f"{name}: {check.__name__}: {error.__cause__ or error}", flush=True)
    print(f"{len(names)} calls, {failed} failures")
    return failed


if __name__ == "__main__":
    sys.exit(main())
