"""Random programs and random calls over the whole public surface, for as long as one likes.

    python -m tests.fuzz --minutes 10                     # every kind in turn, on 2 processes
    python -m tests.fuzz --minutes 10 --kinds compiled code
    python -m tests.fuzz --kinds calls --only 1234        # one program again

`kinds` says what a kind is: how a program is made, and what must hold of it. `calls` makes single calls of NumPy and
SciPy with operands of every dtype and layout; the programs of several lines are those of `tests.programs`. What fails
is made small and printed as it would stand in a test.
"""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where `programs` stands, under which name the tests import it too
importlib.import_module("chainrule.compile.compiled").STRICT = True  # what would run uncompiled is an error
