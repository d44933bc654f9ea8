"""Names of results: the variable to which the user's line assigns a step, read from the bytecode."""

from __future__ import annotations

import dis
import functools
import itertools
import types
from collections.abc import Sequence

from chainrule.node import Node, user_frame

__all__ = ["name_assigned"]


def name_assigned(nodes: Sequence[Node]) -> None:
    """Name the steps, oldest first, that the user directly assigns to a variable: for `z = W @ x`, z.

    A line such as `y = np.var(x)` may record several steps, of which y is the last. Steps without a line in the
    function, such as those of its backward pass, have the place of the call of the compiled function.
    """
    frame = user_frame()
    place = (frame.f_code, frame.f_lasti)
    for node, after in itertools.zip_longest(nodes, nodes[1:]):
        here = (node.code, node.lasti)
        is_last = after is None or (after.code, after.lasti) != here
        if is_last and node.name is None and node.code is not None and here != place:
            node.name = _stored(node.code).get(node.lasti)


@functools.lru_cache(maxsize=1000)
def _stored(code: types.CodeType) -> dict[int, str]:
    """For each instruction whose result is directly stored in a variable, its name, keyed by the offset."""
    found = {}
    before = 0
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"):
            found[before] = instruction.argval
        elif instruction.opname == "STORE_FAST_LOAD_FAST":  # Python 3.13: the two in one, on one line
            found[before] = instruction.argval[0]
        before = instruction.offset
    return found
