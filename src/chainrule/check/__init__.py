"""check: compare a gradient with PyTorch, JAX and finite differences, and name the block that is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.argnums import Argnums, chosen_arguments, needs_function
from chainrule.array import value_of
from chainrule.block import Block
from chainrule.check.blame import roughness, users, wrong_rule, wrong_value
from chainrule.check.by_hand import (
    Case,
    HandWritten,
    NamedValues,
    Truth,
    gradients_in,
    mistakes_in_values,
    mistakes_of,
    must_have_some,
    others_in,
)
from chainrule.check.call import CheckedCall
from chainrule.check.compare import DIFFERENCES, compare_arrays, compare_gradients, compare_values
from chainrule.check.custom_rules import as_numpy, custom_rule
from chainrule.check.functions import report_of, reports_of, verdict
from chainrule.check.libraries import LIBRARIES, Unavailable
from chainrule.check.parts import random_like
from chainrule.check.problem import Problem, precision
from chainrule.check.report import Blame, Comparison, Mistake, Report, listed
from chainrule.errors import GradientError, NoAnswer, NoDerivative, asking_others
from chainrule.escape import printable
from chainrule.graph import Graph, graph_between
from chainrule.inputs import with_numpys_arrays
from chainrule.layout import copied_as_it_lies, laid_out_as
from chainrule.libraries import as_numpy_number, is_complex, is_inexact
from chainrule.node import Node, at_line
from chainrule.pytorch import function_call, network_of
from chainrule.recording import record_call
from chainrule.transforms import derived_from, stop_gradient
from chainrule.trees import flatten

__all__ = ["Blame", "Comparison", "Mistake", "Report", "check"]


def check(
    f: Callable[..., Any], argnums: Argnums | None = None, against: Callable[..., Any] | None = None
) -> Callable[..., Report]:
    """A function of f's arguments that checks f's value and gradients, and returns a `Report`.

    The references are PyTorch and JAX, where they are installed (the recorded graph, run on their arrays under their
    own autodiff, in double precision), and finite differences of f itself on plain NumPy values. An array of up to 200
    entries is differenced entry by entry, a larger one along 10 random directions. Where a gradient is wrong, every
    block's backward rule is checked by itself, from the loss backwards; the first wrong one is named with its line.

    Of complex arrays the real and the imaginary parts are compared: their gradient is ∂L/∂Re x + i ∂L/∂Im x, as in
    PyTorch, and the conjugate of JAX's.

    Parameters
    ----------
    f : a function that returns a scalar, or an array or tree of arrays; or one of PyTorch's tensors, as in `explain`,
        whose own backward pass is a reference too; or a `torch.autograd.Function`, whose `backward` is checked. Those
        that a network uses are checked each on its own: `report.functions`. A result that is not a real scalar is
        reduced to one by fixed random weights. Of a `jax.custom_vjp`, or a primitive of HIPS autograd, the rule is
        checked that its author gave it. A block's rule is also checked for being linear in dz.
    argnums : the position or name of the argument, or a tuple of them; by default all of a floating type. Parameters of
        a PyTorch network have their dotted names.
    against : a gradient written by hand, called as its parameters' names say: `against(*args)`, with the arguments of
        f; `against(dout, cache)` if f returns `out, cache`, or `bwd(res, g)`; `against(dout, *args)`; or a method
        `backward(dout)` beside a method f. Of PyTorch's functions it takes tensors. It returns the gradient of the
        first checked argument, or a tuple with one for each, in the structure of the arguments, or a dict by names, as
        `locals()`. If a gradient is wrong, `report.mistakes` has the first wrong line of it.

    Raises
    ------
    GradientError : no argument is of a floating type, or there is no such argument.

    >>> import numpy as np, chainrule as cr
    >>> report = cr.check(lambda x: np.sum(np.sin(x) ** 2))(np.array([0.5, 1.0]))
    >>> report.ok
    True
    >>> wrong = cr.check(lambda x: x**2, against=lambda x: x)(3.0)
    >>> wrong.findings[0].split(";")[0]
    'The gradient written by hand is wrong for x: it gives 3, chainrule 6'
    """

    needs_function(f, "check")
    chosen_arguments(() if argnums is None else argnums, "check")

    def checked(*args: Any, **kwargs: Any) -> Report:
        if not kwargs and against is None and (rule := custom_rule(f)) is not None:
            args = tuple(as_numpy(x) for x in args)
            if (hand := rule.by_hand(args, argnums)) is not None:
                return _report(hand.call, hand)
            return _report(CheckedCall.of(rule.block(), argnums, args, {}), None)
        if not kwargs and (of_torch := function_call(f, args)) is not None:
            return report_of(of_torch, argnums, _report)
        if (network := network_of(f, args, kwargs)) is not None:
            call, args, kwargs = CheckedCall.of_network(network, argnums), tuple(network.values), {}
        else:
            args, kwargs = with_numpys_arrays(args, kwargs)
            call = CheckedCall.of(f, argnums, args, kwargs)
        written = None if against is None else HandWritten.of(against, call, network, argnums is not None)
        return _report(call if written is None else written.call, written, network)

    return derived_from(checked, f, "check")


WEIGHTS = 8128
"""The seed of the random weights: not 0, with which a user may have drawn the inputs."""

BY_HAND = "by hand"
NETWORK = "autograd"
"""The reference that every network of PyTorch has: its own backward pass, in its own precision."""


def _report(call: CheckedCall, hand: HandWritten | None, network: Any = None) -> Report:
    positions = tuple(enumerate(call.labels))
    call_of_leaves = _titled(call)
    named = NamedValues() if network is None else NamedValues(network.revealed)
    with contextlib.nullcontext() if hand is None else named.watched():
        recording = record_call(call_of_leaves, positions, tuple(call.leaves), {})
    graph = graph_between(recording.inputs, recording.outputs)
    outputs = [_as_numpys(value_of(out)) for out in recording.outputs]
    seeds, weighted = _seeds(outputs, _weights_for(call, hand))
    path = {*recording.path.inputs, *recording.path.between}
    newest_first = recording.path.between[::-1]
    try:
        with asking_others():
            gradients = [np.asarray(value_of(g)) for g in recording.pull(seeds)]
    except NoAnswer as none:
        if isinstance(none.error, NoDerivative):
            raise none.error from None  # there is no gradient, so none that is wrong
        blame = wrong_rule(newest_first, path)
        if blame is None:
            raise none.error from None
        return Report(printable(str(call)), (), blame, (str(blame),))

    stopped = [node for node in graph.nodes if node.block is stop_gradient]
    plain, steady = _run_twice(call)
    f = None if not steady else _with_stops(graph) if stopped else call.run
    labels, rough = call.labels, roughness(graph)
    inputs = [_as_numpys(x) for x in call.leaves]
    problem = Problem(labels, graph, f, inputs, seeds, gradients, rough)
    values = compare_values(problem, outputs, plain if steady else None)
    extra: dict[str, Sequence[Any]] = {}
    if hand is not None:
        told = hand.run(call.leaves, seeds)()
        written = gradients_in(told, call)
        others_told = others_in(told, call)
        extra[BY_HAND] = written
    if network is not None:
        own = network.gradients(seeds)
        extra[NETWORK] = [own[argument.key] for argument in call.checked]
    slopes = compare_gradients(problem, extra)
    if not all(c.ok for c in slopes):  # the gradient may be rounding alone, as that of x × x
        moved = _moved_by_rounding(call_of_leaves, positions, call.leaves, seeds, gradients)
        slopes = compare_gradients(replace(problem, least=10 * moved), extra) if moved else slopes
    own = [c for c in (*values, *slopes) if not c.ok and c.reference != BY_HAND]
    suspects = newest_first if own else users(newest_first)
    blame = wrong_rule(suspects, path)
    if blame is None and any(c.label.startswith("value") for c in own):
        blame = wrong_value(problem)
    findings = [] if blame is None else [str(blame)]
    findings += _findings_by_hand(slopes)
    mistakes: list[Mistake] = []
    remarks: list[str] = []
    if hand is not None and not own:
        first = _case(hand, call, recording, seeds, named)
        arguments_right = all(c.ok for c in slopes)
        proven = arguments_right and any(g is not None for g in written)
        others, wrong, remarks = _compare_others(others_told, first.truth, proven)
        must_have_some(told, written, {c.label: c for c in others})
        findings += _findings_by_hand(others)
        slopes += others
        if not arguments_right:
            mistakes = mistakes_of(first, _other_case(hand, call, seeds, network), call.labels)
        elif wrong:
            mistakes = mistakes_in_values(first, _other_case(hand, call, seeds, network), wrong)
        findings += map(str, mistakes)
    if own and blame is None:
        findings += _other_reasons(call, own)
    functions = [] if network is None or not network.functions else reports_of(network, _report)
    for report, line in functions:
        remarks.append(f"{report.title}: `backward` is {verdict(report)}." + (f"\n  at {line}" if line else ""))
        if verdict(report) == "WRONG":
            findings += [text for text in report.findings if text not in findings]
            mistakes += report.mistakes
    notes = [*remarks, *_notes(problem, slopes, stopped, steady, weighted)]
    return Report(
        printable(str(call)),
        (*values, *slopes),
        blame,
        tuple(findings),
        tuple(notes),
        tuple(mistakes),
        tuple(report for report, _ in functions),
    )


def _as_numpys(x: Any) -> Any:
    return as_numpy_number(x, np.dtype(np.float64))


def _moved_by_rounding(
    f: Callable[..., Any], positions: Any, leaves: Sequence[Any], seeds: Sequence[Any], gradients: Sequence[Any]
) -> float:
    """How much the gradients move when the last digit of each input does: after D. S. Parker, Monte Carlo Arithmetic.

    Where terms cancel this is their rounding error. 0 if they move by more, as at a kink, where slopes jump.
    """
    if not all(isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc" for x in leaves):
        return 0.0
    rng = np.random.default_rng(0)
    moved = 0.0
    for _ in range(3):
        near = [x * (1 + np.finfo(x.dtype).eps * rng.choice([-1, 1], np.shape(x))).astype(x.dtype) for x in leaves]
        near = [laid_out_as(y, x) if isinstance(x, np.ndarray) else y for x, y in zip(leaves, near, strict=True)]
        found = record_call(f, positions, tuple(near), {}).pull(seeds)
        for g, other in zip(gradients, found, strict=True):
            with np.errstate(invalid="ignore"):
                apart = np.abs(g - np.asarray(value_of(other)))
            moved = max(moved, float(np.max(apart, where=np.isfinite(apart), initial=0.0)))
    size = max(float(np.max(np.abs(x), initial=1.0)) for x in [*leaves, *seeds])
    return moved if moved <= 1e3 * max(np.finfo(x.dtype).eps for x in leaves) * size else 0.0


def _titled(call: CheckedCall) -> Callable[..., Any]:
    def run(*leaves: Any) -> Any:
        return call.run(leaves)

    run.__name__ = getattr(call.f, "__name__", "f")
    return run


def _weights_for(call: CheckedCall, hand: HandWritten | None) -> str:
    """How L is made of the results: "random" weights in any case, "ones", or random ones unless it is a real scalar."""
    if isinstance(call.f, Block) or (hand is not None and hand.takes_cotangents):
        return "random"
    return "" if hand is None else "ones"


def _seeds(outputs: Sequence[Any], weights: str, seed: int = 0) -> tuple[list[np.ndarray], str]:
    """A cotangent for each output, and how L is made of the outputs; "" if it is the one output."""
    floating = [z for z in outputs if is_inexact(z)]
    if not floating:
        raise GradientError(
            "the function returns nothing of a floating type, so there is no gradient to check" + at_line()
        )
    several = len(floating) > 1 or np.shape(floating[0]) != () or is_complex(floating[0])
    random = weights == "random" or (several and weights != "ones")
    rng = np.random.default_rng([WEIGHTS, seed])
    seeds = []
    for z in outputs:
        dtype = z.dtype if isinstance(z, np.ndarray | np.generic) and is_inexact(z) else np.float64
        drawn = random_like(rng, z) if random else np.ones(np.shape(z))
        seeds.append(np.asarray(drawn if is_inexact(z) else np.zeros(np.shape(z)), dtype=dtype))
    return seeds, "random weights" if random else "sum" if several else ""


def _plain(x: Any) -> Any:
    """A leaf for a plain run: arrays copied, Python's numbers as NumPy's, as in the recording, so that 1 / 0 is inf."""
    return copied_as_it_lies(x) if isinstance(x, np.ndarray) else np.asarray(x)[()]


def _run_twice(call: CheckedCall) -> tuple[list[Any], bool]:
    """The outputs of f for plain values, and whether a second run returns the same."""
    first, second = (flatten(call.run([_plain(x) for x in call.leaves]))[0] for _ in range(2))
    same = len(first) == len(second) and all(
        not is_inexact(a) or np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True)
    )
    return [value_of(x) for x in first], same


def _with_stops(graph: Graph) -> Callable[..., Any]:
    """The recorded function with the results of `stop_gradient` held fixed, as in its gradient."""

    def f(leaves: Sequence[Any], wide: bool) -> Any:
        stop = lambda node, value: node.value if node.block is stop_gradient else value  # noqa: E731
        return graph.run(np, leaves, np.float64 if wide else None, stop)

    return f


# A gradient written by hand ----------------------------------------------------------------------------------


def _case(hand: HandWritten, call: CheckedCall, recording: Any, seeds: Sequence[Any], named: NamedValues) -> Case:
    """The function written by hand, and what would be right, on the inputs of a recording."""
    tolerance = float(np.sqrt(precision([*call.leaves, *(node.value for node in recording.path.between)])))
    truth = Truth(recording, seeds, call.labels, named, tolerance)
    leaves = [value_of(x) for x in call.leaves]
    return Case(truth, lambda: hand.run(leaves, seeds), lambda told: gradients_in(told, call))


def _other_case(hand: HandWritten, call: CheckedCall, seeds: Sequence[Any], network: Any) -> Case | None:
    """The same on other inputs: each number is changed by up to a quarter; None if f is not defined there."""
    rng = np.random.default_rng(1)
    fixed = [network is not None and network.is_parameter(label) for label in call.labels]  # f reads them itself
    moved = call.with_leaves([x if keep else _moved(x, rng) for x, keep in zip(call.leaves, fixed, strict=True)])
    named = NamedValues() if network is None else NamedValues(network.revealed)
    try:
        with asking_others(), named.watched(), np.errstate(all="ignore"):
            recording = record_call(_titled(moved), tuple(enumerate(call.labels)), tuple(moved.leaves), {})
    except NoAnswer:
        return None
    outputs = [_as_numpys(value_of(out)) for out in recording.outputs]
    if not all(np.all(np.isfinite(z)) for z in outputs if is_inexact(z)):
        return None
    others, _ = _seeds(outputs, _weights_for(call, hand), seed=1)
    if any(a.shape != b.shape for a, b in zip(others, seeds, strict=True)):
        return None
    return _case(hand, moved, recording, others, named)


def _compare_others(
    told: dict[str, Any], truth: Truth, proven: bool
) -> tuple[list[Comparison], list[tuple[str, Node]], list[str]]:
    """Compare what was returned beside the gradients of the arguments: those of values in between, by their names.

    Returns the comparisons, the wrong ones by name and node, and remarks. Where the gradients of the arguments are
    given and right a value may be a part of the gradient that it is named for, or a multiple.
    """
    rows: list[Comparison] = []
    wrong: list[tuple[str, Node]] = []
    remarks: list[str] = []
    for name, value in told.items():
        if (found := truth.of_name(name)) is None:
            continue
        node, meant = found
        right = next((truth.gradients[n] for n in truth.alike(node) if truth.agrees(value, truth.gradients[n])), None)
        if right is None and proven:
            factor = truth.factor(value, truth.gradients[node])
            if factor is not None or any(truth.agrees(value, s) for s in truth.sums_of_parts(node)):
                what = f"{factor:g} times" if factor is not None else "a part of"
                remarks.append(f"{name} is {what} ∂L/∂{meant}.")
                continue
        given = value.reshape(right.shape) if right is not None else value
        right = truth.gradients[node] if right is None else right
        row = compare_arrays(meant, BY_HAND, right, given, truth.tolerance, 0.0)
        rows.append(row)
        if not row.ok:
            wrong.append((name, node))
    return rows, wrong, remarks


def _moved(x: Any, rng: np.random.Generator) -> Any:
    x = np.asarray(x)
    return (x * rng.uniform(0.75, 1.25, x.shape)).astype(x.dtype)[()]


def _findings_by_hand(comparisons: Sequence[Comparison]) -> list[str]:
    findings = []
    for c in comparisons:
        if c.reference != BY_HAND or c.ok:
            continue
        text = f"The gradient written by hand is wrong for {c.label}"
        if c.problem:
            findings.append(f"{text}: it {c.problem}.")
            continue
        place = f" at {c.place}" if c.place else ""
        agree = [
            o.reference for o in comparisons if o.label == c.label and o.reference != BY_HAND and o.ok and o.settled
        ]
        with_ = f"; {listed(agree)} agree{'s' * (len(agree) == 1)} with chainrule" if agree else ""
        findings.append(f"{text}{place}: it gives {c.theirs:.6g}, chainrule {c.ours:.6g}{with_}.")
    return findings


# What else there is to say -----------------------------------------------------------------------------------


def _other_reasons(call: CheckedCall, wrong: Sequence[Comparison]) -> list[str]:
    """Possible reasons for a wrong gradient if every block is right by itself."""
    reasons = [f"The {c.label} by {c.reference} {c.problem}, as recorded." for c in wrong if c.problem]
    reasons.append("No block is to blame: each backward rule is right by itself.")
    if all(c.reference in (DIFFERENCES, "plain NumPy") for c in wrong):
        reasons.append(
            "Only the plain function differs from its recording. It may compute a part outside the recording "
            "(x.value, int(x)), depend on the type of its arguments, or jump near this point (a branch, a rounding)."
        )
    if written := _writes_into(call):
        reasons.append(
            f"The function writes into its argument {', '.join(written)}: pass a copy, and see if it is right then."
        )
    return reasons


def _writes_into(call: CheckedCall) -> list[str]:
    leaves = [copied_as_it_lies(x) if isinstance(x, np.ndarray) else x for x in call.leaves]
    call.run(leaves)
    return [
        label
        for label, now, before in zip(call.labels, leaves, call.leaves, strict=True)
        if isinstance(now, np.ndarray) and not np.array_equal(now, before, equal_nan=True)
    ]


def _notes(
    problem: Problem, comparisons: Sequence[Comparison], stopped: Sequence[Node], steady: bool, weighted: str
) -> list[str]:
    notes = []
    if weighted == "sum":
        notes.append("L is the sum of what is returned.")
    elif weighted:
        part = "real part of the sum" if any(is_complex(dz) for dz in problem.seeds) else "sum"
        notes.append(f"L is the {part} of what is returned, times fixed random weights.")
    for library in LIBRARIES:
        if isinstance(why := problem.answer(library), Unavailable):
            notes.append(f"{library}: {why}.")
    measured = [c for c in comparisons if c.reference == DIFFERENCES]
    if not steady:
        notes.append("differences: not taken, because the function is not deterministic: two runs gave two results.")
    elif steps := [c.step for c in measured if c.step]:
        what = "random directions" if any(c.place == "direction" for c in measured) else "entry by entry"
        low, high = min(steps), max(steps)
        width = f"{low:.1e}" if low == high else f"{low:.1e} to {high:.1e}"
        notes.append(f"differences: central, extrapolated, {what}, most stable at step {width}.")
    for node in stopped:
        line = f"\n  at {node.line}" if node.line else ""
        notes.append(f"stop_gradient: its value is held fixed here; differences of the whole function differ.{line}")
    for label, gradient in zip(problem.labels, problem.gradients, strict=True):
        if lost := int(np.sum(~np.isfinite(gradient))):
            notes.append(f"{lost} of ∂L/∂{label} {'is' if lost == 1 else 'are'} not finite.")
        mine = [c for c in comparisons if c.label == label]
        for c in mine:
            if c.lost:
                notes.append(f"∂L/∂{label}: {c.reference} gives NaN for {c.lost}; the function's own slopes are right.")
        if kinks := max((c.kinks - c.lost for c in mine), default=0):
            names = listed([c.reference for c in mine if c.kinks > c.lost])
            notes.append(
                f"∂L/∂{label}: {kinks} at a kink, where any number between the slopes on both sides is right ({names})."
            )
        if unsettled := max((c.unsettled for c in mine), default=0):
            notes.append(f"∂L/∂{label}: {unsettled} not compared: the function has no stable differences there.")
    return notes
