"""Guards against overflow that would give a gradient of 0: on the operands of log, sqrt, norms and similar blocks.

The derivative of log is 0 where its operand is infinite. If that operand has overflowed, the gradient is unknown;
uncompiled code returns NaN (`backward.py`), but compiled code would compute 0. So each run checks whether such a value
is infinite, and if so the function runs uncompiled. Some values need no guard: bounded values, values that no result
depends on, and values whose slope is infinite too (0 times the slope is NaN), if no product masks it. If `simplify` has
found a form in which such a value does not occur, its factors may occur; then all divisors and masked slopes are
guarded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from chainrule.block.bounds import of_operand
from chainrule.blocks.reductions import any_
from chainrule.blocks.step_functions import isinf
from chainrule.compile.bounds import grows, grows_alone, lowest, may_be_infinite
from chainrule.compile.making import Maker
from chainrule.compile.operations import COMPUTED
from chainrule.compile.product_rules import reduced
from chainrule.compile.schedule import needed
from chainrule.compile.signatures import OVERFLOW
from chainrule.compile.values import VIEWS, Value
from chainrule.graph import Graph
from chainrule.node import Node
from chainrule.simplify.structure import range_of

__all__ = ["guard_overflow"]


def guard_overflow(low: Any, recorded: Graph, graph: Graph, outputs: Sequence[Value]) -> None:
    """Guard the values that must be finite in a graph that was recorded, simplified and lowered to these outputs."""
    before, nodes = map(_must_be_finite, (recorded, graph))
    if not before:
        return
    in_order = needed(outputs)
    used, masked = set(in_order), _masked_slopes(in_order)
    asked = {_computed(low.value(node)) for node in nodes}
    if len(asked & used) < len(before):
        asked.update(_computed(v.args[-1]) for v in used if v.op in ("divide", "reciprocal"))
        asked.update(map(_computed, masked))
    for x in sorted(used.intersection(asked), key=attrgetter("order")):
        is_made = x.op not in ("input", "constant") and x.dtype.kind in "fc"
        if is_made and may_be_infinite(x) and (masked or not grows_alone(x)):
            low.guard(_any_infinite(low, x), OVERFLOW, False)


def _masked_slopes(used: Sequence[Value]) -> list[Value]:
    """The slopes that grow, as exp, and that a product masks: 0 · slope is 0, even where the 0 is an underflow."""
    growing: set[Value] = set()
    for v in used:
        if grows(v) or not growing.isdisjoint(v.args):
            growing.add(v)
    return [v.args[1] for v in used if v.op == "product_or_zero" and v.args[1] in growing]


def _must_be_finite(graph: Graph) -> list[Node]:
    """The nodes that must be finite but may be infinite, without those that only rearrange entries of others."""
    nodes = [node for node in graph.nodes if node.must_be_finite and node.block.bounds is not of_operand]
    return [node for node in nodes if range_of(node).is_infinite]


def _computed(x: Value) -> Value:
    """The computed value of which x is a view or a reshape."""
    while x.op in VIEWS or x.op == "reshape":
        (x,) = x.args
    return x


def _any_infinite(low: Maker, x: Value) -> Value:
    if x.dtype in COMPUTED and 0 not in x.shape:
        negative = lowest(x) < 0
        infinity = low.constant(x.dtype.type(math.inf))
        infinite = low.make(*(("isinf", [x]) if negative else ("equal", [x, infinity])), x.shape, bool)
        return reduced(low, "any", infinite, tuple(range(len(x.shape))), ()) if x.shape else infinite
    infinite = low.make("call", [x], x.shape, bool, block=isinf, block_params={}, text=isinf.name)
    return low.make("call", [infinite], (), bool, block=any_, block_params=any_.defaults, text=any_.name)
