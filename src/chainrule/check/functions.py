"""Checks the hand-written `backward` of each `torch.autograd.Function` on its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.argnums import Argnums
from chainrule.array import Array, node_of
from chainrule.check.blame import wrong_rule
from chainrule.check.by_hand import HandWritten
from chainrule.check.call import CheckedCall
from chainrule.check.report import BY_HAND, Report
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import NO_PARAMS, Line, Node

__all__ = ["name_of_function", "report_of", "reports_of", "verdict"]

MANY = 20
"""At most this many different calls are checked."""

Check = Callable[[CheckedCall, HandWritten, Any], Report]


def report_of(call: Any, argnums: Argnums | None, check: Check) -> Report:
    """The report of one call of a Function: its forward pass is recorded, its `backward` is the gradient by hand."""
    from chainrule.pytorch.network import Network

    def forward(*tensors: Any) -> Any:
        return call.forward(*tensors)

    def backward(*given: Any) -> Any:
        told = call.backward(given[: len(given) - len(call.names)], *given[len(given) - len(call.names) :])
        return tuple(g for g, name in zip(told, call.names, strict=False) if name in wanted)

    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in call.names]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    forward.__name__ = call.name
    tensors = call.tensors()
    network = Network(forward, tuple(tensors), {})
    checked = CheckedCall.of_network(network, call.names if argnums is None else argnums)
    results = call.forward(*tensors)
    count = len(results) if isinstance(results, tuple) else 1
    wanted = [argument.name for argument in checked.checked]
    roles = (*("cotangent",) * count, *call.names)
    report = check(checked, HandWritten(backward, checked, checked, roles, None, network), network)
    mapped = _wrong_vmap(call)
    findings = report.findings if mapped is None else (*report.findings, mapped)
    second = _wrong_second_derivative(call) if report.ok else None
    return replace(report, findings=findings, notes=report.notes if second is None else (*report.notes, second))


def reports_of(network: Any, check: Check) -> list[tuple[Report, Line | None]]:
    """The report of each Function that a network has called, once for each kind of call, and its line."""
    found = []
    seen: set[Any] = set()
    for call in network.functions:
        kind = (call.function, tuple(x.shape for x in call.values), repr(call.args))
        if kind in seen or len(seen) >= MANY:
            continue
        seen.add(kind)
        try:
            with asking_others():
                found.append((report_of(call, None, check), call.line))
        except NoAnswer:  # its forward pass cannot be recorded: the whole call is checked as a block
            found.append((Report(f"{call.name}({', '.join(call.names)})", ()), call.line))
    return found


def name_of_function(report: Report) -> str:
    """The name of the Function of a report: the title is its call, Swish(x)."""
    return report.title.partition("(")[0]


def verdict(report: Report) -> str:
    """The verdict: right, WRONG, or not known (if the forward pass cannot be followed)."""
    if any(not c.ok and c.reference != BY_HAND for c in report.comparisons) or not report.comparisons:
        return "not known: its forward pass cannot be followed"
    return "right" if report.ok else "WRONG"


# What else a Function has --------------------------------------------------------------------------------------------


def _wrong_vmap(call: Any) -> str | None:
    """A message if the Function is wrong under vmap; None if it is right or has no vmap."""
    import torch

    function = call.function
    own = function.vmap is not torch.autograd.Function.vmap
    if not own and not function.generate_vmap_rule:
        return None
    tensors = call.tensors()
    several = [torch.stack([t, 1.25 * t, 0.75 * t]) for t in tensors]
    place = _at(function.vmap) if own else ""
    try:
        with asking_others():
            together = torch.func.vmap(call.apply, randomness="same")(*several)
            alone = [call.apply(*(s[i] for s in several)) for i in range(3)]
    except NoAnswer as none:
        return f"vmap of {call.name} fails: {none}.{place}"
    parts = together if isinstance(together, tuple) else (together,)
    for n, part in enumerate(parts):
        right = torch.stack([z[n] if isinstance(z, tuple) else z for z in alone])
        if part.shape != right.shape or not torch.allclose(part, right, rtol=1e-4, atol=1e-6, equal_nan=True):
            return f"vmap of {call.name} does not give what its calls one by one give.{place}"
    return None


def _wrong_second_derivative(call: Any) -> str | None:
    """A remark if a gradient of the gradient would be wrong; None if it is right or an error."""
    operands = [Array(Node(None, (), NO_PARAMS, x, name=name)) for x, name in zip(call.values, call.names, strict=True)]
    block = call.block()
    try:
        with asking_others():
            z = block(*operands)
            zs = list(z) if isinstance(z, tuple) else [z]
            rng = np.random.default_rng(5)
            seeds = [Array(Node(None, (), NO_PARAMS, rng.standard_normal(x.shape).astype(x.dtype))) for x in zs]
            rule = call.backward_block(len(seeds))
            made = rule(*operands, *seeds)
            made = made[0] if isinstance(made, tuple) else made
            node = node_of(made)
            while node.block is not rule:
                node = node.inputs[0]
            blame = wrong_rule([node], {node_of(x) for x in (*operands, *seeds)})
    except NoAnswer:
        return None
    if blame is None or "fails" in blame.reason:
        return None
    return (
        f"Second derivative: that of {call.name} by {blame.operand} is wrong: `backward` uses what was computed in "
        "`forward` as a constant. Save inputs and results only, or mark it with @once_differentiable."
    )


def _at(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return "" if code is None else f"\n  at {Line(code.co_filename, code.co_firstlineno)}"
