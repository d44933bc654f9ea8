"""Random programs in native code, as a table of steps however short: `python -m tests.sweeps.tables [how many]`.

300 programs take some 3 minutes.
"""

from __future__ import annotations

import sys

from chainrule.compile import loops
from compile.test_random_programs import in_native_code
from programs import write_program


def main(count: int) -> None:
    loops.LONG_PROGRAM = 0
    failed = 0
    for index in range(count):
        program = write_program(2, index, mixed=index % 3 == 0)
        try:
            in_native_code(program)
        except Exception as error:
            failed += 1
            print(f"program {index}: {type(error).__name__}: {error}\n{program}\n")
    print(f"{count} programs, {failed} failed")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
