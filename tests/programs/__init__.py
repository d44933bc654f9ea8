"""Random NumPy programs, compared between NumPy, chainrule, PyTorch and JAX.

    python -m tests.programs --count 100000 --seed 0 --jobs 2

The order to read: `program` (what a program is), `writer` (writing one), `lines_of_…` (the ways to write a line),
`libraries` and `jaxprs` (running it elsewhere), `compare` (what must hold), `shrink` (a failure made small).
"""

from . import lines_of_algebra, lines_of_axes, lines_of_entries, lines_of_memory  # noqa: F401  (they add their rules)
from .program import Program, Step, program
from .writer import write_program

__all__ = ["Program", "Step", "program", "write_program"]
